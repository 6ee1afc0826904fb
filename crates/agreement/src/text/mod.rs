//! The agreement as a text that people read and sign by, in Dutch and in English, at language level B1.
//!
//! Both texts are made from the document alone, by one template per language under `templates/`, and show every value
//! that the document holds. They are Markdown that also reads as plain text.

mod in_words;
mod markdown;

use askama::{Template, filters::Escaper as _};
use verbond_domain::ParticipantId;

pub(crate) use markdown::Markdown;
pub use markdown::visible;

// What the templates name.
use crate::{
    AdviceOutcome, Agreement, AgreementKind, AlgorithmUse, AllowedValues, Article, AssessmentKind,
    AssessmentOutcome, AssuranceLevel, Clause, Compatibility, Constant, Day, Derivation, DocumentError,
    EffectOnPeople, Element, IdentifierKind, Informing, LawfulnessLimb, LifeCycle, Line, Method, Moment,
    Operation, Operator, ParameterPlace, Party, PartyRole, Period, PersonPlace, Publicity, Regime,
    RetentionPeriod, Sensitivity, Side, SignatureMark, SourceType, TransferInstrument, WeekDay,
};

/// A language in which the text can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Dutch.
    Dutch,
    /// English.
    English,
}

/// What a party answers for in a clause.
struct SideText<'a> {
    participant: &'a ParticipantId,
    name: &'a str,
    receives: bool,
    side: &'a Side,
}

macro_rules! text {
    ($name:ident, $language:expr, $path:literal) => {
        #[derive(Template)]
        #[template(path = $path)]
        struct $name<'a> {
            agreement: &'a Agreement,
            hash: String,
        }

        impl<'a> $name<'a> {
            fn name(&self, participant: &ParticipantId) -> &'a str {
                name(self.agreement, participant)
            }

            fn article(&self, article: &Article) -> String {
                format!(
                    "{}, art. {} ({}, {} {})",
                    article.name,
                    article.article,
                    article.law.as_str(),
                    match $language {
                        Language::Dutch => "zoals die luidt op",
                        Language::English => "as it reads on",
                    },
                    self.day(&article.version),
                )
            }

            fn day(&self, day: &Day) -> String {
                $language.day(*day)
            }

            fn moment(&self, moment: &Moment) -> String {
                $language.moment(*moment)
            }

            fn country(&self, code: &str) -> String {
                $language.country(code)
            }

            fn form(&self, content_type: &Line) -> String {
                $language.form(content_type.as_str())
            }

            fn does(&self, method: &Method) -> &'static str {
                $language.method(*method)
            }

            /// What is delivered under a clause, by what each element means, each meaning once.
            fn given(&self, clause: &'a Clause) -> Vec<&'a Line> {
                meanings(clause.operations.iter().flat_map(|operation| &operation.delivered))
            }

            /// What whoever asks tells the source, likewise.
            fn told(&self, clause: &'a Clause) -> Vec<&'a Line> {
                meanings(clause.operations.iter().flat_map(Operation::asked))
            }

            /// Whether a side is the provider's, or this receiver's.
            fn is_between(&self, side: &SideText<'_>, receiver: &ParticipantId) -> bool {
                !side.receives || side.participant == receiver
            }

            fn gives_whole(&self, clause: &Clause) -> bool {
                clause.operations.iter().any(|operation| operation.whole_document.is_some())
            }

            fn clock(&self, minute: &u16) -> String {
                format!("{:02}:{:02}", minute / 60, minute % 60)
            }

            fn one_line(&self, text: &crate::Prose) -> String {
                text.as_str().replace('\n', " ")
            }

            fn without_signatory(&self) -> impl Iterator<Item = &'a Party> {
                let agreement = self.agreement;
                let signs = |party: &Party| {
                    agreement.signatories.iter().any(|one| one.participant == party.participant)
                };
                agreement.parties.iter().filter(move |party| !signs(party))
            }

            fn provides(&self, party: &Party) -> bool {
                self.agreement.clauses.iter().any(|one| one.service.provider == party.participant)
            }

            fn is_personal(&self) -> bool {
                is_personal(self.agreement)
            }

            fn sides(&self, clause: &'a Clause) -> Vec<SideText<'a>> {
                sides(self.agreement, clause)
            }
        }
    };
}

text!(Dutch, Language::Dutch, "agreement.nl.md");
text!(English, Language::English, "agreement.en.md");

fn meanings<'a>(elements: impl Iterator<Item = &'a Element>) -> Vec<&'a Line> {
    let mut meanings: Vec<&Line> = Vec::new();
    for element in elements {
        if !meanings.contains(&&element.meaning) {
            meanings.push(&element.meaning);
        }
    }
    meanings
}

fn name<'a>(agreement: &'a Agreement, participant: &ParticipantId) -> &'a str {
    agreement.party(participant).map_or("?", |party| party.name.as_str())
}

/// Whether anything in it is about people.
fn is_personal(agreement: &Agreement) -> bool {
    agreement.clauses.iter().flat_map(|clause| &clause.operations).any(|operation| {
        !operation.people.is_empty()
            || operation.exchanged().any(|element| element.sensitivity.is_personal())
            || operation.whole_document.as_ref().is_some_and(|whole| whole.sensitivity.is_personal())
    })
}

fn sides<'a>(agreement: &'a Agreement, clause: &'a Clause) -> Vec<SideText<'a>> {
    let provider = &clause.service.provider;
    let provider = SideText {
        participant: provider,
        name: name(agreement, provider),
        receives: false,
        side: &clause.provider,
    };
    let receivers = clause.receivers.iter().map(|receiver| SideText {
        participant: &receiver.participant,
        name: name(agreement, &receiver.participant),
        receives: true,
        side: &receiver.side,
    });
    std::iter::once(provider).chain(receivers).collect()
}

/// What is added to the text while a party is bound on the wire: who that is, and that nobody of it is known to have signed.
/// Empty otherwise.
pub fn bound_on_the_wire(agreement: &Agreement, life: &LifeCycle, language: Language) -> String {
    let on_the_wire = |mark: SignatureMark| mark == SignatureMark::AcceptedOnTheWire;
    let bound = life.signatures().iter().filter(|(_, signature)| on_the_wire(signature.mark));
    bound.fold(String::new(), |mut text, (participant, _)| {
        let mut name_of_party = String::new();
        // Writing to a string does not fail.
        let _ = Markdown.write_escaped_str(&mut name_of_party, name(agreement, participant));
        text.push_str(&match language {
            Language::Dutch => format!(
                "\n**{name_of_party}: aanvaard op de lijn.** Van deze partij is niet bekend dat een persoon heeft getekend.\n"
            ),
            Language::English => format!(
                "\n**{name_of_party}: accepted on the wire.** Nobody of this party is known to have signed.\n"
            ),
        });
        text
    })
}

/// The agreement as a text.
///
/// # Errors
/// When the document cannot be written, which no agreement that was parsed brings about.
pub fn text(agreement: &Agreement, language: Language) -> Result<String, DocumentError> {
    let hash = agreement.hash()?.to_string();
    let text = match language {
        Language::Dutch => Dutch { agreement, hash }.render(),
        Language::English => English { agreement, hash }.render(),
    };
    let text = text.map_err(|error| DocumentError::Form(error.to_string()))?;
    Ok(markdown::tidy(&text))
}

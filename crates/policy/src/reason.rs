//! Why a request is refused: a closed list of codes, each with its sentences.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use verbond_domain::{Bilingual, Problem};

macro_rules! reasons {
    ($($(#[$documentation:meta])* $name:ident, $code:literal, $status:literal,
        $nl:literal, $en:literal, $next_nl:literal, $next_en:literal;)*) => {
        /// The code of a reason. Codes are stable: they stand in records.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ReasonCode {
            $($(#[$documentation])* #[serde(rename = $code)] $name,)*
        }

        impl ReasonCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as it stands in records and answers.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The status of the HTTP answer.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            const fn sentences(self) -> [&'static str; 4] {
                match self { $(Self::$name => [$nl, $en, $next_nl, $next_en],)* }
            }
        }
    };
}

reasons! {
    /// No agreement between these participants on this service is known here.
    AgreementMissing, "AGREEMENT_MISSING", 403,
        "Er is geen gegevensafspraak tussen deze deelnemers over deze gegevensdienst.",
        "There is no agreement between these participants on this data service.",
        "Maak een gegevensafspraak en laat alle partijen die tekenen.",
        "Draft an agreement and have all parties sign it.";
    /// Not all parties have signed.
    AgreementUnsigned, "AGREEMENT_UNSIGNED", 403,
        "De gegevensafspraak is niet door alle partijen getekend.",
        "The agreement has not been signed by all parties.",
        "Wacht op de handtekeningen die nog ontbreken.",
        "Wait for the signatures that are missing.";
    /// Its term has not begun.
    AgreementNotBegun, "AGREEMENT_NOT_BEGUN", 403,
        "De gegevensafspraak is nog niet ingegaan.",
        "The term of the agreement has not begun.",
        "Vraag het opnieuw als de afspraak is ingegaan.",
        "Ask again when the agreement has begun.";
    /// A party holds it up.
    AgreementSuspended, "AGREEMENT_SUSPENDED", 403,
        "Een partij heeft de gegevensafspraak opgeschort.",
        "A party has suspended the agreement.",
        "Neem contact op met de partij die de afspraak opschortte.",
        "Turn to the party that suspended the agreement.";
    /// Expired, revoked, replaced, refused or withdrawn.
    AgreementEnded, "AGREEMENT_ENDED", 403,
        "De gegevensafspraak geldt niet meer.",
        "The agreement is no longer in force.",
        "Maak een nieuwe versie van de afspraak als de gegevens nog nodig zijn.",
        "Draft a new version of the agreement if the data is still needed.";
    /// The clause ended before its agreement.
    ClauseEnded, "CLAUSE_ENDED", 403,
        "Deze bepaling van de gegevensafspraak geldt niet meer.",
        "This clause of the agreement has ended.",
        "Maak een nieuwe versie van de afspraak als de gegevens nog nodig zijn.",
        "Draft a new version of the agreement if the data is still needed.";
    /// No operation of the agreement has this method and path.
    OperationNotAgreed, "OPERATION_NOT_AGREED", 403,
        "Deze bewerking is niet afgesproken.",
        "This operation has not been agreed.",
        "Vergelijk methode en pad met de afspraak, of stel een wijziging van de afspraak voor.",
        "Compare method and path with the agreement, or propose an amendment.";
    /// A parameter that is not agreed, is repeated, cannot be read, or has another value than is agreed.
    ParameterNotAgreed, "PARAMETER_NOT_AGREED", 403,
        "Een parameter of de waarde daarvan is niet afgesproken.",
        "A parameter or its value has not been agreed.",
        "Vergelijk de parameter met de afspraak, of stel een wijziging van de afspraak voor.",
        "Compare the parameter with the agreement, or propose an amendment.";
    /// A parameter without which the operation is not agreed.
    ParameterMissing, "PARAMETER_MISSING", 403,
        "Een verplichte parameter ontbreekt.",
        "A required parameter is missing.",
        "Geef de parameter mee.",
        "Send the parameter.";
    /// An element is asked for that is not delivered.
    ElementNotAgreed, "ELEMENT_NOT_AGREED", 403,
        "Er is een gegevenselement gevraagd dat niet is afgesproken.",
        "An element was asked for that has not been agreed.",
        "Vraag alleen afgesproken elementen, of stel een wijziging van de afspraak voor.",
        "Ask for agreed elements only, or propose an amendment.";
    /// Asked for another purpose.
    PurposeNotAgreed, "PURPOSE_NOT_AGREED", 403,
        "De gegevens zijn niet voor dit doel afgesproken.",
        "The data has not been agreed for this purpose.",
        "Gebruik de gegevens niet voor dit doel. Is er een grondslag voor, maak dan een eigen afspraak.",
        "Do not use the data for this purpose. If there is a ground for it, draft an agreement of its own.";
    /// Asked for another activity than the receiver's side names.
    ActivityNotAgreed, "ACTIVITY_NOT_AGREED", 403,
        "De gegevens zijn niet voor deze verwerkingsactiviteit afgesproken.",
        "The data has not been agreed for this processing activity.",
        "Noem de activiteit die in de afspraak staat, of stel een wijziging van de afspraak voor.",
        "Name the activity that the agreement names, or propose an amendment.";
    /// Asked on behalf of somebody whom the agreement does not name.
    MandateNotAgreed, "MANDATE_NOT_AGREED", 403,
        "Vragen namens een ander is niet afgesproken.",
        "Asking on behalf of another has not been agreed.",
        "Laat de ander zelf partij worden bij de afspraak.",
        "Have the other become a party to the agreement.";
    /// An algorithm uses what is delivered, and the clause does not name it.
    AlgorithmNotAgreed, "ALGORITHM_NOT_AGREED", 403,
        "Gebruik door dit algoritme is niet afgesproken.",
        "Use by this algorithm has not been agreed.",
        "Noem het algoritme, zijn registratie en zijn toets in een nieuwe versie van de afspraak.",
        "Name the algorithm, its register entry and its assessment in a new version of the agreement.";
    /// The clause's algorithm has no assessment that holds.
    AlgorithmNotAssessed, "ALGORITHM_NOT_ASSESSED", 403,
        "Een algoritme uit de afspraak heeft geen geldige toets.",
        "An algorithm of the agreement has no valid assessment.",
        "Toets het algoritme opnieuw en maak een nieuwe versie van de afspraak.",
        "Assess the algorithm again and draft a new version of the agreement.";
    /// The clause asks for a level of assurance, and the request claims a lower one or none.
    AssuranceTooLow, "ASSURANCE_TOO_LOW", 403,
        "De afspraak vraagt een hoger betrouwbaarheidsniveau dan deze vraag verklaart.",
        "The agreement asks for a higher level of assurance than this request claims.",
        "Laat wie vraagt zich op dat niveau aanmelden en stuur `Verbond-Assurance-Level: low`, `substantial` of `high` mee.",
        "Have whoever asks log in at that level, and send `Verbond-Assurance-Level: low`, `substantial` or `high`.";
    /// The clause asks for a human step, and the request does not claim that a person takes it.
    HumanStepNotStated, "HUMAN_STEP_NOT_STATED", 403,
        "De afspraak vraagt dat een mens deze vraag behandelt, en de vraag verklaart dat niet.",
        "The agreement asks that a person handles this request, and the request does not claim so.",
        "Laat een mens de vraag behandelen en stuur `Verbond-Human-In-The-Loop` mee met een UUID waarmee u die terugvindt, nooit een naam of nummer.",
        "Have a person handle the request, and send `Verbond-Human-In-The-Loop` with a UUID by which you find them back, never a name or number.";
    /// Outside the agreed days or hours.
    OutsideTimeWindow, "OUTSIDE_TIME_WINDOW", 403,
        "Op dit tijdstip mag er volgens de afspraak niet worden gevraagd.",
        "The agreement does not permit asking at this time.",
        "Vraag het opnieuw binnen de afgesproken dagen en uren.",
        "Ask again within the agreed days and hours.";
    /// No place is left in the agreed volume.
    VolumeExhausted, "VOLUME_EXHAUSTED", 429,
        "Het afgesproken aantal uitwisselingen is bereikt.",
        "The agreed number of exchanges has been reached.",
        "Wacht tot de volgende periode, of stel een wijziging van de afspraak voor.",
        "Wait for the next period, or propose an amendment.";
    /// No place is left in what is agreed per person.
    PersonLimitReached, "PERSON_LIMIT_REACHED", 429,
        "Het afgesproken aantal vragen per persoon is bereikt.",
        "The agreed number of questions per person has been reached.",
        "Wacht tot de volgende periode.",
        "Wait for the next period.";
    /// Personal data, or a number of a person, without a ground at one of the parties.
    GroundMissing, "GROUND_MISSING", 403,
        "Een partij heeft geen grondslag voor deze gegevens, dit nummer of dit doel.",
        "A party has no ground for this data, this number or this purpose.",
        "Leg de grondslag vast en maak een nieuwe versie van de afspraak.",
        "Record the ground and draft a new version of the agreement.";
    /// The judgement that there is a ground held until a day that is past.
    GroundEnded, "GROUND_ENDED", 403,
        "De geldigheid van een grondslag is voorbij.",
        "A ground has ceased to be valid.",
        "Laat de grondslag opnieuw beoordelen en maak een nieuwe versie van de afspraak.",
        "Have the ground judged again and draft a new version of the agreement.";
    /// Personal data without an activity in a party's register.
    ActivityMissing, "ACTIVITY_MISSING", 403,
        "Een partij heeft geen verwerkingsactiviteit voor deze gegevens.",
        "A party has no processing activity for this data.",
        "Publiceer de verwerkingsactiviteit en maak een nieuwe versie van de afspraak.",
        "Publish the processing activity and draft a new version of the agreement.";
    /// The policy could not be evaluated, so that nothing is permitted.
    DecisionFailed, "DECISION_FAILED", 503,
        "Het besluit kon niet worden genomen; daarom wordt niets verstrekt.",
        "The decision could not be taken; therefore nothing is delivered.",
        "Meld dit bij de beheerder van het knooppunt.",
        "Report this to the operator of the node.";
    /// The organisation's own decision point, which is asked too, denies.
    DecisionPointDenied, "DECISION_POINT_DENIED", 403,
        "Het eigen beslispunt van de organisatie weigert deze uitwisseling.",
        "The organisation's own decision point denies this exchange.",
        "Vraag de organisatie die dit zegt naar het besluit bij dit transactienummer.",
        "Ask the organisation that says this about the decision under this transaction id.";
    /// The organisation's own decision point gave no answer that can be used, so that nothing is permitted.
    DecisionPointUnavailable, "DECISION_POINT_UNAVAILABLE", 503,
        "Het eigen beslispunt van de organisatie gaf geen bruikbaar antwoord; daarom wordt niets verstrekt.",
        "The organisation's own decision point gave no answer that can be used; therefore nothing is delivered.",
        "Probeer het straks opnieuw; de beheerder van dit knooppunt vindt de reden in zijn log, en `verbond doctor` kijkt mee.",
        "Try again later; the operator of this node finds the reason in its log, and `verbond doctor` looks too.";
}

impl ReasonCode {
    /// As a refusal that no clause decided.
    pub(crate) fn problem(self) -> Problem {
        let [nl, en, next_nl, next_en] = self.sentences();
        let problem = Problem::new(self.as_str(), self.status(), nl, en).next(next_nl, next_en);
        match self {
            // As long as an answer is waited for, and some more.
            Self::DecisionPointUnavailable => problem.retry_after(5),
            _ => problem,
        }
    }
}

impl FromStr for ReasonCode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or(())
    }
}

/// One reason, as it stands in a decision and its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Which.
    pub code: ReasonCode,
    /// The parameter concerned: its name, never its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What is the matter, in Dutch.
    pub nl: String,
    /// What is the matter, in English.
    pub en: String,
}

impl Reason {
    /// A reason with its sentences.
    pub fn new(code: ReasonCode) -> Self {
        let [nl, en, _, _] = code.sentences();
        Self { code, parameter: None, nl: nl.to_owned(), en: en.to_owned() }
    }

    /// A reason that concerns a parameter.
    pub(crate) fn of_parameter(code: ReasonCode, name: &str) -> Self {
        let Self { code, nl, en, .. } = Self::new(code);
        let (nl, en) = (format!("{nl} Parameter: {name}."), format!("{en} Parameter: {name}."));
        Self { code, parameter: Some(name.to_owned()), nl, en }
    }

    /// Whether two reasons say the same; sentences may be worded anew.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.code == other.code && self.parameter == other.parameter
    }

    /// As a refusal, naming the clause that decided or saying that there is none.
    pub fn problem(&self, clause: Option<&str>) -> Problem {
        let clause = match clause {
            Some(name) => Bilingual::new(format!("Bepaling: {name}."), format!("Clause: {name}.")),
            None => Bilingual::new("Geen bepaling is van toepassing.", "No clause applies."),
        };
        let (nl, en) = (format!("{} {}", self.nl, clause.nl), format!("{} {}", self.en, clause.en));
        Problem { detail: Bilingual::new(nl, en), ..self.code.problem() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_a_refusal_that_says_what_to_do() {
        for code in ReasonCode::ALL {
            let problem = Reason::new(*code).problem(Some("incomes"));
            assert_eq!(problem.code, code.as_str());
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert_eq!(serde_json::to_value(code).ok(), Some(code.as_str().into()));
            for text in [&problem.detail.nl, &problem.detail.en, &problem.next.nl, &problem.next.en] {
                assert!(text.ends_with('.') && text.len() > 10, "{code:?}: {text}");
            }
            assert_ne!(problem.detail.nl, problem.detail.en);
            assert_ne!(problem.next.nl, problem.next.en);
        }
    }
}

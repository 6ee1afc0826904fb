//! What data protection officers advised on a version: by whose key, over which text, and whether the parties answered.

use std::ops::Range;

use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::{
    agreement::{AgreementVersion, hash_of},
    finding::{Alarm, Findings, at_line},
    merkle::Hash,
    people::Duty,
    section::Section,
    signature::{self, Over},
};

/// Name and version of what an officer's signature covers.
const FORMAT: &str = "verbond-advice/1";
/// The outcome that must be answered.
const AGAINST: &str = "negative";

/// Advice as the document has it.
#[derive(Deserialize)]
pub(crate) struct AdviceText {
    participant: String,
    officer: String,
    given_on: String,
    outcome: String,
    text: String,
    act: Option<ActText>,
    not_followed_because: Option<String>,
}

#[derive(Deserialize)]
struct ActText {
    key: String,
    signature: String,
}

/// What the officer signs; members stand in the order of their names, which is their canonical one (RFC 8785).
#[derive(Serialize)]
struct Given<'a> {
    document: &'a str,
    format: &'static str,
    given_on: &'a str,
    officer: &'a str,
    outcome: &'a str,
    participant: &'a str,
    text: &'a str,
}

/// The advice of one party's officer, judged by itself.
#[derive(Debug)]
pub(crate) struct Advice {
    participant: String,
    /// SHA-256 of the key that signed it over this text, and when (milliseconds); nothing when no signature holds.
    signed: Option<(Hash, i64)>,
    /// It is against, and nobody said why it was not followed.
    is_unanswered: bool,
}

/// Judges the advice in a document.
pub(crate) fn judge(all: Vec<AdviceText>, document: &str) -> Vec<Advice> {
    let text = advised(document);
    let one = |advice: AdviceText| Advice {
        signed: text.as_deref().and_then(|text| signed(&advice, text)),
        is_unanswered: advice.outcome == AGAINST && advice.not_followed_because.is_none(),
        participant: advice.participant,
    };
    all.into_iter().map(one).collect()
}

fn signed(advice: &AdviceText, document: &str) -> Option<(Hash, i64)> {
    let AdviceText { participant, officer, given_on, outcome, text, act, .. } = advice;
    let given = Given { document, format: FORMAT, given_on, officer, outcome, participant, text };
    let ActText { key, signature } = act.as_ref()?;
    let signed = signature::by_person(signature, &serde_json::to_vec(&given).ok()?, key, Over::Advice)?;
    Some((signed.key, signed.at.checked_mul(1000)?))
}

/// Hash of what officers advise on: the document with an empty list in the place of its advice.
fn advised(document: &str) -> Option<String> {
    let Range { start, end } = value_of(document, "advice")?;
    let (before, after) = (document.get(..start)?, document.get(end..)?);
    Some(hash_of(&[before.as_bytes(), b"[]", after.as_bytes()]))
}

/// Where the value of a member of a JSON object stands.
fn value_of(object: &str, name: &str) -> Option<Range<usize>> {
    let mut at = after(object, 0, '{')?;
    loop {
        let (member, length) = first::<String>(object.get(at..)?)?;
        let start = after(object, at.checked_add(length)?, ':')?;
        let (IgnoredAny, length) = first(object.get(start..)?)?;
        let end = start.checked_add(length)?;
        if member == name {
            return Some(start..end);
        }
        at = after(object, end, ',')?;
    }
}

/// The place behind this sign, before which nothing but white space stands.
fn after(text: &str, from: usize, sign: char) -> Option<usize> {
    let rest = text.get(from..)?.trim_start();
    let behind = rest.strip_prefix(sign)?;
    text.len().checked_sub(behind.len())
}

/// The first JSON value of a text, and where it ends.
fn first<'a, T: Deserialize<'a>>(text: &'a str) -> Option<(T, usize)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
    let value = values.next()?.ok()?;
    Some((value, values.byte_offset()))
}

/// Judges the advice in a version.
pub(crate) fn judge_version(version: &AgreementVersion, section: &Section, findings: &mut Findings) {
    let place = at_line(version.line);
    for Advice { participant, signed, is_unanswered } in &version.advice {
        let Some((key, at)) = signed else {
            let nl = format!(
                "Onder het advies van de FG van {participant} staat geen handtekening over deze tekst."
            );
            let en = format!(
                "no signature over this text stands under the advice of the officer of {participant}"
            );
            section.alarm(findings, Alarm::AdviceSignature, place, &nl, &en);
            continue;
        };
        // Of its own people a participant's journal knows the keys.
        let is_known = participant == section.participant() && section.knows_acts();
        if is_known && !section.people.had(key, Duty::Advise, *at) {
            let nl = format!("De sleutel onder het advies voor {participant} was toen van geen FG.");
            let en =
                format!("the key under the advice for {participant} was no data protection officer's then");
            section.alarm(findings, Alarm::OfficerKey, place, &nl, &en);
        }
        if *is_unanswered && version.is_signed_by_somebody() {
            let nl =
                format!("De FG van {participant} adviseerde tegen; er is getekend zonder te zeggen waarom.");
            let en = format!(
                "the officer of {participant} advised against it, and it was signed without saying why"
            );
            section.alarm(findings, Alarm::AdviceUnanswered, place, &nl, &en);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_advice_of_the_document_itself_is_taken_away_and_nothing_else() {
        let hash = |text: &str| Some(hash_of(&[text.as_bytes()]));
        let inner = r#"{"a":{"advice":[1]},"n":1,"advice":[{"advice":"]}"}],"s":"\"advice\":2"}"#;
        assert_eq!(advised(inner), hash(r#"{"a":{"advice":[1]},"n":1,"advice":[],"s":"\"advice\":2"}"#));
        assert_eq!(advised(r#"{"advice":[]}"#), hash(r#"{"advice":[]}"#));
        assert_eq!(advised(r#"{"a":[]}"#), None);
    }

    proptest! {
        #[test]
        fn any_text_has_advice_or_none(text in ".*") {
            let _ = advised(&text);
        }
    }
}

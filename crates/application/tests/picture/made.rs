//! Agreements as a node stores them, made without people: what stands in the database is not verified once more.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use verbond_agreement::{Agreement, Statement, StatementStep};
use verbond_domain::Timestamp;
use verbond_store::agreements::{AgreementRow, StepRow};

const EXAMPLE: &[u8] = include_bytes!("../../../agreement/tests/pensioners.json");
/// The first moment of its term.
pub const BEGIN: Timestamp = Timestamp::from_seconds(1_796_083_200);
/// Seconds.
pub const DAY: i64 = 86_400;

pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A version of one of many agreements between the same two parties, with a term of some days.
pub fn version(number: u64, version: i64, days: i64) -> Outcome<(Agreement, AgreementRow)> {
    let mut document: Value = serde_json::from_slice(EXAMPLE)?;
    let id = format!("01932f5e-7c00-7000-8000-{number:012x}");
    let until = verbond_agreement::Moment::of(BEGIN.plus_seconds(days * DAY)).ok_or("a moment")?;
    for (member, value) in [("id", json!(id)), ("version", json!(version))] {
        *document.get_mut(member).ok_or(member)? = value;
    }
    if version > 1 {
        let before = self::version(number, version - 1, days)?.1.hash;
        document.as_object_mut().ok_or("an object")?.insert("replaces".to_owned(), json!(before));
    }
    *document.pointer_mut("/term/until").ok_or("until")? = serde_json::to_value(until)?;
    let agreement = Agreement::parse(&serde_json::to_vec(&document)?)?;
    let row = AgreementRow {
        hash: agreement.hash()?.to_string(),
        agreement: id,
        version,
        document: String::from_utf8(agreement.canonical()?)?,
        author: r#"{"kind":"operator"}"#.to_owned(),
        term_until: agreement.term.until.timestamp(),
        created_at: BEGIN,
        steps: Vec::new(),
    };
    Ok((agreement, row))
}

/// A step of a party, by its place among the parties.
pub fn step(agreement: &Agreement, party: usize, step: StatementStep) -> Outcome<StepRow> {
    let party = &agreement.parties.get(party).ok_or("a party")?.participant;
    let name = step.name().to_owned();
    let statement = Statement::about(agreement, party, BEGIN, step)?.canonical()?;
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"ES256"}"#);
    let statement = format!("{header}.{}.c2ln", URL_SAFE_NO_PAD.encode(statement));
    let detail = json!({ "statement": statement, "chain": [] }).to_string();
    Ok(StepRow { step: name, participant: party.clone(), detail, at: BEGIN })
}

/// A signature.
pub fn signed() -> Outcome<StatementStep> {
    Ok(serde_json::from_value(json!({
        "step": "signed", "name": "T. Bevoegd", "mandate": "example", "key": "key", "signature": "signature",
    }))?)
}

//! What the tests share: the example agreement, changed where a test says so, and a question under it.

use std::{collections::BTreeSet, error::Error, sync::Arc};

use serde_json::Value;
use verbond_agreement::{Agreement, LifeCycle, PartySignature, SignatureMark};
use verbond_domain::Timestamp;
use verbond_policy::{Call, Candidate, Context, Decision, DecisionRequest, Leases, PolicySnapshot, Subject};

pub type Outcome = Result<(), Box<dyn Error>>;

pub const PENSIONERS: &str = include_str!("../../../agreement/tests/pensioners.json");
/// 2026-12-08T12:00:00Z, a Tuesday within term and window.
pub const NOON: i64 = 1_796_731_200;

/// The example with values at JSON pointers replaced, or added where the last name of a pointer is new.
pub fn changed(changes: &[(&str, Value)]) -> Result<Agreement, Box<dyn Error>> {
    let mut document: Value = serde_json::from_str(PENSIONERS)?;
    for (pointer, value) in changes {
        let (place, name) = pointer.rsplit_once('/').ok_or("a pointer")?;
        match document.pointer_mut(place).ok_or_else(|| format!("nothing at {place}"))? {
            Value::Object(members) if value.is_null() => drop(members.remove(name)),
            Value::Object(members) => drop(members.insert(name.to_owned(), value.clone())),
            Value::Array(items) => *items.get_mut(name.parse::<usize>()?).ok_or("an item")? = value.clone(),
            _ => return Err("no place".into()),
        }
    }
    Ok(Agreement::parse(&serde_json::to_vec(&document)?)?)
}

/// Signed by all its parties, for the term of the document.
pub fn signed(agreement: &Agreement) -> Result<LifeCycle, Box<dyn Error>> {
    signed_between(agreement, agreement.term.from.timestamp(), agreement.term.until.timestamp())
}

/// Signed by all its parties.
pub fn signed_between(
    agreement: &Agreement,
    from: Timestamp,
    until: Timestamp,
) -> Result<LifeCycle, Box<dyn Error>> {
    let parties = agreement.parties.iter().map(|party| party.participant.clone());
    let signature = PartySignature { mark: SignatureMark::Signed, at: Timestamp::from_millis(0) };
    let mut life = LifeCycle::draft(parties, from, until).offer()?;
    for party in &agreement.parties {
        life = life.sign(&party.participant, signature)?;
    }
    Ok(life)
}

pub fn snapshot(agreement: Agreement, life: LifeCycle) -> Result<PolicySnapshot, Box<dyn Error>> {
    let (snapshot, failed) = PolicySnapshot::build([(Arc::new(agreement), life)]);
    match failed.into_iter().next() {
        Some((_, error)) => Err(error.into()),
        None => Ok(snapshot),
    }
}

/// The question that the example permits.
pub fn question() -> Result<DecisionRequest<'static>, Box<dyn Error>> {
    Ok(DecisionRequest {
        subject: Subject {
            participant: "oin:00000099000000020000".parse()?,
            application: Some("outreach".parse()?),
        },
        call: Call { method: "GET", path: "/incomes/P-0042", query: None },
        resource: serde_json::from_str(r#"{"provider":"oin:00000099000000030000","name":"incomes"}"#)?,
        context: Context {
            now: Timestamp::from_seconds(NOON),
            agreement: None,
            purpose: "supplement-outreach".parse()?,
            activity: Some("supplement-outreach".parse()?),
            algorithm: None,
            on_behalf_of: None,
            claims: verbond_policy::Claims::default(),
            elements: BTreeSet::new(),
        },
    })
}

pub const ALL_HELD: Leases = Leases { volume: true, per_person: true };

pub fn held(_: Candidate<'_>) -> Leases {
    ALL_HELD
}

/// The codes of a decision, each with its parameter.
pub fn codes(decision: &Decision) -> Vec<String> {
    let code = |reason: &verbond_policy::Reason| match &reason.parameter {
        Some(parameter) => format!("{} {parameter}", reason.code.as_str()),
        None => reason.code.as_str().to_owned(),
    };
    decision.reasons.iter().map(code).collect()
}

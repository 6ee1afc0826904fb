//! Examples with the registers that stand behind them, and changes to them.

use std::{error::Error, path::PathBuf};

use serde_json::{Value, json};
use verbond_agreement::{
    Agreement, DocumentHash, ProcessingActivity, PublishedActivity,
    check::{
        ActivityReading, AdviceReading, AlgorithmReading, AssessmentReading, CheckContext, Credential,
        Drafter,
    },
};
use verbond_domain::{ParticipantId, Timestamp};

/// What a test returns.
pub type Outcome = Result<(), Box<dyn Error>>;

/// The examples.
pub const EXAMPLES: [&str; 7] =
    ["pensioners", "answers", "open-addresses", "freight", "collaboration", "early-detection", "assistance"];

/// 1 November 2026.
pub const NOW: Timestamp = Timestamp::from_seconds(1_793_491_200);

/// A file beside the tests.
pub fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// An example as JSON.
pub fn document(example: &str) -> Result<Value, Box<dyn Error>> {
    let folder = if example == "pensioners" { "" } else { "examples/" };
    Ok(serde_json::from_slice(&std::fs::read(file(&format!("{folder}{example}.json")))?)?)
}

/// JSON as an agreement.
pub fn parsed(document: &Value) -> Result<Agreement, Box<dyn Error>> {
    Ok(Agreement::parse(&serde_json::to_vec(document)?)?)
}

/// A context in which all that an example rests on has been read by all parties.
pub fn context(example: &str) -> Result<CheckContext, Box<dyn Error>> {
    let agreement = parsed(&document(example)?)?;
    let mut context = CheckContext::new(NOW, agreement.coalition.clone());
    let path = file(&format!("examples/{example}.registers.json"));
    let registers: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    for entry in registers.get("activities").and_then(Value::as_array).into_iter().flatten() {
        let content: ProcessingActivity =
            serde_json::from_value(entry.get("content").cloned().unwrap_or_default())?;
        let owner: ParticipantId = serde_json::from_value(entry.get("party").cloned().unwrap_or_default())?;
        let hash = DocumentHash::of_canonical(&content)?;
        let sides = agreement.clauses.iter().flat_map(|clause| {
            std::iter::once(&clause.provider).chain(clause.receivers.iter().map(|one| &one.side))
        });
        let reference = sides
            .filter_map(|side| side.activity.as_ref())
            .find(|one| one.hash == hash)
            .ok_or_else(|| format!("{example}: {owner} has an activity that is pinned with another hash"))?;
        for party in agreement.parties.iter().filter(|party| party.participant != owner) {
            context.activities.push(ActivityReading {
                url: reference.url.clone(),
                read_by: party.participant.clone(),
                without_credentials: true,
                hash,
                content: PublishedActivity::Whole(Box::new(content.clone())),
            });
        }
    }
    for entry in registers.get("services").and_then(Value::as_array).into_iter().flatten() {
        context.services.push((
            serde_json::from_value(entry.get("party").cloned().unwrap_or_default())?,
            serde_json::from_value(entry.get("content").cloned().unwrap_or_default())?,
        ));
    }
    context.algorithms.extend(agreement.algorithms.iter().map(|one| AlgorithmReading {
        url: one.url.clone(),
        register_id: one.register_id.clone(),
        version: one.version.clone(),
    }));
    context.assessments.extend(agreement.assessments.iter().map(|one| AssessmentReading {
        party: one.party.clone(),
        entry: one.entry.clone(),
        assessment: one.assessment.clone(),
        recorded_by: Some(Credential("the assessor".to_owned())),
        confirmed_by: None,
    }));
    context.drafter =
        Some(Drafter { credential: Credential("the drafter".to_owned()), name: "Opsteller".parse()? });
    for signatory in &agreement.signatories {
        let credential = Credential(format!("the signatory of {}", signatory.participant));
        context.signatories.insert(signatory.participant.clone(), credential);
    }
    context.advice = agreement.advice.iter().map(|one| given(&one.participant)).collect();
    Ok(context)
}

/// That a party's officer has given the advice.
pub fn given(party: &ParticipantId) -> AdviceReading {
    let credential = Credential(format!("the officer of {party}"));
    AdviceReading { party: party.clone(), credential, by_officer: true }
}

/// Puts a value at a JSON pointer: replaces what stands there, adds a member, or appends at `-`.
pub fn set(document: &mut Value, pointer: &str, value: Value) -> Result<(), Box<dyn Error>> {
    let (parent, last) = pointer.rsplit_once('/').ok_or("pointer")?;
    match document.pointer_mut(parent).ok_or_else(|| pointer.to_owned())? {
        Value::Object(members) => {
            members.insert(last.replace("~1", "/").replace("~0", "~"), value);
        }
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => *items.get_mut(last.parse::<usize>()?).ok_or("item")? = value,
        _ => return Err(pointer.into()),
    }
    Ok(())
}

/// Takes away what stands at a JSON pointer.
pub fn remove(document: &mut Value, pointer: &str) -> Result<(), Box<dyn Error>> {
    let (parent, last) = pointer.rsplit_once('/').ok_or("pointer")?;
    match document.pointer_mut(parent).ok_or_else(|| pointer.to_owned())? {
        Value::Object(members) => drop(members.remove(last).ok_or_else(|| pointer.to_owned())?),
        Value::Array(items) => drop(items.remove(last.parse::<usize>()?)),
        _ => return Err(pointer.into()),
    }
    Ok(())
}

/// A provision of law, as JSON.
pub fn article(law: &str, article: &str) -> Value {
    json!({ "law": law, "name": "Voorbeeldwet", "article": article, "version": "2026-01-01" })
}

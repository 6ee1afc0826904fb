//! What of one answer would be delivered under an operation, and what is struck out; and answers that are made up, for who
//! may not see a real one.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use verbond_projection::{ElementPath, Fault, Projection, Projector, Step};

use crate::{
    Constant, Derivation, Element, Operation, SourceType,
    plan::{self, PlanError, Projected},
};

/// Items of a list that is made up.
const ITEMS: usize = 2;

/// What becomes of one answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Preview {
    /// What leaves.
    #[schema(value_type = Object)]
    pub delivered: Value,
    /// Whether all of it leaves, since it cannot be taken apart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole_document: bool,
    /// Where something stood that does not leave, the items of a list taken together.
    pub struck_out: BTreeSet<String>,
    /// Agreed answers that cannot be told: their source is of another type.
    pub untold: Vec<String>,
    /// Agreed elements that did not stand there.
    pub absent: Vec<String>,
}

/// Why there is nothing to see.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreviewError {
    /// The operation's answers cannot be projected at all.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// This one cannot.
    #[error("the sample cannot be projected: {0}")]
    Fault(#[from] Fault),
    /// The receiver's node would let through something else than leaves.
    #[error("the receiver's node would let through something else than leaves")]
    Differs,
}

/// What becomes of an answer under an operation, by the very projections that inway and outway use.
///
/// # Errors
/// [`PreviewError`].
pub fn preview(operation: &Operation, sample: &[u8]) -> Result<Preview, PreviewError> {
    if operation.whole_document.is_some() {
        return Ok(Preview {
            delivered: String::from_utf8_lossy(sample).into(),
            whole_document: true,
            struck_out: BTreeSet::new(),
            untold: Vec::new(),
            absent: Vec::new(),
        });
    }
    let (bytes, projector) = run(plan::projection(operation, &BTreeSet::new(), Projected::Source)?, sample)?;
    // What the receiver's own node lets through of that: the same, or something is wrong here.
    let (arrives, _) = run(plan::projection(operation, &BTreeSet::new(), Projected::Answer)?, &bytes)?;
    if arrives != bytes {
        return Err(PreviewError::Differs);
    }
    let lines = |bytes: &[u8]| -> Vec<Value> {
        serde_json::Deserializer::from_slice(bytes).into_iter().map_while(Result::ok).collect()
    };
    let (before, after) = (lines(sample), lines(&bytes));
    let (left, stood) = (places(&after), places(&before));
    let delivered = match <[Value; 1]>::try_from(after) {
        Ok([one]) => one,
        Err(many) => Value::Array(many),
    };
    let summary = projector.summary();
    let counted = summary.elements.iter().zip(&operation.delivered);
    let (mut untold, mut absent) = (Vec::new(), Vec::new());
    for (count, element) in counted.filter(|(count, _)| count.delivered == 0) {
        let list = if count.untold + count.dropped > 0 { &mut untold } else { &mut absent };
        list.push(element.path.to_string());
    }
    let struck_out = stood.difference(&left).cloned().collect();
    Ok(Preview { delivered, whole_document: false, struck_out, untold, absent })
}

/// An answer that is made up: a value of the right type at each place, the same for everybody, about nobody. `described`:
/// what the source describes besides, where that is known.
pub fn made_up<'element>(
    operation: &'element Operation,
    described: impl IntoIterator<Item = &'element Element>,
) -> Value {
    let mut document = Value::Null;
    for element in operation.delivered.iter().chain(described) {
        let (path, value) = match &element.derived {
            Some(derivation) => (derivation.from(), source_of(derivation)),
            None => (&element.path, value_of(element.kind)),
        };
        if let Ok(path) = path.as_str().parse::<ElementPath>() {
            put(&mut document, path.steps(), &value);
        }
    }
    if document.is_null() { json!({}) } else { document }
}

fn value_of(kind: SourceType) -> Value {
    match kind {
        SourceType::String => json!("voorbeeld"),
        SourceType::Integer => json!(1),
        SourceType::Number => json!(1.5),
        SourceType::Boolean => json!(true),
        SourceType::Subtree => json!({ "voorbeeld": true }),
    }
}

/// Something of which the answer can be told.
fn source_of(derivation: &Derivation) -> Value {
    match (derivation, derivation.comparison().map(|comparison| &comparison.constant)) {
        (Derivation::Band { .. }, _) | (_, Some(Constant::Number(_))) => json!(1),
        (_, Some(Constant::Day(_))) => json!("2000-01-01"),
        (_, Some(Constant::Text(_)) | None) => json!("voorbeeld"),
    }
}

/// Puts a value at a place, unless something stands there. A scalar on the way gives way: what is counted has members.
fn put(holder: &mut Value, steps: &[Step], value: &Value) {
    match steps.split_first() {
        None => {
            if holder.is_null() {
                *holder = value.clone();
            }
        }
        Some((Step::Member(name), rest)) => {
            if !holder.is_object() && !holder.is_array() {
                *holder = Value::Object(Map::new());
            }
            if let Value::Object(members) = holder {
                put(members.entry(name.to_string()).or_insert(Value::Null), rest, value);
            }
        }
        Some((Step::Items, rest)) => {
            if !holder.is_object() && !holder.is_array() {
                *holder = Value::Array(vec![Value::Null; ITEMS]);
            }
            if let Value::Array(items) = holder {
                items.iter_mut().for_each(|item| put(item, rest, value));
            }
        }
    }
}

fn run(projection: Projection, document: &[u8]) -> Result<(Vec<u8>, Projector), PreviewError> {
    let mut projector = Projector::new(Arc::new(projection));
    projector.feed(document).and_then(|()| projector.finish())?;
    let bytes = projector.take().into_bytes();
    Ok((bytes, projector))
}

/// Where scalars stand, the items of a list taken together.
fn places(documents: &[Value]) -> BTreeSet<String> {
    fn walk(value: &Value, place: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| walk(value, &format!("{place}.{name}"), found));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, &format!("{place}[*]"), found)),
            // An item that is not delivered leaves `null`.
            Value::Null => {}
            _ => drop(found.insert(place.to_owned())),
        }
    }
    let mut found = BTreeSet::new();
    documents.iter().for_each(|document| walk(document, "$", &mut found));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Agreement;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn what_is_made_up_has_every_agreed_element_and_tells_every_answer() -> Outcome {
        for bytes in [
            include_bytes!("../tests/examples/answers.json").as_slice(),
            include_bytes!("../tests/pensioners.json").as_slice(),
            include_bytes!("../tests/examples/early-detection.json").as_slice(),
        ] {
            let agreement = Agreement::parse(bytes)?;
            for operation in agreement.clauses.iter().flat_map(|clause| &clause.operations) {
                if operation.whole_document.is_some() {
                    continue;
                }
                let document = made_up(operation, []).to_string();
                let shown = preview(operation, document.as_bytes())?;
                assert!(shown.untold.is_empty() && shown.absent.is_empty(), "{}: {shown:?}", operation.name);
            }
        }
        Ok(())
    }
}

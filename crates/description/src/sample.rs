//! A description from a sample of an answer: paths, types and counts are kept, never a value.

use std::str::FromStr;

use serde_json::Value;
use verbond_agreement::{Line, Method, ParameterPlace, PathTemplate};
use verbond_domain::{Problem, ServiceName};

use crate::{
    Decision, Draft, DraftOperation, DraftParameter, Imported, MAXIMUM_BYTES,
    draft::{too_large, unreadable},
    openapi::{method, name_of},
    remark::{RemarkKind, Remarks},
    shape::Shape,
};

/// Longest name of a member that is taken to be a name.
const LONGEST_NAME: usize = 60;
/// Digits in a row that names do not have, and numbers of people do.
const DIGITS: usize = 4;

/// Which operation answered so: a method and a path template, `GET /trees/{id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampledOperation {
    /// Its method.
    pub method: Method,
    /// Its paths.
    pub path: PathTemplate,
}

impl FromStr for SampledOperation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) =
            text.split_once(' ').ok_or("write a method and a path template: `GET /trees/{id}`")?;
        let method =
            method(&name.to_lowercase()).ok_or("a method is GET, HEAD, POST, PUT, PATCH or DELETE")?;
        let path = path.trim().parse().map_err(|error| format!("{error}"))?;
        Ok(Self { method, path })
    }
}

/// Describes the operation that gave a sample, which is JSON, or JSON line by line.
///
/// # Errors
/// `DESCRIPTION_UNREADABLE`, `DESCRIPTION_TOO_LARGE`. Nothing of the sample stands in them.
pub fn from_sample(
    text: &str,
    service: &ServiceName,
    operation: &SampledOperation,
) -> Result<Imported, Problem> {
    if text.len() > MAXIMUM_BYTES {
        return Err(too_large());
    }
    let mut remarks = Remarks::default();
    let name = name_of(&format!("{} {}", operation.method.as_str(), operation.path));
    let mut shape = Shape::default();
    let mut documents = 0_u64;
    let mut records = 0_u64;
    let mut read = Vec::new();
    for document in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let document = document.map_err(|error| {
            let (line, column) = (error.line(), error.column());
            unreadable(
                &format!("geen JSON (regel {line}, teken {column})."),
                &format!("not JSON (line {line}, column {column})"),
            )
        })?;
        shape.merge(shape_of(&document, name.as_str(), "$", &mut remarks));
        documents += 1;
        read.push(document);
    }
    if documents == 0 {
        return Err(unreadable("het voorbeeld is leeg.", "the sample is empty"));
    }
    let lines = documents > 1;
    let record = if lines { verbond_projection::ElementPath::root() } else { shape.record() };
    for document in &read {
        records += count(document, record.steps());
    }
    remarks.add(RemarkKind::Record, format!("{name} {record}"));
    let parameters = operation.path.parameters().filter_map(|name| name.parse::<Line>().ok());
    let parameters = parameters.map(|name| DraftParameter {
        name,
        place: ParameterPlace::Path,
        required: true,
        values: Decision::Undecided,
    });
    let content_type = if lines { "application/x-ndjson" } else { "application/json" };
    let operation = DraftOperation {
        method: operation.method,
        path: operation.path.clone(),
        parameters: parameters.collect(),
        request: None,
        content_type: line(content_type)?,
        record: line(&record.to_string())?,
        elements: shape.elements(name.as_str(), &mut remarks),
        people: Decision::Undecided,
        name,
    };
    let draft = Draft {
        service: service.clone(),
        title: Decision::Undecided,
        description: Decision::Undecided,
        operations: vec![operation],
    };
    Ok(Imported { draft, remarks: remarks.into_vec(), records: Some(records) })
}

pub(crate) fn line(text: &str) -> Result<Line, Problem> {
    text.parse().map_err(|_| too_large())
}

/// How many of what stands at these steps.
fn count(value: &Value, steps: &[verbond_projection::Step]) -> u64 {
    match (steps.split_first(), value) {
        (None, _) => 1,
        (Some((verbond_projection::Step::Items, rest)), Value::Array(items)) => {
            items.iter().map(|item| count(item, rest)).sum()
        }
        (Some((verbond_projection::Step::Member(name), rest)), Value::Object(members)) => {
            members.get(&**name).map_or(0, |value| count(value, rest))
        }
        _ => 0,
    }
}

/// The parser has bounded the depth.
fn shape_of(value: &Value, operation: &str, place: &str, remarks: &mut Remarks) -> Shape {
    let mut shape = Shape::default();
    match value {
        Value::Null => shape.null = true,
        Value::Bool(_) => shape.boolean = true,
        Value::Number(number) if number.is_f64() => shape.number = true,
        Value::Number(_) => shape.integer = true,
        Value::String(_) => shape.text = true,
        Value::Array(items) => {
            let mut together = Shape::default();
            for item in items {
                together.merge(shape_of(item, operation, &format!("{place}[*]"), remarks));
            }
            shape.items = Some(Box::new(together));
        }
        // A register may be keyed by what it is about: then names are data, and none of them is kept.
        Value::Object(members) if members.keys().any(|name| may_be_a_value(name)) => {
            remarks.add(RemarkKind::NamesLikeValues, format!("{operation} {place}"));
            return Shape::whole();
        }
        Value::Object(members) => {
            let mut own = std::collections::BTreeMap::new();
            for (name, value) in members {
                let below = format!("{place}.{name}");
                own.insert(name.clone(), shape_of(value, operation, &below, remarks));
            }
            shape.members = Some(own);
        }
    }
    shape
}

/// Whether the name of a member may be data itself: a number, an address, a sentence.
fn may_be_a_value(name: &str) -> bool {
    let mut run = 0;
    let digits = name.bytes().any(|byte| {
        run = if byte.is_ascii_digit() { run + 1 } else { 0 };
        run >= DIGITS
    });
    digits
        || name.len() > LONGEST_NAME
        || !name.chars().any(char::is_alphabetic)
        || name.chars().any(|one| one.is_whitespace() || one.is_control() || "/?=&".contains(one))
        || name.trim_start_matches('@').contains('@')
}

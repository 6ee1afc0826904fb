//! Parameters of an operation of OpenAPI, and which values each may have.

use serde_json::Value;
use verbond_agreement::{AllowedValues, Line, ParameterPlace, PathTemplate};
use verbond_domain::Problem;

use crate::{
    Decision, DraftParameter,
    remark::{RemarkKind, Remarks},
    schema::Schemas,
};

/// Most parameters of one operation.
const MOST: usize = 200;
/// Most constants that are taken over.
const MOST_CONSTANTS: usize = 200;
/// Characters of a UUID.
const UUID: u16 = 36;

/// The parameters of an operation: its own, and those of its path that it does not replace.
pub(crate) fn parameters<'document>(
    lists: [Option<&'document Value>; 2],
    path: &PathTemplate,
    operation: &str,
    schemas: &Schemas<'document>,
    remarks: &mut Remarks,
) -> Result<Vec<DraftParameter>, Problem> {
    let mut found: Vec<DraftParameter> = Vec::new();
    for given in lists.into_iter().flatten().filter_map(Value::as_array).flatten().take(MOST) {
        let given = schemas.follow(given)?;
        let text = |member: &str| given.get(member).and_then(Value::as_str);
        let Some(name) = text("name").and_then(|name| name.parse::<Line>().ok()) else { continue };
        let place = match text("in") {
            Some("path") if path.parameters().any(|one| one == name.as_str()) => ParameterPlace::Path,
            Some("query") => ParameterPlace::Query,
            _ => {
                remarks.add(RemarkKind::Parameter, format!("{operation} {name}"));
                continue;
            }
        };
        if found.iter().any(|one| one.name == name && one.place == place) {
            continue;
        }
        let required = place == ParameterPlace::Path || given.get("required") == Some(&Value::Bool(true));
        let values = match given.get("schema") {
            Some(schema) => values(schemas.follow(schema)?),
            None => None,
        };
        found.push(DraftParameter { name, place, required, values: values.into() });
    }
    // A segment that the document says nothing of has a value all the same.
    for name in path.parameters().filter_map(|name| name.parse::<Line>().ok()) {
        if !found.iter().any(|one| one.name == name && one.place == ParameterPlace::Path) {
            let (place, values) = (ParameterPlace::Path, Decision::Undecided);
            found.push(DraftParameter { name, place, required: true, values });
        }
    }
    Ok(found)
}

/// Which values a schema allows, where a description can say it; text without a bound is for a person to bound.
fn values(schema: &Value) -> Option<AllowedValues> {
    if let Some(constants) = schema.get("enum").and_then(Value::as_array) {
        let text = |one: &Value| match one {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.to_string().parse().ok(),
            _ => None,
        };
        let values: Vec<Line> = constants.iter().take(MOST_CONSTANTS + 1).map_while(text).collect();
        let whole = values.len() == constants.len() && !values.is_empty() && values.len() <= MOST_CONSTANTS;
        return whole.then_some(AllowedValues::OneOf { values });
    }
    let format = schema.get("format").and_then(Value::as_str);
    match (schema.get("type").and_then(Value::as_str)?, format) {
        ("boolean", _) => {
            let values = ["true", "false"].into_iter().filter_map(|one| one.parse().ok()).collect();
            Some(AllowedValues::OneOf { values })
        }
        ("integer", format) => {
            let bound = |name: &str| schema.get(name).and_then(Value::as_i64);
            let narrow = format == Some("int32");
            let (least, most) =
                if narrow { (i32::MIN.into(), i32::MAX.into()) } else { (i64::MIN, i64::MAX) };
            let (minimum, maximum) = (bound("minimum").unwrap_or(least), bound("maximum").unwrap_or(most));
            Some(AllowedValues::Integer { minimum, maximum })
        }
        ("string", Some("date")) => Some(AllowedValues::Day),
        ("string", Some("uuid")) => Some(AllowedValues::Identifier { longest: UUID }),
        ("string", _) => {
            let longest = schema.get("maxLength").and_then(Value::as_u64)?;
            Some(AllowedValues::Text { longest: u16::try_from(longest).ok().filter(|longest| *longest > 0)? })
        }
        _ => None,
    }
}

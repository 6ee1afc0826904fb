//! The JSON Schema of an agreement, generated from the types.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::Agreement;

/// The JSON Schema (2020-12) of the document. What it lets through may still be refused: references within the document
/// are not in it.
pub fn json_schema() -> Value {
    let mut document = json_schema_of::<Agreement>("Agreement on the exchange of data (verbond-agreement/1)");
    let definitions = document.pointer("/$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    close(&mut document, &definitions);
    document
}

/// The JSON Schema of a type, with its parts under `$defs`.
pub fn json_schema_of<T: ToSchema>(title: &str) -> Value {
    let mut others = Vec::new();
    T::schemas(&mut others);
    let definitions: Map<String, Value> =
        others.into_iter().map(|(name, schema)| (name, json!(schema))).collect();
    let mut document = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "title": title });
    if let (Some(document), Value::Object(root)) = (document.as_object_mut(), json!(T::schema())) {
        document.extend(root);
        document.insert("$defs".to_owned(), sorted(definitions));
    }
    let text = document.to_string().replace("#/components/schemas/", "#/$defs/");
    serde_json::from_str(&text).unwrap_or(document)
}

/// Says of each object that it has no other members than those named, as [`Agreement::parse`] does. A variant that adds
/// its tag to a type of its own becomes one object: two closed ones that must both hold would hold for nothing.
fn close(schema: &mut Value, definitions: &Map<String, Value>) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| close(item, definitions)),
        Value::Object(members) => {
            if let Some(Value::Array(parts)) = members.remove("allOf") {
                for part in &parts {
                    merge(members, part, definitions);
                }
            }
            members.values_mut().for_each(|member| close(member, definitions));
            if members.get("properties").is_some_and(Value::is_object) {
                members.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
        }
        _ => {}
    }
}

fn merge(members: &mut Map<String, Value>, part: &Value, definitions: &Map<String, Value>) {
    let reference = part.get("$ref").and_then(Value::as_str).and_then(|one| one.strip_prefix("#/$defs/"));
    let part = reference.and_then(|name| definitions.get(name)).unwrap_or(part);
    for (name, value) in part.as_object().into_iter().flatten() {
        match (members.get_mut(name), value) {
            (Some(Value::Object(held)), Value::Object(more)) => held.extend(more.clone()),
            (Some(Value::Array(held)), Value::Array(more)) => held.extend(more.iter().cloned()),
            (Some(_), _) => {}
            (None, value) => drop(members.insert(name.clone(), value.clone())),
        }
    }
}

fn sorted(members: Map<String, Value>) -> Value {
    let mut members: Vec<_> = members.into_iter().collect();
    members.sort_by(|left, right| left.0.cmp(&right.0));
    Value::Object(members.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere_and_every_object_is_closed() {
        let document = json_schema();
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
        assert_eq!(
            text.matches("\"properties\":{").count(),
            text.matches("\"additionalProperties\":false").count()
        );
        assert!(!text.contains("allOf"));
    }
}

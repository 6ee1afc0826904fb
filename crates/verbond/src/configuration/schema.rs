//! JSON Schemas of what people write by hand, generated from the types.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{Configuration, Profile};

/// The JSON Schema of `verbond.toml`.
pub fn configuration() -> Value {
    document::<Configuration>("Verbond configuration (verbond.toml)")
}

/// The JSON Schema of a profile.
pub fn profile() -> Value {
    document::<Profile>("Verbond profile of a group")
}

fn document<T: ToSchema>(title: &str) -> Value {
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

fn sorted(members: Map<String, Value>) -> Value {
    let mut members: Vec<_> = members.into_iter().collect();
    members.sort_by(|left, right| left.0.cmp(&right.0));
    Value::Object(members.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_of_a_schema_leads_somewhere() {
        for document in [configuration(), profile()] {
            let text = document.to_string();
            for reference in text.split("\"$ref\":\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let pointer = reference.trim_start_matches('#');
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
            assert_eq!(document.pointer("/additionalProperties"), Some(&Value::Bool(false)));
        }
    }
}

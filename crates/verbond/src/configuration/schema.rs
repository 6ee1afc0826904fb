//! JSON Schemas of what people write by hand, generated from the types.

use serde_json::Value;
use verbond_agreement::json_schema_of;

use super::{Configuration, Profile};

/// The JSON Schema of `verbond.toml`.
pub fn configuration() -> Value {
    json_schema_of::<Configuration>("Verbond configuration (verbond.toml)")
}

/// The JSON Schema of a profile.
pub fn profile() -> Value {
    json_schema_of::<Profile>("Verbond profile of a group")
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

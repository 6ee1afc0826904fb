//! The record of a decision, as it stands in an entry.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

/// A record of the Authorization Decision Log 1.0.0. Whoever decided writes it as JSON once, and an entry takes that text in as it is;
/// whoever reads an entry gets it as a value.
#[derive(Clone, Debug)]
pub struct RecordedDecision(Form);

#[derive(Clone, Debug)]
enum Form {
    Written(Box<RawValue>),
    Read(Value),
}

impl RecordedDecision {
    /// Writes a record.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn of(record: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self(Form::Written(to_raw_value(record)?)))
    }

    /// The record as a value.
    pub fn into_value(self) -> Value {
        match self.0 {
            Form::Read(value) => value,
            // What has been written as JSON can be read as JSON, unless it nests deeper than a reader goes: no record does.
            Form::Written(text) => serde_json::from_str(text.get()).unwrap_or_default(),
        }
    }
}

impl From<Value> for RecordedDecision {
    fn from(value: Value) -> Self {
        Self(Form::Read(value))
    }
}

impl PartialEq for RecordedDecision {
    fn eq(&self, other: &Self) -> bool {
        self.clone().into_value() == other.clone().into_value()
    }
}

impl Serialize for RecordedDecision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Form::Written(text) => text.serialize(serializer),
            Form::Read(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for RecordedDecision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_written_is_read_back_the_same() -> Result<(), serde_json::Error> {
        let value =
            json!({ "body": { "adl.core.response": { "decision": true } }, "text": "with \"quotes\" and é" });
        let written = RecordedDecision::of(&value)?;
        let read: RecordedDecision = serde_json::from_slice(&serde_json::to_vec(&written)?)?;
        assert_eq!(read, written);
        assert_eq!(read.into_value(), value);
        Ok(())
    }
}

//! The record of a decision, as it stands in an entry.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::Error as _};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};
use uuid::Uuid;

/// A record of the Authorization Decision Log 1.0.0: written as JSON by whoever decided, and as such put in its place in the
/// entry; whoever reads an entry gets it as a value.
#[derive(Clone, Debug)]
pub struct RecordedDecision(Form);

#[derive(Clone)]
enum Form {
    /// `None`: it cannot be written, nor can the entry.
    Written(Option<Box<RawValue>>, RestsOn),
    Read(Value),
}

/// Of the record of a decision: what exchanges are looked for by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "Record")]
pub struct RestsOn {
    /// The agreement and its version, where there is one.
    pub agreement: Option<(Uuid, i64)>,
    /// The purpose that was stated.
    pub purpose: Option<Arc<str>>,
}

impl RecordedDecision {
    /// A record that rests on this. That it cannot be written as JSON shows when its entry is.
    pub fn of(record: &impl Serialize, rests_on: RestsOn) -> Self {
        Self(Form::Written(to_raw_value(record).ok(), rests_on))
    }

    /// On what the decision rests; `None`: it is no record of a decision.
    pub fn rests_on(&self) -> Option<RestsOn> {
        match &self.0 {
            Form::Written(_, rests_on) => Some(rests_on.clone()),
            Form::Read(value) => RestsOn::deserialize(value).ok(),
        }
    }

    /// The record as a value.
    pub fn into_value(self) -> Value {
        match self.0 {
            Form::Read(value) => value,
            // What was written as JSON can be read.
            Form::Written(record, _) => {
                record.and_then(|record| serde_json::from_str(record.get()).ok()).unwrap_or_default()
            }
        }
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(_, rests_on) => {
                formatter.debug_tuple("Written").field(rests_on).finish_non_exhaustive()
            }
            Self::Read(value) => formatter.debug_tuple("Read").field(value).finish(),
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
            Form::Written(Some(record), _) => record.serialize(serializer),
            Form::Written(None, _) => {
                Err(S::Error::custom("the record of a decision cannot be written as JSON"))
            }
            Form::Read(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for RecordedDecision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

/// As much of a record of the Authorization Decision Log 1.0.0 as [`RestsOn`] is read from.
#[derive(Deserialize)]
struct Record {
    attributes: Sources,
    body: Question,
}

#[derive(Deserialize)]
struct Sources {
    #[serde(default, rename = "adl.core.policies")]
    policies: Option<Policies>,
}

#[derive(Deserialize)]
struct Policies {
    agreement: AgreementVersion,
}

#[derive(Deserialize)]
struct AgreementVersion {
    id: Uuid,
    version: i64,
}

#[derive(Deserialize)]
struct Question {
    #[serde(rename = "adl.core.request")]
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    #[serde(default)]
    purpose: Option<Arc<str>>,
}

impl From<Record> for RestsOn {
    fn from(Record { attributes, body }: Record) -> Self {
        let agreement =
            attributes.policies.map(|policies| (policies.agreement.id, policies.agreement.version));
        Self { agreement, purpose: body.request.context.purpose }
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
        let written = RecordedDecision::of(&value, RestsOn::default());
        let read: RecordedDecision = serde_json::from_slice(&serde_json::to_vec(&written)?)?;
        assert_eq!(read, written);
        assert_eq!(read.into_value(), value);
        Ok(())
    }

    #[test]
    fn what_cannot_be_written_stands_in_no_entry() {
        let no_text_as_name = std::collections::HashMap::from([(vec![1], 1)]);
        let decision = RecordedDecision::of(&no_text_as_name, RestsOn::default());
        assert!(serde_json::to_vec(&decision).is_err());
    }
}

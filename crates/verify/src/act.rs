//! What an act says, as far as it is judged.

use serde::{Deserialize, de::IgnoredAny};

use crate::{
    line::{Kind, Text},
    loss::LossDetail,
    merkle::{Hash, sha256},
    payload::{from_json, from_value, hexadecimal, is_of},
    people::Duties,
};

#[derive(Debug)]
pub(crate) struct Act {
    pub(crate) subject: String,
    pub(crate) action: Action,
}

/// The actions that are judged.
#[derive(Debug)]
pub(crate) enum Action {
    Key(Option<KeyDetail>),
    Continue(Option<ContinueDetail>),
    Retention(Option<u64>),
    Drop(Option<DropDetail>),
    Loss(Option<LossDetail>),
    Hold(Option<HoldDetail>),
    Release,
    Class(ClassAct),
    Person(PersonAct),
    /// A statement about an agreement was taken in: SHA-256 of it as it was signed.
    Stated(Hash),
    Other,
}

/// What an act does to the class of a service (docs/formats/entries.md, *Declared open*).
#[derive(Debug)]
pub(crate) enum ClassAct {
    /// The class of the service that the subject names.
    Service {
        is_open: bool,
    },
    /// What an application uses under the name that is the subject.
    Bound {
        application: String,
        service: String,
        is_open: bool,
    },
    Unbound {
        application: String,
    },
    /// The application that the subject names is gone.
    ApplicationGone,
}

/// What an act says of the person whom its subject names (docs/formats/entries.md, *People*).
#[derive(Debug)]
pub(crate) enum PersonAct {
    /// They have this key, and no other.
    Enrolled {
        key: Option<Hash>,
        duties: Duties,
    },
    Roles {
        duties: Duties,
    },
    Disabled,
}

#[derive(Debug, Deserialize)]
pub(crate) struct KeyDetail {
    pub(crate) origin: String,
    pub(crate) verifier_key: String,
    pub(crate) statement: String,
    pub(crate) chain: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ContinueDetail {
    pub(crate) origin: String,
    pub(crate) previous_origin: String,
    pub(crate) size: u64,
    pub(crate) last_known: String,
}

#[derive(Debug, Deserialize)]
struct RetentionDetail {
    keep_days: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DropDetail {
    pub(crate) first_index: u64,
    pub(crate) last_index: u64,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) keep_days: u64,
    pub(crate) written_before: i64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct HoldDetail {
    pub(crate) from: i64,
    pub(crate) until: Option<i64>,
}

impl HoldDetail {
    /// Whether it is on what was written at a moment.
    pub(crate) fn covers(&self, at: i64) -> bool {
        at >= self.from && self.until.is_none_or(|until| at < until)
    }
}

#[derive(Deserialize)]
struct ActText<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(rename = "author")]
    _author: IgnoredAny,
    #[serde(borrow)]
    action: Text<'a>,
    #[serde(borrow)]
    subject: Text<'a>,
    detail: serde_json::Value,
}

/// An entry `act`.
pub(crate) fn read(text: &str) -> Option<Act> {
    let read: ActText<'_> = from_json(text)?;
    is_of(&read.kind, Kind::Act)?;
    let detail = read.detail;
    let action = match &*read.action.0 {
        "journal.key" => Action::Key(from_value(detail)),
        "journal.continue" => Action::Continue(from_value(detail)),
        "journal.retention" => {
            Action::Retention(from_value::<RetentionDetail>(detail).map(|detail| detail.keep_days))
        }
        "journal.drop" => Action::Drop(from_value(detail)),
        "journal.loss" => Action::Loss(from_value(detail)),
        "journal.hold" => Action::Hold(from_value(detail)),
        "journal.release" => Action::Release,
        named => person_act(named, &detail)
            .map(Action::Person)
            .or_else(|| class_act(named, &detail).map(Action::Class))
            .or_else(|| stated(named, &detail).map(Action::Stated))
            .unwrap_or(Action::Other),
    };
    Some(Act { subject: read.subject.0.into_owned(), action })
}

/// A key or a role that is of another form is none.
fn person_act(action: &str, detail: &serde_json::Value) -> Option<PersonAct> {
    let roles = detail.get("roles").and_then(serde_json::Value::as_array);
    let has = |name: &str| roles.is_some_and(|roles| roles.iter().any(|role| role == name));
    let duties = Duties { signs: has("signatory"), advises: has("data_protection_officer") };
    match action {
        "person.enrol" => {
            let key = detail.get("thumbprint").and_then(|text| thumbprint(text.as_str()?));
            Some(PersonAct::Enrolled { key, duties })
        }
        "person.roles" => Some(PersonAct::Roles { duties }),
        "person.disable" => Some(PersonAct::Disabled),
        _ => None,
    }
}

/// The statement that an act about an agreement took in, if it is one that did.
fn stated(action: &str, detail: &serde_json::Value) -> Option<Hash> {
    action.starts_with("agreement.").then_some(())?;
    Some(sha256(&[detail.get("statement")?.as_str()?.as_bytes()]))
}

/// 32 bytes in lower-case hexadecimal digits.
fn thumbprint(text: &str) -> Option<Hash> {
    let (halves, mut bytes) = ((text.get(..32)?, text.get(32..)?), [0; 32]);
    let numbers = [hexadecimal(halves.0, 32)?, hexadecimal(halves.1, 32)?];
    for (place, number) in bytes.as_chunks_mut::<16>().0.iter_mut().zip(numbers) {
        *place = number.to_be_bytes();
    }
    Some(bytes)
}

/// One whose detail is of another form declares nothing open.
fn class_act(action: &str, detail: &serde_json::Value) -> Option<ClassAct> {
    let text = |name: &str| detail.get(name)?.as_str().map(str::to_owned);
    let is_open = text("class").as_deref() == Some("open");
    match action {
        "service.put" | "service.class-decided" => Some(ClassAct::Service { is_open }),
        "service.remove" | "service.governed" => Some(ClassAct::Service { is_open: false }),
        "application.bind" => {
            let (application, service) = (text("application")?, text("service")?);
            Some(ClassAct::Bound { application, service, is_open })
        }
        "application.unbind" => Some(ClassAct::Unbound { application: text("application")? }),
        "application.remove" => Some(ClassAct::ApplicationGone),
        _ => None,
    }
}

//! What an entry holds: its payload, read into as little as the rules need.

use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};

use crate::{
    act::{self, Act},
    line::{Bytes32, EntryLine, Id, Kind, Signed, Text},
    merkle::{Hash, halves, leaf, sha256},
    note::{Checkpoint, VerifierKey},
};

/// Seen from the participant whose journal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    Incoming,
    Outgoing,
}

/// From the most to the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Delivery {
    Whole,
    BrokenOff,
    Nothing,
}

/// Identifier of a decision: trace and span.
pub(crate) type DecisionId = (u128, u64);

/// The version that a decision names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct VersionName {
    pub(crate) id: String,
    pub(crate) version: u64,
    pub(crate) hash: String,
}

#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) id: DecisionId,
    pub(crate) at: i64,
    /// It permits, names a version, and is about the entry's own transaction.
    pub(crate) holds: bool,
    pub(crate) version: Option<VersionName>,
    /// Names of the clause and the operation that decided.
    pub(crate) operation: OperationName,
}

/// Names of a clause and of an operation in it; empty where the decision names none.
pub(crate) type OperationName = (Box<str>, Box<str>);

#[derive(Debug)]
pub(crate) struct Permit {
    pub(crate) transaction: Id,
    pub(crate) direction: Direction,
    pub(crate) counterpart: Box<str>,
    pub(crate) decision: Option<Decision>,
    pub(crate) has_processing: bool,
    /// Name of the service at the provider, with `provider/` before it where this participant is the consumer; the application.
    pub(crate) service: Box<str>,
    pub(crate) application: Option<Box<str>>,
    pub(crate) owed: Option<Owed>,
}

/// The records that a permit leaves to its application.
#[derive(Debug)]
pub(crate) struct Owed {
    pub(crate) due: i64,
    /// About whom a record of its own is owed: hashes.
    pub(crate) about: Vec<u128>,
}

/// An entry `processing`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processing {
    /// The permit that it belongs to.
    pub(crate) permit: Id,
    /// Where an application wrote it: about whom, as a hash.
    pub(crate) by_application: Option<u128>,
}

#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) transaction: Id,
    pub(crate) direction: Direction,
    pub(crate) counterpart: Box<str>,
    pub(crate) permit: Id,
    pub(crate) delivery: Delivery,
    pub(crate) status: Option<u16>,
    /// Over bytes, digests and salt: what is compared of an exchange that came whole.
    pub(crate) content: Hash,
    /// Over the elements with how often each came: compared too, unless each side went by a version of its own.
    pub(crate) crossed: Hash,
    /// Paths of the elements that came, sorted.
    pub(crate) elements: Vec<Box<str>>,
}

#[derive(Debug)]
pub(crate) struct Witness {
    pub(crate) counterpart: String,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) key: VerifierKey,
    pub(crate) key_text: String,
    pub(crate) is_signed: bool,
    pub(crate) statement: Option<Signed>,
}

/// What is known of what an entry holds.
#[derive(Debug)]
pub(crate) enum Body {
    Permit(Box<Permit>),
    /// The decision, if it has one.
    Refusal(Option<DecisionId>),
    Processing(Processing),
    Completion(Completion),
    Witness(Box<Witness>),
    Act(Box<Act>),
    /// By its commitment.
    Withheld(Hash),
    Destroyed,
    /// It is not what it was, or cannot be read.
    Unknown,
}

impl Body {
    /// Of a permit or a completion.
    pub(crate) fn transaction(&self) -> Option<Id> {
        match self {
            Self::Permit(permit) => Some(permit.transaction),
            Self::Completion(completion) => Some(completion.transaction),
            _ => None,
        }
    }
}

/// An entry, judged by itself.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) index: u64,
    pub(crate) id: Id,
    pub(crate) at: i64,
    pub(crate) kind: Kind,
    pub(crate) leaf: Hash,
    pub(crate) body: Body,
    pub(crate) is_changed: bool,
    pub(crate) leaf_differs: bool,
    pub(crate) is_unreadable: bool,
}

impl Entry {
    pub(crate) fn judge(line: EntryLine<'_>) -> Self {
        let EntryLine { index, id, at, kind, commitment, leaf, .. } = line;
        let leaf_differs = hash_of_leaf(at, kind, &commitment) != leaf;
        let mut entry = Self {
            index,
            id,
            at,
            kind,
            leaf,
            body: if line.withheld { Body::Withheld(commitment) } else { Body::Destroyed },
            is_changed: i64::try_from(id.0 >> 80).ok() != Some(at),
            leaf_differs,
            is_unreadable: false,
        };
        if let Some((salt, text)) = line.payload {
            let committed = sha256(&[&salt, text.as_bytes()]) == commitment;
            entry.is_changed |= !committed;
            match read(kind, &text) {
                _ if !committed => {}
                Some(body) => entry.body = body,
                None if kind_of(&text).is_some_and(|named| named != kind.name()) => entry.is_changed = true,
                None => entry.is_unreadable = true,
            }
        }
        if entry.is_changed || entry.leaf_differs || entry.is_unreadable {
            entry.body = Body::Unknown;
        }
        entry
    }
}

/// The canonical JSON of RFC 8785: the three members stand in the order of their names.
fn hash_of_leaf(at: i64, kind: Kind, commitment: &Hash) -> Hash {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let commitment = URL_SAFE_NO_PAD.encode(commitment);
    leaf(format!(r#"{{"at":{at},"commitment":"{commitment}","kind":"{}"}}"#, kind.name()).as_bytes())
}

fn kind_of(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Kinded {
        kind: String,
    }
    serde_json::from_str::<Kinded>(text).ok().map(|kinded| kinded.kind)
}

pub(crate) fn read(kind: Kind, text: &str) -> Option<Body> {
    text.trim_ascii_start().starts_with('{').then_some(())?;
    match kind {
        Kind::Permit => permit(text),
        Kind::Refusal => refusal(text),
        Kind::Processing => processing(text),
        Kind::Completion => completion(text),
        Kind::Witness => witness(text),
        Kind::Act => act::read(text).map(|act| Body::Act(Box::new(act))),
    }
}

pub(crate) fn from_json<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    serde_json::from_str(text).ok()
}

pub(crate) fn from_value<T: DeserializeOwned>(value: serde_json::Value) -> Option<T> {
    serde_json::from_value(value).ok()
}

pub(crate) fn is_of(kind: &Text<'_>, wanted: Kind) -> Option<()> {
    (*kind.0 == *wanted.name()).then_some(())
}

#[derive(Deserialize)]
struct ExchangeText<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    transaction_id: Option<Id>,
    direction: Direction,
    #[serde(borrow)]
    consumer: Text<'a>,
    #[serde(borrow)]
    provider: Text<'a>,
    #[serde(borrow)]
    service: Text<'a>,
    #[serde(borrow)]
    application: Option<Text<'a>>,
    #[serde(rename = "wire")]
    _wire: IgnoredAny,
    #[serde(borrow)]
    decision: Option<DecisionText<'a>>,
    processing: Option<Vec<IgnoredAny>>,
    #[serde(borrow)]
    owed: Option<OwedText<'a>>,
    #[serde(borrow)]
    code: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct OwedText<'a> {
    #[serde(rename = "trace_id", borrow)]
    _trace: Text<'a>,
    #[serde(rename = "span_id", borrow)]
    _span: Text<'a>,
    #[serde(rename = "activity", borrow)]
    _activity: Text<'a>,
    #[serde(rename = "since")]
    _since: i64,
    due: i64,
    #[serde(default, borrow)]
    data_subjects: Vec<Text<'a>>,
}

impl OwedText<'_> {
    /// One person: the action's record is about them. Else the action has a record about nobody in particular.
    fn read(self) -> Owed {
        let action = (self.data_subjects.len() != 1).then(|| whom(""));
        let people = self.data_subjects.iter().map(|one| whom(&one.0));
        Owed { due: self.due, about: action.into_iter().chain(people).collect() }
    }
}

/// Who somebody is, in the room of a number.
fn whom(pseudonym: &str) -> u128 {
    let [high, _] = halves(&sha256(&[pseudonym.as_bytes()]));
    high
}

#[derive(Deserialize)]
struct DecisionText<'a> {
    #[serde(borrow)]
    trace_id: Text<'a>,
    #[serde(borrow)]
    span_id: Text<'a>,
    timestamp: i64,
    #[serde(borrow)]
    attributes: Attributes<'a>,
    #[serde(borrow)]
    body: DecisionBody<'a>,
}

#[derive(Deserialize)]
struct Attributes<'a> {
    #[serde(rename = "adl.core.policies", borrow)]
    policies: Option<Policies<'a>>,
    #[serde(rename = "adl.fsc.transaction_id")]
    transaction_id: Option<Id>,
}

#[derive(Deserialize)]
struct Policies<'a> {
    #[serde(borrow)]
    agreement: AgreementText<'a>,
}

#[derive(Deserialize)]
struct AgreementText<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    version: u64,
    #[serde(borrow)]
    hash: Text<'a>,
}

#[derive(Deserialize)]
struct DecisionBody<'a> {
    #[serde(rename = "adl.core.request", borrow)]
    request: Option<RequestText<'a>>,
    #[serde(rename = "adl.core.response")]
    response: Response,
}

#[derive(Deserialize)]
struct RequestText<'a> {
    #[serde(borrow)]
    action: Option<ActionText<'a>>,
}

#[derive(Deserialize)]
struct ActionText<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    properties: Option<ActionProperties<'a>>,
}

#[derive(Deserialize)]
struct ActionProperties<'a> {
    #[serde(borrow)]
    clause: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Response {
    decision: bool,
}

pub(crate) fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let lower = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    u128::from_str_radix(text, 16).ok().filter(|_| lower)
}

impl DecisionText<'_> {
    fn id(&self) -> Option<DecisionId> {
        let trace = hexadecimal(&self.trace_id.0, 32)?;
        Some((trace, u64::try_from(hexadecimal(&self.span_id.0, 16)?).ok()?))
    }

    fn read(self, transaction: Id) -> Option<Decision> {
        let id = self.id()?;
        let version = self.attributes.policies.map(|policies| VersionName {
            id: policies.agreement.id.0.into_owned(),
            version: policies.agreement.version,
            hash: policies.agreement.hash.0.into_owned(),
        });
        let about = self.attributes.transaction_id.is_none_or(|named| named == transaction);
        let holds = self.body.response.decision && version.is_some() && about;
        let action = self.body.request.and_then(|request| request.action);
        let (name, properties) = action.map(|action| (action.name, action.properties)).unwrap_or_default();
        let text = |text: Option<Text<'_>>| text.map_or_else(Box::default, |text| text.0.into());
        let operation = (text(properties.and_then(|properties| properties.clause)), text(name));
        Some(Decision { id, at: self.timestamp, holds, version, operation })
    }
}

fn permit(text: &str) -> Option<Body> {
    let read: ExchangeText<'_> = from_json(text)?;
    is_of(&read.kind, Kind::Permit)?;
    let transaction = read.transaction_id?;
    let decision = match read.decision {
        Some(decision) => Some(decision.read(transaction)?),
        None => None,
    };
    let (counterpart, service) = match read.direction {
        Direction::Incoming => (read.consumer, read.service.0.into()),
        Direction::Outgoing => {
            let service = format!("{}/{}", read.provider.0, read.service.0);
            (read.provider, service.into())
        }
    };
    Some(Body::Permit(Box::new(Permit {
        transaction,
        direction: read.direction,
        counterpart: counterpart.0.into(),
        decision,
        has_processing: read.processing.is_some_and(|records| !records.is_empty()),
        owed: read.owed.map(OwedText::read),
        service,
        application: read.application.map(|name| name.0.into()),
    })))
}

fn refusal(text: &str) -> Option<Body> {
    let read: ExchangeText<'_> = from_json(text)?;
    is_of(&read.kind, Kind::Refusal)?;
    read.code?;
    match read.decision {
        Some(decision) => Some(Body::Refusal(Some(decision.id()?))),
        None => Some(Body::Refusal(None)),
    }
}

#[derive(Deserialize)]
struct ProcessingText<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(rename = "transaction_id")]
    _transaction: Id,
    #[serde(rename = "direction")]
    _direction: Direction,
    #[serde(rename = "counterpart", borrow)]
    _counterpart: Text<'a>,
    permit: Id,
    #[serde(borrow)]
    written_by: Option<Text<'a>>,
    #[serde(rename = "record")]
    _record: IgnoredAny,
}

/// What more is read of a record that an application wrote.
#[derive(Deserialize)]
struct HandedIn<'a> {
    #[serde(borrow)]
    record: RecordText<'a>,
}

#[derive(Deserialize)]
struct RecordText<'a> {
    #[serde(borrow)]
    attributes: SubjectText<'a>,
}

#[derive(Deserialize)]
struct SubjectText<'a> {
    #[serde(rename = "dpl.core.data_subject_id", borrow)]
    data_subject: Option<Text<'a>>,
}

fn processing(text: &str) -> Option<Body> {
    let read: ProcessingText<'_> = from_json(text)?;
    is_of(&read.kind, Kind::Processing)?;
    let by_application = match read.written_by {
        Some(_) => {
            let HandedIn { record } = from_json(text)?;
            Some(record.attributes.data_subject.map_or_else(|| whom(""), |one| whom(&one.0)))
        }
        None => None,
    };
    Some(Body::Processing(Processing { permit: read.permit, by_application }))
}

#[derive(Deserialize)]
struct CompletionText<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    transaction_id: Id,
    direction: Direction,
    #[serde(borrow)]
    counterpart: Text<'a>,
    permit: Id,
    delivery: Delivery,
    status: Option<u16>,
    request: Crossed,
    response: Crossed,
    #[serde(borrow)]
    elements: Option<Vec<ElementText<'a>>>,
    salt: Bytes32,
}

#[derive(Deserialize)]
struct ElementText<'a> {
    #[serde(borrow)]
    path: Text<'a>,
    count: u64,
}

#[derive(Deserialize)]
struct Crossed {
    bytes: u64,
    digest: Bytes32,
}

fn completion(text: &str) -> Option<Body> {
    let read: CompletionText<'_> = from_json(text)?;
    is_of(&read.kind, Kind::Completion)?;
    let elements = read.elements.unwrap_or_default().into_iter();
    let mut elements: Vec<(Box<str>, u64)> = elements.map(|one| (one.path.0.into(), one.count)).collect();
    elements.sort_unstable();
    let mut crossed = Vec::new();
    for (path, count) in &elements {
        crossed.extend(path.len().to_be_bytes());
        crossed.extend(path.as_bytes());
        crossed.extend(count.to_be_bytes());
    }
    let content = sha256(&[
        &read.request.bytes.to_be_bytes(),
        &read.request.digest.0,
        &read.response.bytes.to_be_bytes(),
        &read.response.digest.0,
        &read.salt.0,
    ]);
    Some(Body::Completion(Completion {
        transaction: read.transaction_id,
        direction: read.direction,
        counterpart: read.counterpart.0.into(),
        permit: read.permit,
        delivery: read.delivery,
        status: read.status,
        content,
        crossed: sha256(&[&crossed]),
        elements: elements.into_iter().map(|(path, _)| path).collect(),
    }))
}

#[derive(Deserialize)]
struct WitnessText {
    kind: String,
    counterpart: String,
    note: String,
    verifier_key: String,
    key: Option<Signed>,
}

fn witness(text: &str) -> Option<Body> {
    let read: WitnessText = from_json(text)?;
    (read.kind == Kind::Witness.name()).then_some(())?;
    let (checkpoint, key) = (Checkpoint::parse(&read.note)?, VerifierKey::parse(&read.verifier_key)?);
    (checkpoint.origin.participant == read.counterpart).then_some(())?;
    let is_signed = checkpoint.is_signed_by(&key);
    Some(Body::Witness(Box::new(Witness {
        counterpart: read.counterpart,
        checkpoint,
        key,
        key_text: read.verifier_key,
        is_signed,
        statement: read.key,
    })))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KINDS: [Kind; 6] =
        [Kind::Permit, Kind::Refusal, Kind::Processing, Kind::Completion, Kind::Witness, Kind::Act];

    #[test]
    fn a_permit_names_its_version_and_one_member_twice_is_none() {
        let text = r#"{"kind":"permit","transaction_id":"01890a5d-ac96-774b-bcce-b302099a8057","direction":"incoming",
            "consumer":"oin:1","provider":"oin:2","service":"incomes","wire":{},"decision":{
            "trace_id":"0123456789abcdef0123456789abcdef","span_id":"0123456789abcdef","timestamp":5,
            "attributes":{"adl.core.policies":{"agreement":{"id":"a","version":2,"hash":"h"}}},
            "body":{"adl.core.response":{"decision":true}}}}"#;
        let Some(Body::Permit(permit)) = read(Kind::Permit, text) else { panic!("no permit") };
        let decision = permit.decision.expect("a decision");
        assert_eq!(&*permit.counterpart, "oin:1");
        assert_eq!(decision.version, Some(VersionName { id: "a".into(), version: 2, hash: "h".into() }));
        assert!(decision.holds && !permit.has_processing);
        let twice = text.replace(r#""wire":{}"#, r#""wire":{},"wire":{}"#);
        assert!(read(Kind::Permit, &twice).is_none());
        assert!(read(Kind::Refusal, text).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_a_payload_or_none(text in ".*") {
            prop_assert!(KINDS.into_iter().all(|kind| read(kind, &text).is_none()));
        }
    }
}

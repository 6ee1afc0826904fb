//! A decision as a record of the Authorization Decision Log 1.0.0: what was asked, what was answered, and by which
//! versions of what. It holds exactly what is needed to decide again.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fmt,
    ops::{Deref, DerefMut},
    str::FromStr,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::value::{RawValue, to_raw_value};
use verbond_agreement::{
    AgreementId, AssuranceLevel, ClauseName, DocumentHash, EntryName, Moment, Stage, Version,
};
use verbond_domain::{ApplicationName, ParticipantId, ServiceReference, Timestamp, TransactionId};

use crate::{
    COMPILER, Decision, DecisionRequest, HumanReference, Obligations, ParameterFacts, PointAnswer,
    PointOutcome, Reason,
};

/// The name of an operation where none was recognised; no operation of an agreement can have it.
pub(crate) const UNKNOWN_OPERATION: &str = "(unknown)";

macro_rules! identifier {
    ($(#[$documentation:meta])* $name:ident, $bytes:literal) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            fn written<'a>(&self, room: &'a mut [u8; 2 * $bytes]) -> Result<&'a str, &'static str> {
                hex::encode_to_slice(self.0, room).map_err(|_| "an identifier has no room")?;
                str::from_utf8(room).map_err(|_| "digits are no text")
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.written(&mut [0; 2 * $bytes]).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let refused = "an identifier of a trace has lower-case hexadecimal digits only, not all of them 0";
                let mut bytes = [0; $bytes];
                if text.len() != 2 * $bytes || !text.bytes().all(|one| matches!(one, b'0'..=b'9' | b'a'..=b'f')) {
                    return Err(refused);
                }
                for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
                    let pair = text.get(at..at + 2).ok_or(refused)?;
                    *byte = u8::from_str_radix(pair, 16).map_err(|_| refused)?;
                }
                match bytes == [0; $bytes] {
                    true => Err(refused),
                    false => Ok(Self(bytes)),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.written(&mut [0; 2 * $bytes]).map_err(S::Error::custom)?)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    };
}

identifier!(
    /// Identifier of a trace (W3C Trace Context).
    TraceId, 16
);
identifier!(
    /// Identifier of a span (W3C Trace Context).
    SpanId, 8
);

/// Where in a trace a decision stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The trace, unchanged across organisations.
    pub trace_id: TraceId,
    /// The decision's own span.
    pub span_id: SpanId,
    /// The span that asked for it; `None` at the root.
    pub parent_span_id: Option<SpanId>,
}

/// Whether a decision was taken. A deny is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordStatus {
    /// It was.
    Ok,
    /// It could not be taken, and so was a deny.
    Error,
}

/// A record of the Authorization Decision Log 1.0.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRecord {
    /// The trace.
    pub trace_id: TraceId,
    /// The decision's span.
    pub span_id: SpanId,
    /// The span that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<SpanId>,
    /// `adl.access_evaluation`.
    pub event_name: EventName,
    /// Milliseconds since 1970: the moment of the decision, and the time that it judged.
    pub timestamp: Timestamp,
    /// Whether it was taken.
    pub status: RecordStatus,
    /// References to what decided.
    pub attributes: Attributes,
    /// Question and answer.
    pub body: SharedBody,
}

/// Question and answer, shared by the records of all that was asked alike in the same second, and written as JSON once for all
/// of them. To change it makes it one record's own. Only as JSON it is written as what it is: for other forms it is one text.
#[derive(Clone)]
pub struct SharedBody(Arc<WrittenOnce>);

struct WrittenOnce {
    body: Body,
    text: OnceLock<Box<RawValue>>,
}

impl SharedBody {
    /// The body as JSON.
    fn text(&self) -> Result<&RawValue, serde_json::Error> {
        if let Some(text) = self.0.text.get() {
            return Ok(text);
        }
        let text = to_raw_value(&self.0.body)?;
        Ok(self.0.text.get_or_init(|| text))
    }
}

#[cfg(test)]
impl SharedBody {
    /// Whether both are one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl From<Body> for SharedBody {
    fn from(body: Body) -> Self {
        Self(Arc::new(WrittenOnce { body, text: OnceLock::new() }))
    }
}

impl Deref for SharedBody {
    type Target = Body;

    fn deref(&self) -> &Body {
        &self.0.body
    }
}

impl DerefMut for SharedBody {
    fn deref_mut(&mut self) -> &mut Body {
        let own = Arc::make_mut(&mut self.0);
        own.text.take();
        &mut own.body
    }
}

impl Clone for WrittenOnce {
    /// Whoever asks for a copy is about to change it.
    fn clone(&self) -> Self {
        Self { body: self.body.clone(), text: OnceLock::new() }
    }
}

impl PartialEq for SharedBody {
    fn eq(&self, other: &Self) -> bool {
        self.0.body == other.0.body
    }
}

impl Eq for SharedBody {}

impl fmt::Debug for SharedBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.body.fmt(formatter)
    }
}

impl Serialize for SharedBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match Arc::strong_count(&self.0) {
            1 => self.0.body.serialize(serializer),
            _ => self.text().map_err(S::Error::custom)?.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for SharedBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Body::deserialize(deserializer).map(Self::from)
    }
}

/// The one kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventName {
    /// One question, one answer.
    #[serde(rename = "adl.access_evaluation")]
    AccessEvaluation,
}

/// References to sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attributes {
    /// By which policies; absent where no agreement is known.
    #[serde(rename = "adl.core.policies", default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<Policies>,
    /// The exchange.
    #[serde(rename = "adl.fsc.transaction_id", default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
}

/// The versions of the sources that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policies {
    /// The document.
    pub agreement: AgreementSource,
    /// Its policies.
    pub policy: PolicySource,
}

/// Which document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreementSource {
    /// Its identifier.
    pub id: AgreementId,
    /// Its version.
    pub version: Version,
    /// Its hash.
    pub hash: DocumentHash,
}

/// Which policies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySource {
    /// Hash of their text.
    pub hash: DocumentHash,
    /// [`COMPILER`].
    pub compiler: u32,
}

/// Question and answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// The question.
    #[serde(rename = "adl.core.request")]
    pub request: RecordedRequest,
    /// The answer.
    #[serde(rename = "adl.core.response")]
    pub response: RecordedResponse,
    /// What else the answer rests on, beside the policies.
    #[serde(rename = "adl.core.information", default, skip_serializing_if = "Option::is_none")]
    pub information: Option<Information>,
}

/// What others said that counts in the answer, by who said it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Information {
    /// The organisation's own decision point, about what the policies permit.
    pub decision_point: PointAnswer,
}

/// A question in AuthZEN's form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "AuthZEN's own words")]
pub struct RecordedRequest {
    pub subject: Identified<SubjectProperties>,
    pub action: RecordedAction,
    pub resource: Identified<ResourceProperties>,
    pub context: RecordedContext,
}

/// A subject or resource in AuthZEN's form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "AuthZEN's own words")]
pub struct Identified<P> {
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    pub id: String,
    pub properties: P,
}

/// What is known of who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectProperties {
    /// The participant.
    pub participant: ParticipantId,
    /// Its application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationName>,
}

/// What is known of what is asked of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceProperties {
    /// The service.
    pub service: ServiceReference,
}

/// What is asked. The request's own path and query stand nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedAction {
    /// The operation, or `(unknown)`.
    pub name: String,
    /// What is known of it.
    pub properties: ActionProperties,
}

/// What is known of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionProperties {
    /// Of which clause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<ClauseName>,
    /// Its parameters.
    pub parameters: ParameterFacts,
}

/// What else was known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedContext {
    /// The moment in whole seconds, for readers; what was judged is the record's timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Moment>,
    /// The agreement that the request named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<AgreementId>,
    /// The purpose that the receiver stated.
    pub purpose: EntryName,
    /// Its activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<EntryName>,
    /// Its algorithm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<EntryName>,
    /// For whom it asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<ParticipantId>,
    /// The level of assurance that it claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assurance: Option<AssuranceLevel>,
    /// That it claimed that a person handles the request, and by what it finds that person back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub human_in_the_loop: Option<HumanReference>,
    /// The elements that it asked for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub elements: BTreeSet<String>,
    /// Where the version stood; absent where no agreement is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Whether a place within the volume was held.
    pub volume_held: bool,
    /// Whether a place within what is agreed per person was held.
    pub person_held: bool,
}

/// An answer in AuthZEN's form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedResponse {
    /// Permit or deny.
    pub decision: bool,
    /// Why, and to what it obliges.
    pub context: ResponseContext,
}

/// Reasons and obligations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponseContext {
    /// Why not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// The paths of what is delivered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delivered: Vec<String>,
    /// Whether the response goes out whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole_document: bool,
}

impl ResponseContext {
    pub(crate) fn of(decision: &Decision) -> Self {
        let obligations = decision.obligations.as_ref();
        let delivered = obligations.into_iter().flat_map(|obligations| obligations.delivered());
        Self {
            reasons: decision.reasons.clone(),
            delivered: delivered.map(|element| element.path.as_str().to_owned()).collect(),
            whole_document: obligations.is_some_and(|obligations| obligations.whole_document()),
        }
    }
}

impl Body {
    /// Question and answer as a decision has them.
    fn new(request: &DecisionRequest<'_>, decision: &Decision) -> Self {
        let (facts, context) = (&decision.facts, &request.context);
        let basis = decision.basis.as_ref();
        let operation = facts.operation.as_ref().map_or(UNKNOWN_OPERATION, |name| name.as_str());
        let request = RecordedRequest {
            subject: Identified {
                kind: "participant".into(),
                id: request.subject.participant.to_string(),
                properties: SubjectProperties {
                    participant: request.subject.participant.clone(),
                    application: request.subject.application.clone(),
                },
            },
            action: RecordedAction {
                name: operation.to_owned(),
                properties: ActionProperties {
                    clause: basis.map(|basis| basis.clause.clone()),
                    parameters: facts.parameters.clone(),
                },
            },
            resource: Identified {
                kind: "service".into(),
                id: request.resource.to_string(),
                properties: ResourceProperties { service: request.resource.clone() },
            },
            context: RecordedContext {
                time: Moment::of(context.now),
                agreement: context.agreement,
                purpose: context.purpose.clone(),
                activity: context.activity.clone(),
                algorithm: context.algorithm.clone(),
                on_behalf_of: context.on_behalf_of.clone(),
                assurance: context.claims.assurance,
                human_in_the_loop: context.claims.human,
                elements: facts.elements.clone(),
                stage: basis.map(|_| facts.stage),
                volume_held: facts.leases.volume,
                person_held: facts.leases.per_person,
            },
        };
        let response =
            RecordedResponse { decision: decision.is_permit(), context: ResponseContext::of(decision) };
        Self { request, response, information: None }
    }
}

impl DecisionRecord {
    /// The record of a decision.
    pub fn new(
        request: &DecisionRequest<'_>,
        decision: &Decision,
        trace: Trace,
        transaction_id: Option<TransactionId>,
    ) -> Self {
        let (facts, context) = (&decision.facts, &request.context);
        let basis = decision.basis.as_ref();
        let failed = decision.reasons.iter().any(|reason| reason.code == crate::ReasonCode::DecisionFailed);
        let policies = basis.map(|basis| Policies {
            agreement: AgreementSource { id: basis.agreement, version: basis.version, hash: basis.hash },
            policy: PolicySource { hash: basis.policy_hash, compiler: COMPILER },
        });
        let body = || Body::new(request, decision).into();
        // A person who handles the request is another one each time: nobody asks the same again.
        let is_likely_again = decision.is_permit() && context.claims.human.is_none();
        let memory = decision.obligations.as_ref().filter(|_| is_likely_again).and_then(Obligations::records);
        Self {
            trace_id: trace.trace_id,
            span_id: trace.span_id,
            parent_span_id: trace.parent_span_id,
            event_name: EventName::AccessEvaluation,
            timestamp: context.now,
            status: if failed { RecordStatus::Error } else { RecordStatus::Ok },
            attributes: Attributes { policies, transaction_id },
            body: memory.map_or_else(body, |memory| memory.of(request, facts, body)),
        }
    }

    /// The record of a permit with what the organisation's own decision point answered: its deny, or that it gave no
    /// answer, is the answer; its permit changes nothing.
    #[must_use]
    pub fn answered_by(mut self, answer: PointAnswer) -> Self {
        if answer.outcome == PointOutcome::Unavailable {
            self.status = RecordStatus::Error;
        }
        if let Some(code) = answer.refusal() {
            let reasons = vec![Reason::new(code)];
            let context = ResponseContext { reasons, delivered: Vec::new(), whole_document: false };
            self.body.response = RecordedResponse { decision: false, context };
        }
        self.body.information = Some(Information { decision_point: answer });
        self
    }
}

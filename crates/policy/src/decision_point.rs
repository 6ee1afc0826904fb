//! An organisation's own decision point, which is asked too: what it is told, and what it answers.
//!
//! Question and answer have the form of the OpenID AuthZEN Authorization API 1.0, Access Evaluation, as the NLGov profile
//! 1.0.0 narrows it; members of `subject` and `resource` have the names that OpenFSC gives them. Values and bytes only:
//! the asking is the gateway's.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use verbond_agreement::Moment;
use verbond_domain::{Direction, ExchangeParties, Problem, Timestamp, TransactionId, words_of_another};

use crate::{DecisionRecord, Obligations, ReasonCode};

/// Longest answer that is read, in bytes.
pub const LONGEST_ANSWER: usize = 64 * 1024;
/// Characters of a reason that are kept.
const LONGEST_REASON: usize = 500;
/// Characters of an identifier that are kept.
const LONGEST_IDENTIFIER: usize = 100;
/// A URI template (RFC 6570) for every path: where no operation has been agreed, no path is told, as it may name somebody.
const ANY_PATH: &str = "/{+path}";

/// What a decision point is told of an exchange: nothing that names a person.
#[derive(Clone, Copy, Debug)]
pub struct PointQuestion<'a> {
    /// Seen from the node that asks.
    pub direction: Direction,
    /// Who exchanges, for whom, and which service.
    pub parties: &'a ExchangeParties,
    /// The protocol's own members (FSC: group and grant hash).
    pub wire: &'a Map<String, Value>,
    /// The organisation's own application, at its outway.
    pub application: Option<&'a str>,
    /// The request's method.
    pub method: &'a str,
    /// The decision that permits it and what that obliges to; `None` for an open service.
    pub agreed: Option<(&'a DecisionRecord, &'a Obligations)>,
    /// The exchange.
    pub transaction_id: TransactionId,
    /// W3C Trace Context: the decision's own span.
    pub traceparent: Option<&'a str>,
    /// W3C Trace Context.
    pub tracestate: Option<&'a str>,
    /// The moment.
    pub now: Timestamp,
}

impl PointQuestion<'_> {
    /// The body of an Access Evaluation request.
    pub fn to_json(&self) -> Value {
        let Self { parties, transaction_id, .. } = self;
        let operation = self.agreed.and_then(|(_, obligations)| obligations.operation());
        let activity = self.agreed.and_then(|(_, obligations)| obligations.activity(self.direction));
        let activity = activity.map(|activity| activity.url.as_str());
        let record = self.agreed.map(|(record, _)| record);
        let policies = record.and_then(|record| record.attributes.policies.as_ref());
        let purpose = record.map(|record| record.body.request.context.purpose.as_str());
        let algorithm = record.and_then(|record| record.body.request.context.algorithm.as_ref());
        let elements = self.agreed.map(|(_, obligations)| {
            obligations.delivered().map(|element| element.path.as_str()).collect::<Vec<_>>()
        });

        let service = [
            ("service_name", Some(parties.service.as_str())),
            ("service_peer_id", Some(parties.provider.value())),
            ("service_delegator_peer_id", parties.provider_delegator.as_ref().map(|id| id.value())),
        ];
        let mut subject = present(&service);
        subject.extend(present(&[
            ("outway_peer_id", Some(parties.consumer.value())),
            ("outway_delegator_peer_id", parties.consumer_delegator.as_ref().map(|id| id.value())),
            ("application", self.application),
        ]));
        for (name, value) in self.wire {
            subject.entry(name).or_insert_with(|| value.clone());
        }
        let action = present(&[
            ("operation", operation.map(|operation| operation.name.as_str())),
            ("processing_activity_id", activity),
        ]);
        let path = operation.map_or_else(|| ANY_PATH.to_owned(), |operation| operation.path.to_string());
        let mut resource = present(&service);
        if let Some(elements) = elements {
            resource.insert("elements".to_owned(), elements.into());
        }
        let transaction = transaction_id.to_string();
        let time = Moment::of(self.now).map(|moment| moment.to_string());
        let mut context = present(&[
            ("time", time.as_deref()),
            ("direction", Some(self.direction.as_str())),
            ("transaction_id", Some(&transaction)),
            ("traceparent", self.traceparent),
            ("tracestate", self.tracestate),
            ("purpose", purpose),
            ("algorithm", algorithm.map(|algorithm| algorithm.as_str())),
        ]);
        // Not the caller's own fields: those in which decision points in use look for what we know better.
        let headers = present(&[
            ("Fsc-Transaction-Id", Some(&transaction)),
            ("Traceparent", self.traceparent),
            ("Tracestate", self.tracestate),
            ("Doelbinding", purpose),
            ("Dpl-Processing-Activity-Id", activity),
        ]);
        context.insert("headers".to_owned(), headers.into());
        if let (Some(policies), Some(record)) = (policies, record) {
            let agreement = &policies.agreement;
            context.insert(
                "agreement".to_owned(),
                json!({
                    "id": agreement.id,
                    "version": agreement.version,
                    "hash": agreement.hash,
                    "clause": record.body.request.action.properties.clause,
                }),
            );
        }
        json!({
            "subject": { "type": "identity", "id": parties.consumer.value(), "properties": subject },
            "action": { "name": self.method, "properties": action },
            "resource": { "type": "uri", "id": path, "properties": resource },
            "context": context,
        })
    }
}

/// The members that there are; AuthZEN has absent ones left out.
fn present(members: &[(&str, Option<&str>)]) -> Map<String, Value> {
    members.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.into()))).collect()
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PointOutcome {
    /// It permits.
    Permit,
    /// It denies.
    Deny,
    /// It gave no answer that can be used: nothing is permitted.
    Unavailable,
}

impl PointOutcome {
    /// The outcome as one lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Deny => "deny",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What a decision point answered, as it stands in the record of the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointAnswer {
    /// Which decision point: its host and port.
    pub authority: String,
    /// What it said.
    pub outcome: PointOutcome,
    /// Its own identifier of the answer or its reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why, for whoever asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_user: Option<PointReason>,
    /// Why, for the organisation's own administrators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_admin: Option<PointReason>,
}

/// A reason in the words of a decision point: bounded, on one line, without the digits of a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointReason {
    /// In Dutch, or in the language in which it was given.
    pub nl: String,
    /// In English, or in the language in which it was given.
    pub en: String,
}

/// An answer that is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableAnswer {
    /// Longer than [`LONGEST_ANSWER`].
    #[error("the answer is longer than {LONGEST_ANSWER} bytes")]
    TooLong,
    /// Not a JSON object with a boolean `decision` and, if there is one, an object `context`.
    #[error("the answer is no Access Evaluation response of AuthZEN")]
    Form,
}

/// An Access Evaluation response (AuthZEN 1.0); members that are not known are to be ignored.
#[derive(Deserialize)]
struct Response {
    decision: bool,
    #[serde(default)]
    context: Option<ResponseContext>,
}

#[derive(Deserialize)]
struct ResponseContext {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    reason_user: Value,
    #[serde(default)]
    reason_admin: Value,
}

impl PointAnswer {
    /// Reads the body of an answer with status 200.
    ///
    /// # Errors
    /// [`UnreadableAnswer`]; nothing is permitted then.
    pub fn parse(authority: &str, body: &[u8]) -> Result<Self, UnreadableAnswer> {
        if body.len() > LONGEST_ANSWER {
            return Err(UnreadableAnswer::TooLong);
        }
        let response: Response = serde_json::from_slice(body).map_err(|_| UnreadableAnswer::Form)?;
        let outcome = if response.decision { PointOutcome::Permit } else { PointOutcome::Deny };
        let context = response.context.as_ref();
        Ok(Self {
            authority: authority.to_owned(),
            outcome,
            id: context.and_then(|context| words_of_another(context.id.as_str()?, LONGEST_IDENTIFIER)),
            reason_user: context.and_then(|context| PointReason::read(&context.reason_user)),
            reason_admin: context.and_then(|context| PointReason::read(&context.reason_admin)),
        })
    }

    /// There is no answer that can be used.
    pub fn unavailable(authority: &str) -> Self {
        Self {
            authority: authority.to_owned(),
            outcome: PointOutcome::Unavailable,
            id: None,
            reason_user: None,
            reason_admin: None,
        }
    }

    /// The reason for which nothing is permitted; `None` when it permits, which by itself is never enough.
    pub const fn refusal(&self) -> Option<ReasonCode> {
        match self.outcome {
            PointOutcome::Permit => None,
            PointOutcome::Deny => Some(ReasonCode::DecisionPointDenied),
            PointOutcome::Unavailable => Some(ReasonCode::DecisionPointUnavailable),
        }
    }

    /// The refusal to tell, if it is one; with the reason for whoever asked where that may be passed on.
    pub fn problem(&self, pass_reason: bool) -> Option<Problem> {
        let mut problem = self.refusal()?.problem();
        if let Some(reason) = self.reason_user.as_ref().filter(|_| pass_reason) {
            problem.detail.nl.push_str(&format!(" Reden: {}", reason.nl));
            problem.detail.en.push_str(&format!(" Reason: {}", reason.en));
        }
        Some(problem)
    }
}

impl PointReason {
    /// A text, or texts by language, with or without a status behind it (`en`, `en-403`, `403`); nothing else is a reason.
    fn read(value: &Value) -> Option<Self> {
        let show = |text: &str| words_of_another(text, LONGEST_REASON);
        if let Value::String(text) = value {
            let text = show(text)?;
            return Some(Self { nl: text.clone(), en: text });
        }
        let texts = value.as_object()?;
        let texts = || texts.iter().filter_map(|(name, text)| Some((name.as_str(), show(text.as_str()?)?)));
        let of = |language: &str| {
            let is_of = |name: &str| name.split('-').next().is_some_and(|first| first == language);
            texts().find(|(name, _)| is_of(name)).map(|(_, text)| text)
        };
        let any = || texts().next().map(|(_, text)| text);
        let (nl, en) = (of("nl"), of("en"));
        let nl_shown = nl.clone().or_else(|| en.clone()).or_else(any)?;
        let en_shown = en.or(nl).or_else(any)?;
        Some(Self { nl: nl_shown, en: en_shown })
    }
}

//! The organisation's own decision point (a policy decision point of AuthZEN 1.0), asked about what is permitted here.
//!
//! It is asked last, right before the record, and only about what would be permitted without it: its deny counts, its permit is never
//! enough. Nothing it says is kept for a next time. No answer that can be used: nothing is permitted.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
    uri::PathAndQuery,
};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use verbond_application::exchange::{Denial, Permission};
use verbond_domain::{Direction, ExchangeParties, ParticipantId, Problem, TransactionId};
use verbond_fail_points::fail_point;
use verbond_policy::{LONGEST_ANSWER, PointAnswer, PointQuestion, UnreadableAnswer};
use verbond_transport::{Client, ClientError, Target};

use crate::{
    Failure, Gateway,
    in_flight::Ticket,
    trace::{TRACEPARENT, TRACESTATE},
};

/// Identifies the question to the decision point (AuthZEN 1.0, request identification).
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The exchange, by the name that decision points in use read.
static TRANSACTION_ID: HeaderName = HeaderName::from_static("fsc-transaction-id");
static JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Questions under way at the same time; more wait, within the time that each has.
const AT_ONCE: usize = 256;
/// Bytes of `tracestate` that are passed on (Trace Context §3.3.1.1 asks for at least 512).
const LONGEST_TRACESTATE: usize = 512;

/// A decision point with everything needed to ask it.
pub struct DecisionPoint {
    /// Dials it, and nothing else.
    client: Client,
    target: Target,
    path: PathAndQuery,
    bearer: Option<HeaderValue>,
    time: Duration,
    pass_reason: bool,
    places: Semaphore,
}

/// Why there is no answer that can be used; for the log and for `doctor`.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// Not within its time, whatever it waited for.
    #[error("no answer within {0:?}")]
    Time(Duration),
    /// Not reached, not trusted, or broken off.
    #[error(transparent)]
    Call(#[from] ClientError),
    /// Another status than 200. Redirects are not followed.
    #[error("status {0}, where 200 goes with a decision")]
    Status(StatusCode),
    /// Another body than a decision.
    #[error(transparent)]
    Answer(#[from] UnreadableAnswer),
}

impl DecisionPoint {
    /// One at `target`, whose Access Evaluation endpoint is at `path`. `client` is made for it alone ([`Client::servers`]);
    /// `bearer` is the value of `Authorization`; `time` bounds a question from beginning to end.
    pub const fn new(
        client: Client,
        target: Target,
        path: PathAndQuery,
        bearer: Option<HeaderValue>,
        time: Duration,
        pass_reason: bool,
    ) -> Self {
        Self { client, target, path, bearer, time, pass_reason, places: Semaphore::const_new(AT_ONCE) }
    }

    /// Asks, and says how it went.
    async fn ask(&self, question: &Value, headers: HeaderMap) -> Result<PointAnswer, Unanswered> {
        let asking = async {
            // The semaphore is never closed; without a place there would be no answer either.
            let _place = self.places.acquire().await;
            let mut request = Request::new(Bytes::from(question.to_string()));
            *request.method_mut() = http::Method::POST;
            *request.uri_mut() = self.path.clone().into();
            *request.headers_mut() = headers;
            request.headers_mut().insert(CONTENT_TYPE, JSON.clone());
            request.headers_mut().insert(ACCEPT, JSON.clone());
            if let Some(bearer) = &self.bearer {
                request.headers_mut().insert(AUTHORIZATION, bearer.clone());
            }
            fail_point!("decision-point::ask", |_| Err(Unanswered::Time(self.time)));
            let answer = self.client.call(&self.target, request, LONGEST_ANSWER, self.time).await?;
            match answer.status() {
                StatusCode::OK => Ok(PointAnswer::parse(&self.target.authority(), answer.body())?),
                status => Err(Unanswered::Status(status)),
            }
        };
        tokio::time::timeout(self.time, asking).await.unwrap_or(Err(Unanswered::Time(self.time)))
    }

    /// Asks a question about nobody and nothing that exists, for whoever wants to know whether it answers.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn probe(&self, own: &ParticipantId) -> Result<PointAnswer, Unanswered> {
        let question = json!({
            "subject": { "type": "identity", "id": own.value() },
            "action": { "name": "GET" },
            "resource": { "type": "uri", "id": "/" },
        });
        self.ask(&question, HeaderMap::new()).await
    }
}

/// The exchange that a decision point is asked about.
pub(crate) struct About<'a> {
    pub(crate) direction: Direction,
    pub(crate) parties: &'a ExchangeParties,
    pub(crate) wire: &'a Map<String, Value>,
    pub(crate) application: Option<&'a str>,
    pub(crate) head: &'a http::request::Parts,
    pub(crate) transaction_id: TransactionId,
}

/// Asks the organisation's own decision point about what is permitted, if there is one. An exchange that is broken off
/// meanwhile drops its question.
///
/// # Errors
/// [`Denial`]: its deny, that it gave no answer, or that the exchange was broken off, in the words that `problem` finds for
/// a failure.
pub(crate) async fn ask(
    gateway: &Gateway,
    permission: Permission,
    ticket: &Ticket,
    about: About<'_>,
    problem: impl FnOnce(Failure) -> Problem,
) -> Result<Permission, Box<Denial>> {
    let Some(point) = &gateway.decision_point else { return Ok(permission) };
    let text = |name| about.head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let (traceparent, tracestate) = (text(&TRACEPARENT), text(&TRACESTATE));
    let tracestate = tracestate.filter(|state| state.len() <= LONGEST_TRACESTATE);
    let question = PointQuestion {
        direction: about.direction,
        parties: about.parties,
        wire: about.wire,
        application: about.application,
        method: about.head.method.as_str(),
        agreed: permission.decision.as_deref().zip(permission.obligations.as_ref()),
        transaction_id: about.transaction_id,
        traceparent,
        tracestate,
        now: gateway.ambient.now(),
    };
    let headers = headers(&about.transaction_id, traceparent, tracestate);
    let begun = Instant::now();
    let told = question.to_json();
    let answered = tokio::select! {
        biased;
        why = ticket.exchange.broken() => {
            let decision = permission.decision.map(Arc::unwrap_or_clone);
            return Err(Box::new(Denial { problem: problem(why), decision }));
        }
        // Apart, so that exchanges of whoever has no decision point do not carry its room along.
        answered = Box::pin(point.ask(&told, headers)) => answered,
    };
    let answer = answered.unwrap_or_else(|reason| {
        tracing::warn!(%reason, "the decision point gave no answer that can be used: the exchange is refused");
        PointAnswer::unavailable(&point.target.authority())
    });
    gateway.metrics.decision_point(about.direction, answer.outcome, begun.elapsed());
    permission.answered_by(answer, point.pass_reason)
}

fn headers(transaction_id: &TransactionId, traceparent: Option<&str>, tracestate: Option<&str>) -> HeaderMap {
    let transaction = transaction_id.to_string();
    let fields = [
        (&REQUEST_ID, Some(transaction.as_str())),
        (&TRANSACTION_ID, Some(transaction.as_str())),
        (&TRACEPARENT, traceparent),
        (&TRACESTATE, tracestate),
    ];
    let fields = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.clone(), HeaderValue::from_str(value?).ok()?)));
    fields.collect()
}

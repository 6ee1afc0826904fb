//! What passes of a request or response under an agreement: header fields by list, and how long the permission lasts.

use std::{str::FromStr, sync::Arc};

use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_LANGUAGE, CONTENT_TYPE, DATE, RETRY_AFTER},
};
use verbond_agreement::{AgreementId, EntryName};
use verbond_application::{exchange, snapshot::Snapshot};
use verbond_domain::{ServiceClass, ServiceName, Timestamp};
use verbond_policy::{Call, Claims, DecisionRecord, Obligations};

use crate::{
    Standing, headers,
    trace::{TRACEPARENT, TRACESTATE},
};

/// Names the agreement under which the request is made; for an application that may use several.
static AGREEMENT: HeaderName = HeaderName::from_static("verbond-agreement");
/// Names the purpose for which the request is made.
static PURPOSE: HeaderName = HeaderName::from_static("verbond-purpose");

/// Claims a level of assurance (eIDAS): `low`, `substantial` or `high`.
static ASSURANCE: HeaderName = HeaderName::from_static("verbond-assurance-level");
/// Claims that a person handles the request: a UUID by which the consumer finds that person back.
static HUMAN: HeaderName = HeaderName::from_static("verbond-human-in-the-loop");
/// All that is between the parties.
static BETWEEN: [&HeaderName; 4] = [&AGREEMENT, &PURPOSE, &ASSURANCE, &HUMAN];

/// Fields that the group's protocol puts on or off itself.
const PROTOCOL: &str = "fsc-";

/// What a request under an agreement keeps of its header. What the consumer did not mean to disclose (cookies, referrers,
/// names of machines) and what would change the answer's form (ranges, conditions, codings) stays behind.
pub(crate) fn keep_of_request(fields: &mut HeaderMap, has_body: bool) {
    let of_body = has_body.then_some(&CONTENT_TYPE);
    let kept =
        [&ACCEPT, &ACCEPT_LANGUAGE, &TRACEPARENT, &TRACESTATE].into_iter().chain(BETWEEN).chain(of_body);
    keep(fields, &kept.collect::<Vec<_>>());
}

/// What is between the parties does not reach the source; under an agreement it is to answer without coding, since what is
/// coded cannot be projected.
pub(crate) fn ask_source(fields: &mut HeaderMap, obligations: Option<&Obligations>) {
    for name in BETWEEN {
        headers::take(fields, name);
    }
    if obligations.is_some() {
        fields.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
}

/// What a response under an agreement keeps of its header. Lengths, ranges, validators and digests of the source are of
/// the document before it was projected.
pub(crate) fn keep_of_response(fields: &mut HeaderMap) {
    keep(fields, &[&CONTENT_TYPE, &CONTENT_LANGUAGE, &DATE, &RETRY_AFTER, &TRACEPARENT, &TRACESTATE]);
}

fn keep(fields: &mut HeaderMap, kept: &[&HeaderName]) {
    let gone = |name: &&HeaderName| !kept.contains(name) && !name.as_str().starts_with(PROTOCOL);
    let gone: Vec<HeaderName> = fields.keys().filter(gone).cloned().collect();
    for name in gone {
        fields.remove(name);
    }
}

/// The agreement that a request names.
pub(crate) fn agreement(fields: &HeaderMap) -> Option<AgreementId> {
    fields.get(&AGREEMENT)?.to_str().ok()?.trim().parse().ok()
}

/// The purpose that a request names.
pub(crate) fn purpose(fields: &HeaderMap) -> Option<EntryName> {
    fields.get(&PURPOSE)?.to_str().ok()?.trim().parse().ok()
}

/// What the consumer claims of a request. What is said twice, or cannot be read, is not said.
pub(crate) fn claims(fields: &HeaderMap) -> Claims {
    Claims { assurance: claim(fields, &ASSURANCE), human: claim(fields, &HUMAN) }
}

fn claim<T: FromStr>(fields: &HeaderMap, name: &HeaderName) -> Option<T> {
    let mut values = fields.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok()?.trim().parse().ok(),
        _ => None,
    }
}

/// Hash of the version on which a decision rests.
pub(crate) fn version(decision: &DecisionRecord) -> Option<String> {
    Some(decision.attributes.policies.as_ref()?.agreement.hash.to_string())
}

/// Method, path and query as policy sees them.
pub(crate) fn call<'a>(method: &'a http::Method, uri: &'a Uri) -> Call<'a> {
    Call { method: method.as_str(), path: uri.path(), query: uri.query() }
}

/// What an exchange rests on.
pub(crate) fn standing(face: Arc<dyn Standing>, decision: Option<Arc<DecisionRecord>>) -> Arc<dyn Standing> {
    match decision {
        Some(decision) => Arc::new(UnderAgreement { face, decision }),
        None => face,
    }
}

/// What an exchange with an open service rests on: it ends when the service is open no longer.
pub(crate) fn while_open(face: Arc<dyn Standing>, service: &ServiceName) -> Arc<dyn Standing> {
    Arc::new(WhileOpen { face, service: service.clone() })
}

struct WhileOpen {
    face: Arc<dyn Standing>,
    service: ServiceName,
}

impl Standing for WhileOpen {
    fn holds(&self, snapshot: &Snapshot, now: Timestamp) -> bool {
        // One that is no longer offered lets what runs end.
        let service = snapshot.services.get(&self.service);
        service.is_none_or(|service| service.declaration.class == ServiceClass::Open)
            && self.face.holds(snapshot, now)
    }
}

/// What an exchange under an agreement rests on: what the protocol asks, and the version that permitted it.
struct UnderAgreement {
    face: Arc<dyn Standing>,
    decision: Arc<DecisionRecord>,
}

impl Standing for UnderAgreement {
    fn holds(&self, snapshot: &Snapshot, now: Timestamp) -> bool {
        self.face.holds(snapshot, now) && exchange::may_go_on(snapshot, &self.decision, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_pass_by_list_only() {
        let mut fields = HeaderMap::new();
        for name in [
            "accept",
            "cookie",
            "range",
            "if-none-match",
            "x-employee",
            "referer",
            "fsc-authorization",
            "traceparent",
            "verbond-purpose",
            "accept-encoding",
            "content-type",
        ] {
            fields.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        keep_of_request(&mut fields, false);
        let mut left: Vec<&str> = fields.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "fsc-authorization", "traceparent", "verbond-purpose"]);
        ask_source(&mut fields, None);
        assert!(!fields.contains_key(&PURPOSE));

        let mut fields = HeaderMap::new();
        for name in
            ["content-type", "content-length", "etag", "set-cookie", "digest", "fsc-error-code", "server"]
        {
            fields.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        keep_of_response(&mut fields);
        let mut left: Vec<&str> = fields.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-type", "fsc-error-code"]);
    }
}

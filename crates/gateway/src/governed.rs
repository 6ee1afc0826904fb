//! What passes of a request or response under an agreement besides its body: header fields by list, each with a value that
//! is known or has a plain form, and how long the permission lasts.

use std::{fmt::Display, str::FromStr, sync::Arc};

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Uri,
    header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER},
};
use verbond_agreement::{AssuranceLevel, Line};
use verbond_application::{
    exchange::{self, Stated},
    snapshot::Snapshot,
};
use verbond_domain::{ServiceClass, ServiceName, Timestamp};
use verbond_policy::{Call, Claims, DecisionRecord, Obligations};

use crate::{
    Failure, Standing, headers,
    trace::{TRACEPARENT, TRACESTATE},
};

/// Names the agreement under which the request is made; for an application that may use several.
static AGREEMENT: HeaderName = HeaderName::from_static("verbond-agreement");
/// Names the purpose for which the request is made.
static PURPOSE: HeaderName = HeaderName::from_static("verbond-purpose");
/// Names the consumer's processing activity in which the request is made.
static ACTIVITY: HeaderName = HeaderName::from_static("verbond-activity");
/// Names the algorithm that uses what is delivered; one that asks for no algorithm says nothing.
static ALGORITHM: HeaderName = HeaderName::from_static("verbond-algorithm");
/// Claims a level of assurance (eIDAS): `low`, `substantial` or `high`.
static ASSURANCE: HeaderName = HeaderName::from_static("verbond-assurance-level");
/// Claims that a person handles the request: a UUID by which the consumer finds that person back.
static HUMAN: HeaderName = HeaderName::from_static("verbond-human-in-the-loop");
/// All that is between the parties.
static BETWEEN: [&HeaderName; 6] = [&AGREEMENT, &PURPOSE, &ACTIVITY, &ALGORITHM, &ASSURANCE, &HUMAN];

/// Longest wait, in seconds, that a source can ask for: a day.
const LONGEST_WAIT: u32 = 86_400;
/// Header fields for which there is room at once: what is kept, and what is put beside it afterwards.
const USUAL: usize = 12;
/// Most languages that a request can ask for.
const MOST_LANGUAGES: usize = 8;

/// What a request under an agreement keeps of its header, the fields of the protocol named in `of_protocol` included. What
/// the consumer did not mean to disclose (cookies, referrers, names of machines) and what would change the answer's form
/// (ranges, conditions, codings) stays behind. What is asked for is what has been agreed, whatever the application accepts;
/// what could hold anything is held to its plain form.
pub(crate) fn keep_of_request(
    fields: &mut HeaderMap,
    obligations: &Obligations,
    has_body: bool,
    of_protocol: &[HeaderName],
) {
    let said = stated(fields).unwrap_or_default();
    let languages = is_plain(fields, &ACCEPT_LANGUAGE, is_languages).then_some(&ACCEPT_LANGUAGE);
    keep(fields, |name| {
        *name == TRACEPARENT || *name == TRACESTATE || Some(name) == languages || of_protocol.contains(name)
    });
    restate(fields, said);
    let Some(operation) = obligations.operation() else { return };
    say(fields, &ACCEPT, &operation.content_type);
    if let Some(request) = operation.request.as_ref().filter(|_| has_body) {
        say(fields, &CONTENT_TYPE, &request.content_type);
    }
}

/// Between the parties stands only what can be read, in its one spelling.
fn restate(fields: &mut HeaderMap, said: Stated) {
    let Stated { agreement, purpose, activity, algorithm, claims } = said;
    put(fields, &AGREEMENT, agreement);
    put(fields, &PURPOSE, purpose);
    put(fields, &ACTIVITY, activity);
    put(fields, &ALGORITHM, algorithm);
    put(fields, &ASSURANCE, claims.assurance.map(AssuranceLevel::as_str));
    put(fields, &HUMAN, claims.human);
}

fn put(fields: &mut HeaderMap, name: &HeaderName, value: Option<impl Display>) {
    if let Some(value) = value.and_then(|value| HeaderValue::try_from(value.to_string()).ok()) {
        fields.insert(name.clone(), value);
    }
}

/// A field as the agreement has it.
fn say(fields: &mut HeaderMap, name: &HeaderName, agreed: &Line) {
    match HeaderValue::from_str(agreed.as_str()) {
        Ok(value) => drop(fields.insert(name.clone(), value)),
        Err(_) => drop(fields.remove(name)),
    }
}

/// What an application's own tracing keeps in `tracestate` is its own organisation's: its decision point has seen it, and it
/// goes no further (Trace Context section 6.2).
pub(crate) fn ask_provider(fields: &mut HeaderMap, obligations: Option<&Obligations>) {
    if obligations.is_some() {
        fields.remove(&TRACESTATE);
    }
}

/// What is between the parties does not reach the source; under an agreement it is to answer without coding, since what is
/// coded cannot be projected.
pub(crate) fn ask_source(fields: &mut HeaderMap, obligations: Option<&Obligations>) {
    headers::take_all(fields, &BETWEEN);
    if obligations.is_some() {
        fields.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        fields.remove(&TRACESTATE);
    }
}

/// What a response under an agreement keeps of its header. Lengths, ranges, validators and digests of the source are of
/// the document before it was projected; its clock, its trace and what its content type has for parameters could each carry
/// something that nobody agreed on. The content type is the agreed one; that of a whole document is the source's.
pub(crate) fn keep_of_response(fields: &mut HeaderMap, obligations: &Obligations) {
    let languages = is_plain(fields, &CONTENT_LANGUAGE, is_languages).then_some(&CONTENT_LANGUAGE);
    keep(fields, |name| *name == CONTENT_TYPE || Some(name) == languages);
    let agreed = obligations.operation().filter(|_| !obligations.whole_document());
    if let Some(operation) = agreed.filter(|_| fields.contains_key(CONTENT_TYPE)) {
        say(fields, &CONTENT_TYPE, &operation.content_type);
    }
}

/// What is told of the status of a source that answered; `None` where it is no whole answer. Which of a hundred it is could
/// itself say something, so that there are few.
pub(crate) const fn answered(status: StatusCode) -> Option<StatusCode> {
    match status {
        StatusCode::CREATED | StatusCode::ACCEPTED | StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT => {
            Some(status)
        }
        // No part was asked for: `Range` stays behind.
        StatusCode::PARTIAL_CONTENT => None,
        _ => Some(StatusCode::OK),
    }
}

/// What is told of the status of a source that refused. That it wants a credential of the node, or leads elsewhere, is for
/// the provider to mend and nothing that the application could do.
pub(crate) fn refused(status: StatusCode) -> StatusCode {
    match status.as_u16() {
        400 | 403 | 404 | 405 | 409 | 410 | 413 | 415 | 422 | 429 | 500 | 503 | 504 => status,
        401 | 407 => StatusCode::BAD_GATEWAY,
        402..=499 => StatusCode::BAD_REQUEST,
        _ => StatusCode::BAD_GATEWAY,
    }
}

/// After how many seconds a source that refused wants to be asked again, if it says so in whole seconds, a day at most
/// (RFC 9110 section 10.2.3). Rounded up to a power of two: which second of a day it is could itself say something.
pub(crate) fn wait(fields: &HeaderMap) -> Option<u32> {
    let wait: u32 = fields.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    (wait <= LONGEST_WAIT).then(|| wait.next_power_of_two())
}

/// Whether a field stands there once and has this form.
fn is_plain(fields: &HeaderMap, name: &HeaderName, is_of_form: impl Fn(&str) -> bool) -> bool {
    let mut values = fields.get_all(name).iter();
    match (values.next().map(HeaderValue::to_str), values.next()) {
        (Some(Ok(value)), None) => is_of_form(value),
        _ => false,
    }
}

/// Languages with perhaps a country and a weight: `nl-NL, en;q=0.5`. What else a language tag may hold could be anything.
fn is_languages(text: &str) -> bool {
    let is_one = |one: &str| {
        let (tag, weight) =
            one.split_once(';').map_or((one, None), |(tag, weight)| (tag, Some(weight.trim())));
        let mut parts = tag.trim().split('-');
        let letters = |part: &str, lengths: &[usize]| {
            lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic())
        };
        let language = parts.next().is_some_and(|part| part == "*" || letters(part, &[2]));
        let country = parts.next().is_none_or(|part| letters(part, &[2]));
        let weight = weight.is_none_or(|weight| {
            matches!(
                weight.as_bytes(),
                [b'q', b'=', b'0' | b'1'] | [b'q', b'=', b'0' | b'1', b'.', b'0'..=b'9']
            )
        });
        language && country && parts.next().is_none() && weight
    };
    text.split(',').count() <= MOST_LANGUAGES && text.split(',').all(is_one)
}

/// Few are kept of many: these are put into a map of their own.
fn keep(fields: &mut HeaderMap, is_kept: impl Fn(&HeaderName) -> bool) {
    let mut kept = None;
    let all = std::mem::replace(fields, HeaderMap::with_capacity(USUAL));
    for (name, value) in all {
        // A further value of a field comes without its name.
        if let Some(name) = name {
            kept = is_kept(&name).then_some(name);
        }
        if let Some(name) = &kept {
            fields.append(name.clone(), value);
        }
    }
}

/// What a request says of itself.
///
/// # Errors
/// [`Failure::StatementUnreadable`], when it names something twice, or as nothing can be called: what it is about would else
/// be decided on as if it had not been said. A claim that cannot be read counts as not made, which refuses where one is asked.
pub(crate) fn stated(fields: &HeaderMap) -> Result<Stated, Failure> {
    Ok(Stated {
        agreement: named(fields, &AGREEMENT)?,
        purpose: named(fields, &PURPOSE)?,
        activity: named(fields, &ACTIVITY)?,
        algorithm: named(fields, &ALGORITHM)?,
        claims: Claims { assurance: claim(fields, &ASSURANCE), human: claim(fields, &HUMAN) },
    })
}

fn named<T: FromStr>(fields: &HeaderMap, name: &HeaderName) -> Result<Option<T>, Failure> {
    match fields.contains_key(name) {
        true => claim(fields, name).map(Some).ok_or(Failure::StatementUnreadable),
        false => Ok(None),
    }
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
    use crate::minimise::tests::obligations;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn fields(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in all {
            fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        fields
    }

    #[test]
    fn fields_of_a_request_pass_by_list_and_form() -> Outcome {
        static PROTOCOL: HeaderName = HeaderName::from_static("fsc-authorization");
        let mut asked = fields(&[
            ("accept", "text/plain; q=secret"),
            ("accept-language", "nl-NL, en;q=0.5"),
            ("cookie", "1"),
            ("range", "1"),
            ("if-none-match", "1"),
            ("x-employee", "1"),
            ("referer", "1"),
            ("fsc-authorization", "Bearer 1"),
            ("fsc-anything", "1"),
            ("traceparent", "1"),
            ("tracestate", "1"),
            ("verbond-purpose", " outreach "),
            ("verbond-assurance-level", "secret"),
            ("accept-encoding", "br"),
            ("content-type", "application/json"),
        ]);
        keep_of_request(&mut asked, &obligations()?, false, std::slice::from_ref(&PROTOCOL));
        assert_eq!(
            asked,
            fields(&[
                ("accept", "application/json"),
                ("accept-language", "nl-NL, en;q=0.5"),
                ("fsc-authorization", "Bearer 1"),
                ("traceparent", "1"),
                ("tracestate", "1"),
                ("verbond-purpose", "outreach"),
            ])
        );
        ask_source(&mut asked, Some(&obligations()?));
        assert!(!asked.contains_key(&PURPOSE) && !asked.contains_key(&TRACESTATE));
        Ok(())
    }

    #[test]
    fn fields_of_a_response_pass_by_list_and_form() -> Outcome {
        let mut answered = fields(&[
            ("content-type", "application/json; name=\"A. Voorbeeld\""),
            ("content-language", "nl"),
            ("content-length", "1"),
            ("etag", "1"),
            ("set-cookie", "1"),
            ("date", "1"),
            ("retry-after", "1"),
            ("traceparent", "1"),
            ("fsc-error-code", "1"),
            ("fsc-anything", "1"),
        ]);
        keep_of_response(&mut answered, &obligations()?);
        assert_eq!(answered, fields(&[("content-type", "application/json"), ("content-language", "nl")]));
        Ok(())
    }

    #[test]
    fn languages_have_a_plain_form() {
        for (text, plain) in [
            ("nl", true),
            ("nl-NL,en;q=0.5, *;q=0", true),
            ("nl-x-secret", false),
            ("secret", false),
            ("nl;q=0.123456789", false),
            ("nl;secret", false),
            ("", false),
            ("nl,nl,nl,nl,nl,nl,nl,nl,nl", false),
        ] {
            assert_eq!(is_languages(text), plain, "{text}");
        }
    }

    #[test]
    fn few_statuses_are_told() {
        for (status, told) in [(200, Some(200)), (201, Some(201)), (206, None), (299, Some(200))] {
            let status = StatusCode::from_u16(status).unwrap_or_default();
            assert_eq!(answered(status).map(|told| told.as_u16()), told);
        }
        for (status, told) in [
            (101, 502),
            (304, 502),
            (302, 502),
            (400, 400),
            (401, 502),
            (404, 404),
            (418, 400),
            (500, 500),
            (999, 502),
        ] {
            assert_eq!(refused(StatusCode::from_u16(status).unwrap_or_default()).as_u16(), told, "{status}");
        }
    }

    #[test]
    fn a_wait_is_rounded_and_bounded() {
        for (text, told) in [("7", Some(8)), ("86400", Some(131_072)), ("86401", None), ("soon", None)] {
            assert_eq!(wait(&fields(&[("retry-after", text)])), told, "{text}");
        }
    }
}

//! Counting what crosses between the nodes of the two parties, for the completion of the exchange.
//!
//! Counted is what leaves the provider's node and what comes in at the consumer's: after the provider's minimisation, before
//! the consumer's; for requests the other way round.

use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body::Body as _;
use verbond_application::exchange::Permitted;
use verbond_domain::{Ambient, Direction, ParticipantId, TransactionId};
use verbond_journal::{Bytes32, Completion, Counting, CrossedElement, Delivery, EntryId};
use verbond_transport::Body;

use crate::{
    headers,
    in_flight::Ticket,
    observed::{Observer, observed},
};

/// Carries the salt of the digests from the outway to the inway: 32 random bytes in base64url without padding.
static SALT: HeaderName = HeaderName::from_static("verbond-digest-salt");

/// The consumer's node chooses the salt, and says it to the provider's with the request.
pub(crate) fn tell_salt(fields: &mut HeaderMap, salt: &Bytes32) {
    headers::take(fields, &SALT);
    if let Ok(value) = HeaderValue::try_from(salt.to_string()) {
        fields.insert(SALT.clone(), value);
    }
}

/// The salt that the consumer's node chose; one of our own where it said none, so that digests cannot be compared then.
/// The source does not see it.
pub(crate) fn told_salt(fields: &mut HeaderMap, ambient: &Ambient) -> Bytes32 {
    let told = headers::take(fields, &SALT);
    let told = told.as_ref().and_then(|value| value.to_str().ok()).and_then(Bytes32::parse);
    told.unwrap_or_else(|| Bytes32(ambient.random()))
}

/// What has crossed of one permitted exchange.
pub(crate) struct Account {
    transaction_id: TransactionId,
    direction: Direction,
    counterpart: ParticipantId,
    permit: EntryId,
    salt: Bytes32,
    counted: Mutex<Counted>,
}

struct Counted {
    delivery: Delivery,
    status: Option<u16>,
    code: Option<&'static str>,
    request: Counting,
    response: Counting,
    elements: Vec<CrossedElement>,
    people: Option<u64>,
}

impl Account {
    /// Of an exchange that has just been permitted, with so many people recorded in its permit; `None`: nobody is looked for.
    pub(crate) fn new(
        permitted: &Permitted,
        direction: Direction,
        counterpart: ParticipantId,
        salt: Bytes32,
        people: Option<u64>,
    ) -> Self {
        let counting = Counting::new(&salt);
        Self {
            transaction_id: permitted.transaction_id(),
            direction,
            counterpart,
            permit: permitted.entry(),
            salt,
            counted: Mutex::new(Counted {
                delivery: Delivery::Nothing,
                status: None,
                code: None,
                request: counting.clone(),
                response: counting,
                elements: Vec::new(),
                people,
            }),
        }
    }

    fn counted<R>(&self, count: impl FnOnce(&mut Counted) -> R) -> R {
        count(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All of it, as it stands now. Of what came to no answer nothing has crossed back but a refusal, which is none of it.
    pub(crate) fn completion(&self) -> Completion {
        self.counted(|counted| {
            let answered = counted.delivery != Delivery::Nothing;
            let response = if answered { &counted.response } else { &Counting::new(&self.salt) };
            Completion {
                transaction_id: self.transaction_id,
                direction: self.direction,
                counterpart: self.counterpart.clone(),
                permit: self.permit,
                delivery: counted.delivery,
                status: counted.status.filter(|_| answered),
                code: counted.code.filter(|_| !answered).map(str::to_owned),
                request: counted.request.crossed(),
                response: response.crossed(),
                elements: if answered { std::mem::take(&mut counted.elements) } else { Vec::new() },
                people: counted.people,
                salt: self.salt,
            }
        })
    }
}

/// The content of a request, counted.
pub(crate) fn request(body: Body, ticket: &Arc<Ticket>) -> Body {
    match body.is_end_stream() {
        true => body,
        false => observed(body, RequestCount(Arc::clone(ticket))),
    }
}

/// An answer, counted: it has begun, and is whole when its last byte has been taken.
pub(crate) fn response(response: Response<Body>, ticket: &Arc<Ticket>) -> Response<Body> {
    let is_empty = response.body().is_end_stream();
    count(ticket, |counted| {
        counted.status = Some(response.status().as_u16());
        counted.delivery = if is_empty { Delivery::Whole } else { Delivery::BrokenOff };
    });
    match is_empty {
        true => response,
        false => response.map(|body| observed(body, ResponseCount(Arc::clone(ticket)))),
    }
}

/// The exchange came to no answer.
pub(crate) fn failed(ticket: &Ticket, code: &'static str) {
    count(ticket, |counted| {
        counted.delivery = Delivery::Nothing;
        counted.code = Some(code);
    });
}

/// These elements were in the answer.
pub(crate) fn elements(ticket: &Ticket, elements: Vec<CrossedElement>) {
    count(ticket, |counted| counted.elements = elements);
}

/// The answer named so many people more, and each has their record.
pub(crate) fn people(ticket: &Ticket, more: u64) {
    count(ticket, |counted| counted.people = Some(counted.people.unwrap_or_default().saturating_add(more)));
}

/// Nothing is counted before the permit.
fn count(ticket: &Ticket, count: impl FnOnce(&mut Counted)) {
    if let Some(account) = ticket.exchange.account() {
        account.counted(count);
    }
}

struct RequestCount(Arc<Ticket>);

impl Observer for RequestCount {
    fn data(&mut self, data: &[u8]) {
        count(&self.0, |counted| counted.request.add(data));
    }

    fn ended(&mut self) {}
}

struct ResponseCount(Arc<Ticket>);

impl Observer for ResponseCount {
    fn data(&mut self, data: &[u8]) {
        count(&self.0, |counted| counted.response.add(data));
    }

    fn ended(&mut self) {
        count(&self.0, |counted| {
            // What a refusal says is no delivery, however whole it comes.
            if counted.delivery == Delivery::BrokenOff {
                counted.delivery = Delivery::Whole;
            }
        });
    }
}

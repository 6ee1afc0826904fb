//! Counting what crosses between the nodes of the two parties, for the completion of the exchange.
//!
//! Counted is what leaves the provider's node and what comes in at the consumer's: after the provider's minimisation, before
//! the consumer's; for requests the other way round.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use verbond_application::exchange::Permitted;
use verbond_domain::{Ambient, Direction, ParticipantId};
use verbond_journal::{Bytes32, Completion, Counting, CrossedElement, Delivery};
use verbond_transport::{Body, BoxError};

use crate::{headers, in_flight::Ticket};

/// Carries the salt of the digests from the outway to the inway: 32 random bytes in base64url without padding.
static SALT: HeaderName = HeaderName::from_static("verbond-digest-salt");

/// The consumer's node chooses the salt, and says it to the provider's with the request.
pub(crate) fn tell_salt(fields: &mut HeaderMap, ambient: &Ambient) -> Bytes32 {
    headers::take(fields, &SALT);
    let salt = Bytes32(ambient.random());
    if let Ok(value) = HeaderValue::try_from(salt.to_string()) {
        fields.insert(SALT.clone(), value);
    }
    salt
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
    completion: Completion,
    counted: Mutex<Counted>,
}

struct Counted {
    delivery: Delivery,
    status: Option<u16>,
    code: Option<&'static str>,
    request: Counting,
    response: Counting,
    elements: Vec<CrossedElement>,
}

impl Account {
    /// Of an exchange that has just been permitted.
    pub(crate) fn new(
        permitted: &Permitted,
        direction: Direction,
        counterpart: ParticipantId,
        salt: Bytes32,
    ) -> Self {
        let counting = Counting::new(&salt);
        let nothing = counting.crossed();
        let completion = Completion {
            transaction_id: permitted.transaction_id(),
            direction,
            counterpart,
            permit: permitted.entry(),
            delivery: Delivery::Nothing,
            status: None,
            code: None,
            request: nothing,
            response: nothing,
            elements: Vec::new(),
            salt,
        };
        let counted = Counted {
            delivery: Delivery::Nothing,
            status: None,
            code: None,
            request: counting.clone(),
            response: counting,
            elements: Vec::new(),
        };
        Self { completion, counted: Mutex::new(counted) }
    }

    fn counted<R>(&self, count: impl FnOnce(&mut Counted) -> R) -> R {
        count(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// It came to no answer.
    pub(crate) fn failed(&self, code: &'static str) {
        self.counted(|counted| {
            counted.delivery = Delivery::Nothing;
            counted.code = Some(code);
        });
    }

    /// These elements were in the answer.
    pub(crate) fn elements(&self, elements: Vec<CrossedElement>) {
        self.counted(|counted| counted.elements = elements);
    }

    /// All of it, as it stands now.
    pub(crate) fn completion(&self) -> Completion {
        let nothing = self.completion.clone();
        self.counted(|counted| {
            let request = counted.request.crossed();
            match counted.delivery {
                Delivery::Nothing => Completion { request, code: counted.code.map(str::to_owned), ..nothing },
                delivery => Completion {
                    delivery,
                    status: counted.status,
                    request,
                    response: counted.response.crossed(),
                    elements: std::mem::take(&mut counted.elements),
                    ..nothing
                },
            }
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Request,
    Response,
}

/// A body that is counted as it crosses.
struct Measured {
    body: Body,
    ticket: Arc<Ticket>,
    of: Of,
    ended: bool,
}

/// The content of a request, counted.
pub(crate) fn request(body: Body, ticket: &Arc<Ticket>) -> Body {
    match body.is_end_stream() {
        true => body,
        false => Measured { body, ticket: Arc::clone(ticket), of: Of::Request, ended: false }.boxed_unsync(),
    }
}

/// An answer, counted: it has begun, and is whole when its last byte has been taken.
pub(crate) fn response(response: Response<Body>, ticket: &Arc<Ticket>) -> Response<Body> {
    let is_empty = response.body().is_end_stream();
    if let Some(account) = ticket.exchange.account() {
        account.counted(|counted| {
            counted.status = Some(response.status().as_u16());
            counted.delivery = if is_empty { Delivery::Whole } else { Delivery::BrokenOff };
        });
    }
    if is_empty {
        return response;
    }
    let ticket = Arc::clone(ticket);
    response.map(|body| Measured { body, ticket, of: Of::Response, ended: false }.boxed_unsync())
}

/// The exchange came to no answer.
pub(crate) fn failed(ticket: &Ticket, code: &'static str) {
    if let Some(account) = ticket.exchange.account() {
        account.failed(code);
    }
}

impl Measured {
    fn account(&self) -> Option<&Account> {
        self.ticket.exchange.account()
    }

    /// The last byte has been taken.
    fn end(&mut self) {
        if !std::mem::replace(&mut self.ended, true)
            && self.of == Of::Response
            && let Some(account) = self.account()
        {
            account.counted(|counted| {
                // What a refusal says is no delivery, however whole it comes.
                if counted.delivery == Delivery::BrokenOff {
                    counted.delivery = Delivery::Whole;
                }
            });
        }
    }
}

impl http_body::Body for Measured {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(data), Some(account)) = (frame.data_ref(), this.account()) {
                    account.counted(|counted| match this.of {
                        Of::Request => counted.request.add(data),
                        Of::Response => counted.response.add(data),
                    });
                }
            }
            Some(Err(_)) => {}
            None => this.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Measured {
    /// Whoever knows the length does not ask for what comes after the last byte.
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.end();
        }
    }
}

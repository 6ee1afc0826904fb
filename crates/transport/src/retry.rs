//! When a request may be sent a second time: only if it is certain that no byte of it has been acted on.
//!
//! Two cases, and no others. (1) The connection ended before the HTTP library took the request from its queue: the
//! library hands the whole request back. (2) HTTP/2, where the other end says so itself: it refused the stream
//! (`REFUSED_STREAM`), or it went away and the stream is above the last one that it will act on (RFC 9113 §8.7), and
//! nothing of the body has been taken.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Request;
use http_body::{Body as _, Frame, SizeHint};

use crate::{Body, BoxError, breakable::Breaker};

/// Whether the other end says that it has not acted on the request.
pub(crate) fn was_not_acted_on(error: &hyper::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(http2) = inner.downcast_ref::<h2::Error>() {
            // The library gives a remote GOAWAY as the error of those streams only that are above the last one.
            return http2.is_remote()
                && ((http2.is_reset() && http2.reason() == Some(h2::Reason::REFUSED_STREAM))
                    || (http2.is_go_away() && http2.reason() == Some(h2::Reason::NO_ERROR)));
        }
        source = inner.source();
    }
    false
}

/// The rest of a request whose response is already there: on HTTP/1.1 an extension of the response.
///
/// While the other end takes nothing, the HTTP library does not ask the body for more, and so does not learn that the body
/// has failed. This ends the request nevertheless, with its connection.
#[derive(Clone)]
pub struct Upload {
    breaker: Breaker,
    body: Weak<AtomicU64>,
}

impl Upload {
    /// Breaks the connection off, unless the request has been sent or given up.
    pub fn break_off(&self) {
        if self.body.strong_count() > 0 {
            self.breaker.break_off();
        }
    }
}

/// A body on its way out.
pub(crate) struct Outgoing {
    body: Held,
    /// Counts what the other end has taken; `None` if there is no body.
    taken: Option<Arc<AtomicU64>>,
}

enum Held {
    /// Cannot be had back once it is on its way (HTTP/1.1).
    Direct(Body),
    /// Can be had back through its twin, as long as nothing has been taken from it (HTTP/2).
    Lent(Lent),
}

impl Outgoing {
    pub(crate) fn direct(body: Body) -> Self {
        Self { taken: counter(&body), body: Held::Direct(body) }
    }

    pub(crate) fn lent(body: Body) -> (Self, Lent) {
        let taken = counter(&body);
        let lent = Lent(Arc::new(Mutex::new(State { body, touched: false })));
        (Self { taken, body: Held::Lent(lent.clone()) }, lent)
    }

    /// What ends the body's way out over this connection.
    pub(crate) fn upload(&self, breaker: Breaker) -> Option<Upload> {
        self.taken.as_ref().map(|taken| Upload { breaker, body: Arc::downgrade(taken) })
    }

    /// What counts the frames that have been taken.
    pub(crate) fn taken(&self) -> Option<Arc<AtomicU64>> {
        self.taken.clone()
    }

    /// The body itself. Only right for a body that has never been polled.
    pub(crate) fn into_whole(self) -> Option<Body> {
        match self.body {
            Held::Direct(body) => Some(body),
            Held::Lent(lent) => lent.take_back(),
        }
    }
}

fn counter(body: &Body) -> Option<Arc<AtomicU64>> {
    (!body.is_end_stream()).then(Arc::default)
}

/// The head of a request, to send it again with.
pub(crate) fn head_of<B>(request: &Request<B>) -> Request<()> {
    let mut head = Request::new(());
    head.method_mut().clone_from(request.method());
    head.uri_mut().clone_from(request.uri());
    *head.version_mut() = request.version();
    head.headers_mut().clone_from(request.headers());
    head
}

/// The body of a request that may have to be sent again.
#[derive(Clone)]
pub(crate) struct Lent(Arc<Mutex<State>>);

struct State {
    body: Body,
    touched: bool,
}

impl Lent {
    /// The body, if nothing has been taken from it.
    pub(crate) fn take_back(self) -> Option<Body> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.touched {
            return None;
        }
        state.touched = true;
        Some(std::mem::replace(&mut state.body, crate::empty()))
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.get_mut();
        let polled = match &mut this.body {
            Held::Direct(body) => Pin::new(body).poll_frame(context),
            Held::Lent(lent) => {
                let mut state = lent.0.lock().unwrap_or_else(PoisonError::into_inner);
                let polled = Pin::new(&mut state.body).poll_frame(context);
                state.touched |= polled.is_ready();
                polled
            }
        };
        if let (Poll::Ready(_), Some(taken)) = (&polled, &this.taken) {
            taken.fetch_add(1, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Held::Direct(body) => body.is_end_stream(),
            Held::Lent(lent) => lent.0.lock().unwrap_or_else(PoisonError::into_inner).body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Held::Direct(body) => body.size_hint(),
            Held::Lent(lent) => lent.0.lock().unwrap_or_else(PoisonError::into_inner).body.size_hint(),
        }
    }
}

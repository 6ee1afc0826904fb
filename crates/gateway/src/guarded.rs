//! A body that ends in an error, visibly, when its exchange is broken off.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use verbond_fail_points::fail_point_polled;
use verbond_transport::{Body, BoxError};

use crate::{headers::Reserved, in_flight::Ticket};

/// The exchange was broken off: the reader must not take what it has for the whole.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the exchange was broken off")]
struct BrokenOff;

struct GuardedRequest<B> {
    body: B,
    ticket: Arc<Ticket>,
    reserved: Reserved,
}

/// A request's body under watch, which lasts until it has been sent or dropped, however early the response ends; it is
/// polled only when the next connection takes it. Reserved names are taken off its trailers.
pub(crate) fn request(body: Incoming, ticket: &Arc<Ticket>, reserved: Reserved) -> Body {
    if body.is_end_stream() {
        return verbond_transport::empty();
    }
    GuardedRequest { body, ticket: Arc::clone(ticket), reserved }.boxed_unsync()
}

impl<B> http_body::Body for GuardedRequest<B>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = &mut *self;
        let exchange = &this.ticket.exchange;
        if exchange.poll_broken_request(context) {
            return Poll::Ready(Some(Err(BrokenOff.into())));
        }
        fail_point_polled!("guarded::request-piece", |_| Poll::Ready(Some(Err(BrokenOff.into()))));
        let mut frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        exchange.moved.fetch_add(1, Ordering::Relaxed);
        if let Some(Ok(frame)) = &mut frame {
            let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
            exchange.request_bytes.fetch_add(bytes, Ordering::Relaxed);
            if let Some(trailers) = frame.trailers_mut() {
                this.reserved.strip(trailers);
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct GuardedResponse {
    body: Body,
    ticket: Arc<Ticket>,
}

/// A response's body under watch until it has been delivered or dropped.
pub(crate) fn response(body: Body, ticket: Arc<Ticket>) -> Body {
    if body.is_end_stream() {
        return body;
    }
    GuardedResponse { body, ticket }.boxed_unsync()
}

impl http_body::Body for GuardedResponse {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if self.ticket.exchange.poll_broken_response(context) {
            return Poll::Ready(Some(Err(BrokenOff.into())));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        fail_point_polled!("guarded::response-piece", |_| Poll::Ready(Some(Err(BrokenOff.into()))));
        let exchange = &self.ticket.exchange;
        exchange.moved.fetch_add(1, Ordering::Relaxed);
        if let Some(Ok(frame)) = &frame {
            let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
            exchange.response_bytes.fetch_add(bytes, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;
    use crate::{HeaderChanges, in_flight::tests::ticket};

    /// Two parts; where it is broken off in between, the reader must get an error, never an end.
    fn parts() -> Body {
        let parts = [b"a", b"b"].map(|part| Ok::<_, BoxError>(Frame::data(Bytes::from_static(part))));
        http_body_util::StreamBody::new(futures_util::stream::iter(parts)).boxed_unsync()
    }

    #[tokio::test]
    async fn trailers_forge_nothing() -> Result<(), Box<dyn std::error::Error>> {
        let mut trailers = HeaderMap::new();
        for name in ["x-peer", "x_peer", "x-sum"] {
            trailers.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        let frames = [Ok::<_, BoxError>(Frame::trailers(trailers))];
        let body = http_body_util::StreamBody::new(futures_util::stream::iter(frames));
        let set = vec![(HeaderName::from_static("x-peer"), HeaderValue::from_static("good"))];
        let reserved =
            crate::headers::apply(&mut HeaderMap::new(), HeaderChanges { remove: &[], keep: &[], set });
        let ticket = Arc::new(ticket()?.0);
        let collected = GuardedRequest { body, ticket, reserved }.collect().await;
        let collected = collected.map_err(|error| error.to_string())?;
        let left = collected.trailers().ok_or("no trailers")?;
        assert_eq!(left.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-sum"]);
        Ok(())
    }

    #[tokio::test]
    async fn a_body_that_is_broken_off_ends_in_an_error_in_both_directions()
    -> Result<(), Box<dyn std::error::Error>> {
        for request in [true, false] {
            let (ticket, snapshots) = ticket()?;
            let ticket = Arc::new(ticket);
            let exchange = Arc::clone(&ticket.exchange);
            let mut body = if request {
                let reserved = crate::headers::apply(&mut HeaderMap::new(), HeaderChanges::default());
                // Nothing but the body itself holds the ticket: the response has ended.
                GuardedRequest { body: parts(), ticket, reserved }.boxed_unsync()
            } else {
                response(parts(), ticket)
            };
            assert!(body.frame().await.is_some_and(|frame| frame.is_ok()));
            crate::in_flight::tests::withdraw(&snapshots);
            exchange.broken().await;
            assert!(body.frame().await.is_some_and(|frame| frame.is_err()), "request: {request}");
            assert!(!body.is_end_stream());
        }
        Ok(())
    }
}

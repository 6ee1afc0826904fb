//! The one body type that passes between connections.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use tokio::time::Sleep;

/// Any error of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A streaming body: polled only as fast as its reader takes it.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// A body without content.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is at hand as a whole.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

struct Within<B> {
    body: B,
    until: Pin<Box<Sleep>>,
}

/// A body that ends in an error when it is not whole within the time.
pub(crate) fn within<B>(body: B, time: Duration) -> Body
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    if body.is_end_stream() {
        return empty();
    }
    Within { body, until: Box::pin(tokio::time::sleep(time)) }.boxed_unsync()
}

impl<B> http_body::Body for Within<B>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if self.until.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err("the body took too long to come".into())));
        }
        Pin::new(&mut self.body).poll_frame(context).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
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
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_in_ends_in_an_error_and_one_in_time_does_not() {
        let drip = |pause: u64| {
            let parts = futures_util::stream::unfold(0, move |sent| async move {
                tokio::time::sleep(Duration::from_secs(pause)).await;
                (sent < 10).then(|| (Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"x"))), sent + 1))
            });
            http_body_util::StreamBody::new(Box::pin(parts))
        };
        assert!(within(drip(1), Duration::from_secs(60)).collect().await.is_ok());
        assert!(within(drip(10), Duration::from_secs(60)).collect().await.is_err());
    }
}

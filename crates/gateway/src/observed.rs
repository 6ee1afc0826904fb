//! A body that somebody looks at as it goes by. It is neither held nor changed.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use verbond_transport::{Body, BoxError};

/// Looks at a body.
pub(crate) trait Observer: Send + Unpin + 'static {
    /// These bytes go by.
    fn data(&mut self, data: &[u8]);

    /// The last byte has been taken. Said once; never of a body that broke off, or whose reader went away before.
    fn ended(&mut self);
}

struct Observed<O: Observer> {
    body: Body,
    observer: O,
    ended: bool,
}

/// The body, looked at.
pub(crate) fn observed(body: Body, observer: impl Observer) -> Body {
    Observed { body, observer, ended: false }.boxed_unsync()
}

impl<O: Observer> Observed<O> {
    fn end(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            self.observer.ended();
        }
    }
}

impl<O: Observer> http_body::Body for Observed<O> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.observer.data(data);
                }
            }
            Some(Err(_)) => {}
            None => self.end(),
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

impl<O: Observer> Drop for Observed<O> {
    /// Whoever knows the length does not ask for what comes after the last byte.
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.end();
        }
    }
}

//! A body that somebody looks at as it goes by. It is neither held nor changed.

use std::{
    pin::Pin,
    task::{Context, Poll},
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
    /// It has ended, has broken off, or its reading came to a fault of the program: no end is told any more.
    over: bool,
}

/// The body, looked at.
pub(crate) fn observed(body: Body, observer: impl Observer) -> Body {
    Observed { body, observer, over: false }.boxed_unsync()
}

impl<O: Observer> http_body::Body for Observed<O> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = &mut *self;
        // What is taken from the body and then goes no further, by a fault of the program, did not go by.
        let over = std::mem::replace(&mut this.over, true);
        let polled = Pin::new(&mut this.body).poll_frame(context);
        match &polled {
            Poll::Pending => this.over = over,
            Poll::Ready(Some(Ok(frame))) => {
                this.over = over;
                if let Some(data) = frame.data_ref() {
                    this.observer.data(data);
                }
            }
            Poll::Ready(Some(Err(_))) => {}
            Poll::Ready(None) if over => {}
            Poll::Ready(None) => this.observer.ended(),
        }
        polled
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
        if !self.over && self.body.is_end_stream() {
            self.observer.ended();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::{Arc, Mutex, PoisonError},
        task::ready,
    };

    use futures_util::FutureExt;
    use http_body_util::Full;

    use super::*;

    /// Bytes that went by, and how often the end was told.
    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<(usize, usize)>>);

    impl Seen {
        fn now(&self) -> (usize, usize) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Observer for Seen {
        fn data(&mut self, data: &[u8]) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).0 += data.len();
        }

        fn ended(&mut self) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).1 += 1;
        }
    }

    #[derive(Clone, Copy)]
    enum Then {
        Goes,
        BreaksOff,
        Panics,
    }

    /// Takes a piece from what it has, and then.
    struct Taking(Full<Bytes>, Then);

    impl http_body::Body for Taking {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            let taken = ready!(Pin::new(&mut self.0).poll_frame(context));
            match self.1 {
                Then::Goes => Poll::Ready(taken.map(|frame| frame.map_err(|never| match never {}))),
                Then::BreaksOff => Poll::Ready(Some(Err("it is broken off".into()))),
                Then::Panics => panic!("a fault of the program"),
            }
        }

        fn is_end_stream(&self) -> bool {
            self.0.is_end_stream()
        }
    }

    #[test]
    fn the_end_is_told_of_what_went_by_to_the_last_byte_and_of_nothing_else() {
        for (then, expected) in [(Then::Goes, (6, 1)), (Then::BreaksOff, (0, 0)), (Then::Panics, (0, 0))] {
            for to_the_end in [false, true] {
                let seen = Seen::default();
                let mut body = observed(Taking(Full::from("answer"), then).boxed_unsync(), seen.clone());
                // Whoever knows the length asks for no more than the one piece.
                let read = catch_unwind(AssertUnwindSafe(|| {
                    let _ = body.frame().now_or_never();
                    if to_the_end {
                        let _ = body.frame().now_or_never();
                    }
                }));
                assert_eq!(read.is_err(), matches!(then, Then::Panics));
                drop(body);
                assert_eq!(seen.now(), expected);
            }
        }
        let seen = Seen::default();
        drop(observed(Full::from("answer").map_err(|never| match never {}).boxed_unsync(), seen.clone()));
        assert_eq!(seen.now(), (0, 0));
    }
}

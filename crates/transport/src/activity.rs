//! Whether anything is asked on a connection, and since when not.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep};

use crate::{Body, BoxError};

/// The requests that are open on one connection. Answers to pings are no activity: whoever only gives those may as well
/// connect again.
pub(crate) struct Activity {
    begun: Instant,
    open: AtomicUsize,
    /// Milliseconds after `begun` at which the last request ended.
    quiet_since: AtomicU64,
}

/// One open request, until its response has been sent or dropped.
pub(crate) struct Open(Arc<Activity>);

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { begun: Instant::now(), open: AtomicUsize::new(0), quiet_since: AtomicU64::new(0) })
    }

    pub(crate) fn open(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::AcqRel);
        Open(Arc::clone(self))
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    /// Returns when no request has been open for this long; up to twice as late when the last one ended early in it.
    pub(crate) async fn idle(&self, time: Duration) {
        loop {
            let mut quiet = Duration::ZERO;
            if self.is_idle() {
                let since = Duration::from_millis(self.quiet_since.load(Ordering::Acquire));
                quiet = self.begun.elapsed().saturating_sub(since);
            }
            if quiet >= time {
                return;
            }
            sleep(time.saturating_sub(quiet).max(Duration::from_millis(1))).await;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.quiet_since.store(now, Ordering::Release);
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

struct OpenBody {
    body: Body,
    _open: Open,
}

/// A response's body during which its request counts as open.
pub(crate) fn during(body: Body, open: Open) -> Body {
    if body.is_end_stream() {
        return body;
    }
    OpenBody { body, _open: open }.boxed_unsync()
}

impl http_body::Body for OpenBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

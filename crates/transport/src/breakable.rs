//! A connection that can be broken beneath HTTP.
//!
//! HTTP libraries end a body cleanly when its connection's task is merely dropped; half an upload would then reach the
//! source as a whole one. Broken here, every later read or write is an error, which HTTP passes on as a broken body.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Breaks the connection that it was made with.
#[derive(Clone, Default)]
pub(crate) struct Breaker(Arc<State>);

#[derive(Default)]
struct State {
    broken: AtomicBool,
    driver: AtomicWaker,
    /// Whether the other end takes nothing of what is written to it now.
    blocked: AtomicBool,
    /// How often it began to take something again.
    released: AtomicU64,
}

impl Breaker {
    /// From now on reads and writes fail.
    pub(crate) fn break_off(&self) {
        self.0.broken.store(true, Ordering::Release);
        self.wake();
    }

    /// Has the task that drives the connection polled.
    pub(crate) fn wake(&self) {
        self.0.driver.wake();
    }

    /// Says which task drives the connection; called by it at every poll.
    pub(crate) fn driven_by(&self, context: &Context<'_>) {
        self.0.driver.register(context.waker());
    }

    /// Whether something waits for the other end to take it.
    pub(crate) fn is_blocked(&self) -> bool {
        self.0.blocked.load(Ordering::Relaxed)
    }

    fn is_broken(&self) -> bool {
        self.0.broken.load(Ordering::Acquire)
    }

    fn wrote<R>(&self, outcome: Poll<R>) -> Poll<R> {
        if outcome.is_pending() {
            self.0.blocked.store(true, Ordering::Relaxed);
        } else if self.0.blocked.load(Ordering::Relaxed) {
            self.0.blocked.store(false, Ordering::Relaxed);
            self.0.released.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }

    /// Returns when the other end has taken nothing for this long although there is something for it; up to twice as long
    /// when it took its last byte early in the time.
    pub(crate) async fn stalled(&self, time: Duration) {
        let mut before = None;
        loop {
            tokio::time::sleep(time).await;
            let released = self.0.released.load(Ordering::Relaxed);
            let now = self.0.blocked.load(Ordering::Relaxed).then_some(released);
            if now.is_some() && now == before {
                return;
            }
            before = now;
        }
    }
}

/// How long a closed connection still takes what the other end had under way, and how much of it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 4 * 1024 * 1024;

/// Closing with bytes unread resets the connection, and a reset takes our last answer with it (RFC 9112 §9.6): whoever
/// still sends a body would not get to read why it was refused. So what comes in is thrown away for a moment.
struct Linger {
    until: Pin<Box<tokio::time::Sleep>>,
    left: usize,
}

/// A byte stream with a [`Breaker`].
pub(crate) struct Breakable<T> {
    inner: Option<T>,
    breaker: Breaker,
    lingers: bool,
    linger: Option<Linger>,
}

impl<T> Breakable<T> {
    pub(crate) const fn new(inner: T, breaker: Breaker) -> Self {
        Self { inner: Some(inner), breaker, lingers: false, linger: None }
    }

    /// The end that answers: lets its last answer be read.
    pub(crate) const fn lingering(inner: T, breaker: Breaker) -> Self {
        Self { inner: Some(inner), breaker, lingers: true, linger: None }
    }

    fn stream(&mut self) -> io::Result<&mut T> {
        if self.breaker.is_broken() {
            // Closes the socket, so that the other end notices without waiting for us to finish.
            self.inner = None;
        }
        self.inner
            .as_mut()
            .ok_or_else(|| io::Error::new(io::ErrorKind::ConnectionAborted, "no longer permitted"))
    }
}

impl<T: AsyncRead + Unpin> Breakable<T> {
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut linger = self
            .linger
            .take()
            .unwrap_or_else(|| Linger { until: Box::pin(tokio::time::sleep(LINGER)), left: LINGER_BYTES });
        let mut scratch = [0; 8 * 1024];
        while linger.left > 0 && linger.until.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut scratch);
            let Ok(stream) = self.stream() else { break };
            match Pin::new(stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    linger.left = linger.left.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(_) => break,
                Poll::Pending => {
                    self.linger = Some(linger);
                    return Poll::Pending;
                }
            }
        }
        self.lingers = false;
        Poll::Ready(())
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Breakable<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.stream() {
            Ok(stream) => Pin::new(stream).poll_read(context, buffer),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Breakable<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.stream() {
            Ok(stream) => {
                let outcome = Pin::new(stream).poll_write(context, bytes);
                self.breaker.wrote(outcome)
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.stream() {
            Ok(stream) => {
                let outcome = Pin::new(stream).poll_write_vectored(context, bytes);
                self.breaker.wrote(outcome)
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stream() {
            Ok(stream) => Pin::new(stream).poll_flush(context),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            std::task::ready!(Pin::new(this.stream()?).poll_shutdown(context))?;
        }
        if this.lingers {
            std::task::ready!(this.poll_linger(context));
        }
        Poll::Ready(Ok(()))
    }
}

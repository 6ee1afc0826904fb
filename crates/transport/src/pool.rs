//! Open connections to one target, kept for the next request.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, uri};
use http_body::{Body as _, Frame, SizeHint};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use tokio::time::Instant;
use verbond_trust::CertificateThumbprint;

use crate::{
    BoxError, ClientError, Target,
    dial::{About, Dialler, Sender},
    retry::Outgoing,
};

/// Requests in flight on one HTTP/2 connection before another is opened.
const STREAMS_PER_CONNECTION: usize = 64;

/// The connections to one target.
pub(crate) struct Pool {
    pub(crate) target: Target,
    pub(crate) authority: uri::Authority,
    pub(crate) scheme: uri::Scheme,
    pub(crate) host: HeaderValue,
    idle_connections: usize,
    idle_timeout: Duration,
    state: Mutex<State>,
    /// One HTTP/2 dial at a time: those who wait share its result.
    dialling: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    http1: Vec<(Http1, Instant)>,
    http2: Vec<Http2>,
}

/// A connection on which one request at a time goes.
pub(crate) struct Http1 {
    pub(crate) sender: http1::SendRequest<Outgoing>,
    about: Arc<About>,
}

/// A connection that requests share.
#[derive(Clone)]
pub(crate) struct Http2 {
    pub(crate) sender: http2::SendRequest<Outgoing>,
    about: Arc<About>,
    load: Arc<Load>,
}

/// A connection to send one request on.
pub(crate) enum Ready {
    Http1(Http1),
    Http2(Http2, Stream),
}

/// How busy an HTTP/2 connection is.
struct Load {
    opened: Instant,
    streams: AtomicUsize,
    /// Milliseconds from `opened` to the end of the latest request.
    used: AtomicU64,
}

impl Load {
    fn is_idle_for(&self, time: Duration) -> bool {
        let used = Duration::from_millis(self.used.load(Ordering::Relaxed));
        self.streams.load(Ordering::Relaxed) == 0 && self.opened.elapsed().saturating_sub(used) > time
    }
}

impl Http1 {
    pub(crate) fn about(&self) -> Arc<About> {
        Arc::clone(&self.about)
    }
}

impl Http2 {
    pub(crate) fn about(&self) -> Arc<About> {
        Arc::clone(&self.about)
    }
}

impl Ready {
    pub(crate) fn about(&self) -> Arc<About> {
        match self {
            Self::Http1(connection) => connection.about(),
            Self::Http2(connection, _) => connection.about(),
        }
    }
}

/// Counts a request in flight on an HTTP/2 connection.
pub(crate) struct Stream(Arc<Load>);

impl Stream {
    fn begin(load: &Arc<Load>) -> Self {
        load.streams.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(load))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.used.store(now, Ordering::Relaxed);
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl About {
    /// Whether a request may go over the connection: the other end is still good, and has seen the certificate of ours
    /// that the request needs.
    fn fits(&self, shown: Option<CertificateThumbprint>) -> bool {
        self.shown == shown && self.peer.as_ref().is_none_or(|peer| peer.judge().is_ok())
    }
}

impl Pool {
    pub(crate) fn new(
        target: Target,
        idle_connections: usize,
        idle_timeout: Duration,
    ) -> Result<Self, ClientError> {
        let unusable = || ClientError::Setup(format!("{} cannot be an HTTP authority", target.authority()));
        let text = target.authority();
        let authority = text.parse().map_err(|_| unusable())?;
        let host = HeaderValue::from_str(&text).map_err(|_| unusable())?;
        let scheme = if target.is_secure() { uri::Scheme::HTTPS } else { uri::Scheme::HTTP };
        let state = Mutex::new(State::default());
        let dialling = tokio::sync::Mutex::new(());
        Ok(Self { target, authority, scheme, host, idle_connections, idle_timeout, state, dialling })
    }

    /// An open connection, or a new one. `shown`: the certificate of ours that the other end must have seen.
    pub(crate) async fn ready(
        &self,
        dialler: &Dialler,
        shown: Option<CertificateThumbprint>,
    ) -> Result<Ready, ClientError> {
        if let Some(ready) = self.open(shown) {
            return Ok(ready);
        }
        if shown != dialler.shows() {
            return Err(ClientError::CertificateReplaced);
        }
        let _turn = match self.target.protocol() {
            crate::Protocol::Http1 => None,
            crate::Protocol::Http2 => {
                let turn = tokio::time::timeout(dialler.limits.connect_timeout, self.dialling.lock()).await;
                let turn =
                    turn.map_err(|_| ClientError::ConnectTimeout { authority: self.target.authority() })?;
                if let Some(ready) = self.open(shown) {
                    return Ok(ready);
                }
                Some(turn)
            }
        };
        // Apart: it is larger than all the rest of an exchange, which hardly ever needs it and would carry its room along.
        let (sender, about) = Box::pin(dialler.dial(&self.target)).await?;
        if about.shown != shown {
            return Err(ClientError::CertificateReplaced);
        }
        Ok(match sender {
            Sender::Http1(sender) => Ready::Http1(Http1 { sender, about }),
            Sender::Http2(sender) => {
                let load =
                    Load { opened: Instant::now(), streams: AtomicUsize::new(0), used: AtomicU64::new(0) };
                let connection = Http2 { sender, about, load: Arc::new(load) };
                let stream = Stream::begin(&connection.load);
                self.state().http2.push(connection.clone());
                Ready::Http2(connection, stream)
            }
        })
    }

    /// Lets go of shared connections that have ended.
    pub(crate) fn forget_ended(&self) {
        self.state().http2.retain(|connection| !connection.sender.is_closed());
    }

    fn open(&self, shown: Option<CertificateThumbprint>) -> Option<Ready> {
        self.forget_ended();
        let mut state = self.state();
        let least = state
            .http2
            .iter()
            .filter(|connection| connection.about.fits(shown))
            .map(|connection| (connection.load.streams.load(Ordering::Relaxed), connection))
            .min_by_key(|(streams, _)| *streams);
        if let Some((streams, connection)) = least
            && streams < STREAMS_PER_CONNECTION
        {
            return Some(Ready::Http2(connection.clone(), Stream::begin(&connection.load)));
        }
        // The newest first, so that surplus connections grow old and go.
        let mut place = state.http1.len();
        while place > 0 {
            place -= 1;
            let Some((connection, _)) = state.http1.get(place) else { break };
            if connection.sender.is_closed() {
                state.http1.swap_remove(place);
            } else if connection.sender.is_ready() && connection.about.fits(shown) {
                return Some(Ready::Http1(state.http1.remove(place).0));
            }
        }
        None
    }

    /// Keeps a connection for the next request.
    fn give_back(&self, connection: Http1) {
        if connection.sender.is_closed() {
            return;
        }
        let mut state = self.state();
        if state.http1.len() < self.idle_connections {
            state.http1.push((connection, Instant::now()));
        }
    }

    /// Lets go of what has not been used for long, or cannot be used any more. Returns whether nothing is left.
    pub(crate) fn tidy(&self) -> bool {
        let mut state = self.state();
        state.http1.retain(|(connection, since)| {
            let good = connection.about.peer.as_ref().is_none_or(|peer| peer.judge().is_ok());
            !connection.sender.is_closed() && good && since.elapsed() < self.idle_timeout
        });
        state.http2.retain(|connection| {
            !connection.sender.is_closed() && !connection.load.is_idle_for(self.idle_timeout)
        });
        state.http1.is_empty() && state.http2.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What must happen to the connection when its response has been read.
pub(crate) enum AtEnd {
    GiveBack(Http1, Arc<Pool>),
    Count(#[expect(dead_code, reason = "held for its drop")] Stream),
}

/// The body of a response, which gives its connection back at its end. Dropped earlier, it breaks an HTTP/1.1 connection
/// off, or resets an HTTP/2 stream.
pub(crate) struct ResponseBody {
    body: Incoming,
    at_end: Option<AtEnd>,
}

impl ResponseBody {
    pub(crate) fn new(body: Incoming, at_end: Option<AtEnd>) -> Self {
        let mut this = Self { body, at_end };
        if this.body.is_end_stream() {
            this.end();
        }
        this
    }

    fn end(&mut self) {
        if let Some(AtEnd::GiveBack(connection, pool)) = self.at_end.take() {
            pool.give_back(connection);
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        // Left to the library, the connection would stand for as long as the other end does not take what is still
        // sent to it.
        if let Some(AtEnd::GiveBack(connection, _)) = self.at_end.take() {
            connection.about.breaker().break_off();
        }
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        match &polled {
            None => self.end(),
            Some(Ok(_)) if self.body.is_end_stream() => self.end(),
            Some(Ok(_)) => {}
            Some(Err(_)) => self.at_end = None,
        }
        Poll::Ready(polled.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

//! One accepted connection, from its handshake to its end.

use std::{
    convert::Infallible,
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};
use verbond_domain::Ambient;
use verbond_trust::{
    Usage,
    tls::{PinnedKeys, PrivatePeer},
};

use crate::{
    Body, Connection, Handler, ListenerLimits, PeerConnection, Routes, Security,
    activity::{self, Activity},
    body,
    breakable::{Breakable, Breaker},
    head,
    shares::{Client, Shares},
};

/// Time for a peer whose certificate is no longer good to take leave, before its connection is broken off.
const LEAVE: Duration = Duration::from_secs(2);
/// Longest life of a connection of a client of the organisation's own: it is let in anew, by the anchors of then.
const CERTIFICATE_CONNECTION_LIFE: Duration = Duration::from_secs(600);
/// Longest time between two looks at the clock.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Time for who is refused in the handshake to read why.
const ALERT_READ_WITHIN: Duration = Duration::from_secs(1);
/// A connection on HTTP/2 that does not answer a ping within this time is dead.
const PING: Duration = Duration::from_secs(20);

/// What a listener asks of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drain {
    /// Go on.
    Serve,
    /// Finish what is in flight.
    Finish,
    /// Break off.
    Break,
}

/// What all connections of a listener share.
pub(crate) struct Server {
    security: Security,
    routes: Routes,
    limits: ListenerLimits,
    shares: Arc<Shares>,
    http1: auto::Builder<TokioExecutor>,
    http2: auto::Builder<TokioExecutor>,
    either: auto::Builder<TokioExecutor>,
}

impl Server {
    pub(crate) fn new(security: Security, routes: Routes, limits: ListenerLimits) -> Self {
        let mut either = auto::Builder::new(TokioExecutor::new());
        let header_bytes = limits.head_bytes().max(head::READ);
        either
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_buf_size(header_bytes);
        either
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
            // What a client may have us hold: at most a connection's window times its share of the connections.
            .adaptive_window(false)
            .initial_stream_window_size(256 * 1024)
            .initial_connection_window_size(1024 * 1024)
            .max_frame_size(64 * 1024)
            .max_send_buf_size(256 * 1024);
        Self {
            security,
            routes,
            limits,
            shares: Shares::new(limits.connections),
            http1: either.clone().http1_only(),
            http2: either.clone().http2_only(),
            either,
        }
    }

    pub(crate) async fn connection<T>(
        self: Arc<Self>,
        stream: T,
        mut about: Connection,
        drain: watch::Receiver<Drain>,
    ) where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let breaker = Breaker::default();
        let stream = Breakable::lingering(stream, breaker.clone());
        // Until the client has shown who it is, it counts by its address.
        let mut share = None;
        if let Some(client) = about.remote.and_then(|remote| Client::at(remote.ip())) {
            share = self.shares.take(client);
            if share.is_none() {
                tracing::debug!(remote = ?about.remote, "an address holds its share of the connections");
                return;
            }
        }
        let config = match &self.security {
            Security::None => {
                let Some(handler) = self.routes.find(None) else { return };
                let handler = Arc::clone(handler);
                return self.http(stream, &self.either, handler, (about, None), breaker, drain).await;
            }
            Security::Tls(config) | Security::Private { config, .. } | Security::Mutual { config, .. } => {
                Arc::clone(config)
            }
        };
        let accept = tokio_rustls::TlsAcceptor::from(config).accept(stream).into_fallible();
        let stream = match timeout(self.limits.handshake_timeout, accept).await {
            Ok(Ok(stream)) => stream,
            Ok(Err((error, stream))) => {
                tracing::debug!(%error, "TLS handshake failed");
                let _ = timeout(ALERT_READ_WITHIN, linger(stream)).await;
                return;
            }
            Err(_) => return,
        };
        let (_, tls) = stream.get_ref();
        let Some(handler) = self.routes.find(tls.server_name()).cloned() else {
            tracing::debug!("nobody answers to the host name of the TLS handshake");
            return;
        };
        let chain = tls.peer_certificates().unwrap_or_default();
        let mut private = None;
        match &self.security {
            Security::Mutual { trust, ambient, .. } => {
                let chain = chain.iter().map(|der| der.clone().into_owned()).collect();
                let peer = PeerConnection::new(chain, Usage::Client, Arc::clone(trust), ambient.clone());
                about.peer = Some(peer);
            }
            Security::Private { ambient, pinned, .. } => match PrivatePeer::new(chain, ambient.now()) {
                Ok(peer) => {
                    about.client_certificate = chain.first().map(|der| der.clone().into_owned());
                    private = Some(Private {
                        peer,
                        ambient: ambient.clone(),
                        pinned: pinned.clone(),
                        was_pinned: Arc::default(),
                    });
                }
                Err(refusal) => {
                    tracing::debug!(%refusal, "a client's certificate is not good");
                    return;
                }
            },
            Security::Tls(_) | Security::None => {}
        }
        // Whoever is let in only to become known can make as many certificates as they like: they count by their address.
        let is_stranger = private.as_ref().is_some_and(Private::is_stranger);
        let shown = match (&about.peer, &about.client_certificate) {
            (Some(peer), _) => peer.judge().ok().map(|shown| Client::Participant(shown.participant.clone())),
            (None, Some(certificate)) if !is_stranger => Some(Client::Certificate(certificate.clone())),
            (None, _) => None,
        };
        if let Some(client) = shown {
            share = self.shares.take(client);
            if share.is_none() {
                tracing::warn!(remote = ?about.remote, "a client holds its share of the connections");
                return;
            }
        }
        let builder = if tls.alpn_protocol() == Some(b"h2") { &self.http2 } else { &self.http1 };
        self.http(stream, builder, handler, (about, private), breaker, drain).await;
        drop(share);
    }

    async fn http<T>(
        &self,
        stream: T,
        builder: &auto::Builder<TokioExecutor>,
        handler: Arc<dyn Handler>,
        (about, private): (Connection, Option<Private>),
        breaker: Breaker,
        drain: watch::Receiver<Drain>,
    ) where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let finish = Arc::new(AtomicBool::new(false));
        let activity = Activity::new();
        let supervisor = Supervisor {
            finish: Arc::clone(&finish),
            breaker: breaker.clone(),
            peer: about.peer.clone(),
            private,
            activity: Arc::clone(&activity),
            idle: self.limits.header_timeout,
            stall: self.limits.stall_timeout,
            drain,
        };
        // In a task of its own, so that the many wakings of the connection do not each ask all of its questions.
        let supervision = AbortOnDrop(tokio::spawn(supervisor.run()));
        let service = Service {
            handler,
            routes: self.routes.clone(),
            connection: Arc::new(about),
            activity,
            head_bytes: self.limits.head_bytes(),
        };
        let mut http = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut finishing = false;
        let ended = std::future::poll_fn(|context| {
            breaker.driven_by(context);
            if !finishing && finish.load(Ordering::Acquire) {
                finishing = true;
                http.as_mut().graceful_shutdown();
            }
            http.as_mut().poll(context)
        })
        .await;
        drop(supervision);
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended with an error");
        }
    }
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A client of the organisation's own, and what its connection stands or falls by.
#[derive(Clone)]
struct Private {
    peer: PrivatePeer,
    ambient: Ambient,
    pinned: Option<Arc<PinnedKeys>>,
    /// Whether the client's key has been among the pins since the connection began.
    was_pinned: Arc<AtomicBool>,
}

impl Private {
    /// Whether the listener knows clients by their keys, and not this one.
    fn is_stranger(&self) -> bool {
        self.pinned.as_ref().is_some_and(|pinned| !pinned.current().keys.contains_key(&self.peer.key()))
    }
}

/// Watches over one connection, and says when it must finish or be broken off.
struct Supervisor {
    finish: Arc<AtomicBool>,
    breaker: Breaker,
    peer: Option<PeerConnection>,
    private: Option<Private>,
    activity: Arc<Activity>,
    idle: Duration,
    stall: Duration,
    drain: watch::Receiver<Drain>,
}

impl Supervisor {
    async fn run(self) {
        let (breaker, stall) = (self.breaker.clone(), self.stall);
        tokio::select! {
            () = self.until_the_end() => {}
            () = breaker.stalled(stall) => tracing::debug!("the other end takes nothing: its connection is broken off"),
        }
        breaker.break_off();
    }

    async fn until_the_end(mut self) {
        let must_finish = {
            let peer = self.peer.clone();
            let private = self.private.clone();
            let (activity, breaker) = (Arc::clone(&self.activity), self.breaker.clone());
            let idle = self.idle;
            async move {
                tokio::select! {
                    () = refused(peer) => {}
                    () = old(private.is_some()) => {}
                    () = ended(private) => {}
                    () = idle_for(idle, &activity, &breaker) => {}
                }
            }
        };
        tokio::select! {
            () = must_finish => {}
            drain = self.drain.wait_for(|drain| *drain != Drain::Serve) => {
                if drain.map_or(Drain::Break, |drain| *drain) == Drain::Break {
                    return;
                }
            }
        }
        self.finish.store(true, Ordering::Release);
        self.breaker.wake();
        // Finishing may take as long as the listener lets it, and as long as the certificate is good.
        let (peer, private) = (self.peer.clone(), self.private.clone());
        let (activity, breaker) = (Arc::clone(&self.activity), self.breaker.clone());
        tokio::select! {
            () = async {
                tokio::select! {
                    () = refused(peer) => {}
                    () = ended(private) => {}
                }
                sleep(LEAVE).await;
            } => {}
            () = async {
                sleep(LEAVE).await;
                idle_for(LEAVE, &activity, &breaker).await;
            } => {}
            _ = self.drain.wait_for(|drain| *drain == Drain::Break) => {}
        }
    }
}

/// Closes a refused connection such that the alert arrives: closed with bytes unread, it would be reset, and a reset
/// takes the alert with it. What still comes in is thrown away, up to a bound.
async fn linger<T: AsyncRead + AsyncWrite + Unpin>(mut stream: T) {
    let _ = stream.shutdown().await;
    let mut scratch = [0; 1024];
    for _ in 0..64 {
        if !matches!(stream.read(&mut scratch).await, Ok(1..)) {
            return;
        }
    }
}

async fn refused(peer: Option<PeerConnection>) {
    match peer {
        Some(peer) => {
            let refusal = peer.refused().await;
            tracing::debug!(%refusal, "a peer's certificate is no longer good: its connection is closed");
        }
        None => std::future::pending().await,
    }
}

async fn old(private: bool) {
    match private {
        true => sleep(CERTIFICATE_CONNECTION_LIFE).await,
        false => std::future::pending().await,
    }
}

/// Returns when a client of the organisation's own is no longer let in: its certificate has ended, or its key has been
/// taken from the pins.
async fn ended(private: Option<Private>) {
    let Some(Private { peer, ambient, pinned, was_pinned }) = private else {
        return std::future::pending().await;
    };
    let forgotten = async {
        match pinned {
            Some(pinned) => pinned.forgotten(peer.key(), &was_pinned).await,
            None => std::future::pending().await,
        }
    };
    let expired = async {
        while peer.judge(ambient.now()).is_ok() {
            // Good through its last second. The clock is looked at again in between, in case it is set.
            let left = peer.until().plus_seconds(1).millis_since(ambient.now());
            sleep(LOOK_AGAIN.min(Duration::from_millis(u64::try_from(left).unwrap_or(0).max(1)))).await;
        }
    };
    tokio::select! {
        () = forgotten => tracing::debug!("a person's key is no longer let in: its connection is closed"),
        () = expired => tracing::debug!("a client's certificate has ended: its connection is closed"),
    }
}

/// A connection on which nothing has been asked for this long, and nothing waits to be taken.
async fn idle_for(time: Duration, activity: &Activity, breaker: &Breaker) {
    loop {
        activity.idle(time).await;
        if !breaker.is_blocked() {
            return;
        }
        sleep(time).await;
    }
}

struct Service {
    handler: Arc<dyn Handler>,
    routes: Routes,
    connection: Arc<Connection>,
    activity: Arc<Activity>,
    head_bytes: usize,
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let open = self.activity.open();
        if request.uri().host().is_some_and(|host| self.routes.belongs_elsewhere(host, &self.handler)) {
            let mut response = Response::new(body::empty());
            *response.status_mut() = StatusCode::MISDIRECTED_REQUEST;
            return Answer(Box::pin(std::future::ready(response)));
        }
        if head::bytes(&request) > self.head_bytes {
            let mut response = self.handler.head_too_large();
            if request.version() < Version::HTTP_2 {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            return Answer(Box::pin(std::future::ready(response)));
        }
        let answer = Arc::clone(&self.handler).handle(request, Arc::clone(&self.connection));
        Answer(Box::pin(async move { answer.await.map(|body| activity::during(body, open)) }))
    }
}

/// An answer that cannot fail, in the form that the HTTP library asks.
struct Answer(BoxFuture<'static, Response<Body>>);

impl Future for Answer {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context).map(Ok)
    }
}

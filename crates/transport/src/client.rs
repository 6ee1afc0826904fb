//! Sending requests over pooled connections.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Uri, header::HOST};
use http_body_util::BodyExt;
use rustls_pki_types::CertificateDer;
use tokio::time::timeout;
use verbond_domain::Ambient;
use verbond_fail_points::fail_point;
use verbond_trust::{CertificateThumbprint, IdentityHandle, TrustStore, tls::ClientCredential};

use crate::{
    Body, ClientError, Hosts, Target, client_error,
    dial::{About, Dialler, DiallerTls},
    pool::{AtEnd, Pool, Ready, ResponseBody},
    retry::{self, Outgoing},
};

/// How often a request that has certainly not been acted on is tried on another connection.
const ATTEMPTS: usize = 4;

/// What is needed to dial participants.
#[derive(Clone)]
pub struct PeerTls {
    /// `verbond_trust::tls::client_config` without HTTP/2.
    pub http1: Arc<rustls::ClientConfig>,
    /// The same with HTTP/2.
    pub http2: Arc<rustls::ClientConfig>,
    /// The identity that both present.
    pub identity: Arc<IdentityHandle>,
    /// Who judges, and judges again as long as a connection stands.
    pub trust: Arc<TrustStore>,
    /// The clock to judge by.
    pub ambient: Ambient,
}

/// Bounds of a client.
#[derive(Clone, Copy, Debug)]
pub struct ClientLimits {
    /// Time for name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Time to the head of a response, from the last byte of the request that the other end took.
    pub head_timeout: Duration,
    /// How long an unused connection is kept. Shorter than servers keep theirs, so that they seldom close one in the
    /// moment that it is used again: such a request fails, as it may not be resent.
    pub idle_timeout: Duration,
    /// Unused connections kept per target.
    pub idle_connections: usize,
    /// Bytes in the head of a response.
    pub maximum_header_bytes: usize,
}

impl ClientLimits {
    /// For participants, whose gateways keep connections for a minute or more.
    pub const fn peers() -> Self {
        Self { idle_timeout: Duration::from_secs(20), ..Self::servers() }
    }

    /// For any server: many close an unused connection after five seconds.
    pub const fn servers() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            head_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(4),
            idle_connections: 256,
            maximum_header_bytes: 64 * 1024,
        }
    }
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self::peers()
    }
}

/// Sends requests over pooled connections. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    dialler: Dialler,
    pools: RwLock<HashMap<Target, Arc<Pool>>>,
}

impl Client {
    /// For participants ([`Target::peer`]).
    pub fn peers(tls: PeerTls, hosts: Hosts, limits: ClientLimits) -> Self {
        Self::new(Dialler { hosts, limits, tls: DiallerTls::Peers(tls) })
    }

    /// For sources and other servers ([`Target::server`]); `anchors` are DER certificates for `https`.
    pub fn servers(
        anchors: &[CertificateDer<'static>],
        hosts: Hosts,
        limits: ClientLimits,
    ) -> Result<Self, ClientError> {
        Self::servers_showing(None, anchors, hosts, limits)
    }

    /// As [`Client::servers`], for servers that know this client by a certificate.
    pub fn servers_showing(
        credential: Option<&ClientCredential>,
        anchors: &[CertificateDer<'static>],
        hosts: Hosts,
        limits: ClientLimits,
    ) -> Result<Self, ClientError> {
        let mut roots = rustls::RootCertStore::empty();
        for anchor in anchors {
            roots.add(anchor.clone()).map_err(|error| ClientError::Setup(error.to_string()))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ClientError::Setup(error.to_string()))?
            .with_root_certificates(roots);
        let mut http1 = match credential {
            Some(credential) => builder.with_client_cert_resolver(credential.resolver()),
            None => builder.with_no_client_auth(),
        };
        let mut http2 = http1.clone();
        http1.alpn_protocols = vec![b"http/1.1".to_vec()];
        http2.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let tls = DiallerTls::Servers { http1: Arc::new(http1), http2: Arc::new(http2) };
        Ok(Self::new(Dialler { hosts, limits, tls }))
    }

    fn new(dialler: Dialler) -> Self {
        let every = dialler.limits.idle_timeout.max(Duration::from_millis(500));
        let inner = Arc::new(Inner { dialler, pools: RwLock::new(HashMap::new()) });
        let observed = Arc::downgrade(&inner);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let Some(inner) = observed.upgrade() else { return };
                let mut pools = inner.pools.write().unwrap_or_else(PoisonError::into_inner);
                // One that a request holds is not forgotten, or its connection would be given back to nowhere.
                pools.retain(|_, pool| !pool.tidy() || Arc::strong_count(pool) > 1);
            }
        });
        Self(inner)
    }

    /// Sends a request, of whose URI path and query are used, and returns when the head of the response is there. Sets
    /// `Host` or `:authority` from the target. Never sends a request a second time once any byte of it may have been
    /// acted on.
    pub async fn send(&self, target: &Target, request: Request<Body>) -> Result<Response<Body>, ClientError> {
        self.send_showing(target, request, self.0.dialler.shows()).await.map_err(|(error, _)| error)
    }

    /// As [`Client::send`], over a connection on which we have shown this certificate: what goes along may be bound to
    /// it. With [`ClientError::CertificateReplaced`] the request comes back unsent.
    pub async fn send_showing(
        &self,
        target: &Target,
        mut request: Request<Body>,
        shown: Option<CertificateThumbprint>,
    ) -> Result<Response<Body>, (ClientError, Option<Request<Body>>)> {
        let pool = self.pool(target).map_err(|error| (error, None))?;
        let dialler = &self.0.dialler;
        let mut attempt = 1;
        loop {
            fail_point!("transport::connection", |reason| {
                let authority = target.authority();
                Err((ClientError::Connect { authority, reason }, Some(request)))
            });
            let ready = match pool.ready(dialler, shown).await {
                Ok(ready) => ready,
                Err(error) => return Err((error, Some(request))),
            };
            let about = ready.about();
            let failure = match ready {
                Ready::Http1(connection) => self.send_http1(&pool, connection, request).await,
                Ready::Http2(connection, stream) => self.send_http2(&pool, connection, stream, request).await,
            };
            match failure {
                Ok(response) => {
                    about.answered();
                    return Ok(response);
                }
                Err((error @ ClientError::Broken { .. }, unsent)) => {
                    // Who refuses our certificate says so once the connection stands, and will refuse it again.
                    if let Some(alert) = about.alert(target).await {
                        return Err((alert, unsent));
                    }
                    match unsent {
                        Some(unsent) if attempt < ATTEMPTS => request = unsent,
                        unsent => return Err((error, unsent)),
                    }
                    attempt += 1;
                }
                Err((error, unsent)) => return Err((error, unsent)),
            }
        }
    }

    async fn send_http1(
        &self,
        pool: &Arc<Pool>,
        mut connection: crate::pool::Http1,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, (ClientError, Option<Request<Body>>)> {
        if let Some(path) = request.uri().path_and_query()
            && request.uri().authority().is_some()
        {
            *request.uri_mut() = Uri::from(path.clone());
        }
        *request.version_mut() = http::Version::HTTP_11;
        request.headers_mut().insert(HOST, pool.host.clone());
        let request = request.map(Outgoing::direct);
        let taken = request.body().taken();
        let upload = request.body().upload(connection.about().breaker());
        let sending = connection.sender.try_send_request(request);
        let about = connection.about();
        match self.in_time(pool, taken, outcome(pool, &about, connection, sending)).await {
            Ok((Ok(mut response), connection)) => {
                if let Some(upload) = upload {
                    response.extensions_mut().insert(upload);
                }
                let at_end = connection.map(|connection| AtEnd::GiveBack(connection, Arc::clone(pool)));
                Ok(response.map(|body| ResponseBody::new(body, at_end).boxed_unsync()))
            }
            Ok((Err(mut error), _)) => {
                // Only what the library never took from its queue comes back.
                let unsent = error.take_message().and_then(|request| {
                    let (head, body) = request.into_parts();
                    body.into_whole().map(|body| Request::from_parts(head, body))
                });
                Err((client_error::of_exchange(&pool.target, &error.into_error()), unsent))
            }
            Err(error) => Err((error, None)),
        }
    }

    async fn send_http2(
        &self,
        pool: &Arc<Pool>,
        mut connection: crate::pool::Http2,
        stream: crate::pool::Stream,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, (ClientError, Option<Request<Body>>)> {
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(pool.scheme.clone());
        uri.authority = Some(pool.authority.clone());
        uri.path_and_query = request.uri().path_and_query().cloned();
        if uri.path_and_query.is_none() {
            uri.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
        }
        if let Ok(uri) = Uri::from_parts(uri) {
            *request.uri_mut() = uri;
        }
        *request.version_mut() = http::Version::HTTP_2;
        request.headers_mut().remove(HOST);
        let head = retry::head_of(&request);
        let (parts, body) = request.into_parts();
        let (body, lent) = Outgoing::lent(body);
        let taken = body.taken();
        let request = Request::from_parts(parts, body);
        let sending = connection.sender.try_send_request(request);
        let about = connection.about();
        match self.in_time(pool, taken, outcome(pool, &about, connection, sending)).await {
            Ok((Ok(response), _)) => {
                let at_end = Some(AtEnd::Count(stream));
                Ok(response.map(|body| ResponseBody::new(body, at_end).boxed_unsync()))
            }
            Ok((Err(mut error), _)) => {
                let still_queued = error.take_message().is_some();
                let error = error.into_error();
                let unsent =
                    if still_queued || retry::was_not_acted_on(&error) { lent.take_back() } else { None };
                let unsent = unsent.map(|body| head.map(|()| body));
                Err((client_error::of_exchange(&pool.target, &error), unsent))
            }
            Err(error) => Err((error, None)),
        }
    }

    /// Waits for a head as long as the other end keeps taking bytes of the request.
    async fn in_time<T>(
        &self,
        pool: &Pool,
        taken: Option<Arc<AtomicU64>>,
        sending: impl Future<Output = T>,
    ) -> Result<T, ClientError> {
        let mut sending = std::pin::pin!(sending);
        let mut before = 0;
        loop {
            if let Ok(sent) = timeout(self.0.dialler.limits.head_timeout, sending.as_mut()).await {
                return Ok(sent);
            }
            let now = taken.as_ref().map_or(0, |taken| taken.load(Ordering::Relaxed));
            if now == before {
                return Err(ClientError::HeadTimeout { authority: pool.target.authority() });
            }
            before = now;
        }
    }

    /// Sends a small request and reads the whole response, at most `maximum` bytes, all within `time`.
    pub async fn call(
        &self,
        target: &Target,
        request: Request<Bytes>,
        maximum: usize,
        time: Duration,
    ) -> Result<Response<Bytes>, ClientError> {
        let exchange = async {
            let response = self.send(target, request.map(crate::full)).await?;
            let (head, mut body) = response.into_parts();
            let mut whole = Vec::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| ClientError::Broken {
                    authority: target.authority(),
                    reason: error.to_string(),
                })?;
                let Ok(data) = frame.into_data() else { continue };
                if whole.len().saturating_add(data.len()) > maximum {
                    return Err(ClientError::TooLong { authority: target.authority() });
                }
                whole.extend_from_slice(&data);
            }
            Ok(Response::from_parts(head, Bytes::from(whole)))
        };
        match timeout(time, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ClientError::HeadTimeout { authority: target.authority() }),
        }
    }

    fn pool(&self, target: &Target) -> Result<Arc<Pool>, ClientError> {
        if let Some(pool) = self.0.pools.read().unwrap_or_else(PoisonError::into_inner).get(target) {
            return Ok(Arc::clone(pool));
        }
        let limits = &self.0.dialler.limits;
        let pool = Arc::new(Pool::new(target.clone(), limits.idle_connections, limits.idle_timeout)?);
        let mut pools = self.0.pools.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(pools.entry(target.clone()).or_insert(pool)))
    }
}

/// What became of a request, with its connection unless that has ended.
///
/// A request that is handed over in the very moment in which the connection's task ends stays in the library's queue.
/// Its outcome comes only when nothing is left that could send on the connection.
async fn outcome<C, T>(
    pool: &Pool,
    about: &About,
    connection: C,
    sending: impl Future<Output = T>,
) -> (T, Option<C>) {
    let mut sending = std::pin::pin!(sending);
    tokio::select! {
        biased;
        sent = sending.as_mut() => return (sent, Some(connection)),
        () = about.ended() => {}
    }
    drop(connection);
    pool.forget_ended();
    (sending.await, None)
}

//! Who answers the requests of a connection.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::{Body, BoxError, Connection, body, head_too_large, problem_details};

/// Time for the whole body of a request to a tower service. Those take documents, not streams; who lets one drip in
/// would hold its connection for ever.
const BODY_WITHIN: Duration = Duration::from_secs(60);

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request that came on this connection.
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> BoxFuture<'static, Response<Body>>;

    /// Refuses a request whose head is beyond the listener's bound; handlers with a form of their own for refusals use
    /// that.
    fn head_too_large(&self) -> Response<Body> {
        problem_details(&head_too_large())
    }
}

struct RefusingLargeHeads<F> {
    handler: Arc<dyn Handler>,
    refusal: F,
}

impl<F: Fn() -> Response<Body> + Send + Sync + 'static> Handler for RefusingLargeHeads<F> {
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> BoxFuture<'static, Response<Body>> {
        Arc::clone(&self.handler).handle(request, connection)
    }

    fn head_too_large(&self) -> Response<Body> {
        (self.refusal)()
    }
}

/// The handler, with another form for the refusal of heads beyond the listener's bound.
pub fn refusing_large_heads<F>(handler: Arc<dyn Handler>, refusal: F) -> Arc<dyn Handler>
where
    F: Fn() -> Response<Body> + Send + Sync + 'static,
{
    Arc::new(RefusingLargeHeads { handler, refusal })
}

struct FunctionHandler<F>(F);

impl<F, Fut> Handler for FunctionHandler<F>
where
    F: Fn(Request<Incoming>, Arc<Connection>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response<Body>> + Send + 'static,
{
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> BoxFuture<'static, Response<Body>> {
        Box::pin((self.0)(request, connection))
    }
}

/// A handler from a function.
pub fn handler_fn<F, Fut>(function: F) -> Arc<dyn Handler>
where
    F: Fn(Request<Incoming>, Arc<Connection>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response<Body>> + Send + 'static,
{
    Arc::new(FunctionHandler(function))
}

/// A handler from a tower service, such as an `axum::Router`. Requests carry the extensions `Arc<Connection>` and, on
/// connections among participants, [`crate::PeerConnection`]. A body that is not whole within a minute ends in an error.
pub fn tower_handler<S, F, B>(service: S) -> Arc<dyn Handler>
where
    S: tower_service::Service<Request<Body>, Response = Response<B>, Error = Infallible, Future = F>
        + Clone
        + Send
        + Sync
        + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    handler_fn(move |request: Request<Incoming>, connection| {
        let mut request = request.map(|body| body::within(body, BODY_WITHIN));
        let mut service = service.clone();
        if let Some(peer) = &connection.peer {
            request.extensions_mut().insert(peer.clone());
        }
        request.extensions_mut().insert(connection);
        async move {
            if let Err(never) = std::future::poll_fn(|context| service.poll_ready(context)).await {
                match never {}
            }
            match service.call(request).await {
                Ok(response) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
                Err(never) => match never {},
            }
        }
    })
}

/// Which handler answers on a connection: chosen by the host name that the client asked for in the TLS handshake
/// (server name indication, RFC 6066 §3), so that several services can share one port.
#[derive(Clone, Default)]
pub struct Routes {
    by_name: Vec<(Box<str>, Arc<dyn Handler>)>,
    otherwise: Option<Arc<dyn Handler>>,
}

impl Routes {
    /// One handler for every connection.
    pub fn all(handler: Arc<dyn Handler>) -> Self {
        Self { by_name: Vec::new(), otherwise: Some(handler) }
    }

    /// Adds the handler for connections to this host name.
    #[must_use]
    pub fn name(mut self, host: &str, handler: Arc<dyn Handler>) -> Self {
        self.by_name.push((host.to_ascii_lowercase().into(), handler));
        self
    }

    /// The handler for a connection to `host`; without a matching name, the one for all connections, if there is one.
    pub(crate) fn find(&self, host: Option<&str>) -> Option<&Arc<dyn Handler>> {
        host.and_then(|host| self.named(host)).or(self.otherwise.as_ref())
    }

    /// Whether a request for `host`, on a connection that `handler` answers, belongs to another handler: a client may
    /// reuse a connection for every name that the certificate holds (RFC 9113 §9.1.1), and must then be told that it is
    /// in the wrong place.
    pub(crate) fn belongs_elsewhere(&self, host: &str, handler: &Arc<dyn Handler>) -> bool {
        self.named(host).is_some_and(|other| !Arc::ptr_eq(other, handler))
    }

    fn named(&self, host: &str) -> Option<&Arc<dyn Handler>> {
        self.by_name.iter().find(|(name, _)| name.eq_ignore_ascii_case(host)).map(|(_, handler)| handler)
    }
}

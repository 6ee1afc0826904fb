//! By which way somebody came in, and so who it is.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Extension, Router,
    extract::Request,
    http::header,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use verbond_domain::Actor;
use verbond_transport::Connection;

use super::{Caller, Failure, Shared, absent, failure, router, router_of_part};
use crate::node::Metrics;

/// For the Unix socket: whoever can open it is the operator.
pub fn for_operator(office: Shared) -> Router {
    router(office).layer(Extension(Caller(Actor::Operator)))
}

/// For the Unix socket of a process that runs a part of the node, and that another one administers.
pub fn for_operator_of_part(office: Shared) -> Router {
    router_of_part(office).layer(Extension(Caller(Actor::Operator)))
}

/// For the listener that demands certificates of administration authorities.
pub fn for_certificates(office: Shared) -> Router {
    router(office).layer(middleware::from_fn(by_certificate))
}

/// For a listener that shows figures only.
pub fn metrics_router(metrics: Arc<Metrics>) -> Router {
    let text = async move || {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        ([(header::CONTENT_TYPE, kind)], metrics.text().await)
    };
    Router::new().route("/metrics", get(text)).fallback(async || Failure(absent()).into_response())
}

async fn by_certificate(mut request: Request, next: Next) -> Response {
    let certificate = request
        .extensions()
        .get::<Arc<Connection>>()
        .and_then(|connection| connection.client_certificate.clone());
    let Some(certificate) = certificate else {
        return Failure(failure::refused()).into_response();
    };
    let Some(subject) = verbond_trust::subject(&certificate) else {
        return Failure(failure::refused()).into_response();
    };
    let thumbprint =
        digest(&SHA256, &certificate).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    request.extensions_mut().insert(Caller(Actor::Certificate { subject, thumbprint }));
    next.run(request).await
}

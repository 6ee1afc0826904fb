//! By which way somebody came in, and so who it is.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Extension, Router,
    extract::{Request, State},
    http::header,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use rustls::pki_types::CertificateDer;
use verbond_domain::Actor;
use verbond_transport::Connection;
use verbond_trust::personal::PersonalCertificate;

use super::{
    Caller, Failure, Shared, absent,
    authorization::Capacity,
    failure::{not_enrolled, out_of_date},
    router, router_of_part,
};
use crate::node::Metrics;

/// For the Unix socket: whoever can open it is the operator.
pub fn for_operator(office: Shared) -> Router {
    router(office).layer(Extension(at_the_socket()))
}

/// For the Unix socket of a process that runs a part of the node, and that another one administers.
pub fn for_operator_of_part(office: Shared) -> Router {
    router_of_part(office).layer(Extension(at_the_socket()))
}

fn at_the_socket() -> Caller {
    Caller { actor: Actor::Operator, capacity: Some(Capacity::Socket) }
}

/// For the listener from afar: persons are known by their keys.
pub fn for_persons(office: Shared) -> Router {
    router(Arc::clone(&office)).layer(middleware::from_fn_with_state(office, by_key))
}

/// For a listener that shows figures only.
pub fn metrics_router(metrics: Arc<Metrics>) -> Router {
    let text = async move || {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        ([(header::CONTENT_TYPE, kind)], metrics.text().await)
    };
    Router::new().route("/metrics", get(text)).fallback(async || Failure(absent()).into_response())
}

/// Finds out per request who is at the other end: whoever was disabled meanwhile is nobody from then on, on a standing
/// connection too. Nothing is decided on a picture that cannot be confirmed.
async fn by_key(State(office): State<Shared>, mut request: Request, next: Next) -> Response {
    let certificate = request
        .extensions()
        .get::<Arc<Connection>>()
        .and_then(|connection| connection.client_certificate.clone());
    let Some(certificate) = certificate else {
        return Failure(not_enrolled()).into_response();
    };
    match caller(&office, &certificate) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(failure) => failure.into_response(),
    }
}

fn caller(office: &Shared, certificate: &CertificateDer<'_>) -> Result<Caller, Failure> {
    let snapshot = office.snapshots.current().map_err(|_| Failure(out_of_date()))?;
    let shown = PersonalCertificate::from_der(certificate).map_err(|_| Failure(not_enrolled()))?;
    let key = shown.key.to_string();
    if let Some(person) = snapshot.person_by_key(&key, office.ambient.now()) {
        return Ok(Caller {
            actor: Actor::Person { name: person.name.clone(), thumbprint: key },
            capacity: Some(Capacity::Person(person.roles.clone())),
        });
    }
    let subject = verbond_trust::subject(certificate).ok_or_else(|| Failure(not_enrolled()))?;
    let thumbprint = digest(&SHA256, certificate).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Caller { actor: Actor::Certificate { subject, thumbprint }, capacity: Some(Capacity::Unenrolled) })
}

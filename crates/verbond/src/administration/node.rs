//! The node itself: what it is, how it is, its figures.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use verbond_domain::ParticipantId;

use super::{
    Shared,
    extract::Context,
    failure::{Failure, ProblemDetails},
};
use crate::{
    ambient::rfc_3339,
    node::{HealthView, Reloaded},
};

/// What this node is.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeView {
    /// The participant's identifier.
    pub id: ParticipantId,
    /// The participant's name, from its certificate.
    pub name: String,
    /// The group.
    pub group_id: String,
    /// Version of the program.
    pub version: String,
    /// `sqlite` or `postgres`.
    pub database: String,
    /// Whether this node is a directory of its group.
    pub directory: bool,
    /// `https://host:port` of the manager.
    pub manager_address: String,
    /// `https://host:port` of the inway.
    pub inway_address: Option<String>,
    /// Addresses that the node listens on, by name.
    #[schema(value_type = Object)]
    pub listening: Value,
    /// Files that have changed since the start and are read at a start only.
    pub restart_needed_for: Vec<String>,
    /// Tasks beside the requests that come to a fault of the program again and again, in this process.
    pub failing_tasks: Vec<&'static str>,
    /// The certificate in use.
    pub certificate: CertificateView,
}

/// The certificate in use.
#[derive(Debug, Serialize, ToSchema)]
pub struct CertificateView {
    /// Its subject.
    pub subject: String,
    /// Host names in it.
    pub dns_names: Vec<String>,
    /// Valid from.
    pub not_before: String,
    /// Valid until.
    pub not_after: String,
    /// SHA-256 of the certificate, base64url.
    pub thumbprint: String,
    /// SHA-256 of the public key, hexadecimal.
    pub public_key_thumbprint: String,
}

/// Whether the process runs.
#[utoipa::path(get, path = "/health/live", tag = "node", responses((status = 200, body = HealthView)))]
pub async fn live() -> Json<HealthView> {
    Json(HealthView::live())
}

/// Whether the node can do its work: database reachable and durable, picture current, certificate valid, and no task beside
/// the requests that comes to a fault of the program again and again.
#[utoipa::path(get, path = "/health/ready", tag = "node", responses(
    (status = 200, body = HealthView), (status = 503, body = HealthView)))]
pub async fn ready(State(office): State<Shared>) -> (StatusCode, Json<HealthView>) {
    let health = office.health.look().await;
    let status = if health.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health))
}

/// Figures in the Prometheus text format, without identifiers.
#[utoipa::path(get, path = "/metrics", tag = "node", responses((status = 200, body = String)))]
pub async fn metrics(State(office): State<Shared>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], office.metrics.text().await).into_response()
}

/// This description.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "node", responses((status = 200, body = Object)))]
pub async fn openapi() -> Json<Value> {
    Json(super::openapi())
}

/// What this node is.
#[utoipa::path(get, path = "/v1/node", tag = "node", responses(
    (status = 200, body = NodeView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn show(State(office): State<Shared>) -> Json<NodeView> {
    let rules = office.fsc.rules();
    let identity = office.reloader.identity().current();
    let certificate = &identity.certificate;
    Json(NodeView {
        id: rules.own.clone(),
        name: certificate.organisation.clone(),
        group_id: rules.group_id.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        database: office.store.kind().to_owned(),
        directory: rules.directory,
        manager_address: rules.manager_address.clone(),
        inway_address: rules.inway_address.clone(),
        listening: office.listening.clone(),
        restart_needed_for: office.reloader.restart_needed_for(),
        failing_tasks: office.health.supervisor.failing(),
        certificate: CertificateView {
            subject: certificate.subject.clone(),
            dns_names: certificate.dns_names.clone(),
            not_before: rfc_3339(certificate.not_before),
            not_after: rfc_3339(certificate.not_after),
            thumbprint: certificate.thumbprint.to_string(),
            public_key_thumbprint: certificate.public_key_thumbprint.to_string(),
        },
    })
}

/// Reads trust anchors, certificates and revocation lists again.
#[utoipa::path(post, path = "/v1/reload", tag = "node", responses(
    (status = 200, body = Reloaded),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn reload(
    State(office): State<Shared>,
    Context(context): Context,
) -> Result<Json<Reloaded>, Failure> {
    Ok(Json(office.reloader.reload(&context).await?))
}

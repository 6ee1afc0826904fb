//! The routes under `/verbond/v1`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use verbond_agreement::ActivityReference;
use verbond_application::agreements::{Envelope, Seen};
use verbond_domain::Problem;

use crate::{
    NodeApi, account,
    answer::Refused,
    caller::{Bounded, Caller, PathHash},
    journal,
};

/// Verbond among nodes
#[derive(OpenApi)]
#[openapi(info(
    title = "Verbond among nodes",
    version = "1.0.0",
    description = "What nodes of Verbond tell each other beside the group's protocol: agreements, and what parties \
        state about them. Served on the manager's port behind mutual TLS of the group, under `/verbond/v1`. Whoever \
        calls is the participant of its certificate. Refusals are problem details (RFC 9457). A participant that answers \
        404 to `GET /verbond/v1/agreements` has no node of Verbond: it takes part over the group's protocol alone.",
    license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
))]
struct Description;

/// One version with what has been stated about it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct SharedAgreement {
    /// Hash over the canonical form.
    pub(crate) hash: String,
    /// The canonical form, as text, so that not a byte of it changes.
    pub(crate) document: String,
    /// Statements, in the order in which they came.
    pub(crate) statements: Vec<Envelope>,
}

/// All versions that caller and answerer share.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct SharedAgreements {
    /// Those whose term is not over and that have been offered.
    pub(crate) items: Vec<SharedAgreement>,
}

/// Activities that the caller is about to name in an agreement, and wants this node to read.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadingsAsked {
    /// Where they stand, each as the agreement will name it.
    pub(crate) activities: Vec<ActivityReference>,
}

/// What this node saw there.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Readings {
    /// For each address.
    pub(crate) items: Vec<Seen>,
}

fn described() -> OpenApiRouter<Arc<NodeApi>> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(list))
        .routes(routes!(get_document, put_document))
        .routes(routes!(post_statement))
        .routes(routes!(post_readings))
        .routes(routes!(account::exchanges))
        .routes(routes!(account::half))
        .routes(routes!(account::halves))
        .routes(routes!(journal::keys))
        .routes(routes!(journal::consistency))
        .routes(routes!(journal::witnessed))
}

pub(crate) fn router(node: Arc<NodeApi>) -> Router {
    described().split_for_parts().0.with_state(node)
}

pub(crate) fn openapi() -> serde_json::Value {
    serde_json::to_value(described().into_openapi()).unwrap_or_default()
}

/// The agreements that the caller is a party to, with what has been stated about them.
#[utoipa::path(get, path = "/verbond/v1/agreements", responses(
    (status = 200, description = "those whose term is not over", body = SharedAgreements),
    (status = 401, description = "the certificate cannot be used")))]
async fn list(State(node): State<Arc<NodeApi>>, caller: Caller) -> Result<Json<SharedAgreements>, Refused> {
    let now = node.ambient.now();
    let versions = node.office.shared_with(&caller.context, &caller.participant, now).await?;
    let items = versions.into_iter().map(|version| SharedAgreement {
        hash: version.hash,
        document: version.canonical,
        statements: version.statements.into_iter().map(|(_, envelope)| envelope).collect(),
    });
    Ok(Json(SharedAgreements { items: items.collect() }))
}

/// The document of a version that has been offered: the canonical form, byte for byte, for its parties. The contract that
/// follows from a version names this address, so that a party that runs another program can read what it accepts.
#[utoipa::path(get, path = "/verbond/v1/agreements/{hash}", params(("hash" = String, Path, description = "hash of the document")),
    responses((status = 200, description = "the document", body = String, content_type = "application/json"),
    (status = 401, description = "the certificate cannot be used"),
    (status = 404, description = "nothing that the caller is a party to has been offered under this hash")))]
async fn get_document(
    State(node): State<Arc<NodeApi>>,
    caller: Caller,
    PathHash(hash): PathHash,
) -> Result<Response, Refused> {
    let document = node.office.document_for(&caller.context, &caller.participant, &hash).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], document).into_response())
}

/// A document that the caller is about to offer: the canonical form, byte for byte.
#[utoipa::path(put, path = "/verbond/v1/agreements/{hash}", request_body(content = String, content_type = "application/json"),
    params(("hash" = String, Path, description = "hash over the body")), responses(
    (status = 204, description = "taken in, or known"), (status = 403, description = "the caller is no party"),
    (status = 400, description = "no agreement"), (status = 409, description = "another text has this version number"),
    (status = 422, description = "not of this coalition, or not under its hash")))]
async fn put_document(
    State(node): State<Arc<NodeApi>>,
    caller: Caller,
    PathHash(hash): PathHash,
    Bounded(body): Bounded,
) -> Result<StatusCode, Refused> {
    let version = node.office.receive_document(&caller.context, &body).await?;
    match version.hash == hash {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Refused(other_hash())),
    }
}

/// What the caller, or another party through it, states about a document that has been sent before.
#[utoipa::path(post, path = "/verbond/v1/agreements/{hash}/statements", request_body = Envelope,
    params(("hash" = String, Path, description = "hash of the document")), responses(
    (status = 204, description = "taken in, or known"), (status = 404, description = "the document has not been sent"),
    (status = 409, description = "the step may not follow"),
    (status = 422, description = "the statement does not verify")))]
async fn post_statement(
    State(node): State<Arc<NodeApi>>,
    caller: Caller,
    PathHash(hash): PathHash,
    Bounded(body): Bounded,
) -> Result<StatusCode, Refused> {
    let envelope: Envelope = serde_json::from_slice(&body).map_err(|error| unreadable(&error.to_string()))?;
    node.office.receive_statement(&caller.context, &hash, envelope).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Has this node read activities at their public addresses, without credentials, and tell what it saw: published is what
/// others have read. What stands there is not given on.
#[utoipa::path(post, path = "/verbond/v1/readings", request_body = ReadingsAsked, responses(
    (status = 200, description = "what was seen", body = Readings),
    (status = 422, description = "not the address of a published activity, or too many"),
    (status = 429, description = "the caller has asked too often")))]
async fn post_readings(
    State(node): State<Arc<NodeApi>>,
    caller: Caller,
    Bounded(body): Bounded,
) -> Result<Json<Readings>, Refused> {
    let asked: ReadingsAsked =
        serde_json::from_slice(&body).map_err(|error| unreadable(&error.to_string()))?;
    if !node.asked.admits(&caller.participant, asked.activities.len()) {
        return Err(Refused(too_often()));
    }
    let items = node.office.read_for(&caller.context, asked.activities).await?;
    Ok(Json(Readings { items }))
}

pub(crate) fn too_often() -> Problem {
    Problem::new(
        "READING_TOO_OFTEN",
        429,
        "Deze deelnemer vraagt dit knooppunt te vaak.",
        "this participant asks this node too often",
    )
    .next("Probeer het over een minuut opnieuw.", "try again in a minute")
}

fn other_hash() -> Problem {
    Problem::new(
        "AGREEMENT_HASH",
        422,
        "De hash in het pad is niet die van het document.",
        "the hash in the path is not that of the document",
    )
    .next("Stuur het document naar zijn eigen hash.", "send the document to its own hash")
}

pub(crate) fn unreadable(what: &str) -> Problem {
    Problem::new(
        "REQUEST_UNREADABLE",
        400,
        format!("Het bericht kan niet worden gelezen: {what}"),
        format!("the message cannot be read: {what}"),
    )
    .next(
        "Zie de beschrijving van de interface tussen knooppunten.",
        "see the description of the interface among nodes",
    )
}

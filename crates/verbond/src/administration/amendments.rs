//! Later versions of agreements: drafted from the one that runs, and compared.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use verbond_agreement::{Agreement, Change, EntryName, Moment};
use verbond_domain::{Timestamp, TransactionId};

use super::{
    Shared,
    agreements::AgreementView,
    extract::{Body, Context, Named, Query},
    failure::{Failure, ProblemDetails, unreadable},
};

/// What a version is compared with.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Since {
    /// Hash of the other version; without it, the one that this version replaces.
    pub since: Option<String>,
}

/// What changed between two versions, and who stands behind each.
#[derive(Debug, Serialize, ToSchema)]
pub struct DifferenceView {
    /// The earlier version.
    pub before: AgreementView,
    /// The later version.
    pub after: AgreementView,
    /// What changed.
    pub changes: Vec<Change>,
}

/// An amendment to be drafted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Amendment {
    /// The changed text, whole; without it, the present one. Version and `replaces` are filled in.
    #[schema(value_type = Option<Agreement>)]
    pub document: Option<serde_json::Value>,
    /// When it takes over; without it, the beginning of the text's term if that is still to come, else a day from now.
    pub from: Option<Moment>,
}

/// What a refusal lacked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FromRefusal {
    /// The operation that was meant, by its name in the service's description: a record does not hold its path.
    pub operation: Option<EntryName>,
    /// When the amendment takes over; without it, a day from now.
    pub from: Option<Moment>,
}

/// Drafts an amendment from a refusal: the agreed text, with what was missing filled in as the recorded decision says.
#[utoipa::path(post, path = "/v1/refusals/{transaction}/amendments", tag = "agreements",
    params(("transaction" = String, Path)), request_body = FromRefusal, responses((status = 200, body = AgreementView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn amend_from_refusal(
    State(office): State<Shared>,
    Context(context): Context,
    Named(transaction): Named<TransactionId>,
    Body(FromRefusal { operation, from }): Body<FromRefusal>,
) -> Result<Json<AgreementView>, Failure> {
    let version =
        office.agreements.amend_from_refusal(&context, transaction, operation.as_ref(), from).await?;
    Ok(Json(AgreementView::of(version, context.ambient.now())))
}

/// What changed from one version to another.
#[utoipa::path(get, path = "/v1/agreements/{hash}/changes", tag = "agreements", params(("hash" = String, Path), Since),
    responses((status = 200, body = DifferenceView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn changes(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
    Query(Since { since }): Query<Since>,
) -> Result<Json<DifferenceView>, Failure> {
    let difference = office.agreements.difference(&context, &hash, since.as_deref()).await?;
    let now: Timestamp = context.ambient.now();
    Ok(Json(DifferenceView {
        before: AgreementView::of(difference.before, now),
        after: AgreementView::of(difference.after, now),
        changes: difference.changes,
    }))
}

/// Drafts the next version of a running agreement. Once all have signed it, it takes over at the first moment of its term.
#[utoipa::path(post, path = "/v1/agreements/{hash}/amendments", tag = "agreements", params(("hash" = String, Path)),
    request_body = Amendment, responses((status = 200, body = AgreementView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn amend(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
    Body(Amendment { document, from }): Body<Amendment>,
) -> Result<Json<AgreementView>, Failure> {
    let text = document.map(|document| serde_json::to_vec(&document)).transpose();
    let text = text.map_err(|error| unreadable(&error.to_string()))?;
    let version = office.agreements.amend(&context, &hash, text.as_deref(), from).await?;
    Ok(Json(AgreementView::of(version, context.ambient.now())))
}

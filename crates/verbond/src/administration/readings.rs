//! What nodes have read at the addresses that agreements name.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use verbond_domain::ParticipantId;
use verbond_store::readings::ReadingRow;

use super::{
    Shared,
    extract::{Context, Named},
    failure::{Failure, ProblemDetails},
    views::List,
};
use crate::ambient::rfc_3339;

/// The last look of one node at one address.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadingView {
    /// `activity` or `algorithm`.
    pub kind: String,
    /// The address.
    pub url: String,
    /// Whose node looked.
    pub reader: ParticipantId,
    /// `read`; `closed`: only who has credentials is answered; `nothing`: nothing that could be read.
    pub outcome: String,
    /// Hash over the canonical form of what was read.
    pub hash: Option<String>,
    /// When.
    pub read_at: String,
}

impl From<ReadingRow> for ReadingView {
    fn from(row: ReadingRow) -> Self {
        let ReadingRow { kind, url, reader, outcome, content_hash, at, .. } = row;
        Self { kind, url, reader, outcome, hash: content_hash, read_at: rfc_3339(at) }
    }
}

/// What nodes have read at the addresses that a version names, as it was written down.
#[utoipa::path(get, path = "/v1/agreements/{hash}/readings", tag = "agreements", params(("hash" = String, Path)),
    responses((status = 200, body = List<ReadingView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
) -> Result<Json<List<ReadingView>>, Failure> {
    Ok(Json(List::whole(office.agreements.readings(&context, &hash).await?)))
}

/// Reads anew what stands at the addresses that a version names, here and at the other parties' nodes.
#[utoipa::path(post, path = "/v1/agreements/{hash}/readings", tag = "agreements", params(("hash" = String, Path)),
    responses((status = 200, body = List<ReadingView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn read(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
) -> Result<Json<List<ReadingView>>, Failure> {
    Ok(Json(List::whole(office.agreements.read_sources(&context, &hash).await?)))
}

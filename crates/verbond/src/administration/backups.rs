//! Backups of the node, made in the directories that its configuration names: nobody from afar says where.

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Shared,
    extract::{Body, Context},
    failure::{Failure, ProblemDetails},
};
use crate::backup::MadeBackup;

/// A backup to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBackup {
    /// Whether the node's own private keys go into the file with the keys.
    #[serde(default)]
    private_keys: bool,
}

/// Makes a backup while exchanges go on: data and keys in two files on the node's machine. Answers when both are whole.
#[utoipa::path(post, path = "/v1/backups", tag = "node", request_body = NewBackup, responses(
    (status = 200, body = MadeBackup),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn make(
    State(office): State<Shared>,
    Context(context): Context,
    Body(NewBackup { private_keys }): Body<NewBackup>,
) -> Result<Json<MadeBackup>, Failure> {
    Ok(Json(office.backups.make(&context, private_keys).await?))
}

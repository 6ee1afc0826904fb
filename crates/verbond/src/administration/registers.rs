//! Registers: legal grounds, processing activities, described services, assessments, algorithms.

use axum::{Json, body::Bytes, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use verbond_agreement::{EntryName, RegisterContent, RegisterKind};
use verbond_application::{
    confirmation,
    registers::{self, RegisterEntry},
};
use verbond_domain::Actor;

use super::{
    extract::{Body, Context, Named, NamedPair},
    failure::{Failure, ProblemDetails},
    views::List,
};
use crate::ambient::rfc_3339;

/// One version of an entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct RegisterEntryView {
    /// Which register.
    pub register: RegisterKind,
    /// The entry's name.
    pub name: EntryName,
    /// Counts from 1.
    pub version: u32,
    /// Hash over the canonical form of what it says.
    pub hash: String,
    /// Hash over what is published of it, by which agreements pin it; absent: it is not published.
    pub published_hash: Option<String>,
    /// What it says.
    pub content: RegisterContent,
    /// Who wrote it.
    pub author: Actor,
    /// When it was written.
    pub created_at: String,
    /// When it ended: withdrawn, or followed by the next version.
    pub ended_at: Option<String>,
}

impl From<RegisterEntry> for RegisterEntryView {
    fn from(entry: RegisterEntry) -> Self {
        let RegisterEntry { register, name, version, content, hash, author, created_at, ended_at } = entry;
        let published = content.published(&name).ok().flatten();
        let published_hash = published.map(|(_, hash)| hash.to_string());
        let (created_at, ended_at) = (rfc_3339(created_at), ended_at.map(rfc_3339));
        Self { register, name, version, hash, published_hash, content, author, created_at, ended_at }
    }
}

/// Why an entry ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    /// Why.
    pub reason: String,
}

/// The newest version of each entry of a register.
#[utoipa::path(get, path = "/v1/registers/{register}", tag = "registers", params(("register" = RegisterKind, Path)),
    responses((status = 200, body = List<RegisterEntryView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(
    Context(context): Context,
    Named(register): Named<RegisterKind>,
) -> Result<Json<List<RegisterEntryView>>, Failure> {
    Ok(Json(List::whole(registers::list(&context, register).await?)))
}

/// All versions of an entry, the newest first.
#[utoipa::path(get, path = "/v1/registers/{register}/{name}", tag = "registers",
    params(("register" = RegisterKind, Path), ("name" = EntryName, Path)),
    responses((status = 200, body = List<RegisterEntryView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn versions(
    Context(context): Context,
    NamedPair(register, name): NamedPair<RegisterKind, EntryName>,
) -> Result<Json<List<RegisterEntryView>>, Failure> {
    Ok(Json(List::whole(registers::versions(&context, register, &name).await?)))
}

/// Writes an entry, or its next version. The same text once more is the version that stands.
#[utoipa::path(put, path = "/v1/registers/{register}/{name}", tag = "registers",
    params(("register" = RegisterKind, Path), ("name" = EntryName, Path)), request_body = RegisterContent,
    responses((status = 200, body = RegisterEntryView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn put(
    Context(context): Context,
    NamedPair(register, name): NamedPair<RegisterKind, EntryName>,
    content: Bytes,
) -> Result<Json<RegisterEntryView>, Failure> {
    Ok(Json(registers::put(&context, register, &name, &content).await?.into()))
}

/// Ends an entry: nothing new may rest on it.
#[utoipa::path(post, path = "/v1/registers/{register}/{name}/end", tag = "registers",
    params(("register" = RegisterKind, Path), ("name" = EntryName, Path)), request_body = Ending,
    responses((status = 204),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn end(
    Context(context): Context,
    NamedPair(register, name): NamedPair<RegisterKind, EntryName>,
    Body(ending): Body<Ending>,
) -> Result<StatusCode, Failure> {
    registers::end(&context, register, &name, &ending.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Stands behind an entry that somebody else has written down, with one's own credential.
#[utoipa::path(post, path = "/v1/registers/{register}/{name}/confirmation", tag = "registers",
    params(("register" = RegisterKind, Path), ("name" = EntryName, Path)),
    responses((status = 204),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn confirm(
    Context(context): Context,
    NamedPair(register, name): NamedPair<RegisterKind, EntryName>,
) -> Result<StatusCode, Failure> {
    confirmation::confirm(&context, register, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! The registers that everybody may read: processing activities and algorithms.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use verbond_agreement::{EntryName, RegisterKind};
use verbond_application::publication::{self, Publication};

use super::Counter;
use crate::{
    administration::{Failure, List, absent},
    ambient::rfc_3339,
};

/// A version of an entry: what it is called, and where it can be read.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    register: RegisterKind,
    name: EntryName,
    version: u32,
    /// Hash over the canonical form of what stands at the address.
    hash: String,
    /// Where it stands; without the configured address, the path on this listener.
    url: String,
    created_at: String,
    ended_at: Option<String>,
}

impl Listed {
    fn of(publication: &Publication, counter: &Counter) -> Self {
        Self {
            register: publication.register(),
            name: publication.name().clone(),
            version: publication.version(),
            hash: publication.hash.clone(),
            url: format!("{}{}", counter.address.as_deref().unwrap_or_default(), publication.path()),
            created_at: rfc_3339(publication.created_at()),
            ended_at: publication.ended_at().map(rfc_3339),
        }
    }
}

/// The newest version of each entry of a register.
pub(super) async fn list(
    State(counter): State<Arc<Counter>>,
    Path(register): Path<String>,
) -> Result<Json<List<Listed>>, Failure> {
    let register = public(&register)?;
    let published = publication::list(&counter.store, register).await?;
    Ok(Json(List { items: published.iter().map(|one| Listed::of(one, &counter)).collect(), next: None }))
}

/// All versions of an entry.
pub(super) async fn versions(
    State(counter): State<Arc<Counter>>,
    Path((register, name)): Path<(String, String)>,
) -> Result<Json<List<Listed>>, Failure> {
    let published = read(&counter, &register, &name).await?;
    Ok(Json(List { items: published.iter().map(|one| Listed::of(one, &counter)).collect(), next: None }))
}

/// One version, byte for byte what is hashed.
pub(super) async fn version(
    State(counter): State<Arc<Counter>>,
    Path((register, name, version)): Path<(String, String, String)>,
) -> Result<Response, Failure> {
    let published = read(&counter, &register, &name).await?;
    let one = published.into_iter().find(|one| one.version().to_string() == version).ok_or_else(absent)?;
    // What was once agreed on can still be read; whoever is about to agree on it sees that it has gone.
    let status = if one.is_withdrawn() { StatusCode::GONE } else { StatusCode::OK };
    Ok((status, [(header::CONTENT_TYPE, "application/json")], one.bytes).into_response())
}

async fn read(counter: &Counter, register: &str, name: &str) -> Result<Vec<Publication>, Failure> {
    let (register, name) = (public(register)?, name.parse::<EntryName>().map_err(|_| absent())?);
    let published = publication::versions(&counter.store, register, &name).await?;
    // What is not published and what there is not look the same.
    if published.is_empty() { Err(absent().into()) } else { Ok(published) }
}

/// A register that is there to be read.
fn public(register: &str) -> Result<RegisterKind, Failure> {
    match register.parse() {
        Ok(register @ (RegisterKind::Activity | RegisterKind::Algorithm)) => Ok(register),
        _ => Err(absent().into()),
    }
}

//! The agreements of this participant, for everybody.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use verbond_application::database_problem;
use verbond_store::StoreError;

use super::Counter;
use crate::administration::Failure;

/// Agreements of one answer, unless asked otherwise, and at most.
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 200;

/// Which page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// `next` of the answer before: the hash of the last one of it.
    cursor: Option<String>,
    /// How many.
    limit: Option<usize>,
}

/// The agreements that all parties have signed, page by page.
pub(super) async fn list(
    State(counter): State<Arc<Counter>>,
    page: Result<Query<Page>, QueryRejection>,
    fields: HeaderMap,
) -> Result<Response, Failure> {
    let Query(page) = page?;
    let (after, limit) = (page.cursor.as_deref(), page.limit.unwrap_or(PAGE).clamp(1, LARGEST_PAGE));
    let now = counter.ambient.now();
    let shown = counter.agreements.page(&counter.store, after, limit, now).await?;
    let body = serde_json::to_vec(&shown).unwrap_or_default();
    let tag = tag(&body);
    let known = fields.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let unchanged = known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag);
    let tag = HeaderValue::try_from(tag).map_err(|_| database_problem(StoreError::BadCursor))?;
    // It may be kept and must be asked about: what has ended must not go on to be read as running.
    let fields = [(ETAG, tag), (CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if unchanged {
        return Ok((StatusCode::NOT_MODIFIED, fields).into_response());
    }
    Ok((fields, [(CONTENT_TYPE, "application/json")], body).into_response())
}

/// Strong (RFC 9110, section 8.8.1): over the very bytes.
fn tag(body: &[u8]) -> String {
    let digits =
        digest(&SHA256, body).as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("\"{digits}\"")
}

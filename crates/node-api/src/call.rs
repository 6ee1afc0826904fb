//! Calls the interface among nodes at another participant, over mutual TLS with that participant itself.

use std::time::Duration;

use axum::http::{Method, Request, StatusCode, header};
use bytes::Bytes;
use verbond_domain::ParticipantId;
use verbond_transport::{Client, Protocol, Target};

/// What is asked, and what it may cost.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: &'a str,
    /// JSON, or nothing.
    pub(crate) body: Bytes,
    /// Most bytes read of the answer.
    pub(crate) most: usize,
    /// Time from beginning to end.
    pub(crate) within: Duration,
}

/// Status and body of the answer, whatever the status.
///
/// # Errors
/// Why there is none, fit for a log line.
pub(crate) async fn call(
    peers: &Client,
    participant: &ParticipantId,
    manager: &str,
    asked: Call<'_>,
) -> Result<(StatusCode, Bytes), String> {
    let target = Target::peer(participant.clone(), manager, Protocol::Http1);
    let target = target.map_err(|error| error.to_string())?;
    let mut request = Request::builder().method(asked.method).uri(asked.path);
    if !asked.body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let request = request.body(asked.body).map_err(|error| error.to_string())?;
    let answer = peers.call(&target, request, asked.most, asked.within).await;
    let answer = answer.map_err(|error| error.to_string())?;
    Ok((answer.status(), answer.into_body()))
}

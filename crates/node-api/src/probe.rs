//! Whether a participant speaks the interface among nodes: asked by the listing of agreements, which every node of this
//! program has had from the first version with agreements on.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use bytes::Bytes;
use verbond_application::agreements::Speaks;
use verbond_domain::ParticipantId;
use verbond_transport::Client;

use crate::{
    call::{Call, call},
    courier::told,
    routes::SharedAgreements,
};

/// What is asked for. Documented: a participant that answers 404 here takes part over the group's protocol alone.
pub(crate) const PROBE: &str = "/verbond/v1/agreements";
/// Time for one call.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes read of an answer.
const MAXIMUM_ANSWER: usize = 32 * 1024 * 1024;

/// What a participant shows, and what that says of it. The connection is one of mutual TLS with the participant itself, so
/// that nobody else can say that there is nothing.
///
/// # Errors
/// When it cannot be reached, is another, or answers neither as a node of this program nor 404.
pub(crate) async fn shared(
    peers: &Client,
    participant: &ParticipantId,
    manager: &str,
) -> Result<(Speaks, SharedAgreements), String> {
    let (method, body) = (Method::GET, Bytes::new());
    let asked = Call { method, path: PROBE, body, most: MAXIMUM_ANSWER, within: TIMEOUT };
    let (status, answer) = call(peers, participant, manager, asked).await?;
    match status {
        StatusCode::NOT_FOUND => Ok((Speaks::Nothing, SharedAgreements { items: Vec::new() })),
        StatusCode::OK => {
            let shared = serde_json::from_slice(&answer);
            Ok((Speaks::Verbond, shared.map_err(|_| "its agreements cannot be read".to_owned())?))
        }
        status => Err(told(status, &answer)),
    }
}

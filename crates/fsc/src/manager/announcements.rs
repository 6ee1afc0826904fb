//! `PUT /v1/announce`.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};

use super::{caller::Sender, failures::Refused};
use crate::FscNode;

pub(super) async fn put(State(node): State<Arc<FscNode>>, sender: Sender) -> Result<StatusCode, Refused> {
    node.receive_announcement(sender.certificate(), sender.address()).await?;
    Ok(StatusCode::OK)
}

//! `GET /v1/.well-known/jwks.json`.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::Value;
use verbond_trust::jwk;

use super::caller::Caller;
use crate::FscNode;

pub(super) async fn show(State(node): State<Arc<FscNode>>, _caller: Caller) -> Json<Value> {
    Json(jwk::key_set(&node.identity.chains(node.ambient.now())))
}

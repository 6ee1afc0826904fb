//! `POST /v1/token` (FSC Core 2.0.0 §4.4.1.6; refusals in the form of RFC 6749 §5.2).

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{
    caller::{Bounded, Caller},
    failures::Refused,
};
use crate::{FscNode, tokens::NoToken};

/// `Fsc-Manager-Address` is not demanded here: the text does so for every POST, manager.yaml has none for this one.
pub(super) async fn issue(
    State(node): State<Arc<FscNode>>,
    Caller(caller): Caller,
    Bounded(form): Bounded,
) -> Response {
    match node.issue_token(&caller, &form).await {
        Ok(token) => Json(token).into_response(),
        Err(NoToken::Refused(refusal)) => {
            (StatusCode::BAD_REQUEST, Json(Value::Object(refusal.body()))).into_response()
        }
        Err(NoToken::Failed(problem)) => Refused(problem).into_response(),
    }
}

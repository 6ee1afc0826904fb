//! `POST /v1/token` (FSC Core 2.0.0 §4.4.1.6; refusals in the form of RFC 6749 §5.2).

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{
    caller::{Bounded, Caller},
    failures::Refused,
};
use crate::{
    FscNode,
    protocol::{
        error::{ErrorCode, ErrorDomain, body},
        token::TokenErrorCode,
    },
    tokens::NoToken,
};

/// `Fsc-Manager-Address` is not demanded here: the text does so for every POST, manager.yaml has none for this one.
pub(super) async fn issue(
    State(node): State<Arc<FscNode>>,
    caller: Result<Caller, Refused>,
    form: Result<Bounded, Refused>,
) -> Response {
    let (caller, form) = match (caller, form) {
        (Ok(Caller(caller)), Ok(Bounded(form))) => (caller, form),
        (Err(refused), _) | (_, Err(refused)) => return in_both_forms(refused),
    };
    match node.issue_token(&caller, &form).await {
        Ok(token) => Json(token).into_response(),
        Err(NoToken::Refused(refusal)) => {
            (StatusCode::BAD_REQUEST, Json(Value::Object(refusal.body()))).into_response()
        }
        Err(NoToken::Failed(problem)) => in_both_forms(Refused(problem)),
    }
}

/// What is refused for another reason than the request's own parameters: RFC 6749 has no code for it, and the standard
/// demands its form (§4.4.5.1) of every error here. The manager's own form stands in the same object.
fn in_both_forms(refused: Refused) -> Response {
    let problem = refused.0.clone();
    let code = match ErrorCode::parse(problem.code) {
        Some(ErrorCode::PeerCertificateVerificationFailed) => TokenErrorCode::InvalidClient,
        _ => TokenErrorCode::InvalidRequest,
    };
    let mut members = body(ErrorDomain::Manager, &problem);
    members.insert("error".to_owned(), code.as_str().into());
    // Characters that RFC 6749 §5.2 allows.
    let allowed = |character: &char| matches!(character, ' '..='!' | '#'..='[' | ']'..='~');
    let description: String = problem.detail.en.chars().filter(allowed).collect();
    members.insert("error_description".to_owned(), description.into());
    let mut response = refused.into_response();
    if problem.status == StatusCode::PAYLOAD_TOO_LARGE {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        members.insert("status".to_owned(), StatusCode::BAD_REQUEST.as_u16().into());
    }
    *response.body_mut() = Body::from(Value::Object(members).to_string());
    response
}

//! The group-facing manager: FSC Core 2.0.0 §4.4 and Logging 1.1.0 §4 under `/v1`, one file per resource.

mod announcements;
mod caller;
mod contracts;
mod failures;
mod key_set;
mod logs;
mod peers;
mod services;
mod signatures;
mod tokens;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderValue, Response, header},
    middleware::map_response,
    routing::{get, post, put},
};

use crate::FscNode;

/// The routes, to be served behind mutual TLS: every handler that needs the caller asks for [`caller::Caller`].
pub(crate) fn router(node: Arc<FscNode>) -> Router {
    let routes = Router::new()
        .route("/announce", put(announcements::put))
        .route("/contracts", get(contracts::list).post(contracts::submit))
        .route("/contracts/{hash}/accept", put(signatures::accept))
        .route("/contracts/{hash}/reject", put(signatures::reject))
        .route("/contracts/{hash}/revoke", put(signatures::revoke))
        .route("/token", post(tokens::issue))
        .route("/peer", get(peers::own))
        .route("/peers", get(peers::list))
        .route("/services", get(services::list))
        .route("/.well-known/jwks.json", get(key_set::show))
        .route("/logs", get(logs::list))
        .method_not_allowed_fallback(failures::method);
    Router::new().nest("/v1", routes).fallback(failures::route).layer(map_response(not_kept)).with_state(node)
}

/// Nothing that a manager answers may be kept by a cache: contracts end, and tokens are secrets.
async fn not_kept<B>(mut response: Response<B>) -> Response<B> {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

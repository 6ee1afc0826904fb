//! A refusal as an answer.

use http::{HeaderValue, Response, StatusCode, header};
use verbond_domain::Problem;

use crate::{Body, full};

/// The refusal as problem details (RFC 9457).
pub fn problem_details(problem: &Problem) -> Response<Body> {
    let text = serde_json::Value::Object(problem.to_json()).to_string();
    let mut response = Response::new(full(text));
    *response.status_mut() =
        StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

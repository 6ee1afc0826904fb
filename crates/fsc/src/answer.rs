//! Refusals in the form of FSC's ports: the error object with the members of RFC 9457 in it, the code in a header too.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;
use verbond_domain::Problem;
use verbond_transport::{Body, full};

use crate::protocol::error::{ERROR_CODE_HEADER, ErrorCode, ErrorDomain, body};

/// The refusal as a response.
pub(crate) fn refusal(domain: ErrorDomain, problem: &Problem) -> Response<Body> {
    let object = Value::Object(body(domain, problem)).to_string();
    let mut response = Response::new(full(object));
    *response.status_mut() =
        StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ERROR_CODE_HEADER, HeaderValue::from_static(problem.code));
    if let Some(seconds) = problem.retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if let Some(challenge) = ErrorCode::parse(problem.code).and_then(ErrorCode::challenge) {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

/// The same words under a code of the standard.
pub(crate) fn under(code: ErrorCode, problem: Problem) -> Problem {
    Problem { code: code.as_str(), status: code.status(), ..problem }
}

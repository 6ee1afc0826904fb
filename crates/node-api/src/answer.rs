//! Refusals as RFC 9457 problem details.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use verbond_domain::Problem;
use verbond_transport::problem_details;

/// A problem on its way to the caller.
pub(crate) struct Refused(pub(crate) Problem);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        problem_details(&self.0).map(Body::new)
    }
}

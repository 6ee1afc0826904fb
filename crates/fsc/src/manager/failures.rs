//! Refusals of the manager's port.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use verbond_domain::Problem;

use super::caller::Caller;
use crate::{answer::refusal, protocol::error::ErrorDomain};

/// A refusal that a handler returns.
#[derive(Debug)]
pub(super) struct Refused(pub Problem);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        refusal(ErrorDomain::Manager, &self.0).map(Body::new)
    }
}

/// No such path.
pub(super) async fn route(_caller: Caller) -> Refused {
    Refused(
        Problem::new(
            "NOT_FOUND",
            404,
            "Deze manager heeft dit pad niet.",
            "this manager does not have this path",
        )
        .next(
            "Gebruik de paden van FSC Core 2.0.0 en Logging 1.1.0, onder /v1.",
            "use the paths of FSC Core 2.0.0 and Logging 1.1.0, under /v1",
        ),
    )
}

/// No such method on this path.
pub(super) async fn method(_caller: Caller) -> Refused {
    Refused(
        Problem::new(
            "METHOD_NOT_ALLOWED",
            405,
            "Dit pad kent deze methode niet.",
            "this path does not have this method",
        )
        .next(
            "Gebruik de methode die FSC Core 2.0.0 voorschrijft.",
            "use the method that FSC Core 2.0.0 prescribes",
        ),
    )
}

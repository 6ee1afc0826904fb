//! Answers that say no: RFC 9457 problem details.

use axum::{
    Json,
    extract::rejection::{BytesRejection, PathRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use verbond_domain::Problem;

/// A problem on its way to whoever asked.
#[derive(Debug)]
pub struct Failure(pub Problem);

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.0.to_json())).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

/// The answer to whoever may not.
pub fn refused() -> Problem {
    Problem::new("NOT_PERMITTED", 403, "Dit mag u hier niet doen.", "you may not do this here").next(
        "Gebruik de socket in de gegevensmap van het knooppunt, of een certificaat van een beheerautoriteit.",
        "use the socket in the node's data directory, or a certificate of an administration authority",
    )
}

/// Problem details (RFC 9457) with a stable code, both languages, and what to do next.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDetails {
    /// `tag:` URI of the kind of problem.
    #[schema(rename = "type")]
    r#type: String,
    /// The code again, as title.
    title: String,
    /// HTTP status.
    status: u16,
    /// What is the matter, in English.
    detail: String,
    /// What is the matter, in Dutch.
    detail_nl: String,
    /// What to do, in English.
    next: Option<String>,
    /// What to do, in Dutch.
    next_nl: Option<String>,
    /// Stable code.
    code: String,
}

/// A request that cannot be read.
pub fn unreadable(what: &str) -> Problem {
    Problem::new(
        "REQUEST_UNREADABLE",
        400,
        format!("Het verzoek kan niet worden gelezen: {what}"),
        format!("the request cannot be read: {what}"),
    )
    .next("Zie de beschrijving op /v1/openapi.json.", "see the description at /v1/openapi.json")
}

/// Nothing here.
pub fn absent() -> Problem {
    Problem::new("RESOURCE_UNKNOWN", 404, "Dit adres bestaat hier niet.", "there is nothing at this address")
        .next("Zie de beschrijving op /v1/openapi.json.", "see the description at /v1/openapi.json")
}

impl From<PathRejection> for Failure {
    fn from(rejection: PathRejection) -> Self {
        Self(unreadable(&rejection.body_text()))
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self(unreadable(&rejection.body_text()))
    }
}

impl From<BytesRejection> for Failure {
    fn from(rejection: BytesRejection) -> Self {
        Self(unreadable(&rejection.body_text()))
    }
}

/// A method that an address does not have.
pub fn not_allowed() -> Problem {
    Problem::new(
        "METHOD_UNKNOWN",
        405,
        "Dit adres kent deze methode niet.",
        "this address does not have this method",
    )
    .next("Zie de beschrijving op /v1/openapi.json.", "see the description at /v1/openapi.json")
}

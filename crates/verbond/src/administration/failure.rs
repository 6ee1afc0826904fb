//! Answers that say no: RFC 9457 problem details.

use axum::{
    body::Body,
    extract::rejection::{BytesRejection, PathRejection, QueryRejection},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use verbond_domain::{PersonRole, Problem};
use verbond_transport::problem_details;

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
        problem_details(&self.0).map(Body::new)
    }
}

/// The answer to a person, or to whoever opened the socket, who has none of the roles that may.
pub fn refused(allowed: &[PersonRole]) -> Problem {
    let roles = allowed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (nl, en) = match roles.is_empty() {
        true => (
            "Dit mag niemand die hier bekend is.".to_owned(),
            "nobody who is known here may do this".to_owned(),
        ),
        false => (
            format!("Dit mag alleen wie een van deze rollen heeft: {roles}."),
            format!("only who has one of these roles may do this: {roles}"),
        ),
    };
    Problem::new("NOT_PERMITTED", 403, nl, en).next(
        "Zie wie welke rol heeft met `verbond person list`; de socket van het knooppunt is er voor technische handelingen.",
        "see who has which role with `verbond person list`; the node's socket is for technical acts",
    )
}

/// The answer to whoever is not known as a person.
pub fn not_enrolled() -> Problem {
    Problem::new(
        "NOT_PERMITTED",
        403,
        "Uw certificaat is niet van iemand die hier bekend is.",
        "your certificate is of nobody who is known here",
    )
    .next(
        "Vraag de beheerder om `verbond person add NAAM --role ROL` op de machine van het knooppunt, en meld uw sleutel aan \
         met de code: `verbond person enrol --code CODE`.",
        "ask the operator to run `verbond person add NAME --role ROLE` on the node's machine, and enrol your key with the \
         code: `verbond person enrol --code CODE`",
    )
}

/// The node cannot confirm who is known.
pub fn out_of_date() -> Problem {
    Problem::new(
        "PICTURE_OUT_OF_DATE",
        503,
        "Het knooppunt kan nu niet nagaan wie hier bekend is.",
        "the node cannot confirm at present who is known here",
    )
    .next(
        "Kijk op de machine van het knooppunt met `verbond doctor`.",
        "look on the node's machine with `verbond doctor`",
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

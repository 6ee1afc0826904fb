//! What handlers take from a request, each refused with problem details if it cannot be read.

use std::{fmt::Display, str::FromStr, sync::Arc};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::request::Parts,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::IntoParams;
use verbond_agreement::Moment;
use verbond_application::OpContext;
use verbond_domain::{Actor, Problem, Timestamp};
use verbond_transport::Connection;

use super::{
    Shared,
    authorization::Capacity,
    failure::{Failure, not_enrolled, unreadable},
};

/// Who asks; put on every request by the listener that it came in through.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Becomes the author of the act.
    pub actor: Actor,
    /// What they may do; without one, nothing.
    pub capacity: Option<Capacity>,
}

/// The context of a use case, with the caller as its author.
pub struct Context(pub OpContext);

impl FromRequestParts<Shared> for Context {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, office: &Shared) -> Result<Self, Failure> {
        let Some(Caller { actor, .. }) = parts.extensions.get::<Caller>() else {
            return Err(not_enrolled().into());
        };
        Ok(Self(office.context(actor.clone())))
    }
}

/// The certificate with which the caller opened the connection, PEM: possession of its key has been shown.
pub struct ShownCertificate(pub String);

impl<S: Send + Sync> FromRequestParts<S> for ShownCertificate {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        let connection = parts.extensions.get::<Arc<Connection>>();
        let certificate = connection.and_then(|connection| connection.client_certificate.as_ref());
        Ok(Self(pem(certificate.ok_or_else(|| Failure(not_enrolled()))?)))
    }
}

/// RFC 7468.
fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = STANDARD.encode(certificate);
    let mut lines = String::new();
    for (place, character) in text.chars().enumerate() {
        if place % 64 == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    format!("-----BEGIN CERTIFICATE-----{lines}\n-----END CERTIFICATE-----\n")
}

/// The one variable segment of the path.
pub struct Named<T>(pub T);

impl<T: FromStr<Err: Display>, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await?;
        Ok(Self(parsed(&text)?))
    }
}

/// The two variable segments of the path.
pub struct NamedPair<T, U>(pub T, pub U);

impl<T: FromStr<Err: Display>, U: FromStr<Err: Display>, S: Send + Sync> FromRequestParts<S>
    for NamedPair<T, U>
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Path((first, second)) = Path::<(String, String)>::from_request_parts(parts, state).await?;
        Ok(Self(parsed(&first)?, parsed(&second)?))
    }
}

/// Parameters after the question mark.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let axum::extract::Query(value) = axum::extract::Query::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}

/// A parameter that says something: an empty one is as good as none.
pub fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// A moment, if one is given (RFC 3339, whole seconds of UTC).
///
/// # Errors
/// When it is none.
pub fn moment(text: Option<String>) -> Result<Option<Timestamp>, Problem> {
    given(text).map(|text| parsed::<Moment>(&text).map(Moment::timestamp)).transpose()
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let bytes = Bytes::from_request(request, state).await?;
        Ok(Self(serde_json::from_slice(&bytes).map_err(|error| unreadable(&error.to_string()))?))
    }
}

/// Where in a list to begin and how many items to give.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// The `next` of the page before; absent: the first page.
    pub cursor: Option<String>,
    /// Items on the page at most, 1 to 1000; 100 if absent.
    pub limit: Option<i64>,
}

impl Paging {
    /// Where to begin.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref().filter(|cursor| !cursor.is_empty())
    }

    /// How many to give.
    pub fn limit(&self) -> i64 {
        self.limit.unwrap_or(100).clamp(1, 1000)
    }
}

/// Reads a text that came as part of an address.
pub fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| unreadable(&format!("`{}`: {error}", shortened(text))))
}

fn shortened(text: &str) -> String {
    text.chars()
        .take(100)
        .map(|character| if character.is_control() { '\u{fffd}' } else { character })
        .collect()
}

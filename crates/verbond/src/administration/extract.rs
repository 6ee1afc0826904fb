//! What handlers take from a request, each refused with problem details if it cannot be read.

use std::{fmt::Display, str::FromStr};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::request::Parts,
};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::IntoParams;
use verbond_application::OpContext;
use verbond_domain::{Actor, Problem};

use super::{
    Shared,
    failure::{Failure, unreadable},
};

/// Who asks; put on every request by the listener that it came in through.
#[derive(Clone, Debug)]
pub struct Caller(pub Actor);

/// The context of a use case, with the caller as its author.
pub struct Context(pub OpContext);

impl FromRequestParts<Shared> for Context {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, office: &Shared) -> Result<Self, Failure> {
        let Some(Caller(actor)) = parts.extensions.get::<Caller>() else {
            return Err(super::failure::refused().into());
        };
        Ok(Self(office.context(actor.clone())))
    }
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

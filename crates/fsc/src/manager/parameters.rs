//! Query parameters, read tolerantly: unknown ones are passed over, lists may be joined by commas or repeated.

use axum::{extract::FromRequestParts, http::request::Parts};
use url::form_urlencoded;
use verbond_domain::Problem;
use verbond_store::SortOrder;

use super::failures::Refused;

/// Most values in one list.
const MAXIMUM_VALUES: usize = 1000;
/// Entries on a page when the caller does not say (Logging 1.1.0; Core names no number).
const DEFAULT_LIMIT: i64 = 25;
/// Most entries on a page (manager.yaml).
pub(super) const MAXIMUM_LIMIT: i64 = 1000;

/// The parameters of a listing.
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refused> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}

impl Parameters {
    /// One parameter; empty counts as absent.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(key, value)| key == name && !value.is_empty());
        values.next().map(|(_, value)| value.as_str())
    }

    /// A list.
    pub(super) fn list(&self, name: &str) -> Result<Vec<&str>, Refused> {
        let values = self.0.iter().filter(|(key, _)| key == name).flat_map(|(_, value)| value.split(','));
        let values: Vec<&str> = values.map(str::trim).filter(|value| !value.is_empty()).collect();
        if values.len() > MAXIMUM_VALUES { Err(unusable(name)) } else { Ok(values) }
    }

    /// Entries on a page.
    pub(super) fn limit(&self) -> Result<i64, Refused> {
        let Some(text) = self.one("limit") else { return Ok(DEFAULT_LIMIT) };
        let limit = text.parse().ok().filter(|limit| (1..=MAXIMUM_LIMIT).contains(limit));
        limit.ok_or_else(|| unusable("limit"))
    }

    /// `sort_order`; descending unless said otherwise.
    pub(super) fn order(&self) -> Result<SortOrder, Refused> {
        match self.one("sort_order") {
            None | Some("SORT_ORDER_DESCENDING") => Ok(SortOrder::Descending),
            Some("SORT_ORDER_ASCENDING") => Ok(SortOrder::Ascending),
            Some(_) => Err(unusable("sort_order")),
        }
    }

    /// Where the page starts.
    pub(super) fn cursor(&self) -> Option<&str> {
        self.one("cursor")
    }

    /// A Unix time in seconds.
    pub(super) fn seconds(&self, name: &str) -> Result<Option<i64>, Refused> {
        let value = self.one(name).map(str::parse::<i64>).transpose().map_err(|_| unusable(name))?;
        if value.is_some_and(|seconds| seconds < 0) { Err(unusable(name)) } else { Ok(value) }
    }
}

/// A parameter that cannot be used.
pub(super) fn unusable(name: &str) -> Refused {
    Refused(
        Problem::new(
            "PARAMETER_UNUSABLE",
            400,
            format!("De parameter `{name}` is onbruikbaar."),
            format!("the parameter `{name}` cannot be used"),
        )
        .next("Zie manager.yaml van FSC Core 2.0.0.", "see manager.yaml of FSC Core 2.0.0"),
    )
}

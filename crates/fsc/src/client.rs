//! Calls to the managers of other participants: strict in what is sent, tolerant and bounded in what is read.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::form_urlencoded;
use verbond_domain::{ParticipantId, Problem};
use verbond_transport::{Client, ClientError, Protocol, Target};

use crate::{
    address::ManagerAddress,
    protocol::{
        hash::{ContentHash, GrantHash},
        i_json,
        signature::SignatureKind,
        token::TokenRequest,
        wire::{Contracts, Peer, PeerInfo, Peers, ServiceListing, Services, TokenResponse, WireContract},
    },
};

/// Time for one call, answer included.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Time for a token: an application waits for it.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(8);
/// Most bytes read of an answer.
const MAXIMUM_ANSWER: usize = 8 * 1024 * 1024;
/// Entries asked for per page.
const PAGE: usize = 100;
/// Most bytes read of one listing, all its pages together.
const MAXIMUM_LISTING: usize = 32 * 1024 * 1024;
/// Pages read of one listing at most: the other end decides how many there are.
const MAXIMUM_PAGES: usize = 200;

/// Another participant's manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterpart {
    /// Whose manager it must be, by its certificate.
    pub id: ParticipantId,
    /// Where it is.
    pub address: ManagerAddress,
}

/// Why a call brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No answer.
    #[error(transparent)]
    Unreachable(#[from] ClientError),
    /// The manager said no.
    #[error("the manager answered {status}: {code} {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its error code (`Fsc-Error-Code`, `code`, or the `error` of RFC 6749), cleaned; may be empty.
        code: String,
        /// Its words, cleaned and shortened.
        message: String,
    },
    /// The answer is not what the standard says.
    #[error("the manager's answer cannot be read: {0}")]
    Unreadable(String),
}

impl CallError {
    /// Whether repeating the same call is of no use before somebody changes something.
    pub const fn is_permanent(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status >= 400 && *status < 500 && *status != 408 && *status != 429)
    }

    /// What to tell whoever asked for it here.
    pub fn problem(&self, counterpart: &ParticipantId) -> Problem {
        let (code, status) = match self {
            Self::Unreachable(_) => ("PEER_UNREACHABLE", 502),
            Self::Refused { .. } => ("PEER_REFUSED", 502),
            Self::Unreadable(_) => ("PEER_ANSWER_UNREADABLE", 502),
        };
        Problem::new(
            code,
            status,
            format!("De manager van {counterpart} gaf geen bruikbaar antwoord: {self}."),
            format!("the manager of {counterpart} gave no usable answer: {self}"),
        )
        .next(
            "Kijk met `verbond doctor` of de andere partij bereikbaar is, en vraag haar zo nodig naar de reden.",
            "see with `verbond doctor` whether the other party can be reached, and ask it for the reason if need be",
        )
    }
}

/// Calls managers over mutual TLS. Cheap to clone.
#[derive(Clone)]
pub struct ManagerClient {
    client: Client,
    own_address: Option<HeaderValue>,
}

impl ManagerClient {
    /// `own_address` goes along as `Fsc-Manager-Address`; empty when this node has no manager.
    pub fn new(client: Client, own_address: &str) -> Self {
        let own_address = Some(own_address).filter(|address| !address.is_empty());
        Self { client, own_address: own_address.and_then(|address| HeaderValue::from_str(address).ok()) }
    }

    /// Announces this participant's manager.
    pub async fn announce(&self, to: &Counterpart) -> Result<(), CallError> {
        self.call(to, Method::PUT, "/v1/announce", "", Bytes::new(), TIMEOUT).await.map(drop)
    }

    /// Submits a contract with our accept signature; `body` is `{content, signature}`.
    pub async fn submit(&self, to: &Counterpart, body: Bytes) -> Result<(), CallError> {
        self.call(to, Method::POST, "/v1/contracts", JSON, body, TIMEOUT).await.map(drop)
    }

    /// Sends our signature over a contract; `body` is `{content, signature}`.
    pub async fn sign(
        &self,
        to: &Counterpart,
        hash: &ContentHash,
        kind: SignatureKind,
        body: Bytes,
    ) -> Result<(), CallError> {
        let path = format!("/v1/contracts/{}/{}", hash.as_str(), kind.as_str());
        self.call(to, Method::PUT, &path, JSON, body, TIMEOUT).await.map(drop)
    }

    /// Asks for an access token.
    pub async fn token(&self, to: &Counterpart, request: &TokenRequest) -> Result<TokenResponse, CallError> {
        let form = Bytes::from(request.to_form());
        let answer = self.call(to, Method::POST, "/v1/token", FORM, form, TOKEN_TIMEOUT).await?;
        read(answer.body())
    }

    /// The JWK set as the manager gives it.
    pub async fn key_set(&self, to: &Counterpart) -> Result<Value, CallError> {
        self.get(to, "/v1/.well-known/jwks.json").await
    }

    /// What the manager says of itself.
    pub async fn peer(&self, to: &Counterpart) -> Result<PeerInfo, CallError> {
        self.get(to, "/v1/peer").await
    }

    /// A page of the contracts that the manager shows us, newest first, and where the next one starts; `None` at the
    /// end. There may be more of them than fit in memory: take one page in before asking for the next.
    pub async fn contracts(
        &self,
        from: &Counterpart,
        cursor: Option<&str>,
    ) -> Result<(Vec<WireContract>, Option<String>), CallError> {
        let limit = PAGE.to_string();
        let mut parameters = vec![("limit", limit.as_str())];
        parameters.extend(cursor.map(|cursor| ("cursor", cursor)));
        let page: Contracts = self.get(from, &format!("/v1/contracts?{}", query(&parameters))).await?;
        let next = page.pagination.next_cursor;
        let ended = page.contracts.is_empty() || next.is_empty() || cursor == Some(&next);
        Ok((page.contracts, if ended { None } else { Some(next) }))
    }

    /// The contracts that hold one of these grants.
    pub async fn contracts_by_grant(
        &self,
        from: &Counterpart,
        grants: &[&GrantHash],
    ) -> Result<Vec<WireContract>, CallError> {
        let hashes: Vec<&str> = grants.iter().map(|hash| hash.as_str()).collect();
        let page: Contracts =
            self.get(from, &format!("/v1/contracts?{}", query(&[("grant_hash", &hashes.join(","))]))).await?;
        Ok(page.contracts)
    }

    /// Services that a directory lists; the filters are joined by OR there.
    pub async fn services(
        &self,
        from: &Counterpart,
        provider: Option<&ParticipantId>,
        name: Option<&str>,
    ) -> Result<Vec<ServiceListing>, CallError> {
        let filters: Vec<(&str, &str)> = provider
            .map(|id| ("peer_id", id.value()))
            .into_iter()
            .chain(name.map(|name| ("service_name", name)))
            .collect();
        self.pages(from, "/v1/services", &filters, |page: Services| {
            (page.services, page.pagination.next_cursor)
        })
        .await
    }

    /// Peers that a directory knows; with ids, those only.
    pub async fn peers(&self, from: &Counterpart, ids: &[&ParticipantId]) -> Result<Vec<Peer>, CallError> {
        let take = |page: Peers| (page.peers, page.pagination.next_cursor);
        if ids.is_empty() {
            return self.pages(from, "/v1/peers", &[], take).await;
        }
        let ids: Vec<&str> = ids.iter().map(|id| id.value()).collect();
        let page: Peers =
            self.get(from, &format!("/v1/peers?{}", query(&[("peer_id", &ids.join(","))]))).await?;
        Ok(page.peers)
    }

    /// The counterpart's log records of these transactions, or its newest ones; as it gives them.
    pub async fn logs(&self, from: &Counterpart, transactions: &[String]) -> Result<Vec<Value>, CallError> {
        let take = |mut page: Value| {
            let cursor = page
                .pointer("/pagination/next_cursor")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            match page.get_mut("records").map(Value::take) {
                Some(Value::Array(records)) => (records, cursor),
                _ => (Vec::new(), cursor),
            }
        };
        if transactions.is_empty() {
            return self.pages(from, "/v1/logs", &[], take).await;
        }
        let path = format!("/v1/logs?{}", query(&[("transaction_ids", &transactions.join(","))]));
        Ok(take(self.get(from, &path).await?).0)
    }

    /// Reads a listing to its end. Some managers give a cursor with every page that holds anything, so the end is an
    /// empty page, an empty cursor, or one that has been seen before.
    async fn pages<P: DeserializeOwned, T>(
        &self,
        from: &Counterpart,
        path: &str,
        filters: &[(&str, &str)],
        take: impl Fn(P) -> (Vec<T>, String),
    ) -> Result<Vec<T>, CallError> {
        let limit = PAGE.to_string();
        let (mut all, mut cursor, mut bytes) = (Vec::new(), String::new(), 0_usize);
        for _ in 0..MAXIMUM_PAGES {
            let mut parameters = vec![("limit", limit.as_str())];
            parameters.extend_from_slice(filters);
            if !cursor.is_empty() {
                parameters.push(("cursor", &cursor));
            }
            let path = format!("{path}?{}", query(&parameters));
            let answer = self.call(from, Method::GET, &path, "", Bytes::new(), TIMEOUT).await?;
            bytes = bytes.saturating_add(answer.body().len());
            if bytes > MAXIMUM_LISTING {
                return Err(CallError::Unreadable(format!("a listing of more than {MAXIMUM_LISTING} bytes")));
            }
            let (items, next) = take(read(answer.body())?);
            let ended = items.is_empty() || next.is_empty() || next == cursor;
            all.extend(items);
            if ended {
                return Ok(all);
            }
            cursor = next;
        }
        Err(CallError::Unreadable(format!("more than {MAXIMUM_PAGES} pages")))
    }

    async fn get<T: DeserializeOwned>(&self, to: &Counterpart, path: &str) -> Result<T, CallError> {
        read(self.call(to, Method::GET, path, "", Bytes::new(), TIMEOUT).await?.body())
    }

    async fn call(
        &self,
        to: &Counterpart,
        method: Method,
        path: &str,
        content_type: &'static str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Response<Bytes>, CallError> {
        let target = Target::peer(to.id.clone(), to.address.as_str(), Protocol::Http1)
            .map_err(|error| CallError::Unreadable(error.to_string()))?;
        let writes = method != Method::GET;
        let mut request = Request::builder().method(method).uri(path).header(header::ACCEPT, JSON);
        if !content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        if let Some(address) = self.own_address.as_ref().filter(|_| writes) {
            request = request.header("fsc-manager-address", address);
        }
        let request = request.body(body).map_err(|error| CallError::Unreadable(error.to_string()))?;
        let answer = self.client.call(&target, request, MAXIMUM_ANSWER, timeout).await?;
        if answer.status().is_success() { Ok(answer) } else { Err(refusal(&answer)) }
    }
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

fn query(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    let tree = i_json::parse_bounded(body, MAXIMUM_ANSWER)
        .map_err(|error| CallError::Unreadable(error.to_string()))?;
    serde_json::from_value(tree).map_err(|error| CallError::Unreadable(error.to_string()))
}

fn refusal(answer: &Response<Bytes>) -> CallError {
    let body: Value = i_json::parse_bounded(answer.body(), 64 * 1024).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let header =
        answer.headers().get("fsc-error-code").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first =
        |texts: [&str; 3]| cleaned(texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default());
    CallError::Refused {
        status: answer.status().as_u16(),
        code: first([header, text("code"), text("error")]),
        message: first([text("message"), text("error_description"), text("detail")]),
    }
}

/// A peer's words, fit for a log line or a terminal: no control characters, not long.
pub(crate) fn cleaned(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_peer_cannot_break_a_line() {
        assert_eq!(cleaned("a\r\nb\u{1b}[31m"), "a  b [31m");
        assert_eq!(cleaned(&"x".repeat(1000)).len(), 300);
    }

    #[test]
    fn a_refusal_is_told_by_whatever_code_there_is() -> Result<(), http::Error> {
        let answer =
            Response::builder().status(422).body(Bytes::from_static(b"{\"error\":\"invalid_scope\"}"))?;
        let refused = refusal(&answer);
        assert!(refused.is_permanent());
        assert_eq!(
            refused,
            CallError::Refused { status: 422, code: "invalid_scope".to_owned(), message: String::new() }
        );
        let overloaded = Response::builder().status(503).body(Bytes::new())?;
        assert!(!refusal(&overloaded).is_permanent());
        Ok(())
    }
}

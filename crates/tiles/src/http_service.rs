//! Requests to an object store over this program's own connections, in the place of an HTTP library that `object_store` would bring.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use http::StatusCode;
use http_body_util::BodyExt;
use object_store::{
    ClientOptions,
    client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService},
};
use verbond_transport::{Client, Target};

use crate::place::LONGEST_FILE;

/// One server that speaks S3's protocol.
#[derive(Clone)]
pub(crate) struct Server {
    pub client: Client,
    pub target: Target,
    /// Time for a whole request and its answer.
    pub time: Duration,
}

/// An answer that is neither yes nor what a conditional request can be answered with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    /// S3's error code, such as `SignatureDoesNotMatch`. Nothing else of the answer is kept: it repeats keys and signed text.
    pub code: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "status {}", self.status.as_u16())?;
        self.code.as_ref().map_or(Ok(()), |code| write!(formatter, " ({code})"))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Server").field(&self.target).finish()
    }
}

impl HttpConnector for Server {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Server {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (head, body) = request.into_parts();
        let request = http::Request::from_parts(head, body.collect().await?.to_bytes());
        let answer = self.client.call(&self.target, request, LONGEST_FILE, self.time).await;
        let answer = answer.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let status = answer.status();
        let is_told =
            matches!(status, StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED);
        if status.is_success() || is_told {
            return Ok(answer.map(Into::into));
        }
        Err(HttpError::new(HttpErrorKind::Unknown, Refusal { status, code: code(answer.body()) }))
    }
}

/// The error code in an answer: `<Error><Code>…</Code>`.
fn code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (code, _) = text.split_once("<Code>")?.1.split_once("</Code>")?;
    let fits = (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    fits.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_only_the_code_is_kept() {
        let body = b"<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AK</AWSAccessKeyId></Error>";
        assert_eq!(code(body).as_deref(), Some("SignatureDoesNotMatch"));
        for other in ["", "<Code>", "<Code></Code>", "<Code>a key=b</Code>", "\u{fffd}"] {
            assert_eq!(code(other.as_bytes()), None, "{other}");
        }
        let refusal = Refusal { status: StatusCode::FORBIDDEN, code: code(body) };
        assert_eq!(refusal.to_string(), "status 403 (SignatureDoesNotMatch)");
    }
}

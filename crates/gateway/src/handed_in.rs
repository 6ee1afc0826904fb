//! What an application hands in of its own processing, where it and not the outway writes the records of a service.

use std::time::Duration;

use http::{HeaderValue, Method, Response, StatusCode, header::CONTENT_TYPE, request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use verbond_application::handed_in::RecordHandedIn;
use verbond_domain::{Problem, TransactionId};
use verbond_store::applications::ApplicationRow;
use verbond_transport::Body;

use crate::Gateway;

/// Below this path records are handed in. No alias of a service has a tilde.
const RECORDS: &str = "/~records/";
/// Most bytes of one record.
const MOST: usize = 16 * 1024;
/// Longest that a record may take to come in.
const WITHIN: Duration = Duration::from_secs(10);

/// The transaction of which a request hands in a record, as it is written in its path; `None`: it asks a service.
pub(crate) fn transaction(head: &request::Parts) -> Option<&str> {
    head.uri.path().strip_prefix(RECORDS)
}

/// Takes a record in, and answers when it is durable.
pub(crate) async fn take_in(
    gateway: &Gateway,
    application: &ApplicationRow,
    (head, body): (&request::Parts, Incoming),
    transaction: &str,
) -> Result<Response<Body>, Problem> {
    if head.method != Method::POST {
        return Err(only_post());
    }
    let transaction: TransactionId = transaction.parse().map_err(|_| not_readable())?;
    let whole = tokio::time::timeout(WITHIN, Limited::new(body, MOST).collect()).await;
    let bytes = whole.map_err(|_| not_readable())?.map_err(|_| not_readable())?.to_bytes();
    let record = RecordHandedIn::read(&bytes)?;
    let entry = gateway.exchanges.take_in(&application.name, transaction, record).await?;
    let written = format!(r#"{{"entry":"{}"}}"#, entry.0);
    let mut response = Response::new(verbond_transport::full(written));
    *response.status_mut() = StatusCode::CREATED;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn only_post() -> Problem {
    Problem::new(
        "RECORD_METHOD",
        405,
        "Een verwerking wordt met POST aangeboden.",
        "a processing record is handed in by POST",
    )
    .next("Stuur haar met POST.", "send it by POST")
}

fn not_readable() -> Problem {
    Problem::new(
        "RECORD_NOT_RECEIVED",
        400,
        "Het pad noemt geen transactienummer, of de verwerking kwam niet heel, niet op tijd of is te groot.",
        "the path names no transaction id, or the record did not come whole, not in time, or is too large",
    )
    .next(
        "Stuur één verwerking van hoogstens 16 KiB naar `/~records/<transactienummer>`.",
        "send one record of at most 16 KiB to `/~records/<transaction id>`",
    )
}

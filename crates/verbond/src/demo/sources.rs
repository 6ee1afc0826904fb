//! The ordinary REST APIs behind the demonstration's organisations: they know nothing of Verbond.
//!
//! All records are made up from a running number; no record describes a person.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// How many made-up people each source holds.
pub const PEOPLE: u32 = 2_000;

/// Serves a source on a free loopback port until the returned handle is dropped.
pub async fn serve(router: Router) -> std::io::Result<Source> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(%error, "a demonstration source has stopped");
        }
    });
    Ok(Source { address, task })
}

/// A running source.
pub struct Source {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Source {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a person's record looks like in one source.
type Record = fn(u32) -> Value;

/// A source with `/{collection}`, `/{collection}/{person}` and an unending `/export`.
fn register(collection: &str, record: Record) -> Router {
    let one = move |Path(person): Path<String>| async move { answer(&person, record) };
    let some = move || async move { Json((1..=20).map(record).collect::<Vec<_>>()) };
    Router::new()
        .route(&format!("/{collection}"), get(some))
        .route(&format!("/{collection}/{{person}}"), get(one))
        .route("/export", get(move || async move { export(record) }))
}

fn answer(person: &str, record: Record) -> Response {
    match number_of(person, PEOPLE) {
        Some(number) => Json(record(number)).into_response(),
        None => nobody(),
    }
}

fn number_of(person: &str, people: u32) -> Option<u32> {
    let number = person.strip_prefix("P-").and_then(|digits| digits.parse::<u32>().ok());
    number.filter(|number| (1..=people).contains(number))
}

fn nobody() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({"message": "no such record"}))).into_response()
}

/// A download of about 6 MB per second that does not end by itself, so that a revocation can be seen to end it.
fn export(record: Record) -> Response {
    let stream = futures_util::stream::unfold(0_u32, move |page| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mut lines = String::with_capacity(130_000);
        for line in 0..1_000 {
            lines.push_str(&record((page * 1_000 + line) % PEOPLE + 1).to_string());
            lines.push('\n');
        }
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(lines)), page + 1))
    });
    ([("content-type", "application/x-ndjson")], Body::from_stream(stream)).into_response()
}

/// The income register: yearly incomes per employer.
pub fn incomes() -> Router {
    register("incomes", |number| {
        json!({
            "person": format!("P-{number:04}"),
            "year": 2025,
            "income": { "amount": 9_000 + (u64::from(number) * 7_919) % 52_000, "currency": "EUR" },
            "employer": format!("Voorbeeldbedrijf {}", number % 37 + 1),
            "hours_per_week": 12 + number % 25,
        })
    })
}

/// How many people the income register is asked about under the agreement.
pub const PENSIONERS: u32 = 3_000;
/// How many more the register knows, about whom can be asked while the agreement changes.
pub const LATER: u32 = 400;

/// The income of a year, in cents: made up, and told apart from all other numbers by its fraction.
pub fn yearly_income(number: u32) -> u64 {
    let number = u64::from(number);
    (9_000 + number * 7_919 % 52_000) * 100 + number * 37 % 100
}

/// An amount as it is written.
pub fn euros(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// What the income register holds on somebody's year.
pub fn yearly(number: u32) -> String {
    let (income, employer) = (euros(yearly_income(number)), number % 37 + 1);
    format!(
        r#"{{"person":"P-{number:04}","year":2025,"income":{{"amount":{income},"currency":"EUR"}},"employer":"Voorbeeldbedrijf {employer}"}}"#
    )
}

/// The income register once more: what people earned in a year. An ordinary interface, that knows of no agreement.
pub fn yearly_incomes() -> Router {
    let one = |Path(person): Path<String>| async move {
        match number_of(&person, PENSIONERS + LATER) {
            Some(number) => ([("content-type", "application/json")], yearly(number)).into_response(),
            None => nobody(),
        }
    };
    Router::new().route("/years/{person}", get(one))
}

/// The pension office: running pensions.
pub fn pensions() -> Router {
    register("pensions", |number| {
        json!({
            "person": format!("P-{number:04}"),
            "kind": if number.is_multiple_of(3) { "supplementary" } else { "state" },
            "monthly_amount": { "amount": 700 + (u64::from(number) * 313) % 900, "currency": "EUR" },
            "built_up_percentage": 40 + number % 61,
            "started_on": format!("20{:02}-{:02}-01", 10 + number % 15, number % 12 + 1),
        })
    })
}

/// The municipality: running arrangements.
pub fn arrangements() -> Router {
    register("arrangements", |number| {
        json!({
            "person": format!("P-{number:04}"),
            "arrangement": match number % 3 { 0 => "debt counselling", 1 => "energy allowance", _ => "special assistance" },
            "status": if number.is_multiple_of(4) { "closed" } else { "running" },
            "since": format!("2025-{:02}-15", number % 12 + 1),
        })
    })
}

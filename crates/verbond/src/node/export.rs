//! Handing processing records on to the organisation's logbook, over OTLP/HTTP.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER},
};
use tokio::sync::Mutex;
use verbond_account::{Export, Logbook, NotTaken, Step};
use verbond_domain::Problem;
use verbond_fail_points::fail_point;
use verbond_transport::ClientLimits;

use super::own_server::OwnServer;
use crate::configuration::Settings;

/// Where OTLP/HTTP has traces, unless the logbook says otherwise.
const DEFAULT_PATH: &str = "/v1/traces";
static JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Most bytes of an answer: a number and a sentence.
const LONGEST_ANSWER: usize = 65_536;

/// Pause when all has been handed on: views follow the journal within a second.
const PAUSE: Duration = Duration::from_secs(1);
/// First pause when the logbook does not take anything, doubled at each failure after it.
const TROUBLE: Duration = Duration::from_secs(1);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(60);
/// Longest pause that a logbook can ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(600);

/// The organisation's logbook.
pub struct Collector {
    server: OwnServer,
    time: Duration,
}

/// The logbook, if the organisation has one.
///
/// # Errors
/// `EXPORT_UNUSABLE`, when a file cannot be used.
pub fn of(settings: &Settings) -> Result<Option<Collector>, Problem> {
    let Some(export) = &settings.configuration.export else { return Ok(None) };
    let time = Duration::from_millis(export.timeout_ms.into());
    let limits = ClientLimits { head_timeout: time, idle_connections: 1, ..ClientLimits::servers() };
    let server = OwnServer::of(settings, export.access(), DEFAULT_PATH, limits);
    let server = server.map_err(|(key, reason)| unusable(key, &reason))?;
    Ok(Some(Collector { server, time }))
}

#[async_trait]
impl Logbook for Collector {
    async fn take(&self, request: Vec<u8>) -> Result<Vec<u8>, NotTaken> {
        let OwnServer { client, target, path, bearer } = &self.server;
        let mut request = Request::new(Bytes::from(request));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = path.clone().into();
        request.headers_mut().insert(CONTENT_TYPE, JSON.clone());
        request.headers_mut().insert(ACCEPT, JSON.clone());
        if let Some(bearer) = bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
        let later = |reason, after| NotTaken::Later { reason, after };
        let called = client.call(target, request, LONGEST_ANSWER, self.time);
        let answer = match tokio::time::timeout(self.time, called).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(later(error.to_string(), None)),
            Err(_) => return Err(later(format!("no answer within {:?}", self.time), None)),
        };
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body().to_vec()),
            StatusCode::PAYLOAD_TOO_LARGE => Err(NotTaken::TooLarge),
            status => Err(later(format!("status {status}"), retry_after(answer.headers()))),
        }
    }
}

/// Seconds only: a date would be one of the logbook's clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_ASKED))
}

/// Hands records on until it is aborted. What is not taken is kept and tried again, whatever the reason: a record that the
/// law asks for is not dropped because a receiver is set up wrongly.
pub async fn hand_on(export: Arc<Mutex<Export<Collector>>>) {
    let mut export = export.lock().await;
    let mut pause = TROUBLE;
    loop {
        fail_point!("task::export");
        match export.step().await {
            Ok(Step::GoneOn) => pause = TROUBLE,
            Ok(Step::Nothing) => {
                pause = TROUBLE;
                tokio::time::sleep(PAUSE).await;
            }
            Ok(Step::Later(reason, after)) => {
                tracing::warn!(%reason, "the logbook does not take processing records; they wait");
                tokio::time::sleep(after.unwrap_or_default().max(pause)).await;
                pause = LONGEST.min(pause * 2);
            }
            Err(problem) => {
                tracing::warn!(%problem, "processing records cannot be handed on yet");
                tokio::time::sleep(pause).await;
                pause = LONGEST.min(pause * 2);
            }
        }
    }
}

fn unusable(key: &str, reason: &str) -> Problem {
    Problem::new(
        "EXPORT_UNUSABLE",
        400,
        format!("`export.{key}` is niet bruikbaar: {reason}"),
        format!("`export.{key}` cannot be used: {reason}"),
    )
    .next(
        "Zet het bestand goed, of haal het onderdeel [export] weg als er geen logboek meer is.",
        "put the file right, or remove the section [export] if there is no logbook any more",
    )
}

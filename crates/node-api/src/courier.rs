//! Carries agreements and statements from the outbox to their parties, and compares with them after an absence.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::http::{Method, StatusCode};
use bytes::Bytes;
use verbond_application::{Courier, OpContext, Undelivered};
use verbond_domain::{Actor, ParticipantId};
use verbond_store::outbox::OutboxRow;

use crate::{
    NodeApi,
    call::{Call, call},
    probe,
};

/// Time for one call.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes read of an answer.
const MAXIMUM_ANSWER: usize = 1024 * 1024;

/// The courier of the messages whose kind begins with `agreement.`.
pub struct AgreementCourier(pub Arc<NodeApi>);

#[async_trait]
impl Courier for AgreementCourier {
    fn carries(&self) -> &'static str {
        "agreement"
    }

    async fn carry(&self, manager: &str, message: &OutboxRow) -> Result<(), Undelivered> {
        let path = format!("/verbond/v1/agreements/{}", message.subject);
        let (method, path) = match message.kind.as_str() {
            "agreement.document" => (Method::PUT, path),
            "agreement.statement" => (Method::POST, format!("{path}/statements")),
            kind => return Err(Undelivered::refused(format!("unknown message {kind}"))),
        };
        let body = Bytes::from(message.payload.clone());
        let asked = Call { method, path: &path, body, most: MAXIMUM_ANSWER, within: TIMEOUT };
        let answered = call(&self.0.peers, &message.peer, manager, asked).await;
        match answered.map_err(Undelivered::later)? {
            (status, _) if status.is_success() => Ok(()),
            // The document may be on its way from another party.
            (status @ (StatusCode::NOT_FOUND | StatusCode::CONFLICT), answer) => {
                Err(Undelivered::later(told(status, &answer)))
            }
            (status, answer) if status.is_client_error() => Err(Undelivered::refused(told(status, &answer))),
            (status, answer) => Err(Undelivered::later(told(status, &answer))),
        }
    }

    async fn compare(&self, with: &ParticipantId, manager: &str) -> Result<usize, String> {
        let node = &self.0;
        let (speaks, shared) = probe::shared(&node.peers, with, manager).await?;
        let actor = Actor::Participant { id: with.clone() };
        let context = OpContext { actor, ambient: node.ambient.clone(), store: node.store.clone() };
        let learned = node.office.learned(&context, with, speaks).await;
        learned.map_err(|problem| problem.to_string())?;
        let mut taken: usize = 0;
        for agreement in shared.items {
            match node.office.adopt(&context, &agreement.document, agreement.statements).await {
                Ok(statements) => taken = taken.saturating_add(statements),
                // One that cannot be used says nothing of the others; a database that fails does.
                Err(problem) if problem.status >= 500 => return Err(problem.to_string()),
                Err(problem) => {
                    tracing::warn!(peer = %with, reason = %problem, "an agreement is not taken over");
                }
            }
        }
        Ok(taken)
    }
}

/// What the other side said, fit for a log line.
pub(crate) fn told(status: StatusCode, answer: &[u8]) -> String {
    let answer: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    let member =
        |name: &str| answer.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let text = format!("{status}: {} {}", member("code"), member("detail"));
    text.chars().map(|one| if one.is_control() { ' ' } else { one }).take(300).collect()
}

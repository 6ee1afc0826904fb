//! Evidence, for those who check the journal from outside.
#![expect(unused_qualifications, reason = "the description macro writes paths of its own to the parameters")]

use axum::{extract::State, response::Response};
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;
use verbond_account::{EvidenceOf, evidence};
use verbond_domain::{Problem, Timestamp};

use super::{
    Shared,
    extract::{Context, Query, given, moment, parsed},
    failure::{Failure, ProblemDetails},
    lines,
};

/// What the evidence is of.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct EvidenceQuery {
    /// Only of this exchange, each entry with its proof.
    transaction_id: Option<String>,
    /// Payloads only of entries from this moment on (RFC 3339, whole seconds of UTC),
    after: Option<String>,
    /// and before this moment.
    before: Option<String>,
}

impl EvidenceQuery {
    fn of(self, now: Timestamp) -> Result<EvidenceOf, Problem> {
        if let Some(transaction) = given(self.transaction_id) {
            return Ok(EvidenceOf::Exchange(parsed(&transaction)?));
        }
        Ok(EvidenceOf::Journal(match (moment(self.after)?, moment(self.before)?) {
            (None, None) => None,
            (from, until) => Some((from.unwrap_or(Timestamp::from_millis(0)), until.unwrap_or(now))),
        }))
    }
}

/// The journal, or one exchange, in the form that `verbond-verify` and others check (docs/formats/evidence.md). That it was handed
/// out is journalled.
#[utoipa::path(get, path = "/v1/evidence", tag = "account", params(EvidenceQuery), responses(
    (status = 200, body = String, content_type = "application/jsonl"),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn get(
    State(office): State<Shared>,
    Context(context): Context,
    Query(query): Query<EvidenceQuery>,
) -> Result<Response, Failure> {
    let of = query.of(context.ambient.now())?;
    let subject = match of {
        EvidenceOf::Exchange(transaction) => transaction.to_string(),
        EvidenceOf::Journal(_) => "journal".to_owned(),
    };
    context.record_alone("account.evidence", &subject, serde_json::json!({})).await?;
    // Of now, as far as this process has the key.
    office.checkpoints.sign(&context).await?;
    let (pieces, taken) = mpsc::channel(lines::ROOM);
    let own = office.agreements.own.clone();
    tokio::spawn(async move {
        if let Err(problem) = evidence(&context, &own, of, &pieces).await {
            // Nobody may be there to hear it.
            let _ = pieces.send(Err(problem)).await;
        }
    });
    lines::answer(taken).await
}

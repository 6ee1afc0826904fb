//! Evidence, for those who check the journal from outside.
#![expect(unused_qualifications, reason = "the description macro writes paths of its own to the parameters")]

use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;
use verbond_account::{EvidenceOf, NotGiven, OtherHalf, evidence};
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
    /// With it the half of whoever is at the other end, asked for over the network: behind this participant's own, or a line that says
    /// why it is not there. Only with `transactionId`.
    #[serde(default)]
    with_counterpart: bool,
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
    let with_counterpart = query.with_counterpart;
    let of = query.of(context.ambient.now())?;
    let (subject, halves) = match of {
        EvidenceOf::Exchange(transaction) if with_counterpart => {
            (transaction.to_string(), office.halves.asked_for(&context, transaction).await?)
        }
        EvidenceOf::Exchange(transaction) => (transaction.to_string(), Vec::new()),
        EvidenceOf::Journal(_) if with_counterpart => return Err(Failure(of_one_exchange())),
        EvidenceOf::Journal(_) => ("journal".to_owned(), Vec::new()),
    };
    context.record_alone("account.evidence", &subject, serde_json::json!({})).await?;
    // Of now, as far as this process has the key.
    office.checkpoints.sign(&context).await?;
    let (pieces, taken) = mpsc::channel(lines::ROOM);
    let (own, trust) = (office.agreements.own.clone(), Arc::clone(&office.agreements.trust));
    tokio::spawn(async move {
        let not_given: Vec<NotGiven> = halves.iter().filter_map(OtherHalf::not_given).collect();
        match evidence(&context, &own, &trust, of, &not_given, &pieces).await {
            Ok(()) => behind(halves, &pieces).await,
            // Nobody may be there to hear it.
            Err(problem) => drop(pieces.send(Err(problem)).await),
        }
    });
    lines::answer(taken).await
}

/// Puts the halves of others behind the own one.
async fn behind(halves: Vec<OtherHalf>, pieces: &mpsc::Sender<Result<Vec<u8>, Problem>>) {
    for half in halves.into_iter().filter_map(|half| half.outcome.ok()) {
        // Nobody may be there to take it.
        let _ = pieces.send(Ok(half.evidence)).await;
    }
}

fn of_one_exchange() -> Problem {
    Problem::new(
        "EXCHANGE_NOT_NAMED",
        400,
        "De helft van de andere partij hoort bij één uitwisseling.",
        "the other party's half is of one exchange",
    )
    .next("Noem het transactienummer.", "name the transaction")
}

//! Evidence, for those who check the journal from outside.
#![expect(unused_qualifications, reason = "the description macro writes paths of its own to the parameters")]

use axum::{extract::State, response::Response};
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;
use verbond_account::{EvidenceOf, NotGiven, OtherHalf, Period, evidence};
use verbond_application::OpContext;
use verbond_domain::{ParticipantId, Problem, Timestamp};

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
    /// With the halves of this participant of all exchanges of the period, asked for over the network page by page, before this
    /// participant's own section, which says why some are not there. Only with `after` or `before`.
    counterpart: Option<String>,
    /// Payloads only of entries from this moment on (RFC 3339, whole seconds of UTC),
    after: Option<String>,
    /// and before this moment.
    before: Option<String>,
}

/// Whose halves are asked for.
enum With {
    Nobody,
    /// Of whoever is at the other end.
    Whoever,
    Participant(ParticipantId),
}

impl EvidenceQuery {
    fn with(&self) -> Result<With, Problem> {
        match (given(self.counterpart.clone()), self.with_counterpart) {
            (Some(id), _) => Ok(With::Participant(parsed(&id)?)),
            (None, true) => Ok(With::Whoever),
            (None, false) => Ok(With::Nobody),
        }
    }

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
    let with = query.with()?;
    let of = query.of(context.ambient.now())?;
    let (subject, asked) = match (of, with) {
        (EvidenceOf::Exchange(transaction), With::Whoever) => {
            (transaction.to_string(), Asked::Exchange(office.halves.asked_for(&context, transaction).await?))
        }
        (EvidenceOf::Exchange(transaction), With::Nobody) => (transaction.to_string(), Asked::Nobody),
        (EvidenceOf::Journal(Some((from, until))), With::Participant(participant)) => {
            ("journal".to_owned(), Asked::Period(participant, Period { from, until }))
        }
        (EvidenceOf::Journal(_), With::Nobody) => ("journal".to_owned(), Asked::Nobody),
        _ => return Err(Failure(of_what())),
    };
    context.record_alone("account.evidence", &subject, serde_json::json!({})).await?;
    let (pieces, taken) = mpsc::channel(lines::ROOM);
    tokio::spawn(async move {
        if let Err(problem) = sent(&office, &context, of, asked, &pieces).await {
            // Nobody may be there to hear it.
            drop(pieces.send(Err(problem)).await);
        }
    });
    lines::answer(taken).await
}

/// What came of asking others, or what they are yet to be asked.
enum Asked {
    Nobody,
    Exchange(Vec<OtherHalf>),
    Period(ParticipantId, Period),
}

/// Sends the own section, behind it the halves of one exchange, or before it those of a period: the own one says what is not there.
async fn sent(
    office: &Shared,
    context: &OpContext,
    of: EvidenceOf,
    asked: Asked,
    pieces: &mpsc::Sender<Result<Vec<u8>, Problem>>,
) -> Result<(), Problem> {
    let (not_given, halves): (Vec<NotGiven>, Vec<OtherHalf>) = match asked {
        Asked::Nobody => (Vec::new(), Vec::new()),
        Asked::Exchange(halves) => (halves.iter().filter_map(OtherHalf::not_given).collect(), halves),
        Asked::Period(participant, period) => {
            let missing = office.halves.of_period(context, &participant, period, pieces).await?;
            (missing.into_iter().collect(), Vec::new())
        }
    };
    // Of now, as far as this process has the key.
    office.checkpoints.sign(context).await?;
    let (own, trust) = (&office.agreements.own, &office.agreements.trust);
    evidence(context, own, trust, of, &not_given, pieces).await?;
    behind(halves, pieces).await;
    Ok(())
}

/// Puts the halves of others behind the own one.
async fn behind(halves: Vec<OtherHalf>, pieces: &mpsc::Sender<Result<Vec<u8>, Problem>>) {
    for half in halves.into_iter().filter_map(|half| half.outcome.ok()) {
        // Nobody may be there to take it.
        let _ = pieces.send(Ok(half.evidence)).await;
    }
}

fn of_what() -> Problem {
    Problem::new(
        "EXCHANGE_NOT_NAMED",
        400,
        "De helft van de andere partij hoort bij één uitwisseling, of bij een periode met één deelnemer.",
        "the other party's half is of one exchange, or of a period with one participant",
    )
    .next(
        "Noem het transactienummer, of de deelnemer en de periode.",
        "name the transaction, or the participant and the period",
    )
}

//! Decisions on exchanges: shown as they were written down, and taken again from that.
#![expect(unused_qualifications, reason = "the description macro writes paths of its own to the parameters")]

use axum::{Json, extract::State, response::Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use verbond_application::{
    OpContext,
    agreements::agreement_asked,
    decisions::{self, ReplayOutcome, ReplayedDecision},
};
use verbond_domain::{Direction, Problem};
use verbond_store::{decisions::DecisionRow, exchanges::ExchangeFilter};

use super::{
    Shared,
    extract::{Context, Named, Paging, Query, given, moment, parsed},
    failure::{Failure, ProblemDetails},
    lines::{self, Piece},
    views::List,
};
use crate::ambient::rfc_3339;

/// Which decisions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct DecisionQuery {
    /// Only of this exchange.
    transaction_id: Option<String>,
    /// Only what rests on this agreement: its identifier, `<identifier>/<version>`, or the hash of a version.
    agreement: Option<String>,
    /// Only about a service with this name.
    service: Option<String>,
    /// Only about exchanges with this participant.
    counterpart: Option<String>,
    /// Only from this moment on (RFC 3339, whole seconds of UTC).
    after: Option<String>,
    /// Only before this moment.
    before: Option<String>,
}

impl DecisionQuery {
    async fn filter(self, context: &OpContext) -> Result<ExchangeFilter, Problem> {
        let agreement = match given(self.agreement) {
            Some(text) => Some(agreement_asked(context, &text).await?),
            None => None,
        };
        Ok(ExchangeFilter {
            transaction_id: given(self.transaction_id).map(|id| parsed(&id)).transpose()?,
            agreement,
            service: given(self.service),
            counterpart: given(self.counterpart).map(|id| parsed(&id)).transpose()?,
            after: moment(self.after)?,
            before: moment(self.before)?,
            ..ExchangeFilter::default()
        })
    }
}

/// A decision as it was written down.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionView {
    /// Identifier of the journal's entry.
    pub id: String,
    /// When it was written.
    pub at: String,
    /// The exchange.
    pub transaction_id: Option<String>,
    /// Seen from this node.
    pub direction: Direction,
    /// Whether the exchange was permitted. A refusal may be for another reason than the decision.
    pub permitted: bool,
    /// The record of the Authorization Decision Log 1.0.0.
    #[schema(value_type = Object)]
    pub decision: Value,
}

impl From<DecisionRow> for DecisionView {
    fn from(row: DecisionRow) -> Self {
        Self {
            id: row.id.to_string(),
            at: rfc_3339(row.at),
            transaction_id: row.transaction_id.map(|id| id.to_string()),
            direction: row.direction,
            permitted: row.is_permit,
            decision: row.decision.unwrap_or_default(),
        }
    }
}

/// A decision taken again.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayView {
    /// Identifier of the journal's entry.
    pub id: String,
    /// When it was written.
    pub at: String,
    /// The exchange.
    pub transaction_id: Option<String>,
    /// Whether it comes out the same.
    pub outcome: ReplayOutcome,
    /// What the record says.
    pub permitted_then: Option<bool>,
    /// What it comes to now; null when it cannot be taken again.
    pub permitted_now: Option<bool>,
    /// Codes of the reasons now, where it differs.
    pub reasons_now: Vec<&'static str>,
    /// Why it cannot be taken again, what else is the matter, or what was taken from the record instead of being asked again.
    pub why: Option<String>,
}

impl From<ReplayedDecision> for ReplayView {
    fn from(replayed: ReplayedDecision) -> Self {
        Self {
            id: replayed.id.to_string(),
            at: rfc_3339(replayed.at),
            transaction_id: replayed.transaction_id.map(|id| id.to_string()),
            outcome: replayed.outcome,
            permitted_then: replayed.permitted_then,
            permitted_now: replayed.permitted_now,
            reasons_now: replayed.reasons_now.iter().map(|reason| reason.code.as_str()).collect(),
            why: replayed.why,
        }
    }
}

/// How many decisions came out how: the last line, which says that all of them stand before it.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ReplayedAll {
    same: u64,
    differs: u64,
    not_possible: u64,
}

impl ReplayedAll {
    fn count(&mut self, replayed: &[ReplayedDecision]) {
        for one in replayed {
            let counted = match one.outcome {
                ReplayOutcome::Same => &mut self.same,
                ReplayOutcome::Differs => &mut self.differs,
                ReplayOutcome::NotPossible => &mut self.not_possible,
            };
            *counted = counted.saturating_add(1);
        }
    }
}

/// Decisions on exchanges, the oldest first. A page may hold fewer than asked for while more follow.
#[utoipa::path(get, path = "/v1/decisions", tag = "decisions", params(DecisionQuery, Paging), responses(
    (status = 200, body = List<DecisionView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(
    Context(context): Context,
    Query(query): Query<DecisionQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<List<DecisionView>>, Failure> {
    let page =
        decisions::list(&context, &query.filter(&context).await?, paging.cursor(), paging.limit()).await?;
    Ok(Json(List::page(page)))
}

/// One decision, by the journal's entry.
#[utoipa::path(get, path = "/v1/decisions/{id}", tag = "decisions", params(("id" = String, Path)), responses(
    (status = 200, body = DecisionView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn get(
    State(_): State<Shared>,
    Context(context): Context,
    Named(id): Named<Uuid>,
) -> Result<Json<DecisionView>, Failure> {
    Ok(Json(decisions::get(&context, &id).await?.into()))
}

/// Takes decisions again, from what was written down of them and with the versions of agreements of then, the oldest first. One line each,
/// as it comes; the last line counts them, and an answer without that line was broken off.
#[utoipa::path(get, path = "/v1/decision-replays", tag = "decisions", params(DecisionQuery), responses(
    (status = 200, body = String, content_type = "application/jsonl"),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn replays(
    Context(context): Context,
    Query(query): Query<DecisionQuery>,
) -> Result<Response, Failure> {
    let filter = query.filter(&context).await?;
    let (pieces, taken) = mpsc::channel(lines::ROOM);
    tokio::spawn(async move {
        if let Err(problem) = replayed_all(&context, &filter, &pieces).await {
            // Nobody may be there to hear it.
            let _ = pieces.send(Err(problem)).await;
        }
    });
    lines::answer(taken).await
}

/// Sends lines as decisions come out.
async fn replayed_all(
    context: &OpContext,
    filter: &ExchangeFilter,
    pieces: &mpsc::Sender<Piece>,
) -> Result<(), Problem> {
    let (sender, mut taken) = mpsc::channel::<Vec<ReplayedDecision>>(1);
    let told = async {
        let mut all = ReplayedAll::default();
        while let Some(replayed) = taken.recv().await {
            all.count(&replayed);
            let piece = lines::of(replayed.into_iter().map(ReplayView::from))?;
            // Whoever has gone away is noticed by the other side of this.
            if pieces.send(Ok(piece)).await.is_err() {
                break;
            }
        }
        drop(taken);
        Ok::<_, Problem>(all)
    };
    let replaying = async move { decisions::replay_all(context, filter, &sender).await };
    let ((), all) = tokio::try_join!(replaying, told)?;
    let _ = pieces.send(Ok(lines::of([all])?)).await;
    Ok(())
}

/// Takes one decision again, by the journal's entry.
#[utoipa::path(get, path = "/v1/decisions/{id}/replay", tag = "decisions", params(("id" = String, Path)), responses(
    (status = 200, body = List<ReplayView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn replay(
    State(_): State<Shared>,
    Context(context): Context,
    Named(id): Named<Uuid>,
) -> Result<Json<List<ReplayView>>, Failure> {
    let row = decisions::get(&context, &id).await?;
    Ok(Json(List::whole(decisions::replay(&context, row).await?)))
}

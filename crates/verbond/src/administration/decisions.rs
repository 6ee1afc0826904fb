//! Decisions on exchanges: shown as they were written down, and taken again from that.
#![expect(unused_qualifications, reason = "the description macro writes paths of its own to the parameters")]

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use verbond_application::decisions::{self, ReplayOutcome, ReplayedDecision};
use verbond_domain::{Direction, Problem};
use verbond_store::decisions::{DecisionFilter, DecisionRow};

use super::{
    Shared,
    extract::{Context, Named, Paging, Query, given, moment, parsed},
    failure::{Failure, ProblemDetails},
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
    /// Only from this moment on (RFC 3339, whole seconds of UTC).
    after: Option<String>,
    /// Only before this moment.
    before: Option<String>,
}

impl DecisionQuery {
    fn filter(self) -> Result<DecisionFilter, Problem> {
        Ok(DecisionFilter {
            transaction_id: given(self.transaction_id).map(|id| parsed(&id)).transpose()?,
            after: moment(self.after)?,
            before: moment(self.before)?,
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
            transaction_id: replayed.transaction_id.map(|id| id.to_string()),
            outcome: replayed.outcome,
            permitted_then: replayed.permitted_then,
            permitted_now: replayed.permitted_now,
            reasons_now: replayed.reasons_now.iter().map(|reason| reason.code.as_str()).collect(),
            why: replayed.why,
        }
    }
}

/// Decisions on exchanges, the oldest first.
#[utoipa::path(get, path = "/v1/decisions", tag = "decisions", params(DecisionQuery, Paging), responses(
    (status = 200, body = List<DecisionView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(
    Context(context): Context,
    Query(query): Query<DecisionQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<List<DecisionView>>, Failure> {
    let page = decisions::list(&context, &query.filter()?, paging.cursor(), paging.limit()).await?;
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

/// Takes decisions again, from what was written down of them and with the version of the agreement of then, the oldest
/// first.
#[utoipa::path(get, path = "/v1/decision-replays", tag = "decisions", params(DecisionQuery, Paging), responses(
    (status = 200, body = List<ReplayView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn replays(
    Context(context): Context,
    Query(query): Query<DecisionQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<List<ReplayView>>, Failure> {
    let page = decisions::list(&context, &query.filter()?, paging.cursor(), paging.limit()).await?;
    let items = decisions::replay(&context, page.items).await?.into_iter().map(ReplayView::from).collect();
    Ok(Json(List { items, next: page.next }))
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
    Ok(Json(List::whole(decisions::replay(&context, vec![row]).await?)))
}

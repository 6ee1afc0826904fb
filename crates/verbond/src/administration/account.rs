//! The account of exchanges: comparing it with what the other party tells.

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::ToSchema;
use verbond_account::{Period, Reconciliation, reconcile};
use verbond_agreement::Moment;
use verbond_domain::ParticipantId;

use super::{
    Shared,
    extract::{Body, Context, Named, parsed},
    failure::{Failure, ProblemDetails},
};

/// Which period to compare.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PeriodAsked {
    /// Exchanges begun from this moment on (RFC 3339, whole seconds of UTC),
    after: String,
    /// and before this moment; without it, until now.
    #[serde(default)]
    before: Option<String>,
}

/// Compares what this node has written down of its exchanges with a participant with what that participant tells of them.
#[utoipa::path(post, path = "/v1/reconciliations/{participant}", tag = "account", params(("participant" = String, Path)),
    request_body = PeriodAsked, responses(
    (status = 200, body = Reconciliation),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn compare(
    State(office): State<Shared>,
    Context(context): Context,
    Named(participant): Named<ParticipantId>,
    Body(asked): Body<PeriodAsked>,
) -> Result<Json<Reconciliation>, Failure> {
    let now = context.ambient.now();
    let before = asked.before.as_deref().map(parsed::<Moment>).transpose()?;
    let period = Period {
        from: parsed::<Moment>(&asked.after)?.timestamp(),
        until: before.map_or(now, Moment::timestamp),
    };
    Ok(Json(reconcile(&context, office.counterparts.as_ref(), &participant, period).await?))
}

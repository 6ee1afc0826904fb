//! For how long exchanges are kept, and legal holds.

use axum::{Json, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use verbond_agreement::{EntryName, Moment};
use verbond_application::retention::{self, HoldAsked, Kept};
use verbond_store::holds::HoldRow;

use super::{
    extract::{Body, Context, Named, parsed},
    failure::{Failure, ProblemDetails},
    views::List,
};
use crate::ambient::rfc_3339;

/// A legal hold to be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// By what it will be released.
    name: EntryName,
    /// It is on what was written at or after this moment (RFC 3339, whole seconds of UTC),
    from: String,
    /// and before this one; without it, on whatever is still to come.
    #[serde(default)]
    until: Option<String>,
    /// Why. Stays in the journal: no personal data.
    reason: String,
}

/// A legal hold that stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct HoldView {
    /// By what it is released.
    pub name: String,
    /// It is on what was written at or after this moment,
    pub from: String,
    /// and before this one; null: on whatever is still to come.
    pub until: Option<String>,
    /// Why.
    pub reason: String,
    /// When it was set.
    pub set_at: String,
}

impl From<HoldRow> for HoldView {
    fn from(hold: HoldRow) -> Self {
        Self {
            name: hold.name,
            from: rfc_3339(hold.from),
            until: hold.until.map(rfc_3339),
            reason: hold.reason,
            set_at: rfc_3339(hold.set_at),
        }
    }
}

/// What is kept, why, and what has been destroyed. Numbers are entries of the journal.
#[derive(Debug, Serialize, ToSchema)]
pub struct RetentionView {
    /// For how many days exchanges are kept; 0: for ever; null: no rule has been written down yet.
    pub keep_days: Option<u32>,
    /// Over, under no hold, and still there: destroyed within the hour.
    pub due: u64,
    /// Over, and there because of a hold.
    pub held: u64,
    /// Destroyed.
    pub destroyed: u64,
    /// Destroyed by acts that stand in the journal's tree, so that a checkpoint proves it.
    pub proven: u64,
    /// When the last copy in backups of what was destroyed is gone; null: nothing was destroyed, or it is not known.
    pub copies_gone_at: Option<String>,
    /// The holds that stand.
    pub holds: Vec<HoldView>,
}

impl From<Kept> for RetentionView {
    fn from(Kept { report, holds }: Kept) -> Self {
        Self {
            keep_days: report.keep_days,
            due: report.due,
            held: report.held,
            destroyed: report.destroyed,
            proven: report.proven,
            copies_gone_at: report.copies_gone_at.map(rfc_3339),
            holds: holds.into_iter().map(Into::into).collect(),
        }
    }
}

/// What is kept, why, and what has been destroyed.
#[utoipa::path(get, path = "/v1/retention", tag = "records", responses(
    (status = 200, body = RetentionView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn show(Context(context): Context) -> Result<Json<RetentionView>, Failure> {
    Ok(Json(retention::kept(&context).await?.into()))
}

/// The legal holds that stand.
#[utoipa::path(get, path = "/v1/holds", tag = "records", responses(
    (status = 200, body = List<HoldView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn holds(Context(context): Context) -> Result<Json<List<HoldView>>, Failure> {
    Ok(Json(List::whole(retention::holds(&context).await?)))
}

/// Sets a legal hold: nothing that it is on is destroyed while it stands.
#[utoipa::path(post, path = "/v1/holds", tag = "records", request_body = NewHold, responses(
    (status = 200, body = HoldView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn hold(
    Context(context): Context,
    Body(NewHold { name, from, until, reason }): Body<NewHold>,
) -> Result<Json<HoldView>, Failure> {
    let from = parsed::<Moment>(&from)?.timestamp();
    let until = until.as_deref().map(parsed::<Moment>).transpose()?.map(Moment::timestamp);
    Ok(Json(retention::hold(&context, HoldAsked { name, from, until, reason }).await?.into()))
}

/// Releases a legal hold: what it kept and is over is destroyed within the hour.
#[utoipa::path(post, path = "/v1/holds/{name}/release", tag = "records", params(("name" = String, Path)), responses(
    (status = 204),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn release(
    Context(context): Context,
    Named(name): Named<EntryName>,
) -> Result<StatusCode, Failure> {
    retention::release(&context, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

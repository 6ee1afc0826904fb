//! The journal as something provable: its head, its checkpoints, and those that were seen of counterparts.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;
use verbond_application::{counterparts::CounterpartCause, database_problem};
use verbond_store::{
    checkpoints::{CheckpointRow, WitnessedRow},
    counterparts::CounterpartTaskRow,
};

use super::{
    extract::Context,
    failure::{Failure, ProblemDetails},
    views::List,
};
use crate::ambient::rfc_3339;

/// How far the journal has come.
#[derive(Debug, Serialize, ToSchema)]
pub struct JournalView {
    /// The epoch: 1, and one more after each time that entries were lost.
    pub epoch: u32,
    /// Entries in the tree.
    pub size: u64,
    /// The newest checkpoint.
    pub checkpoint: Option<CheckpointView>,
    /// Keys that checkpoints are or were signed with, the newest last.
    pub verifier_keys: Vec<String>,
}

/// A signed head of this journal.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckpointView {
    /// Entries that it is over.
    pub size: u64,
    /// When it was signed.
    pub signed_at: String,
    /// The signed note (C2SP tlog-checkpoint).
    pub note: String,
}

impl From<CheckpointRow> for CheckpointView {
    fn from(row: CheckpointRow) -> Self {
        Self { size: row.size, signed_at: rfc_3339(row.signed_at), note: row.note }
    }
}

/// The newest checkpoint that was seen of a counterpart's journal.
#[derive(Debug, Serialize, ToSchema)]
pub struct WitnessedView {
    /// Whose journal.
    pub counterpart: String,
    /// Which: participant and epoch.
    pub origin: String,
    /// Entries that it is over.
    pub size: u64,
    /// When it was seen.
    pub seen_at: String,
    /// The signed note.
    pub note: String,
    /// The open task about it, where the counterpart showed another history of this journal since.
    pub contradiction: Option<String>,
}

impl WitnessedView {
    fn of(row: WitnessedRow, open: &[CounterpartTaskRow]) -> Self {
        let task = open.iter().find(|task| task.subject == row.origin);
        let counterpart = row.counterpart.to_string();
        Self {
            counterpart,
            origin: row.origin,
            size: row.size,
            seen_at: rfc_3339(row.seen_at),
            note: row.note,
            contradiction: task.map(|task| task.task.clone()),
        }
    }
}

/// How far the journal has come, and its newest checkpoint.
#[utoipa::path(get, path = "/v1/journal/head", tag = "account", responses(
    (status = 200, body = JournalView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn head(Context(context): Context) -> Result<Json<JournalView>, Failure> {
    let store = &context.store;
    let head = store.journal_head().await.map_err(database_problem)?;
    let checkpoint = store.newest_checkpoint().await.map_err(database_problem)?;
    let keys = store.journal_keys().await.map_err(database_problem)?;
    Ok(Json(JournalView {
        epoch: head.epoch,
        size: head.size,
        checkpoint: checkpoint.map(CheckpointView::from),
        verifier_keys: keys.into_iter().map(|key| key.verifier_key).collect(),
    }))
}

/// The newest checkpoint that was seen of each counterpart's journal.
#[utoipa::path(get, path = "/v1/journal/witnessed", tag = "account", responses(
    (status = 200, body = List<WitnessedView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn witnessed(Context(context): Context) -> Result<Json<List<WitnessedView>>, Failure> {
    let rows = context.store.witnessed(None).await.map_err(database_problem)?;
    let cause = CounterpartCause::Contradiction.as_str();
    let open = context.store.open_counterpart_tasks(cause).await.map_err(database_problem)?;
    Ok(Json(List::whole(rows.into_iter().map(|row| WitnessedView::of(row, &open)))))
}

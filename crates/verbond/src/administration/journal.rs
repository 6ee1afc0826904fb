//! The journal as something provable: its head, its checkpoints, and those that were seen of counterparts.

use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use verbond_application::database_problem;
use verbond_domain::Problem;
use verbond_store::checkpoints::{CheckpointRow, WitnessedRow};
use verbond_tiles::Publication;

use super::{
    Shared,
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
    /// Places where the tree is published by this process, and how far that has come.
    pub published: Vec<PublishedView>,
}

/// The tree as it is published in one place.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublishedView {
    /// The directory, or address, bucket and prefix of an object store.
    pub place: String,
    /// The epoch of the newest checkpoint there; none until it is known.
    pub epoch: Option<u32>,
    /// Entries that it is over.
    pub size: Option<u64>,
    /// Since when it stands there, as far as this process knows.
    pub published_at: Option<String>,
    /// How often the place did not take it, since the start.
    pub failures: u64,
    /// Why it does not take it now; none when all is well.
    #[schema(value_type = Option<ProblemDetails>)]
    pub problem: Option<Map<String, Value>>,
    /// Since when it does not.
    pub failing_since: Option<String>,
}

impl From<&Publication> for PublishedView {
    fn from(publication: &Publication) -> Self {
        let state = publication.state();
        let (problem, since) = state.trouble.map(|trouble| (trouble.problem, trouble.since)).unzip();
        Self {
            place: publication.name().to_owned(),
            epoch: state.published.map(|(epoch, _)| epoch),
            size: state.published.map(|(_, size)| size),
            published_at: state.published_at.map(rfc_3339),
            failures: state.failures,
            problem: problem.as_ref().map(Problem::to_json),
            failing_since: since.map(rfc_3339),
        }
    }
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
}

impl From<WitnessedRow> for WitnessedView {
    fn from(row: WitnessedRow) -> Self {
        let counterpart = row.counterpart.to_string();
        Self {
            counterpart,
            origin: row.origin,
            size: row.size,
            seen_at: rfc_3339(row.seen_at),
            note: row.note,
        }
    }
}

/// How far the journal has come, and its newest checkpoint.
#[utoipa::path(get, path = "/v1/journal/head", tag = "account", responses(
    (status = 200, body = JournalView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn head(
    Context(context): Context,
    State(office): State<Shared>,
) -> Result<Json<JournalView>, Failure> {
    let store = &context.store;
    let head = store.journal_head().await.map_err(database_problem)?;
    let checkpoint = store.newest_checkpoint().await.map_err(database_problem)?;
    let keys = store.journal_keys().await.map_err(database_problem)?;
    Ok(Json(JournalView {
        epoch: head.epoch,
        size: head.size,
        checkpoint: checkpoint.map(CheckpointView::from),
        verifier_keys: keys.into_iter().map(|key| key.verifier_key).collect(),
        published: office.publications.iter().map(|publication| publication.as_ref().into()).collect(),
    }))
}

/// The newest checkpoint that was seen of each counterpart's journal.
#[utoipa::path(get, path = "/v1/journal/witnessed", tag = "account", responses(
    (status = 200, body = List<WitnessedView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn witnessed(Context(context): Context) -> Result<Json<List<WitnessedView>>, Failure> {
    let rows = context.store.witnessed(None).await.map_err(database_problem)?;
    Ok(Json(List::whole(rows.into_iter().map(WitnessedView::from))))
}

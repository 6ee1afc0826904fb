//! Handing processing records on to the organisation's logbook: in the order in which they were written, each at least once.
//!
//! How far it has come is written down after the logbook has said that it took a record, so that one is handed on again
//! when that was lost, and none is left out.

use std::time::Duration;

use async_trait::async_trait;
use verbond_application::{
    OpContext, agreements::raise_refused_record, database_problem, decisions::agreement_hash,
};
use verbond_domain::{ParticipantId, Problem};
use verbond_store::{
    export::ExportRow,
    processing::{ProcessingRow, RecordPlace},
};

use crate::otlp;

/// Records that are handed on together at most.
const TOGETHER: i64 = 256;

/// What takes processing records in, over OTLP/HTTP.
#[async_trait]
pub trait Logbook: Send + Sync {
    /// Hands a request on (`ExportTraceServiceRequest` as JSON), and gives what was answered with status 200.
    ///
    /// # Errors
    /// [`NotTaken`].
    async fn take(&self, request: Vec<u8>) -> Result<Vec<u8>, NotTaken>;
}

/// Why nothing says that records were taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// They are too many for one request.
    TooLarge,
    /// Something else: they are handed on again.
    Later {
        /// For the operator; nothing of what the logbook said.
        reason: String,
        /// How long it asked to be left alone.
        after: Option<Duration>,
    },
}

/// What came of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Records were taken or refused, or are to be handed on in smaller numbers: there may be more to do at once.
    GoneOn,
    /// All have been handed on.
    Nothing,
    /// Not taken: to be tried later, at the earliest after so long.
    Later(String, Option<Duration>),
}

/// Hands processing records on, step by step.
pub struct Export<L> {
    context: OpContext,
    own: ParticipantId,
    logbook: L,
    /// Records that are handed on together now.
    together: i64,
    /// Up to here one by one: some of these were refused, and the logbook does not say which.
    alone_until: Option<RecordPlace>,
}

impl<L: Logbook> Export<L> {
    /// Of this participant's records, to this logbook.
    pub const fn new(context: OpContext, own: ParticipantId, logbook: L) -> Self {
        Self { context, own, logbook, together: TOGETHER, alone_until: None }
    }

    /// Hands on what comes next.
    ///
    /// # Errors
    /// A problem with the database.
    pub async fn step(&mut self) -> Result<Step, Problem> {
        let from = self.context.store.export().await.map_err(database_problem)?;
        let alone = self.alone_until.is_some_and(|until| from.until < until);
        let limit = if alone { 1 } else { self.together };
        let rows = self.context.store.processing_records_after(from.until, limit).await;
        let rows = rows.map_err(database_problem)?;
        let Some(last) = rows.last() else { return Ok(Step::Nothing) };
        match self.hand_on(&rows).await {
            Ok(0) => {
                self.together = TOGETHER.min(self.together.saturating_mul(2));
                self.go_on(&from, last, rows.len(), 0).await?;
            }
            Ok(_) if rows.len() == 1 => self.go_on(&from, last, 0, 1).await?,
            Ok(_) => self.alone_until = Some(last.place()),
            Err(NotTaken::TooLarge) if rows.len() > 1 => {
                self.together = (i64::try_from(rows.len()).unwrap_or(TOGETHER) / 2).max(1);
            }
            Err(NotTaken::TooLarge) => {
                return Ok(Step::Later("one record is too large for the logbook".to_owned(), None));
            }
            Err(NotTaken::Later { reason, after }) => return Ok(Step::Later(reason, after)),
        }
        Ok(Step::GoneOn)
    }

    /// How many were refused.
    async fn hand_on(&self, rows: &[ProcessingRow]) -> Result<u64, NotTaken> {
        let later = |reason: String| NotTaken::Later { reason, after: None };
        let request = otlp::request(&self.own, rows.iter().map(|row| &*row.record));
        let request = request.map_err(|error| later(format!("the records cannot be written: {error}")))?;
        let answer = self.logbook.take(request).await?;
        otlp::refused(&answer).ok_or_else(|| later("the answer is not that of a collector".to_owned()))
    }

    /// What was refused alone is left behind, with a task for people.
    async fn go_on(
        &self,
        from: &ExportRow,
        last: &ProcessingRow,
        taken: usize,
        refused: usize,
    ) -> Result<(), Problem> {
        let decision = match refused {
            0 => None,
            _ => self.context.store.decision(&last.permit).await.map_err(database_problem)?,
        };
        let mut transaction = self.context.store.begin().await.map_err(database_problem)?;
        let moved = transaction.go_on_with_export(from, last, taken, refused).await;
        if !moved.map_err(database_problem)? {
            return Ok(());
        }
        if refused > 0 {
            tracing::warn!(entry = %last.id, "the logbook refused a processing record");
            let decision = decision.and_then(|row| row.decision);
            if let Some(agreement) = decision.as_ref().and_then(agreement_hash) {
                let activity = &last.record.attributes.activity;
                raise_refused_record(&self.context, &mut transaction, agreement, activity).await?;
            }
        }
        transaction.commit().await.map_err(database_problem)
    }
}

/// A request without records, to see whether something answers as a logbook does.
///
/// # Errors
/// [`NotTaken`].
pub async fn probe(logbook: &impl Logbook, own: &ParticipantId) -> Result<(), NotTaken> {
    let later = |reason: &str| NotTaken::Later { reason: reason.to_owned(), after: None };
    let request = otlp::request(own, std::iter::empty()).map_err(|_| later("nothing to ask"))?;
    let answer = logbook.take(request).await?;
    otlp::refused(&answer).map(drop).ok_or_else(|| later("the answer is not that of a collector"))
}

//! People whom an answer names: each is written down before the bytes about them go on.

use std::collections::HashSet;

use futures_util::future::BoxFuture;
use verbond_application::processing::Recorder;
use verbond_journal::AppendError;
use verbond_projection::{Piece, Pieces};

use crate::Failure;

/// Most people of one answer who are told apart, so that each has one record. Beyond that somebody who comes back may get
/// another one; nobody gets none.
const TOLD_APART: usize = 250_000;

/// Recognises people as an answer streams by.
pub(crate) struct People {
    recorder: Recorder,
    /// Pseudonyms that have their record.
    recorded: HashSet<String>,
}

impl People {
    pub(crate) fn new(recorder: Recorder) -> Self {
        Self { recorder, recorded: HashSet::new() }
    }

    /// What has to be done before these pieces go on, which says how many people were recorded; `None`: nothing, everybody in them
    /// has their record.
    ///
    /// A record that names nobody goes on only where the request has named somebody.
    pub(crate) fn write(
        &mut self,
        pieces: &Pieces,
    ) -> Result<Option<BoxFuture<'static, Result<u64, Failure>>>, Failure> {
        let action = self.recorder.action();
        let nobody = |piece| matches!(piece, Piece::Record(record) if record.subjects.is_empty());
        if !action.is_about() && pieces.iter().any(nobody) {
            tracing::warn!("a record of an answer names nobody: it cannot be said about whom it is");
            return Err(Failure::PersonNotRecognised);
        }
        let mut records = Vec::new();
        for subject in pieces.subjects() {
            let named = action.about(subject.subject, &subject.identifier).map_err(|error| {
                tracing::error!(%error, "a person cannot be recorded");
                Failure::RecordUnavailable
            })?;
            let Some(whom) = named.record.attributes.data_subject.clone() else { continue };
            if action.has(&named.record) || self.recorded.contains(&whom) {
                continue;
            }
            if self.recorded.len() < TOLD_APART {
                self.recorded.insert(whom);
            }
            records.push(named);
        }
        if records.is_empty() {
            return Ok(None);
        }
        let recorder = self.recorder.clone();
        let (until, now) = (action.limit_until(), action.now());
        let count = u64::try_from(records.len()).unwrap_or(u64::MAX);
        Ok(Some(Box::pin(async move {
            match (recorder.write(records).await, until) {
                (Ok(()), _) => Ok(count),
                (Err(AppendError::LimitReached), Some(until)) => {
                    Err(Failure::PersonLimitReached { until, now })
                }
                (Err(error), _) => {
                    tracing::error!(%error, "processing records cannot be written: the answer is broken off");
                    Err(Failure::RecordUnavailable)
                }
            }
        })))
    }
}

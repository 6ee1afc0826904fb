//! Processing records: what Logboek Dataverwerkingen 1.0.0 asks to be written down of each processing, and of each data subject
//! that it is about.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use verbond_domain::{ApplicationName, Direction, ParticipantId, Timestamp, TransactionId};

use crate::EntryId;

/// Whether a processing came to its end (Logboek Dataverwerkingen 1.0.0, §3.3). What a node writes, it writes before anything is
/// delivered and never changes, so that it has one word; what became of the delivery stands in the completion. An application
/// writes afterwards, and knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProcessingStatus {
    /// Ready at this organisation.
    Unset,
    /// The application says that it succeeded.
    Ok,
    /// The application says that it failed, for a technical reason.
    Error,
}

/// What a processing was for, and about whom (Logboek Dataverwerkingen 1.0.0, §3.3.1, under its names).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessingAttributes {
    /// The version of the activity in the register of whoever processes.
    #[serde(rename = "dpl.core.processing_activity_id")]
    pub activity: Arc<str>,
    /// The data subject, by a keyed pseudonym that begins with the version of its key; absent in a record about nobody in particular.
    #[serde(default, rename = "dpl.core.data_subject_id", skip_serializing_if = "Option::is_none")]
    pub data_subject: Option<String>,
    /// By which kind of number the data subject is known.
    #[serde(default, rename = "dpl.core.data_subject_id_type", skip_serializing_if = "Option::is_none")]
    pub data_subject_type: Option<String>,
    /// Who called, where another organisation did: its own activity.
    #[serde(
        default,
        rename = "dpl.core.foreign_operation.processor",
        skip_serializing_if = "Option::is_none"
    )]
    pub foreign_processor: Option<Arc<str>>,
}

/// One record of Logboek Dataverwerkingen 1.0.0 (§3.3), under its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessingRecord {
    /// The trace, unchanged across organisations: 32 hexadecimal digits.
    pub trace_id: String,
    /// The action, or the part of it that is about one data subject: 16 hexadecimal digits.
    pub span_id: String,
    /// What it is part of, or who called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<String>,
    /// Always `Unset`, unless an application wrote it.
    pub status: ProcessingStatus,
    /// What was done, for people to read.
    pub name: String,
    /// When it began, in milliseconds since 1970.
    pub start_time: i64,
    /// When it was ready at this organisation, in milliseconds since 1970.
    pub end_time: i64,
    /// What for, and about whom.
    pub attributes: ProcessingAttributes,
}

/// The processing of one data subject whom only the answer named: written before the bytes about them leave. Or a record that the
/// application wrote in the place of the outway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processing {
    /// The exchange.
    pub transaction_id: TransactionId,
    /// Coming in or going out.
    pub direction: Direction,
    /// The party at the other end.
    pub counterpart: ParticipantId,
    /// The entry that permitted the exchange.
    pub permit: EntryId,
    /// The application that wrote it; `None`: the node itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_by: Option<ApplicationName>,
    /// The record.
    pub record: ProcessingRecord,
}

/// The records of an exchange that its application is to write in the place of the outway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedRecords {
    /// The trace that the application's request was part of: 32 hexadecimal digits.
    pub trace_id: String,
    /// The span that its request named, which is that of its action: 16 hexadecimal digits.
    pub span_id: String,
    /// The activity for which the agreement permits it.
    pub activity: Arc<str>,
    /// Whom the request named, by pseudonym. One: the action's record is about them. None or several: the action has a record of
    /// its own, and each of them one below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_subjects: Vec<String>,
    /// When it was decided. Whom the records are about is written by the keys of pseudonyms of that moment.
    pub since: Timestamp,
    /// From when on a record that is not there is missing.
    pub due: Timestamp,
}

impl OwedRecords {
    /// About whom a record of its own is owed; [`NOBODY`] is the action's where it is about nobody in particular.
    pub fn about(&self) -> Vec<&str> {
        let action = (self.data_subjects.len() != 1).then_some(NOBODY);
        action.into_iter().chain(self.data_subjects.iter().map(String::as_str)).collect()
    }
}

/// Stands for the data subject of a record about nobody in particular. No pseudonym is empty.
pub const NOBODY: &str = "";

/// Which record that was owed an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The permit of the exchange.
    pub permit: EntryId,
    /// About whom; [`NOBODY`]: the action's.
    pub data_subject: String,
}

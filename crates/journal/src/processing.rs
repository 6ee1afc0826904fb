//! Processing records: what Logboek Dataverwerkingen 1.0.0 asks to be written down of each processing, and of each data subject
//! that it is about.

use serde::{Deserialize, Serialize};
use verbond_domain::{Direction, ParticipantId, TransactionId};

use crate::EntryId;

/// Whether a processing came to its end (Logboek Dataverwerkingen 1.0.0, §3.3). A record is written before anything is
/// delivered and never changed, so that there is one word here; what became of the delivery stands in the completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProcessingStatus {
    /// Ready at this organisation.
    Unset,
}

/// What a processing was for, and about whom (Logboek Dataverwerkingen 1.0.0, §3.3.1, under its names).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessingAttributes {
    /// The version of the activity in the register of whoever processes.
    #[serde(rename = "dpl.core.processing_activity_id")]
    pub activity: String,
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
    pub foreign_processor: Option<String>,
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
    /// Always `Unset`.
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

/// The processing of one data subject whom only the answer named: written before the bytes about them leave.
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
    /// The record.
    pub record: ProcessingRecord,
}

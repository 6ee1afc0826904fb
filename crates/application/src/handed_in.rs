//! Processing records that an application writes in the place of the outway: taken in, or refused.
//!
//! Never both: the permit says who writes, and for each action and data subject one record is taken. Never none: the permit
//! notes what is owed, in its own transaction, and is refused while too much is owed already.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use verbond_agreement::IdentifierKind;
use verbond_domain::{ApplicationName, Direction, Problem, Timestamp, TransactionId};
use verbond_journal::{
    AppendError, Entry, EntryId, Journal, OwedPermit, OwedRecords, Permit, Place, Processing,
    ProcessingAttributes, ProcessingRecord, ProcessingStatus,
};
use verbond_store::{Store, StoreError};

use crate::{
    database_problem,
    limits::{Limits, kind},
    processing::{self, no_keys},
};

/// Longest name of an action, in characters.
const LONGEST_NAME: usize = 200;
/// Longest number by which a record names somebody, in bytes.
const LONGEST_NUMBER: usize = 256;
/// So many digits in a row are taken for somebody's number.
const NUMBER_DIGITS: usize = 6;

/// How long an application may take, and how much may wait.
#[derive(Clone, Copy, Debug)]
pub struct OwedRules {
    /// Seconds after the decision within which the records of an exchange must have come.
    pub within_seconds: u32,
    /// Most exchanges of one application and service that may wait for their records.
    pub most: u32,
}

/// Where it is noted what is owed.
#[async_trait]
pub trait OwedStore: Send + Sync {
    /// The permit of an exchange that this node asked for: its entry, and what it says.
    async fn outgoing_permit(
        &self,
        transaction: TransactionId,
    ) -> Result<Option<(EntryId, Permit)>, StoreError>;

    /// Notes that records about these people are owed too, together with the places within limits that they take; false: one is
    /// not to be had, and nothing is noted.
    async fn owe(
        &self,
        permit: EntryId,
        owed: &OwedPermit,
        data_subjects: &[String],
        places: &[Place],
    ) -> Result<bool, StoreError>;
}

#[async_trait]
impl OwedStore for Store {
    async fn outgoing_permit(
        &self,
        transaction: TransactionId,
    ) -> Result<Option<(EntryId, Permit)>, StoreError> {
        Self::outgoing_permit(self, transaction).await
    }

    async fn owe(
        &self,
        permit: EntryId,
        owed: &OwedPermit,
        data_subjects: &[String],
        places: &[Place],
    ) -> Result<bool, StoreError> {
        Self::owe(self, permit, owed, data_subjects, places).await
    }
}

/// A record of Logboek Dataverwerkingen 1.0.0 (§3.3) as an application hands it in: its data subject by the number itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordHandedIn {
    trace_id: String,
    span_id: String,
    #[serde(default)]
    parent_span_id: Option<String>,
    status: ProcessingStatus,
    name: String,
    start_time: i64,
    end_time: i64,
    attributes: AttributesHandedIn,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributesHandedIn {
    #[serde(rename = "dpl.core.processing_activity_id")]
    activity: String,
    #[serde(default, rename = "dpl.core.data_subject_id")]
    identifier: Option<String>,
    #[serde(default, rename = "dpl.core.data_subject_id_type")]
    identifies: Option<IdentifierKind>,
}

impl RecordHandedIn {
    /// Reads one. What stands in it is told nobody, also where it cannot be read.
    ///
    /// # Errors
    /// `RECORD_UNREADABLE`.
    pub fn read(bytes: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(bytes).map_err(|error| {
            Problem::new(
                "RECORD_UNREADABLE",
                400,
                format!("De verwerking is niet te lezen (regel {}, teken {}).", error.line(), error.column()),
                format!("the record cannot be read (line {}, column {})", error.line(), error.column()),
            )
            .next(
                "Stuur één verwerking zoals docs/logbook.md haar beschrijft, en niets daarnaast.",
                "send one record as docs/logbook.md describes it, and nothing beside it",
            )
        })
    }

    /// The record as it is kept: it keeps to what is owed, and names its data subject by pseudonym.
    fn kept(self, owed: &OwedRecords, limits: &Limits) -> Result<ProcessingRecord, Problem> {
        let AttributesHandedIn { activity, identifier, identifies } = self.attributes;
        let data_subject = match (identifier, identifies) {
            (None, None) => None,
            (Some(number), Some(of)) if !number.is_empty() && number.len() <= LONGEST_NUMBER => {
                if self.name.contains(&number) {
                    return Err(unusable("name", "noemt iemand", "names somebody"));
                }
                let pseudonym = limits.pseudonym(owed.since, of, &number);
                Some((pseudonym.and_then(|one| processing::written(&one)).ok_or_else(no_keys)?, of))
            }
            _ => {
                let member = "dpl.core.data_subject_id";
                return Err(unusable(
                    member,
                    "of het type ontbreekt of past niet",
                    "or its type is missing or does not fit",
                ));
            }
        };
        if !is_name(&self.name) {
            return Err(unusable(
                "name",
                "is leeg, te lang, of bevat een nummer",
                "is empty, too long, or holds a number",
            ));
        }
        let checked = [
            ("trace_id", self.trace_id == owed.trace_id),
            ("span_id", is_span(&self.span_id)),
            ("dpl.core.processing_activity_id", *activity == *owed.activity),
            ("end_time", 0 <= self.start_time && self.start_time <= self.end_time),
        ];
        if let Some((member, _)) = checked.into_iter().find(|(_, holds)| !holds) {
            return Err(unusable(member, "past niet bij de uitwisseling", "does not fit the exchange"));
        }
        let whom = data_subject.as_ref().map(|(pseudonym, _)| pseudonym.as_str());
        let is_action = self.span_id == owed.span_id;
        let is_about = match owed.data_subjects.as_slice() {
            [one] if is_action => whom == Some(one.as_str()),
            _ if is_action => whom.is_none(),
            [one] if whom == Some(one.as_str()) => false,
            _ => whom.is_some(),
        };
        if !is_about {
            return Err(unusable(
                "dpl.core.data_subject_id",
                "hoort niet bij dit span_id",
                "does not belong to this span_id",
            ));
        }
        let is_below = self.parent_span_id.as_ref() == Some(&owed.span_id);
        let is_placed = if is_action { self.parent_span_id.as_deref().is_none_or(is_span) } else { is_below };
        if !is_placed {
            return Err(unusable(
                "parent_span_id",
                "past niet bij de uitwisseling",
                "does not fit the exchange",
            ));
        }
        let (data_subject, of) = data_subject.unzip();
        Ok(ProcessingRecord {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_span_id: self.parent_span_id,
            status: self.status,
            name: self.name,
            start_time: self.start_time,
            end_time: self.end_time,
            attributes: ProcessingAttributes {
                activity: activity.into(),
                data_subject,
                data_subject_type: of.map(|of| kind(of).to_owned()),
                foreign_processor: None,
            },
        })
    }
}

/// What may stand for people to read: one line, and nothing that somebody may be known by.
fn is_name(name: &str) -> bool {
    let mut digits = 0;
    let no_number = name.chars().all(|character| {
        digits = if character.is_ascii_digit() { digits + 1 } else { 0 };
        digits < NUMBER_DIGITS && !character.is_control()
    });
    no_number && !name.trim().is_empty() && name.chars().count() <= LONGEST_NAME
}

/// 16 lower-case hexadecimal digits that are not all zero (Trace Context §3.2.2.4).
fn is_span(text: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 16 && text.bytes().all(is_digit) && text.bytes().any(|byte| byte != b'0')
}

/// Takes in what applications tell of their own processing.
#[derive(Clone)]
pub(crate) struct Owed {
    pub(crate) store: Arc<dyn OwedStore>,
    pub(crate) rules: OwedRules,
}

impl Owed {
    /// From when on a record of what is decided now is missing.
    pub(crate) const fn due(&self, now: Timestamp) -> Timestamp {
        now.plus_seconds(self.rules.within_seconds as i64)
    }

    /// What is to be noted with a permit, if it leaves the records to its application.
    pub(crate) fn noted(&self, permit: &Permit) -> Option<OwedPermit> {
        Some(OwedPermit {
            transaction_id: permit.transaction_id,
            application: permit.application.clone().unwrap_or_default(),
            provider: permit.parties.provider.clone(),
            service: permit.parties.service.clone(),
            records: permit.owed.clone()?,
            most: self.rules.most,
        })
    }

    /// Writes the record of an exchange that its own application hands in, and returns when it is durable.
    ///
    /// # Errors
    /// `RECORD_EXCHANGE_UNKNOWN`, `RECORD_NOT_OWED`, `RECORD_UNUSABLE`, `RECORD_STANDS`, `PSEUDONYM_KEYS_MISSING`,
    /// `RECORD_NOT_WRITTEN`; a problem with the database.
    pub(crate) async fn take_in(
        &self,
        (journal, limits): (&Journal, &Limits),
        application: &ApplicationName,
        transaction: TransactionId,
        record: RecordHandedIn,
    ) -> Result<EntryId, Problem> {
        let permitted = self.store.outgoing_permit(transaction).await.map_err(database_problem)?;
        let (permitted, permit) = permitted
            .filter(|(_, permit)| permit.application.as_deref() == Some(application.as_str()))
            .ok_or_else(exchange_unknown)?;
        let owed = permit.owed.as_ref().ok_or_else(not_owed)?;
        let record = record.kept(owed, limits)?;
        let entry = Entry::Processing(Processing {
            transaction_id: transaction,
            direction: Direction::Outgoing,
            counterpart: permit.parties.provider.clone(),
            permit: permitted,
            written_by: Some(application.clone()),
            record,
        });
        journal.append(&entry).await.map_err(|error| match error {
            AppendError::Duplicate => stands(),
            error => {
                tracing::error!(%error, "a record that an application handed in cannot be written");
                not_written()
            }
        })
    }
}

fn exchange_unknown() -> Problem {
    Problem::new(
        "RECORD_EXCHANGE_UNKNOWN",
        404,
        "Deze applicatie heeft geen uitwisseling met dit transactienummer.",
        "this application has no exchange with this transaction id",
    )
    .next(
        "Neem het nummer uit het antwoord over: `Fsc-Transaction-Id`.",
        "take the id from the answer: `Fsc-Transaction-Id`",
    )
}

fn not_owed() -> Problem {
    Problem::new(
        "RECORD_NOT_OWED",
        409,
        "Van deze uitwisseling legt de outway de verwerking vast, of er is niets persoonlijks in; de applicatie legt haar niet nog eens vast.",
        "of this exchange the outway writes the record, or nothing in it is personal; the application does not write it once more",
    )
    .next(
        "Kijk met `verbond application show` wie haar vastlegt.",
        "see with `verbond application show` who writes it",
    )
}

fn stands() -> Problem {
    Problem::new(
        "RECORD_STANDS",
        409,
        "Deze verwerking staat er al: één per handeling en betrokkene.",
        "this record stands already: there is one for each action and data subject",
    )
    .next(
        "Kwam op de eerste keer geen antwoord, dan is zij toen vastgelegd; er is niets te doen.",
        "if no answer came the first time, it was written then; nothing is to be done",
    )
}

fn not_written() -> Problem {
    Problem::new(
        "RECORD_NOT_WRITTEN",
        503,
        "De verwerking kon niet worden vastgelegd.",
        "the record could not be written",
    )
    .next("Stuur haar opnieuw, tot zij is aangenomen.", "send it again until it is taken")
}

fn unusable(member: &str, nl: &str, en: &str) -> Problem {
    Problem::new(
        "RECORD_UNUSABLE",
        422,
        format!("De verwerking is niet bruikbaar: `{member}` {nl}."),
        format!("the record cannot be used: `{member}` {en}"),
    )
    .next(
        "Neem trace en span van het eigen verzoek (`traceparent`) en de activiteit uit de gegevensafspraak; docs/logbook.md heeft een voorbeeld.",
        "take trace and span of your own request (`traceparent`) and the activity from the agreement; docs/logbook.md has an example",
    )
}

/// What a refusal says of a request that leaves its record to the application and does not say of which span it is part.
pub(crate) fn no_span() -> Problem {
    Problem::new(
        "TRACEPARENT_MISSING",
        400,
        "De applicatie legt de verwerking van deze dienst zelf vast, en haar verzoek noemt geen span.",
        "The application writes the processing record of this service itself, and its request names no span.",
    )
    .next(
        "Stuur `traceparent` mee (W3C Trace Context): de span die de verwerking krijgt.",
        "Send `traceparent` (W3C Trace Context): the span that the record will have.",
    )
}

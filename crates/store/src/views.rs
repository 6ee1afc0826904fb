//! Deriving views from the journal: exchanges become transaction records, and so on.

use serde::Deserialize;
use verbond_domain::{Direction, ParticipantId, ServiceName, TransactionId};

use crate::{
    Store, StoreError,
    connection::Connection,
    retention,
    sql::{Sql, Value, powers_of_two},
};

/// Entries in one transaction at most, so that appends do not wait long for it.
const STEP: i64 = 1000;
/// Records in one `INSERT` at most: a power of two.
const ROWS: usize = 64;

/// The form in which this program derives the views: counts up when they hold more, or other things, than before.
const FORM: i64 = 1;

/// An entry with its position: position, kind, payload.
pub(crate) type PlacedEntry = (i64, String, Vec<u8>);

/// The same as it lies in the database: position, kind, payload, id, key.
pub(crate) type LyingEntry = (i64, String, Vec<u8>, Vec<u8>, i64);

impl Store {
    /// Opens entries. Those that have been destroyed are left out; so is, and is told, one that cannot be opened.
    pub(crate) async fn placed(&self, entries: Vec<LyingEntry>) -> Result<Vec<PlacedEntry>, StoreError> {
        let opening = self.opening(entries.iter().map(|(.., key)| *key).collect()).await?;
        let open = |(position, kind, payload, id, key): LyingEntry| match opening.payload(key, &id, payload) {
            Ok(payload) => payload.map(|payload| (position, kind, payload)),
            Err(error) => {
                tracing::error!(position, %error, "a journal entry cannot be opened and is left out of the views");
                None
            }
        };
        Ok(entries.into_iter().filter_map(open).collect())
    }

    /// Derives all views again if they stand in the form of an earlier version of the program.
    pub(crate) async fn views_in_this_form(&self) -> Result<(), StoreError> {
        let head = Sql::new("SELECT views_form, size FROM journal_head WHERE id = 1");
        let head = self.inner.pools.row::<(i64, i64)>(head).await?;
        let (form, size) = head.ok_or_else(|| StoreError::damaged("the head of the journal is missing"))?;
        if form >= FORM {
            return Ok(());
        }
        if size > 0 {
            tracing::info!(
                entries = size,
                "the views of the journal are derived anew, once after this upgrade"
            );
        }
        self.rebuild_views().await?;
        let mut connection = self.inner.pools.begin_write().await?;
        let sql = Sql::new("UPDATE journal_head SET views_form = $1 WHERE id = 1").bind(FORM);
        connection.execute(sql).await?;
        connection.commit().await
    }

    /// Derives all views again from the positions that the entries have, step by step, so that neither appends nor
    /// readers wait for the whole.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn rebuild_views(&self) -> Result<(), StoreError> {
        let mut from = 1;
        loop {
            let mut connection = self.inner.pools.begin_write().await?;
            // Locked, so that retention empties nothing under our hands.
            retention::lock(&mut connection).await?;
            let size = size(connection.row(Sql::new("SELECT size FROM journal_head WHERE id = 1")).await?)?;
            if from > size {
                empty(&mut connection, from, i64::MAX).await?;
                return connection.commit().await;
            }
            let until = size.saturating_add(1).min(from.saturating_add(STEP));
            empty(&mut connection, from, until).await?;
            let entries = Sql::new(
                "SELECT position, kind, payload, id, key_id FROM journal_entry \
                 WHERE position >= $1 AND position < $2 AND length(payload) > 0 ORDER BY position",
            );
            let entries = connection.rows(entries.bind(from).bind(until)).await?;
            insert_records(&mut connection, &self.placed(entries).await?).await?;
            connection.commit().await?;
            from = until;
        }
    }
}

fn size(row: Option<(i64,)>) -> Result<i64, StoreError> {
    row.map(|(size,)| size).ok_or_else(|| StoreError::damaged("the head of the journal is missing"))
}

pub(crate) async fn insert_records(
    connection: &mut Connection,
    entries: &[PlacedEntry],
) -> Result<(), StoreError> {
    let records = entries.iter().filter_map(record).collect();
    let exchanges = "INSERT INTO transaction_record (position, transaction_id, direction, consumer, consumer_delegator, \
         provider, provider_delegator, service, grant_hash, agreement, agreement_version, purpose) VALUES ";
    insert_rows(connection, exchanges, records).await?;
    let records = entries.iter().flat_map(processing).collect();
    let processed =
        "INSERT INTO processing_record (position, place, transaction_id, data_subject, activity) VALUES ";
    insert_rows(connection, processed, records).await?;
    let records = entries.iter().filter_map(completion).collect();
    let completed =
        "INSERT INTO completion_record (position, transaction_id, direction, counterpart) VALUES ";
    insert_rows(connection, completed, records).await
}

/// Puts rows into a view. What stands there already stays.
async fn insert_rows<const N: usize>(
    connection: &mut Connection,
    text: &'static str,
    rows: Vec<[Value; N]>,
) -> Result<(), StoreError> {
    for piece in powers_of_two(&rows, ROWS) {
        let mut sql = Sql::new(text);
        sql.push_rows(piece.iter().cloned()).push(" ON CONFLICT DO NOTHING");
        connection.execute(sql).await?;
    }
    Ok(())
}

/// Takes out of all views what is of entries from a position on and before another.
pub(crate) async fn empty(connection: &mut Connection, from: i64, until: i64) -> Result<(), StoreError> {
    for view in [
        "DELETE FROM transaction_record WHERE position >= $1 AND position < $2",
        "DELETE FROM completion_record WHERE position >= $1 AND position < $2",
        "DELETE FROM processing_record WHERE position >= $1 AND position < $2",
    ] {
        connection.execute(Sql::new(view).bind(from).bind(until)).await?;
    }
    Ok(())
}

/// What processing records are looked for by.
#[derive(Deserialize)]
struct ProcessedBy {
    transaction_id: TransactionId,
    #[serde(default)]
    processing: Vec<RecordedBy>,
    #[serde(default)]
    record: Option<RecordedBy>,
}

#[derive(Deserialize)]
struct RecordedBy {
    attributes: AttributedBy,
}

#[derive(Deserialize)]
struct AttributedBy {
    #[serde(rename = "dpl.core.processing_activity_id")]
    activity: String,
    #[serde(default, rename = "dpl.core.data_subject_id")]
    data_subject: Option<String>,
}

/// As [`record`], for processing records: a permit may hold several.
fn processing((position, kind, payload): &PlacedEntry) -> Vec<[Value; 5]> {
    if !matches!(kind.as_str(), "permit" | "processing") {
        return Vec::new();
    }
    let Ok(processed) = serde_json::from_slice::<ProcessedBy>(payload) else {
        tracing::error!(position, "a journal entry is damaged and left out of the processing records");
        return Vec::new();
    };
    let records = processed.processing.into_iter().chain(processed.record);
    let row = |(place, RecordedBy { attributes }): (i64, RecordedBy)| {
        [
            (*position).into(),
            place.into(),
            processed.transaction_id.as_uuid().as_bytes().as_slice().into(),
            attributes.data_subject.into(),
            attributes.activity.as_str().into(),
        ]
    };
    (0..).zip(records).map(row).collect()
}

/// What completions are looked for by.
#[derive(Deserialize)]
struct CompletedBy {
    transaction_id: TransactionId,
    direction: Direction,
    counterpart: ParticipantId,
}

/// As [`record`], for completions.
fn completion((position, kind, payload): &PlacedEntry) -> Option<[Value; 4]> {
    if kind != "completion" {
        return None;
    }
    let Ok(completed) = serde_json::from_slice::<CompletedBy>(payload) else {
        tracing::error!(position, "a journal entry is damaged and left out of the completions");
        return None;
    };
    Some([
        (*position).into(),
        completed.transaction_id.as_uuid().as_bytes().as_slice().into(),
        completed.direction.as_str().into(),
        (&completed.counterpart).into(),
    ])
}

/// What of a permit or a refusal exchanges are looked for by. Read by itself: the whole entry is read through a buffer.
#[derive(Deserialize)]
struct LookedForBy {
    transaction_id: Option<TransactionId>,
    direction: Direction,
    consumer: ParticipantId,
    consumer_delegator: Option<ParticipantId>,
    provider: ParticipantId,
    provider_delegator: Option<ParticipantId>,
    service: ServiceName,
    wire: Wire,
    #[serde(default)]
    decision: Option<DecidedBy>,
}

/// Of the record of a decision: the version on which it rests, and the purpose.
#[derive(Deserialize)]
struct DecidedBy {
    attributes: SourcesOf,
    body: QuestionOf,
}

#[derive(Deserialize)]
struct SourcesOf {
    #[serde(default, rename = "adl.core.policies")]
    policies: Option<PoliciesOf>,
}

#[derive(Deserialize)]
struct PoliciesOf {
    agreement: VersionOf,
}

#[derive(Deserialize)]
struct VersionOf {
    id: uuid::Uuid,
    version: i64,
}

#[derive(Deserialize)]
struct QuestionOf {
    #[serde(rename = "adl.core.request")]
    request: RequestOf,
}

#[derive(Deserialize)]
struct RequestOf {
    context: ContextOf,
}

#[derive(Deserialize)]
struct ContextOf {
    #[serde(default)]
    purpose: Option<String>,
}

#[derive(Deserialize)]
struct Wire {
    grant_hash: Option<serde_json::Value>,
}

/// The row of the view for an entry, if it has one. A damaged entry has none: it is told, and does not keep the others
/// from theirs.
fn record((position, kind, payload): &PlacedEntry) -> Option<[Value; 12]> {
    if !matches!(kind.as_str(), "permit" | "refusal") {
        return None;
    }
    let row = serde_json::from_slice(payload).ok().and_then(|exchange| row(*position, exchange));
    if row.is_none() {
        tracing::error!(position, "a journal entry is damaged and left out of the records");
    }
    row
}

fn row(position: i64, exchange: LookedForBy) -> Option<[Value; 12]> {
    let grant_hash = match exchange.wire.grant_hash {
        Some(serde_json::Value::String(hash)) if hash.len() <= 1024 => Some(hash),
        _ => None,
    };
    let (agreement, purpose) = match exchange.decision {
        Some(DecidedBy { attributes, body }) => {
            (attributes.policies.map(|policies| policies.agreement), body.request.context.purpose)
        }
        None => (None, None),
    };
    // PostgreSQL's text cannot hold NUL.
    if [&grant_hash, &purpose].into_iter().flatten().any(|text| text.contains('\0')) {
        return None;
    }
    Some([
        position.into(),
        Value::Bytes(exchange.transaction_id.map(|id| id.as_uuid().as_bytes().to_vec())),
        exchange.direction.as_str().into(),
        (&exchange.consumer).into(),
        exchange.consumer_delegator.as_ref().map(ToString::to_string).into(),
        (&exchange.provider).into(),
        exchange.provider_delegator.as_ref().map(ToString::to_string).into(),
        exchange.service.as_str().into(),
        grant_hash.into(),
        Value::Bytes(agreement.as_ref().map(|version| version.id.as_bytes().to_vec())),
        agreement.map(|version| version.version).into(),
        purpose.into(),
    ])
}

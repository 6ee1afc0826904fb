//! Deriving views from the journal: exchanges become transaction records, and so on.

use std::sync::Arc;

use serde::Deserialize;
use verbond_domain::{Direction, ParticipantId, ServiceName, TransactionId};
use verbond_journal::{ExchangeHeading, Listed, ListedCompletion, ListedExchange, ListedProcessing, RestsOn};

use crate::{
    Store, StoreError,
    connection::Connection,
    headings, retention,
    sql::{Sql, Value, powers_of_two},
};

/// Entries in one transaction at most, so that appends do not wait long for it.
const STEP: i64 = 1000;
/// Records in one `INSERT` at most: a power of two.
const ROWS: usize = 64;

/// The form in which this program derives the views: counts up when they hold more, or other things, than before.
const FORM: i64 = 2;

/// What an entry is looked for by, with its position.
pub(crate) type ListedEntry = (i64, Listed);

/// An entry as it lies in the database: position, kind, payload, id, key.
pub(crate) type LyingEntry = (i64, String, Vec<u8>, Vec<u8>, i64);

impl Store {
    /// What entries are looked for by, read from them as they lie. Those that have been destroyed are left out; so is, and is told,
    /// one that cannot be opened.
    pub(crate) async fn listed(&self, entries: Vec<LyingEntry>) -> Result<Vec<ListedEntry>, StoreError> {
        let opening = self.opening(entries.iter().map(|(.., key)| *key).collect()).await?;
        let listed = |(position, kind, payload, id, key): LyingEntry| match opening.payload(key, &id, payload)
        {
            Ok(payload) => Some((position, read(position, &kind, &payload?))),
            Err(error) => {
                tracing::error!(position, %error, "a journal entry cannot be opened and is left out of the views");
                None
            }
        };
        Ok(entries.into_iter().filter_map(listed).collect())
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
            // Headings are put there by one at a time.
            connection.execute(connection.dialect().wait_for_lead()).await?;
            let size = size(connection.row(Sql::new("SELECT size FROM journal_head WHERE id = 1")).await?)?;
            if from == 1 {
                headings::forget(&mut connection).await?;
            }
            if from > size {
                empty(&mut connection, from, i64::MAX).await?;
                headings::let_go_unused(&mut connection).await?;
                return connection.commit().await;
            }
            let until = size.saturating_add(1).min(from.saturating_add(STEP));
            empty(&mut connection, from, until).await?;
            let entries = Sql::new(
                "SELECT position, kind, payload, id, key_id FROM journal_entry \
                 WHERE position >= $1 AND position < $2 AND length(payload) > 0 ORDER BY position",
            );
            let entries = connection.rows(entries.bind(from).bind(until)).await?;
            insert_records(&mut connection, self.listed(entries).await?).await?;
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
    entries: Vec<ListedEntry>,
) -> Result<(), StoreError> {
    let (mut exchanges, mut processed, mut completed) = (Vec::new(), Vec::new(), Vec::new());
    for (position, Listed { exchange, processing, completion }) in entries {
        exchanges.extend(
            exchange.filter(|exchange| can_be_listed(position, exchange)).map(|seen| (position, seen)),
        );
        processed
            .extend((0..).zip(processing).map(|(place, record)| processing_row(position, place, record)));
        completed.extend(completion.map(|completion| completion_row(position, &completion)));
    }
    let numbers = headings::numbered(connection, exchanges.iter().map(|(_, seen)| &seen.heading)).await?;
    let exchanges =
        exchanges.into_iter().filter_map(|(position, ListedExchange { transaction_id, heading })| {
            let transaction = transaction_id.map(|id| id.as_uuid().as_bytes().to_vec());
            Some([position.into(), Value::Bytes(transaction), (*numbers.get(&heading)?).into()])
        });
    let text = "INSERT INTO transaction_record (position, transaction_id, heading) VALUES ";
    insert_rows(connection, text, exchanges.collect()).await?;
    let text =
        "INSERT INTO processing_record (position, place, transaction_id, data_subject, activity) VALUES ";
    insert_rows(connection, text, processed).await?;
    let text = "INSERT INTO completion_record (position, transaction_id, direction, counterpart) VALUES ";
    insert_rows(connection, text, completed).await
}

/// Puts rows into a view. What stands there already stays.
async fn insert_rows<const N: usize>(
    connection: &mut Connection,
    text: &'static str,
    rows: Vec<[Value; N]>,
) -> Result<(), StoreError> {
    let lengths = powers_of_two(&rows, ROWS).map(<[_]>::len).collect::<Vec<_>>();
    let mut rows = rows.into_iter();
    for length in lengths {
        connection.execute(Sql::insert(text, rows.by_ref().take(length))).await?;
    }
    Ok(())
}

/// As [`empty`], for ever: what only these entries said of parties and services goes with them.
pub(crate) async fn destroy(connection: &mut Connection, from: i64, until: i64) -> Result<(), StoreError> {
    connection.execute(connection.dialect().wait_for_lead()).await?;
    let headings = headings::between(connection, from, until).await?;
    empty(connection, from, until).await?;
    headings::let_go(connection, &headings).await
}

/// Takes out of all views what is of entries from a position on and before another.
async fn empty(connection: &mut Connection, from: i64, until: i64) -> Result<(), StoreError> {
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
    activity: Arc<str>,
    #[serde(default, rename = "dpl.core.data_subject_id")]
    data_subject: Option<String>,
}

/// What completions are looked for by.
#[derive(Deserialize)]
struct CompletedBy {
    transaction_id: TransactionId,
    direction: Direction,
    counterpart: ParticipantId,
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
    decision: Option<RestsOn>,
}

#[derive(Deserialize)]
struct Wire {
    grant_hash: Option<serde_json::Value>,
}

/// What an entry is looked for by, read from it. What of it is damaged stands in no listing: that is told, and does not keep the
/// others from theirs.
fn read(position: i64, kind: &str, payload: &[u8]) -> Listed {
    let mut listed = Listed::default();
    if matches!(kind, "permit" | "refusal") {
        listed.exchange = read_part(position, "records", payload).map(exchange);
    }
    if matches!(kind, "permit" | "processing") {
        let records = read_part(position, "processing records", payload).map(processing);
        listed.processing = records.unwrap_or_default();
    }
    if kind == "completion" {
        listed.completion = read_part(position, "completions", payload).map(completion);
    }
    listed
}

fn read_part<'payload, T: Deserialize<'payload>>(
    position: i64,
    listing: &'static str,
    payload: &'payload [u8],
) -> Option<T> {
    let read = serde_json::from_slice(payload).ok();
    if read.is_none() {
        damaged(position, listing);
    }
    read
}

fn damaged(position: i64, listing: &'static str) {
    tracing::error!(position, listing, "a journal entry is damaged and left out of a listing");
}

fn exchange(read: LookedForBy) -> ListedExchange {
    let heading = ExchangeHeading {
        direction: read.direction,
        consumer: read.consumer,
        consumer_delegator: read.consumer_delegator,
        provider: read.provider,
        provider_delegator: read.provider_delegator,
        service: read.service,
        grant_hash: ExchangeHeading::grant_hash(read.wire.grant_hash.as_ref()),
        rests_on: read.decision.unwrap_or_default(),
    };
    ListedExchange { transaction_id: read.transaction_id, heading }
}

fn processing(read: ProcessedBy) -> Vec<ListedProcessing> {
    let listed = |RecordedBy { attributes }| ListedProcessing {
        transaction_id: read.transaction_id,
        activity: attributes.activity,
        data_subject: attributes.data_subject,
    };
    read.processing.into_iter().chain(read.record).map(listed).collect()
}

fn completion(CompletedBy { transaction_id, direction, counterpart }: CompletedBy) -> ListedCompletion {
    ListedCompletion { transaction_id, direction, counterpart }
}

/// PostgreSQL's text cannot hold NUL.
fn can_be_listed(position: i64, ListedExchange { heading, .. }: &ListedExchange) -> bool {
    let holds_nul = [&heading.grant_hash, &heading.rests_on.purpose]
        .into_iter()
        .flatten()
        .any(|text| text.contains('\0'));
    if holds_nul {
        damaged(position, "records");
    }
    !holds_nul
}

fn processing_row(position: i64, place: i64, record: ListedProcessing) -> [Value; 5] {
    [
        position.into(),
        place.into(),
        record.transaction_id.as_uuid().into(),
        record.data_subject.into(),
        record.activity.into(),
    ]
}

fn completion_row(position: i64, completion: &ListedCompletion) -> [Value; 4] {
    [
        position.into(),
        completion.transaction_id.as_uuid().into(),
        completion.direction.as_str().into(),
        (&completion.counterpart).into(),
    ]
}

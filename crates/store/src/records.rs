//! The transaction-record view of the journal (derived, rebuildable), and the journal's own lines.

use serde::{Deserialize, Serialize};
use verbond_domain::{Direction, ExchangeParties, ParticipantId, Timestamp, TransactionId};
use verbond_journal::{Entry, Permit, RefusedExchange, WireMembers};

use crate::{
    Store, StoreError,
    connection::Connection,
    cursor::{Cursor, Listing, clamp, page},
    dialect::Dialect,
    journal::{RARE, is_rare, uuid},
    month_keys::{Class, Opening},
    sql::{LONGEST_LIST, Sql, Value},
};

/// Order of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SortOrder {
    /// Oldest first.
    Ascending,
    /// Newest first.
    #[default]
    Descending,
}

/// A page of a listing: `cursor` is the opaque place where the next page starts, `None` at the end.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where to go on.
    pub next: Option<String>,
}

/// One line: a permit or refusal of an exchange.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransactionRecord {
    /// Journal entry id.
    pub id: uuid::Uuid,
    /// Shared id; always there for a permit.
    pub transaction_id: Option<TransactionId>,
    /// Incoming or outgoing.
    pub direction: Direction,
    /// Who, for whom, which service.
    pub parties: ExchangeParties,
    /// The protocol's members (`grant_hash`, `group_id`, ...).
    pub wire: WireMembers,
    /// The application, on the consumer's side.
    pub application: Option<String>,
    /// `None` for a permit; the code for a refusal.
    pub refusal: Option<String>,
    /// When it was written.
    pub at: Timestamp,
}

/// Which records to list. Empty lists do not filter. `grant_hashes` and `service_names` together let through what fits
/// either (Logging 1.1.0, `GET /logs`); the times bound the period. `transaction_ids`, if not empty, overrides all others
/// but `visible_to` and `permits_only`, which say what may be seen at all.
#[derive(Clone, Debug, Default)]
pub struct RecordFilter {
    /// Only records in which this participant is consumer, provider or either's delegator.
    pub visible_to: Option<ParticipantId>,
    /// These transactions.
    pub transaction_ids: Vec<TransactionId>,
    /// These grants.
    pub grant_hashes: Vec<String>,
    /// These services.
    pub service_names: Vec<String>,
    /// At or after.
    pub after: Option<Timestamp>,
    /// Before.
    pub before: Option<Timestamp>,
    /// Permits only (FSC shows only those).
    pub permits_only: bool,
    /// In this direction.
    pub direction: Option<Direction>,
}

/// A line of the journal as it stands, for `verbond record --journal`.
#[derive(Clone, Debug)]
pub struct JournalLine {
    /// Entry id.
    pub id: uuid::Uuid,
    /// `permit`, `refusal`, `processing`, `completion`, `witness`, `act`.
    pub kind: String,
    /// When it was prepared.
    pub at: Timestamp,
    /// Commitment, 32 bytes.
    pub commitment: Vec<u8>,
    /// The JSON payload; null for an exchange whose time is over.
    pub payload: serde_json::Value,
}

/// So many records that share what is asked for are read and sorted for a page.
const SORTED: i64 = 2_000;

/// Goes by what exchanges share: what is found is sorted.
const BY_HEADING: &str = " AND seen.heading IN ";
/// Goes by the exchange, or through all entries in their order until the page is full: the number of a heading is added to
/// nothing, so that no database looks for it.
const BESIDE_HEADING: &str = " AND seen.heading + 0 IN ";

/// How a page is found fastest: few that share what is asked for are sorted. PostgreSQL knows by its statistics whether they are few.
async fn way(filter: &RecordFilter, connection: &mut Connection) -> Result<&'static str, StoreError> {
    if !filter.transaction_ids.is_empty() {
        return Ok(BESIDE_HEADING);
    }
    if connection.dialect() == Dialect::Postgres {
        return Ok(BY_HEADING);
    }
    let mut sql =
        Sql::new("SELECT COUNT(*) FROM (SELECT 1 AS one FROM transaction_record AS seen WHERE 1 = 1");
    if !push_heading(&mut sql, BY_HEADING, filter)? {
        return Ok(BESIDE_HEADING);
    }
    sql.push(" LIMIT ").push_value(SORTED + 1).push(") AS found");
    let (found,) = connection.row::<(i64,)>(sql).await?.unwrap_or_default();
    Ok(if found > SORTED { BESIDE_HEADING } else { BY_HEADING })
}

/// id, at_millis, key_id, payload.
type RecordColumns = (Vec<u8>, i64, i64, Vec<u8>);

/// id, kind, at_millis, commitment, key_id, payload.
type LineColumns = (Vec<u8>, String, i64, Vec<u8>, i64, Vec<u8>);

impl Store {
    /// Lists transaction records by time (ties by entry id). `limit` 1 to 1000.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`], [`StoreError::TooMany`], [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn transaction_records(
        &self,
        filter: &RecordFilter,
        cursor: Option<&str>,
        limit: i64,
        order: SortOrder,
    ) -> Result<Page<TransactionRecord>, StoreError> {
        let limit = clamp(limit);
        let mut connection = self.inner.pools.begin_read().await?;
        let mut sql = Sql::new(
            "SELECT entry.id, at_millis, key_id, payload FROM transaction_record AS seen \
             JOIN journal_entry AS entry ON entry.position = seen.position WHERE 1 = 1",
        );
        push_filter(&mut sql, filter)?;
        push_heading(&mut sql, way(filter, &mut connection).await?, filter)?;
        if let Some(cursor) = Cursor::read(cursor, Listing::Records)? {
            sql.push(" AND entry.id").push(order.beyond()).push_value(cursor.key.as_slice());
        }
        // Ids begin with the time at which the entry was made.
        sql.push(" ORDER BY entry.id").push(order.word());
        sql.push(" LIMIT ").push_value(limit + 1);
        let rows = connection.rows::<RecordColumns>(sql).await?;
        drop(connection);
        let opening = self.opening(rows.iter().map(|row| row.2).collect()).await?;
        let records = rows.into_iter().filter_map(|row| record(row, &opening).transpose());
        let records = records.collect::<Result<Vec<_>, _>>()?;
        Ok(page(records, limit, Listing::Records, |record| Cursor::new(0, record.id.as_bytes())))
    }

    /// The first refusal of an exchange, as it was written down, if it is still kept.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn refusal(&self, transaction: TransactionId) -> Result<Option<RefusedExchange>, StoreError> {
        let mut sql = Sql::new(
            "SELECT id, at_millis, key_id, payload FROM transaction_record \
             JOIN journal_entry ON journal_entry.position = transaction_record.position \
             WHERE kind = ",
        );
        sql.push_value("refusal").push(" AND transaction_id = ").push_value(transaction.as_uuid());
        sql.push(" ORDER BY id LIMIT 1");
        let Some((id, _, key, payload)) = self.inner.pools.row::<RecordColumns>(sql).await? else {
            return Ok(None);
        };
        let Some(payload) = self.opening(vec![key]).await?.payload(key, &id, payload)? else {
            return Ok(None);
        };
        match serde_json::from_slice(&payload) {
            Ok(Entry::Refusal(refusal)) => Ok(Some(refusal)),
            _ => Err(StoreError::damaged("the payload of a journal entry")),
        }
    }

    /// Lists journal lines in the order of their time-ordered ids, optionally of one kind. `limit` 1 to 1000.
    ///
    /// # Errors
    /// As [`Store::transaction_records`].
    pub async fn journal_lines(
        &self,
        kind: Option<&str>,
        cursor: Option<&str>,
        limit: i64,
        order: SortOrder,
    ) -> Result<Page<JournalLine>, StoreError> {
        let limit = clamp(limit);
        let mut sql = Sql::new(
            "SELECT id, kind, at_millis, commitment, key_id, payload FROM journal_entry WHERE 1 = 1",
        );
        if let Some(kind) = kind {
            sql.push(" AND kind = ").push_value(kind);
            if is_rare(kind) {
                // Says in the words of the index what the value says already.
                sql.push(" AND ").push(RARE);
            }
        }
        if let Some(cursor) = Cursor::read(cursor, Listing::Journal)? {
            sql.push(" AND id").push(order.beyond()).push_value(cursor.key.as_slice());
        }
        sql.push(" ORDER BY id").push(order.word()).push(" LIMIT ").push_value(limit + 1);
        let rows = self.inner.pools.rows::<LineColumns>(sql).await?;
        let opening = self.opening(rows.iter().map(|row| row.4).collect()).await?;
        let lines = rows.into_iter().map(|row| line(row, &opening)).collect::<Result<Vec<_>, _>>()?;
        Ok(page(lines, limit, Listing::Journal, |line| Cursor::new(0, line.id.as_bytes())))
    }
}

/// What is asked for beside what exchanges share.
fn push_filter(sql: &mut Sql, filter: &RecordFilter) -> Result<(), StoreError> {
    if filter.permits_only {
        sql.push(" AND kind = 'permit'");
    }
    if !filter.transaction_ids.is_empty() {
        let ids = filter.transaction_ids.iter().map(|id| Value::from(id.as_uuid()));
        return push_in(sql, " AND seen.transaction_id IN ", ids);
    }
    if let Some(after) = filter.after {
        sql.push(" AND entry.id >= ").push_value(first_id_at(after).as_slice());
    }
    if let Some(before) = filter.before {
        sql.push(" AND entry.id < ").push_value(first_id_at(before).as_slice());
    }
    Ok(())
}

/// What exchanges share of what is asked for; whether anything is.
fn push_heading(sql: &mut Sql, condition: &'static str, filter: &RecordFilter) -> Result<bool, StoreError> {
    // Of which exchanges it is said already.
    let by = |asked| if filter.transaction_ids.is_empty() { asked } else { &[][..] };
    let (grants, services) = (by(filter.grant_hashes.as_slice()), by(filter.service_names.as_slice()));
    if filter.visible_to.is_none() && filter.direction.is_none() && grants.is_empty() && services.is_empty() {
        return Ok(false);
    }
    sql.push(condition).push("(SELECT id FROM exchange_heading WHERE 1 = 1");
    if let Some(participant) = &filter.visible_to {
        let mut before = " AND (consumer = ";
        for next in [" OR consumer_delegator = ", " OR provider = ", " OR provider_delegator = ", ")"] {
            sql.push(before).push_value(participant);
            before = next;
        }
        sql.push(before);
    }
    if let Some(direction) = filter.direction {
        sql.push(" AND direction = ").push_value(direction.as_str());
    }
    if !grants.is_empty() {
        push_in(sql, " AND (grant_hash IN ", grants.iter().map(Value::from))?;
    }
    if !services.is_empty() {
        let joined = if grants.is_empty() { " AND (service IN " } else { " OR service IN " };
        push_in(sql, joined, services.iter().map(Value::from))?;
    }
    if !(grants.is_empty() && services.is_empty()) {
        sql.push(")");
    }
    sql.push(")");
    Ok(true)
}

/// Adds a condition over a list of bounded length.
pub(crate) fn push_in(
    sql: &mut Sql,
    condition: &'static str,
    values: impl ExactSizeIterator<Item = Value>,
) -> Result<(), StoreError> {
    if values.len() > LONGEST_LIST {
        return Err(StoreError::TooMany(LONGEST_LIST));
    }
    sql.push(condition).push_list(values);
    Ok(())
}

/// What the ids of entries made at this moment, and of no earlier ones, are not below (RFC 9562 §5.7).
pub(crate) fn first_id_at(moment: Timestamp) -> [u8; 16] {
    let millis = u64::try_from(moment.millis()).unwrap_or(0).min((1 << 48) - 1);
    (u128::from(millis) << 80).to_be_bytes()
}

/// `None`: it has been destroyed.
fn record(columns: RecordColumns, opening: &Opening) -> Result<Option<TransactionRecord>, StoreError> {
    let (id, at, key, payload) = columns;
    let Some(payload) = opening.payload(key, &id, payload)? else { return Ok(None) };
    let entry = serde_json::from_slice(&payload)
        .map_err(|_| StoreError::damaged("the payload of a journal entry"))?;
    let (id, at) = (uuid(&id)?, Timestamp::from_millis(at));
    match entry {
        Entry::Permit(Permit { transaction_id, direction, parties, wire, application, .. }) => {
            let transaction_id = Some(transaction_id);
            Ok(Some(TransactionRecord {
                id,
                transaction_id,
                direction,
                parties,
                wire,
                application,
                refusal: None,
                at,
            }))
        }
        Entry::Refusal(RefusedExchange {
            transaction_id,
            direction,
            parties,
            wire,
            code,
            application,
            decision: _,
        }) => {
            let refusal = Some(code);
            Ok(Some(TransactionRecord {
                id,
                transaction_id,
                direction,
                parties,
                wire,
                application,
                refusal,
                at,
            }))
        }
        Entry::Processing(_) | Entry::Completion(_) | Entry::Witness(_) | Entry::Act(_) => {
            Err(StoreError::damaged("an exchange that is none"))
        }
    }
}

fn line(columns: LineColumns, opening: &Opening) -> Result<JournalLine, StoreError> {
    let (id, kind, at, commitment, key, payload) = columns;
    // Retention empties exchanges, never acts.
    let payload = match opening.payload(key, &id, payload)? {
        None if Class::of(&kind) == Class::Act => return Err(StoreError::damaged("an act is empty")),
        payload => payload.unwrap_or_else(|| b"null".to_vec()),
    };
    Ok(JournalLine {
        id: uuid(&id)?,
        kind,
        at: Timestamp::from_millis(at),
        commitment,
        payload: serde_json::from_slice(&payload)
            .map_err(|_| StoreError::damaged("the payload of a journal entry"))?,
    })
}

/// Reads the identifier of a participant back.
pub(crate) fn participant(text: &str) -> Result<ParticipantId, StoreError> {
    text.parse().map_err(|_| StoreError::damaged("the identifier of a participant"))
}

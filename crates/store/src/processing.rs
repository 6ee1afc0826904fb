//! Processing records, as they stand in the journal: with the permit, or as entries of their own.

use std::{collections::HashMap, sync::Arc};

use verbond_domain::{Direction, ParticipantId, Timestamp, TransactionId};
use verbond_journal::{Entry, EntryId, ProcessingRecord};

use crate::{
    Page, Store, StoreError,
    cursor::{Cursor, Listing, clamp, page},
    journal::uuid,
    month_keys::Opening,
    records::{first_id_at, push_in},
    sql::{Sql, Value},
};

/// One record, with the exchange that it is of.
#[derive(Clone, Debug)]
pub struct ProcessingRow {
    /// The journal entry that holds it.
    pub id: uuid::Uuid,
    /// The exchange.
    pub transaction_id: TransactionId,
    /// Coming in or going out.
    pub direction: Direction,
    /// The party at the other end.
    pub counterpart: ParticipantId,
    /// The entry that permitted the exchange; this one, where the record stands in it.
    pub permit: uuid::Uuid,
    /// The record.
    pub record: Arc<ProcessingRecord>,
    position: i64,
    place: i64,
}

impl ProcessingRow {
    /// Where it stands.
    pub const fn place(&self) -> RecordPlace {
        RecordPlace { position: self.position, place: self.place }
    }
}

/// Where a record stands: in which entry, and there in which place. Those that are written later stand later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordPlace {
    /// Position of the entry in the journal, from 1 on.
    pub position: i64,
    /// Place in the entry, from 0 on.
    pub place: i64,
}

/// Which records. What is `None` or empty does not filter.
#[derive(Clone, Debug, Default)]
pub struct ProcessingFilter {
    /// Of this exchange.
    pub transaction_id: Option<TransactionId>,
    /// About somebody with one of these pseudonyms.
    pub data_subjects: Vec<String>,
    /// Of this version of an activity.
    pub activity: Option<String>,
    /// At or after.
    pub after: Option<Timestamp>,
    /// Before.
    pub before: Option<Timestamp>,
}

/// position, place, id, key_id, payload.
type Columns = (i64, i64, Vec<u8>, i64, Vec<u8>);
const FOUND: &str = "SELECT found.position, found.place, entry.id, entry.key_id, entry.payload FROM processing_record AS found \
     JOIN journal_entry AS entry ON entry.position = found.position WHERE 1 = 1";

impl Store {
    /// Lists processing records in the order in which they were written. `limit` 1 to 1000. Those of the last second may be
    /// missing.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`], [`StoreError::TooMany`], [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn processing_records(
        &self,
        filter: &ProcessingFilter,
        cursor: Option<&str>,
        limit: i64,
    ) -> Result<Page<ProcessingRow>, StoreError> {
        let limit = clamp(limit);
        let mut sql = Sql::new(FOUND);
        if let Some(transaction) = &filter.transaction_id {
            sql.push(" AND found.transaction_id = ").push_value(transaction.as_uuid());
        }
        if !filter.data_subjects.is_empty() {
            push_in(&mut sql, " AND found.data_subject IN ", filter.data_subjects.iter().map(Value::from))?;
        }
        if let Some(activity) = &filter.activity {
            sql.push(" AND found.activity = ").push_value(activity);
        }
        if let Some(after) = filter.after {
            sql.push(" AND entry.id >= ").push_value(first_id_at(after).as_slice());
        }
        if let Some(before) = filter.before {
            sql.push(" AND entry.id < ").push_value(first_id_at(before).as_slice());
        }
        if let Some(cursor) = Cursor::read(cursor, Listing::Processing)? {
            let place: [u8; 8] =
                cursor.key.try_into().map_err(|_| StoreError::damaged("the place of a cursor"))?;
            sql.push(" AND (found.position > ").push_value(cursor.number);
            sql.push(" OR (found.position = ").push_value(cursor.number);
            sql.push(" AND found.place > ").push_value(i64::from_be_bytes(place)).push("))");
        }
        sql.push(" ORDER BY found.position, found.place LIMIT ").push_value(limit + 1);
        let rows = self.processing_rows(sql).await?;
        Ok(page(rows, limit, Listing::Processing, |row| Cursor::new(row.position, &row.place.to_be_bytes())))
    }

    /// The records after a place, in the order in which they were written. `limit` 1 to 1000. Those of the last second may be missing,
    /// and none is missing before one that is there.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn processing_records_after(
        &self,
        after: RecordPlace,
        limit: i64,
    ) -> Result<Vec<ProcessingRow>, StoreError> {
        let RecordPlace { mut position, mut place } = after;
        loop {
            let mut sql = Sql::new(FOUND);
            sql.push(" AND found.position >= ").push_value(position);
            sql.push(" AND (found.position > ").push_value(position);
            sql.push(" OR found.place > ").push_value(place);
            sql.push(") ORDER BY found.position, found.place LIMIT ").push_value(clamp(limit));
            let rows = self.inner.pools.rows::<Columns>(sql).await?;
            let Some((last_position, last_place, ..)) = rows.last() else { return Ok(Vec::new()) };
            (position, place) = (*last_position, *last_place);
            // A page of records that have been destroyed, all of them, is not the end.
            let records = self.opened_records(rows).await?;
            if !records.is_empty() {
                return Ok(records);
            }
        }
    }

    async fn processing_rows(&self, sql: Sql) -> Result<Vec<ProcessingRow>, StoreError> {
        let rows = self.inner.pools.rows::<Columns>(sql).await?;
        self.opened_records(rows).await
    }

    /// Rows with what their payloads say; those whose time is over are left out.
    async fn opened_records(&self, rows: Vec<Columns>) -> Result<Vec<ProcessingRow>, StoreError> {
        let opening = self.opening(rows.iter().map(|row| row.3).collect()).await?;
        let mut read = HashMap::new();
        rows.into_iter().filter_map(|columns| row(columns, &opening, &mut read).transpose()).collect()
    }
}

/// The records of one entry.
struct Records {
    transaction_id: TransactionId,
    direction: Direction,
    counterpart: ParticipantId,
    /// `None`: they stand in the permit itself.
    permit: Option<EntryId>,
    records: Vec<Arc<ProcessingRecord>>,
}

/// `None`: it has been destroyed.
fn row(
    (position, place, id, key, payload): Columns,
    opening: &Opening,
    read: &mut HashMap<i64, Records>,
) -> Result<Option<ProcessingRow>, StoreError> {
    let damaged = || StoreError::damaged("the payload of a journal entry");
    let entry = match read.entry(position) {
        std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
        std::collections::hash_map::Entry::Vacant(free) => {
            let Some(payload) = opening.payload(key, &id, payload)? else { return Ok(None) };
            free.insert(records(&payload).ok_or_else(damaged)?)
        }
    };
    let id = uuid(&id)?;
    let number = usize::try_from(place).map_err(|_| damaged())?;
    Ok(Some(ProcessingRow {
        id,
        permit: entry.permit.map_or(id, |EntryId(permit)| permit),
        transaction_id: entry.transaction_id,
        direction: entry.direction,
        counterpart: entry.counterpart.clone(),
        record: entry.records.get(number).cloned().ok_or_else(damaged)?,
        position,
        place,
    }))
}

fn records(payload: &[u8]) -> Option<Records> {
    Some(match serde_json::from_slice(payload).ok()? {
        Entry::Permit(permit) => Records {
            transaction_id: permit.transaction_id,
            direction: permit.direction,
            counterpart: permit.parties.counterpart(permit.direction).clone(),
            permit: None,
            records: permit.processing,
        },
        Entry::Processing(processing) => Records {
            transaction_id: processing.transaction_id,
            direction: processing.direction,
            counterpart: processing.counterpart,
            permit: Some(processing.permit),
            records: vec![Arc::new(processing.record)],
        },
        _ => return None,
    })
}

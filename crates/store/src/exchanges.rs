//! Exchanges, each with what became of it: those with one participant, which two parties compare, and all.

use verbond_domain::{ParticipantId, Timestamp, TransactionId};
use verbond_journal::{Completion, Entry, EntryId, Permit, RefusedExchange};

use crate::{
    Page, Store, StoreError,
    cursor::{Cursor, Listing, clamp, page},
    journal::uuid,
    month_keys::Opening,
    records::first_id_at,
    sql::Sql,
};

/// Whether an exchange was permitted here.
#[derive(Clone, Debug)]
pub enum Answered {
    /// It was, and this became of it; `None`: nothing has been written of that.
    Permitted(Box<Permit>, Option<Completion>),
    /// It was refused.
    Refused(RefusedExchange),
}

/// One exchange, as this node wrote it down.
#[derive(Clone, Debug)]
pub struct ExchangeRow {
    /// The journal entry that says so.
    pub entry: EntryId,
    /// When it was permitted or refused.
    pub at: Timestamp,
    /// What came of it.
    pub answered: Answered,
    position: i64,
    transaction: Option<Vec<u8>>,
}

/// position, transaction_id, at_millis; id, key_id and payload of the entry and of the completion.
type Columns =
    (i64, Option<Vec<u8>>, i64, Vec<u8>, i64, Vec<u8>, Option<Vec<u8>>, Option<i64>, Option<Vec<u8>>);

/// Which exchanges. What is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct ExchangeFilter {
    /// This one.
    pub transaction_id: Option<TransactionId>,
    /// With this participant at the other end.
    pub counterpart: Option<ParticipantId>,
    /// Of a service with this name.
    pub service: Option<String>,
    /// For this version of a processing activity: the address at which it is published.
    pub activity: Option<String>,
    /// Permitted or refused at or after,
    pub after: Option<Timestamp>,
    /// and before.
    pub before: Option<Timestamp>,
}

/// Exchanges with their completions, up to whose completion is meant.
const SEEN: &str = "SELECT seen.position, seen.transaction_id, entry.at_millis, \
     entry.id, entry.key_id, entry.payload, ended.id, ended.key_id, ended.payload \
     FROM transaction_record AS seen \
     JOIN journal_entry AS entry ON entry.position = seen.position \
     LEFT JOIN journal_entry AS ended ON entry.kind = 'permit' AND ended.position = \
       (SELECT MIN(completion.position) FROM completion_record AS completion \
        WHERE completion.transaction_id = seen.transaction_id AND completion.direction = seen.direction \
        AND completion.counterpart = ";

impl Store {
    /// Lists exchanges that reached `counterpart`, or came from it, whose transaction id was made from `from` on and before `until`, in
    /// the order of these ids: an order that both parties see alike. `limit` 1 to 1000. What was written in the last second may be missing.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`], [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn exchanges_with(
        &self,
        counterpart: &ParticipantId,
        from: Timestamp,
        until: Timestamp,
        cursor: Option<&str>,
        limit: i64,
    ) -> Result<Page<ExchangeRow>, StoreError> {
        let limit = clamp(limit);
        let mut sql = Sql::new(SEEN);
        sql.push_value(counterpart).push(") WHERE seen.transaction_id >= ");
        sql.push_value(first_id_at(from).as_slice()).push(" AND seen.transaction_id < ");
        sql.push_value(first_id_at(until).as_slice());
        sql.push(" AND ((seen.direction = 'incoming' AND seen.consumer = ").push_value(counterpart);
        // What this node refused its own applications never reached the counterpart, and is none of its business.
        sql.push(") OR (seen.direction = 'outgoing' AND entry.kind = 'permit' AND seen.provider = ");
        sql.push_value(counterpart).push("))");
        if let Some(cursor) = Cursor::read(cursor, Listing::Exchanges)? {
            sql.push(" AND (seen.transaction_id > ").push_value(cursor.key.as_slice());
            sql.push(" OR (seen.transaction_id = ").push_value(cursor.key.as_slice());
            sql.push(" AND seen.position > ").push_value(cursor.number).push("))");
        }
        sql.push(" ORDER BY seen.transaction_id, seen.position LIMIT ").push_value(limit + 1);
        let rows = self.inner.pools.rows::<Columns>(sql).await?;
        let rows = self.opened(rows).await?;
        Ok(page(rows, limit, Listing::Exchanges, |row| {
            Cursor::new(row.position, row.transaction.as_deref().unwrap_or_default())
        }))
    }

    /// Lists exchanges in the order in which they were permitted or refused. `limit` 1 to 1000. What was written in the last second may
    /// be missing.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`], [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn exchanges(
        &self,
        filter: &ExchangeFilter,
        cursor: Option<&str>,
        limit: i64,
    ) -> Result<Page<ExchangeRow>, StoreError> {
        let limit = clamp(limit);
        let mut sql = Sql::new(SEEN);
        sql.push(
            "CASE seen.direction WHEN 'incoming' THEN seen.consumer ELSE seen.provider END) WHERE 1 = 1",
        );
        if let Some(transaction) = &filter.transaction_id {
            sql.push(" AND seen.transaction_id = ").push_value(transaction.as_uuid());
        }
        if let Some(counterpart) = &filter.counterpart {
            sql.push(" AND ((seen.direction = 'incoming' AND seen.consumer = ").push_value(counterpart);
            sql.push(") OR (seen.direction = 'outgoing' AND seen.provider = ")
                .push_value(counterpart)
                .push("))");
        }
        if let Some(service) = &filter.service {
            sql.push(" AND seen.service = ").push_value(service);
        }
        if let Some(activity) = &filter.activity {
            sql.push(
                " AND seen.transaction_id IN (SELECT transaction_id FROM processing_record WHERE activity = ",
            );
            sql.push_value(activity).push(")");
        }
        if let Some(after) = filter.after {
            sql.push(" AND entry.id >= ").push_value(first_id_at(after).as_slice());
        }
        if let Some(before) = filter.before {
            sql.push(" AND entry.id < ").push_value(first_id_at(before).as_slice());
        }
        if let Some(cursor) = Cursor::read(cursor, Listing::AllExchanges)? {
            sql.push(" AND seen.position > ").push_value(cursor.number);
        }
        sql.push(" ORDER BY seen.position LIMIT ").push_value(limit + 1);
        let rows = self.inner.pools.rows::<Columns>(sql).await?;
        let rows = self.opened(rows).await?;
        Ok(page(rows, limit, Listing::AllExchanges, |row| Cursor::new(row.position, &[])))
    }

    /// Rows with what their payloads say; those whose time is over are left out.
    async fn opened(&self, rows: Vec<Columns>) -> Result<Vec<ExchangeRow>, StoreError> {
        let opening =
            self.opening(rows.iter().flat_map(|row| [row.4, row.7.unwrap_or_default()]).collect()).await?;
        rows.into_iter().filter_map(|columns| row(columns, &opening).transpose()).collect()
    }
}

/// `None`: it has been destroyed.
fn row(columns: Columns, opening: &Opening) -> Result<Option<ExchangeRow>, StoreError> {
    let (position, transaction, at, id, key, payload, ended_id, ended_key, ended) = columns;
    let Some(payload) = opening.payload(key, &id, payload)? else { return Ok(None) };
    let ended = match (ended_id, ended_key, ended) {
        (Some(id), Some(key), Some(payload)) => opening.payload(key, &id, payload)?,
        _ => None,
    };
    let damaged = || StoreError::damaged("the payload of a journal entry");
    let read = |payload: &[u8]| serde_json::from_slice::<Entry>(payload).map_err(|_| damaged());
    let answered = match (read(&payload)?, ended.as_deref().map(read).transpose()?) {
        (Entry::Permit(permit), Some(Entry::Completion(completion))) => {
            Answered::Permitted(permit.into(), Some(completion))
        }
        (Entry::Permit(permit), None) => Answered::Permitted(permit.into(), None),
        (Entry::Refusal(refusal), None) => Answered::Refused(refusal),
        _ => return Err(damaged()),
    };
    let entry = EntryId(uuid(&id)?);
    Ok(Some(ExchangeRow { entry, at: Timestamp::from_millis(at), answered, position, transaction }))
}

//! Decisions, as they stand in the journal with the permit or the refusal that they led to.

use serde::Deserialize;
use verbond_domain::{Direction, Timestamp, TransactionId};

use crate::{
    Page, Store, StoreError,
    cursor::{Cursor, Listing, clamp, page},
    exchanges::ExchangeFilter,
    journal::uuid,
    month_keys::Opening,
    records::first_id_at,
    sql::Sql,
};

/// A decision in its entry.
#[derive(Clone, Debug)]
pub struct DecisionRow {
    /// The journal entry.
    pub id: uuid::Uuid,
    /// When it was written.
    pub at: Timestamp,
    /// Whether the entry is a permit; else it is a refusal, which may be for another reason than the decision.
    pub is_permit: bool,
    /// The exchange.
    pub transaction_id: Option<TransactionId>,
    /// Coming in or going out.
    pub direction: Direction,
    /// The record of the Authorization Decision Log; `None`: no decision was taken, as on an open service.
    pub decision: Option<serde_json::Value>,
}

/// position, id, kind, at_millis, key_id, payload.
type DecisionColumns = (i64, Vec<u8>, String, i64, i64, Vec<u8>);

/// In the order of identifiers: also what has no position yet.
const BY_TIME: &str = "SELECT COALESCE(position, 0), id, kind, at_millis, key_id, payload FROM journal_entry \
     WHERE kind IN ('permit', 'refusal') AND length(payload) > 0";
/// In the order of positions.
const FOUND: &str = "SELECT seen.position, entry.id, entry.kind, entry.at_millis, entry.key_id, entry.payload \
     FROM transaction_record AS seen JOIN journal_entry AS entry ON entry.position = seen.position";

/// What of a permit or a refusal is looked at.
#[derive(Deserialize)]
struct Decided {
    transaction_id: Option<TransactionId>,
    direction: Direction,
    #[serde(default)]
    decision: Option<serde_json::Value>,
}

impl Store {
    /// Lists permits and refusals with their decisions, the oldest first. Those whose time is over are left out, so that a page may
    /// hold fewer than there are while more follow. Where more than a period is asked for, what was written in the last second may be
    /// missing. `limit` 1 to 1000.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`], [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn decisions(
        &self,
        filter: &ExchangeFilter,
        cursor: Option<&str>,
        limit: i64,
    ) -> Result<Page<DecisionRow>, StoreError> {
        let limit = clamp(limit);
        let (rows, listing): (Vec<DecisionColumns>, _) = match filter.is_of_time_only() {
            true => (self.inner.pools.rows(by_time(filter, cursor, limit)?).await?, Listing::Decisions),
            false => {
                let beyond = Cursor::read(cursor, Listing::FoundDecisions)?.map_or(0, |cursor| cursor.number);
                (filter.found(self, &[FOUND], beyond, limit + 1).await?, Listing::FoundDecisions)
            }
        };
        let Page { items, next } = page(rows, limit, listing, |row| Cursor::new(row.0, &row.1));
        let opening = self.opening(items.iter().map(|row| row.4).collect()).await?;
        let items = items.into_iter().filter_map(|columns| row(columns, &opening).transpose());
        Ok(Page { items: items.collect::<Result<_, _>>()?, next })
    }

    /// The decision in one entry.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn decision(&self, entry: &uuid::Uuid) -> Result<Option<DecisionRow>, StoreError> {
        let sql = Sql::new(
            "SELECT COALESCE(position, 0), id, kind, at_millis, key_id, payload FROM journal_entry \
             WHERE id = $1 AND kind IN ('permit', 'refusal') AND length(payload) > 0",
        );
        let Some(columns) = self.inner.pools.row::<DecisionColumns>(sql.bind(entry)).await? else {
            return Ok(None);
        };
        let opening = self.opening(vec![columns.4]).await?;
        row(columns, &opening)
    }
}

fn by_time(filter: &ExchangeFilter, cursor: Option<&str>, limit: i64) -> Result<Sql, StoreError> {
    let mut sql = Sql::new(BY_TIME);
    if let Some(after) = filter.after {
        sql.push(" AND id >= ").push_value(first_id_at(after).as_slice());
    }
    if let Some(before) = filter.before {
        sql.push(" AND id < ").push_value(first_id_at(before).as_slice());
    }
    if let Some(cursor) = Cursor::read(cursor, Listing::Decisions)? {
        sql.push(" AND id > ").push_value(cursor.key.as_slice());
    }
    sql.push(" ORDER BY id LIMIT ").push_value(limit + 1);
    Ok(sql)
}

/// `None`: it has been destroyed.
fn row(columns: DecisionColumns, opening: &Opening) -> Result<Option<DecisionRow>, StoreError> {
    let (_, id, kind, at, key, payload) = columns;
    let Some(payload) = opening.payload(key, &id, payload)? else { return Ok(None) };
    let Decided { transaction_id, direction, decision } = serde_json::from_slice(&payload)
        .map_err(|_| StoreError::damaged("the payload of a journal entry"))?;
    let (id, at, is_permit) = (uuid(&id)?, Timestamp::from_millis(at), kind == "permit");
    Ok(Some(DecisionRow { id, at, is_permit, transaction_id, direction, decision }))
}

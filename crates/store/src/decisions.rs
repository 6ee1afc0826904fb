//! Decisions, as they stand in the journal with the permit or the refusal that they led to.

use serde::Deserialize;
use verbond_domain::{Direction, Timestamp, TransactionId};

use crate::{
    Page, Store, StoreError,
    cursor::{Cursor, Listing, clamp, page},
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

/// Which decisions.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecisionFilter {
    /// Of this exchange.
    pub transaction_id: Option<TransactionId>,
    /// At or after.
    pub after: Option<Timestamp>,
    /// Before.
    pub before: Option<Timestamp>,
}

/// id, kind, at_millis, key_id, payload.
type DecisionColumns = (Vec<u8>, String, i64, i64, Vec<u8>);

/// What of a permit or a refusal is looked at.
#[derive(Deserialize)]
struct Decided {
    transaction_id: Option<TransactionId>,
    direction: Direction,
    #[serde(default)]
    decision: Option<serde_json::Value>,
}

impl Store {
    /// Lists permits and refusals with their decisions, the oldest first. Those whose time is over are left out; those of
    /// one exchange are found within a second after they were written. `limit` 1 to 1000.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`], [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn decisions(
        &self,
        filter: &DecisionFilter,
        cursor: Option<&str>,
        limit: i64,
    ) -> Result<Page<DecisionRow>, StoreError> {
        let limit = clamp(limit);
        let mut sql = Sql::new(
            "SELECT id, kind, at_millis, key_id, payload FROM journal_entry WHERE kind IN ('permit', 'refusal')",
        );
        // Retention has emptied what comes before.
        sql.push(" AND length(payload) > 0");
        if let Some(transaction) = &filter.transaction_id {
            sql.push(" AND position IN (SELECT position FROM transaction_record WHERE transaction_id = ");
            sql.push_value(transaction.as_uuid()).push(")");
        }
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
        let rows = self.inner.pools.rows::<DecisionColumns>(sql).await?;
        let opening = self.opening(rows.iter().map(|row| row.3).collect()).await?;
        let rows = rows.into_iter().filter_map(|columns| row(columns, &opening).transpose());
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        Ok(page(rows, limit, Listing::Decisions, |row| Cursor::new(0, row.id.as_bytes())))
    }

    /// The decision in one entry.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn decision(&self, entry: &uuid::Uuid) -> Result<Option<DecisionRow>, StoreError> {
        let sql = Sql::new(
            "SELECT id, kind, at_millis, key_id, payload FROM journal_entry \
             WHERE id = $1 AND kind IN ('permit', 'refusal') AND length(payload) > 0",
        );
        let Some(columns) = self.inner.pools.row::<DecisionColumns>(sql.bind(entry)).await? else {
            return Ok(None);
        };
        let opening = self.opening(vec![columns.3]).await?;
        row(columns, &opening)
    }
}

/// `None`: it has been destroyed.
fn row(columns: DecisionColumns, opening: &Opening) -> Result<Option<DecisionRow>, StoreError> {
    let (id, kind, at, key, payload) = columns;
    let Some(payload) = opening.payload(key, &id, payload)? else { return Ok(None) };
    let Decided { transaction_id, direction, decision } = serde_json::from_slice(&payload)
        .map_err(|_| StoreError::damaged("the payload of a journal entry"))?;
    let (id, at, is_permit) = (uuid(&id)?, Timestamp::from_millis(at), kind == "permit");
    Ok(Some(DecisionRow { id, at, is_permit, transaction_id, direction, decision }))
}

//! Deriving views from the journal: each entry gets its position once, and exchanges become transaction records.

use verbond_domain::{Direction, ExchangeParties, TransactionId};
use verbond_journal::Entry;

use crate::{
    Store, StoreError,
    connection::Connection,
    journal::uuid,
    retention,
    sql::{Sql, Value, powers_of_two},
};

/// Entries in one transaction at most, so that appends do not wait long for it.
const STEP: i64 = 1000;
/// Records in one `INSERT` at most: a power of two.
const ROWS: usize = 64;

/// An entry with its position: id, position, payload.
type PlacedEntry = (Vec<u8>, i64, Vec<u8>);

impl Store {
    /// Derives views from journal entries that have none yet, at most `limit` (1 to 1000); returns how many it did.
    /// Run by one task in a loop; safe when several processes do so.
    ///
    /// The entries get the next positions without gap; an entry that is committed later gets a later position, whatever
    /// its id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn derive_views(&self, limit: i64) -> Result<usize, StoreError> {
        let waiting = self.inner.pools.dialect().waiting();
        if self.inner.pools.row::<(i64,)>(waiting).await?.is_none() {
            return Ok(0);
        }
        let mut connection = self.inner.pools.begin_write().await?;
        let mut head = Sql::new("SELECT size FROM journal_head WHERE id = 1");
        connection.dialect().lock_rows(&mut head);
        let size = size(connection.row(head).await?)?;
        let entries = place(&mut connection, size, limit.clamp(1, STEP)).await?;
        if entries.is_empty() {
            return Ok(0);
        }
        advance(&mut connection, size, entries.len()).await?;
        insert_records(&mut connection, &entries).await?;
        connection.commit().await?;
        Ok(entries.len())
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
            // What retention has emptied has no record; locked, so that it empties nothing under our hands.
            let kept_from = retention::lock_position(&mut connection).await?;
            from = from.max(kept_from);
            let size = size(connection.row(Sql::new("SELECT size FROM journal_head WHERE id = 1")).await?)?;
            if from > size {
                let stray = Sql::new(
                    "DELETE FROM transaction_record WHERE position < (SELECT position FROM retention WHERE id = 1) \
                     OR position > (SELECT size FROM journal_head WHERE id = 1)",
                );
                connection.execute(stray).await?;
                return connection.commit().await;
            }
            let until = size.saturating_add(1).min(from.saturating_add(STEP));
            let empty = Sql::new("DELETE FROM transaction_record WHERE position >= $1 AND position < $2");
            connection.execute(empty.bind(from).bind(until)).await?;
            let entries = Sql::new(
                "SELECT id, position, payload FROM journal_entry \
                 WHERE position >= $1 AND position < $2 ORDER BY position",
            );
            let entries = connection.rows(entries.bind(from).bind(until)).await?;
            insert_records(&mut connection, &entries).await?;
            connection.commit().await?;
            from = until;
        }
    }
}

fn size(row: Option<(i64,)>) -> Result<i64, StoreError> {
    row.map(|(size,)| size).ok_or_else(|| StoreError::damaged("the head of the journal is missing"))
}

async fn place(connection: &mut Connection, size: i64, limit: i64) -> Result<Vec<PlacedEntry>, StoreError> {
    let mut entries: Vec<PlacedEntry> = connection.rows(connection.dialect().place(size, limit)).await?;
    entries.sort_unstable_by_key(|(_, position, _)| *position);
    Ok(entries)
}

/// Moves the head from `size`, by compare-and-swap: of two that have read the same size, one fails as a whole.
async fn advance(connection: &mut Connection, size: i64, by: usize) -> Result<(), StoreError> {
    let by = i64::try_from(by).unwrap_or(i64::MAX);
    let swap = Sql::new("UPDATE journal_head SET size = $1 WHERE id = 1 AND size = $2");
    match connection.execute(swap.bind(size.saturating_add(by)).bind(size)).await? {
        1 => Ok(()),
        _ => Err(StoreError::Database("another process moved the head of the journal".to_owned())),
    }
}

async fn insert_records(connection: &mut Connection, entries: &[PlacedEntry]) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        rows.extend(record(entry)?);
    }
    for piece in powers_of_two(&rows, ROWS) {
        let mut sql = Sql::new(
            "INSERT INTO transaction_record (position, transaction_id, direction, consumer, consumer_delegator, \
             provider, provider_delegator, service, grant_hash) VALUES ",
        );
        sql.push_rows(piece.iter().cloned()).push(" ON CONFLICT DO NOTHING");
        connection.execute(sql).await?;
    }
    Ok(())
}

/// The row of the view for an entry, if it has one. A damaged entry has none: it is told, and does not keep the others
/// from theirs.
fn record((id, position, payload): &PlacedEntry) -> Result<Option<[Value; 9]>, StoreError> {
    let id = uuid(id)?;
    let row = match serde_json::from_slice(payload) {
        Ok(Entry::Permit(permit)) => {
            let transaction_id = Some(&permit.transaction_id);
            row(*position, transaction_id, permit.direction, &permit.parties, &permit.wire)
        }
        Ok(Entry::Refusal(refused)) => {
            let transaction_id = refused.transaction_id.as_ref();
            row(*position, transaction_id, refused.direction, &refused.parties, &refused.wire)
        }
        Ok(Entry::Act(_)) => return Ok(None),
        Err(_) => None,
    };
    if row.is_none() {
        tracing::error!(entry = %id, position, "a journal entry is damaged and left out of the records");
    }
    Ok(row)
}

fn row(
    position: i64,
    transaction_id: Option<&TransactionId>,
    direction: Direction,
    parties: &ExchangeParties,
    wire: &serde_json::Map<String, serde_json::Value>,
) -> Option<[Value; 9]> {
    let grant_hash =
        wire.get("grant_hash").and_then(serde_json::Value::as_str).filter(|hash| hash.len() <= 1024);
    // PostgreSQL's text cannot hold NUL.
    if grant_hash.is_some_and(|hash| hash.contains('\0')) {
        return None;
    }
    Some([
        position.into(),
        Value::Bytes(transaction_id.map(|id| id.as_uuid().as_bytes().to_vec())),
        direction.as_str().into(),
        (&parties.consumer).into(),
        parties.consumer_delegator.as_ref().map(ToString::to_string).into(),
        (&parties.provider).into(),
        parties.provider_delegator.as_ref().map(ToString::to_string).into(),
        parties.service.as_str().into(),
        grant_hash.map(ToOwned::to_owned).into(),
    ])
}

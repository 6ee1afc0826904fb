//! The journal's storage port on both databases.

use std::collections::HashSet;

use futures_util::future::BoxFuture;
use verbond_journal::{EntryId, JournalStorage, Outcome, PreparedEntry, StorageError};

use crate::{
    Store, StoreError,
    connection::Connection,
    sql::{Sql, Value, powers_of_two},
};

/// Rows in one `INSERT` at most: a power of two.
const ROWS: usize = 256;

impl JournalStorage for Store {
    fn append<'a>(&'a self, batch: &'a [PreparedEntry]) -> BoxFuture<'a, Result<Vec<Outcome>, StorageError>> {
        Box::pin(async move { self.append_batch(batch).await.map_err(storage_error) })
    }

    fn present<'a>(&'a self, ids: &'a [EntryId]) -> BoxFuture<'a, Result<Vec<EntryId>, StorageError>> {
        Box::pin(async move { self.present_entries(ids).await.map_err(storage_error) })
    }
}

fn storage_error(error: StoreError) -> StorageError {
    StorageError(error.to_string())
}

impl Store {
    async fn append_batch(&self, batch: &[PreparedEntry]) -> Result<Vec<Outcome>, StoreError> {
        let mut connection = self.inner.pools.begin_write().await?;
        let outcomes = insert(&mut connection, batch).await?;
        connection.commit().await?;
        Ok(outcomes)
    }

    async fn present_entries(&self, ids: &[EntryId]) -> Result<Vec<EntryId>, StoreError> {
        let mut connection = self.inner.pools.begin_read().await?;
        let ids: Vec<&EntryId> = ids.iter().collect();
        let present = present(&mut connection, &ids).await?;
        Ok(present.into_iter().map(EntryId).collect())
    }
}

/// Inserts entries in an open transaction; one outcome per entry, in order.
pub(crate) async fn insert(
    connection: &mut Connection,
    entries: &[PreparedEntry],
) -> Result<Vec<Outcome>, StoreError> {
    let mut refused: HashSet<EntryId> = HashSet::new();
    for piece in powers_of_two(entries, ROWS) {
        let mut sql = Sql::new(
            "INSERT INTO journal_entry (id, kind, at_millis, unique_key, salt, commitment, payload) VALUES ",
        );
        sql.push_rows(piece.iter().map(columns)).push(" ON CONFLICT DO NOTHING");
        let written = connection.execute(sql).await?;
        if usize::try_from(written).is_ok_and(|written| written == piece.len()) {
            continue;
        }
        // What stands under its own id was written now, or by an earlier attempt whose outcome was not known; what does
        // not met another entry with its key.
        let ids: Vec<&EntryId> = piece.iter().map(|entry| &entry.id).collect();
        let present: HashSet<uuid::Uuid> = present(connection, &ids).await?.into_iter().collect();
        refused.extend(ids.into_iter().copied().filter(|id| !present.contains(&id.0)));
    }
    Ok(entries
        .iter()
        .map(|entry| if refused.contains(&entry.id) { Outcome::Duplicate } else { Outcome::Written })
        .collect())
}

fn columns(entry: &PreparedEntry) -> [Value; 7] {
    [
        (&entry.id.0).into(),
        entry.kind.into(),
        entry.at.into(),
        Value::Bytes(entry.unique_key.clone()),
        entry.salt.as_slice().into(),
        entry.commitment.as_slice().into(),
        entry.payload.as_slice().into(),
    ]
}

async fn present(connection: &mut Connection, ids: &[&EntryId]) -> Result<Vec<uuid::Uuid>, StoreError> {
    let mut present = Vec::new();
    for piece in powers_of_two(ids, ROWS) {
        let mut sql = Sql::new("SELECT id FROM journal_entry WHERE id IN ");
        sql.push_list(piece.iter().map(|id| &id.0));
        for (id,) in connection.rows::<(Vec<u8>,)>(sql).await? {
            present.push(uuid(&id)?);
        }
    }
    Ok(present)
}

/// Reads an identifier back.
pub(crate) fn uuid(bytes: &[u8]) -> Result<uuid::Uuid, StoreError> {
    uuid::Uuid::from_slice(bytes).map_err(|_| StoreError::damaged("an identifier has not 16 bytes"))
}

//! The journal's storage port on both databases.

use std::collections::HashSet;

use futures_util::future::BoxFuture;
use verbond_fail_points::fail_point;
use verbond_journal::{EntryId, JournalStorage, Outcome, PreparedEntry, StorageError};

use crate::{
    Store, StoreError,
    connection::Connection,
    limits,
    month_keys::Sealing,
    owed,
    sql::{Sql, Value, powers_of_two},
};

/// Rows in one `INSERT` at most: a power of two.
const ROWS: usize = 256;
/// Entries that are appended by one statement, without a transaction round it. Each length is prepared once.
const ONE_STATEMENT: usize = 128;

/// What the index over kinds holds, in its own words: all but the kinds of which each exchange has one.
pub(crate) const RARE: &str = "kind NOT IN ('permit', 'completion', 'processing')";

/// Whether entries of this kind are found by the index over kinds.
pub(crate) fn is_rare(kind: &str) -> bool {
    !matches!(kind, "permit" | "completion" | "processing")
}

impl JournalStorage for Store {
    fn append<'a>(&'a self, batch: &'a [PreparedEntry]) -> BoxFuture<'a, Result<Vec<Outcome>, StorageError>> {
        Box::pin(async move {
            let handing = self.inner.handed.hand(batch);
            let outcomes = self.append_batch(batch).await.map_err(storage_error)?;
            if outcomes.iter().all(|outcome| *outcome == Outcome::Written) {
                handing.written();
            }
            Ok(outcomes)
        })
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
        fail_point!("store::append", |reason| Err(StoreError::Database(reason)));
        // What must never be: the drill's own proof that it would notice.
        fail_point!("store::unwritten", |_| Ok(vec![Outcome::Written; batch.len()]));
        let is_more = |entry: &PreparedEntry| {
            !entry.places.is_empty() || entry.owing.is_some() || entry.settles.is_some()
        };
        if batch.iter().any(is_more) {
            return self.append_within_limits(batch).await;
        }
        // Before the one connection that writes is taken: making a key needs it too.
        let sealing = self.month_keys()?.sealing(&self.inner.pools, batch).await?;
        if (1..=ONE_STATEMENT).contains(&batch.len()) {
            let written = self.inner.pools.execute(insertion(batch, &sealing)?).await?;
            fail_point!("store::inserted", |reason| Err(StoreError::Database(reason)));
            if all(written, batch) {
                return Ok(vec![Outcome::Written; batch.len()]);
            }
            let mut connection = self.inner.pools.begin_read().await?;
            let refused = refused(&mut connection, batch).await?;
            fail_point!("store::compared", |reason| Err(StoreError::Database(reason)));
            return Ok(outcomes(batch, &refused));
        }
        let mut connection = self.inner.pools.begin_write().await?;
        let outcomes = insert(&mut connection, batch, &sealing).await?;
        fail_point!("store::commit", |reason| Err(StoreError::Database(reason)));
        connection.commit().await?;
        fail_point!("store::committed", |reason| Err(StoreError::Database(reason)));
        Ok(outcomes)
    }

    /// As [`Store::append_batch`], with places within limits, and with records that are owed or come. A transaction of its own,
    /// longer than the other: only where there is such a thing.
    async fn append_within_limits(&self, batch: &[PreparedEntry]) -> Result<Vec<Outcome>, StoreError> {
        let sealing = self.month_keys()?.sealing(&self.inner.pools, batch).await?;
        let mut connection = self.inner.pools.begin_write().await?;
        let without = limits::take(&mut connection, batch).await?;
        fail_point!("store::places-taken", |reason| Err(StoreError::Database(reason)));
        let too_many = owed::take(&mut connection, batch, &without).await?;
        for entry in batch.iter().filter(|entry| too_many.contains(&entry.id)) {
            limits::let_go(&mut connection, entry).await?;
        }
        let is_within = |id: &EntryId| !without.contains(id) && !too_many.contains(id);
        let within: Vec<PreparedEntry> = batch.iter().filter(|entry| is_within(&entry.id)).cloned().collect();
        let mut written = insert(&mut connection, &within, &sealing).await?.into_iter();
        let mut outcomes = Vec::with_capacity(batch.len());
        for entry in batch {
            let outcome = match () {
                () if without.contains(&entry.id) => Outcome::LimitReached,
                () if too_many.contains(&entry.id) => Outcome::TooManyOwed,
                () => written.next().unwrap_or(Outcome::Duplicate),
            };
            if outcome == Outcome::Duplicate {
                limits::let_go(&mut connection, entry).await?;
                owed::let_go(&mut connection, entry).await?;
            }
            owed::settle(&mut connection, entry).await?;
            outcomes.push(outcome);
        }
        fail_point!("store::commit-within", |reason| Err(StoreError::Database(reason)));
        connection.commit().await?;
        fail_point!("store::committed-within", |reason| Err(StoreError::Database(reason)));
        Ok(outcomes)
    }

    async fn present_entries(&self, ids: &[EntryId]) -> Result<Vec<EntryId>, StoreError> {
        let mut connection = self.inner.pools.begin_read().await?;
        let ids: Vec<&EntryId> = ids.iter().collect();
        let present = present(&mut connection, &ids).await?;
        fail_point!("store::present", |reason| Err(StoreError::Database(reason)));
        Ok(present.into_iter().map(EntryId).collect())
    }
}

/// Inserts entries in an open transaction; one outcome per entry, in order.
pub(crate) async fn insert(
    connection: &mut Connection,
    entries: &[PreparedEntry],
    sealing: &Sealing,
) -> Result<Vec<Outcome>, StoreError> {
    let mut without_place: HashSet<EntryId> = HashSet::new();
    for piece in powers_of_two(entries, ROWS) {
        let written = connection.execute(insertion(piece, sealing)?).await?;
        if !all(written, piece) {
            without_place.extend(refused(connection, piece).await?);
        }
    }
    Ok(outcomes(entries, &without_place))
}

fn insertion(entries: &[PreparedEntry], sealing: &Sealing) -> Result<Sql, StoreError> {
    let text = "INSERT INTO journal_entry (id, kind, at_millis, unique_key, salt, commitment, key_id, payload) VALUES ";
    let rows: Result<Vec<_>, _> = entries.iter().map(|entry| columns(entry, sealing)).collect();
    Ok(Sql::insert(text, rows?.into_iter()))
}

fn all(written: u64, entries: &[PreparedEntry]) -> bool {
    usize::try_from(written).is_ok_and(|written| written == entries.len())
}

/// Which of these entries are not there. What stands under its own id was written now, or by an earlier attempt whose
/// outcome was not known; what does not met another entry with its key.
async fn refused(
    connection: &mut Connection,
    entries: &[PreparedEntry],
) -> Result<HashSet<EntryId>, StoreError> {
    let ids: Vec<&EntryId> = entries.iter().map(|entry| &entry.id).collect();
    let present: HashSet<uuid::Uuid> = present(connection, &ids).await?.into_iter().collect();
    Ok(ids.into_iter().copied().filter(|id| !present.contains(&id.0)).collect())
}

fn outcomes(entries: &[PreparedEntry], refused: &HashSet<EntryId>) -> Vec<Outcome> {
    entries
        .iter()
        .map(|entry| if refused.contains(&entry.id) { Outcome::Duplicate } else { Outcome::Written })
        .collect()
}

/// The salt lies with the payload, sealed.
fn columns(entry: &PreparedEntry, sealing: &Sealing) -> Result<[Value; 8], StoreError> {
    let (key, sealed) = sealing.seal(entry)?;
    Ok([
        (&entry.id.0).into(),
        entry.kind.into(),
        entry.at.into(),
        Value::Bytes(entry.unique_key.clone()),
        [].as_slice().into(),
        entry.commitment.as_slice().into(),
        key.into(),
        Value::Bytes(Some(sealed)),
    ])
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

//! Reading the Merkle tree over the journal: its head, its tiles, and the entries as leaves.

use verbond_domain::{Timestamp, TransactionId};
use verbond_journal::{Showing, TILE_WIDTH, TileId, Tiles, TreeHash};

use crate::{
    Store, StoreError,
    connection::Connection,
    journal::{RARE, is_rare, uuid},
    month_keys::Opening,
    sql::Sql,
};

/// Tiles that are asked for at once.
const AT_ONCE: usize = 64;

/// How far the journal has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalHead {
    /// The epoch, from 1.
    pub epoch: u32,
    /// Entries in the tree.
    pub size: u64,
}

/// An entry at its place in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// From 0.
    pub index: u64,
    /// Its identifier.
    pub id: uuid::Uuid,
    /// Its kind.
    pub kind: String,
    /// When it was prepared.
    pub at: Timestamp,
    /// SHA-256(salt ‖ payload).
    pub commitment: [u8; 32],
    /// Salt and payload, unless they have been destroyed.
    pub content: Option<(Vec<u8>, Vec<u8>)>,
}

/// position, kind, at_millis, commitment, key_id, id, salt, payload.
type EntryColumns = (i64, String, i64, Vec<u8>, i64, Vec<u8>, Vec<u8>, Vec<u8>);

const ENTRIES: &str =
    "SELECT position, kind, at_millis, commitment, key_id, id, salt, payload FROM journal_entry WHERE ";

impl Store {
    /// How far the tree has come.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn journal_head(&self) -> Result<JournalHead, StoreError> {
        let sql = Sql::new("SELECT tree_size, epoch FROM journal_head WHERE id = 1");
        let row = self.inner.pools.row::<(i64, i64)>(sql).await?;
        let (size, epoch) = row.ok_or_else(|| StoreError::damaged("the head of the journal is missing"))?;
        let epoch = u32::try_from(epoch).map_err(|_| StoreError::damaged("the epoch of the journal"))?;
        Ok(JournalHead { epoch, size: count(size)? })
    }

    /// How many entries there are, those that wait for their place in the tree included.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn journal_length(&self) -> Result<u64, StoreError> {
        let sql = Sql::new(match self.inner.pools.dialect() {
            crate::dialect::Dialect::Sqlite => "SELECT COALESCE(MAX(position), 0) FROM journal_entry",
            crate::dialect::Dialect::Postgres => {
                "SELECT (SELECT size FROM journal_head WHERE id = 1) \
                 + (SELECT COUNT(*) FROM journal_entry WHERE position IS NULL)"
            }
        });
        count(self.inner.pools.row::<(i64,)>(sql).await?.map_or(0, |(length,)| length))
    }

    /// The hashes that show something of the tree.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the tree is not that large, [`StoreError::Database`].
    pub async fn show(&self, showing: &Showing) -> Result<Vec<TreeHash>, StoreError> {
        let tiles = self.tiles(showing.tiles()).await?;
        showing.hashes(&tiles).ok_or_else(|| StoreError::damaged("tiles of the journal's tree are missing"))
    }

    /// The root of the tree of the first `size` entries.
    ///
    /// # Errors
    /// As [`Store::show`].
    pub async fn journal_root(&self, size: u64) -> Result<TreeHash, StoreError> {
        let shown = self.show(&Showing::root(size)).await?;
        shown.first().copied().ok_or_else(|| StoreError::damaged("the journal's tree has no root"))
    }

    /// These tiles, as far as they are there.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn tiles(&self, ids: impl IntoIterator<Item = TileId>) -> Result<Tiles, StoreError> {
        let mut connection = self.inner.pools.begin_read().await?;
        read_tiles(&mut connection, ids).await
    }

    /// Entries from an index on, in order, `limit` (1 to 1000) at most.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn tree_entries(&self, from: u64, limit: i64) -> Result<Vec<TreeEntry>, StoreError> {
        let mut sql = Sql::new(ENTRIES);
        sql.push("position > ").push_value(place(from));
        sql.push(" ORDER BY position LIMIT ").push_value(limit.clamp(1, 1000));
        self.read_entries(sql).await
    }

    /// As [`Store::tree_entries`], of one kind.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn tree_entries_of(
        &self,
        kind: &str,
        from: u64,
        limit: i64,
    ) -> Result<Vec<TreeEntry>, StoreError> {
        let mut sql = Sql::new(ENTRIES);
        if is_rare(kind) {
            // Says in the words of the index what the value says already.
            sql.push(RARE).push(" AND ");
        }
        sql.push("kind = ").push_value(kind).push(" AND position > ").push_value(place(from));
        sql.push(" ORDER BY position LIMIT ").push_value(limit.clamp(1, 1000));
        self.read_entries(sql).await
    }

    /// Everything that was written down of one exchange, in order: permit or refusal, processing records, completion.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn tree_entries_about(&self, exchange: TransactionId) -> Result<Vec<TreeEntry>, StoreError> {
        let mut sql = Sql::new(ENTRIES);
        let mut before = "position IN (SELECT position FROM transaction_record WHERE transaction_id = ";
        for next in [
            " UNION SELECT position FROM processing_record WHERE transaction_id = ",
            " UNION SELECT position FROM completion_record WHERE transaction_id = ",
            ") ORDER BY position",
        ] {
            sql.push(before).push_value(exchange.as_uuid());
            before = next;
        }
        sql.push(before);
        self.read_entries(sql).await
    }

    async fn read_entries(&self, sql: Sql) -> Result<Vec<TreeEntry>, StoreError> {
        let rows = self.inner.pools.rows::<EntryColumns>(sql).await?;
        let opening = self.opening(rows.iter().map(|row| row.4).collect()).await?;
        rows.into_iter().map(|row| entry(row, &opening)).collect()
    }
}

/// These tiles, as far as they are there.
pub(crate) async fn read_tiles(
    connection: &mut Connection,
    ids: impl IntoIterator<Item = TileId>,
) -> Result<Tiles, StoreError> {
    let mut tiles = Tiles::new();
    let ids: Vec<TileId> = ids.into_iter().collect();
    for some in ids.chunks(AT_ONCE) {
        let mut sql = Sql::new("SELECT level, place, hashes FROM journal_tile WHERE ");
        let mut before = "(level = ";
        for id in some {
            sql.push(before)
                .push_value(i64::from(id.level))
                .push(" AND place = ")
                .push_value(place(id.index));
            before = ") OR (level = ";
        }
        sql.push(")");
        for (level, place, hashes) in connection.rows::<(i64, i64, Vec<u8>)>(sql).await? {
            let damaged = || StoreError::damaged("a tile of the journal's tree");
            let id = TileId { level: u32::try_from(level).map_err(|_| damaged())?, index: count(place)? };
            let (hashes, rest) = hashes.as_chunks::<32>();
            if !rest.is_empty() || hashes.len() as u64 > TILE_WIDTH {
                return Err(damaged());
            }
            tiles.insert(id, hashes.to_vec());
        }
    }
    Ok(tiles)
}

fn entry(columns: EntryColumns, opening: &Opening) -> Result<TreeEntry, StoreError> {
    let (position, kind, at, commitment, key, id, salt, payload) = columns;
    let commitment = commitment.try_into();
    Ok(TreeEntry {
        index: count(position.saturating_sub(1))?,
        id: uuid(&id)?,
        kind,
        at: Timestamp::from_millis(at),
        commitment: commitment.map_err(|_| StoreError::damaged("a commitment has not 32 bytes"))?,
        content: opening.open((key, id, salt, payload))?,
    })
}

/// A number of the database that counts something.
pub(crate) fn count(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::damaged("a number of the journal is negative"))
}

/// A number as the database has it.
pub(crate) fn place(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

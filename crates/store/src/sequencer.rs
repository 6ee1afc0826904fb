//! Integrating the journal: entries get contiguous positions and go into the Merkle tree and the views, all in one
//! transaction that moves the head by compare-and-swap.
//!
//! Several processes may try: one has the lead for the length of its transaction, the others find nothing to do. One that loses the lead in
//! the middle, because it stood still, cannot commit any more.

use std::sync::{Arc, PoisonError};

use uuid::Uuid;
use verbond_domain::Timestamp;
use verbond_journal::{Edge, Tile, TreeHash, leaf, leaf_hash};

use crate::{
    Store, StoreError,
    connection::Connection,
    database::Inner,
    dialect::PLACED,
    handed::HandedEntry,
    journal::uuid,
    sql::{Sql, powers_of_two},
    tree,
    views::{self, ListedEntry},
};

/// Entries in one transaction at most, so that appends do not wait long for it.
const STEP: i64 = 1000;
/// Tiles in one `INSERT` at most: a power of two.
const TILES: usize = 16;

/// An entry as it is read back: position, kind, payload, time, commitment, id, key.
type ReadBack = (i64, String, Vec<u8>, i64, Vec<u8>, Vec<u8>, i64);
/// An entry that has got its place: position, id.
type PlaceOf = (i64, Vec<u8>);
/// size, tree_size, epoch.
type HeadColumns = (i64, i64, i64);

/// Entries that have got their places.
#[derive(Default)]
struct Placed {
    /// In the order of the places.
    leaves: Vec<TreeHash>,
    listed: Vec<ListedEntry>,
}

/// A step of integration that has not been committed: dropped, it has not taken place.
pub struct Integration {
    connection: Connection,
    store: Arc<Inner>,
    edge: Edge,
    count: usize,
}

impl Store {
    /// Integrates journal entries that are not yet, at most `limit` (1 to 1000); returns how many it did, 0 also when another
    /// process is doing it. Run by one task per process in a loop.
    ///
    /// The entries get the next positions without gap; an entry that is committed later gets a later position, whatever
    /// its id.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn integrate(&self, limit: i64) -> Result<usize, StoreError> {
        match self.begin_integration(limit).await? {
            Some(step) => step.commit().await,
            None => Ok(0),
        }
    }

    /// As [`Store::integrate`], up to the commit.
    ///
    /// # Errors
    /// As [`Store::integrate`].
    pub async fn begin_integration(&self, limit: i64) -> Result<Option<Integration>, StoreError> {
        let waiting = self.inner.pools.dialect().waiting();
        if self.inner.pools.row::<(i64,)>(waiting).await?.is_none() {
            self.inner.handed.forget();
            return Ok(None);
        }
        let mut connection = self.inner.pools.begin_write().await?;
        let leads = connection.row::<(String, i64)>(connection.dialect().lead()).await?;
        if leads.is_none_or(|(_, leads)| leads == 0) {
            self.inner.handed.forget();
            return Ok(None);
        }
        let head = Sql::new("SELECT size, tree_size, epoch FROM journal_head WHERE id = 1");
        let head: Option<HeadColumns> = connection.row(head).await?;
        let head = head.ok_or_else(|| StoreError::damaged("the head of the journal is missing"))?;
        let (size, tree_size, _) = head;

        let limit = limit.clamp(1, STEP);
        let Placed { leaves, listed } = match tree_size < size {
            // Positions that were given before there was a tree: they stand in the views already.
            true => {
                let limit = limit.min(size.saturating_sub(tree_size));
                let entries = read_back(&mut connection, tree_size, limit).await?;
                let leaves: Result<_, _> = entries.iter().map(leaf_read_back).collect();
                Placed { leaves: leaves?, listed: Vec::new() }
            }
            false => self.place(&mut connection, size, limit).await?,
        };
        let count = leaves.len();
        if count == 0 {
            return Ok(None);
        }
        let mut edge = self.edge(&mut connection, tree_size).await?;
        put_tiles(&mut connection, &edge.append(leaves)).await?;
        advance(&mut connection, head, count).await?;
        views::insert_records(&mut connection, listed).await?;
        Ok(Some(Integration { connection, store: Arc::clone(&self.inner), edge, count }))
    }

    /// Gives the next entries their places. What this process has appended itself it knows; the rest is read back.
    async fn place(&self, connection: &mut Connection, size: i64, limit: i64) -> Result<Placed, StoreError> {
        let mut places: Vec<PlaceOf> = connection.rows(connection.dialect().place(size, limit)).await?;
        places.sort_unstable_by_key(|(position, _)| *position);
        let ids: Result<Vec<Uuid>, StoreError> = places.iter().map(|(_, id)| uuid(id)).collect();
        let handed = self.inner.handed.take(ids?.into_iter());
        let unknown =
            |((position, _), handed): (&PlaceOf, &Option<HandedEntry>)| handed.is_none().then_some(*position);
        let mut unknown = places.iter().zip(&handed).filter_map(unknown);
        let mut others = match (unknown.next(), unknown.next_back()) {
            (None, _) => Vec::new(),
            (Some(first), last) => {
                let many = last.unwrap_or(first).saturating_sub(first).saturating_add(1);
                read_back(connection, first.saturating_sub(1), many).await?
            }
        }
        .into_iter()
        .peekable();
        let (mut placed, mut lying) = (Placed::default(), Vec::new());
        for ((position, _), handed) in places.into_iter().zip(handed) {
            let other = others.next_if(|(at, ..)| *at == position);
            if let Some(HandedEntry { kind, at, commitment, listed }) = handed {
                placed.leaves.push(hashed(kind, at, commitment)?);
                placed.listed.push((position, Arc::unwrap_or_clone(listed)));
            } else {
                let other = other.ok_or_else(|| StoreError::damaged("an entry has no place"))?;
                placed.leaves.push(leaf_read_back(&other)?);
                let (position, kind, payload, _, _, id, key) = other;
                lying.push((position, kind, payload, id, key));
            }
        }
        placed.listed.extend(self.listed(lying).await?);
        Ok(placed)
    }

    /// The right edge of the tree of this size: as this process left it, else from the tiles.
    async fn edge(&self, connection: &mut Connection, tree_size: i64) -> Result<Edge, StoreError> {
        let size = tree::count(tree_size)?;
        let kept = self.inner.edge.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(kept) = kept.filter(|edge| edge.size() == size) {
            return Ok(kept);
        }
        let tiles = tree::read_tiles(connection, Edge::tiles(size)).await?;
        Edge::read(size, &tiles).ok_or_else(|| StoreError::damaged("tiles of the journal's tree are missing"))
    }
}

impl Integration {
    /// Makes it so; returns how many entries it was about.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when the lead has been lost meanwhile: then nothing of it has taken place.
    pub async fn commit(self) -> Result<usize, StoreError> {
        self.connection.commit().await?;
        *self.store.edge.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.edge);
        Ok(self.count)
    }
}

async fn read_back(connection: &mut Connection, after: i64, limit: i64) -> Result<Vec<ReadBack>, StoreError> {
    connection.rows(Sql::new(PLACED).bind(after).bind(limit)).await
}

fn leaf_read_back((_, kind, _, at, commitment, ..): &ReadBack) -> Result<TreeHash, StoreError> {
    let commitment = commitment.as_slice().try_into();
    let commitment = commitment.map_err(|_| StoreError::damaged("a commitment has not 32 bytes"))?;
    hashed(kind, Timestamp::from_millis(*at), commitment)
}

fn hashed(kind: &str, at: Timestamp, commitment: [u8; 32]) -> Result<TreeHash, StoreError> {
    let leaf = leaf(kind, at, commitment).map_err(|_| StoreError::damaged("an entry has no leaf"))?;
    Ok(leaf_hash(&leaf))
}

async fn put_tiles(connection: &mut Connection, tiles: &[Tile]) -> Result<(), StoreError> {
    for piece in powers_of_two(tiles, TILES) {
        let mut sql = Sql::new("INSERT INTO journal_tile (level, place, hashes) VALUES ");
        sql.push_rows(piece.iter().map(|tile| {
            [
                i64::from(tile.id.level).into(),
                tree::place(tile.id.index).into(),
                tile.hashes.concat().as_slice().into(),
            ]
        }));
        sql.push(" ON CONFLICT (level, place) DO UPDATE SET hashes = excluded.hashes");
        connection.execute(sql).await?;
    }
    Ok(())
}

/// Moves the head by compare-and-swap: of two that have read the same head, one fails as a whole.
async fn advance(
    connection: &mut Connection,
    (size, tree_size, epoch): HeadColumns,
    by: usize,
) -> Result<(), StoreError> {
    let grown = tree_size.saturating_add(i64::try_from(by).unwrap_or(i64::MAX));
    let swap = Sql::new(
        "UPDATE journal_head SET size = $1, tree_size = $2 WHERE id = 1 AND size = $3 AND tree_size = $4 AND epoch = $5",
    );
    let swap = swap.bind(size.max(grown)).bind(grown).bind(size).bind(tree_size).bind(epoch);
    match connection.execute(swap).await? {
        1 => Ok(()),
        _ => Err(StoreError::Database("another process moved the head of the journal".to_owned())),
    }
}

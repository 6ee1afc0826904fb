//! Bringing a place up to the newest checkpoint, a step at a time.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use verbond_application::{OpContext, checkpoints::Checkpoints, database_problem};
use verbond_domain::Problem;
use verbond_journal::{SignedCheckpoint, TILE_WIDTH, TileId, leaf};
use verbond_store::{StoreError, checkpoints::CheckpointRow};

use crate::{
    layout::{Content, Part, edge, filled},
    place::{Creation, Place},
    problems::{differs, not_taken, of_another_journal},
};

/// Where the newest checkpoint of the first epoch stands; that of a later one within its folder.
pub const CHECKPOINT: &str = "checkpoint";
/// Entries that one step goes on by, where there are checkpoints close enough: what a step has put counts for those after it.
const STEP: u64 = 16 * TILE_WIDTH;
/// Files on their way at once.
const AT_ONCE: usize = 8;

/// What a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The place holds what there is.
    Done(Option<CheckpointRow>),
    /// It has come this far, and there is more.
    GoneOn(CheckpointRow),
}

/// Publishes the tree in one place.
#[derive(Clone)]
pub struct Publisher {
    place: Arc<dyn Place>,
    checkpoints: Arc<Checkpoints>,
    context: OpContext,
    published: Option<CheckpointRow>,
}

impl Publisher {
    /// Of this node's journal.
    pub const fn new(place: Arc<dyn Place>, checkpoints: Arc<Checkpoints>, context: OpContext) -> Self {
        Self { place, checkpoints, context, published: None }
    }

    /// The place.
    pub fn place(&self) -> &dyn Place {
        self.place.as_ref()
    }

    /// The clock.
    pub(crate) const fn context(&self) -> &OpContext {
        &self.context
    }

    /// Goes on from the checkpoint that stands there: what the tree gained since, and the checkpoint last, so that nobody reads of
    /// tiles that are not there.
    ///
    /// # Errors
    /// What is the matter with the place; `TILES_OF_ANOTHER_JOURNAL`, `TILES_DIFFER`, and what [`Checkpoints::compare_published`]
    /// finds, when it must not be written to; a failing database.
    pub async fn step(&mut self) -> Result<Step, Problem> {
        let Some(newest) = self.newest().await? else { return Ok(Step::Done(None)) };
        if self.published.as_ref() == Some(&newest) {
            return Ok(Step::Done(Some(newest)));
        }
        let path = within(newest.epoch, CHECKPOINT);
        let held = self.place.read(&path).await?;
        let from = match &held {
            Some(held) => self.standing(&held.content, &path, newest.epoch).await?,
            None => 0,
        };
        let next = self.next(from, &newest).await?;
        if held.as_ref().is_none_or(|held| held.content != next.note && from <= next.size) {
            self.put_all(next.epoch, filled(from, next.size)).await?;
            self.put_all(next.epoch, edge(from, next.size)).await?;
            self.place.replace(&path, next.note.clone().into(), held.as_ref()).await?;
        }
        match next == newest {
            true => {
                self.published = Some(next.clone());
                Ok(Step::Done(Some(next)))
            }
            false => Ok(Step::GoneOn(next)),
        }
    }

    async fn newest(&self) -> Result<Option<CheckpointRow>, Problem> {
        self.context.store.newest_checkpoint().await.map_err(database_problem)
    }

    /// Over how many entries the checkpoint is that stands there. It must be one of this journal: what stands there is the work of
    /// this node, or nothing of it is touched.
    async fn standing(&self, note: &[u8], path: &str, epoch: u32) -> Result<u64, Problem> {
        let another = || of_another_journal(&self.place.name(), path);
        let note = std::str::from_utf8(note).map_err(|_| another())?;
        let published = SignedCheckpoint::parse(note).map_err(|_| another())?;
        let is_of_epoch = published.checkpoint.origin.epoch == epoch;
        match is_of_epoch && self.checkpoints.compare_published(&self.context, &published).await? {
            true => Ok(published.checkpoint.size),
            false => Err(another()),
        }
    }

    /// The checkpoint to bring the place to.
    async fn next(&self, from: u64, newest: &CheckpointRow) -> Result<CheckpointRow, Problem> {
        let from = CheckpointRow { size: from, ..newest.clone() };
        let until = from.size.saturating_add(STEP);
        let near = self.context.store.checkpoints(Some(&from), until).await.map_err(database_problem)?;
        Ok(near.into_iter().rfind(|row| row.epoch == newest.epoch).unwrap_or_else(|| newest.clone()))
    }

    async fn put_all(&self, epoch: u32, parts: impl Iterator<Item = Part> + Send) -> Result<(), Problem> {
        stream::iter(parts.map(|part| self.put(epoch, part))).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Puts a file. What stands there already must be the same.
    async fn put(&self, epoch: u32, part: Part) -> Result<(), Problem> {
        let (path, content) = (within(epoch, &part.path()), self.content(part).await?);
        if self.place.create(&path, content.clone()).await? == Creation::Exists {
            match self.place.read(&path).await? {
                Some(held) if held.content == content => {}
                Some(_) => return Err(differs(&self.place.name(), &path)),
                None => return Err(not_taken(&self.place.name(), &format!("`{path}` comes and goes"))),
            }
        }
        Ok(())
    }

    async fn content(&self, part: Part) -> Result<Bytes, Problem> {
        match part.content {
            Content::Hashes(level) => self.hashes(TileId { level, index: part.index }, part.width).await,
            Content::Entries => self.entries(part.index, part.width).await,
        }
    }

    async fn hashes(&self, id: TileId, width: u64) -> Result<Bytes, Problem> {
        let tiles = self.context.store.tiles([id]).await.map_err(database_problem)?;
        let hashes = tiles.get(&id).and_then(|hashes| hashes.get(..usize::try_from(width).ok()?));
        Ok(hashes.ok_or_else(missing)?.concat().into())
    }

    async fn entries(&self, index: u64, width: u64) -> Result<Bytes, Problem> {
        let from = index.saturating_mul(TILE_WIDTH);
        let limit = i64::try_from(width).map_err(|_| missing())?;
        let entries = self.context.store.tree_entries(from, limit).await.map_err(database_problem)?;
        if entries.len() as u64 != width {
            return Err(missing());
        }
        let mut bundle = Vec::new();
        for entry in &entries {
            let leaf = leaf(&entry.kind, entry.at, entry.commitment).map_err(|_| missing())?;
            bundle.extend(u16::try_from(leaf.len()).map_err(|_| missing())?.to_be_bytes());
            bundle.extend(leaf);
        }
        Ok(bundle.into())
    }
}

/// Each epoch is a log of its own, so that nothing of an earlier one is ever overwritten; the first has no folder.
fn within(epoch: u32, path: &str) -> String {
    match epoch {
        1 => path.to_owned(),
        later => format!("epoch-{later}/{path}"),
    }
}

fn missing() -> Problem {
    database_problem(StoreError::Damaged("a part of the journal's tree is missing".to_owned()))
}

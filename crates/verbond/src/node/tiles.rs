//! Publishing the journal's tiles as files, as C2SP tlog-tiles lays them out, for whoever serves static files.

use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use tokio::fs;
use verbond_journal::{SignedCheckpoint, TILE_WIDTH, TileId, leaf};
use verbond_store::{Store, checkpoints::CheckpointRow};

/// Where the newest checkpoint stands.
const CHECKPOINT: &str = "checkpoint";

/// Brings a directory of tiles up to a checkpoint: what the tree gained since the one that stands there, the checkpoint last, so that
/// nobody reads of tiles that are not there.
pub async fn publish(store: &Store, directory: &Path, newest: &CheckpointRow) -> anyhow::Result<()> {
    let from = match fs::read_to_string(directory.join(CHECKPOINT)).await {
        Ok(note) => {
            let published =
                SignedCheckpoint::parse(&note).context("the published checkpoint cannot be read")?;
            published.checkpoint.size.min(newest.size)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error).context("the published checkpoint cannot be read"),
    };
    for level in 0.. {
        let (old, new) = (at_level(from, level), at_level(newest.size, level));
        if new == 0 {
            break;
        }
        for index in old / TILE_WIDTH..=new / TILE_WIDTH {
            let width = new.saturating_sub(index.saturating_mul(TILE_WIDTH)).min(TILE_WIDTH);
            if width > 0 {
                put_tile(store, directory, TileId { level, index }, width).await?;
                if level == 0 {
                    put_entries(store, directory, index, width).await?;
                }
            }
        }
    }
    put(&directory.join(CHECKPOINT), newest.note.as_bytes()).await
}

const fn at_level(size: u64, level: u32) -> u64 {
    match size.checked_shr(level.saturating_mul(8)) {
        Some(size) => size,
        None => 0,
    }
}

async fn put_tile(store: &Store, directory: &Path, id: TileId, width: u64) -> anyhow::Result<()> {
    let tiles = store.tiles([id]).await?;
    let hashes = tiles.get(&id).and_then(|hashes| hashes.get(..usize::try_from(width).ok()?));
    let hashes = hashes.context("a tile of the journal's tree is missing")?;
    put(&directory.join(path(&id.level.to_string(), id.index, width)), &hashes.concat()).await
}

async fn put_entries(store: &Store, directory: &Path, index: u64, width: u64) -> anyhow::Result<()> {
    let from = index.saturating_mul(TILE_WIDTH);
    let entries = store.tree_entries(from, i64::try_from(width)?).await?;
    let mut bundle = Vec::new();
    for entry in &entries {
        let leaf = leaf(&entry.kind, entry.at, entry.commitment)?;
        bundle.extend(u16::try_from(leaf.len())?.to_be_bytes());
        bundle.extend(leaf);
    }
    anyhow::ensure!(u64::try_from(entries.len())? == width, "entries of the journal are missing");
    put(&directory.join(path("entries", index, width)), &bundle).await
}

/// `tile/<L>/<N>` or `tile/<L>/<N>.p/<W>`, `<N>` in groups of three digits.
fn path(level: &str, index: u64, width: u64) -> PathBuf {
    let mut groups = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        groups = format!("x{:03}/{groups}", rest % 1000);
        rest /= 1000;
    }
    match width < TILE_WIDTH {
        true => format!("tile/{level}/{groups}.p/{width}").into(),
        false => format!("tile/{level}/{groups}").into(),
    }
}

/// A file as a whole, or not at all.
async fn put(file: &Path, content: &[u8]) -> anyhow::Result<()> {
    let about = || format!("cannot publish {}", file.display());
    let directory = file.parent().with_context(about)?;
    fs::create_dir_all(directory).await.with_context(about)?;
    let beside = file.with_extension("new");
    fs::write(&beside, content).await.with_context(about)?;
    fs::rename(&beside, file).await.with_context(about)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_standard() {
        assert_eq!(path("0", 1_234_067, 256), PathBuf::from("tile/0/x001/x234/067"));
        assert_eq!(path("entries", 5, 112), PathBuf::from("tile/entries/005.p/112"));
        assert_eq!(path("1", 1000, 1), PathBuf::from("tile/1/x001/000.p/1"));
    }
}

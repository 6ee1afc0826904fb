//! Backups that are kept in a directory, and keys whose time is over.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::Serialize;
use verbond_domain::Timestamp;

use super::{
    DATA, KEYS, PART, archive,
    manifest::{DataManifest, KeysManifest},
};
use crate::ambient::rfc_3339;

/// A file of a backup.
#[derive(Clone, Debug, Serialize)]
pub struct Kept {
    /// Where it is.
    pub file: PathBuf,
    /// `data` or `keys`.
    pub holds: &'static str,
    /// The backup's identifier.
    pub backup: String,
    /// Whose node.
    pub participant: String,
    /// When it was made.
    pub made_at: String,
    /// Entries of the journal, if it holds data.
    pub entries: Option<u64>,
    /// When it must be gone, if it holds keys.
    pub expires_at: Option<String>,
    /// Whether that moment has come.
    pub expired: bool,
}

/// The files of backups in a directory, the oldest first; what is none is left out.
pub fn find(directory: &Path, now: Timestamp) -> anyhow::Result<Vec<Kept>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let about = || format!("cannot read {}", directory.display());
    let mut kept = Vec::new();
    for entry in fs::read_dir(directory).with_context(about)? {
        let file = entry.with_context(about)?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(DATA) {
            kept.extend(data(&file)?);
        } else if name.ends_with(KEYS) {
            kept.extend(keys(&file, now)?);
        }
    }
    kept.sort_by(|left, right| (&left.made_at, left.holds).cmp(&(&right.made_at, right.holds)));
    Ok(kept)
}

/// Removes files with keys whose time is over, and what was left of files that were never whole. Returns the keys that it removed.
pub fn prune(directory: &Path, now: Timestamp) -> anyhow::Result<Vec<Kept>> {
    let mut removed = Vec::new();
    for kept in find(directory, now)? {
        if kept.expired {
            let about = || format!("cannot remove {}", kept.file.display());
            fs::remove_file(&kept.file).with_context(about)?;
            removed.push(kept);
        }
    }
    if !removed.is_empty() {
        fs::File::open(directory).and_then(|directory| directory.sync_all())?;
    }
    Ok(removed)
}

/// Takes away what was left when a backup was broken off: files, and directories in which one was made.
pub fn sweep(directory: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().contains(PART) {
            let left = entry.path();
            let removed = match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(&left),
                false => fs::remove_file(&left),
            };
            removed.with_context(|| format!("cannot remove {}", left.display()))?;
        }
    }
    Ok(())
}

fn data(file: &Path) -> anyhow::Result<Option<Kept>> {
    let manifest = match archive::manifest::<DataManifest>(file) {
        Err(error) if archive::is_about_the_file(&error) => return Ok(None),
        manifest => manifest?,
    };
    Ok(Some(Kept {
        file: file.to_owned(),
        holds: "data",
        backup: manifest.backup,
        participant: manifest.participant.to_string(),
        made_at: rfc_3339(manifest.made_at),
        entries: manifest.journal.map(|journal| journal.entries),
        expires_at: None,
        expired: false,
    }))
}

fn keys(file: &Path, now: Timestamp) -> anyhow::Result<Option<Kept>> {
    let manifest = match archive::manifest::<KeysManifest>(file) {
        Err(error) if archive::is_about_the_file(&error) => return Ok(None),
        manifest => manifest?,
    };
    Ok(Some(Kept {
        file: file.to_owned(),
        holds: "keys",
        backup: manifest.backup,
        participant: manifest.participant.to_string(),
        made_at: rfc_3339(manifest.made_at),
        entries: None,
        expires_at: Some(rfc_3339(manifest.expires_at)),
        expired: manifest.expires_at <= now,
    }))
}

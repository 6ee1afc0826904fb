//! What of the journal stands beside the database: the key that signs its checkpoints, and the newest of these, so that a
//! database that has been put back is noticed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use verbond_domain::Ambient;
use verbond_journal::{LONGEST_NOTE, SignedCheckpoint};
use verbond_trust::JournalSigner;

use crate::init;

/// The journal's key, in the data directory.
pub const KEY: &str = "journal-key.pem";
/// The newest own checkpoint, in the data directory.
pub const HEAD: &str = "journal-head";

/// The journal's key; a new one, if there is none. It appears as a whole: another process may be doing the same.
pub fn key(directory: &Path, ambient: &Ambient) -> anyhow::Result<JournalSigner> {
    let file = directory.join(KEY);
    if !file.exists() {
        init::make_secret(&file, &JournalSigner::new_pem()?, ambient)?;
    }
    let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    JournalSigner::from_pem(&text).with_context(|| format!("{} cannot be used", file.display()))
}

/// The newest own checkpoint that was kept, if there is one.
pub fn kept_head(directory: &Path) -> anyhow::Result<Option<SignedCheckpoint>> {
    let file = directory.join(HEAD);
    match file.exists() {
        true => checkpoint(&file).map(Some),
        false => Ok(None),
    }
}

/// A checkpoint in a file.
pub fn checkpoint(file: &Path) -> anyhow::Result<SignedCheckpoint> {
    let too_long = u64::try_from(LONGEST_NOTE).unwrap_or(u64::MAX);
    let about = || format!("cannot read a checkpoint in {}", file.display());
    anyhow::ensure!(fs::metadata(file).with_context(about)?.len() <= too_long, "{}: it is too long", about());
    SignedCheckpoint::parse(&fs::read_to_string(file).with_context(about)?).with_context(about)
}

/// Keeps the newest own checkpoint.
pub async fn keep_head(directory: &Path, note: &str) -> anyhow::Result<()> {
    let (file, note): (PathBuf, String) = (directory.join(HEAD), note.to_owned());
    tokio::task::spawn_blocking(move || init::replace(&file, &note, 0o600)).await?
}

//! The key that wraps the month keys: a file of its own in the data directory, known again by what the database notes of it, so that a
//! process that has another one than the rest of the node does not start.

use std::{fs, path::Path};

use anyhow::Context;
use verbond_domain::Ambient;
use verbond_trust::WrappingKey;

use crate::init;

/// The file, in the data directory.
pub const FILE: &str = "wrapping-key.json";

/// The key in the data directory, for a store that is opened.
pub fn of(directory: &Path, ambient: &Ambient) -> impl FnOnce(bool) -> Result<WrappingKey, String> {
    move |is_noted| read_or_make(directory, is_noted, ambient).map_err(|error| format!("{error:#}"))
}

/// Makes the file with a key, unless it is there: at `init`, so that a copy of the directory for another process has it too.
pub fn make(directory: &Path, ambient: &Ambient) -> anyhow::Result<()> {
    read_or_make(directory, false, ambient).map(drop)
}

/// Reads the file, or makes it if it is not there and the database notes no such key yet.
fn read_or_make(directory: &Path, is_noted: bool, ambient: &Ambient) -> anyhow::Result<WrappingKey> {
    let file = directory.join(FILE);
    if !file.exists() {
        anyhow::ensure!(
            !is_noted,
            "{} is missing: put it back from the backup of this node's keys, or from the machine of its other processes",
            file.display()
        );
        init::make_secret(&file, &WrappingKey::first(ambient), ambient)?;
    }
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    WrappingKey::read(&text).with_context(|| format!("cannot use {}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use verbond_store::{DatabaseUrl, Store, StoreError};

    use super::*;

    async fn open(keys: &Path, database: &Path) -> Result<(), StoreError> {
        let ambient = crate::ambient::system();
        let database = DatabaseUrl::Sqlite(database.join("node.sqlite"));
        let store = Store::open(&database, of(keys, &ambient), &ambient).await?;
        store.close().await;
        Ok(())
    }

    #[tokio::test]
    async fn a_database_opens_with_the_key_that_it_notes_and_no_other() -> anyhow::Result<()> {
        let (one, other) = (tempfile::tempdir()?, tempfile::tempdir()?);
        open(one.path(), one.path()).await?;
        assert_eq!(fs::metadata(one.path().join(FILE))?.permissions().mode() & 0o777, 0o600);
        open(one.path(), one.path()).await?;
        // None is made where one is noted, and another one is not used.
        assert!(open(other.path(), one.path()).await.is_err());
        assert!(!other.path().join(FILE).exists());
        read_or_make(other.path(), false, &crate::ambient::system())?;
        assert!(matches!(open(other.path(), one.path()).await, Err(StoreError::WrappingKey(_))));
        fs::copy(one.path().join(FILE), other.path().join(FILE))?;
        open(other.path(), one.path()).await?;
        Ok(())
    }
}

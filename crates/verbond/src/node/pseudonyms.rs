//! The keys of pseudonyms: a file of their own in the data directory, noted by fingerprint in the database, so that a
//! process that has other keys than the rest of the node counts nothing instead of counting people twice.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use verbond_application::limits::Limits;
use verbond_domain::{Ambient, Timestamp};
use verbond_fail_points::fail_point;
use verbond_store::Store;
use verbond_trust::PseudonymKeys;

use crate::init;

/// The file, in the data directory.
pub const FILE: &str = "pseudonym-keys.json";

/// Time between two looks at the file and at what is noted of it.
const LOOK: Duration = Duration::from_secs(5);
/// Seconds after which a further key counts at the earliest: all processes have noticed it by then.
pub const NOTICE_SECONDS: i64 = 3_600;

/// Makes the file with a first key, unless it is there.
pub fn make(directory: &Path, ambient: &Ambient) -> anyhow::Result<()> {
    init::make_secret(&directory.join(FILE), &PseudonymKeys::first(ambient), ambient)
}

/// Adds a key that counts in periods that begin from `from` on.
pub fn add(directory: &Path, from: Timestamp, ambient: &Ambient) -> anyhow::Result<()> {
    let file = directory.join(FILE);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    init::replace(&file, &PseudonymKeys::another(&text, from, ambient)?, 0o600)
}

/// Looks once: uses the keys if they are those that are noted, and none if they are not.
pub async fn look(directory: &Path, store: &Store, limits: &Limits, ambient: &Ambient) -> anyhow::Result<()> {
    let keys = usable(directory, store, ambient).await;
    let (keys, outcome) = match keys {
        Ok(keys) => (Some(keys), Ok(())),
        Err(error) => (None, Err(error)),
    };
    limits.use_keys(keys);
    outcome
}

async fn usable(directory: &Path, store: &Store, ambient: &Ambient) -> anyhow::Result<PseudonymKeys> {
    let file = directory.join(FILE);
    if !file.exists() {
        anyhow::ensure!(
            store.pseudonym_keys().await?.is_empty(),
            "{} is missing: put it back from the backup of this node, or from the machine of its other processes",
            file.display()
        );
        make(directory, ambient)?;
    }
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let keys = PseudonymKeys::read(&text)?;
    let own = keys.fingerprints();
    let mut noted = store.pseudonym_keys().await?;
    if noted.len() < own.len() {
        noted = store.note_pseudonym_keys(&own).await?;
    }
    anyhow::ensure!(
        own == noted,
        "{} holds other keys than the database of this node notes: copy the newest one to all its processes",
        file.display()
    );
    Ok(keys)
}

/// Looks again and again, until it is aborted: a key may be added, here or at another process.
pub async fn follow(directory: Arc<Path>, store: Store, limits: Arc<Limits>, ambient: Ambient) {
    let mut is_well = true;
    loop {
        fail_point!("task::pseudonym-keys");
        let looked = look(&directory, &store, &limits, &ambient).await;
        if let Err(error) = &looked
            && is_well
        {
            tracing::error!(%error, "nothing is permitted where an agreement limits questions per person");
        }
        is_well = looked.is_ok();
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use verbond_store::DatabaseUrl;
    use verbond_trust::WrappingKey;

    use super::*;

    #[tokio::test]
    async fn other_keys_than_those_noted_are_not_used() -> anyhow::Result<()> {
        let ambient = crate::ambient::system();
        let (one, other) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let database = DatabaseUrl::Sqlite(one.path().join("node.sqlite"));
        let key = |_| WrappingKey::read(&WrappingKey::first(&ambient)).map_err(|error| error.to_string());
        let store = Store::open(&database, key, &ambient).await?;
        let own = usable(one.path(), &store, &ambient).await?.fingerprints();
        assert_eq!(fs::metadata(one.path().join(FILE))?.permissions().mode() & 0o777, 0o600);
        assert_eq!(usable(one.path(), &store, &ambient).await?.fingerprints(), own);
        // A process elsewhere without the file makes none of its own, and one with another file does not use it.
        assert!(usable(other.path(), &store, &ambient).await.is_err());
        assert!(!other.path().join(FILE).exists());
        make(other.path(), &ambient)?;
        assert!(usable(other.path(), &store, &ambient).await.is_err());
        // One that has not got a key that was added since does not go on with the old one.
        fs::copy(one.path().join(FILE), other.path().join(FILE))?;
        assert!(usable(other.path(), &store, &ambient).await.is_ok());
        add(one.path(), ambient.now().plus_seconds(NOTICE_SECONDS), &ambient)?;
        assert_eq!(usable(one.path(), &store, &ambient).await?.fingerprints().len(), 2);
        assert!(usable(other.path(), &store, &ambient).await.is_err());
        Ok(())
    }
}

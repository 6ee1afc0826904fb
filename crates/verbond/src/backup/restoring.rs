//! Putting a backup back, in an empty directory and an empty database; never over anything.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use verbond_domain::{Ambient, Problem, Timestamp};
use verbond_store::{
    DatabaseUrl, Store, StoreError,
    copies::{self, Restored},
};

use super::{
    DATABASE, MONTH_KEYS, archive,
    manifest::{DataManifest, KeysManifest, month_keys},
    refusals,
};
use crate::{
    ambient::rfc_3339,
    configuration::{Database, Settings},
    init,
    node::{journal_files, pseudonyms, wrapping_key},
};

/// How the directory is called in which a restore unpacks, and which is gone when the restore is done.
const STAGING: &str = "restoring-";

/// Where the keys come from.
#[derive(Clone, Debug)]
pub enum Keys {
    /// A file of a backup.
    File(PathBuf),
    /// Nowhere: what was written down stays provable, and cannot be read any more.
    None,
}

/// What was put back.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The backup's identifier.
    pub backup: String,
    /// Whose node.
    pub participant: String,
    /// When the backup was made: what was changed since is not in it.
    pub made_at: String,
    /// Where the node is now.
    pub directory: PathBuf,
    /// "sqlite" or "postgres".
    pub database: &'static str,
    /// Entries of the journal.
    pub entries: u64,
    /// Whether the keys came with it.
    pub keys: bool,
    /// Files that the node needs and that are not there.
    pub missing: Vec<PathBuf>,
}

/// Puts a backup back.
pub async fn restore(data: &Path, keys: &Keys, into: &Path, ambient: &Ambient) -> anyhow::Result<Report> {
    let manifest: DataManifest = archive::manifest(data)?;
    let known = Store::NEWEST_SCHEMA;
    if manifest.schema > known {
        return Err(refusals::newer(manifest.schema, known).into());
    }
    if let Keys::File(keys) = keys {
        fitting(&archive::manifest(keys)?, &manifest, ambient.now())?;
    }
    unfinished(into)?;
    empty(into)?;
    init::make_directory(into)?;
    let mut placed =
        Placed { staging: into.join(format!("{STAGING}{}", manifest.backup)), files: Vec::new() };
    let restored = put(data, keys, into, ambient, &mut placed).await;
    if restored.is_ok() {
        placed.files.clear();
    }
    restored.map_err(|error| match error.downcast_ref::<Problem>() {
        Some(_) => error,
        None => refusals::not_restored(&error).into(),
    })
}

/// Whether these keys may be used, and are of this data.
fn fitting(keys: &KeysManifest, data: &DataManifest, now: Timestamp) -> Result<(), Problem> {
    if keys.expires_at <= now {
        return Err(refusals::expired(keys.expires_at));
    }
    if keys.participant != data.participant {
        return Err(refusals::keys_do_not_fit(
            "ze zijn van een andere deelnemer",
            "they are another participant's",
        ));
    }
    if keys.backup != data.backup && keys.made_at < data.made_at {
        return Err(refusals::keys_do_not_fit("ze zijn ouder", "they are older"));
    }
    Ok(())
}

/// Refuses a directory in which a restore broke off: some of the node is there, and perhaps no database, so that a start would begin
/// another journal under the same name.
///
/// # Errors
/// `RESTORE_UNFINISHED`.
pub fn unfinished(directory: &Path) -> Result<(), Problem> {
    let there = fs::read_dir(directory).into_iter().flatten().flatten();
    match there.map(|entry| entry.path()).find(|path| is_staging(path)) {
        Some(path) => Err(refusals::unfinished(&path)),
        None => Ok(()),
    }
}

fn is_staging(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(STAGING))
}

/// What would be written over, or would make the node another one than it was.
fn empty(directory: &Path) -> Result<(), Problem> {
    let names = ["verbond.sqlite", wrapping_key::FILE, pseudonyms::FILE, journal_files::HEAD];
    match names.into_iter().map(|name| directory.join(name)).find(|path| path.exists()) {
        Some(path) => Err(refusals::not_empty(&path)),
        None => Ok(()),
    }
}

/// What has been put there; taken away again when it is dropped.
struct Placed {
    staging: PathBuf,
    files: Vec<PathBuf>,
}

impl Placed {
    /// Moves a file to its place, unless there is one.
    fn place(&mut self, from: &Path, to: &Path) -> anyhow::Result<()> {
        if to.exists() || !from.exists() {
            return Ok(());
        }
        if let Some(directory) = to.parent() {
            init::make_directory(directory)?;
        }
        fs::rename(from, to).with_context(|| format!("cannot write {}", to.display()))?;
        self.files.push(to.to_owned());
        Ok(())
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        for path in &self.files {
            let _ = fs::remove_file(path);
        }
        let _ = fs::remove_dir_all(&self.staging);
    }
}

async fn put(
    data: &Path,
    keys: &Keys,
    into: &Path,
    ambient: &Ambient,
    placed: &mut Placed,
) -> anyhow::Result<Report> {
    // Two directories: whatever the archives name, neither can write over what the other one brought.
    let (of_data, of_keys) = (placed.staging.join("data"), placed.staging.join("keys"));
    init::make_directory(&of_data)?;
    init::make_directory(&of_keys)?;
    let manifest: DataManifest = archive::extract(data, &of_data)?;
    let with_keys = match keys {
        Keys::File(file) => Some(archive::extract::<KeysManifest>(file, &of_keys)?),
        Keys::None => None,
    };

    let staged = of_data.join(DATABASE);
    for member in manifest.files.iter().filter(|member| member.name != DATABASE) {
        placed.place(&of_data.join(&member.name), &into.join(&member.name))?;
    }
    let settings = Settings::read(&std::path::absolute(into)?)?;
    let database = settings.database()?;
    for member in with_keys.iter().flat_map(|keys| &keys.files).filter(|member| member.name != MONTH_KEYS) {
        placed.place(&of_keys.join(&member.name), &into.join(&member.name))?;
    }
    let month_keys = match &with_keys {
        Some(_) => {
            let text = fs::read_to_string(of_keys.join(MONTH_KEYS)).context("there are no month keys")?;
            month_keys(&text).ok_or_else(|| refusals::damaged(MONTH_KEYS, MONTH_KEYS))?
        }
        None => {
            copies::forget_keys(&staged).await?;
            Vec::new()
        }
    };

    let open = || async {
        let key = wrapping_key::of(&settings.directory, ambient);
        Store::open(&DatabaseUrl::Sqlite(staged.clone()), key, ambient).await.map_err(unfit)
    };
    placed.files.extend([wrapping_key::FILE, pseudonyms::FILE].map(|name| settings.directory.join(name)));
    let store = open().await?;
    store.claim(&manifest.participant).await?;
    store.put_month_keys(&month_keys).await?;
    let note =
        Restored { backup: manifest.backup.clone(), made_at: manifest.made_at, restored_at: ambient.now() };
    store.note_restored(&note).await?;
    while store.integrate(1000).await? > 0 {}
    if let Some(journal) = &manifest.journal
        && STANDARD.encode(store.journal_root(journal.size).await?) != journal.root
    {
        return Err(refusals::damaged(&data.display().to_string(), DATABASE).into());
    }
    let entries = store.journal_head().await?.size;
    // A backup of an older schema was copied unseen: the newest that it holds itself is all that is known.
    let newest = store.newest_checkpoint().await?.map(|row| row.note);
    let known = manifest.journal.as_ref().and_then(|journal| journal.checkpoint.clone()).or(newest);
    if let DatabaseUrl::Postgres(_) = &database {
        store.move_to(&database).await.map_err(|error| match error {
            StoreError::NotEmpty => refusals::database_not_empty().into(),
            error => anyhow::Error::from(error),
        })?;
    }
    store.close().await;
    let kind = match &database {
        DatabaseUrl::Sqlite(file) => {
            fs::File::open(&staged).and_then(|file| file.sync_all())?;
            placed.place(&staged, file)?;
            "sqlite"
        }
        DatabaseUrl::Postgres(_) => "postgres",
    };
    if let Some(note) = known {
        placed.files.push(settings.directory.join(journal_files::HEAD));
        journal_files::keep_head(&settings.directory, &note).await?;
    }
    fs::File::open(into).and_then(|directory| directory.sync_all())?;
    Ok(Report {
        backup: manifest.backup,
        participant: manifest.participant.to_string(),
        made_at: rfc_3339(manifest.made_at),
        directory: into.to_owned(),
        database: kind,
        entries,
        keys: with_keys.is_some(),
        missing: missing(&settings),
    })
}

fn unfit(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::WrappingKey(_) => refusals::keys_do_not_fit(
            "de sleutel die de maandsleutels verpakt is een andere",
            "the key that wraps the month keys is another one",
        )
        .into(),
        error => error.into(),
    }
}

/// What the node needs besides, and who has it.
fn missing(settings: &Settings) -> Vec<PathBuf> {
    let configuration = &settings.configuration;
    let mut needed =
        vec![settings.path(&configuration.identity.key), settings.path(&configuration.identity.certificate)];
    needed.extend(settings.profile.trust_anchors.iter().cloned());
    // Without lists of revoked certificates no counterpart can be asked; in a backup they would be too old.
    let lists = settings.profile.revocation.lists.iter();
    needed.extend(lists.filter(|list| !list.contains("://")).map(PathBuf::from));
    if let Database::File(place) = &configuration.database {
        needed.push(settings.path(&place.file));
    }
    for access in configuration.own_servers() {
        needed.extend(access.secrets().map(|path| settings.path(path)));
    }
    needed.retain(|path| !path.exists());
    needed
}

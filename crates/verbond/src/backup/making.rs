//! Making a backup: of a node that runs, while it runs, or of one that does not.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use verbond_application::{OpContext, checkpoints::Checkpoints};
use verbond_domain::{ParticipantId, Problem, Timestamp};
use verbond_journal::SignedCheckpoint;
use verbond_store::copies::Copied;

use super::{
    DATA, DATABASE, KEYS, MONTH_KEYS, PART,
    archive::{self, Source},
    kept,
    manifest::{DATA_FORMAT, DataManifest, JournalAt, KEYS_FORMAT, KeysManifest, month_keys_text},
    refusals,
};
use crate::{
    ambient::rfc_3339,
    configuration::{self, Settings},
    init,
    node::{identity, journal_files, pseudonyms, wrapping_key},
};

const DAY_SECONDS: i64 = 86_400;
/// Looks at whether there is a checkpoint over the copy, and time between two.
const LOOKS: u32 = 300;
const LOOK: Duration = Duration::from_millis(100);
/// What a certificate's file does not hold.
const PRIVATE: &str = "PRIVATE KEY";

/// Makes backups of one node.
pub struct Backups {
    settings: Arc<Settings>,
    own: ParticipantId,
    checkpoints: Arc<Checkpoints>,
    making: tokio::sync::Mutex<()>,
}

/// A backup that was made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MadeBackup {
    /// Its identifier.
    pub backup: String,
    /// When it was made.
    pub made_at: String,
    /// The file with the data.
    #[schema(value_type = String)]
    pub data: PathBuf,
    /// The file with the keys.
    #[schema(value_type = String)]
    pub keys: PathBuf,
    /// When the file with the keys must be gone.
    pub keys_expire_at: String,
    /// Whether the node's own private keys are in it.
    pub private_keys: bool,
    /// Entries of the journal.
    pub entries: u64,
    /// Entries of the newest checkpoint that the backup names; null: it names none.
    pub checkpoint_size: Option<u64>,
    /// Files with keys that were over, and have been removed.
    #[schema(value_type = Vec<String>)]
    pub expired: Vec<PathBuf>,
    /// Files of the configuration that lie outside of the data directory, and are not in the backup.
    #[schema(value_type = Vec<String>)]
    pub left_out: Vec<PathBuf>,
}

/// Where a backup's files are taken to.
#[derive(Clone, Debug, Default)]
pub struct Moved {
    /// The file with the data.
    pub data: Option<PathBuf>,
    /// The file with the keys.
    pub keys: Option<PathBuf>,
}

impl Backups {
    /// Of this node.
    pub fn new(settings: Arc<Settings>, own: ParticipantId, checkpoints: Arc<Checkpoints>) -> Self {
        Self { settings, own, checkpoints, making: tokio::sync::Mutex::default() }
    }

    /// Makes one in the directories that the configuration names, and writes down that there is one. Files with keys whose time is
    /// over are removed there. Requests go on meanwhile.
    pub async fn make(&self, context: &OpContext, private_keys: bool) -> Result<MadeBackup, Problem> {
        let Ok(_alone) = self.making.try_lock() else { return Err(refusals::being_made()) };
        let made = self.made(context, private_keys).await.map_err(|error| refusals::not_made(&error))?;
        let detail = json!({
            "entries": made.entries, "keys_expire_at": made.keys_expire_at, "private_keys": private_keys,
        });
        if context.store.pending_migrations().await.is_ok_and(|pending| pending.is_empty()) {
            context.record_alone("backup.made", &made.backup, detail).await?;
        }
        Ok(made)
    }

    async fn made(&self, context: &OpContext, private_keys: bool) -> anyhow::Result<MadeBackup> {
        let (settings, now) = (&self.settings, context.ambient.now());
        let (data, keys) = directories(settings);
        for directory in [&data, &keys] {
            init::make_directory(directory)?;
            kept::sweep(directory)?;
        }
        let backup = context.ambient.uuid_v7().to_string();
        let name = file_name(&self.own, now, &backup);
        // Goes when this does, with whatever is in it: also when nobody waits for the answer any more.
        let work = Work::make(&data, &name)?;
        let database = work.0.join(DATABASE);
        let copied = context.store.copy_to(&database).await?;
        let journal = self.journal(context, &copied).await?;
        let checkpoint = journal.as_ref().and_then(|journal| journal.checkpoint.as_deref());
        let checkpoint_size =
            checkpoint.and_then(|note| SignedCheckpoint::parse(note).ok()).map(|note| note.checkpoint.size);
        let key_days = i64::from(settings.configuration.backup.key_days);
        let expires_at = now.plus_seconds(key_days.saturating_mul(DAY_SECONDS));
        let (sources, left_out) = for_data(settings, database);
        let plan = Plan {
            data: data.join(format!("{name}{DATA}")),
            keys: keys.join(format!("{name}{KEYS}")),
            data_manifest: DataManifest {
                format: DATA_FORMAT.to_owned(),
                backup: backup.clone(),
                participant: self.own.clone(),
                program: env!("CARGO_PKG_VERSION").to_owned(),
                schema: copied.schema,
                made_at: now,
                journal,
                files: Vec::new(),
            },
            data_sources: sources,
            keys_manifest: KeysManifest {
                format: KEYS_FORMAT.to_owned(),
                backup: backup.clone(),
                participant: self.own.clone(),
                program: env!("CARGO_PKG_VERSION").to_owned(),
                made_at: now,
                expires_at,
                private_keys,
                files: Vec::new(),
            },
            keys_sources: for_keys(settings, &work.0, &copied, private_keys)?,
        };
        let (data, keys) = tokio::task::spawn_blocking(move || plan.write(work)).await??;
        let expired = kept::prune(keys.parent().unwrap_or(Path::new(".")), now)?;
        Ok(MadeBackup {
            backup,
            made_at: rfc_3339(now),
            data,
            keys,
            keys_expire_at: rfc_3339(expires_at),
            private_keys,
            entries: copied.entries,
            checkpoint_size,
            expired: expired.into_iter().map(|kept| kept.file).collect(),
            left_out,
        })
    }

    /// How far the journal had come, with a checkpoint over all that is in the copy: by it whoever restores the copy can say what
    /// was there at least.
    async fn journal(&self, context: &OpContext, copied: &Copied) -> anyhow::Result<Option<JournalAt>> {
        let Some(head) = copied.head else { return Ok(None) };
        let root = STANDARD.encode(context.store.journal_root(head.size).await?);
        let mut checkpoint = None;
        for _ in 0..LOOKS {
            context.store.integrate(1000).await?;
            self.checkpoints.sign(context).await?;
            let newest = context.store.newest_checkpoint().await?;
            checkpoint = newest.filter(|newest| newest.epoch == head.epoch && newest.size >= copied.entries);
            if checkpoint.is_some() || copied.entries == 0 {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(Some(JournalAt {
            epoch: head.epoch,
            size: head.size,
            root,
            entries: copied.entries,
            checkpoint: checkpoint.map(|row| row.note),
        }))
    }
}

impl MadeBackup {
    /// Takes its files to other directories; to one on another file system by copying.
    pub fn move_to(&mut self, to: &Moved) -> anyhow::Result<()> {
        for (file, directory) in [(&mut self.data, &to.data), (&mut self.keys, &to.keys)] {
            let Some(directory) = directory else { continue };
            init::make_directory(directory)?;
            let target = std::path::absolute(directory)?.join(file.file_name().unwrap_or_default());
            let about = || format!("cannot move {} to {}", file.display(), target.display());
            if fs::rename(&*file, &target).is_err() {
                let beside = directory.join(format!("moving{PART}"));
                fs::copy(&*file, &beside).with_context(about)?;
                fs::File::open(&beside).and_then(|copy| copy.sync_all()).with_context(about)?;
                fs::rename(&beside, &target).with_context(about)?;
                fs::remove_file(&*file).with_context(about)?;
            }
            fs::File::open(directory).and_then(|directory| directory.sync_all()).with_context(about)?;
            *file = target;
        }
        Ok(())
    }
}

/// A directory for what is not whole yet; removed with all that is in it when it is dropped.
struct Work(PathBuf);

impl Work {
    fn make(directory: &Path, name: &str) -> anyhow::Result<Self> {
        let path = directory.join(format!("{name}{PART}"));
        init::make_directory(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "what was left of a backup cannot be removed");
        }
    }
}

/// What is to be written where.
struct Plan {
    data: PathBuf,
    keys: PathBuf,
    data_manifest: DataManifest,
    data_sources: Vec<Source>,
    keys_manifest: KeysManifest,
    keys_sources: Vec<Source>,
}

impl Plan {
    /// Writes both files; they appear whole, the keys last.
    fn write(mut self, work: Work) -> anyhow::Result<(PathBuf, PathBuf)> {
        let made_at = self.data_manifest.made_at;
        self.data_manifest.files = members(&self.data_sources)?;
        self.keys_manifest.files = members(&self.keys_sources)?;
        let (data, keys) = (beside(&self.data), beside(&self.keys));
        let written = archive::write(&data, &self.data_manifest, &self.data_sources, made_at)
            .and_then(|()| archive::write(&keys, &self.keys_manifest, &self.keys_sources, made_at));
        drop(work);
        if written.is_err() {
            let _ = fs::remove_file(&data);
            let _ = fs::remove_file(&keys);
        }
        written?;
        for (part, whole) in [(&data, &self.data), (&keys, &self.keys)] {
            fs::rename(part, whole).with_context(|| format!("cannot write {}", whole.display()))?;
            let directory = whole.parent().unwrap_or(Path::new("."));
            fs::File::open(directory).and_then(|directory| directory.sync_all())?;
        }
        Ok((self.data, self.keys))
    }
}

fn members(sources: &[Source]) -> anyhow::Result<Vec<super::manifest::Member>> {
    sources.iter().map(archive::member).collect()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(PART);
    path.with_file_name(name)
}

/// Where backups go: data and keys apart.
pub fn directories(settings: &Settings) -> (PathBuf, PathBuf) {
    let backup = &settings.configuration.backup;
    (settings.path(&backup.directory), settings.path(&backup.keys_directory))
}

/// `<participant>-<moment>-<the identifier's end>`.
fn file_name(own: &ParticipantId, now: Timestamp, backup: &str) -> String {
    let moment: String = rfc_3339(now).chars().filter(char::is_ascii_alphanumeric).take(15).collect();
    let end = backup.rsplit('-').next().unwrap_or_default();
    format!("{}-{moment}Z-{end}", own.value())
}

/// What goes with the database: configuration and certificates in the data directory, by name. Nothing else there is known to be
/// fit to lie with the data.
fn for_data(settings: &Settings, database: PathBuf) -> (Vec<Source>, Vec<PathBuf>) {
    let configuration = &settings.configuration;
    let mut paths = vec![settings.directory.join(configuration::FILE)];
    let profile = settings.directory.join(&configuration.profile);
    if profile.is_file() {
        paths.push(profile);
    }
    paths.push(settings.path(&configuration.identity.certificate));
    paths.extend(configuration.identity.earlier.iter().map(|path| settings.path(path)));
    let put_aside = fs::read_dir(settings.directory.join(identity::EARLIER)).into_iter().flatten().flatten();
    paths.extend(put_aside.map(|entry| entry.path()));
    paths.extend(settings.profile.trust_anchors.iter().cloned());
    paths.extend(configuration.administration.client_anchors.iter().map(|path| settings.path(path)));
    if let Some(inway) = &configuration.inway {
        paths.extend(inway.source_anchors.iter().flatten().map(|path| settings.path(path)));
    }
    let mut sources = vec![Source { name: DATABASE.to_owned(), path: database }];
    let mut left_out = Vec::new();
    for path in paths {
        let name = path.strip_prefix(&settings.directory).ok().and_then(Path::to_str).map(str::to_owned);
        let is_public = fs::read_to_string(&path).is_ok_and(|text| !text.contains(PRIVATE));
        match name.filter(|_| is_public) {
            Some(name) if sources.iter().any(|source| source.name == name) => {}
            Some(name) => sources.push(Source { name, path }),
            None if path.exists() => left_out.push(path),
            None => {}
        }
    }
    (sources, left_out)
}

/// What is of no use but with the data, and without which the data is of little.
fn for_keys(
    settings: &Settings,
    work: &Path,
    copied: &Copied,
    private_keys: bool,
) -> anyhow::Result<Vec<Source>> {
    let month_keys = work.join(MONTH_KEYS);
    init::write_secret(&month_keys, &month_keys_text(&copied.keys)?)?;
    let mut sources = vec![Source { name: MONTH_KEYS.to_owned(), path: month_keys }];
    let mut names = vec![PathBuf::from(wrapping_key::FILE), PathBuf::from(pseudonyms::FILE)];
    if private_keys {
        names.extend([settings.configuration.identity.key.clone(), PathBuf::from(journal_files::KEY)]);
    }
    for name in names {
        let path = settings.path(&name);
        let relative = path.strip_prefix(&settings.directory).ok().and_then(Path::to_str);
        if let Some(name) = relative.filter(|_| path.exists()) {
            sources.push(Source { name: name.to_owned(), path: path.clone() });
        }
    }
    Ok(sources)
}

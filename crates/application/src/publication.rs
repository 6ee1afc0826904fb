//! What of the registers everybody may read, without credentials.

use verbond_agreement::{EntryName, RegisterKind};
use verbond_domain::Problem;
use verbond_store::Store;

use crate::{context::database_problem, registers::RegisterEntry};

/// One version of an entry, as it is published.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The entry, whole: only [`Publication::bytes`] may be shown.
    entry: RegisterEntry,
    /// The canonical form of what may be read.
    pub bytes: Vec<u8>,
    /// Hash over that: by it agreements pin the entry.
    pub hash: String,
    /// Whether no later version has taken its place.
    is_newest: bool,
}

impl Publication {
    fn of(entry: RegisterEntry, is_newest: bool) -> Option<Self> {
        let (bytes, hash) = entry.content.published(&entry.name).ok().flatten()?;
        Some(Self { entry, bytes, hash: hash.to_string(), is_newest })
    }

    /// Which register.
    pub const fn register(&self) -> RegisterKind {
        self.entry.register
    }

    /// The entry's name.
    pub const fn name(&self) -> &EntryName {
        &self.entry.name
    }

    /// Counts from 1.
    pub const fn version(&self) -> u32 {
        self.entry.version
    }

    /// When it was written.
    pub const fn created_at(&self) -> verbond_domain::Timestamp {
        self.entry.created_at
    }

    /// When it ended: withdrawn, or followed by the next version.
    pub const fn ended_at(&self) -> Option<verbond_domain::Timestamp> {
        self.entry.ended_at
    }

    /// Whether the entry has been ended without a successor: nothing new may rest on it.
    pub const fn is_withdrawn(&self) -> bool {
        self.is_newest && self.entry.ended_at.is_some()
    }

    /// Where it stands below the public address.
    pub fn path(&self) -> String {
        format!("/v1/registers/{}/{}/{}", self.register().as_str(), self.name(), self.version())
    }
}

/// The newest version of each published entry of a register.
///
/// # Errors
/// When the database fails.
pub async fn list(store: &Store, register: RegisterKind) -> Result<Vec<Publication>, Problem> {
    let rows = store.register_entries(register.as_str()).await.map_err(database_problem)?;
    let entries =
        rows.into_iter().map(RegisterEntry::read).collect::<Result<Vec<_>, _>>().map_err(database_problem)?;
    Ok(entries.into_iter().filter_map(|entry| Publication::of(entry, true)).collect())
}

/// All published versions of an entry, the newest first; none when nothing of that name is published.
///
/// # Errors
/// When the database fails.
pub async fn versions(
    store: &Store,
    register: RegisterKind,
    name: &EntryName,
) -> Result<Vec<Publication>, Problem> {
    let rows = store.register_versions(register.as_str(), name.as_str()).await.map_err(database_problem)?;
    let entries =
        rows.into_iter().map(RegisterEntry::read).collect::<Result<Vec<_>, _>>().map_err(database_problem)?;
    let numbered = entries.into_iter().enumerate();
    Ok(numbered.filter_map(|(place, entry)| Publication::of(entry, place == 0)).collect())
}

//! What stands first in each file of a backup.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use verbond_domain::{ParticipantId, Problem, Timestamp};
use verbond_store::copies::MonthKeyRow;

use super::refusals;

/// The format of a file with data.
pub const DATA_FORMAT: &str = "verbond-backup-data/1";
/// The format of a file with keys.
pub const KEYS_FORMAT: &str = "verbond-backup-keys/1";

/// A file in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its name: below the data directory, but for the database.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// How far the journal had come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalAt {
    /// The epoch.
    pub epoch: u32,
    /// Entries in the tree.
    pub size: u64,
    /// The root over them, base64.
    pub root: String,
    /// Entries in the copy: those and what was in no tree yet.
    pub entries: u64,
    /// A checkpoint over as many entries or more, as signed note, if there is one.
    pub checkpoint: Option<String>,
}

/// What a file with data says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataManifest {
    /// [`DATA_FORMAT`].
    pub format: String,
    /// The backup's identifier; its two files have the same.
    pub backup: String,
    /// Whose node.
    pub participant: ParticipantId,
    /// The version of the program.
    pub program: String,
    /// The schema of the database.
    pub schema: i64,
    /// When it was made.
    pub made_at: Timestamp,
    /// The journal; `null`: the schema is older than the program, so that it was copied unseen.
    pub journal: Option<JournalAt>,
    /// What the archive holds, in its order.
    pub files: Vec<Member>,
}

/// What a file with keys says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysManifest {
    /// [`KEYS_FORMAT`].
    pub format: String,
    /// The backup's identifier; its two files have the same.
    pub backup: String,
    /// Whose node.
    pub participant: ParticipantId,
    /// The version of the program.
    pub program: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it must be gone: it is not restored from then on.
    pub expires_at: Timestamp,
    /// Whether the node's own private keys are in it.
    pub private_keys: bool,
    /// What the archive holds, in its order.
    pub files: Vec<Member>,
}

/// A manifest of either kind.
pub trait Manifest: Serialize + for<'de> Deserialize<'de> {
    /// The format that it must name.
    const FORMAT: &'static str;
    /// The format that it names.
    fn format(&self) -> &str;
    /// What the archive holds.
    fn files(&self) -> &[Member];

    /// Reads one.
    ///
    /// # Errors
    /// When it is not of this form and format.
    fn read(text: &[u8]) -> Result<Self, Problem> {
        let unreadable = || refusals::not_a_backup(Self::FORMAT);
        let manifest: Self = serde_json::from_slice(text).map_err(|_| unreadable())?;
        match manifest.format() == Self::FORMAT {
            true => Ok(manifest),
            false => Err(unreadable()),
        }
    }
}

impl Manifest for DataManifest {
    const FORMAT: &'static str = DATA_FORMAT;

    fn format(&self) -> &str {
        &self.format
    }

    fn files(&self) -> &[Member] {
        &self.files
    }
}

impl Manifest for KeysManifest {
    const FORMAT: &'static str = KEYS_FORMAT;

    fn format(&self) -> &str {
        &self.format
    }

    fn files(&self) -> &[Member] {
        &self.files
    }
}

/// The keys of months as they stand in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MonthKeysFile {
    keys: Vec<MonthKeyInFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MonthKeyInFile {
    /// A number of 63 bits, as text: JSON's numbers hold 53.
    id: String,
    class: String,
    month: i64,
    wrapped: String,
}

/// The text of a file with keys of months.
pub fn month_keys_text(keys: &[MonthKeyRow]) -> anyhow::Result<String> {
    let in_file = |key: &MonthKeyRow| MonthKeyInFile {
        id: key.id.to_string(),
        class: key.class.clone(),
        month: key.month,
        wrapped: URL_SAFE_NO_PAD.encode(&key.wrapped),
    };
    Ok(serde_json::to_string_pretty(&MonthKeysFile { keys: keys.iter().map(in_file).collect() })? + "\n")
}

/// Reads a file with keys of months.
pub fn month_keys(text: &str) -> Option<Vec<MonthKeyRow>> {
    let MonthKeysFile { keys } = serde_json::from_str(text).ok()?;
    let row = |key: MonthKeyInFile| {
        let wrapped = URL_SAFE_NO_PAD.decode(key.wrapped).ok()?;
        Some(MonthKeyRow { id: key.id.parse().ok()?, class: key.class, month: key.month, wrapped })
    };
    keys.into_iter().map(row).collect()
}

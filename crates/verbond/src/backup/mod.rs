//! Backups of a node: its data in one file, the keys without which the data cannot be read in another, each an archive with a
//! manifest (docs/formats/backup.md).

mod archive;
mod kept;
mod making;
mod manifest;
mod refusals;
mod restoring;

pub use self::{
    kept::{find, prune},
    making::{Backups, MadeBackup, Moved, directories},
    restoring::{Keys, Report, restore, unfinished},
};

/// How the name of a file with data ends.
const DATA: &str = ".data.tar";
/// How the name of a file with keys ends.
const KEYS: &str = ".keys.tar";
/// How the name of a file ends that is not whole yet.
const PART: &str = ".part";

/// The database in a file with data.
const DATABASE: &str = "database.sqlite";
/// The keys of months in a file with keys.
const MONTH_KEYS: &str = "month-keys.json";

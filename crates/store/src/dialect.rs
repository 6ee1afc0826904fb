//! What SQLite and PostgreSQL say differently: everything else is one text for both.

use crate::sql::Sql;

/// Which of the two databases a statement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// Begins a write transaction on SQLite: takes the write lock at once, so that no later statement finds it taken.
pub(crate) const BEGIN_WRITE_SQLITE: &str = "BEGIN IMMEDIATE";
/// Begins a write transaction on PostgreSQL. The isolation is named because a server may have another default, under
/// which `ON CONFLICT DO NOTHING` fails instead of doing nothing.
pub(crate) const BEGIN_WRITE_POSTGRES: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// Begins a read transaction on SQLite; its first statement fixes the picture.
pub(crate) const BEGIN_READ_SQLITE: &str = "BEGIN DEFERRED";
/// Begins a read transaction on PostgreSQL, of one picture.
pub(crate) const BEGIN_READ_POSTGRES: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

impl Dialect {
    /// The name that operators see.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// Puts this database's words in the text of a migration.
    pub(crate) fn migration(self, text: &str) -> String {
        let (bytes, ordered_text) = match self {
            Self::Sqlite => ("BLOB", "TEXT"),
            Self::Postgres => ("BYTEA", "TEXT COLLATE \"C\""),
        };
        text.replace("{BYTES}", bytes).replace("{TEXT}", ordered_text)
    }

    /// Locks the rows that a `SELECT` finds until the end of the transaction. On SQLite the transaction has the only
    /// write lock already.
    pub(crate) fn lock_rows(self, select: &mut Sql) {
        if self == Self::Postgres {
            select.push(" FOR UPDATE");
        }
    }

    /// As [`Dialect::lock_rows`], leaving out rows that another transaction has locked.
    pub(crate) fn lock_free_rows(self, select: &mut Sql) {
        if self == Self::Postgres {
            select.push(" FOR UPDATE SKIP LOCKED");
        }
    }
}

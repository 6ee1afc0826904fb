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

/// Finds entries that have positions: after one, so many at most.
pub(crate) const PLACED: &str = "SELECT position, kind, payload, at_millis, commitment, id, key_id FROM journal_entry \
     WHERE position > $1 ORDER BY position LIMIT $2";

/// The number of PostgreSQL's lock that whoever integrates holds.
macro_rules! lead {
    () => {
        "7401328955"
    };
}

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
        let words = match self {
            Self::Sqlite => [
                ("{BYTES}", "BLOB"),
                ("{TEXT}", "TEXT"),
                ("{KEY_INTEGER}", "INTEGER"),
                // One connection writes, so that row numbers follow the order of commits without gap.
                ("{POSITION}", "position INTEGER PRIMARY KEY"),
                ("{POSITION_INDEXES}", ""),
                // The table is its key: a row is written once, where its key belongs.
                ("{CLUSTERED}", " WITHOUT ROWID"),
            ],
            Self::Postgres => [
                ("{BYTES}", "BYTEA"),
                ("{TEXT}", "TEXT COLLATE \"C\""),
                ("{KEY_INTEGER}", "BIGINT"),
                ("{POSITION}", "position BIGINT"),
                (
                    "{POSITION_INDEXES}",
                    "CREATE UNIQUE INDEX journal_entry_position ON journal_entry (position) \
                         WHERE position IS NOT NULL;\n\
                     CREATE INDEX journal_entry_without_position ON journal_entry (id) WHERE position IS NULL;",
                ),
                ("{CLUSTERED}", ""),
            ],
        };
        words.into_iter().fold(text.to_owned(), |text, (word, meaning)| text.replace(word, meaning))
    }

    /// Finds a row if there are entries that have not been integrated yet.
    pub(crate) fn waiting(self) -> Sql {
        Sql::new(match self {
            Self::Sqlite => {
                "SELECT tree_size FROM journal_head WHERE tree_size < size \
                 OR EXISTS (SELECT 1 FROM journal_entry WHERE position > size) \
                 UNION ALL SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM journal_head)"
            }
            Self::Postgres => {
                "SELECT tree_size FROM journal_head WHERE tree_size < size \
                 OR EXISTS (SELECT 1 FROM journal_entry WHERE position IS NULL) \
                 UNION ALL SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM journal_head)"
            }
        })
    }

    /// Makes the transaction the only one that integrates until it ends, if no other one does: then 1, else 0. One that stands
    /// still in the middle (its process is stopped, its machine is away) ends by itself, so that another can go on.
    pub(crate) fn lead(self) -> Sql {
        Sql::new(match self {
            // It has the only write lock already.
            Self::Sqlite => "SELECT '', 1",
            Self::Postgres => {
                concat!(
                    "SELECT set_config('idle_in_transaction_session_timeout', '2s', true), CASE WHEN pg_try_advisory_xact_lock(",
                    lead!(),
                    ") THEN 1::BIGINT ELSE 0::BIGINT END"
                )
            }
        })
    }

    /// As [`Dialect::lead`], once whoever has the lead has ended its transaction.
    pub(crate) fn wait_for_lead(self) -> Sql {
        Sql::new(match self {
            Self::Sqlite => "SELECT 1",
            Self::Postgres => concat!("SELECT 1 FROM pg_advisory_xact_lock(", lead!(), ")"),
        })
    }

    /// Gives the next entries the positions from `size` + 1 on, `limit` at most, and finds them: position, id.
    pub(crate) fn place(self, size: i64, limit: i64) -> Sql {
        Sql::new(match self {
            // They have them from their insertion on.
            Self::Sqlite => "SELECT position, id FROM journal_entry WHERE position > $1 ORDER BY position LIMIT $2",
            Self::Postgres => {
                "UPDATE journal_entry SET position = placed.place \
                 FROM (SELECT entry_id, $1 + ROW_NUMBER() OVER (ORDER BY entry_id) AS place \
                       FROM (SELECT id AS entry_id FROM journal_entry WHERE position IS NULL ORDER BY id LIMIT $2) \
                            AS waiting) AS placed \
                 WHERE id = placed.entry_id RETURNING position, id"
            }
        })
        .bind(size)
        .bind(limit)
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

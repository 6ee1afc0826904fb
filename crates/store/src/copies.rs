//! Copying a database as it is at one moment, whichever of the two it is, into a SQLite file, and such a file into an empty database.
//!
//! A copy has every table but the month keys, which are told apart. What of the journal is in it is a beginning of the journal: an
//! entry that had no place yet at the moment of the copy is waited for.

use std::{path::Path, time::Duration};

use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Row as _,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use verbond_domain::Timestamp;

use crate::{
    DatabaseUrl, Store, StoreError, Transaction,
    connection::{Connection, Pools},
    database::open_postgres,
    durability, migrations,
    sql::{Sql, Value},
    tree::{JournalHead, count},
};

/// Rows in one `INSERT`.
const BATCH: usize = 64;
/// Looks at whether entries have got a place, and time between two.
const LOOKS: u32 = 300;
const LOOK: Duration = Duration::from_millis(100);
/// Tables that a copy does not have the rows of: keys, and what is true of one database only.
const LEFT_OUT: [&str; 3] = ["month_key", "restored_backup", "change_subject"];

/// A key of a month, wrapped by the wrapping key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthKeyRow {
    /// By what entries name it.
    pub id: i64,
    /// Of which class of entries.
    pub class: String,
    /// Year * 100 + month.
    pub month: i64,
    /// The key, sealed under the wrapping key.
    pub wrapped: Vec<u8>,
}

/// What a copy is of.
#[derive(Clone, Debug)]
pub struct Copied {
    /// The schema of the database.
    pub schema: i64,
    /// How far the journal had come; `None`: the database has not been migrated to this version's schema.
    pub head: Option<JournalHead>,
    /// Journal entries in the copy: those of the head, and a few that were in no tree yet.
    pub entries: u64,
    /// The keys of months that there were.
    pub keys: Vec<MonthKeyRow>,
}

/// From which backup a database was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The backup's identifier.
    pub backup: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it was put back.
    pub restored_at: Timestamp,
}

/// A table with its columns.
struct Table {
    name: String,
    columns: Vec<(String, Kind)>,
}

/// The three types that both databases know.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Bytes,
    Integer,
}

impl Store {
    /// Copies the database into a new SQLite file while it is in use. Nobody waits for it but space: until it is done, SQLite's log and
    /// PostgreSQL's dead rows stay. When it returns, the file is whole; syncing it is the caller's.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn copy_to(&self, file: &Path) -> Result<Copied, StoreError> {
        let pools = &self.inner.pools;
        let versions = migrations::applied(pools).await?;
        let is_current = migrations::pending(pools).await?.is_empty();
        let target = open_file(file).await?;
        migrations::migrate_by(&target, &versions).await?;
        let has_keys = migrations::has_table(pools, "month_key").await?;

        let mut from = pools.begin_read().await?;
        let mut into = target.begin_write().await?;
        let tables = tables(&mut into).await?;
        empty(&mut into, &tables).await?;
        // Fixes the picture.
        let size = from.row::<(i64,)>(Sql::new("SELECT size FROM journal_head WHERE id = 1")).await?;
        let (size,) = size.ok_or_else(|| StoreError::damaged("the head of the journal is missing"))?;
        let keys = if has_keys { month_keys(&mut from).await? } else { Vec::new() };
        let head = match is_current {
            true => Some(head(&mut from).await?),
            false => None,
        };
        let unplaced = match from {
            Connection::Sqlite(_) => Vec::new(),
            Connection::Postgres(_) => unplaced(&mut from).await?,
        };
        for table in tables.iter().filter(|table| !LEFT_OUT.contains(&table.name.as_str())) {
            let is_journal = table.name == "journal_entry";
            let which = if is_journal { "WHERE position IS NOT NULL ORDER BY position" } else { "" };
            copy(&mut from, &mut into, table, which).await?;
            if is_journal && !unplaced.is_empty() {
                self.copy_placed(&mut from, &mut into, table, (size, &unplaced), head.is_some()).await?;
            }
        }
        let entries = into.row::<(i64,)>(Sql::new("SELECT COUNT(*) FROM journal_entry")).await?;
        into.commit().await?;
        target.close().await;
        let schema = versions.last().copied().unwrap_or_default();
        Ok(Copied { schema, head, entries: count(entries.map_or(0, |(entries,)| entries))?, keys })
    }

    /// Copies entries that had no place at the moment of the copy, once they have one, with those that got one before them: in any other
    /// order they would be another journal. A database that nobody integrates keeps their order by identifier.
    async fn copy_placed(
        &self,
        from: &mut Connection,
        into: &mut Connection,
        journal: &Table,
        (size, unplaced): (i64, &[Vec<u8>]),
        is_current: bool,
    ) -> Result<(), StoreError> {
        if !is_current {
            return copy(from, into, journal, "WHERE position IS NULL ORDER BY id").await;
        }
        let last = self.last_place(unplaced).await?;
        let mut now = self.inner.pools.begin_read().await?;
        let which = format!("WHERE position > {size} AND position <= {last} ORDER BY position");
        copy(&mut now, into, journal, &which).await
    }

    /// The last of the places of these entries, when all have one.
    async fn last_place(&self, entries: &[Vec<u8>]) -> Result<i64, StoreError> {
        for _ in 0..LOOKS {
            // Whoever else does it, or nobody does while the node does not run.
            self.integrate(1000).await?;
            let (mut last, mut missing) = (0, false);
            for some in entries.chunks(BATCH) {
                let mut sql = Sql::new(
                    "SELECT COUNT(*), CAST(COALESCE(MAX(position), 0) AS BIGINT) FROM journal_entry \
                     WHERE position IS NOT NULL AND id IN ",
                );
                sql.push_list(some.iter().map(Vec::as_slice));
                let (placed, greatest) = self.inner.pools.row::<(i64, i64)>(sql).await?.unwrap_or_default();
                missing |= usize::try_from(placed) != Ok(some.len());
                last = last.max(greatest);
            }
            if !missing {
                return Ok(last);
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(StoreError::Database("entries of the journal get no place in time".to_owned()))
    }

    /// Puts everything that is in this database into an empty one.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`], [`StoreError::NotDurable`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn move_to(&self, url: &DatabaseUrl) -> Result<(), StoreError> {
        let target = match url {
            DatabaseUrl::Sqlite(file) => open_file(file).await?,
            DatabaseUrl::Postgres(url) => open_postgres(url).await?,
        };
        if !migrations::applied(&target).await?.is_empty() && is_used(&target).await? {
            return Err(StoreError::NotEmpty);
        }
        if matches!(url, DatabaseUrl::Postgres(_)) {
            durability::check(&target).await?;
        }
        migrations::migrate(&target).await?;
        let mut from = self.inner.pools.begin_read().await?;
        let mut into = target.begin_write().await?;
        let tables = tables(&mut from).await?;
        empty(&mut into, &tables).await?;
        for table in &tables {
            copy(&mut from, &mut into, table, "").await?;
        }
        into.commit().await?;
        target.close().await;
        Ok(())
    }

    /// Puts keys of months in place.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_month_keys(&self, keys: &[MonthKeyRow]) -> Result<(), StoreError> {
        let mut connection = self.inner.pools.begin_write().await?;
        for key in keys {
            let sql = Sql::new(
                "INSERT INTO month_key (id, class, month, wrapped) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            );
            let sql = sql.bind(key.id).bind(&key.class).bind(key.month).bind(key.wrapped.as_slice());
            connection.execute(sql).await?;
        }
        connection.commit().await
    }

    /// Notes that the database was put back from a backup.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn note_restored(&self, restored: &Restored) -> Result<(), StoreError> {
        let sql = Sql::new(
            "INSERT INTO restored_backup (id, backup, made_at, restored_at) VALUES (1, $1, $2, $3) ON CONFLICT (id) \
             DO UPDATE SET backup = excluded.backup, made_at = excluded.made_at, restored_at = excluded.restored_at",
        );
        let sql = sql.bind(&restored.backup).bind(restored.made_at).bind(restored.restored_at);
        self.inner.pools.execute(sql).await.map(drop)
    }

    /// The backup from which the database was put back, as long as nobody has said what is missing since.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn restored(&self) -> Result<Option<Restored>, StoreError> {
        let sql = Sql::new("SELECT backup, made_at, restored_at FROM restored_backup WHERE id = 1");
        let row = self.inner.pools.row::<(String, i64, i64)>(sql).await?;
        Ok(row.map(|(backup, made_at, restored_at)| Restored {
            backup,
            made_at: Timestamp::from_millis(made_at),
            restored_at: Timestamp::from_millis(restored_at),
        }))
    }
}

impl Transaction {
    /// What is missing since the database was put back has been said.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn forget_restored(&mut self) -> Result<(), StoreError> {
        self.execute(Sql::new("DELETE FROM restored_backup WHERE id = 1")).await.map(drop)
    }
}

/// Takes what is noted of keys out of a copy for which there are none any more: its node makes new ones. To be called before the
/// copy is opened.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn forget_keys(file: &Path) -> Result<(), StoreError> {
    let pools = open_file(file).await?;
    for (table, forget) in [
        ("wrapping_key", "DELETE FROM wrapping_key"),
        ("month_key", "DELETE FROM month_key"),
        ("pseudonym_key", "DELETE FROM pseudonym_key"),
    ] {
        if migrations::has_table(&pools, table).await? {
            pools.execute(Sql::new(forget)).await?;
        }
    }
    pools.close().await;
    Ok(())
}

impl Table {
    fn named_columns(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        names.join(", ")
    }
}

/// A SQLite file that nobody else uses yet and that is made anew when the power goes.
async fn open_file(file: &Path) -> Result<Pools, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Memory)
        .synchronous(SqliteSynchronous::Off)
        .pragma("secure_delete", "ON")
        .foreign_keys(false);
    let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    Ok(Pools::Sqlite { readers: writer.clone(), writer })
}

/// The tables of a SQLite database, in the order in which they were made: none refers to a later one.
async fn tables(connection: &mut Connection) -> Result<Vec<Table>, StoreError> {
    let names = Sql::new(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> '_sqlx_migrations' \
         AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY rowid",
    );
    let mut tables = Vec::new();
    for (name,) in connection.rows::<(String,)>(names).await? {
        let columns = Sql::new("SELECT name, type FROM pragma_table_info($1) ORDER BY cid").bind(&name);
        let columns = connection.rows::<(String, String)>(columns).await?;
        let columns = columns.into_iter().map(|(name, declared)| Ok((name, kind(&declared)?)));
        tables.push(Table { columns: columns.collect::<Result<_, StoreError>>()?, name });
    }
    Ok(tables)
}

fn kind(declared: &str) -> Result<Kind, StoreError> {
    match declared {
        "TEXT" => Ok(Kind::Text),
        "BLOB" => Ok(Kind::Bytes),
        "BIGINT" | "INTEGER" => Ok(Kind::Integer),
        other => Err(StoreError::damaged(&format!("a column of type {other}"))),
    }
}

/// Takes out the rows that migrations put in.
async fn empty(connection: &mut Connection, tables: &[Table]) -> Result<(), StoreError> {
    for table in tables.iter().rev() {
        // Names of the program's own tables.
        let text = format!("DELETE FROM \"{}\"", table.name);
        connection.execute(Sql::with_names_of_schema(text, Vec::new())).await?;
    }
    Ok(())
}

/// The cells of a row, of either database.
macro_rules! cells {
    ($row:expr, $table:expr) => {{
        let mut cells = Vec::with_capacity($table.columns.len());
        for (place, (_, kind)) in $table.columns.iter().enumerate() {
            cells.push(match kind {
                Kind::Text => Value::Text($row.try_get(place)?),
                Kind::Bytes => Value::Bytes($row.try_get(place)?),
                Kind::Integer => Value::Integer($row.try_get(place)?),
            });
        }
        cells
    }};
}

/// Copies rows of a table, a batch in memory at a time.
async fn copy(
    from: &mut Connection,
    into: &mut Connection,
    table: &Table,
    which: &str,
) -> Result<(), StoreError> {
    // Sound: names of the program's own tables, and conditions that it writes itself.
    let text = AssertSqlSafe(format!("SELECT {} FROM \"{}\" {which}", table.named_columns(), table.name));
    let mut batch = Vec::new();
    macro_rules! all {
        ($connection:expr) => {{
            let mut rows = sqlx::query(text).fetch(&mut **$connection);
            while let Some(row) = rows.try_next().await? {
                batch.push(cells!(row, table));
                if batch.len() == BATCH {
                    insert(into, table, std::mem::take(&mut batch)).await?;
                }
            }
        }};
    }
    match from {
        Connection::Sqlite(inner) => all!(inner),
        Connection::Postgres(inner) => all!(inner),
    }
    insert(into, table, batch).await
}

async fn insert(into: &mut Connection, table: &Table, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let width = table.columns.len();
    let places = (0..rows.len()).map(|row| {
        let places =
            (1..=width).map(|column| format!("${}", row.saturating_mul(width).saturating_add(column)));
        format!("({})", places.collect::<Vec<_>>().join(", "))
    });
    let places = places.collect::<Vec<_>>().join(", ");
    let text = format!("INSERT INTO \"{}\" ({}) VALUES {places}", table.name, table.named_columns());
    let values = rows.into_iter().flatten().collect();
    into.execute(Sql::with_names_of_schema(text, values)).await.map(drop)
}

async fn month_keys(connection: &mut Connection) -> Result<Vec<MonthKeyRow>, StoreError> {
    let sql = Sql::new("SELECT id, class, month, wrapped FROM month_key ORDER BY month, class");
    let rows = connection.rows::<(i64, String, i64, Vec<u8>)>(sql).await?;
    Ok(rows
        .into_iter()
        .map(|(id, class, month, wrapped)| MonthKeyRow { id, class, month, wrapped })
        .collect())
}

async fn head(connection: &mut Connection) -> Result<JournalHead, StoreError> {
    let sql = Sql::new("SELECT epoch, tree_size FROM journal_head WHERE id = 1");
    let (epoch, size) = connection.row::<(i64, i64)>(sql).await?.unwrap_or((1, 0));
    let epoch = u32::try_from(epoch).map_err(|_| StoreError::damaged("an epoch of the journal"))?;
    Ok(JournalHead { epoch, size: count(size)? })
}

async fn unplaced(connection: &mut Connection) -> Result<Vec<Vec<u8>>, StoreError> {
    let sql = Sql::new("SELECT id FROM journal_entry WHERE position IS NULL ORDER BY id");
    Ok(connection.rows::<(Vec<u8>,)>(sql).await?.into_iter().map(|(id,)| id).collect())
}

/// Whether anybody has begun to use a database.
async fn is_used(pools: &Pools) -> Result<bool, StoreError> {
    let sql = Sql::new(
        "SELECT (SELECT COUNT(*) FROM owner) + (SELECT COUNT(*) FROM (SELECT 1 FROM journal_entry LIMIT 1) AS one)",
    );
    Ok(pools.row::<(i64,)>(sql).await?.is_some_and(|(count,)| count > 0))
}

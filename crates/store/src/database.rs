//! Opening, migrating and checking the database.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use sqlx::{
    Connection as _, Executor,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::task::JoinHandle;
use verbond_domain::{Ambient, ParticipantId};
use verbond_journal::Edge;
use verbond_trust::WrappingKey;

use crate::{
    changes::Marks,
    connection::Pools,
    durability,
    handed::Handed,
    migrations,
    month_keys::MonthKeys,
    notifications::{self, Signals},
    sql::Sql,
};

/// Connections that read a SQLite database at the same time.
const SQLITE_READERS: u32 = 4;
/// Connections to PostgreSQL, the listening one included.
const POSTGRES_CONNECTIONS: u32 = 12;
/// Prepared statements kept per connection: the appends of each length among them.
const STATEMENTS: usize = 256;
/// Longest wait for a connection, and for SQLite's write lock.
const WAIT_FOR_CONNECTION: Duration = Duration::from_secs(5);

/// Where the data lies.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A `postgres://` URL; may hold a password, so it has no `Debug` that shows it.
    Postgres(String),
}

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database answered with an error, or could not be reached.
    #[error("the database failed: {0}")]
    Database(String),
    /// A stored value cannot be read back.
    #[error("a stored value is damaged: {0}")]
    Damaged(String),
    /// The database does not keep what it has confirmed.
    #[error(transparent)]
    NotDurable(#[from] DurabilityProblem),
    /// The cursor is not one that this listing gave out.
    #[error("the cursor is not one that this listing gave out")]
    BadCursor,
    /// The database holds the journal of another participant.
    #[error(
        "the database belongs to {owner}, this node is {own}: every participant needs a database of its own"
    )]
    OtherParticipant {
        /// whose it is
        owner: ParticipantId,
        /// who asked for it
        own: ParticipantId,
    },
    /// The key that wraps the month keys is missing, or another one.
    #[error("the wrapping key cannot be used: {0}")]
    WrappingKey(String),
    /// A later version of the program has migrated the database.
    #[error(
        "a later version of the program has changed the database: it has schema {found}, this version knows schemas up to {known}"
    )]
    Newer {
        /// the schema that it has
        found: i64,
        /// the newest that this version knows
        known: i64,
    },
    /// Something was to be put in a database in which there is something already.
    #[error("the database is not empty")]
    NotEmpty,
    /// A filter names too many things.
    #[error("a filter may name at most {0} things")]
    TooMany(usize),
}

impl StoreError {
    /// A stored value, by what it is, that cannot be read back. The value itself is not told.
    pub(crate) fn damaged(what: &str) -> Self {
        Self::Damaged(what.to_owned())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Damaged(error.to_string()),
            error => Self::Database(error.to_string()),
        }
    }
}

/// A durability setting under which a confirmed commit can be lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the database setting {setting} is {value}: a confirmed record could be lost at a power cut. Set it to {needed} and start again"
)]
pub struct DurabilityProblem {
    /// Name of the setting.
    pub setting: String,
    /// Its value.
    pub value: String,
    /// What it must be.
    pub needed: String,
}

/// The database of one node. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) pools: Pools,
    pub(crate) signals: Arc<Signals>,
    /// The right edge of the tree as this process has left it, so that it is read from the database once only.
    pub(crate) edge: Mutex<Option<Edge>>,
    /// What this process has appended and nobody has integrated yet.
    pub(crate) handed: Handed,
    /// `None`: opened to be looked at only.
    keys: Option<MonthKeys>,
    /// `None`: opened to be looked at only.
    marks: Option<Marks>,
    listener: Option<JoinHandle<()>>,
}

impl Inner {
    pub(crate) fn month_keys(&self) -> Result<&MonthKeys, StoreError> {
        let none = || StoreError::WrappingKey("the database was opened without it".to_owned());
        self.keys.as_ref().ok_or_else(none)
    }

    pub(crate) fn marks(&self) -> Result<&Marks, StoreError> {
        let none = || StoreError::Database("the database was opened to be looked at only".to_owned());
        self.marks.as_ref().ok_or_else(none)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

impl Store {
    /// Opens the database, migrates it, and refuses one that is not durable, or whose entries are sealed under keys that another
    /// key wraps. `wrapping_key` is told whether the database notes such a key already; if not, it may make one.
    ///
    /// # Errors
    /// [`StoreError::NotDurable`], [`StoreError::WrappingKey`], or [`StoreError::Database`] when it cannot be reached or migrated.
    pub async fn open(
        url: &DatabaseUrl,
        wrapping_key: impl FnOnce(bool) -> Result<WrappingKey, String>,
        ambient: &Ambient,
    ) -> Result<Self, StoreError> {
        let pools = match url {
            DatabaseUrl::Sqlite(file) => {
                make_private(file).await?;
                open_sqlite(file, true).await?
            }
            DatabaseUrl::Postgres(url) => open_postgres(url).await?,
        };
        durability::check(&pools).await?;
        migrations::migrate(&pools).await?;
        let keys = MonthKeys::begin(&pools, wrapping_key, ambient).await?;
        let signals = Arc::new(Signals::new());
        let listener = match &pools {
            Pools::Sqlite { .. } => None,
            Pools::Postgres { pool } => {
                Some(tokio::spawn(notifications::listen(pool.clone(), Arc::clone(&signals))))
            }
        };
        let (edge, keys, marks) = (Mutex::default(), Some(keys), Some(Marks::new(ambient.uuid_v7())));
        let handed = Handed::default();
        let store = Self { inner: Arc::new(Inner { pools, signals, edge, handed, keys, marks, listener }) };
        store.views_in_this_form().await?;
        Ok(store)
    }

    /// Opens a database to look at it (for `doctor`): refuses one that cannot be reached or is not durable, and makes
    /// and migrates nothing. [`Store::pending_migrations`] tells whether the rest of the store can be used.
    ///
    /// # Errors
    /// [`StoreError::NotDurable`], or [`StoreError::Database`] when it is not there or cannot be reached.
    pub async fn open_without_migrating(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let pools = match url {
            DatabaseUrl::Sqlite(file) => open_sqlite(file, false).await?,
            DatabaseUrl::Postgres(url) => open_postgres(url).await?,
        };
        durability::check(&pools).await?;
        let signals = Arc::new(Signals::new());
        let (edge, keys, marks, listener) = (Mutex::default(), None, None, None);
        let handed = Handed::default();
        Ok(Self { inner: Arc::new(Inner { pools, signals, edge, handed, keys, marks, listener }) })
    }

    /// Numbers and names of the migrations that [`Store::open`] would apply.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Database`], also when [`Store::open`] would refuse the database because another version
    /// of the program has migrated it.
    pub async fn pending_migrations(&self) -> Result<Vec<(i64, &'static str)>, StoreError> {
        migrations::pending(&self.inner.pools).await
    }

    /// The schema that the database has: the number of its last migration; 0: it is empty.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn schema(&self) -> Result<i64, StoreError> {
        Ok(migrations::applied(&self.inner.pools).await?.last().copied().unwrap_or_default())
    }

    /// The schema that [`Store::open`] brings a database to.
    pub const NEWEST_SCHEMA: i64 = migrations::NEWEST;

    /// Closes all connections; waits a few seconds at most for those that are in use.
    pub async fn close(&self) {
        if tokio::time::timeout(WAIT_FOR_CONNECTION, self.inner.pools.close()).await.is_err() {
            tracing::warn!("connections to the database were still in use when it was closed");
        }
    }

    /// "sqlite" or "postgres".
    pub fn kind(&self) -> &'static str {
        self.inner.pools.dialect().name()
    }

    /// Checks durability settings again (for `doctor` and readiness).
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn check_durability(&self) -> Result<(), StoreError> {
        durability::check(&self.inner.pools).await
    }

    /// The number of the last committed change to what gateways decide on (services, applications, contracts,
    /// signatures, peers). Every [`Transaction`](crate::Transaction) that touched one of these raises it at commit.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn generation(&self) -> Result<i64, StoreError> {
        let row =
            self.inner.pools.row::<(i64,)>(Sql::new("SELECT number FROM generation WHERE id = 1")).await?;
        row.map(|(number,)| number).ok_or_else(|| StoreError::damaged("the generation is missing"))
    }

    /// Returns at the next notification of a change in this or another process (PostgreSQL LISTEN; in SQLite the same
    /// process), or after `at_most`. A change since the last return of this function counts as the next one.
    pub async fn wait_for_change(&self, at_most: Duration) {
        self.inner.signals.change.wait(at_most).await;
    }

    /// As `wait_for_change`, for the outbox.
    pub async fn wait_for_outbox(&self, at_most: Duration) {
        self.inner.signals.outbox.wait(at_most).await;
    }
}

async fn open_sqlite(file: &Path, create: bool) -> Result<Pools, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(create)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(WAIT_FOR_CONNECTION)
        .pragma("journal_size_limit", "67108864")
        // Pages, 16 MiB: under load the log is carried over a few times a second at most. After a crash so much is read
        // at the start.
        .pragma("wal_autocheckpoint", "4000")
        // What has been destroyed is overwritten, and does not wait for the place to be used again.
        .pragma("secure_delete", "ON")
        // KiB; what the views and the newest entries touch stays in memory.
        .pragma("cache_size", "-8192")
        .statement_cache_capacity(STATEMENTS)
        // The driver's thread waits for its reader when this many rows are on their way.
        .row_buffer_size(1024);
    let pool = || {
        SqlitePoolOptions::new().acquire_timeout(WAIT_FOR_CONNECTION).idle_timeout(None).max_lifetime(None)
    };
    let writer = pool()
        .max_connections(1)
        .test_before_acquire(false)
        // A transaction that SQLite itself has rolled back (disk full, failed write) leaves the driver's count of open
        // transactions wrong, and every later one would fail: such a connection is replaced.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        // What cannot be opened for writing SQLite opens for reading, without a word, and so it stays when the file system can
        // be written again: a connection that replaces another shows first that it writes. The number is nobody's.
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute("PRAGMA user_version = 0").await.map(drop) })
        })
        .connect_with(options.clone())
        .await?;
    let readers = pool()
        .max_connections(SQLITE_READERS)
        .test_before_acquire(false)
        .connect_lazy_with(options.pragma("query_only", "ON"));
    Ok(Pools::Sqlite { writer, readers })
}

/// Makes the file, if it is not there, so that its owner alone can read it; SQLite gives its companions the same mode.
async fn make_private(file: &Path) -> Result<(), StoreError> {
    if file == Path::new(":memory:") {
        return Ok(());
    }
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    options.mode(0o600);
    options
        .open(file)
        .await
        .map(drop)
        .map_err(|error| StoreError::Database(format!("{} cannot be opened: {error}", file.display())))
}

pub(crate) async fn open_postgres(url: &str) -> Result<Pools, StoreError> {
    let options: PgConnectOptions = url.parse()?;
    let options = options.application_name("verbond").statement_cache_capacity(STATEMENTS).options([
        // A server may have another default, under which `ON CONFLICT DO NOTHING` fails instead of doing nothing.
        ("default_transaction_isolation", "read committed"),
        // PostgreSQL takes a commit that waits for a standby for done when a statement runs out of time: it must not.
        ("statement_timeout", "0"),
        ("lock_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "60s"),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(WAIT_FOR_CONNECTION)
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    Ok(Pools::Postgres { pool })
}

//! A fresh database for each test.

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use tempfile::TempDir;
use verbond_store::{DatabaseUrl, Store, StoreError};
use verbond_trust::WrappingKey;

use crate::{TestResult, samples::ticking};

/// A database that only this test uses. It may be opened several times, as several processes would.
pub struct Database {
    pub url: DatabaseUrl,
    wrapping_key: String,
    directory: Option<TempDir>,
}

impl Database {
    pub async fn open(&self) -> Result<Store, StoreError> {
        let ambient = ticking();
        let key = |_| WrappingKey::read(&self.wrapping_key).map_err(|error| error.to_string());
        Store::open(&self.url, key, &ambient).await
    }

    /// Runs statements behind the store's back.
    pub async fn tamper(&self, sql: &str) -> Result<(), sqlx::Error> {
        match &self.url {
            DatabaseUrl::Sqlite(file) => {
                let mut connection = SqliteConnection::connect(&file.display().to_string()).await?;
                connection.execute(AssertSqlSafe(sql)).await?;
                connection.close().await
            }
            DatabaseUrl::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await?;
                connection.execute(AssertSqlSafe(sql)).await?;
                connection.close().await
            }
        }
    }

    /// Whether bytes stand in any file of the database; not told for PostgreSQL, whose files are the server's.
    pub fn holds(&self, bytes: &[u8]) -> std::io::Result<bool> {
        let Some(directory) = &self.directory else { return Ok(false) };
        for file in std::fs::read_dir(directory.path())? {
            if std::fs::read(file?.path())?.windows(bytes.len()).any(|window| window == bytes) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// One number behind the store's back.
    pub async fn number(&self, sql: &str) -> Result<i64, sqlx::Error> {
        let sql = AssertSqlSafe(sql);
        match &self.url {
            DatabaseUrl::Sqlite(file) => {
                let mut connection = SqliteConnection::connect(&file.display().to_string()).await?;
                sqlx::query_scalar(sql).fetch_one(&mut connection).await
            }
            DatabaseUrl::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await?;
                sqlx::query_scalar(sql).fetch_one(&mut connection).await
            }
        }
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.url, DatabaseUrl::Postgres(_))
    }
}

pub async fn on_sqlite(test: impl AsyncFnOnce(&Database) -> TestResult) -> TestResult {
    let directory = TempDir::new()?;
    let url = DatabaseUrl::Sqlite(directory.path().join("verbond.sqlite"));
    test(&Database { url, wrapping_key: WrappingKey::first(&ticking()), directory: Some(directory) }).await
}

#[expect(clippy::print_stderr, reason = "tells that a part was left out")]
pub async fn on_postgres(test: impl AsyncFnOnce(&Database) -> TestResult) -> TestResult {
    let Ok(server) = std::env::var("VERBOND_TEST_POSTGRES") else {
        eprintln!("left out: PostgreSQL, since VERBOND_TEST_POSTGRES is not set");
        return Ok(());
    };
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("verbond_test_{}_{number}", std::process::id());
    let (address, _) = server.rsplit_once('/').ok_or("VERBOND_TEST_POSTGRES names no database")?;
    let url = DatabaseUrl::Postgres(format!("{address}/{name}"));
    let mut connection = PgConnection::connect(&server).await?;
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
    let result = test(&Database { url, wrapping_key: WrappingKey::first(&ticking()), directory: None }).await;
    connection.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await?;
    result
}

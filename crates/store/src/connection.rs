//! Either database behind one set of functions.

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool};

use crate::{
    StoreError,
    dialect::{BEGIN_READ_POSTGRES, BEGIN_READ_SQLITE, BEGIN_WRITE_POSTGRES, BEGIN_WRITE_SQLITE, Dialect},
    sql::{Row, Sql, Value},
};

/// The connections of a store.
pub(crate) enum Pools {
    /// SQLite lets one connection write at a time; here they queue for it in order instead of polling for the lock.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres {
        pool: PgPool,
    },
}

/// An open transaction, to write or to read several things in one picture. Rolled back when dropped.
pub(crate) enum Connection {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// A query with its values bound, whichever database it is for.
macro_rules! query {
    ($constructor:path, $sql:expr) => {{
        let (text, values) = $sql.into_parts();
        let mut query = $constructor(text);
        for value in values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Bytes(bytes) => query.bind(bytes),
                Value::Integer(integer) => query.bind(integer),
            };
        }
        query
    }};
}

impl Pools {
    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite { .. } => Dialect::Sqlite,
            Self::Postgres { .. } => Dialect::Postgres,
        }
    }

    pub(crate) async fn begin_write(&self) -> Result<Connection, StoreError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Connection::Sqlite(writer.begin_with(BEGIN_WRITE_SQLITE).await?),
            Self::Postgres { pool } => begin_postgres(pool, BEGIN_WRITE_POSTGRES).await?,
        })
    }

    pub(crate) async fn begin_read(&self) -> Result<Connection, StoreError> {
        Ok(match self {
            Self::Sqlite { readers, .. } => Connection::Sqlite(readers.begin_with(BEGIN_READ_SQLITE).await?),
            Self::Postgres { pool } => begin_postgres(pool, BEGIN_READ_POSTGRES).await?,
        })
    }

    /// All rows that a reading statement finds.
    pub(crate) async fn rows<R: Row>(&self, sql: Sql) -> Result<Vec<R>, StoreError> {
        Ok(match self {
            Self::Sqlite { readers, .. } => query!(sqlx::query_as, sql).fetch_all(readers).await?,
            Self::Postgres { pool } => query!(sqlx::query_as, sql).fetch_all(pool).await?,
        })
    }

    /// The first row that a reading statement finds.
    pub(crate) async fn row<R: Row>(&self, sql: Sql) -> Result<Option<R>, StoreError> {
        Ok(self.rows(sql).await?.into_iter().next())
    }

    /// Runs one writing statement as a transaction of its own; tells how many rows it changed. One trip to the database
    /// instead of three.
    pub(crate) async fn execute(&self, sql: Sql) -> Result<u64, StoreError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => {
                query!(sqlx::query, sql.without_names()).execute(writer).await?.rows_affected()
            }
            Self::Postgres { pool } => query!(sqlx::query, sql).execute(pool).await?.rows_affected(),
        })
    }

    /// Carries SQLite's log over into the database and empties it: it holds pages as they were before something was destroyed. What
    /// readers still look at stays until the next time. PostgreSQL is left to its own vacuum and log.
    pub(crate) async fn leave_no_traces(&self) -> Result<(), StoreError> {
        if let Self::Sqlite { writer, .. } = self {
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(writer).await?;
        }
        Ok(())
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres { pool } => pool.close().await,
        }
    }
}

/// Begins to its end, also when nobody waits for it any more: the driver counts a transaction once the server has answered, so that a
/// connection given back before that would be in one of which nobody knows, and fail whoever has it next, again and again.
async fn begin_postgres(pool: &PgPool, statement: &'static str) -> Result<Connection, StoreError> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin_with(statement).await }).await;
    let begun =
        begun.map_err(|error| StoreError::Database(format!("a transaction could not be begun: {error}")))?;
    Ok(Connection::Postgres(begun?))
}

impl Connection {
    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// All rows that a statement finds or returns.
    pub(crate) async fn rows<R: Row>(&mut self, sql: Sql) -> Result<Vec<R>, StoreError> {
        Ok(match self {
            Self::Sqlite(inner) => {
                query!(sqlx::query_as, sql.without_names()).fetch_all(&mut **inner).await?
            }
            Self::Postgres(inner) => query!(sqlx::query_as, sql).fetch_all(&mut **inner).await?,
        })
    }

    /// The first row that a statement finds or returns.
    pub(crate) async fn row<R: Row>(&mut self, sql: Sql) -> Result<Option<R>, StoreError> {
        Ok(self.rows(sql).await?.into_iter().next())
    }

    /// Runs a statement; tells how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: Sql) -> Result<u64, StoreError> {
        Ok(match self {
            Self::Sqlite(inner) => {
                query!(sqlx::query, sql.without_names()).execute(&mut **inner).await?.rows_affected()
            }
            Self::Postgres(inner) => query!(sqlx::query, sql).execute(&mut **inner).await?.rows_affected(),
        })
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await?,
            Self::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(())
    }
}

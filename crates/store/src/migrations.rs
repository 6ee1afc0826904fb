//! The migrations, one numbering and one text for both databases.
//!
//! The macro of sqlx that embeds them compiles both drivers a second time for the build machine; this list does not.

use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

use crate::{StoreError, connection::Pools, dialect::Dialect};

const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "initial", include_str!("../migrations/0001_initial.sql"))];

fn migrator(dialect: Dialect) -> Migrator {
    let migrations = MIGRATIONS.map(|(version, description, text)| {
        let text = AssertSqlSafe(dialect.migration(text)).into_sql_str();
        Migration::new(version, description.into(), MigrationType::Simple, text, false)
    });
    Migrator::with_migrations(migrations.to_vec())
}

/// Applies what has not been applied yet; on PostgreSQL under an advisory lock, so that processes that start together
/// wait for each other.
pub(crate) async fn migrate(pools: &Pools) -> Result<(), StoreError> {
    let migrator = migrator(pools.dialect());
    match pools {
        Pools::Sqlite { writer, .. } => migrator.run(writer).await,
        Pools::Postgres { pool } => migrator.run(pool).await,
    }
    .map_err(|error| StoreError::Database(format!("the migrations could not be applied: {error}")))
}

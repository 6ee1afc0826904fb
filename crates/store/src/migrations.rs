//! The migrations, one numbering and one text for both databases.
//!
//! The macro of sqlx that embeds them compiles both drivers a second time for the build machine; this list does not.

use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

use crate::{StoreError, connection::Pools, dialect::Dialect, sql::Sql};

const MIGRATIONS: [(i64, &str, &str); 19] = [
    (1, "initial", include_str!("../migrations/0001_initial.sql")),
    (2, "owner and retention", include_str!("../migrations/0002_owner_and_retention.sql")),
    (3, "persons", include_str!("../migrations/0003_persons.sql")),
    (4, "registers and agreements", include_str!("../migrations/0004_registers_and_agreements.sql")),
    (5, "readings and confirmations", include_str!("../migrations/0005_readings_and_confirmations.sql")),
    (6, "limits", include_str!("../migrations/0006_limits.sql")),
    (7, "withdrawals and tasks", include_str!("../migrations/0007_withdrawals_and_tasks.sql")),
    (8, "foreign participants", include_str!("../migrations/0008_foreign_participants.sql")),
    (9, "raised tasks", include_str!("../migrations/0009_raised_tasks.sql")),
    (10, "class questions", include_str!("../migrations/0010_class_questions.sql")),
    (11, "completions", include_str!("../migrations/0011_completions.sql")),
    (12, "processing records", include_str!("../migrations/0012_processing_records.sql")),
    (13, "journal tree", include_str!("../migrations/0013_journal_tree.sql")),
    (14, "retention and month keys", include_str!("../migrations/0014_retention_and_month_keys.sql")),
    (15, "processing export", include_str!("../migrations/0015_processing_export.sql")),
    (17, "counterparts", include_str!("../migrations/0017_counterparts.sql")),
    (18, "records by applications", include_str!("../migrations/0018_records_by_applications.sql")),
    (19, "exchanges by agreement", include_str!("../migrations/0019_exchanges_by_agreement.sql")),
    (20, "what is rare", include_str!("../migrations/0020_what_is_rare.sql")),
];

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

/// How many migrations have not been applied; changes nothing. Refuses a database that [`migrate`] would refuse: one
/// that another version of the program has migrated differently or further, or that was left half migrated.
pub(crate) async fn pending(pools: &Pools) -> Result<usize, StoreError> {
    let migrator = migrator(pools.dialect());
    let table = match pools.dialect() {
        Dialect::Sqlite => {
            "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'"
        }
        Dialect::Postgres => "SELECT COUNT(to_regclass('_sqlx_migrations'))",
    };
    let is_there = pools.row::<(i64,)>(Sql::new(table)).await?.is_some_and(|(count,)| count > 0);
    let applied: Vec<(i64, bool, Vec<u8>)> = match is_there {
        true => pools.rows(Sql::new("SELECT version, success, checksum FROM _sqlx_migrations")).await?,
        false => Vec::new(),
    };
    for (version, success, checksum) in &applied {
        let known = migrator.iter().find(|migration| migration.version == *version);
        if !success || known.is_none_or(|migration| *migration.checksum != **checksum) {
            return Err(StoreError::Database(format!(
                "migration {version} of the database is unfinished, or not one of this version of the program"
            )));
        }
    }
    Ok(migrator.iter().count().saturating_sub(applied.len()))
}

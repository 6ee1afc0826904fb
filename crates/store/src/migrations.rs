//! The migrations, one numbering and one text for both databases.
//!
//! The macro of sqlx that embeds them compiles both drivers a second time for the build machine; this list does not.

use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

use crate::{StoreError, connection::Pools, dialect::Dialect, sql::Sql};

const MIGRATIONS: [(i64, &str, &str); 23] = [
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
    (16, "restored backup", include_str!("../migrations/0016_restored_backup.sql")),
    (17, "counterparts", include_str!("../migrations/0017_counterparts.sql")),
    (18, "records by applications", include_str!("../migrations/0018_records_by_applications.sql")),
    (19, "exchanges by agreement", include_str!("../migrations/0019_exchanges_by_agreement.sql")),
    (20, "what is rare", include_str!("../migrations/0020_what_is_rare.sql")),
    (23, "what changed", include_str!("../migrations/0023_what_changed.sql")),
    (24, "compressed entries", include_str!("../migrations/0024_compressed_entries.sql")),
    (25, "headings of exchanges", include_str!("../migrations/0025_headings_of_exchanges.sql")),
];

/// The schema that this version of the program has: the number of its last migration.
pub(crate) const NEWEST: i64 = match MIGRATIONS.last() {
    Some((version, ..)) => *version,
    None => 0,
};

fn migrator(dialect: Dialect, wanted: impl Fn(i64) -> bool) -> Migrator {
    let wanted = MIGRATIONS.into_iter().filter(|(version, ..)| wanted(*version));
    let migrations = wanted.map(|(version, description, text)| {
        let text = AssertSqlSafe(dialect.migration(text)).into_sql_str();
        Migration::new(version, description.into(), MigrationType::Simple, text, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// Applies what has not been applied yet; on PostgreSQL under an advisory lock, so that processes that start together
/// wait for each other.
pub(crate) async fn migrate(pools: &Pools) -> Result<(), StoreError> {
    run(pools, migrator(pools.dialect(), |_| true)).await
}

/// As [`migrate`], by these migrations only: for a copy of a database that has no others.
pub(crate) async fn migrate_by(pools: &Pools, versions: &[i64]) -> Result<(), StoreError> {
    run(pools, migrator(pools.dialect(), |version| versions.contains(&version))).await
}

async fn run(pools: &Pools, migrator: Migrator) -> Result<(), StoreError> {
    newer(&applied(pools).await?)?;
    match pools {
        Pools::Sqlite { writer, .. } => migrator.run(writer).await,
        Pools::Postgres { pool } => migrator.run(pool).await,
    }
    .map_err(|error| StoreError::Database(format!("the migrations could not be applied: {error}")))
}

/// The numbers of the migrations that a database has, in order.
pub(crate) async fn applied(pools: &Pools) -> Result<Vec<i64>, StoreError> {
    if !has_table(pools, "_sqlx_migrations").await? {
        return Ok(Vec::new());
    }
    let versions = Sql::new("SELECT version FROM _sqlx_migrations ORDER BY version");
    Ok(pools.rows::<(i64,)>(versions).await?.into_iter().map(|(version,)| version).collect())
}

/// Refuses a database that a later version of the program has migrated.
fn newer(applied: &[i64]) -> Result<(), StoreError> {
    match applied.last() {
        Some(found) if *found > NEWEST => Err(StoreError::Newer { found: *found, known: NEWEST }),
        _ => Ok(()),
    }
}

/// Whether a database has a table.
pub(crate) async fn has_table(pools: &Pools, table: &str) -> Result<bool, StoreError> {
    let sql = Sql::new(match pools.dialect() {
        Dialect::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1",
        Dialect::Postgres => "SELECT COUNT(to_regclass($1))",
    });
    Ok(pools.row::<(i64,)>(sql.bind(table)).await?.is_some_and(|(count,)| count > 0))
}

/// Numbers and names of the migrations that have not been applied; changes nothing. Refuses a database that [`migrate`] would
/// refuse: one that another version of the program has migrated differently or further, or that was left half migrated.
pub(crate) async fn pending(pools: &Pools) -> Result<Vec<(i64, &'static str)>, StoreError> {
    let migrator = migrator(pools.dialect(), |_| true);
    let versions = applied(pools).await?;
    newer(&versions)?;
    let rows: Vec<(i64, bool, Vec<u8>)> = match versions.is_empty() {
        true => Vec::new(),
        false => pools.rows(Sql::new("SELECT version, success, checksum FROM _sqlx_migrations")).await?,
    };
    for (version, success, checksum) in &rows {
        let known = migrator.iter().find(|migration| migration.version == *version);
        if !success || known.is_none_or(|migration| *migration.checksum != **checksum) {
            return Err(StoreError::Database(format!(
                "migration {version} of the database is unfinished, or not one of this version of the program"
            )));
        }
    }
    let missing = MIGRATIONS.into_iter().filter(|(version, ..)| !versions.contains(version));
    Ok(missing.map(|(version, name, _)| (version, name)).collect())
}

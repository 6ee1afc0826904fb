use std::process::Command;

use verbond_journal::JournalStorage;
use verbond_store::{DatabaseUrl, Store, StoreError};
use verbond_trust::WrappingKey;

use crate::{
    TestResult,
    database::Database,
    samples::{permits, ticking},
};

on_both!(what_is_durable_is_accepted, what_was_appended_is_there_after_a_restart);

async fn what_is_durable_is_accepted(database: &Database) -> TestResult {
    let store = database.open().await?;
    store.check_durability().await?;
    assert_eq!(store.kind(), if database.is_postgres() { "postgres" } else { "sqlite" });
    store.close().await;
    Ok(())
}

async fn what_was_appended_is_there_after_a_restart(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    let entries = permits(&ambient, 3)?;
    store.append(&entries).await?;
    store.close().await;
    let store = database.open().await?;
    let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
    assert_eq!(store.present(&ids).await?.len(), 3);
    store.close().await;
    Ok(())
}

async fn open(url: &DatabaseUrl) -> Result<Store, StoreError> {
    let ambient = ticking();
    let key = |_| WrappingKey::read(&WrappingKey::first(&ambient)).map_err(|error| error.to_string());
    Store::open(url, key, &ambient).await
}

#[tokio::test]
async fn a_database_in_memory_is_refused() {
    let result = open(&DatabaseUrl::Sqlite(":memory:".into())).await;
    assert!(
        matches!(result.err(), Some(StoreError::NotDurable(problem)) if problem.setting == "journal_mode")
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_sqlite_file_is_for_its_owner_alone() -> TestResult {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::TempDir::new()?;
    let store = open(&DatabaseUrl::Sqlite(directory.path().join("verbond.sqlite"))).await?;
    for file in std::fs::read_dir(directory.path())? {
        let file = file?;
        assert_eq!(file.metadata()?.permissions().mode() & 0o077, 0, "{:?}", file.file_name());
    }
    store.close().await;
    Ok(())
}

/// Asks a session setting through the URL, as an operator could set it for the role or the database.
#[tokio::test]
async fn postgresql_that_confirms_before_it_syncs_is_refused() -> TestResult {
    crate::database::on_postgres(async |database: &Database| {
        let DatabaseUrl::Postgres(url) = &database.url else { return Err("not PostgreSQL".into()) };
        let loose = DatabaseUrl::Postgres(format!("{url}?options=-c%20synchronous_commit%3Doff"));
        let result = open(&loose).await;
        assert!(matches!(
            result.err(),
            Some(StoreError::NotDurable(problem)) if problem.setting == "synchronous_commit" && problem.value == "off"
        ));
        let store = database.open().await?;
        let name = url.rsplit('/').next().ok_or("no name")?;
        database.tamper(&format!("ALTER DATABASE {name} SET synchronous_commit = off")).await?;
        assert!(matches!(database.open().await.err(), Some(StoreError::NotDurable(_))));
        store.close().await;
        Ok(())
    })
    .await
}

/// fsync belongs to the whole server, so this test starts one of its own.
#[tokio::test]
async fn postgresql_without_fsync_is_refused() -> TestResult {
    if std::env::var("VERBOND_TEST_POSTGRES").is_err() {
        return Ok(());
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/postgres-for-tests");
    for setting in ["fsync", "full_page_writes"] {
        let output = Command::new(script).args(["start", &format!("{setting}=off")]).output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let url = value("VERBOND_TEST_POSTGRES").ok_or("no URL")?.to_owned();
        let result = open(&DatabaseUrl::Postgres(url)).await;
        let directory = value("VERBOND_TEST_POSTGRES_DIR").ok_or("no directory")?;
        assert!(Command::new(script).args(["stop", directory]).status()?.success());
        assert!(matches!(
            result.err(),
            Some(StoreError::NotDurable(problem)) if problem.setting == setting && problem.value == "off"
        ));
    }
    Ok(())
}

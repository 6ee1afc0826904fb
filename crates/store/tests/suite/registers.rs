use verbond_store::Store;

use crate::{TestResult, database::Database, samples::START};

on_both!(an_entry_keeps_all_its_versions, what_ends_stays_readable_and_may_begin_again);

async fn put(store: &Store, name: &str, content: &str) -> Result<i64, Box<dyn std::error::Error>> {
    let mut transaction = store.begin().await?;
    let hash = format!("sha256:{content}");
    let version = transaction.put_register_entry("ground", name, content, &hash, "{}", START).await?;
    transaction.commit().await?;
    Ok(version)
}

async fn an_entry_keeps_all_its_versions(database: &Database) -> TestResult {
    let store = database.open().await?;
    assert_eq!(put(&store, "a", "one").await?, 1);
    assert_eq!(put(&store, "b", "other").await?, 1);
    let before = store.generation().await?;
    assert_eq!(put(&store, "a", "two").await?, 2);
    assert!(store.generation().await? > before, "gateways are not told");
    let versions = store.register_versions("ground", "a").await?;
    let told: Vec<_> = versions.iter().map(|row| (row.version, row.content.as_str(), row.ended_at)).collect();
    assert_eq!(told, [(2, "two", None), (1, "one", Some(START))]);
    let newest = store.register_entries("ground").await?;
    let told: Vec<_> = newest.iter().map(|row| (row.name.as_str(), row.version)).collect();
    assert_eq!(told, [("a", 2), ("b", 1)]);
    assert!(store.register_entries("activity").await?.is_empty());
    let first = store.register_entry("ground", "a", 1).await?.ok_or("gone")?;
    assert_eq!(first.hash, "sha256:one");
    store.close().await;
    Ok(())
}

async fn what_ends_stays_readable_and_may_begin_again(database: &Database) -> TestResult {
    let store = database.open().await?;
    put(&store, "a", "one").await?;
    let mut transaction = store.begin().await?;
    assert!(transaction.end_register_entry("ground", "a", START.plus_seconds(5)).await?);
    assert!(!transaction.end_register_entry("ground", "a", START.plus_seconds(9)).await?);
    transaction.commit().await?;
    let row = store.register_entry("ground", "a", 1).await?.ok_or("gone")?;
    assert_eq!(row.ended_at, Some(START.plus_seconds(5)));
    assert_eq!(put(&store, "a", "two").await?, 2);
    store.close().await;
    Ok(())
}

use verbond_store::{Store, StoreError};

use crate::{TestResult, database::Database, samples::participant};

on_both!(
    a_database_belongs_to_one_participant,
    of_two_that_claim_at_once_one_is_refused,
    looking_at_a_database_changes_nothing,
    a_database_of_a_newer_program_is_told,
);

async fn a_database_belongs_to_one_participant(database: &Database) -> TestResult {
    let store = database.open().await?;
    store.claim(&participant(1)).await?;
    store.claim(&participant(1)).await?;
    store.close().await;
    let store = database.open().await?;
    let refused = store.claim(&participant(2)).await;
    assert!(matches!(
        &refused,
        Err(StoreError::OtherParticipant { owner, own }) if *owner == participant(1) && *own == participant(2)
    ));
    store.claim(&participant(1)).await?;
    store.close().await;
    Ok(())
}

async fn of_two_that_claim_at_once_one_is_refused(database: &Database) -> TestResult {
    let (one, other) = (database.open().await?, database.open().await?);
    let (own, another) = (participant(1), participant(2));
    let (first, second) = tokio::join!(one.claim(&own), other.claim(&another));
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    one.close().await;
    other.close().await;
    Ok(())
}

async fn looking_at_a_database_changes_nothing(database: &Database) -> TestResult {
    if database.is_postgres() {
        let store = Store::open_without_migrating(&database.url).await?;
        assert!(store.pending_migrations().await?.len() > 1);
        assert!(store.generation().await.is_err(), "there are tables");
        store.close().await;
    } else {
        assert!(Store::open_without_migrating(&database.url).await.is_err(), "the file is there");
    }
    let store = database.open().await?;
    assert!(store.pending_migrations().await?.is_empty());
    store.close().await;
    database.tamper("DROP TABLE owner; DROP TABLE retention").await?;
    database.tamper("DELETE FROM _sqlx_migrations WHERE version = 2").await?;
    let store = Store::open_without_migrating(&database.url).await?;
    for _ in 0..2 {
        assert_eq!(store.pending_migrations().await?.len(), 1);
    }
    store.close().await;
    let store = database.open().await?;
    assert!(store.pending_migrations().await?.is_empty());
    store.close().await;
    Ok(())
}

async fn a_database_of_a_newer_program_is_told(database: &Database) -> TestResult {
    database.open().await?.close().await;
    database.tamper("UPDATE _sqlx_migrations SET version = 9000 WHERE version = 2").await?;
    let store = Store::open_without_migrating(&database.url).await?;
    assert!(matches!(store.pending_migrations().await, Err(StoreError::Newer { found: 9000, .. })));
    store.close().await;
    Ok(())
}

use std::{
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use verbond_journal::{JournalStorage, Outcome};
use verbond_store::{SortOrder, services::ServiceRow};

use crate::{
    TestResult,
    database::Database,
    samples::{START, act, declaration, participant, permit_of, ticking},
};

on_both!(
    what_is_not_committed_leaves_no_trace,
    a_transaction_in_which_something_failed_is_not_committed,
    only_changes_raise_the_generation,
    a_commit_wakes_those_who_wait,
    a_change_while_nobody_waits_is_not_missed,
    a_beginning_that_is_given_up_leaves_no_transaction_behind,
);

fn service(name: &str) -> Result<ServiceRow, verbond_domain::NameError> {
    Ok(ServiceRow {
        name: name.parse()?,
        upstream: "http://127.0.0.1:8080/base".to_owned(),
        protocol: "http1".to_owned(),
        declaration: declaration(),
    })
}

async fn what_is_not_committed_leaves_no_trace(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    let mut transaction = store.begin().await?;
    transaction.put_service(&service("income")?).await?;
    transaction.put_peer(&participant(2), "Town", "https://town.test", START).await?;
    transaction.put_outbox(ambient.uuid_v7(), &participant(2), "announce", "", "{}", START).await?;
    transaction.append(&act("income"), &ambient).await?;
    drop(transaction);
    assert!(store.services().await?.is_empty());
    assert!(store.peer(&participant(2)).await?.is_none());
    assert!(store.outbox().await?.is_empty());
    assert!(store.journal_lines(None, None, 10, SortOrder::Ascending).await?.items.is_empty());
    assert_eq!(store.generation().await?, 0);
    // The next one begins at once: nothing of the first is left open.
    let mut transaction = store.begin().await?;
    transaction.put_service(&service("income")?).await?;
    transaction.append(&act("income"), &ambient).await?;
    transaction.commit().await?;
    assert_eq!(store.services().await?, [service("income")?]);
    assert_eq!(store.journal_lines(None, None, 10, SortOrder::Ascending).await?.items.len(), 1);
    assert_eq!(store.generation().await?, 1);
    store.close().await;
    Ok(())
}

async fn a_transaction_in_which_something_failed_is_not_committed(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    let exchange = verbond_domain::TransactionId::from_uuid(ambient.uuid_v7());
    let mut transaction = store.begin().await?;
    transaction.append(&permit_of(exchange, 2), &ambient).await?;
    assert!(transaction.append(&permit_of(exchange, 2), &ambient).await.is_err());
    assert!(transaction.commit().await.is_err());
    assert!(store.journal_lines(None, None, 10, SortOrder::Ascending).await?.items.is_empty());

    let mut transaction = store.begin().await?;
    transaction.put_service(&service("income")?).await?;
    let no_such = verbond_store::contracts::SignatureRow {
        peer: participant(2),
        kind: "accept".to_owned(),
        jws: "a.b.c".to_owned(),
        signed_at: START,
        stored_at: START,
    };
    assert!(transaction.put_signature("$1$1$none", &no_such).await.is_err());
    assert!(transaction.commit().await.is_err());
    assert!(store.services().await?.is_empty());
    store.close().await;
    Ok(())
}

async fn only_changes_raise_the_generation(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    let mut transaction = store.begin().await?;
    transaction.append(&act("nothing"), &ambient).await?;
    transaction.put_outbox(ambient.uuid_v7(), &participant(2), "announce", "", "{}", START).await?;
    transaction.commit().await?;
    assert_eq!(store.generation().await?, 0);
    for (name, address, at, generation) in [
        ("Town", "https://town.test", START, 1),
        ("Town", "https://town.test", START.plus_seconds(60), 1),
        ("Town", "", START.plus_seconds(61), 1),
        ("City", "https://town.test", START.plus_seconds(62), 2),
    ] {
        let mut transaction = store.begin().await?;
        transaction.put_peer(&participant(2), name, address, at).await?;
        transaction.commit().await?;
        assert_eq!(store.generation().await?, generation);
        let peer = store.peer(&participant(2)).await?.ok_or("no peer")?;
        assert_eq!((peer.name.as_str(), peer.seen_at), (name, at));
        assert_eq!(peer.manager_address, "https://town.test");
    }
    // Once per transaction, however much it changes.
    let mut transaction = store.begin().await?;
    transaction.put_service(&service("a")?).await?;
    transaction.put_service(&service("b")?).await?;
    transaction.commit().await?;
    assert_eq!(store.generation().await?, 3);
    store.close().await;
    Ok(())
}

async fn a_commit_wakes_those_who_wait(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    // On PostgreSQL the change comes from another process.
    let other = if database.is_postgres() { database.open().await? } else { store.clone() };
    // What came up at the start does not count.
    store.wait_for_change(Duration::from_millis(300)).await;
    store.wait_for_outbox(Duration::from_millis(300)).await;
    let long = Duration::from_secs(20);
    let started = Instant::now();
    let wait = async { tokio::join!(store.wait_for_change(long), store.wait_for_outbox(long)) };
    let commit = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut transaction = other.begin().await?;
        transaction.put_service(&service("income")?).await?;
        transaction.put_outbox(ambient.uuid_v7(), &participant(2), "announce", "", "{}", START).await?;
        transaction.commit().await?;
        TestResult::Ok(())
    };
    let (_, committed) = tokio::join!(wait, commit);
    committed?;
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(50) && waited < Duration::from_secs(5), "{waited:?}");
    other.close().await;
    store.close().await;
    Ok(())
}

async fn a_change_while_nobody_waits_is_not_missed(database: &Database) -> TestResult {
    let store = database.open().await?;
    store.wait_for_change(Duration::from_millis(300)).await;
    let mut transaction = store.begin().await?;
    transaction.put_service(&service("income")?).await?;
    transaction.commit().await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let started = Instant::now();
    store.wait_for_change(Duration::from_secs(20)).await;
    assert!(started.elapsed() < Duration::from_secs(5));
    // And not told twice.
    let started = Instant::now();
    store.wait_for_change(Duration::from_millis(300)).await;
    assert!(started.elapsed() >= Duration::from_millis(300));
    store.close().await;
    Ok(())
}

/// A trigger stands for a full disk or a failed write, after which SQLite rolls back by itself.
#[tokio::test]
async fn a_rollback_by_sqlite_itself_leaves_no_part_behind_and_does_not_last() -> TestResult {
    crate::database::on_sqlite(async |database: &Database| {
        let (store, ambient) = (database.open().await?, ticking());
        database
            .tamper(
                "CREATE TRIGGER full BEFORE INSERT ON service WHEN new.name = 'large' \
                 BEGIN SELECT RAISE(ROLLBACK, 'full'); END",
            )
            .await?;
        let mut transaction = store.begin().await?;
        transaction.put_service(&service("before")?).await?;
        assert!(transaction.put_service(&service("large")?).await.is_err());
        assert!(transaction.put_service(&service("after")?).await.is_err());
        assert!(transaction.append(&act("after"), &ambient).await.is_err());
        assert!(transaction.lock_contract("$1$1$none").await.is_err());
        assert!(transaction.commit().await.is_err());
        assert!(store.services().await?.is_empty());
        assert!(store.journal_lines(None, None, 10, SortOrder::Ascending).await?.items.is_empty());

        let mut transaction = store.begin().await?;
        transaction.put_service(&service("income")?).await?;
        transaction.commit().await?;
        assert_eq!(store.services().await?.len(), 1);
        store.close().await;
        Ok(())
    })
    .await
}

/// Waits for something so many times, and then no more.
async fn for_some_time<T>(times: usize, what: impl Future<Output = T>) {
    let (mut what, mut left) = (pin!(what), times);
    poll_fn(|context| {
        if left == 0 || what.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        Poll::Pending
    })
    .await;
}

/// Whoever waited for a transaction is gone, at whichever moment: what is told to be written after that is written, not within
/// a transaction that nobody knows of.
async fn a_beginning_that_is_given_up_leaves_no_transaction_behind(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    let mut written = Vec::new();
    for times in (0..8).cycle().take(80) {
        for_some_time(times, store.changes_since(None)).await;
        for_some_time(times, store.begin()).await;
        for _ in 0..2 {
            let transaction = verbond_domain::TransactionId::from_uuid(ambient.uuid_v7());
            let entry = permit_of(transaction, 2).prepare(&ambient)?;
            assert_eq!(store.append(std::slice::from_ref(&entry)).await?, [Outcome::Written]);
            written.push(entry.id);
        }
    }
    let other = database.open().await?;
    assert_eq!(other.present(&written).await?.len(), written.len());
    Ok(())
}

use verbond_domain::Timestamp;
use verbond_store::{Store, outbox::OutboxRow};

use crate::{
    TestResult,
    database::Database,
    samples::{START, participant, still},
};

on_both!(
    messages_reach_a_peer_in_order_one_at_a_time,
    a_failing_message_holds_back_its_own_peer_only,
    a_lease_survives_a_restart_and_ends_by_itself,
    two_processes_never_lease_the_same_message,
    a_peer_that_is_heard_of_again_gets_its_messages_at_once,
);

async fn put(store: &Store, peer: u32, subject: &str) -> TestResult {
    let mut transaction = store.begin().await?;
    transaction
        .put_outbox(still().uuid_v7(), &participant(peer), "contract.accept", subject, "{}", START)
        .await?;
    transaction.commit().await?;
    Ok(())
}

fn subjects(rows: &[OutboxRow]) -> Vec<&str> {
    let mut subjects: Vec<_> = rows.iter().map(|row| row.subject.as_str()).collect();
    subjects.sort_unstable();
    subjects
}

fn after(seconds: i64) -> Timestamp {
    START.plus_seconds(seconds)
}

async fn messages_reach_a_peer_in_order_one_at_a_time(database: &Database) -> TestResult {
    let store = database.open().await?;
    // All in the same millisecond, so that their ids do not tell the order.
    for number in 0..10 {
        put(&store, 2, &format!("a{number}")).await?;
    }
    for number in 0..10 {
        assert_eq!(store.outbox_next().await?, Some(START));
        let leased = store.lease_outbox(START, after(60), 100).await?;
        assert_eq!(subjects(&leased), [format!("a{number}")]);
        assert!(store.lease_outbox(START, after(60), 100).await?.is_empty());
        let message = leased.first().ok_or("nothing leased")?;
        store.outbox_delivered(message.id).await?;
    }
    assert_eq!(store.outbox_next().await?, None);
    store.close().await;
    Ok(())
}

async fn a_failing_message_holds_back_its_own_peer_only(database: &Database) -> TestResult {
    let store = database.open().await?;
    for (peer, subject) in [(2, "a1"), (2, "a2"), (3, "b1"), (3, "b2")] {
        put(&store, peer, subject).await?;
    }
    let leased = store.lease_outbox(START, after(60), 100).await?;
    assert_eq!(subjects(&leased), ["a1", "b1"]);
    for message in &leased {
        if message.subject == "a1" {
            store.outbox_failed(message.id, after(30), "connection refused").await?;
        } else {
            store.outbox_delivered(message.id).await?;
        }
    }
    assert_eq!(subjects(&store.lease_outbox(START, after(60), 100).await?), ["b2"]);
    assert!(store.lease_outbox(after(29), after(60), 100).await?.is_empty());
    assert_eq!(store.outbox_next().await?, Some(after(30)));
    let again = store.lease_outbox(after(30), after(90), 100).await?;
    assert_eq!(subjects(&again), ["a1"]);
    let message = again.first().ok_or("nothing leased")?;
    assert_eq!((message.attempts, message.last_error.as_str()), (1, "connection refused"));
    store.close().await;
    Ok(())
}

async fn a_lease_survives_a_restart_and_ends_by_itself(database: &Database) -> TestResult {
    let store = database.open().await?;
    put(&store, 2, "a1").await?;
    put(&store, 2, "a2").await?;
    assert_eq!(store.lease_outbox(START, after(60), 1).await?.len(), 1);
    store.close().await;
    let store = database.open().await?;
    assert_eq!(store.outbox().await?.len(), 2);
    assert!(store.lease_outbox(after(59), after(120), 10).await?.is_empty());
    assert_eq!(store.outbox_next().await?, Some(after(60)));
    assert_eq!(subjects(&store.lease_outbox(after(60), after(120), 10).await?), ["a1"]);
    store.close().await;
    Ok(())
}

async fn two_processes_never_lease_the_same_message(database: &Database) -> TestResult {
    let (one, other) = (database.open().await?, database.open().await?);
    for peer in 2..42 {
        put(&one, peer, &format!("to {peer}")).await?;
    }
    let drain = async |store: &Store| -> Result<Vec<String>, verbond_store::StoreError> {
        let mut taken = Vec::new();
        for _ in 0..30 {
            taken.extend(store.lease_outbox(START, after(60), 3).await?.into_iter().map(|row| row.subject));
        }
        Ok(taken)
    };
    let (first, second) = tokio::join!(drain(&one), drain(&other));
    let mut taken = [first?, second?].concat();
    taken.sort_unstable();
    let count = taken.len();
    taken.dedup();
    assert_eq!((taken.len(), count), (40, 40));
    one.close().await;
    other.close().await;
    Ok(())
}

async fn a_peer_that_is_heard_of_again_gets_its_messages_at_once(database: &Database) -> TestResult {
    let store = database.open().await?;
    put(&store, 2, "a1").await?;
    put(&store, 3, "b1").await?;
    for message in store.lease_outbox(START, after(60), 10).await? {
        store.outbox_failed(message.id, after(3600), "timeout").await?;
    }
    store.outbox_wake(&participant(2), after(10)).await?;
    assert_eq!(subjects(&store.lease_outbox(after(10), after(60), 10).await?), ["a1"]);
    store.close().await;
    Ok(())
}

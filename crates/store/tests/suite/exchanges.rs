use verbond_domain::{Direction, Timestamp, TransactionId};
use verbond_journal::{Bytes32, Completion, Counting, Delivery, Entry, JournalStorage, PreparedEntry};
use verbond_store::{
    Store,
    exchanges::{Answered, ExchangeRow},
};

use crate::{
    TestResult,
    database::Database,
    samples::{START, participant, parties, permit, permit_of, refusal, ticking},
};

on_both!(
    a_counterpart_sees_its_own_exchanges_with_what_became_of_them,
    a_rebuilt_view_is_the_same_and_retention_leaves_nothing,
);

fn completion_of(permit: &PreparedEntry, transaction: TransactionId, consumer: u32) -> Entry {
    let salt = Bytes32([7; 32]);
    let nothing = Counting::new(&salt).crossed();
    Entry::Completion(Completion {
        transaction_id: transaction,
        direction: Direction::Incoming,
        counterpart: participant(consumer),
        permit: permit.id,
        delivery: Delivery::Whole,
        status: Some(200),
        code: None,
        request: nothing,
        response: nothing,
        elements: Vec::new(),
        people: None,
        salt,
    })
}

async fn all_of(store: &Store, consumer: u32) -> Result<Vec<ExchangeRow>, Box<dyn std::error::Error>> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    let until = Timestamp::from_millis(START.millis() + 1_000_000);
    loop {
        let page = store.exchanges_with(&participant(consumer), START, until, cursor.as_deref(), 3).await?;
        assert!(page.items.len() <= 3);
        rows.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(rows);
        }
    }
}

/// Ten exchanges of participant 2, each second one completed, the first of them twice; one of participant 3.
async fn exchanges(store: &Store) -> TestResult {
    let ambient = ticking();
    let mut batch = vec![permit(&ambient, 3).prepare(&ambient)?];
    // What an application was refused here before it reached participant 2.
    let Entry::Refusal(mut early) = refusal(1) else { return Err("a refusal".into()) };
    early.transaction_id = Some(TransactionId::from_uuid(ambient.uuid_v7()));
    (early.direction, early.parties) = (Direction::Outgoing, parties(1, 2));
    batch.push(Entry::Refusal(early).prepare(&ambient)?);
    for number in 0..10 {
        let transaction = TransactionId::from_uuid(ambient.uuid_v7());
        let permit = permit_of(transaction, 2).prepare(&ambient)?;
        let completions = if number % 2 == 1 {
            0
        } else if number == 0 {
            2
        } else {
            1
        };
        for _ in 0..completions {
            batch.push(completion_of(&permit, transaction, 2).prepare(&ambient)?);
        }
        batch.push(permit);
    }
    store.append(&batch).await?;
    store.integrate(1000).await?;
    Ok(())
}

fn completed(rows: &[ExchangeRow]) -> Vec<bool> {
    rows.iter().map(|row| matches!(row.answered, Answered::Permitted(_, Some(_)))).collect()
}

async fn a_counterpart_sees_its_own_exchanges_with_what_became_of_them(database: &Database) -> TestResult {
    let store = database.open().await?;
    exchanges(&store).await?;
    let rows = all_of(&store, 2).await?;
    assert_eq!(completed(&rows), [true, false].repeat(5));
    assert_eq!(completed(&all_of(&store, 3).await?), [false]);
    assert!(all_of(&store, 4).await?.is_empty());
    store.close().await;
    Ok(())
}

async fn a_rebuilt_view_is_the_same_and_retention_leaves_nothing(database: &Database) -> TestResult {
    let store = database.open().await?;
    exchanges(&store).await?;
    store.rebuild_views().await?;
    assert_eq!(completed(&all_of(&store, 2).await?), [true, false].repeat(5));
    let over = Timestamp::from_millis(START.millis() + 2 * 86_400_000);
    let ambient = crate::samples::ticking_from(over);
    store.keep_exchanges_for(1, &ambient).await?;
    while store.destroy_what_is_over(30, 1000, &ambient).await? > 0 {}
    assert!(all_of(&store, 2).await?.is_empty());
    store.rebuild_views().await?;
    assert!(all_of(&store, 2).await?.is_empty());
    store.close().await;
    Ok(())
}

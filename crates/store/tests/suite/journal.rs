use verbond_domain::TransactionId;
use verbond_journal::{JournalStorage, Outcome};
use verbond_store::SortOrder;

use crate::{
    TestResult,
    database::Database,
    samples::{act, permit_of, permits, ticking},
};

on_both!(
    entries_of_any_number_are_written_and_found,
    a_second_permit_of_one_exchange_is_a_duplicate,
    a_repeated_append_counts_as_written,
    one_exchange_is_permitted_once_across_processes,
    the_journal_is_listed_both_ways,
);

async fn entries_of_any_number_are_written_and_found(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    for count in [0, 1, 5, 300] {
        let entries = permits(&ambient, count)?;
        assert_eq!(store.append(&entries).await?, vec![Outcome::Written; count]);
        let mut ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
        let mut present = store.present(&ids).await?;
        present.sort_unstable();
        ids.sort_unstable();
        assert_eq!(present, ids);
    }
    let unknown = permits(&ambient, 1)?.into_iter().map(|entry| entry.id).collect::<Vec<_>>();
    assert_eq!(store.present(&unknown).await?, vec![]);
    store.close().await;
    Ok(())
}

async fn a_second_permit_of_one_exchange_is_a_duplicate(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    let exchange = TransactionId::from_uuid(ambient.uuid_v7());
    let batch = [
        permit_of(exchange, 2).prepare(&ambient)?,
        permit_of(exchange, 2).prepare(&ambient)?,
        permit_of(exchange, 3).prepare(&ambient)?,
        act("a").prepare(&ambient)?,
        act("a").prepare(&ambient)?,
    ];
    use Outcome::{Duplicate, Written};
    assert_eq!(store.append(&batch).await?, [Written, Duplicate, Written, Written, Written]);
    let again = [permit_of(exchange, 2).prepare(&ambient)?];
    assert_eq!(store.append(&again).await?, [Duplicate]);
    store.close().await;
    Ok(())
}

async fn a_repeated_append_counts_as_written(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    let mut entries = permits(&ambient, 3)?;
    store.append(&entries).await?;
    entries.extend(permits(&ambient, 2)?);
    assert_eq!(store.append(&entries).await?, vec![Outcome::Written; 5]);
    assert_eq!(store.journal_lines(None, None, 100, SortOrder::Ascending).await?.items.len(), 5);
    store.close().await;
    Ok(())
}

async fn one_exchange_is_permitted_once_across_processes(database: &Database) -> TestResult {
    let (one, other, ambient) = (database.open().await?, database.open().await?, ticking());
    for _ in 0..20 {
        let exchange = TransactionId::from_uuid(ambient.uuid_v7());
        let first = [permit_of(exchange, 2).prepare(&ambient)?];
        let second = [permit_of(exchange, 2).prepare(&ambient)?];
        let (first, second) = tokio::join!(one.append(&first), other.append(&second));
        let outcomes = [first?, second?].concat();
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Written).count(), 1);
    }
    one.close().await;
    other.close().await;
    Ok(())
}

async fn the_journal_is_listed_both_ways(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    let mut batch = permits(&ambient, 7)?;
    batch.push(act("a").prepare(&ambient)?);
    store.append(&batch).await?;
    for order in [SortOrder::Ascending, SortOrder::Descending] {
        let mut ids = Vec::new();
        let mut cursor = None;
        loop {
            let page = store.journal_lines(None, cursor.as_deref(), 3, order).await?;
            ids.extend(page.items.iter().map(|line| line.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let mut expected: Vec<_> = batch.iter().map(|entry| entry.id.0).collect();
        expected.sort_unstable();
        if order == SortOrder::Descending {
            expected.reverse();
        }
        assert_eq!(ids, expected);
    }
    let acts = store.journal_lines(Some("act"), None, 10, SortOrder::Descending).await?.items;
    assert_eq!(acts.len(), 1);
    assert_eq!(store.journal_lines(Some("permit"), None, 100, SortOrder::Descending).await?.items.len(), 7);
    let last = batch.last().ok_or("empty")?;
    let line = acts.first().ok_or("no act")?;
    assert_eq!(line.commitment, last.commitment);
    assert_eq!(line.payload, serde_json::from_slice::<serde_json::Value>(&last.payload)?);
    store.close().await;
    Ok(())
}

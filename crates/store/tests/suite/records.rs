use verbond_domain::{Direction, TransactionId};
use verbond_journal::{Entry, JournalStorage};
use verbond_store::{
    SortOrder, Store, StoreError,
    records::{RecordFilter, TransactionRecord},
};

use crate::{
    TestResult,
    database::Database,
    samples::{participant, permit, permit_of, refusal, still, ticking},
};

on_both!(
    pages_over_equal_times_hold_everything_once,
    filters_say_which_records,
    many_and_few_are_listed_alike,
    a_listing_is_bounded,
);

async fn pages(store: &Store, order: SortOrder) -> Result<Vec<TransactionRecord>, StoreError> {
    let (mut records, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.transaction_records(&RecordFilter::default(), cursor.as_deref(), 4, order).await?;
        assert!(page.items.len() <= 4);
        records.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(records);
        }
    }
}

async fn pages_over_equal_times_hold_everything_once(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, still());
    let batch = (0..22).map(|_| permit(&ambient, 2).prepare(&ambient)).collect::<Result<Vec<_>, _>>()?;
    store.append(&batch).await?;
    store.integrate(1000).await?;
    let mut expected: Vec<_> = batch.iter().map(|entry| entry.id.0).collect();
    expected.sort_unstable();
    let ascending: Vec<_> =
        pages(&store, SortOrder::Ascending).await?.iter().map(|record| record.id).collect();
    assert_eq!(ascending, expected);
    expected.reverse();
    let descending: Vec<_> =
        pages(&store, SortOrder::Descending).await?.iter().map(|record| record.id).collect();
    assert_eq!(descending, expected);
    store.close().await;
    Ok(())
}

async fn filters_say_which_records(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    let exchange = TransactionId::from_uuid(ambient.uuid_v7());
    let mut delegated = permit(&ambient, 7);
    if let Entry::Permit(permit) = &mut delegated {
        permit.parties.consumer_delegator = Some(participant(8));
        permit.parties.service = "geodata".parse()?;
    }
    let entries = [permit_of(exchange, 2), permit(&ambient, 3), refusal(2), delegated];
    let batch = entries.iter().map(|entry| entry.prepare(&ambient)).collect::<Result<Vec<_>, _>>()?;
    store.append(&batch).await?;
    store.integrate(1000).await?;
    let found = async |filter: RecordFilter| -> Result<Vec<usize>, Box<dyn std::error::Error>> {
        let page = store.transaction_records(&filter, None, 100, SortOrder::Ascending).await?;
        page.items
            .iter()
            .map(|record| {
                batch.iter().position(|entry| entry.id.0 == record.id).ok_or_else(|| "unknown record".into())
            })
            .collect()
    };
    let all = RecordFilter::default();
    assert_eq!(found(all.clone()).await?, [0, 1, 2, 3]);
    assert_eq!(found(RecordFilter { visible_to: Some(participant(2)), ..all.clone() }).await?, [0, 2]);
    assert_eq!(found(RecordFilter { visible_to: Some(participant(8)), ..all.clone() }).await?, [3]);
    assert_eq!(found(RecordFilter { visible_to: Some(participant(1)), ..all.clone() }).await?, [0, 1, 2, 3]);
    assert_eq!(found(RecordFilter { visible_to: Some(participant(99)), ..all.clone() }).await?, [0; 0]);
    let mut by_direction = Vec::new();
    for direction in [Direction::Incoming, Direction::Outgoing] {
        by_direction.extend(found(RecordFilter { direction: Some(direction), ..all.clone() }).await?);
    }
    by_direction.sort_unstable();
    assert_eq!(by_direction, found(all.clone()).await?);
    assert_eq!(found(RecordFilter { permits_only: true, ..all.clone() }).await?, [0, 1, 3]);
    let grants = vec!["$1$3$grant-of-2".to_owned(), "$1$3$grant-of-3".to_owned()];
    assert_eq!(found(RecordFilter { grant_hashes: grants.clone(), ..all.clone() }).await?, [0, 1]);
    let services = vec!["geodata".to_owned(), "none".to_owned()];
    assert_eq!(found(RecordFilter { service_names: services.clone(), ..all.clone() }).await?, [3]);
    let both = RecordFilter { grant_hashes: grants, service_names: services.clone(), ..all.clone() };
    // Either condition is enough (Logging 1.1.0).
    assert_eq!(found(both).await?, [0, 1, 3]);
    let (first, third) = (batch.first().ok_or("")?.at, batch.get(2).ok_or("")?.at);
    let between = RecordFilter { after: Some(first), before: Some(third), ..all.clone() };
    assert_eq!(found(between).await?, [0, 1]);
    // A transaction id overrides what the reader asks for, and nothing of what the reader may see.
    let by_id = RecordFilter { transaction_ids: vec![exchange], service_names: services, ..all };
    assert_eq!(found(by_id.clone()).await?, [0]);
    assert_eq!(found(RecordFilter { visible_to: Some(participant(3)), ..by_id }).await?, [0; 0]);
    store.close().await;
    Ok(())
}

/// Few are sorted and of many the page is filled in order; who asks sees no difference.
async fn many_and_few_are_listed_alike(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    let mut expected = Vec::new();
    for number in 0..30 {
        let batch = (0..100).map(|place| {
            let of = if (number * 100 + place) % 4 == 3 { 3 } else { 2 };
            Ok((of, permit(&ambient, of).prepare(&ambient)?))
        });
        let batch = batch.collect::<Result<Vec<_>, Box<dyn std::error::Error>>>()?;
        expected.extend(batch.iter().map(|(of, entry)| (*of, entry.id.0, entry.at)));
        store.append(&batch.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>()).await?;
    }
    while store.integrate(i64::MAX).await? > 0 {}
    let (from, until) = (expected.get(500).ok_or("")?.2, expected.get(2900).ok_or("")?.2);
    for (of, count) in [(2, 2250), (3, 750)] {
        for (after, before) in
            [(None, None), (Some(from), None), (None, Some(until)), (Some(from), Some(until))]
        {
            let asked = |at| after.is_none_or(|after| at >= after) && before.is_none_or(|before| at < before);
            let mut ids: Vec<_> =
                expected.iter().filter(|one| one.0 == of && asked(one.2)).map(|one| one.1).collect();
            assert!(after.is_some() || before.is_some() || ids.len() == count);
            for order in [SortOrder::Ascending, SortOrder::Descending] {
                let filter = RecordFilter {
                    visible_to: Some(participant(of)),
                    permits_only: true,
                    after,
                    before,
                    ..RecordFilter::default()
                };
                let (mut found, mut cursor) = (Vec::new(), None);
                loop {
                    let page = store.transaction_records(&filter, cursor.as_deref(), 400, order).await?;
                    found.extend(page.items.iter().map(|record| record.id));
                    cursor = page.next;
                    if cursor.is_none() {
                        break;
                    }
                }
                assert!(
                    found == ids,
                    "{of} {order:?} {after:?} {before:?}: {} of {}",
                    found.len(),
                    ids.len()
                );
                ids.reverse();
            }
        }
    }
    store.close().await;
    Ok(())
}

async fn a_listing_is_bounded(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    for _ in 0..11 {
        store.append(&crate::samples::permits(&ambient, 100)?).await?;
    }
    while store.integrate(i64::MAX).await? > 0 {}
    let all = RecordFilter::default();
    for (asked, given) in [(i64::MIN, 1), (0, 1), (1, 1), (1000, 1000), (i64::MAX, 1000)] {
        let records = store.transaction_records(&all, None, asked, SortOrder::Ascending).await?;
        assert_eq!(records.items.len(), given);
        let lines = store.journal_lines(None, None, asked, SortOrder::Ascending).await?;
        assert_eq!(lines.items.len(), given);
    }
    for cursor in ["", "x", "0102", "ffffffffffffffffffffffffffffffff"] {
        let result = store.transaction_records(&all, Some(cursor), 10, SortOrder::Ascending).await;
        assert!(matches!(result, Err(StoreError::BadCursor)), "{cursor}");
    }
    let many = RecordFilter { grant_hashes: vec!["x".to_owned(); 1001], ..all };
    let result = store.transaction_records(&many, None, 10, SortOrder::Ascending).await;
    assert!(matches!(result, Err(StoreError::TooMany(1000))));
    store.close().await;
    Ok(())
}

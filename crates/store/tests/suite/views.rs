use sqlx::{Connection, PgConnection, SqliteConnection};
use verbond_journal::JournalStorage;
use verbond_store::{
    DatabaseUrl, SortOrder, Store,
    records::{RecordFilter, TransactionRecord},
};

use crate::{
    TestResult,
    database::Database,
    samples::{act, permits, refusal, ticking},
};

on_both!(
    each_exchange_becomes_one_record,
    positions_have_no_gap_and_no_double_when_two_processes_derive,
    rebuilt_views_are_the_same,
    a_damaged_entry_does_not_hold_up_the_others,
);

async fn positions(database: &Database) -> Result<(i64, Vec<Option<i64>>), sqlx::Error> {
    let head = "SELECT size FROM journal_head";
    let all = "SELECT position FROM journal_entry ORDER BY position";
    Ok(match &database.url {
        DatabaseUrl::Sqlite(file) => {
            let mut connection = SqliteConnection::connect(&file.display().to_string()).await?;
            let size = sqlx::query_scalar(head).fetch_one(&mut connection).await?;
            (size, sqlx::query_scalar(all).fetch_all(&mut connection).await?)
        }
        DatabaseUrl::Postgres(url) => {
            let mut connection = PgConnection::connect(url).await?;
            let size = sqlx::query_scalar(head).fetch_one(&mut connection).await?;
            (size, sqlx::query_scalar(all).fetch_all(&mut connection).await?)
        }
    })
}

async fn all_records(store: &Store) -> Result<Vec<TransactionRecord>, verbond_store::StoreError> {
    let mut records = Vec::new();
    let mut cursor = None;
    loop {
        let filter = RecordFilter::default();
        let page = store.transaction_records(&filter, cursor.as_deref(), 1000, SortOrder::Ascending).await?;
        records.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(records);
        }
    }
}

async fn each_exchange_becomes_one_record(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    let mut batch = permits(&ambient, 3)?;
    batch.push(refusal(5).prepare(&ambient)?);
    batch.push(act("a").prepare(&ambient)?);
    store.append(&batch).await?;
    assert_eq!(store.integrate(4).await?, 4);
    assert_eq!(store.integrate(4).await?, 1);
    assert_eq!(store.integrate(4).await?, 0);
    let records = all_records(&store).await?;
    assert_eq!(records.len(), 4);
    let expected: Vec<_> = batch.iter().take(4).map(|entry| (entry.id.0, entry.at)).collect();
    assert_eq!(records.iter().map(|record| (record.id, record.at)).collect::<Vec<_>>(), expected);
    assert_eq!(records.iter().filter(|record| record.refusal.is_some()).count(), 1);
    store.close().await;
    Ok(())
}

async fn positions_have_no_gap_and_no_double_when_two_processes_derive(database: &Database) -> TestResult {
    let (one, other, ambient) = (database.open().await?, database.open().await?, ticking());
    let derive = async |store: &Store| -> TestResult {
        let mut idle = 0;
        while idle < 20 {
            match store.integrate(7).await? {
                0 => idle += 1,
                _ => idle = 0,
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        Ok(())
    };
    let append = async {
        for _ in 0..40 {
            let entries = permits(&ambient, 5)?;
            one.append(&entries).await?;
            other.append(&permits(&ambient, 3)?).await?;
        }
        TestResult::Ok(())
    };
    let (first, second, appended) = tokio::join!(derive(&one), derive(&other), append);
    first?;
    second?;
    appended?;
    while one.integrate(1000).await? > 0 {}
    let (size, positions) = positions(database).await?;
    assert_eq!(size, 320);
    assert_eq!(positions, (1..=320).map(Some).collect::<Vec<_>>());
    assert_eq!(all_records(&one).await?.len(), 320);
    one.close().await;
    other.close().await;
    Ok(())
}

async fn rebuilt_views_are_the_same(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    for _ in 0..9 {
        store.append(&permits(&ambient, 250)?).await?;
    }
    store.append(&[refusal(4).prepare(&ambient)?]).await?;
    while store.integrate(1000).await? > 0 {}
    let before = serde_json::to_value(all_records(&store).await?)?;
    database.tamper("DELETE FROM transaction_record WHERE position IN (3, 1500, 2249)").await?;
    database
        .tamper(
            "INSERT INTO exchange_heading SELECT 9999, commitment, direction, consumer, consumer_delegator, provider, \
             provider_delegator, 'other', 'x', agreement, agreement_version, purpose \
             FROM exchange_heading JOIN transaction_record ON heading = exchange_heading.id \
             JOIN journal_entry ON journal_entry.position = transaction_record.position \
             WHERE transaction_record.position = 7",
        )
        .await?;
    database
        .tamper("UPDATE transaction_record SET heading = 9999, position = 99999 WHERE position = 7")
        .await?;
    database.tamper("UPDATE transaction_record SET heading = 9999 WHERE position = 8").await?;
    database.tamper("UPDATE exchange_heading SET service = 'damaged' WHERE id <> 9999").await?;
    assert!(serde_json::to_value(all_records(&store).await?)? != before);
    store.rebuild_views().await?;
    assert!(serde_json::to_value(all_records(&store).await?)? == before, "the rows differ");
    let filter = RecordFilter {
        grant_hashes: vec!["x".to_owned()],
        service_names: vec!["other".to_owned(), "damaged".to_owned()],
        ..RecordFilter::default()
    };
    assert!(store.transaction_records(&filter, None, 10, SortOrder::Ascending).await?.items.is_empty());
    assert_eq!(database.number("SELECT COUNT(*) FROM exchange_heading WHERE service <> 'income'").await?, 0);
    store.close().await;
    Ok(())
}

async fn a_damaged_entry_does_not_hold_up_the_others(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    // What this process writes itself it does not read.
    let writer = database.open().await?;
    let mut batch = permits(&ambient, 3)?;
    if let Some(entry) = batch.get_mut(1) {
        entry.payload = b"{\"kind\":\"permit\"".to_vec();
    }
    writer.append(&batch).await?;
    writer.close().await;
    assert_eq!(store.integrate(10).await?, 3);
    assert_eq!(all_records(&store).await?.len(), 2);
    store.close().await;
    Ok(())
}

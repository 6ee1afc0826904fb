use verbond_domain::{Ambient, Timestamp};
use verbond_journal::{EntryId, JournalStorage, PreparedEntry};
use verbond_store::{SortOrder, Store, StoreError, records::RecordFilter};

use crate::{
    TestResult,
    database::Database,
    samples::{START, act, permit, still_at, ticking},
};

on_both!(
    what_is_written_is_sealed_and_read_back_by_another_process,
    what_was_written_before_there_were_keys_stays_readable_and_is_destroyed,
    an_entry_whose_key_is_gone_reads_as_destroyed,
    what_a_lost_key_had_sealed_is_named_by_its_month,
    what_was_moved_or_changed_does_not_open,
    a_key_made_in_a_transaction_that_came_to_nothing_seals_nothing,
    the_key_of_a_month_goes_when_nothing_of_it_must_stay,
    nothing_of_what_was_destroyed_is_left_in_the_files,
);

/// Milliseconds.
const DAY: i64 = 86_400_000;
const COUNT_KEYS: &str = "SELECT COUNT(*) FROM month_key WHERE class = 'exchange'";

fn at(moment: i64) -> Ambient {
    still_at(Timestamp::from_millis(START.millis() + moment))
}

/// A permit that was written then, with its transaction id.
fn permit_at(moment: i64) -> Result<PreparedEntry, serde_json::Error> {
    permit(&at(moment), 2).prepare(&at(moment))
}

async fn payloads(store: &Store, kind: &str) -> Result<Vec<serde_json::Value>, StoreError> {
    let lines = store.journal_lines(Some(kind), None, 1000, SortOrder::Ascending).await?;
    Ok(lines.items.into_iter().map(|line| line.payload).collect())
}

async fn integrate(store: &Store) -> TestResult {
    while store.integrate(1000).await? > 0 {}
    Ok(())
}

async fn what_a_lost_key_had_sealed_is_named_by_its_month(database: &Database) -> TestResult {
    let store = database.open().await?;
    store.append(&[permit_at(0)?, permit_at(1)?, act("a").prepare(&at(2))?, permit_at(31 * DAY)?]).await?;
    integrate(&store).await?;
    assert_eq!(store.lost_keys().await?, []);
    database.tamper("DELETE FROM month_key WHERE month = 202311").await?;
    let lost = store.lost_keys().await?;
    let told: Vec<_> =
        lost.iter().map(|key| (key.class, key.month, key.first_index, key.last_index, key.entries)).collect();
    assert_eq!(told, [("exchange", 202_311, 0, 1, 2), ("act", 202_311, 2, 2, 1)]);
    assert_eq!(lost.iter().map(|key| key.is_of_acts()).collect::<Vec<_>>(), [false, true]);
    // What was destroyed is not lost.
    database.tamper("UPDATE journal_entry SET payload = salt WHERE kind = 'permit'").await?;
    assert_eq!(store.lost_keys().await?.len(), 1);
    Ok(())
}

async fn what_is_written_is_sealed_and_read_back_by_another_process(database: &Database) -> TestResult {
    let store = database.open().await?;
    let entries = [permit_at(0)?, permit_at(31 * DAY)?, act("a").prepare(&ticking())?];
    store.append(&entries).await?;
    integrate(&store).await?;
    assert_eq!(database.number("SELECT COUNT(*) FROM journal_entry WHERE key_id = 0").await?, 0);
    assert_eq!(database.number("SELECT COUNT(DISTINCT key_id) FROM journal_entry").await?, 3);
    assert_eq!(database.number("SELECT COUNT(*) FROM journal_entry WHERE length(salt) > 0").await?, 0);
    for entry in &entries {
        assert!(!database.holds(&entry.payload)? && !database.holds(&entry.salt)?);
    }
    let other = database.open().await?;
    let read = other.tree_entries(0, 10).await?;
    for entry in &entries {
        let found = read.iter().find(|found| found.id == entry.id.0).ok_or("an entry is gone")?;
        assert_eq!(found.content, Some((entry.salt.to_vec(), entry.payload.clone())));
    }
    store.close().await;
    other.close().await;
    Ok(())
}

async fn what_was_written_before_there_were_keys_stays_readable_and_is_destroyed(
    database: &Database,
) -> TestResult {
    let store = database.open().await?;
    let entry = permit_at(0)?;
    store.append(std::slice::from_ref(&entry)).await?;
    let bytes = |bytes: &[u8]| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if database.is_postgres() { format!("'\\x{digits}'") } else { format!("x'{digits}'") }
    };
    let (salt, payload) = (bytes(&entry.salt), bytes(&entry.payload));
    database
        .tamper(&format!("UPDATE journal_entry SET key_id = 0, salt = {salt}, payload = {payload}"))
        .await?;
    integrate(&store).await?;
    let all = RecordFilter::default();
    assert_eq!(store.transaction_records(&all, None, 10, SortOrder::Ascending).await?.items.len(), 1);
    store.keep_exchanges_for(1, &ticking()).await?;
    assert!(store.destroy_what_is_over(30, 1000, &at(2 * DAY)).await? > 0);
    assert!(payloads(&store, "permit").await?.iter().all(serde_json::Value::is_null));
    // Copies of it open without a key: nobody knows when the last one is gone.
    assert_eq!(store.retention_report(START).await?.copies_gone_at, None);
    assert!(payloads(&store, "act").await?.iter().all(|act| act.pointer("/detail/copies_gone_at").is_none()));
    store.close().await;
    Ok(())
}

async fn an_entry_whose_key_is_gone_reads_as_destroyed(database: &Database) -> TestResult {
    let store = database.open().await?;
    store.append(&[permit_at(0)?, permit_at(31 * DAY)?]).await?;
    integrate(&store).await?;
    store.close().await;
    database.tamper("DELETE FROM month_key WHERE month = 202311").await?;
    let store = database.open().await?;
    let permits = payloads(&store, "permit").await?;
    assert_eq!(permits.iter().map(serde_json::Value::is_null).collect::<Vec<_>>(), [true, false]);
    let all = RecordFilter::default();
    assert_eq!(store.transaction_records(&all, None, 10, SortOrder::Ascending).await?.items.len(), 1);
    store.rebuild_views().await?;
    assert_eq!(database.number("SELECT COUNT(*) FROM transaction_record").await?, 1);
    store.close().await;
    Ok(())
}

async fn what_was_moved_or_changed_does_not_open(database: &Database) -> TestResult {
    let store = database.open().await?;
    let (one, other) = (permit_at(0)?, permit_at(1)?);
    store.append(&[one, other]).await?;
    database
        .tamper("UPDATE journal_entry SET payload = (SELECT payload FROM journal_entry ORDER BY at_millis LIMIT 1)")
        .await?;
    let read = store.journal_lines(None, None, 10, SortOrder::Ascending).await;
    assert!(matches!(read, Err(StoreError::Damaged(_))), "{read:?}");
    store.close().await;
    Ok(())
}

async fn a_key_made_in_a_transaction_that_came_to_nothing_seals_nothing(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    let mut transaction = store.begin().await?;
    transaction.append(&act("lost"), &ambient).await?;
    drop(transaction);
    store.append(&[act("kept").prepare(&ambient)?]).await?;
    let mut transaction = store.begin().await?;
    transaction.append(&act("kept too"), &ambient).await?;
    transaction.commit().await?;
    store.close().await;
    let store = database.open().await?;
    let subjects: Vec<_> =
        payloads(&store, "act").await?.iter().filter_map(|act| act.get("subject").cloned()).collect();
    assert_eq!(subjects, ["kept", "kept too"]);
    store.close().await;
    Ok(())
}

async fn the_key_of_a_month_goes_when_nothing_of_it_must_stay(database: &Database) -> TestResult {
    let store = database.open().await?;
    store.keep_exchanges_for(1, &ticking()).await?;
    // 14 and 29 November, and 15 December 2023.
    store.append(&[permit_at(0)?, permit_at(15 * DAY)?, permit_at(31 * DAY)?]).await?;
    integrate(&store).await?;
    let destroy = async |now: &Ambient| -> Result<usize, StoreError> {
        while store.destroy_what_is_over(30, 1000, now).await? > 0 {}
        store.destroy_month_keys(now.now()).await
    };
    assert_eq!(destroy(&at(10 * DAY)).await?, 0, "the month is not over");
    // The key of November goes a day after its end, and backups of it thirty days later.
    let gone = Timestamp::from_seconds(1_701_388_800).plus_seconds(31 * 86_400);
    assert_eq!(store.retention_report(START).await?.copies_gone_at, Some(gone));
    assert_eq!(destroy(&at(17 * DAY)).await?, 0, "its last day is not over");
    assert_eq!(database.number(COUNT_KEYS).await?, 2);
    assert_eq!(destroy(&at(18 * DAY)).await?, 1);
    assert_eq!(database.number(COUNT_KEYS).await?, 1);
    assert_eq!(database.number("SELECT COUNT(*) FROM month_key WHERE class = 'act'").await?, 2, "acts stay");
    assert_eq!(payloads(&store, "permit").await?.iter().filter(|payload| payload.is_null()).count(), 2);
    store.close().await;
    Ok(())
}

async fn nothing_of_what_was_destroyed_is_left_in_the_files(database: &Database) -> TestResult {
    let store = database.open().await?;
    store.keep_exchanges_for(1, &ticking()).await?;
    let mut entry = permit_at(0)?;
    entry.id = EntryId(ticking().uuid_v7_at(entry.at));
    store.append(std::slice::from_ref(&entry)).await?;
    integrate(&store).await?;
    // By the transaction id exchanges are looked for: it stands open in a view and in the unique key.
    let open = entry.unique_key.clone().unwrap_or_default();
    let id = open.get(..16).unwrap_or_default();
    assert!(database.holds(id)? || database.is_postgres());
    while store.destroy_what_is_over(30, 1000, &at(40 * DAY)).await? > 0 {}
    assert_eq!(store.destroy_month_keys(at(40 * DAY).now()).await?, 1);
    assert!(!database.holds(id)?);
    store.close().await;
    Ok(())
}

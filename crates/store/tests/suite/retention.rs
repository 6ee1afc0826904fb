use verbond_domain::{Ambient, Timestamp};
use verbond_journal::{JournalStorage, PreparedEntry};
use verbond_store::{SortOrder, Store, StoreError, holds::HoldRow, records::RecordFilter};

use crate::{
    TestResult,
    database::Database,
    samples::{START, act, permit, refusal, still_at, ticking},
};

on_both!(
    a_heading_goes_with_the_last_exchange_under_it,
    what_is_older_than_the_rule_keeps_it_is_emptied_and_the_rest_stays,
    an_entry_dated_later_does_not_hold_up_the_others_and_goes_when_its_time_is_over,
    what_is_under_a_hold_stays_until_it_is_released,
    a_rule_is_written_down_when_it_changes,
    two_processes_destroy_everything_once,
);

/// Milliseconds.
const DAY: i64 = 86_400_000;

/// Entries written so many milliseconds after the start.
fn entries(times: &[i64]) -> Result<Vec<PreparedEntry>, serde_json::Error> {
    let ambient = ticking();
    times
        .iter()
        .map(|at| {
            let mut entry = permit(&ambient, 2).prepare(&ambient)?;
            entry.at = moment(*at);
            // As it would have been made then, in the order in which they are given.
            entry.id = verbond_journal::EntryId(ambient.uuid_v7_at(entry.at));
            Ok(entry)
        })
        .collect()
}

fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millis(START.millis() + millis)
}

/// A clock at which what was written so many milliseconds after the start, and later, is not over: with a rule of one day.
fn when_over(millis: i64) -> Ambient {
    still_at(moment(millis + DAY))
}

/// Destroys all that is over; how many entries it passed.
async fn destroy(store: &Store, limit: i64, now: &Ambient) -> Result<usize, StoreError> {
    let mut passed = 0;
    loop {
        match store.destroy_what_is_over(30, limit, now).await? {
            0 => return Ok(passed),
            step => passed += step,
        }
    }
}

/// Time, payload of all lines of a kind, in the order of their ids.
async fn lines(store: &Store, kind: &str) -> Result<Vec<(i64, serde_json::Value)>, StoreError> {
    let page = store.journal_lines(Some(kind), None, 1000, SortOrder::Ascending).await?;
    Ok(page.items.into_iter().map(|line| (line.at.millis() - START.millis(), line.payload)).collect())
}

/// Times of the permits that are still there.
async fn kept(store: &Store) -> Result<Vec<i64>, StoreError> {
    let lines = lines(store, "permit").await?;
    Ok(lines.into_iter().filter(|(_, payload)| !payload.is_null()).map(|(at, _)| at).collect())
}

/// Details of the acts with this action.
async fn told(store: &Store, action: &str) -> Result<Vec<serde_json::Value>, StoreError> {
    let acts = lines(store, "act").await?.into_iter().map(|(_, act)| act);
    let told = acts.filter(|act| act["action"] == action);
    Ok(told.filter_map(|act| act.get("detail").cloned()).collect())
}

async fn records(store: &Store) -> Result<usize, StoreError> {
    let filter = RecordFilter::default();
    Ok(store.transaction_records(&filter, None, 1000, SortOrder::Ascending).await?.items.len())
}

async fn integrate(store: &Store) -> TestResult {
    while store.integrate(1000).await? > 0 {}
    Ok(())
}

async fn a_heading_goes_with_the_last_exchange_under_it(database: &Database) -> TestResult {
    let store = database.open().await?;
    let mut batch = entries(&[0, 1, 2, 200])?;
    let mut once = refusal(2).prepare(&ticking())?;
    once.at = moment(3);
    batch.push(once);
    store.append(&batch).await?;
    integrate(&store).await?;
    let headings = "SELECT COUNT(*) FROM exchange_heading";
    assert_eq!(database.number(headings).await?, 2);
    let now = when_over(100);
    store.keep_exchanges_for(1, &now).await?;
    destroy(&store, 2, &now).await?;
    assert_eq!(records(&store).await?, 1);
    assert_eq!(database.number(headings).await?, 1, "the one under which an exchange is left");
    destroy(&store, 1000, &when_over(300)).await?;
    assert_eq!((records(&store).await?, database.number(headings).await?), (0, 0));
    store.close().await;
    Ok(())
}

async fn what_is_older_than_the_rule_keeps_it_is_emptied_and_the_rest_stays(
    database: &Database,
) -> TestResult {
    let store = database.open().await?;
    let now = when_over(100);
    let mut batch = entries(&[0, 10, 20, 100, 110])?;
    let ambient = ticking();
    for (place, other) in [refusal(3), act("kept")].into_iter().enumerate() {
        let mut other = other.prepare(&ambient)?;
        other.at = moment(5);
        other.id = verbond_journal::EntryId(ambient.uuid_v7_at(other.at));
        batch.insert(place + 1, other);
    }
    store.append(&batch).await?;
    assert_eq!(store.destroy_what_is_over(30, 1000, &now).await?, 0, "there is no rule yet");
    store.keep_exchanges_for(1, &ambient).await?;
    integrate(&store).await?;
    assert_eq!(records(&store).await?, 6);
    destroy(&store, 2, &now).await?;
    assert_eq!(records(&store).await?, 2);
    let permits = lines(&store, "permit").await?;
    assert_eq!(permits.iter().filter(|(at, _)| *at < 100).count(), 3);
    assert!(permits.iter().all(|(at, payload)| payload.is_null() == (*at < 100)), "{permits:?}");
    assert!(lines(&store, "refusal").await?.iter().all(|(_, payload)| payload.is_null()));
    let page = store.journal_lines(None, None, 1000, SortOrder::Ascending).await?;
    for entry in &batch {
        let line = page.items.iter().find(|line| line.id == entry.id.0).ok_or("an entry is gone")?;
        assert_eq!(
            (line.kind.as_str(), line.at, &line.commitment[..]),
            (entry.kind, entry.at, &entry.commitment[..])
        );
    }
    let acts = told(&store, "journal.drop").await?;
    assert!(
        !acts.is_empty() && acts.iter().all(|act| act["first_index"].as_i64() <= act["last_index"].as_i64())
    );
    assert!(acts.iter().any(|act| act["first_index"] == 0), "indices count from 0: {acts:?}");
    assert!(acts.iter().all(|act| act["keep_days"] == 1 && act["written_before"] == moment(100).millis()));
    let mut kinds: Vec<_> = acts.iter().filter_map(|act| act["kinds"].as_array()).flatten().collect();
    kinds.retain(|kind| *kind != "permit");
    assert_eq!(kinds, ["refusal"]);
    let acts = lines(&store, "act").await?;
    assert!(acts.iter().any(|(_, act)| act["subject"] == "kept"));

    // Rebuilding brings nothing back.
    store.rebuild_views().await?;
    assert_eq!(records(&store).await?, 2);
    let report = store.retention_report(now.now()).await?;
    assert_eq!((report.due, report.held, report.destroyed, report.proven), (0, 0, 4, 0));
    integrate(&store).await?;
    assert_eq!(store.retention_report(now.now()).await?.proven, 4);
    store.close().await;
    Ok(())
}

async fn an_entry_dated_later_does_not_hold_up_the_others_and_goes_when_its_time_is_over(
    database: &Database,
) -> TestResult {
    let store = database.open().await?;
    store.keep_exchanges_for(1, &ticking()).await?;
    for at in [0, 9 * DAY, 20, 8 * DAY, 500, 30] {
        // One by one, so that their positions follow the order of writing.
        store.append(&entries(&[at])?).await?;
        integrate(&store).await?;
    }
    destroy(&store, 1000, &when_over(100)).await?;
    assert_eq!(kept(&store).await?, [500, 8 * DAY, 9 * DAY]);
    assert_eq!(destroy(&store, 1000, &when_over(101)).await?, 0);
    destroy(&store, 1000, &when_over(600)).await?;
    assert_eq!(kept(&store).await?, [8 * DAY, 9 * DAY]);
    destroy(&store, 1000, &when_over(8 * DAY + 1)).await?;
    assert_eq!(kept(&store).await?, [9 * DAY]);
    destroy(&store, 1000, &when_over(10 * DAY)).await?;
    assert!(kept(&store).await?.is_empty());
    // Nothing that stayed then stands between what an act names.
    let acts = told(&store, "journal.drop").await?;
    assert!(acts.iter().all(|act| act["first_index"] == act["last_index"]), "{acts:?}");
    assert_eq!(acts.len(), 6);
    store.close().await;
    Ok(())
}

async fn what_is_under_a_hold_stays_until_it_is_released(database: &Database) -> TestResult {
    let store = database.open().await?;
    store.keep_exchanges_for(1, &ticking()).await?;
    store.append(&entries(&(0..10).collect::<Vec<_>>())?).await?;
    integrate(&store).await?;
    let set = async |name: &str, from: i64, until: Option<i64>| -> Result<bool, StoreError> {
        let mut transaction = store.begin().await?;
        let (from, until) = (moment(from), until.map(moment));
        let hold =
            HoldRow { name: name.to_owned(), from, until, reason: "inquiry".to_owned(), set_at: START };
        let set = transaction.set_hold(&hold).await?;
        transaction.commit().await?;
        Ok(set)
    };
    let release = async |name: &str| -> Result<bool, StoreError> {
        let mut transaction = store.begin().await?;
        let released = transaction.release_hold(name).await?;
        transaction.commit().await?;
        Ok(released)
    };
    assert!(set("a", 3, Some(6)).await?);
    assert!(set("b", 5, Some(7)).await?);
    assert!(!set("a", 0, None).await?, "the name is in use");
    let now = when_over(100);
    assert_eq!(store.retention_report(now.now()).await?.due, 6);
    destroy(&store, 3, &now).await?;
    assert_eq!(kept(&store).await?, [3, 4, 5, 6]);
    let report = store.retention_report(now.now()).await?;
    assert_eq!((report.due, report.held, report.destroyed), (0, 4, 6));
    assert!(!release("c").await?);
    assert!(release("a").await?);
    destroy(&store, 3, &now).await?;
    assert_eq!(kept(&store).await?, [5, 6]);
    store.rebuild_views().await?;
    assert_eq!(records(&store).await?, 2);
    assert!(release("b").await?);
    destroy(&store, 3, &now).await?;
    assert!(kept(&store).await?.is_empty());
    assert!(store.holds().await?.is_empty());
    store.close().await;
    Ok(())
}

async fn a_rule_is_written_down_when_it_changes(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    assert_eq!(store.retention_report(START).await?.keep_days, None);
    assert!(store.keep_exchanges_for(30, &ambient).await?);
    assert!(!store.keep_exchanges_for(30, &ambient).await?);
    assert!(store.keep_exchanges_for(0, &ambient).await?);
    store.append(&entries(&[0])?).await?;
    integrate(&store).await?;
    assert_eq!(destroy(&store, 10, &when_over(1000 * DAY)).await?, 0, "0: for ever");
    let days: Vec<_> = told(&store, "journal.retention")
        .await?
        .iter()
        .filter_map(|it| it.get("keep_days").cloned())
        .collect();
    assert_eq!(days, [30, 0]);
    store.close().await;
    Ok(())
}

async fn two_processes_destroy_everything_once(database: &Database) -> TestResult {
    let (one, other, now) = (database.open().await?, database.open().await?, when_over(200));
    one.keep_exchanges_for(1, &ticking()).await?;
    one.append(&entries(&(0..200).collect::<Vec<_>>())?).await?;
    integrate(&one).await?;
    let (first, second) = tokio::join!(destroy(&one, 7, &now), destroy(&other, 7, &now));
    // The rule's own act is passed as well, wherever it came to stand.
    assert!((200..=201).contains(&(first? + second?)));
    assert_eq!(records(&one).await?, 0);
    assert_eq!(one.retention_report(now.now()).await?.destroyed, 200);
    one.close().await;
    other.close().await;
    Ok(())
}

use verbond_domain::{Ambient, Timestamp};
use verbond_journal::{JournalStorage, PreparedEntry};
use verbond_store::{SortOrder, Store, StoreError, records::RecordFilter};

use crate::{
    TestResult,
    database::Database,
    samples::{START, act, permit, refusal, ticking, ticking_from},
};

on_both!(
    what_is_older_than_the_moment_is_emptied_and_the_rest_stays,
    an_entry_dated_in_the_future_does_not_hold_up_the_others,
    two_processes_drop_everything_once,
);

const NOW: i64 = 1_000_000;

/// Entries written so many milliseconds after the start.
fn entries(times: &[i64]) -> Result<Vec<PreparedEntry>, serde_json::Error> {
    let ambient = ticking();
    times
        .iter()
        .map(|at| {
            let mut entry = permit(&ambient, 2).prepare(&ambient)?;
            entry.at = moment(*at);
            Ok(entry)
        })
        .collect()
}

fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millis(START.millis() + millis)
}

/// Time, payload of all lines of a kind, in the order of their ids.
async fn lines(store: &Store, kind: &str) -> Result<Vec<(i64, serde_json::Value)>, StoreError> {
    let page = store.journal_lines(Some(kind), None, 1000, SortOrder::Ascending).await?;
    Ok(page.items.into_iter().map(|line| (line.at.millis() - START.millis(), line.payload)).collect())
}

async fn records(store: &Store) -> Result<usize, StoreError> {
    let filter = RecordFilter::default();
    Ok(store.transaction_records(&filter, None, 1000, SortOrder::Ascending).await?.items.len())
}

async fn what_is_older_than_the_moment_is_emptied_and_the_rest_stays(database: &Database) -> TestResult {
    let store = database.open().await?;
    let now = later();
    let mut batch = entries(&[0, 10, 20, 100, 110])?;
    let ambient = ticking();
    for (place, other) in [refusal(3), act("kept")].into_iter().enumerate() {
        let mut other = other.prepare(&ambient)?;
        other.at = moment(5);
        batch.insert(place + 1, other);
    }
    batch.sort_by_key(|entry| entry.id);
    store.append(&batch).await?;
    assert_eq!(store.drop_exchanges_before(moment(100), 1000, &now).await?, 0, "none is integrated yet");
    while store.integrate(1000).await? > 0 {}
    assert_eq!(records(&store).await?, 6);
    let mut passed = 0;
    loop {
        match store.drop_exchanges_before(moment(100), 2, &now).await? {
            0 => break,
            step => {
                assert!(step <= 2);
                passed += step;
            }
        }
    }
    assert_eq!(passed, 5);
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
    let acts = lines(&store, "act").await?;
    let told: Vec<_> = acts.iter().filter(|(_, act)| act["action"] == "journal.drop").collect();
    assert_eq!(told.iter().filter_map(|(_, act)| act.pointer("/detail/exchanges")?.as_u64()).sum::<u64>(), 4);
    assert!(
        told.iter().all(|(_, act)| act.pointer("/author/rule").is_some_and(|rule| rule == "retention")),
        "{told:?}"
    );
    assert!(acts.iter().any(|(_, act)| act["subject"] == "kept"));

    // Rebuilding brings nothing back.
    store.rebuild_views().await?;
    assert_eq!(records(&store).await?, 2);
    store.close().await;
    Ok(())
}

async fn an_entry_dated_in_the_future_does_not_hold_up_the_others(database: &Database) -> TestResult {
    let (store, now) = (database.open().await?, later());
    store.append(&entries(&[0, NOW * 1000, 20, NOW * 1000, 500, 30])?).await?;
    while store.integrate(1000).await? > 0 {}
    assert_eq!(store.drop_exchanges_before(moment(100), 1000, &now).await?, 3);
    assert_eq!(store.drop_exchanges_before(moment(100), 1000, &now).await?, 0);
    assert_eq!(records(&store).await?, 3);
    assert_eq!(store.drop_exchanges_before(moment(600), 1000, &now).await?, 3);
    assert_eq!(records(&store).await?, 0);
    store.close().await;
    Ok(())
}

async fn two_processes_drop_everything_once(database: &Database) -> TestResult {
    let (one, other, now) = (database.open().await?, database.open().await?, later());
    one.append(&entries(&(0..200).collect::<Vec<_>>())?).await?;
    while one.integrate(1000).await? > 0 {}
    let all = async |store: &Store| {
        let mut passed = 0;
        loop {
            match store.drop_exchanges_before(moment(200), 7, &now).await? {
                0 => return Ok::<_, StoreError>(passed),
                step => passed += step,
            }
        }
    };
    let (first, second) = tokio::join!(all(&one), all(&other));
    assert_eq!(first? + second?, 200);
    assert_eq!(records(&one).await?, 0);
    one.close().await;
    other.close().await;
    Ok(())
}

/// A clock that has gone on for [`NOW`].
fn later() -> Ambient {
    ticking_from(moment(NOW))
}

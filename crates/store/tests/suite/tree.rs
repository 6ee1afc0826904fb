use std::{collections::HashMap, time::Duration};

use proptest::{prelude::*, test_runner::TestRunner};
use verbond_journal::{JournalStorage, Showing, TreeHash, continues, leaf, leaf_hash};
use verbond_store::{Integration, Store, StoreError, checkpoints::CheckpointRow, tree::JournalHead};

use crate::{
    TestResult,
    database::{self, Database},
    samples::{START, act, permits, ticking},
};

on_both!(
    the_tree_holds_every_entry_at_its_place,
    an_older_database_gets_its_tree_afterwards,
    a_leader_that_stood_still_cannot_commit,
    of_two_with_the_same_head_one_fails,
    checkpoints_are_kept_in_order,
);

/// The tree of the entries as they stand, made anew (RFC 9162 §2.1.1).
async fn naive(store: &Store) -> Result<Vec<TreeHash>, Box<dyn std::error::Error>> {
    let mut leaves = Vec::new();
    loop {
        let entries = store.tree_entries(leaves.len() as u64, 300).await?;
        if entries.is_empty() {
            return Ok(leaves);
        }
        for entry in entries {
            assert_eq!(entry.index, leaves.len() as u64, "indices are contiguous");
            leaves.push(leaf_hash(&leaf(&entry.kind, entry.at, entry.commitment)?));
        }
    }
}

fn root(leaves: &[TreeHash]) -> TreeHash {
    let mut edge = verbond_journal::Edge::default();
    edge.append(leaves.iter().copied());
    edge.root()
}

async fn agrees(store: &Store, size: u64) -> TestResult {
    let leaves = naive(store).await?;
    assert_eq!(store.journal_head().await?, JournalHead { epoch: 1, size });
    assert_eq!(leaves.len() as u64, size);
    assert_eq!(store.journal_root(size).await?, root(&leaves));
    Ok(())
}

async fn the_tree_holds_every_entry_at_its_place(database: &Database) -> TestResult {
    let (one, other, ambient) = (database.open().await?, database.open().await?, ticking());
    let mut size = 0;
    for (turn, count) in [1, 255, 1, 300, 700].into_iter().enumerate() {
        one.append(&permits(&ambient, count)?).await?;
        let leader = if turn % 2 == 0 { &one } else { &other };
        while leader.integrate(1000).await? > 0 {}
        size += u64::from(u32::try_from(count)?);
        agrees(&one, size).await?;
    }
    let (old, new) = (one.journal_root(300).await?, one.journal_root(size).await?);
    let showing = Showing::consistency(300, size).ok_or("no proof")?;
    assert!(continues(300, &old, size, &new, &one.show(&showing).await?));
    assert!(one.journal_root(size + 1).await.is_err());
    one.close().await;
    other.close().await;
    Ok(())
}

async fn an_older_database_gets_its_tree_afterwards(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    store.append(&permits(&ambient, 700)?).await?;
    while store.integrate(1000).await? > 0 {}
    database.tamper("DELETE FROM journal_tile").await?;
    database.tamper("UPDATE journal_head SET tree_size = 0").await?;
    let opened = database.open().await?;
    opened.append(&permits(&ambient, 50)?).await?;
    assert_eq!(opened.integrate(300).await?, 300);
    while opened.integrate(300).await? > 0 {}
    agrees(&opened, 750).await?;
    opened.close().await;
    store.close().await;
    Ok(())
}

/// On PostgreSQL the session of whoever stands still in the middle is ended, so that another takes over. On SQLite one process
/// has the database.
async fn a_leader_that_stood_still_cannot_commit(database: &Database) -> TestResult {
    if !database.is_postgres() {
        return Ok(());
    }
    let (one, other, ambient) = (database.open().await?, database.open().await?, ticking());
    one.append(&permits(&ambient, 10)?).await?;
    let paused = one.begin_integration(1000).await?.ok_or("nothing to do")?;
    assert_eq!(other.integrate(1000).await?, 0, "one leads at a time");
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(other.integrate(1000).await?, 10);
    assert!(paused.commit().await.is_err());
    one.append(&permits(&ambient, 5)?).await?;
    while one.integrate(1000).await? > 0 {}
    agrees(&one, 15).await?;
    one.close().await;
    other.close().await;
    Ok(())
}

/// Even where nothing else kept two apart, the head would.
async fn of_two_with_the_same_head_one_fails(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    store.append(&permits(&ambient, 3)?).await?;
    let trigger = match database.is_postgres() {
        true => {
            "CREATE FUNCTION overtake() RETURNS trigger AS $$ BEGIN \
             UPDATE journal_head SET epoch = epoch + 1; RETURN NEW; END $$ LANGUAGE plpgsql; \
             CREATE TRIGGER overtake AFTER INSERT ON journal_tile FOR EACH ROW EXECUTE FUNCTION overtake()"
        }
        false => {
            "CREATE TRIGGER overtake AFTER INSERT ON journal_tile BEGIN UPDATE journal_head SET epoch = epoch + 1; END"
        }
    };
    database.tamper(trigger).await?;
    assert!(matches!(store.integrate(10).await, Err(StoreError::Database(_))));
    assert_eq!(store.journal_head().await?, JournalHead { epoch: 1, size: 0 });
    store.close().await;
    Ok(())
}

async fn checkpoints_are_kept_in_order(database: &Database) -> TestResult {
    let store = database.open().await?;
    let row = |epoch, size| CheckpointRow { epoch, size, signed_at: START, note: format!("{epoch}/{size}") };
    for (epoch, size) in [(1, 5), (1, 300), (2, 200), (1, 20)] {
        store.keep_checkpoint(&row(epoch, size)).await?;
    }
    store.keep_checkpoint(&CheckpointRow { note: "another".to_owned(), ..row(1, 20) }).await?;
    assert_eq!(store.newest_checkpoint().await?, Some(row(2, 200)));
    assert_eq!(store.checkpoints(None, 299).await?, [row(1, 5), row(1, 20), row(2, 200)]);
    assert_eq!(store.checkpoints(Some(&row(1, 20)), 300).await?, [row(1, 300), row(2, 200)]);
    store.close().await;
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Append {
        by: usize,
        count: usize,
    },
    Begin(usize),
    Commit(usize),
    Forget(usize),
    /// The process stands still for longer than a leader may.
    Pause,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => (0..3_usize, 1..40_usize).prop_map(|(by, count)| Move::Append { by, count }),
        4 => (0..3_usize).prop_map(Move::Begin),
        3 => (0..3_usize).prop_map(Move::Commit),
        1 => (0..3_usize).prop_map(Move::Forget),
        1 => Just(Move::Pause),
    ];
    proptest::collection::vec(one, 5..25)
}

/// Three processes that append, lead, stand still and die in any order leave one journal without gap, whose tree is that of its
/// entries.
#[test]
fn whoever_leads_and_stands_still_the_journal_is_one() -> TestResult {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut runner = TestRunner::new(ProptestConfig { cases: 8, ..ProptestConfig::default() });
    runner.run(&moves(), |moves| {
        let played = runtime.block_on(database::on_postgres(async |database: &Database| {
            let wanted = play(database, &moves).await?;
            let store = database.open().await?;
            while store.integrate(1000).await? > 0 {}
            agrees(&store, wanted).await?;
            store.close().await;
            Ok(())
        }));
        played.map_err(|error| TestCaseError::fail(error.to_string()))
    })?;
    Ok(())
}

async fn play(database: &Database, moves: &[Move]) -> Result<u64, Box<dyn std::error::Error>> {
    let ambient = ticking();
    let stores = [database.open().await?, database.open().await?, database.open().await?];
    let mut steps: HashMap<usize, Integration> = HashMap::new();
    let mut appended = 0_u64;
    for turn in moves {
        match *turn {
            Move::Append { by, count } => {
                let store = stores.get(by).ok_or("no such process")?;
                let mut entries = permits(&ambient, count)?;
                entries.push(act("a").prepare(&ambient)?);
                store.append(&entries).await?;
                appended += entries.len() as u64;
            }
            Move::Begin(by) => {
                let store = stores.get(by).ok_or("no such process")?;
                steps.remove(&by);
                if let Some(step) = store.begin_integration(17).await? {
                    steps.insert(by, step);
                }
            }
            Move::Commit(by) => {
                if let Some(step) = steps.remove(&by) {
                    let _ = step.commit().await;
                }
            }
            Move::Forget(by) => drop(steps.remove(&by)),
            Move::Pause => tokio::time::sleep(Duration::from_millis(2200)).await,
        }
    }
    drop(steps);
    for store in &stores {
        store.close().await;
    }
    Ok(appended)
}

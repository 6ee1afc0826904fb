use std::collections::BTreeSet;

use verbond_store::{
    Store,
    agreements::StepRow,
    changes::{ChangePosition, Changed, Since},
};

use crate::{
    TestResult, agreements,
    database::Database,
    samples::{START, participant},
};

on_both!(
    each_change_says_what_it_was_about,
    what_one_process_commits_another_is_told,
    a_change_that_says_nothing_of_itself_is_not_passed_over,
    a_database_that_was_put_back_is_not_taken_for_the_one_that_was_known,
    whoever_is_too_far_behind_reads_everything,
);

fn step() -> StepRow {
    StepRow { step: "offered".to_owned(), participant: participant(1), detail: "{}".to_owned(), at: START }
}

async fn position(store: &Store) -> Result<ChangePosition, Box<dyn std::error::Error>> {
    Ok(store.changes_since(None).await?.position)
}

async fn peer(store: &Store, name: &str) -> TestResult {
    let mut transaction = store.begin().await?;
    transaction.put_peer(&participant(2), name, "https://town.test", START).await?;
    transaction.commit().await?;
    Ok(())
}

fn known(changed: impl IntoIterator<Item = Changed>) -> Since {
    Since::Known(BTreeSet::from_iter(changed))
}

async fn each_change_says_what_it_was_about(database: &Database) -> TestResult {
    let store = database.open().await?;
    peer(&store, "Town").await?;
    let before = position(&store).await?;
    assert_eq!(store.changes_since(Some(&before)).await?.since, known([]));

    let mut transaction = store.begin().await?;
    transaction.insert_agreement(&agreements::row("h1", "a", 1, 10)).await?;
    transaction.insert_agreement(&agreements::row("h2", "b", 1, 10)).await?;
    transaction.commit().await?;
    let agreement = |id: &str| Changed::Agreement(id.to_owned());
    let changes = store.changes_since(Some(&before)).await?;
    assert_eq!(changes.since, known([agreement("a"), agreement("b")]));

    let mut transaction = store.begin().await?;
    transaction.add_agreement_step("h1", &step()).await?;
    transaction.commit().await?;
    peer(&store, "City").await?;
    let mut transaction = store.begin().await?;
    transaction.delete_agreement("h2").await?;
    transaction.commit().await?;
    let later = store.changes_since(Some(&changes.position)).await?;
    assert_eq!(later.since, known([agreement("a"), agreement("b"), Changed::Peers]));
    assert_eq!(later.position.number, changes.position.number + 3);
    let named = store.agreements_named(&["a".to_owned(), "b".to_owned(), "c".to_owned()]).await?;
    assert_eq!(named.iter().map(|row| (row.hash.as_str(), row.steps.len())).collect::<Vec<_>>(), [("h1", 1)]);
    store.close().await;
    Ok(())
}

/// On PostgreSQL one that began first and ends last: its change has the later number, and is seen by who had seen the other.
async fn what_one_process_commits_another_is_told(database: &Database) -> TestResult {
    let (one, other) = (database.open().await?, database.open().await?);
    peer(&one, "Town").await?;
    let before = position(&one).await?;
    let mut slow = None;
    if database.is_postgres() {
        let mut transaction = other.begin().await?;
        transaction.insert_agreement(&agreements::row("h1", "a", 1, 10)).await?;
        slow = Some(transaction);
    }
    let mut transaction = other.begin().await?;
    transaction.insert_agreement(&agreements::row("h2", "b", 1, 10)).await?;
    transaction.commit().await?;
    let between = one.changes_since(Some(&before)).await?;
    assert_eq!(between.since, known([Changed::Agreement("b".to_owned())]));
    if let Some(slow) = slow {
        slow.commit().await?;
        let after = one.changes_since(Some(&between.position)).await?;
        assert_eq!(after.since, known([Changed::Agreement("a".to_owned())]));
    }
    one.close().await;
    other.close().await;
    Ok(())
}

/// As a version of the program leaves it that knows nothing of this, and runs beside this one while it is upgraded.
async fn a_change_that_says_nothing_of_itself_is_not_passed_over(database: &Database) -> TestResult {
    let store = database.open().await?;
    peer(&store, "Town").await?;
    let before = position(&store).await?;
    database.tamper("UPDATE generation SET number = number + 1 WHERE id = 1").await?;
    let silent = store.changes_since(Some(&before)).await?;
    assert_eq!(silent.since, Since::Unknown);
    // Nor when another change has come after it.
    peer(&store, "City").await?;
    assert_eq!(store.changes_since(Some(&before)).await?.since, Since::Unknown);
    assert_eq!(store.changes_since(Some(&silent.position)).await?.since, Since::Unknown);
    let known_again = position(&store).await?;
    peer(&store, "Village").await?;
    assert_eq!(store.changes_since(Some(&known_again)).await?.since, known([Changed::Peers]));
    store.close().await;
    Ok(())
}

/// The same numbers are given out once more, for other changes.
async fn a_database_that_was_put_back_is_not_taken_for_the_one_that_was_known(
    database: &Database,
) -> TestResult {
    let store = database.open().await?;
    peer(&store, "Town").await?;
    peer(&store, "City").await?;
    let seen = position(&store).await?;
    for more in [0, 1] {
        database.tamper("UPDATE generation SET number = 1 WHERE id = 1").await?;
        database.tamper("DELETE FROM change_subject WHERE number > 1").await?;
        assert_eq!(store.changes_since(Some(&seen)).await?.since, Since::Unknown, "a smaller number");
        for name in ["Harbour", "Bridge", "Mill"].iter().take(more + 1) {
            peer(&store, name).await?;
        }
        let put_back = store.changes_since(Some(&seen)).await?;
        assert!(put_back.position.number >= seen.number);
        assert_eq!(put_back.since, Since::Unknown, "{more} more than was seen");
    }
    store.close().await;
    Ok(())
}

async fn whoever_is_too_far_behind_reads_everything(database: &Database) -> TestResult {
    let store = database.open().await?;
    peer(&store, "Town").await?;
    let before = position(&store).await?;
    // As if thousands of changes had come in between.
    database.tamper("UPDATE generation SET number = 9000 WHERE id = 1").await?;
    peer(&store, "City").await?;
    let kept = database.number("SELECT COUNT(*) FROM change_subject").await?;
    assert_eq!(kept, 1, "what nobody needs is kept");
    assert_eq!(store.changes_since(Some(&before)).await?.since, Since::Unknown);
    store.close().await;
    Ok(())
}

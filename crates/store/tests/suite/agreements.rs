use verbond_store::{
    Store,
    agreements::{AgreementRow, StepRow},
};

use crate::{
    TestResult,
    database::Database,
    samples::{START, participant},
};

on_both!(
    a_version_is_stored_once_and_read_with_its_steps_in_order,
    only_running_versions_are_given_to_gateways,
    a_draft_goes_with_its_steps,
);

pub fn row(hash: &str, agreement: &str, version: i64, days: i64) -> AgreementRow {
    AgreementRow {
        hash: hash.to_owned(),
        agreement: agreement.to_owned(),
        version,
        document: format!("{{\"version\":{version}}}"),
        author: "{}".to_owned(),
        term_until: START.plus_seconds(days * 86_400),
        created_at: START,
        steps: Vec::new(),
    }
}

fn step(name: &str, whose: u32) -> StepRow {
    StepRow { step: name.to_owned(), participant: participant(whose), detail: "{}".to_owned(), at: START }
}

async fn insert(store: &Store, row: &AgreementRow) -> Result<bool, Box<dyn std::error::Error>> {
    let mut transaction = store.begin().await?;
    let inserted = transaction.insert_agreement(row).await?;
    transaction.commit().await?;
    Ok(inserted)
}

async fn a_version_is_stored_once_and_read_with_its_steps_in_order(database: &Database) -> TestResult {
    let store = database.open().await?;
    assert!(insert(&store, &row("h1", "a", 1, 10)).await?);
    assert!(!insert(&store, &row("h1", "a", 1, 10)).await?);
    assert!(!insert(&store, &row("another", "a", 1, 10)).await?, "two documents are one version");
    assert!(insert(&store, &row("h2", "a", 2, 10)).await?);
    let before = store.generation().await?;
    for (name, whose) in [("offered", 1), ("signed", 2), ("signed", 1)] {
        let mut transaction = store.begin().await?;
        assert!(transaction.lock_agreement("h1").await?.is_some());
        transaction.add_agreement_step("h1", &step(name, whose)).await?;
        transaction.commit().await?;
    }
    assert!(store.generation().await? > before, "gateways are not told");
    let read = store.agreement("h1").await?.ok_or("gone")?;
    assert_eq!(read.steps, [step("offered", 1), step("signed", 2), step("signed", 1)]);
    let versions = store.agreement_versions("a").await?;
    assert_eq!(versions.iter().map(|row| row.version).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(versions.last(), Some(&read));
    assert_eq!(store.agreements().await?.len(), 2);
    store.close().await;
    Ok(())
}

async fn only_running_versions_are_given_to_gateways(database: &Database) -> TestResult {
    let store = database.open().await?;
    insert(&store, &row("short", "a", 1, 1)).await?;
    insert(&store, &row("long", "b", 1, 10)).await?;
    insert(&store, &row("successor", "b", 2, 5)).await?;
    let hashes = async |days: i64| -> Result<Vec<String>, Box<dyn std::error::Error>> {
        let rows = store.running_agreements(START.plus_seconds(days * 86_400)).await?;
        Ok(rows.into_iter().map(|row| row.hash).collect())
    };
    assert_eq!(hashes(0).await?, ["long", "short", "successor"]);
    assert_eq!(hashes(1).await?, ["long", "successor"]);
    // What took the place of a version that runs is given as long as that one runs.
    assert_eq!(hashes(7).await?, ["long", "successor"]);
    assert!(hashes(10).await?.is_empty());
    store.close().await;
    Ok(())
}

async fn a_draft_goes_with_its_steps(database: &Database) -> TestResult {
    let store = database.open().await?;
    insert(&store, &row("h1", "a", 1, 10)).await?;
    let mut transaction = store.begin().await?;
    transaction.add_agreement_step("h1", &step("offered", 1)).await?;
    transaction.delete_agreement("h1").await?;
    transaction.commit().await?;
    assert_eq!(store.agreement("h1").await?, None);
    assert!(insert(&store, &row("h1", "a", 1, 10)).await?);
    assert!(store.agreement("h1").await?.is_some_and(|row| row.steps.is_empty()));
    store.close().await;
    Ok(())
}

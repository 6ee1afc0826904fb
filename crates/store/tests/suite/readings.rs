use verbond_store::readings::{ConfirmationRow, ReadingRow};

use crate::{
    TestResult,
    database::Database,
    samples::{START, participant},
};

on_both!(the_last_look_takes_the_place_of_the_one_before, who_confirms_twice_confirms_once);

fn reading(url: &str, outcome: &str) -> ReadingRow {
    ReadingRow {
        kind: "activity".to_owned(),
        url: url.to_owned(),
        reader: participant(1),
        outcome: outcome.to_owned(),
        content_hash: None,
        content: None,
        at: START,
    }
}

async fn the_last_look_takes_the_place_of_the_one_before(database: &Database) -> TestResult {
    let store = database.open().await?;
    let mut transaction = store.begin().await?;
    transaction.insert_agreement(&super::agreements::row("h1", "a", 1, 10)).await?;
    transaction.replace_agreement_readings("h1", &[reading("a", "nothing"), reading("b", "nothing")]).await?;
    transaction.replace_agreement_readings("h1", &[reading("a", "read")]).await?;
    transaction.commit().await?;
    assert_eq!(store.agreement_readings("h1").await?, [reading("a", "read")]);
    let mut transaction = store.begin().await?;
    transaction.delete_agreement("h1").await?;
    transaction.commit().await?;
    assert!(store.agreement_readings("h1").await?.is_empty());
    store.close().await;
    Ok(())
}

async fn who_confirms_twice_confirms_once(database: &Database) -> TestResult {
    let store = database.open().await?;
    let row = |thumbprint: &str| ConfirmationRow {
        name: "dpia".to_owned(),
        version: 1,
        thumbprint: thumbprint.to_owned(),
        author: "{}".to_owned(),
        confirmed_at: START,
    };
    let mut transaction = store.begin().await?;
    assert!(transaction.confirm_register_entry("assessment", &row("b")).await?);
    assert!(transaction.confirm_register_entry("assessment", &row("a")).await?);
    assert!(!transaction.confirm_register_entry("assessment", &row("a")).await?);
    transaction.commit().await?;
    assert_eq!(store.register_confirmations("assessment").await?, [row("a"), row("b")]);
    assert!(store.register_confirmations("ground").await?.is_empty());
    store.close().await;
    Ok(())
}

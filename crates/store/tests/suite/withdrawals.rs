use verbond_store::withdrawals::{TaskDoneRow, WithdrawalRow};

use crate::{TestResult, database::Database, samples::START};

on_both!(what_is_withdrawn_and_done_is_kept);

async fn what_is_withdrawn_and_done_is_kept(database: &Database) -> TestResult {
    let store = database.open().await?;
    let withdrawn = |id: &str| WithdrawalRow {
        id: id.to_owned(),
        basis: "{}".to_owned(),
        reason: "judged anew".to_owned(),
        author: "{}".to_owned(),
        at: START,
    };
    let done = |note: &str| TaskDoneRow {
        task: "t1".to_owned(),
        note: note.to_owned(),
        author: "{}".to_owned(),
        at: START,
    };
    let before = store.generation().await?;
    let mut transaction = store.begin().await?;
    transaction.put_withdrawal(&withdrawn("2")).await?;
    transaction.put_withdrawal(&withdrawn("1")).await?;
    assert!(transaction.put_task_done(&done("deleted")).await?);
    assert!(!transaction.put_task_done(&done("again")).await?);
    transaction.commit().await?;
    assert!(store.generation().await? > before);
    assert_eq!(store.withdrawals().await?, [withdrawn("1"), withdrawn("2")]);
    assert_eq!(store.tasks_done().await?, [done("deleted")]);
    store.close().await;
    Ok(())
}

use verbond_domain::Timestamp;
use verbond_store::{
    counterparts::{CounterpartTaskRow, ReconciledRow, ReconciliationRow},
    withdrawals::TaskDoneRow,
};

use crate::{TestResult, database::Database, samples::participant};

on_both!(what_was_compared_is_kept_and_says_from_where_to_go_on, a_task_about_a_counterpart_is_open_once);

async fn what_was_compared_is_kept_and_says_from_where_to_go_on(database: &Database) -> TestResult {
    let store = database.open().await?;
    let at = Timestamp::from_seconds;
    let row = |number, seconds, failure: Option<&str>| ReconciliationRow {
        participant: participant(number),
        at: at(seconds),
        by_itself: true,
        from: at(seconds - 20),
        until: at(seconds - 10),
        compared: 3,
        same: 2,
        counts: r#"{"differs":1}"#.to_owned(),
        disagrees: failure.is_none(),
        failure: failure.map(str::to_owned),
    };
    let asked = ReconciliationRow { by_itself: false, ..row(1, 500, None) };
    let mut transaction = store.begin().await?;
    for row in [
        row(1, 100, None),
        row(1, 200, Some("COUNTERPART_UNREACHABLE")),
        row(2, 150, Some("COUNTERPART_UNREACHABLE")),
        row(2, 250, None),
        row(3, 300, Some("COUNTERPART_KEEPS_NO_ACCOUNT")),
        row(4, 120, Some("COUNTERPART_UNREACHABLE")),
        row(4, 140, Some("COUNTERPART_UNREACHABLE")),
        row(5, 130, Some("COUNTERPART_UNREACHABLE")),
        row(5, 160, Some("COUNTERPART_KEEPS_NO_ACCOUNT")),
        asked.clone(),
    ] {
        transaction.put_reconciliation(&row).await?;
    }
    transaction.commit().await?;
    let reconciled = |number, until, seconds, failed| ReconciledRow {
        participant: participant(number),
        until: at(until),
        at: at(seconds),
        failed,
    };
    assert_eq!(
        store.reconciled().await?,
        [
            reconciled(1, 90, 200, true),
            reconciled(2, 240, 250, false),
            reconciled(3, 290, 300, false),
            // What was never compared is still to be, from the first time on.
            reconciled(4, 100, 140, true),
            // What it kept no account of never is.
            reconciled(5, 150, 160, false),
        ]
    );
    assert_eq!(
        store.reconciliations(None, 2).await?,
        [asked.clone(), row(3, 300, Some("COUNTERPART_KEEPS_NO_ACCOUNT"))]
    );
    assert_eq!(store.reconciliations(Some(&participant(1)), 100).await?.len(), 3);
    let mut transaction = store.begin().await?;
    transaction.drop_reconciliations(at(500)).await?;
    transaction.commit().await?;
    assert_eq!(store.reconciliations(None, 100).await?, [asked]);
    store.close().await;
    Ok(())
}

async fn a_task_about_a_counterpart_is_open_once(database: &Database) -> TestResult {
    let store = database.open().await?;
    let row = |task: &str, number: u32| CounterpartTaskRow {
        task: task.to_owned(),
        cause: "contradiction".to_owned(),
        counterpart: participant(number),
        subject: "journal/1".to_owned(),
        at: Timestamp::from_seconds(number.into()),
    };
    let before = store.generation().await?;
    let mut transaction = store.begin().await?;
    assert!(transaction.put_counterpart_task(&row("a", 1)).await?);
    assert!(!transaction.put_counterpart_task(&row("b", 1)).await?);
    assert!(transaction.put_counterpart_task(&row("c", 2)).await?);
    transaction.commit().await?;
    // Gateways decide on it.
    assert!(store.generation().await? > before);
    assert_eq!(store.open_counterpart_tasks("contradiction").await?, [row("a", 1), row("c", 2)]);
    assert_eq!(store.open_counterpart_tasks("disagreement").await?, []);
    let done = TaskDoneRow {
        task: "a".to_owned(),
        note: "a backup was put back".to_owned(),
        author: "{}".to_owned(),
        at: Timestamp::from_seconds(5),
    };
    let mut transaction = store.begin().await?;
    assert!(transaction.put_task_done(&done).await?);
    // After it has been done, the next one is another.
    assert!(transaction.put_counterpart_task(&row("d", 1)).await?);
    transaction.commit().await?;
    let open: Vec<String> =
        store.open_counterpart_tasks("contradiction").await?.into_iter().map(|row| row.task).collect();
    assert_eq!(open, ["d", "c"]);
    assert_eq!(store.counterpart_tasks().await?.len(), 3);
    store.close().await;
    Ok(())
}

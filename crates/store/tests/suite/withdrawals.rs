use verbond_domain::Timestamp;
use verbond_store::withdrawals::{AbsenceRow, RaisedTaskRow, TaskDoneRow, WithdrawalRow};

use crate::{TestResult, database::Database, samples::START};

on_both!(
    what_is_withdrawn_and_done_is_kept,
    a_task_is_raised_once,
    responses_without_an_element_add_up_until_it_comes,
);

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

async fn a_task_is_raised_once(database: &Database) -> TestResult {
    let store = database.open().await?;
    let row = |clause: Option<&str>, seconds| RaisedTaskRow {
        task: "0123456789abcdef".to_owned(),
        agreement: "sha256:00".to_owned(),
        cause: "absent_element".to_owned(),
        clause: clause.map(str::to_owned),
        subject: "ask $.year".to_owned(),
        at: Timestamp::from_seconds(seconds),
    };
    let mut transaction = store.begin().await?;
    assert!(transaction.put_raised_task(&row(Some("incomes"), 1)).await?);
    assert!(!transaction.put_raised_task(&row(Some("incomes"), 2)).await?);
    let whole = RaisedTaskRow { task: "another".to_owned(), ..row(None, 3) };
    assert!(transaction.put_raised_task(&whole).await?);
    transaction.commit().await?;
    assert_eq!(store.raised_tasks().await?, [row(Some("incomes"), 1), whole]);
    store.close().await;
    Ok(())
}

async fn responses_without_an_element_add_up_until_it_comes(database: &Database) -> TestResult {
    let store = database.open().await?;
    let mut transaction = store.begin().await?;
    for (element, responses, begins, total) in [
        ("$.a", 400, false, 400),
        ("$.a", 500, false, 900),
        ("$.b", 7, false, 7),
        ("$.a", 30, true, 30),
        ("$.a", 0, true, 0),
        ("$.a", 5, false, 5),
    ] {
        let row = AbsenceRow {
            agreement: "sha256:00".to_owned(),
            clause: "incomes".to_owned(),
            operation: "ask".to_owned(),
            element: element.to_owned(),
            responses,
            begins,
        };
        assert_eq!(transaction.add_absence(&row).await?, total, "{row:?}");
    }
    transaction.commit().await?;
    store.close().await;
    Ok(())
}

use verbond_journal::JournalStorage;
use verbond_store::{SortOrder, StoreError, records::RecordFilter};

use crate::{
    TestResult,
    database::Database,
    samples::{START, participant, permits, ticking},
};

on_both!(a_damaged_value_is_told);

async fn a_damaged_value_is_told(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    store.append(&permits(&ambient, 1)?).await?;
    store.integrate(10).await?;
    let mut transaction = store.begin().await?;
    transaction.put_outbox(ambient.uuid_v7(), &participant(2), "announce", "", "{}", START).await?;
    transaction.commit().await?;
    let damaged = |error: Option<StoreError>, what: &str| {
        assert!(matches!(error, Some(StoreError::Damaged(_))), "{what}: {error:?}");
    };
    let all = RecordFilter::default();
    let bytes = if database.is_postgres() { "'\\xff'" } else { "x'ff'" };
    database.tamper(&format!("UPDATE journal_entry SET payload = {bytes}")).await?;
    damaged(store.journal_lines(None, None, 10, SortOrder::Ascending).await.err(), "payload");
    damaged(
        store.transaction_records(&all, None, 10, SortOrder::Ascending).await.err(),
        "payload of a record",
    );
    database.tamper("UPDATE outbox SET peer = ''").await?;
    damaged(store.outbox().await.err(), "outbox");
    damaged(store.lease_outbox(START, START, 10).await.err(), "leased");
    database.tamper("INSERT INTO service VALUES ('income', '', '', '{}')").await?;
    damaged(store.services().await.err(), "service");
    database.tamper("INSERT INTO application VALUES ('desk', 'token', 'abc')").await?;
    damaged(store.applications().await.err(), "application");
    database.tamper("UPDATE application SET credential_kind = 'smile'").await?;
    damaged(store.applications().await.err(), "kind of credential");
    database.tamper("DELETE FROM generation").await?;
    damaged(store.generation().await.err(), "generation");
    database.tamper("DELETE FROM journal_head").await?;
    store.append(&permits(&ambient, 1)?).await?;
    damaged(store.integrate(10).await.err(), "head");
    store.close().await;
    Ok(())
}

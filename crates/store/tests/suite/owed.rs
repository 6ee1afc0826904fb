use verbond_domain::{Direction, RecordsBy, ServiceReference, Timestamp, TransactionId};
use verbond_journal::{
    Entry, EntryId, JournalStorage, NOBODY, Outcome, OwedPermit, OwedRecords, Place, PreparedEntry,
    Processing, ProcessingAttributes, ProcessingRecord, ProcessingStatus,
};
use verbond_store::{
    Store,
    applications::{BindingRow, Credential},
};

use crate::{
    TestResult,
    database::Database,
    samples::{participant, parties, permit_of, ticking},
};

on_both!(
    no_more_is_owed_than_may_wait_over_all_processes,
    what_comes_is_struck_out_also_when_it_stood,
    people_of_an_answer_are_owed_with_their_places_or_not_at_all,
    what_is_overdue_is_told_by_exchange,
);

const DUE: Timestamp = Timestamp::from_seconds(1_900_000_000);

/// A permit that leaves its records to `desk`, about these people.
fn left(most: u32, people: &[&str]) -> Result<(PreparedEntry, OwedPermit), Box<dyn std::error::Error>> {
    let transaction_id = TransactionId::from_uuid(ticking().uuid_v7());
    let records = OwedRecords {
        trace_id: "1".repeat(32),
        span_id: "1".repeat(16),
        activity: "https://x.test/1".into(),
        data_subjects: people.iter().map(|one| (*one).to_owned()).collect(),
        since: Timestamp::from_seconds(1),
        due: DUE,
    };
    let parties = parties(2, 3);
    let owing = OwedPermit {
        transaction_id,
        application: "desk".to_owned(),
        provider: parties.provider.clone(),
        service: parties.service.clone(),
        records: records.clone(),
        most,
    };
    let Entry::Permit(mut permit) = permit_of(transaction_id, 2) else { return Err("no permit".into()) };
    (permit.direction, permit.parties, permit.owed) = (Direction::Outgoing, parties, Some(records));
    let mut entry = Entry::Permit(permit).prepare(&ticking())?;
    entry.owing = Some(owing.clone());
    Ok((entry, owing))
}

fn record(
    permit: EntryId,
    owed: &OwedPermit,
    whom: &str,
) -> Result<PreparedEntry, Box<dyn std::error::Error>> {
    let processing = Entry::Processing(Processing {
        transaction_id: owed.transaction_id,
        direction: Direction::Outgoing,
        counterpart: owed.provider.clone(),
        permit,
        written_by: Some("desk".parse()?),
        record: ProcessingRecord {
            trace_id: owed.records.trace_id.clone(),
            span_id: owed.records.span_id.clone(),
            parent_span_id: None,
            status: ProcessingStatus::Ok,
            name: "x".to_owned(),
            start_time: 1,
            end_time: 2,
            attributes: ProcessingAttributes {
                activity: owed.records.activity.clone(),
                data_subject: (whom != NOBODY).then(|| whom.to_owned()),
                data_subject_type: None,
                foreign_processor: None,
            },
        },
    });
    Ok(processing.prepare(&ticking())?)
}

async fn append(store: &Store, entry: PreparedEntry) -> Result<Outcome, Box<dyn std::error::Error>> {
    store.append(&[entry]).await?.first().copied().ok_or_else(|| "no outcome".into())
}

async fn is_owing(store: &Store, permit: EntryId) -> Result<bool, Box<dyn std::error::Error>> {
    Ok(store.owing(&[permit]).await?.contains(&permit))
}

async fn no_more_is_owed_than_may_wait_over_all_processes(database: &Database) -> TestResult {
    let (one, other) = (database.open().await?, database.open().await?);
    let mut transaction = one.begin().await?;
    transaction.put_application(&"desk".parse()?, &Credential::Socket).await?;
    let service = ServiceReference { provider: participant(3), name: parties(2, 3).service };
    let binding =
        BindingRow { alias: "income".parse()?, service, declaration: None, records: RecordsBy::Application };
    transaction.put_binding(&"desk".parse()?, &binding).await?;
    transaction.commit().await?;
    let mut written = Vec::new();
    for _ in 0..8 {
        let (first, second) = (left(5, &["v1.a"])?, left(5, &["v1.a"])?);
        let (here, there) = tokio::join!(append(&one, first.0.clone()), append(&other, second.0.clone()));
        for (outcome, permit) in [(here?, first), (there?, second)] {
            match outcome {
                Outcome::Written => written.push(permit),
                outcome => {
                    assert_eq!(outcome, Outcome::TooManyOwed);
                    assert_eq!(one.present(&[permit.0.id]).await?, [], "a refused permit was written");
                }
            }
        }
    }
    assert_eq!(written.len(), 5);
    // In one transaction too, and again when one record has come.
    let batch = [left(5, &[])?.0, left(5, &[])?.0];
    assert_eq!(one.append(&batch).await?, [Outcome::TooManyOwed; 2]);
    let (permit, owed) = written.first().ok_or("a permit")?;
    assert_eq!(append(&other, record(permit.id, owed, "v1.a")?).await?, Outcome::Written);
    let batch = [left(5, &[])?.0, left(5, &[])?.0];
    let outcomes = one.append(&batch).await?;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Written).count(), 1, "{outcomes:?}");
    one.close().await;
    other.close().await;
    Ok(())
}

async fn what_comes_is_struck_out_also_when_it_stood(database: &Database) -> TestResult {
    let store = database.open().await?;
    let (permit, owed) = left(9, &["v1.a", "v1.b"])?;
    let id = permit.id;
    // Repeated after an unknown outcome.
    for _ in 0..2 {
        assert_eq!(append(&store, permit.clone()).await?, Outcome::Written);
    }
    let found = store.outgoing_permit(owed.transaction_id).await?;
    assert_eq!(found.map(|(found, permit)| (found, permit.owed)), Some((id, Some(owed.records.clone()))));
    for whom in [NOBODY, "v1.a", "v1.c"] {
        assert_eq!(append(&store, record(id, &owed, whom)?).await?, Outcome::Written);
        assert_eq!(append(&store, record(id, &owed, whom)?).await?, Outcome::Duplicate);
        assert!(is_owing(&store, id).await?);
    }
    assert_eq!(append(&store, record(id, &owed, "v1.b")?).await?, Outcome::Written);
    assert!(!is_owing(&store, id).await?);
    // Somebody who was told of before the answer named them.
    assert!(store.owe(id, &owed, &["v1.c".to_owned()], &[]).await?);
    assert!(is_owing(&store, id).await?);
    assert_eq!(append(&store, record(id, &owed, "v1.c")?).await?, Outcome::Duplicate);
    assert!(!is_owing(&store, id).await?);
    // A second permit of the exchange owes nothing.
    let mut again = left(9, &[])?.0;
    again.unique_key.clone_from(&permit.unique_key);
    let second = again.id;
    assert_eq!(append(&store, again).await?, Outcome::Duplicate);
    assert!(!is_owing(&store, second).await?);
    store.close().await;
    Ok(())
}

async fn people_of_an_answer_are_owed_with_their_places_or_not_at_all(database: &Database) -> TestResult {
    let store = database.open().await?;
    let place = |person: u8| Place {
        period_end: DUE,
        limit_of: "agreement/clause/outgoing/day".to_owned(),
        pseudonym: vec![person; 36],
        most: 1,
    };
    let (permit, owed) = left(9, &["v1.a"])?;
    let id = permit.id;
    append(&store, permit).await?;
    append(&store, record(id, &owed, "v1.a")?).await?;
    assert!(store.owe(id, &owed, &["v1.b".to_owned()], &[place(1)]).await?);
    append(&store, record(id, &owed, "v1.b")?).await?;
    let (other, theirs) = left(9, &["v1.a"])?;
    let other_id = other.id;
    append(&store, other).await?;
    append(&store, record(other_id, &theirs, "v1.a")?).await?;
    let both = ["v1.b".to_owned(), "v1.c".to_owned()];
    assert!(!store.owe(other_id, &theirs, &both, &[place(2), place(1)]).await?);
    assert!(!is_owing(&store, other_id).await?);
    // The place that was to be had was not taken.
    assert!(store.owe(other_id, &theirs, &both, &[place(2)]).await?);
    assert!(is_owing(&store, other_id).await?);
    store.close().await;
    Ok(())
}

async fn what_is_overdue_is_told_by_exchange(database: &Database) -> TestResult {
    let store = database.open().await?;
    let (permit, owed) = left(9, &["v1.a", "v1.b"])?;
    append(&store, permit.clone()).await?;
    assert_eq!(store.overdue_records(DUE, 9).await?, []);
    let later = DUE.plus_seconds(1);
    let rows = store.overdue_records(later, 9).await?;
    let told: Vec<_> = rows.iter().map(|row| (row.permit, row.transaction_id)).collect();
    assert_eq!(told, [(permit.id, owed.transaction_id)]);
    let all = (Timestamp::from_seconds(0), Timestamp::from_seconds(4_000_000_000));
    assert_eq!(store.overdue_records_with(&owed.provider, all, later).await?, rows);
    assert_eq!(store.overdue_records_with(&participant(9), all, later).await?, []);
    store.close().await;
    Ok(())
}

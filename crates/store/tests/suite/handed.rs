//! What a process has appended itself comes into tree and views as if it had been read back.

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};
use verbond_domain::{Direction, TransactionId};
use verbond_journal::{
    Entry, JournalStorage, PreparedEntry, Processing, ProcessingAttributes, ProcessingRecord,
    ProcessingStatus, RecordedDecision, RestsOn, leaf, leaf_hash,
};
use verbond_store::Store;

use crate::{
    TestResult,
    database::{self, Database},
    samples::{START, act, participant, parties, permit_of, permits, refusal, ticking},
};

on_both!(
    what_was_handed_over_is_not_read_back,
    what_was_refused_is_not_handed_over,
    more_than_is_held_is_read_back,
);

/// What an entry of the property says; everything that listings depend on.
#[derive(Clone, Debug)]
struct Said {
    kind: u8,
    outgoing: bool,
    delegated: [bool; 2],
    grant_hash: Option<Value>,
    decision: Option<(bool, Option<u32>, Option<String>)>,
    people: Vec<Option<String>>,
}

fn said() -> impl Strategy<Value = Said> {
    let grant_hash = prop_oneof![
        Just(None),
        "[$a-z0-9\u{0}é\"\\\\]{0,12}".prop_map(|hash| Some(json!(hash))),
        Just(Some(json!("x".repeat(1024)))),
        Just(Some(json!("x".repeat(1025)))),
        Just(Some(json!(7))),
        Just(Some(Value::Null)),
    ];
    let purpose = proptest::option::of("[a-z\u{0}]{1,8}");
    let decision = proptest::option::of((any::<bool>(), proptest::option::of(1..9_u32), purpose));
    let people = proptest::collection::vec(proptest::option::of("[a-z0-9]{1,8}"), 0..3);
    (0..5_u8, any::<bool>(), any::<[bool; 2]>(), grant_hash, decision, people).prop_map(
        |(kind, outgoing, delegated, grant_hash, decision, people)| Said {
            kind,
            outgoing,
            delegated,
            grant_hash,
            decision,
            people,
        },
    )
}

/// A decision as whoever decided wrote it, or as it was read: of an agreement or none, for a purpose or none.
fn decision(written: bool, version: Option<u32>, purpose: Option<&str>) -> RecordedDecision {
    let agreement = uuid::Uuid::from_u128(7);
    let policies = version.map(|version| json!({ "agreement": { "id": agreement, "version": version } }));
    let attributes: serde_json::Map<String, Value> =
        policies.into_iter().map(|policies| ("adl.core.policies".to_owned(), policies)).collect();
    let context: serde_json::Map<String, Value> =
        purpose.into_iter().map(|purpose| ("purpose".to_owned(), purpose.into())).collect();
    let record = json!({ "attributes": attributes, "body": { "adl.core.request": { "context": context } } });
    let agreement = version.map(|version| (agreement, version.into()));
    match written {
        true => RecordedDecision::of(&record, RestsOn { agreement, purpose: purpose.map(Into::into) }),
        false => record.into(),
    }
}

fn processing_record(data_subject: Option<String>) -> ProcessingRecord {
    ProcessingRecord {
        trace_id: "1".repeat(32),
        span_id: "1".repeat(16),
        parent_span_id: None,
        status: ProcessingStatus::Unset,
        name: "incomes".to_owned(),
        start_time: 1,
        end_time: 2,
        attributes: ProcessingAttributes {
            activity: "https://x.test/1".into(),
            data_subject,
            data_subject_type: None,
            foreign_processor: None,
        },
    }
}

fn entry(said: &Said) -> Result<PreparedEntry, Box<dyn std::error::Error>> {
    let ambient = ticking();
    let transaction_id = TransactionId::from_uuid(ambient.uuid_v7());
    let direction = if said.outgoing { Direction::Outgoing } else { Direction::Incoming };
    let mut parties = parties(2, 1);
    parties.consumer_delegator = said.delegated[0].then(|| participant(5));
    parties.provider_delegator = said.delegated[1].then(|| participant(6));
    let mut wire = serde_json::Map::new();
    wire.extend(said.grant_hash.clone().map(|hash| ("grant_hash".to_owned(), hash)));
    let decided = said.decision.as_ref();
    let decided = decided.map(|(written, version, purpose)| decision(*written, *version, purpose.as_deref()));
    let Entry::Permit(mut permit) = permit_of(transaction_id, 2) else { return Err("a permit".into()) };
    let Entry::Refusal(mut refused) = refusal(2) else { return Err("a refusal".into()) };
    let entry = match said.kind {
        0 | 1 => {
            (permit.direction, permit.parties, permit.wire) = (direction, parties, wire.into());
            permit.decision = decided;
            permit.processing =
                said.people.iter().cloned().map(|whom| processing_record(whom).into()).collect();
            Entry::Permit(permit)
        }
        2 => {
            (refused.direction, refused.parties, refused.wire) = (direction, parties, wire.into());
            refused.decision = decided;
            refused.transaction_id = said.outgoing.then_some(transaction_id);
            Entry::Refusal(refused)
        }
        3 => Entry::Processing(Processing {
            transaction_id,
            direction,
            counterpart: participant(2),
            permit: permit_of(transaction_id, 2).prepare(&ambient)?.id,
            written_by: None,
            record: processing_record(said.people.first().cloned().flatten()),
        }),
        _ => crate::exchanges::completion_of(
            &permit_of(transaction_id, 2).prepare(&ambient)?,
            transaction_id,
            2,
        ),
    };
    Ok(entry.prepare(&ambient)?)
}

/// Numbers of headings are given out again when views are derived anew.
const VIEWS: [(&str, &str); 3] = [
    (
        "transaction_record",
        "position, transaction_id, direction, consumer, consumer_delegator, provider, provider_delegator, service, \
         grant_hash, agreement, agreement_version, purpose \
         FROM transaction_record JOIN exchange_heading ON exchange_heading.id = heading",
    ),
    ("processing_record", "* FROM processing_record"),
    ("completion_record", "* FROM completion_record"),
];

/// That tree and views are what they are when each entry is read back.
async fn as_read_back(database: &Database, store: &Store, size: usize) -> TestResult {
    let mut edge = verbond_journal::Edge::default();
    let entries = store.tree_entries(0, 1000).await?;
    let leaves = entries.iter().map(|entry| Ok(leaf_hash(&leaf(&entry.kind, entry.at, entry.commitment)?)));
    edge.append(leaves.collect::<Result<Vec<_>, serde_json::Error>>()?);
    assert_eq!(entries.len(), size);
    assert_eq!(store.journal_root(u64::try_from(size)?).await?, edge.root());
    for (view, columns) in VIEWS {
        database.tamper(&format!("CREATE TABLE filled_{view} AS SELECT {columns}")).await?;
    }
    store.rebuild_views().await?;
    for (view, columns) in VIEWS {
        let (now, filled) = (format!("SELECT {columns}"), format!("SELECT * FROM filled_{view}"));
        for (one, other) in [(&now, &filled), (&filled, &now)] {
            let more = format!("SELECT COUNT(*) FROM ({one} EXCEPT {other}) AS more");
            assert_eq!(database.number(&more).await?, 0, "{view}");
        }
    }
    Ok(())
}

/// Batches of either of two processes in turn, integrated by either.
async fn played(database: &Database, batches: &[(bool, bool, Vec<Said>)]) -> TestResult {
    let (one, other) = (database.open().await?, database.open().await?);
    let mut size = 0;
    for (by_other, integrated_by_other, batch) in batches {
        let batch: Result<Vec<_>, _> = batch.iter().map(entry).collect();
        let batch = batch?;
        size += batch.len();
        if *by_other { &other } else { &one }.append(&batch).await?;
        if *integrated_by_other { &other } else { &one }.integrate(7).await?;
    }
    while one.integrate(1000).await? > 0 {}
    as_read_back(database, &one, size).await?;
    one.close().await;
    other.close().await;
    Ok(())
}

fn each_time(
    cases: u32,
    on: impl Fn(&tokio::runtime::Runtime, &[(bool, bool, Vec<Said>)]) -> TestResult,
) -> TestResult {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let batch = (any::<bool>(), any::<bool>(), proptest::collection::vec(said(), 1..6));
    let batches = proptest::collection::vec(batch, 1..8);
    let mut runner = TestRunner::new(ProptestConfig { cases, ..ProptestConfig::default() });
    runner.run(&batches, |batches| {
        on(&runtime, &batches).map_err(|error| TestCaseError::fail(error.to_string()))
    })?;
    Ok(())
}

#[test]
fn tree_and_views_are_what_reading_back_makes_of_them_on_sqlite() -> TestResult {
    each_time(24, |runtime, batches| {
        runtime.block_on(database::on_sqlite(async |database: &Database| played(database, batches).await))
    })
}

#[test]
fn tree_and_views_are_what_reading_back_makes_of_them_on_postgres() -> TestResult {
    each_time(6, |runtime, batches| {
        runtime.block_on(database::on_postgres(async |database: &Database| played(database, batches).await))
    })
}

async fn listed(database: &Database) -> Result<i64, sqlx::Error> {
    database.number("SELECT COUNT(*) FROM transaction_record").await
}

async fn what_was_handed_over_is_not_read_back(database: &Database) -> TestResult {
    let (one, other, ambient) = (database.open().await?, database.open().await?, ticking());
    let unreadable = "UPDATE journal_entry SET payload = salt WHERE length(payload) > 0";
    one.append(&permits(&ambient, 2)?).await?;
    database.tamper(unreadable).await?;
    assert_eq!(one.integrate(10).await?, 2);
    assert_eq!(listed(database).await?, 2);
    // What another process wrote is: of that, nothing is left here to be listed.
    other.append(&permits(&ambient, 2)?).await?;
    database.tamper(unreadable).await?;
    assert_eq!(one.integrate(10).await?, 2);
    assert_eq!(listed(database).await?, 2);
    one.close().await;
    other.close().await;
    Ok(())
}

async fn what_was_refused_is_not_handed_over(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    let entry = permits(&ambient, 1)?;
    store.append(&entry).await?;
    let again = [permit_again(&entry)?, act("a").prepare(&ambient)?];
    store.append(&again).await?;
    assert_eq!(store.integrate(10).await?, 2);
    as_read_back(database, &store, 2).await?;
    store.close().await;
    Ok(())
}

/// The same exchange once more, under another identifier.
fn permit_again(entries: &[PreparedEntry]) -> Result<PreparedEntry, Box<dyn std::error::Error>> {
    let first = entries.first().ok_or("an entry")?;
    let entry: Entry = serde_json::from_slice(&first.payload)?;
    Ok(entry.prepare(&crate::samples::ticking_from(START))?)
}

async fn more_than_is_held_is_read_back(database: &Database) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    for _ in 0..17 {
        store.append(&permits(&ambient, 1000)?).await?;
    }
    let mut integrated = 0;
    loop {
        match store.integrate(1000).await? {
            0 => break,
            more => integrated += more,
        }
    }
    assert_eq!((integrated, listed(database).await?), (17_000, 17_000));
    store.close().await;
    Ok(())
}

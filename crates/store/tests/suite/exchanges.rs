use verbond_domain::{Direction, Timestamp, TransactionId};
use verbond_journal::{Bytes32, Completion, Counting, Delivery, Entry, JournalStorage, PreparedEntry};
use verbond_store::{
    Store,
    exchanges::{AgreementFilter, Answered, ExchangeFilter, ExchangeRow},
};

use crate::{
    TestResult,
    database::Database,
    samples::{START, participant, parties, permit, permit_of, refusal, ticking},
};

on_both!(
    a_counterpart_sees_its_own_exchanges_with_what_became_of_them,
    a_rebuilt_view_is_the_same_and_retention_leaves_nothing,
    exchanges_and_decisions_are_found_by_what_they_rest_on_page_after_page,
    under_however_many_headings_they_stand_they_are_found_in_their_order,
    views_of_an_earlier_form_are_derived_anew_when_the_database_is_opened,
);

pub fn completion_of(permit: &PreparedEntry, transaction: TransactionId, consumer: u32) -> Entry {
    let salt = Bytes32([7; 32]);
    let nothing = Counting::new(&salt).crossed();
    Entry::Completion(Completion {
        transaction_id: transaction,
        direction: Direction::Incoming,
        counterpart: participant(consumer),
        permit: permit.id,
        delivery: Delivery::Whole,
        status: Some(200),
        code: None,
        request: nothing,
        response: nothing,
        elements: Vec::new(),
        people: None,
        salt,
    })
}

async fn all_of(store: &Store, consumer: u32) -> Result<Vec<ExchangeRow>, Box<dyn std::error::Error>> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    let until = Timestamp::from_millis(START.millis() + 1_000_000);
    loop {
        let page = store.exchanges_with(&participant(consumer), START, until, cursor.as_deref(), 3).await?;
        assert!(page.items.len() <= 3);
        rows.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(rows);
        }
    }
}

/// Ten exchanges of participant 2, each second one completed, the first of them twice; one of participant 3.
async fn exchanges(store: &Store) -> TestResult {
    let ambient = ticking();
    let mut batch = vec![permit(&ambient, 3).prepare(&ambient)?];
    // What an application was refused here before it reached participant 2.
    let Entry::Refusal(mut early) = refusal(1) else { return Err("a refusal".into()) };
    early.transaction_id = Some(TransactionId::from_uuid(ambient.uuid_v7()));
    (early.direction, early.parties) = (Direction::Outgoing, parties(1, 2));
    batch.push(Entry::Refusal(early).prepare(&ambient)?);
    for number in 0..10 {
        let transaction = TransactionId::from_uuid(ambient.uuid_v7());
        let permit = permit_of(transaction, 2).prepare(&ambient)?;
        let completions = if number % 2 == 1 {
            0
        } else if number == 0 {
            2
        } else {
            1
        };
        for _ in 0..completions {
            batch.push(completion_of(&permit, transaction, 2).prepare(&ambient)?);
        }
        batch.push(permit);
    }
    store.append(&batch).await?;
    store.integrate(1000).await?;
    Ok(())
}

fn completed(rows: &[ExchangeRow]) -> Vec<bool> {
    rows.iter().map(|row| matches!(row.answered, Answered::Permitted(_, Some(_)))).collect()
}

async fn a_counterpart_sees_its_own_exchanges_with_what_became_of_them(database: &Database) -> TestResult {
    let store = database.open().await?;
    exchanges(&store).await?;
    let rows = all_of(&store, 2).await?;
    assert_eq!(completed(&rows), [true, false].repeat(5));
    assert_eq!(completed(&all_of(&store, 3).await?), [false]);
    assert!(all_of(&store, 4).await?.is_empty());
    store.close().await;
    Ok(())
}

async fn a_rebuilt_view_is_the_same_and_retention_leaves_nothing(database: &Database) -> TestResult {
    let store = database.open().await?;
    exchanges(&store).await?;
    store.rebuild_views().await?;
    assert_eq!(completed(&all_of(&store, 2).await?), [true, false].repeat(5));
    let over = Timestamp::from_millis(START.millis() + 2 * 86_400_000);
    let ambient = crate::samples::ticking_from(over);
    store.keep_exchanges_for(1, &ambient).await?;
    while store.destroy_what_is_over(30, 1000, &ambient).await? > 0 {}
    assert!(all_of(&store, 2).await?.is_empty());
    store.rebuild_views().await?;
    assert!(all_of(&store, 2).await?.is_empty());
    store.close().await;
    Ok(())
}

const AGREEMENT: uuid::Uuid = uuid::Uuid::from_u128(0x0193_2f5e_7c00_7000_8000_0000_0000_0001);

/// Ten incoming permits of participants 2 and 3 in turn, under versions 1 and 2 of an agreement in pairs; outgoing ones to
/// participant 2 after each, without a decision.
async fn decided(store: &Store) -> TestResult {
    let ambient = ticking();
    let mut batch = Vec::new();
    for number in 0..10_u32 {
        let transaction = TransactionId::from_uuid(ambient.uuid_v7());
        let Entry::Permit(mut permit) = permit_of(transaction, 2 + number % 2) else {
            return Err("a permit".into());
        };
        let purpose = if number < 4 { "benefit" } else { "tax" };
        let version = 1 + (number / 2) % 2;
        permit.decision = Some(serde_json::json!({
            "attributes": { "adl.core.policies": { "agreement": { "id": AGREEMENT, "version": version, "hash": "sha256:00" } } },
            "body": { "adl.core.request": { "context": { "purpose": purpose } } },
        }).into());
        batch.push(Entry::Permit(permit).prepare(&ambient)?);
        let transaction = TransactionId::from_uuid(ambient.uuid_v7());
        let Entry::Permit(mut out) = permit_of(transaction, 1) else { return Err("a permit".into()) };
        (out.direction, out.parties) = (Direction::Outgoing, parties(1, 2));
        batch.push(Entry::Permit(out).prepare(&ambient)?);
    }
    store.append(&batch).await?;
    store.integrate(1000).await?;
    Ok(())
}

/// How many exchanges, and how many decisions, a filter lets through in pages of three; each once, in order.
async fn found(store: &Store, filter: ExchangeFilter) -> Result<(usize, usize), Box<dyn std::error::Error>> {
    let (mut exchanges, mut decisions, mut cursor) = (Vec::new(), Vec::new(), None);
    loop {
        let page = store.exchanges(&filter, cursor.as_deref(), 3).await?;
        exchanges.extend(page.items.into_iter().map(|row| row.at));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    loop {
        let page = store.decisions(&filter, cursor.as_deref(), 3).await?;
        decisions.extend(page.items.into_iter().map(|row| row.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert!(exchanges.is_sorted() && decisions.is_sorted_by(|one, next| one < next));
    Ok((exchanges.len(), decisions.len()))
}

async fn exchanges_and_decisions_are_found_by_what_they_rest_on_page_after_page(
    database: &Database,
) -> TestResult {
    let store = database.open().await?;
    decided(&store).await?;
    let all = ExchangeFilter::default;
    let under = |version| Some(AgreementFilter { agreement: AGREEMENT, version });
    for (filter, count) in [
        (all(), 20),
        (ExchangeFilter { agreement: under(None), ..all() }, 10),
        (ExchangeFilter { agreement: under(Some(1)), ..all() }, 6),
        (ExchangeFilter { agreement: under(Some(2)), ..all() }, 4),
        (ExchangeFilter { agreement: under(Some(3)), ..all() }, 0),
        (ExchangeFilter { purpose: Some("benefit".to_owned()), ..all() }, 4),
        (ExchangeFilter { purpose: Some("tax".to_owned()), agreement: under(Some(2)), ..all() }, 2),
        (ExchangeFilter { service: Some("income".to_owned()), ..all() }, 20),
        (ExchangeFilter { service: Some("incomes".to_owned()), ..all() }, 0),
        // Those that it asked, and those that were asked of it.
        (ExchangeFilter { counterpart: Some(participant(2)), ..all() }, 15),
        (ExchangeFilter { counterpart: Some(participant(3)), ..all() }, 5),
        (ExchangeFilter { counterpart: Some(participant(3)), agreement: under(Some(1)), ..all() }, 3),
        (ExchangeFilter { counterpart: Some(participant(1)), ..all() }, 0),
        (ExchangeFilter { agreement: under(None), before: Some(START), ..all() }, 0),
    ] {
        assert_eq!(found(&store, filter.clone()).await?, (count, count), "{filter:?}");
    }
    // A place in one listing is none in the other.
    let page = store.decisions(&all(), None, 3).await?;
    let filter = ExchangeFilter { agreement: under(None), ..all() };
    assert!(store.decisions(&filter, page.next.as_deref(), 3).await.is_err());
    store.close().await;
    Ok(())
}

async fn under_however_many_headings_they_stand_they_are_found_in_their_order(
    database: &Database,
) -> TestResult {
    let (store, ambient) = (database.open().await?, ticking());
    let of_service =
        |service: &str| ExchangeFilter { service: Some(service.to_owned()), ..ExchangeFilter::default() };
    let mut count = 0;
    // Few, as many as are looked under one by one, and more than that.
    for more in [3_u32, 61, 7] {
        let mut batch = Vec::new();
        for number in (0..more).chain(0..more) {
            let transaction = TransactionId::from_uuid(ambient.uuid_v7());
            batch.push(permit_of(transaction, 2 + u32::try_from(count)? + number).prepare(&ambient)?);
            let transaction = TransactionId::from_uuid(ambient.uuid_v7());
            let Entry::Permit(mut other) = permit_of(transaction, 2) else { return Err("a permit".into()) };
            other.parties.service = "other".parse()?;
            batch.push(Entry::Permit(other).prepare(&ambient)?);
        }
        count += usize::try_from(2 * more)?;
        store.append(&batch).await?;
        store.integrate(1000).await?;
        assert_eq!(found(&store, of_service("income")).await?, (count, count));
        assert_eq!(found(&store, of_service("other")).await?, (count, count));
    }
    // Each exchange names its heading; what they share stands once.
    let headings = database.number("SELECT COUNT(*) FROM exchange_heading").await?;
    assert!((71..=140).contains(&headings), "{headings}");
    let named = database.number("SELECT COUNT(DISTINCT heading) FROM transaction_record").await?;
    assert_eq!(headings, named);
    store.close().await;
    Ok(())
}

async fn views_of_an_earlier_form_are_derived_anew_when_the_database_is_opened(
    database: &Database,
) -> TestResult {
    let store = database.open().await?;
    decided(&store).await?;
    store.close().await;
    let filter = || ExchangeFilter {
        agreement: Some(AgreementFilter { agreement: AGREEMENT, version: None }),
        ..ExchangeFilter::default()
    };
    let without = "UPDATE exchange_heading SET agreement = NULL, agreement_version = NULL, purpose = NULL, digest = substr(digest, 2)";
    database.tamper(without).await?;
    let store = database.open().await?;
    assert_eq!(found(&store, filter()).await?, (0, 0), "nothing is derived anew without need");
    store.close().await;
    database.tamper("UPDATE journal_head SET views_form = 0").await?;
    let store = database.open().await?;
    assert_eq!(found(&store, filter()).await?, (10, 10));
    store.close().await;
    Ok(())
}

use verbond_domain::{Timestamp, TransactionId};
use verbond_journal::{JournalStorage, Outcome, Place, PreparedEntry};
use verbond_store::Store;

use crate::{
    TestResult,
    database::Database,
    samples::{permit_of, ticking},
};

on_both!(
    a_volume_is_handed_out_once_over_all_processes,
    many_who_ask_at_once_get_no_more_than_there_is,
    a_person_has_so_many_places_over_all_processes,
    people_asked_about_together_in_any_order_do_not_wait_for_each_other,
    what_is_not_written_takes_no_place,
    a_question_without_an_answer_may_be_repeated_three_times,
    what_is_over_is_dropped_and_nothing_else,
);

const END: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn place(person: u8, most: u32) -> Place {
    let limit_of = "agreement/clause/incoming/day".to_owned();
    Place { period_end: END, limit_of, pseudonym: vec![person; 36], most }
}

fn asking(places: Vec<Place>) -> Result<PreparedEntry, Box<dyn std::error::Error>> {
    let ambient = ticking();
    let exchange = TransactionId::from_uuid(ticking().uuid_v7());
    let mut entry = permit_of(exchange, 2).prepare(&ambient)?;
    entry.places = places;
    Ok(entry)
}

async fn append(store: &Store, entry: PreparedEntry) -> Result<Outcome, Box<dyn std::error::Error>> {
    store.append(&[entry]).await?.first().copied().ok_or_else(|| "no outcome".into())
}

async fn a_volume_is_handed_out_once_over_all_processes(database: &Database) -> TestResult {
    let stores = [database.open().await?, database.open().await?, database.open().await?];
    for (most, block) in [(0, 1), (1, 1), (7, 1), (100, 1), (100, 7), (5, 1_000)] {
        let limit = format!("{most}/{block}");
        let mut handed_out = 0;
        for _ in 0..most / block + 2 {
            let ask = |store: &Store| {
                let (store, limit) = (store.clone(), limit.clone());
                async move { store.lease_volume(&limit, END, most, block).await }
            };
            let (first, second, third) = tokio::join!(ask(&stores[0]), ask(&stores[1]), ask(&stores[2]));
            handed_out += first? + second? + third?;
            assert!(handed_out <= most, "{handed_out} of {most}");
        }
        assert_eq!(handed_out, most);
        // A process that starts later gets nothing; nor does anybody when the limit is lower in a later version.
        let later = database.open().await?;
        assert_eq!(later.lease_volume(&limit, END, most, block).await?, 0);
        assert_eq!(later.lease_volume(&limit, END, most / 2, block).await?, 0);
        assert_eq!(later.lease_volume(&limit, END, most + 2, 5).await?, 2);
        later.close().await;
    }
    for store in stores {
        store.close().await;
    }
    Ok(())
}

async fn many_who_ask_at_once_get_no_more_than_there_is(database: &Database) -> TestResult {
    let (one, other) = (database.open().await?, database.open().await?);
    let (most, block) = (50, 3);
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..16 {
        let store = if number % 2 == 0 { one.clone() } else { other.clone() };
        asking.spawn(async move {
            let mut got = 0;
            for _ in 0..4 {
                got += store.lease_volume("limit", END, most, block).await?;
            }
            Ok::<_, verbond_store::StoreError>(got)
        });
    }
    let mut handed_out = 0;
    while let Some(got) = asking.join_next().await {
        handed_out += got??;
    }
    assert_eq!(handed_out, most);
    one.close().await;
    other.close().await;
    Ok(())
}

async fn a_person_has_so_many_places_over_all_processes(database: &Database) -> TestResult {
    let (one, other) = (database.open().await?, database.open().await?);
    let mut written = 0;
    for _ in 0..12 {
        let (first, second) = tokio::join!(
            append(&one, asking(vec![place(1, 5)])?),
            append(&other, asking(vec![place(1, 5)])?)
        );
        for outcome in [first?, second?] {
            match outcome {
                Outcome::Written => written += 1,
                outcome => assert_eq!(outcome, Outcome::LimitReached),
            }
        }
    }
    assert_eq!(written, 5);
    // Somebody else has places of their own, and so has the same person in another period.
    assert_eq!(append(&one, asking(vec![place(2, 5)])?).await?, Outcome::Written);
    let next = Place { period_end: END.plus_seconds(86_400), ..place(1, 5) };
    assert_eq!(append(&one, asking(vec![next])?).await?, Outcome::Written);
    // In one transaction too.
    let batch: Vec<PreparedEntry> = (0..4).map(|_| asking(vec![place(3, 2)])).collect::<Result<_, _>>()?;
    let outcomes = one.append(&batch).await?;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Written).count(), 2);
    let ids: Vec<_> = batch.iter().map(|entry| entry.id).collect();
    assert_eq!(one.present(&ids).await?.len(), 2, "a refused permit was written");
    one.close().await;
    other.close().await;
    Ok(())
}

async fn people_asked_about_together_in_any_order_do_not_wait_for_each_other(
    database: &Database,
) -> TestResult {
    let (one, other) = (database.open().await?, database.open().await?);
    for _ in 0..20 {
        let there = [asking(vec![place(1, 1_000)])?, asking(vec![place(2, 1_000), place(3, 1_000)])?];
        let back = [asking(vec![place(3, 1_000), place(2, 1_000)])?, asking(vec![place(1, 1_000)])?];
        let (there, back) = tokio::join!(one.append(&there), other.append(&back));
        assert_eq!([there?, back?].concat(), [Outcome::Written; 4]);
    }
    one.close().await;
    other.close().await;
    Ok(())
}

async fn what_is_not_written_takes_no_place(database: &Database) -> TestResult {
    let store = database.open().await?;
    let first = asking(vec![place(1, 2)])?;
    assert_eq!(append(&store, first.clone()).await?, Outcome::Written);
    // Repeated after an unknown outcome.
    assert_eq!(append(&store, first.clone()).await?, Outcome::Written);
    // A second permit of the same exchange.
    let mut duplicate = asking(vec![place(1, 2)])?;
    duplicate.unique_key.clone_from(&first.unique_key);
    assert_eq!(append(&store, duplicate).await?, Outcome::Duplicate);
    // One of two people has no place left.
    assert_eq!(append(&store, asking(vec![place(9, 1)])?).await?, Outcome::Written);
    assert_eq!(append(&store, asking(vec![place(1, 2), place(9, 1)])?).await?, Outcome::LimitReached);
    assert_eq!(append(&store, asking(vec![place(1, 2)])?).await?, Outcome::Written);
    assert_eq!(append(&store, asking(vec![place(1, 2)])?).await?, Outcome::LimitReached);
    store.close().await;
    Ok(())
}

async fn a_question_without_an_answer_may_be_repeated_three_times(database: &Database) -> TestResult {
    let store = database.open().await?;
    for repeat in 0..4 {
        let asked = asking(vec![place(1, 1)])?;
        let (id, places) = (asked.id, asked.places.clone());
        assert_eq!(append(&store, asked).await?, Outcome::Written, "repeat {repeat}");
        // Nobody gives back what another took.
        store.give_back(verbond_journal::EntryId(ticking().uuid_v7()), &places).await?;
        assert_eq!(append(&store, asking(vec![place(1, 1)])?).await?, Outcome::LimitReached);
        store.give_back(id, &places).await?;
        store.give_back(id, &places).await?;
    }
    assert_eq!(append(&store, asking(vec![place(1, 1)])?).await?, Outcome::LimitReached);
    store.close().await;
    Ok(())
}

async fn what_is_over_is_dropped_and_nothing_else(database: &Database) -> TestResult {
    let store = database.open().await?;
    for period_end in [END, END.plus_seconds(1)] {
        store.lease_volume("limit", period_end, 1, 1).await?;
        append(&store, asking(vec![Place { period_end, ..place(1, 1) }])?).await?;
    }
    assert_eq!(store.drop_counts_before(END.plus_seconds(1)).await?, 1);
    assert_eq!(store.drop_counts_before(END.plus_seconds(1)).await?, 0);
    assert_eq!(store.lease_volume("limit", END, 1, 1).await?, 1);
    assert_eq!(store.lease_volume("limit", END.plus_seconds(1), 1, 1).await?, 0);
    let kept = Place { period_end: END.plus_seconds(1), ..place(1, 1) };
    assert_eq!(append(&store, asking(vec![kept])?).await?, Outcome::LimitReached);
    store.close().await;
    Ok(())
}

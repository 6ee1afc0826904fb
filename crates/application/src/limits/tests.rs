use std::sync::Mutex as Lock;

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A database: what it has handed out, and whether it answers.
#[derive(Default)]
struct Ledger {
    handed_out: Lock<HashMap<(String, Timestamp), u32>>,
    gone: AtomicBool,
    asked: AtomicU32,
}

#[async_trait]
impl Volumes for Ledger {
    async fn lease(&self, limit_of: &str, end: Timestamp, most: u32, block: u32) -> Result<u32, StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        if self.gone.load(Ordering::Relaxed) {
            return Err(StoreError::Database("gone".to_owned()));
        }
        let mut handed_out = self.handed_out.lock().map_err(|_| StoreError::Database("torn".to_owned()))?;
        let handed_out = handed_out.entry((limit_of.to_owned(), end)).or_default();
        let granted = block.min(most.saturating_sub(*handed_out));
        *handed_out += granted;
        Ok(granted)
    }

    async fn give_back(&self, _: EntryId, _: &[Place]) -> Result<(), StoreError> {
        Ok(())
    }
}

fn key(end: i64) -> Result<LimitKey, Box<dyn std::error::Error>> {
    Ok(LimitKey {
        agreement: "01932f5e-7c00-7000-8000-000000000001".parse()?,
        clause: "incomes".parse()?,
        direction: Direction::Incoming,
        period: Period::Day,
        end: Timestamp::from_seconds(end),
    })
}

/// As a decision does: what there is, else once after waiting.
async fn place(limits: &Arc<Limits>, key: &LimitKey, most: u32) -> Result<VolumePlace, Shortage> {
    match limits.take(key, most)? {
        Some(place) => Ok(place),
        None => limits.wait_for(key, most).await,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_come_and_go_never_use_more_than_there_is() -> Outcome {
    for (most, asked_by_each) in [(1, 3), (63, 40), (640, 400), (5_000, 3_000)] {
        let ledger = Arc::new(Ledger::default());
        let (mut used, key) = (0_u32, key(86_400)?);
        for _ in 0..3 {
            // Two at a time, which then die with what they hold.
            let processes = [0, 1].map(|_| Limits::new(Arc::<Ledger>::clone(&ledger)));
            let mut running = tokio::task::JoinSet::new();
            for number in 0..asked_by_each {
                for limits in &processes {
                    let (limits, key) = (Arc::clone(limits), key.clone());
                    running.spawn(async move {
                        let place = place(&limits, &key, most).await;
                        match place {
                            // Some are refused for another reason: their place goes back.
                            Ok(place) if number % 7 == 3 => {
                                drop(place);
                                0
                            }
                            Ok(place) => {
                                place.used();
                                1
                            }
                            Err(shortage) => {
                                assert!(matches!(shortage, Shortage::VolumeReached(_)), "{shortage:?}");
                                0
                            }
                        }
                    });
                }
            }
            while let Some(one) = running.join_next().await {
                used += one?;
            }
        }
        assert!(used <= most, "{used} of {most}");
        assert!(used >= most - 6 * 2 * block(most).min(most / 2), "{used} of {most}: too much is lost");
    }
    Ok(())
}

#[tokio::test]
async fn the_database_is_asked_ahead_and_seldom() -> Outcome {
    let ledger = Arc::new(Ledger::default());
    let (limits, key, most) = (Limits::new(Arc::<Ledger>::clone(&ledger)), key(86_400)?, 64_000);
    place(&limits, &key, most).await.map_err(|shortage| format!("{shortage:?}"))?.used();
    for _ in 0..10_000 {
        // Never without a place that is there at once.
        let there = limits.take(&key, most).map_err(|shortage| format!("{shortage:?}"))?;
        there.ok_or("nothing was there")?.used();
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    }
    let asked = ledger.asked.load(Ordering::Relaxed);
    assert!(asked <= 10_000 / 1_000 + 3, "{asked}");
    Ok(())
}

#[tokio::test]
async fn without_an_answer_of_the_database_it_is_unknown_and_not_reached() -> Outcome {
    let ledger = Arc::new(Ledger::default());
    let (limits, key) = (Limits::new(Arc::<Ledger>::clone(&ledger)), key(86_400)?);
    ledger.gone.store(true, Ordering::Relaxed);
    assert_eq!(place(&limits, &key, 2).await.err(), Some(Shortage::VolumeUnknown));
    ledger.gone.store(false, Ordering::Relaxed);
    for _ in 0..2 {
        place(&limits, &key, 2).await.map_err(|shortage| format!("{shortage:?}"))?.used();
    }
    assert_eq!(place(&limits, &key, 2).await.err(), Some(Shortage::VolumeReached(key.end)));
    // Nobody is asked again for what is known to be used up; a later version may have room.
    let asked = ledger.asked.load(Ordering::Relaxed);
    assert_eq!(place(&limits, &key, 2).await.err(), Some(Shortage::VolumeReached(key.end)));
    assert_eq!(ledger.asked.load(Ordering::Relaxed), asked);
    assert!(place(&limits, &key, 3).await.is_ok());
    Ok(())
}

#[tokio::test]
async fn another_period_counts_anew_and_the_one_before_is_forgotten() -> Outcome {
    let ledger = Arc::new(Ledger::default());
    let limits = Limits::new(Arc::<Ledger>::clone(&ledger));
    for day in 1..=3 {
        let key = key(day * 86_400)?;
        place(&limits, &key, 1).await.map_err(|shortage| format!("{shortage:?}"))?.used();
        assert_eq!(place(&limits, &key, 1).await.err(), Some(Shortage::VolumeReached(key.end)));
    }
    Ok(())
}

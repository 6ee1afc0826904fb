//! The appender over a storage that fails, hangs and lies in all the ways that databases do.

use std::{
    collections::VecDeque,
    error::Error,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::{BoxFuture, join_all};
use proptest::prelude::*;
use verbond_domain::{Ambient, Clock, Direction, Entropy, ExchangeParties, Timestamp, TransactionId};
use verbond_journal::{
    AppendError, Entry, EntryId, Journal, JournalLimits, JournalStorage, Outcome, Permit, PreparedEntry,
    StorageError,
};

type TestResult = Result<(), Box<dyn Error>>;

/// What the storage does with one append; when it runs out of these it behaves well.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Works,
    /// Fails, and nothing is written.
    FailsBefore,
    /// Writes, and fails nevertheless.
    FailsAfter,
    /// Writes, and never answers.
    HangsAfter,
    /// Writes after a while.
    Slow,
    /// Writes, and then comes to a fault of the program.
    PanicsAfter,
}

#[derive(Default)]
struct State {
    entries: Vec<PreparedEntry>,
    fates: VecDeque<Fate>,
    /// Whether asking what is there fails as well.
    blind: bool,
    batches: Vec<usize>,
}

#[derive(Default)]
struct Storage(Mutex<State>);

impl Storage {
    fn with(fates: impl IntoIterator<Item = Fate>) -> Arc<Self> {
        let storage = Self::default();
        storage.state().fates = fates.into_iter().collect();
        Arc::new(storage)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, batch: &[PreparedEntry]) -> Vec<Outcome> {
        let mut state = self.state();
        let mut outcomes = Vec::new();
        for entry in batch {
            if state.entries.iter().any(|other| other.id == entry.id) {
                outcomes.push(Outcome::Written);
            } else if entry.unique_key.is_some()
                && state.entries.iter().any(|other| other.unique_key == entry.unique_key)
            {
                outcomes.push(Outcome::Duplicate);
            } else {
                state.entries.push(entry.clone());
                outcomes.push(Outcome::Written);
            }
        }
        outcomes
    }

    fn times(&self, id: EntryId) -> usize {
        self.state().entries.iter().filter(|entry| entry.id == id).count()
    }
}

impl JournalStorage for Storage {
    fn append<'a>(&'a self, batch: &'a [PreparedEntry]) -> BoxFuture<'a, Result<Vec<Outcome>, StorageError>> {
        Box::pin(async move {
            let fate = {
                let mut state = self.state();
                state.batches.push(batch.len());
                state.fates.pop_front().unwrap_or(Fate::Works)
            };
            match fate {
                Fate::Works => Ok(self.write(batch)),
                Fate::FailsBefore => Err(StorageError("broken".to_owned())),
                Fate::FailsAfter => {
                    self.write(batch);
                    Err(StorageError("connection lost".to_owned()))
                }
                Fate::HangsAfter => {
                    self.write(batch);
                    std::future::pending().await
                }
                Fate::Slow => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Ok(self.write(batch))
                }
                Fate::PanicsAfter => {
                    self.write(batch);
                    unreachable!("a fault of the program")
                }
            }
        })
    }

    fn present<'a>(&'a self, ids: &'a [EntryId]) -> BoxFuture<'a, Result<Vec<EntryId>, StorageError>> {
        Box::pin(async move {
            if self.state().blind {
                return Err(StorageError("still broken".to_owned()));
            }
            Ok(ids.iter().copied().filter(|id| self.times(*id) > 0).collect())
        })
    }
}

struct Counting(AtomicU64);

impl Clock for Counting {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000)
    }
}

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        buffer.iter_mut().rev().zip(number.iter().rev()).for_each(|(byte, digit)| *byte = *digit);
    }
}

fn ambient() -> Ambient {
    let counting = Arc::new(Counting(AtomicU64::new(0)));
    Ambient::new(Arc::clone(&counting) as Arc<dyn Clock>, counting)
}

fn limits() -> JournalLimits {
    JournalLimits { queue: 64, batch: 8, timeout: Duration::from_secs(2) }
}

/// A permit of the exchange with that number.
fn permit(exchange: u128) -> Result<Entry, Box<dyn Error>> {
    Ok(Entry::Permit(Permit {
        transaction_id: TransactionId::from_uuid(uuid::Uuid::from_u128(exchange)),
        direction: Direction::Outgoing,
        parties: ExchangeParties {
            consumer: "oin:00000099000000010000".parse()?,
            consumer_delegator: None,
            provider: "oin:00000099000000020000".parse()?,
            provider_delegator: None,
            service: "income".parse()?,
        },
        wire: Default::default(),
        application: None,
        decision: None,
        processing: Vec::new(),
        owed: None,
    }))
}

async fn append_all(
    journal: &Journal,
    exchanges: impl IntoIterator<Item = u128>,
) -> Result<Vec<Result<EntryId, AppendError>>, Box<dyn Error>> {
    let entries = exchanges.into_iter().map(permit).collect::<Result<Vec<_>, _>>()?;
    Ok(join_all(entries.iter().map(|entry| journal.append(entry))).await)
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_the_program_costs_one_batch_and_not_the_journal() -> TestResult {
    let storage = Storage::with([Fate::PanicsAfter]);
    let journal = Journal::start(Arc::clone(&storage) as Arc<dyn JournalStorage>, ambient(), limits());
    let refused = append_all(&journal, [1, 2]).await?;
    assert!(refused.iter().all(|outcome| matches!(outcome, Err(AppendError::Unavailable(_)))));
    let written = journal.append(&permit(3)?).await?;
    assert_eq!(storage.times(written), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_gathers_while_one_batch_is_written_goes_into_the_next() -> TestResult {
    let storage = Storage::with([Fate::Slow]);
    let journal = Journal::start(Arc::clone(&storage) as Arc<dyn JournalStorage>, ambient(), limits());
    let first = permit(1)?;
    let first = journal.append(&first);
    let rest = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        append_all(&journal, 2..12).await
    };
    let (first, rest) = tokio::join!(first, rest);
    first?;
    assert!(rest?.iter().all(Result::is_ok));
    assert_eq!(storage.state().batches, [1, 8, 2]);
    let statistics = journal.statistics();
    assert_eq!((statistics.written, statistics.batches, statistics.failures), (11, 3, 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_at_once() -> TestResult {
    let storage = Storage::with([Fate::Slow]);
    let limits = JournalLimits { queue: 2, batch: 1, ..limits() };
    let journal = Journal::start(storage, ambient(), limits);
    let outcomes = append_all(&journal, 0..5).await?;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
    assert!(
        outcomes
            .iter()
            .flat_map(|outcome| outcome.as_ref().err())
            .all(|error| { *error == AppendError::Unavailable("too many entries wait".to_owned()) })
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_in_the_same_batch_is_refused_and_the_first_stands() -> TestResult {
    let storage = Storage::with([Fate::Slow]);
    let journal = Journal::start(Arc::clone(&storage) as Arc<dyn JournalStorage>, ambient(), limits());
    let outcomes = append_all(&journal, [7, 7, 8, 7]).await?;
    let refused: Vec<_> = outcomes.iter().map(|outcome| *outcome == Err(AppendError::Duplicate)).collect();
    assert_eq!(refused, [false, true, false, true]);
    assert_eq!(storage.state().entries.len(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_append_that_failed_after_its_commit_is_acknowledged_and_not_repeated() -> TestResult {
    let storage = Storage::with([Fate::FailsAfter]);
    let journal = Journal::start(Arc::clone(&storage) as Arc<dyn JournalStorage>, ambient(), limits());
    let id = journal.append(&permit(1)?).await?;
    assert_eq!((storage.times(id), storage.state().batches.len()), (1, 1));
    assert_eq!(journal.statistics().failures, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_append_that_failed_before_its_commit_is_repeated_once() -> TestResult {
    let storage = Storage::with([Fate::FailsBefore]);
    let journal = Journal::start(Arc::clone(&storage) as Arc<dyn JournalStorage>, ambient(), limits());
    assert!(journal.append(&permit(1)?).await.is_ok());

    storage.state().fates = VecDeque::from([Fate::FailsBefore, Fate::FailsBefore]);
    assert!(matches!(journal.append(&permit(2)?).await, Err(AppendError::Unavailable(_))));
    assert_eq!(storage.state().entries.len(), 1);
    assert_eq!(storage.state().batches.len(), 4);
    // And it goes on.
    assert!(journal.append(&permit(3)?).await.is_ok());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_looked_up_is_not_acknowledged() -> TestResult {
    let storage = Storage::with([Fate::FailsAfter]);
    storage.state().blind = true;
    let journal = Journal::start(Arc::clone(&storage) as Arc<dyn JournalStorage>, ambient(), limits());
    assert!(matches!(journal.append(&permit(1)?).await, Err(AppendError::Unavailable(_))));
    assert_eq!(storage.state().batches.len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_hangs_is_refused_in_time_and_left_behind() -> TestResult {
    let storage = Storage::with([Fate::HangsAfter]);
    let journal = Journal::start(Arc::clone(&storage) as Arc<dyn JournalStorage>, ambient(), limits());
    let started = tokio::time::Instant::now();
    assert!(matches!(journal.append(&permit(1)?).await, Err(AppendError::Unavailable(_))));
    assert_eq!(started.elapsed().as_secs(), 2);
    assert!(journal.append(&permit(2)?).await.is_ok());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_its_caller_has_given_up_is_not_written_any_more() -> TestResult {
    let storage = Storage::with([Fate::Slow]);
    let journal = Journal::start(Arc::clone(&storage) as Arc<dyn JournalStorage>, ambient(), limits());
    let (first, second) = (permit(1)?, permit(2)?);
    let first = journal.append(&first);
    let second = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        tokio::time::timeout(Duration::from_millis(10), journal.append(&second)).await
    };
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_ok() && second.is_err());
    journal.close().await;
    assert_eq!(storage.state().entries.len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn closing_waits_for_what_was_handed_in_and_refuses_the_rest() -> TestResult {
    let storage = Storage::with([Fate::Slow; 12]);
    let limits = JournalLimits { batch: 1, ..limits() };
    let journal = Journal::start(Arc::clone(&storage) as Arc<dyn JournalStorage>, ambient(), limits);
    let close = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        journal.close().await;
        storage.state().entries.len()
    };
    let (outcomes, written_at_close) = tokio::join!(append_all(&journal, 0..12), close);
    assert!(outcomes?.iter().all(Result::is_ok));
    assert_eq!(written_at_close, 12);
    assert!(matches!(journal.append(&permit(99)?).await, Err(AppendError::Unavailable(_))));
    journal.close().await;
    Ok(())
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        Just(Fate::Works),
        Just(Fate::FailsBefore),
        Just(Fate::FailsAfter),
        Just(Fate::HangsAfter),
        Just(Fate::Slow)
    ];
    prop::collection::vec(fate, 0..12)
}

proptest! {
    #[test]
    fn every_acknowledged_entry_is_in_the_storage_exactly_once(
        fates in fates(),
        blind: bool,
        batch in 1_usize..10,
        exchanges in prop::collection::vec(0_u128..20, 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let outcome: Result<(), Box<dyn Error>> = runtime.block_on(async {
            let storage = Storage::with(fates);
            storage.state().blind = blind;
            let shared = Arc::clone(&storage) as Arc<dyn JournalStorage>;
            let journal = Journal::start(shared, ambient(), JournalLimits { batch, ..limits() });
            let outcomes = append_all(&journal, exchanges.clone()).await?;
            journal.close().await;
            let mut acknowledged = Vec::new();
            for (exchange, outcome) in exchanges.iter().zip(outcomes) {
                if let Ok(id) = outcome {
                    assert_eq!(storage.times(id), 1);
                    acknowledged.push(*exchange);
                }
            }
            // No exchange is permitted twice.
            let count = acknowledged.len();
            acknowledged.sort_unstable();
            acknowledged.dedup();
            assert_eq!(acknowledged.len(), count);
            Ok(())
        });
        prop_assert!(outcome.is_ok(), "{outcome:?}");
    }
}

//! Writing down what became of exchanges, beside them: nobody waits for it.
//!
//! A completion is written after the fact, so that an exchange whose completion is lost (the power is cut, or the journal
//! stays away for longer than there is room) reads *permitted, delivery unknown*; it never reads as delivered.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::join_all};
use tokio::sync::{Notify, mpsc, watch};
use verbond_fail_points::fail_point;
use verbond_journal::{AppendError, Completion, Entry, Journal, PreparedEntry};

/// Completions that may wait.
const ROOM: usize = 65_536;
/// Completions that are handed to the journal together.
const TOGETHER: usize = 256;
/// How long the first one waits for others, so that they share a commit.
const GATHER: Duration = Duration::from_millis(10);
/// Pause before what the journal did not take is handed in again.
const TROUBLE: Duration = Duration::from_secs(1);

/// The way for completions into the journal. Cheap to clone.
#[derive(Clone)]
pub struct Completions {
    queue: mpsc::Sender<Completion>,
    lost: Arc<AtomicU64>,
    closing: Arc<Notify>,
    finished: watch::Receiver<bool>,
}

impl Completions {
    /// Starts the task that writes; must be called within a Tokio runtime.
    pub fn start(journal: Journal) -> Self {
        let (queue, waiting) = mpsc::channel(ROOM);
        let (finish, finished) = watch::channel(false);
        let closing = Arc::new(Notify::new());
        let lost = Arc::new(AtomicU64::new(0));
        tokio::spawn(run(journal, waiting, Arc::clone(&lost), Arc::clone(&closing), finish));
        Self { queue, lost, closing, finished }
    }

    /// Has it written. Where there is no room, it is lost and counted.
    pub fn write(&self, completion: Completion) {
        if let Err(error) = self.queue.try_send(completion) {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            tracing::error!(%error, lost, "a completion cannot be written: its delivery reads as unknown");
        }
    }

    /// How many are lost since the start.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Waits until everything that was handed in is written, or refused by a journal that is away.
    pub async fn close(&self) {
        self.closing.notify_one();
        // An error means that the task is gone, so that nothing is left to wait for.
        let _ = self.finished.clone().wait_for(|finished| *finished).await;
    }
}

async fn run(
    journal: Journal,
    mut waiting: mpsc::Receiver<Completion>,
    lost: Arc<AtomicU64>,
    closing: Arc<Notify>,
    finish: watch::Sender<bool>,
) {
    let mut taken = Vec::with_capacity(TOGETHER);
    let mut is_closing = false;
    loop {
        tokio::select! {
            count = waiting.recv_many(&mut taken, TOGETHER) => {
                if count == 0 {
                    break;
                }
            }
            () = closing.notified(), if !is_closing => {
                is_closing = true;
                waiting.close();
                continue;
            }
        }
        if taken.len() < TOGETHER && !is_closing {
            tokio::time::sleep(GATHER).await;
            while taken.len() < TOGETHER
                && let Ok(another) = waiting.try_recv()
            {
                taken.push(another);
            }
        }
        // Prepared once: one of which the journal said wrongly that it did not take it is not there twice.
        let mut entries: Vec<PreparedEntry> =
            taken.drain(..).filter_map(|completion| prepared(&journal, completion)).collect();
        while !entries.is_empty() {
            let count = entries.len();
            let handed_in = not_taken(&journal, std::mem::take(&mut entries));
            // A fault of the program costs these, and no later ones.
            entries = AssertUnwindSafe(handed_in).catch_unwind().await.unwrap_or_else(|_| {
                let lost = lost.fetch_add(count as u64, Ordering::Relaxed).saturating_add(count as u64);
                tracing::error!(
                    count,
                    lost,
                    "writing completions came to a fault of the program: their delivery reads as unknown"
                );
                Vec::new()
            });
            if entries.is_empty() {
                break;
            }
            if is_closing || waiting.is_closed() {
                tracing::error!(completions = entries.len(), "completions cannot be written: lost");
                entries.clear();
            } else {
                tokio::select! {
                    () = tokio::time::sleep(TROUBLE) => {}
                    () = closing.notified() => {
                        is_closing = true;
                        waiting.close();
                    }
                }
            }
        }
    }
    finish.send_replace(true);
}

fn prepared(journal: &Journal, completion: Completion) -> Option<PreparedEntry> {
    let entry = journal.prepare(&Entry::Completion(completion));
    entry.inspect_err(|error| tracing::error!(%error, "a completion cannot be written")).ok()
}

/// Hands these in, and gives back those of which the journal did not say that it took them.
async fn not_taken(journal: &Journal, entries: Vec<PreparedEntry>) -> Vec<PreparedEntry> {
    fail_point!("completions::write");
    let appended = entries.into_iter().map(async |entry| {
        let outcome = journal.append_prepared(entry.clone()).await;
        matches!(outcome, Err(AppendError::Unavailable(_))).then_some(entry)
    });
    let not_taken = join_all(appended).await.into_iter().flatten().collect();
    fail_point!("completions::written");
    not_taken
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use futures_util::future::BoxFuture;
    use verbond_domain::{Ambient, Clock, Direction, Entropy, Timestamp, TransactionId};
    use verbond_journal::{
        Bytes32, Counting, Delivery, EntryId, JournalLimits, JournalStorage, Outcome, StorageError,
    };

    use super::*;

    /// Each filling of bytes differs.
    #[derive(Default)]
    struct Turn(AtomicU64);

    impl Clock for Turn {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(1_800_000_000)
        }
    }

    impl Entropy for Turn {
        fn fill(&self, buffer: &mut [u8]) {
            let turn = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes();
            buffer.iter_mut().zip(turn.iter().cycle()).for_each(|(byte, turn)| *byte = *turn);
        }
    }

    /// Writes, and says so many times that it failed.
    struct Silent {
        entries: Mutex<Vec<EntryId>>,
        failures: AtomicU64,
    }

    impl Silent {
        fn answer<T>(&self, answer: T) -> Result<T, StorageError> {
            let left = |left: u64| left.checked_sub(1);
            match self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left) {
                Ok(_) => Err(StorageError("the connection is lost".to_owned())),
                Err(_) => Ok(answer),
            }
        }

        fn entries(&self) -> Vec<EntryId> {
            self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
    }

    impl JournalStorage for Silent {
        fn append<'a>(
            &'a self,
            batch: &'a [PreparedEntry],
        ) -> BoxFuture<'a, Result<Vec<Outcome>, StorageError>> {
            Box::pin(async move {
                let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
                for entry in batch {
                    if !entries.contains(&entry.id) {
                        entries.push(entry.id);
                    }
                }
                drop(entries);
                self.answer(vec![Outcome::Written; batch.len()])
            })
        }

        fn present<'a>(&'a self, _ids: &'a [EntryId]) -> BoxFuture<'a, Result<Vec<EntryId>, StorageError>> {
            Box::pin(async move { self.answer(self.entries()) })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_completion_stands_once_however_often_the_journal_says_that_it_was_not_taken()
    -> Result<(), Box<dyn std::error::Error>> {
        let turn = Arc::new(Turn::default());
        let ambient = Ambient::new(Arc::clone(&turn) as _, turn);
        // The append and the question whether it stands, seven times over.
        let storage = Arc::new(Silent { entries: Mutex::default(), failures: 14.into() });
        let limits = JournalLimits { queue: 10, batch: 10, timeout: Duration::from_secs(1) };
        let journal = Journal::start(Arc::clone(&storage) as _, ambient.clone(), limits);
        let completions = Completions::start(journal.clone());
        let salt = Bytes32([1; 32]);
        let nothing = Counting::new(&salt).crossed();
        for number in 0..3 {
            let transaction_id: TransactionId =
                format!("018f0000-0000-7000-8000-00000000000{number}").parse()?;
            completions.write(Completion {
                transaction_id,
                direction: Direction::Incoming,
                counterpart: "oin:00000099000000030001".parse()?,
                permit: EntryId(*transaction_id.as_uuid()),
                delivery: Delivery::Nothing,
                status: None,
                code: None,
                request: nothing,
                response: nothing,
                elements: Vec::new(),
                people: None,
                salt,
            });
        }
        tokio::time::sleep(TROUBLE * 20).await;
        assert_eq!(storage.failures.load(Ordering::Relaxed), 0, "it is handed in again until it is taken");
        assert_eq!(storage.entries().len(), 3);
        assert_eq!((journal.statistics().written, completions.lost()), (3, 0));
        Ok(())
    }
}

//! Group commit: appends that wait together share one transaction.

use std::{
    collections::HashSet,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use verbond_domain::Ambient;
use verbond_fail_points::fail_point;

use crate::{Entry, EntryId, JournalStorage, Outcome, Place, PreparedEntry, StorageError};

/// Bounds of the appender.
#[derive(Clone, Copy, Debug)]
pub struct JournalLimits {
    /// Entries that may wait; more are refused at once.
    pub queue: usize,
    /// Entries in one transaction at most.
    pub batch: usize,
    /// Longest time that one append may take before its caller is refused, and longest time that one call of the
    /// storage may take before its outcome counts as unknown.
    pub timeout: Duration,
}

/// Why an entry is not written, as far as the caller may rely on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// An entry with the same unique key stands already.
    #[error("an entry with the same key stands already")]
    Duplicate,
    /// A limit has no place left for it.
    #[error("a limit has no place left for it")]
    LimitReached,
    /// The queue is full, the storage fails, or it takes too long. The entry may still be written later.
    #[error("the journal cannot be written: {0}")]
    Unavailable(String),
}

/// Figures for the metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct JournalStatistics {
    /// Entries written since the start.
    pub written: u64,
    /// Transactions, failed ones included.
    pub batches: u64,
    /// Failed transactions, and those whose outcome was unknown.
    pub failures: u64,
    /// Microseconds spent waiting, summed over entries.
    pub wait_micros: u64,
}

/// The way into the journal. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    queue: mpsc::Sender<Waiting>,
    closing: Arc<Notify>,
    finished: watch::Receiver<bool>,
    figures: Arc<Figures>,
    ambient: Ambient,
    timeout: Duration,
}

impl Journal {
    /// Starts the appender task; must be called within a Tokio runtime.
    pub fn start(storage: Arc<dyn JournalStorage>, ambient: Ambient, limits: JournalLimits) -> Self {
        let (queue, waiting) = mpsc::channel(limits.queue.max(1));
        let (finish, finished) = watch::channel(false);
        let closing = Arc::new(Notify::new());
        let figures = Arc::new(Figures::default());
        let writer = Writer { storage, timeout: limits.timeout, figures: Arc::clone(&figures) };
        tokio::spawn(run(writer, waiting, limits.batch.max(1), Arc::clone(&closing), finish));
        Self { queue, closing, finished, figures, ambient, timeout: limits.timeout }
    }

    /// Appends one entry and returns when it is durable.
    ///
    /// # Errors
    /// [`AppendError`]; nothing may follow from an entry whose append failed.
    pub async fn append(&self, entry: &Entry) -> Result<EntryId, AppendError> {
        self.append_within(entry, Vec::new()).await
    }

    /// As [`Journal::append`], together with places within limits: either all are taken and the entry is written, or
    /// nothing is.
    ///
    /// # Errors
    /// As [`Journal::append`]; [`AppendError::LimitReached`] when a place is not to be had.
    pub async fn append_within(&self, entry: &Entry, places: Vec<Place>) -> Result<EntryId, AppendError> {
        self.append_prepared(PreparedEntry { places, ..self.prepare(entry)? }).await
    }

    /// Gives an entry the identifier under which it will stand, so that it can be handed in more than once and stands once.
    ///
    /// # Errors
    /// [`AppendError::Unavailable`], when it cannot be written as JSON.
    pub fn prepare(&self, entry: &Entry) -> Result<PreparedEntry, AppendError> {
        entry.prepare(&self.ambient).map_err(|error| unavailable(&error.to_string()))
    }

    /// As [`Journal::append`], for an entry that has been prepared. One that stands already, by an earlier append that
    /// failed, is not written again.
    ///
    /// # Errors
    /// As [`Journal::append_within`].
    pub async fn append_prepared(&self, entry: PreparedEntry) -> Result<EntryId, AppendError> {
        fail_point!("journal::queued", |reason: String| Err(unavailable(&reason)));
        let (reply, outcome) = oneshot::channel();
        let waiting = Waiting { entry, caller: Caller { reply, since: Instant::now() } };
        self.queue.try_send(waiting).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => unavailable("too many entries wait"),
            mpsc::error::TrySendError::Closed(_) => unavailable("it is closed"),
        })?;
        let outcome = match tokio::time::timeout(self.timeout, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(unavailable("it has stopped, or failed on this entry")),
            Err(_) => Err(unavailable("it took too long")),
        };
        fail_point!("journal::acknowledged", |reason: String| Err(unavailable(&reason)));
        outcome
    }

    /// Figures since the start.
    pub fn statistics(&self) -> JournalStatistics {
        JournalStatistics {
            written: self.figures.written.load(Ordering::Relaxed),
            batches: self.figures.batches.load(Ordering::Relaxed),
            failures: self.figures.failures.load(Ordering::Relaxed),
            wait_micros: self.figures.wait_micros.load(Ordering::Relaxed),
        }
    }

    /// Waits until everything that was handed in has been written or refused; further appends are refused.
    pub async fn close(&self) {
        self.closing.notify_one();
        // An error means that the task is gone, so that nothing is left to wait for.
        let _ = self.finished.clone().wait_for(|finished| *finished).await;
    }
}

fn unavailable(reason: &str) -> AppendError {
    AppendError::Unavailable(reason.to_owned())
}

#[derive(Default)]
struct Figures {
    written: AtomicU64,
    batches: AtomicU64,
    failures: AtomicU64,
    wait_micros: AtomicU64,
}

/// An entry in the queue.
struct Waiting {
    entry: PreparedEntry,
    caller: Caller,
}

/// Who waits for an entry, and since when.
struct Caller {
    reply: oneshot::Sender<Result<EntryId, AppendError>>,
    since: Instant,
}

/// Takes all that wait, up to `batch`, into one transaction; meanwhile the next ones gather in the queue.
async fn run(
    writer: Writer,
    mut waiting: mpsc::Receiver<Waiting>,
    batch: usize,
    closing: Arc<Notify>,
    finish: watch::Sender<bool>,
) {
    let mut taken = Vec::with_capacity(batch);
    loop {
        tokio::select! {
            count = waiting.recv_many(&mut taken, batch) => {
                if count == 0 {
                    break;
                }
                // A commit costs much the same for few and for many: whoever is about to ask is let go first.
                let mut before = 0;
                while before < taken.len() && taken.len() < batch {
                    before = taken.len();
                    tokio::task::yield_now().await;
                    while taken.len() < batch && let Ok(another) = waiting.try_recv() {
                        taken.push(another);
                    }
                }
                // Whoever waits in a batch that came to a fault of the program is refused; the journal goes on.
                let written = AssertUnwindSafe(writer.write(std::mem::take(&mut taken))).catch_unwind().await;
                if written.is_err() {
                    writer.figures.failures.fetch_add(1, Ordering::Relaxed);
                    tracing::error!("writing to the journal came to a fault of the program: its entries are refused");
                }
            }
            () = closing.notified() => waiting.close(),
        }
    }
    finish.send_replace(true);
}

struct Writer {
    storage: Arc<dyn JournalStorage>,
    timeout: Duration,
    figures: Arc<Figures>,
}

impl Writer {
    async fn write(&self, waiting: Vec<Waiting>) {
        let Some((entries, callers)) = still_wanted(waiting) else { return };
        match self.append(&entries).await {
            Ok(outcomes) => self.settle(&entries, callers, &outcomes),
            Err(error) => {
                tracing::warn!(%error, entries = entries.len(), "outcome of an append to the journal unknown");
                self.resolve(entries, callers).await;
            }
        }
    }

    /// Finds out what became of a batch whose append failed; what is not there is repeated once.
    async fn resolve(&self, entries: Vec<PreparedEntry>, callers: Vec<Caller>) {
        let ids: Vec<EntryId> = entries.iter().map(|entry| entry.id).collect();
        let present = async {
            fail_point!("journal::resolve", |reason| Err(StorageError(reason)));
            self.storage.present(&ids).await
        };
        let present: HashSet<EntryId> = match self.within(present).await {
            Ok(present) => present.into_iter().collect(),
            Err(error) => return self.refuse(callers, &error),
        };
        let mut missing = Vec::new();
        for (entry, caller) in entries.into_iter().zip(callers) {
            if present.contains(&entry.id) {
                self.answer(caller, Ok(entry.id));
            } else {
                missing.push(Waiting { entry, caller });
            }
        }
        fail_point!("journal::repeat");
        let Some((entries, callers)) = still_wanted(missing) else { return };
        match self.append(&entries).await {
            Ok(outcomes) => self.settle(&entries, callers, &outcomes),
            Err(error) => self.refuse(callers, &error),
        }
    }

    async fn append(&self, entries: &[PreparedEntry]) -> Result<Vec<Outcome>, StorageError> {
        self.figures.batches.fetch_add(1, Ordering::Relaxed);
        let appended = async {
            fail_point!("journal::append", |reason| Err(StorageError(reason)));
            let appended = self.storage.append(entries).await;
            fail_point!("journal::appended", |reason| Err(StorageError(reason)));
            appended
        };
        let result = match self.within(appended).await {
            Ok(outcomes) if outcomes.len() != entries.len() => {
                Err(StorageError("it did not tell the outcome of every entry".to_owned()))
            }
            result => result,
        };
        if result.is_err() {
            self.figures.failures.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    async fn within<T>(
        &self,
        call: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        tokio::time::timeout(self.timeout, call)
            .await
            .unwrap_or_else(|_| Err(StorageError("it took too long".to_owned())))
    }

    fn settle(&self, entries: &[PreparedEntry], callers: Vec<Caller>, outcomes: &[Outcome]) {
        for ((entry, caller), outcome) in entries.iter().zip(callers).zip(outcomes) {
            self.answer(
                caller,
                match outcome {
                    Outcome::Written => Ok(entry.id),
                    Outcome::Duplicate => Err(AppendError::Duplicate),
                    Outcome::LimitReached => Err(AppendError::LimitReached),
                },
            );
        }
    }

    fn refuse(&self, callers: Vec<Caller>, error: &StorageError) {
        tracing::error!(%error, entries = callers.len(), "entries of the journal could not be written");
        for caller in callers {
            self.answer(caller, Err(unavailable(&error.0)));
        }
    }

    fn answer(&self, caller: Caller, outcome: Result<EntryId, AppendError>) {
        if outcome.is_ok() {
            self.figures.written.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(caller.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.figures.wait_micros.fetch_add(micros, Ordering::Relaxed);
        // A caller that has given up meanwhile has refused its exchange; the entry may stand nevertheless.
        let _ = caller.reply.send(outcome);
    }
}

/// What still has a caller, apart. Whoever gave up waiting has refused the exchange: writing its entry now would tell
/// of something that did not happen.
fn still_wanted(waiting: Vec<Waiting>) -> Option<(Vec<PreparedEntry>, Vec<Caller>)> {
    let (entries, callers): (Vec<_>, Vec<_>) = waiting
        .into_iter()
        .filter(|waiting| !waiting.caller.reply.is_closed())
        .map(|waiting| (waiting.entry, waiting.caller))
        .unzip();
    (!entries.is_empty()).then_some((entries, callers))
}

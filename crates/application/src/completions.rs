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
use verbond_journal::{AppendError, Completion, Entry, Journal};

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
        while !taken.is_empty() {
            let count = taken.len();
            let handed_in = not_taken(&journal, std::mem::take(&mut taken));
            // A fault of the program costs these, and no later ones.
            taken = AssertUnwindSafe(handed_in).catch_unwind().await.unwrap_or_else(|_| {
                let lost = lost.fetch_add(count as u64, Ordering::Relaxed).saturating_add(count as u64);
                tracing::error!(
                    count,
                    lost,
                    "writing completions came to a fault of the program: their delivery reads as unknown"
                );
                Vec::new()
            });
            if taken.is_empty() {
                break;
            }
            if is_closing || waiting.is_closed() {
                tracing::error!(completions = taken.len(), "completions cannot be written: lost");
                taken.clear();
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

/// Hands these in, and gives back those that the journal did not take.
async fn not_taken(journal: &Journal, completions: Vec<Completion>) -> Vec<Completion> {
    fail_point!("completions::write");
    let appended = completions.into_iter().map(async |completion| {
        let entry = Entry::Completion(completion);
        match (journal.append(&entry).await, entry) {
            (Err(AppendError::Unavailable(_)), Entry::Completion(completion)) => Some(completion),
            _ => None,
        }
    });
    let not_taken = join_all(appended).await.into_iter().flatten().collect();
    fail_point!("completions::written");
    not_taken
}

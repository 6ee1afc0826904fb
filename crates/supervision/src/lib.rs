//! Tasks that a process runs beside its requests, and that outlive a panic: one that panics is told, counted and started
//! again, after a pause that grows while it goes on to panic.
//!
//! A panic is a fault of the program. What it was about is lost or done again, as the task's own beginning decides; the rest
//! of what the task does must not end with it, since much of it is what exchanges are refused without.
#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{task::JoinHandle, time::Instant};

/// Pause before a task is started again after its first panic; doubled at each one in a row after it.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A task that ran for so long without a panic is well again: a later one is the first of a row.
const WELL: Duration = Duration::from_secs(30);
/// So many panics in a row: the task does not get its work done.
const TOO_MANY: u32 = 5;

/// Keeps tasks going. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Supervisor {
    tasks: Arc<Mutex<BTreeMap<&'static str, Figures>>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    panics: u64,
    in_a_row: u32,
    last: Option<Instant>,
}

impl Figures {
    /// How many panics stand in a row now.
    fn row(&self) -> u32 {
        self.last.filter(|last| last.elapsed() < WELL).map_or(0, |_| self.in_a_row)
    }
}

impl Supervisor {
    /// Runs a task with what it needs until it returns or the handle is aborted, and begins it anew whenever it panics. To be
    /// called within a Tokio runtime, once per name.
    pub fn keep<W, F>(
        &self,
        name: &'static str,
        with: W,
        task: impl Fn(W) -> F + Send + Sync + 'static,
    ) -> JoinHandle<()>
    where
        W: Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks().insert(name, Figures::default());
        let this = self.clone();
        tokio::spawn(async move {
            // What it shares with others is behind locks that a panic leaves usable, or is made anew.
            while AssertUnwindSafe(async { task(with.clone()).await }).catch_unwind().await.is_err() {
                tokio::time::sleep(this.panicked(name)).await;
            }
        })
    }

    /// Counts, tells, and says how long to wait.
    fn panicked(&self, name: &'static str) -> Duration {
        let mut tasks = self.tasks();
        let figures = tasks.entry(name).or_default();
        figures.in_a_row = figures.row().saturating_add(1);
        figures.panics = figures.panics.saturating_add(1);
        let pause =
            LONGEST_PAUSE.min(FIRST_PAUSE.saturating_mul(1 << figures.in_a_row.saturating_sub(1).min(16)));
        // It is well once it has run for long enough, and the pause is no running.
        figures.last = Some(Instant::now() + pause);
        tracing::error!(
            task = name,
            in_a_row = figures.in_a_row,
            pause_millis = pause.as_millis(),
            "a task beside the requests came to a fault of the program: it is started again"
        );
        pause
    }

    /// How often each task has panicked since the start.
    pub fn panics(&self) -> Vec<(&'static str, u64)> {
        self.tasks().iter().map(|(name, figures)| (*name, figures.panics)).collect()
    }

    /// The tasks that do not get their work done: they have panicked five times in a row or more, and have not run for half a minute
    /// since.
    pub fn failing(&self) -> Vec<&'static str> {
        let tasks = self.tasks();
        tasks.iter().filter(|(_, figures)| figures.row() >= TOO_MANY).map(|(name, _)| *name).collect()
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Figures>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Panics so often, then waits for ever.
    async fn panicking((begun, times): (Arc<AtomicU32>, u32)) {
        assert!(begun.fetch_add(1, Ordering::Relaxed) >= times, "arranged");
        std::future::pending::<()>().await;
    }

    async fn waiting(_: ()) {
        std::future::pending::<()>().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_started_again_after_pauses_that_grow() {
        let supervisor = Supervisor::default();
        let begun = Arc::new(AtomicU32::new(0));
        let _task = supervisor.keep("some", (Arc::clone(&begun), 3), panicking);
        for (millis, expected) in [(1, 1), (248, 1), (2, 2), (498, 2), (2, 3), (999, 3), (2, 4), (60_000, 4)]
        {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            assert_eq!(begun.load(Ordering::Relaxed), expected, "after {millis} ms");
        }
        assert_eq!(supervisor.panics(), [("some", 3)]);
        assert!(supervisor.failing().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_panics_five_times_in_a_row_is_failing_until_it_has_run_for_half_a_minute() {
        let supervisor = Supervisor::default();
        let _task = supervisor.keep("some", (Arc::default(), 5), panicking);
        let _other = supervisor.keep("other", (), waiting);
        // Pauses of 250, 500, 1000 and 2000 ms before the fifth panic, and one of 4000 ms after it.
        tokio::time::sleep(Duration::from_millis(3740)).await;
        assert!(supervisor.failing().is_empty());
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(supervisor.failing(), ["some"]);
        tokio::time::sleep(Duration::from_millis(33_900)).await;
        assert_eq!(supervisor.failing(), ["some"]);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(supervisor.failing().is_empty());
        assert_eq!(supervisor.panics(), [("other", 0), ("some", 5)]);
    }

    #[tokio::test(start_paused = true)]
    async fn panics_far_apart_make_no_row_and_the_pause_has_an_end() {
        let supervisor = Supervisor::default();
        for _ in 0..10 {
            assert_eq!(supervisor.panicked("far"), FIRST_PAUSE);
            tokio::time::sleep(FIRST_PAUSE + WELL).await;
        }
        let pauses: Vec<_> = (0..40).map(|_| supervisor.panicked("near")).collect();
        assert_eq!(pauses.last(), Some(&LONGEST_PAUSE));
        assert_eq!(supervisor.failing(), ["near"]);
    }

    #[tokio::test]
    async fn what_returns_has_ended_and_what_is_aborted_too() -> Result<(), tokio::task::JoinError> {
        let supervisor = Supervisor::default();
        supervisor.keep("short", (), |()| async {}).await?;
        let task = supervisor.keep("long", (), waiting);
        task.abort();
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
        Ok(())
    }
}

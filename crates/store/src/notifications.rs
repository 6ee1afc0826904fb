//! Waking those who wait for a change, within the process and, on PostgreSQL, across processes.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use sqlx::{PgPool, postgres::PgListener};
use tokio::sync::watch;
use verbond_fail_points::fail_point;

/// PostgreSQL channel for changes of what gateways decide on.
pub(crate) const CHANGE_CHANNEL: &str = "verbond_change";
/// PostgreSQL channel for messages put in the outbox.
pub(crate) const OUTBOX_CHANNEL: &str = "verbond_outbox";
/// How long to wait before listening again after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Something to wait for. What is raised while nobody waits lets the next one that waits go on at once.
#[derive(Debug)]
pub(crate) struct Signal {
    raised: watch::Sender<u64>,
    seen: AtomicU64,
}

impl Signal {
    fn new() -> Self {
        Self { raised: watch::Sender::new(0), seen: AtomicU64::new(0) }
    }

    pub(crate) fn raise(&self) {
        self.raised.send_modify(|times| *times = times.wrapping_add(1));
    }

    /// Returns once the signal has been raised, or after `at_most`.
    pub(crate) async fn wait(&self, at_most: Duration) {
        let mut raised = self.raised.subscribe();
        let seen = self.seen.load(Ordering::Acquire);
        // An error cannot come up while `self` holds the sender; running out of time is the other way to return.
        if let Ok(Ok(times)) = tokio::time::timeout(at_most, raised.wait_for(|times| *times != seen)).await {
            self.seen.store(*times, Ordering::Release);
        }
    }
}

/// The signals of a store.
#[derive(Debug)]
pub(crate) struct Signals {
    pub(crate) change: Signal,
    pub(crate) outbox: Signal,
    /// Whether notifications of the database arrive, those of this process included.
    listening: AtomicBool,
}

impl Signals {
    pub(crate) fn new() -> Self {
        Self { change: Signal::new(), outbox: Signal::new(), listening: AtomicBool::new(false) }
    }

    /// Tells this process what it has committed, unless the database does so.
    pub(crate) fn committed(&self, change: bool, outbox: bool) {
        if self.listening.load(Ordering::Acquire) {
            return;
        }
        if change {
            self.change.raise();
        }
        if outbox {
            self.outbox.raise();
        }
    }

    fn raise_all(&self) {
        self.change.raise();
        self.outbox.raise();
    }
}

/// Passes on PostgreSQL's notifications until the pool is closed; reconnects when the connection is lost, and then
/// raises all signals, since notifications may have been missed.
pub(crate) async fn listen(pool: PgPool, signals: Arc<Signals>) {
    while !pool.is_closed() {
        // A fault of the program is one more reason to listen anew.
        let listened = AssertUnwindSafe(listen_once(&pool, &signals)).catch_unwind().await;
        if !pool.is_closed() {
            let error = match listened {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("a fault of the program".to_owned()),
            };
            tracing::warn!(error, "listening for notifications of the database failed; trying again");
        }
        signals.listening.store(false, Ordering::Release);
        signals.raise_all();
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen_once(pool: &PgPool, signals: &Signals) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen_all([CHANGE_CHANNEL, OUTBOX_CHANNEL]).await?;
    signals.listening.store(true, Ordering::Release);
    signals.raise_all();
    loop {
        fail_point!("task::notifications");
        match listener.try_recv().await? {
            Some(notification) if notification.channel() == CHANGE_CHANNEL => signals.change.raise(),
            Some(_) => signals.outbox.raise(),
            // The connection was lost, and has been made anew.
            None => signals.raise_all(),
        }
    }
}

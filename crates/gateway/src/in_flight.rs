//! Watching over exchanges in flight: what is no longer permitted is broken off, in both directions.
//!
//! It stands before the record, so that nothing that is withdrawn in between is forwarded.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::task::AtomicWaker;
use tokio::time::Instant;
use verbond_application::snapshot::{Snapshot, SnapshotKeeper};
use verbond_domain::{Ambient, Direction};
use verbond_transport::PeerConnection;

use crate::{GatewayLimits, Metrics, Standing};

/// How often everything in flight is looked at, apart from changes of the snapshot: contracts end, snapshots become
/// stale, and exchanges stall without one.
const LOOK: Duration = Duration::from_secs(1);
const SHARDS: usize = 8;

/// The exchanges of one gateway that are in flight.
pub(crate) struct InFlight {
    direction: Direction,
    metrics: Metrics,
    limit: usize,
    count: AtomicUsize,
    next: AtomicU64,
    shards: [Mutex<HashMap<u64, Arc<Exchange>>>; SHARDS],
}

/// One exchange in flight.
pub(crate) struct Exchange {
    standing: Arc<dyn Standing>,
    peer: Option<PeerConnection>,
    broken: AtomicBool,
    request: AtomicWaker,
    head: AtomicWaker,
    response: AtomicWaker,
    pub(crate) request_bytes: AtomicU64,
    pub(crate) response_bytes: AtomicU64,
    /// Frames moved in either direction, and how many there were at the last look with the time since.
    pub(crate) moved: AtomicU64,
    still: Mutex<(u64, Instant)>,
}

impl Exchange {
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    fn break_off(&self) -> bool {
        let first = !self.broken.swap(true, Ordering::AcqRel);
        self.request.wake();
        self.head.wake();
        self.response.wake();
        first
    }

    /// Ready when the exchange is broken off; wakes the request's body.
    pub(crate) fn poll_broken_request(&self, context: &Context<'_>) -> bool {
        self.request.register(context.waker());
        self.is_broken()
    }

    /// As above, for the response's body.
    pub(crate) fn poll_broken_response(&self, context: &Context<'_>) -> bool {
        self.response.register(context.waker());
        self.is_broken()
    }

    /// Returns when the exchange is broken off.
    pub(crate) async fn broken(&self) {
        std::future::poll_fn(|context| {
            self.head.register(context.waker());
            if self.is_broken() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn holds(&self, snapshot: &Snapshot, ambient: &Ambient) -> bool {
        self.standing.holds(snapshot, ambient.now()) && self.peer.as_ref().is_none_or(|peer| peer.judge().is_ok())
    }

    fn has_stalled(&self, limit: Duration) -> bool {
        let moved = self.moved.load(Ordering::Relaxed);
        let mut still = self.still.lock().unwrap_or_else(PoisonError::into_inner);
        if still.0 != moved {
            *still = (moved, Instant::now());
        }
        still.1.elapsed() > limit
    }
}

/// Keeps an exchange under watch until dropped.
pub(crate) struct Ticket {
    pub(crate) exchange: Arc<Exchange>,
    registry: Arc<InFlight>,
    key: u64,
    begun: Instant,
}

impl InFlight {
    /// Starts the task that looks; it ends when the gateway is dropped.
    pub(crate) fn start(
        direction: Direction,
        snapshots: Arc<SnapshotKeeper>,
        ambient: Ambient,
        metrics: Metrics,
        limits: GatewayLimits,
    ) -> Arc<Self> {
        let this = Arc::new(Self {
            direction,
            metrics,
            limit: limits.requests,
            count: AtomicUsize::new(0),
            next: AtomicU64::new(0),
            shards: Default::default(),
        });
        let observed = Arc::downgrade(&this);
        tokio::spawn(async move {
            let mut changes = snapshots.subscribe();
            loop {
                let _ = tokio::time::timeout(LOOK, changes.changed()).await;
                changes.mark_unchanged();
                let Some(this) = observed.upgrade() else { return };
                this.look(&snapshots, &ambient, limits.stall);
            }
        });
        this
    }

    /// Whether there is no room for another request.
    pub(crate) fn is_full(&self) -> bool {
        self.count.load(Ordering::Relaxed) >= self.limit
    }

    /// Puts an exchange, permitted under `snapshot`, under watch.
    pub(crate) fn begin(
        self: &Arc<Self>,
        standing: Arc<dyn Standing>,
        peer: Option<PeerConnection>,
        decided_on: &Arc<Snapshot>,
        snapshots: &SnapshotKeeper,
        ambient: &Ambient,
    ) -> Ticket {
        let begun = Instant::now();
        let exchange = Arc::new(Exchange {
            standing,
            peer,
            broken: AtomicBool::new(false),
            request: AtomicWaker::new(),
            head: AtomicWaker::new(),
            response: AtomicWaker::new(),
            request_bytes: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            still: Mutex::new((0, begun)),
        });
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.metrics.begun(self.direction);
        self.shard(key, |shard| shard.insert(key, Arc::clone(&exchange)));
        let ticket = Ticket { exchange, registry: Arc::clone(self), key, begun };
        // A change between the decision and this moment has been looked at without this exchange.
        match snapshots.current() {
            Ok(now) if Arc::ptr_eq(&now, decided_on) => {}
            Ok(now) if ticket.exchange.holds(&now, ambient) => {}
            Ok(_) | Err(_) => self.break_off(&ticket.exchange),
        }
        ticket
    }

    fn look(&self, snapshots: &SnapshotKeeper, ambient: &Ambient, stall: Duration) {
        let current = snapshots.current();
        for key in 0..SHARDS {
            let exchanges: Vec<Arc<Exchange>> =
                self.shard(key as u64, |shard| shard.values().map(Arc::clone).collect());
            for exchange in exchanges {
                let permitted = current.as_ref().is_ok_and(|snapshot| exchange.holds(snapshot, ambient));
                if !permitted || exchange.has_stalled(stall) {
                    self.break_off(&exchange);
                }
            }
        }
    }

    fn break_off(&self, exchange: &Exchange) {
        if exchange.break_off() {
            self.metrics.broken_off(self.direction);
        }
    }

    fn shard<R>(&self, key: u64, work: impl FnOnce(&mut HashMap<u64, Arc<Exchange>>) -> R) -> R {
        let place = usize::try_from(key % SHARDS as u64).unwrap_or(0);
        let [first, ..] = &self.shards;
        let shard = self.shards.get(place).unwrap_or(first);
        work(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let registry = &self.registry;
        registry.shard(self.key, |shard| shard.remove(&self.key));
        registry.count.fetch_sub(1, Ordering::Relaxed);
        let exchange = &self.exchange;
        registry.metrics.ended(
            registry.direction,
            self.begun.elapsed(),
            exchange.request_bytes.load(Ordering::Relaxed),
            exchange.response_bytes.load(Ordering::Relaxed),
        );
    }
}

//! Watching over exchanges in flight: what is no longer permitted is broken off, in both directions.
//!
//! It stands before the record, so that nothing that is withdrawn in between is forwarded.

use std::{
    collections::HashMap,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::task::AtomicWaker;
use tokio::time::Instant;
use verbond_application::{
    completions::Completions,
    snapshot::{Snapshot, SnapshotKeeper},
};
use verbond_domain::{Ambient, Direction};
use verbond_fail_points::fail_point;
use verbond_supervision::Supervisor;
use verbond_transport::{PeerConnection, Upload};

use crate::{Failure, GatewayLimits, Metrics, Standing, completing::Account};

/// How often everything in flight is looked at, apart from changes of the snapshot: contracts end, snapshots become
/// stale, and exchanges stall without one.
const LOOK: Duration = Duration::from_secs(1);
const SHARDS: usize = 8;

/// The exchanges of one gateway that are in flight.
pub(crate) struct InFlight {
    direction: Direction,
    metrics: Metrics,
    completions: Completions,
    limit: usize,
    count: AtomicUsize,
    next: AtomicU64,
    shards: [Mutex<HashMap<u64, Arc<Exchange>>>; SHARDS],
}

/// One exchange in flight.
pub(crate) struct Exchange {
    standing: Arc<dyn Standing>,
    peer: Option<PeerConnection>,
    /// Why it was broken off, once it has been.
    broken: OnceLock<Failure>,
    upload: OnceLock<Upload>,
    /// What has crossed of it, from its permit on.
    account: OnceLock<Account>,
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
        self.broken.get().is_some()
    }

    /// Why it was broken off.
    pub(crate) fn why(&self) -> Failure {
        self.broken.get().copied().unwrap_or(Failure::Withdrawn)
    }

    /// It has been permitted: what crosses of it is counted from here on.
    pub(crate) fn permitted(&self, account: Account) {
        if self.account.set(account).is_err() {
            tracing::error!("an exchange was permitted twice; what crosses is told of the first permit");
        }
    }

    /// What has crossed; nothing is told before the permit.
    pub(crate) fn account(&self) -> Option<&Account> {
        self.account.get()
    }

    fn break_off(&self, why: Failure) -> bool {
        let first = self.broken.set(why).is_ok();
        self.request.wake();
        self.head.wake();
        self.response.wake();
        if let Some(upload) = self.upload.get() {
            upload.break_off();
        }
        first
    }

    /// The request goes on after the head of its response.
    pub(crate) fn goes_on(&self, upload: Upload) {
        let upload = self.upload.get_or_init(|| upload);
        if self.is_broken() {
            upload.break_off();
        }
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

    /// Returns why, when the exchange is broken off.
    pub(crate) async fn broken(&self) -> Failure {
        std::future::poll_fn(|context| {
            self.head.register(context.waker());
            if self.is_broken() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.why()
    }

    /// One that cannot be judged, because of a fault of the program, does not hold; and the others are judged all the same.
    fn holds(&self, snapshot: &Snapshot, ambient: &Ambient) -> bool {
        let judged = AssertUnwindSafe(|| {
            self.standing.holds(snapshot, ambient.now())
                && self.peer.as_ref().is_none_or(|peer| peer.judge().is_ok())
        });
        panic::catch_unwind(judged).unwrap_or(false)
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

/// A place among the requests that the gateway works on at the same time.
pub(crate) struct Place(Arc<InFlight>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Keeps an exchange under watch until dropped.
pub(crate) struct Ticket {
    pub(crate) exchange: Arc<Exchange>,
    place: Place,
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
        completions: Completions,
        limits: GatewayLimits,
        supervisor: &Supervisor,
    ) -> Arc<Self> {
        let this = Arc::new(Self {
            direction,
            metrics,
            completions,
            limit: limits.requests,
            count: AtomicUsize::new(0),
            next: AtomicU64::new(0),
            shards: Default::default(),
        });
        let observed = Arc::downgrade(&this);
        let name = match direction {
            Direction::Incoming => "watch-incoming",
            Direction::Outgoing => "watch-outgoing",
        };
        supervisor.keep(name, (observed, snapshots, ambient), move |(observed, snapshots, ambient)| {
            keep_watched(observed, snapshots, ambient, limits.stall)
        });
        this
    }

    /// Room for another request, if there is any.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Place> {
        let place = Place(Arc::clone(self));
        (self.count.fetch_add(1, Ordering::Relaxed) < self.limit).then_some(place)
    }

    /// Puts an exchange, permitted under `snapshot`, under watch.
    pub(crate) fn begin(
        &self,
        place: Place,
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
            broken: OnceLock::new(),
            upload: OnceLock::new(),
            account: OnceLock::new(),
            request: AtomicWaker::new(),
            head: AtomicWaker::new(),
            response: AtomicWaker::new(),
            request_bytes: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            still: Mutex::new((0, begun)),
        });
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        self.metrics.begun(self.direction);
        self.shard(key, |shard| shard.insert(key, Arc::clone(&exchange)));
        let ticket = Ticket { exchange, place, key, begun };
        // A change between the decision and this moment has been looked at without this exchange.
        match snapshots.current() {
            Ok(now) if Arc::ptr_eq(&now, decided_on) => {}
            Ok(now) if ticket.exchange.holds(&now, ambient) => {}
            Ok(_) => self.break_off(&ticket.exchange, Failure::Withdrawn),
            Err(_) => self.break_off(&ticket.exchange, Failure::Stale),
        }
        ticket
    }

    fn look(&self, snapshots: &SnapshotKeeper, ambient: &Ambient, stall: Duration) {
        let current = snapshots.current();
        for key in 0..SHARDS {
            let exchanges: Vec<Arc<Exchange>> =
                self.shard(key as u64, |shard| shard.values().map(Arc::clone).collect());
            for exchange in exchanges {
                let why = match &current {
                    Err(_) => Some(Failure::Stale),
                    Ok(snapshot) if !exchange.holds(snapshot, ambient) => Some(Failure::Withdrawn),
                    Ok(_) => exchange.has_stalled(stall).then_some(Failure::NoAnswerInTime),
                };
                if let Some(why) = why {
                    self.break_off(&exchange, why);
                }
            }
        }
    }

    fn break_off(&self, exchange: &Exchange, why: Failure) {
        if exchange.break_off(why) {
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

/// Looks at every change of the picture and every second, until the gateway is dropped.
async fn keep_watched(
    observed: Weak<InFlight>,
    snapshots: Arc<SnapshotKeeper>,
    ambient: Ambient,
    stall: Duration,
) {
    let mut changes = snapshots.subscribe();
    loop {
        if let Some(this) = observed.upgrade() {
            fail_point!("task::watch");
            this.look(&snapshots, &ambient, stall);
        } else {
            return;
        }
        let _ = tokio::time::timeout(LOOK, changes.changed()).await;
        changes.mark_unchanged();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Place(registry) = &self.place;
        registry.shard(self.key, |shard| shard.remove(&self.key));
        let exchange = &self.exchange;
        registry.metrics.ended(
            registry.direction,
            self.begun.elapsed(),
            exchange.request_bytes.load(Ordering::Relaxed),
            exchange.response_bytes.load(Ordering::Relaxed),
        );
        if let Some(account) = exchange.account() {
            registry.completions.write(account.completion());
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use futures_util::future::BoxFuture;
    use verbond_domain::{Clock, Entropy, Timestamp};
    use verbond_journal::{
        EntryId, Journal, JournalLimits, JournalStorage, Outcome, PreparedEntry, StorageError,
    };

    use super::*;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }
    }

    impl Entropy for Still {
        fn fill(&self, _buffer: &mut [u8]) {}
    }

    /// Holds in the first picture only.
    struct First;

    impl Standing for First {
        fn holds(&self, snapshot: &Snapshot, _now: Timestamp) -> bool {
            snapshot.generation == 1
        }
    }

    fn picture(generation: i64) -> Snapshot {
        Snapshot::empty(generation)
    }

    /// Takes nothing: what is tested here is written by nobody.
    struct Nowhere;

    impl JournalStorage for Nowhere {
        fn append<'a>(
            &'a self,
            _batch: &'a [PreparedEntry],
        ) -> BoxFuture<'a, Result<Vec<Outcome>, StorageError>> {
            Box::pin(async { Err(StorageError("nowhere".to_owned())) })
        }

        fn present<'a>(&'a self, _ids: &'a [EntryId]) -> BoxFuture<'a, Result<Vec<EntryId>, StorageError>> {
            Box::pin(async { Ok(Vec::new()) })
        }
    }

    fn journal(ambient: &Ambient) -> Journal {
        let limits = JournalLimits { queue: 1, batch: 1, timeout: Duration::from_secs(1) };
        Journal::start(Arc::new(Nowhere), ambient.clone(), limits)
    }

    fn start(requests: usize) -> (Arc<InFlight>, Arc<SnapshotKeeper>, Ambient) {
        let ambient = Ambient::new(Arc::new(Still), Arc::new(Still));
        let snapshots = SnapshotKeeper::fixed(picture(1));
        let metrics = Metrics::new(&mut prometheus_client::registry::Registry::default());
        let limits = GatewayLimits { requests, ..GatewayLimits::default() };
        let in_flight = InFlight::start(
            Direction::Incoming,
            Arc::clone(&snapshots),
            ambient.clone(),
            metrics,
            Completions::start(journal(&ambient)),
            limits,
            &Supervisor::default(),
        );
        (in_flight, snapshots, ambient)
    }

    /// An exchange under watch, with what it rests on.
    pub(crate) fn ticket() -> Result<(Ticket, Arc<SnapshotKeeper>), Box<dyn std::error::Error>> {
        let (in_flight, snapshots, ambient) = start(10);
        let place = in_flight.enter().ok_or("full")?;
        let decided_on = snapshots.current()?;
        let ticket = in_flight.begin(place, Arc::new(First), None, &decided_on, &snapshots, &ambient);
        Ok((ticket, snapshots))
    }

    pub(crate) fn withdraw(snapshots: &SnapshotKeeper) {
        snapshots.publish(picture(2));
    }

    #[tokio::test]
    async fn a_change_between_decision_and_watch_is_not_missed() -> Result<(), Box<dyn std::error::Error>> {
        let (in_flight, snapshots, ambient) = start(10);
        let begin = |decided_on: &Arc<Snapshot>| {
            let place = in_flight.enter().ok_or("full")?;
            Ok::<_, &str>(in_flight.begin(place, Arc::new(First), None, decided_on, &snapshots, &ambient))
        };
        let decided_on = snapshots.current()?;
        assert!(!begin(&decided_on)?.exchange.is_broken());
        snapshots.publish(picture(2));
        let withdrawn = begin(&decided_on)?;
        assert!(withdrawn.exchange.is_broken());
        assert_eq!(withdrawn.exchange.why(), Failure::Withdrawn);
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn an_unconfirmed_picture_or_a_standstill_breaks_what_is_in_flight()
    -> Result<(), Box<dyn std::error::Error>> {
        for (confirmed, after, why) in [(false, 35, Failure::Stale), (true, 610, Failure::NoAnswerInTime)] {
            let (in_flight, snapshots, ambient) = start(10);
            let place = in_flight.enter().ok_or("full")?;
            let decided_on = snapshots.current()?;
            let ticket = in_flight.begin(place, Arc::new(First), None, &decided_on, &snapshots, &ambient);
            for second in 0..after {
                assert!(second > after - 10 || !ticket.exchange.is_broken(), "too early, after {second} s");
                if confirmed {
                    snapshots.publish(picture(1));
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            assert!(ticket.exchange.is_broken());
            assert_eq!(ticket.exchange.broken().await, why);
        }
        Ok(())
    }

    #[tokio::test]
    async fn there_is_room_for_so_many_requests_and_no_more() {
        let (in_flight, ..) = start(2);
        let (first, second) = (in_flight.enter(), in_flight.enter());
        assert!(first.is_some() && second.is_some() && in_flight.enter().is_none());
        drop(first);
        assert!(in_flight.enter().is_some());
    }
}

//! What gateways decide on: an immutable picture of the database, swapped when it changes for one that shares with it what has not.

mod agreements;
mod ends;
mod reading;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
    time::Instant,
};
use verbond_domain::{Ambient, ApplicationName, ParticipantId, ServiceName, Timestamp};
use verbond_fail_points::fail_point;
use verbond_policy::PolicySnapshot;
use verbond_store::{
    Store, StoreError, applications::ApplicationRow, contracts::ContractRow, peers::PeerRow,
    persons::PersonRow, services::ServiceRow,
};
use verbond_supervision::Supervisor;

pub use self::agreements::Agreements;
use self::reading::{Known, News};

/// How long a picture may be used without confirmation that it is still current against the database.
const CONFIRMATION_BOUND: Duration = Duration::from_secs(30);
/// How long to wait for a notification of a change before the database is asked anyway.
const ASK_AT_LEAST_EVERY: Duration = Duration::from_secs(1);

/// One picture of services, applications, running contracts, peers and persons.
#[derive(Clone)]
pub struct Snapshot {
    /// The number of the change in the database that the picture holds. A database that is put back counts on from a smaller one.
    pub generation: i64,
    /// Counts the pictures of this process: the greater, the newer.
    pub turn: u64,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Services that this node offers.
    pub services: HashMap<ServiceName, Arc<ServiceRow>>,
    /// Applications with their bindings.
    pub applications: HashMap<ApplicationName, Arc<ApplicationRow>>,
    /// Contracts that had not ended when the picture was taken; some may have ended since. The same as in the picture before where
    /// none of them changed.
    pub contracts: Arc<Vec<Arc<ContractRow>>>,
    /// Participants that this node has met.
    pub peers: HashMap<ParticipantId, Arc<PeerRow>>,
    /// Agreements whose term was not over when the picture was taken: all versions that this node holds.
    pub agreements: Agreements,
    /// What these permit.
    pub policies: PolicySnapshot,
    /// People who act for the organisation.
    pub persons: Vec<PersonRow>,
    /// Participants whose journals tell two histories, until a steward has done the task about it.
    pub contradicting: HashSet<ParticipantId>,
}

impl Snapshot {
    /// A picture of nothing.
    pub fn empty(generation: i64) -> Self {
        Self {
            generation,
            turn: 0,
            taken_at: Timestamp::from_millis(0),
            services: HashMap::new(),
            applications: HashMap::new(),
            contracts: Arc::default(),
            peers: HashMap::new(),
            persons: Vec::new(),
            contradicting: HashSet::new(),
            agreements: Agreements::default(),
            policies: PolicySnapshot::default(),
        }
    }
}

impl Snapshot {
    /// The person who may act with this key (hexadecimal SHA-256 of its SubjectPublicKeyInfo) at this moment.
    pub fn person_by_key(&self, thumbprint: &str, now: Timestamp) -> Option<&PersonRow> {
        self.persons
            .iter()
            .find(|person| person.key_in_use(now).is_some_and(|key| key.thumbprint == thumbprint))
    }
}

/// The picture has not been confirmed against the database for too long: nothing may be decided on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is known of services and contracts has not been confirmed against the database for {0} s")]
pub struct SnapshotStale(pub u64);

/// Keeps the picture current.
pub struct SnapshotKeeper {
    current: ArcSwap<Snapshot>,
    started: Instant,
    /// Milliseconds from `started` to the last confirmation.
    confirmed: AtomicU64,
    published: watch::Sender<Arc<Snapshot>>,
    /// What the next picture is read from; none after a failure in the middle of that: then it is read whole.
    known: Mutex<Option<Known>>,
}

impl SnapshotKeeper {
    /// Loads the first picture, and keeps it current by a task that ends when the handle is aborted.
    pub async fn start(
        store: Store,
        ambient: Ambient,
        supervisor: &Supervisor,
    ) -> Result<(Arc<Self>, JoinHandle<()>), StoreError> {
        let started = Instant::now();
        let known = Known::whole(&store, ambient.now()).await?;
        let first = Arc::clone(&known.snapshot);
        let keeper = Arc::new(Self {
            current: ArcSwap::new(Arc::clone(&first)),
            started,
            confirmed: AtomicU64::new(0),
            published: watch::Sender::new(first),
            known: Mutex::new(Some(known)),
        });
        let with = (Arc::clone(&keeper), store, ambient);
        let task = supervisor.keep("picture", with, |(keeper, store, ambient)| keeper.run(store, ambient));
        Ok((keeper, task))
    }

    /// A keeper of one fixed picture, for tests of what decides on pictures.
    pub fn fixed(snapshot: Snapshot) -> Arc<Self> {
        let first = Arc::new(snapshot);
        Arc::new(Self {
            current: ArcSwap::new(Arc::clone(&first)),
            started: Instant::now(),
            confirmed: AtomicU64::new(0),
            published: watch::Sender::new(first),
            known: Mutex::default(),
        })
    }

    /// The picture to decide on, unless it has not been confirmed for 30 seconds.
    pub fn current(&self) -> Result<Arc<Snapshot>, SnapshotStale> {
        let age = self.age();
        if age > CONFIRMATION_BOUND {
            return Err(SnapshotStale(age.as_secs()));
        }
        Ok(self.current.load_full())
    }

    /// How long ago the picture was confirmed.
    pub fn age(&self) -> Duration {
        let confirmed = Duration::from_millis(self.confirmed.load(Ordering::Acquire));
        self.started.elapsed().saturating_sub(confirmed)
    }

    /// Receives every new picture.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.published.subscribe()
    }

    /// Returns once the picture in use holds this change of the database ([`Store::generation`]) and those before it.
    /// It may take as long as the database does: callers set a bound of their own.
    pub async fn caught_up(&self, generation: i64) {
        let mut published = self.published.subscribe();
        // An error cannot come up while `self` holds the sender.
        let _ = published.wait_for(|snapshot| snapshot.generation >= generation).await;
    }

    /// Puts another picture in place and confirms it.
    pub fn publish(&self, mut snapshot: Snapshot) {
        snapshot.turn = next_turn();
        let snapshot = Arc::new(snapshot);
        self.current.store(Arc::clone(&snapshot));
        self.published.send_replace(snapshot);
        self.confirm(Instant::now());
    }

    fn confirm(&self, asked_at: Instant) {
        let millis = asked_at.saturating_duration_since(self.started).as_millis();
        self.confirmed.fetch_max(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::AcqRel);
    }

    async fn run(self: Arc<Self>, store: Store, ambient: Ambient) {
        loop {
            fail_point!("task::picture");
            // The answer says how things stood when the question was put, not when it came back.
            let asked_at = Instant::now();
            match self.refresh(&store, &ambient, asked_at).await {
                Ok(()) => store.wait_for_change(ASK_AT_LEAST_EVERY).await,
                Err(error) => {
                    tracing::error!(%error, unconfirmed_seconds = self.age().as_secs(),
                        "cannot confirm what is known of services and contracts");
                    tokio::time::sleep(ASK_AT_LEAST_EVERY).await;
                }
            }
        }
    }

    async fn refresh(&self, store: &Store, ambient: &Ambient, asked_at: Instant) -> Result<(), StoreError> {
        let now = ambient.now();
        let mut known = self.known.lock().await;
        let news = match &*known {
            Some(known) => known.news(store, now).await?,
            None => News::Everything,
        };
        // Taken out: what a panic leaves half done is not gone on with.
        let next = match (known.take(), news) {
            (Some(same), News::Nothing) => same,
            (Some(before), News::Parts(parts)) => before.with(*parts, now),
            _ => Known::whole(store, now).await?,
        };
        let snapshot = Arc::clone(&known.insert(next).snapshot);
        if !Arc::ptr_eq(&snapshot, &self.current.load()) {
            self.current.store(Arc::clone(&snapshot));
            self.published.send_replace(snapshot);
        }
        self.confirm(asked_at);
        Ok(())
    }
}

/// The turn of a picture that is about to be made: of two keepers in one process too the later picture has the greater one.
fn next_turn() -> u64 {
    static MADE: AtomicU64 = AtomicU64::new(0);
    MADE.fetch_add(1, Ordering::Relaxed) + 1
}

#[cfg(test)]
mod tests {
    use verbond_domain::{Actor, ClassDeclaration, Clock, Entropy, ServiceClass};
    use verbond_store::DatabaseUrl;
    use verbond_trust::WrappingKey;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(1_800_000_000)
        }
    }

    impl Entropy for Still {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    fn ambient() -> Ambient {
        Ambient::new(Arc::new(Still), Arc::new(Still))
    }

    fn picture(generation: i64) -> Snapshot {
        Snapshot::empty(generation)
    }

    #[tokio::test(start_paused = true)]
    async fn a_picture_is_used_for_thirty_seconds_after_it_was_confirmed() {
        let keeper = SnapshotKeeper::fixed(picture(1));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(keeper.current().is_ok());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(keeper.current().map(|_| ()), Err(SnapshotStale(31)));
        keeper.publish(picture(2));
        assert_eq!(keeper.current().map(|snapshot| snapshot.generation), Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_a_change_goes_on_when_the_picture_holds_it_and_not_before() {
        let keeper = SnapshotKeeper::fixed(picture(4));
        keeper.caught_up(4).await;
        let early = tokio::time::timeout(Duration::from_secs(5), keeper.caught_up(5)).await;
        assert!(early.is_err(), "went on with the picture of before");
        let (_, ()) = tokio::join!(keeper.caught_up(5), async { keeper.publish(picture(6)) });
    }

    #[tokio::test]
    async fn a_committed_change_is_in_the_picture_within_a_second_and_a_lost_database_makes_it_stale()
    -> Outcome {
        let directory = tempfile::tempdir()?;
        let database = DatabaseUrl::Sqlite(directory.path().join("node.sqlite"));
        let key = |_| WrappingKey::read(&WrappingKey::first(&ambient())).map_err(|error| error.to_string());
        let store = Store::open(&database, key, &ambient()).await?;
        let (keeper, task) = SnapshotKeeper::start(store.clone(), ambient(), &Supervisor::default()).await?;
        assert!(keeper.current()?.services.is_empty());
        let mut published = keeper.subscribe();

        let mut transaction = store.begin().await?;
        let name: ServiceName = "incomes".parse()?;
        let declaration = ClassDeclaration {
            class: ServiceClass::Open,
            steward: "A. Steward".to_owned(),
            reason: "synthetic".to_owned(),
            declared_at: Timestamp::from_millis(0),
            declared_by: Actor::Operator,
        };
        let upstream = "http://127.0.0.1:1".to_owned();
        let row = ServiceRow { name: name.clone(), upstream, protocol: "http1".to_owned(), declaration };
        transaction.put_service(&row).await?;
        transaction.commit().await?;
        tokio::time::timeout(Duration::from_secs(2), published.changed()).await??;
        assert!(keeper.current()?.services.contains_key(&name));

        store.close().await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let age = keeper.age();
        assert!(age > Duration::from_millis(300), "confirmed without a database, {age:?} ago");
        task.abort();
        Ok(())
    }
}

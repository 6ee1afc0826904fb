//! Places within the limits of agreements: exchanges in all, leased in blocks and counted here; and questions about one
//! person, of which the journal takes a row with the permit.

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use async_trait::async_trait;
use tokio::sync::Mutex;
use verbond_agreement::{
    AgreementId, Clause, ClauseName, IdentifierKind, Limit, Moment, Period, PersonLocation, PersonPlace,
};
use verbond_domain::{Direction, Problem, Timestamp};
use verbond_journal::{EntryId, Place};
use verbond_policy::{Candidate, Leases, NamedPerson, Reason, ReasonCode};
use verbond_store::{Store, StoreError};
use verbond_trust::PseudonymKeys;

/// A block is this part of a limit: what a process that dies takes with it, and how often the database is asked.
const BLOCKS: u32 = 64;
/// Most exchanges in a block.
const LARGEST_BLOCK: u32 = 1_024;
/// Longest that a request waits for a block.
const LEASE_WITHIN: Duration = Duration::from_secs(1);
/// Parts of the index of counters, so that a new one copies a few others only.
const PARTS: usize = 64;

/// Where blocks come from.
#[async_trait]
pub trait Volumes: Send + Sync {
    /// Hands out `block` exchanges of a limit in a period, or what is left of `most`; 0 when nothing is.
    async fn lease(
        &self,
        limit_of: &str,
        period_end: Timestamp,
        most: u32,
        block: u32,
    ) -> Result<u32, StoreError>;

    /// Gives places back whose question came to no answer.
    async fn give_back(&self, entry: EntryId, places: &[Place]) -> Result<(), StoreError>;
}

#[async_trait]
impl Volumes for Store {
    async fn lease(
        &self,
        limit_of: &str,
        period_end: Timestamp,
        most: u32,
        block: u32,
    ) -> Result<u32, StoreError> {
        self.lease_volume(limit_of, period_end, most, block).await
    }

    async fn give_back(&self, entry: EntryId, places: &[Place]) -> Result<(), StoreError> {
        Self::give_back(self, entry, places).await
    }
}

/// A limit in a period.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LimitKey {
    agreement: AgreementId,
    clause: ClauseName,
    direction: Direction,
    period: Period,
    end: Timestamp,
}

impl LimitKey {
    /// The limit under its name in the database. Versions of an agreement share it, so that amending begins no new count.
    fn limit_of(&self) -> String {
        let Self { agreement, clause, direction, period, .. } = self;
        format!("{agreement}/{clause}/{}/{}", direction.as_str(), period.as_str())
    }
}

/// What this process holds of a volume.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    left: AtomicU64,
    /// The greatest limit of which nothing was left; 0: none yet.
    exhausted_at: AtomicU32,
    refilling: AtomicBool,
    /// One asks the database at a time; nobody waits here while there is something left.
    asking: Mutex<()>,
}

/// One fetches ahead. However that ends, another may later.
struct Refilling(Arc<Counter>);

impl Drop for Refilling {
    fn drop(&mut self) {
        self.0.refilling.store(false, Ordering::Release);
    }
}

impl Counter {
    fn take(self: &Arc<Self>) -> Option<VolumePlace> {
        let less = |left: u64| left.checked_sub(1);
        let taken = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        taken.ok().map(|_| VolumePlace(Some(Arc::clone(self))))
    }

    fn is_exhausted(&self, most: u32) -> bool {
        most == 0 || most <= self.exhausted_at.load(Ordering::Acquire)
    }

    /// Asks the database for a block; tells how much of it there is.
    async fn lease(&self, volumes: &dyn Volumes, key: &LimitKey, most: u32) -> Result<u32, StoreError> {
        let granted = volumes.lease(&key.limit_of(), key.end, most, block(most)).await?;
        if granted == 0 {
            self.exhausted_at.fetch_max(most, Ordering::AcqRel);
        }
        Ok(granted)
    }

    fn add(&self, places: u32) {
        self.left.fetch_add(u64::from(places), Ordering::AcqRel);
    }
}

/// A place within a volume. Given back when dropped, unless it was used.
#[derive(Debug)]
pub(crate) struct VolumePlace(Option<Arc<Counter>>);

impl VolumePlace {
    fn used(mut self) {
        self.0 = None;
    }
}

impl Drop for VolumePlace {
    fn drop(&mut self) {
        if let Some(counter) = &self.0 {
            counter.left.fetch_add(1, Ordering::AcqRel);
        }
    }
}

const fn block(most: u32) -> u32 {
    let part = most / BLOCKS;
    match part {
        0 => 1,
        part if part > LARGEST_BLOCK => LARGEST_BLOCK,
        part => part,
    }
}

/// Why no place is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortage {
    /// The volume is used up until this moment.
    VolumeReached(Timestamp),
    /// The volume may have places left, but the database gives none now.
    VolumeUnknown,
    /// What is agreed per person is used up until this moment.
    PersonReached(Timestamp),
    /// The request does not say about whom it is.
    PersonUnknown,
    /// This process has no keys for pseudonyms, or others than the rest of the node.
    NoKeys,
}

impl Shortage {
    /// The refusal, with the time after which it can be gone where that is known.
    pub(crate) fn timed(self, problem: Problem, now: Timestamp) -> Problem {
        match self {
            Self::VolumeReached(until) | Self::PersonReached(until) => problem.retry_from(until, now),
            Self::VolumeUnknown => problem.retry_after(1),
            Self::PersonUnknown | Self::NoKeys => problem,
        }
    }

    pub(crate) const fn code(self) -> ReasonCode {
        match self {
            Self::VolumeReached(_) | Self::VolumeUnknown => ReasonCode::VolumeExhausted,
            Self::PersonReached(_) | Self::PersonUnknown | Self::NoKeys => ReasonCode::PersonLimitReached,
        }
    }

    /// The refusal: which it is, in words of its own beside those of the code.
    pub(crate) fn problem(self) -> Problem {
        match self {
            Self::VolumeReached(until) | Self::PersonReached(until) => {
                let (until, reason) = (shown(until), Reason::new(self.code()));
                Problem::new(
                    reason.code.as_str(),
                    429,
                    format!("{} Dat geldt tot {until}.", reason.nl),
                    format!("{} That lasts until {until}.", reason.en),
                )
                .next(
                    format!("Vraag het opnieuw vanaf {until}, of stel een wijziging van de afspraak voor."),
                    format!("Ask again from {until} on, or propose an amendment."),
                )
            }
            Self::VolumeUnknown => Problem::new(
                "VOLUME_EXHAUSTED",
                503,
                "Het knooppunt kan nu niet nagaan of er nog ruimte is in het afgesproken aantal uitwisselingen.",
                "The node cannot establish now whether there is room left in the agreed number of exchanges.",
            )
            .next(
                "Probeer het zo opnieuw; blijft het, dan moet de beheerder nagaan of de database bereikbaar is.",
                "Try again shortly; if it stays, the operator should check that the database can be reached.",
            ),
            Self::PersonUnknown => Problem::new(
                "PERSON_LIMIT_REACHED",
                403,
                "De afspraak telt vragen per persoon, en in het verzoek staat niet over wie het gaat.",
                "The agreement counts questions per person, and the request does not say about whom it is.",
            )
            .next(
                "Noem in de afspraak bij `people` in welke parameter de persoon staat.",
                "Say in the agreement, under `people`, in which parameter the person stands.",
            ),
            Self::NoKeys => Problem::new(
                "PERSON_LIMIT_REACHED",
                503,
                "Dit proces heeft niet de sleutels waarmee het knooppunt vragen per persoon telt.",
                "This process does not have the keys with which the node counts questions per person.",
            )
            .next(
                "De beheerder moet pseudonym-keys.json van het knooppunt terugzetten; het logboek zegt wat er mis is.",
                "The operator must put back the node's pseudonym-keys.json; the log says what is wrong.",
            ),
        }
    }
}

/// A limit by which those are counted whom the answer to an exchange names.
#[derive(Clone, Debug)]
pub(crate) struct InAnswer {
    limit_of: String,
    /// The period: its first moment, by whose keys somebody is counted, and the first after it.
    begin: Timestamp,
    pub(crate) end: Timestamp,
    most: u32,
}

/// What a refusal says of an answer that names somebody about whom the agreed number has been asked until then.
pub fn person_reached(until: Timestamp, now: Timestamp) -> Problem {
    Shortage::PersonReached(until).problem().retry_from(until, now)
}

/// What a refusal says where a limit per person stands and nobody can be counted.
pub(crate) fn person_unknown() -> Problem {
    Shortage::PersonUnknown.problem()
}

/// What is held for one exchange.
#[derive(Debug, Default)]
pub struct Held {
    pub(crate) volume: Option<VolumePlace>,
    pub(crate) places: Vec<Place>,
    /// How those are counted whom only the answer will name.
    pub(crate) in_answer: Option<InAnswer>,
}

impl Held {
    /// Whether somebody is counted: with the permit, or as the answer names them.
    fn counts_people(&self) -> bool {
        !self.places.is_empty() || self.in_answer.is_some()
    }

    /// The exchange takes place, or may do so: its place within the volume is gone.
    pub(crate) fn used(&mut self) {
        if let Some(place) = self.volume.take() {
            place.used();
        }
    }
}

/// What a decision found under one candidate.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) held: Held,
    /// A volume of which nothing is held here, and its limit.
    pub(crate) wanted: Option<(LimitKey, u32)>,
    pub(crate) shortages: Vec<Shortage>,
}

impl Found {
    /// Holds a place that was waited for.
    pub(crate) fn hold(&mut self, place: VolumePlace) {
        self.held.volume = Some(place);
        self.wanted = None;
        self.shortages.retain(|shortage| *shortage != Shortage::VolumeUnknown);
    }

    pub(crate) fn leases(&self, clause: &Clause) -> Leases {
        let conditions = &clause.conditions;
        let is_short = |of_person: bool| {
            self.shortages.iter().any(|shortage| {
                let person = !matches!(shortage, Shortage::VolumeReached(_) | Shortage::VolumeUnknown);
                person == of_person
            })
        };
        Leases {
            volume: conditions.volume.is_some() && self.held.volume.is_some(),
            per_person: clause.person_limit().is_some() && !is_short(true) && self.held.counts_people(),
        }
    }
}

/// An entry, with the places that it holds.
type Holding = (EntryId, Vec<Place>);

/// Places about persons that an exchange took, each with the entry that holds it, as long as it has come to no answer.
#[derive(Debug)]
pub(crate) struct Taken {
    limits: Arc<Limits>,
    /// `None`: it has come to an answer, so that they count.
    places: std::sync::Mutex<Option<Vec<Holding>>>,
}

impl Taken {
    pub(crate) fn new(limits: &Arc<Limits>) -> Arc<Self> {
        Arc::new(Self { limits: Arc::clone(limits), places: std::sync::Mutex::new(Some(Vec::new())) })
    }

    /// These too. What is taken once there is an answer counts.
    pub(crate) fn add(&self, entry: EntryId, places: Vec<Place>) {
        let mut taken = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = taken.as_mut().filter(|_| !places.is_empty()) {
            taken.push((entry, places));
        }
    }

    /// All of them; from then on they count, unless they are given back.
    pub(crate) fn take(&self) -> Vec<Holding> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }

    /// Gives places back, so that what was asked may be asked again.
    pub(crate) async fn give_back(&self, taken: Vec<Holding>) {
        for (entry, places) in taken {
            self.limits.give_back(entry, &places).await;
        }
    }
}

/// Counts for one process.
pub struct Limits {
    volumes: Arc<dyn Volumes>,
    counters: Vec<ArcSwap<HashMap<LimitKey, Arc<Counter>>>>,
    keys: ArcSwapOption<PseudonymKeys>,
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Limits")
    }
}

impl Limits {
    /// On these volumes, without keys for pseudonyms yet: until there are, nothing is permitted where a limit per person
    /// stands.
    pub fn new(volumes: Arc<dyn Volumes>) -> Arc<Self> {
        let counters = std::iter::repeat_with(ArcSwap::default).take(PARTS).collect();
        Arc::new(Self { volumes, counters, keys: ArcSwapOption::empty() })
    }

    /// Uses these keys from now on; `None`: none can be used.
    pub fn use_keys(&self, keys: Option<PseudonymKeys>) {
        self.keys.store(keys.map(Arc::new));
    }

    /// Whether there are keys for pseudonyms.
    pub(crate) fn has_keys(&self) -> bool {
        self.keys.load().is_some()
    }

    /// The pseudonym of somebody, of this moment; `None`: there are no keys.
    pub(crate) fn pseudonym(&self, now: Timestamp, of: IdentifierKind, number: &str) -> Option<Vec<u8>> {
        let keys = self.keys.load();
        let person = NamedPerson { kind: of, number: number.into() };
        keys.as_ref()?.pseudonym(now, kind(of), spelling(&person))
    }

    /// The place that somebody takes whom an answer names; `None`: there are no keys.
    pub(crate) fn place(&self, counted: &InAnswer, of: IdentifierKind, number: &str) -> Option<Place> {
        let InAnswer { limit_of, begin, end, most } = counted;
        let pseudonym = self.pseudonym(*begin, of, number)?;
        Some(Place { period_end: *end, limit_of: limit_of.clone(), pseudonym, most: *most })
    }

    /// The pseudonyms that somebody has had under all keys that there are.
    pub fn pseudonyms(&self, of: IdentifierKind, number: &str) -> Option<Vec<String>> {
        let keys = self.keys.load();
        let person = NamedPerson { kind: of, number: number.into() };
        let all = keys.as_ref()?.pseudonyms(kind(of), spelling(&person));
        Some(all.iter().filter_map(|one| crate::processing::written(one)).collect())
    }

    /// Takes what can be had without waiting.
    pub(crate) fn look(
        self: &Arc<Self>,
        candidate: Candidate<'_>,
        direction: Direction,
        now: Timestamp,
    ) -> Found {
        let mut found = Found::default();
        let Some(clause) = candidate.clause() else { return found };
        let key = |limit: Limit| LimitKey {
            agreement: candidate.agreement(),
            clause: clause.name.clone(),
            direction,
            period: limit.per,
            end: limit.per.around(now).1,
        };
        if let Some(limit) = clause.person_limit() {
            let key = key(limit);
            let places = candidate.operation().map(|operation| &*operation.people).unwrap_or_default();
            let is_in_answer = |person: &&PersonLocation| matches!(person.at, PersonPlace::Response { .. });
            let in_answer = places.iter().filter(is_in_answer).count();
            if in_answer > 0 {
                let (begin, end) = limit.per.around(now);
                found.held.in_answer =
                    Some(InAnswer { limit_of: key.limit_of(), begin, end, most: limit.most });
            }
            match self.places(&key, limit, now, &candidate.people()) {
                Ok(places) => found.held.places = places,
                // Whom only the answer names is counted as it goes by.
                Err(Shortage::PersonUnknown)
                    if in_answer > 0 && in_answer == places.len() && self.has_keys() => {}
                Err(shortage) => found.shortages.push(shortage),
            }
        }
        if let Some(limit) = clause.conditions.volume {
            let key = key(limit);
            match self.take(&key, limit.most) {
                Ok(Some(place)) => found.held.volume = Some(place),
                Ok(None) => {
                    found.shortages.push(Shortage::VolumeUnknown);
                    found.wanted = Some((key, limit.most));
                }
                Err(shortage) => found.shortages.push(shortage),
            }
        }
        found
    }

    fn take(self: &Arc<Self>, key: &LimitKey, most: u32) -> Result<Option<VolumePlace>, Shortage> {
        let Some(counter) = self.counter(key) else { return Ok(None) };
        let Some(place) = counter.take() else {
            return match counter.is_exhausted(most) {
                true => Err(Shortage::VolumeReached(key.end)),
                false => Ok(None),
            };
        };
        let block = block(most);
        // Blocks of one are not fetched ahead: small limits are exact, and asked for once per exchange.
        let is_low = block > 1 && counter.left.load(Ordering::Acquire) < u64::from(block / 2);
        if is_low && !counter.is_exhausted(most) && !counter.refilling.swap(true, Ordering::AcqRel) {
            let (limits, key) = (Arc::clone(self), key.clone());
            tokio::spawn(async move {
                let Refilling(counter) = &Refilling(counter);
                match counter.lease(&*limits.volumes, &key, most).await {
                    Ok(granted) => counter.add(granted),
                    Err(error) => {
                        tracing::warn!(%error, "a part of an agreed volume cannot be fetched ahead")
                    }
                }
            });
        }
        Ok(Some(place))
    }

    /// Waits for a place within a volume of which nothing was held here.
    pub(crate) async fn wait_for(&self, key: &LimitKey, most: u32) -> Result<VolumePlace, Shortage> {
        let counter = self.counter_made(key);
        let asked = async {
            let _alone = counter.asking.lock().await;
            if let Some(place) = counter.take() {
                return Ok(place);
            }
            if counter.is_exhausted(most) {
                return Err(Shortage::VolumeReached(key.end));
            }
            match counter.lease(&*self.volumes, key, most).await {
                Ok(0) => Err(Shortage::VolumeReached(key.end)),
                // One of them is for whoever asked.
                Ok(granted) => {
                    counter.add(granted.saturating_sub(1));
                    Ok(VolumePlace(Some(Arc::clone(&counter))))
                }
                Err(error) => {
                    tracing::warn!(%error, "a part of an agreed volume cannot be fetched");
                    Err(Shortage::VolumeUnknown)
                }
            }
        };
        tokio::time::timeout(LEASE_WITHIN, asked).await.unwrap_or(Err(Shortage::VolumeUnknown))
    }

    fn part(&self, key: &LimitKey) -> Option<&ArcSwap<HashMap<LimitKey, Arc<Counter>>>> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        self.counters.get(usize::try_from(hasher.finish() % PARTS as u64).unwrap_or(0))
    }

    fn counter(&self, key: &LimitKey) -> Option<Arc<Counter>> {
        self.part(key)?.load().get(key).cloned()
    }

    fn counter_made(&self, key: &LimitKey) -> Arc<Counter> {
        let new = Arc::new(Counter::default());
        if let Some(part) = self.part(key) {
            part.rcu(|counters| {
                let mut counters = HashMap::clone(counters);
                // Those of periods that are over go when there is something new to count.
                counters.retain(|other, _| other.end >= key.end || other.period != key.period);
                counters.entry(key.clone()).or_insert_with(|| Arc::clone(&new));
                counters
            });
        }
        self.counter(key).unwrap_or(new)
    }

    /// The places that a question about these people takes.
    fn places(
        &self,
        key: &LimitKey,
        limit: Limit,
        now: Timestamp,
        people: &[NamedPerson<'_>],
    ) -> Result<Vec<Place>, Shortage> {
        if people.is_empty() {
            return Err(Shortage::PersonUnknown);
        }
        let keys = self.keys.load();
        let keys = keys.as_ref().ok_or(Shortage::NoKeys)?;
        let begin = limit.per.around(now).0;
        let places = people.iter().map(|person| {
            let pseudonym = keys.pseudonym(begin, kind(person.kind), spelling(person))?;
            Some(Place { period_end: key.end, limit_of: key.limit_of(), pseudonym, most: limit.most })
        });
        let mut places: Vec<Place> = places.collect::<Option<_>>().ok_or(Shortage::NoKeys)?;
        // Somebody who is named twice is one person.
        places.sort();
        places.dedup();
        Ok(places)
    }

    pub(crate) async fn give_back(&self, entry: EntryId, places: &[Place]) {
        if let Err(error) = self.volumes.give_back(entry, places).await {
            tracing::warn!(%error, "a question that came to no answer counts: its place cannot be given back");
        }
    }
}

pub(crate) const fn kind(kind: IdentifierKind) -> &'static str {
    match kind {
        IdentifierKind::NationalNumber => "national_number",
        IdentifierKind::OrganisationNumber => "organisation_number",
        IdentifierKind::Pseudonym => "pseudonym",
    }
}

/// The number by which somebody is counted: a national number is a number, with or without zeros before it.
fn spelling<'person>(person: &'person NamedPerson<'_>) -> &'person str {
    match person.kind {
        IdentifierKind::NationalNumber if person.number.bytes().all(|byte| byte.is_ascii_digit()) => {
            person.number.trim_start_matches('0')
        }
        _ => &person.number,
    }
}

/// A moment as people read it.
fn shown(moment: Timestamp) -> String {
    Moment::of(moment).map_or_else(|| "?".to_owned(), |moment| moment.to_string())
}

#[cfg(test)]
mod tests;

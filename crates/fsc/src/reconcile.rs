//! Contracts are compared with counterparts by `GET /contracts`, so that what was missed while a node was away, or lost
//! with its database, comes back: after a start, after an hour without contact, and when a participant announces itself.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
    time::Instant,
};
use verbond_application::agreements::AgreementVersion;
use verbond_domain::{ParticipantId, Problem};
use verbond_fail_points::fail_point;

use crate::{FscNode, index::Connection};

/// After this long without contact a counterpart is asked again.
const SILENCE: Duration = Duration::from_secs(SILENCE_SECONDS as u64);
const SILENCE_SECONDS: i64 = 3600;
/// Time between two tries with a counterpart that does not answer.
const RETRY: Duration = Duration::from_secs(30);
/// Shortest time between two tries with the same counterpart, however often it announces itself.
const SHORTEST: Duration = Duration::from_secs(2);
/// Counterparts are asked again this much before the hour is full, so that nobody who can be reached is made to wait.
const AHEAD: Duration = Duration::from_secs(600);
/// Counterparts that are asked at the same time.
const AT_ONCE: usize = 8;
/// Time for one comparison.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Pages that are read of one counterpart's contracts: it decides how many there are.
const MAXIMUM_PAGES: usize = 200;

/// Who has been heard of, and who is to be asked.
#[derive(Default)]
pub struct Reconciliation {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    /// Asked for, and not begun yet.
    wanted: HashSet<ParticipantId>,
    /// Last message from or to the participant.
    heard: HashMap<ParticipantId, Instant>,
    /// Last comparison that succeeded.
    compared: HashMap<ParticipantId, Instant>,
    /// Last comparison that was tried.
    tried: HashMap<ParticipantId, Instant>,
    /// Being compared with, or waiting for a place.
    running: HashSet<ParticipantId>,
}

impl Reconciliation {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a comparison soon.
    pub(crate) fn ask(&self, id: &ParticipantId) {
        if self.state().wanted.insert(id.clone()) {
            self.wake.notify_one();
        }
    }

    /// A message came from, or reached, this participant.
    pub(crate) fn heard_of(&self, id: &ParticipantId) {
        self.state().heard.insert(id.clone(), Instant::now());
    }

    /// Whether contracts have been compared with this participant since the start.
    pub fn is_done(&self, id: &ParticipantId) -> bool {
        self.state().compared.contains_key(id)
    }

    /// Whether there has been contact with this participant within the last hour.
    fn in_contact(&self, id: &ParticipantId) -> bool {
        let (now, state) = (Instant::now(), self.state());
        let last = state.compared.get(id).max(state.heard.get(id));
        last.is_some_and(|at| now.saturating_duration_since(*at) < SILENCE)
    }

    /// Whom to ask now, of these counterparts.
    fn due(&self, counterparts: &HashSet<ParticipantId>) -> Vec<ParticipantId> {
        let now = Instant::now();
        let mut state = self.state();
        let wanted = std::mem::take(&mut state.wanted);
        let long_ago = |times: &HashMap<ParticipantId, Instant>, id: &ParticipantId, bound: Duration| {
            times.get(id).is_none_or(|at| now.saturating_duration_since(*at) >= bound)
        };
        let due = |id: &ParticipantId| {
            let bound = SILENCE.saturating_sub(AHEAD);
            let silent = long_ago(&state.compared, id, bound) && long_ago(&state.heard, id, bound);
            let never = !state.compared.contains_key(id);
            (silent || never) && long_ago(&state.tried, id, RETRY) && !state.running.contains(id)
        };
        let (wanted, later): (HashSet<_>, HashSet<_>) = wanted
            .into_iter()
            .partition(|id| long_ago(&state.tried, id, SHORTEST) && !state.running.contains(id));
        let due: HashSet<ParticipantId> =
            counterparts.iter().filter(|id| due(id)).cloned().chain(wanted).collect();
        state.wanted = later;
        for id in &due {
            state.tried.insert(id.clone(), now);
            state.running.insert(id.clone());
        }
        due.into_iter().collect()
    }

    fn done(&self, id: &ParticipantId) {
        let now = Instant::now();
        let mut state = self.state();
        state.compared.insert(id.clone(), now);
        state.heard.insert(id.clone(), now);
    }
}

/// One comparison. However it ends, the counterpart may be asked again after it.
struct Running<'a> {
    reconciliation: &'a Reconciliation,
    id: &'a ParticipantId,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.reconciliation.state().running.remove(self.id);
    }
}

impl FscNode {
    /// Whether a connection may be served: its contract came after the start, so it cannot be from a picture that is
    /// out of date, or what is shared with the counterpart has been compared since; and there has been contact within
    /// the hour. Asks for the comparison otherwise.
    pub(crate) fn is_reconciled(&self, connection: &Connection, counterpart: &ParticipantId) -> bool {
        let hour_ago = self.ambient.now().plus_seconds(-SILENCE_SECONDS);
        let since_start =
            || connection.is_newer_than(self.started_at) || self.reconciliation.is_done(counterpart);
        let in_contact = || connection.is_newer_than(hour_ago) || self.reconciliation.in_contact(counterpart);
        let reconciled = !self.rules.reconcile_before_serving || (since_start() && in_contact());
        if !reconciled {
            self.reconciliation.ask(counterpart);
        }
        reconciled
    }

    /// Compares contracts until it is aborted. Nobody waits for another's comparison, except for a place.
    pub(crate) async fn keep_reconciled(self: Arc<Self>) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut running = JoinSet::new();
        // What was begun before ended with the one that began it.
        self.reconciliation.state().running.clear();
        loop {
            fail_point!("task::reconciliation");
            while running.try_join_next().is_some() {}
            match self.counterparts().await {
                Ok(counterparts) => {
                    for id in self.reconciliation.due(&counterparts) {
                        running.spawn(Arc::clone(&self).reconcile_in_place(Arc::clone(&places), id));
                    }
                }
                Err(error) => tracing::error!(%error, "the counterparts cannot be read"),
            }
            let pause = if self.reconciliation.state().wanted.is_empty() { RETRY } else { SHORTEST };
            tokio::select! {
                () = self.reconciliation.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn reconcile_in_place(self: Arc<Self>, places: Arc<Semaphore>, id: ParticipantId) {
        let _running = Running { reconciliation: &self.reconciliation, id: &id };
        let Ok(_place) = places.acquire().await else { return };
        match self.reconcile_with(&id).await {
            Ok(0) => {}
            Ok(taken) => tracing::info!(peer = %id, taken, "signatures taken over from a counterpart"),
            Err(problem) => tracing::warn!(peer = %id, reason = %problem, "contracts cannot be compared"),
        }
    }

    /// Takes over what this counterpart shows and we lack. Returns how many signatures were new.
    pub async fn reconcile_with(&self, id: &ParticipantId) -> Result<usize, Problem> {
        tokio::time::timeout(TIMEOUT, self.compare_with(id)).await.map_err(|_| too_slow(id))?
    }

    async fn compare_with(&self, id: &ParticipantId) -> Result<usize, Problem> {
        let manager = self.counterpart(id).await?;
        let (mut taken, mut cursor) = (0_usize, None::<String>);
        for _ in 0..MAXIMUM_PAGES {
            let page = self.client.contracts(&manager, cursor.as_deref()).await;
            let (shown, next) = page.map_err(|error| error.problem(id))?;
            for contract in shown {
                match self.adopt(id, contract).await {
                    Ok(signatures) => taken = taken.saturating_add(signatures),
                    // One contract that cannot be used (ended, another version) says nothing of the others; a database
                    // that fails does.
                    Err(problem) if problem.status >= 500 => return Err(problem),
                    Err(problem) => {
                        tracing::debug!(peer = %id, reason = %problem, "a contract is not taken over")
                    }
                }
            }
            cursor = next;
            if cursor.is_none() {
                for courier in &self.couriers {
                    let compared = courier.compare(id, manager.address.as_str()).await;
                    taken = taken.saturating_add(compared.map_err(|reason| not_comparable(id, &reason))?);
                }
                self.reconciliation.done(id);
                return Ok(taken);
            }
        }
        Err(too_slow(id))
    }

    /// Everybody with whom this participant shares a contract or an agreement that has not ended: also those parties to
    /// an agreement with whom nothing is exchanged may have ended it.
    pub(crate) async fn counterparts(&self) -> Result<HashSet<ParticipantId>, verbond_store::StoreError> {
        let now = self.ambient.now();
        let running = self.store.running_contracts(now).await?;
        let named = running.into_iter().flat_map(|contract| contract.participants);
        let agreements = AgreementVersion::running(&self.store, now).await?;
        let offered = agreements.iter().filter(|version| version.offered_by().is_some());
        let parties = offered.flat_map(|version| &version.document.parties);
        let parties = parties.map(|party| party.participant.clone());
        Ok(named.chain(parties).filter(|id| *id != self.rules.own).collect())
    }
}

fn not_comparable(id: &ParticipantId, reason: &str) -> Problem {
    Problem::new(
        "PEER_NOT_COMPARABLE",
        502,
        format!("Gegevensafspraken met {id} kunnen niet worden vergeleken."),
        format!("agreements with {id} cannot be compared: {reason}"),
    )
    .next(
        "Kijk met `verbond doctor` of de andere partij bereikbaar is.",
        "see with `verbond doctor` whether the other party can be reached",
    )
}

fn too_slow(id: &ParticipantId) -> Problem {
    Problem::new(
        "PEER_TOO_SLOW",
        504,
        format!("De manager van {id} toont zijn contracten te langzaam, of te veel ervan."),
        format!("the manager of {id} shows its contracts too slowly, or too many of them"),
    )
    .next(
        "Kijk met `verbond doctor` of de andere partij bereikbaar is.",
        "see with `verbond doctor` whether the other party can be reached",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::fixtures::{CONSUMER, PROVIDER, peer};

    #[tokio::test(start_paused = true)]
    async fn an_hour_without_contact_ends_what_was_compared_and_who_answers_is_asked_before() {
        let (reconciliation, id) = (Reconciliation::default(), peer(PROVIDER));
        let counterparts: HashSet<_> = [id.clone()].into();
        assert!(!reconciliation.in_contact(&id));
        assert_eq!(reconciliation.due(&counterparts), std::slice::from_ref(&id));
        reconciliation.done(&id);
        drop(Running { reconciliation: &reconciliation, id: &id });
        tokio::time::advance(SILENCE - AHEAD - Duration::from_secs(1)).await;
        assert!(reconciliation.in_contact(&id) && reconciliation.due(&counterparts).is_empty());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(reconciliation.due(&counterparts), std::slice::from_ref(&id));
        drop(Running { reconciliation: &reconciliation, id: &id });
        tokio::time::advance(AHEAD).await;
        assert!(!reconciliation.in_contact(&id));
        reconciliation.heard_of(&id);
        assert!(reconciliation.in_contact(&id));
    }

    #[tokio::test(start_paused = true)]
    async fn a_counterpart_that_is_being_compared_with_is_not_asked_a_second_time() {
        let (reconciliation, slow) = (Reconciliation::default(), peer(PROVIDER));
        let counterparts: HashSet<_> = [slow.clone()].into();
        assert_eq!(reconciliation.due(&counterparts), std::slice::from_ref(&slow));
        tokio::time::advance(RETRY * 2).await;
        reconciliation.ask(&slow);
        assert!(reconciliation.due(&counterparts).is_empty());
        reconciliation.ask(&peer(CONSUMER));
        assert_eq!(reconciliation.due(&counterparts), [peer(CONSUMER)]);
        drop(Running { reconciliation: &reconciliation, id: &slow });
        assert_eq!(reconciliation.due(&counterparts), [slow]);
    }
}

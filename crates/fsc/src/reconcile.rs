//! Contracts are compared with counterparts by `GET /contracts`, so that what was missed while a node was away, or lost
//! with its database, comes back: after a start, after an hour without contact, and when a participant announces itself.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};
use verbond_domain::{ParticipantId, Problem};

use crate::{FscNode, index::Connection};

/// After this long without contact a counterpart is asked again.
const SILENCE: Duration = Duration::from_secs(3600);
/// Time between two tries with a counterpart that does not answer.
const RETRY: Duration = Duration::from_secs(30);
/// Shortest time between two tries with the same counterpart, however often it announces itself.
const SHORTEST: Duration = Duration::from_secs(2);
/// Counterparts that are asked at the same time.
const AT_ONCE: usize = 8;

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

    /// Whom to ask now, of these counterparts.
    fn due(&self, counterparts: &HashSet<ParticipantId>) -> Vec<ParticipantId> {
        let now = Instant::now();
        let mut state = self.state();
        let wanted = std::mem::take(&mut state.wanted);
        let long_ago = |times: &HashMap<ParticipantId, Instant>, id: &ParticipantId, bound: Duration| {
            times.get(id).is_none_or(|at| now.saturating_duration_since(*at) >= bound)
        };
        let due = |id: &ParticipantId| {
            let silent = long_ago(&state.compared, id, SILENCE) && long_ago(&state.heard, id, SILENCE);
            let never = !state.compared.contains_key(id);
            (silent || never) && long_ago(&state.tried, id, RETRY)
        };
        let (wanted, later): (HashSet<_>, HashSet<_>) =
            wanted.into_iter().partition(|id| long_ago(&state.tried, id, SHORTEST));
        let due: HashSet<ParticipantId> =
            counterparts.iter().filter(|id| due(id)).cloned().chain(wanted).collect();
        state.wanted = later;
        for id in &due {
            state.tried.insert(id.clone(), now);
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

impl FscNode {
    /// Whether a connection may be served: its contract came after the start, so it cannot be from a picture that is
    /// out of date, or what is shared with the counterpart has been compared since. Asks for the comparison otherwise.
    pub(crate) fn is_reconciled(&self, connection: &Connection, counterpart: &ParticipantId) -> bool {
        let reconciled = !self.rules.reconcile_before_serving
            || connection.is_newer_than(self.started_at)
            || self.reconciliation.is_done(counterpart);
        if !reconciled {
            self.reconciliation.ask(counterpart);
        }
        reconciled
    }

    /// Compares contracts until it is aborted.
    pub(crate) async fn keep_reconciled(self: Arc<Self>) {
        loop {
            match self.counterparts().await {
                Ok(counterparts) => self.reconcile_due(&counterparts).await,
                Err(error) => tracing::error!(%error, "the counterparts cannot be read"),
            }
            let pause = if self.reconciliation.state().wanted.is_empty() { RETRY } else { SHORTEST };
            tokio::select! {
                () = self.reconciliation.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn reconcile_due(self: &Arc<Self>, counterparts: &HashSet<ParticipantId>) {
        let mut due = self.reconciliation.due(counterparts).into_iter();
        let mut running = tokio::task::JoinSet::new();
        loop {
            while running.len() < AT_ONCE
                && let Some(id) = due.next()
            {
                let node = Arc::clone(self);
                running.spawn(async move {
                    match node.reconcile_with(&id).await {
                        Ok(0) => {}
                        Ok(taken) => {
                            tracing::info!(peer = %id, taken, "signatures taken over from a counterpart")
                        }
                        Err(problem) => {
                            tracing::warn!(peer = %id, reason = %problem, "contracts cannot be compared")
                        }
                    }
                });
            }
            if running.join_next().await.is_none() {
                return;
            }
        }
    }

    /// Takes over what this counterpart shows and we lack. Returns how many signatures were new.
    pub async fn reconcile_with(&self, id: &ParticipantId) -> Result<usize, Problem> {
        let manager = self.counterpart(id).await?;
        let shown = self.client.contracts(&manager).await.map_err(|error| error.problem(id))?;
        let mut taken = 0_usize;
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
        self.reconciliation.done(id);
        Ok(taken)
    }

    /// Everybody with whom this participant shares a contract that has not ended.
    pub(crate) async fn counterparts(&self) -> Result<HashSet<ParticipantId>, verbond_store::StoreError> {
        let running = self.store.running_contracts(self.ambient.now()).await?;
        let named = running.into_iter().flat_map(|contract| contract.participants);
        Ok(named.filter(|id| *id != self.rules.own).collect())
    }
}

//! Reading the picture: whole at first, afterwards only what has changed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use verbond_agreement::AgreementId;
use verbond_domain::{ParticipantId, Timestamp};
use verbond_policy::PolicySnapshot;
use verbond_store::{
    SortOrder, Store, StoreError,
    agreements::AgreementRow,
    changes::{ChangePosition, Changed, Since},
    contracts::ContractRow,
    peers::PeerRow,
};

use super::{Snapshot, ends::Ends, next_turn};
use crate::{
    agreements::{AgreementVersion, with_successors},
    counterparts::CounterpartCause,
};

/// A picture and what is needed to read the next one from it.
pub(super) struct Known {
    position: ChangePosition,
    pub(super) snapshot: Arc<Snapshot>,
    agreement_ends: Ends<String>,
    contract_ends: Ends<String>,
}

impl Known {
    /// The whole picture.
    pub(super) async fn whole(store: &Store, now: Timestamp) -> Result<Self, StoreError> {
        // Read first: what changes while the rest is read is a change after this, and is read once more.
        let position = store.changes_since(None).await?.position;
        let mut snapshot = Snapshot { taken_at: now, turn: next_turn(), ..Snapshot::empty(position.number) };
        let parts = [
            Changed::Services,
            Changed::Applications,
            Changed::Peers,
            Changed::Persons,
            Changed::CounterpartTasks,
        ];
        for part in &parts {
            read_part(store, part, &mut snapshot).await?;
        }
        let contracts = store.running_contracts(now).await?;
        let agreements = store.running_agreements(now).await?;
        let mut known = Self {
            position,
            snapshot: Arc::new(Snapshot::empty(0)),
            agreement_ends: Ends::read_at(now),
            contract_ends: Ends::read_at(now),
        };
        known.take_contracts(&mut snapshot, BTreeSet::new(), contracts, now);
        known.take_agreements(&mut snapshot, BTreeSet::new(), agreements, now);
        known.snapshot = Arc::new(snapshot);
        Ok(known)
    }

    /// What is different in the database.
    pub(super) async fn news(&self, store: &Store, now: Timestamp) -> Result<News, StoreError> {
        if self.agreement_ends.lacks(now) || self.contract_ends.lacks(now) {
            return Ok(News::Everything);
        }
        let changes = store.changes_since(Some(&self.position)).await?;
        let Since::Known(changed) = changes.since else { return Ok(News::Everything) };
        if changes.position == self.position {
            return Ok(News::Nothing);
        }
        // Parts are read into a picture beside the one in use, which a failure leaves as it is.
        let mut snapshot = Snapshot::clone(&self.snapshot);
        let (mut agreements, mut contracts) = (BTreeSet::new(), BTreeSet::new());
        for changed in changed {
            match changed {
                Changed::Agreement(id) => drop(agreements.insert(id)),
                Changed::Contract(hash) => drop(contracts.insert(hash)),
                part => read_part(store, &part, &mut snapshot).await?,
            }
        }
        let agreement_rows = store.agreements_named(&Vec::from_iter(agreements.iter().cloned())).await?;
        let contract_rows = store.contracts_named(&Vec::from_iter(contracts.iter().cloned())).await?;
        let position = changes.position;
        let parts = Parts { position, snapshot, agreements, agreement_rows, contracts, contract_rows };
        Ok(News::Parts(Box::new(parts)))
    }

    /// The next picture.
    pub(super) fn with(mut self, parts: Parts, now: Timestamp) -> Self {
        let Parts { position, mut snapshot, agreements, agreement_rows, contracts, contract_rows } = parts;
        (snapshot.generation, snapshot.turn, snapshot.taken_at) = (position.number, next_turn(), now);
        self.take_contracts(&mut snapshot, contracts, contract_rows, now);
        self.take_agreements(&mut snapshot, agreements, agreement_rows, now);
        self.position = position;
        self.snapshot = Arc::new(snapshot);
        self
    }

    fn take_contracts(
        &mut self,
        snapshot: &mut Snapshot,
        changed: BTreeSet<String>,
        rows: Vec<ContractRow>,
        now: Timestamp,
    ) {
        let mut gone = changed;
        gone.iter().for_each(|hash| self.contract_ends.remove(hash));
        gone.extend(self.contract_ends.over(now));
        let rows: Vec<Arc<ContractRow>> = rows
            .into_iter()
            // It runs at its last moment still.
            .filter(|row| {
                self.contract_ends.put(
                    &row.hash,
                    Timestamp::from_millis(row.not_after.millis().saturating_add(1)),
                    now,
                )
            })
            .map(Arc::new)
            .collect();
        if gone.is_empty() && rows.is_empty() {
            return;
        }
        let stays = snapshot.contracts.iter().filter(|row| !gone.contains(&row.hash)).cloned();
        let mut contracts: Vec<Arc<ContractRow>> = stays.chain(rows).collect();
        contracts.sort_by(|one, other| (one.created_at, &one.hash).cmp(&(other.created_at, &other.hash)));
        snapshot.contracts = Arc::new(contracts);
    }

    /// Sets agreements in the place of those that are known under their identifiers. What has not changed is not compiled again.
    fn take_agreements(
        &mut self,
        snapshot: &mut Snapshot,
        changed: BTreeSet<String>,
        rows: Vec<AgreementRow>,
        now: Timestamp,
    ) {
        let mut next: BTreeMap<String, Vec<AgreementRow>> =
            changed.into_iter().map(|id| (id, Vec::new())).collect();
        for row in rows {
            next.entry(row.agreement.clone()).or_default().push(row);
        }
        for (id, rows) in &mut next {
            match rows.iter().map(|row| row.term_until).max() {
                Some(end) if self.agreement_ends.put(id, end, now) => {}
                Some(_) => rows.clear(),
                None => self.agreement_ends.remove(id),
            }
        }
        next.extend(self.agreement_ends.over(now).into_iter().map(|id| (id, Vec::new())));
        for (id, rows) in next {
            let Ok(id) = id.parse::<AgreementId>() else {
                tracing::error!("an agreement has an identifier that is none: nothing is exchanged under it");
                continue;
            };
            let versions: Vec<Arc<AgreementVersion>> =
                with_successors(readable(rows)).into_iter().map(Arc::new).collect();
            replace(&mut snapshot.policies, id, &versions);
            snapshot.agreements.put(id, versions);
        }
    }
}

/// What is different in the database.
pub(super) enum News {
    /// Nothing.
    Nothing,
    /// That cannot be told.
    Everything,
    /// This.
    Parts(Box<Parts>),
}

/// What has been read of what changed.
pub(super) struct Parts {
    position: ChangePosition,
    /// With what is read whole.
    snapshot: Snapshot,
    agreements: BTreeSet<String>,
    agreement_rows: Vec<AgreementRow>,
    contracts: BTreeSet<String>,
    contract_rows: Vec<ContractRow>,
}

/// Reads a part that is small enough to be read whole when anything of it changed.
async fn read_part(store: &Store, part: &Changed, snapshot: &mut Snapshot) -> Result<(), StoreError> {
    match part {
        Changed::Services => {
            let rows = store.services().await?.into_iter();
            snapshot.services = rows.map(|row| (row.name.clone(), Arc::new(row))).collect();
        }
        Changed::Applications => {
            let rows = store.applications().await?.into_iter();
            snapshot.applications = rows.map(|row| (row.name.clone(), Arc::new(row))).collect();
        }
        Changed::Peers => snapshot.peers = peers(store).await?,
        Changed::Persons => snapshot.persons = store.persons().await?,
        Changed::CounterpartTasks => {
            let tasks = store.open_counterpart_tasks(CounterpartCause::Contradiction.as_str()).await?;
            snapshot.contradicting = tasks.into_iter().map(|task| task.counterpart).collect();
        }
        Changed::Agreement(_) | Changed::Contract(_) | Changed::Other => {}
    }
    Ok(())
}

async fn peers(store: &Store) -> Result<HashMap<ParticipantId, Arc<PeerRow>>, StoreError> {
    let mut peers = HashMap::new();
    let mut cursor = None;
    loop {
        let page = store.peers(None, &[], cursor.as_deref(), 1000, SortOrder::Ascending).await?;
        peers.extend(page.items.into_iter().map(|peer| (peer.id.clone(), Arc::new(peer))));
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(peers),
        }
    }
}

/// One that is damaged permits nothing, and does not keep the others from doing so.
fn readable(rows: Vec<AgreementRow>) -> Vec<AgreementVersion> {
    let read = rows.into_iter().filter_map(|row| {
        AgreementVersion::read(row)
            .inspect_err(|error| {
                tracing::error!(%error, "an agreement cannot be read: nothing is exchanged under it");
            })
            .ok()
    });
    read.collect()
}

fn replace(policies: &mut PolicySnapshot, id: AgreementId, versions: &[Arc<AgreementVersion>]) {
    let versions = versions.iter().map(|version| (Arc::clone(&version.document), version.life.clone()));
    for (id, error) in policies.put(id, versions.collect()) {
        tracing::error!(agreement = %id, %error, "an agreement has no policies: nothing is exchanged under it");
    }
}

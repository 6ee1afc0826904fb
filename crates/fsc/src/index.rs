//! Connection grants by hash and by service, made once per picture of the database and shared by all requests.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use arc_swap::ArcSwap;
use verbond_application::snapshot::Snapshot;
use verbond_domain::{ExchangeParties, ParticipantId, Scheme, ServiceName, ServiceReference, Timestamp};
use verbond_gateway::Standing;
use verbond_store::contracts::ContractRow;

use crate::{
    FscRules,
    contracts::StoredContract,
    protocol::{
        grant::{Grant, Outway},
        hash::GrantHash,
        state::ContractState,
    },
};

/// A connection grant within its contract.
pub struct Connection {
    contract: StoredContract,
    position: usize,
    /// Who and for whom, and which service.
    pub parties: ExchangeParties,
    /// Which outway of the consumer.
    pub outway: Outway,
    hash: GrantHash,
    keeper: Weak<IndexKeeper>,
}

impl Connection {
    fn new(
        contract: &StoredContract,
        position: usize,
        grant: &Grant,
        keeper: Weak<IndexKeeper>,
    ) -> Option<Self> {
        let outway = grant.data.outway()?.clone();
        let parties = ExchangeParties {
            consumer: outway.consumer.clone(),
            consumer_delegator: grant.data.delegator().cloned(),
            provider: grant.provider().clone(),
            provider_delegator: grant.data.service_delegator().cloned(),
            service: grant.service_name().clone(),
        };
        let hash = grant.hashes.string.clone();
        Some(Self { contract: contract.clone(), position, parties, outway, hash, keeper })
    }

    /// The grant.
    pub fn grant(&self) -> Option<&Grant> {
        self.contract.content.grants.get(self.position)
    }

    /// Where its contract stands.
    pub fn state(&self, now: Timestamp) -> ContractState {
        self.contract.state(now)
    }

    /// Hash of its contract.
    pub fn contract_hash(&self) -> &str {
        &self.contract.row.hash
    }

    /// Whether its contract reached this node after `moment`.
    pub fn is_newer_than(&self, moment: Timestamp) -> bool {
        self.contract.row.stored_at >= moment
    }

    /// When its contract ends.
    pub fn not_after(&self) -> Timestamp {
        self.contract.content.not_after
    }
}

impl Standing for Connection {
    fn holds(&self, snapshot: &Snapshot, now: Timestamp) -> bool {
        let Some(keeper) = self.keeper.upgrade() else { return false };
        let index = keeper.index(snapshot);
        index.by_hash(&self.hash).is_some_and(|connection| connection.state(now) == ContractState::Valid)
    }
}

/// All connection grants of one picture.
pub struct Index {
    /// The turn of the picture; none for the index of nothing.
    turn: Option<u64>,
    /// What the index is of.
    rows: Arc<Vec<Arc<ContractRow>>>,
    by_hash: HashMap<GrantHash, Arc<Connection>>,
    by_service: HashMap<ServiceReference, Vec<Arc<Connection>>>,
    contracts: HashMap<String, StoredContract>,
}

impl Index {
    /// Whether it is of this picture, of one with the same contracts, or of a newer one.
    fn serves(&self, snapshot: &Snapshot) -> bool {
        self.turn >= Some(snapshot.turn) || Arc::ptr_eq(&self.rows, &snapshot.contracts)
    }

    /// The grant with this hash, under either reading.
    pub fn by_hash(&self, hash: &GrantHash) -> Option<&Arc<Connection>> {
        self.by_hash.get(hash)
    }

    /// All connections to a service, whatever their state.
    pub fn to_service(&self, provider: &ParticipantId, name: &ServiceName) -> &[Arc<Connection>] {
        let service = ServiceReference { provider: provider.clone(), name: name.clone() };
        self.by_service.get(&service).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Keeps the index of the newest picture.
pub struct IndexKeeper {
    scheme: Scheme,
    current: ArcSwap<Index>,
    /// Held while an index is made: the others wait instead of making it too.
    making: Mutex<()>,
}

impl IndexKeeper {
    pub(crate) fn new(rules: &FscRules) -> Arc<Self> {
        let empty = Index {
            turn: None,
            rows: Arc::default(),
            by_hash: HashMap::new(),
            by_service: HashMap::new(),
            contracts: HashMap::new(),
        };
        Arc::new(Self {
            scheme: rules.scheme(),
            current: ArcSwap::from_pointee(empty),
            making: Mutex::new(()),
        })
    }

    /// The index of this picture. A request that still holds an older picture gets the newer index: what has been
    /// revoked since must not be found.
    pub fn index(self: &Arc<Self>, snapshot: &Snapshot) -> Arc<Index> {
        let current = self.current.load_full();
        if current.serves(snapshot) {
            return current;
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load_full();
        if current.serves(snapshot) {
            return current;
        }
        let index = Arc::new(self.make(snapshot, &current));
        self.current.store(Arc::clone(&index));
        index
    }

    fn make(self: &Arc<Self>, snapshot: &Snapshot, before: &Index) -> Index {
        let mut index = Index {
            turn: Some(snapshot.turn),
            rows: Arc::clone(&snapshot.contracts),
            by_hash: HashMap::new(),
            by_service: HashMap::new(),
            contracts: HashMap::with_capacity(snapshot.contracts.len()),
        };
        for row in snapshot.contracts.iter() {
            let unchanged =
                before.contracts.get(&row.hash).filter(|contract| *contract.row == **row).cloned();
            let contract =
                match unchanged.map_or_else(|| StoredContract::read(Arc::clone(row), self.scheme), Ok) {
                    Ok(contract) => contract,
                    Err(error) => {
                        tracing::error!(%error, "a stored contract cannot be read; it is left out");
                        continue;
                    }
                };
            for (position, grant) in contract.content.grants.iter().enumerate() {
                let connection = Connection::new(&contract, position, grant, Arc::downgrade(self));
                if let Some(connection) = connection.map(Arc::new) {
                    index.by_hash.insert(grant.hashes.string.clone(), Arc::clone(&connection));
                    index.by_hash.insert(grant.hashes.digest.clone(), Arc::clone(&connection));
                    let service = ServiceReference {
                        provider: grant.provider().clone(),
                        name: grant.service_name().clone(),
                    };
                    index.by_service.entry(service).or_default().push(connection);
                }
            }
            index.contracts.insert(row.hash.clone(), contract);
        }
        index
    }
}

//! The FSC face of one node: what its parts share, and the tasks that run beside the requests.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::task::JoinHandle;
use verbond_application::{Courier, agreements::AgreementOffice};
use verbond_domain::{Ambient, Timestamp};
use verbond_store::Store;
use verbond_supervision::Supervisor;
use verbond_transport::Client;
use verbond_trust::{IdentityHandle, TrustStore};

use crate::{
    FloodLimits, FscRules, answer::refusal, certificates::KeySets, client::ManagerClient,
    contracts::StoredContract, flood::FloodGate, inbound_face::FscInbound, index::IndexKeeper, manager,
    outbound_face::FscOutbound, protocol::error::ErrorDomain, reconcile::Reconciliation, tokens::TokenCache,
};

/// What the FSC face is built on.
pub struct FscParts {
    /// The group's rules and this node's place in it.
    pub rules: FscRules,
    /// The node's database.
    pub store: Store,
    /// Time and randomness.
    pub ambient: Ambient,
    /// The certificate and key that the node presents and signs with.
    pub identity: Arc<IdentityHandle>,
    /// The group's trust anchors.
    pub trust: Arc<TrustStore>,
    /// Dials other participants ([`Client::peers`]).
    pub peers: Client,
    /// Where this participant keeps the agreements from which contracts follow.
    pub agreements: Arc<AgreementOffice>,
    /// Who carries what waits in the outbox and is no matter of FSC.
    pub couriers: Vec<Arc<dyn Courier>>,
}

/// The FSC face of one node. One per process; shared by the manager's port, the gateways and the administration API.
pub struct FscNode {
    pub(crate) rules: FscRules,
    pub(crate) store: Store,
    pub(crate) ambient: Ambient,
    pub(crate) identity: Arc<IdentityHandle>,
    pub(crate) trust: Arc<TrustStore>,
    pub(crate) client: ManagerClient,
    pub(crate) agreements: Arc<AgreementOffice>,
    pub(crate) couriers: Vec<Arc<dyn Courier>>,
    pub(crate) key_sets: KeySets,
    pub(crate) index: Arc<IndexKeeper>,
    pub(crate) tokens: TokenCache,
    pub(crate) reconciliation: Reconciliation,
    pub(crate) flood_limits: FloodLimits,
    pub(crate) flood_gate: FloodGate,
    pub(crate) started_at: Timestamp,
    /// Contracts as of a change of the database, by its number.
    pub(crate) running: ArcSwapOption<(i64, Arc<Vec<StoredContract>>)>,
    /// Held while a contract is proposed, so that two askers at once get the same one.
    pub(crate) proposing: tokio::sync::Mutex<()>,
}

impl FscNode {
    /// Puts the face together, with the usual bounds on what one participant may ask; nothing runs yet.
    pub fn new(parts: FscParts) -> Arc<Self> {
        Self::with_limits(parts, FloodLimits::default())
    }

    /// As [`FscNode::new`], with bounds of one's own.
    pub fn with_limits(parts: FscParts, flood_limits: FloodLimits) -> Arc<Self> {
        let FscParts { rules, store, ambient, identity, trust, peers, agreements, couriers } = parts;
        Arc::new(Self {
            agreements,
            couriers,
            client: ManagerClient::new(peers, &rules.manager_address),
            index: IndexKeeper::new(&rules),
            started_at: ambient.now(),
            rules,
            store,
            ambient,
            identity,
            trust,
            key_sets: KeySets::default(),
            tokens: TokenCache::default(),
            reconciliation: Reconciliation::default(),
            flood_limits,
            flood_gate: FloodGate::new(flood_limits),
            running: ArcSwapOption::empty(),
            proposing: tokio::sync::Mutex::new(()),
        })
    }

    /// The routes of the manager's port, for [`verbond_transport::tower_handler`] behind mutual TLS.
    pub fn manager(self: &Arc<Self>) -> axum::Router {
        manager::router(Arc::clone(self))
    }

    /// The manager's refusal of a head beyond the listener's bound.
    pub fn head_too_large() -> http::Response<verbond_transport::Body> {
        refusal(ErrorDomain::Manager, &verbond_transport::head_too_large())
    }

    /// The provider's side, for the inway.
    pub fn inbound(self: &Arc<Self>) -> Arc<FscInbound> {
        Arc::new(FscInbound::new(Arc::clone(self)))
    }

    /// The consumer's side, for the outway.
    pub fn outbound(self: &Arc<Self>) -> Arc<FscOutbound> {
        Arc::new(FscOutbound::new(Arc::clone(self)))
    }

    /// Starts what a manager does by itself: delivers the outbox, compares contracts with counterparts, announces this
    /// participant, signs again after a renewal, and has wire contracts follow agreements. Abort the handles to end the tasks; what is unfinished goes on
    /// after the next start.
    pub fn start_manager(self: &Arc<Self>, supervisor: &Supervisor) -> Vec<JoinHandle<()>> {
        vec![
            supervisor.keep("outbox", Arc::clone(self), Self::keep_delivering),
            supervisor.keep("reconciliation", Arc::clone(self), Self::keep_reconciled),
            supervisor.keep("announcements", Arc::clone(self), Self::keep_announced),
            supervisor.keep("signatures", Arc::clone(self), Self::keep_signed),
            supervisor.keep("following-contracts", Arc::clone(self), Self::keep_following),
        ]
    }

    /// Starts what a process with gateways and without a manager needs: under
    /// [`FscRules::reconcile_before_serving`] it compares contracts with counterparts itself, since what one process has
    /// compared the others do not know.
    pub fn start_gateway(self: &Arc<Self>, supervisor: &Supervisor) -> Vec<JoinHandle<()>> {
        vec![supervisor.keep("reconciliation", Arc::clone(self), Self::keep_reconciled)]
    }

    /// The rules that the face was built with.
    pub const fn rules(&self) -> &FscRules {
        &self.rules
    }

    /// Calls to other managers, for what the operator asks of them.
    pub const fn client(&self) -> &ManagerClient {
        &self.client
    }
}

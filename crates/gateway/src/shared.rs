//! What inway and outway have in common.

use std::{sync::Arc, time::Duration};

use verbond_application::{
    absences::Absences, checkpoints::Checkpoints, completions::Completions, exchange::Exchanges,
    snapshot::SnapshotKeeper, witnesses::Witnesses,
};
use verbond_domain::{Ambient, Direction};
use verbond_supervision::Supervisor;

use crate::{DecisionPoint, Metrics, in_flight::InFlight};

/// Bounds of a gateway.
#[derive(Clone, Copy, Debug)]
pub struct GatewayLimits {
    /// Requests in flight at the same time; more are refused.
    pub requests: usize,
    /// How long an exchange may lie without a byte of it moving, before it is broken off.
    pub stall: Duration,
}

impl Default for GatewayLimits {
    fn default() -> Self {
        Self { requests: 8192, stall: Duration::from_secs(600) }
    }
}

/// What a gateway stands on.
#[derive(Clone)]
pub struct Gateway {
    /// Decides and records.
    pub exchanges: Arc<Exchanges>,
    /// Writes down what became of exchanges.
    pub completions: Completions,
    /// The own journal's newest checkpoint, shown to counterparts.
    pub checkpoints: Arc<Checkpoints>,
    /// Takes in the checkpoints that counterparts show.
    pub witnesses: Witnesses,
    /// What is known.
    pub snapshots: Arc<SnapshotKeeper>,
    /// Counts agreed elements that never come.
    pub absences: Arc<Absences>,
    /// Time and randomness.
    pub ambient: Ambient,
    /// Figures.
    pub metrics: Metrics,
    /// Bounds.
    pub limits: GatewayLimits,
    /// The organisation's own decision point, which is asked too; `None`: it has none.
    pub decision_point: Option<Arc<DecisionPoint>>,
    /// Keeps the watch over exchanges in flight going.
    pub supervisor: Supervisor,
}

impl Gateway {
    /// Starts to watch over the exchanges of one direction.
    pub(crate) fn watch(&self, direction: Direction) -> Arc<InFlight> {
        InFlight::start(
            direction,
            Arc::clone(&self.snapshots),
            self.ambient.clone(),
            self.metrics.clone(),
            self.completions.clone(),
            self.limits,
            &self.supervisor,
        )
    }
}

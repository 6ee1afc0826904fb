//! Who carries what waits in the outbox, beside the group's own protocol.

use async_trait::async_trait;
use verbond_domain::ParticipantId;
use verbond_store::outbox::OutboxRow;

/// Why a message has not arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// What happened, for the operator.
    pub reason: String,
    /// The other side itself said no: only a change at either side can mend it.
    pub is_refused: bool,
}

impl Undelivered {
    /// May arrive later.
    pub const fn later(reason: String) -> Self {
        Self { reason, is_refused: false }
    }

    /// The other side said no.
    pub const fn refused(reason: String) -> Self {
        Self { reason, is_refused: true }
    }
}

/// Carries messages of one kind to other participants.
#[async_trait]
pub trait Courier: Send + Sync {
    /// Which messages: what stands in their kind before the dot.
    fn carries(&self) -> &'static str;

    /// Carries one message to the manager at `https://host:port`.
    async fn carry(&self, manager: &str, message: &OutboxRow) -> Result<(), Undelivered>;

    /// Takes over what a counterpart shows and this node lacks, after an absence; gives how much that was.
    async fn compare(&self, with: &ParticipantId, manager: &str) -> Result<usize, String>;
}

/// Knows where the managers of participants are.
#[async_trait]
pub trait Managers: Send + Sync {
    /// `https://host:port`, if it is known.
    async fn manager_of(&self, participant: &ParticipantId) -> Option<String>;
}

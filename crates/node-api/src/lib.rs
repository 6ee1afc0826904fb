//! What nodes of this program tell each other beside the group's protocol, under `/verbond/v1` on the manager's port:
//! agreements, what parties state about them, what each has read of the others' public registers, what it has written down
//! of the exchanges between them, and what it has seen of the others' journals.
//!
//! A participant that answers 404 here is a foreign one: it takes part over the group's protocol alone.
#![forbid(unsafe_code)]

mod account;
mod answer;
mod call;
mod caller;
mod courier;
mod journal;
mod probe;
mod reader;
mod routes;

use std::{num::NonZeroU32, sync::Arc};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use verbond_application::{agreements::AgreementOffice, checkpoints::Checkpoints};
use verbond_domain::{Ambient, ParticipantId};
use verbond_store::Store;
use verbond_transport::Client;

pub use account::AccountReader;
pub use courier::AgreementCourier;
pub use journal::{JournalReader, WitnessCourier, held_by};
pub use reader::NodeReader;

/// What the interface works on. One per process.
pub struct NodeApi {
    /// Where this participant keeps its agreements.
    pub office: Arc<AgreementOffice>,
    /// The node's database.
    pub store: Store,
    /// Time and randomness.
    pub ambient: Ambient,
    /// Dials other participants.
    pub peers: Client,
    /// The journal's checkpoints.
    pub checkpoints: Arc<Checkpoints>,
    /// Bounds what one participant has this node read.
    pub asked: Asked,
}

/// How much each participant may have this node read for it: each address asks some other machine.
pub struct Asked(DefaultKeyedRateLimiter<ParticipantId>);

/// Addresses a minute.
const ADDRESSES_A_MINUTE: u32 = 600;
/// Participants that are told apart; those that have been quiet are forgotten first.
const MOST_PARTICIPANTS: usize = 10_000;

impl Default for Asked {
    fn default() -> Self {
        Self(RateLimiter::keyed(Quota::per_minute(
            NonZeroU32::new(ADDRESSES_A_MINUTE).unwrap_or(NonZeroU32::MIN),
        )))
    }
}

impl Asked {
    /// Whether a participant may have this node read so many addresses now.
    fn admits(&self, participant: &ParticipantId, addresses: usize) -> bool {
        let addresses = u32::try_from(addresses).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        if self.0.len() >= MOST_PARTICIPANTS {
            self.0.retain_recent();
        }
        self.0.len() < MOST_PARTICIPANTS && matches!(self.0.check_key_n(participant, addresses), Ok(Ok(())))
    }
}

impl NodeApi {
    /// The routes, to be served behind mutual TLS beside the manager's.
    pub fn router(self: &Arc<Self>) -> axum::Router {
        routes::router(Arc::clone(self))
    }

    /// The OpenAPI description, generated from the handlers.
    pub fn openapi() -> serde_json::Value {
        routes::openapi()
    }
}

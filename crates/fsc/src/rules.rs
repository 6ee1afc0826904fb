//! What a node must know of its group and of itself to speak FSC: filled by the binary from profile and configuration.

use std::path::PathBuf;

use verbond_domain::{ParticipantId, Scheme};

use crate::protocol::{acceptance::AcceptancePolicy, validation::ContractLimits};

/// A participant whose manager is a directory of the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Its identifier.
    pub id: ParticipantId,
    /// `https://host:port` of its manager.
    pub manager_address: String,
}

/// Where lists of revoked certificates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationSources {
    /// Absolute paths or `http://` URLs, beside those that the node's own certificate names.
    pub lists: Vec<String>,
    /// Seconds between two looks at the sources.
    pub refresh_seconds: u64,
    /// Directory in which fetched lists are kept, so that a start does not depend on their servers.
    pub cache: PathBuf,
}

/// The group's rules and this node's place in it.
#[derive(Clone, Debug)]
pub struct FscRules {
    /// The group's identifier.
    pub group_id: String,
    /// This participant, from its certificate.
    pub own: ParticipantId,
    /// `https://host:port` at which other managers reach this one; empty when this node has no manager.
    pub manager_address: String,
    /// `https://host:port` at which outways reach this participant's inway; `None`: it offers nothing.
    pub inway_address: Option<String>,
    /// The group's directories.
    pub directories: Vec<Directory>,
    /// Ports on which managers and inways may be reached; empty: any.
    pub ports: Vec<u16>,
    /// Whether this node is a directory: signs publication grants.
    pub directory: bool,
    /// What happens to contracts that others propose.
    pub acceptance: AcceptancePolicy,
    /// Bounds on contracts.
    pub limits: ContractLimits,
    /// Most bytes in the body of a message between managers.
    pub maximum_body_bytes: usize,
    /// Lifetime of the access tokens issued here, in seconds.
    pub token_lifetime_seconds: i64,
    /// Whether the inway asks at each request that the contract still runs. Stricter than Core 2.0.0 §4.7.1.2, where
    /// an unexpired token suffices.
    pub contract_per_request: bool,
    /// Whether transaction identifiers must be UUIDs of version 7 (Digikoppeling REST-API 4.0.1 §3.4.3.7).
    pub transaction_id_version_7: bool,
    /// Seconds that the time in a transaction identifier may differ from the node's clock.
    pub transaction_id_skew_seconds: i64,
    /// Whether exchanges with a participant wait until its contracts have been compared with ours after a start.
    pub reconcile_before_serving: bool,
    /// Where lists of revoked certificates come from.
    pub revocation: RevocationSources,
}

impl FscRules {
    /// The scheme of peer ids in this group: FSC carries the values alone.
    pub const fn scheme(&self) -> Scheme {
        self.own.scheme()
    }

    /// A peer id of the wire as participant identifier; `None` if it cannot be one.
    pub fn participant(&self, peer_id: &str) -> Option<ParticipantId> {
        ParticipantId::new(self.scheme(), peer_id).ok()
    }
}

//! The FSC face: FSC Core 2.0.0 and Logging 1.1.0, spoken to peers of a group.
//!
//! [`protocol`] is the pure half: bytes to types and back, rules, states, decisions; no input or output. The rest does
//! what it says: [`FscNode`] holds it together; `manager` answers other managers, `contracts` is what happens to
//! contracts, `client` calls other managers; `distribution`, `reconcile`, `announce`, `renewal` and `crl_refresh` run
//! beside the requests; `tokens`, `inbound_face` and `outbound_face` are what the gateways ask.
#![forbid(unsafe_code)]

mod address;
mod announce;
mod answer;
mod certificates;
mod client;
mod contracts;
mod crl_refresh;
mod distribution;
mod flood;
mod inbound_face;
mod index;
mod inquiries;
mod manager;
mod node;
mod outbound_face;
mod peers;
pub mod protocol;
mod reconcile;
mod renewal;
mod retold;
mod rules;
mod tokens;
mod transaction;
mod verified_tokens;

pub use address::{AddressError, ManagerAddress};
pub use client::{CallError, Counterpart, ManagerClient};
pub use contracts::{
    ConnectionProposal, FollowingContract, Proposed, PublicationProposal, Replacement, ShownContracts,
    StoredContract, Superseded,
};
pub use crl_refresh::RevocationRefresh;
pub use flood::FloodLimits;
pub use inbound_face::FscInbound;
pub use node::{FscNode, FscParts};
pub use outbound_face::FscOutbound;
pub use rules::{Directory, FscRules, RevocationSources};

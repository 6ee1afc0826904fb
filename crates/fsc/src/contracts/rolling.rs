//! A new key: connection contracts name the outway's key, so that each needs a replacement before the key is used, and
//! has nothing left to do once the replacement is.

use verbond_application::database_problem;
use verbond_domain::{Actor, Problem, Timestamp};
use verbond_trust::PublicKeyThumbprint;

use super::{Proposed, StoredContract, proposing::MAXIMUM_DAYS};
use crate::{
    FscNode,
    protocol::{
        grant::{Grant, GrantData, OutwayIdentification},
        state::ContractState,
    },
};

const MILLIS_PER_DAY: i64 = 86_400_000;

/// A contract that says of a new key what another says of the present one.
#[derive(Clone, Debug)]
pub struct Replacement {
    /// Hash of the contract that it is to replace.
    pub replaces: String,
    /// What became of it.
    pub proposed: Proposed,
}

/// A contract on a key that this node used before, whose replacements are in force.
#[derive(Clone, Debug)]
pub struct Superseded {
    /// The contract that nothing needs any more.
    pub contract: StoredContract,
    /// Hashes of the contracts in force that say the same of the present key.
    pub replaced_by: Vec<String>,
}

impl FscNode {
    /// Proposes, for every contract in force by which this node's outway is known by its present key, one that says
    /// the same of the new key, for itself or on behalf of another; those that stand already are given back. When all
    /// of them are valid the key can be replaced without a call failing: those on behalf of another participant are
    /// valid once the delegator has accepted too.
    pub async fn propose_replacements(
        &self,
        actor: &Actor,
        new_key: PublicKeyThumbprint,
    ) -> Result<Vec<Replacement>, Problem> {
        let now = self.ambient.now();
        let present = self.identity.current().certificate.public_key_thumbprint;
        let running = self.running().await.map_err(database_problem)?;
        let mut replacements = Vec::new();
        for contract in running.iter().filter(|contract| contract.state(now) == ContractState::Valid) {
            let left = contract.content.not_after.millis_since(now).saturating_add(MILLIS_PER_DAY - 1)
                / MILLIS_PER_DAY;
            let days = Some(left.clamp(1, MAXIMUM_DAYS));
            for grant in &contract.content.grants {
                if self.known_by(grant) != Some(present) {
                    continue;
                }
                let (data, properties) = (with_key(grant, new_key), grant.properties.clone());
                let proposed = self.propose(actor, data, properties, days).await?;
                replacements.push(Replacement { replaces: contract.row.hash.clone(), proposed });
            }
        }
        Ok(replacements)
    }

    /// Contracts in force in which every grant names our outway by a key that this node used before, and stands in
    /// another contract in force under the present key: no call needs them, and whoever has the old key could use them.
    pub async fn superseded(&self) -> Result<Vec<Superseded>, Problem> {
        let now = self.ambient.now();
        let present = self.identity.current().certificate.public_key_thumbprint;
        let running = self.running().await.map_err(database_problem)?;
        let mut superseded = Vec::new();
        for contract in running.iter().filter(|contract| contract.state(now) == ContractState::Valid) {
            let replacement = |grant: &Grant| {
                let former = self.known_by(grant).filter(|key| *key != present)?;
                self.identity.has_used(&former).then(|| replacement_of(grant, present, &running, now))?
            };
            let replaced_by: Option<Vec<String>> = contract.content.grants.iter().map(replacement).collect();
            superseded.extend(
                replaced_by.map(|replaced_by| Superseded { contract: contract.clone(), replaced_by }),
            );
        }
        Ok(superseded)
    }

    /// Revokes the contracts of [`FscNode::superseded`], each after another look; returns those that it has revoked.
    pub async fn revoke_superseded(&self, actor: &Actor) -> Result<Vec<Superseded>, Problem> {
        let mut revoked: Vec<Superseded> = Vec::new();
        // One at a time: a replacement may end while others are revoked.
        while let Some(next) = self.superseded().await?.into_iter().next() {
            if revoked.iter().any(|done| done.contract.row.hash == next.contract.row.hash) {
                break;
            }
            let contract = self.revoke(actor, &next.contract.row.hash).await?;
            revoked.push(Superseded { contract, ..next });
        }
        Ok(revoked)
    }

    /// The key by which a grant knows our outway.
    fn known_by(&self, grant: &Grant) -> Option<PublicKeyThumbprint> {
        let (GrantData::ServiceConnection { outway, .. }
        | GrantData::DelegatedServiceConnection { outway, .. }) = &grant.data
        else {
            return None;
        };
        match outway.identification {
            OutwayIdentification::PublicKeyThumbprint(key) if outway.consumer == self.rules.own => Some(key),
            _ => None,
        }
    }
}

/// The grant with another key.
fn with_key(grant: &Grant, key: PublicKeyThumbprint) -> GrantData {
    let mut data = grant.data.clone();
    if let GrantData::ServiceConnection { outway, .. }
    | GrantData::DelegatedServiceConnection { outway, .. } = &mut data
    {
        outway.identification = OutwayIdentification::PublicKeyThumbprint(key);
    }
    data
}

/// Hash of a contract in force that grants the same to this key.
fn replacement_of(
    grant: &Grant,
    key: PublicKeyThumbprint,
    running: &[StoredContract],
    now: Timestamp,
) -> Option<String> {
    let wanted = with_key(grant, key);
    let same = |other: &Grant| other.data == wanted && other.properties == grant.properties;
    running
        .iter()
        .filter(|contract| contract.state(now) == ContractState::Valid)
        .find(|contract| contract.content.grants.iter().any(same))
        .map(|contract| contract.row.hash.clone())
}

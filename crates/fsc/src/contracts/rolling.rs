//! A new key: connection contracts name the outway's key, so that each needs a replacement before the key is used.

use verbond_application::database_problem;
use verbond_domain::{Actor, Problem};
use verbond_trust::PublicKeyThumbprint;

use super::Proposed;
use crate::{
    FscNode,
    protocol::{
        grant::{Grant, GrantData, OutwayIdentification},
        state::ContractState,
    },
};

const MILLIS_PER_DAY: i64 = 86_400_000;

impl FscNode {
    /// Proposes, for every contract in force by which this node's outway is known by its present key, one that says
    /// the same of the new key, for itself or on behalf of another; those that stand already are given back. When all
    /// of them are valid the key can be replaced without a call failing: those on behalf of another participant are
    /// valid once the delegator has accepted too.
    pub async fn propose_replacements(
        &self,
        actor: &Actor,
        new_key: PublicKeyThumbprint,
    ) -> Result<Vec<Proposed>, Problem> {
        let now = self.ambient.now();
        let running = self.running().await.map_err(|error| database_problem(&error))?;
        let mut proposed = Vec::new();
        for contract in running.iter().filter(|contract| contract.state(now) == ContractState::Valid) {
            let left = contract.content.not_after.millis_since(now).saturating_add(MILLIS_PER_DAY - 1)
                / MILLIS_PER_DAY;
            for grant in &contract.content.grants {
                if let Some(replacement) = self.replacement(grant, new_key) {
                    let days = Some(left.max(1));
                    proposed.push(self.propose(actor, replacement, grant.properties.clone(), days).await?);
                }
            }
        }
        Ok(proposed)
    }

    /// The grant with the new key, if it names our outway by the present one.
    fn replacement(&self, grant: &Grant, new_key: PublicKeyThumbprint) -> Option<GrantData> {
        let present = self.identity.current().certificate.public_key_thumbprint;
        let mut data = grant.data.clone();
        let (GrantData::ServiceConnection { outway, .. }
        | GrantData::DelegatedServiceConnection { outway, .. }) = &mut data
        else {
            return None;
        };
        let ours = outway.consumer == self.rules.own
            && outway.identification == OutwayIdentification::PublicKeyThumbprint(present);
        outway.identification = OutwayIdentification::PublicKeyThumbprint(new_key);
        ours.then_some(data)
    }
}

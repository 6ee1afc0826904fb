//! A new key: connection contracts name the outway's key, so that each needs a replacement before the key is used.

use verbond_application::database_problem;
use verbond_domain::{Actor, Problem};
use verbond_trust::PublicKeyThumbprint;

use super::{ConnectionProposal, Proposed, StoredContract};
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
    /// the same of the new key; those that stand already are given back. When all of them are valid the key can be
    /// replaced without a call failing. A contract on behalf of another participant is the delegator's to renew, and is
    /// left out.
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
            for proposal in self.replacements(contract, new_key, left) {
                proposed.push(self.propose_connection(actor, proposal).await?);
            }
        }
        Ok(proposed)
    }

    fn replacements(
        &self,
        contract: &StoredContract,
        new_key: PublicKeyThumbprint,
        days: i64,
    ) -> Vec<ConnectionProposal> {
        let present = self.identity.current().certificate.public_key_thumbprint;
        let replacement = |grant: &Grant| match &grant.data {
            GrantData::ServiceConnection { outway, service }
                if outway.consumer == self.rules.own
                    && outway.identification == OutwayIdentification::PublicKeyThumbprint(present)
                    && service.delegator.is_none() =>
            {
                Some(ConnectionProposal {
                    provider: service.provider.clone(),
                    service: service.name.clone(),
                    identification: Some(OutwayIdentification::PublicKeyThumbprint(new_key)),
                    days: Some(days.max(1)),
                    properties: grant.properties.clone(),
                })
            }
            _ => None,
        };
        contract.content.grants.iter().filter_map(replacement).collect()
    }
}

//! After a renewal of the certificate the running accepts are signed again and sent round: when the old certificate
//! ends, nobody could verify them any more (FSC Core 2.0.0 §4.2.7).

use std::{sync::Arc, time::Duration};

use serde_json::json;
use verbond_application::database_problem;
use verbond_domain::{Actor, Problem};
use verbond_fail_points::fail_point;

use crate::{
    FscNode,
    contracts::StoredContract,
    protocol::{
        signature::{SignatureKind, certificate_thumbprint},
        state::ContractState,
    },
};

/// Time until the next try when something fails.
const RETRY: Duration = Duration::from_secs(10);

impl FscNode {
    /// Signs again at the start, since the certificate may have been replaced while the node was down, and at every
    /// replacement, until it is aborted.
    pub(crate) async fn keep_signed(self: Arc<Self>) {
        let mut changes = self.identity.changes();
        loop {
            fail_point!("task::signatures");
            changes.borrow_and_update();
            match self.sign_again().await {
                Ok(0) => {}
                Ok(signed) => {
                    tracing::info!(signed, "running contracts signed again with the present certificate")
                }
                Err(problem) => {
                    tracing::warn!(reason = %problem, "running contracts cannot be signed again yet");
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Signs every running contract whose accept of ours was made with another certificate than the present one.
    /// Returns how many.
    pub async fn sign_again(&self) -> Result<usize, Problem> {
        let running = self.running().await.map_err(database_problem)?;
        let mut signed = 0_usize;
        for contract in running.iter().filter(|contract| self.needs_new_accept(contract)) {
            self.sign_contract_again(contract).await?;
            signed = signed.saturating_add(1);
        }
        Ok(signed)
    }

    fn needs_new_accept(&self, contract: &StoredContract) -> bool {
        let state = contract.state(self.ambient.now());
        if !matches!(state, ContractState::Proposed | ContractState::NotYetValid | ContractState::Valid) {
            return false;
        }
        let present = self.identity.current().certificate.thumbprint;
        let kind = SignatureKind::Accept.as_str();
        let ours = contract.row.signatures.iter().find(|it| it.peer == self.rules.own && it.kind == kind);
        ours.is_some_and(|ours| {
            certificate_thumbprint(&ours.jws).is_ok_and(|thumbprint| thumbprint != present)
        })
    }

    async fn sign_contract_again(&self, contract: &StoredContract) -> Result<(), Problem> {
        let failed = database_problem;
        let signature =
            self.signature_over(&contract.content, SignatureKind::Accept, self.ambient.now()).await?;
        let mut transaction = self.store.begin().await.map_err(failed)?;
        let author = Actor::Node { rule: "certificate_renewal".to_owned() };
        let detail = json!({ "again": true });
        self.put_own_signature(&mut transaction, &contract.content, &signature, author, detail).await?;
        transaction.commit().await.map_err(failed)
    }
}

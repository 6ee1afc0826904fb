//! Our own signature over a contract, and what follows from it.

use std::sync::Arc;

use serde_json::{Value, json};
use verbond_application::{database_problem, signing_problem};
use verbond_domain::{Actor, Problem, Timestamp};
use verbond_journal::{Act, Entry};
use verbond_store::{StoreError, Transaction};
use verbond_trust::jws;

use super::{StoredContract, signature_row, unknown_contract};
use crate::{
    FscNode,
    protocol::{
        content::ContractContent,
        signature::{SignatureKind, SignaturePayload, VerifiedSignature},
        wire::SignatureRequest,
    },
};

impl FscNode {
    /// Accepts a contract for this participant.
    pub async fn accept(&self, actor: &Actor, hash: &str) -> Result<StoredContract, Problem> {
        self.sign_stored(actor, hash, SignatureKind::Accept).await
    }

    /// Refuses a contract that others propose.
    pub async fn reject(&self, actor: &Actor, hash: &str) -> Result<StoredContract, Problem> {
        self.sign_stored(actor, hash, SignatureKind::Reject).await
    }

    /// Ends a contract, or withdraws one that this participant has accepted.
    pub async fn revoke(&self, actor: &Actor, hash: &str) -> Result<StoredContract, Problem> {
        self.sign_stored(actor, hash, SignatureKind::Revoke).await
    }

    async fn sign_stored(
        &self,
        actor: &Actor,
        hash: &str,
        kind: SignatureKind,
    ) -> Result<StoredContract, Problem> {
        let failed = database_problem;
        let now = self.ambient.now();
        let before = self.contract(hash).await?;
        if kind == SignatureKind::Accept {
            self.may_accept(&before, now).await?;
        }
        // Signed before the transaction: the key may lie in a slow device, and SQLite has one writer.
        let signature = self.signature_over(&before.content, kind, now).await?;
        let mut transaction = self.store.begin().await.map_err(failed)?;
        let row =
            transaction.lock_contract(hash).await.map_err(failed)?.ok_or_else(|| unknown_contract(hash))?;
        let contract = StoredContract::read(Arc::new(row), self.rules.scheme()).map_err(failed)?;
        if contract.has_signed(&self.rules.own, kind) {
            return Ok(contract);
        }
        self.may_sign(&contract, kind, now)?;
        let author = actor.clone();
        self.put_own_signature(&mut transaction, &contract.content, &signature, author, json!({})).await?;
        transaction.commit().await.map_err(failed)?;
        self.contract(hash).await
    }

    /// Whether the state of the contract leaves room for this signature of ours.
    fn may_sign(
        &self,
        contract: &StoredContract,
        kind: SignatureKind,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let Err(refusal) = contract.life.clone().act(&self.rules.own, kind, now) else { return Ok(()) };
        let state = contract.state(now);
        Err(Problem::new(
            "CONTRACT_STATE",
            409,
            format!("Een contract in de staat `{}` laat `{}` niet toe.", state.as_str(), kind.as_str()),
            refusal.to_string(),
        )
        .next(
            "Een voorstel van een ander wordt geaccepteerd of geweigerd; wat zelf is geaccepteerd, wordt ingetrokken.",
            "what another has proposed is accepted or rejected; what this participant has accepted is revoked",
        ))
    }

    /// Signs the content's hash with the present identity.
    pub(crate) async fn signature_over(
        &self,
        content: &ContractContent,
        kind: SignatureKind,
        now: Timestamp,
    ) -> Result<VerifiedSignature, Problem> {
        let payload = SignaturePayload { content_hash: content.hash.clone(), kind, signed_at: now };
        let jws = jws::sign(&self.identity.current(), &payload.to_bytes()).await.map_err(|error| {
            tracing::error!(%error, "a contract cannot be signed");
            signing_problem()
        })?;
        Ok(VerifiedSignature { jws, signer: self.rules.own.clone(), kind, signed_at: now })
    }

    /// Stores our signature, says why in the journal, and puts it in the outbox for every other party (FSC Core 2.0.0
    /// §4.4.1.3).
    pub(crate) async fn put_own_signature(
        &self,
        transaction: &mut Transaction,
        content: &ContractContent,
        signature: &VerifiedSignature,
        author: Actor,
        detail: Value,
    ) -> Result<(), Problem> {
        let failed = database_problem;
        let (hash, now, kind) = (content.hash.as_str(), self.ambient.now(), signature.kind.as_str());
        transaction.put_signature(hash, &signature_row(signature, now)).await.map_err(failed)?;
        self.put_act(transaction, author, &format!("contract.{kind}"), hash, detail).await?;
        self.put_for_others(transaction, content, &signature.jws, &format!("contract.{kind}")).await
    }

    /// Puts `{content, signature}` in the outbox for every other party.
    pub(super) async fn put_for_others(
        &self,
        transaction: &mut Transaction,
        content: &ContractContent,
        jws: &str,
        message: &str,
    ) -> Result<(), Problem> {
        let failed = database_problem;
        let body = SignatureRequest { content: content.tree.clone(), signature: jws.to_owned() };
        let body =
            serde_json::to_string(&body).map_err(|error| failed(StoreError::Damaged(error.to_string())))?;
        let now = self.ambient.now();
        for peer in content.signatories().iter().filter(|peer| **peer != self.rules.own) {
            let id = self.ambient.uuid_v7();
            transaction
                .put_outbox(id, peer, message, content.hash.as_str(), &body, now)
                .await
                .map_err(failed)?;
        }
        Ok(())
    }

    /// Says in the journal who did what.
    pub(crate) async fn put_act(
        &self,
        transaction: &mut Transaction,
        author: Actor,
        action: &str,
        subject: &str,
        detail: Value,
    ) -> Result<(), Problem> {
        let act = Act { author, action: action.to_owned(), subject: subject.to_owned(), detail };
        transaction.append(&Entry::Act(act), &self.ambient).await.map_err(database_problem)
    }
}

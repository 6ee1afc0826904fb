//! A contract or a signature comes in from another participant's manager.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Value, json};
use verbond_application::database_problem;
use verbond_domain::{Actor, ParticipantId, Problem, ServiceClass, ServiceName, Timestamp};

use super::{StoredContract, row_of, signature_row};
use crate::{
    FscNode,
    certificates::Origin,
    flood::too_many_undecided,
    protocol::{
        acceptance::{AcceptanceContext, Assessment, Verdict, assess},
        content::ContractContent,
        refusal::ContractRefusal,
        signature::{self, Expectation, SignatureKind, SignatureRefusal, VerifiedSignature},
        state::{ContractState, Signed, state_of},
        validation::{self, ValidationContext},
        wire::SignatureRequest,
    },
};

/// For how long a contract that has ended counts as one on which nobody has decided, in seconds.
const UNDECIDED_SECONDS: i64 = 30 * 86_400;

/// What the node's own policy makes of a contract: the assessment, and our signature if it says so.
pub(super) struct Answer {
    assessment: Assessment,
    signature: Option<VerifiedSignature>,
}

/// What is to be stored together of one contract.
pub(super) struct Receipt<'a> {
    pub content: &'a ContractContent,
    /// Verified, and not held yet.
    pub signatures: &'a [VerifiedSignature],
    pub answer: Option<Answer>,
    /// Who sent it, with its address to remember.
    pub teller: Option<Origin<'a>>,
    pub author: Actor,
    pub action: String,
    pub detail: Value,
}

impl FscNode {
    /// `POST /contracts`: a contract with the submitter's accept.
    pub(crate) async fn receive_contract(&self, origin: Origin<'_>, body: &[u8]) -> Result<(), Problem> {
        let message = SignatureRequest::parse(body).map_err(|refusal| refusal.problem())?;
        let content = self.content(message.content)?;
        self.receive(origin, &content, &message.signature, SignatureKind::Accept).await
    }

    /// `PUT /contracts/{hash}/accept|reject|revoke`: a signature, with the whole content, so that a contract that
    /// never arrived is stored now.
    pub(crate) async fn receive_signature(
        &self,
        origin: Origin<'_>,
        path_hash: &str,
        kind: SignatureKind,
        body: &[u8],
    ) -> Result<(), Problem> {
        let message = SignatureRequest::parse(body).map_err(|refusal| refusal.problem())?;
        let content = self.content(message.content)?;
        validation::path_hash(path_hash, &content).map_err(|refusal| refusal.problem())?;
        self.receive(origin, &content, &message.signature, kind).await
    }

    async fn receive(
        &self,
        origin: Origin<'_>,
        content: &ContractContent,
        jws: &str,
        kind: SignatureKind,
    ) -> Result<(), Problem> {
        let submitter = &origin.presented.participant;
        let stored = self.stored(content).await?;
        match &stored {
            // What was found valid when it came stays so: a late signature must not fail on the clock.
            Some(_) => validation::on_contract(content, submitter, &self.rules.own),
            None => self.validate_new(content, submitter).await?,
        }
        .map_err(|refusal| refusal.problem())?;
        if stored.as_ref().is_some_and(|stored| stored.holds(submitter, kind, jws)) {
            // Sent again, since our answer was lost: nothing changes, and nothing is written down of it.
            self.reconciliation.heard_of(submitter);
            return Ok(());
        }
        if stored.is_none() {
            self.has_room_for(submitter).await?;
        }
        let signature = self.verified(content, jws, submitter, kind, Some(origin)).await?;
        let signatures = [signature];
        let answer = self.answer(content, stored.as_ref(), &signatures).await?;
        let receipt = Receipt {
            content,
            signatures: &signatures,
            answer,
            teller: Some(origin),
            author: Actor::Participant { id: submitter.clone() },
            action: format!("contract.receive_{}", kind.as_str()),
            detail: json!({ "new": stored.is_none() }),
        };
        self.take_in(receipt).await?;
        self.reconciliation.heard_of(submitter);
        Ok(())
    }

    /// A participant may keep a number of contracts here on which nobody of us has decided.
    pub(super) async fn has_room_for(&self, submitter: &ParticipantId) -> Result<(), Problem> {
        let (now, bound) = (self.ambient.now(), self.flood_limits.undecided_contracts);
        let since = now.plus_seconds(-UNDECIDED_SECONDS);
        let waiting = self.store.undecided_contracts(&self.rules.own, submitter, now, since).await;
        let waiting = waiting.map_err(database_problem)?;
        if waiting >= i64::from(bound) { Err(too_many_undecided(bound)) } else { Ok(()) }
    }

    pub(super) fn content(&self, tree: Value) -> Result<ContractContent, Problem> {
        ContractContent::from_tree(tree, self.rules.scheme()).map_err(|refusal| refusal.problem())
    }

    pub(super) async fn stored(&self, content: &ContractContent) -> Result<Option<StoredContract>, Problem> {
        let failed = database_problem;
        let row = self.store.contract(content.hash.as_str()).await.map_err(failed)?;
        row.map(|row| StoredContract::read(Arc::new(row), self.rules.scheme()).map_err(failed)).transpose()
    }

    /// The rules of FSC Core 2.0.0 §4.2.1, and that we offer the services of ours that it names.
    pub(super) async fn validate_new(
        &self,
        content: &ContractContent,
        submitter: &ParticipantId,
    ) -> Result<Result<(), ContractRefusal>, Problem> {
        let context = ValidationContext {
            submitter,
            own: &self.rules.own,
            group_id: &self.rules.group_id,
            now: self.ambient.now(),
            limits: self.rules.limits,
        };
        if let Err(refusal) = validation::validate(content, &context) {
            return Ok(Err(refusal));
        }
        let offered = self.offered().await?;
        Ok(validation::services_offered(content, &self.rules.own, |name| offered.contains_key(name)))
    }

    async fn offered(&self) -> Result<HashMap<ServiceName, ServiceClass>, Problem> {
        let services = self.store.services().await.map_err(database_problem)?;
        Ok(services.into_iter().map(|service| (service.name, service.declaration.class)).collect())
    }

    /// Every check of FSC Core 2.0.0 §4.2.3, with the certificate from the signer's own key set.
    pub(super) async fn verified(
        &self,
        content: &ContractContent,
        jws: &str,
        signer: &ParticipantId,
        kind: SignatureKind,
        origin: Option<Origin<'_>>,
    ) -> Result<VerifiedSignature, Problem> {
        let told = |refusal: SignatureRefusal| refusal.problem();
        let thumbprint = signature::certificate_thumbprint(jws).map_err(told)?;
        let certificate = self.signing_certificate(signer, &thumbprint, origin).await.map_err(told)?;
        let expectation = Expectation {
            signer,
            content_hash: &content.hash,
            kind,
            now: self.ambient.now(),
            clock_skew_seconds: self.rules.limits.clock_skew_seconds,
        };
        signature::verify(jws, &certificate, &expectation).map_err(told)
    }

    /// What the policy says to new accepts on a contract that we have not signed ourselves.
    pub(super) async fn answer(
        &self,
        content: &ContractContent,
        stored: Option<&StoredContract>,
        signatures: &[VerifiedSignature],
    ) -> Result<Option<Answer>, Problem> {
        let mut signed = stored.map(|stored| stored.signed.clone()).unwrap_or_default();
        signed.extend(signatures.iter().map(|new| Signed {
            signer: new.signer.clone(),
            kind: new.kind,
            signed_at: new.signed_at,
        }));
        let now = self.ambient.now();
        let ours = signed.iter().any(|signed| signed.signer == self.rules.own);
        if !signatures.iter().any(|new| new.kind == SignatureKind::Accept) {
            return Ok(None);
        }
        let open = matches!(state_of(content, &signed, now), ContractState::Proposed);
        if ours || !open {
            return Ok(None);
        }
        let offered = self.offered().await?;
        let Some(submitter) = submitter(content, stored, signatures) else { return Ok(None) };
        let assessment = self.assessment(content, &submitter, &signed, &offered, now);
        let kind = match assessment.verdict {
            Verdict::Accept => Some(SignatureKind::Accept),
            Verdict::Reject => Some(SignatureKind::Reject),
            Verdict::Leave => None,
        };
        let signature = match kind {
            Some(kind) => Some(self.signature_over(content, kind, now).await?),
            None => None,
        };
        Ok(Some(Answer { assessment, signature }))
    }

    fn assessment(
        &self,
        content: &ContractContent,
        submitter: &ParticipantId,
        signatures: &[Signed],
        offered: &HashMap<ServiceName, ServiceClass>,
        now: Timestamp,
    ) -> Assessment {
        let context = AcceptanceContext {
            own: &self.rules.own,
            submitter,
            signatures,
            offered: &|name: &ServiceName| offered.get(name).copied(),
            directory: self.rules.directory,
            now,
        };
        assess(&self.rules.acceptance, content, &context)
    }

    /// Stores what came and what we answer, all or nothing.
    pub(super) async fn take_in(&self, receipt: Receipt<'_>) -> Result<(), Problem> {
        let failed = database_problem;
        let Receipt { content, signatures, answer, teller, author, action, detail } = receipt;
        let (hash, now) = (content.hash.as_str(), self.ambient.now());
        let (verdict, reasons) = answer.as_ref().map(verdict_columns).unwrap_or_default();
        let mut transaction = self.store.begin().await.map_err(failed)?;
        let known = transaction.lock_contract(hash).await.map_err(failed)?;
        if known.is_none() {
            // A UUID that has been used, for whatever content, stands for one contract only (§4.2.1).
            if transaction.iv_is_used(&content.iv.to_string()).await.map_err(failed)? {
                return Err(ContractRefusal::IvUsed.problem());
            }
            transaction.insert_contract(&row_of(content, &verdict, &reasons, now)).await.map_err(failed)?;
        } else if answer.is_some() {
            transaction.set_verdict(hash, &verdict, &reasons).await.map_err(failed)?;
        }
        let held: Vec<Signed> = known.iter().flat_map(super::signed).collect();
        let news = signatures.iter().any(|signature| super::is_newest(signature, &held));
        if known.is_some() && !news {
            return Ok(());
        }
        // A message that was overtaken on its way must not put an older signature back in place of a newer one.
        for signature in signatures.iter().filter(|signature| super::is_newest(signature, &held)) {
            transaction.put_signature(hash, &signature_row(signature, now)).await.map_err(failed)?;
        }
        if let Some(Origin { presented, address }) = teller {
            let (id, name) = (&presented.participant, &presented.organisation);
            transaction.put_peer(id, name, address.as_str(), now).await.map_err(failed)?;
        }
        self.put_act(&mut transaction, author, &action, hash, detail).await?;
        if let Some(answer) = answer {
            // Whoever signed for us while the policy was asked goes before it.
            let ours = held.iter().any(|signed| signed.signer == self.rules.own);
            self.put_answer(&mut transaction, content, answer, ours).await?;
        }
        transaction.commit().await.map_err(failed)
    }

    async fn put_answer(
        &self,
        transaction: &mut verbond_store::Transaction,
        content: &ContractContent,
        answer: Answer,
        already_signed: bool,
    ) -> Result<(), Problem> {
        let author = Actor::Node { rule: "acceptance".to_owned() };
        let detail = json!({ "verdict": answer.assessment.verdict, "reasons": answer.assessment.reasons });
        match answer.signature.filter(|_| !already_signed) {
            Some(signature) => self.put_own_signature(transaction, content, &signature, author, detail).await,
            None => self.put_act(transaction, author, "contract.leave", content.hash.as_str(), detail).await,
        }
    }
}

/// Who submitted the contract: whose accept came with it. Of several, as a counterpart shows them, the one that needs
/// the grant.
fn submitter(
    content: &ContractContent,
    stored: Option<&StoredContract>,
    signatures: &[VerifiedSignature],
) -> Option<ParticipantId> {
    let accept = SignatureKind::Accept.as_str();
    let rows = || stored.into_iter().flat_map(|stored| &stored.row.signatures).filter(|it| it.kind == accept);
    let with_it = |at: Timestamp| rows().filter(move |it| it.stored_at == at).map(|it| &it.peer);
    let mut first: Vec<&ParticipantId> =
        stored.map(|stored| with_it(stored.row.stored_at).collect()).unwrap_or_default();
    if first.is_empty() {
        // An accept that was signed again after a renewal has taken the place of the first one.
        first.extend(rows().map(|it| &it.peer));
    }
    if first.is_empty() {
        first.extend(signatures.iter().filter(|it| it.kind == SignatureKind::Accept).map(|it| &it.signer));
    }
    let needs = |id: &ParticipantId| {
        content.grants.iter().any(|grant| match grant.grant_type().is_publication() {
            true => grant.provider() == id || grant.data.delegator() == Some(id),
            false => grant.counterpart() == id,
        })
    };
    first.iter().find(|id| needs(id)).or_else(|| first.first()).map(|id| (*id).clone())
}

fn verdict_columns(answer: &Answer) -> (String, String) {
    let reasons = serde_json::to_string(&answer.assessment.reasons).unwrap_or_default();
    (answer.assessment.verdict.as_str().to_owned(), reasons)
}

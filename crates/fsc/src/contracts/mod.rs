//! What happens to contracts: received, judged, signed, proposed, ended. Each use case reads as its journey, and
//! writes the change, the act that explains it and the messages that follow from it in one transaction.

mod adopting;
mod following;
mod foreign;
mod proposing;
mod receiving;
mod rolling;
mod shown;
mod signing;

use std::sync::Arc;

pub use following::FollowingContract;
pub(crate) use following::names;
pub use proposing::{ConnectionProposal, Proposed, PublicationProposal};
pub use rolling::{Replacement, Superseded};
pub use shown::ShownContracts;
use verbond_application::database_problem;
use verbond_domain::{ParticipantId, Problem, Scheme, Timestamp};
use verbond_store::{
    StoreError,
    contracts::{ContractRow, GrantRow, SignatureRow},
};

use crate::{
    FscNode,
    protocol::{
        content::ContractContent,
        signature::{SignatureKind, VerifiedSignature},
        state::{ContractState, Lifecycle, Signed, lifecycle},
    },
};

/// A stored contract, read back.
#[derive(Clone, Debug)]
pub struct StoredContract {
    /// As it lies in the database.
    pub row: Arc<ContractRow>,
    /// Its content.
    pub content: Arc<ContractContent>,
    /// Who said what.
    pub signed: Vec<Signed>,
    /// What those signatures make of it.
    pub life: Lifecycle,
}

impl StoredContract {
    /// Reads a row back.
    pub fn read(row: Arc<ContractRow>, scheme: Scheme) -> Result<Self, StoreError> {
        let content = ContractContent::parse(row.content.as_bytes(), scheme)
            .map_err(|refusal| StoreError::Damaged(format!("contract {}: {refusal}", row.hash)))?;
        let signed = signed(&row);
        Ok(Self { life: lifecycle(&content, &signed), content: Arc::new(content), signed, row })
    }

    /// Where it stands.
    pub fn state(&self, now: Timestamp) -> ContractState {
        self.life.state(now)
    }

    /// Whether it bears this very signature.
    pub(crate) fn holds(&self, signer: &ParticipantId, kind: SignatureKind, jws: &str) -> bool {
        let same = |it: &SignatureRow| it.peer == *signer && it.kind == kind.as_str() && it.jws == jws;
        self.row.signatures.iter().any(same)
    }

    /// Whether this participant has signed so.
    pub fn has_signed(&self, participant: &ParticipantId, kind: SignatureKind) -> bool {
        self.signed.iter().any(|signed| signed.signer == *participant && signed.kind == kind)
    }
}

/// Who said what, of a stored contract.
pub(crate) fn signed(row: &ContractRow) -> Vec<Signed> {
    let read = |signature: &SignatureRow| {
        Some(Signed {
            signer: signature.peer.clone(),
            kind: kind_of(&signature.kind)?,
            signed_at: signature.signed_at,
        })
    };
    row.signatures.iter().filter_map(read).collect()
}

/// Whether no signature that is held by the same signer and of the same kind was made later.
fn is_newest(signature: &VerifiedSignature, held: &[Signed]) -> bool {
    let new =
        Signed { signer: signature.signer.clone(), kind: signature.kind, signed_at: signature.signed_at };
    held.iter()
        .filter(|held| held.signer == new.signer && held.kind == new.kind)
        .all(|held| new.replaces(held))
}

/// The kind of a signature from its stored word.
pub(crate) fn kind_of(word: &str) -> Option<SignatureKind> {
    [SignatureKind::Accept, SignatureKind::Reject, SignatureKind::Revoke]
        .into_iter()
        .find(|kind| kind.as_str() == word)
}

/// The row of a contract that is stored for the first time; signatures apart.
fn row_of(content: &ContractContent, verdict: &str, reasons: &str, now: Timestamp) -> ContractRow {
    let grant = |grant: &crate::protocol::grant::Grant| GrantRow {
        grant_type: grant.grant_type().as_str().to_owned(),
        hash_string: grant.hashes.string.as_str().to_owned(),
        hash_digest: grant.hashes.digest.as_str().to_owned(),
        service_peer: grant.provider().clone(),
        service_name: grant.service_name().as_str().to_owned(),
        counter_peer: grant.counterpart().clone(),
        data: grant.tree.to_string(),
    };
    ContractRow {
        hash: content.hash.as_str().to_owned(),
        iv: content.iv.to_string(),
        content: content.canonical(),
        created_at: content.created_at,
        not_before: content.not_before,
        not_after: content.not_after,
        stored_at: now,
        verdict: verdict.to_owned(),
        verdict_reasons: reasons.to_owned(),
        grants: content.grants.iter().map(grant).collect(),
        signatures: Vec::new(),
        participants: content.signatories(),
    }
}

fn signature_row(signature: &VerifiedSignature, now: Timestamp) -> SignatureRow {
    SignatureRow {
        peer: signature.signer.clone(),
        kind: signature.kind.as_str().to_owned(),
        jws: signature.jws.clone(),
        signed_at: signature.signed_at,
        stored_at: now,
    }
}

impl FscNode {
    /// One contract, for people and programs of this participant.
    pub async fn contract(&self, hash: &str) -> Result<StoredContract, Problem> {
        let failed = database_problem;
        let row = self.store.contract(hash).await.map_err(failed)?.ok_or_else(|| unknown_contract(hash))?;
        StoredContract::read(Arc::new(row), self.rules.scheme()).map_err(failed)
    }

    /// All contracts that had not ended by their own dates when the database last changed: a caller asks each for its
    /// state. Read back once per change, since every listing of services asks for all of them.
    pub(crate) async fn running(&self) -> Result<Arc<Vec<StoredContract>>, StoreError> {
        let generation = self.store.generation().await?;
        let kept = self.running.load_full();
        if let Some((_, contracts)) = kept.as_deref().filter(|(of, _)| *of == generation) {
            return Ok(Arc::clone(contracts));
        }
        let rows = self.store.running_contracts(self.ambient.now()).await?;
        let read = |row| StoredContract::read(Arc::new(row), self.rules.scheme());
        let contracts: Arc<Vec<StoredContract>> =
            Arc::new(rows.into_iter().map(read).collect::<Result<_, _>>()?);
        self.running.store(Some(Arc::new((generation, Arc::clone(&contracts)))));
        Ok(contracts)
    }
}

fn unknown_contract(hash: &str) -> Problem {
    Problem::new(
        "CONTRACT_UNKNOWN",
        404,
        format!("Dit knooppunt kent geen contract {}.", crate::client::cleaned(hash)),
        format!("this node knows no contract {}", crate::client::cleaned(hash)),
    )
    .next("Bekijk `verbond contract list`.", "see `verbond contract list`")
}

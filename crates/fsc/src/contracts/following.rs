//! Wire contracts that follow from agreements: proposed by who receives, accepted by who provides, once all parties have
//! signed, and ended with the agreement.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use verbond_agreement::{Clause, Stage};
use verbond_application::{agreements::AgreementVersion, database_problem};
use verbond_domain::{Actor, ParticipantId, Problem, ServiceClass, Timestamp};

use super::{ConnectionProposal, StoredContract};
use crate::{
    FscNode,
    protocol::{grant::Grant, signature::SignatureKind, state::ContractState},
};

/// Name of the grant's property that names the agreement: `{id, version, hash}`, some 150 bytes.
pub(crate) const PROPERTY: &str = "verbond.agreement";
/// How often agreements are looked at without a notification of a change: terms begin and end without one.
const LOOK: Duration = Duration::from_secs(10);
const SECONDS_PER_DAY: i64 = 86_400;

/// A wire contract that has not ended, and the version of an agreement from which it follows.
#[derive(Clone, Debug)]
pub struct FollowingContract {
    /// Hash of the contract.
    pub contract: String,
    /// Hash of the version.
    pub agreement: String,
}

impl FscNode {
    /// The contracts that have not ended and say from which version of an agreement they follow.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn following_contracts(&self) -> Result<Vec<FollowingContract>, Problem> {
        let running = self.running().await.map_err(database_problem)?;
        let following = running.iter().filter_map(|contract| {
            let agreement = contract.content.grants.iter().find_map(named_hash)?.to_owned();
            Some(FollowingContract { contract: contract.row.hash.clone(), agreement })
        });
        Ok(following.collect())
    }

    /// Has wire contracts follow agreements, until it is aborted.
    pub(crate) async fn keep_following(self: Arc<Self>) {
        loop {
            if let Err(problem) = self.follow().await {
                tracing::warn!(reason = %problem, "wire contracts cannot follow agreements yet");
            }
            self.store.wait_for_change(LOOK).await;
        }
    }

    async fn follow(&self) -> Result<(), Problem> {
        let failed = database_problem;
        let now = self.ambient.now();
        let versions = AgreementVersion::running(&self.store, now).await.map_err(failed)?;
        if versions.is_empty() {
            return Ok(());
        }
        for version in versions.iter().filter(|version| version.stage(now) == Stage::Signed) {
            for clause in version.document.clauses.iter().filter(|clause| receives(clause, &self.rules.own)) {
                if let Err(problem) = self.propose_for(version, clause, now).await {
                    tracing::warn!(agreement = %version.document.id, clause = %clause.name, reason = %problem,
                        "the contract that follows from an agreement cannot be proposed yet");
                }
            }
        }
        let running = self.running().await.map_err(failed)?;
        for contract in running.iter() {
            if let Err(problem) = self.follow_with(contract, &versions, now).await {
                tracing::warn!(contract = contract.row.hash, reason = %problem, "a contract cannot follow its agreement yet");
            }
        }
        Ok(())
    }

    async fn propose_for(
        &self,
        version: &AgreementVersion,
        clause: &Clause,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let left = version.document.term.until.timestamp().millis_since(now) / 1000;
        let proposal = ConnectionProposal {
            provider: clause.service.provider.clone(),
            service: clause.service.name.clone(),
            delegator: None,
            service_delegator: None,
            identification: None,
            // The contract permits nothing by itself; that it may run some hours longer harms nobody.
            days: Some((left / SECONDS_PER_DAY).clamp(1, 3660)),
            properties: Some(property(version)),
        };
        self.propose_connection(&by_agreement(), proposal).await.map(|_| ())
    }

    /// Accepts what follows from an agreement that all have signed; ends what followed from one that has ended.
    async fn follow_with(
        &self,
        contract: &StoredContract,
        versions: &[AgreementVersion],
        now: Timestamp,
    ) -> Result<(), Problem> {
        let [grant] = contract.content.grants.as_slice() else { return Ok(()) };
        let Some(version) = named(grant, versions) else { return Ok(()) };
        let (state, own) = (contract.state(now), &self.rules.own);
        let hash = contract.row.hash.as_str();
        let waits = state == ContractState::Proposed && !contract.has_signed(own, SignatureKind::Accept);
        if waits && grant.provider() == own && follows_from(grant, version, now) {
            self.accept(&by_agreement(), hash).await?;
        }
        let stands = matches!(state, ContractState::Valid | ContractState::NotYetValid);
        if stands && version.stage(now) == Stage::Revoked && contract.has_signed(own, SignatureKind::Accept) {
            self.revoke(&by_agreement(), hash).await?;
        }
        Ok(())
    }

    /// A connection to a governed service of ours that follows from no agreement is accepted by nobody.
    pub(super) async fn may_accept(&self, contract: &StoredContract, now: Timestamp) -> Result<(), Problem> {
        let failed = database_problem;
        for grant in &contract.content.grants {
            if grant.grant_type().is_publication() || *grant.provider() != self.rules.own {
                continue;
            }
            let service = self.store.service(grant.service_name()).await.map_err(failed)?;
            if service.is_none_or(|service| service.declaration.class == ServiceClass::Open) {
                continue;
            }
            let versions = AgreementVersion::running(&self.store, now).await.map_err(failed)?;
            if !named(grant, &versions).is_some_and(|version| follows_from(grant, version, now)) {
                return Err(no_agreement());
            }
        }
        Ok(())
    }
}

fn by_agreement() -> Actor {
    Actor::Node { rule: "agreement".to_owned() }
}

fn receives(clause: &Clause, participant: &ParticipantId) -> bool {
    clause.receivers.iter().any(|receiver| receiver.participant == *participant)
}

fn property(version: &AgreementVersion) -> Map<String, Value> {
    let document = &version.document;
    let named = json!({ "id": document.id, "version": document.version, "hash": version.hash });
    [(PROPERTY.to_owned(), named)].into_iter().collect()
}

/// Hash of the version that a grant says it follows from.
fn named_hash(grant: &Grant) -> Option<&str> {
    grant.properties.as_ref()?.get(PROPERTY)?.get("hash")?.as_str()
}

/// Whether a grant says that it follows from the version with this hash.
pub(crate) fn names(grant: &Grant, hash: &str) -> bool {
    named_hash(grant) == Some(hash)
}

/// The version that a grant names.
fn named<'a>(grant: &Grant, versions: &'a [AgreementVersion]) -> Option<&'a AgreementVersion> {
    let hash = named_hash(grant)?;
    versions.iter().find(|version| version.hash == hash)
}

/// Whether a grant connects a receiver with a service as a version that all have signed says.
fn follows_from(grant: &Grant, version: &AgreementVersion, now: Timestamp) -> bool {
    version.stage(now) == Stage::Signed
        && version.document.clauses.iter().any(|clause| {
            clause.service.provider == *grant.provider()
                && clause.service.name == *grant.service_name()
                && receives(clause, grant.counterpart())
        })
}

fn no_agreement() -> Problem {
    Problem::new(
        "CONTRACT_WITHOUT_AGREEMENT",
        409,
        "Deze dienst levert alleen onder een gegevensafspraak; een contract dat er niet uit volgt, blijft wachten.",
        "this service answers only under an agreement; a contract that follows from none stays pending",
    )
    .next(
        "Sluit een gegevensafspraak; het contract volgt er dan vanzelf uit.",
        "conclude an agreement; the contract then follows from it by itself",
    )
}

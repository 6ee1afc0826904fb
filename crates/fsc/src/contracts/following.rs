//! Wire contracts that follow from agreements: proposed by who receives, accepted by who provides, once all parties have
//! signed, and ended with the agreement.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use verbond_agreement::{Clause, Stage};
use verbond_application::{agreements::AgreementVersion, database_problem};
use verbond_domain::{Actor, ParticipantId, Problem, ServiceClass, Timestamp};
use verbond_fail_points::fail_point;
use verbond_store::interfaces::Interface;

use super::{ConnectionProposal, StoredContract};
use crate::{
    FscNode,
    protocol::{
        grant::{ConnectedService, Grant, GrantData, Outway, OutwayIdentification},
        signature::SignatureKind,
        state::ContractState,
    },
};

/// Name of the grant's property that names the agreement: `{id, version, hash, url}`.
pub(crate) const PROPERTY: &str = "verbond.agreement";
/// How often agreements are looked at without a notification of a change: terms begin and end without one.
const LOOK: Duration = Duration::from_secs(10);
/// Most bytes of a grant's properties: FSC copies them into every token.
const MOST_BYTES: usize = 512;
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
            fail_point!("task::following-contracts");
            if let Err(problem) = self.follow().await {
                tracing::warn!(reason = %problem, "wire contracts cannot follow agreements yet");
            }
            self.store.wait_for_change(LOOK).await;
        }
    }

    async fn follow(&self) -> Result<(), Problem> {
        let failed = database_problem;
        let now = self.ambient.now();
        let foreign = self.store.foreign_peers().await.map_err(failed)?;
        let mut versions = AgreementVersion::running(&self.store, now).await.map_err(failed)?;
        if versions.is_empty() {
            return Ok(());
        }
        // First: what a foreign participant has ended is not proposed to it once more.
        if self.take_from_the_wire(&versions, &foreign, now).await? {
            versions = AgreementVersion::running(&self.store, now).await.map_err(failed)?;
        }
        for version in &versions {
            let follows = |clause: &&Clause| {
                receives(clause, &self.rules.own)
                    && may_be_followed(version, &clause.service.provider, &foreign, now)
            };
            for clause in version.document.clauses.iter().filter(follows) {
                if let Err(problem) = self.propose_for(version, clause, now).await {
                    tracing::warn!(agreement = %version.document.id, clause = %clause.name, reason = %problem,
                        "the contract that follows from an agreement cannot be proposed yet");
                }
            }
        }
        let running = self.running().await.map_err(failed)?;
        for contract in running.iter() {
            if let Err(problem) = self.follow_with(contract, &versions, &foreign, now).await {
                tracing::warn!(contract = contract.row.hash, reason = %problem, "a contract cannot follow its agreement yet");
            }
        }
        // What was accepted just now may have been all that was missing.
        self.take_from_the_wire(&versions, &foreign, now).await?;
        Ok(())
    }

    async fn propose_for(
        &self,
        version: &AgreementVersion,
        clause: &Clause,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let spoken = self.store.peer_interface(&clause.service.provider).await.map_err(database_problem)?;
        // It takes no properties: a contract without is proposed by a person, and bound to the version by a steward.
        let takes_none = spoken.is_some_and(|row| row.interface == Interface::ForeignWithoutProperties);
        if takes_none || self.follows_already(version, clause, now).await? {
            return Ok(());
        }
        let left = version.document.term.until.timestamp().millis_since(now) / 1000;
        let proposal = ConnectionProposal {
            provider: clause.service.provider.clone(),
            service: clause.service.name.clone(),
            delegator: None,
            service_delegator: None,
            identification: None,
            // The contract permits nothing by itself; that it may run some hours longer harms nobody.
            days: Some((left / SECONDS_PER_DAY).clamp(1, 3660)),
            properties: Some(property(version, &self.rules.manager_address)),
        };
        self.propose_connection(&by_agreement(), proposal).await.map(|_| ())
    }

    /// Whether a contract of ours for this connection, with the key that the node has now, names the version and has not
    /// ended. What else its properties say, such as an address of before, makes no other contract of it.
    async fn follows_already(
        &self,
        version: &AgreementVersion,
        clause: &Clause,
        now: Timestamp,
    ) -> Result<bool, Problem> {
        let own = Outway {
            consumer: self.rules.own.clone(),
            identification: OutwayIdentification::PublicKeyThumbprint(
                self.identity.current().certificate.public_key_thumbprint,
            ),
        };
        let service = ConnectedService {
            provider: clause.service.provider.clone(),
            name: clause.service.name.clone(),
            delegator: None,
        };
        let connection = GrantData::ServiceConnection { outway: own, service };
        let running = self.running().await.map_err(database_problem)?;
        Ok(running.iter().any(|contract| {
            let [grant] = contract.content.grants.as_slice() else { return false };
            !contract.state(now).is_final()
                && contract.has_signed(&self.rules.own, SignatureKind::Accept)
                && grant.data == connection
                && names_version(grant, version)
        }))
    }

    /// Accepts what follows from an agreement that all have signed, or that only a foreign participant's accept is awaited
    /// for; ends what followed from one that has ended.
    async fn follow_with(
        &self,
        contract: &StoredContract,
        versions: &[AgreementVersion],
        foreign: &BTreeSet<ParticipantId>,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let [grant] = contract.content.grants.as_slice() else { return Ok(()) };
        let own = &self.rules.own;
        let Some(version) = named(contract, grant, own, versions) else { return Ok(()) };
        let state = contract.state(now);
        let hash = contract.row.hash.as_str();
        let waits = state == ContractState::Proposed && !contract.has_signed(own, SignatureKind::Accept);
        if waits && grant.provider() == own && follows_from(grant, version, foreign, now) {
            self.accept(&by_agreement(), hash).await?;
        }
        // One that a later version has replaced stands until its own term is over: a stream under it may go on as long.
        let ended =
            matches!(version.stage(now), Stage::Refused | Stage::Withdrawn | Stage::Revoked | Stage::Expired);
        if !state.is_final() && ended && contract.has_signed(own, SignatureKind::Accept) {
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
            let foreign = self.store.foreign_peers().await.map_err(failed)?;
            if !named(contract, grant, &self.rules.own, &versions)
                .is_some_and(|version| follows_from(grant, version, &foreign, now))
            {
                return Err(no_agreement());
            }
        }
        Ok(())
    }
}

pub(super) fn by_agreement() -> Actor {
    Actor::Node { rule: "agreement".to_owned() }
}

pub(super) fn receives(clause: &Clause, participant: &ParticipantId) -> bool {
    clause.receivers.iter().any(|receiver| receiver.participant == *participant)
}

/// The properties of a grant that follows from a version. Within [`MOST_BYTES`]: where the address would not fit it is left
/// out, since only the hash counts.
fn property(version: &AgreementVersion, manager: &str) -> Map<String, Value> {
    let (document, hash) = (&version.document, &version.hash);
    let url = format!("{}/verbond/v1/agreements/{hash}", manager);
    let whole = json!({ "id": document.id, "version": document.version, "hash": hash, "url": url });
    let short = json!({ "id": document.id, "version": document.version, "hash": hash });
    let as_property = |named| Map::from_iter([(PROPERTY.to_owned(), named)]);
    let (whole, short) = (as_property(whole), as_property(short));
    let fits = serde_json::to_vec(&whole).is_ok_and(|text| text.len() <= MOST_BYTES);
    if fits { whole } else { short }
}

/// Whether a grant says that it follows from this very version: hash, identifier and number all agree.
pub(super) fn names_version(grant: &Grant, version: &AgreementVersion) -> bool {
    let property = grant.properties.as_ref().and_then(|properties| properties.get(PROPERTY));
    let member = |name: &str| property.and_then(|property| property.get(name));
    member("hash").and_then(Value::as_str) == Some(version.hash.as_str())
        && member("id").and_then(Value::as_str) == Some(version.document.id.to_string().as_str())
        && member("version").and_then(Value::as_u64) == Some(version.document.version.into())
}

/// Whether a contract with this participant may follow from a version: all are bound by it, or only foreign participants'
/// accepts are awaited, and it is a foreign participant, which can give its own in no other way.
fn may_be_followed(
    version: &AgreementVersion,
    with: &ParticipantId,
    foreign: &BTreeSet<ParticipantId>,
    now: Timestamp,
) -> bool {
    version.stage(now) == Stage::Signed
        || (foreign.contains(with) && !version.waits_for_the_wire(foreign, now).is_empty())
}

/// Hash of the version that a grant says it follows from.
pub(super) fn named_hash(grant: &Grant) -> Option<&str> {
    grant.properties.as_ref()?.get(PROPERTY)?.get("hash")?.as_str()
}

/// Whether a grant says that it follows from the version with this hash.
pub(crate) fn names(grant: &Grant, hash: &str) -> bool {
    named_hash(grant) == Some(hash)
}

/// The version from which a contract follows: the one that its grant names, or that our own steward has bound it to.
fn named<'a>(
    contract: &StoredContract,
    grant: &Grant,
    own: &ParticipantId,
    versions: &'a [AgreementVersion],
) -> Option<&'a AgreementVersion> {
    versions
        .iter()
        .find(|version| names_version(grant, version) || version.binds_contract(own, &contract.row.hash))
}

/// Whether a grant connects a receiver with a service as a version says from which contracts may follow.
fn follows_from(
    grant: &Grant,
    version: &AgreementVersion,
    foreign: &BTreeSet<ParticipantId>,
    now: Timestamp,
) -> bool {
    may_be_followed(version, grant.counterpart(), foreign, now)
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

//! What a foreign participant does to the contracts that follow from an agreement is a step in that agreement's life: it
//! accepts, refuses and ends there, since it has no other place to.

use std::collections::BTreeSet;

use verbond_agreement::{OnTheWire, Prose, Stage, StatementStep};
use verbond_application::{OpContext, agreements::AgreementVersion, database_problem};
use verbond_domain::{ParticipantId, Problem, ServiceName, Timestamp};

use super::{
    StoredContract,
    following::{by_agreement, named_hash, names_version},
};
use crate::{
    FscNode,
    protocol::{grant::Grant, signature::SignatureKind, state::ContractState},
};

/// Who receives which service of whom.
type Pair<'a> = (&'a ParticipantId, &'a ServiceName, &'a ParticipantId);

impl FscNode {
    /// Takes over what foreign participants have done on the wire; true if a version has taken a step.
    pub(super) async fn take_from_the_wire(
        &self,
        versions: &[AgreementVersion],
        foreign: &BTreeSet<ParticipantId>,
        now: Timestamp,
    ) -> Result<bool, Problem> {
        let running = self.running().await.map_err(database_problem)?;
        let mut taken = false;
        for version in versions {
            let Some(step) = step(version, foreign, &running, now) else { continue };
            let context =
                OpContext { actor: by_agreement(), ambient: self.ambient.clone(), store: self.store.clone() };
            match self.agreements.seen_on_the_wire(&context, &version.hash, step).await {
                Ok(_) => taken = true,
                Err(problem) => {
                    tracing::warn!(agreement = %version.document.id, reason = %problem,
                        "what a foreign participant did on the wire is not taken over");
                }
            }
        }
        Ok(taken)
    }
}

impl FscNode {
    /// A steward has a contract that names no agreement count as one that follows from a version, since the other party
    /// takes no properties.
    ///
    /// # Errors
    /// When it is not, in one grant, a connection that is agreed; as [`AgreementOffice::bind_contract`].
    pub async fn bind_contract(
        &self,
        context: &OpContext,
        version: &str,
        contract: &str,
        reason: Prose,
    ) -> Result<AgreementVersion, Problem> {
        let agreed = self.agreements.get(context, version).await?;
        let contract = self.contract(contract).await?;
        let [grant] = contract.content.grants.as_slice() else { return Err(other_connection()) };
        let own = &self.rules.own;
        let is_agreed = pairs(&agreed, own).into_iter().any(|pair| is_connection(grant, pair));
        // One that names an agreement, this or another, means what it says.
        if !is_agreed || named_hash(grant).is_some() || contract.state(self.ambient.now()).is_final() {
            return Err(other_connection());
        }
        let hash = contract.row.hash.parse().map_err(|_| other_connection())?;
        self.agreements.bind_contract(context, version, hash, reason).await
    }
}

fn other_connection() -> Problem {
    Problem::new(
        "CONTRACT_NOT_BOUND",
        409,
        "Dit contract is geen verbinding uit deze gegevensafspraak, noemt zelf een afspraak, of is voorbij.",
        "this contract is no connection of this agreement, names an agreement itself, or has ended",
    )
    .next(
        "Bekijk het contract met `verbond contract show` en de afspraak met `verbond agreement text`.",
        "see the contract with `verbond contract show` and the agreement with `verbond agreement text`",
    )
}

/// The step that a foreign participant has made. It is bound when every contract that follows bears all signatures; it
/// says no by one that it rejects or revokes while none stands in its place.
fn step(
    version: &AgreementVersion,
    foreign: &BTreeSet<ParticipantId>,
    contracts: &[StoredContract],
    now: Timestamp,
) -> Option<StatementStep> {
    let party = version.on_the_wire(foreign, now)?;
    let following: Vec<Vec<&StoredContract>> = pairs(version, party)
        .iter()
        .map(|pair| contracts.iter().filter(|contract| follows(contract, version, *pair)).collect())
        .collect();
    let stands = |contract: &&&StoredContract| {
        matches!(contract.state(now), ContractState::Valid | ContractState::NotYetValid)
    };
    let said_no = |contract: &&&StoredContract| {
        contract.has_signed(party, SignatureKind::Reject) || contract.has_signed(party, SignatureKind::Revoke)
    };
    let hashes = |found: Vec<&&StoredContract>| OnTheWire {
        party: party.clone(),
        contracts: found.iter().filter_map(|contract| contract.row.hash.parse().ok()).collect(),
    };
    let standing: Vec<_> = following.iter().filter_map(|of_pair| of_pair.iter().find(stands)).collect();
    let refused = following.iter().filter(|of_pair| !of_pair.iter().any(|one| stands(&one)));
    let refused: Vec<_> = refused.filter_map(|of_pair| of_pair.iter().find(said_no)).collect();
    match (version.stage(now), refused.is_empty()) {
        (Stage::Offered, true) => {
            let all = !following.is_empty() && standing.len() == following.len();
            all.then(|| StatementStep::AcceptedOnTheWire(hashes(standing)))
        }
        (Stage::Offered, false) => Some(StatementStep::RefusedOnTheWire(hashes(refused))),
        (Stage::Signed | Stage::Suspended, false) => Some(StatementStep::RevokedOnTheWire(hashes(refused))),
        _ => None,
    }
}

/// The connections that follow from a version, with a party at one end.
fn pairs<'a>(version: &'a AgreementVersion, party: &ParticipantId) -> BTreeSet<Pair<'a>> {
    let of_clauses = version.document.clauses.iter().flat_map(|clause| {
        let (provider, service) = (&clause.service.provider, &clause.service.name);
        clause.receivers.iter().map(move |receiver| (provider, service, &receiver.participant))
    });
    of_clauses.filter(|(provider, _, receiver)| *provider == party || *receiver == party).collect()
}

/// Whether a contract is the connection, says so of itself, and nothing else.
fn follows(
    contract: &StoredContract,
    version: &AgreementVersion,
    (provider, service, receiver): Pair<'_>,
) -> bool {
    let [grant] = contract.content.grants.as_slice() else { return false };
    is_connection(grant, (provider, service, receiver))
        && (names_version(grant, version) || version.binds_contract(&contract.row.hash))
}

fn is_connection(grant: &Grant, (provider, service, receiver): Pair<'_>) -> bool {
    !grant.grant_type().is_publication()
        && grant.provider() == provider
        && grant.service_name() == service
        && grant.counterpart() == receiver
}

//! What a foreign participant does to the contracts that follow from an agreement is a step in that agreement's life: it
//! accepts, refuses and ends there, since it has no other place to.

use std::collections::BTreeSet;

use verbond_agreement::{Agreement, Connection, OnTheWire, Prose, Stage, StatementStep};
use verbond_application::{OpContext, agreements::AgreementVersion, database_problem};
use verbond_domain::{ParticipantId, Problem, Timestamp};

use super::{
    StoredContract,
    following::{by_agreement, named_hash, names_version},
};
use crate::{
    FscNode,
    protocol::{grant::Grant, signature::SignatureKind, state::ContractState},
};

impl FscNode {
    /// Takes over what foreign participants have done on the wire; true if a version has taken a step.
    pub(super) async fn take_from_the_wire(
        &self,
        versions: &[AgreementVersion],
        foreign: &BTreeSet<ParticipantId>,
        now: Timestamp,
    ) -> Result<bool, Problem> {
        let running = self.running().await.map_err(database_problem)?;
        let own = &self.rules.own;
        let mut taken = false;
        for version in versions {
            for party in version.on_the_wire(foreign, now) {
                let Some((did, contracts)) = did(version, party, own, &running, now) else { continue };
                taken |= self.state_what_it_did(version, party, did, &contracts).await;
            }
        }
        Ok(taken)
    }

    /// States what a foreign participant did, with what shows it to the others; whether that was possible.
    async fn state_what_it_did(
        &self,
        version: &AgreementVersion,
        party: &ParticipantId,
        did: Did,
        contracts: &[(&StoredContract, SignatureKind)],
    ) -> bool {
        let mut seen = OnTheWire { party: party.clone(), contracts: Vec::new(), evidence: Vec::new() };
        for (contract, kind) in contracts {
            seen.contracts.extend(contract.row.hash.parse().ok());
            seen.evidence.extend(self.evidence(party, contract, *kind).await);
        }
        let is_shown = seen.evidence.len() == contracts.len();
        if !is_shown && did == Did::Accepted {
            tracing::warn!(agreement = %version.document.id, %party,
                "what a foreign participant accepted cannot be shown to the others yet: its certificates are not to be had");
            return false;
        }
        if !is_shown {
            seen.evidence.clear();
        }
        let step = match did {
            Did::Accepted => StatementStep::AcceptedOnTheWire(seen),
            Did::Refused => StatementStep::RefusedOnTheWire(seen),
            Did::Revoked => StatementStep::RevokedOnTheWire(seen),
        };
        let context =
            OpContext { actor: by_agreement(), ambient: self.ambient.clone(), store: self.store.clone() };
        let stated = self.agreements.seen_on_the_wire(&context, &version.hash, step).await;
        if let Err(problem) = &stated {
            tracing::warn!(agreement = %version.document.id, reason = %problem,
                "what a foreign participant did on the wire is not taken over");
        }
        stated.is_ok()
    }

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
        let party = if grant.provider() == own { grant.counterpart() } else { grant.provider() };
        let mut agreed_on = between(&agreed.document, own, party).into_iter();
        let is_agreed = agreed_on.any(|connection| is_connection(grant, connection));
        // One that names an agreement, this or another, means what it says.
        if !is_agreed || named_hash(grant).is_some() || contract.state(self.ambient.now()).is_final() {
            return Err(other_connection());
        }
        let hash = contract.row.hash.parse().map_err(|_| other_connection())?;
        self.agreements.bind_contract(context, version, party.clone(), hash, reason).await
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

/// What a foreign participant did to the contracts that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Did {
    Accepted,
    Refused,
    Revoked,
}

/// What a foreign participant did, by the contracts between it and this participant. It has accepted when every one that
/// follows bears all signatures; it says no by one that it rejects or revokes while none stands in its place.
fn did<'a>(
    version: &AgreementVersion,
    party: &ParticipantId,
    own: &ParticipantId,
    contracts: &'a [StoredContract],
    now: Timestamp,
) -> Option<(Did, Vec<(&'a StoredContract, SignatureKind)>)> {
    let following: Vec<Vec<&StoredContract>> = between(&version.document, own, party)
        .into_iter()
        .map(|connection| contracts.iter().filter(|one| follows(one, version, own, connection)).collect())
        .collect();
    let stands = |contract: &StoredContract| {
        matches!(contract.state(now), ContractState::Valid | ContractState::NotYetValid)
    };
    let accepted = following.iter().filter_map(|of_one| of_one.iter().copied().find(|one| stands(one)));
    let accepted: Vec<_> = accepted.map(|contract| (contract, SignatureKind::Accept)).collect();
    let said_no = |contract: &'a StoredContract| {
        let kinds = [SignatureKind::Revoke, SignatureKind::Reject].into_iter();
        let mut said = kinds.filter(|kind| contract.has_signed(party, *kind));
        said.next().map(|kind| (contract, kind))
    };
    let fallen = following.iter().filter(|of_one| !of_one.iter().any(|one| stands(one)));
    let refused: Vec<_> = fallen.filter_map(|of_one| of_one.iter().find_map(|one| said_no(one))).collect();
    match (version.stage(now), refused.is_empty()) {
        (Stage::Offered, true) => {
            let all = !following.is_empty() && accepted.len() == following.len();
            (all && !version.life.has_seen(own, party)).then_some((Did::Accepted, accepted))
        }
        (Stage::Offered, false) => Some((Did::Refused, refused)),
        (Stage::Signed | Stage::Suspended, false) => Some((Did::Revoked, refused)),
        _ => None,
    }
}

/// The connections of a document between these two.
pub(super) fn between<'a>(
    document: &'a Agreement,
    one: &ParticipantId,
    other: &ParticipantId,
) -> BTreeSet<Connection<'a>> {
    let mut all = document.connections();
    all.retain(|(provider, _, receiver)| {
        (*provider == one && *receiver == other) || (*provider == other && *receiver == one)
    });
    all
}

/// Whether a contract is the connection, says so of itself or by an act of our steward, and is nothing else.
fn follows(
    contract: &StoredContract,
    version: &AgreementVersion,
    own: &ParticipantId,
    connection: Connection<'_>,
) -> bool {
    let [grant] = contract.content.grants.as_slice() else { return false };
    is_connection(grant, connection)
        && (names_version(grant, version) || version.binds_contract(own, &contract.row.hash))
}

pub(super) fn is_connection(grant: &Grant, (provider, service, receiver): Connection<'_>) -> bool {
    !grant.grant_type().is_publication()
        && grant.provider() == provider
        && grant.service_name() == service
        && grant.counterpart() == receiver
}

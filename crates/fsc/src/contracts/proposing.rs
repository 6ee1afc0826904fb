//! This participant proposes a contract: to use a service, or to have its own listed in a directory; for itself, or on
//! behalf of another participant.

use serde_json::{Map, Value, json};
use verbond_application::database_problem;
use verbond_domain::{Actor, ParticipantId, Problem, ServiceName};

use super::{StoredContract, row_of, signature_row};
use crate::{
    FscNode,
    protocol::{
        builder::{ContractFrame, build},
        content::ContractContent,
        grant::{
            ConnectedService, GrantData, Outway, OutwayIdentification, PublishedService, ServiceProtocol,
        },
        signature::SignatureKind,
        state::ContractState,
    },
};

/// How long a contract runs when the proposal does not say, in days.
const DEFAULT_DAYS: i64 = 365;
/// Longest that a proposal may ask for, in days.
pub(super) const MAXIMUM_DAYS: i64 = 3660;
const SECONDS_PER_DAY: i64 = 86_400;

/// To use a service of another participant with this node's outway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionProposal {
    /// Who offers the service.
    pub provider: ParticipantId,
    /// Its name there.
    pub service: ServiceName,
    /// By what our outway is known; `None`: by the key that the node has now.
    pub identification: Option<OutwayIdentification>,
    /// On whose behalf we use it; `None`: our own.
    pub delegator: Option<ParticipantId>,
    /// On whose behalf the provider offers it; `None`: its own.
    pub service_delegator: Option<ParticipantId>,
    /// How long it is to run.
    pub days: Option<i64>,
    /// `properties` of the grant.
    pub properties: Option<Map<String, Value>>,
}

/// To have a service of this node listed in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicationProposal {
    /// The service.
    pub service: ServiceName,
    /// Which directory; `None`: the group's first, or this node itself when it is one and the group names none.
    pub directory: Option<ParticipantId>,
    /// On whose behalf we offer it; `None`: our own.
    pub delegator: Option<ParticipantId>,
    /// How long it is to run.
    pub days: Option<i64>,
    /// `properties` of the grant, shown in the listing.
    pub properties: Option<Map<String, Value>>,
}

/// What became of a proposal.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// The contract.
    pub contract: StoredContract,
    /// False when the same contract stood already and is given back.
    pub created: bool,
}

impl FscNode {
    /// Proposes a connection contract; the one that says the same and has not ended is given back instead.
    pub async fn propose_connection(
        &self,
        actor: &Actor,
        proposal: ConnectionProposal,
    ) -> Result<Proposed, Problem> {
        let key = self.identity.current().certificate.public_key_thumbprint;
        let identification =
            proposal.identification.unwrap_or(OutwayIdentification::PublicKeyThumbprint(key));
        let outway = Outway { consumer: self.rules.own.clone(), identification };
        let service = ConnectedService {
            provider: proposal.provider,
            name: proposal.service,
            delegator: proposal.service_delegator,
        };
        let grant = match proposal.delegator {
            None => GrantData::ServiceConnection { outway, service },
            Some(delegator) => GrantData::DelegatedServiceConnection { outway, service, delegator },
        };
        self.propose(actor, grant, proposal.properties, proposal.days).await
    }

    /// Proposes to a directory to list a service of ours.
    pub async fn publish_service(
        &self,
        actor: &Actor,
        proposal: PublicationProposal,
    ) -> Result<Proposed, Problem> {
        let failed = database_problem;
        let service = self.store.service(&proposal.service).await.map_err(failed)?;
        let service = service.ok_or_else(|| no_service(&proposal.service))?;
        let groups = || self.rules.directories.first().map(|first| first.id.clone());
        let own = || self.rules.directory.then(|| self.rules.own.clone());
        let directory = proposal.directory.or_else(groups).or_else(own).ok_or_else(no_directory)?;
        let protocol =
            if service.protocol == "http2" { ServiceProtocol::Http2 } else { ServiceProtocol::Http1 };
        let service = PublishedService { provider: self.rules.own.clone(), name: service.name, protocol };
        let grant = match proposal.delegator {
            None => GrantData::ServicePublication { directory, service },
            Some(delegator) => GrantData::DelegatedServicePublication { directory, service, delegator },
        };
        self.propose(actor, grant, proposal.properties, proposal.days).await
    }

    pub(super) async fn propose(
        &self,
        actor: &Actor,
        grant: GrantData,
        properties: Option<Map<String, Value>>,
        days: Option<i64>,
    ) -> Result<Proposed, Problem> {
        let days = days.unwrap_or(DEFAULT_DAYS);
        if !(1..=MAXIMUM_DAYS).contains(&days) {
            return Err(unusable_days());
        }
        if delegates_to_itself(&grant) {
            return Err(no_delegation());
        }
        // All of them must sign, so that each must be within reach.
        for (_, party) in grant.parties().filter(|(_, party)| **party != self.rules.own) {
            self.manager_of(party).await?;
        }
        let _one_at_a_time = self.proposing.lock().await;
        if let Some(contract) = self.standing(&grant, properties.as_ref()).await? {
            return Ok(Proposed { contract, created: false });
        }
        let now = self.ambient.now();
        let frame = ContractFrame {
            iv: self.ambient.uuid_v7(),
            group_id: self.rules.group_id.clone(),
            // As early as the peer's clock may lag: it must not wait for its own before the contract is in force.
            not_before: now.plus_seconds(-60),
            not_after: now.plus_seconds(days.saturating_mul(SECONDS_PER_DAY)),
            now,
        };
        let content = build(&frame, &[(grant, properties)]).map_err(|refusal| refusal.problem())?;
        let own = self.rules.own.clone();
        self.validate_new(&content, &own).await?.map_err(|refusal| refusal.problem())?;
        self.store_own(actor, &content).await?;
        Ok(Proposed { contract: self.contract(content.hash.as_str()).await?, created: true })
    }

    /// The contract of ours that says the same and has not ended.
    async fn standing(
        &self,
        grant: &GrantData,
        properties: Option<&Map<String, Value>>,
    ) -> Result<Option<StoredContract>, Problem> {
        let now = self.ambient.now();
        let stands = |contract: &StoredContract| {
            let state = contract.state(now);
            let running =
                matches!(state, ContractState::Proposed | ContractState::NotYetValid | ContractState::Valid);
            let same = |only: &[crate::protocol::grant::Grant]| match only {
                [only] => only.data == *grant && only.properties.as_ref() == properties,
                _ => false,
            };
            running
                && contract.has_signed(&self.rules.own, SignatureKind::Accept)
                && same(&contract.content.grants)
        };
        let running = self.running().await.map_err(database_problem)?;
        Ok(running.iter().find(|contract| stands(contract)).cloned())
    }

    async fn store_own(&self, actor: &Actor, content: &ContractContent) -> Result<(), Problem> {
        let failed = database_problem;
        let now = self.ambient.now();
        let signature = self.signature_over(content, SignatureKind::Accept, now).await?;
        let hash = content.hash.as_str();
        let mut transaction = self.store.begin().await.map_err(failed)?;
        transaction.insert_contract(&row_of(content, "", "[]", now)).await.map_err(failed)?;
        transaction.put_signature(hash, &signature_row(&signature, now)).await.map_err(failed)?;
        let detail = json!({ "content": content.tree });
        self.put_act(&mut transaction, actor.clone(), "contract.propose", hash, detail).await?;
        self.put_for_others(&mut transaction, content, &signature.jws, "contract.submit").await?;
        transaction.commit().await.map_err(failed)
    }
}

/// Whether somebody is to act on behalf of nobody else than itself.
fn delegates_to_itself(grant: &GrantData) -> bool {
    let actor = if grant.grant_type().is_publication() { grant.provider() } else { grant.counterpart() };
    grant.delegator() == Some(actor) || grant.service_delegator() == Some(grant.provider())
}

fn no_service(name: &ServiceName) -> Problem {
    Problem::new(
        "SERVICE_UNKNOWN",
        404,
        format!("Dit knooppunt biedt geen gegevensdienst `{name}` aan."),
        format!("this node offers no service `{name}`"),
    )
    .next("Voeg haar eerst toe met `verbond service add`.", "add it first with `verbond service add`")
}

fn no_directory() -> Problem {
    Problem::new(
        "DIRECTORY_UNKNOWN",
        422,
        "De groep heeft geen directory in de configuratie.",
        "the configuration names no directory of the group",
    )
    .next(
        "Noem er een, of zet haar in `[group] directories`.",
        "name one, or put it in `[group] directories`",
    )
}

fn unusable_days() -> Problem {
    Problem::new(
        "VALIDITY_UNUSABLE",
        422,
        format!("De looptijd is 1 tot {MAXIMUM_DAYS} dagen."),
        format!("a contract runs 1 to {MAXIMUM_DAYS} days"),
    )
}

fn no_delegation() -> Problem {
    Problem::new(
        "DELEGATOR_UNUSABLE",
        422,
        "Wie namens een ander handelt, is een ander dan wie de opdracht geeft.",
        "whoever acts on behalf of another is not that other itself",
    )
    .next(
        "Noem de deelnemer die de opdracht geeft, of laat de delegatie weg.",
        "name the participant that delegates, or leave the delegation out",
    )
}

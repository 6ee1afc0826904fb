//! How contracts and listed services are shown.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use verbond_domain::{ParticipantId, Scheme, ServiceName, Timestamp};
use verbond_fsc::{
    StoredContract,
    protocol::{
        grant::{Grant, GrantData, OutwayIdentification},
        signature::SignatureKind,
        wire::{ListedService, ServiceListing},
    },
};

use crate::ambient::rfc_3339;

/// A contract with another participant.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContractView {
    /// Hash of its content.
    pub hash: String,
    /// `proposed`, `not_yet_valid`, `valid`, `rejected`, `revoked`, `expired`.
    pub state: String,
    /// When it was made, by its author's clock.
    pub created_at: String,
    /// In force from.
    pub not_before: String,
    /// In force until.
    pub not_after: String,
    /// Seconds until it ends; negative when it has ended.
    pub remaining_seconds: i64,
    /// When this node got to know it.
    pub stored_at: String,
    /// What it grants.
    pub grants: Vec<GrantView>,
    /// Who said what.
    pub signatures: Vec<SignatureView>,
    /// Who has yet to accept.
    pub waits_for: Vec<ParticipantId>,
    /// What the acceptance policy said: `accept`, `reject`, `leave`; empty for contracts of our own making.
    pub verdict: String,
    /// Why.
    pub verdict_reasons: Vec<ReasonView>,
}

/// Why the acceptance policy said what it said.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReasonView {
    /// Stable code.
    pub code: String,
    /// The sentence in Dutch.
    pub nl: String,
    /// The sentence in English.
    pub en: String,
}

impl ReasonView {
    fn read(text: &str) -> Vec<Self> {
        let reasons: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
        let member = |reason: &Value, at: &str| {
            reason.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let read = |reason: &Value| Self {
            code: member(reason, "/code"),
            nl: member(reason, "/sentence/nl"),
            en: member(reason, "/sentence/en"),
        };
        reasons.iter().map(read).collect()
    }
}

/// One grant.
#[derive(Debug, Serialize, ToSchema)]
pub struct GrantView {
    /// `GRANT_TYPE_SERVICE_CONNECTION`, `GRANT_TYPE_SERVICE_PUBLICATION`, or the delegated form of either.
    pub grant_type: String,
    /// Its hash, content hash taken as string.
    pub hash: String,
    /// Its hash, content hash taken as digest.
    pub hash_digest: String,
    /// The service, as `oin:…/name`.
    pub reference: String,
    /// Who provides the service.
    pub provider: ParticipantId,
    /// The service's name there.
    pub service: ServiceName,
    /// The consumer, or the directory of a publication.
    pub counterpart: ParticipantId,
    /// Everybody with a part in it.
    pub parties: Vec<PartyView>,
    /// By what the consumer's outway is known.
    pub outway_identification: Option<OutwayIdentificationView>,
    /// The grant's properties.
    #[schema(value_type = Option<Object>)]
    pub properties: Option<Map<String, Value>>,
}

/// A participant and its part in a grant.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartyView {
    /// Its part.
    pub role: String,
    /// Who.
    pub id: ParticipantId,
}

/// By what an outway is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OutwayIdentificationView {
    /// By its public key.
    PublicKeyThumbprint {
        /// SHA-256 of the key, hexadecimal.
        public_key_thumbprint: String,
    },
    /// By a host name of its certificate.
    DomainName {
        /// The name.
        domain_name: String,
    },
}

/// Who said what.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignatureView {
    /// Who.
    pub participant: ParticipantId,
    /// `accept`, `reject`, `revoke`.
    pub kind: String,
    /// When.
    pub signed_at: String,
}

impl ContractView {
    /// Shows a stored contract as it stands at `now`.
    pub fn of(contract: &StoredContract, now: Timestamp) -> Self {
        let row = &contract.row;
        let accepted = |id: &ParticipantId| contract.has_signed(id, SignatureKind::Accept);
        Self {
            hash: row.hash.clone(),
            state: contract.state(now).as_str().to_owned(),
            created_at: rfc_3339(row.created_at),
            not_before: rfc_3339(row.not_before),
            not_after: rfc_3339(row.not_after),
            remaining_seconds: row.not_after.millis_since(now).div_euclid(1000),
            stored_at: rfc_3339(row.stored_at),
            grants: contract.content.grants.iter().map(GrantView::of).collect(),
            signatures: contract
                .signed
                .iter()
                .map(|signed| SignatureView {
                    participant: signed.signer.clone(),
                    kind: signed.kind.as_str().to_owned(),
                    signed_at: rfc_3339(signed.signed_at),
                })
                .collect(),
            waits_for: contract.content.signatories().into_iter().filter(|id| !accepted(id)).collect(),
            verdict: row.verdict.clone(),
            verdict_reasons: ReasonView::read(&row.verdict_reasons),
        }
    }
}

impl GrantView {
    fn of(grant: &Grant) -> Self {
        let outway = match &grant.data {
            GrantData::ServiceConnection { outway, .. }
            | GrantData::DelegatedServiceConnection { outway, .. } => Some(match &outway.identification {
                OutwayIdentification::PublicKeyThumbprint(thumbprint) => {
                    OutwayIdentificationView::PublicKeyThumbprint {
                        public_key_thumbprint: thumbprint.to_string(),
                    }
                }
                OutwayIdentification::DomainName(name) => {
                    OutwayIdentificationView::DomainName { domain_name: name.clone() }
                }
            }),
            GrantData::ServicePublication { .. } | GrantData::DelegatedServicePublication { .. } => None,
        };
        let party = |(role, id): (_, &ParticipantId)| PartyView { role: role_name(role), id: id.clone() };
        Self {
            grant_type: grant.grant_type().as_str().to_owned(),
            hash: grant.hashes.string.as_str().to_owned(),
            hash_digest: grant.hashes.digest.as_str().to_owned(),
            reference: format!("{}/{}", grant.provider(), grant.service_name()),
            provider: grant.provider().clone(),
            service: grant.service_name().clone(),
            counterpart: grant.counterpart().clone(),
            parties: grant.data.parties().map(party).collect(),
            outway_identification: outway,
            properties: grant.properties.clone(),
        }
    }
}

fn role_name(role: impl std::fmt::Debug) -> String {
    let mut name = String::new();
    for character in format!("{role:?}").chars() {
        if character.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

/// A service that a directory lists.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListedServiceView {
    /// The service, as `oin:…/name`: what `contract propose` takes.
    pub reference: String,
    /// Who provides it.
    pub provider: ParticipantId,
    /// The provider's name, as the directory knows it.
    pub provider_name: String,
    /// The service's name there.
    pub name: String,
    /// Protocol between outway and inway.
    pub protocol: String,
    /// On whose behalf it is published.
    pub delegator: Option<ParticipantId>,
    /// Properties of the publication.
    #[schema(value_type = Option<Object>)]
    pub properties: Option<Map<String, Value>>,
}

impl ListedServiceView {
    /// Reads a directory's line; `None` if its peer id cannot be one.
    pub fn read(listing: ServiceListing, scheme: Scheme) -> Option<Self> {
        let id = |value: &str| ParticipantId::new(scheme, value).ok();
        let (delegator, peer, name, protocol, properties) = match listing.data {
            ListedService::Service { peer, name, protocol, properties } => {
                (None, peer, name, protocol, properties)
            }
            ListedService::DelegatedService { delegator, peer, name, protocol, properties } => {
                (Some(id(&delegator.peer_id)?), peer, name, protocol, properties)
            }
        };
        let provider = id(&peer.id)?;
        let protocol =
            serde_json::to_value(protocol).ok().and_then(|value| value.as_str().map(str::to_owned));
        Some(Self {
            reference: format!("{provider}/{name}"),
            provider,
            provider_name: peer.name,
            name,
            protocol: protocol.unwrap_or_default(),
            delegator,
            properties,
        })
    }
}

//! The four grants (FSC Core 2.0.0 §3.2, manager.yaml `grant…`), and who plays which part in them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use verbond_domain::{ParticipantId, ServiceName};
use verbond_trust::PublicKeyThumbprint;

use super::hash::GrantHashes;

/// Which of the four a grant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GrantType {
    /// A service is listed in a directory.
    #[serde(rename = "GRANT_TYPE_SERVICE_PUBLICATION")]
    ServicePublication,
    /// An outway may use a service.
    #[serde(rename = "GRANT_TYPE_SERVICE_CONNECTION")]
    ServiceConnection,
    /// An outway may use a service on behalf of a delegator.
    #[serde(rename = "GRANT_TYPE_DELEGATED_SERVICE_CONNECTION")]
    DelegatedServiceConnection,
    /// A service is listed in a directory on behalf of a delegator.
    #[serde(rename = "GRANT_TYPE_DELEGATED_SERVICE_PUBLICATION")]
    DelegatedServicePublication,
}

impl GrantType {
    /// All four, in the order of their numbers (§4.2.6.2).
    pub const ALL: [Self; 4] = [
        Self::ServicePublication,
        Self::ServiceConnection,
        Self::DelegatedServiceConnection,
        Self::DelegatedServicePublication,
    ];

    /// `GRANT_TYPE_…`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServicePublication => "GRANT_TYPE_SERVICE_PUBLICATION",
            Self::ServiceConnection => "GRANT_TYPE_SERVICE_CONNECTION",
            Self::DelegatedServiceConnection => "GRANT_TYPE_DELEGATED_SERVICE_CONNECTION",
            Self::DelegatedServicePublication => "GRANT_TYPE_DELEGATED_SERVICE_PUBLICATION",
        }
    }

    /// The type of this name, `GRANT_TYPE_…`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether it is about listing a service in a directory.
    pub const fn is_publication(self) -> bool {
        matches!(self, Self::ServicePublication | Self::DelegatedServicePublication)
    }

    /// Whether someone acts on behalf of a delegator.
    pub const fn is_delegated(self) -> bool {
        matches!(self, Self::DelegatedServiceConnection | Self::DelegatedServicePublication)
    }
}

/// The protocol between outway and inway (`service.protocol` of a publication).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ServiceProtocol {
    /// HTTP/1.1
    #[serde(rename = "PROTOCOL_TCP_HTTP_1.1")]
    Http1,
    /// HTTP/2
    #[serde(rename = "PROTOCOL_TCP_HTTP_2")]
    Http2,
}

impl ServiceProtocol {
    /// `PROTOCOL_TCP_HTTP_…`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http1 => "PROTOCOL_TCP_HTTP_1.1",
            Self::Http2 => "PROTOCOL_TCP_HTTP_2",
        }
    }

    /// The protocol of this name, `PROTOCOL_TCP_HTTP_…`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Http1, Self::Http2].into_iter().find(|protocol| protocol.as_str() == text)
    }
}

/// A service as a publication grant names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedService {
    /// Who offers it.
    pub provider: ParticipantId,
    /// Its name there.
    pub name: ServiceName,
    /// How it is reached.
    pub protocol: ServiceProtocol,
}

/// A service as a connection grant names it: `SERVICE_TYPE_SERVICE` or, with a delegator, `SERVICE_TYPE_DELEGATED_SERVICE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectedService {
    /// Who offers it.
    pub provider: ParticipantId,
    /// Its name there.
    pub name: ServiceName,
    /// On whose behalf the provider publishes it.
    pub delegator: Option<ParticipantId>,
}

/// By what an outway is known in a connection grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutwayIdentification {
    /// SHA-256 of the public key.
    PublicKeyThumbprint(PublicKeyThumbprint),
    /// A name in the certificate's subject alternative name; lower case, 1 to 255 characters (RFC 1035).
    DomainName(String),
}

/// The outway of a connection grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outway {
    /// Whose outway it is.
    pub consumer: ParticipantId,
    /// Which of its outways.
    pub identification: OutwayIdentification,
}

/// What a grant grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantData {
    /// [`GrantType::ServicePublication`]
    ServicePublication {
        /// Where it is listed.
        directory: ParticipantId,
        /// What is listed.
        service: PublishedService,
    },
    /// [`GrantType::ServiceConnection`]
    ServiceConnection {
        /// Who may connect.
        outway: Outway,
        /// To what.
        service: ConnectedService,
    },
    /// [`GrantType::DelegatedServiceConnection`]
    DelegatedServiceConnection {
        /// Who may connect.
        outway: Outway,
        /// To what.
        service: ConnectedService,
        /// On whose behalf.
        delegator: ParticipantId,
    },
    /// [`GrantType::DelegatedServicePublication`]
    DelegatedServicePublication {
        /// Where it is listed.
        directory: ParticipantId,
        /// What is listed.
        service: PublishedService,
        /// On whose behalf.
        delegator: ParticipantId,
    },
}

/// The part that a participant plays in a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// `directory`
    Directory,
    /// `outway`: the consumer, or the delegatee of a delegated connection.
    Outway,
    /// `service`: the provider, or the delegatee of a delegated publication.
    Provider,
    /// `delegator` of a delegated grant.
    Delegator,
    /// `service.delegator` of a connection to a service that is published on someone's behalf.
    ServiceDelegator,
}

impl GrantData {
    /// Which of the four.
    pub const fn grant_type(&self) -> GrantType {
        match self {
            Self::ServicePublication { .. } => GrantType::ServicePublication,
            Self::ServiceConnection { .. } => GrantType::ServiceConnection,
            Self::DelegatedServiceConnection { .. } => GrantType::DelegatedServiceConnection,
            Self::DelegatedServicePublication { .. } => GrantType::DelegatedServicePublication,
        }
    }

    /// Who offers the service.
    pub const fn provider(&self) -> &ParticipantId {
        match self {
            Self::ServicePublication { service, .. } | Self::DelegatedServicePublication { service, .. } => {
                &service.provider
            }
            Self::ServiceConnection { service, .. } | Self::DelegatedServiceConnection { service, .. } => {
                &service.provider
            }
        }
    }

    /// The service's name.
    pub const fn service_name(&self) -> &ServiceName {
        match self {
            Self::ServicePublication { service, .. } | Self::DelegatedServicePublication { service, .. } => {
                &service.name
            }
            Self::ServiceConnection { service, .. } | Self::DelegatedServiceConnection { service, .. } => {
                &service.name
            }
        }
    }

    /// The outway of a connection grant.
    pub const fn outway(&self) -> Option<&Outway> {
        match self {
            Self::ServiceConnection { outway, .. } | Self::DelegatedServiceConnection { outway, .. } => {
                Some(outway)
            }
            _ => None,
        }
    }

    /// Who connects, of a connection; the directory, of a publication.
    pub const fn counterpart(&self) -> &ParticipantId {
        match self {
            Self::ServicePublication { directory, .. }
            | Self::DelegatedServicePublication { directory, .. } => directory,
            Self::ServiceConnection { outway, .. } | Self::DelegatedServiceConnection { outway, .. } => {
                &outway.consumer
            }
        }
    }

    /// The `delegator` of a delegated grant.
    pub const fn delegator(&self) -> Option<&ParticipantId> {
        match self {
            Self::DelegatedServiceConnection { delegator, .. }
            | Self::DelegatedServicePublication { delegator, .. } => Some(delegator),
            _ => None,
        }
    }

    /// The `service.delegator` of a connection grant.
    pub const fn service_delegator(&self) -> Option<&ParticipantId> {
        match self {
            Self::ServiceConnection { service, .. } | Self::DelegatedServiceConnection { service, .. } => {
                service.delegator.as_ref()
            }
            _ => None,
        }
    }

    /// Everyone on the grant with the part that they play; all of them must sign.
    ///
    /// That `service.delegator` must sign a plain connection grant too stands in §3.5 and §4.2.3, not in the list of
    /// §4.2.1.3.
    pub fn parties(&self) -> impl Iterator<Item = (Role, &ParticipantId)> {
        let counterpart = if self.grant_type().is_publication() { Role::Directory } else { Role::Outway };
        [(counterpart, self.counterpart()), (Role::Provider, self.provider())]
            .into_iter()
            .chain(self.delegator().map(|peer| (Role::Delegator, peer)))
            .chain(self.service_delegator().map(|peer| (Role::ServiceDelegator, peer)))
    }
}

/// One grant of a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its meaning.
    pub data: GrantData,
    /// `properties`, if the grant has them. Unsanitised text of a peer (§4.2.2.2).
    pub properties: Option<Map<String, Value>>,
    /// The `data` tree as received.
    pub tree: Value,
    /// Its hashes.
    pub hashes: GrantHashes,
}

impl Grant {
    /// Which of the four.
    pub const fn grant_type(&self) -> GrantType {
        self.data.grant_type()
    }

    /// Who offers the service.
    pub const fn provider(&self) -> &ParticipantId {
        self.data.provider()
    }

    /// The service's name.
    pub const fn service_name(&self) -> &ServiceName {
        self.data.service_name()
    }

    /// Who connects, of a connection; the directory, of a publication.
    pub const fn counterpart(&self) -> &ParticipantId {
        self.data.counterpart()
    }
}

//! Transaction log records on the wire (FSC Logging 1.1.0 §3.1, logging.yaml).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use verbond_domain::{Direction, ExchangeParties, ParticipantId, Scheme, Timestamp};
use verbond_journal::WireMembers;

use super::{hash::GrantHash, wire::Pagination};

/// The members of FSC in the record of an exchange (Logging 1.1.0 §3.1).
pub(crate) fn members(group_id: &str, grant: Option<&GrantHash>) -> WireMembers {
    let members = [("group_id", Some(group_id)), ("grant_hash", grant.map(GrantHash::as_str))];
    let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
    Arc::new(members.collect())
}

/// Who asked, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Source {
    /// For itself.
    #[serde(rename = "SOURCE_TYPE_SOURCE")]
    Source {
        /// Whose outway it was.
        outway_peer_id: String,
    },
    /// On behalf of a delegator.
    #[serde(rename = "SOURCE_TYPE_DELEGATED_SOURCE")]
    DelegatedSource {
        /// Whose outway it was.
        outway_peer_id: String,
        /// On whose behalf.
        delegator_peer_id: String,
    },
}

/// Who answered, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Destination {
    /// For itself.
    #[serde(rename = "DESTINATION_TYPE_DESTINATION")]
    Destination {
        /// Whose service it is.
        service_peer_id: String,
    },
    /// On behalf of a delegator.
    #[serde(rename = "DESTINATION_TYPE_DELEGATED_DESTINATION")]
    DelegatedDestination {
        /// Who offers the service.
        service_peer_id: String,
        /// On whose behalf.
        delegator_peer_id: String,
    },
}

/// Which way the request went, seen from who wrote the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WireDirection {
    /// Received.
    #[serde(rename = "DIRECTION_INCOMING")]
    Incoming,
    /// Sent.
    #[serde(rename = "DIRECTION_OUTGOING")]
    Outgoing,
}

impl From<Direction> for WireDirection {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Incoming => Self::Incoming,
            Direction::Outgoing => Self::Outgoing,
        }
    }
}

/// A line of `GET /logs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// The identifier that both parties wrote down.
    pub transaction_id: String,
    /// Which way.
    pub direction: WireDirection,
    /// The grant under which it went.
    pub grant_hash: String,
    /// Who asked.
    pub source: Source,
    /// Who answered.
    pub destination: Destination,
    /// The service.
    pub service_name: String,
    /// Unix seconds.
    pub created_at: i64,
    /// What extensions add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_data: Option<Map<String, Value>>,
}

impl LogRecord {
    /// A record of an exchange between these parties.
    pub fn new(
        transaction_id: String,
        direction: Direction,
        grant_hash: String,
        parties: &ExchangeParties,
        created_at: Timestamp,
    ) -> Self {
        let value = |peer: &ParticipantId| peer.value().to_owned();
        Self {
            transaction_id,
            direction: direction.into(),
            grant_hash,
            source: match &parties.consumer_delegator {
                None => Source::Source { outway_peer_id: value(&parties.consumer) },
                Some(delegator) => Source::DelegatedSource {
                    outway_peer_id: value(&parties.consumer),
                    delegator_peer_id: value(delegator),
                },
            },
            destination: match &parties.provider_delegator {
                None => Destination::Destination { service_peer_id: value(&parties.provider) },
                Some(delegator) => Destination::DelegatedDestination {
                    service_peer_id: value(&parties.provider),
                    delegator_peer_id: value(delegator),
                },
            },
            service_name: parties.service.as_str().to_owned(),
            created_at: created_at.seconds(),
            additional_data: None,
        }
    }

    /// The parties of a record that another manager showed; `None` if their ids or the service's name cannot be such.
    pub fn parties(&self, scheme: Scheme) -> Option<ExchangeParties> {
        let peer = |value: &str| ParticipantId::new(scheme, value).ok();
        let (consumer, consumer_delegator) = match &self.source {
            Source::Source { outway_peer_id } => (peer(outway_peer_id)?, None),
            Source::DelegatedSource { outway_peer_id, delegator_peer_id } => {
                (peer(outway_peer_id)?, Some(peer(delegator_peer_id)?))
            }
        };
        let (provider, provider_delegator) = match &self.destination {
            Destination::Destination { service_peer_id } => (peer(service_peer_id)?, None),
            Destination::DelegatedDestination { service_peer_id, delegator_peer_id } => {
                (peer(service_peer_id)?, Some(peer(delegator_peer_id)?))
            }
        };
        let service = self.service_name.parse().ok()?;
        Some(ExchangeParties { consumer, consumer_delegator, provider, provider_delegator, service })
    }
}

/// Answer of `GET /logs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecords {
    /// The page.
    #[serde(default)]
    pub records: Vec<LogRecord>,
    /// Where it goes on; `next_cursor` is required here, optional in Core.
    #[serde(default)]
    pub pagination: Pagination,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::fixtures::*;

    #[test]
    fn a_record_is_written_as_the_schema_says_and_read_back() -> Result<(), Failure> {
        let mut parties = ExchangeParties {
            consumer: peer(CONSUMER),
            consumer_delegator: None,
            provider: peer(PROVIDER),
            provider_delegator: None,
            service: "incomes".parse()?,
        };
        let record = |parties: &ExchangeParties| {
            LogRecord::new("id".to_owned(), Direction::Outgoing, "$1$3$x".to_owned(), parties, now())
        };
        assert_eq!(
            serde_json::to_value(record(&parties))?,
            json!({
                "transaction_id": "id", "direction": "DIRECTION_OUTGOING", "grant_hash": "$1$3$x",
                "source": { "type": "SOURCE_TYPE_SOURCE", "outway_peer_id": CONSUMER },
                "destination": { "type": "DESTINATION_TYPE_DESTINATION", "service_peer_id": PROVIDER },
                "service_name": "incomes", "created_at": NOW,
            })
        );
        parties.consumer_delegator = Some(peer(DELEGATOR));
        parties.provider_delegator = Some(peer(SERVICE_DELEGATOR));
        let delegated = serde_json::to_value(record(&parties))?;
        assert_eq!(
            (delegated.get("source"), delegated.get("destination")),
            (
                Some(&json!({
                    "type": "SOURCE_TYPE_DELEGATED_SOURCE",
                    "outway_peer_id": CONSUMER, "delegator_peer_id": DELEGATOR,
                })),
                Some(&json!({
                    "type": "DESTINATION_TYPE_DELEGATED_DESTINATION",
                    "service_peer_id": PROVIDER, "delegator_peer_id": SERVICE_DELEGATOR,
                })),
            )
        );
        let read: LogRecord = serde_json::from_value(delegated)?;
        assert_eq!(read.parties(Scheme::Oin), Some(parties));
        Ok(())
    }
}

//! The policy as it stands in the configuration under `[acceptance]`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use verbond_domain::{ParticipantId, ParticipantIdError};

/// What a clean connection contract of a known consumer gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionAnswer {
    /// Accepted at once.
    Accept,
    /// Left to a person.
    #[default]
    Leave,
}

/// A participant whose connection contracts may be accepted, or `*` for every participant of the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownConsumer {
    /// `*`
    Everyone,
    /// One participant, written with its scheme.
    Participant(ParticipantId),
}

impl KnownConsumer {
    /// Whether this entry stands for the participant.
    pub fn covers(&self, participant: &ParticipantId) -> bool {
        match self {
            Self::Everyone => true,
            Self::Participant(known) => known == participant,
        }
    }
}

impl FromStr for KnownConsumer {
    type Err = ParticipantIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" { Ok(Self::Everyone) } else { text.parse().map(Self::Participant) }
    }
}

impl fmt::Display for KnownConsumer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => formatter.write_str("*"),
            Self::Participant(id) => id.fmt(formatter),
        }
    }
}

impl Serialize for KnownConsumer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KnownConsumer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for KnownConsumer {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some(r"^(\*|(oin|eori|kvk|lei|did):[!-~]{1,255})$"))
            .description(Some("a participant identifier, or * for everyone in the group"))
            .examples(["oin:00000099000000010000"])
            .into()
    }
}

impl utoipa::ToSchema for KnownConsumer {}

/// The policy for incoming contracts. Without configuration every connection contract is left to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AcceptancePolicy {
    /// Participants whose connection contracts may be accepted; `*` stands for everyone in the group.
    pub known_consumers: Vec<KnownConsumer>,
    /// What a clean connection contract of a known consumer gets.
    pub connection: ConnectionAnswer,
    /// Longest time from now until a contract's end, in days.
    #[schema(minimum = 1)]
    pub maximum_validity_days: i64,
    /// Names of grant properties that may occur.
    pub allowed_properties: Vec<String>,
}

impl Default for AcceptancePolicy {
    fn default() -> Self {
        Self {
            known_consumers: Vec::new(),
            connection: ConnectionAnswer::default(),
            maximum_validity_days: 366,
            allowed_properties: Vec::new(),
        }
    }
}

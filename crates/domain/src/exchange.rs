//! One request and response, as seen by two parties.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{ParticipantId, ServiceName, Timestamp};

/// Seen from the node that writes it down: does the request come in or go out?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The request came in: this participant provides.
    Incoming,
    /// The request went out: this participant consumes.
    Outgoing,
}

impl Direction {
    /// The direction as one lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incoming => "incoming",
            Self::Outgoing => "outgoing",
        }
    }
}

/// The identifier that both parties write down for one exchange: a UUID version 7.
///
/// That it is version 7 is the Digikoppeling profile's rule (Digikoppeling REST-API 4.0.1); FSC Logging 1.1.0
/// §3.4.1 asks for a UUID only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TransactionId(Uuid);

/// Why a text is not a transaction identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionIdError {
    /// Not a UUID in its hyphenated form of 36 characters.
    #[error("the transaction id is not a UUID of 36 characters")]
    Form,
    /// A UUID of another version than 7.
    #[error("the transaction id is a UUID of version {0}, where version 7 is asked")]
    Version(usize),
    /// Its time lies further from our clock than the profile allows.
    #[error("the time in the transaction id is too far from the present")]
    Skew,
}

impl TransactionId {
    /// Takes a version 7 UUID that this node has made itself.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID itself.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }

    /// When the identifier was made, by its own account.
    pub fn time(&self) -> Timestamp {
        let bytes = self.0.as_bytes();
        let millis = bytes.iter().take(6).fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte));
        Timestamp::from_millis(millis)
    }

    /// Refuses an identifier whose own time is more than `seconds` away from `now`, either way.
    pub fn within(self, now: Timestamp, seconds: i64) -> Result<Self, TransactionIdError> {
        if self.time().millis_since(now).abs() > seconds.saturating_mul(1000) {
            return Err(TransactionIdError::Skew);
        }
        Ok(self)
    }
}

impl FromStr for TransactionId {
    type Err = TransactionIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 36 {
            return Err(TransactionIdError::Form);
        }
        let uuid = Uuid::try_parse(text).map_err(|_| TransactionIdError::Form)?;
        match uuid.get_version_num() {
            7 if uuid.get_variant() == uuid::Variant::RFC4122 => Ok(Self(uuid)),
            version => Err(TransactionIdError::Version(version)),
        }
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// Who stands at both ends of an exchange, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeParties {
    /// The participant whose outway asks.
    pub consumer: ParticipantId,
    /// The participant on whose behalf the consumer asks, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer_delegator: Option<ParticipantId>,
    /// The participant whose inway answers.
    pub provider: ParticipantId,
    /// The participant on whose behalf the provider publishes the service, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_delegator: Option<ParticipantId>,
    /// The data service, by its name at the provider.
    pub service: ServiceName,
}

impl ExchangeParties {
    /// The party at the other end of an exchange that this node sees in `direction`.
    pub const fn counterpart(&self, direction: Direction) -> &ParticipantId {
        match direction {
            Direction::Incoming => &self.consumer,
            Direction::Outgoing => &self.provider,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_version_seven_near_our_clock_is_taken() -> Result<(), TransactionIdError> {
        let id: TransactionId = "01890a5d-ac96-774b-bcce-b302099a8057".parse()?;
        let made = id.time();
        assert_eq!(made.millis(), 0x0189_0a5d_ac96);
        assert!(id.within(made.plus_seconds(86_400), 86_400).is_ok());
        assert_eq!(id.within(made.plus_seconds(86_401), 86_400), Err(TransactionIdError::Skew));
        assert_eq!(
            "f47ac10b-58cc-4372-a567-0e02b2c3d479".parse::<TransactionId>(),
            Err(TransactionIdError::Version(4))
        );
        assert_eq!("{01890a5d}".parse::<TransactionId>(), Err(TransactionIdError::Form));
        Ok(())
    }
}

//! Who takes part: an identifier is a scheme and a value, and no code above assumes the form of either.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The register that gives out the identifier.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Dutch organisation identification number (*organisatie-identificatienummer*).
    Oin,
    /// Economic operators registration and identification number of the European customs.
    Eori,
    /// Number in the Dutch trade register (*Kamer van Koophandel*).
    Kvk,
    /// Legal entity identifier, ISO 17442.
    Lei,
    /// Decentralised identifier, W3C DID Core.
    Did,
}

impl Scheme {
    /// The scheme's short lower-case name, as written before the colon of an identifier.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Oin => "oin",
            Self::Eori => "eori",
            Self::Kvk => "kvk",
            Self::Lei => "lei",
            Self::Did => "did",
        }
    }
}

impl FromStr for Scheme {
    type Err = ParticipantIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Oin, Self::Eori, Self::Kvk, Self::Lei, Self::Did]
            .into_iter()
            .find(|scheme| scheme.as_str() == text)
            .ok_or(ParticipantIdError::UnknownScheme)
    }
}

/// The identifier of a participant: a scheme and a value, written `oin:00000099000000010000`.
///
/// Protocols that carry the value alone (FSC's peer id) take it from [`ParticipantId::value`]; the scheme
/// then comes from the profile of the group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParticipantId {
    scheme: Scheme,
    /// As it is written: it is written several times an exchange.
    text: Arc<str>,
}

/// Why a text is not a participant identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParticipantIdError {
    /// The part before the colon is none of the known schemes.
    #[error("the scheme is not one of oin, eori, kvk, lei, did")]
    UnknownScheme,
    /// The value is empty or longer than 255 characters.
    #[error("the value must have 1 to 255 characters")]
    Length,
    /// The value holds white space, a control character or something outside ASCII.
    #[error("the value may hold visible ASCII characters only")]
    Character,
}

impl ParticipantId {
    /// An identifier from its parts; the value is 1 to 255 visible ASCII characters.
    pub fn new(scheme: Scheme, value: &str) -> Result<Self, ParticipantIdError> {
        if value.is_empty() || value.len() > 255 {
            return Err(ParticipantIdError::Length);
        }
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ParticipantIdError::Character);
        }
        Ok(Self { scheme, text: [scheme.as_str(), ":", value].concat().into() })
    }

    /// The register that gave out the identifier.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The value within its scheme.
    pub fn value(&self) -> &str {
        self.text.get(self.scheme.as_str().len() + 1..).unwrap_or_default()
    }

    /// Scheme and value, as they are written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ParticipantId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for ParticipantId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for ParticipantId {
    type Err = ParticipantIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, value) = text.split_once(':').ok_or(ParticipantIdError::UnknownScheme)?;
        Self::new(scheme.parse()?, value)
    }
}

impl Serialize for ParticipantId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for ParticipantId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl From<&ParticipantId> for Arc<str> {
    fn from(id: &ParticipantId) -> Self {
        Self::clone(&id.text)
    }
}

impl utoipa::PartialSchema for ParticipantId {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^(oin|eori|kvk|lei|did):[!-~]{1,255}$"))
            .description(Some("scheme and value of a participant identifier"))
            .examples(["oin:00000099000000010000"])
            .into()
    }
}

impl utoipa::ToSchema for ParticipantId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_read_back_as_written() {
        for text in ["oin:0000009958MINBZK0000", "eori:NL123456789", "did:web:example.org"] {
            assert_eq!(text.parse::<ParticipantId>().map(|id| id.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_could_break_a_header_or_a_log_line_is_refused() {
        for text in ["oin:", "oin:a b", "oin:a\nb", "oin:\u{e9}", "bsn:1", "plain"] {
            assert!(text.parse::<ParticipantId>().is_err(), "{text:?}");
        }
    }
}

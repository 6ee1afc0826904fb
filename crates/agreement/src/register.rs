//! What all registers share: names, versions, and the state of an entry.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::{DocumentHash, WordsError};

/// The name of an entry within its register: lower-case letters, digits and `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName(Arc<str>);

impl EntryName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EntryName {
    type Err = WordsError;

    fn from_str(text: &str) -> Result<Self, WordsError> {
        if text.is_empty() || text.len() > 80 {
            return Err(WordsError::Length(80));
        }
        let alphabet = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        match text.bytes().all(alphabet) && text.starts_with(|first: char| first.is_ascii_lowercase()) {
            true => Ok(Self(text.into())),
            false => Err(WordsError::Alphabet),
        }
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for EntryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for EntryName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EntryName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl utoipa::PartialSchema for EntryName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[a-z][a-z0-9-]{0,79}$")).into()
    }
}

impl utoipa::ToSchema for EntryName {}

/// The registers of a participant.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RegisterKind {
    /// Processing activities (GDPR art. 30).
    Activity,
    /// Legal grounds.
    Ground,
    /// Data services as described, with operations and elements.
    Service,
    /// Assessments: DPIA, IAMA, AI-Act.
    Assessment,
    /// Algorithms, as references to the register that holds them.
    Algorithm,
}

impl RegisterKind {
    /// The register's name, as in commands and paths.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Ground => "ground",
            Self::Service => "service",
            Self::Assessment => "assessment",
            Self::Algorithm => "algorithm",
        }
    }
}

/// One version of one entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Versioned {
    /// The entry's name.
    pub name: EntryName,
    /// Counts from 1.
    pub version: u32,
}

impl fmt::Display for Versioned {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} v{}", self.name, self.version)
    }
}

/// A version of an entry with what it says. Never changed: a change is the next version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterEntry<T> {
    /// Which.
    pub entry: Versioned,
    /// What it says.
    pub content: T,
    /// Hash over the canonical form of what it says.
    pub hash: DocumentHash,
}

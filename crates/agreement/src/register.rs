//! What all registers share: names, versions, and the state of an entry.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::{
    AlgorithmReference, Assessment, DescribedService, DocumentError, DocumentHash, LegalGround,
    NamedActivity, ProcessingActivity, WordsError,
    document::{MAXIMUM_BYTES, canonical, strict},
};

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

impl From<&EntryName> for Arc<str> {
    fn from(name: &EntryName) -> Self {
        Self::clone(&name.0)
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
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Activity, Self::Ground, Self::Service, Self::Assessment, Self::Algorithm];

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

impl FromStr for RegisterKind {
    type Err = WordsError;

    fn from_str(text: &str) -> Result<Self, WordsError> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(WordsError::Alphabet)
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

/// What an entry says, by its register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum RegisterContent {
    /// A processing activity.
    Activity(Box<ProcessingActivity>),
    /// A legal ground.
    Ground(Box<LegalGround>),
    /// A data service.
    Service(Box<DescribedService>),
    /// An assessment.
    Assessment(Box<Assessment>),
    /// An algorithm.
    Algorithm(Box<AlgorithmReference>),
}

impl RegisterContent {
    /// Reads what is to stand in a register; a member that the register does not have is refused.
    ///
    /// # Errors
    /// [`DocumentError`], with the place.
    pub fn parse(register: RegisterKind, bytes: &[u8]) -> Result<Self, DocumentError> {
        if bytes.len() > MAXIMUM_BYTES {
            return Err(DocumentError::TooLong);
        }
        Ok(match register {
            RegisterKind::Activity => Self::Activity(strict(bytes)?),
            RegisterKind::Ground => Self::Ground(strict(bytes)?),
            RegisterKind::Service => Self::Service(described(strict(bytes)?)?),
            RegisterKind::Assessment => Self::Assessment(strict(bytes)?),
            RegisterKind::Algorithm => Self::Algorithm(strict(bytes)?),
        })
    }

    /// Its canonical form (RFC 8785) and the hash over it.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn canonical(&self) -> Result<(Vec<u8>, DocumentHash), DocumentError> {
        let bytes = canonical(self)?;
        let hash = DocumentHash::of(&bytes);
        Ok((bytes, hash))
    }

    /// What everybody may read of it, without credentials, and the hash over that; `None` for what is not published.
    /// Activities and algorithms are there to be read. Where a provision lets an activity be confidential, its name and
    /// the provision are what is left of it.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn published(&self, name: &EntryName) -> Result<Option<(Vec<u8>, DocumentHash)>, DocumentError> {
        let bytes = match self {
            Self::Activity(activity) if activity.confidential.is_some() => {
                canonical(&NamedActivity { name: name.clone(), confidential: activity.confidential.clone() })?
            }
            Self::Activity(_) | Self::Algorithm(_) => canonical(self)?,
            Self::Ground(_) | Self::Service(_) | Self::Assessment(_) => return Ok(None),
        };
        let hash = DocumentHash::of(&bytes);
        Ok(Some((bytes, hash)))
    }
}

/// A source describes what it holds; what is told of that is for an agreement to say.
fn described(service: Box<DescribedService>) -> Result<Box<DescribedService>, DocumentError> {
    let mut elements = service.operations.iter().flat_map(|operation| {
        operation.elements.iter().chain(operation.request.iter().flat_map(|request| &request.elements))
    });
    match elements.find(|element| element.derived.is_some()) {
        None => Ok(service),
        Some(element) => Err(DocumentError::Reference {
            what: "element",
            name: element.path.to_string(),
            problem: "is derived; a source describes what it holds, and an agreement says what is told of it",
        }),
    }
}

//! Data services, the applications that use them, and whether an agreement is needed to reach them.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Actor, ParticipantId, Timestamp};

/// Why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Too short or too long.
    #[error("a name has 1 to {0} characters")]
    Length(usize),
    /// A character that the name's alphabet does not have.
    #[error("a name may hold letters, digits, `-`, `.` and `_` only")]
    Character,
}

macro_rules! name {
    ($(#[$documentation:meta])* $name:ident, $longest:literal, $pattern:literal) => {
        $(#[$documentation])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                if text.is_empty() || text.len() > $longest {
                    return Err(NameError::Length($longest));
                }
                if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
                    return Err(NameError::Character);
                }
                Ok(Self(text.into()))
            }
        }

        impl From<&$name> for Arc<str> {
            fn from(name: &$name) -> Self {
                Self::clone(&name.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some($pattern))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

pub(crate) use name;

name!(
    /// Name of a data service, unique within its provider. FSC Core 2.0.0 §4.4.1.7: `^[a-zA-Z0-9-._]{1,100}$`.
    ServiceName, 100, "^[a-zA-Z0-9._-]{1,100}$"
);
name!(
    /// Readable name under which an application reaches a service at its own outway (`/<alias>/…`).
    Alias, 100, "^[a-zA-Z0-9._-]{1,100}$"
);
name!(
    /// Name of an application that may use the outway.
    ApplicationName, 100, "^[a-zA-Z0-9._-]{1,100}$"
);

/// A data service anywhere in the group: its provider and its name there, written `oin:…/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ServiceReference {
    /// The participant that offers the service.
    pub provider: ParticipantId,
    /// Its name at that participant.
    pub name: ServiceName,
}

impl fmt::Display for ServiceReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.provider, self.name)
    }
}

/// Whether a data service answers without an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceClass {
    /// A steward has declared, visibly to all, that it holds no personal or confidential data.
    Open,
    /// Answers only under an agreement in force. What nobody has declared is governed.
    Governed,
}

impl ServiceClass {
    /// The class as one lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Governed => "governed",
        }
    }
}

impl FromStr for ServiceClass {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "open" => Ok(Self::Open),
            "governed" => Ok(Self::Governed),
            _ => Err(NameError::Character),
        }
    }
}

/// Who writes the consumer's processing records of a service (Logboek Dataverwerkingen 1.0.0): one of the two, never both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecordsBy {
    /// The outway, before anything is handed to the application.
    #[default]
    Outway,
    /// The application, which hands its records in afterwards.
    Application,
}

impl RecordsBy {
    /// As one lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outway => "outway",
            Self::Application => "application",
        }
    }
}

impl FromStr for RecordsBy {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "outway" => Ok(Self::Outway),
            "application" => Ok(Self::Application),
            _ => Err(NameError::Character),
        }
    }
}

/// A steward's statement about the class of a service: kept, and visible to peers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ClassDeclaration {
    /// The class that the service has been given.
    pub class: ServiceClass,
    /// Name of the steward who answers for the declaration, as given.
    pub steward: String,
    /// Why, in the steward's words.
    pub reason: String,
    /// When it was declared.
    pub declared_at: Timestamp,
    /// With which credential it was declared.
    pub declared_by: Actor,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_alphabet() {
        assert!("income-register_v1.2".parse::<ServiceName>().is_ok());
        for text in ["", "a b", "a/b", "a%2f", &"x".repeat(101)] {
            assert!(text.parse::<ServiceName>().is_err(), "{text:?}");
        }
    }
}

//! What the organisation that asks claims of one request. A claim proves nothing but that it was made: whoever makes it
//! answers for it, and both parties write it down with their decisions.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use uuid::Uuid;
use verbond_agreement::AssuranceLevel;

/// By what the organisation that asks finds back which of its people handled a request: a UUID of its own making, so that
/// it cannot be anybody's name or number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct HumanReference(Uuid);

/// A text that is no such reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reference to a person's handling is a UUID, written with hyphens in lower case (RFC 9562)")]
pub struct NoReference;

impl FromStr for HumanReference {
    type Err = NoReference;

    fn from_str(text: &str) -> Result<Self, NoReference> {
        let reference = Uuid::parse_str(text).map_err(|_| NoReference)?;
        // One spelling; the UUID of nothing stands for nobody.
        match reference.hyphenated().to_string() == text && !reference.is_nil() {
            true => Ok(Self(reference)),
            false => Err(NoReference),
        }
    }
}

impl fmt::Display for HumanReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl<'de> Deserialize<'de> for HumanReference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// The claims of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// How surely it is known who asks for it within the organisation.
    pub assurance: Option<AssuranceLevel>,
    /// That a person handles it, and by what the organisation finds that person back.
    pub human: Option<HumanReference>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_one_spelling_and_cannot_be_a_name_or_a_number() {
        assert!("01890a5d-ac96-774b-bcce-b302099a8057".parse::<HumanReference>().is_ok());
        for text in [
            "",
            "999990019",
            "A. Voorbeeld",
            "01890A5D-AC96-774B-BCCE-B302099A8057",
            "{01890a5d-ac96-774b-bcce-b302099a8057}",
            "01890a5dac96774bbcceb302099a8057",
            "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert_eq!(text.parse::<HumanReference>(), Err(NoReference), "{text}");
        }
    }
}

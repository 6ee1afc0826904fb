//! Legal grounds: on which provision somebody judged that data may be provided or received.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::{Day, EntryName, Line, Prose, Versioned};

/// Why a text does not refer to a provision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArticleError {
    /// None of the known registers of law.
    #[error(
        "law is named by its identifier: a BWB id such as BWBR0040940, a CELEX number such as 32016R0679, or a jci reference"
    )]
    Identifier,
}

/// The identifier of a law or treaty: BWB id, CELEX number, or a `jci1.3:` reference.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LawIdentifier(Arc<str>);

impl LawIdentifier {
    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LawIdentifier {
    type Err = ArticleError;

    fn from_str(text: &str) -> Result<Self, ArticleError> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let bwb = text
            .strip_prefix("BWB")
            .and_then(|rest| rest.strip_prefix(['R', 'V', 'W']))
            .is_some_and(|number| number.len() == 7 && digits(number));
        let celex = text.len() <= 20
            && text.split_at_checked(5).is_some_and(|(year, rest)| {
                digits(year)
                    && rest
                        .trim_start_matches(|one: char| one.is_ascii_uppercase())
                        .bytes()
                        .all(|byte| byte.is_ascii_digit() || b"()-".contains(&byte))
                    && rest.starts_with(|first: char| first.is_ascii_uppercase())
                    && rest.ends_with(|last: char| last.is_ascii_digit() || last == ')')
            });
        let jci = text.strip_prefix("jci1.3:").is_some_and(|rest| {
            rest.starts_with("c:BWB") && rest.len() <= 200 && rest.bytes().all(|byte| byte.is_ascii_graphic())
        });
        match bwb || celex || jci {
            true => Ok(Self(text.into())),
            false => Err(ArticleError::Identifier),
        }
    }
}

impl fmt::Debug for LawIdentifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for LawIdentifier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for LawIdentifier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl utoipa::PartialSchema for LawIdentifier {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("BWB id, CELEX number or jci reference"))
            .max_length(Some(207))
            .examples(["BWBR0040940", "32016R0679"])
            .into()
    }
}

impl utoipa::ToSchema for LawIdentifier {}

/// A provision of law as it read on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Article {
    /// Which law or treaty.
    pub law: LawIdentifier,
    /// Its name as people know it: "Participatiewet".
    pub name: Line,
    /// The article, with paragraph and part: "64, first paragraph, under c".
    pub article: Line,
    /// The day of the version that was judged.
    pub version: Day,
}

/// Limb of art. 6(1) GDPR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LawfulnessLimb {
    /// (a) The data subject has consented.
    Consent,
    /// (b) Necessary for a contract with the data subject.
    Contract,
    /// (c) Necessary for compliance with a legal obligation.
    LegalObligation,
    /// (d) Necessary to protect vital interests.
    VitalInterests,
    /// (e) Necessary for a task in the public interest or official authority.
    PublicTask,
    /// (f) Necessary for legitimate interests; not for public authorities in the performance of their tasks.
    LegitimateInterests,
}

impl LawfulnessLimb {
    /// The letter in art. 6(1) GDPR.
    pub const fn letter(self) -> char {
        match self {
            Self::Consent => 'a',
            Self::Contract => 'b',
            Self::LegalObligation => 'c',
            Self::VitalInterests => 'd',
            Self::PublicTask => 'e',
            Self::LegitimateInterests => 'f',
        }
    }

    /// Whether the limb rests on a provision of law, so that one must be named (art. 6(3) GDPR).
    pub const fn needs_provision(self) -> bool {
        matches!(self, Self::LegalObligation | Self::PublicTask)
    }
}

/// Exception of art. 9(2) GDPR that lifts the prohibition on special categories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SpecialCategoryException {
    /// The letter in art. 9(2): `a` to `j`.
    pub letter: SpecialCategoryLetter,
    /// The national provision on which it rests, where the letter asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provision: Option<Article>,
}

/// A letter of art. 9(2) GDPR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SpecialCategoryLetter {
    /// Explicit consent.
    A,
    /// Employment, social security and social protection law.
    B,
    /// Vital interests of someone who cannot consent.
    C,
    /// Foundations and associations, of their members.
    D,
    /// Manifestly made public by the data subject.
    E,
    /// Legal claims, and courts.
    F,
    /// Substantial public interest.
    G,
    /// Health or social care.
    H,
    /// Public health.
    I,
    /// Archiving, research and statistics.
    J,
}

impl SpecialCategoryLetter {
    /// The letter as the regulation writes it.
    pub const fn as_char(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
            Self::C => 'c',
            Self::D => 'd',
            Self::E => 'e',
            Self::F => 'f',
            Self::G => 'g',
            Self::H => 'h',
            Self::I => 'i',
            Self::J => 'j',
        }
    }
}

/// Basis for data on criminal convictions and offences (art. 10 GDPR).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CriminalDataBasis {
    /// The provision that permits it, or puts it under control of official authority.
    pub provision: Article,
}

/// Ground for using a national identification number (art. 87 GDPR; in the Netherlands art. 46 UAVG and the Wabb).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NationalNumberGround {
    /// The provision that lets this party use the number for this purpose.
    pub provision: Article,
}

/// A judgement, by a person, that a processing has a ground. An entry of the register of grounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LegalGround {
    /// What it permits, in a line.
    pub title: Line,
    /// Limb of art. 6(1) GDPR.
    pub limb: LawfulnessLimb,
    /// The provisions on which the limb rests.
    #[serde(default)]
    pub provisions: Vec<Article>,
    /// Exception of art. 9(2), where special categories are processed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special_categories: Option<SpecialCategoryException>,
    /// Basis under art. 10, where data on offences is processed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub criminal_data: Option<CriminalDataBasis>,
    /// Ground for using a national number, where one is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub national_number: Option<NationalNumberGround>,
    /// The purposes that it carries, each a name that clauses use.
    pub purposes: Vec<EntryName>,
    /// Why it holds, necessity and proportionality included.
    pub reasoning: Prose,
    /// Who judged so: name and function, as given.
    pub judged_by: Line,
    /// When.
    pub judged_on: Day,
    /// The last day on which the judgement holds, if it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Day>,
}

/// The entry of a register of grounds on which a party rests, with a copy of what it said when it was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroundReference {
    /// Which entry, in the party's own register.
    pub entry: Versioned,
    /// What it says.
    pub ground: LegalGround,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn law_is_named_by_its_identifier() {
        for text in
            ["BWBR0040940", "BWBV0001506", "32016R0679", "12012P/TXT", "jci1.3:c:BWBR0015703&artikel=64"]
        {
            assert_eq!(text.parse::<LawIdentifier>().is_ok(), text != "12012P/TXT", "{text}");
        }
        for text in ["AVG", "BWBR1", "2016/679", "", "32016", "jci1.3:c:XX"] {
            assert_eq!(text.parse::<LawIdentifier>(), Err(ArticleError::Identifier), "{text}");
        }
    }
}

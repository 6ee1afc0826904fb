//! Answers instead of data: an element that tells something about a value which is not delivered itself.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::{ClauseName, Day, Line, SourceType};

/// A number that people agree on, written with digits and perhaps a point, so that it is exactly what it says:
/// `15000`, `-0.5`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal(String);

/// Most characters of a number.
const LONGEST: usize = 40;

/// The text is no such number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a number here is a text of digits, with a `-` before them and a point before its fraction where needed, at most \
     {LONGEST} characters: \"15000\", \"-0.5\""
)]
pub struct DecimalError;

impl Decimal {
    /// The number as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let plain = text.len() <= LONGEST && !text.contains(['e', 'E']);
        match plain && text.parse::<verbond_projection::Decimal>().is_ok() {
            true => Ok(Self(text.to_owned())),
            false => Err(DecimalError),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl utoipa::PartialSchema for Decimal {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^-?(0|[1-9][0-9]*)(\\.[0-9]+)?$"))
            .max_length(Some(LONGEST))
            .examples(["15000"])
            .into()
    }
}

impl utoipa::ToSchema for Decimal {}

/// How a value is held against a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum Operator {
    Below,
    AtMost,
    Equal,
    NotEqual,
    AtLeast,
    Above,
}

/// What a value is held against. It stands in the agreement, never in a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Constant {
    /// A number, held against a number.
    Number(Decimal),
    /// A text, held against a text: the same or not.
    Text(Line),
    /// A day, held against a text that is a day.
    Day(Day),
}

/// A value held against a constant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// How.
    pub operator: Operator,
    /// Against what.
    pub constant: Constant,
}

/// A band of numbers, from where the one before it ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// What is told of a number in it.
    pub name: ClauseName,
    /// It ends before this number. The last band has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Decimal>,
}

/// What is told, and from what. The source is a path like an element's; it stands within the object in which the answer
/// stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Derivation {
    /// Whether something stands there. `null` is nothing.
    Exists {
        /// The source.
        from: Line,
    },
    /// Whether the value is so.
    Compare {
        /// The source.
        from: Line,
        /// How, and against what.
        comparison: Comparison,
    },
    /// In which band the number lies.
    Band {
        /// The source.
        from: Line,
        /// The bands, from low to high.
        #[schema(min_items = 2)]
        bands: Vec<Band>,
    },
    /// How many stand in a list.
    Count {
        /// The source; the list on the way to it, `[*]`, is counted.
        from: Line,
        /// Only those that are so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        matching: Option<Comparison>,
    },
}

impl Derivation {
    /// The source.
    pub const fn from(&self) -> &Line {
        match self {
            Self::Exists { from }
            | Self::Compare { from, .. }
            | Self::Band { from, .. }
            | Self::Count { from, .. } => from,
        }
    }

    /// What the answer is.
    pub const fn answers(&self) -> SourceType {
        match self {
            Self::Exists { .. } | Self::Compare { .. } => SourceType::Boolean,
            Self::Band { .. } => SourceType::String,
            Self::Count { .. } => SourceType::Integer,
        }
    }

    /// The comparison, if one is made.
    pub const fn comparison(&self) -> Option<&Comparison> {
        match self {
            Self::Compare { comparison, .. } => Some(comparison),
            Self::Count { matching, .. } => matching.as_ref(),
            Self::Exists { .. } | Self::Band { .. } => None,
        }
    }

    /// Whether it is told from the value, rather than from there being one.
    pub const fn judges_value(&self) -> bool {
        matches!(self, Self::Band { .. }) || self.comparison().is_some()
    }

    /// Whether a value of this type can be told about.
    pub const fn fits(&self, source: SourceType) -> bool {
        let number = matches!(source, SourceType::Integer | SourceType::Number);
        match (self, self.comparison()) {
            (Self::Band { .. }, _) | (_, Some(Comparison { constant: Constant::Number(_), .. })) => number,
            (_, Some(Comparison { constant: Constant::Text(_) | Constant::Day(_), .. })) => {
                matches!(source, SourceType::String)
            }
            (_, None) => true,
        }
    }

    /// How many numbers, texts or days the source is held against: what is told by several answers together.
    pub const fn constants(&self) -> usize {
        match self {
            Self::Band { bands, .. } => bands.len().saturating_sub(1),
            _ => self.comparison().is_some() as usize,
        }
    }
}

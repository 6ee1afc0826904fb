//! Data services as their source describes them: operations, elements, and where a person stands in them.

use serde::{Deserialize, Serialize};
use verbond_domain::ServiceName;

use crate::{Day, Derivation, EntryName, Line, PathTemplate, Prose, RequestBody};

/// A method of HTTP that an operation may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "methods of RFC 9110")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// The method as it stands in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParameterPlace {
    /// A segment of the path.
    Path,
    /// The query.
    Query,
}

/// Which values a parameter may have. Anything else is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "allow", rename_all = "snake_case", deny_unknown_fields)]
pub enum AllowedValues {
    /// One of these.
    OneOf {
        /// The values, decoded.
        values: Vec<Line>,
    },
    /// A whole number within bounds.
    Integer {
        /// The least.
        minimum: i64,
        /// The greatest.
        maximum: i64,
    },
    /// A day, `YYYY-MM-DD`.
    Day,
    /// Letters, digits and `-._` up to a length.
    Identifier {
        /// Most characters.
        longest: u16,
    },
    /// Any text up to a length. Where this stands, `check` asks why.
    Text {
        /// Most characters.
        longest: u16,
    },
}

impl AllowedValues {
    /// Whether a value, decoded, is one of them. Each has one spelling: a whole number has no plus sign, no leading zeros and
    /// is not `-0`; what stands in a list stands for itself, whatever a source may make of `*` or `a,b`.
    pub fn permits(&self, value: &str) -> bool {
        match self {
            Self::OneOf { values } => values.iter().any(|one| one.as_str() == value),
            Self::Integer { minimum, maximum } => value
                .parse::<i64>()
                .is_ok_and(|number| (*minimum..=*maximum).contains(&number) && number.to_string() == value),
            Self::Day => value.parse::<Day>().is_ok_and(|day| day.to_string() == value),
            Self::Identifier { longest } => {
                let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
                !value.is_empty() && value.len() <= usize::from(*longest) && value.bytes().all(alphabet)
            }
            Self::Text { longest } => {
                !value.is_empty()
                    && value.chars().take(usize::from(*longest) + 1).count() <= usize::from(*longest)
            }
        }
    }
}

/// Which register gave out a number by which a person is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// Citizen service number (*burgerservicenummer*), or another national number: needs a ground of its own.
    NationalNumber,
    /// A number that one organisation gives, such as a customer's or a file's.
    OrganisationNumber,
    /// A pseudonym bound to one party.
    Pseudonym,
}

/// A parameter of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its name, as in the path template or the query.
    pub name: Line,
    /// Where it stands.
    pub place: ParameterPlace,
    /// Whether a request must have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Which values it may have.
    pub values: AllowedValues,
    /// By which kind of number it names a person, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifies: Option<IdentifierKind>,
}

/// What a value in a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceType {
    /// Text.
    String,
    /// A number without fraction.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// Whatever stands there, with all that is in it.
    Subtree,
}

/// Category of data, for retention, grounds and the register of activities.
pub type Category = EntryName;

/// How the law looks at an element.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// About no person, and not confidential.
    NotPersonal,
    /// Confidential for another reason, such as a trade secret.
    Confidential,
    /// Personal data.
    Personal,
    /// Personal data of a delicate nature, such as on finances or location.
    Sensitive,
    /// A special category (GDPR art. 9).
    SpecialCategory,
    /// On criminal convictions and offences (GDPR art. 10).
    Criminal,
}

impl Sensitivity {
    /// Whether it is about a person.
    pub const fn is_personal(self) -> bool {
        matches!(self, Self::Personal | Self::Sensitive | Self::SpecialCategory | Self::Criminal)
    }
}

/// An element of a response: where it stands, what it is, and what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Element {
    /// RFC 9535 path of names and `[*]`: `$.items[*].income.amount`.
    pub path: Line,
    /// What stands there.
    #[serde(rename = "type")]
    pub kind: SourceType,
    /// Whether `null` may stand there too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
    /// Category of data.
    pub category: Category,
    /// How the law looks at it.
    pub sensitivity: Sensitivity,
    /// By which kind of number it names a person, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifies: Option<IdentifierKind>,
    /// What it means, in a line.
    pub meaning: Line,
    /// Why all that stands there is needed, where a subtree is agreed; why all that answers tell together about one value is
    /// needed, where it is derived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_all: Option<Prose>,
    /// What is told instead of the data. Only in an agreement: a source describes what it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<Derivation>,
}

/// Where the person whom a record is about is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "place", rename_all = "snake_case", deny_unknown_fields)]
pub enum PersonPlace {
    /// In a parameter of the request.
    Parameter {
        /// Its name.
        name: Line,
    },
    /// In the response, at a path within the record.
    Response {
        /// RFC 9535 path from the document's root.
        path: Line,
    },
}

/// Where a person is named, and by which kind of number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonLocation {
    /// Where.
    pub at: PersonPlace,
    /// By what.
    pub identifies: IdentifierKind,
}

/// An operation of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribedOperation {
    /// The name by which agreements refer to it.
    pub name: EntryName,
    /// Its method.
    pub method: Method,
    /// Its paths.
    pub path: PathTemplate,
    /// Its parameters.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// What its request may hold in a body, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestBody>,
    /// Content type of its response.
    pub content_type: Line,
    /// Where one record stands: `$` is the document, `$.items[*]` each item.
    pub record: Line,
    /// Its elements.
    pub elements: Vec<Element>,
    /// Whom a record is about.
    #[serde(default)]
    pub people: Vec<PersonLocation>,
}

/// A data service as its source describes it. An entry of the register of services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribedService {
    /// Its name at its provider.
    pub service: ServiceName,
    /// What it gives, in a line.
    pub title: Line,
    /// What it is, what it is not, and how good it is.
    pub description: Prose,
    /// Its operations.
    pub operations: Vec<DescribedOperation>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WordsError;

    #[test]
    fn allowed_values_are_those_of_the_document() {
        let integer = AllowedValues::Integer { minimum: -5, maximum: 2030 };
        for (value, allowed) in [
            ("0", true),
            ("-5", true),
            ("2030", true),
            ("2031", false),
            ("-6", false),
            ("+1", false),
            ("01", false),
            ("-0", false),
            ("", false),
            ("1.0", false),
            ("9223372036854775808", false),
        ] {
            assert_eq!(integer.permits(value), allowed, "{value}");
        }
        for (value, allowed) in
            [("2026-02-28", true), ("2026-02-30", false), ("2026-2-1", false), ("", false)]
        {
            assert_eq!(AllowedValues::Day.permits(value), allowed, "{value}");
        }
        let identifier = AllowedValues::Identifier { longest: 4 };
        for (value, allowed) in
            [("P-42", true), ("P-042", false), ("", false), ("a b", false), ("\u{e9}", false)]
        {
            assert_eq!(identifier.permits(value), allowed, "{value}");
        }
        let text = AllowedValues::Text { longest: 2 };
        for (value, allowed) in [("\u{e9}\u{e9}", true), ("abc", false), ("", false)] {
            assert_eq!(text.permits(value), allowed, "{value}");
        }
    }

    #[test]
    fn a_listed_value_stands_for_itself() -> Result<(), WordsError> {
        let listed = |text: &str| Ok(AllowedValues::OneOf { values: vec![text.parse()?] });
        for agreed in [".*", "*", "P-1,P-2", "[0-9]+", "a|b", "%25"] {
            let allowed: AllowedValues = listed(agreed)?;
            assert!(allowed.permits(agreed), "{agreed}");
            for other in ["", "x", "P-1", "P-2", "0", "a", "b", "%", "P-1,P-2,P-3"] {
                assert!(!allowed.permits(other), "{agreed} {other}");
            }
        }
        Ok(())
    }
}

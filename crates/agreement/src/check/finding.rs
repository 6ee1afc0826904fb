//! What `check` says: one finding, filled in from the catalogue.

use serde::{Serialize, Serializer};
use verbond_domain::Bilingual;

use super::Code;
use crate::ClauseName;

/// Whether an agreement with a finding may be offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It may not.
    Refuses,
    /// It may; people should look at it.
    Warns,
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.entry().code)
    }
}

impl utoipa::PartialSchema for Code {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let codes = Self::ALL.iter().map(|code| code.entry().code);
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(codes))
            .into()
    }
}

impl utoipa::ToSchema for Code {}

/// One thing that is missing or asks for attention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Finding {
    /// What kind.
    pub code: Code,
    /// Whether the agreement may be offered with it.
    pub severity: Severity,
    /// The clause, unless it concerns the agreement as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clause: Option<ClauseName>,
    /// Where in the document: a JSON pointer.
    pub pointer: String,
    /// What is missing.
    pub sentence: Bilingual,
    /// The provision behind it.
    pub law: &'static str,
    /// What mends it.
    pub mend: Bilingual,
}

/// What fills a place in a sentence.
#[derive(Clone, Debug)]
pub(super) enum Words {
    /// The same in both languages: a name, a path, a date.
    Name(String),
    /// A word in Dutch and in English.
    Both(&'static str, &'static str),
}

impl<T: ToString> From<T> for Words {
    fn from(text: T) -> Self {
        Self::Name(text.to_string())
    }
}

/// Findings as they come.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    /// Adds one, filled in.
    pub(super) fn add<const N: usize>(
        &mut self,
        code: Code,
        clause: Option<&ClauseName>,
        pointer: impl Into<String>,
        filling: [(&'static str, Words); N],
    ) {
        let entry = code.entry();
        let fill = |nl: &str, en: &str| {
            let (mut nl, mut en) = (nl.to_owned(), en.to_owned());
            for (place, words) in &filling {
                let place = format!("{{{place}}}");
                let (dutch, english) = match words {
                    Words::Name(name) => (name.as_str(), name.as_str()),
                    Words::Both(dutch, english) => (*dutch, *english),
                };
                nl = nl.replace(&place, dutch);
                en = en.replace(&place, english);
            }
            Bilingual { nl, en }
        };
        self.0.push(Finding {
            code,
            severity: entry.severity,
            clause: clause.cloned(),
            pointer: pointer.into(),
            sentence: fill(entry.nl, entry.en),
            law: entry.law,
            mend: fill(entry.mend_nl, entry.mend_en),
        });
    }
}

//! A description as far as it can be known without a person.

use serde::{Serialize, Serializer};
use serde_json::Value;
use verbond_agreement::{
    AllowedValues, EntryName, Line, MAXIMUM_BYTES as MOST_IN_REGISTER, Method, ParameterPlace, PathTemplate,
    Prose, SourceType,
};
use verbond_domain::{Problem, ServiceName};

use crate::Remark;

/// Stands where a person has yet to decide. No field of a description can hold it: the register refuses it.
pub const UNDECIDED: &str = "TO BE DECIDED";

/// Most places that a refusal names.
const NAMED: usize = 20;

/// What is known, or is to be decided by a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<T> {
    /// It follows from what was read.
    Known(T),
    /// A person says it.
    Undecided,
}

impl<T> From<Option<T>> for Decision<T> {
    fn from(found: Option<T>) -> Self {
        found.map_or(Self::Undecided, Self::Known)
    }
}

impl<T: Serialize> Serialize for Decision<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Undecided => serializer.serialize_str(UNDECIDED),
        }
    }
}

/// An element: where it stands and what it is are read, the rest is decided.
#[derive(Clone, Debug, Serialize)]
pub struct DraftElement {
    /// Where it stands.
    pub path: Line,
    /// What stands there.
    #[serde(rename = "type")]
    pub kind: Decision<SourceType>,
    /// Whether `null` may stand there too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
    /// Category of data.
    pub category: Decision<EntryName>,
    /// How the law looks at it.
    pub sensitivity: Decision<verbond_agreement::Sensitivity>,
    /// What it means.
    pub meaning: Decision<Line>,
}

/// A parameter.
#[derive(Clone, Debug, Serialize)]
pub struct DraftParameter {
    /// Its name.
    pub name: Line,
    /// Where it stands.
    pub place: ParameterPlace,
    /// Whether a request must have it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Which values it may have.
    pub values: Decision<AllowedValues>,
}

/// A request's body.
#[derive(Clone, Debug, Serialize)]
pub struct DraftRequest {
    /// Its content type.
    pub content_type: Line,
    /// Its elements.
    pub elements: Vec<DraftElement>,
}

/// An operation.
#[derive(Clone, Debug, Serialize)]
pub struct DraftOperation {
    /// Its name.
    pub name: EntryName,
    /// Its method.
    pub method: Method,
    /// Its paths.
    pub path: PathTemplate,
    /// Its parameters.
    pub parameters: Vec<DraftParameter>,
    /// Its body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<DraftRequest>,
    /// Content type of its answer.
    pub content_type: Line,
    /// Where one record stands: guessed.
    pub record: Line,
    /// What its answer holds.
    pub elements: Vec<DraftElement>,
    /// Whom a record is about: where in request or answer, and by which kind of number. An empty list where it is about
    /// nobody.
    pub people: Decision<Vec<()>>,
}

/// A description that a person completes.
#[derive(Clone, Debug, Serialize)]
pub struct Draft {
    /// The service's name at its provider.
    pub service: ServiceName,
    /// What it gives.
    pub title: Decision<Line>,
    /// What it is, what it is not, and how good it is.
    pub description: Decision<Prose>,
    /// Its operations.
    pub operations: Vec<DraftOperation>,
}

/// What came of reading.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The draft.
    pub draft: Draft,
    /// What could not be said in a description, and what was guessed.
    pub remarks: Vec<Remark>,
    /// Records that a sample held, if it was a sample.
    pub records: Option<u64>,
}

impl Imported {
    /// The draft as JSON, for a person to complete.
    ///
    /// # Errors
    /// Where it is larger than the register takes.
    pub fn to_json(&self) -> Result<String, Problem> {
        let text = serde_json::to_string_pretty(&self.draft).unwrap_or_default();
        let bare = serde_json::to_vec(&self.draft).map_or(0, |bytes| bytes.len());
        if bare > MOST_IN_REGISTER { Err(too_large()) } else { Ok(text) }
    }

    /// Elements of answers and requests together.
    pub fn elements(&self) -> usize {
        let operations = self.draft.operations.iter();
        operations
            .map(|one| one.elements.len() + one.request.as_ref().map_or(0, |request| request.elements.len()))
            .sum()
    }
}

/// Refuses a description in which something is still to be decided, and says what.
///
/// # Errors
/// `DESCRIPTION_UNDECIDED`.
pub fn undecided(content: &[u8]) -> Result<(), Problem> {
    // What is no JSON, or nested without end, is refused where it is read as a description.
    let Ok(content) = serde_json::from_slice::<Value>(content) else { return Ok(()) };
    let mut places = Vec::new();
    look(&content, &content, "", &mut places);
    if places.is_empty() {
        return Ok(());
    }
    let count = places.len();
    places.truncate(NAMED);
    let more = if count > NAMED { ", …" } else { "" };
    let named = format!("{}{more}", places.join(", "));
    Err(Problem::new(
        "DESCRIPTION_UNDECIDED",
        422,
        format!("In de beschrijving moet over {count} velden nog worden besloten: {named}."),
        format!("the description has {count} fields that are still to be decided: {named}"),
    )
    .next(
        "Vul in het bestand in wat er met `TO BE DECIDED` staat: categorie, gevoeligheid en betekenis bepaalt een mens; \
         `people` is leeg (`[]`) als het over niemand gaat.",
        "fill in where the file says `TO BE DECIDED`: category, sensitivity and meaning are decided by a person; \
         `people` is empty (`[]`) where it is about nobody",
    ))
}

/// Names each place by its pointer (RFC 6901), and an element's by its path besides.
fn look(content: &Value, holder: &Value, place: &str, places: &mut Vec<String>) {
    match content {
        Value::String(text) if text == UNDECIDED => {
            let path = holder.get("path").and_then(Value::as_str).unwrap_or_default();
            places.push(if path.is_empty() { place.to_owned() } else { format!("{place} ({path})") });
        }
        Value::Object(members) => {
            for (name, value) in members {
                look(
                    value,
                    content,
                    &format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")),
                    places,
                );
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                look(item, content, &format!("{place}/{number}"), places);
            }
        }
        _ => {}
    }
}

/// More than is read, or more than a description can hold.
pub(crate) fn too_large() -> Problem {
    Problem::new(
        "DESCRIPTION_TOO_LARGE",
        413,
        "Dit is meer dan in één beschrijving past.",
        "this is more than one description holds",
    )
    .next(
        "Neem alleen de operaties die u aanbiedt (`--operation`), of een kleiner voorbeeld.",
        "take only the operations that you offer (`--operation`), or a smaller sample",
    )
}

/// Not what it should be.
pub(crate) fn unreadable(nl: &str, en: &str) -> Problem {
    Problem::new(
        "DESCRIPTION_UNREADABLE",
        422,
        format!("Hiervan is geen beschrijving te maken: {nl}"),
        format!("no description can be made of this: {en}"),
    )
    .next(
        "Geef een OpenAPI-document (3.0 of 3.1, JSON of YAML), of als voorbeeld een antwoord in JSON.",
        "give an OpenAPI document (3.0 or 3.1, JSON or YAML), or as a sample an answer in JSON",
    )
}

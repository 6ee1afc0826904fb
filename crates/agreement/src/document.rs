//! The agreement as a document: read once, bounded; its canonical form is what is signed.

use std::{collections::BTreeSet, fmt, str::FromStr};

use aws_lc_rs::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use uuid::Uuid;
use verbond_domain::{ParticipantId, ServiceName};

use crate::{
    Advice, AlgorithmReference, Article, AssessmentReference, Clause, Contact, Day, LifeCycle, Line, Method,
    Moment, Operation, Party, Prose, Publicity, TwoLanguages,
    plan::{self, Projected},
};

/// Name and version of the format.
pub const FORMAT: &str = "verbond-agreement/1";
/// Most bytes of a document.
pub const MAXIMUM_BYTES: usize = 1024 * 1024;
/// Most parties, clauses, and operations or receivers of one clause.
const MAXIMUM_ITEMS: usize = 200;

/// What a hash begins with.
const PREFIX: &str = "sha256:";
/// Characters of a hash.
const WRITTEN: usize = PREFIX.len() + 64;

/// SHA-256 over a document's canonical form, written `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentHash([u8; 32]);

impl DocumentHash {
    /// Of bytes as they are.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        Self(hash)
    }

    /// Of the canonical form (RFC 8785) of a value.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn of_canonical<T: Serialize>(value: &T) -> Result<Self, DocumentError> {
        Ok(Self::of(&canonical(value)?))
    }

    /// Whether a text is this hash as it is written.
    pub fn is_written(&self, text: &str) -> bool {
        self.written(&mut [0; WRITTEN]).is_ok_and(|written| written == text)
    }

    fn written<'a>(&self, room: &'a mut [u8; WRITTEN]) -> Result<&'a str, &'static str> {
        let (prefix, digits) = room.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX.as_bytes());
        hex::encode_to_slice(self.0, digits).map_err(|_| "32 bytes have no room")?;
        str::from_utf8(room).map_err(|_| "digits are no text")
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The canonical form (RFC 8785) of a value.
pub(crate) fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, DocumentError> {
    serde_json_canonicalizer::to_vec(value).map_err(|error| DocumentError::Form(error.to_string()))
}

impl FromStr for DocumentHash {
    type Err = DocumentError;

    fn from_str(text: &str) -> Result<Self, DocumentError> {
        let digits =
            text.strip_prefix(PREFIX).filter(|digits| digits.len() == 64).ok_or(DocumentError::Hash)?;
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let digit = |digit: u8| match digit {
                b'0'..=b'9' => Ok(digit - b'0'),
                b'a'..=b'f' => Ok(digit - b'a' + 10),
                _ => Err(DocumentError::Hash),
            };
            if let [high, low] = pair {
                *byte = digit(*high)? * 16 + digit(*low)?;
            }
        }
        Ok(Self(hash))
    }
}

impl fmt::Display for DocumentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.written(&mut [0; WRITTEN]).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for DocumentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for DocumentHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.written(&mut [0; WRITTEN]).map_err(S::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for DocumentHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl utoipa::PartialSchema for DocumentHash {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^sha256:[0-9a-f]{64}$")).into()
    }
}

impl utoipa::ToSchema for DocumentHash {}

/// Why bytes are not an agreement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Longer than a mebibyte.
    #[error("an agreement has at most {MAXIMUM_BYTES} bytes")]
    TooLong,
    /// Not JSON of the format; says where and what.
    #[error("{0}")]
    Form(String),
    /// A hash that is not written `sha256:` and 64 digits.
    #[error("a hash is written `sha256:` and 64 lower-case hexadecimal digits")]
    Hash,
    /// Of another format, or of a version that this program does not know.
    #[error("the document says that its format is `{0}`; this program reads `{FORMAT}`")]
    Format(String),
    /// Too few or too many of something.
    #[error("an agreement has {least} to {most} {what}")]
    Count {
        /// Of what.
        what: &'static str,
        /// The least.
        least: usize,
        /// The most.
        most: usize,
    },
    /// Something is named that stands nowhere, or stands twice.
    #[error("{what} `{name}` {problem}")]
    Reference {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// What is the matter with it.
        problem: &'static str,
    },
    /// The bytes are not the canonical form of what they say.
    #[error(
        "the document is not in canonical form (RFC 8785), so that its hash would depend on who writes it"
    )]
    NotCanonical,
}

/// The identifier of an agreement through all its versions: a UUID version 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgreementId(pub Uuid);

impl utoipa::PartialSchema for AgreementId {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let format = utoipa::openapi::schema::SchemaFormat::Custom("uuid".to_owned());
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
    }
}

impl utoipa::ToSchema for AgreementId {}

impl fmt::Display for AgreementId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl FromStr for AgreementId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// Counts the versions of an agreement from 1.
pub type Version = u32;

/// What kind of agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum AgreementKind {
    /// Parties exchange data, each on its own ground.
    Exchange,
    /// A collaboration that a statute establishes (*Wet gegevensverwerking door samenwerkingsverbanden*).
    StatutoryCollaboration(StatutoryCollaboration),
}

/// What the statute asks of a collaboration beyond an ordinary agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatutoryCollaboration {
    /// The provision that establishes it.
    pub established_by: Article,
    /// Its purpose as the statute puts it.
    pub purpose: Prose,
    /// Where data subjects can turn.
    pub contact_point: Contact,
    /// The committee that advises on lawfulness.
    pub advisory_committee: Contact,
    /// What became of signals and results, and how that is told to those concerned.
    pub results: Prose,
    /// The last day before it must have been evaluated.
    pub evaluate_before: Day,
}

/// From when until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// The first moment at which it may be in force.
    pub from: Moment,
    /// The first moment at which it is no longer.
    pub until: Moment,
    /// How and when it is looked at again.
    pub review: Prose,
}

/// Who signs for a party. The moment stands in the signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Signatory {
    /// For which party.
    pub participant: ParticipantId,
    /// The signatory's name and function.
    pub name: Line,
    /// On what the mandate rests: decision, register of mandates, date.
    pub mandate: Line,
}

/// A document that the parties have signed outside this program, such as a covenant on paper. Nothing of it is known here
/// but what stands here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedElsewhere {
    /// SHA-256 over its bytes, as the parties keep it.
    pub hash: DocumentHash,
    /// The day on which the last party signed it.
    pub date: Day,
    /// Who signed it, for each party.
    #[schema(min_items = 1, max_items = 200)]
    pub signatories: Vec<Signatory>,
    /// Hashes of the processing activities that it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 200)]
    pub activities: Vec<DocumentHash>,
}

/// An agreement, in one of its versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// [`FORMAT`].
    #[schema(pattern = "^verbond-agreement/1$")]
    pub format: String,
    /// The same in all versions.
    pub id: AgreementId,
    /// Which version.
    #[schema(value_type = u32, minimum = 1)]
    pub version: Version,
    /// The hash of the version that this one takes the place of; absent in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<DocumentHash>,
    /// The group within which it holds, by its identifier.
    pub coalition: Line,
    /// What it is about.
    pub title: TwoLanguages,
    /// Why: the challenge, and why it takes this data.
    pub why: TwoLanguages,
    /// What kind.
    pub kind: AgreementKind,
    /// Who takes part.
    #[schema(min_items = 2, max_items = 200)]
    pub parties: Vec<Party>,
    /// What is agreed on each service.
    #[schema(min_items = 1, max_items = 200)]
    pub clauses: Vec<Clause>,
    /// From when until when.
    pub term: Term,
    /// On which assessments it rests.
    #[serde(default)]
    pub assessments: Vec<AssessmentReference>,
    /// Which algorithms use what is delivered.
    #[serde(default)]
    pub algorithms: Vec<AlgorithmReference>,
    /// What the parties' data protection officers advised.
    #[serde(default)]
    pub advice: Vec<Advice>,
    /// Who signs.
    pub signatories: Vec<Signatory>,
    /// The document that parties have signed elsewhere, where one of them cannot sign this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_elsewhere: Option<SignedElsewhere>,
    /// What is published of it.
    pub publicity: Publicity,
}

/// A provider, a service of it, and who receives it.
pub type Connection<'a> = (&'a ParticipantId, &'a ServiceName, &'a ParticipantId);

impl Agreement {
    /// Reads a document and checks that what it refers to within itself stands there. Whether it may be offered is
    /// another question.
    ///
    /// # Errors
    /// [`DocumentError`], with the place in the document.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        if bytes.len() > MAXIMUM_BYTES {
            return Err(DocumentError::TooLong);
        }
        let agreement: Self = strict(bytes)?;
        agreement.is_coherent()?;
        Ok(agreement)
    }

    /// Reads a document that must be the canonical form, byte for byte: one that has travelled or is to be signed.
    ///
    /// # Errors
    /// [`DocumentError`]; [`DocumentError::NotCanonical`] too.
    pub fn parse_canonical(bytes: &[u8]) -> Result<Self, DocumentError> {
        let agreement = Self::parse(bytes)?;
        match agreement.canonical()? == bytes {
            true => Ok(agreement),
            false => Err(DocumentError::NotCanonical),
        }
    }

    /// The canonical form (RFC 8785): what is hashed and signed.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which no agreement that was parsed brings about.
    pub fn canonical(&self) -> Result<Vec<u8>, DocumentError> {
        canonical(self)
    }

    /// The hash by which it is known.
    ///
    /// # Errors
    /// As [`Agreement::canonical`].
    pub fn hash(&self) -> Result<DocumentHash, DocumentError> {
        DocumentHash::of_canonical(self)
    }

    /// A party, by its identifier.
    pub fn party(&self, participant: &ParticipantId) -> Option<&Party> {
        self.parties.iter().find(|party| party.participant == *participant)
    }

    /// What is exchanged between whom: provider, service and receiver, each once.
    pub fn connections(&self) -> BTreeSet<Connection<'_>> {
        let of_clauses = self.clauses.iter().flat_map(|clause| {
            let (provider, service) = (&clause.service.provider, &clause.service.name);
            clause.receivers.iter().map(move |receiver| (provider, service, &receiver.participant))
        });
        of_clauses.collect()
    }

    /// The life of the version before anything is stated about it.
    pub fn life(&self) -> LifeCycle {
        let parties = self.parties.iter().map(|party| party.participant.clone());
        let (from, until) = (self.term.from.timestamp(), self.term.until.timestamp());
        let connections = self.connections().into_iter();
        let connections = connections.map(|(provider, _, receiver)| (provider.clone(), receiver.clone()));
        LifeCycle::draft(parties, from, until).connected(connections)
    }

    /// Whether the document names one that the party has signed elsewhere.
    pub fn has_signed_elsewhere(&self, participant: &ParticipantId) -> bool {
        let signatories = self.signed_elsewhere.iter().flat_map(|one| &one.signatories);
        signatories.into_iter().any(|one| one.participant == *participant)
    }

    fn is_coherent(&self) -> Result<(), DocumentError> {
        if self.format != FORMAT {
            return Err(DocumentError::Format(self.format.chars().take(60).collect()));
        }
        count("parties", self.parties.len(), 2)?;
        count("clauses", self.clauses.len(), 1)?;
        distinct("party", self.parties.iter().map(|party| party.participant.to_string()))?;
        distinct("clause", self.clauses.iter().map(|clause| clause.name.to_string()))?;
        distinct("signatory for", self.signatories.iter().map(|one| one.participant.to_string()))?;
        distinct("advice for", self.advice.iter().map(|one| one.participant.to_string()))?;
        distinct("algorithm", self.algorithms.iter().map(|one| one.name.to_string()))?;
        if let Some(elsewhere) = &self.signed_elsewhere {
            count("signatories of a document signed elsewhere", elsewhere.signatories.len(), 1)?;
            distinct(
                "signatory elsewhere for",
                elsewhere.signatories.iter().map(|one| one.participant.to_string()),
            )?;
            distinct("activity named elsewhere", elsewhere.activities.iter().map(DocumentHash::to_string))?;
            if elsewhere.activities.len() > MAXIMUM_ITEMS {
                let what = "activities that a document signed elsewhere names";
                return Err(DocumentError::Count { what, least: 0, most: MAXIMUM_ITEMS });
            }
        }
        let mentioned = self.signatories.iter().map(|one| &one.participant);
        let mentioned = mentioned
            .chain(self.signed_elsewhere.iter().flat_map(|one| &one.signatories).map(|one| &one.participant));
        let mentioned = mentioned.chain(self.advice.iter().map(|one| &one.participant));
        let mentioned = mentioned.chain(self.assessments.iter().map(|one| &one.party));
        for participant in mentioned.chain(self.algorithms.iter().map(|one| &one.party)) {
            self.is_party(participant)?;
        }
        if (self.version == 1) == self.replaces.is_some() || self.version == 0 {
            let name = self.version.to_string();
            let problem = "is the first and replaces none, or a later one and says which it replaces";
            return Err(DocumentError::Reference { what: "version", name, problem });
        }
        self.clauses.iter().try_for_each(|clause| self.is_coherent_clause(clause))
    }

    fn is_coherent_clause(&self, clause: &Clause) -> Result<(), DocumentError> {
        self.is_party(&clause.service.provider)?;
        count("receivers of a clause", clause.receivers.len(), 1)?;
        count("operations of a clause", clause.operations.len(), 1)?;
        distinct("receiver", clause.receivers.iter().map(|one| one.participant.to_string()))?;
        distinct("operation", clause.operations.iter().map(|one| one.name.to_string()))?;
        for receiver in &clause.receivers {
            self.is_party(&receiver.participant)?;
            if receiver.participant == clause.service.provider {
                let (what, name) = ("receiver", receiver.participant.to_string());
                return Err(DocumentError::Reference {
                    what,
                    name,
                    problem: "is the provider of the service",
                });
            }
        }
        for operation in &clause.operations {
            distinct("element", operation.delivered.iter().map(|element| element.path.to_string()))?;
            can_be_derived(operation)?;
            can_be_asked(operation)?;
            let of_path = |parameter: &&crate::Parameter| parameter.place == crate::ParameterPlace::Path;
            distinct("parameter", operation.parameters.iter().map(|one| one.name.to_string()))?;
            let declared = operation.parameters.iter().filter(of_path).count();
            let missing = |name: &&str| {
                !operation.parameters.iter().filter(of_path).any(|one| one.name.as_str() == *name)
            };
            if let Some(name) = operation.path.parameters().find(missing) {
                let (name, problem) = (name.to_owned(), "stands in the path and not among the parameters");
                return Err(DocumentError::Reference { what: "parameter", name, problem });
            }
            if declared != operation.path.parameters().count() {
                let (what, name) = ("operation", operation.name.to_string());
                let problem = "has a path parameter that does not stand in its path";
                return Err(DocumentError::Reference { what, name, problem });
            }
        }
        Ok(())
    }

    fn is_party(&self, participant: &ParticipantId) -> Result<(), DocumentError> {
        match self.party(participant) {
            Some(_) => Ok(()),
            None => Err(DocumentError::Reference {
                what: "participant",
                name: participant.to_string(),
                problem: "is mentioned and is no party",
            }),
        }
    }
}

/// Whether the body of an operation's request can be projected.
fn can_be_asked(operation: &Operation) -> Result<(), DocumentError> {
    let Some(body) = &operation.request else { return Ok(()) };
    distinct("element of a request", body.elements.iter().map(|element| element.path.to_string()))?;
    let derived = body.elements.iter().any(|element| element.derived.is_some());
    if derived || matches!(operation.method, Method::Get | Method::Head) {
        let (what, name) = ("operation", operation.name.to_string());
        let problem =
            "has a request with a body, so its method is neither GET nor HEAD, and nothing in it is derived";
        return Err(DocumentError::Reference { what, name, problem });
    }
    let form = |error| DocumentError::Form(format!("operation `{}`: {error}", operation.name));
    plan::request(operation).map(drop).map_err(form)
}

/// Whether the derived elements of an operation can be told: what is signed must be what machines do.
fn can_be_derived(operation: &Operation) -> Result<(), DocumentError> {
    let derived = operation.delivered.iter().filter_map(|one| Some((one, one.derived.as_ref()?)));
    for (element, derivation) in derived.clone() {
        let plain = !element.nullable && element.identifies.is_none();
        if element.kind != derivation.answers() || !plain {
            let problem = "is derived, so it is yes or no, the name of a band, or a whole number; never null or a \
                           number of a person";
            let name = element.path.to_string();
            return Err(DocumentError::Reference { what: "element", name, problem });
        }
    }
    if derived.count() > 0 {
        for projected in [Projected::Source, Projected::Answer] {
            plan::projection(operation, &BTreeSet::new(), projected)
                .map_err(|error| DocumentError::Form(format!("operation `{}`: {error}", operation.name)))?;
        }
        if operation.whole_document.is_some() {
            let (what, name) = ("operation", operation.name.to_string());
            let problem = "derives answers from a document that goes out whole";
            return Err(DocumentError::Reference { what, name, problem });
        }
    }
    Ok(())
}

/// Reads JSON of which no member, at any depth, is read over.
pub(crate) fn strict<T: Serialize + for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, DocumentError> {
    let form = |error: serde_json::Error| DocumentError::Form(error.to_string());
    let read: T = serde_json::from_slice(bytes).map_err(form)?;
    let whole: Value = serde_json::from_slice(bytes).map_err(form)?;
    let understood = serde_json::to_value(&read).map_err(form)?;
    match not_understood(&whole, &understood, "") {
        Some(place) => Err(DocumentError::Form(format!("unknown member at `{place}`"))),
        None => Ok(read),
    }
}

/// The JSON pointer of the first member that was read over. Variants without members of their own take any, and nothing
/// that people sign may mean less than it says.
fn not_understood(whole: &Value, understood: &Value, place: &str) -> Option<String> {
    match (whole, understood) {
        (Value::Object(whole), Value::Object(understood)) => whole.iter().find_map(|(name, value)| {
            let place = format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
            match understood.get(name) {
                Some(understood) => not_understood(value, understood, &place),
                None if value.is_null() || *value == Value::Bool(false) => None,
                None => Some(place),
            }
        }),
        (Value::Array(whole), Value::Array(understood)) => {
            whole.iter().zip(understood).enumerate().find_map(|(number, (value, understood))| {
                not_understood(value, understood, &format!("{place}/{number}"))
            })
        }
        _ => None,
    }
}

fn count(what: &'static str, count: usize, least: usize) -> Result<(), DocumentError> {
    match (least..=MAXIMUM_ITEMS).contains(&count) {
        true => Ok(()),
        false => Err(DocumentError::Count { what, least, most: MAXIMUM_ITEMS }),
    }
}

fn distinct(what: &'static str, names: impl Iterator<Item = String>) -> Result<(), DocumentError> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if !seen.insert(name.clone()) {
            return Err(DocumentError::Reference { what, name, problem: "stands twice" });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_one_written_form() {
        let hash = DocumentHash::of(b"a");
        let text = hash.to_string();
        assert!(hash.is_written(&text) && text.parse() == Ok(hash));
        for other in [
            text.to_uppercase(),
            text.replacen("sha256:", "SHA256:", 1),
            format!("{text} "),
            String::new(),
            text.replacen("sha256:", "", 1),
            DocumentHash::of(b"b").to_string(),
        ] {
            assert!(!hash.is_written(&other), "{other}");
        }
    }
}

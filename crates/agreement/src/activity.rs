//! Processing activities: the register of art. 30 GDPR.

use serde::{Deserialize, Serialize};
use verbond_domain::ParticipantId;

use crate::{
    Article, Day, DocumentError, DocumentHash, EntryName, Line, PlaceOfProcessing, Prose, Retention,
    Versioned,
    document::{MAXIMUM_BYTES, canonical, strict},
};

/// How to reach somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Organisation or office.
    pub name: Line,
    /// Electronic mail or postal address, or a page.
    pub address: Line,
}

/// In which capacity the participant carries out the activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "role", rename_all = "snake_case", deny_unknown_fields)]
pub enum ActivityRole {
    /// Alone (art. 30(1)).
    Controller,
    /// Together with others (art. 26).
    JointController {
        /// The others.
        with: Vec<Contact>,
    },
    /// For others (art. 30(2)).
    Processor {
        /// For whom.
        controllers: Vec<Contact>,
    },
}

/// Whom the data is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSubjectCategory {
    /// "people who receive a state pension".
    pub people: Line,
    /// Categories of data about them.
    pub data: Vec<EntryName>,
}

/// Who receives the data (art. 30(1)(d)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// "municipalities", or a name.
    pub name: Line,
    /// Its identifier, if it is one participant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<ParticipantId>,
}

/// A transfer outside the European Economic Area (art. 30(1)(e)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Where to, and by which instrument.
    pub place: PlaceOfProcessing,
    /// To whom.
    pub recipient: Line,
}

/// One activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessingActivity {
    /// What is done, in a line.
    pub title: Line,
    /// In which capacity.
    pub role: ActivityRole,
    /// The controller, or the processor itself.
    pub organisation: Contact,
    /// Its representative (art. 27), if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub representative: Option<Contact>,
    /// Its data protection officer (art. 37).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_protection_officer: Option<Contact>,
    /// The purposes, each a name that clauses use.
    pub purposes: Vec<EntryName>,
    /// The purposes and the activity, told to whoever it concerns.
    pub description: Prose,
    /// Entries of the register of grounds on which it rests.
    pub grounds: Vec<EntryName>,
    /// Whom and what it concerns.
    pub data_subjects: Vec<DataSubjectCategory>,
    /// Who receives data.
    pub recipients: Vec<Recipient>,
    /// Transfers outside the European Economic Area.
    #[serde(default)]
    pub transfers: Vec<Transfer>,
    /// How long each category is kept.
    pub retention: Vec<Retention>,
    /// Technical and organisational measures, in general (art. 32(1)).
    pub security: Prose,
    /// The first day of this version.
    pub valid_from: Day,
    /// Why nothing but name and article is published, where a provision lets the activity be confidential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidential: Option<Article>,
}

/// A published activity, pinned: where it stands, and what was read there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivityReference {
    /// Which entry, in the party's own register.
    pub entry: Versioned,
    /// Where anybody can read it, without credentials.
    pub url: Line,
    /// Hash over its canonical form.
    pub hash: DocumentHash,
}

/// What is published of an activity that is confidential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedActivity {
    /// The entry's name.
    pub name: EntryName,
    /// The provision that lets it be confidential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidential: Option<Article>,
}

/// An activity as it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishedActivity {
    /// All of it.
    Whole(Box<ProcessingActivity>),
    /// Nothing but its name, and the article that permits this, if one was given.
    NameOnly {
        /// The article.
        article: Option<Article>,
    },
}

impl PublishedActivity {
    /// Reads what somebody publishes, and the hash over its canonical form, by which agreements pin it.
    ///
    /// # Errors
    /// [`DocumentError`] when it is neither an activity nor the name of one.
    pub fn parse(bytes: &[u8]) -> Result<(Self, DocumentHash), DocumentError> {
        if bytes.len() > MAXIMUM_BYTES {
            return Err(DocumentError::TooLong);
        }
        match strict::<NamedActivity>(bytes) {
            Ok(named) => {
                let hash = DocumentHash::of(&canonical(&named)?);
                Ok((Self::NameOnly { article: named.confidential }, hash))
            }
            Err(_) => {
                let activity: ProcessingActivity = strict(bytes)?;
                let hash = DocumentHash::of(&canonical(&activity)?);
                Ok((Self::Whole(Box::new(activity)), hash))
            }
        }
    }
}

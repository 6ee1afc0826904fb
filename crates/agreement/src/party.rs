//! The parties, and what each of them answers for in one direction of one clause.

use serde::{Deserialize, Serialize};
use verbond_domain::ParticipantId;

use crate::{
    ActivityReference, Article, Contact, Day, EntryName, GroundReference, HumanStep, Line, Prose,
    TwoLanguages,
};

/// An organisation that takes part in the agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Its identifier; its certificate proves it.
    pub participant: ParticipantId,
    /// Its name, as in its certificate.
    pub name: Line,
    /// Whom to turn to about the agreement.
    pub contact: Contact,
}

/// In which capacity a party handles the data of a clause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "role", rename_all = "snake_case", deny_unknown_fields)]
pub enum PartyRole {
    /// It determines purposes and means itself.
    Controller,
    /// It does so together with others (GDPR art. 26).
    JointController {
        /// With which parties or organisations.
        with: Vec<Line>,
        /// The essence of their arrangement.
        arrangement: Prose,
        /// Where data subjects can turn.
        contact_point: Contact,
    },
    /// It processes for a controller (GDPR art. 28).
    Processor {
        /// For whom.
        controller: Contact,
        /// The contract that binds it, and its date.
        contract: Line,
        /// Whom it engages in turn, with the controller's leave.
        #[serde(default)]
        sub_processors: Vec<Contact>,
    },
}

/// Which law on data protection the party is under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// General Data Protection Regulation.
    Gdpr,
    /// Police Data Act (*Wet politiegegevens*).
    Wpg,
    /// Judicial and Criminal Records Act (*Wet justitiële en strafvorderlijke gegevens*).
    Wjsg,
}

/// A duty of secrecy that binds the party, and the provision that lifts it for this exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecrecyLifted {
    /// The provision that binds.
    pub duty: Article,
    /// The provision that lifts it.
    pub lifted_by: Article,
}

/// Whether the purpose is that for which the data was collected (GDPR art. 5(1)(b), 6(4)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "purpose", rename_all = "snake_case", deny_unknown_fields)]
pub enum Compatibility {
    /// It is the same.
    Same,
    /// It differs, and a provision of law permits or demands that.
    ByLaw {
        /// Which.
        provision: Article,
    },
    /// It differs, and has been found compatible.
    Compatible {
        /// Link, context, nature, consequences and safeguards, as weighed.
        reasoning: Prose,
    },
}

/// How people are told (GDPR art. 13 and 14).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Informing {
    /// By a notice that stands somewhere.
    Notice {
        /// Where.
        place: Line,
    },
    /// By a message to each person.
    Message {
        /// When and how.
        how: Line,
    },
    /// They are not told, for a reason that the law gives.
    Exception {
        /// Which.
        provision: Article,
        /// Why it applies.
        reasoning: Prose,
    },
}

/// What the data leads to for the people whom it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "effect", rename_all = "snake_case", deny_unknown_fields)]
pub enum EffectOnPeople {
    /// None: statistics, quality of the register itself.
    None,
    /// It supports what a person then does.
    Support {
        /// How.
        how: Prose,
    },
    /// It leads to a decision on the person (GDPR art. 22).
    Decision {
        /// Which decision, and where one can object.
        decision: Prose,
        /// The human step before it.
        human_step: HumanStep,
    },
}

/// Where the data is processed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceOfProcessing {
    /// Country, by its two letters of ISO 3166-1.
    pub country: Jurisdiction,
    /// Outside the European Economic Area: what permits the transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instrument: Option<TransferInstrument>,
}

/// A country by its two capital letters of ISO 3166-1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Jurisdiction([u8; 2]);

impl Jurisdiction {
    /// The two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }

    /// Whether it is within the European Economic Area.
    pub fn is_in_economic_area(&self) -> bool {
        const MEMBERS: [&str; 30] = [
            "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS",
            "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
        ];
        MEMBERS.contains(&self.as_str())
    }
}

impl std::str::FromStr for Jurisdiction {
    type Err = crate::WordsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.as_bytes() {
            [first @ b'A'..=b'Z', second @ b'A'..=b'Z'] => Ok(Self([*first, *second])),
            _ => Err(crate::WordsError::Alphabet),
        }
    }
}

impl std::fmt::Debug for Jurisdiction {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Jurisdiction {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Jurisdiction {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|_| serde::de::Error::custom("a country has two capital letters of ISO 3166-1"))
    }
}

impl utoipa::PartialSchema for Jurisdiction {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^[A-Z]{2}$"))
            .into()
    }
}

impl utoipa::ToSchema for Jurisdiction {}

/// What permits a transfer outside the European Economic Area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "instrument", rename_all = "snake_case", deny_unknown_fields)]
pub enum TransferInstrument {
    /// A decision that the country's protection is adequate (art. 45).
    Adequacy {
        /// Which decision.
        decision: Line,
    },
    /// Appropriate safeguards (art. 46).
    Safeguards {
        /// Which.
        safeguards: Prose,
    },
    /// A derogation for a specific situation (art. 49).
    Derogation {
        /// Which, and why it applies.
        reasoning: Prose,
    },
}

/// How long something is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "keep", rename_all = "snake_case", deny_unknown_fields)]
pub enum RetentionPeriod {
    /// Not kept at all beyond the moment of use.
    NotKept,
    /// For so many days after it was received.
    Days {
        /// How many.
        days: u32,
    },
    /// As long as a file is open, and so many days after.
    AfterClosing {
        /// Which file or relation.
        what: Line,
        /// How many days after it closed.
        days: u32,
    },
}

/// How long a category of data is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Category, as elements name it.
    pub category: EntryName,
    /// How long.
    pub period: RetentionPeriod,
    /// Category of the selection list (Public Records Act) from which the period comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection_list: Option<Line>,
    /// What suspends destruction, if anything does now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_hold: Option<Prose>,
}

/// What of the agreement the party publishes (*Wet open overheid*), and what it withholds on which ground.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "publish", rename_all = "snake_case", deny_unknown_fields)]
pub enum Publicity {
    /// All of it.
    Whole,
    /// All but this.
    Withheld {
        /// What is withheld, in words that everybody may read: they stand in the public list.
        what: Prose,
        /// On which provision.
        provision: Article,
        /// Until when, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Day>,
    },
}

/// What one party answers for in one direction of a clause: providing, or receiving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// In which capacity.
    pub role: PartyRole,
    /// Under which law.
    pub regime: Regime,
    /// The ground to provide, or to receive. Data without a person needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ground: Option<GroundReference>,
    /// Its activity, published. Data without a person needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<ActivityReference>,
    /// A duty of secrecy that binds it, and what lifts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrecy: Option<SecrecyLifted>,
    /// Whether the purpose is that of collection.
    pub compatibility: Compatibility,
    /// How people are told.
    pub informing: Informing,
    /// What the data leads to.
    pub effect: EffectOnPeople,
    /// Where it is processed.
    pub places: Vec<PlaceOfProcessing>,
    /// How long each category is kept; the provider's is of what it keeps of the exchange.
    pub retention: Vec<Retention>,
    /// What the party may not or will not do with the data beyond this, in words that it signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undertaking: Option<TwoLanguages>,
}

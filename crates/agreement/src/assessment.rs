//! Assessments (DPIA, IAMA, AI-Act) and algorithms, as the agreement refers to them.

use serde::{Deserialize, Serialize};

use crate::{Day, DocumentHash, EntryName, Line, Prose, Versioned};

/// What kind of assessment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AssessmentKind {
    /// Data protection impact assessment (GDPR art. 35).
    Dpia,
    /// Impact assessment on human rights and algorithms.
    Iama,
    /// Classification or conformity under the AI Act (Regulation (EU) 2024/1689).
    AiAct,
}

/// How an assessment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AssessmentOutcome {
    /// The processing may go on.
    Positive,
    /// It may go on with the measures that the assessment names.
    PositiveWithMeasures,
    /// It may not go on.
    Negative,
}

/// One assessment. The document itself stays where it is; its hash pins it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// What kind.
    pub kind: AssessmentKind,
    /// What it is of, in a line.
    pub title: Line,
    /// The activities that it is of.
    #[serde(default)]
    pub activities: Vec<EntryName>,
    /// The algorithms that it is of.
    #[serde(default)]
    pub algorithms: Vec<EntryName>,
    /// Who made it: name and function.
    pub made_by: Line,
    /// When it was finished.
    pub made_on: Day,
    /// How it ended.
    pub outcome: AssessmentOutcome,
    /// What was found, and which measures follow.
    pub summary: Prose,
    /// Hash of the assessment's own document.
    pub document: DocumentHash,
    /// The last day on which it counts.
    pub valid_until: Day,
}

/// The entry of a party's register of assessments on which the agreement rests, with a copy of what it said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssessmentReference {
    /// Which party's.
    pub party: verbond_domain::ParticipantId,
    /// Which entry.
    pub entry: Versioned,
    /// What it says.
    pub assessment: Assessment,
}

/// An algorithm, by the entry of the register in which it is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlgorithmReference {
    /// Which party uses it.
    pub party: verbond_domain::ParticipantId,
    /// The name by which assessments refer to it.
    pub name: EntryName,
    /// Where the register's entry can be read.
    pub url: Line,
    /// Its identifier there.
    pub register_id: Line,
    /// Its version there.
    pub version: Line,
    /// What it does, in a line.
    pub title: Line,
}

/// Whether an algorithm uses what is delivered. Saying that none does is a signed statement too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "use", rename_all = "snake_case", deny_unknown_fields)]
pub enum AlgorithmUse {
    /// No algorithm selects, profiles or decides on what is delivered.
    None,
    /// These do; each stands under `algorithms` of the agreement.
    These {
        /// Their names.
        names: Vec<EntryName>,
    },
}

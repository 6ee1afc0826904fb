//! What `check` must be told, since it reads nothing itself.

use std::collections::{BTreeMap, BTreeSet};

use verbond_domain::{ParticipantId, Timestamp};

use crate::{
    Agreement, AlgorithmReference, Assessment, DescribedService, DocumentHash, Line, PublishedActivity,
    RegisterKind, Versioned,
};

/// By what a person's credential is known, such as the fingerprint of a certificate. Names typed do not count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credential(pub String);

/// Who drafted the agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drafter {
    /// By what they are known.
    pub credential: Credential,
    /// Their name, as assessments would give it.
    pub name: Line,
}

/// Where the party whose node checks publishes its registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPublication {
    /// The party.
    pub participant: ParticipantId,
    /// The address below which everybody can read them, without `/` at the end.
    pub base: String,
}

impl OwnPublication {
    /// Where a version of an entry stands.
    pub fn address(&self, register: RegisterKind, entry: &Versioned) -> String {
        format!("{}/v1/registers/{}/{}/{}", self.base, register.as_str(), entry.name, entry.version)
    }
}

/// That somebody fetched an activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityReading {
    /// From where.
    pub url: Line,
    /// By whom: a participant's node.
    pub read_by: ParticipantId,
    /// Whether without any credentials.
    pub without_credentials: bool,
    /// Hash over what was read.
    pub hash: DocumentHash,
    /// What was read.
    pub content: PublishedActivity,
}

/// What an algorithm register says at an address, read without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlgorithmReading {
    /// Where.
    pub url: Line,
    /// The identifier found there.
    pub register_id: Line,
    /// The version found there.
    pub version: Line,
}

/// An entry of a party's register of assessments, with who stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssessmentReading {
    /// Whose register.
    pub party: ParticipantId,
    /// Which entry.
    pub entry: Versioned,
    /// What it says there.
    pub assessment: Assessment,
    /// Who recorded it, if that is known.
    pub recorded_by: Option<Credential>,
    /// Who else confirmed it with a credential of their own.
    pub confirmed_by: Option<Credential>,
}

/// That a signature under a party's advice is over this text ([`Agreement::advised_text`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdviceReading {
    /// Whose officer is said to have advised.
    pub party: ParticipantId,
    /// By what whoever signed the advice is known.
    pub credential: Credential,
    /// Whether that is an officer of the party: what its own node knows, and what the others take from its signature.
    pub by_officer: bool,
}

/// What the caller knows when it asks for a check.
#[derive(Clone, Debug)]
pub struct CheckContext {
    /// The moment.
    pub now: Timestamp,
    /// The group in which this node takes part.
    pub coalition: Line,
    /// The activities that nodes of the group have fetched, and say so.
    pub activities: Vec<ActivityReading>,
    /// What was found in algorithm registers.
    pub algorithms: Vec<AlgorithmReading>,
    /// What could be read of the parties' registers of assessments.
    pub assessments: Vec<AssessmentReading>,
    /// The services as their providers describe them, as far as that is known.
    pub services: Vec<(ParticipantId, DescribedService)>,
    /// The other agreements of this node that are offered, signed or in force.
    pub others: Vec<Agreement>,
    /// The parties whose nodes do not speak Verbond's own interface: nobody can ask them what they have fetched.
    pub foreign: BTreeSet<ParticipantId>,
    /// Those of them that take no properties into a contract: what they accept on the wire names no agreement.
    pub without_properties: BTreeSet<ParticipantId>,
    /// Hashes of activities that a document signed elsewhere names.
    pub named_elsewhere: BTreeSet<DocumentHash>,
    /// Who drafted, if it was drafted here.
    pub drafter: Option<Drafter>,
    /// The credentials of signatories, as far as they are known.
    pub signatories: BTreeMap<ParticipantId, Credential>,
    /// The advice behind which a signature stands.
    pub advice: Vec<AdviceReading>,
    /// Where this node's own party publishes, if that is known.
    pub own: Option<OwnPublication>,
}

impl CheckContext {
    /// A context in which nothing is known yet.
    pub fn new(now: Timestamp, coalition: Line) -> Self {
        Self {
            now,
            coalition,
            activities: Vec::new(),
            algorithms: Vec::new(),
            assessments: Vec::new(),
            services: Vec::new(),
            others: Vec::new(),
            foreign: BTreeSet::new(),
            without_properties: BTreeSet::new(),
            named_elsewhere: BTreeSet::new(),
            drafter: None,
            signatories: BTreeMap::new(),
            advice: Vec::new(),
            own: None,
        }
    }

    /// What stands at the address of an activity with this hash, if anybody read it without credentials.
    pub(super) fn activity(&self, url: &Line, hash: DocumentHash) -> Option<&PublishedActivity> {
        let same = |one: &&ActivityReading| one.without_credentials && one.url == *url && one.hash == hash;
        self.activities.iter().find(same).map(|one| &one.content)
    }

    /// Whether an algorithm stands in a register as the reference says.
    pub(super) fn is_registered(&self, algorithm: &AlgorithmReference) -> bool {
        self.algorithms.iter().any(|one| {
            one.url == algorithm.url
                && one.register_id == algorithm.register_id
                && one.version == algorithm.version
        })
    }
}

//! From an agreement to its policies.
//!
//! A permit says who may do which operation under which clause; each condition is a forbid of its own, so that the
//! policies that decided say why. Deny by default; a forbid overrides every permit.

use std::sync::{Arc, LazyLock, OnceLock};

use cedar_policy::{
    Entities, EntityId, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet, Schema, ValidationMode,
    Validator,
};
use verbond_agreement::{
    Agreement, AgreementId, Clause, DocumentHash, Version,
    plan::{self, PlanError, Projected},
};
use verbond_projection::Projection;

use crate::{
    ReasonCode,
    decision::Place,
    memory::{Memory, Records},
    rules,
};

/// The schema to which all policies are held.
pub const SCHEMA: &str = include_str!("../../../docs/reference/agreement.cedarschema");
/// Counts the ways in which this program has put agreements into policies. A record names it.
pub const COMPILER: u32 = 2;
/// Most policies of the operations of one clause: all of them are weighed at each decision.
const MAXIMUM_POLICIES: usize = 1_000;

/// Why an agreement has no policies. Nothing is permitted under it then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The schema or the names in it cannot be read: a fault of this program.
    #[error("the policy schema cannot be read: {0}")]
    Schema(String),
    /// A policy cannot be read or does not fit the schema: a fault of this program.
    #[error("policy `{id}` is not valid: {problem}")]
    Policy {
        /// Which.
        id: String,
        /// What is the matter.
        problem: String,
    },
    /// Too many operations and receivers in one clause.
    #[error(
        "clause `{clause}` comes to {count} policies; at most {MAXIMUM_POLICIES} are weighed at a decision"
    )]
    Many {
        /// Which clause.
        clause: String,
        /// How many.
        count: usize,
    },
    /// The document has no canonical form.
    #[error("{0}")]
    Document(String),
}

/// One policy as text.
pub(crate) struct PolicyText {
    /// Of which clause; `None`: of all of them.
    pub(crate) clause: Option<usize>,
    /// Agreement, version, clause, operation, and which receiver or reason.
    pub(crate) id: String,
    /// In Cedar.
    pub(crate) text: String,
}

/// The policies of an agreement as text: the same for the same document, whoever compiles it.
pub fn policy_text(agreement: &Agreement) -> String {
    let policies = rules::policies(agreement);
    policies.iter().map(|policy| policy.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// A clause with what is needed to decide under it.
pub(crate) struct CompiledClause {
    /// The policies that can apply under this clause. Those of other clauses cannot: each asks for its clause.
    pub(crate) policies: PolicySet,
    /// The service.
    pub(crate) service: EntityUid,
    /// The receivers, in the document's order.
    pub(crate) receivers: Vec<EntityUid>,
    /// What they permitted last.
    pub(crate) memory: Memory,
    /// What was written down of that last.
    pub(crate) records: Records,
}

/// A version of an agreement with its policies. They are read when they are first needed: a node knows many agreements
/// and decides under few of them at a time.
pub struct CompiledAgreement {
    /// The document.
    pub(crate) agreement: Arc<Agreement>,
    /// Its hash.
    pub(crate) hash: DocumentHash,
    /// SHA-256 over the text of its policies.
    pub(crate) policy_hash: DocumentHash,
    /// Its clauses, in the document's order.
    clauses: OnceLock<Result<Vec<CompiledClause>, CompileError>>,
    /// Per clause and operation.
    plans: Vec<Vec<Plans>>,
}

/// A projection, or why there is none. Nothing leaves then.
type Planned<Of = Arc<Projection>> = Result<Of, PlanError>;

/// What of an operation's messages may leave, each made when it is first needed.
#[derive(Default)]
struct Plans {
    /// Of the source's answers.
    source: OnceLock<Planned>,
    /// Of answers as the provider's node made them.
    answer: OnceLock<Planned>,
    /// Of requests; none: they have no body.
    request: OnceLock<Planned<Option<Arc<Projection>>>>,
}

impl CompiledAgreement {
    /// Compiles a version, and holds its policies to the schema.
    ///
    /// # Errors
    /// [`CompileError`].
    pub fn compile(agreement: Arc<Agreement>) -> Result<Self, CompileError> {
        let compiled = Self::later(agreement)?;
        compiled.clauses().map_err(Clone::clone)?;
        Ok(compiled)
    }

    /// As [`CompiledAgreement::compile`], but what is found wrong with a policy is found at the first decision, which is
    /// a deny then.
    ///
    /// # Errors
    /// When a clause has too many policies, or the document no canonical form.
    pub(crate) fn later(agreement: Arc<Agreement>) -> Result<Self, CompileError> {
        for clause in &agreement.clauses {
            // A permit and at most four forbids for each; and what holds for all of the clause.
            let count = clause.operations.len() * (clause.receivers.len() * 4 + 1);
            if count > MAXIMUM_POLICIES {
                return Err(CompileError::Many { clause: clause.name.to_string(), count });
            }
        }
        let hash = agreement.hash().map_err(|error| CompileError::Document(error.to_string()))?;
        let policy_hash = DocumentHash::of(policy_text(&agreement).as_bytes());
        let plans = |clause: &Clause| clause.operations.iter().map(|_| Default::default()).collect();
        let plans = agreement.clauses.iter().map(plans).collect();
        Ok(Self { agreement, hash, policy_hash, clauses: OnceLock::new(), plans })
    }

    fn plans(&self, place: Place) -> Option<&Plans> {
        self.plans.get(place.clause)?.get(place.operation?)
    }

    /// What of an operation's answers may leave.
    pub(crate) fn projection(&self, place: Place, projected: Projected) -> Option<&Planned> {
        let plans = self.plans(place)?;
        let plan = match projected {
            Projected::Source => &plans.source,
            Projected::Answer => &plans.answer,
        };
        let operation = place.operation(&self.agreement)?;
        Some(plan.get_or_init(|| plan::projection(operation, &Default::default(), projected).map(Arc::new)))
    }

    /// What of an operation's requests may go on.
    pub(crate) fn request(&self, place: Place) -> Option<&Planned<Option<Arc<Projection>>>> {
        let plan = &self.plans(place)?.request;
        let operation = place.operation(&self.agreement)?;
        Some(plan.get_or_init(|| Ok(plan::request(operation)?.map(Arc::new))))
    }

    /// Its clauses, in the document's order. Nobody waits for another: who comes first at the same time, both compile.
    ///
    /// # Errors
    /// When a policy is not valid.
    pub(crate) fn clauses(&self) -> Result<&[CompiledClause], &CompileError> {
        let clauses = match self.clauses.get() {
            Some(clauses) => clauses,
            None => {
                let made = self.make();
                self.clauses.get_or_init(|| made)
            }
        };
        clauses.as_deref()
    }

    fn make(&self) -> Result<Vec<CompiledClause>, CompileError> {
        let vocabulary = vocabulary()?;
        let texts = rules::policies(&self.agreement);
        let clauses = self.agreement.clauses.iter().enumerate();
        let clauses = clauses.map(|(number, clause)| {
            let own = texts.iter().filter(|text| text.clause.is_none_or(|of| of == number));
            compile_clause(vocabulary, clause, own)
        });
        clauses.collect()
    }

    /// Which agreement.
    pub fn id(&self) -> AgreementId {
        self.agreement.id
    }

    /// Which version.
    pub fn version(&self) -> Version {
        self.agreement.version
    }

    /// SHA-256 over the text of the policies.
    pub const fn policy_hash(&self) -> DocumentHash {
        self.policy_hash
    }
}

impl std::fmt::Debug for CompiledAgreement {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} v{} ({})", self.id(), self.version(), self.hash)
    }
}

fn compile_clause<'text>(
    vocabulary: &Vocabulary,
    clause: &Clause,
    texts: impl Iterator<Item = &'text PolicyText>,
) -> Result<CompiledClause, CompileError> {
    let mut policies = Vec::new();
    for PolicyText { id, text, .. } in texts {
        let refused = |problem: String| CompileError::Policy { id: id.clone(), problem };
        policies
            .push(Policy::parse(Some(PolicyId::new(id)), text).map_err(|error| refused(error.to_string()))?);
    }
    let of_all = |problem: String| CompileError::Policy { id: clause.name.to_string(), problem };
    let policies = PolicySet::from_policies(policies).map_err(|error| of_all(error.to_string()))?;
    let verdict = vocabulary.validator.validate(&policies, ValidationMode::Strict);
    if let Some(error) = verdict.validation_errors().next() {
        return Err(of_all(error.to_string()));
    }
    let receivers = clause.receivers.iter().map(|one| vocabulary.participant(&one.participant.to_string()));
    Ok(CompiledClause {
        policies,
        service: vocabulary.service(&clause.service.to_string()),
        receivers: receivers.collect(),
        memory: Memory::default(),
        records: Records::default(),
    })
}

/// The names of the schema, read once.
pub(crate) struct Vocabulary {
    #[cfg(test)]
    pub(crate) schema: Schema,
    /// None has attributes or parents: all that is known stands in the context.
    pub(crate) entities: Entities,
    pub(crate) action: EntityUid,
    validator: Validator,
    participant: EntityTypeName,
    service: EntityTypeName,
}

impl Vocabulary {
    fn read() -> Result<Self, CompileError> {
        let fault = |error: &dyn std::fmt::Display| CompileError::Schema(error.to_string());
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).map_err(|error| fault(&error))?;
        let name = |text: &str| text.parse::<EntityTypeName>().map_err(|error| fault(&error));
        Ok(Self {
            validator: Validator::new(schema.clone()),
            #[cfg(test)]
            schema,
            entities: Entities::empty(),
            action: EntityUid::from_type_name_and_id(name("Verbond::Action")?, EntityId::new("ask")),
            participant: name("Verbond::Participant")?,
            service: name("Verbond::Service")?,
        })
    }

    fn participant(&self, id: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(self.participant.clone(), EntityId::new(id))
    }

    fn service(&self, id: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(self.service.clone(), EntityId::new(id))
    }
}

/// The vocabulary.
///
/// # Errors
/// When the schema that this program carries cannot be read.
pub(crate) fn vocabulary() -> Result<&'static Vocabulary, CompileError> {
    static VOCABULARY: LazyLock<Result<Vocabulary, CompileError>> = LazyLock::new(Vocabulary::read);
    VOCABULARY.as_ref().map_err(Clone::clone)
}

/// The reason for which a policy forbids, by its identifier.
pub(crate) fn reason_of(policy: &PolicyId) -> Option<ReasonCode> {
    let id: &str = policy.as_ref();
    id.rsplit('/').next()?.split('#').next()?.parse().ok()
}

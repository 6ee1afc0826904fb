//! The question and the answer, in AuthZEN's shape: subject, action, resource and context in; a decision out.

use std::{collections::BTreeSet, sync::Arc};

use verbond_agreement::{
    ActivityReference, Agreement, AgreementId, Clause, ClauseName, DocumentHash, Element, EntryName,
    HumanStep, Line, Operation, Receiver, Stage, Version,
    plan::{self, PlanError, Projected},
};
use verbond_domain::{ApplicationName, Direction, ParticipantId, Problem, ServiceReference, Timestamp};
use verbond_projection::{Projection, ProjectionError};

use crate::{
    Call, Claims, CompiledAgreement, NamedPerson, ParameterFacts, Reason, matching::people, memory::Records,
};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The participant, as its certificate says.
    pub participant: ParticipantId,
    /// Its application, where that is known: at its own outway.
    pub application: Option<ApplicationName>,
}

/// What is known beside who asks what of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The moment of the decision.
    pub now: Timestamp,
    /// The agreement that the request names.
    pub agreement: Option<AgreementId>,
    /// What the receiver says that it is for.
    pub purpose: EntryName,
    /// The receiver's activity, where it says so.
    pub activity: Option<EntryName>,
    /// The algorithm that uses what is delivered, where the receiver says that one does.
    pub algorithm: Option<EntryName>,
    /// For whom the receiver asks, if not for itself.
    pub on_behalf_of: Option<ParticipantId>,
    /// What the receiver claims of this request.
    pub claims: Claims,
    /// The elements asked for by their paths; none: all that are agreed.
    pub elements: BTreeSet<Line>,
}

/// A question.
#[derive(Clone, Debug)]
pub struct DecisionRequest<'call> {
    /// Who asks.
    pub subject: Subject,
    /// What: matched against the agreed operations.
    pub call: Call<'call>,
    /// Of which service.
    pub resource: ServiceReference,
    /// What else is known.
    pub context: Context,
}

/// Whether places within the limits of a clause are held for this request. A limit that the clause does not have is not
/// looked at; who holds nothing is refused where it has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leases {
    /// A place within the volume.
    pub volume: bool,
    /// A place within what is agreed per person.
    pub per_person: bool,
}

/// A clause and operation under which a request may be permitted. Whoever counts takes places here before the decision.
#[derive(Clone, Copy)]
pub struct Candidate<'snapshot> {
    pub(crate) compiled: &'snapshot Arc<CompiledAgreement>,
    pub(crate) clause: usize,
    pub(crate) operation: usize,
    pub(crate) parameters: &'snapshot ParameterFacts,
    pub(crate) call: Call<'snapshot>,
}

impl<'snapshot> Candidate<'snapshot> {
    /// Which agreement.
    pub fn agreement(&self) -> AgreementId {
        self.compiled.id()
    }

    /// Which version.
    pub fn version(&self) -> Version {
        self.compiled.version()
    }

    /// The clause, with its limits; its name.
    pub fn clause(&self) -> Option<&'snapshot Clause> {
        self.compiled.agreement.clauses.get(self.clause)
    }

    /// The operation that the request asks.
    pub fn operation(&self) -> Option<&'snapshot Operation> {
        self.clause().and_then(|clause| clause.operations.get(self.operation))
    }

    /// Whom the request names in its parameters, as the operation says: for whoever counts, never for a policy. Empty:
    /// nobody, or somebody who cannot be read.
    pub fn people(&self) -> Vec<NamedPerson<'snapshot>> {
        self.operation().map(|operation| people(operation, self.call)).unwrap_or_default()
    }

    /// What is known of the request's parameters.
    pub const fn parameters(&self) -> &'snapshot ParameterFacts {
        self.parameters
    }
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The exchange may take place.
    Permit,
    /// It may not.
    Deny,
}

/// The version and clause on which a decision rests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// Which agreement.
    pub agreement: AgreementId,
    /// Which version.
    pub version: Version,
    /// Hash of the document.
    pub hash: DocumentHash,
    /// Hash of its policies.
    pub policy_hash: DocumentHash,
    /// The clause that decided.
    pub clause: ClauseName,
}

/// What policy was asked about: everything on which the outcome rests, and nothing that names a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The operation; `None`: no agreed operation has this method and path.
    pub operation: Option<EntryName>,
    /// What is known of the parameters.
    pub parameters: ParameterFacts,
    /// The elements asked for; one that is not agreed stands here under a name that can be shown.
    pub elements: BTreeSet<String>,
    /// Where the version stood.
    pub stage: Stage,
    /// What was held for the request.
    pub leases: Leases,
}

/// An operation of a version, by its place in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OperationPlace {
    /// Hash of the version.
    pub hash: DocumentHash,
    clause: usize,
    operation: usize,
}

/// What a permit obliges to.
#[derive(Clone, Debug)]
pub struct Obligations {
    compiled: Arc<CompiledAgreement>,
    place: Place,
    asked: BTreeSet<String>,
}

/// Where in a document. There is no operation where none has the method and path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) clause: usize,
    pub(crate) operation: Option<usize>,
    pub(crate) receiver: usize,
}

impl Place {
    pub(crate) fn operation(self, agreement: &Agreement) -> Option<&Operation> {
        agreement.clauses.get(self.clause)?.operations.get(self.operation?)
    }
}

impl Obligations {
    pub(crate) const fn new(compiled: Arc<CompiledAgreement>, place: Place, asked: BTreeSet<String>) -> Self {
        Self { compiled, place, asked }
    }

    pub(crate) const fn compiled(&self) -> &Arc<CompiledAgreement> {
        &self.compiled
    }

    fn clause(&self) -> Option<&Clause> {
        self.compiled.agreement.clauses.get(self.place.clause)
    }

    fn receiver(&self) -> Option<&Receiver> {
        self.clause()?.receivers.get(self.place.receiver)
    }

    /// What was written down last under the clause.
    pub(crate) fn records(&self) -> Option<&Records> {
        Some(&self.compiled.clauses().ok()?.get(self.place.clause)?.records)
    }

    /// Which operation of which version.
    pub fn place(&self) -> Option<OperationPlace> {
        let operation = self.place.operation?;
        Some(OperationPlace { hash: self.compiled.hash, clause: self.place.clause, operation })
    }

    /// The name of the clause.
    pub fn clause_name(&self) -> Option<&ClauseName> {
        self.clause().map(|clause| &clause.name)
    }

    /// The operation as agreed: its record, content type and people.
    pub fn operation(&self) -> Option<&Operation> {
        self.place.operation(&self.compiled.agreement)
    }

    /// The projection: what is delivered, and nothing else.
    pub fn delivered(&self) -> impl Iterator<Item = &Element> {
        let all = self.operation().into_iter().flat_map(|operation| &operation.delivered);
        all.filter(|element| self.asked.is_empty() || self.asked.contains(element.path.as_str()))
    }

    /// What of the answer may leave, to be applied to the source's document or to what the provider's node made of it.
    ///
    /// # Errors
    /// When the agreed elements and record do not fit together. Nothing of the answer leaves then.
    pub fn projection(&self, projected: Projected) -> Result<Arc<Projection>, PlanError> {
        let planned = match self.asked.is_empty() {
            true => self.compiled.projection(self.place, projected).cloned(),
            false => self
                .operation()
                .map(|operation| plan::projection(operation, &self.asked, projected).map(Arc::new)),
        };
        planned.unwrap_or(Err(PlanError::Projection(ProjectionError::NoElements)))
    }

    /// What of the request's body may go on; none: it has none.
    ///
    /// # Errors
    /// When the agreed elements do not fit together. Nothing goes on then.
    pub fn request(&self) -> Result<Option<Arc<Projection>>, PlanError> {
        self.compiled.request(self.place).cloned().unwrap_or(Ok(None))
    }

    /// Whether the response goes out as it is. Never where elements were asked for by name.
    pub fn whole_document(&self) -> bool {
        self.asked.is_empty() && self.operation().is_some_and(|operation| operation.whole_document.is_some())
    }

    /// Whom a request names in its parameters, as the operation says: for whoever records, never for a policy.
    pub fn people<'call>(&self, call: Call<'call>) -> Vec<NamedPerson<'call>> {
        self.operation().map(|operation| people(operation, call)).unwrap_or_default()
    }

    /// The activity for which the node that sees the exchange in this direction takes part in it, as it is published.
    pub fn activity(&self, direction: Direction) -> Option<&ActivityReference> {
        let side = match direction {
            Direction::Incoming => &self.clause()?.provider,
            Direction::Outgoing => &self.receiver()?.side,
        };
        side.activity.as_ref()
    }

    /// What a person does before the data has an effect.
    pub fn human_step(&self) -> Option<&HumanStep> {
        self.clause()?.conditions.human_in_the_loop.as_ref()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Yes or no.
    pub outcome: Outcome,
    /// The version and clause that decided; `None`: there is none.
    pub basis: Option<Basis>,
    /// Why not.
    pub reasons: Vec<Reason>,
    /// What a permit obliges to.
    pub obligations: Option<Obligations>,
    /// On what it rests.
    pub facts: Facts,
}

impl Decision {
    /// The operation that the request is.
    pub const fn operation(&self) -> Option<&EntryName> {
        self.facts.operation.as_ref()
    }

    /// Whether the exchange may take place.
    pub fn is_permit(&self) -> bool {
        self.outcome == Outcome::Permit
    }

    /// The refusal to tell, if it is one: its first reason, and the clause or that there is none.
    pub fn problem(&self) -> Option<Problem> {
        let clause = self.basis.as_ref().map(|basis| basis.clause.as_str());
        self.reasons.first().filter(|_| !self.is_permit()).map(|reason| reason.problem(clause))
    }
}

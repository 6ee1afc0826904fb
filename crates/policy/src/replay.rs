//! Decides again, from a record and the document that it names.

use std::{collections::BTreeSet, sync::Arc};

use verbond_agreement::{Agreement, DocumentHash, EntryName};

use crate::{
    COMPILER, Claims, CompileError, CompiledAgreement, Context, Decision, DecisionRecord, Facts, Leases,
    Obligations, Outcome, Reason, RecordStatus, RecordedResponse,
    decision::Place,
    evaluate::weigh,
    record::{ResponseContext, UNKNOWN_OPERATION},
};

/// What came of deciding again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The same outcome, reasons and obligations.
    Same,
    /// Another one: the record or the program is not what it was.
    Differs {
        /// Whether it is permitted now.
        permitted: bool,
        /// Why not.
        reasons: Vec<Reason>,
    },
}

/// Why a decision cannot be taken again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incompatibility {
    /// The record rests on no agreement: whether there was one is for the journal to say.
    #[error("the record says that no agreement was known; the journal says which ones there were")]
    NoAgreement,
    /// The decision could not be taken then.
    #[error("the decision failed when it was taken, so that there is nothing to compare with")]
    Failed,
    /// Another document was handed in.
    #[error("the record rests on agreement {recorded}, and this is {given}")]
    AnotherAgreement {
        /// Hash in the record.
        recorded: DocumentHash,
        /// Hash of what was handed in.
        given: DocumentHash,
    },
    /// The record was made by a program that compiled agreements in another way.
    #[error("the policies were made in way {recorded}; this program knows way {COMPILER}")]
    AnotherCompiler {
        /// As the record says.
        recorded: u32,
    },
    /// The same document and compiler, and yet other policies.
    #[error("the record rests on policies {recorded}, and the document comes to {compiled}")]
    AnotherPolicy {
        /// Hash in the record.
        recorded: DocumentHash,
        /// Hash of what the document comes to.
        compiled: DocumentHash,
    },
    /// The record names a clause, operation or receiver that the document does not have, or lacks what a decision needs.
    #[error("the record names {what} that the document does not have")]
    NotInDocument {
        /// What.
        what: &'static str,
    },
    /// The document has no policies.
    #[error("{0}")]
    Compile(#[from] CompileError),
}

/// Decides again, and compares.
///
/// # Errors
/// [`Incompatibility`] says why that is not possible.
pub fn replay(record: &DecisionRecord, agreement: Arc<Agreement>) -> Result<Replay, Incompatibility> {
    replay_compiled(record, &Arc::new(CompiledAgreement::compile(agreement)?))
}

/// As [`replay`], on an agreement that has been compiled already: for who replays many.
///
/// # Errors
/// As [`replay`].
pub fn replay_compiled(
    record: &DecisionRecord,
    compiled: &Arc<CompiledAgreement>,
) -> Result<Replay, Incompatibility> {
    let policies = record.attributes.policies.as_ref().ok_or(Incompatibility::NoAgreement)?;
    // That the organisation's own decision point gave no answer stands in the record, and can be weighed again.
    if record.status == RecordStatus::Error && record.body.information.is_none() {
        return Err(Incompatibility::Failed);
    }
    let (given, recorded) = (compiled.hash, policies.agreement.hash);
    if given != recorded
        || policies.agreement.id != compiled.id()
        || policies.agreement.version != compiled.version()
    {
        return Err(Incompatibility::AnotherAgreement { recorded, given });
    }
    if policies.policy.compiler != COMPILER {
        return Err(Incompatibility::AnotherCompiler { recorded: policies.policy.compiler });
    }
    if policies.policy.hash != compiled.policy_hash {
        let (recorded, compiled) = (policies.policy.hash, compiled.policy_hash);
        return Err(Incompatibility::AnotherPolicy { recorded, compiled });
    }
    let decision = again(record, compiled)?;
    let (then, now) = (&record.body.response, ResponseContext::of(&decision));
    let same_reasons = then.context.reasons.len() == now.reasons.len()
        && then.context.reasons.iter().zip(&now.reasons).all(|(then, now)| then.is_same(now));
    let same = then.decision == decision.is_permit()
        && same_reasons
        && then.context.delivered == now.delivered
        && then.context.whole_document == now.whole_document;
    match same {
        true => Ok(Replay::Same),
        false => Ok(Replay::Differs { permitted: decision.is_permit(), reasons: decision.reasons }),
    }
}

/// The decision on what a record says. What the organisation's own decision point answered is taken from there too: it
/// is not asked again.
fn again(record: &DecisionRecord, compiled: &Arc<CompiledAgreement>) -> Result<Decision, Incompatibility> {
    let place = place(record, &compiled.agreement)?;
    let asked = &record.body.request.context;
    let absent = |what| Incompatibility::NotInDocument { what };
    let facts = Facts {
        operation: place.operation(&compiled.agreement).map(|operation| operation.name.clone()),
        parameters: record.body.request.action.properties.parameters.clone(),
        elements: asked.elements.clone(),
        stage: asked.stage.ok_or(absent("no stage"))?,
        leases: Leases { volume: asked.volume_held, per_person: asked.person_held },
    };
    let context = Context {
        now: record.timestamp,
        agreement: asked.agreement,
        purpose: asked.purpose.clone(),
        activity: asked.activity.clone(),
        algorithm: asked.algorithm.clone(),
        on_behalf_of: asked.on_behalf_of.clone(),
        claims: Claims { assurance: asked.assurance, human: asked.human_in_the_loop },
        elements: BTreeSet::new(),
    };
    let decision = weigh(compiled, place, facts, &context);
    let answered = record.body.information.as_ref().and_then(|heard| heard.decision_point.refusal());
    Ok(match answered.filter(|_| decision.is_permit()) {
        Some(code) => Decision {
            outcome: Outcome::Deny,
            reasons: vec![Reason::new(code)],
            obligations: None,
            ..decision
        },
        None => decision,
    })
}

/// The decision that follows when the place about a person, on which a permit counted, turned out not to be there when it
/// was to be written down: decision and record of a deny.
///
/// # Errors
/// [`Incompatibility`], when the record is not one of a decision under this agreement.
pub fn without_place(
    record: &DecisionRecord,
    obligations: &Obligations,
) -> Result<(Decision, DecisionRecord), Incompatibility> {
    let mut record = record.clone();
    record.body.request.context.person_held = false;
    let decision = again(&record, obligations.compiled())?;
    record.body.response =
        RecordedResponse { decision: decision.is_permit(), context: ResponseContext::of(&decision) };
    Ok((decision, record))
}

/// Where in the document the record's decision stands.
fn place(record: &DecisionRecord, agreement: &Agreement) -> Result<Place, Incompatibility> {
    let absent = |what| Incompatibility::NotInDocument { what };
    let request = &record.body.request;
    let name = request.action.properties.clause.as_ref().ok_or(absent("no clause"))?;
    let service = &request.resource.properties.service;
    let mut clauses = agreement.clauses.iter().enumerate();
    let (clause, agreed) = clauses
        .find(|(_, clause)| clause.name == *name && clause.service == *service)
        .ok_or(absent("a clause on a service"))?;
    let who = &request.subject.properties.participant;
    let receiver =
        agreed.receivers.iter().position(|one| one.participant == *who).ok_or(absent("a receiver"))?;
    let operation = match request.action.name.as_str() {
        UNKNOWN_OPERATION => None,
        name => {
            let is = |operation: &EntryName| operation.as_str() == name;
            let found = agreed.operations.iter().position(|operation| is(&operation.name));
            Some(found.ok_or(absent("an operation"))?)
        }
    };
    Ok(Place { clause, operation, receiver })
}

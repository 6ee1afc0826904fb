//! Deciding on an exchange and recording the decision before anything of it moves.

use verbond_agreement::{AgreementId, EntryName, Stage};
use verbond_domain::{
    ApplicationName, ClassDeclaration, ParticipantId, Problem, ServiceClass, ServiceReference, Timestamp,
    TransactionId,
};
use verbond_journal::{AppendError, Entry, EntryId, Journal, Permit, RefusedExchange};
use verbond_policy::{Call, Context, DecisionRecord, DecisionRequest, Leases, Obligations, Subject, Trace};

use crate::snapshot::Snapshot;

/// Purpose that stands in for none: no ground carries it, so that nothing is permitted for it.
const UNSTATED: &str = "unstated";

/// Why an exchange may take place. There is one way to get it: [`decide`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ground(GroundKind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GroundKind {
    /// A steward has declared that the service holds no personal or confidential data.
    OpenService,
    /// An agreement in force, which the decision names.
    Agreement,
}

/// What is asked, by whom, of whom.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// Who asks.
    pub consumer: &'a ParticipantId,
    /// On whose behalf, if not its own.
    pub on_behalf_of: Option<&'a ParticipantId>,
    /// The consumer's application, where it is known: at its own outway.
    pub application: Option<&'a ApplicationName>,
    /// Of which service.
    pub service: ServiceReference,
    /// Method, path and query, as they came in.
    pub call: Call<'a>,
    /// The agreement that the request names.
    pub agreement: Option<AgreementId>,
    /// The purpose that the request names.
    pub purpose: Option<EntryName>,
    /// The exchange.
    pub transaction_id: TransactionId,
    /// Where in a trace the decision stands.
    pub trace: Trace,
    /// The moment.
    pub now: Timestamp,
}

/// A yes, with what it rests on and what it obliges to.
#[derive(Clone, Debug)]
pub struct Permission {
    /// Why.
    pub ground: Ground,
    /// The decision, to be written down with the permit; `None` for an open service.
    pub decision: Option<DecisionRecord>,
    /// What may be delivered, and how.
    pub obligations: Option<Obligations>,
}

/// A no.
#[derive(Clone, Debug)]
pub struct Denial {
    /// What the caller is told.
    pub problem: Problem,
    /// The decision, to be written down with the refusal, if one was taken.
    pub decision: Option<DecisionRecord>,
}

/// Decides on the class of the service, as declared by the deciding side's own steward, and on the agreements in force.
/// A governed service answers only under one. Undeclared is governed.
///
/// # Errors
/// [`Denial`], with the clause that decided where there is one.
pub fn decide(
    declaration: Option<&ClassDeclaration>,
    snapshot: &Snapshot,
    question: Question<'_>,
) -> Result<Permission, Box<Denial>> {
    if declaration.is_some_and(|declaration| declaration.class == ServiceClass::Open) {
        return Ok(Permission { ground: Ground(GroundKind::OpenService), decision: None, obligations: None });
    }
    let request = DecisionRequest {
        subject: Subject {
            participant: question.consumer.clone(),
            application: question.application.cloned(),
        },
        call: question.call,
        context: Context {
            now: question.now,
            agreement: question.agreement,
            purpose: purpose(snapshot, &question),
            activity: None,
            algorithm: None,
            on_behalf_of: question.on_behalf_of.cloned(),
            elements: Default::default(),
        },
        resource: question.service,
    };
    // Nobody counts yet: where an agreement limits how often, nothing is permitted under it.
    let decision = snapshot.policies.decide(&request, |_| Leases::default());
    let record = DecisionRecord::new(&request, &decision, question.trace, Some(question.transaction_id));
    match decision.problem() {
        None => Ok(Permission {
            ground: Ground(GroundKind::Agreement),
            decision: Some(record),
            obligations: decision.obligations,
        }),
        Some(problem) => Err(Box::new(Denial { problem, decision: Some(record) })),
    }
}

/// The purpose that the request names; else that of the clause under which the consumer receives from the service, if
/// there is no doubt which.
fn purpose(snapshot: &Snapshot, question: &Question<'_>) -> EntryName {
    if let Some(purpose) = &question.purpose {
        return purpose.clone();
    }
    let versions = snapshot.agreements.values().flatten();
    let in_force = versions.filter(|version| version.life.is_in_force(question.now));
    let clauses = in_force.flat_map(|version| &version.document.clauses).filter(|clause| {
        clause.service == question.service
            && clause.receivers.iter().any(|receiver| receiver.participant == *question.consumer)
    });
    let mut purposes: Vec<&EntryName> = clauses.map(|clause| &clause.purpose).collect();
    purposes.sort();
    purposes.dedup();
    match purposes.as_slice() {
        [purpose] => (*purpose).clone(),
        _ => UNSTATED.parse().unwrap_or_else(|_| unreachable!("a name by its alphabet")),
    }
}

/// Whether what was permitted under a version may go on: until it is held up or ended. A version that a later one has
/// taken the place of lets what runs under it end.
pub fn may_go_on(snapshot: &Snapshot, decision: &DecisionRecord, now: Timestamp) -> bool {
    let Some(policies) = &decision.attributes.policies else { return true };
    let hash = policies.agreement.hash.to_string();
    let versions = snapshot.agreements.get(&policies.agreement.id).into_iter().flatten();
    versions
        .filter(|version| version.hash == hash)
        .any(|version| matches!(version.stage(now), Stage::Signed | Stage::Replaced))
}

/// Proof that the permit of one exchange is durable. What forwards asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Permitted {
    entry: EntryId,
    transaction_id: TransactionId,
}

impl Permitted {
    /// The journal entry that holds the permit.
    pub const fn entry(&self) -> EntryId {
        self.entry
    }

    /// The exchange.
    pub const fn transaction_id(&self) -> TransactionId {
        self.transaction_id
    }
}

/// Writes decisions on exchanges to the journal.
#[derive(Clone)]
pub struct Exchanges {
    journal: Journal,
}

impl Exchanges {
    /// On this journal.
    pub const fn new(journal: Journal) -> Self {
        Self { journal }
    }

    /// Writes the permit and returns when it is durable. What could not be written comes back, so that the refusal that
    /// follows can say what it was about.
    pub async fn permit(
        &self,
        _ground: Ground,
        permit: Permit,
    ) -> Result<Permitted, Box<(AppendError, Permit)>> {
        let transaction_id = permit.transaction_id;
        let entry = Entry::Permit(permit);
        match (self.journal.append(&entry).await, entry) {
            (Ok(entry), _) => Ok(Permitted { entry, transaction_id }),
            (Err(error), Entry::Permit(permit)) => Err(Box::new((error, permit))),
            (Err(_), Entry::Refusal(_) | Entry::Act(_)) => unreachable!("the entry is the permit from above"),
        }
    }

    /// Writes a refusal of a caller who is known.
    pub async fn refuse(&self, refusal: RefusedExchange) -> Result<EntryId, AppendError> {
        self.journal.append(&Entry::Refusal(refusal)).await
    }
}

#[cfg(test)]
mod tests {
    use verbond_domain::{Actor, Timestamp};

    use super::*;

    fn declared(class: ServiceClass) -> ClassDeclaration {
        ClassDeclaration {
            class,
            steward: "A. Steward".to_owned(),
            reason: "synthetic".to_owned(),
            declared_at: Timestamp::from_millis(0),
            declared_by: Actor::Operator,
        }
    }

    #[test]
    fn only_what_a_steward_has_declared_open_answers_without_an_agreement()
    -> Result<(), Box<dyn std::error::Error>> {
        let (consumer, provider): (ParticipantId, ParticipantId) =
            ("oin:00000099000000010000".parse()?, "oin:00000099000000020000".parse()?);
        let question = Question {
            consumer: &consumer,
            on_behalf_of: None,
            application: None,
            service: ServiceReference { provider, name: "incomes".parse()? },
            call: Call { method: "GET", path: "/incomes/1", query: None },
            agreement: None,
            purpose: None,
            transaction_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse()?,
            trace: Trace {
                trace_id: verbond_policy::TraceId([1; 16]),
                span_id: verbond_policy::SpanId([1; 8]),
                parent_span_id: None,
            },
            now: Timestamp::from_seconds(1_800_000_000),
        };
        let open = decide(Some(&declared(ServiceClass::Open)), &Snapshot::empty(1), question.clone());
        assert!(open.is_ok_and(|permission| permission.decision.is_none()));
        for declaration in [Some(declared(ServiceClass::Governed)), None] {
            let refused = decide(declaration.as_ref(), &Snapshot::empty(1), question.clone());
            let refused =
                refused.map(|_| ()).map_err(|denial| (denial.problem.code, denial.decision.is_some()));
            assert_eq!(refused, Err(("AGREEMENT_MISSING", true)));
        }
        Ok(())
    }
}

//! Deciding on an exchange and recording the decision before anything of it moves.

use std::sync::Arc;

use verbond_agreement::{AgreementId, ClauseName, EntryName, Stage};
use verbond_domain::{
    Ambient, ApplicationName, ClassDeclaration, Direction, ParticipantId, Problem, RecordsBy, ServiceClass,
    ServiceReference, Timestamp, TransactionId,
};
use verbond_fail_points::fail_point;
use verbond_journal::{AppendError, Entry, EntryId, Journal, OwedPermit, Permit, RefusedExchange};
use verbond_policy::{
    Call, Claims, Context, Decision, DecisionRecord, DecisionRequest, Leases, Obligations, PointAnswer,
    Reason, ReasonCode, Subject, Trace, without_place,
};

use crate::{
    counterparts::contradicted,
    handed_in::{Owed, OwedRules, OwedStore, RecordHandedIn},
    limits::{Found, Held, LimitKey, Limits, Shortage, Taken, VolumePlace, person_unknown},
    processing::{Action, Recorder},
    snapshot::Snapshot,
};

/// Purpose that stands in for none: no ground carries it, so that nothing is permitted for it.
const UNSTATED: &str = "unstated";

/// Why an exchange may take place. There is one way to get it: [`Exchanges::decide`].
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
    /// What the request says of itself.
    pub stated: Stated,
    /// The exchange.
    pub transaction_id: TransactionId,
    /// Where in a trace the decision stands.
    pub trace: Trace,
    /// The moment.
    pub now: Timestamp,
    /// Who writes this party's processing records of it.
    pub records: RecordsBy,
}

/// What the consumer says of a request. Whoever says it answers for it; both parties write it down with their decisions.
#[derive(Clone, Debug, Default)]
pub struct Stated {
    /// Under which agreement.
    pub agreement: Option<AgreementId>,
    /// For which purpose.
    pub purpose: Option<EntryName>,
    /// In which of its processing activities.
    pub activity: Option<EntryName>,
    /// By which algorithm the answer is used.
    pub algorithm: Option<EntryName>,
    /// What a clause can ask it to claim.
    pub claims: Claims,
}

/// A yes, with what it rests on and what it obliges to.
#[derive(Debug)]
pub struct Permission {
    /// Why.
    pub ground: Ground,
    /// The decision, to be written down with the permit; `None` for an open service.
    pub decision: Option<Arc<DecisionRecord>>,
    /// What may be delivered, and how.
    pub obligations: Option<Obligations>,
    /// Places within limits, for [`Exchanges::permit`].
    pub held: Held,
    /// What is recorded of the processing; `None` for an open service, and where nothing is personal.
    pub action: Option<Arc<Action>>,
}

impl Permission {
    /// Takes in what the organisation's own decision point answered about what is permitted here. Its deny counts, and so
    /// does it that it gave no answer; its permit adds nothing but its place in the record.
    ///
    /// # Errors
    /// [`Denial`], with the point's reason for whoever asked if that may be passed on.
    pub fn answered_by(mut self, answer: PointAnswer, pass_reason: bool) -> Result<Self, Box<Denial>> {
        let refusal = answer.problem(pass_reason);
        let decision = self.decision.take().map(|record| Arc::unwrap_or_clone(record).answered_by(answer));
        match refusal {
            Some(problem) => Err(Box::new(Denial { problem, decision })),
            None => Ok(Self { decision: decision.map(Arc::new), ..self }),
        }
    }
}

/// A no.
#[derive(Clone, Debug)]
pub struct Denial {
    /// What the caller is told.
    pub problem: Problem,
    /// The decision, to be written down with the refusal, if one was taken.
    pub decision: Option<DecisionRecord>,
}

/// Asks policy, with what can be had of places at this moment, or was waited for before.
fn ask(
    limits: &Arc<Limits>,
    direction: Direction,
    snapshot: &Snapshot,
    request: &DecisionRequest<'_>,
    waited: &mut Vec<(LimitKey, VolumePlace)>,
) -> (Decision, Found) {
    let mut all: Vec<(AgreementId, ClauseName, Found)> = Vec::new();
    let decision = snapshot.policies.decide(request, |candidate| {
        let Some(clause) = candidate.clause() else { return Leases::default() };
        let mut found = limits.look(candidate, direction, request.context.now);
        let waited_for = found.wanted.as_ref().and_then(|(key, _)| {
            let place = waited.iter().position(|(waited, _)| waited == key)?;
            Some(waited.swap_remove(place).1)
        });
        if let Some(place) = waited_for {
            found.hold(place);
        }
        let leases = found.leases(clause);
        all.push((candidate.agreement(), clause.name.clone(), found));
        leases
    });
    // What was taken under other clauses goes back here.
    let basis = decision.basis.as_ref();
    let decided = all.into_iter().find(|(agreement, clause, _)| {
        basis.is_some_and(|basis| basis.agreement == *agreement && basis.clause == *clause)
    });
    (decision, decided.map(|(_, _, found)| found).unwrap_or_default())
}

/// The refusal that a decision comes to. Where a limit decided, it says which one, and until when.
fn denial(
    mut decision: Decision,
    mut record: DecisionRecord,
    shortages: &[Shortage],
    (snapshot, now): (Option<&Snapshot>, Timestamp),
) -> Box<Denial> {
    let mut next = None;
    for reason in &mut decision.reasons {
        let of_reason = shortages.iter().find(|shortage| shortage.code() == reason.code);
        if let Some(problem) = of_reason.map(|shortage| shortage.problem()) {
            (reason.nl, reason.en) = (problem.detail.nl, problem.detail.en);
            next = next.or(Some((problem.status, problem.next)));
        }
    }
    record.body.response.context.reasons.clone_from(&decision.reasons);
    let problem = decision.problem().map(|problem| match next {
        Some((status, next)) => Problem { status, next, ..problem },
        None => problem,
    });
    let problem = problem.map(|problem| {
        let short = shortages.iter().find(|shortage| shortage.code().as_str() == problem.code);
        let opens = || snapshot.and_then(|snapshot| opens(snapshot, &decision, now));
        match short {
            Some(shortage) => shortage.timed(problem, now),
            None if problem.code == ReasonCode::OutsideTimeWindow.as_str() => match opens() {
                Some(moment) => problem.retry_from(moment, now),
                None => problem,
            },
            None => problem,
        }
    });
    // A decision that is a deny has a reason.
    let problem = problem.unwrap_or_else(|| Reason::new(ReasonCode::DecisionFailed).problem(None));
    Box::new(Denial { problem, decision: Some(record) })
}

/// When the clause that decided permits exchanges again, by its days and hours.
fn opens(snapshot: &Snapshot, decision: &Decision, now: Timestamp) -> Option<Timestamp> {
    let basis = decision.basis.as_ref()?;
    let mut versions = snapshot.agreements.get(&basis.agreement).iter();
    let version = versions.find(|version| basis.hash.is_written(&version.hash))?;
    let clause = version.document.clauses.iter().find(|clause| clause.name == basis.clause)?;
    clause.conditions.time.as_ref()?.opens(now)
}

/// The purpose that the request names; else that of the clause under which the consumer receives from the service, if
/// there is no doubt which.
fn purpose(snapshot: &Snapshot, question: &Question<'_>) -> EntryName {
    if let Some(purpose) = &question.stated.purpose {
        return purpose.clone();
    }
    let purpose = snapshot.policies.purpose(question.consumer, &question.service, question.now).cloned();
    purpose.unwrap_or_else(|| UNSTATED.parse().unwrap_or_else(|_| unreachable!("a name by its alphabet")))
}

/// Whether what was permitted under a version may go on: until it is held up or ended. A version that a later one has
/// taken the place of lets what runs under it end.
pub fn may_go_on(snapshot: &Snapshot, decision: &DecisionRecord, now: Timestamp) -> bool {
    let Some(policies) = &decision.attributes.policies else { return true };
    let versions = snapshot.agreements.get(&policies.agreement.id).iter();
    versions
        .filter(|version| policies.agreement.hash.is_written(&version.hash))
        .any(|version| matches!(version.stage(now), Stage::Signed | Stage::Replaced))
}

/// Proof that the permit of one exchange is durable. What forwards asks for it.
pub struct Permitted {
    entry: EntryId,
    transaction_id: TransactionId,
    /// Places about persons that the exchange took, as long as it has come to no answer.
    taken: Arc<Taken>,
    /// What its application owes, and where that is noted.
    owed: Option<(Arc<dyn OwedStore>, Arc<OwedPermit>)>,
}

impl std::fmt::Debug for Permitted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Permitted({:?})", self.entry)
    }
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

    pub(crate) fn taken(&self) -> Arc<Taken> {
        Arc::clone(&self.taken)
    }

    pub(crate) fn owed(&self) -> Option<(Arc<dyn OwedStore>, Arc<OwedPermit>)> {
        self.owed.clone()
    }

    /// The exchange comes to an answer, so that it counts. To be said before a byte of it is released.
    pub fn answered(&mut self) {
        self.taken.take();
    }

    /// The exchange came to no answer: what was asked about persons may be asked again.
    pub async fn unanswered(self) {
        self.taken.give_back(self.taken.take()).await;
    }
}

impl Drop for Permitted {
    /// Whoever goes away before there is an answer may ask again too.
    fn drop(&mut self) {
        let places = self.taken.take();
        if !places.is_empty()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let taken = Arc::clone(&self.taken);
            runtime.spawn(async move { taken.give_back(places).await });
        }
    }
}

/// Why there is no permit.
#[derive(Debug)]
pub enum NotPermitted {
    /// The journal did not take it. The permit comes back, so that the refusal that follows can say what it was about.
    NotWritten(AppendError, Permit),
    /// A limit per person turned out to have no place left: the decision that stands is a deny.
    Denied(Box<Denial>, Permit),
}

/// Decides on exchanges, and writes decisions to the journal.
#[derive(Clone)]
pub struct Exchanges {
    journal: Journal,
    limits: Arc<Limits>,
    owed: Owed,
    ambient: Ambient,
    stops_on_contradiction: bool,
}

impl Exchanges {
    /// On this journal, within these limits; what applications owe is noted in this store.
    pub fn new(
        journal: Journal,
        limits: Arc<Limits>,
        (store, rules): (Arc<dyn OwedStore>, OwedRules),
        ambient: Ambient,
    ) -> Self {
        Self { journal, limits, owed: Owed { store, rules }, ambient, stops_on_contradiction: false }
    }

    /// Writes a processing record that the application of an exchange hands in, and returns when it is durable.
    ///
    /// # Errors
    /// As [`crate::handed_in`] has them: whose exchange it is not, who does not owe it, what does not fit, what stands already,
    /// what cannot be written.
    pub async fn take_in(
        &self,
        application: &ApplicationName,
        transaction: TransactionId,
        record: RecordHandedIn,
    ) -> Result<EntryId, Problem> {
        self.owed.take_in((&self.journal, &self.limits), application, transaction, record).await
    }

    /// Whether to exchange nothing with a participant whose journal tells two histories, until a steward has done the task about it.
    #[must_use]
    pub const fn stopping_on_contradiction(mut self, stops: bool) -> Self {
        self.stops_on_contradiction = stops;
        self
    }

    /// Writes down whom the answer to a permitted exchange names; `None`: nobody is looked for in it.
    pub fn recorder(
        &self,
        action: Option<&Arc<Action>>,
        permitted: &Permitted,
        direction: Direction,
        counterpart: ParticipantId,
    ) -> Option<Recorder> {
        let action = Arc::clone(action.filter(|action| action.looks_in_answer())?);
        Some(Recorder::new(self.journal.clone(), action, permitted, direction, counterpart))
    }

    /// Decides on the class of the service, as declared by the deciding side's own steward, and on the agreements in
    /// force. A governed service answers only under one. Undeclared is governed.
    ///
    /// Waits only where an agreement limits the volume and this process holds nothing of it: for a block of it, once, a
    /// second at most.
    ///
    /// # Errors
    /// [`Denial`], with the clause that decided where there is one.
    pub async fn decide(
        &self,
        direction: Direction,
        declaration: Option<&ClassDeclaration>,
        snapshot: &Snapshot,
        question: Question<'_>,
    ) -> Result<Permission, Box<Denial>> {
        let counterpart = match direction {
            Direction::Incoming => question.consumer,
            Direction::Outgoing => &question.service.provider,
        };
        if self.stops_on_contradiction && snapshot.contradicting.contains(counterpart) {
            return Err(Box::new(Denial { problem: contradicted(), decision: None }));
        }
        if declaration.is_some_and(|declaration| declaration.class == ServiceClass::Open) {
            return Ok(Permission {
                ground: Ground(GroundKind::OpenService),
                decision: None,
                obligations: None,
                held: Held::default(),
                action: None,
            });
        }
        let request = DecisionRequest {
            subject: Subject {
                participant: question.consumer.clone(),
                application: question.application.cloned(),
            },
            call: question.call,
            context: Context {
                now: question.now,
                agreement: question.stated.agreement,
                purpose: purpose(snapshot, &question),
                activity: question.stated.activity.clone(),
                algorithm: question.stated.algorithm.clone(),
                on_behalf_of: question.on_behalf_of.cloned(),
                claims: question.stated.claims,
                elements: Default::default(),
            },
            resource: question.service,
        };
        let mut waited = Vec::new();
        let (mut decision, mut found) = ask(&self.limits, direction, snapshot, &request, &mut waited);
        let wants = decision.reasons.iter().any(|reason| reason.code == ReasonCode::VolumeExhausted);
        if let Some((key, most)) = found.wanted.take().filter(|_| wants) {
            fail_point!("exchange::wait-for-volume");
            match self.limits.wait_for(&key, most).await {
                Ok(place) => {
                    waited.push((key, place));
                    (decision, found) = ask(&self.limits, direction, snapshot, &request, &mut waited);
                }
                Err(shortage) => found.shortages = vec![shortage],
            }
        }
        let record = DecisionRecord::new(&request, &decision, question.trace, Some(question.transaction_id));
        let is_permit = decision.is_permit();
        let Some(obligations) = decision.obligations.take().filter(|_| is_permit) else {
            let seen = (Some(snapshot), question.now);
            return Err(denial(decision, record, &found.shortages, seen));
        };
        let due = (question.records == RecordsBy::Application).then(|| self.owed.due(question.now));
        let (limits, trace) = (&self.limits, question.trace);
        match Action::of(limits, &self.ambient, direction, &obligations, &request, trace, due) {
            // Nobody would look for whom the answer names, so that nobody would count them.
            Ok(None) if found.held.in_answer.is_some() => {
                Err(Box::new(Denial { problem: person_unknown(), decision: Some(record) }))
            }
            Ok(action) => {
                let counted = found.held.in_answer.take();
                Ok(Permission {
                    ground: Ground(GroundKind::Agreement),
                    decision: Some(Arc::new(record)),
                    obligations: Some(obligations),
                    held: found.held,
                    action: action.map(|action| Arc::new(action.counting(counted))),
                })
            }
            Err(unrecordable) => {
                Err(Box::new(Denial { problem: unrecordable.problem(), decision: Some(record) }))
            }
        }
    }

    /// Writes the permit, together with the places within limits that it takes, and returns when it is durable.
    ///
    /// # Errors
    /// [`NotPermitted`]; nothing may be forwarded then.
    pub async fn permit(
        &self,
        permission: Permission,
        permit: Permit,
    ) -> Result<Permitted, Box<NotPermitted>> {
        let Permission { decision, obligations, mut held, .. } = permission;
        let transaction_id = permit.transaction_id;
        let places = std::mem::take(&mut held.places);
        let owing = self.owed.noted(&permit);
        let entry = Entry::Permit(permit);
        let appended = self.journal.append_within(&entry, places.clone(), owing.clone()).await;
        fail_point!("exchange::permit-written");
        let is_not_there = |error: &AppendError| !matches!(error, AppendError::Unavailable(_));
        if !appended.as_ref().is_err_and(is_not_there) {
            // Also when it is not known whether the permit stands: it may.
            held.used();
        }
        let Entry::Permit(permit) = entry else { unreachable!("the entry is the permit from above") };
        match appended {
            Ok(entry) => {
                let taken = Taken::new(&self.limits);
                taken.add(entry, places);
                let owed = owing.map(|owing| (Arc::clone(&self.owed.store), Arc::new(owing)));
                Ok(Permitted { entry, transaction_id, taken, owed })
            }
            Err(AppendError::LimitReached) => {
                let until = places.iter().map(|place| place.period_end).max();
                let until = until.map(Shortage::PersonReached);
                let again = decision.zip(obligations).and_then(|(record, obligations)| {
                    without_place(&record, &obligations).ok().filter(|(decision, _)| !decision.is_permit())
                });
                match again {
                    Some((decision, record)) => {
                        let denied = denial(decision, record, until.as_slice(), (None, self.ambient.now()));
                        Err(Box::new(NotPermitted::Denied(denied, permit)))
                    }
                    None => Err(Box::new(NotPermitted::NotWritten(AppendError::LimitReached, permit))),
                }
            }
            Err(error) => Err(Box::new(NotPermitted::NotWritten(error, permit))),
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
    use verbond_trust::WrappingKey;

    use super::*;

    async fn exchanges(directory: &std::path::Path) -> Result<Exchanges, Box<dyn std::error::Error>> {
        let limits =
            verbond_journal::JournalLimits { queue: 1, batch: 1, timeout: std::time::Duration::from_secs(1) };
        let still: Arc<Still> = Arc::new(Still);
        let ambient = Ambient::new(Arc::<Still>::clone(&still), still);
        let database = verbond_store::DatabaseUrl::Sqlite(directory.join("db"));
        let key = |_| WrappingKey::read(&WrappingKey::first(&ambient)).map_err(|error| error.to_string());
        let store = verbond_store::Store::open(&database, key, &ambient).await?;
        let journal = Journal::start(Arc::new(store.clone()), ambient.clone(), limits);
        let owed: (Arc<dyn OwedStore>, _) =
            (Arc::new(store.clone()), OwedRules { within_seconds: 60, most: 1 });
        Ok(Exchanges::new(journal, Limits::new(Arc::new(store)), owed, ambient))
    }

    struct Still;

    impl verbond_domain::Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(1_800_000_000)
        }
    }

    impl verbond_domain::Entropy for Still {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    fn declared(class: ServiceClass) -> ClassDeclaration {
        ClassDeclaration {
            class,
            steward: "A. Steward".to_owned(),
            reason: "synthetic".to_owned(),
            declared_at: Timestamp::from_millis(0),
            declared_by: Actor::Operator,
        }
    }

    #[tokio::test]
    async fn only_what_a_steward_has_declared_open_answers_without_an_agreement()
    -> Result<(), Box<dyn std::error::Error>> {
        let (consumer, provider): (ParticipantId, ParticipantId) =
            ("oin:00000099000000010000".parse()?, "oin:00000099000000020000".parse()?);
        let question = Question {
            consumer: &consumer,
            on_behalf_of: None,
            application: None,
            service: ServiceReference { provider, name: "incomes".parse()? },
            call: Call { method: "GET", path: "/incomes/1", query: None },
            stated: Stated::default(),
            transaction_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse()?,
            trace: Trace {
                trace_id: verbond_policy::TraceId([1; 16]),
                span_id: verbond_policy::SpanId([1; 8]),
                parent_span_id: None,
            },
            now: Timestamp::from_seconds(1_800_000_000),
            records: RecordsBy::Outway,
        };
        let directory = tempfile::tempdir()?;
        let exchanges = exchanges(directory.path()).await?;
        let decide = async |declaration: Option<ClassDeclaration>| {
            let snapshot = Snapshot::empty(1);
            exchanges.decide(Direction::Incoming, declaration.as_ref(), &snapshot, question.clone()).await
        };
        let open = decide(Some(declared(ServiceClass::Open))).await;
        assert!(open.is_ok_and(|permission| permission.decision.is_none()));
        for declaration in [Some(declared(ServiceClass::Governed)), None] {
            let refused = decide(declaration).await;
            let refused =
                refused.map(|_| ()).map_err(|denial| (denial.problem.code, denial.decision.is_some()));
            assert_eq!(refused, Err(("AGREEMENT_MISSING", true)));
        }
        Ok(())
    }
}

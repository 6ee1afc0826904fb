//! Processing records of an exchange: of the action, and of each data subject.
//!
//! Whom the request names is recorded in the same append as the permit; whom only the answer names, before the bytes about them
//! leave. An action about one person has one record; about more, one of its own and one for each, below it.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use verbond_agreement::{IdentifierKind, PersonPlace, plan::Projected};
use verbond_domain::{Ambient, Direction, ParticipantId, Problem, Timestamp, TransactionId};
use verbond_fail_points::fail_point;
use verbond_journal::{
    AppendError, Entry, EntryId, Journal, OwedPermit, OwedRecords, Place, Processing, ProcessingAttributes,
    ProcessingRecord, ProcessingStatus,
};
use verbond_policy::{DecisionRequest, Obligations, SpanId, Trace};

use crate::{
    exchange::Permitted,
    handed_in::{OwedStore, no_span},
    limits::{InAnswer, Limits, Taken, kind},
};

/// Records that are handed to the journal together.
const TOGETHER: usize = 256;

/// What the records of one exchange have in common.
#[derive(Clone, Debug)]
pub struct Action {
    limits: Arc<Limits>,
    ambient: Ambient,
    /// The record of the action: about whom the request names, or about nobody in particular.
    record: Arc<ProcessingRecord>,
    /// Records of those whom the request names, if they are more than one.
    parts: Vec<Arc<ProcessingRecord>>,
    /// The record of the action is about somebody.
    is_about: bool,
    /// What the application is to write, where it does.
    owed: Option<OwedRecords>,
    /// Somebody is looked for, in the request or in the answer.
    looks_for_people: bool,
    /// By what the answer names people, in the order of the projection's subjects.
    in_answer: Vec<IdentifierKind>,
    /// How they are counted, where a limit per person stands.
    counted: Option<InAnswer>,
}

/// What is written down of somebody whom an answer names.
#[derive(Clone, Debug)]
pub struct Named {
    /// The record of their processing.
    pub record: ProcessingRecord,
    /// The place within a limit that they take.
    place: Option<Place>,
}

/// Why it cannot be recorded, so that nothing may be processed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unrecordable {
    /// There are no keys for pseudonyms.
    NoKeys,
    /// The application is to write the record, and has not said of which span.
    NoSpan,
    /// People stand in a document that is given whole, where nobody can be found.
    NotFindable,
}

impl Unrecordable {
    pub(crate) fn problem(self) -> Problem {
        match self {
            Self::NoKeys => no_keys(),
            Self::NoSpan => no_span(),
            Self::NotFindable => not_findable(),
        }
    }
}

impl Action {
    /// Of an exchange that is permitted under an agreement; `due`: its application writes the records, by that moment. `None`: the
    /// party has no activity for it, since nothing of it is personal.
    pub(crate) fn of(
        limits: &Arc<Limits>,
        ambient: &Ambient,
        direction: Direction,
        obligations: &Obligations,
        request: &DecisionRequest<'_>,
        trace: Trace,
        due: Option<Timestamp>,
    ) -> Result<Option<Self>, Unrecordable> {
        let (caller, projected) = match direction {
            Direction::Incoming => (obligations.activity(Direction::Outgoing), Projected::Source),
            Direction::Outgoing => (None, Projected::Answer),
        };
        let own = obligations.activity(direction);
        let (Some(own), Some(operation)) = (own, obligations.operation()) else { return Ok(None) };
        let in_some_answer =
            operation.people.iter().any(|person| matches!(person.at, PersonPlace::Response { .. }));
        if obligations.whole_document() && in_some_answer {
            return Err(Unrecordable::NotFindable);
        }
        let now = request.context.now.millis();
        // The span of an application that writes the record itself is the one that its request names.
        let (span, parent) = match due {
            None => (trace.span_id, trace.parent_span_id),
            Some(_) => (trace.parent_span_id.ok_or(Unrecordable::NoSpan)?, None),
        };
        let mut record = ProcessingRecord {
            trace_id: trace.trace_id.to_string(),
            span_id: span.to_string(),
            parent_span_id: parent.map(|parent| parent.to_string()),
            status: ProcessingStatus::Unset,
            name: [request.resource.name.as_str(), ": ", operation.name.as_str()].concat(),
            start_time: now,
            end_time: now,
            attributes: ProcessingAttributes {
                activity: (&own.url).into(),
                data_subject: None,
                data_subject_type: None,
                foreign_processor: caller.map(|caller| (&caller.url).into()),
            },
        };
        let people = obligations.people(request.call);
        let named =
            people.iter().map(|person| subject(limits, request.context.now, person.kind, &person.number));
        let mut named: Vec<Subject> = named.collect::<Option<_>>().ok_or(Unrecordable::NoKeys)?;
        named.sort();
        named.dedup();
        let in_answer: Vec<_> =
            operation.people_in_answers(projected).map(|(_, identifies)| identifies).collect();
        if !in_answer.is_empty() && !limits.has_keys() {
            return Err(Unrecordable::NoKeys);
        }
        let owed = due.map(|due| OwedRecords {
            trace_id: record.trace_id.clone(),
            span_id: record.span_id.clone(),
            activity: record.attributes.activity.clone(),
            data_subjects: named.iter().map(|one| one.pseudonym.clone()).collect(),
            since: request.context.now,
            due,
        });
        let parts = match named.as_slice() {
            [one] => {
                one.put(&mut record.attributes);
                Vec::new()
            }
            several => {
                several.iter().map(|one| below(&record, one, request.context.now, ambient).into()).collect()
            }
        };
        let is_about = !named.is_empty();
        let in_request =
            operation.people.iter().any(|person| matches!(person.at, PersonPlace::Parameter { .. }));
        let looks_for_people = in_request || !in_answer.is_empty();
        Ok(Some(Self {
            limits: Arc::clone(limits),
            ambient: ambient.clone(),
            record: Arc::new(record),
            parts,
            is_about,
            owed,
            looks_for_people,
            in_answer,
            counted: None,
        }))
    }

    /// The same, with those whom the answer names counted so.
    pub(crate) fn counting(self, counted: Option<InAnswer>) -> Self {
        Self { counted, ..self }
    }

    /// Until when the number of questions lasts that is agreed about one person; `None`: there is no limit.
    pub fn limit_until(&self) -> Option<Timestamp> {
        self.counted.as_ref().map(|counted| counted.end)
    }

    /// What is written together with the permit; nothing where the application writes it.
    pub fn known(&self) -> Vec<Arc<ProcessingRecord>> {
        match self.owed {
            Some(_) => Vec::new(),
            None => std::iter::once(&self.record).chain(&self.parts).cloned().collect(),
        }
    }

    /// What the application is to write, where it does and not the node.
    pub const fn owed(&self) -> Option<&OwedRecords> {
        self.owed.as_ref()
    }

    /// Whether the request says about whom the exchange is.
    pub const fn is_about(&self) -> bool {
        self.is_about
    }

    /// How many people are recorded with the permit; `None`: nobody is looked for, neither in the request nor in the answer.
    pub fn named(&self) -> Option<u64> {
        let named = if self.parts.is_empty() { usize::from(self.is_about) } else { self.parts.len() };
        self.looks_for_people.then(|| u64::try_from(named).unwrap_or(u64::MAX))
    }

    /// The moment.
    pub fn now(&self) -> Timestamp {
        self.ambient.now()
    }

    /// Whether people are looked for in the answer.
    pub fn looks_in_answer(&self) -> bool {
        !self.in_answer.is_empty()
    }

    /// What is to be written of somebody whom the answer names at one of its places.
    ///
    /// # Errors
    /// When there are no keys for pseudonyms any more.
    pub fn about(&self, place: usize, identifier: &str) -> Result<Named, AppendError> {
        let unavailable = || AppendError::Unavailable("no keys for pseudonyms".to_owned());
        let kind = *self.in_answer.get(place).ok_or_else(unavailable)?;
        let now = self.ambient.now();
        // An application's record comes at any time; the keys are those of the decision then.
        let keys_of = self.owed.as_ref().map_or(now, |owed| owed.since);
        let subject = subject(&self.limits, keys_of, kind, identifier).ok_or_else(unavailable)?;
        let place = self.counted.as_ref().map(|counted| {
            let place = self.limits.place(counted, kind, identifier);
            place.ok_or_else(unavailable)
        });
        let record = below(&self.record, &subject, now, &self.ambient);
        Ok(Named { record, place: place.transpose()? })
    }

    /// Whether the record is of somebody who was recorded with the permit.
    pub fn has(&self, record: &ProcessingRecord) -> bool {
        let whom = &record.attributes.data_subject;
        std::iter::once(&self.record).chain(&self.parts).any(|known| known.attributes.data_subject == *whom)
    }
}

/// A data subject as records know them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    pseudonym: String,
    kind: &'static str,
}

impl Subject {
    fn put(&self, attributes: &mut ProcessingAttributes) {
        attributes.data_subject = Some(self.pseudonym.clone());
        attributes.data_subject_type = Some(self.kind.to_owned());
    }
}

/// `None`: there are no keys.
fn subject(limits: &Limits, now: Timestamp, of: IdentifierKind, identifier: &str) -> Option<Subject> {
    Some(Subject { pseudonym: written(&limits.pseudonym(now, of, identifier)?)?, kind: kind(of) })
}

/// A pseudonym as records have it: `v`, the version of its key, a point, and the rest in base64url.
pub(crate) fn written(pseudonym: &[u8]) -> Option<String> {
    let (version, rest) = pseudonym.split_first_chunk::<4>()?;
    Some(format!("v{}.{}", u32::from_be_bytes(*version), URL_SAFE_NO_PAD.encode(rest)))
}

/// The record of the part of an action that is about one person.
fn below(
    action: &ProcessingRecord,
    subject: &Subject,
    now: Timestamp,
    ambient: &Ambient,
) -> ProcessingRecord {
    let mut record = ProcessingRecord {
        span_id: SpanId(ambient.random()).to_string(),
        parent_span_id: Some(action.span_id.clone()),
        end_time: now.millis(),
        ..action.clone()
    };
    subject.put(&mut record.attributes);
    record
}

/// Writes down whom the answer to one exchange names; or, where the application does, that it owes a record about them.
#[derive(Clone)]
pub struct Recorder {
    journal: Journal,
    taken: Arc<Taken>,
    owed: Option<(Arc<dyn OwedStore>, Arc<OwedPermit>)>,
    action: Arc<Action>,
    transaction_id: TransactionId,
    direction: Direction,
    counterpart: ParticipantId,
    permit: EntryId,
}

impl Recorder {
    pub(crate) fn new(
        journal: Journal,
        action: Arc<Action>,
        permitted: &Permitted,
        direction: Direction,
        counterpart: ParticipantId,
    ) -> Self {
        let (transaction_id, permit) = (permitted.transaction_id(), permitted.entry());
        let (taken, owed) = (permitted.taken(), permitted.owed());
        Self { journal, taken, owed, action, transaction_id, direction, counterpart, permit }
    }

    /// What the records have in common.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// Writes records, or that they are owed, each with the place within a limit that it takes; returns when all of it is durable.
    ///
    /// # Errors
    /// When one is not written, or somebody has no place left: nothing about these people may leave then.
    pub async fn write(self, people: Vec<Named>) -> Result<(), AppendError> {
        fail_point!("processing::write", |reason| Err(AppendError::Unavailable(reason)));
        match &self.owed {
            Some((store, owed)) => self.owe(&**store, owed, people).await?,
            None => self.append(people).await?,
        }
        fail_point!("processing::written", |reason| Err(AppendError::Unavailable(reason)));
        Ok(())
    }

    async fn owe(
        &self,
        store: &dyn OwedStore,
        owed: &OwedPermit,
        people: Vec<Named>,
    ) -> Result<(), AppendError> {
        let (records, places): (Vec<_>, Vec<_>) =
            people.into_iter().map(|Named { record, place }| (record, place)).unzip();
        let places: Vec<Place> = places.into_iter().flatten().collect();
        let whom: Vec<String> =
            records.into_iter().filter_map(|record| record.attributes.data_subject).collect();
        let noted = store.owe(self.permit, owed, &whom, &places).await;
        if !noted.map_err(|error| AppendError::Unavailable(error.to_string()))? {
            return Err(AppendError::LimitReached);
        }
        self.taken.add(self.permit, places);
        Ok(())
    }

    async fn append(&self, people: Vec<Named>) -> Result<(), AppendError> {
        let entry = |Named { record, place }| {
            let entry = Entry::Processing(Processing {
                transaction_id: self.transaction_id,
                direction: self.direction,
                counterpart: self.counterpart.clone(),
                permit: self.permit,
                written_by: None,
                record,
            });
            (entry, place.into_iter().collect::<Vec<Place>>())
        };
        let entries: Vec<(Entry, Vec<Place>)> = people.into_iter().map(entry).collect();
        for together in entries.chunks(TOGETHER) {
            let appending = together
                .iter()
                .map(|(entry, places)| self.journal.append_within(entry, places.clone(), None));
            let appended = join_all(appending).await;
            // What some have taken is given back when another has none left.
            let mut outcome = Ok(());
            for (appended, (_, places)) in appended.into_iter().zip(together) {
                match appended {
                    Ok(entry) => self.taken.add(entry, places.clone()),
                    Err(error) => outcome = outcome.and(Err(error)),
                }
            }
            outcome?;
        }
        Ok(())
    }
}

/// What a refusal for want of keys says.
pub fn no_keys() -> Problem {
    Problem::new(
        "PSEUDONYM_KEYS_MISSING",
        503,
        "Dit proces heeft niet de sleutels waarmee het vastlegt over wie een uitwisseling gaat.",
        "This process does not have the keys with which it records about whom an exchange is.",
    )
    .next(
        "De beheerder moet pseudonym-keys.json van het knooppunt terugzetten; het logboek zegt wat er mis is.",
        "The operator must put back the node's pseudonym-keys.json; the log says what is wrong.",
    )
}

fn not_findable() -> Problem {
    Problem::new(
        "PEOPLE_NOT_FINDABLE",
        403,
        "De bewerking geeft een heel document waarin mensen staan, en in wat niet te splitsen is zijn zij niet te vinden om vast te leggen.",
        "The operation gives a whole document in which people stand, and in what cannot be taken apart they cannot be found to be recorded.",
    )
    .next(
        "Stel een wijziging van de afspraak voor waarin de vraag hen noemt (`people`, in een parameter).",
        "Propose an amendment in which the request names them (`people`, in a parameter).",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use async_trait::async_trait;
    use serde_json::{Value, json};
    use verbond_agreement::{Agreement, LifeCycle, PartySignature, SignatureMark};
    use verbond_domain::{Clock, Entropy};
    use verbond_policy::{Call, Claims, Context, Leases, PolicySnapshot, Subject as Asking, TraceId};
    use verbond_store::StoreError;

    use super::*;
    use crate::limits::Volumes;

    const ANSWERS: &[u8] = include_bytes!("../../agreement/tests/examples/answers.json");

    struct Nothing;

    #[async_trait]
    impl Volumes for Nothing {
        async fn lease(&self, _: &str, _: Timestamp, _: u32, _: u32) -> Result<u32, StoreError> {
            Ok(0)
        }

        async fn give_back(&self, _: EntryId, _: &[Place]) -> Result<(), StoreError> {
            Ok(())
        }
    }

    impl Clock for Nothing {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(1_796_731_200)
        }
    }

    impl Entropy for Nothing {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    /// What a permit under the example comes to, changed so.
    fn action(
        change: impl FnOnce(&mut Value),
        direction: Direction,
    ) -> Result<Result<bool, Unrecordable>, Box<dyn std::error::Error>> {
        let mut document: Value = serde_json::from_slice(ANSWERS)?;
        change(document.pointer_mut("/clauses/0/operations/0").ok_or("an operation")?);
        let agreement = Agreement::parse(&serde_json::to_vec(&document)?)?;
        let parties = agreement.parties.iter().map(|party| party.participant.clone());
        let (from, until) = (agreement.term.from.timestamp(), agreement.term.until.timestamp());
        let signature = PartySignature { mark: SignatureMark::Signed, at: Timestamp::from_millis(0) };
        let mut life = LifeCycle::draft(parties, from, until).offer()?;
        for party in &agreement.parties {
            life = life.sign(&party.participant, signature)?;
        }
        let (snapshot, _) = PolicySnapshot::build([(Arc::new(agreement), life)]);
        let request = DecisionRequest {
            subject: Asking { participant: "oin:00000099000000020000".parse()?, application: None },
            call: Call { method: "GET", path: "/incomes/P-0042", query: None },
            resource: serde_json::from_str(r#"{"provider":"oin:00000099000000030000","name":"incomes"}"#)?,
            context: Context {
                now: Nothing.now(),
                agreement: None,
                purpose: "supplement-outreach".parse()?,
                activity: None,
                algorithm: None,
                on_behalf_of: None,
                claims: Claims::default(),
                elements: BTreeSet::new(),
            },
        };
        let decision = snapshot.decide(&request, |_| Leases { volume: true, per_person: true });
        let obligations = decision.obligations.ok_or("a permit")?;
        let trace = Trace { trace_id: TraceId([1; 16]), span_id: SpanId([1; 8]), parent_span_id: None };
        let ambient = Ambient::new(Arc::new(Nothing), Arc::new(Nothing));
        let limits = Limits::new(Arc::new(Nothing));
        let made = Action::of(&limits, &ambient, direction, &obligations, &request, trace, None);
        Ok(made.map(|action| action.is_some()))
    }

    #[test]
    fn people_in_what_cannot_be_taken_apart_are_not_passed_over() -> Result<(), Box<dyn std::error::Error>> {
        let whole = |operation: &mut Value| {
            operation["whole_document"] =
                json!({ "reasoning": "a scan", "categories": ["income"], "sensitivity": "personal" });
            operation["delivered"] = json!([]);
            operation["people"] = json!([
                { "at": { "place": "response", "path": "$.partner" }, "identifies": "national_number" },
            ]);
        };
        for direction in [Direction::Incoming, Direction::Outgoing] {
            assert!(matches!(action(whole, direction)?, Err(Unrecordable::NotFindable)), "{direction:?}");
        }
        let nobody = |operation: &mut Value| {
            whole(operation);
            operation["people"] = json!([]);
        };
        assert!(!matches!(action(nobody, Direction::Incoming)?, Err(Unrecordable::NotFindable)));
        Ok(())
    }
}

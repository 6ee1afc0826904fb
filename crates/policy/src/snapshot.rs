//! The agreements on which this node decides, at one moment: found by who asks what of whom, without a lock or a query.

use std::{
    collections::{BTreeMap, HashMap, hash_map::DefaultHasher},
    hash::{BuildHasherDefault, Hash, Hasher},
    sync::Arc,
};

use verbond_agreement::{Agreement, AgreementId, Clause, EntryName, LifeCycle, Operation, Stage};
use verbond_domain::{ParticipantId, ServiceReference, Timestamp};

use crate::{
    Candidate, CompileError, CompiledAgreement, Decision, DecisionRequest, Facts, Leases, Outcome,
    ParameterFacts, Reason, ReasonCode,
    decision::Place,
    evaluate::weigh,
    matching::{Match, find},
    text::readable,
};

/// How many parts each index has: replacing one agreement copies those parts that it touches and shares the rest.
const PARTS: usize = 1_024;

type FixedHasher = BuildHasherDefault<DefaultHasher>;
type Part<K, V> = HashMap<K, V, FixedHasher>;

/// An index in parts that successive snapshots share.
struct Index<K, V>(Vec<Arc<Part<K, V>>>);

impl<K, V> Clone for Index<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Index<K, V> {
    fn new() -> Self {
        let empty = Arc::new(Part::default());
        Self(vec![empty; PARTS])
    }

    fn part(key: &K) -> usize {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        // The tables themselves use the upper and the lower bits.
        usize::try_from((hasher.finish() >> 24) % PARTS as u64).unwrap_or(0)
    }

    fn get(&self, key: &K) -> Option<&V> {
        self.0.get(Self::part(key))?.get(key)
    }

    /// Changes what stands under a key; `None` takes it away.
    fn change(&mut self, key: &K, change: impl FnOnce(Option<&V>) -> Option<V>) {
        let Some(part) = self.0.get_mut(Self::part(key)) else { return };
        match change(part.get(key)) {
            Some(value) => Arc::make_mut(part).insert(key.clone(), value),
            None => Arc::make_mut(part).remove(key),
        };
    }
}

/// A version and its life so far.
struct Standing {
    compiled: Arc<CompiledAgreement>,
    life: LifeCycle,
}

/// A clause under which a participant receives from a service.
#[derive(Clone)]
struct Entry {
    standing: Arc<Standing>,
    clause: usize,
    receiver: usize,
}

impl Entry {
    fn clause(&self) -> Option<&Clause> {
        self.standing.compiled.agreement.clauses.get(self.clause)
    }
}

type Key = (ParticipantId, ServiceReference);

/// The agreements on which a node decides. Never changed: a change gives the next one, which shares the rest.
#[derive(Clone)]
pub struct PolicySnapshot {
    by_question: Index<Key, Arc<[Entry]>>,
    by_agreement: Index<AgreementId, Arc<[Arc<Standing>]>>,
}

impl Default for PolicySnapshot {
    fn default() -> Self {
        Self { by_question: Index::new(), by_agreement: Index::new() }
    }
}

/// An agreement with versions of which one or more have no policies, so that nothing is permitted under them.
pub type Failed = (AgreementId, CompileError);

impl PolicySnapshot {
    /// From the versions that are known, in force or not: refusals say why. Those that cannot be compiled are given back.
    pub fn build(versions: impl IntoIterator<Item = (Arc<Agreement>, LifeCycle)>) -> (Self, Vec<Failed>) {
        let mut by_agreement: BTreeMap<AgreementId, Vec<(Arc<Agreement>, LifeCycle)>> = BTreeMap::new();
        for version in versions {
            by_agreement.entry(version.0.id).or_default().push(version);
        }
        let mut snapshot = Self::default();
        let mut failed = Vec::new();
        for (id, versions) in by_agreement {
            failed.extend(snapshot.put(id, versions));
        }
        (snapshot, failed)
    }

    /// The next snapshot, in which one agreement has these versions and no others. What has been compiled is kept.
    pub fn replace(
        &self,
        id: AgreementId,
        versions: Vec<(Arc<Agreement>, LifeCycle)>,
    ) -> (Self, Vec<Failed>) {
        let mut next = self.clone();
        let failed = next.put(id, versions);
        (next, failed)
    }

    /// As [`PolicySnapshot::replace`], in this snapshot. Others that share parts with it stay as they are.
    pub fn put(&mut self, id: AgreementId, versions: Vec<(Arc<Agreement>, LifeCycle)>) -> Vec<Failed> {
        let old: Arc<[Arc<Standing>]> = self.by_agreement.get(&id).cloned().unwrap_or_default();
        for (key, _) in old.iter().flat_map(entries) {
            self.by_question.change(&key, |entries| {
                let others = entries.into_iter().flat_map(|entries| entries.iter());
                let others: Vec<Entry> =
                    others.filter(|entry| entry.standing.compiled.id() != id).cloned().collect();
                (!others.is_empty()).then(|| others.into())
            });
        }
        let mut failed = Vec::new();
        let mut standing = Vec::new();
        for (agreement, life) in versions {
            let mut known = old.iter().map(|standing| &standing.compiled);
            let known = known.find(|known| known.agreement == agreement).cloned();
            match known.map_or_else(|| CompiledAgreement::later(agreement).map(Arc::new), Ok) {
                Ok(compiled) => standing.push(Arc::new(Standing { compiled, life })),
                Err(error) => failed.push((id, error)),
            }
        }
        standing.sort_by_key(|standing| standing.compiled.version());
        for (key, entry) in standing.iter().flat_map(entries) {
            self.by_question.change(&key, |entries| {
                let mut all: Vec<Entry> = entries.map(|entries| entries.to_vec()).unwrap_or_default();
                all.push(entry);
                all.sort_by_key(|entry| {
                    let compiled = &entry.standing.compiled;
                    (compiled.id(), compiled.version(), entry.clause)
                });
                Some(all.into())
            });
        }
        self.by_agreement.change(&id, |_| (!standing.is_empty()).then(|| standing.into()));
        failed
    }

    /// The purpose for which a participant receives from a service under agreements in force, where there is one and no other.
    pub fn purpose(
        &self,
        receiver: &ParticipantId,
        service: &ServiceReference,
        now: Timestamp,
    ) -> Option<&EntryName> {
        let entries = self.by_question.get(&(receiver.clone(), service.clone()));
        let in_force = entries.into_iter().flat_map(|entries| entries.iter());
        let in_force = in_force.filter(|entry| entry.standing.life.is_in_force(now));
        let mut purposes = in_force.filter_map(Entry::clause).map(|clause| &clause.purpose);
        let first = purposes.next()?;
        purposes.all(|purpose| purpose == first).then_some(first)
    }

    /// Decides. `leases` is asked for each clause under which the request may be permitted, most often one: whoever
    /// counts takes a place there, and gives it back if the decision is a deny or rests on another clause.
    pub fn decide(
        &self,
        request: &DecisionRequest<'_>,
        mut leases: impl FnMut(Candidate<'_>) -> Leases,
    ) -> Decision {
        let key = (request.subject.participant.clone(), request.resource.clone());
        let entries = self.by_question.get(&key).map(|entries| &**entries).unwrap_or_default();
        let named =
            |entry: &&Entry| request.context.agreement.is_none_or(|id| id == entry.standing.compiled.id());
        let mut choices: Vec<Choice<'_>> =
            entries.iter().filter(named).map(|entry| Choice::of(entry, request)).collect();
        // Sorting is stable: among equals the order of agreement, version and clause decides.
        choices.sort_by_key(|choice| choice.rank);
        let Some(best) = choices.first().map(|choice| choice.rank) else {
            return missing(request);
        };
        let mut refusal = None;
        for choice in choices.into_iter().take_while(|choice| choice.rank == best) {
            let decision = choice.decide(request, &mut leases);
            if decision.is_permit() {
                return decision;
            }
            refusal.get_or_insert(decision);
        }
        refusal.unwrap_or_else(|| missing(request))
    }
}

/// The clauses of a version, under whom and what they are found.
fn entries(standing: &Arc<Standing>) -> Vec<(Key, Entry)> {
    let clauses = standing.compiled.agreement.clauses.iter().enumerate();
    let entries = clauses.flat_map(|(clause, agreed)| {
        agreed.receivers.iter().enumerate().map(move |(receiver, who)| {
            let key = (who.participant.clone(), agreed.service.clone());
            (key, Entry { standing: Arc::clone(standing), clause, receiver })
        })
    });
    entries.collect()
}

/// A clause under which a request could fall, and how well it fits: the smaller, the better.
struct Choice<'snapshot> {
    entry: &'snapshot Entry,
    found: Option<Match>,
    rank: Rank,
}

/// No such operation, not in force, another purpose, a parameter that is refused. Only [`FITS`] can be permitted.
type Rank = (bool, bool, bool, bool);

const FITS: Rank = (false, false, false, false);

impl<'snapshot> Choice<'snapshot> {
    fn of(entry: &'snapshot Entry, request: &DecisionRequest<'_>) -> Self {
        let clause = entry.clause();
        let found = clause.and_then(|clause| find(clause, request.call));
        let rank = (
            found.is_none(),
            !entry.standing.life.is_in_force(request.context.now),
            clause.is_none_or(|clause| clause.purpose != request.context.purpose),
            found.as_ref().is_some_and(|found| found.refused),
        );
        Self { entry, found, rank }
    }

    fn decide(
        self,
        request: &DecisionRequest<'_>,
        leases: &mut impl FnMut(Candidate<'_>) -> Leases,
    ) -> Decision {
        let Standing { compiled, life } = &*self.entry.standing;
        let clause = self.entry.clause;
        let (operation, parameters) = match self.found {
            Some(found) => (Some(found.operation), found.parameters),
            None => (None, ParameterFacts::new()),
        };
        let leases = match (self.rank, operation) {
            (FITS, Some(operation)) => {
                leases(Candidate { compiled, clause, operation, parameters: &parameters, call: request.call })
            }
            _ => Leases::default(),
        };
        let place = Place { clause, operation, receiver: self.entry.receiver };
        let agreed = place.operation(&compiled.agreement);
        let facts = Facts {
            operation: agreed.map(|operation| operation.name.clone()),
            parameters,
            elements: request.context.elements.iter().map(|path| shown(path.as_str(), agreed)).collect(),
            stage: life.stage_at(request.context.now),
            leases,
        };
        weigh(compiled, place, facts, &request.context)
    }
}

/// An element asked for, under a name that can be written down.
fn shown(path: &str, operation: Option<&Operation>) -> String {
    let mut delivered = operation.into_iter().flat_map(|operation| &operation.delivered);
    match delivered.any(|element| element.path.as_str() == path) {
        true => path.to_owned(),
        false => readable(path).to_owned(),
    }
}

/// The answer where no agreement is known.
fn missing(request: &DecisionRequest<'_>) -> Decision {
    let elements = request.context.elements.iter().map(|path| shown(path.as_str(), None)).collect();
    Decision {
        outcome: Outcome::Deny,
        basis: None,
        reasons: vec![Reason::new(ReasonCode::AgreementMissing)],
        obligations: None,
        facts: Facts {
            operation: None,
            parameters: ParameterFacts::new(),
            elements,
            stage: Stage::Draft,
            leases: Leases::default(),
        },
    }
}

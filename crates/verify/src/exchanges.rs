//! Exchanges: what permits rest on, and whether both parties tell the same of them.

use std::collections::{HashMap, HashSet};

use crate::{
    agreement::{AgreementVersion, was_in_force},
    finding::{Alarm, Findings, NoteCode, Place, at_index, words},
    kept::{CompletionRecord, Decided, PermitRecord},
    line::Id,
    payload::{Delivery, Direction, VersionName},
    records,
    section::Section,
};

/// How far clocks of two parties may differ where one must have what the other has, in milliseconds.
const MARGIN: i64 = 60 * 1000;

/// A version that permits name, as far as it can be judged by.
enum Basis {
    Missing,
    Unsound,
    Timeline(Vec<(i64, bool)>),
}

fn bases(section: &Section) -> Vec<Basis> {
    let of = |name: &VersionName| match section.versions.iter().find(|version| version.name == *name) {
        None => Basis::Missing,
        Some(AgreementVersion { is_sound: false, .. }) => Basis::Unsound,
        Some(version) => Basis::Timeline(version.timeline(&section.versions)),
    };
    section.named.iter().map(of).collect()
}

/// Judges the exchanges of one section by themselves, and puts what is kept of them in the order of exchanges.
pub(crate) fn judge_section(section: &mut Section, findings: &mut Findings) {
    section.permits.sort_unstable_by_key(|permit| (exchange_of(permit), permit.index));
    section.completions.sort_unstable_by_key(|one| (exchange_of_completion(one), one.index));
    section.hidden_permits.sort_unstable();
    section.decisions.sort_unstable();
    rests(section, findings);
    twice(section, findings);
    completions(section, findings);
    records::judge(section, findings);
}

type Exchange = (Id, Direction, u32);

const fn exchange_of(permit: &PermitRecord) -> Exchange {
    (permit.transaction, permit.direction, permit.counterpart)
}

const fn exchange_of_completion(completion: &CompletionRecord) -> Exchange {
    (completion.transaction, completion.direction, completion.counterpart)
}

fn of_exchange(index: u64, transaction: Id) -> Place {
    Place { transaction: Some(transaction), ..at_index(index) }
}

/// Whether acts say that a service was open, or cannot say that it was not.
fn may_be_open(section: &Section, permit: &PermitRecord) -> bool {
    let key = section.undecided.get(&permit.index);
    !section.knows_acts() || key.is_none_or(|key| section.declarations.covers(*key, permit.at))
}

/// On which decision and agreement each permit rests.
fn rests(section: &Section, findings: &mut Findings) {
    let bases = bases(section);
    let undecided = section.permits.iter().any(|permit| permit.decided == Decided::Not);
    let mut governed: HashSet<Id> = HashSet::new();
    if undecided {
        governed.extend(section.records.permits());
        let with_elements = section.completions.iter().filter(|completion| completion.elements.is_some());
        governed.extend(with_elements.map(|completion| completion.permit));
    }
    let mut permits: Vec<&PermitRecord> = section.permits.iter().collect();
    permits.sort_unstable_by_key(|permit| permit.index);
    for permit in permits {
        let place = of_exchange(permit.index, permit.transaction);
        let alarm = |findings: &mut Findings, code, nl, en| section.alarm(findings, code, place, nl, en);
        match permit.decided {
            Decided::Not if permit.has_processing || permit.is_owed || governed.contains(&permit.id) => {
                alarm(
                    findings,
                    Alarm::DecisionMissing,
                    "De toestemming rust op een gegevensafspraak en bevat geen besluit.",
                    "the permit rests on an agreement and holds no decision",
                )
            }
            Decided::Not if !may_be_open(section, permit) => alarm(
                findings,
                Alarm::NotDeclaredOpen,
                "De toestemming noemt geen gegevensafspraak, en de dienst was toen niet open verklaard.",
                "the permit names no agreement, and its service had not been declared open then",
            ),
            Decided::Not => {}
            Decided::Faulty => alarm(
                findings,
                Alarm::DecisionMissing,
                "Het besluit in de toestemming staat haar niet toe.",
                "the decision in the permit does not permit it",
            ),
            Decided::Holds => {
                let basis = permit.version.and_then(|number| bases.get(usize::try_from(number).ok()?));
                match basis {
                    None | Some(Basis::Unsound) => {}
                    Some(Basis::Missing) => alarm(
                        findings,
                        Alarm::AgreementMissing,
                        "De versie van de gegevensafspraak waarop de toestemming rust ontbreekt.",
                        "the version of the agreement on which the permit rests is missing",
                    ),
                    Some(Basis::Timeline(timeline)) if was_in_force(timeline, permit.moment) => {}
                    Some(Basis::Timeline(_)) => alarm(
                        findings,
                        Alarm::AgreementNotInForce,
                        "De gegevensafspraak waarop de toestemming rust gold toen niet.",
                        "the agreement on which the permit rests was not in force then",
                    ),
                }
            }
        }
    }
}

fn twice(section: &Section, findings: &mut Findings) {
    let mut seen: Option<&PermitRecord> = None;
    for permit in &section.permits {
        if seen.is_some_and(|before| exchange_of(before) == exchange_of(permit)) {
            let place = of_exchange(permit.index, permit.transaction);
            let (nl, en) = ("De uitwisseling was al toegestaan.", "the exchange had been permitted before");
            section.alarm(findings, Alarm::PermitTwice, place, nl, en);
        }
        seen = Some(permit);
    }
    let twice = section.decisions.iter().zip(section.decisions.iter().skip(1));
    let twice: HashSet<u64> = twice
        .filter(|((trace, span, _), (other, other_span, _))| (trace, span) == (other, other_span))
        .map(|(_, (_, _, index))| *index)
        .collect();
    if twice.is_empty() {
        return;
    }
    let transactions = section.permits.iter().filter(|permit| twice.contains(&permit.index));
    let transactions: HashMap<u64, Id> =
        transactions.map(|permit| (permit.index, permit.transaction)).collect();
    let mut twice: Vec<u64> = twice.into_iter().collect();
    twice.sort_unstable();
    for index in twice {
        let place = Place { transaction: transactions.get(&index).copied(), ..at_index(index) };
        let (nl, en) =
            ("Het besluit staat ook in een eerdere regel.", "the decision stands in an earlier entry too");
        section.alarm(findings, Alarm::DecisionTwice, place, nl, en);
    }
}

/// Whether elements that came are those of the operation that decided, judged once for each list of them.
struct Agreed<'a> {
    section: &'a Section,
    judged: HashMap<(u32, u32, u32), bool>,
}

impl Agreed<'_> {
    /// Yes too where it cannot be judged.
    fn covers(&mut self, permit: &PermitRecord, completion: &CompletionRecord) -> bool {
        let (Some(version), Some(elements), Decided::Holds) =
            (permit.version, completion.elements, permit.decided)
        else {
            return true;
        };
        let section = self.section;
        *self.judged.entry((version, permit.operation, elements)).or_insert_with(|| {
            let name = usize::try_from(version).ok().and_then(|place| section.named.get(place));
            let known = name.and_then(|name| section.versions.iter().find(|version| version.name == *name));
            let known = known.filter(|version| version.is_sound);
            match (known, section.operations.get(permit.operation), section.element_lists.get(elements)) {
                (Some(version), Some(operation), Some(paths)) => version.delivers(operation, paths),
                _ => true,
            }
        })
    }
}

fn completions(section: &Section, findings: &mut Findings) {
    let mut by_id: Vec<&PermitRecord> = section.permits.iter().collect();
    by_id.sort_unstable_by_key(|permit| (permit.id, exchange_of(permit)));
    let mut agreed = Agreed { section, judged: HashMap::new() };
    let hidden = |id: Id| section.hidden_permits.binary_search_by_key(&id, |(hidden, _)| *hidden).is_ok();
    let mut seen: Option<Exchange> = None;
    for completion in &section.completions {
        let exchange = exchange_of_completion(completion);
        let place = of_exchange(completion.index, completion.transaction);
        let known = by_id.binary_search_by_key(&completion.permit, |permit| permit.id).ok();
        let permit = known.and_then(|place| by_id.get(place)).copied();
        let belongs = match permit {
            Some(permit) => exchange_of(permit) == exchange,
            None => hidden(completion.permit),
        };
        if belongs && permit.is_some_and(|permit| !agreed.covers(permit, completion)) {
            let (nl, en) = (
                "Er kwamen elementen over die de gegevensafspraak niet noemt.",
                "elements crossed that the agreement does not name",
            );
            section.alarm(findings, Alarm::ElementNotAgreed, place, nl, en);
        }
        if !belongs {
            let (nl, en) = (
                "De afronding noemt geen toestemming van deze uitwisseling.",
                "the completion names no permit of this exchange",
            );
            section.alarm(findings, Alarm::CompletionWithoutPermit, place, nl, en);
        }
        if seen.replace(exchange) == Some(exchange) {
            let (nl, en) = ("De uitwisseling was al afgerond.", "the exchange had been completed before");
            section.alarm(findings, Alarm::CompletionTwice, place, nl, en);
        }
    }
    let unknown = section.permits.iter().filter(|permit| completion_of(section, permit).is_none()).count();
    let sentence = words(
        format!("Van {unknown} toestemmingen is niet bekend wat ervan kwam."),
        format!("what became of {unknown} permits is not known"),
    );
    findings.note(NoteCode::DeliveryUnknown, Some(section.participant()), unknown as u64, sentence);
}

/// The first completion of the exchange that was permitted.
fn completion_of<'a>(section: &'a Section, permit: &PermitRecord) -> Option<&'a CompletionRecord> {
    let exchange = exchange_of(permit);
    let place = section.completions.partition_point(|one| exchange_of_completion(one) < exchange);
    section.completions.get(place).filter(|one| exchange_of_completion(one) == exchange)
}

/// What was seen of both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BothSides {
    /// Exchanges of which both parties have a permit.
    pub both_sides: u64,
    /// Those of them that both completed, and tell alike.
    pub agree: u64,
}

/// One half of an exchange.
#[derive(Clone, Copy)]
struct Half<'a> {
    /// Transaction, consumer, provider.
    exchange: (Id, u32, u32),
    /// Place of the section in the evidence.
    place: usize,
    section: &'a Section,
    permit: &'a PermitRecord,
}

impl Half<'_> {
    /// By exchange, the consumer's half first.
    const fn key(&self) -> ((Id, u32, u32), bool) {
        (self.exchange, matches!(self.permit.direction, Direction::Incoming))
    }
}

fn halves_of((section, place): (&Section, usize)) -> impl Iterator<Item = Half<'_>> {
    section.permits.iter().map(move |permit| {
        let (own, other) = (section.number, permit.counterpart);
        let exchange = match permit.direction {
            Direction::Outgoing => (permit.transaction, own, other),
            Direction::Incoming => (permit.transaction, other, own),
        };
        Half { exchange, place, section, permit }
    })
}

/// Sections as they are compared with each other.
struct Comparing<'a> {
    sections: &'a [Section],
    hidden_times: Vec<Vec<i64>>,
    one_side: Vec<u64>,
    /// Per section, exchanges of which less arrived than the other side handed on.
    less: Vec<u64>,
    result: BothSides,
}

/// Compares what the parties tell of the exchanges that they had with each other.
pub(crate) fn compare(sections: &[Section], findings: &mut Findings) -> BothSides {
    let mut halves: Vec<Half<'_>> = sections.iter().zip(0..).flat_map(halves_of).collect();
    // A permit that stands in two sections is one. What stands in the journal counts before what was told of it, and what was completed
    // by then before what was not.
    let standing = |half: &Half<'_>| {
        let told = half.section.half.told.contains_key(&half.permit.index);
        (told, completion_of(half.section, half.permit).is_none(), half.place)
    };
    halves.sort_unstable_by(|one, other| {
        one.key().cmp(&other.key()).then_with(|| standing(one).cmp(&standing(other)))
    });
    halves.dedup_by_key(|half| half.key());
    let hidden_times = sections.iter().map(|section| {
        let mut times: Vec<i64> = section.hidden_permits.iter().map(|(_, at)| *at).collect();
        times.sort_unstable();
        times
    });
    let mut comparing = Comparing {
        sections,
        hidden_times: hidden_times.collect(),
        one_side: vec![0; sections.len()],
        less: vec![0; sections.len()],
        result: BothSides::default(),
    };
    for pair in halves.chunk_by(|one, other| one.exchange == other.exchange) {
        match pair {
            [consumer, provider] => comparing.both(consumer, provider, findings),
            [one] => comparing.alone(one, findings),
            _ => {}
        }
    }
    for (section, count) in sections.iter().zip(&comparing.one_side) {
        let sentence = words(
            format!("Van {count} toestemmingen is de andere kant niet gegeven."),
            format!("of {count} permits the other side was not given"),
        );
        findings.note(NoteCode::OneSide, Some(section.participant()), *count, sentence);
    }
    for (section, count) in sections.iter().zip(&comparing.less) {
        let sentence = words(
            format!(
                "Van {count} uitwisselingen is minder aangekomen dan de andere kant doorgaf: een verbinding brak, of een van beide heeft het mis."
            ),
            format!(
                "of {count} exchanges less arrived than the other side handed on: a connection broke, or one of both is wrong"
            ),
        );
        findings.note(NoteCode::NotAllArrived, Some(section.participant()), *count, sentence);
    }
    comparing.result
}

impl Comparing<'_> {
    fn both(&mut self, sent: &Half<'_>, received: &Half<'_>, findings: &mut Findings) {
        let (consumer, provider) = (sent.section, received.section);
        self.result.both_sides = self.result.both_sides.saturating_add(1);
        let completions = (completion_of(consumer, sent.permit), completion_of(provider, received.permit));
        let (Some(here), Some(there)) = completions else { return };
        // Whoever hands bytes to a connection does not learn how many arrive.
        if here.delivery > there.delivery {
            if let Some(count) = self.less.get_mut(sent.place) {
                *count = count.saturating_add(1);
            }
            return;
        }
        match difference(here, there) {
            None => self.result.agree = self.result.agree.saturating_add(1),
            Some([nl, en]) => {
                let place = of_exchange(here.index, here.transaction);
                let (nl, en) = (
                    format!(
                        "{} en {} verschillen over {nl}.",
                        consumer.participant(),
                        provider.participant()
                    ),
                    format!("{} and {} differ about {en}", consumer.participant(), provider.participant()),
                );
                consumer.alarm(findings, Alarm::CompletionsDiffer, place, &nl, &en);
            }
        }
    }

    fn alone(&mut self, half: &Half<'_>, findings: &mut Findings) {
        let Half { section, permit, .. } = *half;
        let covering = self.sections.iter().zip(&self.hidden_times);
        let covering = covering
            .filter(|(other, _)| other.number == permit.counterpart)
            .find(|(other, hidden)| covers(other, hidden, permit.at));
        let Some((other, _)) = covering else {
            if let Some(count) = self.one_side.get_mut(half.place) {
                *count = count.saturating_add(1);
            }
            return;
        };
        let delivered = completion_of(section, permit).is_some_and(|one| one.delivery != Delivery::Nothing);
        if permit.direction == Direction::Incoming || delivered {
            let place = of_exchange(permit.index, permit.transaction);
            let nl = format!("{} heeft geen toestemming van deze uitwisseling.", other.participant());
            let en = format!("{} has no permit of this exchange", other.participant());
            section.alarm(findings, Alarm::HalfMissing, place, &nl, &en);
        }
    }
}

/// Whether a section would hold a permit of an exchange at this time.
fn covers(section: &Section, hidden: &[i64], at: i64) -> bool {
    let whole = section.is_journal() && section.first_missing.is_none() && section.is_closed;
    let begun = section.first_at.is_some_and(|first| at >= first);
    let last = section.checkpoints.last().map(|last| last.at.saturating_sub(MARGIN));
    let within = section.header.period.is_none_or(|period| {
        at >= period.from.saturating_add(MARGIN) && at <= period.until.saturating_sub(MARGIN)
    });
    let next = hidden.partition_point(|time| *time < at.saturating_sub(MARGIN));
    let near = hidden.get(next).is_some_and(|time| *time <= at.saturating_add(MARGIN));
    // What stood there is gone, and was said to be.
    let lost = section.continuations.iter().any(|gap| {
        let (before, act) = gap.times;
        gap.last_known.size > gap.size
            && at >= before.saturating_sub(MARGIN)
            && at <= act.saturating_add(MARGIN)
    });
    whole && begun && within && !near && !lost && last.is_some_and(|last| at <= last)
}

fn difference(here: &CompletionRecord, there: &CompletionRecord) -> Option<[&'static str; 2]> {
    if here.delivery != there.delivery {
        return Some(["hoe ver het kwam", "how far it came"]);
    }
    if here.delivery == Delivery::Nothing {
        return None;
    }
    if here.status != there.status {
        return Some(["de status", "the status"]);
    }
    (here.delivery == Delivery::Whole && here.content != there.content)
        .then_some(["wat er overging", "what crossed"])
}

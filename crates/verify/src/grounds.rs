//! What permits rest on, and what belongs to them: decision and agreement, completions, processing records.

use std::collections::{BTreeMap, HashMap};

use crate::{
    agreement::{AgreementVersion, was_in_force},
    compared::{Compared, Decided, Decision, Fact, HiddenRecord, NONE, Role, of},
    finding::{Alarm, Findings, Place, at_index},
    line::Id,
    open::OpenKey,
    payload::VersionName,
    records::{self, Owing},
    section::Section,
};

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

pub(crate) fn of_exchange(index: u64, transaction: u128) -> Place {
    Place { transaction: Some(Id(transaction)), ..at_index(index) }
}

/// Judges the permits of every section, each with what names it.
pub(crate) fn judge(sections: &[Section], compared: &mut Compared, findings: &mut Findings) {
    let Compared { facts, hidden_records, decisions, .. } = compared;
    let (mut facts, mut hidden, mut decisions) =
        (facts.sorted(), hidden_records.sorted(), decisions.sorted());
    for section in sections {
        twice(section, of(&mut decisions, section.place).map(Decision::unpack), findings);
        let mut judging = Judging::of(section);
        for fact in of(&mut facts, section.place).map(Fact::unpack) {
            judging.take(fact, findings);
        }
        judging.end_group(findings);
        let hidden = of(&mut hidden, section.place).map(|record| HiddenRecord::unpack(record).at);
        records::missing(section, judging.owing, hidden, findings);
    }
}

/// Decisions come sorted by their identifiers, and then by the index of the entry.
fn twice(section: &Section, decisions: impl Iterator<Item = Decision>, findings: &mut Findings) {
    let mut before = None;
    for Decision { trace, span, index, is_permit, transaction, .. } in decisions {
        if before.replace((trace, span)) == Some((trace, span)) {
            let transaction = (is_permit != 0).then_some(Id(transaction));
            let place = Place { transaction, ..at_index(index) };
            let (nl, en) = (
                "Het besluit staat ook in een eerdere regel.",
                "the decision stands in an earlier entry too",
            );
            section.alarm(findings, Alarm::DecisionTwice, place, nl, en);
        }
    }
}

/// What names one permit, as far as it has been read.
#[derive(Default)]
struct Group {
    permit: u128,
    /// More than one where two entries have the same id.
    permits: Vec<Fact>,
    is_hidden: bool,
    /// Something in the journal says that it rests on an agreement.
    is_governed: bool,
    /// Records that are owed and have not come, by whom they are about: the permit's index, and when they are due.
    owed: HashMap<u128, Vec<(u64, i64)>>,
    /// About whom an application's last record is.
    written: Option<u128>,
}

/// The permits of one section.
struct Judging<'a> {
    section: &'a Section,
    bases: Vec<Basis>,
    agreed: Agreed<'a>,
    group: Group,
    owing: Vec<Owing>,
}

impl<'a> Judging<'a> {
    fn of(section: &'a Section) -> Self {
        let agreed = Agreed { section, judged: HashMap::new() };
        Self { section, bases: bases(section), agreed, group: Group::default(), owing: Vec::new() }
    }

    fn take(&mut self, fact: Fact, findings: &mut Findings) {
        if fact.permit != self.group.permit {
            self.end_group(findings);
            self.group = Group { permit: fact.permit, ..Group::default() };
        }
        let group = &mut self.group;
        match fact.role() {
            Some(Role::Permit) => group.permits.push(fact),
            Some(Role::HiddenPermit) => group.is_hidden = true,
            Some(Role::Owed) => group.owed.entry(fact.what).or_default().push((fact.index, fact.at)),
            Some(Role::RecordByNode | Role::RecordByApplication) => {
                group.is_governed = true;
                self.record(&fact, findings);
            }
            Some(Role::Completion) => {
                group.is_governed |= fact.list != NONE;
                self.completion(&fact, findings);
            }
            None => {}
        }
    }

    fn end_group(&mut self, findings: &mut Findings) {
        let Group { permits, owed, is_governed, .. } = std::mem::take(&mut self.group);
        let owed: BTreeMap<u64, i64> = owed.into_values().flatten().collect();
        for permit in &permits {
            let place = of_exchange(permit.index, permit.what);
            if permit.is_owed != 0 && permit.has_processing != 0 {
                records::tell_twice(self.section, place, findings);
            }
            let owing = owed.get(&permit.index).map(|due| Owing { at: permit.at, due: *due, place });
            self.owing.extend(owing.filter(|owing| records::is_over(self.section, owing.due)));
            self.rests(permit, is_governed, findings);
        }
    }

    /// Records come after the permit, those of the application sorted by whom they are about.
    fn record(&mut self, fact: &Fact, findings: &mut Findings) {
        let by_application = fact.role() == Some(Role::RecordByApplication);
        let is_again = by_application && self.group.written.replace(fact.what) == Some(fact.what);
        if by_application {
            self.group.owed.remove(&fact.what);
        }
        let leaving = self.group.permits.iter().find(|permit| permit.is_owed != 0);
        let wrong = match leaving {
            Some(permit) => Some(permit).filter(|_| !by_application || is_again),
            None => self.group.permits.first().filter(|_| by_application),
        };
        if let Some(permit) = wrong {
            records::tell_twice(self.section, of_exchange(fact.index, permit.what), findings);
        }
    }

    fn completion(&mut self, fact: &Fact, findings: &mut Findings) {
        let (section, group) = (self.section, &self.group);
        let place = of_exchange(fact.index, fact.what);
        let permit = group.permits.iter().find(|permit| permit.exchange() == fact.exchange());
        let belongs = permit.is_some() || (group.permits.is_empty() && group.is_hidden);
        if permit.is_some_and(|permit| !self.agreed.covers(permit, fact.list)) {
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
    }

    /// On which decision and agreement a permit rests.
    fn rests(&self, permit: &Fact, is_governed: bool, findings: &mut Findings) {
        let section = self.section;
        let place = of_exchange(permit.index, permit.what);
        let mut alarm = |code, nl, en| section.alarm(findings, code, place, nl, en);
        match permit.decided() {
            Decided::Not if permit.has_processing != 0 || permit.is_owed != 0 || is_governed => alarm(
                Alarm::DecisionMissing,
                "De toestemming rust op een gegevensafspraak en bevat geen besluit.",
                "the permit rests on an agreement and holds no decision",
            ),
            Decided::Not if !may_be_open(section, permit) => alarm(
                Alarm::NotDeclaredOpen,
                "De toestemming noemt geen gegevensafspraak, en de dienst was toen niet open verklaard.",
                "the permit names no agreement, and its service had not been declared open then",
            ),
            Decided::Not => {}
            Decided::Faulty => alarm(
                Alarm::DecisionMissing,
                "Het besluit in de toestemming staat haar niet toe.",
                "the decision in the permit does not permit it",
            ),
            Decided::Holds => {
                match usize::try_from(permit.version).ok().and_then(|place| self.bases.get(place)) {
                    None | Some(Basis::Unsound) => {}
                    Some(Basis::Missing) => alarm(
                        Alarm::AgreementMissing,
                        "De versie van de gegevensafspraak waarop de toestemming rust ontbreekt.",
                        "the version of the agreement on which the permit rests is missing",
                    ),
                    Some(Basis::Timeline(timeline)) if was_in_force(timeline, permit.moment) => {}
                    Some(Basis::Timeline(_)) => alarm(
                        Alarm::AgreementNotInForce,
                        "De gegevensafspraak waarop de toestemming rust gold toen niet.",
                        "the agreement on which the permit rests was not in force then",
                    ),
                }
            }
        }
    }
}

/// Whether acts say that a service was open, or cannot say that it was not.
fn may_be_open(section: &Section, permit: &Fact) -> bool {
    let application = Some(permit.application).filter(|number| *number != NONE);
    let key = OpenKey { application, service: permit.service };
    !section.knows_acts() || section.declarations.covers(key, permit.at)
}

/// Whether elements that came are those of the operation that decided, judged once for each list of them.
struct Agreed<'a> {
    section: &'a Section,
    judged: HashMap<(u32, u32, u32), bool>,
}

impl Agreed<'_> {
    /// Yes too where it cannot be judged.
    fn covers(&mut self, permit: &Fact, elements: u32) -> bool {
        let Fact { version, list: operation, .. } = *permit;
        if version == NONE || elements == NONE || permit.decided() != Decided::Holds {
            return true;
        }
        let section = self.section;
        *self.judged.entry((version, operation, elements)).or_insert_with(|| {
            let name = usize::try_from(version).ok().and_then(|place| section.named.get(place));
            let known = name.and_then(|name| section.versions.iter().find(|version| version.name == *name));
            let known = known.filter(|version| version.is_sound);
            match (known, section.operations.get(operation), section.element_lists.get(elements)) {
                (Some(version), Some(operation), Some(paths)) => version.delivers(operation, paths),
                _ => true,
            }
        })
    }
}

//! Exchanges: whether each was permitted and completed once, and whether both parties tell the same of them.

use crate::{
    agreement::AgreementVersion,
    compared::{Compared, Side},
    finding::{Alarm, Findings, NoteCode, Words, words},
    grounds::of_exchange,
    payload::{Delivery, VersionName},
    section::Section,
    spans::MARGIN,
};

/// What was seen of both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BothSides {
    /// Exchanges of which both parties have a permit.
    pub both_sides: u64,
    /// Those of them that both completed, and tell alike.
    pub agree: u64,
}

/// Compares what is told of every exchange, in a section and by both parties.
pub(crate) fn judge(sections: &[Section], compared: &mut Compared, findings: &mut Findings) -> BothSides {
    let mut comparing = Comparing::of(sections);
    let mut sides = compared.sides.sorted().map(Side::unpack).peekable();
    while let Some(first) = sides.next() {
        let exchange = first.exchange();
        let mut halves = [Half::default(), Half::default()];
        let mut next = Some(first);
        while let Some(side) = next {
            let [provider, consumer] = &mut halves;
            let half = if side.is_incoming() { provider } else { consumer };
            comparing.take(side, half, findings);
            next = sides.next_if(|side| side.exchange() == exchange);
        }
        comparing.exchange(&halves, findings);
    }
    comparing.tell(findings);
    comparing.result
}

/// What one side has of an exchange, in all sections of its participant.
#[derive(Default)]
struct Half {
    /// The first permit of each section, and how many it has.
    permits: Vec<(Side, u64)>,
    /// The first completion of each section.
    completions: Vec<Side>,
}

impl Half {
    /// What stands in the journal counts before what was told of it, and what was completed by then before what was not.
    fn permit(&self) -> Option<&Side> {
        let permits = self.permits.iter().map(|(permit, _)| permit);
        permits.min_by_key(|permit| (permit.is_told, self.completion(permit).is_none()))
    }

    /// The completion in the section of a permit.
    fn completion(&self, permit: &Side) -> Option<&Side> {
        self.completions.iter().find(|completion| completion.section == permit.section)
    }
}

/// Sections as they are compared with each other.
struct Comparing<'a> {
    sections: &'a [Section],
    /// Per section, permits of which it does not say what became of them.
    unknown: Vec<u64>,
    one_side: Vec<u64>,
    /// Per section, exchanges of which less arrived than the other side handed on.
    less: Vec<u64>,
    /// Per section, exchanges of which both sides name other elements since each went by a version of its own.
    at_handover: Vec<u64>,
    result: BothSides,
}

fn count(counts: &mut [u64], section: u32, more: u64) {
    if let Some(count) = usize::try_from(section).ok().and_then(|place| counts.get_mut(place)) {
        *count = count.saturating_add(more);
    }
}

impl<'a> Comparing<'a> {
    fn of(sections: &'a [Section]) -> Self {
        let none = vec![0; sections.len()];
        Self {
            sections,
            unknown: none.clone(),
            one_side: none.clone(),
            less: none.clone(),
            at_handover: none,
            result: BothSides::default(),
        }
    }

    fn section(&self, side: &Side) -> Option<&'a Section> {
        self.sections.get(usize::try_from(side.section).ok()?)
    }

    /// Takes in what one section says: permits before completions, and of each the entries in their order.
    fn take(&self, side: Side, half: &mut Half, findings: &mut Findings) {
        let is_completion = side.is_completion != 0;
        let before = match is_completion {
            false => half.permits.last_mut().filter(|(permit, _)| permit.section == side.section).map(
                |(_, many)| {
                    *many = many.saturating_add(1);
                },
            ),
            true => half.completions.last().filter(|one| one.section == side.section).map(drop),
        };
        match (before, is_completion) {
            (None, false) => half.permits.push((side, 1)),
            (None, true) => half.completions.push(side),
            (Some(()), _) => self.tell_twice(&side, findings),
        }
    }

    fn tell_twice(&self, side: &Side, findings: &mut Findings) {
        let Some(section) = self.section(side) else { return };
        let (code, nl, en) = match side.is_completion {
            0 => (
                Alarm::PermitTwice,
                "De uitwisseling was al toegestaan.",
                "the exchange had been permitted before",
            ),
            _ => (
                Alarm::CompletionTwice,
                "De uitwisseling was al afgerond.",
                "the exchange had been completed before",
            ),
        };
        section.alarm(findings, code, of_exchange(side.index, side.transaction), nl, en);
    }

    fn exchange(&mut self, halves: &[Half; 2], findings: &mut Findings) {
        for half in halves {
            for (permit, many) in half.permits.iter().filter(|(permit, _)| half.completion(permit).is_none())
            {
                count(&mut self.unknown, permit.section, *many);
            }
        }
        let [provider, consumer] = halves;
        match (consumer.permit(), provider.permit()) {
            (Some(sent), Some(received)) => {
                self.result.both_sides = self.result.both_sides.saturating_add(1);
                let completions = (consumer.completion(sent), provider.completion(received));
                if let (Some(here), Some(there)) = completions {
                    self.both((sent, here), (received, there), findings);
                }
            }
            (Some(sent), None) => self.alone(sent, consumer, findings),
            (None, Some(received)) => self.alone(received, provider, findings),
            (None, None) => {}
        }
    }

    /// Compares the consumer's permit and completion with the provider's.
    fn both(
        &mut self,
        (sent, here): (&Side, &Side),
        (received, there): (&Side, &Side),
        findings: &mut Findings,
    ) {
        // Whoever hands bytes to a connection does not learn how many arrive.
        if here.delivery() > there.delivery() {
            return count(&mut self.less, here.section, 1);
        }
        let whole = [here, there].iter().all(|side| side.delivery() == Delivery::Whole);
        let elements_differ = whole && here.crossed != there.crossed;
        let at_handover = elements_differ && self.is_at_handover(sent, received);
        if at_handover {
            count(&mut self.at_handover, here.section, 1);
        }
        match difference(here, there, elements_differ && !at_handover) {
            None => self.result.agree = self.result.agree.saturating_add(1),
            Some([nl, en]) => {
                let (Some(consumer), Some(provider)) = (self.section(here), self.section(there)) else {
                    return;
                };
                let names = (consumer.participant(), provider.participant());
                let nl = format!("{} en {} verschillen over {nl}.", names.0, names.1);
                let en = format!("{} and {} differ about {en}", names.0, names.1);
                let place = of_exchange(here.index, here.transaction);
                consumer.alarm(findings, Alarm::CompletionsDiffer, place, &nl, &en);
            }
        }
    }

    /// Whether each side permitted an exchange under a version of its own, about the moment at which the one version took the place
    /// of the other.
    fn is_at_handover(&self, sent: &Side, received: &Side) -> bool {
        let (Some(here), Some(there)) = (self.version(sent), self.version(received)) else { return false };
        if here.1.id != there.1.id || here.1.version == there.1.version {
            return false;
        }
        let (section, later) = if here.1.version > there.1.version { here } else { there };
        let later = section.versions.iter().find(|version| version.name == *later);
        let taken_over = later.and_then(AgreementVersion::takes_over);
        let about =
            |at: i64| [sent, received].iter().all(|side| side.at.abs_diff(at) <= MARGIN.unsigned_abs());
        taken_over.is_some_and(about)
    }

    /// The version that a permit names, and the section in which it stands.
    fn version(&self, permit: &Side) -> Option<(&'a Section, &'a VersionName)> {
        let section = self.section(permit)?;
        Some((section, section.named.get(usize::try_from(permit.version).ok()?)?))
    }

    fn alone(&mut self, permit: &Side, half: &Half, findings: &mut Findings) {
        let Some(section) = self.section(permit) else { return };
        let counterpart = if permit.is_incoming() { permit.consumer } else { permit.provider };
        let mut others = self.sections.iter().filter(|other| other.number == counterpart);
        let Some(other) = others.find(|other| covers(other, permit.at)) else {
            return count(&mut self.one_side, permit.section, 1);
        };
        let delivered = half.completion(permit).is_some_and(|one| one.delivery() != Delivery::Nothing);
        if permit.is_incoming() || delivered {
            let place = of_exchange(permit.index, permit.transaction);
            let nl = format!("{} heeft geen toestemming van deze uitwisseling.", other.participant());
            let en = format!("{} has no permit of this exchange", other.participant());
            section.alarm(findings, Alarm::HalfMissing, place, &nl, &en);
        }
    }

    /// Notes of what was counted, section by section.
    fn tell(&self, findings: &mut Findings) {
        self.note(findings, NoteCode::DeliveryUnknown, &self.unknown, |count| {
            words(
                format!("Van {count} toestemmingen is niet bekend wat ervan kwam."),
                format!("what became of {count} permits is not known"),
            )
        });
        self.note(findings, NoteCode::OneSide, &self.one_side, |count| {
            words(
                format!("Van {count} toestemmingen is de andere kant niet gegeven."),
                format!("of {count} permits the other side was not given"),
            )
        });
        self.note(findings, NoteCode::NotAllArrived, &self.less, |count| {
            words(
                format!(
                    "Van {count} uitwisselingen is minder aangekomen dan de andere kant doorgaf: een verbinding brak, of een van beide heeft het mis."
                ),
                format!(
                    "of {count} exchanges less arrived than the other side handed on: a connection broke, or one of both is wrong"
                ),
            )
        });
        self.note(findings, NoteCode::AtHandover, &self.at_handover, |count| {
            words(
                format!(
                    "Van {count} uitwisselingen, rond het moment waarop een versie de andere opvolgde, noemt elke kant de gegevens van de versie waar zij van uitging."
                ),
                format!(
                    "of {count} exchanges, about the moment at which one version took the place of another, each side names the elements of the version that it went by"
                ),
            )
        });
    }

    fn note(&self, findings: &mut Findings, code: NoteCode, counts: &[u64], sentence: fn(u64) -> Words) {
        for (section, count) in self.sections.iter().zip(counts) {
            findings.note(code, Some(section.participant()), *count, sentence(*count));
        }
    }
}

/// Whether a section would hold a permit of an exchange at this time.
fn covers(section: &Section, at: i64) -> bool {
    let whole = section.is_journal() && section.first_missing.is_none() && section.is_closed;
    let begun = section.first_at.is_some_and(|first| at >= first);
    let last = section.checkpoints.last().map(|last| last.at.saturating_sub(MARGIN));
    let within = section.header.period.is_none_or(|period| {
        at >= period.from.saturating_add(MARGIN) && at <= period.until.saturating_sub(MARGIN)
    });
    let near = section.hidden_permits.holds(at);
    // What stood there is gone, and was said to be.
    let lost = section.continuations.iter().any(|gap| {
        let (before, act) = gap.times;
        gap.last_known.size > gap.size
            && at >= before.saturating_sub(MARGIN)
            && at <= act.saturating_add(MARGIN)
    });
    whole && begun && within && !near && !lost && last.is_some_and(|last| at <= last)
}

fn difference(here: &Side, there: &Side, elements_differ: bool) -> Option<[&'static str; 2]> {
    if here.delivery != there.delivery {
        return Some(["hoe ver het kwam", "how far it came"]);
    }
    if here.delivery() == Delivery::Nothing {
        return None;
    }
    if here.status != there.status {
        return Some(["de status", "the status"]);
    }
    (here.delivery() == Delivery::Whole && (here.content != there.content || elements_differ))
        .then_some(["wat er overging", "what crossed"])
}

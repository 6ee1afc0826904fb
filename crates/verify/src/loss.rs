//! Entries whose keys were lost, as somebody declared: another kind of finding than destruction, and never none.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use time::OffsetDateTime;

use crate::{
    act::HoldDetail,
    finding::{Findings, Loss, words},
    kept::add,
    line::Kind,
    section::Section,
};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Which entries are sealed under the same keys (docs/formats/journal.md, *Lost keys*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// What retention destroys.
    Exchange,
    /// Acts and witnesses.
    Act,
}

impl Class {
    pub(crate) const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Act | Kind::Witness => Self::Act,
            _ => Self::Exchange,
        }
    }

    /// As the formats write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exchange => "exchange",
            Self::Act => "act",
        }
    }
}

/// What one key seals: a class, and a month of UTC as year * 100 + month.
pub(crate) type Share = (Class, i64);

/// The share of an entry.
pub(crate) fn share(kind: Kind, at: i64) -> Share {
    let moment = OffsetDateTime::from_unix_timestamp(at.div_euclid(1000));
    // A time that no calendar has is in a month of which nobody declares anything.
    let month = moment.map_or(0, |time| i64::from(time.year()) * 100 + i64::from(u8::from(time.month())));
    (Class::of(kind), month)
}

/// What an act `journal.loss` says.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LossDetail {
    pub(crate) class: Class,
    pub(crate) month: i64,
    pub(crate) first_index: u64,
    pub(crate) last_index: u64,
}

/// An act that declared a loss, with the rule and the holds that were in force then.
#[derive(Debug)]
pub(crate) struct LossAct {
    pub(crate) index: u64,
    pub(crate) at: i64,
    pub(crate) detail: LossDetail,
    pub(crate) days: Option<u64>,
    pub(crate) holds: Vec<HoldDetail>,
}

impl LossAct {
    fn covers(&self, index: u64) -> bool {
        (self.detail.first_index..=self.detail.last_index).contains(&index)
    }

    /// Whether an entry should have been there still when its loss was declared.
    fn is_early(&self, at: i64, kind: Kind) -> bool {
        let over = || {
            let days = i64::try_from(self.days.filter(|days| *days > 0)?).ok()?;
            Some(at < self.at.saturating_sub(days.checked_mul(DAY)?))
        };
        Class::of(kind) == Class::Act || !over().unwrap_or(false)
    }

    pub(crate) fn was_held(&self, at: i64) -> bool {
        self.holds.iter().any(|hold| hold.covers(at))
    }
}

/// For each share the first entry of which the content is there.
#[derive(Debug, Default)]
pub(crate) struct Present(HashMap<Share, u64>);

impl Present {
    pub(crate) fn note(&mut self, kind: Kind, at: i64, index: u64) {
        let first = self.0.entry(share(kind, at)).or_insert(index);
        *first = index.min(*first);
    }
}

/// The acts of a section that count, and what is lost by each.
pub(crate) struct Losses<'a> {
    by_share: HashMap<Share, Vec<&'a LossAct>>,
    /// By the index of the act: how many entries, and how many of them before their time was over.
    counts: BTreeMap<u64, (u64, u64)>,
}

impl<'a> Losses<'a> {
    /// A key opens all entries of its share or none: an act whose key would still open one explains nothing.
    pub(crate) fn of(section: &'a Section) -> Self {
        let mut by_share: HashMap<Share, Vec<&LossAct>> = HashMap::new();
        for act in &section.keeping.losses {
            let LossDetail { class, month, first_index, last_index } = act.detail;
            let present = section.present.0.get(&(class, month));
            if first_index <= last_index
                && last_index < act.index
                && present.is_none_or(|first| *first > last_index)
            {
                by_share.entry((class, month)).or_default().push(act);
            }
        }
        Self { by_share, counts: BTreeMap::new() }
    }

    /// The first act by which an entry is lost.
    pub(crate) fn covering(&self, index: u64, at: i64, kind: Kind) -> Option<&'a LossAct> {
        self.by_share.get(&share(kind, at))?.iter().find(|act| act.covers(index)).copied()
    }

    pub(crate) fn count(&mut self, act: &LossAct, at: i64, kind: Kind) {
        let (lost, early) = self.counts.entry(act.index).or_default();
        add(lost);
        if act.is_early(at, kind) {
            add(early);
        }
    }

    /// Of one exchange also what is lost beside it, since something is not judged because of that.
    pub(crate) fn tell(self, section: &Section, findings: &mut Findings) {
        for act in &section.keeping.losses {
            let counted = self.counts.get(&act.index).copied();
            let silences = !section.is_journal() && act.detail.class == Class::Act;
            let Some((count, early)) = counted.or(silences.then_some((0, 0))) else { continue };
            findings.losses.push(told(act, count, early, section.participant()));
        }
    }
}

fn told(act: &LossAct, count: u64, early: u64, participant: &str) -> Loss {
    let LossDetail { class, month, first_index, last_index } = act.detail;
    let date = OffsetDateTime::from_unix_timestamp(act.at.div_euclid(1000))
        .map_or_else(|_| act.at.to_string(), |time| time.date().to_string());
    let [of_nl, of_en] = match class {
        Class::Exchange => ["uitwisselingen", "exchanges"],
        Class::Act => ["handelingen en controlepunten van anderen", "acts and checkpoints of others"],
    };
    let sentence = words(
        format!(
            "De inhoud van {count} regels tussen {first_index} en {last_index} ({of_nl}, maand {month}) is verloren, zo is op {date} \
             gemeld; van {early} was de bewaartermijn toen niet voorbij."
        ),
        format!(
            "the content of {count} entries between {first_index} and {last_index} ({of_en}, month {month}) is lost, as was declared \
             on {date}; the time of {early} was not over then"
        ),
    );
    Loss {
        participant: participant.to_owned(),
        index: act.index,
        at: act.at,
        class,
        month,
        first_index,
        last_index,
        count,
        early,
        words: sentence,
    }
}

/// The first act that is lost as declared: what it said of keys was said again later.
pub(crate) fn first_lost_act(section: &Section) -> Option<u64> {
    if section.keeping.losses.is_empty() {
        return None;
    }
    let losses = Losses::of(section);
    let acts = section.destroyed_acts.iter();
    let lost = acts.filter(|(index, at)| losses.covering(*index, *at, Kind::Act).is_some());
    lost.map(|(index, _)| *index).min()
}

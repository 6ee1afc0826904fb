//! What is kept of a section while it is read: as little as the rules need.

use std::{collections::HashMap, hash::Hash};

use crate::{
    act::{DropDetail, HoldDetail},
    line::Signed,
    loss::LossAct,
    merkle,
    note::{Checkpoint, Origin, VerifierKey},
};

/// Names that stand in many entries, each kept once.
#[derive(Debug, Default)]
pub(crate) struct Names {
    numbers: HashMap<Box<str>, u32>,
}

impl Names {
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.into(), number);
        number
    }
}

/// Things that stand in many entries, each kept once, by its place.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    pub(crate) items: Vec<T>,
    places: HashMap<T, u32>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { items: Vec::new(), places: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Pool<T> {
    pub(crate) fn place(&mut self, item: T) -> u32 {
        if let Some(place) = self.places.get(&item) {
            return *place;
        }
        let place = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        self.places.insert(item.clone(), place);
        self.items.push(item);
        place
    }

    pub(crate) fn get(&self, place: u32) -> Option<&T> {
        self.items.get(usize::try_from(place).ok()?)
    }
}

/// A checkpoint of this journal.
#[derive(Debug)]
pub(crate) struct OwnCheckpoint {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) at: i64,
    pub(crate) line: u64,
}

/// A counterpart's checkpoint, as a witness entry holds it.
#[derive(Debug)]
pub(crate) struct WitnessRecord {
    pub(crate) index: u64,
    pub(crate) at: i64,
    pub(crate) origin: Origin,
    pub(crate) size: u64,
    pub(crate) root: merkle::Hash,
    pub(crate) key: VerifierKey,
}

/// A word of a participant about a key, to be judged when the section has been read.
#[derive(Debug)]
pub(crate) struct KeyWord {
    pub(crate) index: u64,
    /// Whose key it is to be.
    pub(crate) participant: String,
    pub(crate) origin: String,
    pub(crate) key: VerifierKey,
    pub(crate) key_text: String,
    pub(crate) signed: Signed,
}

/// An act that ended an epoch.
#[derive(Debug)]
pub(crate) struct Continuation {
    pub(crate) previous: Origin,
    pub(crate) size: u64,
    pub(crate) last_known: Checkpoint,
    pub(crate) index: u64,
    /// Between these times was written what is gone: of the entry before the act, and of the act.
    pub(crate) times: (i64, i64),
}

/// Acts about keeping and destroying, in the order of the journal.
#[derive(Debug, Default)]
pub(crate) struct Keeping {
    pub(crate) drops: Vec<Drop>,
    pub(crate) losses: Vec<LossAct>,
    pub(crate) days: Option<u64>,
    pub(crate) holds: Vec<(String, HoldDetail)>,
}

/// An act that destroyed, with what was in force when it did.
#[derive(Debug)]
pub(crate) struct Drop {
    pub(crate) index: u64,
    pub(crate) detail: DropDetail,
    pub(crate) is_by_rule: bool,
    pub(crate) holds: Vec<HoldDetail>,
}

/// How many of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the report")]
pub struct Counts {
    pub entries: u64,
    pub checkpoints: u64,
    pub permits: u64,
    pub refusals: u64,
    pub completions: u64,
    pub processing: u64,
    pub witnessed: u64,
    pub destroyed: u64,
    pub(crate) withheld: u64,
}

impl Counts {
    /// Both together.
    pub(crate) const fn plus(&self, other: &Self) -> Self {
        Self {
            entries: self.entries.saturating_add(other.entries),
            checkpoints: self.checkpoints.saturating_add(other.checkpoints),
            permits: self.permits.saturating_add(other.permits),
            refusals: self.refusals.saturating_add(other.refusals),
            completions: self.completions.saturating_add(other.completions),
            processing: self.processing.saturating_add(other.processing),
            witnessed: self.witnessed.saturating_add(other.witnessed),
            destroyed: self.destroyed.saturating_add(other.destroyed),
            withheld: self.withheld.saturating_add(other.withheld),
        }
    }
}

pub(crate) const fn add(count: &mut u64) {
    *count = count.saturating_add(1);
}

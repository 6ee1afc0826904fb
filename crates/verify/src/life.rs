//! The life of a version by what was stated about it (docs/formats/agreement.md, *Life*).

use std::collections::BTreeSet;

use crate::wire::Connection;

/// How far clocks of parties differ and how long a statement takes to arrive, in milliseconds.
pub(crate) const TOLERANCE: i64 = 5 * 60 * 1000;

/// A step in the life of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Offered,
    Signed,
    Refused,
    Withdrawn,
    Suspended,
    Resumed,
    Revoked,
    ContractBound,
    AcceptedOnTheWire(String),
    RefusedOnTheWire(String),
    RevokedOnTheWire(String),
}

impl Step {
    /// Whether it stops something, so that it counts later than it says and not earlier.
    const fn stops(&self) -> bool {
        matches!(
            self,
            Self::Refused
                | Self::Withdrawn
                | Self::Suspended
                | Self::Revoked
                | Self::RefusedOnTheWire(_)
                | Self::RevokedOnTheWire(_)
        )
    }

    /// Whether somebody is bound by it, or bound again.
    pub(crate) const fn binds(&self) -> bool {
        matches!(self, Self::Offered | Self::Signed | Self::Resumed | Self::AcceptedOnTheWire(_))
    }
}

/// A statement that holds.
#[derive(Clone, Debug)]
pub(crate) struct Stated {
    pub(crate) party: String,
    /// When it provably existed: what it says itself, or when the first journal took it in if that is later.
    pub(crate) moment: i64,
    pub(crate) step: Step,
}

impl Stated {
    pub(crate) const fn counts_from(&self) -> i64 {
        match self.step.stops() {
            true => self.moment.saturating_add(TOLERANCE),
            false => self.moment.saturating_sub(TOLERANCE),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Draft,
    Offered,
    Signed,
    Suspended,
    Ended,
}

/// The life of one version so far. A step that may not follow changes nothing.
pub(crate) struct Life<'a> {
    parties: &'a BTreeSet<String>,
    connections: &'a BTreeSet<Connection>,
    bound: BTreeSet<&'a str>,
    on_the_wire: BTreeSet<&'a str>,
    /// Foreign participant, and who saw it accept all that is between the two.
    seen: BTreeSet<(&'a str, &'a str)>,
    held_by: BTreeSet<&'a str>,
    pub(crate) stage: Stage,
}

impl<'a> Life<'a> {
    pub(crate) const fn new(parties: &'a BTreeSet<String>, connections: &'a BTreeSet<Connection>) -> Self {
        Self {
            parties,
            connections,
            bound: BTreeSet::new(),
            on_the_wire: BTreeSet::new(),
            seen: BTreeSet::new(),
            held_by: BTreeSet::new(),
            stage: Stage::Draft,
        }
    }

    pub(crate) fn all_bound(&self) -> bool {
        self.bound.len() == self.parties.len()
    }

    /// With whom a party exchanges something.
    fn connected(&self, party: &str) -> BTreeSet<&'a str> {
        let ends = self.connections.iter().filter_map(|(provider, _, receiver)| match () {
            () if provider == party => Some(receiver.as_str()),
            () if receiver == party => Some(provider.as_str()),
            () => None,
        });
        ends.collect()
    }

    /// Whether a party may say what a foreign participant did: it has signed itself, and the two exchange something.
    fn may_speak_for(&self, foreign: &str, party: &str) -> bool {
        self.bound.contains(party)
            && !self.on_the_wire.contains(party)
            && self.parties.contains(foreign)
            && self.connected(foreign).contains(party)
    }

    /// Whether all with whom a foreign participant exchanges something have seen it accept.
    fn is_seen_by_all(&self, foreign: &str) -> bool {
        self.connected(foreign).iter().all(|party| self.seen.contains(&(foreign, *party)))
    }

    fn bind(&mut self, party: &'a str) {
        self.bound.insert(party);
        if self.all_bound() {
            self.stage = Stage::Signed;
        }
    }

    pub(crate) fn take(&mut self, stated: &'a Stated) {
        let party = stated.party.as_str();
        match (&stated.step, self.stage) {
            (Step::Offered, Stage::Draft) => self.stage = Stage::Offered,
            (Step::Signed, Stage::Offered) => self.bind(party),
            (Step::AcceptedOnTheWire(foreign), Stage::Offered)
                if self.may_speak_for(foreign, party) && !self.bound.contains(foreign.as_str()) =>
            {
                self.seen.insert((foreign, party));
                if self.is_seen_by_all(foreign) {
                    self.on_the_wire.insert(foreign);
                    self.bind(foreign);
                }
            }
            (Step::RefusedOnTheWire(foreign), Stage::Offered)
                if self.may_speak_for(foreign, party)
                    && (!self.bound.contains(foreign.as_str())
                        || self.on_the_wire.contains(foreign.as_str())) =>
            {
                self.stage = Stage::Ended;
            }
            (Step::Refused, Stage::Offered)
            | (Step::Withdrawn, Stage::Draft | Stage::Offered)
            | (Step::Revoked, Stage::Signed | Stage::Suspended) => self.stage = Stage::Ended,
            (Step::RevokedOnTheWire(foreign), Stage::Signed | Stage::Suspended)
                if self.may_speak_for(foreign, party) && self.on_the_wire.contains(foreign.as_str()) =>
            {
                self.stage = Stage::Ended;
            }
            (Step::Suspended, Stage::Signed | Stage::Suspended) => {
                self.held_by.insert(party);
                self.stage = Stage::Suspended;
            }
            (Step::Resumed, Stage::Suspended) => {
                self.held_by.remove(party);
                self.stage = if self.held_by.is_empty() { Stage::Signed } else { Stage::Suspended };
            }
            _ => {}
        }
    }
}

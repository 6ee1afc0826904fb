//! What is compared over whole journals: one record per fact, in the order in which the rules look at it.

use std::iter::Peekable;

use crate::{
    aside::{Fault, Room, Sorted, Sorting, packed},
    kept::Names,
    line::Kind,
    merkle::{Hash, halves},
    payload::{Delivery, Direction},
};

/// Stands for none where a number of a name, a version or a list could.
pub(crate) const NONE: u32 = u32::MAX;

packed! {
    /// An entry in its place: what the tree holds of it, and what it says.
    Leaf {
        section: u32,
        index: u64,
        /// Hash of the leaf, in two halves.
        high: u128,
        low: u128,
        /// No entry before it is missing.
        is_in_tree: u8,
        /// Of what a permit or completion that is given says, what is told alike whoever is told; 0 of others.
        says: u128,
    }

    /// A fact that belongs to an entry `permit`, by the id of that.
    Fact {
        section: u32,
        permit: u128,
        /// One of [`Role`].
        role: u8,
        /// Of a permit and a completion the transaction; of a record about whom it is or is owed.
        what: u128,
        index: u64,
        /// Of a permit its time; of what is owed when it is due.
        at: i64,
        /// Of a permit the moment by which the agreement is judged.
        moment: i64,
        direction: u8,
        counterpart: u32,
        /// Of a permit one of [`Decided`].
        decided: u8,
        has_processing: u8,
        is_owed: u8,
        /// Place in the section's versions that permits name, or [`NONE`].
        version: u32,
        /// Of a permit the operation that decided; of a completion the list of its elements, or [`NONE`].
        list: u32,
        /// What must have been declared open for a permit without a decision: application, or [`NONE`], and service.
        application: u32,
        service: u32,
    }

    /// What one side has of an exchange, by the exchange.
    Side {
        transaction: u128,
        consumer: u32,
        provider: u32,
        /// By [`Direction`].
        is_outgoing: u8,
        is_completion: u8,
        section: u32,
        index: u64,
        is_told: u8,
        at: i64,
        /// By [`Delivery`].
        delivery: u8,
        /// HTTP status, or [`NONE`].
        status: u32,
        /// The first half of a hash over bytes, digests and salt.
        content: u128,
        /// The same over elements.
        crossed: u128,
        /// Of a permit the place of its version in the section's versions that permits name, or [`NONE`].
        version: u32,
    }

    /// A decision that an entry holds.
    Decision {
        section: u32,
        trace: u128,
        span: u64,
        index: u64,
        is_permit: u8,
        /// Of a permit.
        transaction: u128,
    }

    /// A destroyed entry.
    Destroyed {
        section: u32,
        index: u64,
        at: i64,
        /// By [`Kind`].
        kind: u8,
    }

    /// The time of an entry `processing` of which no more is known.
    HiddenRecord {
        section: u32,
        at: i64,
    }
}

/// What a fact is: those that others need to be judged come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Permit,
    HiddenPermit,
    Owed,
    RecordByNode,
    RecordByApplication,
    Completion,
}

impl Role {
    pub(crate) const ALL: [Self; 6] = [
        Self::Permit,
        Self::HiddenPermit,
        Self::Owed,
        Self::RecordByNode,
        Self::RecordByApplication,
        Self::Completion,
    ];
}

/// Whether a permit holds a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decided {
    Not,
    Faulty,
    Holds,
}

impl Decided {
    const ALL: [Self; 3] = [Self::Not, Self::Faulty, Self::Holds];
}

impl Fact {
    /// About this permit, and nothing more of it yet.
    pub(crate) const fn new(section: u32, permit: u128, role: Role, index: u64) -> Self {
        Self {
            section,
            permit,
            role: role as u8,
            what: 0,
            index,
            at: 0,
            moment: 0,
            direction: 0,
            counterpart: NONE,
            decided: 0,
            has_processing: 0,
            is_owed: 0,
            version: NONE,
            list: NONE,
            application: NONE,
            service: NONE,
        }
    }

    pub(crate) fn role(&self) -> Option<Role> {
        Role::ALL.get(usize::from(self.role)).copied()
    }

    pub(crate) fn decided(&self) -> Decided {
        Decided::ALL.get(usize::from(self.decided)).copied().unwrap_or(Decided::Faulty)
    }

    /// Transaction, direction and counterpart.
    pub(crate) const fn exchange(&self) -> (u128, u8, u32) {
        (self.what, self.direction, self.counterpart)
    }
}

impl Side {
    /// Transaction, consumer, provider.
    pub(crate) const fn exchange(&self) -> (u128, u32, u32) {
        (self.transaction, self.consumer, self.provider)
    }

    pub(crate) const fn is_incoming(&self) -> bool {
        self.is_outgoing == 0
    }

    pub(crate) fn delivery(&self) -> Delivery {
        let all = [Delivery::Whole, Delivery::BrokenOff, Delivery::Nothing];
        all.get(usize::from(self.delivery)).copied().unwrap_or(Delivery::Nothing)
    }
}

impl Destroyed {
    pub(crate) fn kind(&self) -> Kind {
        Kind::ALL.get(usize::from(self.kind)).copied().unwrap_or(Kind::Act)
    }
}

impl Leaf {
    pub(crate) const fn hash(&self) -> [u128; 2] {
        [self.high, self.low]
    }
}

/// As it stands in a record.
pub(crate) const fn number_of(direction: Direction) -> u8 {
    matches!(direction, Direction::Outgoing) as u8
}

/// Everything that is compared over sections, and the names in it.
pub(crate) struct Compared {
    pub(crate) names: Names,
    pub(crate) leaves: Sorting<{ Leaf::SIZE }>,
    pub(crate) facts: Sorting<{ Fact::SIZE }>,
    pub(crate) sides: Sorting<{ Side::SIZE }>,
    pub(crate) decisions: Sorting<{ Decision::SIZE }>,
    pub(crate) destroyed: Sorting<{ Destroyed::SIZE }>,
    pub(crate) hidden_records: Sorting<{ HiddenRecord::SIZE }>,
    pub(crate) fault: Fault,
}

impl Compared {
    pub(crate) fn new(room: &Room) -> Self {
        let Room { bytes, folder } = room;
        let fault = Fault::default();
        // Most is said of a permit; little of what is destroyed, and of decisions half as much.
        let share = |parts: usize| bytes.saturating_mul(parts).checked_div(16).unwrap_or_default();
        Self {
            names: Names::default(),
            leaves: Sorting::new(share(4), folder, &fault),
            facts: Sorting::new(share(5), folder, &fault),
            sides: Sorting::new(share(4), folder, &fault),
            decisions: Sorting::new(share(1), folder, &fault),
            destroyed: Sorting::new(share(1), folder, &fault),
            hidden_records: Sorting::new(share(1), folder, &fault),
            fault,
        }
    }

    pub(crate) fn leaf(&mut self, section: u32, index: u64, leaf: &Hash, is_in_tree: bool, says: u128) {
        let [high, low] = halves(leaf);
        let is_in_tree = u8::from(is_in_tree);
        self.leaves.put(Leaf { section, index, high, low, is_in_tree, says }.pack());
    }
}

/// The records of one section, out of those of all: sections are asked for in their order.
pub(crate) fn of<'a, const N: usize>(
    sorted: &'a mut Peekable<Sorted<'_, N>>,
    section: u32,
) -> impl Iterator<Item = [u8; N]> + 'a {
    // The section is the first field of every record that is asked for so.
    let whose = |record: &[u8; N]| record.first_chunk().map_or(NONE, |bytes| u32::from_be_bytes(*bytes));
    while sorted.next_if(|record| whose(record) < section).is_some() {}
    std::iter::from_fn(move || sorted.next_if(|record| whose(record) == section))
}

//! Processing records of the consumer that an application writes in the place of the outway: never both, never none.

use std::collections::{HashMap, HashSet};

use crate::{
    finding::{Alarm, Findings, Place, at_index},
    line::Id,
    payload::{Owed, Processing},
    section::Section,
};

/// A permit that leaves its records to its application.
#[derive(Debug)]
pub(crate) struct OwedRecord {
    pub(crate) permit: Id,
    pub(crate) index: u64,
    pub(crate) transaction: Id,
    pub(crate) at: i64,
    pub(crate) has_processing: bool,
    pub(crate) owed: Owed,
}

/// What is kept of a section's processing records.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) owed: Vec<OwedRecord>,
    /// Times of entries of which no more is known than that they are there.
    pub(crate) hidden: Vec<i64>,
    /// Entries that the node wrote: permit and index.
    by_node: Vec<(Id, u64)>,
    /// Entries that applications wrote: permit, about whom, and index.
    by_application: Vec<(Id, u128, u64)>,
}

impl Records {
    pub(crate) fn take(&mut self, index: u64, processing: Processing) {
        match processing.by_application {
            Some(whom) => self.by_application.push((processing.permit, whom, index)),
            None => self.by_node.push((processing.permit, index)),
        }
    }

    /// The permits that they belong to.
    pub(crate) fn permits(&self) -> impl Iterator<Item = Id> {
        let by_node = self.by_node.iter().map(|(permit, _)| *permit);
        by_node.chain(self.by_application.iter().map(|(permit, ..)| *permit))
    }
}

/// Judges who wrote the processing records of a section's exchanges.
pub(crate) fn judge(section: &Section, findings: &mut Findings) {
    let records = &section.records;
    if records.owed.is_empty() && records.by_application.is_empty() {
        return;
    }
    twice(section, findings);
    missing(section, findings);
}

fn twice(section: &Section, findings: &mut Findings) {
    let Records { owed, by_node, by_application, .. } = &section.records;
    let leaving: HashMap<Id, Id> = owed.iter().map(|one| (one.permit, one.transaction)).collect();
    let others = section.permits.iter().filter(|permit| !permit.is_owed);
    let keeping: HashMap<Id, Id> = others.map(|permit| (permit.id, permit.transaction)).collect();
    let mut found: Vec<(u64, Id)> =
        owed.iter().filter(|one| one.has_processing).map(|one| (one.index, one.transaction)).collect();
    found.extend(by_node.iter().filter_map(|(permit, index)| Some((*index, *leaving.get(permit)?))));
    let mut seen = HashSet::new();
    for (permit, whom, index) in by_application {
        match (leaving.get(permit), keeping.get(permit)) {
            (Some(transaction), _) if !seen.insert((*permit, *whom)) => found.push((*index, *transaction)),
            (None, Some(transaction)) => found.push((*index, *transaction)),
            _ => {}
        }
    }
    found.sort_unstable();
    for (index, transaction) in found {
        let place = Place { transaction: Some(transaction), ..at_index(index) };
        let (nl, en) = (
            "De verwerking is door outway en applicatie vastgelegd, of twee keer.",
            "the record was written by outway and application, or twice",
        );
        section.alarm(findings, Alarm::RecordTwice, place, nl, en);
    }
}

fn missing(section: &Section, findings: &mut Findings) {
    let Records { owed, by_application, hidden, .. } = &section.records;
    let written: HashSet<(Id, u128)> =
        by_application.iter().map(|(permit, whom, _)| (*permit, *whom)).collect();
    let mut hidden = hidden.clone();
    hidden.sort_unstable();
    let last = section.checkpoints.last().map(|last| last.at);
    for one in owed {
        let due = one.owed.due;
        let is_over = section.is_journal()
            && section.is_closed
            && section.first_missing.is_none()
            && last.is_some_and(|last| due < last)
            && section.header.period.is_none_or(|period| due < period.until);
        let next = hidden.partition_point(|at| *at < one.at);
        let may_be_hidden = hidden.get(next).is_some_and(|at| *at <= due);
        let is_missing = one.owed.about.iter().any(|whom| !written.contains(&(one.permit, *whom)));
        if is_over && is_missing && !may_be_hidden {
            let place = Place { transaction: Some(one.transaction), ..at_index(one.index) };
            let (nl, en) = (
                "De applicatie heeft een verwerking van deze uitwisseling niet op tijd vastgelegd.",
                "the application has not written a record of this exchange in time",
            );
            section.alarm(findings, Alarm::RecordMissing, place, nl, en);
        }
    }
}

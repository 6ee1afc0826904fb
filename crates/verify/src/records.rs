//! Processing records of the consumer that an application writes in the place of the outway: never both, never none.

use crate::{
    finding::{Alarm, Findings, Place},
    section::Section,
};

/// A permit of which a record that is owed has not come.
#[derive(Debug)]
pub(crate) struct Owing {
    pub(crate) at: i64,
    pub(crate) due: i64,
    pub(crate) place: Place,
}

pub(crate) fn tell_twice(section: &Section, place: Place, findings: &mut Findings) {
    let (nl, en) = (
        "De verwerking is door outway en applicatie vastgelegd, of twee keer.",
        "the record was written by outway and application, or twice",
    );
    section.alarm(findings, Alarm::RecordTwice, place, nl, en);
}

/// Whether what was due then would be there.
pub(crate) fn is_over(section: &Section, due: i64) -> bool {
    section.is_journal()
        && section.is_closed
        && section.first_missing.is_none()
        && section.checkpoints.last().is_some_and(|last| due < last.at)
        && section.header.period.is_none_or(|period| due < period.until)
}

/// Finds fault with what is owed, unless it may be one of the records of which no more is known than their times, which come sorted.
pub(crate) fn missing(
    section: &Section,
    mut owing: Vec<Owing>,
    hidden: impl Iterator<Item = i64>,
    findings: &mut Findings,
) {
    owing.sort_unstable_by_key(|one| one.at);
    let mut hidden = hidden.peekable();
    for Owing { at, due, place } in owing {
        while hidden.next_if(|hidden| *hidden < at).is_some() {}
        if hidden.peek().is_none_or(|hidden| *hidden > due) {
            let (nl, en) = (
                "De applicatie heeft een verwerking van deze uitwisseling niet op tijd vastgelegd.",
                "the application has not written a record of this exchange in time",
            );
            section.alarm(findings, Alarm::RecordMissing, place, nl, en);
        }
    }
}

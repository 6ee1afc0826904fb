//! Term and retention: from when until when, and how long what arrives is kept.

use verbond_domain::Scheme;

use super::{
    CheckContext, Code,
    finding::Findings,
    view::{clauses, list},
};
use crate::{Agreement, Day, RetentionPeriod, Sensitivity};

/// Most years that a term lasts: a version that is to go on is followed by another, which people look at again.
const LONGEST_TERM: i64 = 10;
/// Seconds of a year, leap days included on average.
pub(super) const YEAR: i64 = 31_557_600;

pub(super) fn rules(agreement: &Agreement, context: &CheckContext, findings: &mut Findings) {
    let term = &agreement.term;
    let day = |moment: crate::Moment| [("day", Day::of(moment.timestamp()).into())];
    if term.until <= term.from {
        findings.add(Code::TermEmpty, None, "/term/until", []);
    } else if term.until.timestamp() <= context.now {
        findings.add(Code::TermOver, None, "/term/until", day(term.until));
    } else if term.from.timestamp().plus_seconds(LONGEST_TERM * YEAR) < term.until.timestamp() {
        let [day] = day(term.until);
        findings.add(Code::TermWithoutEnd, None, "/term/until", [day, ("years", LONGEST_TERM.into())]);
    }
    for view in clauses(agreement) {
        let name = Some(&view.clause.name);
        if let Some(until) = view.clause.until.filter(|one| *one <= term.from || *one > term.until) {
            findings.add(Code::ClauseBeyondTerm, name, format!("{}/until", view.pointer()), day(until));
        }
        let categories = view.categories(|one| one.is_personal() || one == Sensitivity::Confidential);
        for side in view.receivers() {
            let kept = |category: &&&crate::EntryName| {
                !side.side.retention.iter().any(|one| one.category == ***category)
            };
            let missing: Vec<_> = categories.iter().filter(kept).collect();
            let at = format!("{}/retention", side.pointer);
            if !missing.is_empty() {
                let filling = [("party", side.name()), ("categories", list(&missing))];
                findings.add(Code::RetentionMissing, name, at, filling);
            }
        }
        for side in view.sides().iter().filter(|one| one.participant.scheme() == Scheme::Oin) {
            let unlisted = side.side.retention.iter().filter(|one| {
                one.period != RetentionPeriod::NotKept
                    && one.selection_list.is_none()
                    && categories.contains(&&one.category)
            });
            let unlisted: Vec<_> = unlisted.map(|one| &one.category).collect();
            if !unlisted.is_empty() {
                let filling = [("party", side.name()), ("categories", list(&unlisted))];
                findings.add(
                    Code::SelectionListMissing,
                    name,
                    format!("{}/retention", side.pointer),
                    filling,
                );
            }
        }
    }
}

//! One question to several sources stands in one agreement, where everybody can see it.

use super::{
    CheckContext, Code,
    finding::Findings,
    view::{ClauseView, SideView, clauses, name},
};
use crate::Agreement;

pub(super) fn rules(agreement: &Agreement, context: &CheckContext, findings: &mut Findings) {
    for view in clauses(agreement) {
        let at = format!("{}/linkage", view.pointer());
        let clause = Some(&view.clause.name);
        let named = view.clause.linkage.as_ref().map_or(&[][..], |linkage| &linkage.with);
        for other in named.iter().filter(|one| !agreement.clauses.iter().any(|clause| clause.name == **one)) {
            findings.add(Code::LinkageUnknownClause, clause, &*at, [("other", other.clone().into())]);
        }
        if !view.is_personal() {
            continue;
        }
        for side in view.receivers() {
            // The later of two clauses is reported, unless either names the other.
            for other in clauses(agreement).take_while(|other| other.clause.name != view.clause.name) {
                let back = other.clause.linkage.as_ref().map_or(&[][..], |linkage| &linkage.with);
                let said = named.contains(&other.clause.name) || back.contains(&view.clause.name);
                if !said && other.is_personal() && asks_the_same(&side, &other) {
                    let filling = [
                        ("party", side.name()),
                        ("purpose", view.clause.purpose.clone().into()),
                        ("other", other.clause.name.clone().into()),
                    ];
                    findings.add(Code::LinkageUnsaid, clause, &*at, filling);
                }
            }
            for elsewhere in context.others.iter().filter(|one| one.id != agreement.id) {
                split(&side, elsewhere, context, findings);
            }
        }
    }
}

/// Whether a clause serves the same receiver for the same purpose or within the same activity, from another source.
fn asks_the_same(side: &SideView<'_>, other: &ClauseView<'_>) -> bool {
    let activity = |side: &SideView<'_>| side.side.activity.as_ref().map(|one| one.entry.name.clone());
    side.of.clause.service != other.clause.service
        && other.receivers().iter().any(|receiver| {
            receiver.participant == side.participant
                && (other.clause.purpose == side.of.clause.purpose
                    || (activity(receiver).is_some() && activity(receiver) == activity(side)))
        })
}

/// The same question, put to another source under another agreement.
fn split(side: &SideView<'_>, elsewhere: &Agreement, context: &CheckContext, findings: &mut Findings) {
    let clause = side.of.clause;
    for other in clauses(elsewhere).filter(|one| one.ends() > context.now && one.is_personal()) {
        // A source that stands in both agreements is known to whoever signs this one.
        let known = side.of.agreement.clauses.iter().any(|one| one.service == other.clause.service);
        if !known && asks_the_same(side, &other) {
            let filling = [
                ("party", side.name()),
                ("other", name(elsewhere, &other.clause.service.provider)),
                ("agreement", elsewhere.id.into()),
            ];
            findings.add(Code::LinkageSplit, Some(&clause.name), side.of.pointer(), filling);
        }
    }
}

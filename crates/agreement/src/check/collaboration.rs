//! Collaborations that a statute establishes.

use super::{
    CheckContext, Code,
    finding::Findings,
    view::{ClauseView, clauses},
};
use crate::{Agreement, AgreementKind};

pub(super) fn rules(agreement: &Agreement, context: &CheckContext, findings: &mut Findings) {
    let AgreementKind::StatutoryCollaboration(statute) = &agreement.kind else { return };
    let day = || [("day", statute.evaluate_before.into())];
    if statute.evaluate_before.end() <= context.now {
        findings.add(Code::EvaluationOverdue, None, "/kind/evaluate_before", day());
    } else if statute.evaluate_before.end() < agreement.term.until.timestamp() {
        findings.add(Code::TermBeyondEvaluation, None, "/term/until", day());
    }
    for side in clauses(agreement).filter(ClauseView::is_personal).flat_map(|view| view.sides()) {
        let Some(reference) = &side.side.ground else { continue };
        let names_it = |one: &crate::Article| one.law == statute.established_by.law;
        if !reference.ground.provisions.iter().any(names_it) {
            let filling = [
                ("party", side.name()),
                ("ground", reference.entry.name.clone().into()),
                ("article", statute.established_by.name.clone().into()),
            ];
            let at = format!("{}/ground/ground/provisions", side.pointer);
            findings.add(Code::CollaborationGround, Some(&side.of.clause.name), at, filling);
        }
    }
}

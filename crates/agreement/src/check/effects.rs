//! What it does to people, where the data goes, and what binds whoever holds it.

use super::{
    CheckContext, Code,
    finding::Findings,
    view::{ClauseView, SideView, clauses, list},
};
use crate::{Agreement, EffectOnPeople, Regime, Sensitivity};

pub(super) fn rules(agreement: &Agreement, _context: &CheckContext, findings: &mut Findings) {
    for view in clauses(agreement) {
        let personal = view.is_personal();
        for side in view.sides() {
            if personal {
                places(&side, findings);
                secrecy(&side, findings);
            }
            if matches!(side.side.effect, EffectOnPeople::Decision { .. })
                && view.clause.conditions.human_in_the_loop.is_none()
            {
                let at = format!("{}/conditions", view.pointer());
                findings.add(
                    Code::DecisionWithoutHuman,
                    Some(&view.clause.name),
                    at,
                    [("party", side.name())],
                );
            }
        }
        undertaking(&view, findings);
    }
}

fn places(side: &SideView<'_>, findings: &mut Findings) {
    let clause = Some(&side.of.clause.name);
    let at = format!("{}/places", side.pointer);
    if side.side.places.is_empty() {
        findings.add(Code::PlaceMissing, clause, &*at, [("party", side.name())]);
    }
    for (number, place) in side.side.places.iter().enumerate() {
        if !place.country.is_in_economic_area() && place.instrument.is_none() {
            let filling = [("party", side.name()), ("country", place.country.as_str().into())];
            findings.add(Code::TransferWithoutInstrument, clause, format!("{at}/{number}"), filling);
        }
    }
}

fn secrecy(side: &SideView<'_>, findings: &mut Findings) {
    let clause = Some(&side.of.clause.name);
    if let Some(secrecy) = &side.side.secrecy {
        let (duty, lifted_by) = (&secrecy.duty, &secrecy.lifted_by);
        if duty.law == lifted_by.law && duty.article == lifted_by.article {
            let at = format!("{}/secrecy", side.pointer);
            findings.add(Code::SecrecyLiftedByItself, clause, at, [("party", side.name())]);
        }
        return;
    }
    if side.receives {
        return;
    }
    let grave = side.of.delivered(|one| matches!(one, Sensitivity::SpecialCategory | Sensitivity::Criminal));
    let code = match side.side.regime {
        Regime::Wpg | Regime::Wjsg => Code::SecrecyNotLifted,
        Regime::Gdpr if !grave.is_empty() => Code::SecrecyUnsaid,
        Regime::Gdpr => return,
    };
    findings.add(code, clause, &*side.pointer, [("party", side.name()), ("elements", list(&grave))]);
}

fn undertaking(view: &ClauseView<'_>, findings: &mut Findings) {
    let confidential = view.delivered(|one| one == Sensitivity::Confidential);
    for side in view.receivers() {
        if !confidential.is_empty() && side.side.undertaking.is_none() {
            let filling = [("elements", list(&confidential)), ("party", side.name())];
            findings.add(
                Code::ConfidentialWithoutUndertaking,
                Some(&view.clause.name),
                &*side.pointer,
                filling,
            );
        }
    }
}

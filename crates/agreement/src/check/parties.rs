//! Parties: in which role, who signs for them, and what their data protection officers said.

use super::{
    CheckContext, Code,
    finding::Findings,
    view::{ClauseView, SideView, clauses, name, same_name},
};
use crate::{AdviceOutcome, Agreement, PartyRole};

/// Fewest words that say what joint controllers arranged.
const FEWEST_WORDS: usize = 5;

pub(super) fn rules(agreement: &Agreement, context: &CheckContext, findings: &mut Findings) {
    for view in clauses(agreement).filter(ClauseView::is_personal) {
        view.sides().iter().for_each(|side| role(side, findings));
    }
    signatories(agreement, context, findings);
    advice(agreement, findings);
    if agreement.coalition != context.coalition {
        let filling =
            [("other", agreement.coalition.clone().into()), ("coalition", context.coalition.clone().into())];
        findings.add(Code::OtherCoalition, None, "/coalition", filling);
    }
}

fn role(side: &SideView<'_>, findings: &mut Findings) {
    let (clause, at) = (Some(&side.of.clause.name), format!("{}/role", side.pointer));
    match &side.side.role {
        PartyRole::Controller => {}
        PartyRole::Processor { controller, .. } if side.is_called(controller.name.as_str()) => {
            findings.add(Code::ProcessorWithoutController, clause, at, [("party", side.name())]);
        }
        PartyRole::Processor { controller, .. } => {
            let is_party = |party: &crate::Party| same_name(party.name.as_str(), controller.name.as_str());
            if !side.of.agreement.parties.iter().any(is_party) {
                let filling = [("party", side.name()), ("controller", controller.name.clone().into())];
                findings.add(Code::ControllerNotParty, clause, at, filling);
            }
        }
        PartyRole::JointController { with, arrangement, .. } => {
            let short = arrangement.as_str().split_whitespace().count() < FEWEST_WORDS;
            if with.is_empty() || short {
                findings.add(Code::JointWithoutArrangement, clause, &*at, [("party", side.name())]);
            }
            let others = side.of.sides();
            for other in others.iter().filter(|one| one.participant != side.participant && !one.is_joint()) {
                if with.iter().any(|text| other.is_called(text.as_str())) {
                    let filling = [("party", side.name()), ("other", other.name())];
                    findings.add(Code::JointOneSided, clause, &*at, filling);
                }
            }
        }
    }
}

fn signatories(agreement: &Agreement, context: &CheckContext, findings: &mut Findings) {
    for party in &agreement.parties {
        let filling = || [("party", name(agreement, &party.participant))];
        // A foreign participant signs nothing here; it accepts on the wire.
        if !context.foreign.contains(&party.participant)
            && !agreement.signatories.iter().any(|one| one.participant == party.participant)
        {
            findings.add(Code::SignatoryMissing, None, "/signatories", filling());
        }
        if context.without_properties.contains(&party.participant)
            && !agreement.has_signed_elsewhere(&party.participant)
        {
            findings.add(Code::SignedElsewhereMissing, None, "/signed_elsewhere", filling());
        }
        let signs = context.signatories.get(&party.participant);
        if let (Some(signs), Some(drafter)) = (signs, &context.drafter)
            && *signs == drafter.credential
        {
            findings.add(Code::SignatoryIsDrafter, None, "/signatories", filling());
        }
    }
}

fn advice(agreement: &Agreement, findings: &mut Findings) {
    for (number, advice) in agreement.advice.iter().enumerate() {
        let at = format!("/advice/{number}");
        let party = ("party", name(agreement, &advice.participant));
        let code = match (advice.outcome, &advice.not_followed_because) {
            (AdviceOutcome::Negative, None) => Some(Code::AdviceUnanswered),
            (AdviceOutcome::PositiveIf, None) => Some(Code::AdviceCondition),
            _ => None,
        };
        if let Some(code) = code {
            findings.add(code, None, &*at, [party.clone()]);
        }
        if agreement.signatories.iter().any(|one| same_name(one.name.as_str(), advice.officer.as_str())) {
            let filling = [party, ("officer", advice.officer.clone().into())];
            findings.add(Code::OfficerSigns, None, format!("{at}/officer"), filling);
        }
    }
    let personal: Vec<_> =
        clauses(agreement).filter(ClauseView::is_personal).flat_map(|view| view.sides()).collect();
    for party in &agreement.parties {
        let asked = personal.iter().any(|side| *side.participant == party.participant);
        if asked && !agreement.advice.iter().any(|one| one.participant == party.participant) {
            findings.add(
                Code::AdviceMissing,
                None,
                "/advice",
                [("party", name(agreement, &party.participant))],
            );
        }
    }
}

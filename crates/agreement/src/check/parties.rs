//! Parties: in which role, who signs for them, and what their data protection officers said.

use verbond_domain::ParticipantId;

use super::{
    CheckContext, Code,
    finding::Findings,
    view::{ClauseView, SideView, clauses, name, same_name},
};
use crate::{AdviceOutcome, Agreement, AssessmentKind, PartyRole};

/// Fewest words that say what joint controllers arranged.
const FEWEST_WORDS: usize = 5;

pub(super) fn rules(agreement: &Agreement, context: &CheckContext, findings: &mut Findings) {
    for view in clauses(agreement).filter(ClauseView::is_personal) {
        view.sides().iter().for_each(|side| role(side, findings));
    }
    signatories(agreement, context, findings);
    foreign(agreement, context, findings);
    advice(agreement, context, findings);
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
    for_two(agreement, context, findings);
}

/// Whether one person signs for two parties: known by the key, suspected by the name.
fn for_two(agreement: &Agreement, context: &CheckContext, findings: &mut Findings) {
    let parties = agreement.parties.iter().map(|party| &party.participant);
    let signatory =
        |party: &ParticipantId| agreement.signatories.iter().find(|one| one.participant == *party);
    for (number, party) in parties.clone().enumerate() {
        for other in parties.clone().take(number) {
            let filling = || [("party", name(agreement, party)), ("other", name(agreement, other))];
            let keys = (context.signatories.get(party), context.signatories.get(other));
            if matches!(keys, (Some(one), Some(other)) if one == other) {
                findings.add(Code::SignatoryOfTwo, None, "/signatories", filling());
                continue;
            }
            let (Some(one), Some(two)) = (signatory(party), signatory(other)) else { continue };
            if same_name(one.name.as_str(), two.name.as_str()) {
                let [party, other] = filling();
                let named = ("signatory", one.name.clone().into());
                findings.add(Code::SignatoryNamedForTwo, None, "/signatories", [party, other, named]);
            }
        }
    }
}

/// A foreign participant is bound by what a party that signs here sees it accept: one that exchanges nothing could not be,
/// and what two of them exchange nobody who signs here sees.
fn foreign(agreement: &Agreement, context: &CheckContext, findings: &mut Findings) {
    let is_foreign = |party: &ParticipantId| context.foreign.contains(party);
    let connections = agreement.connections();
    for party in context.foreign.iter().filter(|one| agreement.party(one).is_some()) {
        if !connections.iter().any(|(provider, _, receiver)| *provider == party || *receiver == party) {
            let filling = [("party", name(agreement, party))];
            findings.add(Code::ForeignWithoutConnection, None, "/clauses", filling);
        }
    }
    for (number, clause) in agreement.clauses.iter().enumerate() {
        let provider = &clause.service.provider;
        for (place, receiver) in clause.receivers.iter().enumerate() {
            if is_foreign(provider) && is_foreign(&receiver.participant) {
                let filling =
                    [("party", name(agreement, provider)), ("other", name(agreement, &receiver.participant))];
                let at = format!("/clauses/{number}/receivers/{place}");
                findings.add(Code::ForeignAmongThemselves, Some(&clause.name), at, filling);
            }
        }
    }
}

fn advice(agreement: &Agreement, context: &CheckContext, findings: &mut Findings) {
    for (number, advice) in agreement.advice.iter().enumerate() {
        let at = format!("/advice/{number}");
        let party = ("party", name(agreement, &advice.participant));
        let code = match (advice.outcome, &advice.not_followed_because) {
            (AdviceOutcome::Negative, None) => Some(Code::AdviceUnanswered),
            (AdviceOutcome::PositiveIf, None) => Some(Code::AdviceCondition),
            _ => None,
        };
        let act = context.advice.iter().find(|one| one.party == advice.participant);
        let not_given = match act {
            None => Some(Code::AdviceWithoutAct),
            Some(act) if !act.by_officer => Some(Code::AdviceNotByOfficer),
            Some(_) => None,
        };
        for code in code.into_iter().chain(not_given) {
            findings.add(code, None, &*at, [party.clone()]);
        }
        let signs = act.is_some_and(|act| context.signatories.values().any(|one| *one == act.credential));
        let named =
            agreement.signatories.iter().any(|one| same_name(one.name.as_str(), advice.officer.as_str()));
        if signs || named {
            let filling = [party, ("officer", advice.officer.clone().into())];
            findings.add(Code::OfficerSigns, None, format!("{at}/officer"), filling);
        }
    }
    let personal: Vec<_> =
        clauses(agreement).filter(ClauseView::is_personal).flat_map(|view| view.sides()).collect();
    for party in &agreement.parties {
        let advised = agreement.advice.iter().any(|one| one.participant == party.participant);
        let assessed = agreement
            .assessments
            .iter()
            .any(|one| one.party == party.participant && one.assessment.kind == AssessmentKind::Dpia);
        let personal = personal.iter().any(|side| *side.participant == party.participant);
        let code = match (advised, assessed, personal) {
            (false, true, _) => Code::AdviceRequired,
            (false, false, true) => Code::AdviceMissing,
            _ => continue,
        };
        findings.add(code, None, "/advice", [("party", name(agreement, &party.participant))]);
    }
}

//! Algorithms and assessments: what computes with the data stands in a register and has been assessed, by somebody else.

use super::{
    CheckContext, Code,
    finding::{Findings, Words},
    view::{ClauseView, SideView, clauses, list, name, same_name},
};
use crate::{
    Agreement, AlgorithmUse, AssessmentKind, AssessmentOutcome, AssessmentReference, DocumentHash, EntryName,
    Sensitivity,
};

/// Fewest words that say what an assessment found.
const FEWEST_WORDS: usize = 8;

pub(super) fn rules(agreement: &Agreement, context: &CheckContext, findings: &mut Findings) {
    for (number, assessment) in agreement.assessments.iter().enumerate() {
        one(agreement, assessment, &format!("/assessments/{number}"), context, findings);
    }
    for (number, algorithm) in agreement.algorithms.iter().enumerate() {
        if !context.is_registered(algorithm) {
            let filling = [
                ("algorithm", algorithm.name.clone().into()),
                ("party", name(agreement, &algorithm.party)),
                ("url", algorithm.url.clone().into()),
            ];
            findings.add(Code::AlgorithmNotInRegister, None, format!("/algorithms/{number}"), filling);
        }
    }
    for view in clauses(agreement) {
        let at = format!("{}/conditions/algorithm", view.pointer());
        match &view.clause.conditions.algorithm {
            AlgorithmUse::None => left_out(&view, &at, context, findings),
            AlgorithmUse::These { names } if names.is_empty() => {
                findings.add(Code::AlgorithmsUnnamed, Some(&view.clause.name), at, []);
            }
            AlgorithmUse::These { names } => {
                names.iter().for_each(|name| used(&view, name, &at, findings));
            }
        }
        advisable(&view, findings);
    }
}

/// One assessment by itself.
fn one(
    agreement: &Agreement,
    reference: &AssessmentReference,
    at: &str,
    context: &CheckContext,
    findings: &mut Findings,
) {
    let assessment = &reference.assessment;
    let mut add = |code, place: &str, day: Option<crate::Day>| {
        let filling: [(&'static str, Words); 3] = [
            ("assessment", reference.entry.name.clone().into()),
            ("party", name(agreement, &reference.party)),
            ("day", day.map(|day| day.to_string()).unwrap_or_default().into()),
        ];
        findings.add(code, None, format!("{at}{place}"), filling);
    };
    let subjects = assessment.activities.len() + assessment.algorithms.len();
    let short = assessment.summary.as_str().split_whitespace().count() < FEWEST_WORDS;
    let no_document =
        assessment.document == DocumentHash::of(&[]) || *assessment.document.as_bytes() == [0; 32];
    if subjects == 0 || short || no_document {
        add(Code::AssessmentEmpty, "/assessment", None);
    } else if !is_of_agreement(agreement, reference) {
        add(Code::AssessmentOfSomethingElse, "/assessment", None);
    }
    match assessment.valid_until.end() {
        end if end <= context.now => {
            add(Code::AssessmentExpired, "/assessment/valid_until", Some(assessment.valid_until));
        }
        end if end < agreement.term.until.timestamp() => {
            add(Code::TermBeyondAssessment, "/assessment/valid_until", Some(assessment.valid_until));
        }
        _ => {}
    }
    if assessment.made_on.begin() > context.now {
        add(Code::AssessmentUnfinished, "/assessment/made_on", Some(assessment.made_on));
    }
    if assessment.outcome == AssessmentOutcome::Negative {
        add(Code::AssessmentNegative, "/assessment/outcome", None);
    }
    let reading =
        context.assessments.iter().find(|one| one.party == reference.party && one.entry == reference.entry);
    if reading.is_some_and(|one| one.assessment != *assessment) {
        add(Code::AssessmentDiffers, "/assessment", None);
    }
    if let Some(drafter) = &context.drafter {
        let recorded = reading.and_then(|one| one.recorded_by.as_ref()) == Some(&drafter.credential);
        let made = recorded || same_name(assessment.made_by.as_str(), drafter.name.as_str());
        let confirmed = reading.and_then(|one| one.confirmed_by.as_ref());
        if made && confirmed.is_none_or(|one| *one == drafter.credential) {
            add(Code::AssessmentByProposer, "/assessment/made_by", None);
        }
    }
}

/// Whether an assessment is of an activity of its own party here, or of an algorithm of it.
fn is_of_agreement(agreement: &Agreement, reference: &AssessmentReference) -> bool {
    let of_activity = clauses(agreement).flat_map(|view| view.sides()).any(|side| {
        *side.participant == reference.party
            && side
                .side
                .activity
                .as_ref()
                .is_some_and(|one| reference.assessment.activities.contains(&one.entry.name))
    });
    of_activity
        || agreement
            .algorithms
            .iter()
            .any(|one| one.party == reference.party && reference.assessment.algorithms.contains(&one.name))
}

/// An algorithm that a clause names: a receiver's, in the list, and assessed for the activity that it serves.
fn used(view: &ClauseView<'_>, algorithm: &EntryName, at: &str, findings: &mut Findings) {
    let clause = Some(&view.clause.name);
    let listed = view.agreement.algorithms.iter().find(|one| one.name == *algorithm);
    let user =
        listed.and_then(|listed| view.sides().into_iter().find(|side| *side.participant == listed.party));
    let Some(user) = user else {
        findings.add(Code::AlgorithmNotListed, clause, at, [("algorithm", algorithm.clone().into())]);
        return;
    };
    if !view.is_personal() {
        return;
    }
    let assessed = assessments_of(&user).any(|one| one.assessment.algorithms.contains(algorithm));
    if !assessed {
        let filling = [
            ("algorithm", algorithm.clone().into()),
            ("activity", user.activity_name()),
            ("party", user.name()),
        ];
        findings.add(Code::AssessmentMissing, clause, at, filling);
    }
}

/// A party's assessments of the activity that it names in a clause.
fn assessments_of<'a>(side: &SideView<'a>) -> impl Iterator<Item = &'a AssessmentReference> {
    let activity = side.side.activity.as_ref().map(|one| &one.entry.name);
    let party = side.participant;
    side.of.agreement.assessments.iter().filter(move |one| {
        one.party == *party && activity.is_some_and(|activity| one.assessment.activities.contains(activity))
    })
}

/// *No algorithm* is a signed statement: what the parties' own papers say to the contrary refutes it.
fn left_out(view: &ClauseView<'_>, at: &str, context: &CheckContext, findings: &mut Findings) {
    let receivers = view.receivers();
    let mut said: Vec<(&EntryName, &SideView<'_>)> = Vec::new();
    let in_use = |name: &EntryName| {
        view.agreement.clauses.iter().any(|clause| match &clause.conditions.algorithm {
            AlgorithmUse::These { names } => names.contains(name),
            AlgorithmUse::None => false,
        })
    };
    for side in &receivers {
        let listed = view.agreement.algorithms.iter();
        let idle = listed.filter(|one| one.party == *side.participant && !in_use(&one.name));
        said.extend(idle.map(|one| (&one.name, side)));
        let known = context.assessments.iter().filter(|one| one.party == *side.participant);
        let known = known.map(|one| &one.assessment);
        let of_activity = assessments_of(side).map(|one| &one.assessment).chain(known.filter(|one| {
            side.side.activity.as_ref().is_some_and(|activity| one.activities.contains(&activity.entry.name))
        }));
        said.extend(of_activity.flat_map(|one| &one.algorithms).map(|name| (name, side)));
    }
    said.sort_by_key(|(name, _)| *name);
    said.dedup_by_key(|(name, _)| *name);
    for (algorithm, side) in said {
        let filling = [("algorithm", algorithm.clone().into()), ("party", side.name())];
        findings.add(Code::AlgorithmLeftOut, Some(&view.clause.name), at, filling);
    }
}

/// Special categories and data on offences ask for an assessment, algorithm or not.
fn advisable(view: &ClauseView<'_>, findings: &mut Findings) {
    let grave = view.delivered(|one| matches!(one, Sensitivity::SpecialCategory | Sensitivity::Criminal));
    if grave.is_empty() {
        return;
    }
    for side in view.receivers() {
        if !assessments_of(&side).any(|one| one.assessment.kind == AssessmentKind::Dpia) {
            let filling =
                [("elements", list(&grave)), ("activity", side.activity_name()), ("party", side.name())];
            findings.add(Code::AssessmentAdvisable, Some(&view.clause.name), &*side.pointer, filling);
        }
    }
}

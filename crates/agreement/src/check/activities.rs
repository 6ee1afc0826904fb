//! Processing activities: published, read by the others, and broad enough for what is agreed.

use super::{
    ActivityReading, CheckContext, Code,
    finding::{Findings, Words},
    view::{ClauseView, SideView, clauses, list, name},
};
use crate::{ActivityReference, Agreement, ProcessingActivity, PublishedActivity, RegisterKind, Sensitivity};

pub(super) fn rules(agreement: &Agreement, context: &CheckContext, findings: &mut Findings) {
    for view in clauses(agreement).filter(ClauseView::is_personal) {
        for side in view.sides() {
            let Some(reference) = &side.side.activity else {
                let filling = [("party", side.name())];
                findings.add(Code::ActivityMissing, Some(&view.clause.name), &*side.pointer, filling);
                continue;
            };
            let own = context.own.as_ref().filter(|own| own.participant == *side.participant);
            if let Some(address) = own.map(|own| own.address(RegisterKind::Activity, &reference.entry))
                && address != reference.url.as_str()
            {
                add(&side, findings, Code::ActivityElsewhere, "/url", ("address", address.into()));
                continue;
            }
            if !publication(&side, reference, context, findings) {
                continue;
            }
            match context.activity(&reference.url, reference.hash) {
                Some(PublishedActivity::Whole(activity)) => scope(&side, activity, findings),
                Some(PublishedActivity::NameOnly { article }) => {
                    let code = match article {
                        Some(_) => Code::ConfidentialActivity,
                        None => Code::ConfidentialWithoutArticle,
                    };
                    let article = article.as_ref().map(|one| format!("{}, art. {}", one.name, one.article));
                    add(&side, findings, code, "", ("article", article.unwrap_or_default().into()));
                }
                None => {}
            }
        }
    }
}

fn add(side: &SideView<'_>, findings: &mut Findings, code: Code, place: &str, more: (&'static str, Words)) {
    let url = side.side.activity.as_ref().map_or_else(String::new, |one| one.url.to_string());
    let filling = [
        ("party", side.name()),
        ("activity", side.activity_name()),
        ("purpose", side.of.clause.purpose.clone().into()),
        ("url", url.into()),
        more,
    ];
    findings.add(code, Some(&side.of.clause.name), format!("{}/activity{place}", side.pointer), filling);
}

/// Whether every other party could read, without credentials, exactly what is pinned here. What a party says of its own
/// publication does not count.
fn publication(
    side: &SideView<'_>,
    reference: &ActivityReference,
    context: &CheckContext,
    findings: &mut Findings,
) -> bool {
    let by_others = |one: &&ActivityReading| one.url == reference.url && one.read_by != *side.participant;
    let readings: Vec<_> = context.activities.iter().filter(by_others).collect();
    let open: Vec<_> = readings.iter().filter(|one| one.without_credentials).collect();
    let exact = || open.iter().filter(|one| one.hash == reference.hash);
    let fault = match () {
        () if context.named_elsewhere.contains(&reference.hash) && open.is_empty() => None,
        () if readings.is_empty() => Some(Code::ActivityNotPublished),
        () if open.is_empty() => Some(Code::ActivityBehindCredentials),
        () if exact().count() < open.len() => Some(Code::ActivityDiffers),
        () => None,
    };
    if let Some(code) = fault {
        add(side, findings, code, "/url", ("reader", "".into()));
        return false;
    }
    // Nodes read for others only where a node publishes: what a foreign participant publishes each party's own node reads
    // before that party offers or signs.
    if context.foreign.contains(side.participant) {
        return true;
    }
    let parties = side.of.agreement.parties.iter().map(|party| &party.participant);
    for party in parties.filter(|one| *one != side.participant && !context.foreign.contains(*one)) {
        if !exact().any(|one| one.read_by == *party) {
            let reader = ("reader", name(side.of.agreement, party));
            add(side, findings, Code::ActivityNotReadByParty, "/url", reader);
        }
    }
    true
}

/// Whether the activity has this purpose, ground, receiver and these categories.
fn scope(side: &SideView<'_>, activity: &ProcessingActivity, findings: &mut Findings) {
    let mut say = |code, place: &str, more| add(side, findings, code, place, more);
    let (clause, agreement) = (side.of.clause, side.of.agreement);
    if activity.purposes.is_empty() || activity.data_subjects.is_empty() || activity.retention.is_empty() {
        say(Code::ActivityIncomplete, "", ("reader", "".into()));
        return;
    }
    if activity.valid_from.begin() > agreement.term.from.timestamp() {
        say(Code::ActivityNotYet, "", ("day", activity.valid_from.into()));
    }
    if !activity.purposes.contains(&clause.purpose) {
        say(Code::PurposeNotInActivity, "", ("reader", "".into()));
    }
    let known = |category: &crate::EntryName| {
        activity.data_subjects.iter().any(|subject| subject.data.contains(category))
    };
    let whole = clause.operations.iter().filter_map(|one| one.whole_document.as_ref());
    let whole: Vec<_> = whole.flat_map(|one| &one.categories).filter(|one| !known(one)).collect();
    if !whole.is_empty() {
        say(Code::WholeDocumentCategory, "", ("categories", list(&whole)));
    }
    let missing = side.of.categories(Sensitivity::is_personal);
    let missing: Vec<_> = missing.into_iter().filter(|one| !known(one) && !whole.contains(one)).collect();
    if !missing.is_empty() {
        say(Code::CategoryNotInActivity, "", ("categories", list(&missing)));
    }
    if let Some(ground) = &side.side.ground
        && !activity.grounds.contains(&ground.entry.name)
    {
        say(Code::GroundNotInActivity, "", ("ground", ground.entry.name.clone().into()));
    }
    if side.receives {
        let others = activity.recipients.iter().filter(|one| {
            one.participant.as_ref().is_some_and(|participant| agreement.party(participant).is_none())
        });
        let others: Vec<_> = others.map(|one| one.name.to_string()).collect();
        if !others.is_empty() && side.side.undertaking.is_none() {
            say(Code::PassedOn, "", ("other", list(&others)));
        }
        return;
    }
    for receiver in side.of.receivers() {
        let named = activity.recipients.iter().any(|one| {
            one.participant.as_ref() == Some(receiver.participant) || receiver.is_called(one.name.as_str())
        });
        if !named {
            say(Code::RecipientNotInActivity, "", ("receiver", receiver.name()));
        }
    }
}

//! Parties, effects, collaborations and linkage.

use serde_json::json;
use verbond_agreement::{
    PublishedActivity,
    check::{Code, Credential},
};

use crate::{
    Change::{Remove, Set},
    Mutation, document_only, known_only,
    mutations::order::elsewhere,
    support::article,
};

pub fn all() -> Vec<Mutation> {
    let mut all = roles();
    all.extend(signatures());
    all.extend(effects());
    all.extend(collaborations());
    all.extend(linkage());
    all
}

fn roles() -> Vec<Mutation> {
    let role = "/clauses/0/receivers/0/side/role";
    vec![
        // Fetching for a third party that nobody of the parties knows.
        document_only(
            Code::ControllerNotParty,
            "assistance",
            vec![Set("/clauses/0/receivers/0/side/role/controller/name", json!("Iemand anders"))],
        ),
        document_only(
            Code::ProcessorWithoutController,
            "assistance",
            vec![Set(
                "/clauses/0/receivers/0/side/role/controller/name",
                json!("rekencentrum voorbeeld b.v."),
            )],
        ),
        document_only(
            Code::JointWithoutArrangement,
            "pensioners",
            vec![Set(
                role,
                json!({
                    "role": "joint_controller", "with": [], "arrangement": "Each answers for its own part of it.",
                    "contact_point": { "name": "Loket", "address": "loket@pension.test" },
                }),
            )],
        ),
        document_only(
            Code::JointWithoutArrangement,
            "collaboration",
            vec![Set("/clauses/0/receivers/0/side/role/arrangement", json!("See elsewhere."))],
        ),
        document_only(
            Code::JointOneSided,
            "collaboration",
            vec![Set("/clauses/0/provider/role", json!({ "role": "controller" }))],
        ),
        known_only(Code::PassedOn, "pensioners", |context| {
            for reading in &mut context.activities {
                if let PublishedActivity::Whole(activity) = &mut reading.content
                    && reading.url.as_str().contains("pension.test")
                {
                    let other = json!({ "name": "Ander", "participant": "oin:00000099000000090000" });
                    activity.recipients.extend(serde_json::from_value(other).ok());
                }
            }
        }),
    ]
}

fn signatures() -> Vec<Mutation> {
    vec![
        // One person at both parties: by the key, whatever the names; by the name, whatever the keys.
        known_only(Code::SignatoryOfTwo, "pensioners", |context| {
            let one = Credential("the signatory of both".to_owned());
            context.signatories.values_mut().for_each(|signatory| *signatory = one.clone());
        }),
        document_only(
            Code::SignatoryNamedForTwo,
            "pensioners",
            vec![
                Set("/signatories/0/name", json!("D. Voorbeeld, directeur")),
                Set("/signatories/1/name", json!("d. voorbeeld, Directeur")),
            ],
        ),
        document_only(Code::SignatoryMissing, "pensioners", vec![Remove("/signatories/1")]),
        known_only(Code::SignedElsewhereMissing, "pensioners", |context| {
            context.without_properties.insert("oin:00000099000000020000".parse().expect("an identifier"));
        }),
        known_only(Code::ForeignAmongThemselves, "pensioners", |context| {
            context.foreign.insert("oin:00000099000000020000".parse().expect("an identifier"));
            context.foreign.insert("oin:00000099000000030000".parse().expect("an identifier"));
        }),
        known_only(Code::ForeignWithoutConnection, "assistance", |context| {
            context.foreign.insert("oin:00000099000000010000".parse().expect("an identifier"));
        }),
        // In the processor's case the party without a side signs as well.
        document_only(Code::SignatoryMissing, "assistance", vec![Remove("/signatories/0")]),
        known_only(Code::SignatoryIsDrafter, "pensioners", |context| {
            if let Some(credential) = context.signatories.values_mut().next() {
                *credential = Credential("the drafter".to_owned());
            }
        }),
        document_only(
            Code::OfficerSigns,
            "pensioners",
            vec![Set("/advice/0/officer", json!("Directeur Uitvoering, Pensioenkantoor Voorbeeld"))],
        ),
        known_only(Code::OfficerSigns, "pensioners", |context| {
            if let (Some(advice), Some(signatory)) =
                (context.advice.first_mut(), context.signatories.values().next())
            {
                advice.credential = signatory.clone();
            }
        }),
        document_only(Code::AdviceMissing, "pensioners", vec![Remove("/advice/1")]),
        known_only(Code::AdviceWithoutAct, "pensioners", |context| drop(context.advice.pop())),
        // An act of somebody else's.
        known_only(Code::AdviceWithoutAct, "pensioners", |context| {
            if let Some(advice) = context.advice.first_mut() {
                advice.party = "oin:00000099000000070000".parse().expect("an identifier");
            }
        }),
        known_only(Code::AdviceNotByOfficer, "pensioners", |context| {
            if let Some(advice) = context.advice.first_mut() {
                advice.by_officer = false;
            }
        }),
        document_only(Code::AdviceMissing, "collaboration", vec![Remove("/advice/1")]),
        document_only(Code::AdviceRequired, "collaboration", vec![Remove("/advice/0")]),
        document_only(
            Code::AdviceUnanswered,
            "pensioners",
            vec![Set("/advice/0/outcome", json!("negative"))],
        ),
        document_only(
            Code::AdviceCondition,
            "pensioners",
            vec![Set("/advice/0/outcome", json!("positive_if"))],
        ),
        document_only(Code::OtherCoalition, "freight", vec![Set("/coalition", json!("another-group"))]),
    ]
}

fn effects() -> Vec<Mutation> {
    vec![
        document_only(
            Code::TransferWithoutInstrument,
            "assistance",
            vec![Remove("/clauses/0/receivers/0/side/places/1/instrument")],
        ),
        document_only(
            Code::TransferWithoutInstrument,
            "pensioners",
            vec![Set("/clauses/0/provider/places/-", json!({ "country": "US" }))],
        ),
        document_only(
            Code::PlaceMissing,
            "pensioners",
            vec![Set("/clauses/0/receivers/0/side/places", json!([]))],
        ),
        document_only(
            Code::DecisionWithoutHuman,
            "early-detection",
            vec![Remove("/clauses/0/conditions/human_in_the_loop")],
        ),
        document_only(Code::SecrecyNotLifted, "collaboration", vec![Remove("/clauses/1/provider/secrecy")]),
        document_only(
            Code::SecrecyNotLifted,
            "pensioners",
            vec![Set("/clauses/0/provider/regime", json!("wjsg"))],
        ),
        document_only(Code::SecrecyUnsaid, "collaboration", vec![Remove("/clauses/0/provider/secrecy")]),
        document_only(
            Code::SecrecyLiftedByItself,
            "pensioners",
            vec![Set(
                "/clauses/0/provider/secrecy",
                json!({ "duty": article("BWBR0099998", "7"), "lifted_by": article("BWBR0099998", "7") }),
            )],
        ),
        document_only(
            Code::ConfidentialWithoutUndertaking,
            "freight",
            vec![Remove("/clauses/0/receivers/0/side/undertaking")],
        ),
    ]
}

fn collaborations() -> Vec<Mutation> {
    vec![
        document_only(
            Code::EvaluationOverdue,
            "collaboration",
            vec![Set("/kind/evaluate_before", json!("2026-10-31"))],
        ),
        document_only(
            Code::TermBeyondEvaluation,
            "collaboration",
            vec![Set("/kind/evaluate_before", json!("2028-11-29"))],
        ),
        document_only(
            Code::CollaborationGround,
            "collaboration",
            vec![Set("/clauses/0/provider/ground/ground/provisions", json!([article("BWBR0099998", "7")]))],
        ),
    ]
}

fn linkage() -> Vec<Mutation> {
    vec![
        known_only(Code::LinkageSplit, "pensioners", |context| context.others.push(elsewhere(|_| {}))),
        // Where others receive as well.
        known_only(Code::LinkageSplit, "pensioners", |context| {
            context.others.push(elsewhere(|other| {
                let mut more = other["clauses"][0]["receivers"][0].clone();
                more["participant"] = json!("oin:00000099000000010000");
                let party = other.to_string().replace("oin:00000099000000020000", "oin:00000099000000010000");
                let party: serde_json::Value = serde_json::from_str(&party).expect("the example");
                let parties = other["parties"].as_array_mut().expect("parties");
                parties.push(party["parties"][0].clone());
                let receivers = other["clauses"][0]["receivers"].as_array_mut().expect("receivers");
                receivers.push(more);
            }));
        }),
        // Under another purpose, within the same activity.
        known_only(Code::LinkageSplit, "pensioners", |context| {
            context.others.push(elsewhere(|other| other["clauses"][0]["purpose"] = json!("another")));
        }),
        // Under another activity, for the same purpose.
        known_only(Code::LinkageSplit, "pensioners", |context| {
            let activity = "/clauses/0/receivers/0/side/activity/entry/name";
            context.others.push(elsewhere(|other| {
                *other.pointer_mut(activity).expect("an activity") = json!("another");
            }));
        }),
        document_only(Code::LinkageUnsaid, "collaboration", vec![Remove("/clauses/0/linkage")]),
        document_only(
            Code::LinkageUnknownClause,
            "collaboration",
            vec![Set("/clauses/0/linkage/with/-", json!("nowhere"))],
        ),
    ]
}

//! Changes that leave an example in order: the neighbours of what is refused.

use serde_json::json;
use verbond_agreement::{
    IdentifierKind, Recipient,
    check::{CheckContext, Credential},
};

use super::{
    algorithms::{listed, register},
    ambiguity,
    derived::{others_compare, others_tell},
    grounds::{activity, name, own},
};
use crate::{
    Change::{self, Set},
    Known,
    support::{article, document, parsed},
};

/// An example that stays as clean as it was.
pub struct Clean {
    pub example: &'static str,
    pub changes: Vec<Change>,
    pub known: Known,
}

const PENSION: &str = "oin:00000099000000020000";
const REGISTER: &str = "oin:00000099000000030000";

fn known(example: &'static str, known: Known) -> Clean {
    Clean { example, changes: Vec::new(), known }
}

fn changed(example: &'static str, changes: Vec<Change>) -> Clean {
    Clean { example, changes, known: |context| context.assessments.clear() }
}

pub fn all() -> Vec<Clean> {
    let mut all = readings();
    all.extend(activities());
    all.extend(last_days());
    all.extend(documents());
    all.extend(linkage());
    all.extend(answers());
    all.extend(ambiguity::neighbours());
    all
}

/// One more answer about the income.
fn below(limit: &str) -> Change {
    let comparison = json!({"operator": "below", "constant": {"number": limit}});
    Set(
        "/clauses/0/operations/0/delivered/-",
        json!({
            "path": format!("$.income.below_{limit}"), "type": "boolean", "category": "income",
            "sensitivity": "sensitive", "meaning": "Made for a test",
            "derived": {"by": "compare", "from": "$.income.amount", "comparison": comparison},
        }),
    )
}

/// Answers about one value that together tell no more than one clause does.
fn answers() -> Vec<Clean> {
    vec![
        // The same limit, written otherwise.
        known("answers", |context| others_tell(context, "15480.5")),
        // One of the limits of a band.
        known("answers", |context| others_tell(context, "30000")),
        // Another value: under another category, or another name.
        known("answers", |context| {
            others_tell(context, "16000");
            context.others[0].clauses[0].operations[0].delivered[0].category = name("savings");
        }),
        known("answers", |context| {
            let comparison = json!({"operator": "below", "constant": {"number": "16000"}});
            others_compare(context, "$.income.other", &comparison);
        }),
        // It has ended this very moment.
        known("answers", |context| {
            others_tell(context, "16000");
            context.others[0].term.until = "2026-11-01T00:00:00Z".parse().expect("a moment");
        }),
        // Others tell all of it already: this adds nothing.
        known("answers", |context| {
            others_tell(context, "16000");
            let mut same = document("answers").expect("the example");
            same["id"] = json!("01932f5e-7c00-7000-8000-00000000fffe");
            context.others.push(parsed(&same).expect("an agreement"));
        }),
        // As many constants as need no reason.
        Clean { example: "answers", changes: vec![below("20000"), below("25000")], known: |_| {} },
        // What is a person's number elsewhere: in another service with an operation of this name.
        known("answers", |context| {
            let (provider, mut other) = context.services[0].clone();
            other.service = "another".parse().expect("a name");
            for element in &mut other.operations[0].elements {
                element.identifies = Some(IdentifierKind::NationalNumber);
            }
            context.services.push((provider, other));
        }),
        // Told to somebody else.
        known("answers", |context| {
            others_tell(context, "16000");
            context.others[0].clauses[0].receivers[0].participant =
                "oin:00000099000000070000".parse().expect("one");
        }),
    ]
}

fn readings() -> Vec<Clean> {
    vec![
        // Confirmed by somebody else.
        known("early-detection", |context| {
            let assessment = &mut context.assessments[0];
            assessment.recorded_by = context.drafter.as_ref().map(|drafter| drafter.credential.clone());
            assessment.confirmed_by = Some(Credential("a colleague".to_owned()));
        }),
        // The address is that of its own publication.
        known("pensioners", |context| context.own = Some(own("https://pension.test"))),
        // Nobody can ask a foreign party what it has read; another node of the group read it.
        known("early-detection", |context| {
            let foreign = context.activities[0].read_by.clone();
            context.activities[0].read_by = "oin:00000099000000070000".parse().expect("an identifier");
            context.foreign.insert(foreign);
        }),
        // Among more than two: each node reads what a foreign party publishes itself, and not for the others.
        known("collaboration", |context| {
            let own = "oin:00000099000000010000".parse().expect("an identifier");
            context.foreign.insert("oin:00000099000000050000".parse().expect("an identifier"));
            context
                .activities
                .retain(|one| !one.url.as_str().contains("veiligheid.test") || one.read_by == own);
        }),
        // A document signed elsewhere names the hash.
        known("early-detection", |context| {
            let reading = context.activities.remove(0);
            context.named_elsewhere.insert(reading.hash);
            context.foreign.insert(reading.read_by);
        }),
        // Who signs and who drafted are not known here.
        known("pensioners", |context| context.drafter = None),
        known("pensioners", |context| context.signatories.clear()),
        // Another service of the same provider, and one of the same name elsewhere.
        known("early-detection", |context| {
            let (provider, service) = context.services[0].clone();
            let (mut other, mut same) = (service.clone(), service);
            other.service = "another".parse().expect("a name");
            other.operations.clear();
            same.operations.clear();
            context.services.insert(0, (provider, other));
            context.services.insert(0, ("kvk:00000097".parse().expect("an identifier"), same));
        }),
    ]
}

fn recipient(participant: Option<&str>, name: &str) -> Recipient {
    let participant = participant.map(|one| one.parse().expect("an identifier"));
    Recipient { name: name.parse().expect("a line"), participant }
}

fn split(context: &mut CheckContext, host: &str) {
    activity(context, host, |one| {
        let mut other = one.data_subjects[0].clone();
        other.data = vec![name("address")];
        one.data_subjects.push(other);
    });
}

fn activities() -> Vec<Clean> {
    vec![
        known("pensioners", |context| {
            activity(context, "register.test", |one| {
                one.recipients = vec![recipient(None, "pensioenkantoor voorbeeld ")];
            });
        }),
        known("pensioners", |context| {
            activity(context, "register.test", |one| {
                one.recipients = vec![recipient(Some(PENSION), "Kantoor")];
            });
        }),
        // A kind of recipients is no third party by name.
        known("pensioners", |context| {
            activity(context, "pension.test", |one| one.recipients = vec![recipient(None, "gemeenten")]);
        }),
        known("pensioners", |context| split(context, "pension.test")),
        known("pensioners", |context| {
            activity(context, "pension.test", |one| {
                one.valid_from = "2026-12-01".parse().expect("a day");
                one.purposes.insert(0, name("another"));
                one.grounds.insert(0, name("another"));
            });
        }),
    ]
}

/// The last day, the first day and the fewest words still count.
fn last_days() -> Vec<Clean> {
    let assessment =
        |member: &'static str, value: &str| changed("early-detection", vec![Set(member, json!(value))]);
    vec![
        changed(
            "pensioners",
            vec![Set("/clauses/0/provider/ground/ground/valid_until", json!("2028-11-30"))],
        ),
        changed("pensioners", vec![Set("/clauses/0/provider/ground/ground/judged_on", json!("2026-11-01"))]),
        // The clause ends before the ground does, though the agreement does not.
        changed(
            "pensioners",
            vec![
                Set("/clauses/0/provider/ground/ground/valid_until", json!("2027-12-31")),
                Set("/clauses/0/until", json!("2028-01-01T00:00:00Z")),
            ],
        ),
        // To the last moment for which a judgement without an end counts.
        changed(
            "pensioners",
            vec![
                Set("/term/until", json!("2031-10-02T06:00:00Z")),
                Set("/clauses/0/receivers/0/side/ground/ground/valid_until", json!("2032-01-01")),
            ],
        ),
        assessment("/assessments/0/assessment/valid_until", "2028-11-30"),
        assessment("/assessments/0/assessment/made_on", "2026-11-01"),
        assessment("/assessments/0/assessment/summary", "The risks are small and borne by us."),
        changed(
            "collaboration",
            vec![Set("/clauses/0/provider/role/arrangement", json!("Each answers for its part."))],
        ),
        changed("collaboration", vec![Set("/kind/evaluate_before", json!("2028-11-30"))]),
        changed("freight", vec![Set("/clauses/0/until", json!("2028-12-01T00:00:00Z"))]),
        changed("freight", vec![Set("/term/until", json!("2028-06-01T00:00:00Z"))]),
    ]
}

fn documents() -> Vec<Clean> {
    let secrecy = |lifted: serde_json::Value| {
        let secrecy = json!({ "duty": article("BWBR0099998", "7"), "lifted_by": lifted });
        changed("pensioners", vec![Set("/clauses/0/provider/secrecy", secrecy)])
    };
    vec![
        secrecy(article("BWBR0099998", "8")),
        // A letter that holds by itself, in no law.
        Clean {
            example: "collaboration",
            changes: vec![
                Set("/clauses/0/provider/ground/ground/special_categories/letter", json!("c")),
                Change::Remove("/clauses/0/provider/ground/ground/special_categories/provision"),
            ],
            known: |_| {},
        },
        // All that a source says of what is about nobody.
        Clean {
            example: "open-addresses",
            changes: vec![
                Set("/clauses/0/operations/0/delivered/0/type", json!("subtree")),
                Set("/clauses/0/operations/0/delivered/0/why_all", json!("Its parts differ per kind")),
            ],
            known: |context| context.services.clear(),
        },
        secrecy(article("BWBR0099999", "7")),
        changed(
            "collaboration",
            vec![Set("/clauses/0/provider/ground/ground/provisions/-", article("BWBR0099998", "7"))],
        ),
        changed(
            "assistance",
            vec![Set(
                "/clauses/0/operations/0/parameters/-",
                json!({ "name": "year", "place": "query", "values": { "allow": "day" } }),
            )],
        ),
        // An assessment of an algorithm alone, beside one of the activity; and a second algorithm.
        Clean {
            example: "early-detection",
            changes: vec![
                Set("/assessments/1/assessment/activities", json!([])),
                Set("/algorithms/-", listed("oin:00000099000000010000", "selection")),
                Set("/clauses/0/conditions/algorithm/names/-", json!("selection")),
                Set("/assessments/0/assessment/algorithms/-", json!("selection")),
            ],
            known: |context| {
                context.assessments.clear();
                register(context);
            },
        },
        // What the provider computes by itself is not used on what is delivered.
        Clean {
            example: "pensioners",
            changes: vec![Set("/algorithms/-", listed(REGISTER, "selection"))],
            known: register,
        },
    ]
}

fn linkage() -> Vec<Clean> {
    vec![
        // An earlier version of the same agreement is no other one.
        known("pensioners", |context| {
            context.others.extend(document("pensioners").and_then(|one| parsed(&one)).ok());
        }),
        // Somebody else asks it.
        known("pensioners", |context| {
            let other = elsewhere(|other| {
                let whole = other.to_string().replace(PENSION, "oin:00000099000000010000");
                *other = serde_json::from_str(&whole).expect("the example");
            });
            context.others.push(other);
        }),
        // Another question within another activity.
        known("pensioners", |context| {
            context.others.push(elsewhere(|other| {
                other["clauses"][0]["purpose"] = json!("another");
                let activity = "/clauses/0/receivers/0/side/activity/entry/name";
                *other.pointer_mut(activity).expect("an activity") = json!("another");
            }));
        }),
        // It has ended.
        known("pensioners", |context| {
            context.others.push(elsewhere(|other| {
                other["term"]["from"] = json!("2026-01-01T00:00:00Z");
                other["term"]["until"] = json!("2026-11-01T00:00:00Z");
            }));
        }),
        // All sources of the other stand here too.
        known("collaboration", |context| {
            let mut other = document("collaboration").expect("the example");
            other["id"] = json!("01932f5e-7c00-7000-8000-000000000098");
            context.others.extend(parsed(&other).ok());
        }),
        // What is not about people is combined with what is; only the other is on people.
        known("open-addresses", |context| {
            context.others.push(elsewhere(|other| {
                let whole = other.to_string().replace(PENSION, "oin:00000099000000010000");
                *other = serde_json::from_str(&whole).expect("the example");
                other["clauses"][0]["purpose"] = json!("show-buildings");
            }));
        }),
    ]
}

/// Another agreement, in which the pension office asks the same of another register.
pub fn elsewhere(change: impl Fn(&mut serde_json::Value)) -> verbond_agreement::Agreement {
    let mut other = document("pensioners").expect("the example");
    other["id"] = json!("01932f5e-7c00-7000-8000-000000000099");
    let whole = other.to_string().replace("oin:00000099000000030000", "oin:00000099000000060000");
    other = serde_json::from_str(&whole).expect("the example");
    change(&mut other);
    parsed(&other).expect("an agreement")
}

//! Grounds, activities, terms and retention.

use serde_json::json;
use verbond_agreement::{
    DocumentHash, EntryName, ProcessingActivity, PublishedActivity,
    check::{ActivityReading, CheckContext, Code, OwnPublication},
};

use crate::{
    Change::{Remove, Set},
    Mutation, document_only, known_only,
    support::article,
};

const PROVIDER: &str = "register.test";
const RECEIVER: &str = "pension.test";

/// Changes what one party's activity says.
pub fn activity(context: &mut CheckContext, host: &str, change: impl Fn(&mut ProcessingActivity)) {
    for reading in context.activities.iter_mut().filter(|one| one.url.as_str().contains(host)) {
        if let PublishedActivity::Whole(activity) = &mut reading.content {
            change(activity);
        }
    }
}

/// The receiver of the first example, publishing below an address.
pub fn own(base: &str) -> OwnPublication {
    let participant = "oin:00000099000000020000".parse().expect("an identifier");
    OwnPublication { participant, base: base.to_owned() }
}

/// Changes the readings of one party's activity.
fn readings<'a>(
    context: &'a mut CheckContext,
    host: &'a str,
) -> impl Iterator<Item = &'a mut ActivityReading> {
    context.activities.iter_mut().filter(move |one| one.url.as_str().contains(host))
}

pub fn name(text: &str) -> EntryName {
    text.parse().expect("a name")
}

pub fn all() -> Vec<Mutation> {
    let mut all = grounds();
    all.extend(activities());
    all.extend(terms());
    all
}

fn grounds() -> Vec<Mutation> {
    vec![
        document_only(Code::GroundMissing, "pensioners", vec![Remove("/clauses/0/provider/ground")]),
        document_only(Code::GroundMissing, "pensioners", vec![Remove("/clauses/0/receivers/0/side/ground")]),
        document_only(
            Code::GroundWithoutProvision,
            "pensioners",
            vec![Set("/clauses/0/provider/ground/ground/provisions", json!([]))],
        ),
        document_only(
            Code::GroundWithoutProvision,
            "pensioners",
            vec![Set("/clauses/0/receivers/0/side/ground/ground/provisions", json!([]))],
        ),
        document_only(
            Code::GroundExpired,
            "pensioners",
            vec![Set("/clauses/0/provider/ground/ground/valid_until", json!("2026-10-31"))],
        ),
        document_only(
            Code::GroundNotJudged,
            "pensioners",
            vec![Set("/clauses/0/provider/ground/ground/judged_on", json!("2026-11-02"))],
        ),
        document_only(
            Code::TermBeyondGround,
            "pensioners",
            vec![Set("/clauses/0/provider/ground/ground/valid_until", json!("2026-11-01"))],
        ),
        document_only(
            Code::TermBeyondGround,
            "pensioners",
            vec![Set("/clauses/0/receivers/0/side/ground/ground/valid_until", json!("2028-11-29"))],
        ),
        document_only(
            Code::PurposeNotInGround,
            "pensioners",
            vec![Set("/clauses/0/provider/ground/ground/purposes", json!(["enforcement"]))],
        ),
        document_only(
            Code::SpecialCategoryWithoutException,
            "collaboration",
            vec![Remove("/clauses/0/provider/ground/ground/special_categories")],
        ),
        document_only(
            Code::SpecialCategoryWithoutException,
            "collaboration",
            vec![Remove("/clauses/0/receivers/0/side/ground/ground/special_categories")],
        ),
        document_only(
            Code::SpecialCategoryWithoutProvision,
            "collaboration",
            vec![Remove("/clauses/0/provider/ground/ground/special_categories/provision")],
        ),
        document_only(
            Code::CriminalDataWithoutBasis,
            "collaboration",
            vec![Remove("/clauses/1/provider/ground/ground/criminal_data")],
        ),
        document_only(
            Code::CriminalDataWithoutBasis,
            "collaboration",
            vec![Remove("/clauses/1/receivers/0/side/ground/ground/criminal_data")],
        ),
        document_only(
            Code::LimbForAuthority,
            "pensioners",
            vec![Set("/clauses/0/receivers/0/side/ground/ground/limb", json!("consent"))],
        ),
        document_only(
            Code::LimbForAuthority,
            "pensioners",
            vec![Set("/clauses/0/provider/ground/ground/limb", json!("legitimate_interests"))],
        ),
    ]
}

fn activities() -> Vec<Mutation> {
    vec![
        document_only(Code::ActivityMissing, "pensioners", vec![Remove("/clauses/0/provider/activity")]),
        document_only(
            Code::ActivityMissing,
            "pensioners",
            vec![Remove("/clauses/0/receivers/0/side/activity")],
        ),
        known_only(Code::ActivityElsewhere, "pensioners", |context| {
            context.own = Some(own("https://elsewhere.test"));
        }),
        known_only(Code::ActivityNotPublished, "pensioners", |context| {
            context.activities.retain(|one| !one.url.as_str().contains(PROVIDER));
        }),
        // The same page at another address is not the one that is pinned, whatever it says.
        known_only(Code::ActivityNotPublished, "pensioners", |context| {
            activity(context, RECEIVER, |one| one.purposes = vec![name("enforcement")]);
            readings(context, RECEIVER)
                .for_each(|one| one.url = "https://elsewhere.test/activity".parse().expect("a line"));
        }),
        // What a party reads at its own address proves nothing.
        known_only(Code::ActivityNotPublished, "pensioners", |context| {
            let own: Vec<_> = context.activities.iter().map(|one| one.read_by.clone()).rev().collect();
            for (reading, own) in context.activities.iter_mut().zip(own) {
                if reading.url.as_str().contains(RECEIVER) {
                    reading.read_by = own;
                }
            }
        }),
        known_only(Code::ActivityBehindCredentials, "pensioners", |context| {
            readings(context, RECEIVER).for_each(|one| one.without_credentials = false);
        }),
        known_only(Code::ActivityDiffers, "pensioners", |context| {
            readings(context, RECEIVER).for_each(|one| one.hash = DocumentHash::of(b"another"));
        }),
        // One page for one reader and another for the next.
        known_only(Code::ActivityDiffers, "collaboration", |context| {
            readings(context, "veiligheid.test")
                .take(1)
                .for_each(|one| one.hash = DocumentHash::of(b"another"));
        }),
        known_only(Code::ActivityNotReadByParty, "collaboration", |context| {
            let mut first = true;
            context
                .activities
                .retain(|one| !(one.url.as_str().contains("register.test") && std::mem::take(&mut first)));
        }),
        known_only(Code::ActivityIncomplete, "pensioners", |context| {
            activity(context, PROVIDER, |one| one.retention.clear());
        }),
        known_only(Code::ActivityIncomplete, "pensioners", |context| {
            activity(context, PROVIDER, |one| one.data_subjects.clear());
        }),
        known_only(Code::ActivityIncomplete, "pensioners", |context| {
            activity(context, PROVIDER, |one| one.purposes.clear());
        }),
        known_only(Code::ActivityNotYet, "pensioners", |context| {
            activity(context, PROVIDER, |one| one.valid_from = "2026-12-02".parse().expect("a day"));
        }),
        known_only(Code::PurposeNotInActivity, "pensioners", |context| {
            activity(context, RECEIVER, |one| one.purposes = vec![name("enforcement")]);
        }),
        known_only(Code::PurposeNotInActivity, "pensioners", |context| {
            activity(context, PROVIDER, |one| one.purposes = vec![name("enforcement")]);
        }),
        known_only(Code::CategoryNotInActivity, "pensioners", |context| {
            activity(context, RECEIVER, |one| {
                one.data_subjects.iter_mut().for_each(|subject| subject.data = vec![name("address")]);
            });
        }),
        known_only(Code::WholeDocumentCategory, "assistance", |context| {
            activity(context, "rekencentrum.test", |one| {
                one.data_subjects.iter_mut().for_each(|subject| subject.data = vec![name("address")]);
            });
        }),
        known_only(Code::GroundNotInActivity, "pensioners", |context| {
            activity(context, RECEIVER, |one| one.grounds = vec![name("another")]);
        }),
        known_only(Code::RecipientNotInActivity, "pensioners", |context| {
            activity(context, PROVIDER, |one| one.recipients.clear());
        }),
        known_only(Code::ConfidentialWithoutArticle, "pensioners", |context| {
            readings(context, RECEIVER)
                .for_each(|one| one.content = PublishedActivity::NameOnly { article: None });
        }),
        known_only(Code::ConfidentialActivity, "pensioners", |context| {
            let article = serde_json::from_value(article("BWBR0099997", "3")).ok();
            readings(context, RECEIVER)
                .for_each(|one| one.content = PublishedActivity::NameOnly { article: article.clone() });
        }),
    ]
}

fn terms() -> Vec<Mutation> {
    let receiver = "/clauses/0/receivers/0/side/retention";
    vec![
        document_only(Code::RetentionMissing, "pensioners", vec![Set(receiver, json!([]))]),
        document_only(Code::RetentionMissing, "freight", vec![Set(receiver, json!([]))]),
        document_only(Code::RetentionMissing, "assistance", vec![Set(receiver, json!([]))]),
        document_only(
            Code::SelectionListMissing,
            "pensioners",
            vec![Remove("/clauses/0/receivers/0/side/retention/0/selection_list")],
        ),
        document_only(
            Code::TermEmpty,
            "freight",
            vec![Set("/term/until", json!("2026-12-01T00:00:00Z")), Remove("/clauses/0/until")],
        ),
        document_only(
            Code::TermOver,
            "pensioners",
            vec![
                Set("/term/from", json!("2026-10-01T00:00:00Z")),
                Set("/term/until", json!("2026-11-01T00:00:00Z")),
            ],
        ),
        document_only(
            Code::ClauseBeyondTerm,
            "freight",
            vec![Set("/clauses/0/until", json!("2028-12-01T00:00:01Z"))],
        ),
        document_only(
            Code::ClauseBeyondTerm,
            "freight",
            vec![Set("/clauses/0/until", json!("2026-12-01T00:00:00Z"))],
        ),
    ]
}

//! What rests on a ground, an article or an assessment, and what remains when an agreement has ended: over the examples.

#[expect(dead_code, reason = "shared with the other tests")]
mod support;

use serde_json::{Value, json};
use support::{EXAMPLES, NOW, Outcome, document, parsed, set};
use verbond_agreement::{Agreement, Basis, Side, obligations};
use verbond_domain::ParticipantId;

fn basis(of: Value) -> Result<Basis, serde_json::Error> {
    serde_json::from_value(of)
}

/// Each side with its clause and its party.
fn sides(agreement: &Agreement) -> impl Iterator<Item = (&str, &ParticipantId, &Side)> {
    agreement.clauses.iter().flat_map(|clause| {
        let provider = (clause.name.as_str(), &clause.service.provider, &clause.provider);
        let receivers = clause.receivers.iter();
        let receivers = receivers.map(|one| (clause.name.as_str(), &one.participant, &one.side));
        std::iter::once(provider).chain(receivers)
    })
}

fn resting(basis: &Basis, agreement: &Agreement, party: &ParticipantId) -> Vec<String> {
    basis.rests(agreement, party).into_iter().map(|one| one.clause.to_string()).collect()
}

#[test]
fn every_ground_and_provision_is_found_at_its_party_and_at_no_other() -> Outcome {
    let mut grounds = 0;
    for example in EXAMPLES {
        let agreement = parsed(&document(example)?)?;
        for (clause, party, side) in sides(&agreement) {
            let Some(ground) = &side.ground else { continue };
            grounds += 1;
            let (name, version) = (&ground.entry.name, ground.entry.version);
            let it = basis(json!({ "of": "ground", "name": name, "first": version, "last": version }))?;
            assert!(resting(&it, &agreement, party).contains(&clause.to_owned()), "{example} {clause}");
            let later = json!({ "of": "ground", "name": name, "first": version + 1, "last": version + 1 });
            assert!(resting(&basis(later)?, &agreement, party).is_empty(), "{example} {clause}");
            let stranger: ParticipantId = "oin:00000099000000099999".parse()?;
            assert!(resting(&it, &agreement, &stranger).is_empty());
            let cited = ground.ground.provisions.iter();
            let number = ground.ground.national_number.iter().map(|number| &number.provision);
            for article in cited.chain(number) {
                let whole = json!({ "of": "article", "law": article.law });
                let exact = json!({ "of": "article", "law": article.law, "article": article.article, "version": article.version });
                let before = json!({ "of": "article", "law": article.law, "article": article.article, "version": "1999-01-01" });
                let other = json!({ "of": "article", "law": article.law, "article": "0" });
                for (of, expected) in [(whole, true), (exact, true), (before, false), (other, false)] {
                    let found = resting(&basis(of.clone())?, &agreement, party);
                    assert_eq!(found.contains(&clause.to_owned()), expected, "{example} {clause} {of}");
                }
            }
        }
    }
    assert!(grounds > 8, "{grounds}");
    Ok(())
}

#[test]
fn an_assessment_carries_what_it_is_of_and_everything_when_it_does_not_say() -> Outcome {
    let mut found = 0;
    for example in EXAMPLES {
        let whole = document(example)?;
        let agreement = parsed(&whole)?;
        for (place, reference) in agreement.assessments.iter().enumerate() {
            let entry = &reference.entry;
            let it =
                basis(json!({ "of": "assessment", "name": entry.name, "first": 1, "last": entry.version }))?;
            let rests = resting(&it, &agreement, &reference.party);
            let of = |clause: &str| {
                sides(&agreement).any(|(name, party, side)| {
                    let activity = side.activity.as_ref().map(|activity| &activity.entry.name);
                    name == clause
                        && *party == reference.party
                        && activity.is_some_and(|activity| reference.assessment.activities.contains(activity))
                })
            };
            for clause in agreement.clauses.iter().filter(|clause| of(clause.name.as_str())) {
                assert!(rests.contains(&clause.name.to_string()), "{example} {}", clause.name);
                found += 1;
            }
            let mut silent = whole.clone();
            set(&mut silent, &format!("/assessments/{place}/assessment/activities"), json!([]))?;
            set(&mut silent, &format!("/assessments/{place}/assessment/algorithms"), json!([]))?;
            let silent = parsed(&silent)?;
            assert_eq!(resting(&it, &silent, &reference.party).len(), silent.clauses.len(), "{example}");
            set_of_nothing(&it, &whole, place, &reference.party)?;
        }
    }
    assert!(found > 0);
    Ok(())
}

/// One that is of something else carries nothing.
fn set_of_nothing(it: &Basis, whole: &Value, place: usize, party: &ParticipantId) -> Outcome {
    let mut other = whole.clone();
    set(&mut other, &format!("/assessments/{place}/assessment/activities"), json!(["something-else"]))?;
    set(&mut other, &format!("/assessments/{place}/assessment/algorithms"), json!([]))?;
    assert!(resting(it, &parsed(&other)?, party).is_empty());
    Ok(())
}

#[test]
fn what_remains_has_a_day_for_every_category_of_every_side_and_one_name_each() -> Outcome {
    for example in EXAMPLES {
        let agreement = parsed(&document(example)?)?;
        let mut names = std::collections::BTreeSet::new();
        let mut count = 0;
        for party in &agreement.parties {
            let own = sides(&agreement).filter(|(_, who, _)| **who == party.participant);
            let expected: usize = own.map(|(_, _, side)| side.retention.len()).sum();
            let found = obligations(&agreement, &party.participant, NOW)?;
            assert_eq!(found.len(), expected, "{example} {}", party.participant);
            count += found.len();
            for obligation in found {
                assert!(obligation.due.end() > NOW, "{example}: {obligation:?}");
                assert!(!obligation.what.nl.is_empty() && obligation.what.nl != obligation.what.en);
                names.insert((party.participant.clone(), obligation.id));
            }
        }
        assert_eq!(names.len(), count, "{example}: two duties have one name");
    }
    let mut kept = document("pensioners")?;
    for (period, days, earliest) in [
        (json!({ "keep": "not_kept" }), 0, false),
        (json!({ "keep": "days", "days": 30 }), 30, false),
        (json!({ "keep": "after_closing", "what": "the file", "days": 7 }), 7, true),
    ] {
        set(&mut kept, "/clauses/0/receivers/0/side/retention/0/period", period)?;
        let agreement = parsed(&kept)?;
        let receiver = agreement.clauses.first().and_then(|clause| clause.receivers.first()).ok_or("")?;
        let found = obligations(&agreement, &receiver.participant, NOW)?;
        let first = found.first().ok_or("none")?;
        assert_eq!(first.due.begin(), verbond_agreement::Day::of(NOW.plus_seconds(days * 86_400)).begin());
        assert_eq!(first.at_the_earliest, earliest);
    }
    Ok(())
}

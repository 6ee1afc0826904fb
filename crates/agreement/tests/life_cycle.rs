//! The life of a version, over every sequence of steps.

use proptest::prelude::*;
use verbond_agreement::{LifeCycle, PartySignature, SignatureMark, Stage};
use verbond_domain::{ParticipantId, Timestamp};

const FROM: i64 = 100;
const UNTIL: i64 = 1_000;

#[derive(Clone, Debug)]
enum Step {
    Offer,
    Sign(usize),
    AcceptOnTheWire(usize, usize),
    RefuseOnTheWire(usize, usize),
    RevokeOnTheWire(usize, usize),
    Refuse(usize),
    Withdraw,
    Suspend(usize),
    Resume(usize),
    Revoke(usize),
    Replace(i64),
    Wait(i64),
}

fn step(parties: usize) -> impl Strategy<Value = Step> {
    // One more than there are: a stranger.
    let anybody = 0..=parties;
    let two = (anybody.clone(), anybody.clone());
    prop_oneof![
        2 => Just(Step::Offer),
        6 => anybody.clone().prop_map(Step::Sign),
        6 => two.clone().prop_map(|(foreign, by)| Step::AcceptOnTheWire(foreign, by)),
        1 => two.clone().prop_map(|(foreign, by)| Step::RefuseOnTheWire(foreign, by)),
        1 => two.clone().prop_map(|(foreign, by)| Step::RevokeOnTheWire(foreign, by)),
        1 => anybody.clone().prop_map(Step::Refuse),
        1 => Just(Step::Withdraw),
        2 => anybody.clone().prop_map(Step::Suspend),
        2 => anybody.clone().prop_map(Step::Resume),
        1 => anybody.prop_map(Step::Revoke),
        1 => (0..UNTIL).prop_map(Step::Replace),
        3 => (0..300_i64).prop_map(Step::Wait),
    ]
}

fn participant(number: usize) -> Result<ParticipantId, TestCaseError> {
    format!("oin:{number:020}").parse().map_err(|_| TestCaseError::fail("no participant"))
}

proptest! {
    #[test]
    fn in_force_means_signed_by_all_held_up_by_none_ended_by_none_and_within_its_term(
        (parties, steps) in (2..4_usize).prop_flat_map(|parties| (Just(parties), prop::collection::vec(step(parties), 0..40)))
    ) {
        let names: Vec<ParticipantId> = (0..parties).map(participant).collect::<Result<_, _>>()?;
        let at = Timestamp::from_millis;
        // A chain: each exchanges with its neighbours.
        let connected = |one: usize, other: usize| one.abs_diff(other) == 1 && one.max(other) < parties;
        let pairs = (1..parties).map(|number| Ok((participant(number - 1)?, participant(number)?)));
        let pairs: Vec<_> = pairs.collect::<Result<_, TestCaseError>>()?;
        let mut life = LifeCycle::draft(names, at(FROM), at(UNTIL)).connected(pairs);
        let (mut signed, mut held) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
        let (mut on_the_wire, mut seen) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
        let (mut offered, mut ended, mut successor, mut now) = (false, false, None, 0_i64);
        for step in steps {
            let before = life.clone();
            let mark = PartySignature { mark: SignatureMark::Signed, at: at(now) };
            // What the step does, told apart from the type under test: by plain sets of who did what.
            let outcome = match step {
                Step::Wait(time) => { now += time; continue; }
                Step::Offer => life.offer().inspect(|_| offered = true),
                Step::Sign(who) => life.sign(&participant(who)?, mark).inspect(|_| { signed.insert(who); }),
                Step::AcceptOnTheWire(who, by) => {
                    life.accept_on_the_wire(&participant(who)?, &participant(by)?, at(now)).inspect(|_| {
                        seen.insert((who, by));
                        if (0..parties).all(|other| !connected(who, other) || seen.contains(&(who, other))) {
                            signed.insert(who);
                            on_the_wire.insert(who);
                        }
                    })
                }
                Step::RefuseOnTheWire(who, by) => {
                    life.refuse_on_the_wire(&participant(who)?, &participant(by)?).inspect(|_| ended = true)
                }
                Step::RevokeOnTheWire(who, by) => {
                    let outcome = life.revoke_on_the_wire(&participant(who)?, &participant(by)?);
                    prop_assert!(outcome.is_err() || on_the_wire.contains(&who), "who is not bound on the wire ended it there");
                    outcome.inspect(|_| ended = true)
                }
                Step::Refuse(who) => life.refuse(&participant(who)?).inspect(|_| ended = true),
                Step::Withdraw => life.withdraw().inspect(|_| ended = true),
                Step::Suspend(who) => life.suspend(&participant(who)?).inspect(|_| { held.insert(who); }),
                Step::Resume(who) => life.resume(&participant(who)?).inspect(|_| { held.remove(&who); }),
                Step::Revoke(who) => life.revoke(&participant(who)?).inspect(|_| ended = true),
                Step::Replace(moment) => {
                    successor = Some(successor.map_or(moment, |before: i64| before.min(moment)));
                    Ok(life.replaced_from(at(moment)))
                }
            };
            life = outcome.unwrap_or(before);
            prop_assert!(!signed.contains(&parties) && !held.contains(&parties), "a stranger took part");
            // Who speaks for a foreign participant exchanges with it and has signed.
            let may_speak = |(who, by): &(usize, usize)| {
                connected(*who, *by) && signed.contains(by) && !on_the_wire.contains(by)
            };
            prop_assert!(seen.iter().all(may_speak));
            for (number, mark) in (0..parties).filter_map(|number| {
                Some((number, life.signatures().get(&participant(number).ok()?)?.mark))
            }) {
                prop_assert_eq!(mark == SignatureMark::AcceptedOnTheWire, on_the_wire.contains(&number));
            }
            let all = offered && signed.len() == parties;
            let in_time = (FROM..UNTIL).contains(&now) && successor.is_none_or(|moment| now < moment);
            prop_assert_eq!(life.is_in_force(at(now)), all && held.is_empty() && !ended && in_time);
            prop_assert_eq!(life.awaited().count(), parties - signed.len());
        }
    }
}

#[test]
fn a_foreign_party_is_bound_when_each_that_exchanges_with_it_has_seen_it_accept()
-> Result<(), Box<dyn std::error::Error>> {
    let [one, other, third, foreign]: [ParticipantId; 4] =
        ["oin:1".parse()?, "oin:2".parse()?, "oin:3".parse()?, "oin:4".parse()?];
    let at = Timestamp::from_millis;
    let mark = PartySignature { mark: SignatureMark::Signed, at: at(0) };
    let parties = [&one, &other, &third, &foreign].map(Clone::clone);
    let connections =
        [(one.clone(), foreign.clone()), (foreign.clone(), other.clone()), (one.clone(), third.clone())];
    let offered = LifeCycle::draft(parties, at(FROM), at(UNTIL)).connected(connections).offer()?;
    assert!(offered.clone().accept_on_the_wire(&foreign, &one, at(1)).is_err(), "before it signed itself");
    let signed = offered.sign(&one, mark)?.sign(&other, mark)?;
    assert!(signed.clone().accept_on_the_wire(&foreign, &third, at(1)).is_err());
    let half = signed.accept_on_the_wire(&foreign, &one, at(1))?;
    assert!(half.signatures().get(&foreign).is_none() && half.has_seen(&one, &foreign));
    assert!(half.clone().accept_on_the_wire(&foreign, &one, at(2)).is_err(), "it has seen once");
    let early = half.accept_on_the_wire(&foreign, &other, at(3))?;
    assert!(
        early.signatures().contains_key(&foreign) && !early.is_in_force(at(FROM)),
        "the third has not signed"
    );
    let refused = early.clone().refuse_on_the_wire(&foreign, &other)?;
    assert_eq!(refused.stage_at(at(FROM)), Stage::Refused);
    let all = early.sign(&third, mark)?;
    assert!(all.is_in_force(at(FROM)));
    assert!(all.clone().revoke_on_the_wire(&foreign, &third).is_err(), "it sees no contract of the two");
    assert_eq!(all.revoke_on_the_wire(&foreign, &one)?.stage_at(at(FROM)), Stage::Revoked);
    Ok(())
}

#[test]
fn a_version_that_has_ended_stays_so() -> Result<(), Box<dyn std::error::Error>> {
    let (first, second): (ParticipantId, ParticipantId) = ("oin:1".parse()?, "oin:2".parse()?);
    let at = Timestamp::from_millis;
    let mark = PartySignature { mark: SignatureMark::Signed, at: at(0) };
    let offered = LifeCycle::draft([first.clone(), second.clone()], at(FROM), at(UNTIL)).offer()?;
    let refused = offered.clone().refuse(&first)?;
    assert!(refused.clone().sign(&second, mark).is_err() && refused.clone().offer().is_err());
    assert_eq!(refused.stage_at(at(UNTIL)), Stage::Refused);
    let revoked = offered.sign(&first, mark)?.sign(&second, mark)?.revoke(&second)?;
    assert!(revoked.clone().resume(&second).is_err() && revoked.clone().suspend(&first).is_err());
    assert_eq!(revoked.stage_at(at(FROM)), Stage::Revoked);
    Ok(())
}

#[test]
fn a_successor_takes_over_at_its_moment_and_what_was_held_up_or_ended_stays_so()
-> Result<(), Box<dyn std::error::Error>> {
    let (first, second): (ParticipantId, ParticipantId) = ("oin:1".parse()?, "oin:2".parse()?);
    let at = Timestamp::from_millis;
    let mark = PartySignature { mark: SignatureMark::Signed, at: at(0) };
    let offered = LifeCycle::draft([first.clone(), second.clone()], at(FROM), at(UNTIL)).offer()?;
    let signed = offered.clone().sign(&first, mark)?.sign(&second, mark)?;
    let replaced = signed.clone().replaced_from(at(500)).replaced_from(at(600));
    assert!(replaced.is_in_force(at(499)) && !replaced.is_in_force(at(500)));
    assert_eq!(
        [499, 500, UNTIL].map(|now| replaced.stage_at(at(now))),
        [Stage::Signed, Stage::Replaced, Stage::Expired]
    );
    assert_eq!(offered.replaced_from(at(500)).stage_at(at(500)), Stage::Replaced);
    let held = signed.suspend(&first)?.replaced_from(at(500));
    assert_eq!(held.stage_at(at(500)), Stage::Suspended);
    assert_eq!(replaced.revoke(&first)?.stage_at(at(500)), Stage::Revoked);
    Ok(())
}

//! Each reason to refuse, one by one.

mod common;

use std::sync::Arc;

use common::{ALL_HELD, NOON, Outcome, changed, codes, held, question, signed, signed_between, snapshot};
use serde_json::{Value, json};
use verbond_agreement::{Agreement, Clause, LifeCycle, Limit, Period, plan::Projected};
use verbond_domain::{Direction, Timestamp};
use verbond_policy::{Call, Claims, Decision, DecisionRequest, Leases, PolicySnapshot};
use verbond_projection::Projector;

type Doubt<T> = Result<T, Box<dyn std::error::Error>>;

/// What is decided under the example, changed, on the usual question, changed.
fn decided(
    changes: &[(&str, Value)],
    change: impl FnOnce(&mut DecisionRequest<'static>) -> Outcome,
) -> Doubt<Decision> {
    let agreement = changed(changes)?;
    let life = signed(&agreement)?;
    let mut question = question()?;
    change(&mut question)?;
    Ok(snapshot(agreement, life)?.decide(&question, held))
}

fn refused(
    changes: &[(&str, Value)],
    change: impl FnOnce(&mut DecisionRequest<'static>) -> Outcome,
    expected: &[&str],
) -> Outcome {
    let decision = decided(changes, change)?;
    assert!(!decision.is_permit());
    assert!(decision.obligations.is_none());
    assert_eq!(codes(&decision), expected);
    let problem = decision.problem().ok_or("a refusal")?;
    assert_eq!(Some(problem.code), expected.first().and_then(|code| code.split(' ').next()));
    let names =
        problem.detail.en.contains("Clause: incomes.") || problem.detail.en.contains("No clause applies.");
    assert!(names, "{problem}");
    Ok(())
}

fn at(seconds: i64) -> impl FnOnce(&mut DecisionRequest<'static>) -> Outcome {
    move |question| {
        question.context.now = Timestamp::from_seconds(seconds);
        Ok(())
    }
}

fn call(
    method: &'static str,
    path: &'static str,
    query: Option<&'static str>,
) -> impl FnOnce(&mut DecisionRequest<'static>) -> Outcome {
    move |question| {
        question.call = Call { method, path, query };
        Ok(())
    }
}

fn as_usual(_: &mut DecisionRequest<'static>) -> Outcome {
    Ok(())
}

const OPERATION: &str = "/clauses/0/operations/0";

#[test]
fn what_is_agreed_is_permitted_and_obliges() -> Outcome {
    let decision = decided(&[], as_usual)?;
    assert!(decision.is_permit(), "{:?}", codes(&decision));
    assert_eq!(decision.basis.as_ref().map(|basis| basis.clause.as_str()), Some("incomes"));
    assert_eq!(decision.operation().map(|name| name.as_str()), Some("income-of-person"));
    let obligations = decision.obligations.ok_or("obligations")?;
    let delivered: Vec<&str> = obligations.delivered().map(|element| element.path.as_str()).collect();
    assert_eq!(delivered, ["$.year", "$.income.below_minimum"]);
    assert!(!obligations.whole_document());
    assert_eq!(
        obligations.activity(Direction::Outgoing).map(|activity| activity.entry.to_string()).as_deref(),
        Some("supplement-outreach v1")
    );
    assert_eq!(
        obligations.activity(Direction::Incoming).map(|activity| activity.entry.to_string()).as_deref(),
        Some("provide-incomes v1")
    );
    assert!(
        decided(&[], |question| {
            question.context.activity = None;
            Ok(())
        })?
        .is_permit()
    );
    Ok(())
}

/// Answers tell less than the data only while nobody can ask on and on until one changes.
#[test]
fn derived_answers_are_counted_per_person_also_where_no_limit_is_named() -> Outcome {
    let element = json!({
        "path": "$.income.below_minimum", "type": "boolean", "category": "income", "sensitivity": "sensitive",
        "meaning": "Whether the income lies below the social minimum",
        "derived": {
            "by": "compare", "from": "$.income.amount",
            "comparison": {"operator": "below", "constant": {"number": "15480.50"}},
        },
    });
    let agreement = changed(&[(&*format!("{OPERATION}/delivered/1"), element)])?;
    let limit = agreement.clauses.first().and_then(Clause::person_limit);
    assert_eq!(limit, Some(Limit { most: 1, per: Period::Day }));
    let life = signed(&agreement)?;
    let snapshot = snapshot(agreement, life)?;
    let question = question()?;
    let nobody = snapshot.decide(&question, |_| Leases { per_person: false, ..ALL_HELD });
    assert_eq!(codes(&nobody), ["PERSON_LIMIT_REACHED"]);
    let obligations = snapshot.decide(&question, held).obligations.ok_or("a permit")?;
    let projected = |projected, document: &[u8]| -> Doubt<String> {
        let mut projector = Projector::new(obligations.projection(projected)?);
        projector.feed(document)?;
        projector.finish()?;
        Ok(String::from_utf8(projector.take().into_bytes())?)
    };
    let source = br#"{"year":2026,"income":{"amount":15480.49,"below_minimum":false}}"#;
    let answer = r#"{"year":2026,"income":{"below_minimum":true}}"#;
    assert_eq!(projected(Projected::Source, source)?, answer);
    // What a provider's node says beyond the answers goes no further at the receiver's.
    let more = br#"{"year":2026,"income":{"amount":15480.49,"below_minimum":true}}"#;
    assert_eq!(projected(Projected::Answer, more)?, answer);
    let smuggled = br#"{"year":2026,"income":{"below_minimum":15480.49}}"#;
    assert_eq!(projected(Projected::Answer, smuggled)?, r#"{"year":2026,"income":{}}"#);
    Ok(())
}

#[test]
fn elements_can_be_asked_for_by_name() -> Outcome {
    let decision = decided(&[], |question| {
        question.context.elements.insert("$.year".parse()?);
        Ok(())
    })?;
    let obligations = decision.obligations.ok_or("a permit")?;
    assert_eq!(obligations.delivered().count(), 1);
    let whole = json!({"reasoning": "a scan", "categories": ["income"], "sensitivity": "personal"});
    let whole = [(&*format!("{OPERATION}/whole_document"), whole)];
    assert!(decided(&whole, as_usual)?.obligations.is_some_and(|obligations| obligations.whole_document()));
    let some = decided(&whole, |question| {
        question.context.elements.insert("$.year".parse()?);
        Ok(())
    })?;
    assert!(some.obligations.is_some_and(|obligations| !obligations.whole_document()));
    refused(
        &[],
        |question| {
            question.context.elements.insert("$.income.amount".parse()?);
            Ok(())
        },
        &["ELEMENT_NOT_AGREED"],
    )?;
    let nothing = [(&*format!("{OPERATION}/delivered"), json!([]))];
    assert!(decided(&nothing, as_usual)?.is_permit());
    refused(
        &nothing,
        |question| {
            question.context.elements.insert("$.year".parse()?);
            Ok(())
        },
        &["ELEMENT_NOT_AGREED"],
    )
}

#[test]
fn without_an_agreement_nothing_is_permitted() -> Outcome {
    let missing = ["AGREEMENT_MISSING"];
    let other: fn(&mut DecisionRequest<'static>) -> Outcome = |question| {
        question.subject.participant = "oin:00000099000000030000".parse()?;
        Ok(())
    };
    refused(&[], other, &missing)?;
    refused(
        &[],
        |question| {
            question.resource.name = "incomes2".parse()?;
            Ok(())
        },
        &missing,
    )?;
    let named = |question: &mut DecisionRequest<'static>| -> Outcome {
        question.context.agreement = Some("01932f5e-7c00-7000-8000-000000000002".parse()?);
        Ok(())
    };
    refused(&[], named, &missing)?;
    let decision = PolicySnapshot::default().decide(&question()?, held);
    assert_eq!(codes(&decision), missing);
    assert!(decision.basis.is_none());
    Ok(())
}

#[test]
fn an_operation_is_a_method_and_a_canonical_path() -> Outcome {
    for (method, path) in [
        ("POST", "/incomes/P-0042"),
        ("HEAD", "/incomes/P-0042"),
        ("get", "/incomes/P-0042"),
        ("GET", "/incomes"),
        ("GET", "/incomes/P-0042/"),
        ("GET", "/incomes/../incomes/P-0042"),
        ("GET", "/incomes/%50-0042"),
        ("GET", "/Incomes/P-0042"),
    ] {
        refused(&[], call(method, path, None), &["OPERATION_NOT_AGREED"])?;
    }
    Ok(())
}

#[test]
fn parameters_are_those_that_are_agreed() -> Outcome {
    let parameters = json!([
        {"name": "person", "place": "path", "required": true, "values": {"allow": "identifier", "longest": 20}, "identifies": "national_number"},
        {"name": "year", "place": "query", "required": true, "values": {"allow": "integer", "minimum": 2024, "maximum": 2026}},
        {"name": "on", "place": "query", "values": {"allow": "day"}},
        {"name": "kind", "place": "query", "values": {"allow": "one_of", "values": ["a b", "c&d"]}},
        {"name": "file", "place": "query", "values": {"allow": "text", "longest": 9}, "identifies": "organisation_number"}
    ]);
    let agreed = [(&*format!("{OPERATION}/parameters"), parameters)];
    for query in [
        "year=2024",
        "on=2026-01-31&year=2026",
        "year=2025&kind=a%20b",
        "year=2025&kind=c%26d",
        "year=2025&file=12345678",
    ] {
        let decision = decided(&agreed, call("GET", "/incomes/P-0042", Some(query)))?;
        assert!(decision.is_permit(), "{query}: {:?}", codes(&decision));
        let facts = format!("{:?}", decision.facts);
        assert!(!facts.contains("P-0042") && !facts.contains("12345678"), "{facts}");
    }
    for (query, code) in [
        (None, "PARAMETER_MISSING year"),
        (Some("year=2023"), "PARAMETER_NOT_AGREED year"),
        (Some("year=02025"), "PARAMETER_NOT_AGREED year"),
        (Some("year=2024&year=2024"), "PARAMETER_NOT_AGREED year"),
        (Some("year=%32024"), "PARAMETER_NOT_AGREED year"),
        (Some("year=2024&on=2026-02-30"), "PARAMETER_NOT_AGREED on"),
        (Some("year=2024&kind=a+b"), "PARAMETER_NOT_AGREED kind"),
        (Some("year=2024&kind=e"), "PARAMETER_NOT_AGREED kind"),
        (Some("year=2024&limit=5"), "PARAMETER_NOT_AGREED limit"),
        (Some("year=2024&person=P-0042"), "PARAMETER_NOT_AGREED person"),
        (Some("year=2024&123456789=1"), "PARAMETER_NOT_AGREED (unreadable)"),
        (Some("year=2024&"), "PARAMETER_NOT_AGREED (unreadable)"),
        (Some("year=2024&flag"), "PARAMETER_NOT_AGREED flag"),
    ] {
        refused(&agreed, call("GET", "/incomes/P-0042", query), &[code])?;
    }
    refused(&agreed, call("GET", "/incomes/a%20b", Some("year=2024")), &["PARAMETER_NOT_AGREED person"])?;
    refused(&[], call("GET", "/incomes/P-0042", Some("")), &["PARAMETER_NOT_AGREED (unreadable)"])
}

#[test]
fn a_refusal_never_holds_a_value() -> Outcome {
    for (path, query) in [
        ("/incomes/123456789012345678901", None),
        ("/incomes/123456789", Some("bsn=123456789")),
        ("/incomes/123456789", Some("123456789")),
        ("/incomes/123456789", Some("123456789=a")),
        ("/people/123456789", None),
    ] {
        let decision = decided(&[], call("GET", path, query))?;
        let told = format!("{decision:?} {:?}", decision.problem());
        assert!(!decision.is_permit() && !told.contains("123456789"), "{told}");
    }
    Ok(())
}

#[test]
fn what_is_stated_is_what_is_agreed() -> Outcome {
    refused(
        &[],
        |question| {
            question.context.purpose = "enforcement".parse()?;
            Ok(())
        },
        &["PURPOSE_NOT_AGREED"],
    )?;
    refused(
        &[],
        |question| {
            question.context.activity = Some("enforcement".parse()?);
            Ok(())
        },
        &["ACTIVITY_NOT_AGREED"],
    )?;
    refused(
        &[],
        |question| {
            question.context.on_behalf_of = Some("oin:00000099000000040000".parse()?);
            Ok(())
        },
        &["MANDATE_NOT_AGREED"],
    )?;
    refused(
        &[],
        |question| {
            question.context.algorithm = Some("scores".parse()?);
            Ok(())
        },
        &["ALGORITHM_NOT_AGREED"],
    )
}

#[test]
fn claims_are_asked_for_where_the_clause_demands_them_and_nowhere_else() -> Outcome {
    let claims = |assurance: Option<&'static str>, human: Option<&'static str>| {
        move |question: &mut DecisionRequest<'static>| -> Outcome {
            let human = human.map(str::parse).transpose()?;
            let assurance = assurance.map(str::parse).transpose()?;
            question.context.claims = Claims { assurance, human };
            Ok(())
        }
    };
    let human = Some("01890a5d-ac96-774b-bcce-b302099a8057");
    let level = [("/clauses/0/conditions/assurance", json!("substantial"))];
    for stated in [None, Some("low")] {
        refused(&level, claims(stated, human), &["ASSURANCE_TOO_LOW"])?;
    }
    for stated in ["substantial", "high"] {
        assert!(decided(&level, claims(Some(stated), None))?.is_permit(), "{stated}");
    }
    let step =
        [("/clauses/0/conditions/human_in_the_loop", json!({"who": "Case worker", "what": "Looks at it."}))];
    refused(&step, claims(Some("high"), None), &["HUMAN_STEP_NOT_STATED"])?;
    assert!(decided(&step, claims(None, human))?.is_permit());
    let both = [level[0].clone(), step[0].clone()];
    refused(&both, as_usual, &["ASSURANCE_TOO_LOW", "HUMAN_STEP_NOT_STATED"])?;
    assert!(decided(&[], claims(Some("low"), None))?.is_permit());
    Ok(())
}

#[test]
fn an_algorithm_has_an_assessment_that_holds() -> Outcome {
    let names = ("/clauses/0/conditions/algorithm", json!({"use": "these", "names": ["scores"]}));
    let consumer = "oin:00000099000000020000";
    let algorithm = (
        "/algorithms",
        json!([{"party": consumer, "name": "scores", "url": "https://algorithms.test/1", "register_id": "1", "version": "1", "title": "t"}]),
    );
    let assessment = |outcome: &str, of: &str| {
        (
            "/assessments",
            json!([{"party": consumer, "entry": {"name": "iama", "version": 1}, "assessment": {
            "kind": "iama", "title": "t", "algorithms": [of], "made_by": "m", "made_on": "2026-01-01", "outcome": outcome,
            "summary": "s", "document": format!("sha256:{}", "0".repeat(64)), "valid_until": "2027-01-31"}}]),
        )
    };
    let scores = |question: &mut DecisionRequest<'static>| -> Outcome {
        question.context.algorithm = Some("scores".parse()?);
        Ok(())
    };
    let agreed = [names.clone(), algorithm.clone(), assessment("positive_with_measures", "scores")];
    assert!(decided(&agreed, scores)?.is_permit());
    assert!(decided(&agreed, as_usual)?.is_permit());
    refused(
        &agreed,
        |question| {
            question.context.algorithm = Some("ranks".parse()?);
            Ok(())
        },
        &["ALGORITHM_NOT_AGREED"],
    )?;
    // 2027-02-01T12:00:00Z, a Monday.
    refused(&agreed, at(1_801_483_200), &["ALGORITHM_NOT_ASSESSED"])?;
    for assessment in
        [assessment("negative", "scores"), assessment("positive", "ranks"), ("/assessments", json!([]))]
    {
        refused(&[names.clone(), algorithm.clone(), assessment], scores, &["ALGORITHM_NOT_ASSESSED"])?;
    }
    refused(&[names, assessment("positive", "scores")], scores, &["ALGORITHM_NOT_ASSESSED"])
}

#[test]
fn conditions_are_judged_at_the_moment() -> Outcome {
    // Saturday noon; Tuesday 05:59:59 and 22:00.
    for moment in [NOON + 4 * 86_400, NOON - 6 * 3600 - 1, NOON + 10 * 3600] {
        refused(&[], at(moment), &["OUTSIDE_TIME_WINDOW"])?;
    }
    for moment in [NOON - 6 * 3600, NOON + 10 * 3600 - 1] {
        assert!(decided(&[], at(moment))?.is_permit());
    }
    let never = json!({"days": [], "from_minute": 0, "until_minute": 1440});
    refused(&[("/clauses/0/conditions/time", never)], as_usual, &["OUTSIDE_TIME_WINDOW"])?;
    let over_midnight = json!({"days": ["tuesday"], "from_minute": 1320, "until_minute": 360});
    refused(&[("/clauses/0/conditions/time", over_midnight)], at(NOON + 11 * 3600), &["OUTSIDE_TIME_WINDOW"])
}

#[test]
fn without_a_place_within_the_limits_nothing_is_permitted() -> Outcome {
    let per_person = ("/clauses/0/conditions/per_person", json!({"most": 1, "per": "day"}));
    let agreement = changed(&[per_person])?;
    let life = signed(&agreement)?;
    let snapshot = snapshot(agreement, life)?;
    let question = question()?;
    let with = |leases| {
        codes(&snapshot.decide(&question, |candidate| {
            assert_eq!(candidate.clause().map(|clause| clause.name.as_str()), Some("incomes"));
            leases
        }))
    };
    assert_eq!(with(Leases { volume: false, ..ALL_HELD }), ["VOLUME_EXHAUSTED"]);
    assert_eq!(with(Leases { per_person: false, ..ALL_HELD }), ["PERSON_LIMIT_REACHED"]);
    assert_eq!(with(Leases::default()), ["VOLUME_EXHAUSTED", "PERSON_LIMIT_REACHED"]);
    assert!(with(ALL_HELD).is_empty());
    // For what cannot be permitted, no place is asked.
    let mut elsewhere = question.clone();
    elsewhere.context.purpose = "enforcement".parse()?;
    let decision = snapshot.decide(&elsewhere, |_| unreachable!("a place was asked"));
    assert_eq!(codes(&decision), ["PURPOSE_NOT_AGREED"]);
    Ok(())
}

#[test]
fn terms_are_judged_by_the_document_itself() -> Outcome {
    let agreement = changed(&[("/clauses/0/until", json!("2027-03-01T00:00:00Z"))])?;
    // A life that would let it be in force for ever.
    let (always, for_ever) = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
    let life = signed_between(&agreement, always, for_ever)?;
    let (from, until) = (agreement.term.from.timestamp(), agreement.term.until.timestamp());
    let clause_until = agreement.clauses.first().and_then(|clause| clause.until).ok_or("until")?.timestamp();
    let snapshot = snapshot(agreement, life)?;
    let at = |moment: Timestamp| -> Doubt<Vec<String>> {
        let mut question = question()?;
        question.context.now = moment;
        Ok(codes(&snapshot.decide(&question, held)))
    };
    assert!(at(Timestamp::from_millis(from.millis() - 1))?.contains(&"AGREEMENT_NOT_BEGUN".to_owned()));
    assert!(!at(from)?.contains(&"AGREEMENT_NOT_BEGUN".to_owned()));
    assert!(at(clause_until)?.contains(&"CLAUSE_ENDED".to_owned()));
    assert!(!at(Timestamp::from_millis(clause_until.millis() - 1))?.contains(&"CLAUSE_ENDED".to_owned()));
    assert!(at(until)?.contains(&"AGREEMENT_ENDED".to_owned()));
    assert!(!at(Timestamp::from_millis(until.millis() - 1))?.contains(&"AGREEMENT_ENDED".to_owned()));
    Ok(())
}

#[test]
fn the_life_of_a_version_is_judged_at_the_moment() -> Outcome {
    let agreement: Agreement = changed(&[])?;
    let party = agreement.parties.first().ok_or("a party")?.participant.clone();
    let now = Timestamp::from_seconds(NOON);
    let (from, until) = (agreement.term.from.timestamp(), agreement.term.until.timestamp());
    let draft =
        LifeCycle::draft(agreement.parties.iter().map(|party| party.participant.clone()), from, until);
    let signed = signed(&agreement)?;
    for (life, code) in [
        (draft.clone(), "AGREEMENT_UNSIGNED"),
        (draft.clone().offer()?, "AGREEMENT_UNSIGNED"),
        (draft.clone().offer()?.refuse(&party)?, "AGREEMENT_ENDED"),
        (draft.withdraw()?, "AGREEMENT_ENDED"),
        (signed.clone().suspend(&party)?, "AGREEMENT_SUSPENDED"),
        (signed.clone().revoke(&party)?, "AGREEMENT_ENDED"),
        (signed.clone().replaced_from(now), "AGREEMENT_ENDED"),
    ] {
        let decision = snapshot(agreement.clone(), life.clone())?.decide(&question()?, held);
        assert_eq!(codes(&decision), [code], "{life:?}");
        assert!(decision.basis.is_some());
    }
    let mut early = question()?;
    early.context.now = Timestamp::from_seconds(from.seconds() - 12 * 3600);
    assert_eq!(codes(&snapshot(agreement, signed)?.decide(&early, held)), ["AGREEMENT_NOT_BEGUN"]);
    Ok(())
}

#[test]
fn no_ground_no_data() -> Outcome {
    const GROUND: &str = "/clauses/0/provider/ground";
    const OTHER: &str = "/clauses/0/receivers/0/side/ground";
    let special = ("/clauses/0/operations/0/delivered/0/sensitivity", json!("special_category"));
    let criminal = ("/clauses/0/operations/0/delivered/0/sensitivity", json!("criminal"));
    for side in [GROUND, OTHER] {
        let missing = ["GROUND_MISSING"];
        refused(&[(side, Value::Null)], as_usual, &missing)?;
        refused(&[(&format!("{side}/ground/purposes"), json!(["enforcement"]))], as_usual, &missing)?;
        refused(&[(&format!("{side}/ground/national_number"), Value::Null)], as_usual, &missing)?;
        let ends = [(&*format!("{side}/ground/valid_until"), json!("2026-12-07"))];
        refused(&ends, as_usual, &["GROUND_ENDED"])?;
        let today = [(&*format!("{side}/ground/valid_until"), json!("2026-12-08"))];
        assert!(decided(&today, as_usual)?.is_permit());
    }
    refused(&[special], as_usual, &["GROUND_MISSING"])?;
    refused(&[criminal], as_usual, &["GROUND_MISSING"])?;
    for side in ["/clauses/0/provider/activity", "/clauses/0/receivers/0/side/activity"] {
        refused(&[(side, Value::Null)], as_usual, &["ACTIVITY_MISSING"])?;
    }
    Ok(())
}

#[test]
fn versions_take_over_and_a_replacement_leaves_the_rest() -> Outcome {
    let first = Arc::new(changed(&[])?);
    let other = Arc::new(changed(&[
        ("/id", json!("01932f5e-7c00-7000-8000-000000000002")),
        ("/clauses/0/purpose", json!("enforcement")),
        ("/clauses/0/provider/ground/ground/purposes", json!(["enforcement"])),
        ("/clauses/0/receivers/0/side/ground/ground/purposes", json!(["enforcement"])),
    ])?);
    let second = Arc::new(changed(&[
        ("/version", json!(2)),
        ("/replaces", json!(first.hash()?.to_string())),
        ("/clauses/0/name", json!("incomes-2")),
    ])?);
    let handover = Timestamp::from_seconds(NOON);
    let old = signed(&first)?.replaced_from(handover);
    let new = signed_between(&second, handover, second.term.until.timestamp())?;
    let (before, failed) =
        PolicySnapshot::build([(Arc::clone(&first), signed(&first)?), (Arc::clone(&other), signed(&other)?)]);
    assert!(failed.is_empty());
    let (after, failed) = before.replace(first.id, vec![(Arc::clone(&first), old), (second, new)]);
    assert!(failed.is_empty());
    let clause = |snapshot: &PolicySnapshot, seconds, purpose: &str| -> Doubt<Option<String>> {
        let mut question = question()?;
        question.context.now = Timestamp::from_seconds(seconds);
        question.context.purpose = purpose.parse()?;
        question.context.activity = None;
        let decision = snapshot.decide(&question, held);
        Ok(decision
            .basis
            .filter(|_| decision.reasons.is_empty())
            .map(|basis| format!("{} {} {}", basis.agreement, basis.version, basis.clause)))
    };
    const FIRST: &str = "01932f5e-7c00-7000-8000-000000000001";
    let outreach = "supplement-outreach";
    assert_eq!(clause(&after, NOON - 1, outreach)?, Some(format!("{FIRST} 1 incomes")));
    assert_eq!(clause(&after, NOON, outreach)?, Some(format!("{FIRST} 2 incomes-2")));
    assert_eq!(clause(&before, NOON, outreach)?, Some(format!("{FIRST} 1 incomes")));
    let enforcement = Some("01932f5e-7c00-7000-8000-000000000002 1 incomes".to_owned());
    assert_eq!(clause(&before, NOON, "enforcement")?, enforcement);
    assert_eq!(clause(&after, NOON, "enforcement")?, enforcement);
    let (without, _) = after.replace(first.id, Vec::new());
    assert_eq!(clause(&without, NOON, outreach)?, None);
    assert_eq!(clause(&without, NOON, "enforcement")?, enforcement);
    Ok(())
}

#[test]
fn the_purpose_of_a_receiver_is_that_of_its_clauses_in_force_where_they_have_one() -> Outcome {
    let agreement = changed(&[])?;
    let life = signed(&agreement)?;
    let question = question()?;
    let (receiver, service) = (&question.subject.participant, &question.resource);
    let known = snapshot(agreement, life)?;
    let at = |seconds| known.purpose(receiver, service, Timestamp::from_seconds(seconds));
    assert_eq!(at(NOON).map(ToString::to_string).as_deref(), Some("supplement-outreach"));
    assert_eq!(at(0), None, "not begun");
    let other = "oin:00000099000000099999".parse()?;
    assert_eq!(known.purpose(&other, service, Timestamp::from_seconds(NOON)), None);
    let elsewhere = serde_json::from_value(json!({ "provider": receiver, "name": "incomes" }))?;
    assert_eq!(known.purpose(receiver, &elsewhere, Timestamp::from_seconds(NOON)), None);
    let beside = |purpose: &str| -> Result<PolicySnapshot, Box<dyn std::error::Error>> {
        let second = "01932f5e-7c00-7000-8000-000000000002";
        let second = changed(&[("/id", json!(second)), ("/clauses/0/purpose", json!(purpose))])?;
        let life = signed(&second)?;
        Ok(known.replace(second.id, vec![(Arc::new(second), life)]).0)
    };
    for (purpose, only) in [("supplement-outreach", Some("supplement-outreach")), ("enforcement", None)] {
        let beside = beside(purpose)?;
        let found = beside.purpose(receiver, service, Timestamp::from_seconds(NOON));
        assert_eq!(found.map(ToString::to_string).as_deref(), only);
    }
    Ok(())
}

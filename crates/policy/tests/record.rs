//! The record of a decision: the form that the standard asks for, and the same decision again.
#![expect(clippy::indexing_slicing, reason = "a test that falls over has failed")]

mod common;

use std::sync::Arc;

use common::{Outcome, changed, codes, held, question, signed, snapshot};
use serde_json::{Value, json};
use verbond_agreement::Agreement;
use verbond_domain::Timestamp;
use verbond_policy::{
    Call, DecisionRecord, DecisionRequest, Incompatibility, Leases, Replay, SpanId, Trace, TraceId, replay,
};

type Doubt<T> = Result<T, Box<dyn std::error::Error>>;

const TRACE: Trace =
    Trace { trace_id: TraceId([0xab; 16]), span_id: SpanId([1; 8]), parent_span_id: Some(SpanId([2; 8])) };

fn recorded(agreement: &Agreement, question: &DecisionRequest<'_>) -> Doubt<DecisionRecord> {
    let decision = snapshot(agreement.clone(), signed(agreement)?)?.decide(question, held);
    let transaction = "01890a5d-ac96-774b-bcce-b302099a8057".parse()?;
    let record = DecisionRecord::new(question, &decision, TRACE, Some(transaction));
    // What lies in a log is text.
    Ok(serde_json::from_str(&serde_json::to_string(&record)?)?)
}

#[test]
fn a_record_has_the_form_of_the_decision_log() -> Outcome {
    let agreement = changed(&[])?;
    let record = serde_json::to_value(recorded(&agreement, &question()?)?)?;
    let policy = record["attributes"]["adl.core.policies"]["policy"]["hash"].clone();
    let expected = json!({
        "trace_id": "abababababababababababababababab",
        "span_id": "0101010101010101",
        "parent_span_id": "0202020202020202",
        "event_name": "adl.access_evaluation",
        "timestamp": 1_796_731_200_000_i64,
        "status": "Ok",
        "attributes": {
            "adl.core.policies": {
                "agreement": {"id": "01932f5e-7c00-7000-8000-000000000001", "version": 1, "hash": agreement.hash()?.to_string()},
                "policy": {"hash": policy, "compiler": 2}
            },
            "adl.fsc.transaction_id": "01890a5d-ac96-774b-bcce-b302099a8057"
        },
        "body": {
            "adl.core.request": {
                "subject": {"type": "participant", "id": "oin:00000099000000020000", "properties": {"participant": "oin:00000099000000020000", "application": "outreach"}},
                "action": {"name": "income-of-person", "properties": {"clause": "incomes", "parameters": {"person": "present"}}},
                "resource": {"type": "service", "id": "oin:00000099000000030000/incomes", "properties": {"service": {"provider": "oin:00000099000000030000", "name": "incomes"}}},
                "context": {"time": "2026-12-08T12:00:00Z", "purpose": "supplement-outreach", "activity": "supplement-outreach", "stage": "signed", "volume_held": true, "person_held": true}
            },
            "adl.core.response": {"decision": true, "context": {"delivered": ["$.year", "$.income.below_minimum"]}}
        }
    });
    assert_eq!(record, expected);
    Ok(())
}

/// Questions with one or more things the matter, and none.
fn questions() -> Doubt<Vec<DecisionRequest<'static>>> {
    let mut questions = vec![question()?; 9];
    let calls = [
        ("/incomes/P-0042", None),
        ("/incomes/a%20b", None),
        ("/people/123456789", None),
        ("/incomes/123456789", Some("bsn=123456789")),
    ];
    for (question, (path, query)) in questions.iter_mut().zip(calls) {
        question.call = Call { method: "GET", path, query };
    }
    questions[4].context.purpose = "enforcement".parse()?;
    questions[5].context.now = Timestamp::from_seconds(common::NOON + 4 * 86_400);
    questions[5].context.activity = Some("enforcement".parse()?);
    questions[6].context.elements.insert("$.year".parse()?);
    questions[7].context.elements.insert("$.people[?@.bsn == 123456789]".parse()?);
    questions[8].context.on_behalf_of = Some("oin:00000099000000040000".parse()?);
    questions[8].context.now = Timestamp::from_seconds(0);
    Ok(questions)
}

#[test]
fn a_decision_is_taken_again_from_its_record() -> Outcome {
    let agreement = Arc::new(changed(&[])?);
    let mut permits = 0;
    for question in questions()? {
        let record = recorded(&agreement, &question)?;
        assert_eq!(replay(&record, Arc::clone(&agreement))?, Replay::Same, "{record:?}");
        assert!(!serde_json::to_string(&record)?.contains("123456789"), "{record:?}");
        permits += usize::from(record.body.response.decision);
        // Whoever changes the outcome, the reasons or what was delivered is found out.
        let mut other = record.clone();
        other.body.response.decision = !other.body.response.decision;
        assert!(matches!(replay(&other, Arc::clone(&agreement))?, Replay::Differs { .. }));
        let mut other = record.clone();
        match other.body.response.context.reasons.pop() {
            Some(_) => {}
            None => drop(other.body.response.context.delivered.pop()),
        }
        assert!(matches!(replay(&other, Arc::clone(&agreement))?, Replay::Differs { .. }));
    }
    assert_eq!(permits, 2);
    let exhausted =
        snapshot((*agreement).clone(), signed(&agreement)?)?.decide(&question()?, |_| Leases::default());
    let record = DecisionRecord::new(&question()?, &exhausted, TRACE, None);
    assert_eq!(codes(&exhausted), ["VOLUME_EXHAUSTED"]);
    assert_eq!(replay(&record, agreement)?, Replay::Same);
    Ok(())
}

#[test]
fn what_cannot_be_taken_again_is_named() -> Outcome {
    let agreement = Arc::new(changed(&[])?);
    let record = recorded(&agreement, &question()?)?;
    let again = |change: &dyn Fn(&mut DecisionRecord)| {
        let mut record = record.clone();
        change(&mut record);
        replay(&record, Arc::clone(&agreement))
    };
    let other = Arc::new(changed(&[("/clauses/0/purpose", json!("enforcement"))])?);
    assert!(matches!(replay(&record, other), Err(Incompatibility::AnotherAgreement { .. })));
    assert_eq!(again(&|record| record.attributes.policies = None), Err(Incompatibility::NoAgreement));
    let compiler =
        again(&|record| record.attributes.policies.iter_mut().for_each(|one| one.policy.compiler = 0));
    assert_eq!(compiler, Err(Incompatibility::AnotherCompiler { recorded: 0 }));
    let policy = again(&|record| {
        let hash = verbond_agreement::DocumentHash::of(b"");
        record.attributes.policies.iter_mut().for_each(|one| one.policy.hash = hash);
    });
    assert!(matches!(policy, Err(Incompatibility::AnotherPolicy { .. })));
    let failed = again(&|record| record.status = verbond_policy::RecordStatus::Error);
    assert_eq!(failed, Err(Incompatibility::Failed));
    let clause = again(&|record| record.body.request.action.properties.clause = None);
    assert!(matches!(clause, Err(Incompatibility::NotInDocument { .. })));
    let operation = again(&|record| record.body.request.action.name = "incomes".to_owned());
    assert!(matches!(operation, Err(Incompatibility::NotInDocument { .. })));
    Ok(())
}

#[test]
fn traces_have_one_spelling() {
    let id = |text: &str| serde_json::from_value::<SpanId>(Value::from(text)).map(|id| id.to_string());
    assert_eq!(id("00f067aa0ba902b7").ok().as_deref(), Some("00f067aa0ba902b7"));
    for text in [
        "0000000000000000",
        "00F067AA0BA902B7",
        "00f067aa0ba902b",
        "00f067aa0ba902b7a",
        "+0f067aa0ba902b7",
        "\u{e9}0f067aa0ba902b",
    ] {
        assert!(id(text).is_err(), "{text}");
    }
}

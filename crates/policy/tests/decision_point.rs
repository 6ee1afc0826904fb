//! An organisation's own decision point: what it is told, what is taken of its answer, and what that does to a decision.
#![expect(clippy::indexing_slicing, reason = "a test that falls over has failed")]

mod common;

use std::sync::Arc;

use common::{Outcome, changed, codes, held, question, signed, snapshot};
use serde_json::{Map, Value, json};
use verbond_agreement::Agreement;
use verbond_domain::{Direction, ExchangeParties};
use verbond_policy::{
    Decision, DecisionRecord, LONGEST_ANSWER, PointAnswer, PointOutcome, PointQuestion, PointReason,
    RecordStatus, Replay, SpanId, Trace, TraceId, UnreadableAnswer, replay, without_place,
};

type Doubt<T> = Result<T, Box<dyn std::error::Error>>;

const AT: &str = "pdp.test:8443";
const TRACE: Trace = Trace { trace_id: TraceId([0xab; 16]), span_id: SpanId([1; 8]), parent_span_id: None };

fn decided() -> Doubt<(Arc<Agreement>, Decision, DecisionRecord)> {
    let agreement = changed(&[])?;
    let decision = snapshot(agreement.clone(), signed(&agreement)?)?.decide(&question()?, held);
    let record = DecisionRecord::new(&question()?, &decision, TRACE, None);
    Ok((Arc::new(agreement), decision, record))
}

/// As it lies in a log.
fn written(record: &DecisionRecord) -> Doubt<DecisionRecord> {
    Ok(serde_json::from_str(&serde_json::to_string(record)?)?)
}

fn read(answer: &Value) -> Result<PointAnswer, UnreadableAnswer> {
    PointAnswer::parse(AT, answer.to_string().as_bytes())
}

fn reason(reason_user: Value) -> Doubt<Option<(String, String)>> {
    let answer = read(&json!({"decision": false, "context": {"reason_user": reason_user}}))?;
    Ok(answer.reason_user.map(|PointReason { nl, en }| (nl, en)))
}

#[test]
fn the_question_tells_what_is_asked_under_which_agreement_and_nothing_of_a_person() -> Outcome {
    let (agreement, decision, record) = decided()?;
    let obligations = decision.obligations.as_ref().ok_or("a permit")?;
    let parties = ExchangeParties {
        consumer: "oin:00000099000000020000".parse()?,
        consumer_delegator: None,
        provider: "oin:00000099000000030000".parse()?,
        provider_delegator: None,
        service: "incomes".parse()?,
    };
    let wire = json!({"group_id": "g", "grant_hash": "$1$4$x", "service_name": "another"});
    let wire = wire.as_object().ok_or("members")?;
    let asked = PointQuestion {
        direction: Direction::Incoming,
        parties: &parties,
        wire,
        application: None,
        method: "GET",
        agreed: Some((&record, obligations)),
        transaction_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse()?,
        traceparent: Some("00-abababababababababababababababab-0101010101010101-00"),
        tracestate: None,
        now: record.timestamp,
    };
    let told = asked.to_json();
    assert_eq!(told["action"]["properties"]["processing_activity_id"], published(&agreement, "provider"));
    let expected = json!({
        "subject": {"type": "identity", "id": "00000099000000020000", "properties": {
            "outway_peer_id": "00000099000000020000", "service_name": "incomes", "service_peer_id": "00000099000000030000",
            "group_id": "g", "grant_hash": "$1$4$x"}},
        "action": {"name": "GET", "properties": {
            "operation": "income-of-person", "processing_activity_id": published(&agreement, "provider")}},
        "resource": {"type": "uri", "id": "/incomes/{person}", "properties": {
            "service_name": "incomes", "service_peer_id": "00000099000000030000",
            "elements": ["$.year", "$.income.below_minimum"]}},
        "context": {
            "time": "2026-12-08T12:00:00Z", "direction": "incoming", "purpose": "supplement-outreach",
            "transaction_id": "01890a5d-ac96-774b-bcce-b302099a8057",
            "traceparent": "00-abababababababababababababababab-0101010101010101-00",
            "headers": {
                "Fsc-Transaction-Id": "01890a5d-ac96-774b-bcce-b302099a8057",
                "Traceparent": "00-abababababababababababababababab-0101010101010101-00",
                "Doelbinding": "supplement-outreach",
                "Dpl-Processing-Activity-Id": published(&agreement, "provider")},
            "agreement": {"id": "01932f5e-7c00-7000-8000-000000000001", "version": 1,
                "hash": agreement.hash()?.to_string(), "clause": "incomes"}}
    });
    assert_eq!(told, expected);
    assert!(!told.to_string().contains("P-0042"));

    let theirs =
        PointQuestion { direction: Direction::Outgoing, application: Some("outreach"), ..asked }.to_json();
    assert_eq!(theirs["action"]["properties"]["processing_activity_id"], published(&agreement, "receiver"));
    assert_eq!(theirs["subject"]["properties"]["application"], "outreach");

    let open = PointQuestion { agreed: None, wire: &Map::new(), ..asked }.to_json();
    assert_eq!(open["resource"]["id"], "/{+path}");
    for absent in [
        "/context/agreement",
        "/context/purpose",
        "/resource/properties/elements",
        "/action/properties/operation",
    ] {
        assert_eq!(open.pointer(absent), None, "{absent}");
    }
    Ok(())
}

fn published(agreement: &Agreement, side: &str) -> Value {
    let clause = &agreement.clauses[0];
    let side = if side == "provider" { &clause.provider } else { &clause.receivers[0].side };
    side.activity.as_ref().map(|activity| activity.url.as_str()).into()
}

#[test]
fn an_answer_is_a_boolean_decision_and_nothing_else_is() -> Outcome {
    assert_eq!(read(&json!({"decision": true}))?.outcome, PointOutcome::Permit);
    assert_eq!(read(&json!({"decision": false, "other": {"decision": true}}))?.outcome, PointOutcome::Deny);
    assert_eq!(read(&json!({"decision": true, "context": null}))?.refusal(), None);
    for body in [
        &b""[..],
        b"true",
        b"[]",
        b"{}",
        b"{\"decision\":\"true\"}",
        b"{\"decision\":1}",
        b"{\"decision\":null}",
        b"{\"decision\":true,\"decision\":false}",
        b"{\"decision\":true,\"context\":\"x\"}",
        b"{\"decision\":true} {}",
        b"{\"decision\":true",
        b"\xff{\"decision\":true}",
        b"<html>",
    ] {
        let read = PointAnswer::parse(AT, body);
        assert_eq!(read, Err(UnreadableAnswer::Form), "{}", String::from_utf8_lossy(body));
    }
    let long = format!("{{\"decision\":true,\"x\":\"{}\"}}", "x".repeat(LONGEST_ANSWER));
    assert_eq!(PointAnswer::parse(AT, long.as_bytes()), Err(UnreadableAnswer::TooLong));
    let deep = format!(
        "{{\"decision\":true,\"context\":{{\"reason_user\":{}1{}}}}}",
        "[".repeat(4000),
        "]".repeat(4000)
    );
    assert_eq!(PointAnswer::parse(AT, deep.as_bytes()), Err(UnreadableAnswer::Form));
    Ok(())
}

#[test]
fn a_reason_is_found_in_the_languages_that_there_are() -> Outcome {
    let both = |nl: &str, en: &str| Some((nl.to_owned(), en.to_owned()));
    assert_eq!(reason(json!("No."))?, both("No.", "No."));
    assert_eq!(reason(json!({"en": "No.", "nl": "Nee."}))?, both("Nee.", "No."));
    assert_eq!(reason(json!({"en-403": "No.", "es-403": "No se."}))?, both("No.", "No."));
    assert_eq!(reason(json!({"403": "No."}))?, both("No.", "No."));
    assert_eq!(reason(json!({"nl": "Nee."}))?, both("Nee.", "Nee."));
    for none in
        [json!(null), json!(7), json!([]), json!({}), json!({"en": 7}), json!(""), json!(" \u{200b}\n")]
    {
        assert_eq!(reason(none.clone())?, None, "{none}");
    }
    Ok(())
}

#[test]
fn a_reason_is_bounded_on_one_line_and_without_numbers_of_people() -> Outcome {
    let shown = |text: &str| -> Doubt<String> { Ok(reason(json!(text))?.ok_or("a reason")?.0) };
    assert_eq!(shown(&"a".repeat(2000))?.chars().count(), 500);
    assert_eq!(shown("a\u{0}b\r\nc\u{1b}[31m\u{202e}d\u{2066}e")?, "a b c [31m d e");
    for number in [
        "999990019",
        "9999.90.019",
        "999 990 019",
        "99999-0019",
        "\u{0669}\u{0669}\u{0669}\u{0669}\u{0669}\u{0669}\u{0669}\u{0669}\u{0669}",
    ] {
        assert_eq!(shown(&format!("Person {number}."))?, "Person \u{2026}.", "{number}");
    }
    assert_eq!(shown("Article 54, paragraph 3, 2026")?, "Article 54, paragraph 3, 2026");
    assert_eq!(shown("C076E82F")?, "C076E82F");
    Ok(())
}

#[test]
fn its_deny_and_its_silence_deny_and_its_permit_adds_only_its_place_in_the_record() -> Outcome {
    let (agreement, decision, record) = decided()?;
    let same = |record: &DecisionRecord| -> Outcome {
        assert_eq!(replay(&written(record)?, Arc::clone(&agreement))?, Replay::Same, "{record:?}");
        Ok(())
    };

    let permitted = record.clone().answered_by(read(&json!({"decision": true, "context": {"id": "7"}}))?);
    assert_eq!(permitted.body.response, record.body.response);
    let information = serde_json::to_value(&permitted)?["body"]["adl.core.information"].clone();
    assert_eq!(information, json!({"decision_point": {"authority": AT, "outcome": "permit", "id": "7"}}));
    same(&permitted)?;

    let deny = read(
        &json!({"decision": false, "context": {"reason_user": {"en": "No.", "nl": "Nee."}, "reason_admin": "R1"}}),
    )?;
    let problem = deny.problem(true).ok_or("a refusal")?;
    assert_eq!((problem.code, problem.status), ("DECISION_POINT_DENIED", 403));
    assert!(
        problem.detail.nl.ends_with("Reden: Nee.") && problem.detail.en.ends_with("Reason: No."),
        "{problem:?}"
    );
    assert!(!deny.problem(false).ok_or("a refusal")?.detail.en.contains("Reason"));
    assert!(!format!("{problem:?}").contains("R1"));
    let denied = record.clone().answered_by(deny);
    assert_eq!((denied.status, denied.body.response.decision), (RecordStatus::Ok, false));
    assert_eq!(denied.body.response.context.reasons[0].code.as_str(), "DECISION_POINT_DENIED");
    assert!(denied.body.response.context.delivered.is_empty());
    same(&denied)?;
    // Whoever writes a permit over the deny, or takes the answer away, is found out.
    let mut other = denied.clone();
    other.body.response = record.body.response.clone();
    assert!(matches!(replay(&other, Arc::clone(&agreement))?, Replay::Differs { permitted: false, .. }));
    let mut other = denied;
    other.body.information = None;
    assert!(matches!(replay(&other, Arc::clone(&agreement))?, Replay::Differs { permitted: true, .. }));

    let silent = PointAnswer::unavailable(AT);
    assert_eq!(
        silent.problem(true).map(|problem| (problem.code, problem.status)),
        Some(("DECISION_POINT_UNAVAILABLE", 503))
    );
    let silent = record.clone().answered_by(silent);
    assert_eq!((silent.status, silent.body.response.decision), (RecordStatus::Error, false));
    same(&silent)?;

    // What comes after it keeps its answer.
    let obligations = decision.obligations.as_ref().ok_or("a permit")?;
    let (_, later) = without_place(&permitted, obligations)?;
    assert_eq!(later.body.information, permitted.body.information);
    Ok(())
}

#[test]
fn a_permit_does_not_make_a_deny_of_ours_a_permit() -> Outcome {
    let agreement = changed(&[])?;
    let mut question = question()?;
    question.context.purpose = "enforcement".parse()?;
    let decision = snapshot(agreement.clone(), signed(&agreement)?)?.decide(&question, held);
    assert_eq!(codes(&decision), ["PURPOSE_NOT_AGREED"]);
    let record = DecisionRecord::new(&question, &decision, TRACE, None);
    let told = record.answered_by(read(&json!({"decision": true}))?);
    assert!(!told.body.response.decision);
    assert_eq!(replay(&told, Arc::new(agreement))?, Replay::Same);
    Ok(())
}

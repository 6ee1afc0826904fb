//! What an organisation's own decision point answers: any bytes are an answer or none, and what is kept of one is bounded,
//! on one line, and the same when it is read back from a record.
//!
//! The fuzz target calls it, and a test of the policy crate replays the corpus through it.

use verbond_policy::{PointAnswer, PointReason};

/// Reads an answer.
pub fn decision_point(bytes: &[u8]) {
    let Ok(answer) = PointAnswer::parse("pdp.test:8443", bytes) else { return };
    let whole: serde_json::Value = serde_json::from_slice(bytes).expect("what was read is JSON");
    assert_eq!(whole.get("decision"), Some(&answer.refusal().is_none().into()));
    let reasons = [&answer.reason_user, &answer.reason_admin].into_iter().flatten();
    let texts = reasons.flat_map(|PointReason { nl, en }| [nl, en]).chain(&answer.id);
    for text in texts {
        assert!(!text.is_empty() && text.chars().count() <= 500, "{text:?}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
        let longest = text.split(|one: char| !one.is_numeric()).map(|run| run.chars().count()).max();
        assert!(longest < Some(8), "{text:?}");
    }
    let record = serde_json::to_string(&answer).expect("an answer can be written");
    assert_eq!(serde_json::from_str::<PointAnswer>(&record).ok(), Some(answer));
}

//! Evidence of strangers: any bytes are verified to their end, and the report can be written.
//!
//! The fuzz target calls it, and a test of the verifier's crate replays the corpus through it.

use std::io::Cursor;

use verbond_verify::{Anchors, Input, Language, Outcome, Room, verify};

fn input(bytes: &[u8]) -> Vec<Input> {
    vec![Input { name: "evidence".to_owned(), content: Box::new(Cursor::new(bytes.to_vec())) }]
}

/// Verifies evidence, and takes it for an earlier checkpoint of itself too.
pub fn evidence(bytes: &[u8]) {
    let anchors = Anchors::from_pem(&[]).expect("none are given");
    // Little room, so that what is put aside is read back too.
    let room = Room { bytes: 1024, ..Room::default() };
    let report = verify(input(bytes), anchors, input(bytes), &room, &mut |_| {});
    let told = report.to_json(Language::Nl).expect("a report can be written");
    let told: serde_json::Value = serde_json::from_str(&told).expect("it is JSON");
    let listed = told.get("alarms").and_then(serde_json::Value::as_array).map(Vec::len);
    assert_eq!(listed.map(|listed| listed > 0), Some(report.outcome() == Outcome::Alarms));
    assert!(!report.to_text(Language::En).is_empty());
}

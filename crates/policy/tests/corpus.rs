//! Replays the corpus of the fuzz target.
#![expect(clippy::expect_used, reason = "what must hold is asserted")]

use std::path::Path;

#[path = "../../../fuzz/src/request.rs"]
mod request;

#[test]
fn every_request_of_the_corpus_is_decided_on() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/request");
    for input in std::fs::read_dir(corpus)? {
        request::request(&std::fs::read(input?.path())?);
    }
    Ok(())
}

#[path = "../../../fuzz/src/decision_point.rs"]
mod decision_point;

#[test]
fn every_answer_of_a_decision_point_in_the_corpus_is_read_or_refused() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/decision_point");
    for input in std::fs::read_dir(corpus)? {
        decision_point::decision_point(&std::fs::read(input?.path())?);
    }
    Ok(())
}

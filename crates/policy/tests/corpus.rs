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

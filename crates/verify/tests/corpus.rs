//! Replays the corpus of the fuzz target.
#![expect(clippy::expect_used, reason = "what must hold is asserted")]

use std::path::Path;

#[path = "../../../fuzz/src/evidence.rs"]
mod evidence;

#[test]
fn all_evidence_of_the_corpus_is_verified_to_its_end() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/evidence");
    for input in std::fs::read_dir(corpus)? {
        evidence::evidence(&std::fs::read(input?.path())?);
    }
    Ok(())
}

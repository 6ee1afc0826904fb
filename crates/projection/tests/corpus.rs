//! Replays the corpus of the fuzz target.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "what must hold is asserted")]

use std::path::Path;

#[path = "../../../fuzz/src/projection.rs"]
mod projection;

#[test]
fn every_input_of_the_corpus_is_projected() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/projection");
    for input in std::fs::read_dir(corpus)? {
        projection::projection(&std::fs::read(input?.path())?);
    }
    Ok(())
}

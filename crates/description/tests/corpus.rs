//! Replays the corpus of the fuzz target.
#![expect(clippy::expect_used, reason = "what must hold is asserted")]

use std::path::Path;

#[path = "../../../fuzz/src/description.rs"]
mod description;

#[test]
fn every_input_of_the_corpus_is_read() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/description");
    for input in std::fs::read_dir(corpus)? {
        description::description(&std::fs::read(input?.path())?);
    }
    Ok(())
}

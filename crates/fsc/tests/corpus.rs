//! Replays the corpus of the fuzz targets: every input that was ever worth keeping goes through its parser again.
#![expect(clippy::expect_used, reason = "the parsers' promises are asserted")]

use std::path::Path;

#[path = "../../../fuzz/src/parsers.rs"]
mod parsers;

#[test]
fn every_input_of_the_corpus_goes_through_its_parser() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, parse) in parsers::PARSERS {
        let mut inputs = 0;
        for input in std::fs::read_dir(corpus.join(name))? {
            parse(&std::fs::read(input?.path())?);
            inputs += 1;
        }
        assert!(inputs > 0, "{name} has no corpus");
    }
    Ok(())
}

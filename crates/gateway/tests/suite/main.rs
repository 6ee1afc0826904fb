//! Inway and outway between real sockets, with a face, a journal and a source of the tests' own.
#![expect(clippy::indexing_slicing, reason = "a test that fails here should fail")]

mod applications;
mod face;
mod heads;
mod journal;
mod recording;
mod scene;
mod streams;
#[path = "../../../../fuzz/src/trace.rs"]
mod trace;
#[path = "../../../transport/tests/suite/world.rs"]
mod world;

#[test]
fn every_trace_of_the_fuzz_corpus_is_gone_on_with() -> std::io::Result<()> {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/trace");
    for input in std::fs::read_dir(corpus)? {
        trace::trace(&std::fs::read(input?.path())?);
    }
    Ok(())
}

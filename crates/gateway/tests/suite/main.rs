//! Inway and outway between real sockets, with a face, a journal and a source of the tests' own.
#![expect(clippy::indexing_slicing, reason = "a test that fails here should fail")]

mod applications;
mod face;
mod heads;
mod journal;
mod recording;
mod scene;
mod streams;
#[path = "../../../transport/tests/suite/world.rs"]
mod world;

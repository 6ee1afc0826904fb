//! Connections between real sockets, with certificates of the test authority.
#![expect(clippy::indexing_slicing, clippy::panic, reason = "a test that fails here should fail")]

mod identity;
mod limits;
mod resending;
mod routing;
mod standing;
mod world;

//! What a projection says and lets through, of documents that are written out.
#![expect(clippy::unwrap_used, reason = "what must hold is asserted")]

mod edges;
mod faults;
mod support;

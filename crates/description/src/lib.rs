//! A data service described from what there is already: an OpenAPI document, or a sample of an answer. Bytes in, a draft
//! out, which a person completes: what an element means, which category it is of and how the law looks at it is decided
//! by nobody but people ([`UNDECIDED`]). Of a sample paths, types and counts are kept, never a value.

#![forbid(unsafe_code)]

mod draft;
mod openapi;
mod parameters;
mod remark;
mod sample;
mod schema;
mod shape;
mod tree;

pub use self::{
    draft::{
        Decision, Draft, DraftElement, DraftOperation, DraftParameter, DraftRequest, Imported, UNDECIDED,
        undecided,
    },
    openapi::from_openapi,
    remark::{Remark, RemarkKind},
    sample::{SampledOperation, from_sample},
};

/// Most bytes that are read of a document or a sample.
pub const MAXIMUM_BYTES: usize = 16 * 1024 * 1024;

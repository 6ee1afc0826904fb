//! Use cases: what people and programs ask of a node, each writing the change and the act that explains it together.
#![forbid(unsafe_code)]

pub mod applications;
mod context;
pub mod exchange;
pub mod persons;
pub mod services;
pub mod snapshot;

pub use context::{OpContext, database_problem};

//! Use cases: what people and programs ask of a node, each writing the change and the act that explains it together.
#![forbid(unsafe_code)]

pub mod absences;
pub mod agreements;
pub mod applications;
pub mod checkpoints;
pub mod class_questions;
pub mod completions;
pub mod confirmation;
mod context;
pub mod counterparts;
mod courier;
pub mod decisions;
pub mod exchange;
pub mod handed_in;
pub mod limits;
pub mod losses;
mod open_class;
pub mod open_traffic;
pub mod persons;
pub mod processing;
pub mod publication;
pub mod registers;
pub mod retention;
pub mod services;
pub mod snapshot;
pub mod witnesses;

pub use context::{OpContext, database_problem, signing_problem};
pub use courier::{Courier, Managers, Undelivered};

//! The account of exchanges that a participant gives: what was permitted, what became of it, and whether the party at the
//! other end says the same.
#![forbid(unsafe_code)]

mod compare;
mod reconcile;
mod told;

pub use compare::{Finding, FindingKind};
pub use reconcile::{Counterpart, Period, Reconciliation, reconcile};
pub use told::{Told, ToldAnswer, ToldExchange, ToldPage, told};

//! The account that a participant gives: which exchanges were permitted and what became of them, whether the party at the
//! other end says the same, and whose data was processed for what, handed on to the organisation's logbook.
#![forbid(unsafe_code)]

mod compare;
mod evidence;
mod exchanges;
mod export;
mod otlp;
mod processing;
mod reconcile;
mod told;

pub use compare::{Finding, FindingKind};
pub use evidence::{EvidenceOf, evidence, no_checkpoint_yet};
pub use exchanges::{Exchange, UnderAgreement, exchanges};
pub use export::{Export, Logbook, NotTaken, Step, probe};
pub use processing::{Person, about_person, processing_records};
pub use reconcile::{Counterpart, Period, Reconciliation, reconcile};
pub use told::{Told, ToldAnswer, ToldExchange, ToldPage, told_to_counterpart};

//! The account that a participant gives: which exchanges were permitted and what became of them, whether the party at the
//! other end says the same, and whose data was processed for what, handed on to the organisation's logbook.
#![forbid(unsafe_code)]

mod acts;
mod compare;
mod evidence;
mod exchanges;
mod export;
mod half;
mod handover;
mod one_exchange;
mod other_half;
mod otlp;
mod processing;
mod reconcile;
mod revocations;
mod schedule;
mod told;

pub use compare::{Finding, FindingKind};
pub use evidence::{EvidenceOf, NotGiven, evidence, no_checkpoint_yet};
pub use exchanges::{Exchange, RecordsStanding, UnderAgreement, exchanges};
pub use export::{Export, Logbook, NotTaken, Step, probe};
pub use half::{HalvesPage, half_for, halves_for};
pub use one_exchange::{OneExchange, Other, one_exchange};
pub use other_half::{Halves, Judge, OtherHalf, ReceivedHalf};
pub use processing::{Person, about_person, processing_records};
pub use reconcile::{Counterpart, Occasion, Period, Reconciliation, reconcile};
pub use schedule::reconcile_when_due;
pub use told::{Told, ToldAnswer, ToldExchange, ToldPage, told_to_counterpart};

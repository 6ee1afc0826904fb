//! Agreements: drafted here or offered by another party, signed, and ended. What each party states is signed by its
//! certificate and told to the others; the life of a version follows from the statements alone.

mod advising;
mod amending;
mod asked;
mod checking;
mod compromised;
mod foreign;
mod from_refusal;
pub(crate) mod history;
mod office;
mod public_list;
mod raised;
mod reading;
mod received;
mod refusals;
mod sampling;
mod tasks;
mod version;
mod withdrawing;

pub use amending::Difference;
pub use asked::agreement_asked;
pub use foreign::{Speaks, WireJudge};
pub use office::AgreementOffice;
pub use public_list::{ListedAgreement, ListedPage, PublicList};
pub use raised::{Raised, raise_missing_records, raise_refused_record};
pub use reading::{Fetched, MOST_ADDRESSES, Outcome, Reader, Seen};
pub use received::{ADVICE_SIGNATURE, AGREEMENT_SIGNATURE, Envelope};
pub use sampling::{SampleAsked, Sampled, SourceReader};
pub use tasks::{Task, TaskDone};
pub use version::{AgreementVersion, with_successors};
pub use withdrawing::{BasisAsked, Consequence, Resting, Withdrawal};

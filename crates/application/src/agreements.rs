//! Agreements: drafted here or offered by another party, signed, and ended. What each party states is signed by its
//! certificate and told to the others; the life of a version follows from the statements alone.

mod checking;
mod office;
mod reading;
mod received;
mod refusals;
mod version;

pub use office::AgreementOffice;
pub use reading::{Fetched, MOST_ADDRESSES, Outcome, Reader, Seen};
pub use received::{AGREEMENT_SIGNATURE, Envelope};
pub use version::AgreementVersion;

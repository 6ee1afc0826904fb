//! Agreements: drafted here or offered by another party, signed, and ended. What each party states is signed by its
//! certificate and told to the others; the life of a version follows from the statements alone.

mod office;
mod received;
mod refusals;
mod version;

pub use office::AgreementOffice;
pub use received::{AGREEMENT_SIGNATURE, Envelope};
pub use version::AgreementVersion;

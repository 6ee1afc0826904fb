//! The words of Verbond as types: participants, the people who act for them, data services, exchanges and what may be said about them.
//!
//! Nothing here does input or output, reads a clock or draws randomness: both are passed in as
//! [`Clock`] and [`Entropy`]. Every type that takes text from outside parses it once, bounded, into a
//! value that cannot be wrong afterwards.
#![forbid(unsafe_code)]

mod actor;
mod ambient;
mod exchange;
mod month;
mod participant;
mod person;
mod problem;
mod service;
mod words_of_another;

pub use actor::Actor;
pub use ambient::{Ambient, Clock, Entropy, Timestamp};
pub use exchange::{Direction, ExchangeParties, TransactionId, TransactionIdError};
pub use month::Month;
pub use participant::{ParticipantId, ParticipantIdError, Scheme};
pub use person::{PersonName, PersonRole, PersonRoles, RoleConflict, UnknownRole};
pub use problem::{Bilingual, Problem, problems_described_at};
pub use service::{
    Alias, ApplicationName, ClassDeclaration, NameError, RecordsBy, ServiceClass, ServiceName,
    ServiceReference,
};
pub use words_of_another::words_of_another;

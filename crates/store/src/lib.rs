//! Repositories over SQLite or PostgreSQL: one set of SQL texts, one migration numbering.
//!
//! Reads are methods of [`Store`]. Writes happen in a [`Transaction`], in which the act that explains them is
//! appended to the journal and the messages that follow from them are put in the outbox: all or nothing.
#![forbid(unsafe_code)]

pub mod agreements;
pub mod applications;
pub mod changes;
pub mod checkpoints;
pub mod class_questions;
mod connection;
mod content;
pub mod contracts;
pub mod copies;
pub mod counterparts;
mod cursor;
mod database;
pub mod decisions;
mod dialect;
mod durability;
pub mod exchanges;
pub mod export;
mod handed;
mod headings;
pub mod holds;
pub mod interfaces;
mod journal;
mod limits;
pub mod losses;
mod migrations;
mod month_keys;
mod notifications;
pub mod outbox;
pub mod owed;
mod owner;
pub mod peers;
pub mod persons;
pub mod processing;
pub mod readings;
pub mod records;
pub mod registers;
pub mod replication;
pub mod retention;
mod sequencer;
pub mod services;
mod sql;
mod transaction;
pub mod tree;
mod views;
pub mod withdrawals;

pub use database::{DatabaseUrl, DurabilityProblem, Store, StoreError};
pub use records::{Page, SortOrder};
pub use sequencer::Integration;
pub use transaction::Transaction;

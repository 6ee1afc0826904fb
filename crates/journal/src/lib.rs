//! The one append-only log of a node: typed entries, durable before anything follows from them.
//!
//! An entry has a time-ordered id and a leaf commitment H(32 random bytes ‖ payload). Appends that wait together
//! share one transaction and one sync (group commit). A Merkle tree over the entries ([`Edge`]) and its signed heads
//! ([`Checkpoint`]) make what was written provable. The crate defines [`JournalStorage`], which the store
//! implements; it knows no SQL and no protocol.
#![forbid(unsafe_code)]

mod appender;
mod checkpoint;
mod completion;
mod decision;
mod entry;
mod listed;
mod processing;
mod tree;
mod witness;

pub use appender::{AppendError, Journal, JournalLimits, JournalStatistics};
pub use checkpoint::{Checkpoint, CheckpointError, LONGEST_NOTE, Origin, SignedCheckpoint, VerifierKey};
pub use completion::{Bytes32, Completion, Counting, Crossed, CrossedElement, Delivery};
pub use decision::{RecordedDecision, RestsOn};
pub use entry::{
    Act, Entry, EntryId, OwedPermit, Permit, Place, PreparedEntry, RefusedExchange, WireMembers,
};
pub use listed::{ExchangeHeading, Listed, ListedCompletion, ListedExchange, ListedProcessing};
pub use processing::{
    NOBODY, OwedRecords, Processing, ProcessingAttributes, ProcessingRecord, ProcessingStatus, Settled,
};

pub use tree::{Edge, Showing, TILE_WIDTH, Tile, TileId, Tiles, TreeHash, continues, leaf, leaf_hash};
pub use witness::{KeyCertificate, KeyStatement, Witness};

use futures_util::future::BoxFuture;

/// What became of one entry of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is written, durably.
    Written,
    /// Its unique key was taken by another entry; nothing of it is written.
    Duplicate,
    /// A limit has no place left for it; nothing of it is written.
    LimitReached,
    /// Too many exchanges wait for their processing records; nothing of it is written.
    TooManyOwed,
}

/// A failure of the database beneath.
#[derive(Debug, thiserror::Error)]
#[error("the journal's storage failed: {0}")]
pub struct StorageError(pub String);

/// What the journal asks of a database.
pub trait JournalStorage: Send + Sync {
    /// Writes all entries in one transaction and returns after its commit is durable, with one outcome per entry in
    /// order. On an error nothing is known of what was written.
    ///
    /// An entry that stands already under its own id counts as written: an append whose outcome was unknown may have
    /// taken effect before it is repeated.
    fn append<'a>(&'a self, batch: &'a [PreparedEntry]) -> BoxFuture<'a, Result<Vec<Outcome>, StorageError>>;

    /// Which of these entries are there; asked after an append whose outcome is unknown.
    fn present<'a>(&'a self, ids: &'a [EntryId]) -> BoxFuture<'a, Result<Vec<EntryId>, StorageError>>;
}

//! What this process appends, handed to whoever integrates it, so that it need not be read back.
//!
//! Only by its identifier, which no two entries share, does an entry that lies in the database get what was handed over here: what was
//! handed over and never came to be written is never asked for. Nothing depends on it: what is not here is read from the database.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;
use verbond_domain::Timestamp;
use verbond_journal::{Listed, PreparedEntry};

/// Most entries that are held, some 8 MiB. What comes on top is read back: the oldest come first.
const MOST: usize = 1 << 14;

/// Entries that wait to be integrated, by their identifiers.
#[derive(Default)]
pub(crate) struct Handed(Mutex<HashMap<Uuid, HandedEntry>>);

/// What integration needs of an entry.
pub(crate) struct HandedEntry {
    pub(crate) kind: &'static str,
    pub(crate) at: Timestamp,
    pub(crate) commitment: [u8; 32],
    pub(crate) listed: Arc<Listed>,
}

/// Entries that have been handed over and are not known to be written: dropped, they are taken back.
pub(crate) struct Handing<'batch> {
    handed: &'batch Handed,
    batch: &'batch [PreparedEntry],
}

impl Handed {
    /// Hands over entries that are about to be written. Before, since integration may see them before their writer hears of it.
    pub(crate) fn hand<'batch>(&'batch self, batch: &'batch [PreparedEntry]) -> Handing<'batch> {
        let mut held = self.held();
        for entry in batch.iter().take(MOST.saturating_sub(held.len())) {
            let Some(listed) = entry.listed.clone() else { continue };
            let PreparedEntry { kind, at, commitment, .. } = *entry;
            held.insert(entry.id.0, HandedEntry { kind, at, commitment, listed });
        }
        Handing { handed: self, batch }
    }

    /// What was handed over of these, in their order. It is here no longer.
    pub(crate) fn take(&self, ids: impl Iterator<Item = Uuid>) -> Vec<Option<HandedEntry>> {
        let mut held = self.held();
        ids.map(|id| held.remove(&id)).collect()
    }

    /// Lets all of it go: all is integrated, or another process does it.
    pub(crate) fn forget(&self) {
        self.held().clear();
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Uuid, HandedEntry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handing<'_> {
    /// All of it has been written.
    pub(crate) fn written(mut self) {
        self.batch = &[];
    }
}

impl Drop for Handing<'_> {
    fn drop(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let mut held = self.handed.held();
        for entry in self.batch {
            held.remove(&entry.id.0);
        }
    }
}

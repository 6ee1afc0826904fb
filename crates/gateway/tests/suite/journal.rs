//! A journal in memory, which can be made to fail or to hold still.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use verbond_journal::{
    EntryId, Journal, JournalLimits, JournalStorage, Outcome, PreparedEntry, StorageError,
};

use crate::world::ambient;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Writes,
    Fails,
    Holds,
}

#[derive(Default)]
struct Written {
    entries: Vec<serde_json::Value>,
    keys: HashSet<Vec<u8>>,
}

pub struct Memory {
    written: Mutex<Written>,
    pub mode: watch::Sender<Mode>,
}

impl Memory {
    pub fn start() -> (Arc<Self>, Journal) {
        let memory = Arc::new(Self { written: Mutex::default(), mode: watch::Sender::new(Mode::Writes) });
        let limits = JournalLimits { queue: 1024, batch: 128, timeout: Duration::from_secs(3) };
        let storage: Arc<dyn JournalStorage> = Arc::<Self>::clone(&memory);
        (Arc::clone(&memory), Journal::start(storage, ambient(), limits))
    }

    /// The entries of this kind.
    pub fn entries(&self, kind: &str) -> Vec<serde_json::Value> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.entries.iter().filter(|entry| entry["kind"] == kind).cloned().collect()
    }
}

impl JournalStorage for Memory {
    fn append<'a>(&'a self, batch: &'a [PreparedEntry]) -> BoxFuture<'a, Result<Vec<Outcome>, StorageError>> {
        Box::pin(async move {
            let mode = *self.mode.borrow();
            match mode {
                Mode::Writes => {}
                Mode::Fails => return Err(StorageError("switched off".to_owned())),
                Mode::Holds => {
                    let _ = self.mode.subscribe().wait_for(|mode| *mode != Mode::Holds).await;
                }
            }
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            let outcomes = batch.iter().map(|entry| {
                if let Some(key) = &entry.unique_key
                    && !written.keys.insert(key.clone())
                {
                    return Ok(Outcome::Duplicate);
                }
                let payload = serde_json::from_slice(&entry.payload)
                    .map_err(|error| StorageError(error.to_string()))?;
                written.entries.push(payload);
                Ok(Outcome::Written)
            });
            outcomes.collect()
        })
    }

    fn present<'a>(&'a self, _ids: &'a [EntryId]) -> BoxFuture<'a, Result<Vec<EntryId>, StorageError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

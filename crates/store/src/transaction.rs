//! Changes, all or nothing, with the journal entry that explains them and the messages that follow from them.

use std::{collections::BTreeSet, sync::Arc};

use verbond_domain::Ambient;
use verbond_journal::{Entry, Outcome, PreparedEntry};

use crate::{
    Store, StoreError,
    changes::{self, Changed},
    connection::Connection,
    database::Inner,
    dialect::Dialect,
    journal,
    month_keys::NamedKey,
    notifications::{CHANGE_CHANNEL, OUTBOX_CHANNEL},
    sql::{Row, Sql},
};

impl Store {
    /// Begins a write transaction. On SQLite there is one writer at a time, the journal included: nothing may be
    /// appended through [`verbond_journal::Journal`] while waiting inside a transaction.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when other writers do not finish in time.
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        let connection = self.inner.pools.begin_write().await?;
        Ok(Transaction {
            connection,
            store: Arc::clone(&self.inner),
            changed: BTreeSet::new(),
            outbox: false,
            failed: false,
            sealed_under: Vec::new(),
        })
    }
}

/// A write transaction; rolled back when dropped without [`Transaction::commit`].
///
/// After one of its functions has failed with [`StoreError::Database`], everything else fails as well and it can only be
/// dropped.
pub struct Transaction {
    connection: Connection,
    store: Arc<Inner>,
    /// What gateways decide on, and is other than it was.
    changed: BTreeSet<Changed>,
    outbox: bool,
    failed: bool,
    /// Keys that may have been made in this transaction.
    sealed_under: Vec<NamedKey>,
}

impl Transaction {
    /// Appends a journal entry in this transaction.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when an entry with the same unique key stands already.
    pub async fn append(&mut self, entry: &Entry, ambient: &Ambient) -> Result<(), StoreError> {
        let prepared = entry
            .prepare(ambient)
            .map_err(|error| StoreError::Database(format!("an entry cannot be serialised: {error}")))?;
        self.append_prepared(prepared).await
    }

    /// As [`Transaction::append`], for an entry whose identifier and time are known already.
    pub(crate) async fn append_prepared(&mut self, prepared: PreparedEntry) -> Result<(), StoreError> {
        let outcomes = self.insert(prepared).await;
        match self.noting_failure(outcomes)?.as_slice() {
            [Outcome::Written] => Ok(()),
            _ => self.noting_failure(Err(StoreError::Database(
                "an entry with the same key stands already".to_owned(),
            ))),
        }
    }

    async fn insert(&mut self, prepared: PreparedEntry) -> Result<Vec<Outcome>, StoreError> {
        let store = Arc::clone(&self.store);
        let entries = [prepared];
        let sealing = store.month_keys()?.sealing_within(self.connection()?, &entries).await?;
        let outcomes = journal::insert(self.connection()?, &entries, &sealing).await?;
        self.sealed_under.extend(sealing.into_keys());
        Ok(outcomes)
    }

    /// Commits durably, then notifies those who wait.
    ///
    /// # Errors
    /// [`StoreError::Database`]; also when something in this transaction has failed before, since the database may have
    /// rolled it back by itself.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        self.connection()?;
        let changed = !self.changed.is_empty();
        if changed {
            // Last, so that other changes wait for its row as short as possible.
            changes::write(&mut self.connection, &self.changed, self.store.marks()?).await?;
        }
        if self.connection.dialect() == Dialect::Postgres {
            for (wanted, channel) in [(changed, CHANGE_CHANNEL), (self.outbox, OUTBOX_CHANNEL)] {
                if wanted {
                    self.connection.execute(Sql::new("SELECT pg_notify($1, '')").bind(channel)).await?;
                }
            }
        }
        self.connection.commit().await?;
        if !self.sealed_under.is_empty() {
            self.store.month_keys()?.remember(self.sealed_under);
        }
        self.store.signals.committed(changed, self.outbox);
        Ok(())
    }

    /// Notes that this transaction changes something on which gateways decide, or for which others wait.
    pub(crate) fn changes(&mut self, what: Changed) {
        self.changed.insert(what);
    }

    /// Notes that this transaction makes a message due.
    pub(crate) fn wakes_outbox(&mut self) {
        self.outbox = true;
    }

    /// The connection, unless something failed before: the database may have rolled back by itself then, and a further
    /// statement would take effect alone.
    pub(crate) fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        if self.failed {
            return Err(StoreError::Database("part of the transaction failed before".to_owned()));
        }
        Ok(&mut self.connection)
    }

    pub(crate) fn noting_failure<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.failed |= matches!(result, Err(StoreError::Database(_)));
        result
    }

    pub(crate) async fn row<R: Row>(&mut self, sql: Sql) -> Result<Option<R>, StoreError> {
        let result = self.connection()?.row(sql).await;
        self.noting_failure(result)
    }

    pub(crate) async fn rows<R: Row>(&mut self, sql: Sql) -> Result<Vec<R>, StoreError> {
        let result = self.connection()?.rows(sql).await;
        self.noting_failure(result)
    }

    pub(crate) async fn execute(&mut self, sql: Sql) -> Result<u64, StoreError> {
        let result = self.connection()?.execute(sql).await;
        self.noting_failure(result)
    }
}

//! What PostgreSQL tells of its standbys: whether what is confirmed survives the loss of the primary.

use crate::{Store, StoreError, connection::Pools};

/// How a PostgreSQL server is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replication {
    /// `synchronous_commit`: what a commit waits for.
    pub synchronous_commit: String,
    /// `synchronous_standby_names`: whom it waits for; empty: nobody.
    pub synchronous_standby_names: String,
    /// The standbys that are connected now.
    pub standbys: Vec<Standby>,
}

/// A standby that is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standby {
    /// Its `application_name`.
    pub name: String,
    /// `async`, `potential`, `sync` or `quorum` (PostgreSQL, *The Statistics Collector*, `pg_stat_replication`); `None`: this user may
    /// not see it.
    pub sync_state: Option<String>,
}

/// application_name, sync_state.
type StandbyColumns = (Option<String>, Option<String>);

impl Store {
    /// How the database is copied to standbys; `None` for SQLite, which has none.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn replication(&self) -> Result<Option<Replication>, StoreError> {
        let Pools::Postgres { pool } = &self.inner.pools else { return Ok(None) };
        let settings =
            "SELECT current_setting('synchronous_commit'), current_setting('synchronous_standby_names')";
        let (synchronous_commit, synchronous_standby_names): (String, String) =
            sqlx::query_as(settings).fetch_one(pool).await?;
        // Copies that are being made (pg_basebackup) are no standbys.
        let standbys = "SELECT application_name, sync_state FROM pg_stat_replication \
             WHERE state IS NULL OR state IN ('streaming', 'catchup') ORDER BY application_name, pid";
        let standbys: Vec<StandbyColumns> = sqlx::query_as(standbys).fetch_all(pool).await?;
        let standbys = standbys
            .into_iter()
            .map(|(name, sync_state)| Standby { name: name.unwrap_or_default(), sync_state });
        Ok(Some(Replication {
            synchronous_commit,
            synchronous_standby_names: synchronous_standby_names.trim().to_owned(),
            standbys: standbys.collect(),
        }))
    }
}

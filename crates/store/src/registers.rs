//! Registers, as rows: what entries say is the business of the rooms above.

use verbond_domain::Timestamp;

use crate::{Store, StoreError, Transaction, changes::Changed, sql::Sql};

/// One version of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterRow {
    /// `activity`, `ground`, `service`, `assessment`, `algorithm`.
    pub register: String,
    /// The entry's name.
    pub name: String,
    /// Counts from 1.
    pub version: i64,
    /// What it says, canonical JSON.
    pub content: String,
    /// Hash over that.
    pub hash: String,
    /// Who wrote it, as JSON.
    pub author: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it ended: withdrawn, or followed by the next version.
    pub ended_at: Option<Timestamp>,
}

/// register, name, version, content, hash, author, created_at, ended_at.
type RegisterColumns = (String, String, i64, String, String, String, i64, Option<i64>);

const SELECT: &str = "SELECT register, name, version, content, hash, author, created_at, ended_at FROM register_entry WHERE register = ";

impl Store {
    /// The newest version of each entry of a register, by name.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn register_entries(&self, register: &str) -> Result<Vec<RegisterRow>, StoreError> {
        let mut sql = Sql::new(SELECT);
        sql.push_value(register).push(
            " AND version = (SELECT MAX(newest.version) FROM register_entry AS newest \
             WHERE newest.register = register_entry.register AND newest.name = register_entry.name) ORDER BY name",
        );
        Ok(self.inner.pools.rows::<RegisterColumns>(sql).await?.into_iter().map(entry).collect())
    }

    /// All versions of an entry, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn register_versions(
        &self,
        register: &str,
        name: &str,
    ) -> Result<Vec<RegisterRow>, StoreError> {
        let mut sql = Sql::new(SELECT);
        sql.push_value(register).push(" AND name = ").push_value(name).push(" ORDER BY version DESC");
        Ok(self.inner.pools.rows::<RegisterColumns>(sql).await?.into_iter().map(entry).collect())
    }

    /// One version of an entry.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn register_entry(
        &self,
        register: &str,
        name: &str,
        version: i64,
    ) -> Result<Option<RegisterRow>, StoreError> {
        let mut sql = Sql::new(SELECT);
        sql.push_value(register).push(" AND name = ").push_value(name);
        sql.push(" AND version = ").push_value(version);
        Ok(self.inner.pools.row::<RegisterColumns>(sql).await?.map(entry))
    }
}

impl Transaction {
    /// Writes the next version of an entry and ends the one before. Gives the version.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when another transaction writes the same version.
    pub async fn put_register_entry(
        &mut self,
        register: &str,
        name: &str,
        content: &str,
        hash: &str,
        author: &str,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let last = Sql::new("SELECT MAX(version) FROM register_entry WHERE register = $1 AND name = $2");
        let last = self.row::<(Option<i64>,)>(last.bind(register).bind(name)).await?;
        let version = last.and_then(|(last,)| last).unwrap_or(0).saturating_add(1);
        self.end_register_entry(register, name, now).await?;
        let sql = Sql::new(
            "INSERT INTO register_entry (register, name, version, content, hash, author, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        );
        self.execute(
            sql.bind(register).bind(name).bind(version).bind(content).bind(hash).bind(author).bind(now),
        )
        .await?;
        self.changes(Changed::Other);
        Ok(version)
    }

    /// Ends the version of an entry that has not ended; false if there is none.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn end_register_entry(
        &mut self,
        register: &str,
        name: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new(
            "UPDATE register_entry SET ended_at = $1 WHERE register = $2 AND name = $3 AND ended_at IS NULL",
        );
        let ended = self.execute(sql.bind(now).bind(register).bind(name)).await? > 0;
        self.changes(Changed::Other);
        Ok(ended)
    }
}

fn entry(columns: RegisterColumns) -> RegisterRow {
    let (register, name, version, content, hash, author, created_at, ended_at) = columns;
    RegisterRow {
        register,
        name,
        version,
        content,
        hash,
        author,
        created_at: Timestamp::from_millis(created_at),
        ended_at: ended_at.map(Timestamp::from_millis),
    }
}

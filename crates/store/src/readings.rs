//! What nodes have read at the addresses that agreements name, and who else stands behind entries of registers, as rows.

use verbond_domain::{ParticipantId, Timestamp};

use crate::{Store, StoreError, Transaction, records::participant, sql::Sql};

/// The last look of one node at one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingRow {
    /// `activity` or `algorithm`.
    pub kind: String,
    /// The address.
    pub url: String,
    /// Whose node looked.
    pub reader: ParticipantId,
    /// What came of it: `read`, `closed`, `nothing`.
    pub outcome: String,
    /// Hash over the canonical form of what was read.
    pub content_hash: Option<String>,
    /// What was read, where this node has read it itself.
    pub content: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Who confirmed a version of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmationRow {
    /// The entry's name.
    pub name: String,
    /// Which version.
    pub version: i64,
    /// By what they are known: hexadecimal SHA-256 of their public key.
    pub thumbprint: String,
    /// Who, as JSON.
    pub author: String,
    /// When.
    pub confirmed_at: Timestamp,
}

/// kind, url, reader, outcome, content_hash, content, at_millis.
type ReadingColumns = (String, String, String, String, Option<String>, Option<String>, i64);
/// name, version, thumbprint, author, confirmed_at.
type ConfirmationColumns = (String, i64, String, String, i64);

impl Store {
    /// What nodes have read for a version.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn agreement_readings(&self, hash: &str) -> Result<Vec<ReadingRow>, StoreError> {
        let sql = Sql::new(
            "SELECT kind, url, reader, outcome, content_hash, content, at_millis FROM agreement_reading \
             WHERE hash = $1 ORDER BY kind, url, reader",
        );
        let rows = self.inner.pools.rows::<ReadingColumns>(sql.bind(hash)).await?;
        rows.into_iter().map(reading).collect()
    }

    /// Who confirmed which versions of a register's entries, the earliest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn register_confirmations(&self, register: &str) -> Result<Vec<ConfirmationRow>, StoreError> {
        let sql = Sql::new(
            "SELECT name, version, thumbprint, author, confirmed_at FROM register_confirmation \
             WHERE register = $1 ORDER BY name, version, confirmed_at, thumbprint",
        );
        let rows = self.inner.pools.rows::<ConfirmationColumns>(sql.bind(register)).await?;
        Ok(rows.into_iter().map(confirmation).collect())
    }
}

impl Transaction {
    /// Puts what was read for a version in the place of what was read before.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn replace_agreement_readings(
        &mut self,
        hash: &str,
        readings: &[ReadingRow],
    ) -> Result<(), StoreError> {
        self.execute(Sql::new("DELETE FROM agreement_reading WHERE hash = $1").bind(hash)).await?;
        for row in readings {
            let sql = Sql::new(
                "INSERT INTO agreement_reading (hash, kind, url, reader, outcome, content_hash, content, at_millis) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            );
            let sql = sql.bind(hash).bind(&row.kind).bind(&row.url).bind(&row.reader).bind(&row.outcome);
            let sql = sql.bind(row.content_hash.clone()).bind(row.content.clone()).bind(row.at);
            self.execute(sql).await?;
        }
        Ok(())
    }

    /// Writes down that somebody confirmed a version of an entry; false if they had already.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn confirm_register_entry(
        &mut self,
        register: &str,
        row: &ConfirmationRow,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new(
            "INSERT INTO register_confirmation (register, name, version, thumbprint, author, confirmed_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        );
        let sql = sql.bind(register).bind(&row.name).bind(row.version).bind(&row.thumbprint);
        Ok(self.execute(sql.bind(&row.author).bind(row.confirmed_at)).await? > 0)
    }
}

fn reading(columns: ReadingColumns) -> Result<ReadingRow, StoreError> {
    let (kind, url, reader, outcome, content_hash, content, at) = columns;
    let (reader, at) = (participant(&reader)?, Timestamp::from_millis(at));
    Ok(ReadingRow { kind, url, reader, outcome, content_hash, content, at })
}

fn confirmation(columns: ConfirmationColumns) -> ConfirmationRow {
    let (name, version, thumbprint, author, confirmed_at) = columns;
    let confirmed_at = Timestamp::from_millis(confirmed_at);
    ConfirmationRow { name, version, thumbprint, author, confirmed_at }
}

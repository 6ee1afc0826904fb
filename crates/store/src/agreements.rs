//! Versions of agreements and the steps of their lives, as rows.

use std::collections::HashMap;

use verbond_domain::{ParticipantId, Timestamp};

use crate::{
    Store, StoreError, Transaction,
    changes::Changed,
    connection::Connection,
    records::participant,
    sql::{Sql, powers_of_two},
};

/// A version with what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementRow {
    /// Hash over its canonical form.
    pub hash: String,
    /// The identifier that all versions share.
    pub agreement: String,
    /// Counts from 1.
    pub version: i64,
    /// The canonical form.
    pub document: String,
    /// Who brought it here, as JSON.
    pub author: String,
    /// The first moment at which its term is over.
    pub term_until: Timestamp,
    /// When it came here.
    pub created_at: Timestamp,
    /// What became of it, in order.
    pub steps: Vec<StepRow>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRow {
    /// Which.
    pub step: String,
    /// Whose.
    pub participant: ParticipantId,
    /// What belongs to it, as JSON: signatures, reasons.
    pub detail: String,
    /// When it was taken.
    pub at: Timestamp,
}

/// Versions, or agreements, that are read with one statement at most: a power of two.
const TOGETHER: usize = 256;

/// hash, agreement, version, document, author, term_until, created_at.
type AgreementColumns = (String, String, i64, String, String, i64, i64);
/// hash, step, participant, detail, at_millis.
type StepColumns = (String, String, String, String, i64);

const SELECT: &str =
    "SELECT hash, agreement, version, document, author, term_until, created_at FROM agreement_version WHERE ";

impl Store {
    /// One version, by its hash.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn agreement(&self, hash: &str) -> Result<Option<AgreementRow>, StoreError> {
        let mut sql = Sql::new(SELECT);
        sql.push("hash = ").push_value(hash);
        Ok(load(&mut self.inner.pools.begin_read().await?, sql).await?.into_iter().next())
    }

    /// All versions of an agreement, the newest first.
    ///
    /// # Errors
    /// As [`Store::agreement`].
    pub async fn agreement_versions(&self, agreement: &str) -> Result<Vec<AgreementRow>, StoreError> {
        let mut sql = Sql::new(SELECT);
        sql.push("agreement = ").push_value(agreement).push(" ORDER BY version DESC");
        load(&mut self.inner.pools.begin_read().await?, sql).await
    }

    /// All versions of agreements of which one has a term that is not over at `now`, the oldest first: that a later
    /// version has taken the place of an earlier one stays so when the later one ends.
    ///
    /// # Errors
    /// As [`Store::agreement`].
    pub async fn running_agreements(&self, now: Timestamp) -> Result<Vec<AgreementRow>, StoreError> {
        let mut sql = Sql::new(SELECT);
        sql.push("agreement IN (SELECT running.agreement FROM agreement_version AS running WHERE running.term_until > ");
        sql.push_value(now).push(") ORDER BY created_at, hash");
        load(&mut self.inner.pools.begin_read().await?, sql).await
    }

    /// All versions of these agreements, those that are there, the oldest first within each.
    ///
    /// # Errors
    /// As [`Store::agreement`].
    pub async fn agreements_named(&self, agreements: &[String]) -> Result<Vec<AgreementRow>, StoreError> {
        let mut connection = self.inner.pools.begin_read().await?;
        let mut found = Vec::new();
        for piece in powers_of_two(agreements, TOGETHER) {
            let mut sql = Sql::new(SELECT);
            sql.push("agreement IN ").push_list(piece).push(" ORDER BY created_at, hash");
            found.extend(load(&mut connection, sql).await?);
        }
        Ok(found)
    }

    /// All versions that a party has signed, whenever their term ends, the oldest first.
    ///
    /// # Errors
    /// As [`Store::agreement`].
    pub async fn signed_agreements(&self) -> Result<Vec<AgreementRow>, StoreError> {
        let mut sql = Sql::new(SELECT);
        sql.push("hash IN (SELECT signed.hash FROM agreement_step AS signed WHERE signed.step = ");
        sql.push_value("signed").push(") ORDER BY created_at, hash");
        load(&mut self.inner.pools.begin_read().await?, sql).await
    }

    /// All versions of the next agreements that a party has signed a version of, so many agreements at most, by identifier and
    /// version: from one identifier on, that one included.
    ///
    /// # Errors
    /// As [`Store::agreement`].
    pub async fn signed_agreements_from(
        &self,
        agreement: &str,
        agreements: i64,
    ) -> Result<Vec<AgreementRow>, StoreError> {
        let mut sql = Sql::new(SELECT);
        sql.push("agreement IN (SELECT DISTINCT one.agreement FROM agreement_version AS one WHERE one.agreement >= ");
        sql.push_value(agreement).push(" AND EXISTS (SELECT 1 FROM agreement_step WHERE agreement_step.hash = one.hash ");
        sql.push("AND agreement_step.step = ").push_value("signed");
        sql.push(") ORDER BY one.agreement LIMIT ").push_value(agreements).push(") ORDER BY agreement, version");
        load(&mut self.inner.pools.begin_read().await?, sql).await
    }

    /// All versions, the newest first.
    ///
    /// # Errors
    /// As [`Store::agreement`].
    pub async fn agreements(&self) -> Result<Vec<AgreementRow>, StoreError> {
        let mut sql = Sql::new(SELECT);
        sql.push("1 = 1 ORDER BY created_at DESC, hash LIMIT 1000");
        load(&mut self.inner.pools.begin_read().await?, sql).await
    }
}

impl Transaction {
    /// Reads a version inside this transaction (PostgreSQL: locks its row), so that the next step is decided on it.
    ///
    /// # Errors
    /// As [`Store::agreement`].
    pub async fn lock_agreement(&mut self, hash: &str) -> Result<Option<AgreementRow>, StoreError> {
        let mut sql = Sql::new(SELECT);
        sql.push("hash = ").push_value(hash);
        let connection = self.connection()?;
        connection.dialect().lock_rows(&mut sql);
        let found = load(connection, sql).await;
        Ok(self.noting_failure(found)?.into_iter().next())
    }

    /// Stores a version without steps. False if this hash, or this version of the agreement, is there already. Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_agreement(&mut self, row: &AgreementRow) -> Result<bool, StoreError> {
        let sql = Sql::new(
            "INSERT INTO agreement_version (hash, agreement, version, document, author, term_until, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        );
        let sql = sql.bind(&row.hash).bind(&row.agreement).bind(row.version).bind(&row.document);
        let written = self.execute(sql.bind(&row.author).bind(row.term_until).bind(row.created_at)).await?;
        self.changes(Changed::Agreement(row.agreement.clone()));
        Ok(written > 0)
    }

    /// Takes a version away with its steps; for drafts. Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_agreement(&mut self, hash: &str) -> Result<(), StoreError> {
        self.execute(Sql::new("DELETE FROM agreement_step WHERE hash = $1").bind(hash)).await?;
        self.execute(Sql::new("DELETE FROM agreement_reading WHERE hash = $1").bind(hash)).await?;
        let sql = Sql::new("DELETE FROM agreement_version WHERE hash = $1 RETURNING agreement").bind(hash);
        if let Some((agreement,)) = self.row::<(String,)>(sql).await? {
            self.changes(Changed::Agreement(agreement));
        }
        Ok(())
    }

    /// Adds a step. Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn add_agreement_step(&mut self, hash: &str, step: &StepRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "INSERT INTO agreement_step (hash, step, participant, detail, at_millis, sequence) \
             SELECT $1, $2, $3, $4, $5, COALESCE(MAX(sequence), 0) + 1 FROM agreement_step WHERE hash = $1",
        );
        let sql = sql.bind(hash).bind(&step.step).bind(&step.participant).bind(&step.detail).bind(step.at);
        self.execute(sql).await?;
        let sql = Sql::new("SELECT agreement FROM agreement_version WHERE hash = $1").bind(hash);
        if let Some((agreement,)) = self.row::<(String,)>(sql).await? {
            self.changes(Changed::Agreement(agreement));
        }
        Ok(())
    }
}

/// Reads the versions that a statement finds, in its order, with their steps.
async fn load(connection: &mut Connection, sql: Sql) -> Result<Vec<AgreementRow>, StoreError> {
    let mut found: Vec<AgreementRow> =
        connection.rows::<AgreementColumns>(sql).await?.into_iter().map(version).collect();
    if found.is_empty() {
        return Ok(found);
    }
    let places: HashMap<String, usize> = found.iter().map(|row| row.hash.clone()).zip(0..).collect();
    let hashes: Vec<String> = found.iter().map(|row| row.hash.clone()).collect();
    for piece in powers_of_two(&hashes, TOGETHER) {
        let mut sql =
            Sql::new("SELECT hash, step, participant, detail, at_millis FROM agreement_step WHERE hash IN ");
        sql.push_list(piece).push(" ORDER BY hash, sequence");
        for (hash, step, whose, detail, at) in connection.rows::<StepColumns>(sql).await? {
            if let Some(row) = places.get(&hash).and_then(|place| found.get_mut(*place)) {
                let (participant, at) = (participant(&whose)?, Timestamp::from_millis(at));
                row.steps.push(StepRow { step, participant, detail, at });
            }
        }
    }
    Ok(found)
}

fn version(columns: AgreementColumns) -> AgreementRow {
    let (hash, agreement, version, document, author, term_until, created_at) = columns;
    AgreementRow {
        hash,
        agreement,
        version,
        document,
        author,
        term_until: Timestamp::from_millis(term_until),
        created_at: Timestamp::from_millis(created_at),
        steps: Vec::new(),
    }
}

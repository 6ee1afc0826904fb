//! Checkpoints and the keys that sign them: own ones, and those that were seen of counterparts.

use verbond_domain::{ParticipantId, Timestamp};

use crate::{
    Store, StoreError, Transaction,
    records::participant,
    sql::Sql,
    tree::{count, place},
};

/// A key that own checkpoints are signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalKeyRow {
    /// The key, as a signed note has it.
    pub verifier_key: String,
    /// The epoch that it signs for.
    pub epoch: u32,
    /// By what it is this participant's, as JSON.
    pub certificate: String,
    /// Since when.
    pub certified_at: Timestamp,
}

/// An own checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointRow {
    /// In which epoch.
    pub epoch: u32,
    /// Over how many entries.
    pub size: u64,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// The signed note.
    pub note: String,
}

/// The newest checkpoint that was seen of a counterpart's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessedRow {
    /// Participant and epoch.
    pub origin: String,
    /// Whose.
    pub counterpart: ParticipantId,
    /// Over how many entries.
    pub size: u64,
    /// The signed note.
    pub note: String,
    /// The key that signed it.
    pub verifier_key: String,
    /// When it was seen.
    pub seen_at: Timestamp,
}

/// A key of a counterpart's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterpartKeyRow {
    /// The key, as a signed note has it.
    pub verifier_key: String,
    /// Whose.
    pub counterpart: ParticipantId,
    /// By what it is the counterpart's, as JSON.
    pub certificate: String,
    /// When it was first seen.
    pub seen_at: Timestamp,
}

/// epoch, size, signed_at, note.
type CheckpointColumns = (i64, i64, i64, String);
/// origin, counterpart, size, note, verifier_key, seen_at.
type WitnessedColumns = (String, String, i64, String, String, i64);

impl Store {
    /// Keys that own checkpoints are or were signed with, the earliest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn journal_keys(&self) -> Result<Vec<JournalKeyRow>, StoreError> {
        let sql = Sql::new(
            "SELECT verifier_key, epoch, certificate, certified_at FROM journal_key ORDER BY epoch, certified_at",
        );
        let rows = self.inner.pools.rows::<(String, i64, String, i64)>(sql).await?;
        let key = |(verifier_key, number, certificate, at)| {
            let certified_at = Timestamp::from_millis(at);
            Ok(JournalKeyRow { verifier_key, epoch: epoch(number)?, certificate, certified_at })
        };
        rows.into_iter().map(key).collect()
    }

    /// Own checkpoints over at most `until` entries, in the order of epochs and sizes, from after a place on; 1000 at most.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn checkpoints(
        &self,
        after: Option<&CheckpointRow>,
        until: u64,
    ) -> Result<Vec<CheckpointRow>, StoreError> {
        let (epoch, size) = after.map_or((0, 0), |row| (i64::from(row.epoch), place(row.size)));
        let sql = Sql::new(
            "SELECT epoch, size, signed_at, note FROM journal_checkpoint \
             WHERE (epoch > $1 OR (epoch = $1 AND size > $2)) AND size <= $3 ORDER BY epoch, size LIMIT 1000",
        );
        let rows = self.inner.pools.rows::<CheckpointColumns>(sql.bind(epoch).bind(size).bind(place(until)));
        rows.await?.into_iter().map(checkpoint).collect()
    }

    /// The newest own checkpoint.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn newest_checkpoint(&self) -> Result<Option<CheckpointRow>, StoreError> {
        let sql = Sql::new(
            "SELECT epoch, size, signed_at, note FROM journal_checkpoint ORDER BY epoch DESC, size DESC LIMIT 1",
        );
        self.inner.pools.row::<CheckpointColumns>(sql).await?.map(checkpoint).transpose()
    }

    /// Keeps an own checkpoint; one over as many entries of the same epoch stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn keep_checkpoint(&self, row: &CheckpointRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "INSERT INTO journal_checkpoint (epoch, size, signed_at, note) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        );
        let sql = sql.bind(i64::from(row.epoch)).bind(place(row.size)).bind(row.signed_at).bind(&row.note);
        self.inner.pools.execute(sql).await.map(drop)
    }

    /// The newest checkpoints that were seen of each journal of these counterparts, or of all.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn witnessed(&self, of: Option<&ParticipantId>) -> Result<Vec<WitnessedRow>, StoreError> {
        let mut sql = Sql::new(
            "SELECT origin, counterpart, size, note, verifier_key, seen_at FROM witnessed_checkpoint WHERE 1 = 1",
        );
        if let Some(counterpart) = of {
            sql.push(" AND counterpart = ").push_value(counterpart);
        }
        sql.push(" ORDER BY counterpart, origin");
        let rows = self.inner.pools.rows::<WitnessedColumns>(sql).await?;
        rows.into_iter().map(witnessed).collect()
    }

    /// The keys that have been seen of a counterpart's journal.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn counterpart_keys(&self, of: &ParticipantId) -> Result<Vec<CounterpartKeyRow>, StoreError> {
        let sql = Sql::new(
            "SELECT verifier_key, counterpart, certificate, seen_at FROM counterpart_journal_key \
             WHERE counterpart = $1 ORDER BY seen_at",
        );
        let rows = self.inner.pools.rows::<(String, String, String, i64)>(sql.bind(of)).await?;
        rows.into_iter().map(|(key, of, certificate, at)| counterpart_key(key, of, certificate, at)).collect()
    }
}

impl Transaction {
    /// Notes a key that own checkpoints are signed with from now on.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn note_journal_key(&mut self, key: &JournalKeyRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "INSERT INTO journal_key (verifier_key, epoch, certificate, certified_at) VALUES ($1, $2, $3, $4)",
        );
        let sql = sql.bind(&key.verifier_key).bind(i64::from(key.epoch)).bind(&key.certificate);
        self.execute(sql.bind(key.certified_at)).await.map(drop)
    }

    /// Opens a later epoch; fails when the journal is not in the one that is to be left.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn open_epoch(&mut self, left: u32, next: u32) -> Result<(), StoreError> {
        let sql = Sql::new("UPDATE journal_head SET epoch = $1 WHERE id = 1 AND epoch = $2");
        match self.execute(sql.bind(i64::from(next)).bind(i64::from(left))).await? {
            1 => Ok(()),
            _ => Err(StoreError::Database("the journal is in another epoch".to_owned())),
        }
    }

    /// Notes a key of a counterpart's journal, unless it is noted.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn note_counterpart_key(&mut self, key: &CounterpartKeyRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "INSERT INTO counterpart_journal_key (verifier_key, counterpart, certificate, seen_at) \
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        );
        let sql = sql.bind(&key.verifier_key).bind(&key.counterpart).bind(&key.certificate);
        self.execute(sql.bind(key.seen_at)).await.map(drop)
    }

    /// Puts a checkpoint of a counterpart in the place of a smaller one of the same journal. Returns whether it did.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_witnessed(&mut self, row: &WitnessedRow) -> Result<bool, StoreError> {
        let sql = Sql::new(
            "INSERT INTO witnessed_checkpoint (origin, counterpart, size, note, verifier_key, seen_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (origin) DO UPDATE SET size = excluded.size, \
             note = excluded.note, verifier_key = excluded.verifier_key, seen_at = excluded.seen_at \
             WHERE witnessed_checkpoint.size < excluded.size",
        );
        let sql = sql.bind(&row.origin).bind(&row.counterpart).bind(place(row.size)).bind(&row.note);
        Ok(self.execute(sql.bind(&row.verifier_key).bind(row.seen_at)).await? > 0)
    }
}

fn counterpart_key(
    verifier_key: String,
    counterpart: String,
    certificate: String,
    seen_at: i64,
) -> Result<CounterpartKeyRow, StoreError> {
    let counterpart = participant(&counterpart)?;
    Ok(CounterpartKeyRow { verifier_key, counterpart, certificate, seen_at: Timestamp::from_millis(seen_at) })
}

fn epoch(number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| StoreError::damaged("an epoch of the journal"))
}

fn checkpoint((number, size, signed_at, note): CheckpointColumns) -> Result<CheckpointRow, StoreError> {
    let signed_at = Timestamp::from_millis(signed_at);
    Ok(CheckpointRow { epoch: epoch(number)?, size: count(size)?, signed_at, note })
}

fn witnessed(
    (origin, counterpart, size, note, verifier_key, seen_at): WitnessedColumns,
) -> Result<WitnessedRow, StoreError> {
    Ok(WitnessedRow {
        origin,
        counterpart: participant(&counterpart)?,
        size: count(size)?,
        note,
        verifier_key,
        seen_at: Timestamp::from_millis(seen_at),
    })
}

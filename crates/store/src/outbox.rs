//! What must still reach another participant.

use uuid::Uuid;
use verbond_domain::{ParticipantId, Timestamp};

use crate::{Store, StoreError, Transaction, journal::uuid, records::participant, sql::Sql};

/// Longest text that is kept of why an attempt failed, in characters.
const LONGEST_ERROR: usize = 1000;

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its id (UUIDv7).
    pub id: Uuid,
    /// To whom.
    pub peer: ParticipantId,
    /// `contract.submit`, `contract.accept`, `contract.reject`, `contract.revoke`, `announce`.
    pub kind: String,
    /// About which thing (content hash).
    pub subject: String,
    /// Body, JSON text.
    pub payload: String,
    /// Failed attempts so far.
    pub attempts: i64,
    /// Not before.
    pub next_attempt_at: Timestamp,
    /// Why the last attempt failed.
    pub last_error: String,
    /// When it was put there.
    pub created_at: Timestamp,
}

/// id, peer, kind, subject, payload, attempts, next_attempt_at, last_error, created_at.
type OutboxColumns = (Vec<u8>, String, String, String, String, i64, i64, String, i64);

/// No message to the same peer is older than `outbox`: others wait for it, whether it is due, leased or failing. A
/// message that the peer itself has refused (its error starts with `refused:`) holds back no others: it would do so
/// for as long as nobody changes anything.
const IS_OLDEST: &str = " NOT EXISTS (SELECT 1 FROM outbox AS earlier WHERE earlier.peer = outbox.peer \
     AND earlier.last_error NOT LIKE 'refused:%' AND (earlier.sequence, earlier.id) < (outbox.sequence, outbox.id))";

impl Store {
    /// Takes at most `limit` due messages and leases them until `lease_until`, so that no other process takes them; at
    /// most one per peer, the oldest first, so that messages reach a peer in order.
    ///
    /// A message whose delivery fails, or whose lease ends without [`Store::outbox_delivered`], is given out again;
    /// until it is delivered it holds back later ones to the same peer, and to no other.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn lease_outbox(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: i64,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        if self.outbox_next().await?.is_none_or(|due| due > now) {
            return Ok(Vec::new());
        }
        let mut connection = self.inner.pools.begin_write().await?;
        let mut due = Sql::new("SELECT id FROM outbox WHERE next_attempt_at <= ");
        due.push_value(now).push(" AND leased_until <= ").push_value(now).push(" AND").push(IS_OLDEST);
        due.push(" ORDER BY next_attempt_at, sequence, id LIMIT ").push_value(limit.clamp(1, 1000));
        connection.dialect().lock_free_rows(&mut due);
        let mut leased = Vec::new();
        for (id,) in connection.rows::<(Vec<u8>,)>(due).await? {
            let lease = Sql::new(
                "UPDATE outbox SET leased_until = $1 WHERE id = $2 RETURNING id, peer, kind, subject, payload, \
                 attempts, next_attempt_at, last_error, created_at",
            );
            let row = connection.row(lease.bind(lease_until).bind(id.as_slice())).await?;
            leased.extend(row.map(message).transpose()?);
        }
        connection.commit().await?;
        Ok(leased)
    }

    /// Removes a delivered message, and wakes those of this process who wait for the outbox: the next message to the
    /// same peer may be due.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn outbox_delivered(&self, id: Uuid) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.execute(Sql::new("DELETE FROM outbox WHERE id = $1").bind(&id)).await?;
        transaction.commit().await?;
        self.inner.signals.outbox.raise();
        Ok(())
    }

    /// Plans the next attempt and ends the lease.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn outbox_failed(
        &self,
        id: Uuid,
        next_attempt_at: Timestamp,
        error: &str,
    ) -> Result<(), StoreError> {
        let error: String =
            error.chars().filter(|character| *character != '\0').take(LONGEST_ERROR).collect();
        let sql = Sql::new(
            "UPDATE outbox SET attempts = attempts + 1, next_attempt_at = $1, leased_until = 0, last_error = $2 \
             WHERE id = $3",
        );
        let mut transaction = self.begin().await?;
        transaction.execute(sql.bind(next_attempt_at).bind(error).bind(&id)).await?;
        transaction.commit().await
    }

    /// Makes all messages to a peer due now: it has been heard of again. Leases stand.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn outbox_wake(&self, peer: &ParticipantId, now: Timestamp) -> Result<(), StoreError> {
        let waiting =
            Sql::new("SELECT attempts FROM outbox WHERE peer = $1 AND next_attempt_at > $2 LIMIT 1");
        if self.inner.pools.row::<(i64,)>(waiting.bind(peer).bind(now)).await?.is_none() {
            return Ok(());
        }
        let sql = Sql::new("UPDATE outbox SET next_attempt_at = $1 WHERE peer = $2 AND next_attempt_at > $1");
        let mut transaction = self.begin().await?;
        transaction.execute(sql.bind(now).bind(peer)).await?;
        transaction.wakes_outbox();
        transaction.commit().await
    }

    /// When the earliest message that is not held back by an older one is due, or free of its lease.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn outbox_next(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut sql = Sql::new(
            "SELECT MIN(CASE WHEN leased_until > next_attempt_at THEN leased_until ELSE next_attempt_at END) \
             FROM outbox WHERE",
        );
        sql.push(IS_OLDEST);
        let row = self.inner.pools.row::<(Option<i64>,)>(sql).await?;
        Ok(row.and_then(|(due,)| due).map(Timestamp::from_millis))
    }

    /// What waits, for the operator: the first 1000 messages, by peer and in order.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn outbox(&self) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = Sql::new(
            "SELECT id, peer, kind, subject, payload, attempts, next_attempt_at, last_error, created_at FROM outbox \
             ORDER BY peer, sequence, id LIMIT 1000",
        );
        self.inner.pools.rows(sql).await?.into_iter().map(message).collect()
    }
}

impl Transaction {
    /// Puts a message in the outbox; it is due at once, after those to the same peer that wait already, and those who
    /// wait are notified at commit.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_outbox(
        &mut self,
        id: Uuid,
        peer: &ParticipantId,
        kind: &str,
        subject: &str,
        payload: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = Sql::new(
            "INSERT INTO outbox (id, peer, kind, subject, payload, next_attempt_at, created_at, attempts, \
             leased_until, last_error, sequence) \
             SELECT $1, $2, $3, $4, $5, $6, $7, 0, 0, '', COALESCE(MAX(sequence), 0) + 1 FROM outbox WHERE peer = $2",
        );
        self.execute(sql.bind(&id).bind(peer).bind(kind).bind(subject).bind(payload).bind(now).bind(now))
            .await?;
        self.wakes_outbox();
        Ok(())
    }
}

fn message(columns: OutboxColumns) -> Result<OutboxRow, StoreError> {
    let (id, peer, kind, subject, payload, attempts, next_attempt_at, last_error, created_at) = columns;
    Ok(OutboxRow {
        id: uuid(&id)?,
        peer: participant(&peer)?,
        kind,
        subject,
        payload,
        attempts,
        next_attempt_at: Timestamp::from_millis(next_attempt_at),
        last_error,
        created_at: Timestamp::from_millis(created_at),
    })
}

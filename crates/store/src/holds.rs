//! Legal holds: what may not be destroyed although its time is over.

use verbond_domain::Timestamp;

use crate::{Store, StoreError, Transaction, connection::Connection, retention, sql::Sql};

/// A hold that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRow {
    /// By what it is released.
    pub name: String,
    /// It is on entries written at or after this moment,
    pub from: Timestamp,
    /// and before this one; `None`: whatever is still to come.
    pub until: Option<Timestamp>,
    /// Why; no personal data.
    pub reason: String,
    /// When it was set.
    pub set_at: Timestamp,
}

impl HoldRow {
    /// Whether it is on an entry that was written at this moment.
    pub fn covers(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// name, from_millis, until_millis, reason, set_at.
type HoldColumns = (String, i64, Option<i64>, String, i64);

const HOLDS: &str = "SELECT name, from_millis, until_millis, reason, set_at FROM journal_hold ORDER BY name";

impl Store {
    /// The holds that stand, by name.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn holds(&self) -> Result<Vec<HoldRow>, StoreError> {
        let rows = self.inner.pools.rows::<HoldColumns>(Sql::new(HOLDS)).await?;
        Ok(rows.into_iter().map(hold).collect())
    }
}

impl Transaction {
    /// Sets a hold; false: one with its name stands already. Waits for a destruction that is going on, so that the act which
    /// explains it stands before every later one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_hold(&mut self, hold: &HoldRow) -> Result<bool, StoreError> {
        retention::lock(self.connection()?).await?;
        let sql = Sql::new(
            "INSERT INTO journal_hold (name, from_millis, until_millis, reason, set_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT DO NOTHING",
        );
        let until = hold.until.map(Timestamp::millis);
        let sql = sql.bind(&hold.name).bind(hold.from).bind(until).bind(&hold.reason).bind(hold.set_at);
        Ok(self.execute(sql).await? > 0)
    }

    /// Releases a hold; false: none has this name. What was passed over because of it is looked at again.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn release_hold(&mut self, name: &str) -> Result<bool, StoreError> {
        retention::lock(self.connection()?).await?;
        let back = Sql::new(
            "UPDATE retention SET position = COALESCE( \
               (SELECT passed_from FROM journal_hold WHERE name = $1 AND passed_from < retention.position), position) \
             WHERE id = 1",
        );
        self.execute(back.bind(name)).await?;
        let released = Sql::new("DELETE FROM journal_hold WHERE name = $1");
        Ok(self.execute(released.bind(name)).await? > 0)
    }
}

/// The holds that stand, read in an open transaction.
pub(crate) async fn standing(connection: &mut Connection) -> Result<Vec<HoldRow>, StoreError> {
    let rows = connection.rows::<HoldColumns>(Sql::new(HOLDS)).await?;
    Ok(rows.into_iter().map(hold).collect())
}

/// Notes that retention has passed over an entry because of a hold.
pub(crate) async fn note_passed(
    connection: &mut Connection,
    name: &str,
    position: i64,
) -> Result<(), StoreError> {
    let sql = Sql::new(
        "UPDATE journal_hold SET passed_from = $1 WHERE name = $2 AND (passed_from IS NULL OR passed_from > $3)",
    );
    connection.execute(sql.bind(position).bind(name).bind(position)).await.map(drop)
}

fn hold((name, from, until, reason, set_at): HoldColumns) -> HoldRow {
    HoldRow {
        name,
        from: Timestamp::from_millis(from),
        until: until.map(Timestamp::from_millis),
        reason,
        set_at: Timestamp::from_millis(set_at),
    }
}

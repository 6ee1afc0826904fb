//! What came of comparing accounts with counterparts, and the tasks that are about one.

use verbond_domain::{ParticipantId, Timestamp};

use crate::{
    Store, StoreError, Transaction,
    changes::Changed,
    records::{first_id_at, participant},
    sql::Sql,
};

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReconciliationRow {
    /// With whom.
    pub participant: ParticipantId,
    /// When.
    pub at: Timestamp,
    /// Whether the node did it by itself.
    pub by_itself: bool,
    /// The period, by the times in transaction ids.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// Transactions that were compared.
    pub compared: u64,
    /// Those of which both tell the same.
    pub same: u64,
    /// How many findings there are of each kind, as JSON.
    pub counts: String,
    /// Whether the accounts disagree.
    pub disagrees: bool,
    /// Code of why nothing could be compared.
    pub failure: Option<String>,
}

/// How far the node has compared with a counterpart by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReconciledRow {
    /// With whom.
    pub participant: ParticipantId,
    /// Up to when. Where it never was: up to when the counterpart said last that it keeps no account, or else from when on it was
    /// first tried.
    pub until: Timestamp,
    /// When it was last tried.
    pub at: Timestamp,
    /// Whether that failed, and might not the next time.
    pub failed: bool,
}

/// A task about a counterpart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterpartTaskRow {
    /// By which it is known.
    pub task: String,
    /// What raised it.
    pub cause: String,
    /// Whom it is about.
    pub counterpart: ParticipantId,
    /// Which journal, or which period.
    pub subject: String,
    /// When.
    pub at: Timestamp,
}

/// participant, at, by_itself, from, until, compared, same, counts, disagrees, failure.
type Columns = (String, i64, i64, i64, i64, i64, i64, String, i64, Option<String>);
/// task, cause, counterpart, subject, at.
type TaskColumns = (String, String, String, String, i64);

impl Store {
    /// Comparisons, the newest first; with one participant or with all. `limit` 1 to 1000.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn reconciliations(
        &self,
        with: Option<&ParticipantId>,
        limit: i64,
    ) -> Result<Vec<ReconciliationRow>, StoreError> {
        let mut sql = Sql::new(
            "SELECT participant, at_millis, by_itself, from_millis, until_millis, compared, same, counts, disagrees, failure \
             FROM reconciliation WHERE 1 = 1",
        );
        if let Some(with) = with {
            sql.push(" AND participant = ").push_value(with);
        }
        sql.push(" ORDER BY at_millis DESC, participant LIMIT ").push_value(limit.clamp(1, 1000));
        self.inner.pools.rows::<Columns>(sql).await?.into_iter().map(row).collect()
    }

    /// How far the node has compared by itself, with everybody.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn reconciled(&self) -> Result<Vec<ReconciledRow>, StoreError> {
        let sql = Sql::new(
            "SELECT participant, COALESCE(MAX(CASE WHEN failure IS NULL THEN until_millis END), \
             MAX(CASE WHEN failure = 'COUNTERPART_KEEPS_NO_ACCOUNT' THEN until_millis END), MIN(from_millis)), MAX(at_millis), \
             MAX(CASE WHEN failure <> 'COUNTERPART_KEEPS_NO_ACCOUNT' THEN at_millis END) FROM reconciliation WHERE by_itself = 1 \
             GROUP BY participant ORDER BY participant",
        );
        let rows = self.inner.pools.rows::<(String, i64, i64, Option<i64>)>(sql).await?;
        let row = |(with, until, at, failed_at): (String, i64, i64, Option<i64>)| {
            Ok(ReconciledRow {
                participant: participant(&with)?,
                until: Timestamp::from_millis(until),
                at: Timestamp::from_millis(at),
                failed: failed_at == Some(at),
            })
        };
        rows.into_iter().map(row).collect()
    }

    /// With whom there were exchanges whose transaction ids were made from `from` on and before `until`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn counterparts_between(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<ParticipantId>, StoreError> {
        let mut sql = Sql::new(
            "SELECT DISTINCT CASE direction WHEN 'incoming' THEN consumer ELSE provider END AS counterpart \
             FROM exchange_heading WHERE id IN (SELECT heading FROM transaction_record WHERE transaction_id >= ",
        );
        sql.push_value(first_id_at(from).as_slice()).push(" AND transaction_id < ");
        sql.push_value(first_id_at(until).as_slice()).push(") ORDER BY counterpart");
        let rows = self.inner.pools.rows::<(String,)>(sql).await?;
        rows.into_iter().map(|(text,)| participant(&text)).collect()
    }

    /// All tasks about counterparts, the oldest first, done or not.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn counterpart_tasks(&self) -> Result<Vec<CounterpartTaskRow>, StoreError> {
        let sql = Sql::new(
            "SELECT task, cause, counterpart, subject, at_millis FROM counterpart_task ORDER BY at_millis, task",
        );
        self.inner.pools.rows::<TaskColumns>(sql).await?.into_iter().map(task).collect()
    }

    /// Those that nobody has done, with this cause.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn open_counterpart_tasks(&self, cause: &str) -> Result<Vec<CounterpartTaskRow>, StoreError> {
        let sql = Sql::new(OPEN).bind(cause);
        self.inner.pools.rows::<TaskColumns>(sql).await?.into_iter().map(task).collect()
    }
}

const OPEN: &str = "SELECT task, cause, counterpart, subject, at_millis FROM counterpart_task \
     WHERE cause = $1 AND task NOT IN (SELECT task FROM task_done) ORDER BY at_millis, task";

impl Transaction {
    /// Keeps what came of comparing.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_reconciliation(&mut self, row: &ReconciliationRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "INSERT INTO reconciliation (participant, at_millis, by_itself, from_millis, until_millis, compared, same, \
             counts, disagrees, failure) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        );
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let sql = sql.bind(&row.participant).bind(row.at).bind(i64::from(row.by_itself));
        let sql = sql.bind(row.from).bind(row.until).bind(count(row.compared)).bind(count(row.same));
        let sql = sql.bind(&row.counts).bind(i64::from(row.disagrees)).bind(row.failure.clone());
        self.execute(sql).await.map(drop)
    }

    /// Drops comparisons of before this moment.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn drop_reconciliations(&mut self, before: Timestamp) -> Result<(), StoreError> {
        let sql = Sql::new("DELETE FROM reconciliation WHERE at_millis < $1").bind(before);
        self.execute(sql).await.map(drop)
    }

    /// Raises a task, unless one with the same cause and subject is open: false then. Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn put_counterpart_task(&mut self, raised: &CounterpartTaskRow) -> Result<bool, StoreError> {
        let open = self.rows::<TaskColumns>(Sql::new(OPEN).bind(&raised.cause)).await?;
        let open: Result<Vec<_>, _> = open.into_iter().map(task).collect();
        let is_same = |one: &CounterpartTaskRow| {
            (&one.counterpart, &one.subject) == (&raised.counterpart, &raised.subject)
        };
        if open?.iter().any(is_same) {
            return Ok(false);
        }
        let sql = Sql::new(
            "INSERT INTO counterpart_task (task, cause, counterpart, subject, at_millis) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT DO NOTHING",
        );
        let sql = sql.bind(&raised.task).bind(&raised.cause).bind(&raised.counterpart);
        let raised = self.execute(sql.bind(&raised.subject).bind(raised.at)).await? > 0;
        self.changes(Changed::CounterpartTasks);
        Ok(raised)
    }

    /// Forgets which checkpoint of a counterpart's journal is held, so that the next one that is seen is the first. What was seen
    /// stays in the own journal. Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn forget_witnessed(&mut self, origin: &str) -> Result<(), StoreError> {
        self.execute(Sql::new("DELETE FROM witnessed_checkpoint WHERE origin = $1").bind(origin)).await?;
        self.changes(Changed::CounterpartTasks);
        Ok(())
    }
}

fn row(columns: Columns) -> Result<ReconciliationRow, StoreError> {
    let (with, at, by_itself, from, until, compared, same, counts, disagrees, failure) = columns;
    let count = |number: i64| u64::try_from(number).map_err(|_| StoreError::damaged("a count below zero"));
    Ok(ReconciliationRow {
        participant: participant(&with)?,
        at: Timestamp::from_millis(at),
        by_itself: by_itself != 0,
        from: Timestamp::from_millis(from),
        until: Timestamp::from_millis(until),
        compared: count(compared)?,
        same: count(same)?,
        counts,
        disagrees: disagrees != 0,
        failure,
    })
}

fn task((task, cause, counterpart, subject, at): TaskColumns) -> Result<CounterpartTaskRow, StoreError> {
    let counterpart = participant(&counterpart)?;
    Ok(CounterpartTaskRow { task, cause, counterpart, subject, at: Timestamp::from_millis(at) })
}

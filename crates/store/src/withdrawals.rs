//! What has been withdrawn, and which tasks have been done, as rows.

use verbond_domain::Timestamp;

use crate::{Store, StoreError, Transaction, changes::Changed, sql::Sql};

/// Something that this participant has withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithdrawalRow {
    /// Identifier, time-ordered.
    pub id: String,
    /// What was withdrawn, as JSON.
    pub basis: String,
    /// Why.
    pub reason: String,
    /// Who did, as JSON.
    pub author: String,
    /// When.
    pub at: Timestamp,
}

/// A task that somebody has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskDoneRow {
    /// Which.
    pub task: String,
    /// What was done.
    pub note: String,
    /// Who did, as JSON.
    pub author: String,
    /// When.
    pub at: Timestamp,
}

/// A task that something raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaisedTaskRow {
    /// Which.
    pub task: String,
    /// Hash of the version.
    pub agreement: String,
    /// What raised it, as one word.
    pub cause: String,
    /// The clause, where it is about one.
    pub clause: Option<String>,
    /// What it is about.
    pub subject: String,
    /// When it was raised.
    pub at: Timestamp,
}

/// How many whole responses in a row lacked an agreed element since that was last written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsenceRow {
    /// Hash of the version.
    pub agreement: String,
    /// The clause.
    pub clause: String,
    /// The operation.
    pub operation: String,
    /// The element's path.
    pub element: String,
    /// How many.
    pub responses: i64,
    /// Whether it came before these, so that they do not add to what was written.
    pub begins: bool,
}

type RaisedColumns = (String, String, String, Option<String>, String, i64);
type WithdrawalColumns = (String, String, String, String, i64);
type TaskColumns = (String, String, String, i64);

impl Store {
    /// All that has been withdrawn, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn withdrawals(&self) -> Result<Vec<WithdrawalRow>, StoreError> {
        let sql = Sql::new("SELECT id, basis, reason, author, at_millis FROM withdrawal ORDER BY id");
        let rows = self.inner.pools.rows::<WithdrawalColumns>(sql).await?;
        let row = |(id, basis, reason, author, at)| WithdrawalRow {
            id,
            basis,
            reason,
            author,
            at: Timestamp::from_millis(at),
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// The tasks that have been done.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn tasks_done(&self) -> Result<Vec<TaskDoneRow>, StoreError> {
        let sql = Sql::new("SELECT task, note, author, at_millis FROM task_done");
        let rows = self.inner.pools.rows::<TaskColumns>(sql).await?;
        let row =
            |(task, note, author, at)| TaskDoneRow { task, note, author, at: Timestamp::from_millis(at) };
        Ok(rows.into_iter().map(row).collect())
    }

    /// The tasks that something raised, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn raised_tasks(&self) -> Result<Vec<RaisedTaskRow>, StoreError> {
        let sql = Sql::new(
            "SELECT task, agreement, cause, clause, subject, at_millis FROM raised_task ORDER BY at_millis, task",
        );
        let rows = self.inner.pools.rows::<RaisedColumns>(sql).await?;
        let row = |(task, agreement, cause, clause, subject, at)| RaisedTaskRow {
            task,
            agreement,
            cause,
            clause,
            subject,
            at: Timestamp::from_millis(at),
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

impl Transaction {
    /// Writes a task that something raised; false if that was written before.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_raised_task(&mut self, row: &RaisedTaskRow) -> Result<bool, StoreError> {
        let sql = Sql::new(
            "INSERT INTO raised_task (task, agreement, cause, clause, subject, at_millis) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        );
        let sql = sql.bind(&row.task).bind(&row.agreement).bind(&row.cause).bind(row.clause.clone());
        Ok(self.execute(sql.bind(&row.subject).bind(row.at)).await? > 0)
    }

    /// Writes that something has been withdrawn.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_withdrawal(&mut self, row: &WithdrawalRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "INSERT INTO withdrawal (id, basis, reason, author, at_millis) VALUES ($1, $2, $3, $4, $5)",
        );
        let sql = sql.bind(&row.id).bind(&row.basis).bind(&row.reason).bind(&row.author).bind(row.at);
        self.execute(sql).await?;
        self.changes(Changed::Other);
        Ok(())
    }

    /// Adds responses that lacked an element; gives how many there are in a row now.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn add_absence(&mut self, row: &AbsenceRow) -> Result<i64, StoreError> {
        let sql = Sql::new(
            "INSERT INTO element_absence (agreement, clause, operation, element, responses) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (agreement, clause, operation, element) DO UPDATE SET responses = excluded.responses + \
             CASE WHEN $6 = 1 THEN 0 ELSE element_absence.responses END RETURNING responses",
        );
        let sql = sql.bind(&row.agreement).bind(&row.clause).bind(&row.operation).bind(&row.element);
        let sql = sql.bind(row.responses).bind(i64::from(row.begins));
        let written = self.connection()?.rows::<(i64,)>(sql).await;
        Ok(self.noting_failure(written)?.first().map_or(0, |(responses,)| *responses))
    }

    /// Writes that a task has been done; false if that was written before. Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_task_done(&mut self, row: &TaskDoneRow) -> Result<bool, StoreError> {
        let sql = Sql::new(
            "INSERT INTO task_done (task, note, author, at_millis) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        );
        let sql = sql.bind(&row.task).bind(&row.note).bind(&row.author).bind(row.at);
        let written = self.execute(sql).await? > 0;
        self.changes(Changed::CounterpartTasks);
        Ok(written)
    }
}

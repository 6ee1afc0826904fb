//! Refusing a database that does not keep what it has confirmed.

use crate::{DurabilityProblem, StoreError, connection::Pools};

/// Reads the settings that decide whether a confirmed commit survives a power cut.
pub(crate) async fn check(pools: &Pools) -> Result<(), StoreError> {
    match pools {
        Pools::Sqlite { writer, .. } => {
            let mut connection = writer.acquire().await?;
            let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *connection).await?;
            let synchronous: i64 =
                sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *connection).await?;
            Ok(judge_sqlite(&mode, synchronous)?)
        }
        Pools::Postgres { pool } => {
            let settings: PostgresSettings = sqlx::query_as(
                "SELECT current_setting('fsync'), current_setting('full_page_writes'), \
                 current_setting('synchronous_commit'), current_setting('synchronous_standby_names')",
            )
            .fetch_one(pool)
            .await?;
            Ok(judge_postgres(&settings)?)
        }
    }
}

fn problem(setting: &str, value: &str, needed: &str) -> DurabilityProblem {
    DurabilityProblem { setting: setting.to_owned(), value: value.to_owned(), needed: needed.to_owned() }
}

/// SQLite: <https://www.sqlite.org/pragma.html#pragma_synchronous>. In WAL mode only FULL (2) and EXTRA (3) sync at
/// every commit.
fn judge_sqlite(journal_mode: &str, synchronous: i64) -> Result<(), DurabilityProblem> {
    if journal_mode != "wal" {
        return Err(problem("journal_mode", journal_mode, "wal"));
    }
    match synchronous {
        2 | 3 => Ok(()),
        0 => Err(problem("synchronous", "OFF", "FULL")),
        _ => Err(problem("synchronous", "NORMAL", "FULL")),
    }
}

/// fsync, full_page_writes, synchronous_commit, synchronous_standby_names.
type PostgresSettings = (String, String, String, String);

/// PostgreSQL: *Server Configuration*, "Write Ahead Log" and "Replication".
fn judge_postgres(
    (fsync, full_page_writes, synchronous_commit, standby_names): &PostgresSettings,
) -> Result<(), DurabilityProblem> {
    if fsync != "on" {
        return Err(problem("fsync", fsync, "on"));
    }
    if full_page_writes != "on" {
        return Err(problem("full_page_writes", full_page_writes, "on"));
    }
    match synchronous_commit.as_str() {
        "off" => Err(problem("synchronous_commit", "off", "on")),
        // A failover to a standby that the operator has named would lose what was confirmed.
        "local" if !standby_names.trim().is_empty() => Err(problem("synchronous_commit", "local", "on")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_must_sync_at_every_commit() {
        assert_eq!(judge_sqlite("wal", 2), Ok(()));
        assert_eq!(judge_sqlite("wal", 3), Ok(()));
        assert_eq!(judge_sqlite("wal", 1), Err(problem("synchronous", "NORMAL", "FULL")));
        assert_eq!(judge_sqlite("wal", 0), Err(problem("synchronous", "OFF", "FULL")));
        assert_eq!(judge_sqlite("memory", 2), Err(problem("journal_mode", "memory", "wal")));
    }

    #[test]
    fn postgresql_must_not_confirm_what_it_could_lose() {
        let judge = |fsync: &str, pages: &str, commit: &str, standbys: &str| {
            judge_postgres(&(fsync.to_owned(), pages.to_owned(), commit.to_owned(), standbys.to_owned()))
                .map_err(|problem| problem.setting)
        };
        assert_eq!(judge("on", "on", "on", ""), Ok(()));
        assert_eq!(judge("on", "on", "local", ""), Ok(()));
        assert_eq!(judge("on", "on", "remote_apply", "standby"), Ok(()));
        assert_eq!(judge("off", "on", "on", ""), Err("fsync".to_owned()));
        assert_eq!(judge("on", "off", "on", ""), Err("full_page_writes".to_owned()));
        assert_eq!(judge("on", "on", "off", ""), Err("synchronous_commit".to_owned()));
        assert_eq!(judge("on", "on", "local", "standby"), Err("synchronous_commit".to_owned()));
    }
}

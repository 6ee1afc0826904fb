//! One suite for both databases: every test runs on SQLite, and on PostgreSQL when `VERBOND_TEST_POSTGRES` holds the
//! URL of a server on which it may create databases (`scripts/postgres-for-tests start` makes one).

mod database;
mod samples;

/// Makes of each `async fn name(database: &Database) -> TestResult` a test on either database.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> crate::TestResult {
                crate::database::on_sqlite(super::$name).await
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> crate::TestResult {
                crate::database::on_postgres(super::$name).await
            })*
        }
    };
}

mod agreements;
mod changes;
mod class_questions;
mod configuration;
mod contracts;
mod counterparts;
mod damage;
mod durability;
mod exchanges;
mod handed;
mod journal;
mod limits;
mod month_keys;
mod outbox;
mod owed;
mod owner;
mod peers;
mod persons;
mod readings;
mod records;
mod registers;
mod retention;
mod throughput;
mod transactions;
mod tree;
mod views;
mod withdrawals;

/// What a test returns: any error fails it.
type TestResult = Result<(), Box<dyn std::error::Error>>;

//! Entries whose month key is not there though they were not destroyed: nobody can read them any more.

use verbond_domain::{Month, Timestamp};

use crate::{
    Store, StoreError, Transaction,
    holds::{self, HoldRow},
    month_keys::{Class, NOT_SEALED},
    retention,
    sql::Sql,
    tree::count,
};

/// What a lost key had sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostKey {
    /// `exchange`, or `act` for acts and witnesses.
    pub class: &'static str,
    /// The month of UTC: year * 100 + month.
    pub month: i64,
    /// Index of the first entry,
    pub first_index: u64,
    /// and of the last.
    pub last_index: u64,
    /// How many entries.
    pub entries: u64,
}

impl LostKey {
    /// Whether it sealed acts: what a verifier has to know of the journal itself.
    pub fn is_of_acts(&self) -> bool {
        self.class == Class::Act.as_str()
    }
}

/// kind, time and position of the first entry, position of the last, how many.
type LostColumns = (String, i64, i64, i64, i64);

impl Store {
    /// What nobody can read any more, as far as it has a place in the journal, by its first entry. Reads all of the journal's rows.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn lost_keys(&self) -> Result<Vec<LostKey>, StoreError> {
        let sql = Sql::new(
            "SELECT MIN(kind), MIN(at_millis), MIN(position), MAX(position), COUNT(*) FROM journal_entry \
             WHERE key_id <> $1 AND length(payload) > 0 AND position IS NOT NULL \
             AND key_id NOT IN (SELECT id FROM month_key) GROUP BY key_id ORDER BY MIN(position)",
        );
        let rows = self.inner.pools.rows::<LostColumns>(sql.bind(NOT_SEALED)).await?;
        rows.into_iter().map(lost).collect()
    }
}

impl Transaction {
    /// For how many days exchanges are kept, and the holds that stand. Neither changes until the end of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn rule_and_holds(&mut self) -> Result<(Option<i64>, Vec<HoldRow>), StoreError> {
        let keep_days = retention::lock(self.connection()?).await?.keep_days();
        Ok((keep_days, holds::standing(self.connection()?).await?))
    }
}

fn lost((kind, at, first, last, entries): LostColumns) -> Result<LostKey, StoreError> {
    Ok(LostKey {
        class: Class::of(&kind).as_str(),
        month: Month::of(Timestamp::from_millis(at)).number(),
        // The database counts positions from 1, the journal's formats indices from 0.
        first_index: count(first.saturating_sub(1))?,
        last_index: count(last.saturating_sub(1))?,
        entries: count(entries)?,
    })
}

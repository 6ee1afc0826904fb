//! What is counted against the limits of agreements: blocks of exchanges, and questions about a person.

use std::collections::HashSet;

use verbond_domain::Timestamp;
use verbond_fail_points::fail_point;
use verbond_journal::{EntryId, Place, PreparedEntry};

use crate::{Store, StoreError, connection::Connection, sql::Sql};

/// How often a question that came to no answer may be asked again on the same place.
const MOST_REPEATS: i64 = 3;
/// Rows that are dropped in one transaction at most.
const STEP: i64 = 1000;

impl Store {
    /// Hands out a part of a volume: `block` exchanges, or what is left of `most`; 0 when nothing is. What has been handed
    /// out is never handed out again, whatever becomes of it.
    ///
    /// # Errors
    /// [`StoreError::Database`]: nothing may be used then, although it may have been handed out.
    pub async fn lease_volume(
        &self,
        limit_of: &str,
        period_end: Timestamp,
        most: u32,
        block: u32,
    ) -> Result<u32, StoreError> {
        let mut connection = self.inner.pools.begin_write().await?;
        let begin = Sql::new(
            "INSERT INTO volume_lease (period_end, limit_of, leased) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
        );
        connection.execute(begin.bind(period_end).bind(limit_of)).await?;
        let mut leased = Sql::new("SELECT leased FROM volume_lease WHERE period_end = $1 AND limit_of = $2")
            .bind(period_end)
            .bind(limit_of);
        connection.dialect().lock_rows(&mut leased);
        let (leased,): (i64,) =
            connection.row(leased).await?.ok_or_else(|| StoreError::damaged("a volume is missing"))?;
        let left = i64::from(most).saturating_sub(leased).clamp(0, i64::from(block));
        if left > 0 {
            let more = Sql::new(
                "UPDATE volume_lease SET leased = leased + $1 WHERE period_end = $2 AND limit_of = $3",
            );
            connection.execute(more.bind(left).bind(period_end).bind(limit_of)).await?;
        }
        fail_point!("store::lease", |reason| Err(StoreError::Database(reason)));
        connection.commit().await?;
        fail_point!("store::leased", |reason| Err(StoreError::Database(reason)));
        Ok(u32::try_from(left).unwrap_or(0))
    }

    /// Gives places back that an entry took, since its question came to no answer. A place that has been given back three
    /// times stays taken.
    ///
    /// # Errors
    /// [`StoreError::Database`]: they stay taken then.
    pub async fn give_back(&self, entry: EntryId, places: &[Place]) -> Result<(), StoreError> {
        for place in places {
            fail_point!("store::give-back", |reason| Err(StoreError::Database(reason)));
            let sql = Sql::new(
                "UPDATE person_place SET taken = 0, repeats = repeats + 1 WHERE period_end = $1 AND limit_of = $2 \
                 AND pseudonym = $3 AND entry = $4 AND taken = 1 AND repeats < $5",
            );
            let sql = of_person(sql, place).bind(&entry.0).bind(MOST_REPEATS);
            self.inner.pools.execute(sql).await?;
        }
        Ok(())
    }

    /// Drops what was counted in periods that ended before this moment; returns how many questions about persons were
    /// dropped, to be called again until that is 0.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn drop_counts_before(&self, moment: Timestamp) -> Result<u64, StoreError> {
        let volumes = Sql::new("DELETE FROM volume_lease WHERE period_end < $1").bind(moment);
        self.inner.pools.execute(volumes).await?;
        let places = Sql::new(
            "DELETE FROM person_place WHERE (period_end, limit_of, pseudonym, number) IN \
             (SELECT period_end, limit_of, pseudonym, number FROM person_place WHERE period_end < $1 LIMIT $2)",
        );
        self.inner.pools.execute(places.bind(moment).bind(STEP)).await
    }

    /// Notes the keys of pseudonyms that a process of this node has, unless others stand noted under their versions, and
    /// returns all that are noted: version and fingerprint.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn note_pseudonym_keys(
        &self,
        keys: &[(u32, String)],
    ) -> Result<Vec<(u32, String)>, StoreError> {
        for (version, fingerprint) in keys {
            let sql = Sql::new(
                "INSERT INTO pseudonym_key (version, fingerprint) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            );
            self.inner.pools.execute(sql.bind(i64::from(*version)).bind(fingerprint)).await?;
        }
        self.pseudonym_keys().await
    }

    /// The keys of pseudonyms that are noted: version and fingerprint, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn pseudonym_keys(&self) -> Result<Vec<(u32, String)>, StoreError> {
        let sql = Sql::new("SELECT version, fingerprint FROM pseudonym_key ORDER BY version");
        let rows: Vec<(i64, String)> = self.inner.pools.rows(sql).await?;
        rows.into_iter()
            .map(|(version, fingerprint)| {
                let version = u32::try_from(version).map_err(|_| StoreError::damaged("a key's version"))?;
                Ok((version, fingerprint))
            })
            .collect()
    }
}

/// Takes the places of entries in an open transaction; returns which entries are to be left out, since one of theirs is not
/// to be had. Persons are gone through in the same order by all, so that no two transactions wait for each other.
pub(crate) async fn take(
    connection: &mut Connection,
    entries: &[PreparedEntry],
) -> Result<HashSet<EntryId>, StoreError> {
    let mut wanted: Vec<(&Place, EntryId)> =
        entries.iter().flat_map(|entry| entry.places.iter().map(|place| (place, entry.id))).collect();
    wanted.sort();
    let mut without = HashSet::new();
    for (place, entry) in wanted {
        if !take_one(connection, place, entry).await? {
            without.insert(entry);
        }
    }
    for entry in entries.iter().filter(|entry| without.contains(&entry.id)) {
        let_go(connection, entry).await?;
    }
    Ok(without)
}

/// Lets go of what an entry took in this very transaction.
pub(crate) async fn let_go(connection: &mut Connection, entry: &PreparedEntry) -> Result<(), StoreError> {
    for place in &entry.places {
        let sql = Sql::new(
            "UPDATE person_place SET taken = 0 WHERE period_end = $1 AND limit_of = $2 AND pseudonym = $3 AND entry = $4",
        );
        connection.execute(of_person(sql, place).bind(&entry.id.0)).await?;
    }
    Ok(())
}

/// Takes one place for an entry, or for a permit whose answer names somebody; false: there is none left.
pub(crate) async fn take_one(
    connection: &mut Connection,
    place: &Place,
    entry: EntryId,
) -> Result<bool, StoreError> {
    let rows = Sql::new(
        "SELECT number, taken, entry FROM person_place \
         WHERE period_end = $1 AND limit_of = $2 AND pseudonym = $3 ORDER BY number",
    );
    let rows: Vec<(i64, i64, Vec<u8>)> = connection.rows(of_person(rows, place)).await?;
    // An append whose outcome was unknown may have taken effect before it is repeated.
    if rows.iter().any(|(_, taken, holder)| *taken != 0 && *holder == entry.0.as_bytes()) {
        return Ok(true);
    }
    let most = i64::from(place.most);
    for (number, ..) in rows.iter().filter(|(number, taken, _)| *taken == 0 && *number <= most) {
        let sql = Sql::new(
            "UPDATE person_place SET taken = 1, entry = $1 WHERE period_end = $2 AND limit_of = $3 \
             AND pseudonym = $4 AND number = $5 AND taken = 0",
        );
        let sql = of_person(sql.bind(&entry.0), place).bind(*number);
        if connection.execute(sql).await? == 1 {
            return Ok(true);
        }
    }
    let last = rows.last().map_or(0, |(number, ..)| *number);
    for number in last.saturating_add(1)..=most {
        let sql = Sql::new(
            "INSERT INTO person_place (period_end, limit_of, pseudonym, number, taken, repeats, entry) \
             VALUES ($1, $2, $3, $4, 1, 0, $5) ON CONFLICT DO NOTHING",
        );
        let sql = of_person(sql, place).bind(number).bind(&entry.0);
        if connection.execute(sql).await? == 1 {
            return Ok(true);
        }
    }
    Ok(false)
}

fn of_person(sql: Sql, place: &Place) -> Sql {
    sql.bind(place.period_end).bind(&place.limit_of).bind(place.pseudonym.as_slice())
}

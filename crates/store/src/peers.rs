//! Participants that this node has met.

use verbond_domain::{ParticipantId, Timestamp};

use crate::{
    Page, SortOrder, Store, StoreError, Transaction,
    changes::Changed,
    cursor::{Cursor, Listing, clamp, page},
    records::{participant, push_in},
    sql::{Sql, Value},
};

/// A participant that has announced itself or negotiated with us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRow {
    /// Its identifier.
    pub id: ParticipantId,
    /// Its name, from its certificate.
    pub name: String,
    /// `https://host:port` of its manager; empty when only its certificate has been seen.
    pub manager_address: String,
    /// When it was last seen.
    pub seen_at: Timestamp,
    /// Which reading of the grant hash it is known to use: `string`, `digest`, or not known.
    pub hash_reading: Option<String>,
    /// Its JWK set as last fetched (JSON text), to verify signatures when it cannot be reached.
    pub key_set: Option<String>,
}

/// id, name, manager_address, seen_at, hash_reading, key_set.
type PeerColumns = (String, String, String, i64, Option<String>, Option<String>);

impl Store {
    /// One peer.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn peer(&self, id: &ParticipantId) -> Result<Option<PeerRow>, StoreError> {
        let sql = Sql::new(
            "SELECT id, name, manager_address, seen_at, hash_reading, key_set FROM peer WHERE id = $1",
        );
        self.inner.pools.row(sql.bind(id)).await?.map(peer).transpose()
    }

    /// Lists peers by identifier, optionally with a part of their name (case-insensitive) or these ids (which override
    /// the name). `limit` 1 to 1000.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`], [`StoreError::TooMany`], [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn peers(
        &self,
        name: Option<&str>,
        ids: &[ParticipantId],
        cursor: Option<&str>,
        limit: i64,
        order: SortOrder,
    ) -> Result<Page<PeerRow>, StoreError> {
        let limit = clamp(limit);
        let mut sql = Sql::new(
            "SELECT id, name, manager_address, seen_at, hash_reading, key_set FROM peer WHERE 1 = 1",
        );
        if !ids.is_empty() {
            push_in(&mut sql, " AND id IN ", ids.iter().map(Value::from))?;
        } else if let Some(name) = name {
            sql.push(" AND name_in_lower_case LIKE ").push_value(contains(name)).push(" ESCAPE '!'");
        }
        if let Some(cursor) = Cursor::read(cursor, Listing::Peers)? {
            sql.push(" AND id").push(order.beyond()).push_value(cursor.text()?);
        }
        sql.push(" ORDER BY id").push(order.word()).push(" LIMIT ").push_value(limit + 1);
        let rows = self.inner.pools.rows(sql).await?;
        let peers = rows.into_iter().map(peer).collect::<Result<Vec<_>, _>>()?;
        Ok(page(peers, limit, Listing::Peers, |peer| Cursor::new(0, peer.id.to_string().as_bytes())))
    }
}

impl Transaction {
    /// Adds a peer or updates name, address and time of the one there; hash reading and key set are kept, and an empty
    /// address leaves the one that is known. Raises the generation only if name or address differ.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_peer(
        &mut self,
        id: &ParticipantId,
        name: &str,
        manager_address: &str,
        seen_at: Timestamp,
    ) -> Result<(), StoreError> {
        let update = Sql::new(
            "UPDATE peer SET name = $1, name_in_lower_case = $2, \
             manager_address = CASE WHEN $3 = '' THEN manager_address ELSE $3 END WHERE id = $4 \
             AND (name <> $1 OR ($3 <> '' AND manager_address <> $3))",
        );
        let lower = name.to_lowercase();
        let changed =
            self.execute(update.bind(name).bind(lower.as_str()).bind(manager_address).bind(id)).await?;
        let seen = Sql::new("UPDATE peer SET seen_at = $1 WHERE id = $2");
        let known = self.execute(seen.bind(seen_at).bind(id)).await?;
        if known == 0 {
            let insert = Sql::new(
                "INSERT INTO peer (id, name, name_in_lower_case, manager_address, seen_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (id) DO UPDATE SET name = excluded.name, \
                 name_in_lower_case = excluded.name_in_lower_case, manager_address = excluded.manager_address, \
                 seen_at = excluded.seen_at",
            );
            self.execute(insert.bind(id).bind(name).bind(lower).bind(manager_address).bind(seen_at)).await?;
        }
        if changed > 0 || known == 0 {
            self.changes(Changed::Peers);
        }
        Ok(())
    }

    /// Keeps what reading of the grant hash the peer uses; no effect on a peer that is not known. Raises the generation
    /// if it differs.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_hash_reading(&mut self, id: &ParticipantId, reading: &str) -> Result<(), StoreError> {
        let sql = Sql::new(
            "UPDATE peer SET hash_reading = $1 WHERE id = $2 AND (hash_reading IS NULL OR hash_reading <> $1)",
        );
        if self.execute(sql.bind(reading).bind(id)).await? > 0 {
            self.changes(Changed::Peers);
        }
        Ok(())
    }

    /// Keeps its JWK set; no effect on a peer that is not known. Raises the generation if it differs.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_key_set(&mut self, id: &ParticipantId, key_set: &str) -> Result<(), StoreError> {
        let sql =
            Sql::new("UPDATE peer SET key_set = $1 WHERE id = $2 AND (key_set IS NULL OR key_set <> $1)");
        if self.execute(sql.bind(key_set).bind(id)).await? > 0 {
            self.changes(Changed::Peers);
        }
        Ok(())
    }
}

fn peer(
    (id, name, manager_address, seen_at, hash_reading, key_set): PeerColumns,
) -> Result<PeerRow, StoreError> {
    Ok(PeerRow {
        id: participant(&id)?,
        name,
        manager_address,
        seen_at: Timestamp::from_millis(seen_at),
        hash_reading,
        key_set,
    })
}

/// A pattern for `LIKE ... ESCAPE '!'` that finds a part of a name.
fn contains(part: &str) -> String {
    let mut pattern = String::from("%");
    for character in part.to_lowercase().chars().filter(|character| *character != '\0') {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

//! Wire contracts, their grants and signatures, as rows: what they mean is the face's business.

use std::collections::HashMap;

use verbond_domain::{ParticipantId, Timestamp};

use crate::{
    Page, SortOrder, Store, StoreError, Transaction,
    changes::Changed,
    connection::Connection,
    cursor::{Cursor, Listing, clamp, page},
    records::{participant, push_in},
    sql::{Sql, Value, powers_of_two},
};

/// A stored contract with everything that hangs on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractRow {
    /// Content hash: `$1$1$…`.
    pub hash: String,
    /// The content's `iv`, unique at this node.
    pub iv: String,
    /// The content, canonical JSON of what was received.
    pub content: String,
    /// The content's own creation time.
    pub created_at: Timestamp,
    /// Not valid before.
    pub not_before: Timestamp,
    /// Not valid after.
    pub not_after: Timestamp,
    /// When this node stored it.
    pub stored_at: Timestamp,
    /// What the acceptance policy said: `accept`, `reject`, `leave`; empty for contracts of our own making.
    pub verdict: String,
    /// Why, as JSON array of sentences.
    pub verdict_reasons: String,
    /// Its grants in order.
    pub grants: Vec<GrantRow>,
    /// All signatures: the newest per peer and kind.
    pub signatures: Vec<SignatureRow>,
    /// Every participant named in it in any role.
    pub participants: Vec<ParticipantId>,
}

/// A grant, indexed for lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// `GRANT_TYPE_…`
    pub grant_type: String,
    /// Grant hash under the string reading.
    pub hash_string: String,
    /// Grant hash under the raw-digest reading.
    pub hash_digest: String,
    /// The service's provider.
    pub service_peer: ParticipantId,
    /// The service's name.
    pub service_name: String,
    /// The outway's peer (connection grants) or the directory (publication grants).
    pub counter_peer: ParticipantId,
    /// The grant's `data`, canonical JSON.
    pub data: String,
}

/// A signature over a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureRow {
    /// Who signed.
    pub peer: ParticipantId,
    /// `accept`, `reject`, `revoke`.
    pub kind: String,
    /// The compact JWS.
    pub jws: String,
    /// `signed_at` of its payload.
    pub signed_at: Timestamp,
    /// When this node stored it.
    pub stored_at: Timestamp,
}

/// Which contracts to list.
#[derive(Clone, Debug, Default)]
pub struct ContractFilter {
    /// Only contracts that name this participant.
    pub participant: Option<ParticipantId>,
    /// Only contracts with a grant of one of these types.
    pub grant_types: Vec<String>,
    /// Only contracts with a grant of one of these hashes, under either reading.
    pub grant_hashes: Vec<String>,
}

/// Contracts whose parts are read with one statement at most: a power of two.
const TOGETHER: usize = 256;

/// hash, iv, content, created_at, not_before, not_after, stored_at, verdict, verdict_reasons.
type ContractColumns = (String, String, String, i64, i64, i64, i64, String, String);
/// contract, grant_type, hash_string, hash_digest, service_peer, service_name, counter_peer, data.
type GrantColumns = (String, String, String, String, String, String, String, String);
/// contract, peer, kind, jws, signed_at, stored_at.
type SignatureColumns = (String, String, String, String, i64, i64);

const SELECT: &str = "SELECT hash, iv, content, created_at, not_before, not_after, stored_at, verdict, verdict_reasons \
     FROM contract WHERE ";

impl Store {
    /// One contract.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn contract(&self, hash: &str) -> Result<Option<ContractRow>, StoreError> {
        let mut sql = Sql::new(SELECT);
        sql.push("hash = ").push_value(hash);
        let mut connection = self.inner.pools.begin_read().await?;
        Ok(load(&mut connection, sql).await?.into_iter().next())
    }

    /// Lists contracts by creation time (ties by hash). `limit` 1 to 1000.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`], [`StoreError::TooMany`], [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn contracts(
        &self,
        filter: &ContractFilter,
        cursor: Option<&str>,
        limit: i64,
        order: SortOrder,
    ) -> Result<Page<ContractRow>, StoreError> {
        let limit = clamp(limit);
        let mut sql = Sql::new(SELECT);
        sql.push("1 = 1");
        push_filter(&mut sql, filter)?;
        if let Some(cursor) = Cursor::read(cursor, Listing::Contracts)? {
            sql.push(" AND (created_at, hash)").push(order.beyond()).push("(").push_value(cursor.number);
            sql.push(", ").push_value(cursor.text()?).push(")");
        }
        sql.push(" ORDER BY created_at").push(order.word()).push(", hash").push(order.word());
        sql.push(" LIMIT ").push_value(limit + 1);
        let mut connection = self.inner.pools.begin_read().await?;
        let contracts = load(&mut connection, sql).await?;
        Ok(page(contracts, limit, Listing::Contracts, |contract| {
            Cursor::new(contract.created_at.millis(), contract.hash.as_bytes())
        }))
    }

    /// All contracts that have not ended at `now`, by creation time, for the snapshot that gateways decide on: one
    /// picture, in which no contract has some of its signatures only.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn running_contracts(&self, now: Timestamp) -> Result<Vec<ContractRow>, StoreError> {
        let mut sql = Sql::new(SELECT);
        sql.push("not_after >= ").push_value(now).push(" ORDER BY created_at, hash");
        let mut connection = self.inner.pools.begin_read().await?;
        load(&mut connection, sql).await
    }

    /// These contracts, those that are there, whether they have ended or not, by creation time.
    ///
    /// # Errors
    /// As [`Store::running_contracts`].
    pub async fn contracts_named(&self, hashes: &[String]) -> Result<Vec<ContractRow>, StoreError> {
        let mut connection = self.inner.pools.begin_read().await?;
        let mut found = Vec::new();
        for piece in powers_of_two(hashes, TOGETHER) {
            let mut sql = Sql::new(SELECT);
            sql.push("hash IN ").push_list(piece).push(" ORDER BY created_at, hash");
            found.extend(load(&mut connection, sql).await?);
        }
        Ok(found)
    }

    /// How many contracts bear a signature of `submitter` and none of `own`, and run still at `now` or were stored after
    /// `since`: what this participant has made the node keep while nobody here has said anything to it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn undecided_contracts(
        &self,
        own: &ParticipantId,
        submitter: &ParticipantId,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<i64, StoreError> {
        let sql = Sql::new(
            "SELECT COUNT(*) FROM contract WHERE (not_after >= $1 OR stored_at >= $2) \
             AND hash IN (SELECT contract FROM contract_signature WHERE peer = $3) \
             AND hash NOT IN (SELECT contract FROM contract_signature WHERE peer = $4)",
        );
        let mut connection = self.inner.pools.begin_read().await?;
        let rows = connection.rows::<(i64,)>(sql.bind(now).bind(since).bind(submitter).bind(own)).await?;
        Ok(rows.first().map_or(0, |(count,)| *count))
    }
}

impl Transaction {
    /// Reads a contract inside this transaction (PostgreSQL: locks its row), so that what follows is decided on it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn lock_contract(&mut self, hash: &str) -> Result<Option<ContractRow>, StoreError> {
        let mut sql = Sql::new(SELECT);
        sql.push("hash = ").push_value(hash);
        let connection = self.connection()?;
        connection.dialect().lock_rows(&mut sql);
        let contracts = load(connection, sql).await;
        Ok(self.noting_failure(contracts)?.into_iter().next())
    }

    /// Whether a contract with this `iv` is stored.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn iv_is_used(&mut self, iv: &str) -> Result<bool, StoreError> {
        let sql = Sql::new("SELECT stored_at FROM contract WHERE iv = $1").bind(iv);
        Ok(self.row::<(i64,)>(sql).await?.is_some())
    }

    /// Stores a contract with its grants and participants (signatures apart). False if its hash is there already.
    /// Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when another contract has the same `iv`.
    pub async fn insert_contract(&mut self, contract: &ContractRow) -> Result<bool, StoreError> {
        let mut sql = Sql::new(
            "INSERT INTO contract (hash, iv, content, created_at, not_before, not_after, stored_at, verdict, \
             verdict_reasons) VALUES ",
        );
        sql.push_rows([[
            Value::from(&contract.hash),
            Value::from(&contract.iv),
            Value::from(&contract.content),
            contract.created_at.into(),
            contract.not_before.into(),
            contract.not_after.into(),
            contract.stored_at.into(),
            Value::from(&contract.verdict),
            Value::from(&contract.verdict_reasons),
        ]]);
        sql.push(" ON CONFLICT (hash) DO NOTHING");
        if self.execute(sql).await? == 0 {
            return Ok(false);
        }
        for (place, grant) in (0_i64..).zip(&contract.grants) {
            let mut sql = Sql::new(
                "INSERT INTO contract_grant (contract, place, grant_type, hash_string, hash_digest, service_peer, \
                 service_name, counter_peer, data) VALUES ",
            );
            sql.push_rows([[
                Value::from(&contract.hash),
                place.into(),
                Value::from(&grant.grant_type),
                Value::from(&grant.hash_string),
                Value::from(&grant.hash_digest),
                Value::from(&grant.service_peer),
                Value::from(&grant.service_name),
                Value::from(&grant.counter_peer),
                Value::from(&grant.data),
            ]]);
            self.execute(sql).await?;
        }
        for participant in &contract.participants {
            let sql = Sql::new(
                "INSERT INTO contract_participant (contract, participant) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            );
            self.execute(sql.bind(&contract.hash).bind(participant)).await?;
        }
        self.changes(Changed::Contract(contract.hash.clone()));
        Ok(true)
    }

    /// Stores a signature; a second one of the same peer and kind replaces the first. Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when there is no such contract.
    pub async fn put_signature(&mut self, hash: &str, signature: &SignatureRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "INSERT INTO contract_signature (contract, peer, kind, jws, signed_at, stored_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (contract, peer, kind) DO UPDATE SET jws = excluded.jws, \
             signed_at = excluded.signed_at, stored_at = excluded.stored_at",
        );
        self.execute(
            sql.bind(hash)
                .bind(&signature.peer)
                .bind(&signature.kind)
                .bind(&signature.jws)
                .bind(signature.signed_at)
                .bind(signature.stored_at),
        )
        .await?;
        self.changes(Changed::Contract(hash.to_owned()));
        Ok(())
    }

    /// Keeps the policy's verdict. Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_verdict(&mut self, hash: &str, verdict: &str, reasons: &str) -> Result<(), StoreError> {
        let sql = Sql::new("UPDATE contract SET verdict = $1, verdict_reasons = $2 WHERE hash = $3");
        self.execute(sql.bind(verdict).bind(reasons).bind(hash)).await?;
        self.changes(Changed::Contract(hash.to_owned()));
        Ok(())
    }
}

fn push_filter(sql: &mut Sql, filter: &ContractFilter) -> Result<(), StoreError> {
    if let Some(participant) = &filter.participant {
        sql.push(" AND hash IN (SELECT contract FROM contract_participant WHERE participant = ");
        sql.push_value(participant).push(")");
    }
    if !filter.grant_types.is_empty() {
        let condition = " AND hash IN (SELECT contract FROM contract_grant WHERE grant_type IN ";
        push_in(sql, condition, filter.grant_types.iter().map(Value::from))?;
        sql.push(")");
    }
    if !filter.grant_hashes.is_empty() {
        let condition = " AND hash IN (SELECT contract FROM contract_grant WHERE hash_string IN ";
        push_in(sql, condition, filter.grant_hashes.iter().map(Value::from))?;
        push_in(sql, " OR hash_digest IN ", filter.grant_hashes.iter().map(Value::from))?;
        sql.push(")");
    }
    Ok(())
}

/// Reads the contracts that a statement finds, in its order, with everything that hangs on them.
async fn load(connection: &mut Connection, sql: Sql) -> Result<Vec<ContractRow>, StoreError> {
    let mut contracts: Vec<ContractRow> =
        connection.rows::<ContractColumns>(sql).await?.into_iter().map(contract).collect();
    let hashes: Vec<String> = contracts.iter().map(|contract| contract.hash.clone()).collect();
    let places: HashMap<String, usize> = hashes.iter().cloned().zip(0..).collect();
    for piece in powers_of_two(&hashes, TOGETHER) {
        let grants = parts(
            "SELECT contract, grant_type, hash_string, hash_digest, service_peer, service_name, counter_peer, data \
             FROM contract_grant WHERE contract IN ",
            piece,
            " ORDER BY contract, place",
        );
        for columns in connection.rows::<GrantColumns>(grants).await? {
            if let Some(contract) = places.get(&columns.0).and_then(|place| contracts.get_mut(*place)) {
                contract.grants.push(grant(columns)?);
            }
        }
        let signatures = parts(
            "SELECT contract, peer, kind, jws, signed_at, stored_at FROM contract_signature WHERE contract IN ",
            piece,
            " ORDER BY contract, stored_at, peer, kind",
        );
        for columns in connection.rows::<SignatureColumns>(signatures).await? {
            if let Some(contract) = places.get(&columns.0).and_then(|place| contracts.get_mut(*place)) {
                contract.signatures.push(signature(columns)?);
            }
        }
        let participants = parts(
            "SELECT contract, participant FROM contract_participant WHERE contract IN ",
            piece,
            " ORDER BY contract, participant",
        );
        for (hash, id) in connection.rows::<(String, String)>(participants).await? {
            if let Some(contract) = places.get(&hash).and_then(|place| contracts.get_mut(*place)) {
                contract.participants.push(participant(&id)?);
            }
        }
    }
    Ok(contracts)
}

fn parts(select: &'static str, hashes: &[String], order: &'static str) -> Sql {
    let mut sql = Sql::new(select);
    sql.push_list(hashes).push(order);
    sql
}

fn contract(columns: ContractColumns) -> ContractRow {
    let (hash, iv, content, created_at, not_before, not_after, stored_at, verdict, verdict_reasons) = columns;
    ContractRow {
        hash,
        iv,
        content,
        created_at: Timestamp::from_millis(created_at),
        not_before: Timestamp::from_millis(not_before),
        not_after: Timestamp::from_millis(not_after),
        stored_at: Timestamp::from_millis(stored_at),
        verdict,
        verdict_reasons,
        grants: Vec::new(),
        signatures: Vec::new(),
        participants: Vec::new(),
    }
}

fn grant(columns: GrantColumns) -> Result<GrantRow, StoreError> {
    let (_, grant_type, hash_string, hash_digest, service_peer, service_name, counter_peer, data) = columns;
    Ok(GrantRow {
        grant_type,
        hash_string,
        hash_digest,
        service_peer: participant(&service_peer)?,
        service_name,
        counter_peer: participant(&counter_peer)?,
        data,
    })
}

fn signature(
    (_, peer, kind, jws, signed_at, stored_at): SignatureColumns,
) -> Result<SignatureRow, StoreError> {
    Ok(SignatureRow {
        peer: participant(&peer)?,
        kind,
        jws,
        signed_at: Timestamp::from_millis(signed_at),
        stored_at: Timestamp::from_millis(stored_at),
    })
}

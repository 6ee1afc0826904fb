//! Headings of exchanges: each stands once, and the records under it name it by number.

use std::collections::{HashMap, HashSet};

use verbond_journal::{ExchangeHeading, RestsOn};

use crate::{
    StoreError,
    connection::Connection,
    sql::{Sql, Value, powers_of_two},
};

/// Headings in one statement at most: a power of two.
const TOGETHER: usize = 64;

/// The numbers of these headings. Those that are not there yet are put there, so that only whoever integrates may ask, or whoever has
/// taken the lead from it.
pub(crate) async fn numbered<'entries>(
    connection: &mut Connection,
    headings: impl Iterator<Item = &'entries ExchangeHeading>,
) -> Result<HashMap<ExchangeHeading, i64>, StoreError> {
    let distinct: HashSet<&ExchangeHeading> = headings.collect();
    let wanted: Vec<_> = distinct.into_iter().map(|heading| (heading.digest(), heading)).collect();
    let mut numbered = HashMap::with_capacity(wanted.len());
    for some in wanted.chunks(TOGETHER) {
        let known = known(connection, some.iter().map(|(digest, _)| digest)).await?;
        let mut missing = Vec::new();
        for (digest, heading) in some {
            match known.get(digest.as_slice()) {
                Some(number) => drop(numbered.insert((*heading).clone(), *number)),
                None => missing.push((*digest, *heading)),
            }
        }
        numbered.extend(put(connection, missing).await?);
    }
    Ok(numbered)
}

async fn known(
    connection: &mut Connection,
    digests: impl Iterator<Item = &[u8; 32]>,
) -> Result<HashMap<Vec<u8>, i64>, StoreError> {
    let mut sql = Sql::new("SELECT digest, id FROM exchange_heading WHERE digest IN ");
    sql.push_list(digests.map(<[u8; 32]>::as_slice));
    Ok(connection.rows::<(Vec<u8>, i64)>(sql).await?.into_iter().collect())
}

async fn put(
    connection: &mut Connection,
    headings: Vec<([u8; 32], &ExchangeHeading)>,
) -> Result<Vec<(ExchangeHeading, i64)>, StoreError> {
    if headings.is_empty() {
        return Ok(Vec::new());
    }
    let last = Sql::new("SELECT COALESCE(MAX(id), 0) FROM exchange_heading");
    let last = connection.row::<(i64,)>(last).await?.map_or(0, |(last,)| last);
    let numbered: Vec<_> = (last.saturating_add(1)..).zip(headings).collect();
    for piece in powers_of_two(&numbered, TOGETHER) {
        let mut sql = Sql::new(
            "INSERT INTO exchange_heading (id, digest, direction, consumer, consumer_delegator, provider, \
             provider_delegator, service, grant_hash, agreement, agreement_version, purpose) VALUES ",
        );
        sql.push_rows(piece.iter().map(|(number, (digest, heading))| row(*number, digest, heading)));
        connection.execute(sql).await?;
    }
    Ok(numbered.into_iter().map(|(number, (_, heading))| (heading.clone(), number)).collect())
}

fn row(number: i64, digest: &[u8; 32], heading: &ExchangeHeading) -> [Value; 12] {
    let RestsOn { agreement, purpose } = &heading.rests_on;
    [
        number.into(),
        digest.as_slice().into(),
        heading.direction.as_str().into(),
        (&heading.consumer).into(),
        heading.consumer_delegator.as_ref().into(),
        (&heading.provider).into(),
        heading.provider_delegator.as_ref().into(),
        (&heading.service).into(),
        heading.grant_hash.clone().into(),
        Value::Bytes(agreement.map(|(id, _)| id.as_bytes().to_vec())),
        agreement.map(|(_, version)| version).into(),
        purpose.clone().into(),
    ]
}

/// The headings of the records from a position on and before another.
pub(crate) async fn between(
    connection: &mut Connection,
    from: i64,
    until: i64,
) -> Result<Vec<i64>, StoreError> {
    let sql =
        Sql::new("SELECT DISTINCT heading FROM transaction_record WHERE position >= $1 AND position < $2");
    let rows = connection.rows::<(i64,)>(sql.bind(from).bind(until)).await?;
    Ok(rows.into_iter().map(|(number,)| number).collect())
}

/// Has every heading put there anew for the records that come: whether one says what it should is not looked at. Those that are there
/// stay until there is no record under them.
pub(crate) async fn forget(connection: &mut Connection) -> Result<(), StoreError> {
    connection.execute(Sql::new("UPDATE exchange_heading SET digest = NULL")).await.map(drop)
}

/// Takes headings out under which there is no record.
const LET_GO: &str = "DELETE FROM exchange_heading WHERE NOT EXISTS \
     (SELECT 1 FROM transaction_record WHERE heading = exchange_heading.id)";

/// As [`let_go`], all of them.
pub(crate) async fn let_go_unused(connection: &mut Connection) -> Result<(), StoreError> {
    connection.execute(Sql::new(LET_GO)).await.map(drop)
}

/// Takes these headings out, as far as there is no record under them any more. Needs the lead, as [`numbered`] does.
pub(crate) async fn let_go(connection: &mut Connection, headings: &[i64]) -> Result<(), StoreError> {
    for some in headings.chunks(TOGETHER) {
        let mut sql = Sql::new(LET_GO);
        sql.push(" AND id IN ").push_list(some.iter().copied());
        connection.execute(sql).await?;
    }
    Ok(())
}

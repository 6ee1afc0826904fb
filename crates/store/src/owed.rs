//! Processing records that applications owe: noted with the permit, struck out with the record.

use std::collections::HashSet;

use verbond_domain::{Direction, ParticipantId, Timestamp, TransactionId};
use verbond_journal::{Entry, EntryId, OwedPermit, Permit, Place, PreparedEntry};

use crate::{
    Store, StoreError,
    connection::Connection,
    journal::uuid,
    limits,
    records::{first_id_at, participant},
    sql::{LONGEST_LIST, Sql, Value},
};

/// Rows in one `INSERT` at most.
const ROWS: usize = 64;

/// An exchange of which a record is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwedRow {
    /// The entry that permitted it.
    pub permit: EntryId,
    /// The exchange.
    pub transaction_id: TransactionId,
    /// The application that owes it.
    pub application: String,
    /// The provider of the service.
    pub provider: ParticipantId,
    /// The service.
    pub service: String,
    /// From when on it is missing.
    pub due: Timestamp,
}

/// permit, transaction_id, application, provider, service, due_at_millis.
type Columns = (Vec<u8>, Vec<u8>, String, String, String, i64);

impl Store {
    /// The permit of an exchange that this node asked for: its entry, and what it says. `None` also when it
    /// has been destroyed.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn outgoing_permit(
        &self,
        transaction: TransactionId,
    ) -> Result<Option<(EntryId, Permit)>, StoreError> {
        let [from, until] = Permit::keys(transaction, Direction::Outgoing);
        let sql = Sql::new(
            "SELECT id, key_id, payload FROM journal_entry \
             WHERE unique_key >= $1 AND unique_key < $2 ORDER BY unique_key LIMIT 1",
        );
        let row = self
            .inner
            .pools
            .row::<(Vec<u8>, i64, Vec<u8>)>(sql.bind(from.as_slice()).bind(until.as_slice()))
            .await?;
        let Some((id, key, payload)) = row else { return Ok(None) };
        let Some(payload) = self.opening(vec![key]).await?.payload(key, &id, payload)? else {
            return Ok(None);
        };
        match serde_json::from_slice(&payload) {
            Ok(Entry::Permit(permit)) => Ok(Some((EntryId(uuid(&id)?), permit))),
            _ => Err(StoreError::damaged("the payload of a journal entry")),
        }
    }

    /// Notes that a record is owed about these people too, whom the answer names, and takes these places within limits for the
    /// permit; false: one is not to be had, and nothing is noted. Whoever is noted already is noted once.
    ///
    /// # Errors
    /// [`StoreError::Database`]: nothing about them may go on then.
    pub async fn owe(
        &self,
        permit: EntryId,
        owed: &OwedPermit,
        data_subjects: &[String],
        places: &[Place],
    ) -> Result<bool, StoreError> {
        let mut connection = self.inner.pools.begin_write().await?;
        // In the order in which all go through them.
        let mut places: Vec<&Place> = places.iter().collect();
        places.sort();
        for place in places {
            if !limits::take_one(&mut connection, place, permit).await? {
                return Ok(false);
            }
        }
        note(&mut connection, permit, owed, data_subjects.iter().map(String::as_str)).await?;
        connection.commit().await?;
        Ok(true)
    }

    /// Exchanges of which a record was due before this moment and has not come, the longest overdue first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn overdue_records(&self, moment: Timestamp, limit: i64) -> Result<Vec<OwedRow>, StoreError> {
        let sql = Sql::new(
            "SELECT DISTINCT permit, transaction_id, application, provider, service, due_at_millis \
             FROM record_owed WHERE due_at_millis < $1 ORDER BY due_at_millis, permit LIMIT $2",
        );
        owed(self.inner.pools.rows(sql.bind(moment).bind(limit)).await?)
    }

    /// The same of exchanges with one provider, whose transaction id was made from `from` on and before `until`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn overdue_records_with(
        &self,
        provider: &ParticipantId,
        (from, until): (Timestamp, Timestamp),
        moment: Timestamp,
    ) -> Result<Vec<OwedRow>, StoreError> {
        let sql = Sql::new(
            "SELECT DISTINCT permit, transaction_id, application, provider, service, due_at_millis \
             FROM record_owed WHERE provider = $1 AND transaction_id >= $2 AND transaction_id < $3 \
             AND due_at_millis < $4 ORDER BY transaction_id, permit",
        );
        let (from, until) = (first_id_at(from), first_id_at(until));
        let sql = sql.bind(provider).bind(from.as_slice()).bind(until.as_slice()).bind(moment);
        owed(self.inner.pools.rows(sql).await?)
    }

    /// Of which of these exchanges a record is still owed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn owing(&self, permits: &[EntryId]) -> Result<HashSet<EntryId>, StoreError> {
        let mut found = HashSet::new();
        for piece in permits.chunks(LONGEST_LIST) {
            let mut sql = Sql::new("SELECT DISTINCT permit FROM record_owed WHERE permit IN ");
            sql.push_list(piece.iter().map(|id| &id.0));
            for (permit,) in self.inner.pools.rows::<(Vec<u8>,)>(sql).await? {
                found.insert(EntryId(uuid(&permit)?));
            }
        }
        Ok(found)
    }
}

fn owed(rows: Vec<Columns>) -> Result<Vec<OwedRow>, StoreError> {
    let row = |(permit, transaction, application, provider, service, due): Columns| {
        Ok(OwedRow {
            permit: EntryId(uuid(&permit)?),
            transaction_id: TransactionId::from_uuid(uuid(&transaction)?),
            application,
            provider: participant(&provider)?,
            service,
            due: Timestamp::from_millis(due),
        })
    };
    rows.into_iter().map(row).collect()
}

/// Notes in an open transaction what these permits leave to their applications; returns which are to be left out, since too much is
/// owed already. Applications and services are gone through in the same order by all, so that no two transactions wait for each other.
pub(crate) async fn take(
    connection: &mut Connection,
    entries: &[PreparedEntry],
    without: &HashSet<EntryId>,
) -> Result<HashSet<EntryId>, StoreError> {
    let wanted = entries.iter().filter(|entry| !without.contains(&entry.id));
    let mut wanted: Vec<(&OwedPermit, EntryId)> =
        wanted.filter_map(|entry| Some((entry.owing.as_ref()?, entry.id))).collect();
    wanted.sort_by_key(|(owed, id)| (owed.application.as_str(), &owed.provider, &owed.service, *id));
    let mut too_many = HashSet::new();
    for (owed, entry) in wanted {
        if waiting(connection, owed, entry).await? >= i64::from(owed.most) {
            too_many.insert(entry);
        } else {
            note(connection, entry, owed, owed.records.about().into_iter()).await?;
        }
    }
    Ok(too_many)
}

/// How many other exchanges of the same application and service wait for a record. Another process of the node that wants to know it
/// waits until this transaction ends.
async fn waiting(connection: &mut Connection, owed: &OwedPermit, entry: EntryId) -> Result<i64, StoreError> {
    let OwedPermit { application, provider, service, .. } = owed;
    let of = |sql: Sql| sql.bind(application).bind(provider).bind(service.as_str());
    let mut lock = of(Sql::new(
        "SELECT alias FROM binding WHERE application = $1 AND provider = $2 AND service = $3 ORDER BY alias",
    ));
    connection.dialect().lock_rows(&mut lock);
    connection.rows::<(String,)>(lock).await?;
    let count = of(Sql::new(
        "SELECT COUNT(DISTINCT permit) FROM record_owed \
         WHERE application = $1 AND provider = $2 AND service = $3 AND permit <> $4",
    ));
    let row = connection.row::<(i64,)>(count.bind(&entry.0)).await?;
    row.map(|(count,)| count).ok_or_else(|| StoreError::damaged("a count is missing"))
}

async fn note(
    connection: &mut Connection,
    permit: EntryId,
    owed: &OwedPermit,
    data_subjects: impl Iterator<Item = &str>,
) -> Result<(), StoreError> {
    let OwedPermit { application, provider, service, transaction_id, records, .. } = owed;
    let rows: Vec<[Value; 7]> = data_subjects
        .map(|data_subject| {
            [
                (&permit.0).into(),
                data_subject.into(),
                transaction_id.as_uuid().as_bytes().as_slice().into(),
                application.as_str().into(),
                provider.into(),
                service.as_str().into(),
                records.due.into(),
            ]
        })
        .collect();
    for piece in rows.chunks(ROWS) {
        let mut sql = Sql::new(
            "INSERT INTO record_owed (permit, data_subject, transaction_id, application, provider, service, \
             due_at_millis) VALUES ",
        );
        sql.push_rows(piece.iter().cloned()).push(" ON CONFLICT DO NOTHING");
        connection.execute(sql).await?;
    }
    Ok(())
}

/// Strikes out in an open transaction what came with this entry; also when it turned out to stand already.
pub(crate) async fn settle(connection: &mut Connection, entry: &PreparedEntry) -> Result<(), StoreError> {
    let Some(settled) = &entry.settles else { return Ok(()) };
    let sql = Sql::new("DELETE FROM record_owed WHERE permit = $1 AND data_subject = $2");
    connection.execute(sql.bind(&settled.permit.0).bind(&settled.data_subject)).await?;
    Ok(())
}

/// Lets go of what a permit noted in this very transaction.
pub(crate) async fn let_go(connection: &mut Connection, entry: &PreparedEntry) -> Result<(), StoreError> {
    if entry.owing.is_none() {
        return Ok(());
    }
    let sql = Sql::new("DELETE FROM record_owed WHERE permit = $1");
    connection.execute(sql.bind(&entry.id.0)).await?;
    Ok(())
}

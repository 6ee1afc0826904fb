//! Exchanges, each with what became of it: those with one participant, which two parties compare, and all.

use verbond_domain::{ParticipantId, Timestamp, TransactionId};
use verbond_journal::{Completion, Entry, Permit, RefusedExchange};

use crate::{
    Page, Store, StoreError,
    cursor::{Cursor, Listing, clamp, page},
    month_keys::Opening,
    records::first_id_at,
    sql::Sql,
};

/// Whether an exchange was permitted here.
#[derive(Clone, Debug)]
pub enum Answered {
    /// It was, and this became of it; `None`: nothing has been written of that.
    Permitted(Box<Permit>, Option<Completion>),
    /// It was refused.
    Refused(RefusedExchange),
}

/// One exchange, as this node wrote it down.
#[derive(Clone, Debug)]
pub struct ExchangeRow {
    /// When it was permitted or refused.
    pub at: Timestamp,
    /// What came of it.
    pub answered: Answered,
}

/// position, transaction_id, at_millis; id, key_id and payload of the entry and of the completion.
type Columns =
    (i64, Option<Vec<u8>>, i64, Vec<u8>, i64, Vec<u8>, Option<Vec<u8>>, Option<i64>, Option<Vec<u8>>);

/// An agreement, or one version of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgreementFilter {
    /// The identifier that all versions share.
    pub agreement: uuid::Uuid,
    /// This version only.
    pub version: Option<i64>,
}

/// Which exchanges. What is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct ExchangeFilter {
    /// This one.
    pub transaction_id: Option<TransactionId>,
    /// With this participant at the other end.
    pub counterpart: Option<ParticipantId>,
    /// Of a service with this name.
    pub service: Option<String>,
    /// For this version of a processing activity: the address at which it is published.
    pub activity: Option<String>,
    /// Of which the decision rested on this agreement.
    pub agreement: Option<AgreementFilter>,
    /// For this purpose.
    pub purpose: Option<String>,
    /// Permitted or refused at or after,
    pub after: Option<Timestamp>,
    /// and before.
    pub before: Option<Timestamp>,
}

impl ExchangeFilter {
    /// Whether nothing but a period is asked for.
    pub(crate) fn is_of_time_only(&self) -> bool {
        let Self { transaction_id, counterpart, service, activity, agreement, purpose, after: _, before: _ } =
            self;
        transaction_id.is_none()
            && counterpart.is_none()
            && service.is_none()
            && activity.is_none()
            && agreement.is_none()
            && purpose.is_none()
    }

    /// Adds to a `select` without conditions, over `transaction_record AS seen` and `journal_entry AS entry`, what is asked for, in
    /// the order of positions, which are its first column.
    pub(crate) fn push_found(&self, select: &[&'static str], sql: &mut Sql, beyond: i64, limit: i64) {
        // Two pieces that each come in the order of an index, where one condition with `OR` would be sorted for each page.
        let ends: &[Option<End>] = match self.counterpart {
            Some(_) => &[Some(End::Consumer), Some(End::Provider)],
            None => &[None],
        };
        for (number, end) in ends.iter().enumerate() {
            if number > 0 {
                sql.push(" UNION ALL ");
            }
            for text in select {
                sql.push(text);
            }
            sql.push(" WHERE seen.position > ").push_value(beyond);
            self.push_conditions(sql, *end);
        }
        sql.push(" ORDER BY 1 LIMIT ").push_value(limit);
    }

    fn push_conditions(&self, sql: &mut Sql, end: Option<End>) {
        match (&self.counterpart, end) {
            (Some(counterpart), Some(End::Consumer)) => {
                sql.push(" AND seen.direction = 'incoming' AND seen.consumer = ").push_value(counterpart);
            }
            (Some(counterpart), Some(End::Provider)) => {
                sql.push(" AND seen.direction = 'outgoing' AND seen.provider = ").push_value(counterpart);
            }
            _ => {}
        }
        if let Some(transaction) = &self.transaction_id {
            sql.push(" AND seen.transaction_id = ").push_value(transaction.as_uuid());
        }
        if let Some(AgreementFilter { agreement, version }) = &self.agreement {
            sql.push(" AND seen.agreement = ").push_value(agreement);
            if let Some(version) = version {
                sql.push(" AND seen.agreement_version = ").push_value(*version);
            }
        }
        if let Some(purpose) = &self.purpose {
            sql.push(" AND seen.purpose = ").push_value(purpose);
        }
        if let Some(service) = &self.service {
            sql.push(" AND seen.service = ").push_value(service);
        }
        if let Some(activity) = &self.activity {
            sql.push(" AND seen.position IN (SELECT position FROM processing_record WHERE activity = ");
            sql.push_value(activity).push(")");
        }
        if let Some(after) = self.after {
            sql.push(" AND entry.id >= ").push_value(first_id_at(after).as_slice());
        }
        if let Some(before) = self.before {
            sql.push(" AND entry.id < ").push_value(first_id_at(before).as_slice());
        }
    }
}

/// At which end a counterpart is looked for.
#[derive(Clone, Copy)]
enum End {
    Consumer,
    Provider,
}

/// Exchanges with their completions, up to whose completion is meant.
const SEEN: &str = "SELECT seen.position, seen.transaction_id, entry.at_millis, \
     entry.id, entry.key_id, entry.payload, ended.id, ended.key_id, ended.payload \
     FROM transaction_record AS seen \
     JOIN journal_entry AS entry ON entry.position = seen.position \
     LEFT JOIN journal_entry AS ended ON entry.kind = 'permit' AND ended.position = \
       (SELECT MIN(completion.position) FROM completion_record AS completion \
        WHERE completion.transaction_id = seen.transaction_id AND completion.direction = seen.direction \
        AND completion.counterpart = ";
/// The end of [`SEEN`] for exchanges with all: the counterpart is the one at the other end.
const OTHER_END: &str = "CASE seen.direction WHEN 'incoming' THEN seen.consumer ELSE seen.provider END)";

impl Store {
    /// Lists exchanges that reached `counterpart`, or came from it, whose transaction id was made from `from` on and before `until`, in
    /// the order of these ids: an order that both parties see alike. `limit` 1 to 1000. What was written in the last second may be missing.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`], [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn exchanges_with(
        &self,
        counterpart: &ParticipantId,
        from: Timestamp,
        until: Timestamp,
        cursor: Option<&str>,
        limit: i64,
    ) -> Result<Page<ExchangeRow>, StoreError> {
        let limit = clamp(limit);
        let mut sql = Sql::new(SEEN);
        sql.push_value(counterpart).push(") WHERE seen.transaction_id >= ");
        sql.push_value(first_id_at(from).as_slice()).push(" AND seen.transaction_id < ");
        sql.push_value(first_id_at(until).as_slice());
        sql.push(" AND ((seen.direction = 'incoming' AND seen.consumer = ").push_value(counterpart);
        // What this node refused its own applications never reached the counterpart, and is none of its business.
        sql.push(") OR (seen.direction = 'outgoing' AND entry.kind = 'permit' AND seen.provider = ");
        sql.push_value(counterpart).push("))");
        if let Some(cursor) = Cursor::read(cursor, Listing::Exchanges)? {
            sql.push(" AND (seen.transaction_id > ").push_value(cursor.key.as_slice());
            sql.push(" OR (seen.transaction_id = ").push_value(cursor.key.as_slice());
            sql.push(" AND seen.position > ").push_value(cursor.number).push("))");
        }
        sql.push(" ORDER BY seen.transaction_id, seen.position LIMIT ").push_value(limit + 1);
        let rows = self.inner.pools.rows::<Columns>(sql).await?;
        // What has been destroyed has its place on a page: where a page ends does not depend on it.
        let Page { items, next } = page(rows, limit, Listing::Exchanges, |row| {
            Cursor::new(row.0, row.1.as_deref().unwrap_or_default())
        });
        Ok(Page { items: self.opened(items).await?, next })
    }

    /// Lists exchanges in the order in which they were permitted or refused. `limit` 1 to 1000. What was written in the last second may
    /// be missing.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`], [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn exchanges(
        &self,
        filter: &ExchangeFilter,
        cursor: Option<&str>,
        limit: i64,
    ) -> Result<Page<ExchangeRow>, StoreError> {
        let limit = clamp(limit);
        let beyond = Cursor::read(cursor, Listing::AllExchanges)?.map_or(0, |cursor| cursor.number);
        let mut sql = Sql::new("");
        filter.push_found(&[SEEN, OTHER_END], &mut sql, beyond, limit + 1);
        let rows = self.inner.pools.rows::<Columns>(sql).await?;
        // What has been destroyed has its place on a page: where a page ends does not depend on it.
        let Page { items, next } = page(rows, limit, Listing::AllExchanges, |row| Cursor::new(row.0, &[]));
        Ok(Page { items: self.opened(items).await?, next })
    }

    /// Rows with what their payloads say; those whose time is over are left out.
    async fn opened(&self, rows: Vec<Columns>) -> Result<Vec<ExchangeRow>, StoreError> {
        let opening =
            self.opening(rows.iter().flat_map(|row| [row.4, row.7.unwrap_or_default()]).collect()).await?;
        rows.into_iter().filter_map(|columns| row(columns, &opening).transpose()).collect()
    }
}

/// `None`: it has been destroyed.
fn row(columns: Columns, opening: &Opening) -> Result<Option<ExchangeRow>, StoreError> {
    let (_, _, at, id, key, payload, ended_id, ended_key, ended) = columns;
    let Some(payload) = opening.payload(key, &id, payload)? else { return Ok(None) };
    let ended = match (ended_id, ended_key, ended) {
        (Some(id), Some(key), Some(payload)) => opening.payload(key, &id, payload)?,
        _ => None,
    };
    let damaged = || StoreError::damaged("the payload of a journal entry");
    let read = |payload: &[u8]| serde_json::from_slice::<Entry>(payload).map_err(|_| damaged());
    let answered = match (read(&payload)?, ended.as_deref().map(read).transpose()?) {
        (Entry::Permit(permit), Some(Entry::Completion(completion))) => {
            Answered::Permitted(permit.into(), Some(completion))
        }
        (Entry::Permit(permit), None) => Answered::Permitted(permit.into(), None),
        (Entry::Refusal(refusal), None) => Answered::Refused(refusal),
        _ => return Err(damaged()),
    };
    Ok(Some(ExchangeRow { at: Timestamp::from_millis(at), answered }))
}

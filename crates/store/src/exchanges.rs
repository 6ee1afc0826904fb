//! Exchanges, each with what became of it: those with one participant, which two parties compare, and all.

use verbond_domain::{ParticipantId, Timestamp, TransactionId};
use verbond_journal::{Completion, Entry, EntryId, Permit, RefusedExchange};

use crate::{
    Page, Store, StoreError,
    connection::Connection,
    cursor::{Cursor, Listing, clamp, page},
    journal::uuid,
    month_keys::Opening,
    records::first_id_at,
    sql::{Row, Sql},
};

/// Headings under each of which is looked by itself. Of more, all records are gone through in their order.
const MOST_HEADINGS: usize = 64;

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
    /// The journal entry that says so.
    pub entry: EntryId,
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
        self.transaction_id.is_none() && self.activity.is_none() && !self.is_of_headings()
    }

    /// Whether something is asked for that exchanges share.
    fn is_of_headings(&self) -> bool {
        let Self {
            counterpart,
            service,
            agreement,
            purpose,
            transaction_id: _,
            activity: _,
            after: _,
            before: _,
        } = self;
        counterpart.is_some() || service.is_some() || agreement.is_some() || purpose.is_some()
    }

    /// Rows in the order of positions, which are the first column of a `select` without conditions over `transaction_record AS seen`,
    /// `exchange_heading AS heading` and `journal_entry AS entry`.
    pub(crate) async fn found<R: Row>(
        &self,
        store: &Store,
        select: &[&'static str],
        beyond: i64,
        limit: i64,
    ) -> Result<Vec<R>, StoreError> {
        // One picture: under a heading that comes in between there may be records that belong on this page.
        let mut connection = store.inner.pools.begin_read().await?;
        let headings = match self.is_of_headings() {
            true => Some(self.headings(&mut connection).await?),
            false => None,
        };
        let mut sql = Sql::new("");
        for text in select {
            sql.push(text);
        }
        match headings.as_deref() {
            Some([]) => return Ok(Vec::new()),
            Some(few) if few.len() <= MOST_HEADINGS => self.push_under(&mut sql, few, beyond, limit),
            many => {
                sql.push(" WHERE seen.position > ").push_value(beyond);
                self.push_conditions(&mut sql);
                if many.is_some() {
                    // Added to nothing, so that no database looks for each of them and sorts what it finds.
                    sql.push(" AND seen.heading + 0 IN (SELECT heading.id FROM exchange_heading AS heading WHERE 1 = 1");
                    self.push_heading_conditions(&mut sql);
                    sql.push(")");
                }
            }
        }
        sql.push(" ORDER BY 1 LIMIT ").push_value(limit);
        connection.rows(sql).await
    }

    /// The first so many under each of these headings: in the order of an index, where one condition over all would be sorted for each
    /// page.
    fn push_under(&self, sql: &mut Sql, headings: &[i64], beyond: i64, limit: i64) {
        let mut before = " WHERE seen.position IN (";
        // Up to a power of two, by one that does not exist, so that few different statements are prepared.
        let padded = headings.iter().copied().chain(std::iter::repeat(0));
        for heading in padded.take(headings.len().next_power_of_two()) {
            sql.push(before).push(UNDER).push_value(heading);
            sql.push(" AND seen.position > ").push_value(beyond);
            self.push_conditions(sql);
            sql.push(" ORDER BY seen.position LIMIT ").push_value(limit).push(") AS one");
            before = " UNION ALL ";
        }
        sql.push(")");
    }

    /// The headings under which there can be what is asked for, one more than [`MOST_HEADINGS`] at most.
    async fn headings(&self, connection: &mut Connection) -> Result<Vec<i64>, StoreError> {
        let mut sql = Sql::new("SELECT heading.id FROM exchange_heading AS heading WHERE 1 = 1");
        self.push_heading_conditions(&mut sql);
        sql.push(" ORDER BY heading.id LIMIT ")
            .push_value(i64::try_from(MOST_HEADINGS).unwrap_or(i64::MAX) + 1);
        Ok(connection.rows::<(i64,)>(sql).await?.into_iter().map(|(number,)| number).collect())
    }

    fn push_heading_conditions(&self, sql: &mut Sql) {
        if let Some(counterpart) = &self.counterpart {
            sql.push(" AND (heading.direction = 'incoming' AND heading.consumer = ").push_value(counterpart);
            sql.push(" OR heading.direction = 'outgoing' AND heading.provider = ").push_value(counterpart);
            sql.push(")");
        }
        if let Some(AgreementFilter { agreement, version }) = &self.agreement {
            sql.push(" AND heading.agreement = ").push_value(agreement);
            if let Some(version) = version {
                sql.push(" AND heading.agreement_version = ").push_value(*version);
            }
        }
        if let Some(purpose) = &self.purpose {
            sql.push(" AND heading.purpose = ").push_value(purpose);
        }
        if let Some(service) = &self.service {
            sql.push(" AND heading.service = ").push_value(service);
        }
    }

    fn push_conditions(&self, sql: &mut Sql) {
        if let Some(transaction) = &self.transaction_id {
            sql.push(" AND seen.transaction_id = ").push_value(transaction.as_uuid());
        }
        if let Some(activity) = &self.activity {
            sql.push(
                " AND seen.transaction_id IN (SELECT transaction_id FROM processing_record WHERE activity = ",
            );
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

/// Positions under one heading.
const UNDER: &str = "SELECT * FROM (SELECT seen.position FROM transaction_record AS seen \
     JOIN journal_entry AS entry ON entry.position = seen.position WHERE seen.heading = ";

/// Exchanges with their completions, up to whose completion is meant. The number of a heading is added to nothing, so that each record's
/// heading is looked up, and not the records of each heading, which would all be sorted for a page.
const SEEN: &str = "SELECT seen.position, seen.transaction_id, entry.at_millis, \
     entry.id, entry.key_id, entry.payload, ended.id, ended.key_id, ended.payload \
     FROM transaction_record AS seen \
     JOIN exchange_heading AS heading ON heading.id = seen.heading + 0 \
     JOIN journal_entry AS entry ON entry.position = seen.position \
     LEFT JOIN journal_entry AS ended ON entry.kind = 'permit' AND ended.position = \
       (SELECT MIN(completion.position) FROM completion_record AS completion \
        WHERE completion.transaction_id = seen.transaction_id AND completion.direction = heading.direction \
        AND completion.counterpart = ";
/// The end of [`SEEN`] for exchanges with all: the counterpart is the one at the other end.
const OTHER_END: &str =
    "CASE heading.direction WHEN 'incoming' THEN heading.consumer ELSE heading.provider END)";

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
        sql.push(" AND ((heading.direction = 'incoming' AND heading.consumer = ").push_value(counterpart);
        // What this node refused its own applications never reached the counterpart, and is none of its business.
        sql.push(") OR (heading.direction = 'outgoing' AND entry.kind = 'permit' AND heading.provider = ");
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
        let rows = filter.found::<Columns>(self, &[SEEN, OTHER_END], beyond, limit + 1).await?;
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
    let entry = EntryId(uuid(&id)?);
    Ok(Some(ExchangeRow { entry, at: Timestamp::from_millis(at), answered }))
}

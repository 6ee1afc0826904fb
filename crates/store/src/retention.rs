//! Destroying what the journal says of exchanges once its time is over; that something stood there can still be proved.

use std::collections::{BTreeMap, BTreeSet};

use verbond_domain::{Actor, Ambient, Month, Timestamp};
use verbond_journal::{Act, Entry};

use crate::{
    Store, StoreError, Transaction,
    connection::Connection,
    holds::{self, HoldRow},
    month_keys::{Class, NOT_SEALED},
    records::first_id_at,
    sql::Sql,
    views,
};

/// Entries in one transaction at most, so that appends do not wait long for it.
const STEP: i64 = 1000;
const DAY_SECONDS: i64 = 86_400;

/// How far destroying what is over has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionReport {
    /// For how many days exchanges are kept; 0: for ever; `None`: no rule has been written down yet.
    pub keep_days: Option<u32>,
    /// Entries whose time is over, that are under no hold and still there.
    pub due: u64,
    /// Entries whose time is over, that are there because of a hold.
    pub held: u64,
    /// Entries that have been destroyed since there are acts that name them by index.
    pub destroyed: u64,
    /// Those of them whose act stands in the tree, so that a checkpoint proves it.
    pub proven: u64,
    /// When the last copy of these in backups is gone, as far as it is known.
    pub copies_gone_at: Option<Timestamp>,
}

/// Where destroying goes on, and by which rule.
pub(crate) struct Place {
    position: i64,
    keep_days: Option<i64>,
    left: Option<(i64, i64)>,
}

/// An entry that is looked at: position, kind, time, key, and whether it is still there (1) or not (0).
type SeenEntry = (i64, String, i64, i64, i64);

/// What becomes of an entry.
enum Fate<'a> {
    /// It is none of those that are destroyed, or it has been.
    Nothing,
    /// Its time is not over.
    Later,
    /// Its time is over, and it is under these holds.
    Held(Vec<&'a HoldRow>),
    /// Its time is over.
    Over,
}

/// Entries that are destroyed together: none that must stay, or was destroyed before, stands between them.
#[derive(Default)]
struct Run {
    first: i64,
    last: i64,
    entries: i64,
    kinds: BTreeSet<String>,
    /// Between the first and the last of these times they were written.
    times: Option<(i64, i64)>,
    /// Some were written before there were month keys: copies of them open without one.
    unsealed: bool,
}

impl Store {
    /// Says for how many days exchanges are kept from now on (0: for ever), with the act that makes it the rule. Returns
    /// whether it was another number before.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn keep_exchanges_for(&self, days: u32, ambient: &Ambient) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let place = lock(transaction.connection()?).await?;
        if place.keep_days == Some(days.into()) {
            return Ok(false);
        }
        let rule = Sql::new("UPDATE retention SET keep_days = $1 WHERE id = 1").bind(i64::from(days));
        transaction.execute(rule).await?;
        let detail = serde_json::json!({ "keep_days": days });
        transaction.append(&act("journal.retention", "exchanges", detail), ambient).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Destroys payload, salt and unique key of permits, refusals, processing records and completions whose time is over by the
    /// rule in force and that are under no hold, with the rows of their views, and journals that it did so. Id, kind, time,
    /// position and commitment stay; acts and witness entries stay whole.
    ///
    /// Goes on where the last call stopped, and looks at `limit` entries (1 to 1000) in the order of their positions;
    /// returns how many it has passed: to be called again until that is 0. Entries that are not integrated yet
    /// wait for [`Store::integrate`]. What must stay is passed over, and looked at again when its time is over or its hold is released.
    /// `key_backup_days` is how long backups of month keys live: from it follows when the last copy is gone.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn destroy_what_is_over(
        &self,
        key_backup_days: u32,
        limit: i64,
        ambient: &Ambient,
    ) -> Result<usize, StoreError> {
        let mut transaction = self.begin().await?;
        let place = lock(transaction.connection()?).await?;
        let Some(keep_days) = place.keep_days.filter(|days| *days > 0) else { return Ok(0) };
        let now = ambient.now();
        let moment = over_before(now, keep_days);
        let place = place.looking_again_at_what_is_over(moment);

        let mut entries = seen(transaction.connection()?, place.position, limit.clamp(1, STEP)).await?;
        // Positions follow the order of writing, nearly: nothing that is over comes long after what is not.
        entries.truncate(
            entries.iter().rposition(|(_, _, at, ..)| *at < moment.millis()).map_or(0, |last| last + 1),
        );
        let Some(next) = entries.last().map(|(position, ..)| position.saturating_add(1)) else {
            return Ok(0);
        };

        let holds = holds::standing(transaction.connection()?).await?;
        let looked = Looked::at(&entries, moment, &holds, place.left);
        for (name, position) in &looked.passed {
            holds::note_passed(transaction.connection()?, name, *position).await?;
        }
        go_on_from(transaction.connection()?, next, looked.left).await?;
        for run in &looked.runs {
            run.destroy(&mut transaction).await?;
            let copies_gone_at = run.copies_gone_at(now, keep_days, key_backup_days, &holds);
            run.tell(&mut transaction, keep_days, moment, copies_gone_at, ambient).await?;
        }
        // The acts bear a time; one before `now` would say that what they tell was destroyed too early.
        if ambient.now() < now {
            return Err(StoreError::Database(
                "the clock went back while exchanges were destroyed".to_owned(),
            ));
        }
        transaction.commit().await?;
        Ok(entries.len())
    }

    /// Destroys the keys of months of which nothing must stay any more; whatever copies of their entries there are cannot be opened
    /// again. Returns how many it destroyed. To be called when [`Store::destroy_what_is_over`] finds nothing more.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn destroy_month_keys(&self, now: Timestamp) -> Result<usize, StoreError> {
        let mut connection = self.inner.pools.begin_write().await?;
        let place = lock(&mut connection).await?;
        let Some(keep_days) = place.keep_days.filter(|days| *days > 0) else { return Ok(0) };
        let moment = over_before(now, keep_days);
        let keys = Sql::new("SELECT id, month FROM month_key WHERE class = $1 ORDER BY month");
        let mut destroyed = 0;
        for (id, month) in connection.rows::<(i64, i64)>(keys.bind(Class::Exchange.as_str())).await? {
            let Some((from, until)) = Month::from_number(month).and_then(period) else { continue };
            if until > moment || has_content(&mut connection, id, from, until).await? {
                continue;
            }
            connection.execute(Sql::new("DELETE FROM month_key WHERE id = $1").bind(id)).await?;
            destroyed += 1;
        }
        connection.commit().await?;
        if destroyed > 0 {
            self.month_keys()?.forget();
        }
        self.inner.pools.leave_no_traces().await?;
        Ok(destroyed)
    }

    /// How far destroying what is over has come, at a moment. Counts what waits, so it takes longer the more that is.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn retention_report(&self, now: Timestamp) -> Result<RetentionReport, StoreError> {
        let mut connection = self.inner.pools.begin_read().await?;
        let place = read(&mut connection, false).await?;
        let holds = holds::standing(&mut connection).await?;
        let (mut due, mut held) = (0, 0);
        if let Some(days) = place.keep_days.filter(|days| *days > 0) {
            let moment = over_before(now, days);
            let over = count_kept(&mut connection, None, moment).await?;
            held = count_kept(&mut connection, Some(&holds), moment).await?;
            due = over.saturating_sub(held);
        }
        let sums = Sql::new(
            "SELECT CAST(COALESCE(SUM(done.entries), 0) AS BIGINT), \
               CAST(COALESCE(SUM(CASE WHEN told.position <= head.tree_size THEN done.entries ELSE 0 END), 0) AS BIGINT), \
               CASE WHEN COUNT(*) = COUNT(done.copies_gone_at) THEN MAX(done.copies_gone_at) END \
             FROM journal_destruction AS done JOIN journal_entry AS told ON told.id = done.act \
             JOIN journal_head AS head ON head.id = 1",
        );
        let sums: Option<(i64, i64, Option<i64>)> = connection.row(sums).await?;
        let (destroyed, proven, copies_gone_at) = sums.unwrap_or_default();
        let whole = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok(RetentionReport {
            keep_days: place.keep_days.and_then(|days| u32::try_from(days).ok()),
            due: whole(due),
            held: whole(held),
            destroyed: whole(destroyed),
            proven: whole(proven),
            copies_gone_at: copies_gone_at.map(Timestamp::from_millis),
        })
    }
}

impl Place {
    /// For how many days exchanges are kept by the rule in force.
    pub(crate) const fn keep_days(&self) -> Option<i64> {
        self.keep_days
    }

    /// Goes back to what was passed over because it was dated later, once that is over too.
    fn looking_again_at_what_is_over(self, moment: Timestamp) -> Self {
        match self.left {
            Some((from, at)) if at < moment.millis() => {
                Self { position: self.position.min(from), left: None, ..self }
            }
            _ => self,
        }
    }
}

/// What a step has found.
struct Looked<'a> {
    runs: Vec<Run>,
    /// The first position passed over because of each hold.
    passed: BTreeMap<&'a str, i64>,
    /// The first position that was passed over because its time is not over, and the earliest such time.
    left: Option<(i64, i64)>,
}

impl<'a> Looked<'a> {
    fn at(entries: &[SeenEntry], moment: Timestamp, holds: &'a [HoldRow], left: Option<(i64, i64)>) -> Self {
        let mut looked = Self { runs: Vec::new(), passed: BTreeMap::new(), left };
        let mut run: Option<Run> = None;
        for (position, kind, at, key, there) in entries {
            match fate(kind, *at, *there, moment, holds) {
                Fate::Over => run.get_or_insert_default().add(*position, kind, *at, *key),
                // An act between two of them breaks nothing: it is of no kind that is destroyed.
                Fate::Nothing if !is_destroyed(kind) => {}
                Fate::Nothing => looked.runs.extend(run.take()),
                Fate::Held(by) => {
                    looked.runs.extend(run.take());
                    for hold in by {
                        looked.passed.entry(&hold.name).or_insert(*position);
                    }
                }
                Fate::Later => {
                    looked.runs.extend(run.take());
                    let (from, earliest) = looked.left.unwrap_or((*position, *at));
                    looked.left = Some((from.min(*position), earliest.min(*at)));
                }
            }
        }
        looked.runs.extend(run);
        looked
    }
}

impl Run {
    fn add(&mut self, position: i64, kind: &str, at: i64, key: i64) {
        if self.entries == 0 {
            self.first = position;
        }
        self.last = position;
        self.entries = self.entries.saturating_add(1);
        self.kinds.insert(kind.to_owned());
        let (first, last) = self.times.unwrap_or((at, at));
        self.times = Some((first.min(at), last.max(at)));
        self.unsealed |= key == NOT_SEALED;
    }

    /// When no backup can show any more what these entries said: so long after the key of their last month goes as backups of keys
    /// live. `None`: they lay unsealed, or a hold keeps that key for nobody knows how long.
    fn copies_gone_at(
        &self,
        now: Timestamp,
        keep_days: i64,
        key_backup_days: u32,
        holds: &[HoldRow],
    ) -> Option<Timestamp> {
        let (first, last) = self.times.filter(|_| !self.unsealed)?;
        let from = Month::of(Timestamp::from_millis(first)).beginning()?;
        let until = Month::of(Timestamp::from_millis(last)).end()?;
        if holds.iter().any(|hold| hold.from < until && hold.until.is_none_or(|end| end > from)) {
            return None;
        }
        let key_goes_at = now.max(until.plus_seconds(keep_days.saturating_mul(DAY_SECONDS)));
        Some(key_goes_at.plus_seconds(i64::from(key_backup_days).saturating_mul(DAY_SECONDS)))
    }

    async fn destroy(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let owed = Sql::new(
            "DELETE FROM record_owed WHERE permit IN (SELECT id FROM journal_entry \
             WHERE position >= $1 AND position <= $2 AND kind = 'permit')",
        );
        transaction.execute(owed.bind(self.first).bind(self.last)).await?;
        let empty = Sql::new(
            "UPDATE journal_entry SET payload = $3, salt = $3, unique_key = NULL \
             WHERE position >= $1 AND position <= $2 AND kind IN ('permit', 'refusal', 'processing', 'completion')",
        );
        let empty = empty.bind(self.first).bind(self.last).bind([].as_slice());
        transaction.execute(empty).await?;
        views::destroy(transaction.connection()?, self.first, self.last.saturating_add(1)).await
    }

    /// Writes the act, and what the report counts.
    async fn tell(
        &self,
        transaction: &mut Transaction,
        keep_days: i64,
        moment: Timestamp,
        copies_gone_at: Option<Timestamp>,
        ambient: &Ambient,
    ) -> Result<(), StoreError> {
        // The database counts positions from 1, the journal's formats indices from 0.
        let (first, last) = (self.first.saturating_sub(1), self.last.saturating_sub(1));
        let mut detail = serde_json::json!({
            "first_index": first,
            "last_index": last,
            "kinds": self.kinds,
            "keep_days": keep_days,
            "written_before": moment,
        });
        if let (Some(detail), Some(gone)) = (detail.as_object_mut(), copies_gone_at) {
            detail.insert("copies_gone_at".to_owned(), gone.millis().into());
        }
        let act = act("journal.drop", &format!("{first}-{last}"), detail).prepare(ambient);
        let act = act.map_err(|_| StoreError::damaged("an act that cannot be written"))?;
        let done = Sql::new(
            "INSERT INTO journal_destruction (act, first_index, last_index, entries, destroyed_at, copies_gone_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let done = done.bind(&act.id.0).bind(first).bind(last).bind(self.entries).bind(act.at);
        let done = done.bind(copies_gone_at.map(Timestamp::millis));
        transaction.execute(done).await?;
        transaction.append_prepared(act).await
    }
}

/// The moment before which what was written is over.
fn over_before(now: Timestamp, keep_days: i64) -> Timestamp {
    now.plus_seconds(-keep_days.saturating_mul(DAY_SECONDS))
}

/// Whether entries of this kind are destroyed when their time is over.
fn is_destroyed(kind: &str) -> bool {
    matches!(kind, "permit" | "refusal" | "processing" | "completion")
}

fn fate<'a>(kind: &str, at: i64, there: i64, moment: Timestamp, holds: &'a [HoldRow]) -> Fate<'a> {
    if !is_destroyed(kind) || there == 0 {
        return Fate::Nothing;
    }
    if at >= moment.millis() {
        return Fate::Later;
    }
    let by: Vec<&HoldRow> = holds.iter().filter(|hold| hold.covers(Timestamp::from_millis(at))).collect();
    match by.is_empty() {
        true => Fate::Over,
        false => Fate::Held(by),
    }
}

async fn seen(connection: &mut Connection, from: i64, limit: i64) -> Result<Vec<SeenEntry>, StoreError> {
    let entries = Sql::new(
        "SELECT position, kind, at_millis, key_id, CAST(CASE WHEN length(payload) > 0 THEN 1 ELSE 0 END AS BIGINT) \
         FROM journal_entry WHERE position >= $1 AND position < $2 \
         AND position <= (SELECT size FROM journal_head WHERE id = 1) ORDER BY position",
    );
    connection.rows(entries.bind(from).bind(from.saturating_add(limit))).await
}

fn period(month: Month) -> Option<(Timestamp, Timestamp)> {
    Some((month.beginning()?, month.end()?))
}

/// Whether an entry written in a month is still there that is sealed under its key.
async fn has_content(
    connection: &mut Connection,
    key: i64,
    from: Timestamp,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let sql = Sql::new(
        "SELECT position FROM journal_entry WHERE id >= $1 AND id < $2 AND key_id = $3 AND length(payload) > 0 LIMIT 1",
    );
    let sql = sql.bind(first_id_at(from).as_slice()).bind(first_id_at(until).as_slice()).bind(key);
    Ok(connection.row::<(Option<i64>,)>(sql).await?.is_some())
}

async fn go_on_from(
    connection: &mut Connection,
    position: i64,
    left: Option<(i64, i64)>,
) -> Result<(), StoreError> {
    let stands = Sql::new("UPDATE retention SET position = $1, left_from = $2, left_at = $3 WHERE id = 1");
    let stands = stands.bind(position).bind(left.map(|(from, _)| from)).bind(left.map(|(_, at)| at));
    connection.execute(stands).await.map(drop)
}

/// How many entries written before a moment are still there that could be destroyed; with holds, only those under one of these.
async fn count_kept(
    connection: &mut Connection,
    under: Option<&[HoldRow]>,
    moment: Timestamp,
) -> Result<i64, StoreError> {
    // Ids begin with the time at which the entry was made.
    let mut sql = Sql::new(
        "SELECT COUNT(*) FROM journal_entry WHERE kind IN ('permit', 'refusal', 'processing', 'completion') \
         AND length(payload) > 0 AND id < ",
    );
    sql.push_value(first_id_at(moment).as_slice());
    if let Some(holds) = under {
        sql.push(" AND (1 = 0");
        for hold in holds {
            sql.push(" OR (at_millis >= ").push_value(hold.from);
            if let Some(until) = hold.until {
                sql.push(" AND at_millis < ").push_value(until);
            }
            sql.push(")");
        }
        sql.push(")");
    }
    Ok(connection.row::<(i64,)>(sql).await?.map_or(0, |(count,)| count))
}

/// Where destroying goes on. Whoever has it is alone with it until the end of the transaction.
pub(crate) async fn lock(connection: &mut Connection) -> Result<Place, StoreError> {
    read(connection, true).await
}

async fn read(connection: &mut Connection, alone: bool) -> Result<Place, StoreError> {
    let mut sql = Sql::new("SELECT position, keep_days, left_from, left_at FROM retention WHERE id = 1");
    if alone {
        connection.dialect().lock_rows(&mut sql);
    }
    type Columns = (i64, Option<i64>, Option<i64>, Option<i64>);
    let row = connection.row::<Columns>(sql).await?;
    let (position, keep_days, left_from, left_at) =
        row.ok_or_else(|| StoreError::damaged("the place of retention is missing"))?;
    Ok(Place { position, keep_days, left: left_from.zip(left_at) })
}

fn act(action: &str, subject: &str, detail: serde_json::Value) -> Entry {
    Entry::Act(Act {
        author: Actor::Node { rule: "retention".to_owned() },
        action: action.to_owned(),
        subject: subject.to_owned(),
        detail,
    })
}

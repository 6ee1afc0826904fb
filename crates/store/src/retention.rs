//! Dropping what the journal says of exchanges once its time is over; that something stood there can still be proved.

use verbond_domain::{Actor, Ambient, Timestamp};
use verbond_journal::{Act, Entry};

use crate::{Store, StoreError, connection::Connection, sql::Sql, views};

/// Entries in one transaction at most, so that appends do not wait long for it.
const STEP: i64 = 1000;

/// An entry that is looked at: position, kind, time.
type SeenEntry = (i64, String, i64);

impl Store {
    /// Drops payload, salt and unique key of permits, refusals, processing records and completions that were written before `moment`, with
    /// the rows of their views, and journals that it did so. Id, kind, time, position and commitment stay; acts stay whole.
    ///
    /// Goes on where the last call stopped, and looks at `limit` entries (1 to 1000) in the order of their positions;
    /// returns how many it has passed: to be called again until that is 0. Entries that are not integrated yet
    /// wait for [`Store::integrate`]. Positions follow the order of writing, so the first entry that must stay ends the
    /// search; one that is dated after now was written under a wrong clock and goes with what was written after it.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn drop_exchanges_before(
        &self,
        moment: Timestamp,
        limit: i64,
        ambient: &Ambient,
    ) -> Result<usize, StoreError> {
        let mut transaction = self.begin().await?;
        let connection = transaction.connection()?;
        let from = lock_position(connection).await?;
        let entries = Sql::new(
            "SELECT position, kind, at_millis FROM journal_entry \
             WHERE position >= $1 AND position < $2 AND position <= (SELECT size FROM journal_head) ORDER BY position",
        );
        let until = from.saturating_add(limit.clamp(1, STEP));
        let mut entries: Vec<SeenEntry> = connection.rows(entries.bind(from).bind(until)).await?;
        entries.truncate(ended(&entries, moment, ambient.now()));
        let Some(last) = entries.last().map(|(position, ..)| *position) else { return Ok(0) };

        let next = last.saturating_add(1);
        let empty = Sql::new(
            "UPDATE journal_entry SET payload = $3, salt = $3, unique_key = NULL \
             WHERE position >= $1 AND position < $2 AND kind <> 'act'",
        );
        let dropped = connection.execute(empty.bind(from).bind(next).bind([].as_slice())).await?;
        views::empty(connection, from, next).await?;
        let stands = Sql::new("UPDATE retention SET position = $1 WHERE id = 1");
        connection.execute(stands.bind(next)).await?;
        if dropped > 0 {
            transaction.append(&act(moment, from, last, &entries), ambient).await?;
        }
        transaction.commit().await?;
        Ok(entries.len())
    }
}

/// The position at which retention goes on. Whoever has it is alone with it until the end of the transaction.
pub(crate) async fn lock_position(connection: &mut Connection) -> Result<i64, StoreError> {
    let mut sql = Sql::new("SELECT position FROM retention WHERE id = 1");
    connection.dialect().lock_rows(&mut sql);
    let row = connection.row::<(i64,)>(sql).await?;
    row.map(|(position,)| position).ok_or_else(|| StoreError::damaged("the place of retention is missing"))
}

/// How many entries from the first one on have ended.
fn ended(entries: &[SeenEntry], moment: Timestamp, now: Timestamp) -> usize {
    let (moment, now) = (moment.millis(), now.millis());
    let looked_at = entries.iter().take_while(|(_, _, at)| *at < moment || *at > now);
    looked_at.enumerate().filter(|(_, (_, _, at))| *at < moment).last().map_or(0, |(place, _)| place + 1)
}

fn act(moment: Timestamp, first: i64, last: i64, entries: &[SeenEntry]) -> Entry {
    // What else is dropped of an exchange, its records and its completion, is no exchange more.
    let exchanges =
        entries.iter().filter(|(_, kind, _)| matches!(kind.as_str(), "permit" | "refusal")).count();
    Entry::Act(Act {
        author: Actor::Node { rule: "retention".to_owned() },
        action: "journal.drop".to_owned(),
        subject: format!("{first}-{last}"),
        detail: serde_json::json!({
            "first_position": first,
            "last_position": last,
            "exchanges": exchanges,
            "written_before": moment,
        }),
    })
}

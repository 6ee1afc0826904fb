//! What each change of the database was about, so that whoever holds a picture of it reads only that anew.
//!
//! Changes are numbered at commit, by the one row of `generation`, which every transaction that changes something holds until it
//! has ended. Whoever sees a number therefore sees all changes up to it, on PostgreSQL too. Where a change does not say what
//! it was about (an older version of the program made it), is no longer kept, or is not the one of that number that was seen before (the
//! database was put back), nothing is guessed: everything is read.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
};

use uuid::Uuid;

use crate::{
    Store, StoreError,
    connection::Connection,
    sql::{Sql, Value, powers_of_two},
};

/// Changes that are kept. Whoever is further behind reads everything.
const KEPT: i64 = 4_096;
/// So many rows at most are read to find what changed: beyond them, reading everything is no more work.
const MOST_ROWS: i64 = 16_384;

/// What a change was about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Changed {
    /// An agreement, by the identifier that its versions share.
    Agreement(String),
    /// A contract, by its hash.
    Contract(String),
    /// Services.
    Services,
    /// Applications and their bindings.
    Applications,
    /// Participants that this node has met.
    Peers,
    /// Persons and their keys.
    Persons,
    /// Tasks about counterparts.
    CounterpartTasks,
    /// Something that no picture holds; others wait for it.
    Other,
}

impl Changed {
    fn columns(&self) -> (&'static str, &str) {
        match self {
            Self::Agreement(id) => ("agreement", id),
            Self::Contract(hash) => ("contract", hash),
            Self::Services => ("services", ""),
            Self::Applications => ("applications", ""),
            Self::Peers => ("peers", ""),
            Self::Persons => ("persons", ""),
            Self::CounterpartTasks => ("counterpart-tasks", ""),
            Self::Other => ("other", ""),
        }
    }

    fn read(kind: &str, subject: String) -> Option<Self> {
        Some(match kind {
            "agreement" => Self::Agreement(subject),
            "contract" => Self::Contract(subject),
            "services" => Self::Services,
            "applications" => Self::Applications,
            "peers" => Self::Peers,
            "persons" => Self::Persons,
            "counterpart-tasks" => Self::CounterpartTasks,
            "other" => Self::Other,
            _ => return None,
        })
    }
}

/// A place in the sequence of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePosition {
    /// The number of the change ([`Store::generation`]).
    pub number: i64,
    /// What tells it from another change of that number; `None` where it has said nothing of itself.
    mark: Option<String>,
}

/// What changed since a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// This, and nothing else; nothing at all if it is empty.
    Known(BTreeSet<Changed>),
    /// That cannot be told: everything is to be read.
    Unknown,
}

/// Where the database stands, and what changed on the way there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Where it stands.
    pub position: ChangePosition,
    /// What changed.
    pub since: Since,
}

/// Gives each change of one opened store a mark of its own.
pub(crate) struct Marks {
    opening: Uuid,
    next: AtomicU64,
}

impl Marks {
    pub(crate) fn new(opening: Uuid) -> Self {
        Self { opening, next: AtomicU64::new(0) }
    }

    fn next(&self) -> String {
        format!("{}-{}", self.opening.simple(), self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl Store {
    /// Where the database stands and what changed since `before`, in one picture. What is read of a subject afterwards may be newer;
    /// then it is named once more the next time.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn changes_since(&self, before: Option<&ChangePosition>) -> Result<Changes, StoreError> {
        let mut connection = self.inner.pools.begin_read().await?;
        let position = position(&mut connection).await?;
        let since = match before {
            Some(before) if *before == position => Since::Known(BTreeSet::new()),
            Some(ChangePosition { number, mark: Some(mark) }) => {
                between(&mut connection, *number, mark, position.number).await?
            }
            _ => Since::Unknown,
        };
        Ok(Changes { position, since })
    }
}

async fn position(connection: &mut Connection) -> Result<ChangePosition, StoreError> {
    let sql = Sql::new(
        "SELECT generation.number, change_subject.mark FROM generation LEFT JOIN change_subject \
         ON change_subject.number = generation.number AND change_subject.place = 0 WHERE generation.id = 1",
    );
    let row = connection.row::<(i64, Option<String>)>(sql).await?;
    let (number, mark) = row.ok_or_else(|| StoreError::damaged("the generation is missing"))?;
    Ok(ChangePosition { number, mark })
}

async fn between(connection: &mut Connection, from: i64, mark: &str, to: i64) -> Result<Since, StoreError> {
    let sql = Sql::new(
        "SELECT number, mark, kind, subject FROM change_subject WHERE number BETWEEN $1 AND $2 \
         ORDER BY number, place LIMIT $3",
    );
    let sql = sql.bind(from).bind(to).bind(MOST_ROWS);
    let rows = connection.rows::<(i64, String, String, String)>(sql).await?;
    // The change that was seen before stands there still, each after it says what it was about, and the last is the newest.
    let continues = rows.first().is_some_and(|(number, found, ..)| *number == from && found == mark);
    let reaches = rows.last().is_some_and(|(number, ..)| *number == to);
    let without_gap = rows.is_sorted_by(|(one, ..), (next, ..)| *next == *one || *next == *one + 1);
    let all = i64::try_from(rows.len()).is_ok_and(|read| read < MOST_ROWS);
    if !(continues && reaches && without_gap && all) {
        return Ok(Since::Unknown);
    }
    let later = rows.into_iter().filter(|(number, ..)| *number > from);
    let changed = later.map(|(_, _, kind, subject)| Changed::read(&kind, subject));
    // A kind that a later version of the program writes is none that can be passed over.
    Ok(changed.collect::<Option<BTreeSet<_>>>().map_or(Since::Unknown, Since::Known))
}

/// Numbers a change and writes down what it is about. The row of the number is held from here to the end of the transaction.
pub(crate) async fn write(
    connection: &mut Connection,
    changed: &BTreeSet<Changed>,
    marks: &Marks,
) -> Result<(), StoreError> {
    let raise = Sql::new("UPDATE generation SET number = number + 1 WHERE id = 1 RETURNING number");
    let raised = connection.row::<(i64,)>(raise).await?;
    let (number,) = raised.ok_or_else(|| StoreError::damaged("the generation is missing"))?;
    let mark = marks.next();
    let rows: Vec<[Value; 5]> = (0_i64..)
        .zip(changed)
        .map(|(place, changed)| {
            let (kind, subject) = changed.columns();
            [number.into(), place.into(), Value::from(&mark), kind.into(), subject.into()]
        })
        .collect();
    for piece in powers_of_two(&rows, 64) {
        let mut sql = Sql::new("INSERT INTO change_subject (number, place, mark, kind, subject) VALUES ");
        sql.push_rows(piece.iter().cloned());
        connection.execute(sql).await?;
    }
    let old = Sql::new("DELETE FROM change_subject WHERE number <= $1").bind(number - KEPT);
    connection.execute(old).await?;
    Ok(())
}

//! A statement with its values, built once and run on either database.

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt::Write,
    sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError},
};

use sqlx::{AssertSqlSafe, FromRow, SqlSafeStr, SqlStr, postgres::PgRow, sqlite::SqliteRow};
use uuid::Uuid;
use verbond_domain::{ParticipantId, ServiceName, Timestamp};

/// Most values that a filter may name; a longer list is refused.
pub(crate) const LONGEST_LIST: usize = 1000;

/// A value for a placeholder: the three types that both databases know.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(Option<Arc<str>>),
    Bytes(Option<Vec<u8>>),
    Integer(Option<i64>),
}

/// The text of a statement, with placeholders `$1`, `$2`, ..., and a value for each.
///
/// Text can come from the program only (`&'static str`), so that nothing from outside becomes part of a statement.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    text: Text,
    pub(crate) values: Vec<Value>,
}

#[derive(Clone, Debug)]
enum Text {
    Made(Cow<'static, str>),
    /// Of rows that are inserted, for as many of them as there were before.
    Kept(Arc<Kept>),
    KeptWithoutNames(Arc<str>),
}

#[derive(Debug)]
struct Kept {
    text: Arc<str>,
    without_names: OnceLock<Arc<str>>,
}

/// The texts that insert rows, by what stands before the rows and how many these are. Both are of the program: few, each as long as the
/// statement that a connection keeps for it.
static KEPT: LazyLock<Mutex<KeptTexts>> = LazyLock::new(Mutex::default);

type KeptTexts = HashMap<(&'static str, usize), Arc<Kept>>;

/// A row that can be read from both databases.
pub(crate) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<R> Row for R where R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl Sql {
    pub(crate) fn new(text: &'static str) -> Self {
        Self { text: Text::Made(Cow::Borrowed(text)), values: Vec::new() }
    }

    /// Inserts rows; what stands there already stays. `text` is all up to the rows.
    pub(crate) fn insert<const N: usize>(
        text: &'static str,
        rows: impl ExactSizeIterator<Item = [Value; N]>,
    ) -> Self {
        let key = (text, rows.len());
        let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(kept) = kept {
            return Self { text: Text::Kept(kept), values: rows.flatten().collect() };
        }
        let mut sql = Self::new(text);
        sql.push_rows(rows).push(" ON CONFLICT DO NOTHING");
        let kept = Arc::new(Kept { text: sql.as_str().into(), without_names: OnceLock::new() });
        KEPT.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&kept));
        Self { text: Text::Kept(kept), ..sql }
    }

    fn as_str(&self) -> &str {
        match &self.text {
            Text::Made(text) => text,
            Text::Kept(kept) => &kept.text,
            Text::KeptWithoutNames(text) => text,
        }
    }

    /// What is added to.
    fn made(&mut self) -> &mut String {
        if !matches!(self.text, Text::Made(_)) {
            self.text = Text::Made(Cow::Owned(self.as_str().to_owned()));
        }
        match &mut self.text {
            Text::Made(text) => text.to_mut(),
            Text::Kept(_) | Text::KeptWithoutNames(_) => unreachable!("it has just been made"),
        }
    }

    /// The statement for the driver, and its values.
    pub(crate) fn into_parts(self) -> (SqlStr, Vec<Value>) {
        // Sound: text comes from the program only.
        let text = match self.text {
            Text::Made(text) => AssertSqlSafe(text).into_sql_str(),
            Text::Kept(kept) => AssertSqlSafe(Arc::clone(&kept.text)).into_sql_str(),
            Text::KeptWithoutNames(text) => AssertSqlSafe(text).into_sql_str(),
        };
        (text, self.values)
    }

    /// A text with names of tables and columns in it, which come from this program's own schema.
    pub(crate) fn with_names_of_schema(text: String, values: Vec<Value>) -> Self {
        Self { text: Text::Made(Cow::Owned(text)), values }
    }

    /// Gives the next placeholder that stands in the text its value.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Adds to the text.
    pub(crate) fn push(&mut self, text: &'static str) -> &mut Self {
        self.made().push_str(text);
        self
    }

    /// Adds a placeholder with its value.
    pub(crate) fn push_value(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        let number = self.values.len();
        // Writing to a String cannot fail.
        let _ = write!(self.made(), "${number}");
        self
    }

    /// Adds `($n, $m, ...)`, which holds nothing if there are no values. The last value is repeated up to a power of two, so that few different statements are
    /// prepared.
    pub(crate) fn push_list(&mut self, values: impl IntoIterator<Item = impl Into<Value>>) -> &mut Self {
        let mut values: Vec<Value> = values.into_iter().map(Into::into).collect();
        let Some(last) = values.last().cloned() else { return self.push("(NULL)") };
        values.resize(values.len().next_power_of_two(), last);
        self.push("(");
        self.push_separated(values);
        self.push(")")
    }

    /// Adds `($1, $2), ($3, $4), ...`.
    pub(crate) fn push_rows<const N: usize>(
        &mut self,
        rows: impl IntoIterator<Item = [Value; N]>,
    ) -> &mut Self {
        let mut separator = "(";
        for row in rows {
            self.push(separator);
            self.push_separated(row);
            separator = "), (";
        }
        self.push(")")
    }

    /// The statement with `?` for `$1`, `$2`, … if these occur once each and in order. SQLite takes `$n` for names and the
    /// driver asks for each by going through all, which costs the square of their number.
    pub(crate) fn without_names(self) -> Self {
        let Self { text, values } = self;
        let text = match text {
            Text::Kept(kept) => {
                let bare = kept.without_names.get_or_init(|| match without_names(&kept.text, values.len()) {
                    Some(text) => text.into(),
                    None => Arc::clone(&kept.text),
                });
                Text::KeptWithoutNames(Arc::clone(bare))
            }
            Text::Made(text) => Text::Made(match without_names(&text, values.len()) {
                Some(text) => Cow::Owned(text),
                None => text,
            }),
            Text::KeptWithoutNames(text) => Text::KeptWithoutNames(text),
        };
        Self { text, values }
    }

    fn push_separated(&mut self, values: impl IntoIterator<Item = Value>) {
        let mut separator = "";
        for value in values {
            self.push(separator);
            self.push_value(value);
            separator = ", ";
        }
    }
}

/// `None`: they stand in another order, or more than once.
fn without_names(text: &str, values: usize) -> Option<String> {
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    for number in 1..=values {
        let (before, after) = rest.split_once('$')?;
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (written, after) = after.split_at(digits);
        if written.parse() != Ok(number) {
            return None;
        }
        bare.push_str(before);
        bare.push('?');
        rest = after;
    }
    if rest.contains('$') {
        return None;
    }
    bare.push_str(rest);
    Some(bare)
}

/// Splits into pieces whose lengths are powers of two, `longest` (itself a power of two) at most, so that statements
/// over several rows are prepared once per length and then reused.
pub(crate) fn powers_of_two<T>(items: &[T], longest: usize) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let length = longest.min(1 << rest.len().checked_ilog2()?);
        let (piece, others) = rest.split_at_checked(length)?;
        rest = others;
        Some(piece)
    })
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.into()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text.into()))
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(Some(text.as_str().into()))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text.map(Arc::from))
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<Arc<str>>> for Value {
    fn from(text: Option<Arc<str>>) -> Self {
        Self::Text(text)
    }
}

impl From<&ParticipantId> for Value {
    fn from(id: &ParticipantId) -> Self {
        Self::Text(Some(id.into()))
    }
}

impl From<Option<&ParticipantId>> for Value {
    fn from(id: Option<&ParticipantId>) -> Self {
        Self::Text(id.map(Arc::from))
    }
}

impl From<&ServiceName> for Value {
    fn from(name: &ServiceName) -> Self {
        Self::Text(Some(name.into()))
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Integer(value)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(Some(integer))
    }
}

impl From<Timestamp> for Value {
    fn from(moment: Timestamp) -> Self {
        Self::Integer(Some(moment.millis()))
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Some(bytes.to_vec()))
    }
}

impl From<&Uuid> for Value {
    fn from(uuid: &Uuid) -> Self {
        Self::Bytes(Some(uuid.as_bytes().to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_powers_of_two_and_hold_everything_in_order() {
        for length in [0_usize, 1, 2, 3, 7, 8, 100, 300] {
            let items: Vec<usize> = (0..length).collect();
            let pieces: Vec<&[usize]> = powers_of_two(&items, 64).collect();
            assert!(pieces.iter().all(|piece| piece.len().is_power_of_two() && piece.len() <= 64));
            assert_eq!(pieces.concat(), items);
        }
    }

    #[test]
    fn placeholders_are_numbered_through() {
        let mut sql = Sql::new("SELECT a FROM b WHERE c = $1 AND d IN ").bind(1_i64);
        sql.push_list(["x", "y", "z"]).push(" LIMIT ").push_value(5_i64);
        assert_eq!(sql.as_str(), "SELECT a FROM b WHERE c = $1 AND d IN ($2, $3, $4, $5) LIMIT $6");
        assert_eq!(
            sql.clone().without_names().as_str(),
            "SELECT a FROM b WHERE c = ? AND d IN (?, ?, ?, ?) LIMIT ?"
        );
        let twice = Sql::new("SELECT a WHERE b = $1 OR c = $1").bind(1);
        assert_eq!(twice.clone().without_names().as_str(), twice.as_str());
        assert_eq!(sql.values.len(), 6);
    }

    #[test]
    fn a_text_that_was_kept_is_the_one_that_is_made() {
        let text = "INSERT INTO kept_for_a_test (a, b) VALUES ";
        for rows in [1_i64, 2, 1, 2] {
            let sql = Sql::insert(
                text,
                (0..usize::try_from(rows).unwrap_or_default())
                    .map(|row| [Value::Integer(i64::try_from(row).ok()), "x".into()]),
            );
            let mut made = Sql::new(text);
            made.push_rows((0..rows).map(|row| [row.into(), "x".into()])).push(" ON CONFLICT DO NOTHING");
            assert_eq!(sql.as_str(), made.as_str());
            assert_eq!(format!("{:?}", sql.values), format!("{:?}", made.values));
            assert_eq!(sql.clone().without_names().as_str(), made.without_names().as_str());
            let mut more = sql;
            more.push(" RETURNING a");
            assert!(more.as_str().ends_with(" DO NOTHING RETURNING a"));
        }
    }
}

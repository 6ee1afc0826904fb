//! A statement with its values, built once and run on either database.

use std::{borrow::Cow, fmt::Write, sync::Arc};

use sqlx::{FromRow, postgres::PgRow, sqlite::SqliteRow};
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
    pub(crate) text: Cow<'static, str>,
    pub(crate) values: Vec<Value>,
}

/// A row that can be read from both databases.
pub(crate) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<R> Row for R where R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl Sql {
    pub(crate) fn new(text: &'static str) -> Self {
        Self { text: Cow::Borrowed(text), values: Vec::new() }
    }

    /// Gives the next placeholder that stands in the text its value.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Adds to the text.
    pub(crate) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Adds a placeholder with its value.
    pub(crate) fn push_value(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        let number = self.values.len();
        // Writing to a String cannot fail.
        let _ = write!(self.text.to_mut(), "${number}");
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
    pub(crate) fn without_names(mut self) -> Self {
        let mut text = String::with_capacity(self.text.len());
        let mut rest = self.text.as_ref();
        for number in 1..=self.values.len() {
            let Some((before, after)) = rest.split_once('$') else { return self };
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            let (written, after) = after.split_at(digits);
            if written.parse() != Ok(number) {
                return self;
            }
            text.push_str(before);
            text.push('?');
            rest = after;
        }
        if rest.contains('$') {
            return self;
        }
        text.push_str(rest);
        self.text = Cow::Owned(text);
        self
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
        assert_eq!(sql.text, "SELECT a FROM b WHERE c = $1 AND d IN ($2, $3, $4, $5) LIMIT $6");
        assert_eq!(
            sql.clone().without_names().text,
            "SELECT a FROM b WHERE c = ? AND d IN (?, ?, ?, ?) LIMIT ?"
        );
        let twice = Sql::new("SELECT a WHERE b = $1 OR c = $1").bind(1);
        assert_eq!(twice.clone().without_names().text, twice.text);
        assert_eq!(sql.values.len(), 6);
    }
}

//! Text, days and moments as documents hold them: bounded, parsed once.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use time::{
    Date, OffsetDateTime,
    format_description::{BorrowedFormatItem, parse_borrowed, well_known::Rfc3339},
};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};
use verbond_domain::Timestamp;

/// Why a text cannot stand where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// Empty, or longer than the bound in characters.
    #[error("a text here has 1 to {0} characters")]
    Length(usize),
    /// A control character; a line break where one line is asked.
    #[error("a text here holds no control characters, and line breaks only in prose")]
    Control,
    /// A character that the name's alphabet does not have.
    #[error("a name here holds lower-case letters, digits and `-` only, and begins with a letter")]
    Alphabet,
    /// Not a day as `YYYY-MM-DD`.
    #[error("a day is written YYYY-MM-DD")]
    Day,
    /// Not a moment as RFC 3339 in UTC.
    #[error("a moment is written as RFC 3339 in whole seconds of UTC, such as 2027-01-01T00:00:00Z")]
    Moment,
}

macro_rules! words {
    ($(#[$documentation:meta])* $name:ident, $longest:literal, $allowed:expr) => {
        $(#[$documentation])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = WordsError;

            fn from_str(text: &str) -> Result<Self, WordsError> {
                let count = text.chars().count();
                if text.trim().is_empty() || count > $longest {
                    return Err(WordsError::Length($longest));
                }
                let allowed: fn(&str) -> Result<(), WordsError> = $allowed;
                allowed(text)?;
                Ok(Self(text.into()))
            }
        }

        impl From<&$name> for Arc<str> {
            fn from(text: &$name) -> Self {
                Self::clone(&text.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, formatter)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .min_length(Some(1))
                    .max_length(Some($longest))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

words!(
    /// One line of text.
    Line, 300, |text| match text.chars().any(char::is_control) {
        true => Err(WordsError::Control),
        false => Ok(()),
    }
);
words!(
    /// Some paragraphs of text.
    Prose, 8000, |text| match text.chars().any(|one| one.is_control() && one != '\n') {
        true => Err(WordsError::Control),
        false => Ok(()),
    }
);
words!(
    /// Bytes in base64url (RFC 4648 section 5), or several of them with dots between, as in a JWS.
    EncodedText, 8000, |text| {
        let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        match text.bytes().all(alphabet) {
            true => Ok(()),
            false => Err(WordsError::Alphabet),
        }
    }
);
words!(
    /// A short name by which a clause is referred to, in refusals among others.
    ClauseName, 60, |text| {
        let alphabet = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        match text.bytes().all(alphabet) && text.starts_with(|first: char| first.is_ascii_lowercase()) {
            true => Ok(()),
            false => Err(WordsError::Alphabet),
        }
    }
);

/// The same in Dutch and in English, at language level B1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TwoLanguages {
    /// Dutch.
    pub nl: Prose,
    /// English.
    pub en: Prose,
}

/// A day in the Gregorian calendar, `YYYY-MM-DD`. It begins and ends in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

const DAY: &str = "[year]-[month]-[day]";

fn day_format() -> Option<Vec<BorrowedFormatItem<'static>>> {
    parse_borrowed::<2>(DAY).ok()
}

impl Day {
    /// The day on which a moment falls.
    pub fn of(moment: Timestamp) -> Self {
        let at = OffsetDateTime::from_unix_timestamp(moment.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Self(at.date())
    }

    /// Year, month from 1 to 12, and day of the month.
    pub(crate) const fn parts(self) -> (i32, u8, u8) {
        (self.0.year(), self.0.month() as u8, self.0.day())
    }

    /// The first moment of the day.
    pub fn begin(self) -> Timestamp {
        Timestamp::from_seconds(self.0.midnight().assume_utc().unix_timestamp())
    }

    /// The first moment after the day.
    pub fn end(self) -> Timestamp {
        self.begin().plus_seconds(86_400)
    }
}

impl FromStr for Day {
    type Err = WordsError;

    fn from_str(text: &str) -> Result<Self, WordsError> {
        let format = day_format().ok_or(WordsError::Day)?;
        Date::parse(text, &format).map(Self).map_err(|_| WordsError::Day)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}-{:02}", self.0.year(), u8::from(self.0.month()), self.0.day())
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A moment in whole seconds of UTC, RFC 3339.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// The second in which a moment falls; `None` outside the years that RFC 3339 can write.
    pub fn of(moment: Timestamp) -> Option<Self> {
        let at = OffsetDateTime::from_unix_timestamp(moment.seconds()).ok()?;
        (0..=9999).contains(&at.year()).then_some(Self(moment.seconds()))
    }

    /// Hour, minute and second of the day in UTC.
    pub(crate) fn clock(self) -> (u8, u8, u8) {
        OffsetDateTime::from_unix_timestamp(self.0).unwrap_or(OffsetDateTime::UNIX_EPOCH).time().as_hms()
    }

    /// As a timestamp.
    pub const fn timestamp(self) -> Timestamp {
        Timestamp::from_seconds(self.0)
    }
}

impl FromStr for Moment {
    type Err = WordsError;

    fn from_str(text: &str) -> Result<Self, WordsError> {
        let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| WordsError::Moment)?;
        // One way to write each moment: what is signed is compared byte by byte.
        if at.nanosecond() != 0 || !text.ends_with('Z') {
            return Err(WordsError::Moment);
        }
        Ok(Self(at.unix_timestamp()))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = OffsetDateTime::from_unix_timestamp(self.0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (date, clock) = (at.date(), at.time());
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        let (hour, minute, second) = clock.as_hms();
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

macro_rules! as_text {
    ($name:ident, $format:expr, $pattern:literal, $example:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .format(Some(SchemaFormat::KnownFormat($format)))
                    .pattern(Some($pattern))
                    .examples([$example])
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

as_text!(Day, utoipa::openapi::schema::KnownFormat::Date, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "2027-01-01");
as_text!(
    Moment,
    utoipa::openapi::schema::KnownFormat::DateTime,
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
    "2027-01-01T00:00:00Z"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_are_read_back_as_written() {
        for text in ["2024-02-29", "2027-12-31"] {
            assert_eq!(text.parse::<Day>().map(|day| day.to_string()), Ok(text.to_owned()));
        }
        for text in ["2024-02-29T23:59:59Z", "1999-01-01T00:00:00Z"] {
            assert_eq!(text.parse::<Moment>().map(|moment| moment.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn a_moment_is_written_in_one_way_only() {
        for text in
            ["2027-01-01T00:00:00.5Z", "2027-01-01T01:00:00+01:00", "2027-01-01T00:00:00z", "2027-01-01"]
        {
            assert_eq!(text.parse::<Moment>(), Err(WordsError::Moment), "{text}");
        }
        for text in ["2027-1-1", "2027-02-30", "27-01-01"] {
            assert_eq!(text.parse::<Day>(), Err(WordsError::Day), "{text}");
        }
    }

    #[test]
    fn texts_are_bounded_and_plain() {
        assert!("one line".parse::<Line>().is_ok());
        assert_eq!("two\nlines".parse::<Line>(), Err(WordsError::Control));
        assert!("two\nlines".parse::<Prose>().is_ok());
        assert_eq!("  ".parse::<Line>(), Err(WordsError::Length(300)));
        assert_eq!("Incomes".parse::<ClauseName>(), Err(WordsError::Alphabet));
        assert!("incomes-2027".parse::<ClauseName>().is_ok());
    }
}

//! Calendar months, as keys are kept by.

use time::{Date, Month as Name, OffsetDateTime};

use crate::Timestamp;

/// A month of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(i64);

impl Month {
    /// The month in which a moment falls; one beyond the calendar falls in the first month of 1970.
    pub fn of(moment: Timestamp) -> Self {
        let at = OffsetDateTime::from_unix_timestamp(moment.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Self(i64::from(at.year()) * 100 + i64::from(u8::from(at.month())))
    }

    /// Year * 100 + month.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The month with this number, if there is one.
    pub fn from_number(number: i64) -> Option<Self> {
        Self(number).beginning().map(|_| Self(number))
    }

    /// Its first moment; `None` beyond the calendar.
    pub fn beginning(self) -> Option<Timestamp> {
        beginning(self.0 / 100, self.0 % 100)
    }

    /// The first moment after it; `None` beyond the calendar.
    pub fn end(self) -> Option<Timestamp> {
        match (self.0 / 100, self.0 % 100) {
            (year, 12) => beginning(year + 1, 1),
            (year, month) => beginning(year, month + 1),
        }
    }
}

fn beginning(year: i64, month: i64) -> Option<Timestamp> {
    let month = Name::try_from(u8::try_from(month).ok()?).ok()?;
    let first = Date::from_calendar_date(i32::try_from(year).ok()?, month, 1).ok()?;
    Some(Timestamp::from_seconds(first.midnight().assume_utc().unix_timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_and_ends_in_utc() {
        let december = Month::of(Timestamp::from_seconds(1_735_689_599));
        assert_eq!(december.number(), 202_412);
        assert_eq!(december.beginning(), Some(Timestamp::from_seconds(1_733_011_200)));
        assert_eq!(december.end(), Some(Timestamp::from_seconds(1_735_689_600)));
        assert_eq!(december.end().map(Month::of), Month::from_number(202_501));
        assert_eq!(Month::from_number(202_413), None);
        assert_eq!(Month::of(Timestamp::from_millis(i64::MAX)).number(), 197_001);
    }
}

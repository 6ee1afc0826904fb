//! Numbers as they are written, compared exactly: a limit that people have signed is not a binary fraction near it.

use std::{cmp::Ordering, str::FromStr};

use crate::scan::{NumberScanner, Scan};

/// Digits that are read of an exponent. Beyond, a number is further away than anything that is agreed on.
const EXPONENT_DIGITS: usize = 15;

/// A number in JSON's grammar, without rounding.
///
/// Two spellings of one number are equal: `1.50`, `15e-1`. Each number has one form here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// Never of zero.
    negative: bool,
    /// From the first that is not zero to the last; empty for zero.
    digits: Box<[u8]>,
    /// The power of ten of the place before the first digit: 0 for `0.15`.
    magnitude: i64,
}

/// The text is no number, or its exponent is out of reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a number is written with digits, at most one `-` before them, and a point before its fraction")]
pub struct DecimalError;

impl Decimal {
    /// Of bytes that are a number in JSON's grammar.
    pub(crate) fn of_json(bytes: &[u8]) -> Result<Self, DecimalError> {
        let (negative, rest) = match bytes.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, bytes),
        };
        let split = rest.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(rest.len());
        let (mantissa, exponent) = rest.split_at_checked(split).ok_or(DecimalError)?;
        let point = mantissa.iter().position(|&byte| byte == b'.').unwrap_or(mantissa.len());
        let digits: Vec<u8> = mantissa.iter().copied().filter(|&byte| byte != b'.').collect();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(DecimalError);
        }
        let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
        let end = digits.iter().rposition(|&digit| digit != b'0').map_or(zeros, |last| last + 1);
        let digits = digits.get(zeros..end).unwrap_or_default();
        let exponent = power(exponent)?;
        if digits.is_empty() {
            return Ok(Self { negative: false, digits: Box::default(), magnitude: 0 });
        }
        let place = |count: usize| i64::try_from(count).map_err(|_| DecimalError);
        let magnitude = place(point)? - place(zeros)? + exponent;
        Ok(Self { negative, digits: digits.into(), magnitude })
    }
}

/// What follows the mantissa: `e`, a sign, digits; or nothing.
fn power(text: &[u8]) -> Result<i64, DecimalError> {
    let Some((_, text)) = text.split_first() else { return Ok(0) };
    let (negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, text),
    };
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    let digits = digits.get(zeros..).unwrap_or_default();
    if digits.len() > EXPONENT_DIGITS {
        return Err(DecimalError);
    }
    let power = digits.iter().try_fold(0i64, |power, &digit| {
        digit.is_ascii_digit().then(|| power * 10 + i64::from(digit - b'0')).ok_or(DecimalError)
    })?;
    Ok(if negative { -power } else { power })
}

impl FromStr for Decimal {
    type Err = DecimalError;

    /// Reads JSON's grammar only: no sign before a positive number, no leading zeros.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let mut scanner = NumberScanner::new();
        let scanned = scanner.scan(text.as_bytes(), 0);
        match scanned == (text.len(), Scan::More) && scanner.is_complete() {
            true => Self::of_json(text.as_bytes()),
            false => Err(DecimalError),
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |one: &Self| match (one.digits.is_empty(), one.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let signs = sign(self).cmp(&sign(other));
        if signs.is_ne() {
            return signs;
        }
        // Without zeros at the end the longer of two that begin alike is the greater.
        let sizes = self.magnitude.cmp(&other.magnitude).then_with(|| self.digits.cmp(&other.digits));
        if self.negative { sizes.reverse() } else { sizes }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_number_has_many_spellings() {
        for same in [
            &["0", "-0", "0.00", "0e9", "-0.0E-3"][..],
            &["1.5", "1.50", "15e-1", "0.15E+1", "150e-2"],
            &["-1200", "-12e2", "-1200.000", "-0.0012e6"],
            &["9007199254740993", "9007199254740993.0", "9.007199254740993e15"],
        ] {
            for (one, other) in same.iter().flat_map(|one| same.iter().map(move |other| (one, other))) {
                assert_eq!(one.parse::<Decimal>(), other.parse(), "{one} {other}");
            }
        }
    }

    #[test]
    fn what_has_no_digits_is_no_number() {
        for text in ["", "-", ".", "e5", "x", "1x"] {
            assert!(Decimal::of_json(text.as_bytes()).is_err(), "{text}");
        }
        let exponent = |digits| format!("1e{}", "9".repeat(digits));
        assert!(Decimal::of_json(exponent(EXPONENT_DIGITS).as_bytes()).is_ok());
        assert!(Decimal::of_json(exponent(EXPONENT_DIGITS + 1).as_bytes()).is_err());
    }

    #[test]
    fn numbers_that_floating_point_cannot_tell_apart_are_apart() {
        for (less, more) in [
            ("9007199254740992", "9007199254740993"),
            ("14999.999999999999999999", "15000"),
            ("0.1", "0.10000000000000000555"),
            ("-1e-400", "0"),
            ("0", "1e-400"),
            ("1e308", "1e400"),
            ("-1e400", "-1e308"),
        ] {
            assert_eq!(
                less.parse::<Decimal>().map(|less| Ok(less.cmp(&more.parse()?))),
                Ok(Ok::<_, DecimalError>(Ordering::Less)),
                "{less} {more}"
            );
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", "+1", "01", "1.", ".5", "1e", " 1", "1 ", "1e1000000000000000", "\"1\"", "true"]
        {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError), "{text}");
        }
    }

    proptest! {
        /// Against whole numbers: both are brought to the same power of ten.
        #[test]
        fn comparison_is_that_of_whole_numbers(
            one in -100_000i64..100_000, one_power in -6i32..7,
            other in -100_000i64..100_000, other_power in -6i32..7,
        ) {
            let whole = |number: i64, power: i32| i128::from(number) * 10i128.pow((power + 6).unsigned_abs());
            let expected = whole(one, one_power).cmp(&whole(other, other_power));
            let read = |number: i64, power: i32| format!("{number}e{power}").parse::<Decimal>();
            prop_assert_eq!(read(one, one_power).and_then(|one| Ok(one.cmp(&read(other, other_power)?))), Ok(expected));
        }
    }
}

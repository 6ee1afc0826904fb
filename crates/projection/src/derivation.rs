//! Answers instead of data: what is told about a value that is not delivered itself.

use crate::{Decimal, ElementPath};

/// The most bytes of a value, as the source writes it, that is judged. A longer one cannot be told about.
pub(crate) const JUDGED_BYTES: usize = 1024;

/// What an element tells, and from what. All constants are agreed on: nothing of a request enters here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Derivation {
    /// Where the source is, seen from the document: within the object in which the answer will stand.
    pub from: ElementPath,
    /// What is told.
    pub rule: Rule,
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Whether something stands there: `true` or `false`. `null` is nothing.
    Exists,
    /// Whether the value is so: `true` or `false`.
    Compare(Comparison),
    /// In which band the number lies: its name.
    Band(Vec<Band>),
    /// How many stand in the one list on the way; with a comparison, how many of them are so.
    Count(Option<Comparison>),
}

/// A value held against a constant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Comparison {
    /// How.
    pub operator: Operator,
    /// Against what. A value of another type cannot be told about.
    pub constant: Constant,
}

/// How a value is held against a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Operator {
    Below,
    AtMost,
    Equal,
    NotEqual,
    AtLeast,
    Above,
}

/// What a value is held against.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Constant {
    /// A number.
    Number(Decimal),
    /// A text. Only whether it is the same can be told: there is no one order of texts.
    Text(Box<str>),
    /// A day, `YYYY-MM-DD`, held against a text that is one.
    Day(Box<str>),
}

/// A band of numbers: from where the one before it ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Band {
    /// What is told of a number in it.
    pub name: Box<str>,
    /// It ends before this number; the last one, and only that, has no end.
    pub below: Option<Decimal>,
}

/// A scalar of a source as it is held against constants.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// As it is written.
    Number(&'a [u8]),
    /// Without its escapes.
    Text(&'a str),
}

impl Rule {
    /// What is wrong with its constants, if anything.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Exists | Self::Count(None) => None,
            Self::Compare(comparison) | Self::Count(Some(comparison)) => comparison.fault(),
            Self::Band(bands) => {
                let mut ends = bands.iter().map(|band| band.below.as_ref());
                let open = ends.next_back();
                let ends: Option<Vec<&Decimal>> = ends.collect();
                let names: std::collections::HashSet<&str> = bands.iter().map(|band| &*band.name).collect();
                match (open, ends) {
                    (None | Some(Some(_)), _) | (_, None) => {
                        Some("each band but the last ends before a number, and the last has no end")
                    }
                    (_, Some(ends)) if ends.is_empty() => Some("at least two bands are needed"),
                    (_, Some(ends)) if !ends.is_sorted_by(|one, next| one < next) => {
                        Some("each band ends at a greater number than the one before it")
                    }
                    _ if names.len() != bands.len() => Some("two bands have the same name"),
                    _ => None,
                }
            }
        }
    }
}

impl Comparison {
    fn fault(&self) -> Option<&'static str> {
        match (&self.constant, self.operator) {
            (Constant::Text(_), Operator::Equal | Operator::NotEqual) | (Constant::Number(_), _) => None,
            (Constant::Text(_), _) => Some("texts are held against each other as equal or not equal only"),
            (Constant::Day(day), _) if is_day(day) => None,
            (Constant::Day(_), _) => Some("a day is written YYYY-MM-DD"),
        }
    }

    /// Whether the value is so; none when it is of another type.
    pub(crate) fn holds(&self, value: Value<'_>) -> Option<bool> {
        let order = match (&self.constant, value) {
            (Constant::Number(constant), Value::Number(number)) => {
                Decimal::of_json(number).ok()?.cmp(constant)
            }
            (Constant::Text(constant), Value::Text(text)) => text.cmp(constant),
            (Constant::Day(constant), Value::Text(day)) if is_day(day) => day.cmp(constant),
            _ => return None,
        };
        Some(match self.operator {
            Operator::Below => order.is_lt(),
            Operator::AtMost => order.is_le(),
            Operator::Equal => order.is_eq(),
            Operator::NotEqual => order.is_ne(),
            Operator::AtLeast => order.is_ge(),
            Operator::Above => order.is_gt(),
        })
    }
}

/// In which of the bands a number lies.
pub(crate) fn band(bands: &[Band], value: Value<'_>) -> Option<usize> {
    let Value::Number(number) = value else { return None };
    let number = Decimal::of_json(number).ok()?;
    bands.iter().position(|band| band.below.as_ref().is_none_or(|end| number < *end))
}

/// Whether a text is a day of the calendar. Days so written are in order as texts are.
fn is_day(text: &str) -> bool {
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = text.as_bytes() else { return false };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0u32, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
        })
    };
    let (Some(year), Some(month), Some(day)) =
        (number(&[y0, y1, y2, y3]), number(&[m0, m1]), number(&[d0, d1]))
    else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=last).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Constant {
        Constant::Number(text.parse().expect("a number"))
    }

    #[test]
    fn each_month_has_its_last_day() {
        let lasts = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (month, last) in (1..).zip(lasts) {
            assert!(is_day(&format!("2026-{month:02}-{last}")), "{month}");
            assert!(!is_day(&format!("2026-{month:02}-{}", last + 1)), "{month}");
        }
        assert!(is_day("2028-02-29") && !is_day("2100-02-29") && is_day("2000-02-29"));
        assert!(!is_day("2026-00-01") && !is_day("2026-13-01") && !is_day("2026-01-00"));
    }

    #[test]
    fn a_value_is_held_against_a_constant_of_its_type_only() {
        use Operator::*;
        let (text, day) = (|text: &str| Constant::Text(text.into()), |day: &str| Constant::Day(day.into()));
        for (operator, constant, value, holds) in [
            (Below, number("15000"), Value::Number(b"14999.99"), Some(true)),
            (Below, number("15000"), Value::Number(b"1.5e4"), Some(false)),
            (AtMost, number("15000"), Value::Number(b"15000.000"), Some(true)),
            (Equal, number("0"), Value::Number(b"-0.0"), Some(true)),
            (NotEqual, number("0"), Value::Number(b"1e-9"), Some(true)),
            (AtLeast, number("-5"), Value::Number(b"-5.01"), Some(false)),
            (Above, number("-5"), Value::Number(b"-4"), Some(true)),
            (Below, number("15000"), Value::Text("14999"), None),
            (Below, number("15000"), Value::Number(b"1e99999999999999999999"), None),
            (Equal, text("open"), Value::Text("open"), Some(true)),
            (NotEqual, text("open"), Value::Text("Open"), Some(true)),
            (Equal, text("1"), Value::Number(b"1"), None),
            (Below, day("1960-01-01"), Value::Text("1959-12-31"), Some(true)),
            (AtMost, day("1960-01-01"), Value::Text("1960-01-02"), Some(false)),
            (Below, day("1960-01-01"), Value::Text("1959-02-29"), None),
            (Below, day("1960-01-01"), Value::Text("1956-02-29"), Some(true)),
            (Below, day("1960-01-01"), Value::Text("1959-12-31T00:00:00Z"), None),
            (Below, day("1960-01-01"), Value::Number(b"1959"), None),
        ] {
            let comparison = Comparison { operator, constant };
            assert_eq!(comparison.fault(), None, "{comparison:?}");
            assert_eq!(comparison.holds(value), holds, "{comparison:?} {value:?}");
        }
    }

    #[test]
    fn constants_that_tell_nothing_are_found() {
        let band = |name: &str, below: Option<&str>| Band {
            name: name.into(),
            below: below.map(|below| below.parse().expect("a number")),
        };
        let good = vec![band("low", Some("1")), band("middle", Some("2.5")), band("high", None)];
        assert_eq!(Rule::Band(good.clone()).fault(), None);
        for (value, expected) in [("-7", 0), ("0.99", 0), ("1", 1), ("2.4999", 1), ("25e-1", 2), ("9e9", 2)] {
            assert_eq!(super::band(&good, Value::Number(value.as_bytes())), Some(expected), "{value}");
        }
        assert_eq!(super::band(&good, Value::Text("1")), None);
        for bands in [
            vec![],
            vec![band("all", None)],
            vec![band("low", Some("1"))],
            vec![band("low", None), band("high", None)],
            vec![band("low", Some("2")), band("middle", Some("2.0")), band("high", None)],
            vec![band("same", Some("2")), band("same", None)],
        ] {
            assert!(Rule::Band(bands.clone()).fault().is_some(), "{bands:?}");
        }
        let comparison = |operator, constant| Rule::Compare(Comparison { operator, constant });
        assert!(comparison(Operator::Below, Constant::Text("a".into())).fault().is_some());
        assert!(comparison(Operator::Below, Constant::Day("1960-13-01".into())).fault().is_some());
    }
}

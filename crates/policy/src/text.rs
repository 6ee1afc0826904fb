//! How values get into the text of a policy: escaped, so that no value can become anything but a value.

use std::fmt::Write;

use verbond_domain::Timestamp;

/// A string literal of Cedar. Whatever is not plain is written by its code point.
pub(crate) fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for one in text.chars() {
        if one.is_ascii_alphanumeric() || " -._:/@$[]*".contains(one) {
            literal.push(one);
        } else {
            // Writing to a string does not fail.
            let _ = write!(literal, "\\u{{{:x}}}", u32::from(one));
        }
    }
    literal.push('"');
    literal
}

/// A condition: whether an expression is one of these. Cedar's strict mode has no empty set, so that none is `false`.
pub(crate) fn one_of<'text>(values: impl Iterator<Item = &'text str>, expression: &str) -> String {
    let values: Vec<String> = values.map(quoted).collect();
    match values.is_empty() {
        true => "false".to_owned(),
        false => format!("[{}].contains({expression})", values.join(", ")),
    }
}

/// Days of the week as policies write them, from Monday on.
pub(crate) const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Day of the week and minute of the day, in UTC.
pub(crate) fn day_and_minute(moment: Timestamp) -> (&'static str, i64) {
    let seconds = moment.seconds();
    // The first of January 1970 was a Thursday.
    let day = (seconds.div_euclid(86_400) + 3).rem_euclid(7);
    let day = usize::try_from(day).ok().and_then(|day| DAYS.get(day)).copied().unwrap_or("");
    (day, seconds.rem_euclid(86_400) / 60)
}

/// Stands for a name from outside that may hold more than a name.
pub(crate) const UNREADABLE: &str = "(unreadable)";

/// A name that a requester made up, as far as it can be shown: short, of plain characters, and without the digits of a
/// number by which somebody is known.
pub(crate) fn readable(name: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.$[*]".contains(&byte);
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    match !name.is_empty() && name.len() <= 80 && digits < 5 && name.bytes().all(plain) {
        true => name,
        false => UNREADABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_minutes_are_those_of_the_calendar() {
        // 2026-12-01 was a Tuesday; 1969-12-31 a Wednesday.
        assert_eq!(day_and_minute(Timestamp::from_seconds(1_796_083_200)), ("tuesday", 0));
        assert_eq!(day_and_minute(Timestamp::from_seconds(1_796_083_200 + 86_399)), ("tuesday", 1439));
        assert_eq!(day_and_minute(Timestamp::from_seconds(-1)), ("wednesday", 1439));
        assert_eq!(day_and_minute(Timestamp::from_millis(-1)), ("wednesday", 1439));
    }

    #[test]
    fn a_name_that_could_be_a_number_of_somebody_is_not_shown() {
        assert_eq!(readable("peildatum_2026"), "peildatum_2026");
        for name in ["123456789", "bsn=1", "a b", "", "x12-34-5", &"x".repeat(81)] {
            assert_eq!(readable(name), UNREADABLE, "{name}");
        }
    }
}

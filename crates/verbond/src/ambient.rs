//! The one place where the system's clock is read.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use time::OffsetDateTime;
use verbond_domain::{Ambient, Clock, Timestamp};
use verbond_trust::SystemEntropy;

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that hands the time in")]
    fn now(&self) -> Timestamp {
        timestamp(SystemTime::now())
    }
}

/// The system's clock and randomness.
pub fn system() -> Ambient {
    Ambient::new(Arc::new(SystemClock), Arc::new(SystemEntropy))
}

/// A system time, such as a file's, as a moment; before 1970 reads as 1970.
pub fn timestamp(time: SystemTime) -> Timestamp {
    let millis = time.duration_since(UNIX_EPOCH).map(|since| since.as_millis()).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// A moment as RFC 3339 in UTC, to the millisecond.
pub fn rfc_3339(moment: Timestamp) -> String {
    match OffsetDateTime::from_unix_timestamp_nanos(i128::from(moment.millis()) * 1_000_000) {
        Ok(at) => format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.millisecond()
        ),
        Err(_) => moment.millis().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_always_has_three_decimals() {
        assert_eq!(rfc_3339(Timestamp::from_millis(1_700_000_000_890)), "2023-11-14T22:13:20.890Z");
        assert_eq!(rfc_3339(Timestamp::from_millis(0)), "1970-01-01T00:00:00.000Z");
    }
}

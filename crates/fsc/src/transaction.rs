//! The transaction id of a request (FSC Logging 1.1.0 §3.4.1, Digikoppeling REST-API 4.0.1 §3.4.3.7).

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;
use verbond_domain::{Problem, Timestamp, TransactionId, TransactionIdError};

use crate::{FscRules, protocol::error::ErrorCode};

/// Carries the transaction id.
pub(crate) const TRANSACTION_ID: HeaderName = HeaderName::from_static("fsc-transaction-id");

/// What the header holds.
pub(crate) enum Brought {
    /// No such header.
    Nothing,
    /// A usable id.
    Usable(TransactionId),
    /// Something else.
    Unusable(TransactionIdError),
}

/// Reads the header by the rules of the group.
pub(crate) fn brought(headers: &HeaderMap, rules: &FscRules, now: Timestamp) -> Brought {
    let mut values = headers.get_all(&TRANSACTION_ID).iter();
    let Some(value) = values.next() else { return Brought::Nothing };
    if values.next().is_some() {
        return Brought::Unusable(TransactionIdError::Form);
    }
    let read = || {
        let text = value.to_str().map_err(|_| TransactionIdError::Form)?.trim();
        match text.parse::<TransactionId>() {
            // Its time means something in version 7 only.
            Ok(id) => id.within(now, rules.transaction_id_skew_seconds),
            Err(TransactionIdError::Version(_)) if !rules.transaction_id_version_7 => {
                Uuid::try_parse(text).map(TransactionId::from_uuid).map_err(|_| TransactionIdError::Form)
            }
            Err(error) => Err(error),
        }
    };
    read().map_or_else(Brought::Unusable, Brought::Usable)
}

/// The id as a header value.
pub(crate) fn value(id: &TransactionId) -> Option<HeaderValue> {
    HeaderValue::try_from(id.to_string()).ok()
}

/// The header is missing.
pub(crate) fn missing() -> Problem {
    let code = ErrorCode::MissingLogRecordId;
    Problem::new(
        code.as_str(),
        code.status(),
        "De header Fsc-Transaction-Id ontbreekt.",
        "the header Fsc-Transaction-Id is missing",
    )
    .next(
        "De outway geeft elke transactie een eigen UUID van versie 7 mee.",
        "the outway gives each transaction a UUID of version 7 of its own",
    )
}

/// The header holds something that cannot be used.
pub(crate) fn unusable(error: TransactionIdError) -> Problem {
    let code = ErrorCode::InvalidLogRecordId;
    Problem::new(
        code.as_str(),
        code.status(),
        "De header Fsc-Transaction-Id bevat geen bruikbare transactie-id.",
        format!("the header Fsc-Transaction-Id holds no usable transaction id: {error}"),
    )
    .next(
        "Gebruik per transactie een nieuwe UUID van versie 7, en houd de klokken gelijk (NTP).",
        "use a new UUID of version 7 for each transaction, and keep the clocks right (NTP)",
    )
}

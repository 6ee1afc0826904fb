//! Exchanges carry the newest checkpoint of each party's journal to the other: they witness each other without a third.

use http::{HeaderMap, HeaderName, HeaderValue};
use verbond_application::{checkpoints::Checkpoints, witnesses::Witnesses};
use verbond_domain::ParticipantId;

use crate::headers;

/// A checkpoint (C2SP signed note) in base64url without padding, with requests and with answers.
static CHECKPOINT: HeaderName = HeaderName::from_static("verbond-checkpoint");

/// Shows the other party the newest checkpoint, if there is one. Nothing of the application's or the source's passes in its place.
pub(crate) fn tell(fields: &mut HeaderMap, checkpoints: &Checkpoints) {
    headers::take(fields, &CHECKPOINT);
    if let Some(value) = checkpoints.shown().and_then(|shown| HeaderValue::try_from(&*shown).ok()) {
        fields.insert(CHECKPOINT.clone(), value);
    }
}

/// Takes in what the other party shows. It goes no further.
pub(crate) fn told(fields: &mut HeaderMap, counterpart: &ParticipantId, witnesses: &Witnesses) {
    if let Some(shown) = headers::take(fields, &CHECKPOINT)
        && let Ok(shown) = shown.to_str()
    {
        witnesses.saw(counterpart, shown);
    }
}

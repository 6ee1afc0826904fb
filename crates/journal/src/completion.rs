//! What became of a permitted exchange: what left, and what arrived.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use verbond_domain::{Direction, ParticipantId, TransactionId};

use crate::EntryId;

/// How far an exchange came, as this side saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// The last byte of the answer was handed on, or came in.
    Whole,
    /// An answer began, and did not come to its end.
    BrokenOff,
    /// There was no answer: the source or the other end could not be reached, or refused, or whoever had
    /// asked was gone.
    Nothing,
}

/// 32 bytes, written as base64url without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes32(pub [u8; 32]);

impl Bytes32 {
    /// Reads the written form; nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl std::fmt::Display for Bytes32 {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(written(&self.0, &mut [0; WRITTEN]).map_err(|_| std::fmt::Error)?)
    }
}

/// Characters of 32 bytes in base64url without padding.
const WRITTEN: usize = 43;

fn written<'a>(bytes: &[u8; 32], room: &'a mut [u8; WRITTEN]) -> Result<&'a str, &'static str> {
    let fits = URL_SAFE_NO_PAD.encode_slice(bytes, room).is_ok();
    str::from_utf8(room).ok().filter(|_| fits).ok_or("32 bytes have no room")
}

impl Serialize for Bytes32 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(written(&self.0, &mut [0; WRITTEN]).map_err(S::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Bytes32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not 32 bytes in base64url without padding"))
    }
}

/// Content that crossed between the nodes of two parties, in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crossed {
    /// How many bytes.
    pub bytes: u64,
    /// SHA-256(salt ‖ bytes), with the salt of the exchange.
    pub digest: Bytes32,
}

/// How often an agreed element crossed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossedElement {
    /// Its path, as the agreement has it.
    pub path: Arc<str>,
    /// How often.
    pub count: u64,
}

/// What became of a permitted exchange, once nothing of it moves any more. It says what crossed between the nodes of the two
/// parties, so that their completions can be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// The identifier that both sides share.
    pub transaction_id: TransactionId,
    /// Coming in or going out.
    pub direction: Direction,
    /// The party at the other end.
    pub counterpart: ParticipantId,
    /// The entry that permitted it.
    pub permit: EntryId,
    /// How far it came.
    pub delivery: Delivery,
    /// Status of the answer, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Code of the refusal or failure, where there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Content of the request.
    pub request: Crossed,
    /// Content of the response.
    pub response: Crossed,
    /// Agreed elements that were in the response; none where no agreement says what may leave, or a whole document did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elements: Vec<CrossedElement>,
    /// How many data subjects this side recorded for the exchange, with the permit and as the answer streamed; of what was broken
    /// off at least so many. Absent where it looked for nobody: the service is open or names no people, or where it names them
    /// does not arrive here; and in completions of before people were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<u64>,
    /// Salt of both digests. Lies with them and goes with them.
    pub salt: Bytes32,
}

/// Content on its way, counted and digested piece by piece.
#[derive(Clone)]
pub struct Counting {
    bytes: u64,
    context: digest::Context,
}

impl Counting {
    /// Of an exchange with this salt; nothing has crossed yet.
    pub fn new(salt: &Bytes32) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&salt.0);
        Self { bytes: 0, context }
    }

    /// These bytes cross.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        self.context.update(bytes);
    }

    /// What has crossed until now.
    pub fn crossed(&self) -> Crossed {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.context.clone().finish().as_ref());
        Crossed { bytes: self.bytes, digest: Bytes32(digest) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_completion_of_before_people_were_counted_is_read() -> Result<(), serde_json::Error> {
        let written = r#"{"transaction_id":"01890a5d-ac96-774b-bcce-b302099a8057","direction":"incoming",
            "counterpart":"oin:00000099000000010000","permit":"01890a5d-ac96-774b-bcce-b302099a8058","delivery":"nothing",
            "request":{"bytes":0,"digest":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"},
            "response":{"bytes":0,"digest":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"},
            "salt":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"}"#;
        let completion: Completion = serde_json::from_str(written)?;
        assert_eq!(completion.people, None);
        assert!(!serde_json::to_string(&completion)?.contains("people"));
        Ok(())
    }

    #[test]
    fn the_digest_is_that_of_salt_and_content_however_it_was_cut() {
        let salt = Bytes32([7; 32]);
        let mut counting = Counting::new(&salt);
        counting.add(b"one ");
        counting.add(b"and two");
        let joined = [salt.0.as_slice(), b"one and two"].concat();
        let crossed = counting.crossed();
        assert_eq!(crossed.bytes, 11);
        assert_eq!(crossed.digest.0.as_slice(), digest::digest(&digest::SHA256, &joined).as_ref());
    }

    #[test]
    fn a_salt_is_read_in_one_form_only() {
        let written = Bytes32([255; 32]).to_string();
        assert_eq!(Bytes32::parse(&written), Some(Bytes32([255; 32])));
        for other in [format!("{written}="), written.replace('_', "/"), "AAAA".to_owned(), String::new()] {
            assert_eq!(Bytes32::parse(&other), None, "{other}");
        }
    }
}

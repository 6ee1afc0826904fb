//! What a counterpart showed of its own journal.

use serde::{Deserialize, Serialize};
use verbond_domain::{ParticipantId, Timestamp};

/// Name and version of the format of [`KeyStatement`].
const FORMAT: &str = "verbond-journal-key/1";

/// A checkpoint of a counterpart's journal that this node has seen and verified: from then on the counterpart cannot tell
/// another history without being found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Whose journal.
    pub counterpart: ParticipantId,
    /// The checkpoint, as signed note.
    pub note: String,
    /// The key that signed it.
    pub verifier_key: String,
    /// By what that key is the counterpart's; only where this node sees the key for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyCertificate>,
}

/// A participant's word that a key is its journal's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyCertificate {
    /// Compact JWS by the participant's certificate, over a [`KeyStatement`].
    pub statement: String,
    /// That certificate and those that issued it, leaf first: DER, base64url.
    pub chain: Vec<String>,
}

/// What is stated of a journal's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyStatement {
    at: i64,
    format: String,
    /// What the key signs for.
    pub origin: String,
    /// Whose journal.
    pub participant: ParticipantId,
    /// The key, as a signed note has it.
    pub verifier_key: String,
}

impl KeyStatement {
    /// A statement made now.
    pub fn new(at: Timestamp, participant: &ParticipantId, origin: String, verifier_key: String) -> Self {
        let participant = participant.clone();
        Self { at: at.millis(), format: FORMAT.to_owned(), origin, participant, verifier_key }
    }

    /// When it was made.
    pub const fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.at)
    }

    /// The payload to sign: the members stand in the order of their names, so that this is the canonical form (RFC 8785).
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Reads the payload of a statement; nothing of another format.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(payload).ok().filter(|statement| statement.format == FORMAT)
    }
}

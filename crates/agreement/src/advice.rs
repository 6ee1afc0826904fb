//! What a data protection officer advises on a version: an act of that person, under a key of their own, that becomes
//! part of the document.

use serde::{Deserialize, Serialize};
use verbond_domain::ParticipantId;

use crate::{Agreement, Day, DocumentError, DocumentHash, EncodedText, Line, Prose, document::canonical};

/// Name and version of what an officer's own signature covers.
const FORMAT: &str = "verbond-advice/1";

/// What a data protection officer advised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdviceOutcome {
    /// In favour.
    Positive,
    /// In favour, if.
    PositiveIf,
    /// Against.
    Negative,
}

/// That the officer gave the advice themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdviceAct {
    /// The officer's public key: DER `SubjectPublicKeyInfo`, base64url.
    pub key: EncodedText,
    /// Detached JWS (RFC 7515 appendix F) over the canonical form of [`AdviceGiven`], by that key.
    pub signature: EncodedText,
}

/// The advice of a party's data protection officer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Advice {
    /// Whose officer.
    pub participant: ParticipantId,
    /// The officer, as given.
    pub officer: Line,
    /// When.
    pub given_on: Day,
    /// For or against.
    pub outcome: AdviceOutcome,
    /// The advice.
    pub text: Prose,
    /// The officer's own act; advice without it is not taken for advice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<AdviceAct>,
    /// Why it is not followed, where it is not. The officer's signature does not cover it: it is the parties' answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_followed_because: Option<Prose>,
}

/// What the officer signs: the advice, and the text that it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdviceGiven<'a> {
    format: &'static str,
    /// Hash of the document without any advice, so that one officer's advice leaves that of another standing.
    document: DocumentHash,
    participant: &'a ParticipantId,
    officer: &'a Line,
    given_on: Day,
    outcome: AdviceOutcome,
    text: &'a Prose,
}

impl AdviceGiven<'_> {
    /// The payload to sign.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn canonical(&self) -> Result<Vec<u8>, DocumentError> {
        canonical(self)
    }
}

impl Advice {
    /// What its officer signs when it is about the text with this hash ([`Agreement::advised_text`]).
    pub const fn given(&self, document: DocumentHash) -> AdviceGiven<'_> {
        AdviceGiven {
            format: FORMAT,
            document,
            participant: &self.participant,
            officer: &self.officer,
            given_on: self.given_on,
            outcome: self.outcome,
            text: &self.text,
        }
    }
}

impl Agreement {
    /// Hash of the canonical form of the document without any advice: of what officers advise on. Any other change to the
    /// text changes it, and leaves no advice standing.
    ///
    /// # Errors
    /// As [`Agreement::canonical`].
    pub fn advised_text(&self) -> Result<DocumentHash, DocumentError> {
        Self { advice: Vec::new(), ..self.clone() }.hash()
    }
}

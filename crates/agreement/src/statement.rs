//! What a party states about a version: offered, signed, refused, held up, ended. Each is signed by the party's
//! certificate, so that the life of a version can be told anywhere from the document and the statements alone.

use serde::{Deserialize, Serialize};
use verbond_domain::{ParticipantId, Timestamp};

use crate::{
    Agreement, AgreementId, DocumentError, DocumentHash, InvalidTransition, LifeCycle, Line, Moment,
    PartySignature, Prose, SignatureMark, Version,
    document::{canonical, strict},
};

/// Name and version of the format.
const FORMAT: &str = "verbond-statement/1";

/// Who signed for the party, and that person's own signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedBy {
    /// The signatory, as in the document.
    pub name: Line,
    /// The mandate, as in the document.
    pub mandate: Line,
    /// The signatory's public key: DER `SubjectPublicKeyInfo`, base64url.
    pub key: String,
    /// Detached JWS (RFC 7515 appendix F) over the canonical form of the document, by that key.
    pub signature: String,
}

/// A wire contract with a foreign participant's signature, as evidence for those who are not in that contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WireEvidence {
    /// The contract's content: canonical JSON (RFC 8785), as text, so that not a byte of it changes.
    pub content: String,
    /// The foreign participant's signature over it: compact JWS.
    pub signature: String,
    /// The certificate that signed and those that issued it: DER, base64url.
    pub chain: Vec<String>,
}

/// What a party saw a foreign participant do on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OnTheWire {
    /// The foreign participant.
    pub party: ParticipantId,
    /// Hashes of the wire contracts that it did it to; they hold its signatures.
    pub contracts: Vec<Line>,
    /// Those contracts with these signatures, in the same order. Absent where a party says that something ended of which
    /// it cannot show the signature any more, and in what was stated before evidence travelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<WireEvidence>,
}

/// What is stated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum StatementStep {
    /// The party offers the document to the others.
    Offered,
    /// The party is bound.
    Signed(SignedBy),
    /// The party says no.
    Refused {
        /// Why.
        reason: Prose,
    },
    /// The party that offered it takes it back.
    Withdrawn {
        /// Why.
        reason: Prose,
    },
    /// The party holds it up.
    Suspended {
        /// Why.
        reason: Prose,
    },
    /// The party lets go.
    Resumed,
    /// The party ends it.
    Revoked {
        /// Why.
        reason: Prose,
    },
    /// A steward says that a contract that names no version counts as one that follows from this one: the foreign
    /// participant takes no properties.
    ContractBound {
        /// The foreign participant.
        party: ParticipantId,
        /// Hash of the contract.
        contract: Line,
        /// Why.
        reason: Prose,
    },
    /// A foreign participant has accepted the wire contracts that follow between it and the stating party. Says nothing of a person.
    AcceptedOnTheWire(OnTheWire),
    /// A foreign participant has refused a wire contract that follows.
    RefusedOnTheWire(OnTheWire),
    /// A foreign participant has ended a wire contract that follows.
    RevokedOnTheWire(OnTheWire),
}

impl StatementStep {
    /// The contract that it has count as one that follows.
    pub const fn bound_contract(&self) -> Option<&Line> {
        match self {
            Self::ContractBound { contract, .. } => Some(contract),
            _ => None,
        }
    }

    /// What it says of a foreign participant, for whom the stating party speaks.
    pub const fn on_the_wire(&self) -> Option<&OnTheWire> {
        match self {
            Self::AcceptedOnTheWire(seen) | Self::RefusedOnTheWire(seen) | Self::RevokedOnTheWire(seen) => {
                Some(seen)
            }
            _ => None,
        }
    }

    /// The step's name, as stored and shown.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Signed(_) => "signed",
            Self::Refused { .. } => "refused",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Suspended { .. } => "suspended",
            Self::Resumed => "resumed",
            Self::Revoked { .. } => "revoked",
            Self::ContractBound { .. } => "contract_bound",
            Self::AcceptedOnTheWire(_) => "accepted_on_the_wire",
            Self::RefusedOnTheWire(_) => "refused_on_the_wire",
            Self::RevokedOnTheWire(_) => "revoked_on_the_wire",
        }
    }
}

/// One party's statement about one version: the payload of a JWS by its certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// `verbond-statement/1`.
    pub format: String,
    /// Which agreement.
    pub agreement: AgreementId,
    /// Which version.
    pub version: Version,
    /// The hash of that version.
    pub hash: DocumentHash,
    /// Who states it.
    pub participant: ParticipantId,
    /// When.
    pub at: Moment,
    /// What.
    pub step: StatementStep,
}

impl Statement {
    /// A statement about a version.
    ///
    /// # Errors
    /// When the document cannot be hashed, or the moment cannot be written.
    pub fn about(
        document: &Agreement,
        participant: &ParticipantId,
        at: Timestamp,
        step: StatementStep,
    ) -> Result<Self, DocumentError> {
        Ok(Self {
            format: FORMAT.to_owned(),
            agreement: document.id,
            version: document.version,
            hash: document.hash()?,
            participant: participant.clone(),
            at: Moment::of(at).ok_or_else(|| DocumentError::Form("the clock is out of range".to_owned()))?,
            step,
        })
    }

    /// Reads the payload of a statement's JWS.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let statement: Self = strict(bytes)?;
        match statement.format == FORMAT {
            true => Ok(statement),
            false => Err(DocumentError::Format(statement.format.chars().take(60).collect())),
        }
    }

    /// The payload to sign.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn canonical(&self) -> Result<Vec<u8>, DocumentError> {
        canonical(self)
    }

    /// Takes the step.
    ///
    /// # Errors
    /// [`InvalidTransition`].
    pub fn take(&self, life: LifeCycle) -> Result<LifeCycle, InvalidTransition> {
        let party = &self.participant;
        // Whoever states is no foreign participant: it would sign.
        if let Some(seen) = self.step.on_the_wire().filter(|seen| seen.party == *party) {
            return Err(InvalidTransition::NotOnTheWire(seen.party.clone()));
        }
        match &self.step {
            StatementStep::Offered => life.offer(),
            StatementStep::Signed(_) => {
                let at = self.at.timestamp();
                life.sign(party, PartySignature { mark: SignatureMark::Signed, at })
            }
            StatementStep::Refused { .. } => life.refuse(party),
            StatementStep::Withdrawn { .. } => life.withdraw(),
            StatementStep::Suspended { .. } => life.suspend(party),
            StatementStep::Resumed => life.resume(party),
            StatementStep::Revoked { .. } => life.revoke(party),
            StatementStep::ContractBound { party: foreign, .. } => life.bind_contract(foreign, party),
            StatementStep::AcceptedOnTheWire(seen) => {
                life.accept_on_the_wire(&seen.party, party, self.at.timestamp())
            }
            StatementStep::RefusedOnTheWire(seen) => life.refuse_on_the_wire(&seen.party, party),
            StatementStep::RevokedOnTheWire(seen) => life.revoke_on_the_wire(&seen.party, party),
        }
    }
}

//! Statements of other parties: verified against certificate, document and what the document says of signatories.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use verbond_agreement::{Agreement, SignedBy, Statement, StatementStep};
use verbond_domain::{ParticipantId, Problem, Timestamp};
use verbond_trust::{TrustStore, Usage, jws::Jws};

use super::refusals;

/// `typ` of a signatory's signature over an agreement.
pub const AGREEMENT_SIGNATURE: &str = "verbond-agreement+jws";

/// `typ` of a data protection officer's signature over advice.
pub const ADVICE_SIGNATURE: &str = "verbond-advice+jws";

/// Most certificates of a chain that is read.
const LONGEST_CHAIN: usize = 8;

/// A statement as it travels and is kept: signed, with the certificates that lead from its signer to a trust anchor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Compact JWS whose payload is the canonical form of the statement.
    pub statement: String,
    /// The signer's certificate and those that issued it: DER, base64url.
    pub chain: Vec<String>,
}

impl Envelope {
    /// What is stated, if it can be read; for what was verified when it was stored.
    pub fn unverified(&self) -> Option<Statement> {
        Statement::parse(Jws::parse(&self.statement).ok()?.payload()).ok()
    }

    /// What is stated about a document, by the party whose certificate signed it, judged at `now`.
    ///
    /// # Errors
    /// A [`Problem`] that says what does not hold.
    pub fn verify(
        &self,
        document: &Agreement,
        trust: &TrustStore,
        now: Timestamp,
    ) -> Result<Statement, Problem> {
        let jws = Jws::parse(&self.statement).map_err(|error| refusals::statement(&error.to_string()))?;
        if self.chain.len() > LONGEST_CHAIN {
            return Err(refusals::statement("the chain has too many certificates"));
        }
        let chain = self.chain.iter().map(|text| URL_SAFE_NO_PAD.decode(text).map(Into::into));
        let chain: Vec<_> = chain
            .collect::<Result<_, _>>()
            .map_err(|_| refusals::statement("a certificate is not base64url"))?;
        let certificate = trust.judge(&chain, Usage::Client, now).map_err(|refusal| {
            refusals::statement(&format!("its signer's certificate is not good: {refusal}"))
        })?;
        if jws.certificate_thumbprint() != Some(certificate.thumbprint) {
            return Err(refusals::statement(
                "it was signed by another certificate than the one that comes with it",
            ));
        }
        jws.verify(&certificate.public_key)
            .map_err(|_| refusals::statement("the signature does not verify"))?;
        let statement =
            Statement::parse(jws.payload()).map_err(|error| refusals::statement(&error.to_string()))?;
        is_by(&statement, &certificate.participant)?;
        is_about(&statement, document)?;
        if let StatementStep::Signed(signed) = &statement.step {
            has_mandate(document, &statement.participant, signed)?;
            signs(document, signed)?;
        }
        Ok(statement)
    }
}

fn is_by(statement: &Statement, participant: &ParticipantId) -> Result<(), Problem> {
    match statement.participant == *participant {
        true => Ok(()),
        false => Err(refusals::statement("its signer is not the party that it speaks for")),
    }
}

fn is_about(statement: &Statement, document: &Agreement) -> Result<(), Problem> {
    let hash = document.hash().map_err(|error| refusals::document(&error))?;
    let same =
        statement.hash == hash && statement.agreement == document.id && statement.version == document.version;
    if !same {
        return Err(refusals::statement("it is about another document"));
    }
    match document.party(&statement.participant) {
        Some(_) => Ok(()),
        None => Err(refusals::statement("it is by nobody who is a party")),
    }
}

/// Whether the document names this signatory, with this mandate, for the party.
pub(super) fn has_mandate(
    document: &Agreement,
    participant: &ParticipantId,
    signed: &SignedBy,
) -> Result<(), Problem> {
    let named = document.signatories.iter().any(|signatory| {
        signatory.participant == *participant
            && signatory.name == signed.name
            && signatory.mandate == signed.mandate
    });
    match named {
        true => Ok(()),
        false => Err(refusals::statement("the document names another signatory, or another mandate")),
    }
}

/// Whether the person's own signature is over this document.
pub(super) fn signs(document: &Agreement, signed: &SignedBy) -> Result<(), Problem> {
    let canonical = document.canonical().map_err(|error| refusals::document(&error))?;
    let key = URL_SAFE_NO_PAD.decode(&signed.key);
    let key = key.map_err(|_| refusals::statement("the signatory's key is not base64url"))?;
    let header = verbond_trust::jws::verify_detached(&signed.signature, &canonical, &key)
        .map_err(|_| refusals::statement("the signatory's own signature is not over this document"))?;
    // A signature over something of another kind that happens to have the same bytes is none over an agreement.
    match header.typ == AGREEMENT_SIGNATURE {
        true => Ok(()),
        false => Err(refusals::statement("the signatory's own signature was made for something else")),
    }
}

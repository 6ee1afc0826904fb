//! Statements of other parties: verified against certificate, document and what the document says of signatories.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use verbond_agreement::{Agreement, SignedBy, Statement, StatementStep};
use verbond_domain::{ParticipantId, Problem, Timestamp};
use verbond_trust::{Certificate, CertificateDer, CertificateRefusal, TrustStore, Usage, jws::Jws};

use super::refusals;

/// `typ` of a signatory's signature over an agreement.
pub const AGREEMENT_SIGNATURE: &str = "verbond-agreement+jws";

/// `typ` of a data protection officer's signature over advice.
pub const ADVICE_SIGNATURE: &str = "verbond-advice+jws";

/// How far a statement may be dated ahead of this node's clock, in seconds.
const AHEAD: i64 = 300;
/// How long after it was made a statement that binds is judged by what its certificate was worth then, in seconds: a week.
/// Later its certificate must still be good when it comes, so that nobody dates back what an old key signs.
const LATE: i64 = 7 * 86_400;
/// How long before the statement the signatory may have signed, in seconds; the clock is that of the signatory's machine.
const SIGNATORY: i64 = 86_400;

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

    /// The certificates, leaf first.
    ///
    /// # Errors
    /// A [`Problem`] when they cannot be read.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Problem> {
        if self.chain.len() > LONGEST_CHAIN {
            return Err(refusals::statement("the chain has too many certificates"));
        }
        let chain = self.chain.iter().map(|text| URL_SAFE_NO_PAD.decode(text).map(Into::into));
        chain.collect::<Result<_, _>>().map_err(|_| refusals::statement("a certificate is not base64url"))
    }

    /// What is stated about a document, by the party whose certificate signed it, judged at the statement's own time as
    /// this node holds it at `now`.
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
        let statement =
            Statement::parse(jws.payload()).map_err(|error| refusals::statement(&error.to_string()))?;
        let certificate = judge(&self.certificates()?, &statement, trust, now)?;
        if jws.certificate_thumbprint() != Some(certificate.thumbprint) {
            return Err(refusals::statement(
                "it was signed by another certificate than the one that comes with it",
            ));
        }
        jws.verify(&certificate.public_key)
            .map_err(|_| refusals::statement("the signature does not verify"))?;
        is_by(&statement, &certificate.participant)?;
        is_about(&statement, document)?;
        if let StatementStep::Signed(signed) = &statement.step {
            has_mandate(document, &statement.participant, signed)?;
            signs(document, signed, statement.at.timestamp())?;
        }
        Ok(statement)
    }
}

/// Judges the certificate behind a statement by its time, and by whether it has been revoked until now: what bears an earlier date
/// and comes after that may have been made by anybody. What ends something is taken in however late it comes.
fn judge(
    chain: &[CertificateDer<'_>],
    statement: &Statement,
    trust: &TrustStore,
    now: Timestamp,
) -> Result<Certificate, Problem> {
    let at = statement.at.timestamp();
    if at > now.plus_seconds(AHEAD) {
        return Err(refusals::statement_ahead());
    }
    let bad = |refusal| match refusal {
        CertificateRefusal::Revoked => refusals::statement_revoked(),
        other => refusals::statement(&format!("its signer's certificate is not good: {other}")),
    };
    let certificate = trust.judge_at(chain, Usage::Client, at, now).map_err(bad)?;
    let binds = matches!(
        statement.step,
        StatementStep::Offered
            | StatementStep::Signed(_)
            | StatementStep::Resumed
            | StatementStep::ContractBound { .. }
            | StatementStep::AcceptedOnTheWire(_)
    );
    if binds && at.plus_seconds(LATE) < now && trust.judge(chain, Usage::Client, now).is_err() {
        return Err(refusals::statement_late());
    }
    Ok(certificate)
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

/// Whether the person's own signature is over this document, and was made when the statement says so.
pub(super) fn signs(document: &Agreement, signed: &SignedBy, at: Timestamp) -> Result<(), Problem> {
    let canonical = document.canonical().map_err(|error| refusals::document(&error))?;
    let key = URL_SAFE_NO_PAD.decode(&signed.key);
    let key = key.map_err(|_| refusals::statement("the signatory's key is not base64url"))?;
    let header = verbond_trust::jws::verify_detached(&signed.signature, &canonical, &key)
        .map_err(|_| refusals::statement("the signatory's own signature is not over this document"))?;
    if header.issued_at > at.plus_seconds(AHEAD) || header.issued_at < at.plus_seconds(-SIGNATORY) {
        return Err(refusals::signatory_time());
    }
    // A signature over something of another kind that happens to have the same bytes is none over an agreement.
    match header.typ == AGREEMENT_SIGNATURE {
        true => Ok(()),
        false => Err(refusals::statement("the signatory's own signature was made for something else")),
    }
}

/// Whether somebody signs for one party only: what is signed with the key of another party's signatory is signed by nobody
/// else. Each node's `check` says so before it signs; two that sign at one moment learn it here.
pub(super) fn signs_for_one<'a>(
    mut known: impl Iterator<Item = &'a Statement>,
    statement: &Statement,
) -> Result<(), Problem> {
    let StatementStep::Signed(signed) = &statement.step else { return Ok(()) };
    let same_key = |known: &Statement| {
        known.participant != statement.participant
            && matches!(&known.step, StatementStep::Signed(other) if other.key == signed.key)
    };
    match known.any(same_key) {
        true => Err(refusals::signs_for_two()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// Two nodes that sign at one moment, each before it heard of the other.
    #[test]
    fn one_key_signs_for_one_party() -> Outcome {
        let document = Agreement::parse(include_bytes!("../../../agreement/tests/pensioners.json"))?;
        let signed = |party: usize, key: &str| -> Result<Statement, Box<dyn std::error::Error>> {
            let signatory = document.signatories.get(party).ok_or("a signatory")?;
            let by = SignedBy {
                name: signatory.name.clone(),
                mandate: signatory.mandate.clone(),
                key: key.to_owned(),
                signature: "c2lnbmVk".to_owned(),
            };
            let (at, step) = (Timestamp::from_seconds(1_793_491_200), StatementStep::Signed(by));
            Ok(Statement::about(&document, &signatory.participant, at, step)?)
        };
        let known = [signed(0, "b25l")?];
        assert!(signs_for_one(known.iter(), &signed(1, "dHdv")?).is_ok());
        // The same party once more, with its own key.
        assert!(signs_for_one(known.iter(), &signed(0, "b25l")?).is_ok());
        let refused = signs_for_one(known.iter(), &signed(1, "b25l")?);
        assert_eq!(refused.map_err(|problem| problem.code), Err("AGREEMENT_SIGNATORY_OF_TWO"));
        Ok(())
    }
}

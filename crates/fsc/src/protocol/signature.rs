//! Signatures over contracts (FSC Core 2.0.0 §4.2.3): what is signed, and the order in which a signature is judged.
//!
//! (a) a compact JWS with an allowed algorithm; (b) its certificate, found by thumbprint in the *signer's* JWKS, trusted
//! and the signer's own; (c) the bytes verify; (d) it is over this content; (e) it says what the endpoint is for.
//! Every time a signature arrives.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use verbond_domain::{ParticipantId, Problem, Timestamp};
use verbond_trust::{
    Certificate, CertificateRefusal, CertificateThumbprint,
    jws::{Jws, JwsError},
};

use super::{
    error::ErrorCode,
    hash::{ContentHash, HashError},
    i_json,
};

/// Longest payload that is read, in bytes; FSC's takes about 160.
const MAXIMUM_PAYLOAD_BYTES: usize = 16 * 1024;

/// What a signature says about the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureKind {
    /// The signer agrees.
    Accept,
    /// The signer refuses.
    Reject,
    /// The signer ends it.
    Revoke,
}

impl SignatureKind {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Accept, Self::Reject, Self::Revoke];

    /// `accept`, `reject` or `revoke`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::Revoke => "revoke",
        }
    }

    /// The kind of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignaturePayload {
    /// Of the contract's content.
    pub content_hash: ContentHash,
    /// What is said.
    pub kind: SignatureKind,
    /// When, by the signer's clock.
    pub signed_at: Timestamp,
}

/// Why a signature is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.problem().detail.en)]
pub enum SignatureRefusal {
    /// Not a compact JWS with `x5t#S256`, or its payload is not what §4.2.3 prescribes.
    Malformed(&'static str),
    /// `alg` is not allowed.
    Algorithm,
    /// No certificate with the thumbprint in the signer's JWKS.
    CertificateNotFound,
    /// The certificate is not trusted.
    Certificate(CertificateRefusal),
    /// The certificate is another participant's.
    Signer,
    /// The bytes do not verify.
    Verification,
    /// Another content.
    ContentHash,
    /// The payload's hash has an unknown algorithm.
    HashAlgorithm,
    /// `type` does not fit the endpoint.
    Kind,
    /// `signed_at` lies in the future.
    SignedInFuture,
}

impl From<JwsError> for SignatureRefusal {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::UnknownAlgorithm => Self::Algorithm,
            JwsError::Verification => Self::Verification,
            JwsError::Malformed(why) | JwsError::Header(why) => Self::Malformed(why),
        }
    }
}

impl SignatureRefusal {
    /// The code of the standard (§4.4.5.3). What has none of its own is a signature that could not be verified.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Algorithm => ErrorCode::UnknownAlgorithmSignature,
            Self::Certificate(CertificateRefusal::Identity(_)) => {
                ErrorCode::PeerCertificateVerificationFailed
            }
            Self::Signer => ErrorCode::PeerIdSignatureMismatch,
            Self::ContentHash => ErrorCode::SignatureContractContentHashMismatch,
            Self::HashAlgorithm => ErrorCode::UnknownHashAlgorithmHash,
            Self::Malformed(_)
            | Self::CertificateNotFound
            | Self::Certificate(_)
            | Self::Verification
            | Self::Kind
            | Self::SignedInFuture => ErrorCode::SignatureVerificationFailed,
        }
    }

    /// What to tell the peer.
    pub fn problem(&self) -> Problem {
        let code = self.code();
        let [nl, en, next_nl, next_en] = self.sentences();
        Problem::new(code.as_str(), code.status(), nl, en).next(next_nl, next_en)
    }

    /// Dutch and English: what is the matter, and what to do about it.
    fn sentences(&self) -> [String; 4] {
        let fixed = |texts: [&str; 4]| texts.map(str::to_owned);
        match self {
            Self::Malformed(why) => [
                format!("De handtekening is geen JWS zoals FSC Core 2.0.0 §4.2.3 die voorschrijft ({why})."),
                format!("The signature is not a JWS as FSC Core 2.0.0 §4.2.3 prescribes it ({why})."),
                "Stuur een compacte JWS met alg en x5t#S256, over contract_content_hash, type en signed_at."
                    .to_owned(),
                "Send a compact JWS with alg and x5t#S256, over contract_content_hash, type and signed_at."
                    .to_owned(),
            ],
            Self::Certificate(why) => [
                format!("Het certificaat waarmee is getekend wordt niet vertrouwd: {why}."),
                format!("The certificate that signed is not trusted: {why}."),
                "Teken opnieuw met een geldig certificaat van de groep.".to_owned(),
                "Sign again with a valid certificate of the group.".to_owned(),
            ],
            Self::Algorithm => fixed([
                "Het algoritme van de handtekening is niet toegestaan.",
                "The signature's algorithm is not allowed.",
                "Gebruik RS256, RS384, RS512, ES256, ES384 of ES512.",
                "Use RS256, RS384, RS512, ES256, ES384 or ES512.",
            ]),
            Self::CertificateNotFound => fixed([
                "Het certificaat waarmee is getekend staat niet in de JWKS van de ondertekenaar.",
                "The certificate that signed is not in the signer's JWKS.",
                "Zorg dat de manager van de ondertekenaar bereikbaar is en het certificaat in /.well-known/jwks.json toont.",
                "See to it that the signer's manager can be reached and shows the certificate in /.well-known/jwks.json.",
            ]),
            Self::Signer => fixed([
                "De handtekening is van een andere deelnemer dan de indiener.",
                "The signature is another participant's than the submitter's.",
                "Dien een handtekening in met het certificaat van de organisatie die haar heeft gezet.",
                "Submit a signature with the certificate of the organisation that made it.",
            ]),
            Self::Verification => fixed([
                "De handtekening klopt niet bij het certificaat dat zij noemt.",
                "The signature does not verify with the certificate that it names.",
                "Teken opnieuw met de sleutel van dat certificaat.",
                "Sign again with that certificate's key.",
            ]),
            Self::ContentHash => fixed([
                "De handtekening hoort bij een andere inhoud dan die van dit contract.",
                "The signature belongs to another content than this contract's.",
                "Bereken de contracthash over de canonieke vorm (RFC 8785) van content en teken opnieuw.",
                "Compute the content hash over the canonical form (RFC 8785) of content and sign again.",
            ]),
            Self::HashAlgorithm => fixed([
                "De contracthash in de handtekening heeft een onbekend algoritme.",
                "The content hash in the signature has an unknown algorithm.",
                "Teken de contracthash die met $1$1$ begint.",
                "Sign the content hash that starts with $1$1$.",
            ]),
            Self::Kind => fixed([
                "De handtekening is van een andere soort dan dit adres verwacht.",
                "The signature is of another type than this address expects.",
                "Gebruik type accept, reject of revoke bij het adres met dezelfde naam.",
                "Use type accept, reject or revoke at the address of the same name.",
            ]),
            Self::SignedInFuture => fixed([
                "De handtekening is volgens haar datum in de toekomst gezet.",
                "By its date, the signature was made in the future.",
                "Zet de klok van het knooppunt gelijk (NTP) en teken opnieuw.",
                "Set the node's clock right (NTP) and sign again.",
            ]),
        }
    }
}

impl SignaturePayload {
    /// The bytes to sign: the three members of §4.2.3.1 and no others.
    pub fn to_bytes(&self) -> Vec<u8> {
        json!({
            "contract_content_hash": self.content_hash.as_str(),
            "type": self.kind.as_str(),
            "signed_at": self.signed_at.seconds(),
        })
        .to_string()
        .into_bytes()
    }

    /// Reads a payload; unknown members are tolerated.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureRefusal> {
        let tree = i_json::parse_bounded(bytes, MAXIMUM_PAYLOAD_BYTES)
            .map_err(|_| SignatureRefusal::Malformed("the payload is not I-JSON"))?;
        let text = |name: &str| tree.get(name).and_then(Value::as_str);
        let hash = text("contract_content_hash")
            .ok_or(SignatureRefusal::Malformed("the payload has no contract_content_hash"))?;
        let content_hash = hash.parse().map_err(|error| match error {
            HashError::UnknownAlgorithm => SignatureRefusal::HashAlgorithm,
            _ => SignatureRefusal::ContentHash,
        })?;
        let kind = text("type").ok_or(SignatureRefusal::Malformed("the payload has no type"))?;
        let signed_at = tree.get("signed_at").and_then(Value::as_i64).filter(|seconds| *seconds >= 0);
        Ok(Self {
            content_hash,
            kind: SignatureKind::parse(kind).ok_or(SignatureRefusal::Kind)?,
            signed_at: Timestamp::from_seconds(
                signed_at
                    .ok_or(SignatureRefusal::Malformed("the payload has no signed_at in whole seconds"))?,
            ),
        })
    }
}

/// What a signature must fit.
#[derive(Clone, Copy, Debug)]
pub struct Expectation<'a> {
    /// Who must have signed: the peer of the TLS connection, or the one under whose id the signature is listed.
    pub signer: &'a ParticipantId,
    /// The hash recomputed from the content.
    pub content_hash: &'a ContentHash,
    /// The endpoint's kind.
    pub kind: SignatureKind,
    /// The present.
    pub now: Timestamp,
    /// Seconds that the signer's clock may be ahead.
    pub clock_skew_seconds: i64,
}

/// A signature that has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSignature {
    /// The compact JWS.
    pub jws: String,
    /// Who signed.
    pub signer: ParticipantId,
    /// What is said.
    pub kind: SignatureKind,
    /// When, by the signer's clock.
    pub signed_at: Timestamp,
}

/// Step (a): parses, and says which certificate to look for in the signer's JWKS.
pub fn certificate_thumbprint(jws: &str) -> Result<CertificateThumbprint, SignatureRefusal> {
    thumbprint(&Jws::parse(jws)?)
}

/// When a signature says that it was made, before anything of it is verified: the moment at which its certificate is judged
/// where it is judged later than it was made.
pub fn signed_at(jws: &str) -> Result<Timestamp, SignatureRefusal> {
    SignaturePayload::parse(Jws::parse(jws)?.payload()).map(|payload| payload.signed_at)
}

fn thumbprint(jws: &Jws) -> Result<CertificateThumbprint, SignatureRefusal> {
    jws.certificate_thumbprint().ok_or(SignatureRefusal::Malformed("the header has no x5t#S256"))
}

/// Steps (a) to (e). The caller has had the group's trust store judge `certificate` (else
/// [`SignatureRefusal::Certificate`]).
pub fn verify(
    jws: &str,
    certificate: &Certificate,
    expectation: &Expectation<'_>,
) -> Result<VerifiedSignature, SignatureRefusal> {
    let parsed = Jws::parse(jws)?;
    if thumbprint(&parsed)? != certificate.thumbprint {
        return Err(SignatureRefusal::CertificateNotFound);
    }
    if certificate.participant != *expectation.signer {
        return Err(SignatureRefusal::Signer);
    }
    parsed.verify(&certificate.public_key)?;
    let payload = SignaturePayload::parse(parsed.payload())?;
    if payload.content_hash != *expectation.content_hash {
        return Err(SignatureRefusal::ContentHash);
    }
    if payload.kind != expectation.kind {
        return Err(SignatureRefusal::Kind);
    }
    if payload.signed_at > expectation.now.plus_seconds(expectation.clock_skew_seconds) {
        return Err(SignatureRefusal::SignedInFuture);
    }
    Ok(VerifiedSignature {
        jws: jws.to_owned(),
        signer: expectation.signer.clone(),
        kind: payload.kind,
        signed_at: payload.signed_at,
    })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::AsDer,
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
    };
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::fixtures::*;

    /// A signer with its key, and a certificate that says so.
    struct Signer {
        key: EcdsaKeyPair,
        certificate: Certificate,
    }

    impl Signer {
        fn new(participant: &str) -> Result<Self, Failure> {
            let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
            let public_key = key.public_key().as_der()?.as_ref().to_vec();
            Ok(Self { key, certificate: Certificate { public_key, ..certificate(participant, &[]) } })
        }

        fn sign(&self, header: Value, payload: &[u8]) -> Result<String, Failure> {
            let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            let text = format!("{}.{}", encode(header.to_string().as_bytes()), encode(payload));
            let signature = self.key.sign(&SystemRandom::new(), text.as_bytes())?;
            Ok(format!("{text}.{}", encode(signature.as_ref())))
        }

        fn header(&self) -> Value {
            json!({ "alg": "ES256", "x5t#S256": self.certificate.thumbprint.to_string() })
        }
    }

    fn hash() -> Result<ContentHash, Failure> {
        Ok(contract(&[connection()])?.hash)
    }

    fn payload(kind: SignatureKind, seconds: i64) -> Result<SignaturePayload, Failure> {
        Ok(SignaturePayload { content_hash: hash()?, kind, signed_at: Timestamp::from_seconds(seconds) })
    }

    fn judge(
        jws: &str,
        certificate: &Certificate,
    ) -> Result<Result<VerifiedSignature, SignatureRefusal>, Failure> {
        let expectation = Expectation {
            signer: &peer(CONSUMER),
            content_hash: &hash()?,
            kind: SignatureKind::Accept,
            now: now(),
            clock_skew_seconds: 60,
        };
        Ok(verify(jws, certificate, &expectation))
    }

    #[test]
    fn a_signature_by_the_book_is_verified() -> Result<(), Failure> {
        let signer = Signer::new(CONSUMER)?;
        let jws = signer.sign(signer.header(), &payload(SignatureKind::Accept, NOW)?.to_bytes())?;
        assert_eq!(certificate_thumbprint(&jws), Ok(signer.certificate.thumbprint));
        let verified = judge(&jws, &signer.certificate)??;
        assert_eq!(
            (verified.signer, verified.kind, verified.signed_at),
            (peer(CONSUMER), SignatureKind::Accept, now())
        );
        assert_eq!(verified.jws, jws);
        Ok(())
    }

    #[test]
    fn the_payload_holds_the_three_members_and_tolerates_others() -> Result<(), Failure> {
        let written = payload(SignatureKind::Revoke, NOW)?;
        assert_eq!(SignaturePayload::parse(&written.to_bytes())?, written);
        let tree: Value = serde_json::from_slice(&written.to_bytes())?;
        assert_eq!(tree, json!({ "contract_content_hash": hash()?, "type": "revoke", "signed_at": NOW }));
        let more =
            json!({ "contract_content_hash": hash()?, "type": "revoke", "signed_at": NOW, "more": [1] });
        assert_eq!(SignaturePayload::parse(more.to_string().as_bytes())?, written);
        Ok(())
    }

    /// Each case breaks one step and every step after it, so that it fails if the order is another.
    #[test]
    fn the_steps_are_taken_in_the_prescribed_order() -> Result<(), Failure> {
        let (signer, other) = (Signer::new(CONSUMER)?, Signer::new(PROVIDER)?);
        let wrong = json!({ "contract_content_hash": contract(&[publication()])?.hash, "type": "reject", "signed_at": NOW + 999 });
        let wrong = wrong.to_string().into_bytes();
        let late = payload(SignatureKind::Reject, NOW + 999)?.to_bytes();

        let unknown = json!({ "alg": "PS256", "x5t#S256": signer.certificate.thumbprint.to_string() });
        assert_eq!(
            judge(&signer.sign(unknown, &wrong)?, &other.certificate)?,
            Err(SignatureRefusal::Algorithm)
        );

        let by_other = other.sign(other.header(), &wrong)?;
        assert_eq!(judge(&by_other, &other.certificate)?, Err(SignatureRefusal::Signer));

        let forged = other.sign(signer.header(), &wrong)?;
        assert_eq!(judge(&forged, &signer.certificate)?, Err(SignatureRefusal::Verification));

        let elsewhere = signer.sign(signer.header(), &wrong)?;
        assert_eq!(judge(&elsewhere, &signer.certificate)?, Err(SignatureRefusal::ContentHash));

        let rejecting = signer.sign(signer.header(), &late)?;
        assert_eq!(judge(&rejecting, &signer.certificate)?, Err(SignatureRefusal::Kind));

        let early = signer.sign(signer.header(), &payload(SignatureKind::Accept, NOW + 61)?.to_bytes())?;
        assert_eq!(judge(&early, &signer.certificate)?, Err(SignatureRefusal::SignedInFuture));
        let within = signer.sign(signer.header(), &payload(SignatureKind::Accept, NOW + 60)?.to_bytes())?;
        assert!(judge(&within, &signer.certificate)?.is_ok());
        Ok(())
    }

    #[test]
    fn a_signature_of_another_certificate_is_not_tried() -> Result<(), Failure> {
        let signer = Signer::new(CONSUMER)?;
        let jws = signer.sign(signer.header(), &payload(SignatureKind::Accept, NOW)?.to_bytes())?;
        let renewed = Certificate { thumbprint: CertificateThumbprint([2; 32]), ..signer.certificate };
        assert_eq!(judge(&jws, &renewed)?, Err(SignatureRefusal::CertificateNotFound));
        Ok(())
    }

    #[test]
    fn what_is_not_a_signature_is_refused_as_unverifiable() -> Result<(), Failure> {
        let signer = Signer::new(CONSUMER)?;
        for text in ["", "signature", "a.b.c", "..", "é"] {
            let refusal = judge(text, &signer.certificate)?.err().ok_or("accepted")?;
            assert_eq!(refusal.code(), ErrorCode::SignatureVerificationFailed, "{text}");
        }
        let without = signer.sign(json!({ "alg": "ES256" }), b"{}")?;
        assert!(matches!(certificate_thumbprint(&without), Err(SignatureRefusal::Malformed(_))));
        let alg_none = signer.sign(json!({ "alg": "none" }), b"{}")?;
        assert_eq!(certificate_thumbprint(&alg_none), Err(SignatureRefusal::Algorithm));
        Ok(())
    }

    #[test]
    fn payloads_of_another_form_are_refused() -> Result<(), Failure> {
        let hash = hash()?;
        for (payload, refusal) in [
            (
                json!({ "contract_content_hash": "$2$1$x", "type": "accept", "signed_at": 1 }),
                SignatureRefusal::HashAlgorithm,
            ),
            (
                json!({ "contract_content_hash": "x", "type": "accept", "signed_at": 1 }),
                SignatureRefusal::ContentHash,
            ),
            (
                json!({ "contract_content_hash": hash, "type": "agree", "signed_at": 1 }),
                SignatureRefusal::Kind,
            ),
        ] {
            assert_eq!(SignaturePayload::parse(payload.to_string().as_bytes()), Err(refusal));
        }
        for payload in [
            json!([]),
            json!({ "type": "accept", "signed_at": 1 }),
            json!({ "contract_content_hash": hash, "signed_at": 1 }),
            json!({ "contract_content_hash": hash, "type": "accept" }),
            json!({ "contract_content_hash": hash, "type": "accept", "signed_at": "1" }),
            json!({ "contract_content_hash": hash, "type": "accept", "signed_at": -1 }),
        ] {
            let refusal = SignaturePayload::parse(payload.to_string().as_bytes());
            assert!(matches!(refusal, Err(SignatureRefusal::Malformed(_))), "{payload}");
        }
        let twice =
            format!(r#"{{"contract_content_hash":"{hash}","type":"accept","type":"reject","signed_at":1}}"#);
        assert!(SignaturePayload::parse(twice.as_bytes()).is_err());
        Ok(())
    }

    #[test]
    fn a_certificate_without_a_usable_participant_has_its_own_code() {
        let code = |refusal: CertificateRefusal| SignatureRefusal::Certificate(refusal).code();
        let identity = CertificateRefusal::Identity(verbond_trust::CertificateError::ParticipantId(0));
        assert_eq!(code(identity), ErrorCode::PeerCertificateVerificationFailed);
        assert_eq!(code(CertificateRefusal::Expired), ErrorCode::SignatureVerificationFailed);
    }

    proptest! {
        #[test]
        fn no_input_makes_the_readers_panic(text in ".*", bytes: Vec<u8>) {
            let _ = certificate_thumbprint(&text);
            let _ = SignaturePayload::parse(&bytes);
            let _ = SignaturePayload::parse(text.as_bytes());
        }
    }
}

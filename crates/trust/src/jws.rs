//! JSON Web Signatures in compact form (RFC 7515), with the algorithms that FSC allows.
//!
//! Written on the cryptography library's primitives: FSC allows ES512, which the common Rust libraries for JWT
//! leave out, and the key may lie in a device that is reached by waiting for it ([`crate::Signer`]), which they do
//! not allow for. What they would add, claims with their rules, is the protocol's matter and not this crate's.

mod detached;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde::de::IgnoredAny;

pub use self::detached::{DetachedHeader, sign_detached, verify_detached};
use crate::{
    CertificateThumbprint, Identity, SignError, SignatureAlgorithm,
    public_key::{Curve, PublicKey},
};

/// Longest compact JWS that is read: room for an agreement of 1 MiB.
const MAXIMUM_BYTES: usize = 3 * 1024 * 1024 / 2;

/// Longest header that is read, in its base64url form; FSC's headers take about 120 characters.
const MAXIMUM_HEADER_CHARACTERS: usize = 16 * 1024;

/// A parsed compact JWS whose signature has not been verified yet.
#[derive(Clone, Debug)]
pub struct Jws {
    algorithm: SignatureAlgorithm,
    thumbprint: Option<CertificateThumbprint>,
    /// Header and payload as they came, with the dot between them: what is signed.
    signing_input: String,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// Why a text is not a JWS, or does not verify.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Not three base64url parts with a JSON object first, or longer than the bound.
    #[error("not a compact JWS: {0}")]
    Malformed(&'static str),
    /// The header's `alg` is none of RS256, RS384, RS512, ES256, ES384, ES512.
    #[error("the signature algorithm is not one of RS256, RS384, RS512, ES256, ES384, ES512")]
    UnknownAlgorithm,
    /// The header has a `crit` member, or no usable `x5t#S256`.
    #[error("the JWS header cannot be used: {0}")]
    Header(&'static str),
    /// The key does not fit the algorithm, or the bytes do not verify.
    #[error("the signature does not verify")]
    Verification,
}

/// The members of the header that mean something here; one of them twice is an error of the JSON reader
/// (RFC 7515 §4: names must be unique).
#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    alg: serde_json::Value,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
    #[serde(rename = "x5t#S256", default)]
    thumbprint: Option<serde_json::Value>,
    #[serde(rename = "x5t#s256", default)]
    thumbprint_lower_case: Option<serde_json::Value>,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl Jws {
    /// Parses a compact JWS of at most 1.5 MiB. `alg` must be allowed; unknown header members are ignored save `crit`.
    pub fn parse(text: &str) -> Result<Self, JwsError> {
        if text.len() > MAXIMUM_BYTES {
            return Err(JwsError::Malformed("longer than 1.5 MiB"));
        }
        let (signing_input, signature) =
            text.rsplit_once('.').ok_or(JwsError::Malformed("not three parts"))?;
        let (header, payload) =
            signing_input.split_once('.').ok_or(JwsError::Malformed("not three parts"))?;
        if payload.contains('.') {
            return Err(JwsError::Malformed("not three parts"));
        }
        if header.len() > MAXIMUM_HEADER_CHARACTERS {
            return Err(JwsError::Malformed("the header is too long"));
        }
        let header = decode(header)?;
        // The JSON reader would take an array as well, and its elements for the members in order.
        if header.trim_ascii_start().first() != Some(&b'{') {
            return Err(JwsError::Malformed("the header is not a JSON object"));
        }
        let header: Header = serde_json::from_slice(&header)
            .map_err(|_| JwsError::Malformed("the header is not a JSON object with unique members"))?;
        if header.crit {
            return Err(JwsError::Header("it has a crit member"));
        }
        Ok(Self {
            algorithm: header.alg.as_str().and_then(from_name).ok_or(JwsError::UnknownAlgorithm)?,
            thumbprint: thumbprint(header.thumbprint, header.thumbprint_lower_case)?,
            signing_input: signing_input.to_owned(),
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }

    /// The algorithm of the header.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// The header's `x5t#S256` (also read in the lower-case spelling `x5t#s256`).
    pub fn certificate_thumbprint(&self) -> Option<CertificateThumbprint> {
        self.thumbprint
    }

    /// The payload, not to be believed before [`Jws::verify`].
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Verifies with a DER SubjectPublicKeyInfo. The key decides which algorithms are possible, never the header
    /// alone: RSA of 2048 to 8192 bits for RS*, and each ES* with its own curve (RFC 7518 §3.3, §3.4).
    pub fn verify(&self, public_key: &[u8]) -> Result<(), JwsError> {
        let key = PublicKey::parse(public_key).ok_or(JwsError::Verification)?;
        let (algorithm, bytes) = fitting(&key, self.algorithm).ok_or(JwsError::Verification)?;
        UnparsedPublicKey::new(algorithm, bytes)
            .verify(self.signing_input.as_bytes(), &self.signature)
            .map_err(|_| JwsError::Verification)
    }
}

/// Signs the payload with the identity's key and preferred algorithm; the header holds `alg` and `x5t#S256`.
pub async fn sign(identity: &Identity, payload: &[u8]) -> Result<String, SignError> {
    let (algorithm, name) = identity
        .signer
        .algorithms()
        .iter()
        .find_map(|algorithm| Some((*algorithm, name(*algorithm)?)))
        .ok_or_else(|| SignError::Failed("it has no algorithm that FSC allows".to_owned()))?;
    // Both values are of alphabets that JSON does not escape.
    let header = format!(r#"{{"alg":"{name}","x5t#S256":"{}"}}"#, identity.certificate.thumbprint);
    let mut text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = identity.signer.sign(algorithm, text.as_bytes()).await?;
    text.push('.');
    text.push_str(&URL_SAFE_NO_PAD.encode(signature));
    Ok(text)
}

/// The `alg` value (RFC 7518 §3.1); none for the algorithms that FSC does not allow.
pub(crate) const fn name(algorithm: SignatureAlgorithm) -> Option<&'static str> {
    Some(match algorithm {
        SignatureAlgorithm::Rs256 => "RS256",
        SignatureAlgorithm::Rs384 => "RS384",
        SignatureAlgorithm::Rs512 => "RS512",
        SignatureAlgorithm::Es256 => "ES256",
        SignatureAlgorithm::Es384 => "ES384",
        SignatureAlgorithm::Es512 => "ES512",
        SignatureAlgorithm::Ps256
        | SignatureAlgorithm::Ps384
        | SignatureAlgorithm::Ps512
        | SignatureAlgorithm::Ed25519 => return None,
    })
}

fn from_name(text: &str) -> Option<SignatureAlgorithm> {
    [
        SignatureAlgorithm::Rs256,
        SignatureAlgorithm::Rs384,
        SignatureAlgorithm::Rs512,
        SignatureAlgorithm::Es256,
        SignatureAlgorithm::Es384,
        SignatureAlgorithm::Es512,
    ]
    .into_iter()
    .find(|algorithm| name(*algorithm) == Some(text))
}

fn fitting(
    key: &PublicKey,
    algorithm: SignatureAlgorithm,
) -> Option<(&'static dyn VerificationAlgorithm, &[u8])> {
    Some(match (key, algorithm) {
        (PublicKey::Rsa { der, .. }, SignatureAlgorithm::Rs256) => (&RSA_PKCS1_2048_8192_SHA256, der),
        (PublicKey::Rsa { der, .. }, SignatureAlgorithm::Rs384) => (&RSA_PKCS1_2048_8192_SHA384, der),
        (PublicKey::Rsa { der, .. }, SignatureAlgorithm::Rs512) => (&RSA_PKCS1_2048_8192_SHA512, der),
        (PublicKey::Ecdsa { curve: Curve::P256, point, .. }, SignatureAlgorithm::Es256) => {
            (&ECDSA_P256_SHA256_FIXED, point)
        }
        (PublicKey::Ecdsa { curve: Curve::P384, point, .. }, SignatureAlgorithm::Es384) => {
            (&ECDSA_P384_SHA384_FIXED, point)
        }
        (PublicKey::Ecdsa { curve: Curve::P521, point, .. }, SignatureAlgorithm::Es512) => {
            (&ECDSA_P521_SHA512_FIXED, point)
        }
        _ => return None,
    })
}

fn thumbprint(
    standard: Option<serde_json::Value>,
    lower_case: Option<serde_json::Value>,
) -> Result<Option<CertificateThumbprint>, JwsError> {
    let read = |value: serde_json::Value| {
        value
            .as_str()
            .and_then(CertificateThumbprint::parse)
            .ok_or(JwsError::Header("its x5t#S256 is not a SHA-256 thumbprint in base64url"))
    };
    match (standard.map(read).transpose()?, lower_case.map(read).transpose()?) {
        (Some(standard), Some(lower_case)) if standard != lower_case => {
            Err(JwsError::Header("its two thumbprints differ"))
        }
        (standard, lower_case) => Ok(standard.or(lower_case)),
    }
}

fn decode(part: &str) -> Result<Vec<u8>, JwsError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| JwsError::Malformed("a part is not base64url without padding"))
}

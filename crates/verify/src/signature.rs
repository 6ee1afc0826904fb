//! JSON Web Signatures (RFC 7515): compact ones by a certificate, detached ones by a signatory's own key.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::IgnoredAny};
use x509_parser::{
    oid_registry::{
        OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKCS1_RSAENCRYPTION,
    },
    prelude::{FromDer, SubjectPublicKeyInfo},
    public_key::RSAPublicKey,
};

use crate::{
    certificate,
    merkle::{Hash, sha256},
};

/// Longest JWS that is read, in bytes.
const LONGEST: usize = 2 * 1024 * 1024;
/// How far a signatory's clock may be ahead of the statement, in seconds.
const AHEAD: i64 = 300;
/// How long before the statement the signatory may have signed, in seconds.
const BEFORE: i64 = 86_400;

/// A public key, taken apart, so that the key decides which algorithms fit.
enum PublicKey {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
        der: Vec<u8>,
    },
    Curve {
        name: &'static str,
        alg: &'static str,
        algorithm: &'static dyn VerificationAlgorithm,
        point: Vec<u8>,
    },
}

impl PublicKey {
    fn parse(spki: &[u8]) -> Option<Self> {
        let (rest, spki) = SubjectPublicKeyInfo::from_der(spki).ok()?;
        let key = spki.subject_public_key.data.as_ref();
        if !rest.is_empty() || spki.subject_public_key.unused_bits != 0 {
            return None;
        }
        if spki.algorithm.algorithm == OID_PKCS1_RSAENCRYPTION {
            let (rest, numbers) = RSAPublicKey::from_der(key).ok()?;
            let (modulus, exponent) = (unsigned(numbers.modulus)?, unsigned(numbers.exponent)?);
            let rsa =
                || Self::Rsa { modulus: modulus.to_vec(), exponent: exponent.to_vec(), der: key.to_vec() };
            return rest.is_empty().then(rsa);
        }
        if spki.algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY {
            return None;
        }
        let curve = spki.algorithm.parameters.as_ref()?.as_oid().ok()?;
        let (name, alg, algorithm, length): (_, _, &'static dyn VerificationAlgorithm, usize) =
            if curve == OID_EC_P256 {
                ("P-256", "ES256", &ECDSA_P256_SHA256_FIXED, 65)
            } else if curve == OID_NIST_EC_P384 {
                ("P-384", "ES384", &ECDSA_P384_SHA384_FIXED, 97)
            } else if curve == OID_NIST_EC_P521 {
                ("P-521", "ES512", &ECDSA_P521_SHA512_FIXED, 133)
            } else {
                return None;
            };
        let uncompressed = key.len() == length && key.first() == Some(&4);
        uncompressed.then(|| Self::Curve { name, alg, algorithm, point: key.to_vec() })
    }

    fn verifies(&self, alg: &str, message: &[u8], signature: &[u8]) -> bool {
        let (algorithm, bytes): (&'static dyn VerificationAlgorithm, _) = match (self, alg) {
            (Self::Rsa { der, .. }, "RS256") => (&RSA_PKCS1_2048_8192_SHA256, der),
            (Self::Rsa { der, .. }, "RS384") => (&RSA_PKCS1_2048_8192_SHA384, der),
            (Self::Rsa { der, .. }, "RS512") => (&RSA_PKCS1_2048_8192_SHA512, der),
            (Self::Curve { alg: own, algorithm, point, .. }, alg) if *own == alg => (*algorithm, point),
            _ => return false,
        };
        UnparsedPublicKey::new(algorithm, bytes).verify(message, signature).is_ok()
    }

    /// RFC 7638 with SHA-256: the required members in the order of their names.
    fn thumbprint(&self) -> String {
        let members = match self {
            Self::Rsa { modulus, exponent, .. } => {
                let (e, n) = (URL_SAFE_NO_PAD.encode(exponent), URL_SAFE_NO_PAD.encode(modulus));
                format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
            }
            Self::Curve { name, point, .. } => {
                let coordinates = point.get(1..).unwrap_or_default();
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
                format!(r#"{{"crv":"{name}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
        };
        URL_SAFE_NO_PAD.encode(sha256(&[members.as_bytes()]))
    }
}

/// A DER integer without its sign octet; nothing if it is negative or zero.
fn unsigned(integer: &[u8]) -> Option<&[u8]> {
    match integer {
        [0, rest @ ..] if rest.first().is_some_and(|first| *first != 0) => Some(rest),
        [first, ..] if (1..0x80).contains(first) => Some(integer),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(rename = "x5t#S256")]
    thumbprint: Option<String>,
    #[serde(rename = "x5t#s256")]
    thumbprint_lower_case: Option<String>,
    typ: Option<String>,
    kid: Option<String>,
    iat: Option<i64>,
    crit: Option<IgnoredAny>,
    b64: Option<IgnoredAny>,
}

fn header(encoded: &str) -> Option<Header> {
    let header = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    (header.first() == Some(&b'{')).then_some(())?;
    let header: Header = serde_json::from_slice(&header).ok()?;
    header.crit.is_none().then_some(header)
}

/// Payload of a compact JWS that says that this certificate signed it; its signature is not verified.
pub(crate) fn payload(jws: &str) -> Option<Vec<u8>> {
    (jws.len() <= LONGEST).then_some(())?;
    let mut parts = jws.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some(())?;
    URL_SAFE_NO_PAD.decode(payload).ok()
}

/// Whether a compact JWS is by the key of this certificate, and says so.
pub(crate) fn is_by_certificate(jws: &str, der: &[u8]) -> bool {
    verified(jws, der).is_some()
}

fn verified(jws: &str, der: &[u8]) -> Option<()> {
    (jws.len() <= LONGEST).then_some(())?;
    let (input, signature) = jws.rsplit_once('.')?;
    let header = header(input.split_once('.')?.0)?;
    let named = header.thumbprint.or(header.thumbprint_lower_case)?;
    (named == URL_SAFE_NO_PAD.encode(sha256(&[der]))).then_some(())?;
    let key = PublicKey::parse(&certificate::public_key(der)?)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    key.verifies(&header.alg, input.as_bytes(), &signature).then_some(())
}

/// What a person signs with a key of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Agreement,
    Advice,
}

impl Over {
    /// `typ` of such a signature.
    const fn typ(self) -> &'static str {
        match self {
            Self::Agreement => "verbond-agreement+jws",
            Self::Advice => "verbond-advice+jws",
        }
    }
}

/// By what somebody signed, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByPerson {
    /// SHA-256 of the key.
    pub(crate) key: Hash,
    /// As they say, in seconds.
    pub(crate) at: i64,
}

impl ByPerson {
    /// Whether it was made when a statement of this time (seconds) says.
    pub(crate) const fn is_about(&self, at: i64) -> bool {
        self.at <= at.saturating_add(AHEAD) && self.at >= at.saturating_sub(BEFORE)
    }
}

/// Who signed these bytes with a detached JWS, if this key did (DER SubjectPublicKeyInfo, base64url).
pub(crate) fn by_person(jws: &str, signed: &[u8], key: &str, over: Over) -> Option<ByPerson> {
    (jws.len() <= LONGEST && key.len() <= LONGEST).then_some(())?;
    let (encoded, signature) = jws.split_once("..")?;
    let header = header(encoded)?;
    let der = URL_SAFE_NO_PAD.decode(key).ok()?;
    let key = PublicKey::parse(&der)?;
    let at = header.iat?;
    let says =
        header.b64.is_none() && header.typ.as_deref() == Some(over.typ()) && header.kid? == key.thumbprint();
    says.then_some(())?;
    let input = format!("{encoded}.{}", URL_SAFE_NO_PAD.encode(signed));
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    key.verifies(&header.alg, input.as_bytes(), &signature).then(|| ByPerson { key: sha256(&[&der]), at })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_thumbprint_of_a_curve_has_the_members_that_rfc_7638_requires() {
        // RFC 7517 appendix A.1 gives the coordinates; the thumbprint is that of the text in the order of RFC 7638 section 3.3.
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64url");
        let (x, y) =
            ("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM");
        let point = [vec![4], decode(x), decode(y)].concat();
        let key =
            PublicKey::Curve { name: "P-256", alg: "ES256", algorithm: &ECDSA_P256_SHA256_FIXED, point };
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        assert_eq!(key.thumbprint(), URL_SAFE_NO_PAD.encode(sha256(&[text.as_bytes()])));
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_fault(jws in ".*", key in ".*", der: Vec<u8>) {
            prop_assert!(!is_by_certificate(&jws, &der));
            prop_assert!(by_person(&jws, &der, &key, Over::Agreement).is_none());
            let _ = payload(&jws);
        }
    }
}

//! A public key taken apart, so that a signature is verified only with an algorithm that fits it.

use x509_parser::{
    oid_registry::{
        OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKCS1_RSAENCRYPTION,
    },
    prelude::{FromDer, SubjectPublicKeyInfo},
    public_key::RSAPublicKey,
};

use crate::SignatureAlgorithm;

/// A public key of a kind that FSC signatures can be made with.
pub(crate) enum PublicKey {
    /// RSA of 2048 to 8192 bits; unsigned big-endian numbers without leading zeros.
    Rsa { modulus: Vec<u8>, exponent: Vec<u8>, der: Vec<u8> },
    /// A point on a NIST curve, its coordinates padded to the size of the field.
    Ecdsa { curve: Curve, x: Vec<u8>, y: Vec<u8>, point: Vec<u8> },
}

/// The curves of ES256, ES384 and ES512.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// Name in a JWK (RFC 7518 §6.2.1.1).
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    const fn field_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo; nothing if the key is of another kind or size.
    pub(crate) fn parse(spki: &[u8]) -> Option<Self> {
        let (rest, spki) = SubjectPublicKeyInfo::from_der(spki).ok()?;
        if !rest.is_empty() || spki.subject_public_key.unused_bits != 0 {
            return None;
        }
        let key = spki.subject_public_key.data.as_ref();
        if spki.algorithm.algorithm == OID_PKCS1_RSAENCRYPTION {
            return Self::rsa(key);
        }
        if spki.algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY {
            return None;
        }
        let curve = spki.algorithm.parameters.as_ref()?.as_oid().ok()?;
        Self::ecdsa(
            [(OID_EC_P256, Curve::P256), (OID_NIST_EC_P384, Curve::P384), (OID_NIST_EC_P521, Curve::P521)]
                .into_iter()
                .find_map(|(oid, known)| (oid == curve).then_some(known))?,
            key,
        )
    }

    fn rsa(der: &[u8]) -> Option<Self> {
        let (rest, key) = RSAPublicKey::from_der(der).ok()?;
        let modulus = unsigned(key.modulus)?;
        let exponent = unsigned(key.exponent)?;
        let bits = modulus.len() * 8 - usize::try_from(modulus.first()?.leading_zeros()).ok()?;
        ((2048..=8192).contains(&bits) && rest.is_empty()).then(|| Self::Rsa {
            modulus: modulus.to_vec(),
            exponent: exponent.to_vec(),
            der: der.to_vec(),
        })
    }

    fn ecdsa(curve: Curve, point: &[u8]) -> Option<Self> {
        // Uncompressed points only: the form that all certificates use (RFC 5480 §2.2).
        let (4, coordinates) = point.split_first()? else { return None };
        if coordinates.len() != 2 * curve.field_bytes() {
            return None;
        }
        let (x, y) = coordinates.split_at_checked(curve.field_bytes())?;
        Some(Self::Ecdsa { curve, x: x.to_vec(), y: y.to_vec(), point: point.to_vec() })
    }

    /// The algorithm that this program's own signer prefers for such a key.
    pub(crate) const fn preferred_algorithm(&self) -> SignatureAlgorithm {
        match self {
            Self::Rsa { .. } => SignatureAlgorithm::Rs512,
            Self::Ecdsa { curve: Curve::P256, .. } => SignatureAlgorithm::Es256,
            Self::Ecdsa { curve: Curve::P384, .. } => SignatureAlgorithm::Es384,
            Self::Ecdsa { curve: Curve::P521, .. } => SignatureAlgorithm::Es512,
        }
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

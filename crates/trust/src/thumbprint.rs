//! The two SHA-256 thumbprints of FSC Core 2.0.0: of a certificate, and of a public key.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// SHA-256 of the DER certificate (RFC 7515 §4.1.8); text form is base64url without padding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CertificateThumbprint(pub [u8; 32]);

/// SHA-256 of the DER SubjectPublicKeyInfo; text form is 64 lower-case hexadecimal digits.
/// Survives renewal of a certificate with the same key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKeyThumbprint(pub [u8; 32]);

impl CertificateThumbprint {
    /// Of these DER bytes.
    pub fn of(der: &[u8]) -> Self {
        Self(sha256(der))
    }

    /// Reads base64url without padding, 43 characters.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 43 {
            return None;
        }
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (length == bytes.len()).then_some(Self(bytes))
    }
}

impl PublicKeyThumbprint {
    /// Of this DER SubjectPublicKeyInfo.
    pub fn of(spki_der: &[u8]) -> Self {
        Self(sha256(spki_der))
    }

    /// Reads 64 hexadecimal digits of either case (the norm prescribes none).
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = hexadecimal_digit(*high)? << 4 | hexadecimal_digit(*low)?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for CertificateThumbprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Display for PublicKeyThumbprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for CertificateThumbprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Debug for PublicKeyThumbprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut result = [0; 32];
    result.copy_from_slice(digest(&SHA256, bytes).as_ref());
    result
}

fn hexadecimal_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of the empty string, FIPS 180-4 examples.
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_public_key_thumbprint_is_lower_case_hexadecimal_and_read_in_either_case() {
        let thumbprint = PublicKeyThumbprint::of(b"");
        assert_eq!(thumbprint.to_string(), EMPTY);
        assert_eq!(PublicKeyThumbprint::parse(EMPTY), Some(thumbprint));
        assert_eq!(PublicKeyThumbprint::parse(&EMPTY.to_uppercase()), Some(thumbprint));
        for text in ["", &EMPTY[1..], &format!("{EMPTY}0"), &EMPTY.replace('e', "g"), &"é".repeat(32)] {
            assert_eq!(PublicKeyThumbprint::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_certificate_thumbprint_is_base64url_without_padding() {
        let thumbprint = CertificateThumbprint::of(b"");
        let text = thumbprint.to_string();
        assert_eq!(text, "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
        assert_eq!(CertificateThumbprint::parse(&text), Some(thumbprint));
        let standard_alphabet = text.replace('-', "+").replace('_', "/");
        let stray_bits = text.replace("uFU", "uFV");
        for text in ["", &text[1..], &format!("{text}="), &standard_alphabet, &stray_bits] {
            assert_eq!(CertificateThumbprint::parse(text), None, "{text:?}");
        }
    }
}

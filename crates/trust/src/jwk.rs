//! JSON Web Keys with certificate chains (RFC 7517), as managers publish them.

use std::{collections::BTreeMap, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{
    Engine, alphabet,
    engine::{
        DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig,
        general_purpose::{STANDARD, URL_SAFE_NO_PAD},
    },
};
use rustls_pki_types::CertificateDer;
use serde_json::{Value, json};

use crate::{
    CertificateThumbprint,
    certificate::{MAXIMUM_CERTIFICATE_BYTES, parse_x509},
    jws,
    public_key::PublicKey,
};

/// Most keys in a set that is read.
const MAXIMUM_KEYS: usize = 256;

/// Most certificates in a chain that is read.
const MAXIMUM_CHAIN: usize = 8;

/// RFC 7517 §4.7 wants the padding; its absence cannot be misread.
const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The JWK set for these chains: `kty` and its members, `x5c` (root left out), `x5t#S256` and, for readers of
/// FSC's own YAML, `x5t#s256`, `alg` and `use`.
///
/// A chain whose leaf's key is of a kind that cannot make FSC signatures is left out.
pub fn key_set(chains: &[Arc<Vec<CertificateDer<'static>>>]) -> Value {
    json!({ "keys": chains.iter().filter_map(|chain| key(chain)).collect::<Vec<_>>() })
}

/// The thumbprint of a DER SubjectPublicKeyInfo as a JSON Web Key (RFC 7638), base64url; nothing for a key of a kind that
/// cannot make FSC signatures.
pub fn thumbprint(public_key: &[u8]) -> Option<String> {
    let required = required_members(&PublicKey::parse(public_key)?);
    // RFC 7638 §3.3: exactly the required members, by name, without white space; their values need no escapes.
    let sorted: BTreeMap<&str, &Value> =
        required.as_object()?.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let text = serde_json::to_vec(&sorted).ok()?;
    Some(URL_SAFE_NO_PAD.encode(digest(&SHA256, &text)))
}

fn required_members(public_key: &PublicKey) -> Value {
    match public_key {
        PublicKey::Rsa { modulus, exponent, .. } => json!({
            "kty": "RSA",
            "n": URL_SAFE_NO_PAD.encode(modulus),
            "e": URL_SAFE_NO_PAD.encode(exponent),
        }),
        PublicKey::Ecdsa { curve, x, y, .. } => json!({
            "kty": "EC",
            "crv": curve.name(),
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
        }),
    }
}

fn key(chain: &[CertificateDer<'_>]) -> Option<Value> {
    let leaf = chain.first()?;
    let public_key = PublicKey::parse(parse_x509(leaf).ok()?.public_key().raw)?;
    let thumbprint = CertificateThumbprint::of(leaf).to_string();
    let mut key = required_members(&public_key);
    let members = key.as_object_mut()?;
    members.insert("use".to_owned(), "sig".into());
    members.insert("alg".to_owned(), jws::name(public_key.preferred_algorithm())?.into());
    members.insert("x5c".to_owned(), chain.iter().map(|der| STANDARD.encode(der)).collect());
    members.insert("x5t#S256".to_owned(), thumbprint.clone().into());
    members.insert("x5t#s256".to_owned(), thumbprint.into());
    Some(key)
}

/// Reads the certificate chains from a JWK set of at most 256 keys; keys without `x5c` are skipped, and so are
/// those whose `x5c` is empty, longer than 8, or not base64. A larger set, or what is no set, gives nothing.
/// Keys are identified by hashing `x5c[0]`, never by the set's own thumbprint members.
pub fn chains(key_set: &Value) -> Vec<Vec<CertificateDer<'static>>> {
    match key_set.get("keys").and_then(Value::as_array) {
        Some(keys) if keys.len() <= MAXIMUM_KEYS => keys.iter().filter_map(chain).collect(),
        _ => Vec::new(),
    }
}

fn chain(key: &Value) -> Option<Vec<CertificateDer<'static>>> {
    let certificates = key.get("x5c")?.as_array()?;
    if certificates.is_empty() || certificates.len() > MAXIMUM_CHAIN {
        return None;
    }
    certificates
        .iter()
        .map(|certificate| {
            let text =
                certificate.as_str().filter(|text| text.len() <= MAXIMUM_CERTIFICATE_BYTES / 3 * 4 + 4)?;
            TOLERANT.decode(text).ok().map(CertificateDer::from)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_of_the_standards_own_example_is_the_one_that_it_gives()
    -> Result<(), base64::DecodeError> {
        // RFC 7638 §3.1, its modulus in a SubjectPublicKeyInfo.
        let modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let mut spki = vec![
            0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
            0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01,
            0x00,
        ];
        spki.extend(URL_SAFE_NO_PAD.decode(modulus)?);
        spki.extend([0x02, 0x03, 0x01, 0x00, 0x01]);
        assert_eq!(thumbprint(&spki).as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
        assert_eq!(thumbprint(b""), None);
        Ok(())
    }
}

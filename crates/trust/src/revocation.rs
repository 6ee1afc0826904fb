//! Certificate revocation lists: parsed, kept, and told how old they are.

use std::sync::Arc;

use rustls_pki_types::{CertificateRevocationListDer, SubjectPublicKeyInfoDer, pem::PemObject};
use verbond_domain::Timestamp;
use webpki::{CertRevocationList, OwnedCertRevocationList, RawPublicKeyEntity};
use x509_parser::{
    asn1_rs::{Any, BitString, FromDer, Tag},
    time::ASN1Time,
};

/// Longest list that is read.
const MAXIMUM_LIST_BYTES: usize = 32 * 1024 * 1024;

/// A parsed CRL (RFC 5280 §5).
#[derive(Clone)]
pub struct RevocationList {
    shared: Arc<Parsed>,
}

struct Parsed {
    list: CertRevocationList<'static>,
    der: CertificateRevocationListDer<'static>,
    signed: Signed,
    this_update: Timestamp,
    next_update: Timestamp,
}

/// The parts of the list that its signature is about; offsets into the DER bytes would save a copy, and cost clarity.
struct Signed {
    message: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
}

/// Why bytes are not a usable CRL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a usable certificate revocation list: {0}")]
pub struct RevocationListError(pub String);

impl RevocationList {
    /// Reads DER or PEM, at most 32 MiB. Lists of version 1, delta lists, indirect lists and lists without
    /// nextUpdate are refused, since what they leave out cannot be relied on.
    pub fn parse(bytes: &[u8]) -> Result<Self, RevocationListError> {
        if bytes.len() > MAXIMUM_LIST_BYTES {
            return Err(unusable("longer than 32 MiB"));
        }
        // DER starts with the tag of a SEQUENCE, which is no character of a PEM text's first line.
        let der = if bytes.first() == Some(&0x30) {
            CertificateRevocationListDer::from(bytes.to_vec())
        } else {
            CertificateRevocationListDer::from_pem_slice(bytes)
                .map_err(|_| unusable("neither DER nor PEM of a list"))?
        };
        let list = OwnedCertRevocationList::from_der(&der).map_err(|error| unusable(error.to_string()))?;
        let (signed, this_update, next_update) =
            outline(&der).ok_or_else(|| unusable("its outline cannot be read"))?;
        let shared = Parsed { list: list.into(), signed, this_update, next_update, der };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// thisUpdate.
    pub fn this_update(&self) -> Timestamp {
        self.shared.this_update
    }

    /// nextUpdate, if stated.
    pub fn next_update(&self) -> Option<Timestamp> {
        Some(self.shared.next_update)
    }

    /// DER bytes, for the cache.
    pub fn der(&self) -> &[u8] {
        &self.shared.der
    }

    /// DER of the issuer's name (the contents of the outer SEQUENCE): lists with the same issuer and scope replace
    /// each other, the one with the later [`RevocationList::this_update`] counts.
    pub fn issuer(&self) -> &[u8] {
        self.shared.list.issuer()
    }

    /// Whether the list bears a good signature by this key (DER SubjectPublicKeyInfo). Who fetches lists over
    /// plain HTTP must not let one that does not replace one that does.
    pub fn is_signed_by(&self, public_key: &[u8]) -> bool {
        let signed = &self.shared.signed;
        let public_key = SubjectPublicKeyInfoDer::from(public_key);
        let Ok(key) = RawPublicKeyEntity::try_from(&public_key) else { return false };
        webpki::ALL_VERIFICATION_ALGS
            .iter()
            .filter(|algorithm| algorithm.signature_alg_id().as_ref() == signed.algorithm)
            .any(|algorithm| key.verify_signature(*algorithm, &signed.message, &signed.signature).is_ok())
    }

    pub(crate) fn list(&self) -> &CertRevocationList<'static> {
        &self.shared.list
    }

    /// From when on the certificate with this serial number is not to be relied on, if the list has it.
    pub(crate) fn unreliable_from(&self, serial: &[u8]) -> Option<Timestamp> {
        let entry = self.list().find_serial(serial).ok().flatten()?;
        let dates = std::iter::once(entry.revocation_date).chain(entry.invalidity_date);
        let seconds = dates.map(|date| i64::try_from(date.as_secs()).unwrap_or(i64::MAX)).min();
        seconds.map(Timestamp::from_seconds)
    }

    /// The moment from which the list may no longer be used.
    pub(crate) fn ends(&self, grace_seconds: i64) -> Timestamp {
        self.shared.next_update.plus_seconds(grace_seconds)
    }
}

impl std::fmt::Debug for RevocationList {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RevocationList")
            .field("this_update", &self.shared.this_update)
            .field("next_update", &self.shared.next_update)
            .finish_non_exhaustive()
    }
}

/// The signed part, its signature, thisUpdate and nextUpdate of a CertificateList (RFC 5280 §5.1). The entries are
/// not walked: there may be a million.
fn outline(der: &[u8]) -> Option<(Signed, Timestamp, Timestamp)> {
    let (_, outer) = Any::from_der(der).ok()?;
    let (after_message, message) = Any::from_der(outer.data).ok()?;
    let message_bytes = outer.data.get(..outer.data.len().checked_sub(after_message.len())?)?;
    let (after_algorithm, algorithm) = Any::from_der(after_message).ok()?;
    let (_, signature) = BitString::from_der(after_algorithm).ok()?;

    let (rest, first) = Any::from_der(message.data).ok()?;
    let rest = if first.tag() == Tag::Integer { Any::from_der(rest).ok()?.0 } else { rest };
    let (rest, _issuer) = Any::from_der(rest).ok()?;
    let (rest, this_update) = ASN1Time::from_der(rest).ok()?;
    let (_, next_update) = ASN1Time::from_der(rest).ok()?;
    let signed = Signed {
        message: message_bytes.to_vec(),
        algorithm: algorithm.data.to_vec(),
        signature: signature.data.to_vec(),
    };
    Some((
        signed,
        Timestamp::from_seconds(this_update.timestamp()),
        Timestamp::from_seconds(next_update.timestamp()),
    ))
}

fn unusable(reason: impl Into<String>) -> RevocationListError {
    RevocationListError(reason.into())
}

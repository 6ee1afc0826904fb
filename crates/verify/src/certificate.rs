//! Whose a certificate is, and whether it led to a trust anchor at the time of what it signed.

use std::{collections::HashMap, time::Duration};

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime, pem::PemObject};
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter,
    anchor_from_trusted_cert,
};
use x509_parser::{
    asn1_rs::Tag,
    oid_registry::OID_X509_SERIALNUMBER,
    prelude::{FromDer, X509Certificate},
};

use crate::{
    Unreadable,
    merkle::{Hash, sha256},
};

/// Longest certificate that is read, in bytes.
const LONGEST: usize = 64 * 1024;
/// Most certificates of a chain, and most lines `certificate` of a section, that are used.
pub(crate) const LONGEST_CHAIN: usize = 8;
pub(crate) const MOST_CERTIFICATES: usize = 256;

fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    (der.len() <= LONGEST).then_some(())?;
    let (rest, certificate) = X509Certificate::from_der(der).ok()?;
    rest.is_empty().then_some(certificate)
}

/// DER SubjectPublicKeyInfo of a certificate.
pub(crate) fn public_key(der: &[u8]) -> Option<Vec<u8>> {
    Some(parse(der)?.public_key().raw.to_vec())
}

/// Whose it is: `oin:` and the one serialNumber of its subject.
fn participant(der: &[u8]) -> Option<String> {
    let certificate = parse(der)?;
    let attributes = certificate.subject().iter_attributes();
    let mut values = attributes.filter(|attribute| *attribute.attr_type() == OID_X509_SERIALNUMBER);
    let (value, None) = (values.next()?, values.next()) else { return None };
    let readable = matches!(value.attr_value().tag(), Tag::Utf8String | Tag::PrintableString);
    let text = std::str::from_utf8(value.as_slice()).ok().filter(|_| readable)?;
    Some(format!("oin:{text}"))
}

/// The certificates that whoever verifies trusts.
pub struct Anchors {
    trusted: Vec<TrustAnchor<'static>>,
    /// First and last second of each, in the order of `trusted`: the path library takes an anchor at any time.
    validity: Vec<(i64, i64)>,
    /// What was judged before, since one certificate signs much.
    judged: HashMap<Hash, bool>,
}

impl Anchors {
    /// Reads certificates of authorities in PEM, from files one after another; none at all means that none are given.
    ///
    /// # Errors
    /// [`Unreadable`] when a text holds no certificate, or one that is not of an authority.
    pub fn from_pem(texts: &[Vec<u8>]) -> Result<Self, Unreadable> {
        let mut anchors = Self { trusted: Vec::new(), validity: Vec::new(), judged: HashMap::new() };
        for text in texts {
            let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
            let certificates = certificates.map_err(|_| Unreadable::Anchors)?;
            if certificates.is_empty() {
                return Err(Unreadable::Anchors);
            }
            for der in &certificates {
                let parsed = parse(der).filter(|one| one.is_ca()).ok_or(Unreadable::Anchors)?;
                let anchor = anchor_from_trusted_cert(der).map_err(|_| Unreadable::Anchors)?;
                let validity = parsed.validity();
                anchors.validity.push((validity.not_before.timestamp(), validity.not_after.timestamp()));
                anchors.trusted.push(anchor.to_owned());
            }
        }
        Ok(anchors)
    }

    /// Whether none are given, so that nobody's certificate is judged.
    pub const fn is_empty(&self) -> bool {
        self.trusted.is_empty()
    }

    /// Whether a chain (DER, leaf first) is this participant's and leads to an anchor at a moment (milliseconds), perhaps
    /// by way of `others`. Without anchors nothing is judged, and the answer is yes.
    pub(crate) fn vouch(&mut self, chain: &[Vec<u8>], others: &[Vec<u8>], whose: &str, at: i64) -> bool {
        if self.is_empty() {
            return true;
        }
        let seconds = at.div_euclid(1000);
        let parts: Vec<&[u8]> = chain.iter().chain(others).map(Vec::as_slice).collect();
        let mut key: Vec<Hash> = parts.iter().map(|part| sha256(&[part])).collect();
        key.push(sha256(&[whose.as_bytes(), &seconds.to_be_bytes()]));
        let key = sha256(&[key.as_flattened()]);
        if let Some(judged) = self.judged.get(&key) {
            return *judged;
        }
        let good = self.judge(chain, others, whose, seconds).is_some();
        self.judged.insert(key, good);
        good
    }

    fn judge(&self, chain: &[Vec<u8>], others: &[Vec<u8>], whose: &str, seconds: i64) -> Option<()> {
        let (leaf, issuers) = chain.split_first()?;
        (chain.len() <= LONGEST_CHAIN && participant(leaf)? == whose).then_some(())?;
        let fits = |der: &&Vec<u8>| der.len() <= LONGEST;
        let as_der = |der: &Vec<u8>| CertificateDer::from(der.clone());
        let issuers = issuers.iter().chain(others.iter().take(MOST_CERTIFICATES)).filter(fits);
        let issuers: Vec<CertificateDer<'_>> = issuers.map(as_der).collect();
        let leaf = CertificateDer::from(leaf.as_slice());
        let leaf = EndEntityCert::try_from(&leaf).ok()?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).ok()?));
        let anchors: Vec<TrustAnchor<'_>> = self
            .trusted
            .iter()
            .zip(&self.validity)
            .filter(|(_, (first, last))| (*first..=*last).contains(&seconds))
            .map(|(anchor, _)| anchor.clone())
            .collect();
        leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &issuers, time, AnyPurpose, None, None)
            .ok()
            .map(|_| ())
    }
}

/// What a certificate was issued for says nothing of whether it is its holder's.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_authority_is_no_anchor() {
        for text in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(Anchors::from_pem(&[text.into()]).is_err(), "{text}");
        }
        assert!(Anchors::from_pem(&[]).is_ok_and(|anchors| anchors.is_empty()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_certificate_or_none(der: Vec<u8>) {
            prop_assert!(public_key(&der).is_none() && participant(&der).is_none());
        }
    }
}

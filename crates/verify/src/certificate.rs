//! Whose a certificate is, and whether it led to a trust anchor at the time of what it signed.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime, pem::PemObject};
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, VerifiedPath,
    anchor_from_trusted_cert,
};
use x509_parser::{
    asn1_rs::Tag,
    extensions::{DistributionPointName, GeneralName, ParsedExtension},
    oid_registry::OID_X509_SERIALNUMBER,
    prelude::{FromDer, X509Certificate},
};

use crate::{
    Unreadable,
    finding::{Alarm, Findings, Place},
    merkle::{Hash, sha256},
    revocation::{Bringer, List, Lists, Standing},
    section::Section,
};

/// Longest certificate that is read, in bytes.
const LONGEST: usize = 64 * 1024;
/// How long after a statement its certificate may have ended when it is first shown, in seconds: a week.
const LATE: i64 = 7 * 86_400;
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

/// What of a certificate decides which list speaks of it.
pub(crate) struct Facts {
    /// Its last second.
    pub(crate) ends: i64,
    /// Addresses of its distribution points (RFC 5280 section 4.2.1.13).
    pub(crate) points: Vec<String>,
}

pub(crate) fn facts(der: &[u8]) -> Option<Facts> {
    let certificate = parse(der)?;
    let mut points = Vec::new();
    for extension in certificate.extensions() {
        let ParsedExtension::CRLDistributionPoints(all) = extension.parsed_extension() else { continue };
        for name in all.points.iter().filter_map(|point| point.distribution_point.as_ref()) {
            let DistributionPointName::FullName(names) = name else { continue };
            points.extend(names.iter().filter_map(|name| match name {
                GeneralName::URI(address) => Some((*address).to_owned()),
                _ => None,
            }));
        }
    }
    Some(Facts { ends: certificate.validity().not_after.timestamp(), points })
}

/// What somebody's certificate was worth when it signed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    Good,
    /// Good, if it had not been revoked: no list tells.
    PerhapsRevoked,
    Revoked,
    /// Good at the moment that what it signed bears, and no longer when that was first shown.
    ShownTooLate,
    /// It is another's, was not valid, or leads to no anchor.
    Bad,
}

/// Who signed something, by which certificate, and when.
pub(crate) struct Signed<'a> {
    /// The certificates, leaf first.
    pub(crate) chain: &'a [Vec<u8>],
    /// Whose it must be.
    pub(crate) whose: &'a str,
    /// By its own word, in milliseconds.
    pub(crate) at: i64,
    /// When it provably existed, in milliseconds; not before `at`.
    pub(crate) shown: i64,
}

/// The certificates that whoever verifies trusts, and lists of those that were revoked.
pub struct Anchors {
    trusted: Vec<TrustAnchor<'static>>,
    /// First and last second of each, in the order of `trusted`: the path library takes an anchor at any time.
    validity: Vec<(i64, i64)>,
    pub(crate) lists: RefCell<Lists>,
    /// What was judged before, since one certificate signs much.
    judged: HashMap<Hash, Worth>,
}

impl Anchors {
    /// Reads certificates of authorities in PEM, from files one after another; none at all means that none are given.
    ///
    /// # Errors
    /// [`Unreadable`] when a text holds no certificate, or one that is not of an authority.
    pub fn from_pem(texts: &[Vec<u8>]) -> Result<Self, Unreadable> {
        let mut anchors = Self {
            trusted: Vec::new(),
            validity: Vec::new(),
            lists: RefCell::default(),
            judged: HashMap::new(),
        };
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

    /// Takes further lists of revoked certificates, in DER or PEM, from files one after another.
    ///
    /// # Errors
    /// [`Unreadable`] when a text holds no list, or one that is not of the form of RFC 5280.
    pub fn with_lists(mut self, texts: &[Vec<u8>]) -> Result<Self, Unreadable> {
        for text in texts {
            let lists = List::in_file(text).ok_or(Unreadable::RevocationLists)?;
            let all = self.lists.get_mut();
            lists.into_iter().for_each(|list| all.put(list, Bringer::Verifier));
        }
        Ok(self)
    }

    /// Takes in lists that a program holds which has judged them by itself; those of another form than is judged by here say nothing.
    #[must_use]
    pub fn with_lists_held(mut self, lists: &[Vec<u8>]) -> Self {
        let all = self.lists.get_mut();
        let readable = lists.iter().filter_map(|list| List::in_file(list)).flatten();
        readable.for_each(|list| all.put(list, Bringer::Verifier));
        self
    }

    /// Whether the certificate that signed was the participant's and good when it did; says what is wrong with it if it was not.
    /// `bad`: how to say that it is another's, was not valid or leads to no anchor. Without anchors nothing is judged, and the
    /// answer is yes.
    pub(crate) fn vouch(
        &mut self,
        signed: &Signed<'_>,
        section: &Section,
        place: Place,
        bad: [&str; 2],
        findings: &mut Findings,
    ) -> bool {
        match self.worth(signed, &section.certificates) {
            Worth::Good => true,
            Worth::PerhapsRevoked => {
                findings.revocation_unknown(section.participant());
                true
            }
            Worth::Revoked => {
                let nl = format!(
                    "Het certificaat van {} was ingetrokken toen het dit ondertekende.",
                    signed.whose
                );
                let en = format!("the certificate of {} had been revoked when it signed this", signed.whose);
                section.alarm(findings, Alarm::CertificateRevoked, place, &nl, &en);
                false
            }
            Worth::ShownTooLate => {
                let nl = format!(
                    "Wat {} ondertekende kwam pas tevoorschijn toen het certificaat niet meer deugde.",
                    signed.whose
                );
                let en = format!(
                    "what {} signed was first shown when its certificate was no longer good",
                    signed.whose
                );
                section.alarm(findings, Alarm::ShownTooLate, place, &nl, &en);
                false
            }
            Worth::Bad => {
                let [nl, en] = bad;
                section.alarm(findings, Alarm::Certificate, place, nl, en);
                false
            }
        }
    }

    /// By way of the chain itself, and perhaps of `others`.
    fn worth(&mut self, signed: &Signed<'_>, others: &[Vec<u8>]) -> Worth {
        if self.is_empty() {
            return Worth::Good;
        }
        let (seconds, shown) = (signed.at.div_euclid(1000), signed.shown.div_euclid(1000));
        let parts: Vec<&[u8]> = signed.chain.iter().chain(others).map(Vec::as_slice).collect();
        let mut key: Vec<Hash> = parts.iter().map(|part| sha256(&[part])).collect();
        key.push(sha256(&[signed.whose.as_bytes(), &seconds.to_be_bytes(), &shown.to_be_bytes()]));
        let key = sha256(&[key.as_flattened()]);
        if let Some(judged) = self.judged.get(&key) {
            return *judged;
        }
        let worth = self.at_both(signed, others, seconds, shown);
        self.judged.insert(key, worth);
        worth
    }

    /// By the moment that it bears, and by that at which it was first shown: what a key that was stolen signs can bear any.
    fn at_both(&self, signed: &Signed<'_>, others: &[Vec<u8>], at: i64, shown: i64) -> Worth {
        let judge = |valid, listed| self.judge(signed, others, valid, listed).unwrap_or(Worth::Bad);
        let then = judge(at, at);
        if shown <= at || matches!(then, Worth::Bad | Worth::Revoked) {
            return then;
        }
        // A certificate that has merely ended ends nothing, but what comes long after is what an old key can sign.
        let valid = if shown.saturating_sub(at) > LATE { shown } else { at };
        match judge(valid, shown) {
            Worth::Bad | Worth::Revoked => Worth::ShownTooLate,
            later => later,
        }
    }

    /// `valid`: when the certificates must have been valid; `listed`: the moment by which lists are asked; both in seconds.
    fn judge(&self, signed: &Signed<'_>, others: &[Vec<u8>], valid: i64, listed: i64) -> Option<Worth> {
        let (leaf, issuers) = signed.chain.split_first()?;
        (signed.chain.len() <= LONGEST_CHAIN && participant(leaf)? == signed.whose).then_some(())?;
        let fits = |der: &&Vec<u8>| der.len() <= LONGEST;
        let as_der = |der: &Vec<u8>| CertificateDer::from(der.clone());
        let issuers = issuers.iter().chain(others.iter().take(MOST_CERTIFICATES)).filter(fits);
        let issuers: Vec<CertificateDer<'_>> = issuers.map(as_der).collect();
        let leaf = CertificateDer::from(leaf.as_slice());
        let leaf = EndEntityCert::try_from(&leaf).ok()?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(valid).ok()?));
        let anchors: Vec<TrustAnchor<'_>> = self
            .trusted
            .iter()
            .zip(&self.validity)
            .filter(|(_, (first, last))| (*first..=*last).contains(&valid))
            .map(|(anchor, _)| anchor.clone())
            .collect();
        // The best way counts: a certificate that two issuers stand for is good while one of them is.
        let is_there = |least: Standing| {
            let stands = |path: &VerifiedPath<'_>| match self.lists.borrow_mut().standing(path, listed) {
                standing if standing >= least => Ok(()),
                _ => Err(Error::CertRevoked),
            };
            leaf.verify_for_usage(
                ALL_VERIFICATION_ALGS,
                &anchors,
                &issuers,
                time,
                AnyPurpose,
                None,
                Some(&stands),
            )
            .is_ok()
        };
        let ways = [
            (Standing::Good, Worth::Good),
            (Standing::Unknown, Worth::PerhapsRevoked),
            (Standing::Revoked, Worth::Revoked),
        ];
        ways.into_iter().find(|(least, _)| is_there(*least)).map(|(_, worth)| worth)
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

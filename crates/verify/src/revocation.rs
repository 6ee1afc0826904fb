//! Lists of revoked certificates (RFC 5280 section 5): whose they are, and what they say of a certificate at a moment.

use std::{collections::HashMap, iter};

use rustls_pki_types::{CertificateRevocationListDer, SubjectPublicKeyInfoDer, pem::PemObject};
use webpki::{
    ALL_VERIFICATION_ALGS, BorrowedCertRevocationList, Cert, CertRevocationList, RawPublicKeyEntity,
    VerifiedPath, spki_for_anchor,
};
use x509_parser::{
    asn1_rs::{Any, BitString, FromDer, Tag},
    time::ASN1Time,
};

use crate::{
    certificate,
    finding::{Alarm, Findings, at_line, words},
    merkle::{Hash, sha256},
};

/// Longest list that is read, in bytes.
const LONGEST: usize = 32 * 1024 * 1024;
/// Most lists of a section that are used, and how many bytes they have together.
pub(crate) const MOST_LISTS: usize = 64;
pub(crate) const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What lists say of a certificate at a moment. Of a way of certificates the least counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    Revoked,
    /// No list says it.
    Unknown,
    Good,
}

/// A list as its issuer made it; its signature is not verified yet.
#[derive(Debug)]
pub(crate) struct List {
    der: Vec<u8>,
    /// Content of the issuer's name.
    issuer: Vec<u8>,
    /// Where the list is one of several: the distribution points of which it is.
    points: Option<Vec<String>>,
    /// When it was made, and until when it says something, in seconds.
    made: i64,
    ends: i64,
    algorithm: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl List {
    /// Reads DER. A list of another form than RFC 5280 section 5 has it, without an end, or that only adds to another one, is none.
    pub(crate) fn parse(der: Vec<u8>) -> Option<Self> {
        (der.len() <= LONGEST).then_some(())?;
        let read = BorrowedCertRevocationList::from_der(&der).ok()?;
        (&read).into_iter().all(|one| one.is_ok()).then_some(())?;
        let read = CertRevocationList::Borrowed(read);
        let issuer = read.issuer().to_vec();
        let points = match read.issuing_distribution_point() {
            None => None,
            Some(point) => Some(points(point)?),
        };
        let (rest, list) = Any::from_der(&der).ok()?;
        rest.is_empty().then_some(())?;
        let (after, message) = Any::from_der(list.data).ok()?;
        let (signature, algorithm) = Any::from_der(after).ok()?;
        let (_, signature) = BitString::from_der(signature).ok()?;
        let (made, ends) = times(message.data)?;
        let length = list.data.len().checked_sub(after.len())?;
        let (algorithm, message) = (algorithm.data.to_vec(), list.data.get(..length)?.to_vec());
        let signature = signature.data.to_vec();
        Some(Self { issuer, points, made, ends, algorithm, message, signature, der })
    }

    /// Reads a file: DER, or one or several in PEM.
    pub(crate) fn in_file(bytes: &[u8]) -> Option<Vec<Self>> {
        // DER begins with the tag of a SEQUENCE.
        if bytes.first() == Some(&0x30) {
            return Some(vec![Self::parse(bytes.to_vec())?]);
        }
        let lists = CertificateRevocationListDer::pem_slice_iter(bytes);
        let lists = lists.map(|der| Self::parse(der.ok()?.to_vec())).collect::<Option<Vec<_>>>()?;
        (!lists.is_empty()).then_some(lists)
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.der.len()
    }

    fn is_signed_by(&self, key: &[u8]) -> bool {
        let key = SubjectPublicKeyInfoDer::from(key);
        let Ok(key) = RawPublicKeyEntity::try_from(&key) else { return false };
        ALL_VERIFICATION_ALGS
            .iter()
            .filter(|algorithm| algorithm.signature_alg_id().as_ref() == self.algorithm)
            .any(|algorithm| key.verify_signature(*algorithm, &self.message, &self.signature).is_ok())
    }

    /// From when on a certificate is not to be relied on, in seconds: when it was revoked, or the date since when its issuer holds it
    /// for invalid if that is earlier (RFC 5280 section 5.3.2).
    fn unreliable_from(&self, serial: &[u8]) -> Option<i64> {
        let read = CertRevocationList::Borrowed(BorrowedCertRevocationList::from_der(&self.der).ok()?);
        let entry = read.find_serial(serial).ok()??;
        let dates = iter::once(entry.revocation_date).chain(entry.invalidity_date);
        dates.map(|date| i64::try_from(date.as_secs()).unwrap_or(i64::MAX)).min()
    }

    /// Whether the list would name this certificate if it had been revoked by then: it says so until its end, and issuers leave out
    /// what had ended before they made it (RFC 5280 section 3.3).
    fn speaks_of(&self, certificate: &Cert<'_>, at: i64) -> bool {
        let Some(facts) = certificate::facts(&certificate.der()) else { return false };
        let is_of_it =
            self.points.as_ref().is_none_or(|points| points.iter().any(|one| facts.points.contains(one)));
        is_of_it && self.made <= facts.ends && at <= self.ends
    }
}

/// thisUpdate and nextUpdate of the part that is signed, in seconds.
fn times(message: &[u8]) -> Option<(i64, i64)> {
    let (rest, first) = Any::from_der(message).ok()?;
    let rest = if first.tag() == Tag::Integer { Any::from_der(rest).ok()?.0 } else { rest };
    let (rest, issuer) = Any::from_der(rest).ok()?;
    members(issuer.data).all(|part| part.is_some_and(|part| part.tag() == Tag::Set)).then_some(())?;
    let (rest, made) = ASN1Time::from_der(rest).ok()?;
    let (_, ends) = ASN1Time::from_der(rest).ok()?;
    Some((made.timestamp(), ends.timestamp()))
}

/// The addresses in an issuing distribution point (RFC 5280 section 5.2.5). None at all where it is of some reasons, of attribute
/// certificates, or of other issuers too: such a list says of no certificate that it was not revoked.
fn points(der: &[u8]) -> Option<Vec<String>> {
    let (rest, point) = Any::from_der(der).ok()?;
    rest.is_empty().then_some(())?;
    let mut points = Vec::new();
    for member in members(point.data) {
        let member = member?;
        match member.tag().0 {
            // fullName, of which the names of kind 6 are addresses
            0 => {
                for name in members(member.data).flatten().filter(|name| name.tag().0 == 0) {
                    let addresses = members(name.data).flatten().filter(|one| one.tag().0 == 6);
                    points.extend(addresses.filter_map(|one| String::from_utf8(one.data.to_vec()).ok()));
                }
            }
            1 | 2 => {}
            _ => return Some(Vec::new()),
        }
    }
    Some(points)
}

/// What stands in a DER value one after another; `None` for what cannot be read.
fn members(mut data: &[u8]) -> impl Iterator<Item = Option<Any<'_>>> {
    iter::from_fn(move || {
        (!data.is_empty()).then(|| {
            let read = Any::from_der(data).ok();
            data = read.as_ref().map_or(&[][..], |(rest, _)| rest);
            read.map(|(_, member)| member)
        })
    })
}

/// Who brought a list.
#[derive(Debug)]
pub(crate) enum Bringer {
    /// A section of the evidence, in this line.
    Section(String, u64),
    /// Whoever verifies.
    Verifier,
    /// Evidence of an earlier day, about which nothing is found.
    Earlier,
}

/// A list, and what became of it.
struct Held {
    list: List,
    by: Bringer,
    /// Some certificate on a way to an anchor is of the issuer that the list names.
    is_named: bool,
    /// The key of such an issuer has signed it.
    holds: bool,
    judged: HashMap<Hash, bool>,
}

/// The lists at hand.
#[derive(Default)]
pub(crate) struct Lists(Vec<Held>);

impl Lists {
    pub(crate) fn put(&mut self, list: List, by: Bringer) {
        self.0.push(Held { list, by, is_named: false, holds: false, judged: HashMap::new() });
    }

    /// What the lists say of a way to an anchor, whose own revocation no list tells, at a moment in seconds.
    pub(crate) fn standing(&mut self, path: &VerifiedPath<'_>, at: i64) -> Standing {
        let certificates = iter::once(&**path.end_entity()).chain(path.intermediate_certificates());
        let keys = path.intermediate_certificates().map(|issuer| issuer.subject_public_key_info());
        let keys = keys.chain(iter::once(spki_for_anchor(path.anchor())));
        let all = certificates.zip(keys).map(|(certificate, key)| self.of(certificate, key.as_ref(), at));
        all.min().unwrap_or(Standing::Unknown)
    }

    fn of(&mut self, certificate: &Cert<'_>, issuer: &[u8], at: i64) -> Standing {
        let key = sha256(&[issuer]);
        let (mut is_revoked, mut is_told) = (false, false);
        for held in self.0.iter_mut().filter(|held| held.list.issuer == certificate.issuer()) {
            held.is_named = true;
            let list = &held.list;
            if !*held.judged.entry(key).or_insert_with(|| list.is_signed_by(issuer)) {
                continue;
            }
            held.holds = true;
            match list.unreliable_from(certificate.serial()) {
                Some(from) => {
                    is_revoked |= from <= at;
                    is_told = true;
                }
                None => is_told |= list.speaks_of(certificate, at),
            }
        }
        match (is_revoked, is_told) {
            (true, _) => Standing::Revoked,
            (false, true) => Standing::Good,
            (false, false) => Standing::Unknown,
        }
    }

    /// Finds fault with lists that name an issuer which did not sign them, when all certificates have been judged.
    pub(crate) fn judge(&self, findings: &mut Findings) {
        for held in self.0.iter().filter(|held| held.is_named && !held.holds) {
            let sentence = words(
                "De lijst met ingetrokken certificaten is niet ondertekend door de uitgever die zij noemt.",
                "the list of revoked certificates is not signed by the issuer that it names",
            );
            match &held.by {
                Bringer::Section(participant, line) => {
                    findings.alarm(Alarm::RevocationList, Some(participant), at_line(*line), sentence);
                }
                Bringer::Verifier => {
                    findings.alarm(Alarm::RevocationList, None, Default::default(), sentence);
                }
                Bringer::Earlier => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_list_or_none(bytes: Vec<u8>) {
            prop_assert!(List::parse(bytes.clone()).is_none());
            prop_assert!(List::in_file(&bytes).is_none());
            let _ = points(&bytes);
        }
    }

    #[test]
    fn addresses_of_a_distribution_point_are_read_and_of_some_reasons_none_count() {
        let full = [b"\x30\x0a\xa0\x08\xa0\x06\x86\x04".as_slice(), b"http"].concat();
        assert_eq!(points(&full), Some(vec!["http".to_owned()]));
        // onlySomeReasons
        assert_eq!(points(b"\x30\x04\x83\x02\x01\x06"), Some(Vec::new()));
        // onlyContainsUserCerts
        assert_eq!(points(b"\x30\x03\x81\x01\xff"), Some(Vec::new()));
    }
}

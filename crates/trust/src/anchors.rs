//! The certificates to which every chain must lead.

use rustls_pki_types::{CertificateDer, TrustAnchor};
use verbond_domain::Timestamp;
use webpki::{anchor_from_trusted_cert, spki_for_anchor};

use crate::{CertificateRefusal, RevocationList, certificate::parse_x509, trust_store::refusal};

/// A set of trust anchors, each with the time in which it may vouch for others.
#[derive(PartialEq, Eq)]
pub(crate) struct Anchors {
    trusted: Vec<TrustAnchor<'static>>,
    /// In the order of `trusted`.
    validity: Vec<Validity>,
}

/// First and last second.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Validity {
    not_before: i64,
    not_after: i64,
}

impl Anchors {
    /// From DER certificates: at least one, each of a certificate authority.
    pub(crate) fn read(certificates: &[CertificateDer<'_>]) -> Result<Self, CertificateRefusal> {
        if certificates.is_empty() {
            return Err(CertificateRefusal::Invalid("there is no trust anchor".to_owned()));
        }
        let mut anchors = Self { trusted: Vec::new(), validity: Vec::new() };
        for certificate in certificates {
            let parsed = parse_x509(certificate)?;
            if !parsed.is_ca() {
                return Err(CertificateRefusal::Invalid(
                    "a trust anchor is not the certificate of an authority".to_owned(),
                ));
            }
            anchors.validity.push(Validity {
                not_before: parsed.validity().not_before.timestamp(),
                not_after: parsed.validity().not_after.timestamp(),
            });
            anchors.trusted.push(anchor_from_trusted_cert(certificate).map_err(refusal)?.to_owned());
        }
        Ok(anchors)
    }

    /// As the path library wants them.
    pub(crate) fn trusted(&self) -> &[TrustAnchor<'static>] {
        &self.trusted
    }

    /// Whether one of them has signed the list in its own name.
    pub(crate) fn have_signed(&self, list: &RevocationList) -> bool {
        let by_anchor = |anchor: &TrustAnchor<'_>| {
            anchor.subject.as_ref() == list.issuer() && list.is_signed_by(&spki_for_anchor(anchor))
        };
        self.trusted.iter().any(by_anchor)
    }

    /// Until when the anchor is valid. The path library takes an anchor at any time; a group's root that has ended
    /// must not go on to vouch for others.
    pub(crate) fn end(
        &self,
        anchor: &TrustAnchor<'_>,
        now: Timestamp,
    ) -> Result<Timestamp, CertificateRefusal> {
        let seconds = now.seconds();
        let mut result = CertificateRefusal::UnknownIssuer;
        for (candidate, validity) in self.trusted.iter().zip(&self.validity) {
            if candidate != anchor {
                continue;
            }
            if seconds < validity.not_before {
                result = CertificateRefusal::NotYetValid;
            } else if seconds > validity.not_after {
                result = CertificateRefusal::Expired;
            } else {
                return Ok(Timestamp::from_seconds(validity.not_after));
            }
        }
        Err(result)
    }
}

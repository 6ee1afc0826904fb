//! What has been seen of the group's issuers in chains that lead to an anchor: where their revocation lists lie, and
//! with which keys those are signed. A node learns so which lists it needs, without a list of issuers to keep up.

use crate::{
    CertificateError, RevocationList,
    certificate::{crl_urls, parse_x509},
};
use rustls_pki_types::CertificateDer;
use webpki::VerifiedPath;

/// Distribution points and issuers that are remembered: far more than a group has. Those seen longest ago go first.
const MAXIMUM: usize = 64;

/// Seen in chains whose path to an anchor is good, revocation left aside.
#[derive(Default)]
pub(crate) struct Sightings {
    /// URLs of distribution points, those seen last at the end.
    sources: Vec<String>,
    /// Name and DER SubjectPublicKeyInfo of intermediate authorities, those seen last at the end.
    issuers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Sightings {
    /// Takes in a path. Returns whether anything in it is new.
    pub(crate) fn see(
        &mut self,
        leaf: &CertificateDer<'_>,
        path: &VerifiedPath<'_>,
    ) -> Result<bool, CertificateError> {
        let mut new = false;
        for url in crl_urls(&parse_x509(leaf)?)? {
            new |= remember(&mut self.sources, url);
        }
        for intermediate in path.intermediate_certificates() {
            let der = intermediate.der();
            for url in crl_urls(&parse_x509(&der)?)? {
                new |= remember(&mut self.sources, url);
            }
            let key = intermediate.subject_public_key_info().as_ref().to_vec();
            new |= remember(&mut self.issuers, (intermediate.subject().to_vec(), key));
        }
        Ok(new)
    }

    pub(crate) fn sources(&self) -> &[String] {
        &self.sources
    }

    /// Whether one of the intermediate authorities has signed the list, in its own name.
    pub(crate) fn has_signed(&self, list: &RevocationList) -> bool {
        self.issuers.iter().any(|(name, key)| name == list.issuer() && list.is_signed_by(key))
    }
}

fn remember<T: PartialEq>(all: &mut Vec<T>, item: T) -> bool {
    let place = all.iter().position(|known| *known == item);
    if let Some(place) = place {
        all.remove(place);
    } else if all.len() >= MAXIMUM {
        all.remove(0);
    }
    all.push(item);
    place.is_none()
}

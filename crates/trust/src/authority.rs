//! A throw-away certificate authority for tests and demonstrations: root, intermediate, leaves, CRLs.
//!
//! Its keys lie unencrypted in its directory. It has the shape of PKIoverheid's hierarchies, so that what works with it
//! works with them: an intermediate that issues, a CRL of each, organisation and serialNumber in the subject.

mod directory;
mod request;

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertificateSigningRequestParams,
    CrlDistributionPoint, DistinguishedName, DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber,
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use time::OffsetDateTime;
use verbond_domain::{Ambient, Timestamp};

use self::directory::{Ledger, Revoked, lock, read, write, write_secret};
pub use self::request::{KeyKind, LeafRequest, certificate_request, new_key};
use crate::{CertificateThumbprint, certificate::parse_x509};

const DAY: i64 = 24 * 3600;

/// Root and intermediate start this long before they are made, so that a clock that is behind, or a leaf that is
/// asked to have started earlier, does no harm.
const HEAD_START: i64 = 30 * DAY;
const ROOT_DAYS: i64 = 3650;
const INTERMEDIATE_DAYS: i64 = 1825;

/// For how long CRLs are written unless told otherwise.
const LIST_SECONDS: i64 = 30 * DAY;

/// Why the authority could not do it.
#[derive(Debug, thiserror::Error)]
#[error("test certificate authority: {0}")]
pub struct AuthorityError(pub String);

impl AuthorityError {
    fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// A test authority that lives in a directory: `root.pem`, `root-key.pem`, `intermediate.pem`,
/// `intermediate-key.pem`, `crl-root.pem`, `crl.pem`, `issued/`, `revoked.json`.
///
/// Several processes may use one directory at once: each operation holds a lock on it.
pub struct TestAuthority {
    directory: PathBuf,
    ambient: Ambient,
}

impl TestAuthority {
    /// Opens the authority in `directory`, or makes it there. `crl_url`, if given when it is made, is written into the
    /// leaves as distribution point.
    pub fn open_or_create(
        directory: &Path,
        crl_url: Option<&str>,
        ambient: &Ambient,
    ) -> Result<Self, AuthorityError> {
        std::fs::create_dir_all(directory.join("issued")).map_err(AuthorityError::of)?;
        let authority = Self { directory: directory.to_owned(), ambient: ambient.clone() };
        let _lock = lock(directory)?;
        // The ledger is written last, so that an authority that was cut off while it was made is made anew.
        if !directory.join("revoked.json").exists() {
            authority.create(crl_url)?;
        }
        Ok(authority)
    }

    /// Where it lives.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The root, to be used as trust anchor.
    pub fn root_pem(&self) -> Result<String, AuthorityError> {
        read(&self.directory, "root.pem")
    }

    /// Issues a leaf for a PEM certificate request made by [`certificate_request`]; returns leaf and intermediate, PEM.
    ///
    /// Only the key is taken from the request, after its signature has been verified; all else from `leaf`.
    pub fn issue(&self, request_pem: &str, leaf: &LeafRequest) -> Result<String, AuthorityError> {
        let _lock = lock(&self.directory)?;
        let ledger = Ledger::read(&self.directory)?;
        let mut request =
            CertificateSigningRequestParams::from_pem(request_pem).map_err(AuthorityError::of)?;
        let mut params = leaf.params()?;
        params.not_before = self.moment(leaf.not_before)?;
        params.not_after = self.moment(leaf.not_after)?;
        params.serial_number = Some(self.serial_number());
        params.use_authority_key_identifier_extension = true;
        params.crl_distribution_points =
            ledger.crl_url.map(|url| CrlDistributionPoint { uris: vec![url] }).into_iter().collect();
        request.params = params;
        let certificate =
            request.signed_by(&self.issuer(Authority::Intermediate)?).map_err(AuthorityError::of)?;
        let pem = certificate.pem();
        let name = format!("issued/{}.pem", CertificateThumbprint::of(certificate.der()));
        write(&self.directory, &name, &pem)?;
        Ok(pem + &read(&self.directory, "intermediate.pem")?)
    }

    /// Puts the (leaf of the) PEM certificate on the CRL and writes the new CRL. The intermediate's own certificate
    /// goes on the root's list. Twice is as once.
    pub fn revoke(&self, certificate_pem: &str) -> Result<(), AuthorityError> {
        let _lock = lock(&self.directory)?;
        let der = CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(AuthorityError::of)?;
        let certificate = parse_x509(&der).map_err(AuthorityError::of)?;
        let issuer = self.issuer_of(certificate.issuer().as_raw())?;
        let revoked =
            Revoked { serial_number: certificate.raw_serial().to_vec(), time: self.ambient.now().seconds() };
        let mut ledger = Ledger::read(&self.directory)?;
        let list = match issuer {
            Authority::Root => &mut ledger.revoked_by_root,
            Authority::Intermediate => &mut ledger.revoked,
        };
        if !list.iter().any(|known| known.serial_number == revoked.serial_number) {
            list.push(revoked);
        }
        self.write_lists(ledger)
    }

    /// Writes fresh CRLs (`crl-root.pem`, `crl.pem`), valid for this many seconds, as are those written after it. A
    /// negative number makes lists that have ended already.
    pub fn write_revocation_lists(&self, valid_seconds: i64) -> Result<(), AuthorityError> {
        let _lock = lock(&self.directory)?;
        let mut ledger = Ledger::read(&self.directory)?;
        ledger.valid_seconds = valid_seconds;
        self.write_lists(ledger)
    }

    fn create(&self, crl_url: Option<&str>) -> Result<(), AuthorityError> {
        if crl_url.is_some_and(|url| !url.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(AuthorityError(
                "the URL of the CRL holds other than visible ASCII characters".to_owned(),
            ));
        }
        let root_key = KeyPair::generate().map_err(AuthorityError::of)?;
        let root_params = self.authority_params("Verbond Test Root", ROOT_DAYS, 1)?;
        let root = root_params.self_signed(&root_key).map_err(AuthorityError::of)?;
        let intermediate_key = KeyPair::generate().map_err(AuthorityError::of)?;
        let intermediate = self
            .authority_params("Verbond Test Intermediate", INTERMEDIATE_DAYS, 0)?
            .signed_by(&intermediate_key, &Issuer::from_params(&root_params, &root_key))
            .map_err(AuthorityError::of)?;
        write_secret(&self.directory, "root-key.pem", &root_key.serialize_pem())?;
        write_secret(&self.directory, "intermediate-key.pem", &intermediate_key.serialize_pem())?;
        write(&self.directory, "root.pem", &root.pem())?;
        write(&self.directory, "intermediate.pem", &intermediate.pem())?;
        self.write_lists(Ledger::new(crl_url, LIST_SECONDS))
    }

    fn authority_params(
        &self,
        name: &str,
        days: i64,
        path_length: u8,
    ) -> Result<CertificateParams, AuthorityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "NL");
        // Implementations in operation refuse callers whose issuing authority has no organisation.
        params.distinguished_name.push(DnType::OrganizationName, "Verbond Test Authority");
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = self.moment(-HEAD_START)?;
        params.not_after = self.moment(days * DAY)?;
        params.serial_number = Some(self.serial_number());
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.use_authority_key_identifier_extension = true;
        Ok(params)
    }

    /// Writes both lists, then the ledger with the number that they bear.
    fn write_lists(&self, mut ledger: Ledger) -> Result<(), AuthorityError> {
        ledger.number += 1;
        for (authority, name, revoked) in [
            (Authority::Root, "crl-root.pem", &ledger.revoked_by_root),
            (Authority::Intermediate, "crl.pem", &ledger.revoked),
        ] {
            let list = self.list(&ledger, revoked)?;
            let list = list.signed_by(&self.issuer(authority)?).map_err(AuthorityError::of)?;
            write(&self.directory, name, &list.pem().map_err(AuthorityError::of)?)?;
        }
        ledger.write(&self.directory)
    }

    fn list(
        &self,
        ledger: &Ledger,
        revoked: &[Revoked],
    ) -> Result<CertificateRevocationListParams, AuthorityError> {
        let revoked_certs = revoked.iter().map(|revoked| {
            Ok(RevokedCertParams {
                serial_number: SerialNumber::from_slice(&revoked.serial_number),
                revocation_time: date_time(Timestamp::from_seconds(revoked.time))?,
                reason_code: None,
                invalidity_date: None,
            })
        });
        Ok(CertificateRevocationListParams {
            // A list that has ended already must have started before it ended.
            this_update: self.moment(ledger.valid_seconds.saturating_sub(1).min(0))?,
            next_update: self.moment(ledger.valid_seconds)?,
            crl_number: SerialNumber::from(ledger.number),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect::<Result<_, AuthorityError>>()?,
            key_identifier_method: KeyIdMethod::Sha256,
        })
    }

    fn issuer(&self, authority: Authority) -> Result<Issuer<'static, KeyPair>, AuthorityError> {
        let (certificate, key) = match authority {
            Authority::Root => ("root.pem", "root-key.pem"),
            Authority::Intermediate => ("intermediate.pem", "intermediate-key.pem"),
        };
        let key = KeyPair::from_pem(&read(&self.directory, key)?).map_err(AuthorityError::of)?;
        Issuer::from_ca_cert_pem(&read(&self.directory, certificate)?, key).map_err(AuthorityError::of)
    }

    /// Which of the two has this name (DER).
    fn issuer_of(&self, name: &[u8]) -> Result<Authority, AuthorityError> {
        for (authority, file) in
            [(Authority::Root, "root.pem"), (Authority::Intermediate, "intermediate.pem")]
        {
            let der = CertificateDer::from_pem_slice(read(&self.directory, file)?.as_bytes())
                .map_err(AuthorityError::of)?;
            if parse_x509(&der).map_err(AuthorityError::of)?.subject().as_raw() == name {
                return Ok(authority);
            }
        }
        Err(AuthorityError("the certificate was not issued by this authority".to_owned()))
    }

    /// A positive number of 16 random octets (RFC 5280 §4.1.2.2 allows 20).
    fn serial_number(&self) -> SerialNumber {
        let mut bytes = self.ambient.random::<16>();
        if let Some(first) = bytes.first_mut() {
            *first = *first & 0x7f | 0x40;
        }
        SerialNumber::from_slice(&bytes)
    }

    fn moment(&self, seconds_from_now: i64) -> Result<OffsetDateTime, AuthorityError> {
        date_time(self.ambient.now().plus_seconds(seconds_from_now))
    }
}

/// Root or intermediate.
#[derive(Clone, Copy)]
enum Authority {
    Root,
    Intermediate,
}

fn date_time(moment: Timestamp) -> Result<OffsetDateTime, AuthorityError> {
    OffsetDateTime::from_unix_timestamp(moment.seconds()).map_err(AuthorityError::of)
}

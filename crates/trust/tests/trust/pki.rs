//! An authority that makes certificates with any fault that a test asks for, and a clock that stands still.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber,
};
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;
use verbond_domain::{Ambient, Clock, Scheme, Timestamp};
use verbond_trust::{
    FileSigner, Identity, IdentityHandle, IdentityRules, ParticipantAttribute, RevocationList,
    RevocationRules, SystemEntropy, TrustStore,
};

/// The moment at which all tests take place: 2026-01-01.
pub const NOW: i64 = 1_767_225_600;
pub const DAY: i64 = 86_400;
pub const OIN: &str = "00000099000000010000";
pub const HOST: &str = "gemeente.test";
pub const SERIAL_NUMBER: &[u64] = &[2, 5, 4, 5];

pub fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

/// A clock that a test moves.
#[derive(Default)]
pub struct StillClock(pub AtomicI64);

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.0.load(Ordering::SeqCst))
    }
}

pub fn still_clock() -> (Arc<StillClock>, Ambient) {
    let clock = Arc::new(StillClock(AtomicI64::new(NOW)));
    let ambient = Ambient::new(Arc::clone(&clock) as Arc<dyn Clock>, Arc::new(SystemEntropy));
    (clock, ambient)
}

pub fn rules() -> IdentityRules {
    IdentityRules { scheme: Scheme::Oin, participant_id: ParticipantAttribute::SerialNumber }
}

pub fn date(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap()
}

pub fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Test");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date(NOW - 100 * DAY);
    params.not_after = date(NOW + 100 * DAY);
    params
}

pub fn leaf_params() -> CertificateParams {
    let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Gemeente Voorbeeld");
    params.distinguished_name.push(DnType::from_oid(SERIAL_NUMBER), OIN);
    params.distinguished_name.push(DnType::CommonName, HOST);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = date(NOW - 10 * DAY);
    params.not_after = date(NOW + 10 * DAY);
    params.serial_number = Some(SerialNumber::from(77));
    params
}

/// Root and intermediate.
pub struct Pki {
    pub root: CertifiedIssuer<'static, KeyPair>,
    pub intermediate: CertifiedIssuer<'static, KeyPair>,
}

pub const INTERMEDIATE_NUMBER: u64 = 5;

impl Pki {
    pub fn new() -> Self {
        Self::with(|_| {}, |_| {})
    }

    pub fn with(
        root: impl FnOnce(&mut CertificateParams),
        intermediate: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params = authority_params("Root");
        root(&mut params);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut params = authority_params("Intermediate");
        params.serial_number = Some(SerialNumber::from(INTERMEDIATE_NUMBER));
        intermediate(&mut params);
        let intermediate = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &root).unwrap();
        Self { root, intermediate }
    }

    /// Leaf and intermediate.
    pub fn chain(
        &self,
        key: &KeyPair,
        edit: impl FnOnce(&mut CertificateParams),
    ) -> Vec<CertificateDer<'static>> {
        let mut params = leaf_params();
        edit(&mut params);
        let leaf = params.signed_by(key, &self.intermediate).unwrap();
        vec![leaf.der().clone(), self.intermediate.der().clone()]
    }

    pub fn identity(&self, key: &KeyPair, edit: impl FnOnce(&mut CertificateParams)) -> Identity {
        let signer = FileSigner::from_pem(key.serialize_pem().as_bytes()).unwrap();
        Identity::new(self.chain(key, edit), Arc::new(signer), &rules()).unwrap()
    }

    pub fn handle(&self, key: &KeyPair, edit: impl FnOnce(&mut CertificateParams)) -> Arc<IdentityHandle> {
        IdentityHandle::new(self.identity(key, edit), Vec::new())
    }

    /// Both lists, fresh, with nothing revoked, and the store that trusts the root.
    pub fn store(&self) -> Arc<TrustStore> {
        let store = self.store_without_lists();
        store.set_revocation_lists(vec![root_list(self, &[]), list(self, &[])]);
        store
    }

    pub fn store_without_lists(&self) -> Arc<TrustStore> {
        let revocation = RevocationRules { check: true, grace_seconds: DAY };
        TrustStore::new(&[self.root.der().clone()], rules(), revocation).unwrap()
    }
}

pub fn list(pki: &Pki, revoked: &[u64]) -> RevocationList {
    list_by(&pki.intermediate, revoked, NOW - DAY, NOW + DAY)
}

pub fn root_list(pki: &Pki, revoked: &[u64]) -> RevocationList {
    list_by(&pki.root, revoked, NOW - DAY, NOW + DAY)
}

pub fn list_by(
    issuer: &CertifiedIssuer<'static, KeyPair>,
    revoked: &[u64],
    this_update: i64,
    next_update: i64,
) -> RevocationList {
    let params = CertificateRevocationListParams {
        this_update: date(this_update),
        next_update: date(next_update),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: revoked
            .iter()
            .map(|number| RevokedCertParams {
                serial_number: SerialNumber::from(*number),
                revocation_time: date(this_update),
                reason_code: None,
                invalidity_date: None,
            })
            .collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    RevocationList::parse(params.signed_by(issuer).unwrap().der()).unwrap()
}

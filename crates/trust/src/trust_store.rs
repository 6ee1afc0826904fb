//! The one place where a certificate chain is judged.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls_pki_types::{CertificateDer, UnixTime};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use verbond_domain::Timestamp;
use webpki::{
    CertRevocationList, EndEntityCert, Error, ExpirationPolicy, ExtendedKeyUsageValidator, KeyPurposeId,
    KeyPurposeIdIter, KeyUsage, RequiredEkuNotFoundContext, RevocationCheckDepth, RevocationOptions,
    RevocationOptionsBuilder, UnknownStatusPolicy, VerifiedPath, spki_for_anchor,
};

use crate::{
    Certificate, IdentityRules, RevocationList,
    anchors::Anchors,
    certificate::{MAXIMUM_CERTIFICATE_BYTES, parse_x509},
    sightings::Sightings,
};

/// Longest chain that is looked at; PKIoverheid's have four certificates, its root included.
const MAXIMUM_CHAIN: usize = 8;

/// What the certificate is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// by the side that dials
    Client,
    /// by the side that listens
    Server,
    /// to verify a signature
    Signature,
}

/// The group's rules for revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevocationRules {
    /// Whether CRLs are checked.
    pub check: bool,
    /// Seconds that a CRL may be used past its nextUpdate; after that certificates of its issuer are refused.
    pub grace_seconds: i64,
}

/// Why a chain is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateRefusal {
    /// No path to a trust anchor of the group.
    #[error("the certificate does not lead to a trust anchor of the group")]
    UnknownIssuer,
    /// Not yet valid, or clock off.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// Expired.
    #[error("the certificate has expired")]
    Expired,
    /// On the issuer's CRL.
    #[error("the certificate has been revoked")]
    Revoked,
    /// No CRL of the issuer, or one past its grace.
    #[error("the revocation state of the certificate cannot be established")]
    RevocationUnknown,
    /// Key usage or extended key usage does not fit.
    #[error("the certificate may not be used for this")]
    Usage,
    /// Its subject does not name a participant by the group's rules.
    #[error(transparent)]
    Identity(#[from] crate::CertificateError),
    /// Anything else that makes the path invalid.
    #[error("the certificate path is not valid: {0}")]
    Invalid(String),
}

/// A chain that was found good, and how long that stands while the CRLs stay the same.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The parsed leaf.
    pub certificate: Certificate,
    /// The last moment at which the same chain would be found good under the same
    /// [`TrustStore::generation`]: the first end among its certificates, the anchor and the CRLs with their grace.
    /// Who keeps a judgement makes it again after this moment or at a new generation.
    pub until: Timestamp,
}

/// The group's trust anchors with the CRLs at hand; both are swapped without a lock.
pub struct TrustStore {
    anchors: ArcSwap<Anchors>,
    identity: IdentityRules,
    revocation: RevocationRules,
    lists: ArcSwap<Vec<RevocationList>>,
    generation: watch::Sender<u64>,
    sightings: Mutex<Sightings>,
    sighted: watch::Sender<u64>,
}

impl TrustStore {
    /// Trust anchors as DER certificates: at least one, each of a certificate authority.
    pub fn new(
        anchors: &[CertificateDer<'static>],
        identity: IdentityRules,
        revocation: RevocationRules,
    ) -> Result<Arc<Self>, CertificateRefusal> {
        Ok(Arc::new(Self {
            anchors: ArcSwap::from_pointee(Anchors::read(anchors)?),
            identity,
            revocation,
            lists: ArcSwap::default(),
            generation: watch::Sender::new(0),
            sightings: Mutex::default(),
            sighted: watch::Sender::new(0),
        }))
    }

    /// The group's rules for reading certificates.
    pub fn identity_rules(&self) -> &IdentityRules {
        &self.identity
    }

    /// The group's rules for revocation.
    pub fn revocation_rules(&self) -> &RevocationRules {
        &self.revocation
    }

    /// Whether these are the anchors in use.
    pub fn has_anchors(&self, anchors: &[CertificateDer<'_>]) -> Result<bool, CertificateRefusal> {
        Ok(Anchors::read(anchors)? == **self.anchors.load())
    }

    /// Replaces the trust anchors, on the same terms as [`TrustStore::new`], and raises [`TrustStore::generation`]: connections
    /// whose chains lead to none of the new ones end, all others stand. Issuers that were seen under earlier anchors go on to be asked for their lists; they can
    /// vouch for nobody.
    pub fn set_anchors(&self, anchors: &[CertificateDer<'_>]) -> Result<(), CertificateRefusal> {
        self.anchors.store(Arc::new(Anchors::read(anchors)?));
        self.raise_generation();
        Ok(())
    }

    /// Replaces all CRLs, and raises [`TrustStore::generation`]. Several lists of one issuer may be given: those
    /// that the issuer did not sign are passed over when certificates are judged, and of the others the newest
    /// counts, so that a forged or an older list beside the true one changes nothing.
    pub fn set_revocation_lists(&self, mut lists: Vec<RevocationList>) {
        lists.sort_by_key(|list| std::cmp::Reverse(list.this_update()));
        self.lists.store(Arc::new(lists));
        self.raise_generation();
    }

    fn raise_generation(&self) {
        self.generation.send_modify(|generation| *generation = generation.wrapping_add(1));
    }

    /// The CRLs in use, the newest first.
    pub fn revocation_lists(&self) -> Arc<Vec<RevocationList>> {
        self.lists.load_full()
    }

    /// Counts changes of the anchors and the CRLs; a judgement made under an earlier number must be made again.
    pub fn generation(&self) -> u64 {
        *self.generation.borrow()
    }

    /// Receives the new generation at each change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Distribution points (`http://` and `https://`) of all certificates in the chains that were judged or
    /// [seen](TrustStore::see) lately and lead to an anchor, whether their revocation state is known or not: the lists
    /// that this store needs. At most 64, those seen last at the end.
    pub fn list_sources(&self) -> Vec<String> {
        self.sightings().sources().to_vec()
    }

    /// Receives a message when a chain shows an issuer or a distribution point that was not known.
    pub fn news_of_issuers(&self) -> watch::Receiver<u64> {
        self.sighted.subscribe()
    }

    /// Whether a trust anchor, or an intermediate authority of a chain that leads to one, has signed the list in its
    /// own name. Who fetches lists over plain HTTP must not keep others.
    pub fn has_signed(&self, list: &RevocationList) -> bool {
        self.anchors.load().have_signed(list) || self.sightings().has_signed(list)
    }

    /// The CRLs in use that speak of any of these certificates (DER): of their issuers, and signed by one of those that stand among
    /// them or by a trust anchor. For whoever judges them elsewhere.
    pub fn lists_about(&self, certificates: &[CertificateDer<'_>]) -> Vec<RevocationList> {
        let fits = |der: &&CertificateDer<'_>| der.len() <= MAXIMUM_CERTIFICATE_BYTES;
        let read = certificates.iter().filter(fits).filter_map(|der| EndEntityCert::try_from(der).ok());
        let read: Vec<EndEntityCert<'_>> = read.collect();
        let anchors = self.anchors.load();
        let is_signed = |list: &RevocationList| {
            let by = |one: &&EndEntityCert<'_>| one.subject() == list.issuer();
            anchors.have_signed(list)
                || read.iter().filter(by).any(|one| list.is_signed_by(&one.subject_public_key_info()))
        };
        let lists = self.lists.load();
        let about = lists.iter().filter(|list| read.iter().any(|one| one.issuer() == list.issuer()));
        about.filter(|list| is_signed(list)).cloned().collect()
    }

    /// Takes note of the issuers in a chain, if it leads to an anchor; says nothing of its revocation.
    pub fn see(&self, chain: &[CertificateDer<'_>], now: Timestamp) {
        let Some((leaf, others)) = chain.split_first() else { return };
        let fits = |certificate: &CertificateDer<'_>| certificate.len() <= MAXIMUM_CERTIFICATE_BYTES;
        if chain.len() > MAXIMUM_CHAIN || !chain.iter().all(fits) {
            return;
        }
        let Ok(end_entity) = EndEntityCert::try_from(leaf) else { return };
        let anchors = self.anchors.load_full();
        let usage = Usage::Signature;
        self.see_path(leaf, &Attempt { anchors: &anchors, end_entity: &end_entity, others, usage, now });
    }

    /// Returns whether the chain leads to an anchor.
    fn see_path(&self, leaf: &CertificateDer<'_>, attempt: &Attempt<'_>) -> bool {
        let Ok(path) = attempt.path(None) else { return false };
        let leads = attempt.anchors.end(path.anchor(), attempt.now).is_ok();
        if leads {
            self.note(leaf, &path);
        }
        leads
    }

    fn note(&self, leaf: &CertificateDer<'_>, path: &VerifiedPath<'_>) {
        if self.revocation.check && self.sightings().see(leaf, path).unwrap_or(false) {
            self.sighted.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    fn sightings(&self) -> std::sync::MutexGuard<'_, Sightings> {
        self.sightings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judges a chain, leaf first: path to an anchor, time, revocation of every certificate in it (when the
    /// rules say so), usage, and the participant's identity.
    pub fn judge(
        &self,
        chain: &[CertificateDer<'_>],
        usage: Usage,
        now: Timestamp,
    ) -> Result<Certificate, CertificateRefusal> {
        self.judge_until(chain, usage, now).map(|judgement| judgement.certificate)
    }

    /// As [`TrustStore::judge`], and says how long the judgement stands. To know under which generation it was made,
    /// ask for [`TrustStore::generation`] before.
    pub fn judge_until(
        &self,
        chain: &[CertificateDer<'_>],
        usage: Usage,
        now: Timestamp,
    ) -> Result<Judgement, CertificateRefusal> {
        self.judge_as_of(chain, usage, now, now)
    }

    /// Judges a chain by what it was worth at an earlier moment, and by the CRLs of now: who has been revoked since is
    /// refused, whose certificate has ended since is not.
    pub fn judge_at(
        &self,
        chain: &[CertificateDer<'_>],
        usage: Usage,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Certificate, CertificateRefusal> {
        self.judge_as_of(chain, usage, at, now).map(|judgement| judgement.certificate)
    }

    fn judge_as_of(
        &self,
        chain: &[CertificateDer<'_>],
        usage: Usage,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Judgement, CertificateRefusal> {
        let Some((leaf, others)) = chain.split_first() else {
            return Err(CertificateRefusal::Invalid("there is no certificate".to_owned()));
        };
        if chain.len() > MAXIMUM_CHAIN {
            return Err(CertificateRefusal::Invalid("more than 8 certificates".to_owned()));
        }
        if chain.iter().any(|certificate| certificate.len() > MAXIMUM_CERTIFICATE_BYTES) {
            return Err(CertificateRefusal::Invalid("a certificate longer than 64 KiB".to_owned()));
        }

        let end_entity = EndEntityCert::try_from(leaf).map_err(refusal)?;
        let anchors = self.anchors.load_full();
        let attempt = Attempt { anchors: &anchors, end_entity: &end_entity, others, usage, now: at };
        let lists = self.lists.load();
        let usable = self.usable_lists(&lists, &attempt, now)?;
        let offered: Vec<&CertRevocationList<'_>> = usable.iter().map(|list| list.list()).collect();
        let revocation = match (self.revocation.check, RevocationOptionsBuilder::new(&offered)) {
            // Without any list the path is judged first, so that a stranger is told that it is a stranger.
            (false, _) | (true, Err(_)) => None,
            // Expiry of lists is decided in `usable_lists`, with the group's grace.
            (true, Ok(builder)) => Some(
                builder
                    .with_depth(RevocationCheckDepth::Chain)
                    .with_status_policy(UnknownStatusPolicy::Deny)
                    .with_expiration_policy(ExpirationPolicy::Ignore)
                    .build(),
            ),
        };
        let path = attempt.path(revocation).map_err(|refusal| match refusal {
            // Its lists are what is missing: whoever fetches them must know where they are. Of two anchors of one name
            // the path library tells what is wrong with the other one.
            CertificateRefusal::RevocationUnknown | CertificateRefusal::UnknownIssuer
                if revocation.is_some() && self.see_path(leaf, &attempt) =>
            {
                CertificateRefusal::RevocationUnknown
            }
            refusal => refusal,
        })?;
        let anchor_end = anchors.end(path.anchor(), at)?;
        self.note(leaf, &path);
        if self.revocation.check && revocation.is_none() {
            return Err(CertificateRefusal::RevocationUnknown);
        }
        check_key_usage(leaf)?;
        let certificate = Certificate::parse(leaf, &self.identity)?;
        let until = self.until(&certificate, &path, &usable, anchor_end)?;
        Ok(Judgement { certificate, until })
    }

    /// The lists that may be used now: not past their grace, and signed by the one that they name as their issuer.
    ///
    /// The path library takes the first list with a fitting issuer's name and fails when its signature is bad.
    /// Lists come over plain HTTP, so one forged list would shut out all participants of an issuer. Where there is
    /// more than one list of a name, those that no issuer in the chain's path has signed are therefore left out.
    fn usable_lists<'a>(
        &self,
        lists: &'a [RevocationList],
        attempt: &Attempt<'_>,
        now: Timestamp,
    ) -> Result<Vec<&'a RevocationList>, CertificateRefusal> {
        if !self.revocation.check {
            return Ok(Vec::new());
        }
        let fresh: Vec<&RevocationList> =
            lists.iter().filter(|list| now <= list.ends(self.revocation.grace_seconds)).collect();
        let is_alone =
            |list: &RevocationList| fresh.iter().filter(|other| other.issuer() == list.issuer()).count() == 1;
        if fresh.iter().all(|list| is_alone(list)) {
            return Ok(fresh);
        }
        let path = attempt.path(None)?;
        let mut issuers = vec![(path.anchor().subject.to_vec(), spki_for_anchor(path.anchor()))];
        for intermediate in path.intermediate_certificates() {
            issuers.push((intermediate.subject().to_vec(), intermediate.subject_public_key_info()));
        }
        let is_signed = |list: &RevocationList| {
            issuers.iter().any(|(name, key)| name == list.issuer() && list.is_signed_by(key))
        };
        Ok(fresh.iter().copied().filter(|list| is_alone(list) || is_signed(list)).collect())
    }

    /// From when on a certificate of this chain, which was good at `at`, is not to be relied on, if one has been revoked
    /// since: the invalidity date that its issuer's list states (RFC 5280 section 5.3.2), or the date of the revocation if
    /// that is earlier or alone.
    pub fn revoked_from(&self, chain: &[CertificateDer<'_>], at: Timestamp) -> Option<Timestamp> {
        if !self.revocation.check {
            return None;
        }
        self.see(chain, at);
        let lists = self.lists.load();
        let signed = |list: &&RevocationList| self.has_signed(list);
        let lists: Vec<&RevocationList> = lists.iter().filter(signed).collect();
        let certificates =
            chain.iter().take(MAXIMUM_CHAIN).filter_map(|der| EndEntityCert::try_from(der).ok());
        certificates
            .flat_map(|certificate| {
                let of_issuer = lists.iter().filter(|list| list.issuer() == certificate.issuer());
                of_issuer.filter_map(|list| list.unreliable_from(certificate.serial())).min()
            })
            .min()
    }

    fn until(
        &self,
        certificate: &Certificate,
        path: &VerifiedPath<'_>,
        usable: &[&RevocationList],
        anchor_end: Timestamp,
    ) -> Result<Timestamp, CertificateRefusal> {
        let mut until = certificate.not_after.min(anchor_end);
        let mut issuers = vec![path.end_entity().issuer().to_vec()];
        for intermediate in path.intermediate_certificates() {
            let der = intermediate.der();
            let end = parse_x509(&der)?.validity().not_after.timestamp();
            until = until.min(Timestamp::from_seconds(end));
            issuers.push(intermediate.issuer().to_vec());
        }
        for list in usable {
            if issuers.iter().any(|issuer| issuer == list.issuer()) {
                until = until.min(list.ends(self.revocation.grace_seconds));
            }
        }
        Ok(until)
    }
}

/// A chain on its way to an anchor.
struct Attempt<'a> {
    anchors: &'a Anchors,
    end_entity: &'a EndEntityCert<'a>,
    others: &'a [CertificateDer<'a>],
    usage: Usage,
    now: Timestamp,
}

impl<'a> Attempt<'a> {
    fn path(
        &self,
        revocation: Option<RevocationOptions<'_>>,
    ) -> Result<VerifiedPath<'a>, CertificateRefusal> {
        self.end_entity
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                self.anchors.trusted(),
                self.others,
                unix_time(self.now),
                Purpose(self.usage),
                revocation,
                None,
            )
            .map_err(refusal)
    }
}

impl std::fmt::Debug for TrustStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TrustStore")
            .field("anchors", &self.anchors.load().trusted().len())
            .field("generation", &self.generation())
            .finish_non_exhaustive()
    }
}

/// The extended key usage that fits (RFC 5280 §4.2.1.12). A certificate without that extension fits all, as the
/// RFC has it; for a signature one of the two usages of TLS is enough, since FSC signs with the same key.
struct Purpose(Usage);

/// DER of the OIDs 1.3.6.1.5.5.7.3.1 and 1.3.6.1.5.5.7.3.2 (RFC 5280 §4.2.1.12).
const SERVER_AUTHENTICATION: &[u8] = &[43, 6, 1, 5, 5, 7, 3, 1];
const CLIENT_AUTHENTICATION: &[u8] = &[43, 6, 1, 5, 5, 7, 3, 2];

impl ExtendedKeyUsageValidator for Purpose {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        match self.0 {
            Usage::Client => KeyUsage::client_auth().validate(purposes),
            Usage::Server => KeyUsage::server_auth().validate(purposes),
            Usage::Signature => {
                let mut present = Vec::new();
                for purpose in purposes {
                    let purpose = purpose?;
                    if [SERVER_AUTHENTICATION, CLIENT_AUTHENTICATION]
                        .into_iter()
                        .any(|wanted| purpose == KeyPurposeId::new(wanted))
                    {
                        return Ok(());
                    }
                    present.push(purpose.to_decoded_oid());
                }
                if present.is_empty() {
                    return Ok(());
                }
                let required = KeyUsage::client_auth();
                Err(Error::RequiredEkuNotFoundContext(RequiredEkuNotFoundContext { required, present }))
            }
        }
    }
}

/// The path library does not look at the key usage of a leaf. All that a participant's key does here is sign.
fn check_key_usage(leaf: &CertificateDer<'_>) -> Result<(), CertificateRefusal> {
    let parsed = parse_x509(leaf)?;
    match parsed.key_usage() {
        Ok(None) => Ok(()),
        Ok(Some(usage)) if usage.value.digital_signature() => Ok(()),
        _ => Err(CertificateRefusal::Usage),
    }
}

fn unix_time(moment: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(moment.seconds()).unwrap_or(0)))
}

pub(crate) fn refusal(error: Error) -> CertificateRefusal {
    match error {
        // Another authority of the same name gives a bad signature; to us that is an unknown issuer too.
        Error::UnknownIssuer | Error::InvalidSignatureForPublicKey => CertificateRefusal::UnknownIssuer,
        Error::CertNotValidYet { .. } => CertificateRefusal::NotYetValid,
        Error::CertExpired { .. } => CertificateRefusal::Expired,
        Error::CertRevoked => CertificateRefusal::Revoked,
        Error::UnknownRevocationStatus
        | Error::CrlExpired { .. }
        | Error::InvalidCrlSignatureForPublicKey
        | Error::IssuerNotCrlSigner
        | Error::UnsupportedCrlSignatureAlgorithmContext(_)
        | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => {
            CertificateRefusal::RevocationUnknown
        }
        Error::RequiredEkuNotFoundContext(_)
        | Error::EmptyEkuExtension
        | Error::CaUsedAsEndEntity
        | Error::EndEntityUsedAsCa => CertificateRefusal::Usage,
        other => CertificateRefusal::Invalid(other.to_string()),
    }
}

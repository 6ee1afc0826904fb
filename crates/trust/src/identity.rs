//! The certificate chain and key that a node presents, replaceable while it runs.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use arc_swap::ArcSwap;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::sync::watch;
use verbond_domain::Timestamp;

use crate::{
    Certificate, CertificateError, CertificateThumbprint, FileSigner, IdentityRules, PublicKeyThumbprint,
    Signer, TrustStore,
    certificate::parse_x509,
    standing::{OwnJudge, Presented},
};

/// A certificate chain with the key that belongs to it.
pub struct Identity {
    /// Leaf first, root left out.
    pub chain: Vec<CertificateDer<'static>>,
    /// The parsed leaf.
    pub certificate: Certificate,
    /// The leaf's key.
    pub signer: Arc<dyn Signer>,
    /// By which the leaf was read, and earlier certificates are.
    rules: IdentityRules,
}

/// Why a chain and key cannot serve as an identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// which file
        path: String,
        /// why
        #[source]
        source: std::io::Error,
    },
    /// No certificate in the file, or not PEM.
    #[error("{0} holds no PEM certificate")]
    NoCertificate(String),
    /// The leaf cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] crate::SignError),
    /// Key and certificate do not belong together.
    #[error("the key does not belong to the certificate")]
    Mismatch,
}

impl Identity {
    /// Reads a chain (PEM, leaf first) and its key (PEM). A root at the end of the chain is dropped.
    pub fn load(certificate: &Path, key: &Path, rules: &IdentityRules) -> Result<Self, IdentityError> {
        let chain = read_chain(certificate)?;
        let signer = FileSigner::from_pem(&read(key)?)?;
        Self::new(chain, Arc::new(signer), rules)
    }

    /// Joins a chain and a signer. A root at the end of the chain is dropped.
    pub fn new(
        mut chain: Vec<CertificateDer<'static>>,
        signer: Arc<dyn Signer>,
        rules: &IdentityRules,
    ) -> Result<Self, IdentityError> {
        let leaf = chain.first().ok_or_else(|| IdentityError::NoCertificate("the chain".to_owned()))?;
        let certificate = Certificate::parse(leaf, rules)?;
        if certificate.public_key != signer.public_key() {
            return Err(IdentityError::Mismatch);
        }
        drop_root(&mut chain);
        Ok(Self { chain, certificate, signer, rules: rules.clone() })
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Identity").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Reads a chain of PEM certificates, leaf first, as [`Identity::load`] does; for the chains of earlier certificates.
pub fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let none = || IdentityError::NoCertificate(path.display().to_string());
    let chain =
        CertificateDer::pem_slice_iter(&read(path)?).collect::<Result<Vec<_>, _>>().map_err(|_| none())?;
    if chain.is_empty() { Err(none()) } else { Ok(chain) }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    std::fs::read(path).map_err(|source| IdentityError::Read { path: path.display().to_string(), source })
}

/// A self-issued certificate at the end proves nothing: the other side has the root or does not trust it
/// (RFC 8446 §4.4.2 lets it be left out, FSC's JWKS wants it left out).
fn drop_root(chain: &mut Vec<CertificateDer<'static>>) {
    let is_root = chain.len() > 1
        && chain.last().is_some_and(|last| {
            parse_x509(last).is_ok_and(|last| last.subject().as_raw() == last.issuer().as_raw())
        });
    if is_root {
        chain.pop();
    }
}

/// The present identity and those before it whose certificates have not ended, swapped without a lock.
pub struct IdentityHandle {
    state: ArcSwap<State>,
    replacements: watch::Sender<u64>,
    judge: OnceLock<OwnJudge>,
}

#[derive(Clone)]
struct State {
    identity: Arc<Identity>,
    /// The present chain first, then the earlier ones, the newest first.
    chains: Arc<Vec<Presented>>,
}

/// Earlier certificates kept at most; more than a node can renew within the life of one.
const MAXIMUM_EARLIER: usize = 64;

impl IdentityHandle {
    /// Starts with one identity, and chains of earlier certificates that signatures may still refer to. An earlier
    /// chain whose leaf cannot be read by the identity's rules is left out, with a warning in the log.
    pub fn new(identity: Identity, earlier: Vec<Vec<CertificateDer<'static>>>) -> Arc<Self> {
        let mut chains = vec![Presented::of(&identity)];
        for mut chain in earlier {
            let Some(leaf) = chain.first() else { continue };
            match Certificate::parse(leaf, &identity.rules) {
                Ok(certificate) => {
                    drop_root(&mut chain);
                    add(&mut chains, Presented { chain: Arc::new(chain), certificate });
                }
                Err(error) => tracing::warn!(%error, "an earlier certificate is left out"),
            }
        }
        let state = State { identity: Arc::new(identity), chains: Arc::new(chains) };
        Arc::new(Self {
            state: ArcSwap::from_pointee(state),
            replacements: watch::Sender::new(0),
            judge: OnceLock::new(),
        })
    }

    /// From now on [`IdentityHandle::chains`] and [`IdentityHandle::find`] give only what `trust` finds good: an
    /// earlier certificate that was revoked, because its key was stolen, vouches for nothing any more. The present one
    /// is left out only when it is known to be revoked. Judgements are kept until the CRLs change or time ends them.
    /// The first call counts; without one, only the end of the certificates is looked at.
    pub fn judged_by(&self, trust: Arc<TrustStore>) {
        self.judge.get_or_init(|| OwnJudge::new(trust));
    }

    /// The identity to present now.
    pub fn current(&self) -> Arc<Identity> {
        Arc::clone(&self.state.load().identity)
    }

    /// Presents `identity` from now on and keeps the present certificate among the earlier ones.
    pub fn replace(&self, identity: Identity) {
        let identity = Arc::new(identity);
        self.state.rcu(|state| {
            let mut chains = vec![Presented::of(&identity)];
            for earlier in state.chains.iter() {
                add(&mut chains, earlier.clone());
            }
            State { identity: Arc::clone(&identity), chains: Arc::new(chains) }
        });
        self.replacements.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// All chains that stand at `now`, the present one first: what the JWKS shows. Those that have ended do not stand,
    /// nor do those that the trust store of [`IdentityHandle::judged_by`] refuses.
    pub fn chains(&self, now: Timestamp) -> Vec<Arc<Vec<CertificateDer<'static>>>> {
        let standing = self.standing(now);
        standing.iter().filter(|own| own.lasts(now)).map(|own| Arc::clone(&own.chain)).collect()
    }

    /// The parsed certificate with this thumbprint, if it is the present one or an earlier one that stands as in
    /// [`IdentityHandle::chains`].
    pub fn find(&self, thumbprint: &CertificateThumbprint, now: Timestamp) -> Option<Certificate> {
        let standing = self.standing(now);
        let found = standing.iter().find(|own| own.certificate.thumbprint == *thumbprint && own.lasts(now));
        found.map(|own| own.certificate.clone())
    }

    /// Whether this key is the present one, or that of an earlier certificate, ended and revoked ones included.
    pub fn has_used(&self, key: &PublicKeyThumbprint) -> bool {
        self.state.load().chains.iter().any(|own| own.certificate.public_key_thumbprint == *key)
    }

    fn standing(&self, now: Timestamp) -> Arc<Vec<Presented>> {
        let state = self.state.load();
        match self.judge.get() {
            Some(judge) => judge.good(&state.chains, now),
            None => Arc::clone(&state.chains),
        }
    }

    /// Receives a message at each replacement.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.replacements.subscribe()
    }
}

impl std::fmt::Debug for IdentityHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("IdentityHandle").field("current", &self.current()).finish_non_exhaustive()
    }
}

impl Presented {
    fn of(identity: &Identity) -> Self {
        Self { chain: Arc::new(identity.chain.clone()), certificate: identity.certificate.clone() }
    }

    fn lasts(&self, now: Timestamp) -> bool {
        self.certificate.not_after.seconds() >= now.seconds()
    }
}

fn add(chains: &mut Vec<Presented>, presented: Presented) {
    let known = chains.iter().any(|known| known.certificate.thumbprint == presented.certificate.thumbprint);
    if !known && chains.len() <= MAXIMUM_EARLIER {
        chains.push(presented);
    }
}

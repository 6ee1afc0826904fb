//! rustls configurations in which identity and trust are this crate's.
//!
//! Every configuration names its cryptography provider, so that no process-wide default is needed. Forward-secret
//! suites only (the library has no others), TLS 1.2 and 1.3, key exchange on X25519, P-256 and P-384.
//!
//! Sessions are never resumed. A resumed session skips the judgement of the other side's certificate, so one that was
//! revoked or has ended since would pass the handshake, and on the dialling side the identity of a replaced
//! certificate would live on. Connections among peers are few and long, so the full handshakes cost little.

mod client_credential;
mod pinned;
mod pool;
mod presented;
mod private_peer;
mod signing;
mod verifier;

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion,
    client::Resumption,
    crypto::{
        CryptoProvider,
        aws_lc_rs::{self, kx_group},
    },
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    time_provider::TimeProvider,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, UnixTime};
use serde::{Deserialize, Serialize};
use verbond_domain::Ambient;

pub use self::{
    client_credential::ClientCredential,
    pinned::{PinnedKeys, Pins},
    private_peer::PrivatePeer,
};
use self::{pinned::PinnedVerifier, presented::PresentedIdentity, verifier::PeerVerifier};
use crate::{IdentityHandle, TrustStore};

/// The group's rules for TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsRules {
    /// "1.2" or "1.3"
    pub minimum_version: String,
    /// IANA names of allowed cipher suites; empty: all forward-secret suites of the library. A version of TLS of which
    /// no suite is named is switched off.
    #[serde(default)]
    pub cipher_suites: Vec<String>,
}

/// A TLS configuration that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct TlsError(pub String);

/// For listening among peers: asks and judges a client certificate, presents the identity that is current at each
/// handshake. `http2` says whether ALPN offers `h2` before `http/1.1`.
pub fn server_config(
    identity: Arc<IdentityHandle>,
    trust: Arc<TrustStore>,
    rules: &TlsRules,
    ambient: Ambient,
    http2: bool,
) -> Result<Arc<ServerConfig>, TlsError> {
    let setup = Setup::new(rules)?;
    let verifier = PeerVerifier::new(trust, ambient.clone(), &setup.provider);
    setup.server(identity, Some(Arc::new(verifier)), Some(ambient), http2)
}

/// For listening to clients of the organisation's own (applications, administrators) whose certificates need not
/// name a participant: a client certificate that leads to one of `anchors` (DER) is demanded. Revocation is not
/// looked at: such an authority is the organisation's own, and which certificates it lets in is its own decision. For how
/// long a standing connection is good is said by [`PrivatePeer`].
pub fn private_server_config(
    identity: Arc<IdentityHandle>,
    anchors: &[CertificateDer<'static>],
    rules: &TlsRules,
    ambient: Ambient,
    http2: bool,
) -> Result<Arc<ServerConfig>, TlsError> {
    let setup = Setup::new(rules)?;
    let verifier = setup.anchored(anchors)?;
    setup.server(identity, Some(verifier), Some(ambient), http2)
}

/// For listening to persons: as [`private_server_config`], and whoever shows a key that is pinned is let in whatever
/// their certificate leads to, as long as it is valid. There may be no anchors.
pub fn personal_server_config(
    identity: Arc<IdentityHandle>,
    anchors: &[CertificateDer<'static>],
    pinned: Arc<PinnedKeys>,
    rules: &TlsRules,
    ambient: Ambient,
) -> Result<Arc<ServerConfig>, TlsError> {
    let setup = Setup::new(rules)?;
    let anchored = if anchors.is_empty() { None } else { Some(setup.anchored(anchors)?) };
    let verifier = PinnedVerifier::new(pinned, anchored, ambient.clone(), &setup.provider);
    setup.server(identity, Some(Arc::new(verifier)), Some(ambient), false)
}

/// For listening without client certificates (the public listener with a certificate of its own).
pub fn public_server_config(
    identity: Arc<IdentityHandle>,
    rules: &TlsRules,
) -> Result<Arc<ServerConfig>, TlsError> {
    Setup::new(rules)?.server(identity, None, None, false)
}

/// For dialling peers: presents the identity, judges the server's chain and its name. ALPN as above.
pub fn client_config(
    identity: Arc<IdentityHandle>,
    trust: Arc<TrustStore>,
    rules: &TlsRules,
    ambient: Ambient,
    http2: bool,
) -> Result<Arc<ClientConfig>, TlsError> {
    let setup = Setup::new(rules)?;
    let verifier = PeerVerifier::new(trust, ambient.clone(), &setup.provider);
    let mut config = ClientConfig::builder_with_details(setup.provider, Arc::new(AmbientTime(ambient)))
        .with_protocol_versions(&setup.versions)
        .map_err(error)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(PresentedIdentity(identity)));
    config.alpn_protocols = alpn(http2);
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// What the rules come to.
struct Setup {
    provider: Arc<CryptoProvider>,
    versions: Vec<&'static SupportedProtocolVersion>,
}

impl Setup {
    fn new(rules: &TlsRules) -> Result<Self, TlsError> {
        let versions: &[&'static SupportedProtocolVersion] = match rules.minimum_version.as_str() {
            "1.2" => &[&TLS13, &TLS12],
            "1.3" => &[&TLS13],
            other => {
                return Err(TlsError(format!("minimum version {other:?} is neither \"1.2\" nor \"1.3\"")));
            }
        };
        let mut provider = aws_lc_rs::default_provider();
        provider.kx_groups = vec![kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
        let known: Vec<String> =
            provider.cipher_suites.iter().map(|suite| iana_name(suite.suite())).collect();
        if let Some(unknown) = rules.cipher_suites.iter().find(|name| !known.contains(name)) {
            let known = known.join(", ");
            return Err(TlsError(format!("cipher suite {unknown:?} is not one of {known}")));
        }
        if !rules.cipher_suites.is_empty() {
            provider.cipher_suites.retain(|suite| rules.cipher_suites.contains(&iana_name(suite.suite())));
        }
        let has_suite = |version: &&'static SupportedProtocolVersion| {
            provider.cipher_suites.iter().any(|suite| suite.version() == *version)
        };
        let versions: Vec<_> = versions.iter().copied().filter(has_suite).collect();
        if versions.is_empty() {
            return Err(TlsError("no cipher suite is allowed for the minimum version".to_owned()));
        }
        provider.cipher_suites.retain(|suite| versions.contains(&suite.version()));
        Ok(Self { provider: Arc::new(provider), versions })
    }

    /// Judges clients by certificates of these authorities.
    fn anchored(&self, anchors: &[CertificateDer<'static>]) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let mut roots = RootCertStore::empty();
        for anchor in anchors {
            roots.add(anchor.clone()).map_err(error)?;
        }
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(error)
    }

    fn server(
        self,
        identity: Arc<IdentityHandle>,
        verifier: Option<Arc<dyn ClientCertVerifier>>,
        ambient: Option<Ambient>,
        http2: bool,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let builder = match ambient {
            Some(ambient) => {
                ServerConfig::builder_with_details(self.provider, Arc::new(AmbientTime(ambient)))
            }
            None => ServerConfig::builder_with_provider(self.provider),
        };
        let builder = builder.with_protocol_versions(&self.versions).map_err(error)?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(PresentedIdentity(identity)));
        config.alpn_protocols = alpn(http2);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }
}

/// The library writes the suites of TLS 1.3 with the version in their names.
fn iana_name(suite: rustls::CipherSuite) -> String {
    format!("{suite:?}").replacen("TLS13_", "TLS_", 1)
}

fn alpn(http2: bool) -> Vec<Vec<u8>> {
    let mut protocols = vec![b"http/1.1".to_vec()];
    if http2 {
        protocols.insert(0, b"h2".to_vec());
    }
    protocols
}

fn error(error: impl std::fmt::Display) -> TlsError {
    TlsError(error.to_string())
}

/// The ambient clock, as rustls asks for it.
#[derive(Debug)]
struct AmbientTime(Ambient);

impl TimeProvider for AmbientTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().seconds()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}

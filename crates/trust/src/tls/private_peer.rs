//! The client of a private listener on a standing connection.

use rustls_pki_types::CertificateDer;
use verbond_domain::Timestamp;

use crate::{CertificateRefusal, PublicKeyThumbprint, certificate::parse_x509};

/// The other end of a connection to a listener of [`private_server_config`](crate::tls::private_server_config): the
/// handshake found its chain good then; this says for how long. Made once per connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrivatePeer {
    key: PublicKeyThumbprint,
    until: Timestamp,
}

impl PrivatePeer {
    /// Reads the chain that the client has shown in the handshake at `now`, leaf first.
    ///
    /// # Errors
    /// [`CertificateRefusal::Invalid`] without a certificate, [`CertificateRefusal::Identity`] for one that cannot be
    /// read, and as [`PrivatePeer::judge`].
    pub fn new(chain: &[CertificateDer<'_>], now: Timestamp) -> Result<Self, CertificateRefusal> {
        let Some((leaf, others)) = chain.split_first() else {
            return Err(CertificateRefusal::Invalid("there is no certificate".to_owned()));
        };
        let leaf = parse_x509(leaf)?;
        let key = PublicKeyThumbprint::of(leaf.public_key().raw);
        let mut until = leaf.validity().not_after.timestamp();
        let mut issuer = leaf.issuer().as_raw().to_vec();
        let mut left = others.iter().map(parse_x509).collect::<Result<Vec<_>, _>>()?;
        // The handshake does not tell which path it found. Of issuers with one name that are valid now, the one that
        // ends first counts; what is not on the path, or has ended already and so was not used, does not.
        loop {
            let (named, rest): (Vec<_>, Vec<_>) =
                left.into_iter().partition(|other| other.subject().as_raw() == issuer);
            let ends = named.iter().filter_map(|other| {
                let end = other.validity().not_after.timestamp();
                (end >= now.seconds()).then(|| (end, other.issuer().as_raw()))
            });
            let Some((end, next)) = ends.min_by_key(|(end, _)| *end) else { break };
            until = until.min(end);
            issuer = next.to_vec();
            left = rest;
        }
        let peer = Self { key, until: Timestamp::from_seconds(until) };
        peer.judge(now)?;
        Ok(peer)
    }

    /// Whether the chain is still good at `now`.
    ///
    /// # Errors
    /// [`CertificateRefusal::Expired`].
    pub fn judge(&self, now: Timestamp) -> Result<(), CertificateRefusal> {
        if now.seconds() > self.until.seconds() { Err(CertificateRefusal::Expired) } else { Ok(()) }
    }

    /// The client's key.
    pub const fn key(&self) -> PublicKeyThumbprint {
        self.key
    }

    /// The last second at which the chain is good: a connection without requests may be ended after it.
    pub const fn until(&self) -> Timestamp {
        self.until
    }
}

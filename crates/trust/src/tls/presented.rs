//! The identity that is current when a handshake starts, for both sides of TLS.

use std::sync::Arc;

use rustls::{
    SignatureScheme,
    client::ResolvesClientCert,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::signing::TlsKey;
use crate::IdentityHandle;

/// Presents [`IdentityHandle::current`], whatever name or authority the other side asks for: a node is one
/// participant with one certificate.
#[derive(Debug)]
pub(super) struct PresentedIdentity(pub(super) Arc<IdentityHandle>);

impl PresentedIdentity {
    fn certified_key(&self) -> Arc<CertifiedKey> {
        let identity = self.0.current();
        let key = TlsKey::new(Arc::clone(&identity.signer));
        Arc::new(CertifiedKey::new(identity.chain.clone(), Arc::new(key)))
    }
}

impl ResolvesServerCert for PresentedIdentity {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.certified_key())
    }
}

impl ResolvesClientCert for PresentedIdentity {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        Some(self.certified_key())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

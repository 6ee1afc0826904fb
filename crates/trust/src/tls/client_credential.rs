//! A certificate with its key by which a server outside the group knows this client.

use std::{path::Path, sync::Arc};

use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::signing::TlsKey;
use crate::{FileSigner, IdentityError, Signer, certificate::parse_x509, identity};

/// A certificate chain and its key, for a server that is no participant: the certificate need not name one.
#[derive(Clone, Debug)]
pub struct ClientCredential(Arc<CertifiedKey>);

impl ClientCredential {
    /// Reads a chain (PEM, leaf first) and its key (PEM).
    ///
    /// # Errors
    /// [`IdentityError`]: not there, not readable, or key and certificate do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, IdentityError> {
        let chain = identity::read_chain(certificate)?;
        let signer = FileSigner::from_pem(&identity::read(key)?)?;
        let belongs = match chain.first() {
            Some(leaf) => parse_x509(leaf)?.public_key().raw == signer.public_key(),
            None => false,
        };
        match belongs {
            true => Ok(Self(Arc::new(CertifiedKey::new(chain, Arc::new(TlsKey::new(Arc::new(signer))))))),
            false => Err(IdentityError::Mismatch),
        }
    }

    /// What shows it in a handshake.
    pub fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(Arc::clone(&self.0)))
    }
}

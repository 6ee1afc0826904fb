//! The key that signs a journal's checkpoints: Ed25519 (RFC 8032), as signed notes ask.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use futures_util::future::BoxFuture;
use rcgen::PKCS_ED25519;
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};

use crate::{SignError, SignatureAlgorithm, Signer};

/// Longest PEM text of a key that is read.
const MAXIMUM_PEM_BYTES: usize = 4 * 1024;

/// A journal key from a PEM file (PKCS#8), held in memory.
pub struct JournalSigner {
    pair: Ed25519KeyPair,
    public_key: [u8; 32],
}

impl JournalSigner {
    /// A new key, as PEM.
    ///
    /// # Errors
    /// [`SignError::Failed`] when the library cannot make one.
    pub fn new_pem() -> Result<String, SignError> {
        rcgen::KeyPair::generate_for(&PKCS_ED25519).map(|pair| pair.serialize_pem()).map_err(failed)
    }

    /// Reads the key.
    ///
    /// # Errors
    /// [`SignError::Failed`] when it is no unencrypted Ed25519 key in PKCS#8.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SignError> {
        let none = || failed("no unencrypted Ed25519 key in PEM (PKCS#8) was found");
        if pem.len() > MAXIMUM_PEM_BYTES {
            return Err(none());
        }
        // The parser's own message is left out: it may quote a line of the file.
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| none())?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.secret_pkcs8_der()).map_err(|_| none())?;
        let public_key = pair.public_key().as_ref().try_into().map_err(|_| none())?;
        Ok(Self { pair, public_key })
    }

    /// The public key, as RFC 8032 encodes it.
    pub const fn raw_public_key(&self) -> [u8; 32] {
        self.public_key
    }
}

impl Signer for JournalSigner {
    /// The 32 bytes of RFC 8032: a signed note has no other form.
    fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    fn algorithms(&self) -> &[SignatureAlgorithm] {
        &[SignatureAlgorithm::Ed25519]
    }

    fn sign<'a>(
        &'a self,
        algorithm: SignatureAlgorithm,
        message: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, SignError>> {
        Box::pin(async move {
            match algorithm {
                SignatureAlgorithm::Ed25519 => Ok(self.pair.sign(message).as_ref().to_vec()),
                other => Err(SignError::Unsupported(other)),
            }
        })
    }

    fn is_immediate(&self) -> bool {
        true
    }
}

fn failed(reason: impl std::fmt::Display) -> SignError {
    SignError::Failed(reason.to_string())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    #[tokio::test]
    async fn a_new_key_is_read_back_and_signs() -> Result<(), Box<dyn std::error::Error>> {
        let signer = JournalSigner::from_pem(JournalSigner::new_pem()?.as_bytes())?;
        let signature = signer.sign(SignatureAlgorithm::Ed25519, b"note").await?;
        UnparsedPublicKey::new(&ED25519, signer.raw_public_key()).verify(b"note", &signature)?;
        assert!(signer.sign(SignatureAlgorithm::Es256, b"note").await.is_err());
        assert!(
            JournalSigner::from_pem(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
                .is_err()
        );
        Ok(())
    }
}

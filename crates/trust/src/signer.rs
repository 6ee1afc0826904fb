//! The one port through which private keys are used.

use std::cell::RefCell;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
        EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
        RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
    },
};
use futures_util::future::BoxFuture;
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};

/// JWS algorithms that FSC Core 2.0.0 §4.2.3 allows, and the RSA-PSS ones that TLS 1.3 needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// RS256
    Rs256,
    /// RS384
    Rs384,
    /// RS512
    Rs512,
    /// PS256: TLS only, FSC does not allow it
    Ps256,
    /// PS384: TLS only
    Ps384,
    /// PS512: TLS only
    Ps512,
    /// ES256 (P-256)
    Es256,
    /// ES384 (P-384)
    Es384,
    /// ES512 (P-521)
    Es512,
    /// Ed25519: signed notes only; FSC allows it nowhere
    Ed25519,
}

/// A private key that can sign, wherever it lies. ECDSA signatures are in the raw r‖s form of JWS;
/// the TLS adapter turns them into DER.
pub trait Signer: Send + Sync {
    /// DER SubjectPublicKeyInfo of the key.
    fn public_key(&self) -> &[u8];
    /// Algorithms that this key can sign with; the first is the one to prefer for JWS.
    fn algorithms(&self) -> &[SignatureAlgorithm];
    /// Signs the message (not its digest).
    fn sign<'a>(
        &'a self,
        algorithm: SignatureAlgorithm,
        message: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, SignError>>;
    /// Whether the future of [`Signer::sign`] computes its result at the first poll, without waiting for
    /// anything. TLS then signs on the spot; otherwise in a bounded pool of threads.
    fn is_immediate(&self) -> bool {
        false
    }
}

/// Why there is no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The key cannot sign with this algorithm.
    #[error("the key cannot sign with {0:?}")]
    Unsupported(SignatureAlgorithm),
    /// The device or library that holds the key failed.
    #[error("the key could not be used: {0}")]
    Failed(String),
}

/// Longest PEM text of a key that is read: an RSA key of 4096 bits takes about 3 KiB.
const MAXIMUM_PEM_BYTES: usize = 64 * 1024;

/// RS512 first: it is what managers in operation are seen to sign with, and so to verify.
const RSA_ALGORITHMS: &[SignatureAlgorithm] = &[
    SignatureAlgorithm::Rs512,
    SignatureAlgorithm::Rs384,
    SignatureAlgorithm::Rs256,
    SignatureAlgorithm::Ps512,
    SignatureAlgorithm::Ps384,
    SignatureAlgorithm::Ps256,
];

/// Each curve signs with the one digest that JWS (RFC 7518 §3.4) and TLS 1.3 (RFC 8446 §4.2.3) pair it with.
const CURVES: [(&EcdsaSigningAlgorithm, &[SignatureAlgorithm]); 3] = [
    (&ECDSA_P256_SHA256_FIXED_SIGNING, &[SignatureAlgorithm::Es256]),
    (&ECDSA_P384_SHA384_FIXED_SIGNING, &[SignatureAlgorithm::Es384]),
    (&ECDSA_P521_SHA512_FIXED_SIGNING, &[SignatureAlgorithm::Es512]),
];

/// A key from a PEM file (PKCS#8, PKCS#1 or SEC 1), held in memory.
pub struct FileSigner {
    key: Key,
    public_key: Vec<u8>,
    algorithms: &'static [SignatureAlgorithm],
}

enum Key {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
}

impl FileSigner {
    /// Reads the first private key in the text: RSA of 2048 to 4096 bits, or ECDSA on P-256, P-384 or P-521,
    /// not encrypted. Anything else is [`SignError::Failed`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, SignError> {
        if pem.len() > MAXIMUM_PEM_BYTES {
            return Err(failed("the key file is too large"));
        }
        // The parser's own message is left out: it may quote a line of the file.
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|_| failed("no unencrypted private key in PEM (PKCS#8, PKCS#1 or SEC 1) was found"))?;
        match &key {
            PrivateKeyDer::Pkcs1(der) => {
                Self::rsa(RsaKeyPair::from_der(der.secret_pkcs1_der()).map_err(failed)?)
            }
            PrivateKeyDer::Sec1(der) => {
                Self::ecdsa(|curve| EcdsaKeyPair::from_private_key_der(curve, der.secret_sec1_der()).ok())
            }
            PrivateKeyDer::Pkcs8(der) => Self::from_pkcs8(der.secret_pkcs8_der()),
            _ => Err(failed("the form of the private key is not known")),
        }
    }

    /// As [`FileSigner::from_pem`], from the DER of PKCS#8.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SignError> {
        match RsaKeyPair::from_pkcs8(der) {
            Ok(pair) => Self::rsa(pair),
            Err(_) => Self::ecdsa(|curve| EcdsaKeyPair::from_pkcs8(curve, der).ok()),
        }
    }

    fn rsa(pair: RsaKeyPair) -> Result<Self, SignError> {
        if !(2048 / 8..=4096 / 8).contains(&pair.public_modulus_len()) {
            return Err(failed("an RSA key must have 2048 to 4096 bits"));
        }
        let public_key = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).map_err(failed)?;
        Ok(Self { public_key: public_key.as_ref().to_vec(), key: Key::Rsa(pair), algorithms: RSA_ALGORITHMS })
    }

    fn ecdsa(
        read: impl Fn(&'static EcdsaSigningAlgorithm) -> Option<EcdsaKeyPair>,
    ) -> Result<Self, SignError> {
        let (pair, algorithms) =
            CURVES.into_iter().find_map(|(curve, algorithms)| Some((read(curve)?, algorithms))).ok_or_else(
                || failed("the key is not RSA of 2048 to 4096 bits and not ECDSA on P-256, P-384 or P-521"),
            )?;
        let public_key = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).map_err(failed)?;
        Ok(Self { public_key: public_key.as_ref().to_vec(), key: Key::Ecdsa(pair), algorithms })
    }

    fn sign_now(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, SignError> {
        if !self.algorithms.contains(&algorithm) {
            return Err(SignError::Unsupported(algorithm));
        }
        let random = SystemRandom::new();
        match &self.key {
            Key::Rsa(pair) => {
                let encoding = rsa_encoding(algorithm).ok_or(SignError::Unsupported(algorithm))?;
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Key::Ecdsa(pair) => Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
        }
    }
}

impl Signer for FileSigner {
    fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    fn algorithms(&self) -> &[SignatureAlgorithm] {
        self.algorithms
    }

    fn sign<'a>(
        &'a self,
        algorithm: SignatureAlgorithm,
        message: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, SignError>> {
        Box::pin(async move { self.sign_now(algorithm, message) })
    }

    fn is_immediate(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for FileSigner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FileSigner").field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}

fn rsa_encoding(algorithm: SignatureAlgorithm) -> Option<&'static dyn RsaEncoding> {
    match algorithm {
        SignatureAlgorithm::Rs256 => Some(&RSA_PKCS1_SHA256),
        SignatureAlgorithm::Rs384 => Some(&RSA_PKCS1_SHA384),
        SignatureAlgorithm::Rs512 => Some(&RSA_PKCS1_SHA512),
        SignatureAlgorithm::Ps256 => Some(&RSA_PSS_SHA256),
        SignatureAlgorithm::Ps384 => Some(&RSA_PSS_SHA384),
        SignatureAlgorithm::Ps512 => Some(&RSA_PSS_SHA512),
        SignatureAlgorithm::Es256
        | SignatureAlgorithm::Es384
        | SignatureAlgorithm::Es512
        | SignatureAlgorithm::Ed25519 => None,
    }
}

fn failed(reason: impl std::fmt::Display) -> SignError {
    SignError::Failed(reason.to_string())
}

/// The operating system's randomness, through the cryptography library.
pub struct SystemEntropy;

/// Bytes that a thread asks the library for at once: each call costs more than a few hundred bytes do.
const AHEAD: usize = 512;
/// What is longer is asked for by itself.
const SHORT: usize = 64;

/// Random bytes that nobody has been given yet.
struct Ahead {
    bytes: [u8; AHEAD],
    left: usize,
}

thread_local! {
    static BYTES_AHEAD: RefCell<Ahead> = const { RefCell::new(Ahead { bytes: [0; AHEAD], left: 0 }) };
}

impl Ahead {
    /// Gives bytes away: they are not kept here.
    fn give(&mut self, buffer: &mut [u8]) {
        if buffer.len() > self.left {
            random(&mut self.bytes);
            self.left = AHEAD;
        }
        let rest = self.left.saturating_sub(buffer.len());
        let given = self.bytes.get_mut(rest..self.left).unwrap_or_default();
        buffer.copy_from_slice(given);
        given.fill(0);
        self.left = rest;
    }
}

impl verbond_domain::Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        match buffer.len() {
            0..=SHORT => BYTES_AHEAD.with_borrow_mut(|ahead| ahead.give(buffer)),
            _ => random(buffer),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is what hands it in")]
#[expect(clippy::panic, reason = "going on with predictable bytes would be worse than to stop")]
fn random(buffer: &mut [u8]) {
    if aws_lc_rs::rand::fill(buffer).is_err() {
        panic!("the operating system gives no random bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_is_given_twice_and_none_that_was_given_is_kept() {
        let mut ahead = Ahead { bytes: [0; AHEAD], left: 0 };
        let mut given = std::collections::HashSet::new();
        for length in [16, 32, 64, 8, 61].into_iter().cycle().take(500) {
            let mut buffer = vec![0; length];
            ahead.give(&mut buffer);
            assert!(ahead.bytes.iter().skip(ahead.left).all(|byte| *byte == 0));
            assert!(given.insert(buffer), "bytes were given twice");
        }
    }
}

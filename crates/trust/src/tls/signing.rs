//! A [`Signer`] in the shape of rustls' keys: schemes chosen, ECDSA signatures in DER, and synchronous.

use std::sync::Arc;

use futures_util::FutureExt;
use rustls::{Error, SignatureScheme};
use rustls_pki_types::SubjectPublicKeyInfoDer;

use super::pool;
use crate::{SignError, SignatureAlgorithm, Signer};

/// What TLS calls each algorithm, in the order of preference. RSASSA-PKCS1-v1_5 is for TLS 1.2 only; rustls leaves it
/// out of what is offered in TLS 1.3.
const SCHEMES: [(SignatureScheme, SignatureAlgorithm); 9] = [
    (SignatureScheme::ECDSA_NISTP256_SHA256, SignatureAlgorithm::Es256),
    (SignatureScheme::ECDSA_NISTP384_SHA384, SignatureAlgorithm::Es384),
    (SignatureScheme::ECDSA_NISTP521_SHA512, SignatureAlgorithm::Es512),
    (SignatureScheme::RSA_PSS_SHA256, SignatureAlgorithm::Ps256),
    (SignatureScheme::RSA_PSS_SHA384, SignatureAlgorithm::Ps384),
    (SignatureScheme::RSA_PSS_SHA512, SignatureAlgorithm::Ps512),
    (SignatureScheme::RSA_PKCS1_SHA256, SignatureAlgorithm::Rs256),
    (SignatureScheme::RSA_PKCS1_SHA384, SignatureAlgorithm::Rs384),
    (SignatureScheme::RSA_PKCS1_SHA512, SignatureAlgorithm::Rs512),
];

/// The identity's key, for one handshake.
pub(super) struct TlsKey {
    signer: Arc<dyn Signer>,
}

impl TlsKey {
    pub(super) fn new(signer: Arc<dyn Signer>) -> Self {
        Self { signer }
    }
}

impl rustls::sign::SigningKey for TlsKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn rustls::sign::Signer>> {
        let (scheme, algorithm) = SCHEMES.into_iter().find(|(scheme, algorithm)| {
            offered.contains(scheme) && self.signer.algorithms().contains(algorithm)
        })?;
        Some(Box::new(TlsSigner { signer: Arc::clone(&self.signer), scheme, algorithm }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(self.signer.public_key()))
    }

    fn algorithm(&self) -> rustls::SignatureAlgorithm {
        if self.signer.algorithms().first().copied().is_some_and(is_ecdsa) {
            rustls::SignatureAlgorithm::ECDSA
        } else {
            rustls::SignatureAlgorithm::RSA
        }
    }
}

impl std::fmt::Debug for TlsKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TlsKey")
    }
}

/// One signature to be made, with the scheme that the handshake agreed on.
struct TlsSigner {
    signer: Arc<dyn Signer>,
    scheme: SignatureScheme,
    algorithm: SignatureAlgorithm,
}

impl TlsSigner {
    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        if self.signer.is_immediate()
            && let Some(result) = self.signer.sign(self.algorithm, message).now_or_never()
        {
            return result;
        }
        pool::sign(Arc::clone(&self.signer), self.algorithm, message.to_vec())
    }
}

impl rustls::sign::Signer for TlsSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = self.signature(message).map_err(|error| {
            tracing::warn!(%error, "a handshake fails for want of a signature");
            Error::General("the identity's key gave no signature".to_owned())
        })?;
        if is_ecdsa(self.algorithm) {
            ecdsa_der(&signature)
                .ok_or_else(|| Error::General("the identity's key gave no ECDSA signature".to_owned()))
        } else {
            Ok(signature)
        }
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

impl std::fmt::Debug for TlsSigner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TlsSigner").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

const fn is_ecdsa(algorithm: SignatureAlgorithm) -> bool {
    matches!(algorithm, SignatureAlgorithm::Es256 | SignatureAlgorithm::Es384 | SignatureAlgorithm::Es512)
}

/// r‖s (RFC 7518 §3.4) as the DER SEQUENCE of two INTEGERs that TLS wants (RFC 8422 §5.4).
fn ecdsa_der(raw: &[u8]) -> Option<Vec<u8>> {
    if raw.is_empty() || !raw.len().is_multiple_of(2) {
        return None;
    }
    let (r, s) = raw.split_at_checked(raw.len() / 2)?;
    let mut integers = der_integer(r)?;
    integers.extend(der_integer(s)?);
    let mut der = vec![0x30];
    // P-521 gives up to 139 bytes, where one length octet no longer does.
    if integers.len() >= 0x80 {
        der.push(0x81);
    }
    der.push(u8::try_from(integers.len()).ok()?);
    der.extend(integers);
    Some(der)
}

fn der_integer(unsigned: &[u8]) -> Option<Vec<u8>> {
    let zeros = unsigned.iter().take_while(|byte| **byte == 0).count();
    let digits = unsigned.get(zeros..)?;
    // An INTEGER is signed: a first bit that is set would make it negative. Zero is written as one octet.
    let sign: &[u8] = if digits.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    let mut der = vec![0x02, u8::try_from(sign.len() + digits.len()).ok().filter(|length| *length < 0x80)?];
    der.extend_from_slice(sign);
    der.extend_from_slice(digits);
    Some(der)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_ecdsa_signatures_become_shortest_der() {
        assert_eq!(ecdsa_der(&[0, 1, 0x80, 0]), Some(vec![0x30, 8, 2, 1, 1, 2, 3, 0, 0x80, 0]));
        assert_eq!(ecdsa_der(&[0, 0]), Some(vec![0x30, 6, 2, 1, 0, 2, 1, 0]));
        assert_eq!(ecdsa_der(&[]), None);
        assert_eq!(ecdsa_der(&[1, 2, 3]), None);
        let long = ecdsa_der(&[1; 132]);
        assert_eq!(long.as_deref().and_then(|der| der.get(..5)), Some(&[0x30, 0x81, 136, 2, 66][..]));
    }
}

//! Clients who are known by their keys, whoever signed their certificates.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::sync::watch;
use verbond_domain::{Ambient, Timestamp};

use crate::{PublicKeyThumbprint, personal::PersonalCertificate};

/// Whom a listener lets in besides the holders of certificates of its anchors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    /// Keys, each until this moment.
    pub keys: HashMap<PublicKeyThumbprint, Timestamp>,
    /// Until this moment keys that nobody knows are let in as well: somebody has been invited to show one. What they may
    /// ask for is decided per request.
    pub strangers_until: Option<Timestamp>,
}

/// The pins in use, swapped as a whole.
#[derive(Debug)]
pub struct PinnedKeys(watch::Sender<Arc<Pins>>);

impl Default for PinnedKeys {
    fn default() -> Self {
        Self(watch::Sender::new(Arc::default()))
    }
}

impl PinnedKeys {
    /// Puts other pins in the place of those in use.
    pub fn replace(&self, pins: Pins) {
        self.0.send_if_modified(|current| {
            let differs = **current != pins;
            if differs {
                *current = Arc::new(pins);
            }
            differs
        });
    }

    /// The pins in use.
    pub fn current(&self) -> Arc<Pins> {
        Arc::clone(&self.0.borrow())
    }

    /// Returns when the key is no longer among the pins, if it was among them at some time from when `seen` was made;
    /// `seen` holds whether it was.
    pub async fn forgotten(&self, key: PublicKeyThumbprint, seen: &AtomicBool) {
        let mut pins = self.0.subscribe();
        // An error cannot come up while `self` holds the sender.
        let _ = pins
            .wait_for(|pins| {
                let is_pinned = pins.keys.contains_key(&key);
                seen.fetch_or(is_pinned, Ordering::AcqRel) && !is_pinned
            })
            .await;
    }
}

/// Lets in by key, else as the listener's anchors say.
#[derive(Debug)]
pub(super) struct PinnedVerifier {
    pinned: Arc<PinnedKeys>,
    anchored: Option<Arc<dyn ClientCertVerifier>>,
    ambient: Ambient,
    algorithms: WebPkiSupportedAlgorithms,
}

impl PinnedVerifier {
    pub(super) fn new(
        pinned: Arc<PinnedKeys>,
        anchored: Option<Arc<dyn ClientCertVerifier>>,
        ambient: Ambient,
        provider: &CryptoProvider,
    ) -> Self {
        Self { pinned, anchored, ambient, algorithms: provider.signature_verification_algorithms }
    }
}

impl ClientCertVerifier for PinnedVerifier {
    /// None: a person's certificate is signed by nobody who could be named.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        time: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let now = self.ambient.now();
        let pins = self.pinned.current();
        let shown = PersonalCertificate::from_der(end_entity);
        let pinned_until = shown.as_ref().ok().and_then(|shown| pins.keys.get(&shown.key));
        let is_valid = || match &shown {
            Ok(shown) if shown.is_valid_at(now) => Ok(ClientCertVerified::assertion()),
            Ok(shown) if now < shown.not_before => {
                Err(Error::InvalidCertificate(CertificateError::NotValidYet))
            }
            Ok(_) => Err(Error::InvalidCertificate(CertificateError::Expired)),
            Err(_) => Err(Error::InvalidCertificate(CertificateError::BadEncoding)),
        };
        if let Some(until) = pinned_until {
            return if now <= *until {
                is_valid()
            } else {
                Err(Error::InvalidCertificate(CertificateError::Expired))
            };
        }
        let anchored = match &self.anchored {
            Some(anchored) => anchored.verify_client_cert(end_entity, intermediates, time),
            None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        };
        match anchored {
            Err(_) if pins.strangers_until.is_some_and(|until| now <= until) => is_valid(),
            anchored => anchored,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

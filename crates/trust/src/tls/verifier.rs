//! The other side's certificate, judged by the trust store during the handshake.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use verbond_domain::Ambient;
use webpki::EndEntityCert;

use crate::{CertificateRefusal, TrustStore, Usage};

/// Asks [`TrustStore::judge`], at the ambient time.
#[derive(Debug)]
pub(super) struct PeerVerifier {
    trust: Arc<TrustStore>,
    ambient: Ambient,
    algorithms: WebPkiSupportedAlgorithms,
}

impl PeerVerifier {
    pub(super) fn new(trust: Arc<TrustStore>, ambient: Ambient, provider: &CryptoProvider) -> Self {
        Self { trust, ambient, algorithms: provider.signature_verification_algorithms }
    }

    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        usage: Usage,
    ) -> Result<(), CertificateRefusal> {
        let chain: Vec<CertificateDer<'_>> = std::iter::once(end_entity)
            .chain(intermediates)
            .map(|der| CertificateDer::from(der.as_ref()))
            .collect();
        self.trust.judge(&chain, usage, self.ambient.now()).map(drop)
    }
}

/// TLS carries a number only; the reason is for the operator of this side.
fn refused(refusal: CertificateRefusal) -> Error {
    tracing::debug!(%refusal, "a peer's certificate is refused in the handshake");
    Error::InvalidCertificate(certificate_error(refusal))
}

/// The library's error whose TLS alert (RFC 8446 §6.2) tells the other side the same.
fn certificate_error(refusal: CertificateRefusal) -> CertificateError {
    match refusal {
        CertificateRefusal::UnknownIssuer => CertificateError::UnknownIssuer,
        CertificateRefusal::NotYetValid => CertificateError::NotValidYet,
        CertificateRefusal::Expired => CertificateError::Expired,
        CertificateRefusal::Revoked => CertificateError::Revoked,
        CertificateRefusal::RevocationUnknown => CertificateError::UnknownRevocationStatus,
        CertificateRefusal::Usage => CertificateError::InvalidPurpose,
        CertificateRefusal::Identity(crate::CertificateError::Malformed(_)) => CertificateError::BadEncoding,
        // A valid certificate of nobody whom the group can name: access_denied.
        CertificateRefusal::Identity(_) => CertificateError::ApplicationVerificationFailure,
        CertificateRefusal::Invalid(_) => CertificateError::Other(OtherError(Arc::new(refusal))),
    }
}

impl ClientCertVerifier for PeerVerifier {
    /// None: a peer has one certificate to show, and some clients show none if theirs is not issued directly by a
    /// named authority.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.judge(end_entity, intermediates, Usage::Client) {
            // Good, but of nobody whom the group can name: every request is refused, with words that an alert has not
            // (FSC Core 2.0.0 §4.4.5.3).
            Ok(()) | Err(CertificateRefusal::Identity(_)) => Ok(ClientCertVerified::assertion()),
            Err(refusal) => Err(refused(refusal)),
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

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(end_entity, intermediates, Usage::Server).map_err(refused)?;
        EndEntityCert::try_from(end_entity)
            .and_then(|certificate| certificate.verify_is_valid_for_subject_name(server_name))
            .map_err(|_| Error::InvalidCertificate(CertificateError::NotValidForName))?;
        Ok(ServerCertVerified::assertion())
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

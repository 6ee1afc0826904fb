//! What can go wrong on the way to another machine, said precisely.

use std::{error::Error, io};

use rustls::AlertDescription;
use verbond_domain::ParticipantId;
use verbond_trust::CertificateRefusal;

use crate::Target;

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The host name has no address.
    #[error("the host name {host} cannot be resolved: {reason}")]
    Resolve {
        /// The name.
        host: String,
        /// The resolver's words.
        reason: String,
    },
    /// Nobody listens there, or the network is in the way.
    #[error("{authority} cannot be reached: {reason}")]
    Connect {
        /// `host:port`.
        authority: String,
        /// The operating system's words.
        reason: String,
    },
    /// No connection within the time.
    #[error("{authority} did not answer in time while connecting")]
    ConnectTimeout {
        /// `host:port`.
        authority: String,
    },
    /// The other end refused our handshake.
    #[error("{authority} refused the TLS handshake with the alert {alert}: {cause}")]
    Alert {
        /// `host:port`.
        authority: String,
        /// The alert's name (RFC 8446 §6.2).
        alert: String,
        /// What is most likely the matter.
        cause: &'static str,
    },
    /// We refused the certificate of the other end.
    #[error("the certificate of {authority} is refused: {refusal}")]
    Refused {
        /// `host:port`.
        authority: String,
        /// Why.
        refusal: CertificateRefusal,
    },
    /// Its certificate does not carry the host name.
    #[error("the certificate of {authority} does not hold the name {host}")]
    Name {
        /// `host:port`.
        authority: String,
        /// The name that was asked for.
        host: String,
    },
    /// Its certificate belongs to somebody else.
    #[error("{authority} is {found}, where {expected} was expected")]
    WrongParticipant {
        /// `host:port`.
        authority: String,
        /// Who should be there.
        expected: ParticipantId,
        /// Who is there.
        found: ParticipantId,
    },
    /// TLS fails in another way.
    #[error("TLS with {authority} failed: {reason}")]
    Tls {
        /// `host:port`.
        authority: String,
        /// The library's words.
        reason: String,
    },
    /// No head of a response within the time. The request may have been carried out.
    #[error("{authority} did not answer in time")]
    HeadTimeout {
        /// `host:port`.
        authority: String,
    },
    /// The connection ended before the head of a response. The request may have been carried out.
    #[error("the connection to {authority} ended before a response: {reason}")]
    Broken {
        /// `host:port`.
        authority: String,
        /// The library's words.
        reason: String,
    },
    /// The response is longer than allowed.
    #[error("the response of {authority} is longer than allowed")]
    TooLong {
        /// `host:port`.
        authority: String,
    },
    /// Our certificate has been replaced, and no connection on which we have shown the earlier one is free. Nothing has
    /// been sent; what was bound to the earlier one must be obtained again.
    #[error("our certificate has been replaced since the request was prepared")]
    CertificateReplaced,
    /// The configuration of the client cannot be used.
    #[error("the client cannot be set up: {0}")]
    Setup(String),
}

impl ClientError {
    /// Whether a byte of the request may have reached the other end, so that it must not be sent again.
    pub const fn may_have_been_sent(&self) -> bool {
        matches!(self, Self::HeadTimeout { .. } | Self::Broken { .. } | Self::TooLong { .. })
    }
}

/// What an error of the TLS handshake means.
pub(crate) fn of_handshake(target: &Target, error: &io::Error) -> ClientError {
    match tls_error(error) {
        Some(tls) => of_tls(target, tls),
        None => ClientError::Tls { authority: target.authority(), reason: chain(error) },
    }
}

/// What an error of an HTTP exchange means.
pub(crate) fn of_exchange(target: &Target, error: &hyper::Error) -> ClientError {
    ClientError::Broken { authority: target.authority(), reason: chain(error) }
}

/// The other end refused our handshake.
pub(crate) fn of_alert(target: &Target, alert: AlertDescription) -> ClientError {
    ClientError::Alert {
        authority: target.authority(),
        alert: format!("{alert:?}"),
        cause: likely_cause(alert),
    }
}

fn of_tls(target: &Target, error: &rustls::Error) -> ClientError {
    use rustls::CertificateError;
    let authority = target.authority();
    match error {
        rustls::Error::AlertReceived(alert) => of_alert(target, *alert),
        rustls::Error::InvalidCertificate(error) => {
            let refusal = match error {
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    return ClientError::Name { authority, host: target.host.to_string() };
                }
                CertificateError::UnknownIssuer => CertificateRefusal::UnknownIssuer,
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    CertificateRefusal::NotYetValid
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    CertificateRefusal::Expired
                }
                CertificateError::Revoked => CertificateRefusal::Revoked,
                CertificateError::UnknownRevocationStatus => CertificateRefusal::RevocationUnknown,
                CertificateError::InvalidPurpose => CertificateRefusal::Usage,
                CertificateError::Other(other) => match other.0.downcast_ref::<CertificateRefusal>() {
                    Some(refusal) => refusal.clone(),
                    None => CertificateRefusal::Invalid(other.to_string()),
                },
                other => CertificateRefusal::Invalid(other.to_string()),
            };
            ClientError::Refused { authority, refusal }
        }
        other => ClientError::Tls { authority, reason: other.to_string() },
    }
}

const fn likely_cause(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::UnknownCA => {
            "our certificate does not lead to its trust anchors; is it the same group?"
        }
        AlertDescription::CertificateExpired => {
            "our certificate has expired or is not valid yet, or a clock is off"
        }
        AlertDescription::CertificateRevoked => "our certificate has been revoked",
        AlertDescription::CertificateUnknown | AlertDescription::BadCertificateStatusResponse => {
            "it cannot establish whether our certificate has been revoked; are its revocation lists up to date?"
        }
        AlertDescription::BadCertificate | AlertDescription::UnsupportedCertificate => {
            "our certificate cannot be used for this"
        }
        AlertDescription::CertificateRequired => "it asks for a certificate and we showed none",
        AlertDescription::AccessDenied => "our certificate names no participant by the rules of its group",
        AlertDescription::ProtocolVersion
        | AlertDescription::HandshakeFailure
        | AlertDescription::InsufficientSecurity => "no TLS version or cipher suite in common",
        AlertDescription::UnrecognisedName => "it does not answer to this host name",
        AlertDescription::NoApplicationProtocol => "no HTTP version in common",
        AlertDescription::DecryptError | AlertDescription::DecodeError => "it could not read what we sent",
        _ => "it gave no further reason",
    }
}

/// The TLS error within an error, if there is one.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

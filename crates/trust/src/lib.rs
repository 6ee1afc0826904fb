//! Keys, certificates and signatures: who a participant is, and how it proves it.
//!
//! Every use of a private key goes through [`Signer`]. Every judgement of a certificate goes through
//! [`TrustStore::judge`], in the TLS handshake and again per request, so that expiry and revocation are
//! decided in one place.
#![forbid(unsafe_code)]

mod anchors;
pub mod authority;
mod certificate;
mod distinguished_name;
mod identity;
mod journal_key;
pub mod jwk;
pub mod jws;
pub mod personal;
mod pseudonym;
mod public_key;
mod revocation;
mod sightings;
mod signer;
mod standing;
mod thumbprint;
pub mod tls;
mod trust_store;

pub use certificate::{Certificate, CertificateError, IdentityRules, ParticipantAttribute};
pub use distinguished_name::subject;
pub use identity::{Identity, IdentityError, IdentityHandle, read_chain};
pub use journal_key::JournalSigner;
pub use pseudonym::{PseudonymKeys, PseudonymKeysError};
pub use revocation::{RevocationList, RevocationListError};
/// A certificate as bytes.
pub use rustls_pki_types::CertificateDer;
pub use signer::{FileSigner, SignError, SignatureAlgorithm, Signer, SystemEntropy};
pub use thumbprint::{CertificateThumbprint, PublicKeyThumbprint};
pub use trust_store::{CertificateRefusal, Judgement, RevocationRules, TrustStore, Usage};

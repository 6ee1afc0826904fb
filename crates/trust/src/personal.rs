//! The credential of a person: a key under a passphrase, and a certificate that vouches for nothing but that key.
//!
//! A node knows a person by the key, of which it was told in another way; who signed the certificate does not matter, so
//! the person's own key does.

pub use pkcs8::SecretDocument;
use pkcs8::{
    EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef,
    pkcs5::{pbes2, scrypt},
};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use time::OffsetDateTime;
use verbond_domain::{Ambient, Timestamp};
use x509_parser::prelude::X509Certificate;

use crate::{
    FileSigner, PublicKeyThumbprint,
    certificate::{MAXIMUM_CERTIFICATE_BYTES, parse_x509},
    public_key::PublicKey,
};

const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// Cost of trying one passphrase: N = 2^14, r = 8, p = 5, which takes 16 MiB. The largest N that OpenSSL opens by default,
/// so that other programs can use the key, at the strength that OWASP recommends.
const SCRYPT: (u8, u32, u32) = (14, 8, 5);

/// A certificate starts this long before it is made, for clocks that are behind.
const HEAD_START: i64 = 300;

/// Why a person's credential cannot be made or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PersonalError {
    /// Not a private key under a passphrase.
    #[error("not an encrypted private key (PKCS#8, PEM)")]
    NotEncrypted,
    /// The passphrase does not open the key.
    #[error("the passphrase does not open the key")]
    Passphrase,
    /// Not a certificate of a person.
    #[error("the certificate cannot be used: {0}")]
    Certificate(&'static str),
    /// The library could not do it.
    #[error("the credential cannot be made: {0}")]
    Failed(String),
}

/// A new credential, as files.
pub struct PersonalCredential {
    /// The key on P-256, PKCS#8 under PBES2 (scrypt, AES-256-CBC), PEM.
    pub key_pem: String,
    /// The certificate for TLS as a client, signed by the key itself, PEM.
    pub certificate_pem: String,
}

/// Makes a key and its certificate, valid for this many seconds. `name` is for people who look at the file.
pub fn new_credential(
    name: &str,
    seconds: i64,
    passphrase: &str,
    ambient: &Ambient,
) -> Result<PersonalCredential, PersonalError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
    let moment = |from_now: i64| {
        OffsetDateTime::from_unix_timestamp(ambient.now().plus_seconds(from_now).seconds()).map_err(failed)
    };
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = moment(-HEAD_START)?;
    params.not_after = moment(seconds)?;
    let mut serial = ambient.random::<16>();
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok(PersonalCredential {
        key_pem: seal(&key.serialize_pem(), passphrase, ambient)?,
        certificate_pem: certificate.pem(),
    })
}

fn seal(pem: &str, passphrase: &str, ambient: &Ambient) -> Result<String, PersonalError> {
    let (_, document) = SecretDocument::from_pem(pem).map_err(failed)?;
    let key = PrivateKeyInfoRef::try_from(document.as_bytes()).map_err(failed)?;
    let (log_n, r, p) = SCRYPT;
    let cost = scrypt::Params::new(log_n, r, p).map_err(failed)?;
    let parameters =
        pbes2::Parameters::generate_scrypt_aes256cbc(cost, &ambient.random::<16>(), ambient.random::<16>())
            .map_err(failed)?;
    let sealed = key.encrypt_with_params(parameters, passphrase).map_err(failed)?;
    Ok(sealed.to_pem(ENCRYPTED, LineEnding::LF).map_err(failed)?.to_string())
}

/// Whether the text is a private key that a passphrase opens.
pub fn is_encrypted(pem: &str) -> bool {
    SecretDocument::from_pem(pem).is_ok_and(|(label, _)| label == ENCRYPTED)
}

/// The DER (PKCS#8) of a key under a passphrase, wiped from memory when it is dropped.
pub fn open_key(pem: &str, passphrase: &str) -> Result<SecretDocument, PersonalError> {
    let (label, document) = SecretDocument::from_pem(pem).map_err(|_| PersonalError::NotEncrypted)?;
    if label != ENCRYPTED {
        return Err(PersonalError::NotEncrypted);
    }
    let sealed =
        EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|_| PersonalError::NotEncrypted)?;
    // A wrong passphrase shows as bad padding, or, rarely, as something that is no key.
    let opened = sealed.decrypt(passphrase).map_err(|_| PersonalError::Passphrase)?;
    FileSigner::from_pkcs8(opened.as_bytes()).map_err(|_| PersonalError::Passphrase)?;
    Ok(opened)
}

/// What matters of a person's certificate, whoever signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalCertificate {
    /// DER SubjectPublicKeyInfo, to verify with what the person has signed.
    pub public_key: Vec<u8>,
    /// The key that the person is known by.
    pub key: PublicKeyThumbprint,
    /// Not valid before.
    pub not_before: Timestamp,
    /// Not valid after.
    pub not_after: Timestamp,
}

/// The public key of the first certificate in the text, as DER SubjectPublicKeyInfo.
pub fn public_key(pem: &str) -> Result<Vec<u8>, PersonalError> {
    PersonalCertificate::from_pem(pem)?;
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| PersonalError::Certificate("it is not in PEM"))?;
    let parsed =
        parse_x509(&der).map_err(|_| PersonalError::Certificate("it is not a certificate (X.509)"))?;
    Ok(parsed.public_key().raw.to_vec())
}

impl PersonalCertificate {
    /// Reads the first certificate in the text.
    pub fn from_pem(pem: &str) -> Result<Self, PersonalError> {
        if pem.len() > 2 * MAXIMUM_CERTIFICATE_BYTES {
            return Err(PersonalError::Certificate("it is too long"));
        }
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| PersonalError::Certificate("it is not in PEM"))?;
        Self::from_der(&der)
    }

    /// Reads a certificate: its key must be of a kind that documents can be signed with, and it must be fit for TLS as a
    /// client.
    pub fn from_der(der: &CertificateDer<'_>) -> Result<Self, PersonalError> {
        let parsed =
            parse_x509(der).map_err(|_| PersonalError::Certificate("it is not a certificate (X.509)"))?;
        let public_key = parsed.public_key().raw;
        if PublicKey::parse(public_key).is_none() {
            return Err(PersonalError::Certificate(
                "its key is not ECDSA on P-256, P-384 or P-521, and not RSA of 2048 bits or more",
            ));
        }
        if !is_for_clients(&parsed) {
            return Err(PersonalError::Certificate("it is not meant for clients of TLS"));
        }
        Ok(Self {
            public_key: public_key.to_vec(),
            key: PublicKeyThumbprint::of(public_key),
            not_before: Timestamp::from_seconds(parsed.validity().not_before.timestamp()),
            not_after: Timestamp::from_seconds(parsed.validity().not_after.timestamp()),
        })
    }

    /// Whether it is valid at this moment.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.not_before.seconds() <= now.seconds() && now.seconds() <= self.not_after.seconds()
    }
}

/// Without the extension a certificate is for everything (RFC 5280 §4.2.1.12).
fn is_for_clients(certificate: &X509Certificate<'_>) -> bool {
    match certificate.extended_key_usage() {
        Ok(None) => true,
        Ok(Some(usage)) => usage.value.client_auth || usage.value.any,
        Err(_) => false,
    }
}

fn failed(error: impl std::fmt::Display) -> PersonalError {
    PersonalError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use verbond_domain::Clock;

    use super::*;
    use crate::{Signer, SystemEntropy};

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(1_800_000_000)
        }
    }

    fn ambient() -> Ambient {
        Ambient::new(Arc::new(Still), Arc::new(SystemEntropy))
    }

    #[test]
    fn a_key_is_opened_by_its_passphrase_only_and_belongs_to_its_certificate() -> Outcome {
        let made = new_credential("s-voorbeeld", 3600, "correct horse", &ambient())?;
        assert!(is_encrypted(&made.key_pem) && !is_encrypted(&made.certificate_pem));
        let opened = open_key(&made.key_pem, "correct horse")?;
        let signer = FileSigner::from_pkcs8(opened.as_bytes())?;
        let certificate = PersonalCertificate::from_pem(&made.certificate_pem)?;
        assert_eq!(certificate.key, PublicKeyThumbprint::of(signer.public_key()));
        assert_eq!(certificate.public_key, signer.public_key());
        for passphrase in ["", "correct horse ", "Correct horse"] {
            assert_eq!(
                open_key(&made.key_pem, passphrase).err(),
                Some(PersonalError::Passphrase),
                "{passphrase}"
            );
        }
        let open = crate::authority::new_key(crate::authority::KeyKind::P256)?;
        assert_eq!(open_key(&open, "x").err(), Some(PersonalError::NotEncrypted));
        Ok(())
    }

    #[test]
    fn a_certificate_is_valid_for_the_time_that_was_asked() -> Outcome {
        let made = new_credential("s-voorbeeld", 3600, "x", &ambient())?;
        let certificate = PersonalCertificate::from_pem(&made.certificate_pem)?;
        let now = ambient().now();
        for (seconds, valid) in [(-301, false), (-300, true), (0, true), (3600, true), (3601, false)] {
            assert_eq!(certificate.is_valid_at(now.plus_seconds(seconds)), valid, "{seconds}");
        }
        assert!(PersonalCertificate::from_pem("").is_err());
        Ok(())
    }
}

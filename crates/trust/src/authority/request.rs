//! What a participant brings to an authority: a key of its own and a certificate request.

use rcgen::{
    CertificateParams, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, RsaKeySize,
};

use super::AuthorityError;

/// What a leaf certificate is asked to say. Times are seconds relative to now.
#[derive(Clone, Debug)]
pub struct LeafRequest {
    /// subject.serialNumber
    pub participant_id: String,
    /// subject.organizationName
    pub organisation: String,
    /// dNSNames
    pub dns_names: Vec<String>,
    /// Seconds from now until notBefore (negative: in the past).
    pub not_before: i64,
    /// Seconds from now until notAfter.
    pub not_after: i64,
}

impl LeafRequest {
    /// Subject, names and usages; validity and number are the authority's.
    pub(super) fn params(&self) -> Result<CertificateParams, AuthorityError> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = self
            .dns_names
            .iter()
            .map(|name| Ok(rcgen::SanType::DnsName(name.as_str().try_into().map_err(AuthorityError::of)?)))
            .collect::<Result<_, AuthorityError>>()?;
        let mut name = DistinguishedName::new();
        name.push(DnType::CountryName, "NL");
        name.push(DnType::OrganizationName, self.organisation.as_str());
        // PrintableString as in PKIoverheid's certificates.
        let participant_id = self.participant_id.as_str().try_into().map_err(AuthorityError::of)?;
        name.push(DnType::from_oid(&[2, 5, 4, 5]), DnValue::PrintableString(participant_id));
        if let Some(first) = self.dns_names.first() {
            name.push(DnType::CommonName, first.as_str());
        }
        params.distinguished_name = name;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        // A node's certificate serves both ways: it listens and dials with the same one.
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        Ok(params)
    }
}

/// Kind of key to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// NIST P-256
    P256,
    /// NIST P-384
    P384,
    /// RSA, 3072 bits
    Rsa3072,
}

/// Makes a private key, PEM PKCS#8.
pub fn new_key(kind: KeyKind) -> Result<String, AuthorityError> {
    let key = match kind {
        KeyKind::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        KeyKind::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
        KeyKind::Rsa3072 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072),
    };
    Ok(key.map_err(AuthorityError::of)?.serialize_pem())
}

/// Makes a PKCS#10 certificate request, PEM, for the key: what an organisation sends to its certificate authority.
pub fn certificate_request(key_pem: &str, leaf: &LeafRequest) -> Result<String, AuthorityError> {
    let key = KeyPair::from_pem(key_pem).map_err(AuthorityError::of)?;
    let request = leaf.params()?.serialize_request(&key).map_err(AuthorityError::of)?;
    request.pem().map_err(AuthorityError::of)
}

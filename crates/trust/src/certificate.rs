//! What a certificate says about its holder, read by the rules of the group.

use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use verbond_domain::{ParticipantId, Scheme, Timestamp};
use x509_parser::{
    asn1_rs::Tag,
    extensions::{DistributionPointName, GeneralName, ParsedExtension},
    oid_registry::{
        OID_X509_COMMON_NAME, OID_X509_EXT_CRL_DISTRIBUTION_POINTS, OID_X509_ORGANIZATION_NAME,
        OID_X509_ORGANIZATIONAL_UNIT, OID_X509_SERIALNUMBER, Oid, asn1_rs::oid,
    },
    prelude::{FromDer, X509Certificate, X509Name},
};

use crate::{CertificateThumbprint, PublicKeyThumbprint, distinguished_name};

/// Longest DER certificate that is read.
pub(crate) const MAXIMUM_CERTIFICATE_BYTES: usize = 64 * 1024;

/// Most distribution points and longest URL that are kept from a certificate.
const MAXIMUM_CRL_URLS: usize = 8;
const MAXIMUM_URL_BYTES: usize = 2048;

/// Longest organisation name, in characters. X.520 says 64; real certificates exceed it.
const MAXIMUM_ORGANISATION_CHARACTERS: usize = 255;

/// Where in the certificate's subject the participant's identifier stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParticipantAttribute {
    /// subject.serialNumber (OID 2.5.4.5)
    SerialNumber,
    /// subject.organizationIdentifier (OID 2.5.4.97)
    OrganizationIdentifier,
    /// subject.organizationalUnitName
    OrganizationalUnit,
    /// subject.commonName
    CommonName,
}

impl ParticipantAttribute {
    fn oid(self) -> Oid<'static> {
        match self {
            Self::SerialNumber => OID_X509_SERIALNUMBER,
            Self::OrganizationIdentifier => oid!(2.5.4.97),
            Self::OrganizationalUnit => OID_X509_ORGANIZATIONAL_UNIT,
            Self::CommonName => OID_X509_COMMON_NAME,
        }
    }
}

/// The group's rules for reading a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityRules {
    /// The scheme of the identifiers in this group.
    pub scheme: Scheme,
    /// Where the identifier stands. Exactly one value must stand there.
    pub participant_id: ParticipantAttribute,
}

/// A parsed leaf certificate of a participant.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The DER bytes.
    pub der: CertificateDer<'static>,
    /// SHA-256 of `der`.
    pub thumbprint: CertificateThumbprint,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub public_key_thumbprint: PublicKeyThumbprint,
    /// DER SubjectPublicKeyInfo.
    pub public_key: Vec<u8>,
    /// Who it stands for.
    pub participant: ParticipantId,
    /// subject.organizationName
    pub organisation: String,
    /// The subject as an RFC 4514 distinguished name.
    pub subject: String,
    /// dNSName entries of the subject alternative name, lower-cased.
    pub dns_names: Vec<String>,
    /// Not valid before.
    pub not_before: Timestamp,
    /// Not valid after.
    pub not_after: Timestamp,
    /// HTTP URLs of its CRL distribution points.
    pub crl_urls: Vec<String>,
}

/// Why DER bytes are not a participant's certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not an X.509 certificate.
    #[error("not an X.509 certificate: {0}")]
    Malformed(String),
    /// The subject lacks the participant's identifier, or has more than one.
    #[error(
        "the certificate's subject has {0} values for the participant's identifier, exactly one is needed"
    )]
    ParticipantId(usize),
    /// The value there is not an identifier.
    #[error("the participant's identifier in the certificate is not usable: {0}")]
    ParticipantIdForm(#[from] verbond_domain::ParticipantIdError),
    /// The subject has no organisation name.
    #[error("the certificate's subject has no organisation name")]
    Organisation,
}

impl Certificate {
    /// Reads a leaf certificate of at most 64 KiB. Whether it is to be believed is for
    /// [`crate::TrustStore::judge`] to say.
    pub fn parse(der: &CertificateDer<'_>, rules: &IdentityRules) -> Result<Self, CertificateError> {
        let parsed = parse_x509(der)?;
        let subject = parsed.subject();
        let public_key = parsed.public_key().raw.to_vec();
        Ok(Self {
            der: der.clone().into_owned(),
            thumbprint: CertificateThumbprint::of(der),
            public_key_thumbprint: PublicKeyThumbprint::of(&public_key),
            public_key,
            participant: participant(subject, rules)?,
            organisation: organisation(subject)?,
            subject: distinguished_name::text(subject),
            dns_names: dns_names(&parsed)?,
            not_before: Timestamp::from_seconds(parsed.validity().not_before.timestamp()),
            not_after: Timestamp::from_seconds(parsed.validity().not_after.timestamp()),
            crl_urls: crl_urls(&parsed)?,
        })
    }
}

/// The certificate as the parsing library sees it, with nothing after its end.
pub(crate) fn parse_x509<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, CertificateError> {
    if der.len() > MAXIMUM_CERTIFICATE_BYTES {
        return Err(malformed("longer than 64 KiB"));
    }
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) => Err(malformed("bytes after its end")),
        Err(_) => Err(malformed("its encoding is not DER of a certificate")),
    }
}

fn participant(subject: &X509Name<'_>, rules: &IdentityRules) -> Result<ParticipantId, CertificateError> {
    let values = texts(subject, &rules.participant_id.oid())?;
    match values.as_slice() {
        [value] => Ok(ParticipantId::new(rules.scheme, value)?),
        _ => Err(CertificateError::ParticipantId(values.len())),
    }
}

fn organisation(subject: &X509Name<'_>) -> Result<String, CertificateError> {
    let values = texts(subject, &OID_X509_ORGANIZATION_NAME)?;
    match values.as_slice() {
        [] => Err(CertificateError::Organisation),
        [name] if name.trim().is_empty() => Err(CertificateError::Organisation),
        [name] if name.chars().count() > MAXIMUM_ORGANISATION_CHARACTERS => {
            Err(malformed("the organisation name is too long"))
        }
        [name] if name.chars().any(misleads) => {
            Err(malformed("the organisation name holds control characters"))
        }
        [name] => Ok((*name).to_owned()),
        _ => Err(malformed("the subject has more than one organisation name")),
    }
}

/// All values of an attribute. Other string types than these two (RFC 5280 §4.1.2.4 has CAs write UTF8String or
/// PrintableString) could be read in more than one way, so a value in one of them makes the certificate unusable.
fn texts<'a>(subject: &'a X509Name<'_>, oid: &Oid<'_>) -> Result<Vec<&'a str>, CertificateError> {
    subject
        .iter_attributes()
        .filter(|attribute| attribute.attr_type() == oid)
        .map(|attribute| match attribute.attr_value().tag() {
            Tag::Utf8String | Tag::PrintableString => std::str::from_utf8(attribute.as_slice())
                .map_err(|_| malformed("a name in the subject is not UTF-8")),
            _ => Err(malformed("a name in the subject is neither UTF8String nor PrintableString")),
        })
        .collect()
}

/// Control characters, and those that turn the direction of the text, so that a log line or a page would show
/// another name than the one that is meant.
fn misleads(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn dns_names(certificate: &X509Certificate<'_>) -> Result<Vec<String>, CertificateError> {
    let names = certificate
        .subject_alternative_name()
        .map_err(|_| malformed("its subject alternative name cannot be read"))?;
    let Some(names) = names else { return Ok(Vec::new()) };
    let mut result = Vec::new();
    for name in &names.value.general_names {
        match name {
            GeneralName::DNSName(name) if is_dns_name(name) => result.push(name.to_ascii_lowercase()),
            GeneralName::DNSName(_) | GeneralName::Invalid(..) => {
                return Err(malformed("its subject alternative name holds an unusable name"));
            }
            _ => {}
        }
    }
    Ok(result)
}

fn is_dns_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*'))
}

pub(crate) fn crl_urls(certificate: &X509Certificate<'_>) -> Result<Vec<String>, CertificateError> {
    let extension = certificate
        .get_extension_unique(&OID_X509_EXT_CRL_DISTRIBUTION_POINTS)
        .map_err(|_| malformed("it has an extension twice"))?;
    let Some(extension) = extension else { return Ok(Vec::new()) };
    let ParsedExtension::CRLDistributionPoints(points) = extension.parsed_extension() else {
        return Err(malformed("its CRL distribution points cannot be read"));
    };
    let urls = points.points.iter().filter_map(|point| match &point.distribution_point {
        Some(DistributionPointName::FullName(names)) => Some(names),
        _ => None,
    });
    Ok(urls
        .flatten()
        .filter_map(|name| match name {
            GeneralName::URI(url) if is_http_url(url) => Some((*url).to_owned()),
            _ => None,
        })
        .take(MAXIMUM_CRL_URLS)
        .collect())
}

fn is_http_url(url: &str) -> bool {
    (url.starts_with("http://") || url.starts_with("https://"))
        && url.len() <= MAXIMUM_URL_BYTES
        && url.bytes().all(|byte| byte.is_ascii_graphic())
}

fn malformed(reason: &str) -> CertificateError {
    CertificateError::Malformed(reason.to_owned())
}

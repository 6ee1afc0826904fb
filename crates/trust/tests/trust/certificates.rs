//! What is read from a certificate, and what is not.

use rcgen::{CertificateParams, CrlDistributionPoint, CustomExtension, DnType, DnValue, KeyPair, SanType};
use rustls_pki_types::CertificateDer;
use verbond_domain::{ParticipantIdError, Scheme, Timestamp};
use verbond_trust::{
    Certificate, CertificateError, CertificateThumbprint, IdentityRules, ParticipantAttribute,
    PublicKeyThumbprint,
};

use crate::pki::{DAY, HOST, NOW, OIN, SERIAL_NUMBER, leaf_params, rules};

fn certificate(edit: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
    let mut params = leaf_params();
    edit(&mut params);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
}

fn error(edit: impl FnOnce(&mut CertificateParams)) -> CertificateError {
    Certificate::parse(&certificate(edit), &rules()).unwrap_err()
}

fn is_malformed(edit: impl FnOnce(&mut CertificateParams)) -> bool {
    matches!(error(edit), CertificateError::Malformed(_))
}

/// The subject is a list of attributes by type in the library that makes certificates, so a second value of a type is
/// got by giving another attribute of the same length the type's last octet.
fn twice(der: &CertificateDer<'_>, from: &[u8], to: &[u8]) -> CertificateDer<'static> {
    let mut bytes = der.to_vec();
    let places: Vec<usize> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, window)| *window == from)
        .map(|(at, _)| at)
        .collect();
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    CertificateDer::from(bytes)
}

#[test]
fn all_that_matters_is_read() {
    let der = certificate(|params| {
        params.subject_alt_names = vec![
            SanType::DnsName("Gemeente.TEST".try_into().unwrap()),
            SanType::DnsName("b.test".try_into().unwrap()),
            SanType::IpAddress([127, 0, 0, 1].into()),
        ];
        params.crl_distribution_points = vec![CrlDistributionPoint {
            uris: vec!["http://crl.test/a.crl".to_owned(), "ldap://crl.test/a".to_owned()],
        }];
    });
    let read = Certificate::parse(&der, &rules()).unwrap();
    assert_eq!(read.participant.to_string(), format!("oin:{OIN}"));
    assert_eq!(read.organisation, "Gemeente Voorbeeld");
    assert_eq!(read.subject, format!("CN={HOST},serialNumber={OIN},O=Gemeente Voorbeeld"));
    assert_eq!(read.dns_names, [HOST, "b.test"]);
    assert_eq!(read.crl_urls, ["http://crl.test/a.crl"]);
    assert_eq!(read.not_before, Timestamp::from_seconds(NOW - 10 * DAY));
    assert_eq!(read.not_after, Timestamp::from_seconds(NOW + 10 * DAY));
    assert_eq!(read.thumbprint, CertificateThumbprint::of(&der));
    assert_eq!(read.public_key_thumbprint, PublicKeyThumbprint::of(&read.public_key));
    assert_eq!(read.der, der);
}

#[test]
fn the_rules_say_where_the_identifier_stands() {
    let der = certificate(|params| {
        params.distinguished_name.push(DnType::OrganizationalUnitName, "NL123456789");
        params.distinguished_name.push(DnType::from_oid(&[2, 5, 4, 97]), "NTRNL-12345678");
    });
    for (attribute, value) in [
        (ParticipantAttribute::SerialNumber, OIN),
        (ParticipantAttribute::OrganizationIdentifier, "NTRNL-12345678"),
        (ParticipantAttribute::OrganizationalUnit, "NL123456789"),
        (ParticipantAttribute::CommonName, HOST),
    ] {
        let rules = IdentityRules { scheme: Scheme::Eori, participant_id: attribute };
        assert_eq!(Certificate::parse(&der, &rules).unwrap().participant.value(), value);
    }
}

#[test]
fn exactly_one_identifier_is_needed() {
    let none = |params: &mut CertificateParams| {
        params.distinguished_name.remove(DnType::from_oid(SERIAL_NUMBER));
    };
    assert_eq!(error(none), CertificateError::ParticipantId(0));

    let title = &[0x06, 0x03, 0x55, 0x04, 0x0c];
    let serial_number = &[0x06, 0x03, 0x55, 0x04, 0x05];
    for second in [OIN, "00000099000000020000"] {
        let der = certificate(|params| {
            params.distinguished_name.push(DnType::from_oid(&[2, 5, 4, 12]), second);
        });
        let refusal = Certificate::parse(&twice(&der, title, serial_number), &rules()).unwrap_err();
        assert_eq!(refusal, CertificateError::ParticipantId(2));
    }
}

#[test]
fn an_identifier_that_could_mislead_is_refused() {
    for (value, expected) in [
        ("", ParticipantIdError::Length),
        ("0000 0099", ParticipantIdError::Character),
        ("00000099\0", ParticipantIdError::Character),
        ("00000099\n0", ParticipantIdError::Character),
        ("０００", ParticipantIdError::Character),
    ] {
        let refusal = error(|params| params.distinguished_name.push(DnType::from_oid(SERIAL_NUMBER), value));
        assert_eq!(refusal, CertificateError::ParticipantIdForm(expected), "{value:?}");
    }
    assert!(is_malformed(|params| {
        let value = DnValue::BmpString(OIN.try_into().unwrap());
        params.distinguished_name.push(DnType::from_oid(SERIAL_NUMBER), value);
    }));
    assert!(is_malformed(|params| {
        let value = DnValue::Ia5String(OIN.try_into().unwrap());
        params.distinguished_name.push(DnType::from_oid(SERIAL_NUMBER), value);
    }));
}

#[test]
fn there_is_one_organisation_name_and_it_does_not_mislead() {
    let none = |params: &mut CertificateParams| {
        params.distinguished_name.remove(DnType::OrganizationName);
    };
    assert_eq!(error(none), CertificateError::Organisation);
    let blank =
        |params: &mut CertificateParams| params.distinguished_name.push(DnType::OrganizationName, " ");
    assert_eq!(error(blank), CertificateError::Organisation);
    for value in ["Gemeente\0Voorbeeld", "A\r\nB", "A\u{202e}B", &"x".repeat(256)] {
        assert!(is_malformed(|params| params.distinguished_name.push(DnType::OrganizationName, value)));
    }
    let der = certificate(|params| {
        params.distinguished_name.push(DnType::from_oid(&[2, 5, 4, 12]), "Another");
    });
    let der = twice(&der, &[0x06, 0x03, 0x55, 0x04, 0x0c], &[0x06, 0x03, 0x55, 0x04, 0x0a]);
    assert!(matches!(Certificate::parse(&der, &rules()), Err(CertificateError::Malformed(_))));
}

#[test]
fn a_name_with_an_embedded_nul_spoils_the_certificate() {
    assert!(is_malformed(|params| {
        params.subject_alt_names = vec![SanType::DnsName("gemeente.test\0.evil.test".try_into().unwrap())];
    }));
    assert!(is_malformed(|params| {
        params.subject_alt_names = vec![SanType::DnsName("a b.test".try_into().unwrap())];
    }));
}

#[test]
fn what_is_no_certificate_is_refused() {
    let der = certificate(|_| {});
    let mut longer = der.to_vec();
    longer.push(0);
    let mut huge = der.to_vec();
    huge.resize(64 * 1024 + 1, 0);
    for bytes in [vec![], vec![0x30], der[..der.len() - 1].to_vec(), longer, huge] {
        let refusal = Certificate::parse(&CertificateDer::from(bytes), &rules()).unwrap_err();
        assert!(matches!(refusal, CertificateError::Malformed(_)));
    }
}

#[test]
fn unreadable_distribution_points_spoil_the_certificate() {
    assert!(is_malformed(|params| {
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 31], vec![0x30, 5, 1]));
    }));
}

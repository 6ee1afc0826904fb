//! The text form of a certificate's subject, RFC 4514.

use std::fmt::Write;

use x509_parser::{
    asn1_rs::{Tag, ToDer},
    prelude::{AttributeTypeAndValue, X509Name},
};

/// The subject of a certificate in the string form of RFC 4514; `None` if it is not an X.509 certificate. For
/// certificates that need not name a participant, such as those of administrators.
pub fn subject(der: &rustls_pki_types::CertificateDer<'_>) -> Option<String> {
    crate::certificate::parse_x509(der).ok().map(|certificate| text(certificate.subject()))
}

/// The name in the string form of RFC 4514: most specific part first, special characters escaped, so that two
/// different names never give the same text.
pub(crate) fn text(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> =
        name.iter().map(|relative| relative.iter().map(attribute).collect::<Vec<_>>().join("+")).collect();
    parts.reverse();
    parts.join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    let readable =
        matches!(attribute.attr_value().tag(), Tag::Utf8String | Tag::PrintableString | Tag::Ia5String);
    match (short_name(&oid), std::str::from_utf8(attribute.as_slice())) {
        (Some(short_name), Ok(value)) if readable => format!("{short_name}={}", escaped(value)),
        // RFC 4514 §2.4: a type without a short name, or a value that is not text, is written as its encoding.
        (short_name, _) => {
            let encoding = attribute.attr_value().to_der_vec().unwrap_or_default();
            let mut result = format!("{}=#", short_name.unwrap_or(&oid));
            for byte in encoding {
                let _ = write!(result, "{byte:02x}");
            }
            result
        }
    }
}

/// Descriptors that are registered for LDAP (RFC 4514 §3, RFC 4519; `organizationIdentifier`: X.520).
fn short_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.42" => "givenName",
        "2.5.4.97" => "organizationIdentifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        _ => return None,
    })
}

fn escaped(value: &str) -> String {
    let mut result = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (index, character) in value.chars().enumerate() {
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => result.extend(['\\', character]),
            ' ' if index == 0 || index == last => result.push_str("\\ "),
            '#' if index == 0 => result.push_str("\\#"),
            character if character.is_control() => {
                let mut buffer = [0; 4];
                for byte in character.encode_utf8(&mut buffer).bytes() {
                    let _ = write!(result, "\\{byte:02x}");
                }
            }
            character => result.push(character),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn characters_with_a_meaning_are_escaped() {
        assert_eq!(escaped("Gemeente Voorbeeld"), "Gemeente Voorbeeld");
        assert_eq!(escaped("A,CN=B"), "A\\,CN=B");
        assert_eq!(escaped(" #a\\ "), "\\ #a\\\\\\ ");
        assert_eq!(escaped("#a"), "\\#a");
        assert_eq!(escaped("a\0b\n"), "a\\00b\\0a");
        assert_eq!(escaped(" "), "\\ ");
        assert_eq!(escaped(""), "");
    }
}

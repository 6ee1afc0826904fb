//! Bytes from outside, whatever they are, give an answer and no panic.

use std::sync::LazyLock;

use proptest::prelude::*;
use rcgen::{CertificateParams, CrlDistributionPoint, KeyPair};
use rustls_pki_types::CertificateDer;
use verbond_trust::{
    Certificate, CertificateThumbprint, FileSigner, PublicKeyThumbprint, RevocationList, Usage, jwk, jws::Jws,
};

use crate::pki::{Pki, list, now, rules};

static PKI: LazyLock<Pki> = LazyLock::new(Pki::new);

static CHAIN: LazyLock<Vec<CertificateDer<'static>>> = LazyLock::new(|| {
    let edit = |params: &mut CertificateParams| {
        params.crl_distribution_points =
            vec![CrlDistributionPoint { uris: vec!["http://crl.test/a.crl".to_owned()] }];
    };
    PKI.chain(&KeyPair::generate().unwrap(), edit)
});

static LIST: LazyLock<Vec<u8>> = LazyLock::new(|| list(&PKI, &[1, 2, 3]).der().to_vec());

/// The bytes with some of them changed, and perhaps cut off.
fn damaged(
    original: &[u8],
    changes: &[(prop::sample::Index, u8)],
    length: Option<prop::sample::Index>,
) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for (at, value) in changes {
        let at = at.index(bytes.len());
        bytes[at] = *value;
    }
    if let Some(length) = length {
        bytes.truncate(length.index(original.len()));
    }
    bytes
}

fn damage() -> impl Strategy<Value = (Vec<(prop::sample::Index, u8)>, Option<prop::sample::Index>)> {
    (
        prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..4),
        prop::option::weighted(0.1, any::<prop::sample::Index>()),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_damaged_certificate_is_never_found_good((changes, length) in damage(), which in 0..2usize) {
        let bytes = damaged(&CHAIN[which], &changes, length);
        prop_assume!(bytes != CHAIN[which].as_ref());
        let mut chain = CHAIN.clone();
        chain[which] = CertificateDer::from(bytes);
        let _ = Certificate::parse(&chain[which], &rules());
        let _ = jwk::key_set(&[std::sync::Arc::new(chain.clone())]);
        prop_assert!(PKI.store().judge(&chain, Usage::Client, now()).is_err());
    }

    #[test]
    fn a_damaged_list_leaves_the_state_unknown((changes, length) in damage()) {
        let bytes = damaged(&LIST, &changes, length);
        prop_assume!(bytes != *LIST);
        if let Ok(list) = RevocationList::parse(&bytes) {
            let store = PKI.store();
            store.set_revocation_lists(vec![crate::pki::root_list(&PKI, &[]), list]);
            prop_assert!(store.judge(&CHAIN, Usage::Client, now()).is_err());
        }
    }

    #[test]
    fn any_text_is_a_signature_or_not(text in "\\PC*", header in "\\PC*", parts in "[A-Za-z0-9_.=-]{0,200}") {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let with_header = format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header));
        for text in [text, with_header, parts] {
            if let Ok(read) = Jws::parse(&text) {
                prop_assert!(read.verify(&CHAIN[0]).is_err());
            }
            let _ = (CertificateThumbprint::parse(&text), PublicKeyThumbprint::parse(&text));
            let _ = serde_json::from_str(&text).map(|value| jwk::chains(&value));
        }
    }

    #[test]
    fn any_bytes_are_a_key_or_not(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let _ = RevocationList::parse(&bytes);
        let _ = Certificate::parse(&CertificateDer::from(bytes.clone()), &rules());
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
            let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(&bytes));
            prop_assert!(FileSigner::from_pem(pem.as_bytes()).is_err());
        }
    }
}

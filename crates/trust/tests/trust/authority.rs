//! The throw-away authority, from an empty directory to a revoked certificate.

use std::{os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use rustls_pki_types::{CertificateDer, pem::PemObject};
use verbond_trust::{
    CertificateRefusal, FileSigner, Identity, RevocationList, RevocationRules, TrustStore, Usage,
    authority::{KeyKind, LeafRequest, TestAuthority, certificate_request, new_key},
};

use crate::pki::{DAY, HOST, OIN, now, rules, still_clock};

fn leaf() -> LeafRequest {
    LeafRequest {
        participant_id: OIN.to_owned(),
        organisation: "Gemeente Voorbeeld".to_owned(),
        dns_names: vec![HOST.to_owned(), "manager.gemeente.test".to_owned()],
        not_before: -60,
        not_after: 90 * DAY,
    }
}

fn chain(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().unwrap()
}

fn lists(directory: &Path) -> Vec<RevocationList> {
    ["crl-root.pem", "crl.pem"]
        .into_iter()
        .map(|name| RevocationList::parse(&std::fs::read(directory.join(name)).unwrap()).unwrap())
        .collect()
}

fn store(authority: &TestAuthority) -> Arc<TrustStore> {
    let root = chain(&authority.root_pem().unwrap());
    let store = TrustStore::new(&root, rules(), RevocationRules { check: true, grace_seconds: 0 }).unwrap();
    store.set_revocation_lists(lists(authority.directory()));
    store
}

#[test]
fn certificates_of_each_kind_of_key_are_issued_and_revoked() {
    let directory = tempfile::tempdir().unwrap();
    let (_, ambient) = still_clock();
    let url = Some("http://crl.test/crl.pem");
    let authority = TestAuthority::open_or_create(directory.path(), url, &ambient).unwrap();
    let store = store(&authority);
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Rsa3072] {
        let key = new_key(kind).unwrap();
        let request = certificate_request(&key, &leaf()).unwrap();
        let pem = authority.issue(&request, &leaf()).unwrap();
        let signer = FileSigner::from_pem(key.as_bytes()).unwrap();
        let identity = Identity::new(chain(&pem), Arc::new(signer), &rules()).unwrap();
        assert_eq!(identity.chain.len(), 2);
        let certificate = &identity.certificate;
        assert_eq!(certificate.subject, format!("CN={HOST},serialNumber={OIN},O=Gemeente Voorbeeld,C=NL"));
        assert_eq!(certificate.dns_names, leaf().dns_names);
        assert_eq!(certificate.crl_urls, ["http://crl.test/crl.pem"]);
        assert_eq!(certificate.not_after, now().plus_seconds(90 * DAY));
        for usage in [Usage::Client, Usage::Server, Usage::Signature] {
            assert!(store.judge(&identity.chain, usage, now()).is_ok());
        }
        authority.revoke(&pem).unwrap();
        authority.revoke(&pem).unwrap();
        assert!(store.judge(&identity.chain, Usage::Client, now()).is_ok());
        store.set_revocation_lists(lists(directory.path()));
        let refusal = store.judge(&identity.chain, Usage::Client, now()).unwrap_err();
        assert_eq!(refusal, CertificateRefusal::Revoked);
    }
    assert_eq!(std::fs::read_dir(directory.path().join("issued")).unwrap().count(), 3);
}

#[test]
fn an_authority_is_the_same_when_it_is_opened_again_and_keeps_its_keys_to_itself() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("authority");
    let (_, ambient) = still_clock();
    let first = TestAuthority::open_or_create(&path, None, &ambient).unwrap();
    let root = first.root_pem().unwrap();
    let request = certificate_request(&new_key(KeyKind::P256).unwrap(), &leaf()).unwrap();
    let revoked = first.issue(&request, &leaf()).unwrap();
    first.revoke(&revoked).unwrap();

    let second = TestAuthority::open_or_create(&path, Some("http://ignored.test/"), &ambient).unwrap();
    assert_eq!(second.root_pem().unwrap(), root);
    let good = second.issue(&request, &leaf()).unwrap();
    let store = store(&second);
    assert!(store.judge(&chain(&good), Usage::Client, now()).unwrap().crl_urls.is_empty());
    let refusal = store.judge(&chain(&revoked), Usage::Client, now()).unwrap_err();
    assert_eq!(refusal, CertificateRefusal::Revoked);
    for key in ["root-key.pem", "intermediate-key.pem"] {
        let mode = std::fs::metadata(path.join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
}

#[test]
fn many_may_open_it_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let roots: Vec<_> = std::thread::scope(|scope| {
        let open = || {
            let (_, ambient) = still_clock();
            let authority = TestAuthority::open_or_create(directory.path(), None, &ambient).unwrap();
            let request = certificate_request(&new_key(KeyKind::P256).unwrap(), &leaf()).unwrap();
            authority.revoke(&authority.issue(&request, &leaf()).unwrap()).unwrap();
            authority.root_pem().unwrap()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(roots.windows(2).all(|pair| pair[0] == pair[1]));
    let (_, ambient) = still_clock();
    let authority = TestAuthority::open_or_create(directory.path(), None, &ambient).unwrap();
    let issued = std::fs::read_dir(directory.path().join("issued")).unwrap();
    let store = store(&authority);
    let mut count = 0;
    for file in issued {
        let mut pem = std::fs::read_to_string(file.unwrap().path()).unwrap();
        pem.push_str(&std::fs::read_to_string(directory.path().join("intermediate.pem")).unwrap());
        let refusal = store.judge(&chain(&pem), Usage::Client, now()).unwrap_err();
        assert_eq!(refusal, CertificateRefusal::Revoked);
        count += 1;
    }
    assert_eq!(count, 8);
}

#[test]
fn the_intermediate_can_be_revoked_and_a_stranger_cannot() {
    let directory = tempfile::tempdir().unwrap();
    let (_, ambient) = still_clock();
    let authority = TestAuthority::open_or_create(directory.path(), None, &ambient).unwrap();
    let request = certificate_request(&new_key(KeyKind::P256).unwrap(), &leaf()).unwrap();
    let pem = authority.issue(&request, &leaf()).unwrap();
    let other = tempfile::tempdir().unwrap();
    let params = crate::pki::leaf_params().self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
    assert!(authority.revoke(&params.pem()).is_err());
    drop(other);

    authority.revoke(&std::fs::read_to_string(directory.path().join("intermediate.pem")).unwrap()).unwrap();
    let refusal = store(&authority).judge(&chain(&pem), Usage::Client, now()).unwrap_err();
    assert_eq!(refusal, CertificateRefusal::Revoked);
}

#[test]
fn lists_can_be_written_that_end_soon_or_have_ended() {
    let directory = tempfile::tempdir().unwrap();
    let (_, ambient) = still_clock();
    let authority = TestAuthority::open_or_create(directory.path(), None, &ambient).unwrap();
    let request = certificate_request(&new_key(KeyKind::P256).unwrap(), &leaf()).unwrap();
    let chain = chain(&authority.issue(&request, &leaf()).unwrap());
    let number = |path: &Path| {
        let text = std::fs::read_to_string(path.join("revoked.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["number"].as_u64().unwrap()
    };
    let before = number(directory.path());
    authority.write_revocation_lists(60).unwrap();
    assert!(number(directory.path()) > before);
    let store = store(&authority);
    assert!(store.judge(&chain, Usage::Client, now().plus_seconds(60)).is_ok());
    let refusal = store.judge(&chain, Usage::Client, now().plus_seconds(61)).unwrap_err();
    assert_eq!(refusal, CertificateRefusal::RevocationUnknown);

    authority.write_revocation_lists(-60).unwrap();
    store.set_revocation_lists(lists(directory.path()));
    let refusal = store.judge(&chain, Usage::Client, now()).unwrap_err();
    assert_eq!(refusal, CertificateRefusal::RevocationUnknown);
}

#[test]
fn a_request_that_is_not_signed_by_its_key_gets_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (_, ambient) = still_clock();
    let authority = TestAuthority::open_or_create(directory.path(), None, &ambient).unwrap();
    let request = certificate_request(&new_key(KeyKind::P256).unwrap(), &leaf()).unwrap();
    let der = rustls_pki_types::CertificateSigningRequestDer::from_pem_slice(request.as_bytes()).unwrap();
    let mut bytes = der.to_vec();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    use base64::{Engine, engine::general_purpose::STANDARD};
    let forged = format!(
        "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
        STANDARD.encode(bytes)
    );
    assert!(authority.issue(&forged, &leaf()).is_err());
    assert!(authority.issue("no request", &leaf()).is_err());
}

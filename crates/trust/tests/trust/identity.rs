//! Chain and key from files, and their replacement.

use std::{path::PathBuf, process::Command, sync::Arc};

use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;
use verbond_domain::Timestamp;
use verbond_trust::{
    FileSigner, Identity, IdentityError, IdentityHandle, SignError, SignatureAlgorithm, Signer, read_chain,
};

use crate::pki::{DAY, NOW, Pki, date, list, list_by, now, root_list, rules};

fn pem(chain: &[CertificateDer<'_>]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let block =
        |der| format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der));
    chain.iter().map(block).collect()
}

struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new(certificate: &str, key: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("certificate.pem"), certificate).unwrap();
        std::fs::write(directory.path().join("key.pem"), key).unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn load(&self) -> Result<Identity, IdentityError> {
        Identity::load(&self.path("certificate.pem"), &self.path("key.pem"), &rules())
    }
}

#[test]
fn a_chain_and_its_key_are_read_and_the_root_is_dropped() {
    let pki = Pki::new();
    let key = KeyPair::generate().unwrap();
    let chain = pki.chain(&key, |_| {});
    let with_root = [chain.clone(), vec![pki.root.der().clone()]].concat();
    for written in [&chain, &with_root] {
        let identity = Files::new(&pem(written), &key.serialize_pem()).load().unwrap();
        assert_eq!(identity.chain, chain);
        assert_eq!(identity.certificate.public_key, identity.signer.public_key());
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let pki = Pki::new();
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let certificate = pem(&pki.chain(&key, |_| {}));
    let error = |certificate: &str, key: &str| Files::new(certificate, key).load().unwrap_err();
    assert!(matches!(error(&certificate, &other.serialize_pem()), IdentityError::Mismatch));
    assert!(matches!(error(&certificate, "no key"), IdentityError::Key(SignError::Failed(_))));
    assert!(matches!(error("", &key.serialize_pem()), IdentityError::NoCertificate(_)));
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    assert!(matches!(error(broken, &key.serialize_pem()), IdentityError::NoCertificate(_)));
    let files = Files::new(&certificate, "");
    let missing = Identity::load(&files.path("none.pem"), &files.path("key.pem"), &rules()).unwrap_err();
    assert!(matches!(missing, IdentityError::Read { .. }));
    assert!(Identity::new(Vec::new(), Arc::new(signer(&key)), &rules()).is_err());
}

fn signer(key: &KeyPair) -> FileSigner {
    FileSigner::from_pem(key.serialize_pem().as_bytes()).unwrap()
}

#[test]
fn a_replaced_certificate_stays_findable_until_it_ends() {
    let pki = Pki::new();
    let (first_key, second_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let earlier = pki.chain(&first_key, |params| params.not_after = date(NOW + DAY));
    let unreadable = vec![CertificateDer::from(vec![1, 2, 3])];
    let first = pki.identity(&first_key, |_| {});
    let first_thumbprint = first.certificate.thumbprint;
    let handle = IdentityHandle::new(first, vec![earlier.clone(), unreadable, Vec::new()]);
    let mut changes = handle.changes();
    assert!(!changes.has_changed().unwrap());
    assert_eq!(handle.chains(now()).len(), 2);

    handle.replace(pki.identity(&second_key, |_| {}));
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    let second_thumbprint = handle.current().certificate.thumbprint;
    assert_ne!(second_thumbprint, first_thumbprint);
    let chains = handle.chains(now());
    assert_eq!(chains.len(), 3);
    assert_eq!(*chains[0], handle.current().chain);
    assert_eq!(*chains[2], earlier);
    for thumbprint in [first_thumbprint, second_thumbprint] {
        assert_eq!(handle.find(&thumbprint, now()).unwrap().thumbprint, thumbprint);
    }
    let later = Timestamp::from_seconds(NOW + 2 * DAY);
    assert_eq!(handle.chains(later).len(), 2);
    assert!(handle.find(&first_thumbprint, later).is_some());
    assert!(handle.find(&first_thumbprint, Timestamp::from_seconds(NOW + 11 * DAY)).is_none());

    // The same again adds nothing.
    let same = Identity::new(handle.current().chain.clone(), Arc::new(signer(&second_key)), &rules());
    handle.replace(same.unwrap());
    assert_eq!(handle.chains(now()).len(), 3);
}

#[test]
fn a_revoked_certificate_of_our_own_vouches_for_nothing() {
    let pki = Pki::new();
    let trust = pki.store();
    let (stolen_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let stolen = pki.identity(&stolen_key, |params| params.serial_number = Some(66.into()));
    let thumbprint = stolen.certificate.thumbprint;
    let handle = IdentityHandle::new(stolen, Vec::new());
    handle.judged_by(Arc::clone(&trust));
    assert!(handle.find(&thumbprint, now()).is_some());

    // Revoked while it is still the present one, and after the roll.
    trust.set_revocation_lists(vec![root_list(&pki, &[]), list(&pki, &[66])]);
    assert!(handle.find(&thumbprint, now()).is_none());
    handle.replace(pki.identity(&key, |_| {}));
    assert!(handle.find(&thumbprint, now()).is_none());
    let present = handle.current();
    assert!(handle.find(&present.certificate.thumbprint, now()).is_some());
    assert_eq!(
        handle.chains(now()).iter().map(|chain| chain.to_vec()).collect::<Vec<_>>(),
        std::slice::from_ref(&present.chain)
    );
    trust.set_revocation_lists(vec![root_list(&pki, &[]), list(&pki, &[])]);
    assert_eq!(handle.chains(now()).len(), 2);
}

#[test]
fn without_usable_lists_only_the_present_certificate_of_our_own_stands() {
    let pki = Pki::new();
    let trust = pki.store();
    let (first_key, second_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let handle = pki.handle(&first_key, |_| {});
    let first = handle.current().certificate.thumbprint;
    handle.replace(pki.identity(&second_key, |_| {}));
    let second = handle.current().certificate.thumbprint;
    handle.judged_by(Arc::clone(&trust));
    assert!(handle.find(&first, now()).is_some());
    // Past the grace of the lists, which ends while they stay the same.
    let later = Timestamp::from_seconds(NOW + 3 * DAY);
    assert!(handle.find(&first, later).is_none());
    assert!(handle.find(&second, later).is_some());
    assert_eq!(handle.chains(later).len(), 1);
    let fresh = |issuer| list_by(issuer, &[], NOW + 2 * DAY, NOW + 4 * DAY);
    trust.set_revocation_lists(vec![fresh(&pki.root), fresh(&pki.intermediate)]);
    assert!(handle.find(&first, later).is_some());
}

#[test]
fn chains_of_earlier_certificates_are_read_from_files() {
    let pki = Pki::new();
    let key = KeyPair::generate().unwrap();
    let chain = pki.chain(&key, |_| {});
    let files = Files::new(&pem(&chain), "");
    assert_eq!(read_chain(&files.path("certificate.pem")).unwrap(), chain);
    assert!(read_chain(&files.path("key.pem")).is_err());
}

#[test]
fn keys_are_read_in_each_form_and_refused_when_they_are_of_another_kind() {
    let made = |command: &str| {
        let output = Command::new("sh").args(["-c", command]).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    for (command, first) in [
        ("openssl genrsa -traditional 2048", SignatureAlgorithm::Rs512),
        ("openssl genrsa 2048", SignatureAlgorithm::Rs512),
        ("openssl ecparam -genkey -noout -name prime256v1", SignatureAlgorithm::Es256),
        ("openssl ecparam -genkey -name secp384r1", SignatureAlgorithm::Es384),
        ("openssl ecparam -genkey -noout -name secp521r1", SignatureAlgorithm::Es512),
        (
            "openssl ecparam -genkey -noout -name secp521r1 | openssl pkcs8 -topk8 -nocrypt",
            SignatureAlgorithm::Es512,
        ),
    ] {
        let pem = made(command);
        let key = FileSigner::from_pem(&pem).unwrap();
        assert_eq!(key.algorithms()[0], first, "{command}");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        std::fs::write(&path, pem).unwrap();
        let spki = made(&format!("openssl pkey -in {} -pubout -outform DER", path.display()));
        assert_eq!(key.public_key(), spki, "{command}");
    }
    for command in [
        "openssl genrsa 1024",
        "openssl genrsa 4104",
        "openssl genpkey -algorithm ed25519",
        "openssl ecparam -genkey -noout -name secp256k1",
        "openssl ecparam -genkey -noout -name secp224r1",
        "openssl genrsa 2048 | openssl pkcs8 -topk8 -passout pass:secret",
        "head -c 70000 /dev/zero",
    ] {
        assert!(FileSigner::from_pem(&made(command)).is_err(), "{command}");
    }
}

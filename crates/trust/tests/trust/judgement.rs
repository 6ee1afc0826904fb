//! What the trust store says of good and bad chains.

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use verbond_domain::Timestamp;
use verbond_trust::{
    CertificateError, CertificateRefusal, RevocationList, RevocationRules, TrustStore, Usage,
};

use crate::pki::{
    DAY, INTERMEDIATE_NUMBER, NOW, OIN, Pki, SERIAL_NUMBER, authority_params, date, leaf_params, list,
    list_by, now, root_list, rules,
};

const ALL: [Usage; 3] = [Usage::Client, Usage::Server, Usage::Signature];

fn refused(pki: &Pki, edit: impl FnOnce(&mut CertificateParams), usage: Usage) -> CertificateRefusal {
    let key = KeyPair::generate().unwrap();
    pki.store().judge(&pki.chain(&key, edit), usage, now()).unwrap_err()
}

#[test]
fn a_good_chain_is_found_good_for_each_usage() {
    let pki = Pki::new();
    let chain = pki.chain(&KeyPair::generate().unwrap(), |_| {});
    for usage in ALL {
        let certificate = pki.store().judge(&chain, usage, now()).unwrap();
        assert_eq!(certificate.participant.to_string(), format!("oin:{OIN}"));
        assert_eq!(certificate.der, chain[0]);
    }
    let mut with_root = chain.clone();
    with_root.push(pki.root.der().clone());
    assert!(pki.store().judge(&with_root, Usage::Client, now()).is_ok());
}

#[test]
fn a_chain_is_judged_by_its_time() {
    let pki = Pki::new();
    let chain = pki.chain(&KeyPair::generate().unwrap(), |_| {});
    let store = pki.store();
    let at = |seconds| store.judge(&chain, Usage::Client, Timestamp::from_seconds(seconds)).map(|_| ());
    assert_eq!(at(NOW - 10 * DAY - 1), Err(CertificateRefusal::NotYetValid));
    assert_eq!(at(NOW), Ok(()));
    assert_eq!(at(NOW + 10 * DAY + 1), Err(CertificateRefusal::Expired));
    assert_eq!(at(-5), Err(CertificateRefusal::NotYetValid));
}

#[test]
fn a_certificate_ends_after_the_second_that_it_names() {
    let pki = Pki::new();
    let chain = pki.chain(&KeyPair::generate().unwrap(), |params| params.not_after = date(NOW + 60));
    let store = pki.store();
    assert!(store.judge(&chain, Usage::Client, Timestamp::from_seconds(NOW + 60)).is_ok());
    let refusal = store.judge(&chain, Usage::Client, Timestamp::from_seconds(NOW + 61)).unwrap_err();
    assert_eq!(refusal, CertificateRefusal::Expired);
}

#[test]
fn an_expired_intermediate_or_root_spoils_the_chain() {
    let pki = Pki::with(|_| {}, |intermediate| intermediate.not_after = date(NOW - 1));
    assert_eq!(refused(&pki, |_| {}, Usage::Client), CertificateRefusal::Expired);
    let pki = Pki::with(|root| root.not_after = date(NOW - 1), |_| {});
    assert_eq!(refused(&pki, |_| {}, Usage::Client), CertificateRefusal::Expired);
    let pki = Pki::with(|root| root.not_before = date(NOW + 1), |_| {});
    assert_eq!(refused(&pki, |_| {}, Usage::Client), CertificateRefusal::NotYetValid);
}

#[test]
fn a_chain_to_another_root_is_refused_even_if_all_names_are_the_same() {
    let (ours, theirs) = (Pki::new(), Pki::new());
    let key = KeyPair::generate().unwrap();
    let mut chain = theirs.chain(&key, |_| {});
    let refusal = ours.store().judge(&chain, Usage::Client, now()).unwrap_err();
    assert_eq!(refusal, CertificateRefusal::UnknownIssuer);
    chain.push(theirs.root.der().clone());
    let refusal = ours.store().judge(&chain, Usage::Client, now()).unwrap_err();
    assert_eq!(refusal, CertificateRefusal::UnknownIssuer);

    let stranger = Pki::with(
        |root| root.distinguished_name.push(DnType::CommonName, "Stranger"),
        |intermediate| intermediate.distinguished_name.push(DnType::CommonName, "Stranger 2"),
    );
    let refusal = ours.store().judge(&stranger.chain(&key, |_| {}), Usage::Client, now()).unwrap_err();
    assert_eq!(refusal, CertificateRefusal::UnknownIssuer);
}

#[test]
fn a_self_signed_certificate_is_refused() {
    let pki = Pki::new();
    let key = KeyPair::generate().unwrap();
    let own = leaf_params().self_signed(&key).unwrap();
    let refusal = pki.store().judge(&[own.der().clone()], Usage::Client, now()).unwrap_err();
    assert_eq!(refusal, CertificateRefusal::UnknownIssuer);

    // With the subject of the true root, as a certificate authority.
    let mut params = authority_params("Root");
    params.distinguished_name.push(DnType::from_oid(SERIAL_NUMBER), OIN);
    let own = params.self_signed(&key).unwrap();
    for chain in [vec![own.der().clone()], vec![own.der().clone(), own.der().clone()]] {
        assert!(pki.store().judge(&chain, Usage::Client, now()).is_err());
    }
}

#[test]
fn a_missing_intermediate_is_an_unknown_issuer() {
    let pki = Pki::new();
    let chain = pki.chain(&KeyPair::generate().unwrap(), |_| {});
    let refusal = pki.store().judge(&chain[..1], Usage::Client, now()).unwrap_err();
    assert_eq!(refusal, CertificateRefusal::UnknownIssuer);
}

#[test]
fn a_leaf_cannot_issue() {
    let pki = Pki::new();
    let key = KeyPair::generate().unwrap();
    let mut params = leaf_params();
    params.is_ca = IsCa::NoCa;
    let issuer = rcgen::CertifiedIssuer::signed_by(params, key, &pki.intermediate).unwrap();
    let forged = leaf_params().signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    let chain = [forged.der().clone(), issuer.der().clone(), pki.intermediate.der().clone()];
    assert_eq!(pki.store().judge(&chain, Usage::Client, now()).unwrap_err(), CertificateRefusal::Usage);
}

#[test]
fn a_revoked_leaf_or_intermediate_is_refused() {
    let pki = Pki::new();
    let chain = pki.chain(&KeyPair::generate().unwrap(), |_| {});
    let store = pki.store();
    let generation = store.generation();
    let mut changes = store.changes();
    assert!(store.judge(&chain, Usage::Client, now()).is_ok());

    store.set_revocation_lists(vec![root_list(&pki, &[]), list(&pki, &[77])]);
    assert!(store.generation() > generation);
    assert!(changes.has_changed().unwrap());
    assert_eq!(*changes.borrow_and_update(), store.generation());
    for usage in ALL {
        assert_eq!(store.judge(&chain, usage, now()).unwrap_err(), CertificateRefusal::Revoked);
    }
    store.set_revocation_lists(vec![root_list(&pki, &[INTERMEDIATE_NUMBER]), list(&pki, &[])]);
    assert_eq!(store.judge(&chain, Usage::Client, now()).unwrap_err(), CertificateRefusal::Revoked);
    store.set_revocation_lists(vec![root_list(&pki, &[6]), list(&pki, &[78])]);
    assert!(store.judge(&chain, Usage::Client, now()).is_ok());
}

#[test]
fn other_anchors_count_at_once_and_none_or_a_leaf_never() {
    let (pki, other) = (Pki::new(), Pki::new());
    let chain = pki.chain(&KeyPair::generate().unwrap(), |_| {});
    let others = other.chain(&KeyPair::generate().unwrap(), |_| {});
    let store = pki.store();
    let lists = [&pki, &other].map(|pki| [root_list(pki, &[]), list(pki, &[])]);
    store.set_revocation_lists(lists.concat());
    let (old, new) = (pki.root.der().clone(), other.root.der().clone());
    let good = |chain: &[_]| store.judge(chain, Usage::Client, now()).is_ok();
    assert_eq!((good(&chain), good(&others)), (true, false));

    for unusable in [Vec::new(), vec![new.clone(), chain[0].clone()]] {
        assert!(store.set_anchors(&unusable).is_err() && store.has_anchors(&unusable).is_err());
        assert_eq!((good(&chain), good(&others)), (true, false));
    }
    let generation = store.generation();
    store.set_anchors(&[old.clone(), new.clone()]).unwrap();
    assert!(store.generation() > generation);
    assert_eq!((good(&chain), good(&others)), (true, true));
    assert!(
        store.has_anchors(&[old, new.clone()]).unwrap()
            && !store.has_anchors(std::slice::from_ref(&new)).unwrap()
    );
    store.set_anchors(&[new]).unwrap();
    assert_eq!((good(&chain), good(&others)), (false, true));
}

#[test]
fn without_a_list_of_each_issuer_a_chain_is_refused() {
    let pki = Pki::new();
    let chain = pki.chain(&KeyPair::generate().unwrap(), |_| {});
    let store = pki.store_without_lists();
    for lists in [vec![], vec![list(&pki, &[])], vec![root_list(&pki, &[])]] {
        store.set_revocation_lists(lists);
        let refusal = store.judge(&chain, Usage::Client, now()).unwrap_err();
        assert_eq!(refusal, CertificateRefusal::RevocationUnknown);
    }
    let stranger = Pki::new().chain(&KeyPair::generate().unwrap(), |_| {});
    store.set_revocation_lists(vec![]);
    let refusal = store.judge(&stranger, Usage::Client, now()).unwrap_err();
    assert_eq!(refusal, CertificateRefusal::UnknownIssuer);
}

#[test]
fn a_group_may_switch_revocation_off() {
    let pki = Pki::new();
    let chain = pki.chain(&KeyPair::generate().unwrap(), |_| {});
    let revocation = RevocationRules { check: false, grace_seconds: 0 };
    let store = TrustStore::new(&[pki.root.der().clone()], rules(), revocation).unwrap();
    store.set_revocation_lists(vec![list(&pki, &[77])]);
    assert!(store.judge(&chain, Usage::Client, now()).is_ok());
}

#[test]
fn a_list_past_its_end_is_used_within_the_grace_and_no_longer() {
    let pki = Pki::new();
    let chain = pki.chain(&KeyPair::generate().unwrap(), |_| {});
    let store = pki.store();
    let end = NOW + DAY;
    let at = |seconds| store.judge(&chain, Usage::Client, Timestamp::from_seconds(seconds)).map(|_| ());
    assert_eq!(at(end + DAY), Ok(()));
    assert_eq!(at(end + DAY + 1), Err(CertificateRefusal::RevocationUnknown));

    store.set_revocation_lists(vec![root_list(&pki, &[]), list(&pki, &[77])]);
    let at = |seconds| store.judge(&chain, Usage::Client, Timestamp::from_seconds(seconds)).map(|_| ());
    assert_eq!(at(end + DAY), Err(CertificateRefusal::Revoked));
}

#[test]
fn one_stale_list_refuses_even_if_the_other_is_fresh() {
    let pki = Pki::new();
    let chain = pki.chain(&KeyPair::generate().unwrap(), |_| {});
    let store = pki.store();
    store.set_revocation_lists(vec![list_by(&pki.root, &[], NOW - 9 * DAY, NOW - 2 * DAY), list(&pki, &[])]);
    let refusal = store.judge(&chain, Usage::Client, now()).unwrap_err();
    assert_eq!(refusal, CertificateRefusal::RevocationUnknown);
}

#[test]
fn only_lists_that_a_known_issuer_signed_are_handed_on_for_certificates() {
    let (pki, forger) = (Pki::new(), Pki::new());
    let chain = pki.chain(&KeyPair::generate().unwrap(), |_| {});
    let store = pki.store_without_lists();
    let good = [root_list(&pki, &[]), list(&pki, &[77])];
    let forged = list_by(&forger.intermediate, &[], NOW, NOW + DAY);
    store.set_revocation_lists(vec![good[0].clone(), forged, good[1].clone()]);
    let mut about: Vec<Vec<u8>> = store.lists_about(&chain).iter().map(|list| list.der().to_vec()).collect();
    let mut wanted: Vec<Vec<u8>> = good.iter().map(|list| list.der().to_vec()).collect();
    about.sort();
    wanted.sort();
    assert_eq!(about, wanted);
    assert!(store.lists_about(&[]).is_empty());
}

#[test]
fn a_forged_list_is_not_believed_and_does_not_harm_beside_the_true_one() {
    let (pki, forger) = (Pki::new(), Pki::new());
    let chain = pki.chain(&KeyPair::generate().unwrap(), |_| {});
    let store = pki.store();
    let forged_empty = list_by(&forger.intermediate, &[], NOW, NOW + DAY);
    let forged_full = list_by(&forger.intermediate, &[77], NOW, NOW + DAY);

    store.set_revocation_lists(vec![root_list(&pki, &[]), forged_empty.clone()]);
    let refusal = store.judge(&chain, Usage::Client, now()).unwrap_err();
    assert_eq!(refusal, CertificateRefusal::RevocationUnknown);

    store.set_revocation_lists(vec![root_list(&pki, &[]), forged_empty, list(&pki, &[77])]);
    assert_eq!(store.judge(&chain, Usage::Client, now()).unwrap_err(), CertificateRefusal::Revoked);
    store.set_revocation_lists(vec![root_list(&pki, &[]), forged_full, list(&pki, &[])]);
    assert!(store.judge(&chain, Usage::Client, now()).is_ok());
}

#[test]
fn of_two_true_lists_the_newer_counts_in_whatever_order_they_come() {
    let pki = Pki::new();
    let chain = pki.chain(&KeyPair::generate().unwrap(), |_| {});
    let store = pki.store();
    let older = list_by(&pki.intermediate, &[], NOW - 2 * DAY, NOW + DAY);
    let newer = list_by(&pki.intermediate, &[77], NOW - DAY, NOW + DAY);
    for lists in [[older.clone(), newer.clone()], [newer, older]] {
        store.set_revocation_lists([lists.to_vec(), vec![root_list(&pki, &[])]].concat());
        assert_eq!(store.judge(&chain, Usage::Client, now()).unwrap_err(), CertificateRefusal::Revoked);
    }
}

#[test]
fn a_list_knows_who_signed_it() {
    let (pki, other) = (Pki::new(), Pki::new());
    let list = list(&pki, &[1, 2, 3]);
    let key = |pki: &Pki| rcgen::PublicKeyData::subject_public_key_info(pki.intermediate.key());
    assert!(list.is_signed_by(&key(&pki)));
    assert!(!list.is_signed_by(&key(&other)));
    assert!(!list.is_signed_by(b"no key"));
    assert_eq!(list.this_update(), Timestamp::from_seconds(NOW - DAY));
    assert_eq!(list.next_update(), Some(Timestamp::from_seconds(NOW + DAY)));
    assert_ne!(list.issuer(), root_list(&pki, &[]).issuer());
}

#[test]
fn an_intermediate_that_may_not_sign_lists_leaves_the_state_unknown() {
    // The list itself is made by an issuer with the same key that claims to be allowed.
    let key = KeyPair::generate().unwrap();
    let pki = Pki::with(|_| {}, |_| {});
    let mut params = authority_params("Intermediate");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let certificate = params.signed_by(&key, &pki.root).unwrap();
    let issuer = rcgen::CertifiedIssuer::self_signed(authority_params("Intermediate"), key).unwrap();
    let leaf = leaf_params().signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    let store = pki.store_without_lists();
    store.set_revocation_lists(vec![root_list(&pki, &[]), list_by(&issuer, &[], NOW - DAY, NOW + DAY)]);
    let chain = [leaf.der().clone(), certificate.der().clone()];
    let refusal = store.judge(&chain, Usage::Client, now()).unwrap_err();
    assert_eq!(refusal, CertificateRefusal::RevocationUnknown);
}

#[test]
fn the_extended_key_usage_must_fit() {
    let pki = Pki::new();
    let only = |usage| move |params: &mut CertificateParams| params.extended_key_usages = vec![usage];
    let key = KeyPair::generate().unwrap();
    let store = pki.store();
    let server = pki.chain(&key, only(ExtendedKeyUsagePurpose::ServerAuth));
    let client = pki.chain(&key, only(ExtendedKeyUsagePurpose::ClientAuth));
    let other = pki.chain(&key, only(ExtendedKeyUsagePurpose::EmailProtection));
    assert_eq!(store.judge(&server, Usage::Client, now()).unwrap_err(), CertificateRefusal::Usage);
    assert_eq!(store.judge(&client, Usage::Server, now()).unwrap_err(), CertificateRefusal::Usage);
    for chain in [&server, &client] {
        assert!(store.judge(chain, Usage::Signature, now()).is_ok());
    }
    for usage in ALL {
        assert_eq!(store.judge(&other, usage, now()).unwrap_err(), CertificateRefusal::Usage);
    }
    let without = pki.chain(&key, |params| params.extended_key_usages.clear());
    for usage in ALL {
        assert!(store.judge(&without, usage, now()).is_ok());
    }
}

#[test]
fn a_key_that_may_not_sign_is_refused() {
    let pki = Pki::new();
    let edit = |params: &mut CertificateParams| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    assert_eq!(refused(&pki, edit, Usage::Client), CertificateRefusal::Usage);
}

#[test]
fn the_subject_must_name_one_participant() {
    let pki = Pki::new();
    let none = |params: &mut CertificateParams| {
        params.distinguished_name.remove(DnType::from_oid(SERIAL_NUMBER));
    };
    let refusal = refused(&pki, none, Usage::Client);
    assert_eq!(refusal, CertificateRefusal::Identity(CertificateError::ParticipantId(0)));
}

#[test]
fn chains_out_of_bounds_are_refused() {
    let pki = Pki::new();
    let store = pki.store();
    let chain = pki.chain(&KeyPair::generate().unwrap(), |_| {});
    let refusal = |chain: &[CertificateDer<'_>]| store.judge(chain, Usage::Client, now()).unwrap_err();
    assert!(matches!(refusal(&[]), CertificateRefusal::Invalid(_)));
    let mut long = chain.clone();
    long.resize(9, pki.intermediate.der().clone());
    assert!(matches!(refusal(&long), CertificateRefusal::Invalid(_)));
    assert!(store.judge(&long[..8], Usage::Client, now()).is_ok());
    let large = pki.chain(&KeyPair::generate().unwrap(), |params| {
        params
            .custom_extensions
            .push(rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![4; 64 * 1024]));
    });
    assert!(matches!(refusal(&large), CertificateRefusal::Invalid(_)));
    // The path library would only pass it over as nobody's issuer.
    let large_intermediate = [chain[0].clone(), large[0].clone(), chain[1].clone()];
    assert!(matches!(refusal(&large_intermediate), CertificateRefusal::Invalid(_)));
    assert!(matches!(refusal(&[CertificateDer::from(vec![0x30, 0])]), CertificateRefusal::Invalid(_)));
}

#[test]
fn a_judgement_says_how_long_it_stands() {
    let pki = Pki::new();
    let key = KeyPair::generate().unwrap();
    let store = pki.store();
    let until = |chain: &[CertificateDer<'_>]| {
        let judgement = store.judge_until(chain, Usage::Client, now()).unwrap();
        let after = Timestamp::from_millis(judgement.until.millis() + 1000);
        assert!(store.judge(chain, Usage::Client, judgement.until).is_ok());
        assert!(store.judge(chain, Usage::Client, after).is_err());
        judgement.until.seconds() - NOW
    };
    // The lists end after a day and have a day of grace.
    assert_eq!(until(&pki.chain(&key, |_| {})), 2 * DAY);
    assert_eq!(until(&pki.chain(&key, |params| params.not_after = date(NOW + 5))), 5);
}

#[test]
fn anchors_must_be_authorities() {
    let revocation = RevocationRules { check: true, grace_seconds: 0 };
    assert!(TrustStore::new(&[], rules(), revocation.clone()).is_err());
    let mut params = leaf_params();
    params.serial_number = Some(SerialNumber::from(1));
    let leaf = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    assert!(TrustStore::new(&[leaf.der().clone()], rules(), revocation).is_err());
}

#[test]
fn lists_are_read_as_der_or_pem_and_refused_when_they_are_neither() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let list = list(&Pki::new(), &[1]);
    let pem = format!("-----BEGIN X509 CRL-----\n{}\n-----END X509 CRL-----\n", STANDARD.encode(list.der()));
    assert_eq!(RevocationList::parse(pem.as_bytes()).unwrap().der(), list.der());
    let mut longer = list.der().to_vec();
    longer.push(0);
    let certificate = pem.replace("X509 CRL", "CERTIFICATE").into_bytes();
    for bytes in [vec![], vec![0x30], longer, certificate, vec![0; 32 * 1024 * 1024 + 1]] {
        assert!(RevocationList::parse(&bytes).is_err());
    }
}

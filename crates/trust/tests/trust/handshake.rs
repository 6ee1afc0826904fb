//! Real handshakes, both sides configured by the crate.

use std::sync::{Arc, atomic::Ordering};

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_RSA_SHA256, RsaKeySize,
};
use rustls::{
    AlertDescription, CertificateError, CipherSuite, ClientConfig, Error, ProtocolVersion, ServerConfig,
};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use verbond_domain::{Ambient, Timestamp};
use verbond_trust::{
    CertificateRefusal, IdentityHandle, TrustStore,
    tls::{
        PinnedKeys, Pins, PrivatePeer, TlsRules, client_config, personal_server_config,
        private_server_config, public_server_config, server_config,
    },
};

use crate::pki::{DAY, HOST, NOW, Pki, authority_params, date, list, list_by, now, root_list, still_clock};

/// What one side sees of a connection.
#[derive(Debug)]
pub struct Seen {
    pub version: ProtocolVersion,
    pub suite: CipherSuite,
    pub alpn: Option<Vec<u8>>,
    pub peer: Option<CertificateDer<'static>>,
}

/// Both sides of one connection over which a word went each way, or why not.
pub struct Outcome {
    pub server: Result<Seen, Error>,
    pub client: Result<Seen, Error>,
}

fn library_error(error: std::io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => error.clone(),
        None => Error::General(error.to_string()),
    }
}

pub async fn shake(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>, name: &str) -> Outcome {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let acceptor = TlsAcceptor::from(Arc::clone(server));
    let connector = TlsConnector::from(Arc::clone(client));
    let name = name.to_owned().try_into().unwrap();
    let listening = tokio::spawn(async move {
        let mut stream = acceptor.accept(near).await?;
        let mut word = [0; 4];
        stream.read_exact(&mut word).await?;
        stream.write_all(&word).await?;
        stream.flush().await?;
        let connection = stream.get_ref().1;
        Ok(Seen {
            version: connection.protocol_version().unwrap(),
            suite: connection.negotiated_cipher_suite().unwrap().suite(),
            alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
            peer: connection.peer_certificates().map(|chain| chain[0].clone().into_owned()),
        })
    });
    let dialling = tokio::spawn(async move {
        let mut stream = connector.connect(name, far).await?;
        stream.write_all(b"ping").await?;
        let mut word = [0; 4];
        stream.read_exact(&mut word).await?;
        let connection = stream.get_ref().1;
        Ok(Seen {
            version: connection.protocol_version().unwrap(),
            suite: connection.negotiated_cipher_suite().unwrap().suite(),
            alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
            peer: connection.peer_certificates().map(|chain| chain[0].clone().into_owned()),
        })
    });
    Outcome {
        server: listening.await.unwrap().map_err(library_error),
        client: dialling.await.unwrap().map_err(library_error),
    }
}

pub fn any_version() -> TlsRules {
    TlsRules { minimum_version: "1.2".to_owned(), cipher_suites: Vec::new() }
}

fn only_1_2() -> TlsRules {
    TlsRules {
        minimum_version: "1.2".to_owned(),
        cipher_suites: vec![
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384".to_owned(),
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384".to_owned(),
        ],
    }
}

fn only_1_3() -> TlsRules {
    TlsRules { minimum_version: "1.3".to_owned(), cipher_suites: Vec::new() }
}

/// Two nodes of one group.
struct Pair {
    server: Arc<IdentityHandle>,
    client: Arc<IdentityHandle>,
    server_trust: Arc<TrustStore>,
    client_trust: Arc<TrustStore>,
    ambient: Ambient,
}

impl Pair {
    fn new(pki: &Pki) -> Self {
        Self::with(pki, |_| {}, |_| {})
    }

    fn with(
        pki: &Pki,
        server: impl FnOnce(&mut CertificateParams),
        client: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        Self {
            server: pki.handle(&KeyPair::generate().unwrap(), server),
            client: pki.handle(&KeyPair::generate().unwrap(), client),
            server_trust: pki.store(),
            client_trust: pki.store(),
            ambient: still_clock().1,
        }
    }

    fn configs(&self, rules: &TlsRules) -> (Arc<ServerConfig>, Arc<ClientConfig>) {
        let (server, client) = (Arc::clone(&self.server), Arc::clone(&self.client));
        let (server_trust, client_trust) = (Arc::clone(&self.server_trust), Arc::clone(&self.client_trust));
        (
            server_config(server, server_trust, rules, self.ambient.clone(), true).unwrap(),
            client_config(client, client_trust, rules, self.ambient.clone(), true).unwrap(),
        )
    }

    async fn shake(&self, rules: &TlsRules) -> Outcome {
        let (server, client) = self.configs(rules);
        shake(&server, &client, HOST).await
    }

    /// The client's certificate is bad: the server refuses, the client learns why by the alert.
    async fn assert_client_refused(&self, expected: CertificateError, alert: AlertDescription) {
        for rules in [only_1_2(), only_1_3()] {
            let outcome = self.shake(&rules).await;
            assert_eq!(outcome.server.unwrap_err(), Error::InvalidCertificate(expected.clone()));
            assert_eq!(outcome.client.unwrap_err(), Error::AlertReceived(alert));
        }
    }

    async fn assert_server_refused(&self, expected: CertificateError, alert: AlertDescription) {
        for rules in [only_1_2(), only_1_3()] {
            let outcome = self.shake(&rules).await;
            assert_eq!(outcome.client.unwrap_err(), Error::InvalidCertificate(expected.clone()));
            assert_eq!(outcome.server.unwrap_err(), Error::AlertReceived(alert));
        }
    }
}

#[tokio::test]
async fn all_kinds_of_keys_shake_hands_in_both_versions() {
    let pki = Pki::new();
    let keys = [
        KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap(),
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(),
        KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap(),
        KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap(),
    ];
    for server_key in &keys {
        for client_key in &keys {
            let pair = Pair {
                server: pki.handle(server_key, |_| {}),
                client: pki.handle(client_key, |_| {}),
                ..Pair::new(&pki)
            };
            for (rules, version) in
                [(only_1_2(), ProtocolVersion::TLSv1_2), (only_1_3(), ProtocolVersion::TLSv1_3)]
            {
                let outcome = pair.shake(&rules).await;
                let (server, client) = (outcome.server.unwrap(), outcome.client.unwrap());
                assert_eq!((server.version, client.version), (version, version));
                assert_eq!(server.peer.as_ref(), Some(&pair.client.current().chain[0]));
                assert_eq!(client.peer.as_ref(), Some(&pair.server.current().chain[0]));
                assert_eq!(server.alpn.as_deref(), Some(&b"h2"[..]));
            }
        }
    }
}

#[tokio::test]
async fn an_expired_certificate_is_refused_on_either_side() {
    let pki = Pki::new();
    let expired = |params: &mut CertificateParams| params.not_after = date(NOW - 1);
    let (error, alert) = (CertificateError::Expired, AlertDescription::CertificateExpired);
    Pair::with(&pki, |_| {}, expired).assert_client_refused(error.clone(), alert).await;
    Pair::with(&pki, expired, |_| {}).assert_server_refused(error, alert).await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused_on_either_side() {
    let (pki, other) = (Pki::new(), Pki::new());
    let (error, alert) = (CertificateError::UnknownIssuer, AlertDescription::UnknownCA);
    let key = KeyPair::generate().unwrap();
    let pair = Pair { client: other.handle(&key, |_| {}), ..Pair::new(&pki) };
    pair.assert_client_refused(error.clone(), alert).await;
    let pair = Pair { server: other.handle(&key, |_| {}), ..Pair::new(&pki) };
    pair.assert_server_refused(error, alert).await;
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_on_either_side() {
    let pki = Pki::new();
    let (error, alert) = (CertificateError::Revoked, AlertDescription::CertificateRevoked);
    let pair = Pair::new(&pki);
    pair.server_trust.set_revocation_lists(vec![root_list(&pki, &[]), list(&pki, &[77])]);
    pair.assert_client_refused(error.clone(), alert).await;
    let pair = Pair::new(&pki);
    pair.client_trust.set_revocation_lists(vec![root_list(&pki, &[]), list(&pki, &[77])]);
    pair.assert_server_refused(error, alert).await;
}

#[tokio::test]
async fn a_list_past_its_grace_refuses_on_either_side() {
    let pki = Pki::new();
    let (error, alert) = (CertificateError::UnknownRevocationStatus, AlertDescription::UnknownCA);
    let stale = || vec![root_list(&pki, &[]), list_by(&pki.intermediate, &[], NOW - 9 * DAY, NOW - 2 * DAY)];
    let pair = Pair::new(&pki);
    pair.server_trust.set_revocation_lists(stale());
    pair.assert_client_refused(error.clone(), alert).await;
    let pair = Pair::new(&pki);
    pair.client_trust.set_revocation_lists(stale());
    pair.assert_server_refused(error, alert).await;
}

#[tokio::test]
async fn a_certificate_for_another_usage_is_refused_on_either_side() {
    let pki = Pki::new();
    let (error, alert) = (CertificateError::InvalidPurpose, AlertDescription::UnsupportedCertificate);
    let client_only = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]
    };
    let server_only = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]
    };
    Pair::with(&pki, |_| {}, server_only).assert_client_refused(error.clone(), alert).await;
    Pair::with(&pki, client_only, |_| {}).assert_server_refused(error, alert).await;
}

#[tokio::test]
async fn a_certificate_with_two_serial_numbers_names_nobody() {
    let pki = Pki::new();
    let key = KeyPair::generate().unwrap();
    // The signature must hold, so the second value comes from an issuer that writes it; see `two_serial_numbers`.
    let chain = two_serial_numbers(&pki, &key);
    let trust = pki.store();
    let refusal = trust.judge(&chain, verbond_trust::Usage::Client, now()).unwrap_err();
    assert_eq!(refusal, CertificateRefusal::Identity(verbond_trust::CertificateError::ParticipantId(2)));

    let (error, alert) = (CertificateError::ApplicationVerificationFailure, AlertDescription::AccessDenied);
    let pair = Pair {
        client: IdentityHandle::new(lenient_identity(chain.clone(), &key), Vec::new()),
        ..Pair::new(&pki)
    };
    // A client comes in, and is told in words at each request.
    assert!(pair.shake(&only_1_3()).await.server.is_ok());
    let pair =
        Pair { server: IdentityHandle::new(lenient_identity(chain, &key), Vec::new()), ..Pair::new(&pki) };
    pair.assert_server_refused(error, alert).await;
}

/// A leaf whose subject has two serialNumbers, properly signed. The library that makes certificates keeps one value
/// per attribute type, so the leaf is made with a `title` whose type is then changed, and signed again.
fn two_serial_numbers(pki: &Pki, key: &KeyPair) -> Vec<CertificateDer<'static>> {
    let chain = pki.chain(key, |params| {
        params.distinguished_name.push(DnType::from_oid(&[2, 5, 4, 12]), "00000099000000020000");
    });
    let mut der = chain[0].to_vec();
    let title = [0x06, 0x03, 0x55, 0x04, 0x0c];
    let at = der.windows(5).position(|window| window == title).unwrap();
    der[at + 4] = 0x05;
    // Certificate ::= SEQUENCE { tbs SEQUENCE, algorithm SEQUENCE, signature BIT STRING }: all with two octets of length
    // save the last two.
    let tbs_length = usize::from(der[6]) << 8 | usize::from(der[7]);
    assert_eq!((&der[..2], &der[4..6]), (&[0x30, 0x82][..], &[0x30, 0x82][..]));
    let tbs = der[4..8 + tbs_length].to_vec();
    let after = 8 + tbs_length;
    let algorithm = der[after..after + 2 + usize::from(der[after + 1])].to_vec();
    let signature = rcgen::SigningKey::sign(pki.intermediate.key(), &tbs).unwrap();
    let bits = u8::try_from(signature.len() + 1).unwrap();
    let content = [&tbs[..], &algorithm, &[0x03, bits, 0], &signature].concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    vec![CertificateDer::from([&[0x30, 0x82][..], &length, &content].concat()), chain[1].clone()]
}

/// An identity whose owner reads its certificate by the common name, and so does not mind.
fn lenient_identity(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> verbond_trust::Identity {
    let rules = verbond_trust::IdentityRules {
        participant_id: verbond_trust::ParticipantAttribute::CommonName,
        ..crate::pki::rules()
    };
    let signer = verbond_trust::FileSigner::from_pem(key.serialize_pem().as_bytes()).unwrap();
    verbond_trust::Identity::new(chain, Arc::new(signer), &rules).unwrap()
}

#[tokio::test]
async fn the_server_must_have_the_name_that_was_dialled() {
    let pki = Pki::new();
    let (server, client) = Pair::new(&pki).configs(&any_version());
    let refused = Error::InvalidCertificate(CertificateError::NotValidForName);
    for name in ["pensioen.test", "x.gemeente.test", "127.0.0.1"] {
        let outcome = shake(&server, &client, name).await;
        assert_eq!(outcome.client.unwrap_err(), refused, "{name}");
        assert_eq!(outcome.server.unwrap_err(), Error::AlertReceived(AlertDescription::BadCertificate));
    }
    assert!(shake(&server, &client, "GEMEENTE.test").await.client.is_ok());
}

#[tokio::test]
async fn the_moment_of_judgement_is_the_ambient_one() {
    let pki = Pki::new();
    let (clock, ambient) = still_clock();
    let pair = Pair { ambient, ..Pair::new(&pki) };
    let (server, client) = pair.configs(&any_version());
    assert!(shake(&server, &client, HOST).await.client.is_ok());
    clock.0.store(NOW + 11 * DAY, Ordering::SeqCst);
    let outcome = shake(&server, &client, HOST).await;
    assert_eq!(outcome.client.unwrap_err(), Error::InvalidCertificate(CertificateError::Expired));
}

#[tokio::test]
async fn a_replaced_identity_is_presented_at_the_next_handshake() {
    let pki = Pki::new();
    let pair = Pair::new(&pki);
    let (server, client) = pair.configs(&any_version());
    for _ in 0..2 {
        let outcome = shake(&server, &client, HOST).await;
        assert_eq!(outcome.client.unwrap().peer.as_ref(), Some(&pair.server.current().chain[0]));
        assert_eq!(outcome.server.unwrap().peer.as_ref(), Some(&pair.client.current().chain[0]));
        pair.server.replace(pki.identity(&KeyPair::generate().unwrap(), |_| {}));
        pair.client.replace(pki.identity(&KeyPair::generate().unwrap(), |_| {}));
    }
}

#[tokio::test]
async fn sessions_are_not_resumed_so_revocation_bites_at_the_next_connection() {
    let pki = Pki::new();
    for rules in [only_1_2(), only_1_3()] {
        let pair = Pair::new(&pki);
        let (server, client) = pair.configs(&rules);
        assert!(shake(&server, &client, HOST).await.client.is_ok());
        let outcome = shake(&server, &client, HOST).await;
        assert!(outcome.server.unwrap().peer.is_some());
        pair.server_trust.set_revocation_lists(vec![root_list(&pki, &[]), list(&pki, &[77])]);
        let outcome = shake(&server, &client, HOST).await;
        assert_eq!(outcome.server.unwrap_err(), Error::InvalidCertificate(CertificateError::Revoked));
        pair.server_trust.set_revocation_lists(vec![root_list(&pki, &[]), list(&pki, &[])]);
        pair.client_trust.set_revocation_lists(vec![root_list(&pki, &[]), list(&pki, &[77])]);
        let outcome = shake(&server, &client, HOST).await;
        assert_eq!(outcome.client.unwrap_err(), Error::InvalidCertificate(CertificateError::Revoked));
    }
}

#[tokio::test]
async fn among_peers_a_client_without_a_certificate_is_refused_and_the_public_listener_takes_it() {
    let pki = Pki::new();
    let pair = Pair::new(&pki);
    let (server, _) = pair.configs(&any_version());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(pki.root.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let (_, ambient) = still_clock();
    let anonymous = ClientConfig::builder_with_details(provider, Arc::new(Fixed(ambient)))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let anonymous = Arc::new(anonymous);
    let outcome = shake(&server, &anonymous, HOST).await;
    assert_eq!(outcome.server.unwrap_err(), Error::NoCertificatesPresented);
    assert!(outcome.client.is_err());

    let public = public_server_config(Arc::clone(&pair.server), &any_version()).unwrap();
    let outcome = shake(&public, &anonymous, HOST).await;
    assert!(outcome.client.is_ok() && outcome.server.unwrap().peer.is_none());
}

#[derive(Debug)]
struct Fixed(Ambient);

impl rustls::time_provider::TimeProvider for Fixed {
    fn current_time(&self) -> Option<rustls_pki_types::UnixTime> {
        let seconds = u64::try_from(self.0.now().seconds()).ok()?;
        Some(rustls_pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}

#[tokio::test]
async fn a_private_listener_takes_clients_of_its_own_authority_only() {
    let pki = Pki::new();
    let pair = Pair::new(&pki);
    let own =
        rcgen::CertifiedIssuer::self_signed(authority_params("Own"), KeyPair::generate().unwrap()).unwrap();
    let config = |anchor: &CertificateDer<'static>| {
        let server = Arc::clone(&pair.server);
        let anchors = [anchor.clone()];
        private_server_config(server, &anchors, &any_version(), pair.ambient.clone(), false).unwrap()
    };
    let (_, client) = pair.configs(&any_version());
    let outcome = shake(&config(own.der()), &client, HOST).await;
    assert_eq!(outcome.server.unwrap_err(), Error::InvalidCertificate(CertificateError::UnknownIssuer));
    let outcome = shake(&config(pki.root.der()), &client, HOST).await;
    assert_eq!(outcome.server.unwrap().alpn.as_deref(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn a_personal_listener_takes_keys_that_are_pinned_and_strangers_only_while_one_is_invited() {
    let pki = Pki::new();
    let ended = Pair::with(&pki, |_| {}, |params| params.not_after = date(NOW - 1));
    let pair = Pair::new(&pki);
    let key = |pair: &Pair| pair.client.current().certificate.public_key_thumbprint;
    let at = |seconds| Timestamp::from_seconds(NOW).plus_seconds(seconds);
    let refused = |error: CertificateError| Err(Error::InvalidCertificate(error));
    let no_keys = Pins::default();
    let pinned = |pair: &Pair, until| Pins { keys: [(key(pair), until)].into(), strangers_until: None };
    let invited = |until| Pins { strangers_until: Some(until), ..Pins::default() };
    let other = Pair::new(&pki);
    for (pair, anchored, pins, expected) in [
        (&pair, false, no_keys.clone(), refused(CertificateError::UnknownIssuer)),
        (&pair, true, no_keys, Ok(())),
        (&pair, false, pinned(&pair, at(0)), Ok(())),
        (&pair, false, pinned(&other, at(0)), refused(CertificateError::UnknownIssuer)),
        (&pair, true, pinned(&pair, at(-1)), refused(CertificateError::Expired)),
        (&ended, false, pinned(&ended, at(9)), refused(CertificateError::Expired)),
        (&pair, false, invited(at(0)), Ok(())),
        (&pair, false, invited(at(-1)), refused(CertificateError::UnknownIssuer)),
        (&ended, false, invited(at(9)), refused(CertificateError::Expired)),
    ] {
        let keys = Arc::new(PinnedKeys::default());
        let anchors = if anchored { vec![pki.root.der().clone()] } else { Vec::new() };
        let (identity, ambient) = (Arc::clone(&pair.server), pair.ambient.clone());
        let server =
            personal_server_config(identity, &anchors, Arc::clone(&keys), &any_version(), ambient).unwrap();
        // Swapped after the listener was made: what counts is what is in use at the handshake.
        keys.replace(pins.clone());
        let (_, client) = pair.configs(&any_version());
        let outcome = shake(&server, &client, HOST).await;
        assert_eq!(outcome.server.map(|_| ()), expected, "{pins:?}, anchored: {anchored}");
    }
}

#[test]
fn a_private_client_is_good_until_the_first_end_on_its_path() {
    let pki = Pki::with(|_| {}, |params| params.not_after = date(NOW + 4 * DAY));
    let key = KeyPair::generate().unwrap();
    let end = |chain: &[CertificateDer<'static>]| {
        PrivatePeer::new(chain, now()).map(|peer| (peer.until().seconds() - NOW) / DAY)
    };
    let at = |day| Timestamp::from_seconds(NOW + day * DAY);
    let mut chain = pki.chain(&key, |_| {});
    assert_eq!(end(&chain), Ok(4));
    assert_eq!(end(&chain[..1]), Ok(10));
    let peer = PrivatePeer::new(&chain, now()).unwrap();
    assert_eq!(peer.judge(at(4)), Ok(()));
    assert_eq!(peer.judge(at(4).plus_seconds(1)), Err(CertificateRefusal::Expired));

    // What is beside the path, or could not have been used, changes nothing.
    let stranger = Pki::with(|_| {}, |params| params.not_after = date(NOW - DAY));
    chain.push(stranger.intermediate.der().clone());
    chain.push(stranger.chain(&key, |params| params.not_after = date(NOW + DAY))[0].clone());
    assert_eq!(end(&chain), Ok(4));

    let ended = pki.chain(&key, |params| params.not_after = date(NOW - 1));
    assert_eq!(end(&ended), Err(CertificateRefusal::Expired));
    assert!(end(&[]).is_err() && end(&[CertificateDer::from(vec![1, 2, 3])]).is_err());
}

#[test]
fn only_forward_secret_suites_and_the_stated_groups_are_offered() {
    let pki = Pki::new();
    let (server, client) = Pair::new(&pki).configs(&any_version());
    for provider in [server.crypto_provider(), client.crypto_provider()] {
        let groups: Vec<_> = provider.kx_groups.iter().map(|group| format!("{:?}", group.name())).collect();
        assert_eq!(groups, ["X25519", "secp256r1", "secp384r1"]);
        for suite in &provider.cipher_suites {
            let name = format!("{:?}", suite.suite());
            assert!(name.starts_with("TLS13_") || name.starts_with("TLS_ECDHE_"), "{name}");
        }
    }
}

#[tokio::test]
async fn the_rules_choose_versions_and_suites() {
    let pki = Pki::new();
    let rules = |minimum: &str, suites: &[&str]| TlsRules {
        minimum_version: minimum.to_owned(),
        cipher_suites: suites.iter().map(|suite| (*suite).to_owned()).collect(),
    };
    let chosen = rules("1.2", &["TLS_CHACHA20_POLY1305_SHA256"]);
    let outcome = Pair::new(&pki).shake(&chosen).await;
    let seen = outcome.client.unwrap();
    assert_eq!(seen.suite, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);

    let pair = Pair::new(&pki);
    let (server, _) = pair.configs(&only_1_3());
    let (_, client) = pair.configs(&only_1_2());
    assert!(shake(&server, &client, HOST).await.client.is_err());

    for bad in [
        rules("1.1", &[]),
        rules("", &[]),
        rules("1.2", &["TLS_RSA_WITH_AES_128_CBC_SHA"]),
        rules("1.3", &["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"]),
    ] {
        assert!(public_server_config(Arc::clone(&pair.server), &bad).is_err());
    }
}

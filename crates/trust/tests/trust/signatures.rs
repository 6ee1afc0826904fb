//! JWS and JWK with each algorithm.

use std::{process::Command, sync::Arc};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use futures_util::future::BoxFuture;
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_RSA_SHA256,
    RsaKeySize,
};
use serde_json::{Value, json};
use verbond_trust::{
    CertificateThumbprint, FileSigner, Identity, SignError, SignatureAlgorithm, Signer, jwk,
    jws::{self, Jws, JwsError},
};

use crate::pki::{Pki, rules};

const RSA: [SignatureAlgorithm; 3] =
    [SignatureAlgorithm::Rs256, SignatureAlgorithm::Rs384, SignatureAlgorithm::Rs512];

/// A key that signs with one algorithm only.
struct Only(FileSigner, [SignatureAlgorithm; 1]);

impl Signer for Only {
    fn public_key(&self) -> &[u8] {
        self.0.public_key()
    }

    fn algorithms(&self) -> &[SignatureAlgorithm] {
        &self.1
    }

    fn sign<'a>(
        &'a self,
        algorithm: SignatureAlgorithm,
        message: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, SignError>> {
        self.0.sign(algorithm, message)
    }
}

fn identity(pki: &Pki, key: &KeyPair, algorithm: SignatureAlgorithm) -> Identity {
    let signer = FileSigner::from_pem(key.serialize_pem().as_bytes()).unwrap();
    Identity::new(pki.chain(key, |_| {}), Arc::new(Only(signer, [algorithm])), &rules()).unwrap()
}

fn rsa_key() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
}

fn identities(pki: &Pki) -> Vec<Identity> {
    let rsa = rsa_key();
    let mut result: Vec<_> = RSA.into_iter().map(|algorithm| identity(pki, &rsa, algorithm)).collect();
    for (kind, algorithm) in [
        (&PKCS_ECDSA_P256_SHA256, SignatureAlgorithm::Es256),
        (&PKCS_ECDSA_P384_SHA384, SignatureAlgorithm::Es384),
        (&PKCS_ECDSA_P521_SHA512, SignatureAlgorithm::Es512),
    ] {
        result.push(identity(pki, &KeyPair::generate_for(kind).unwrap(), algorithm));
    }
    result
}

#[tokio::test]
async fn each_algorithm_signs_and_verifies_and_no_other_key_does() {
    let pki = Pki::new();
    let identities = identities(&pki);
    for (index, signing) in identities.iter().enumerate() {
        let text = jws::sign(signing, b"{\"a\":1}").await.unwrap();
        let parsed = Jws::parse(&text).unwrap();
        assert_eq!(parsed.algorithm(), signing.signer.algorithms()[0]);
        assert_eq!(parsed.certificate_thumbprint(), Some(signing.certificate.thumbprint));
        assert_eq!(parsed.payload(), b"{\"a\":1}");
        assert_eq!(parsed.verify(&signing.certificate.public_key), Ok(()));
        for (other_index, other) in identities.iter().enumerate() {
            let same_key = index == other_index || index < 3 && other_index < 3;
            let expected = if same_key { Ok(()) } else { Err(JwsError::Verification) };
            assert_eq!(parsed.verify(&other.certificate.public_key), expected, "{index} {other_index}");
        }
        assert_eq!(parsed.verify(b""), Err(JwsError::Verification));

        let parts: Vec<&str> = text.split('.').collect();
        let changed = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode("{\"a\":2}"), parts[2]);
        let changed = Jws::parse(&changed).unwrap();
        assert_eq!(changed.verify(&signing.certificate.public_key), Err(JwsError::Verification));
        let shorter = Jws::parse(&format!("{}.{}.", parts[0], parts[1])).unwrap();
        assert_eq!(shorter.verify(&signing.certificate.public_key), Err(JwsError::Verification));
    }
}

/// A JWS with this `alg` in its header, whatever the key.
async fn with_algorithm(identity: &Identity, name: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({ "alg": name }).to_string());
    let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode("x"));
    let algorithm = identity.signer.algorithms()[0];
    let signature = identity.signer.sign(algorithm, input.as_bytes()).await.unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn an_algorithm_that_does_not_fit_the_key_does_not_verify() {
    let pki = Pki::new();
    for identity in identities(&pki) {
        let own = identity.signer.algorithms()[0];
        for name in ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"] {
            let parsed = Jws::parse(&with_algorithm(&identity, name).await).unwrap();
            let fits = parsed.algorithm() == own;
            assert_eq!(parsed.verify(&identity.certificate.public_key).is_ok(), fits, "{own:?} {name}");
        }
    }
}

#[test]
fn headers_that_cannot_be_relied_on_are_refused() {
    let thumbprint = CertificateThumbprint::of(b"a").to_string();
    let other = CertificateThumbprint::of(b"b").to_string();
    let parse = |header: &str| Jws::parse(&format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header))).map(|_| ());
    assert_eq!(parse(r#"{"alg":"ES256"}"#), Ok(()));
    assert_eq!(parse(r#"{"alg":"ES256","typ":"JWT","kid":1}"#), Ok(()));
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"PS256"}"#,
        r#"{"alg":"es256"}"#,
        r#"{"alg":null}"#,
        r#"{"alg":["ES256"]}"#,
        "{}",
    ] {
        assert_eq!(parse(header), Err(JwsError::UnknownAlgorithm), "{header}");
    }
    for header in [
        r#"{"alg":"ES256","crit":["b64"],"b64":false}"#.to_owned(),
        r#"{"alg":"ES256","crit":null}"#.to_owned(),
        r#"{"alg":"ES256","crit":[]}"#.to_owned(),
        r#"{"alg":"ES256","x5t#S256":"AA"}"#.to_owned(),
        r#"{"alg":"ES256","x5t#S256":5}"#.to_owned(),
        format!(r#"{{"alg":"ES256","x5t#S256":"{thumbprint}="}}"#),
        format!(r#"{{"alg":"ES256","x5t#S256":"{thumbprint}","x5t#s256":"{other}"}}"#),
    ] {
        assert!(matches!(parse(&header), Err(JwsError::Header(_))), "{header}");
    }
    for header in [
        r#"{"alg":"ES256","alg":"RS256"}"#.to_owned(),
        r#"["ES256"]"#.to_owned(),
        r#"{"alg":"ES256"} x"#.to_owned(),
        format!(r#"{{"alg":"ES256","x5t#S256":"{thumbprint}","x5t#S256":"{other}"}}"#),
        String::new(),
    ] {
        assert!(matches!(parse(&header), Err(JwsError::Malformed(_))), "{header}");
    }
    for name in ["x5t#S256", "x5t#s256"] {
        let header = json!({ "alg": "ES256", name: thumbprint }).to_string();
        let text = format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header));
        let read = Jws::parse(&text).unwrap().certificate_thumbprint();
        assert_eq!(read, Some(CertificateThumbprint::of(b"a")));
    }
}

#[test]
fn only_three_parts_of_strict_base64url_are_a_jws() {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#);
    assert!(Jws::parse(&format!("{header}.e30.AA")).is_ok());
    for text in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        header.clone(),
        format!("{header}.e30"),
        format!("{header}.e30.AA.AA"),
        format!("{header}.e30.AA.AA.AA"),
        format!("{header}.e30=.AA"),
        format!("{header}.e30.AA=="),
        format!("{header}.e30.AB"),
        format!("{header}.e30.A"),
        format!("{header}.e3+0.AA"),
        format!("{header}.e30 .AA"),
        format!(" {header}.e30.AA"),
        format!("{header}.{}.AA", "A".repeat(2 * 1024 * 1024)),
        format!(
            "{}.e30.AA",
            URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"ES256","a":"{}"}}"#, "a".repeat(16384)))
        ),
    ] {
        assert!(matches!(Jws::parse(&text), Err(JwsError::Malformed(_))), "{:.80}", text);
    }
}

#[test]
fn short_rsa_keys_are_refused() {
    let pem = openssl(&["genrsa", "-traditional", "1024"], b"");
    assert!(FileSigner::from_pem(&pem).is_err());
    let spki = openssl(&["rsa", "-pubout", "-outform", "DER"], &pem);
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#), URL_SAFE_NO_PAD.encode("x"));
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key.pem");
    std::fs::write(&key, &pem).unwrap();
    let signature = openssl(&["dgst", "-sha256", "-sign", key.to_str().unwrap()], input.as_bytes());
    let parsed = Jws::parse(&format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))).unwrap();
    assert_eq!(parsed.verify(&spki), Err(JwsError::Verification));
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[tokio::test]
async fn keys_are_published_with_their_chain_and_read_back() {
    let pki = Pki::new();
    let identities = identities(&pki);
    let chains: Vec<_> = identities.iter().map(|identity| Arc::new(identity.chain.clone())).collect();
    let set = jwk::key_set(&chains);
    let keys = set["keys"].as_array().unwrap();
    assert_eq!(keys.len(), identities.len());
    for (key, identity) in keys.iter().zip(&identities) {
        let thumbprint = identity.certificate.thumbprint.to_string();
        assert_eq!(key["x5t#S256"], *thumbprint);
        assert_eq!(key["x5t#s256"], *thumbprint);
        assert_eq!(key["use"], "sig");
        assert_eq!(key["x5c"].as_array().unwrap().len(), 2);
        assert_eq!(key["x5c"][0], STANDARD.encode(&identity.chain[0]));
        let length = |member: &str| URL_SAFE_NO_PAD.decode(key[member].as_str().unwrap()).unwrap().len();
        match key["crv"].as_str() {
            None => assert_eq!((&key["kty"], length("n"), &key["e"]), (&json!("RSA"), 256, &json!("AQAB"))),
            Some(curve) => {
                let field = match curve {
                    "P-256" => 32,
                    "P-384" => 48,
                    _ => 66,
                };
                assert_eq!((&key["kty"], length("x"), length("y")), (&json!("EC"), field, field));
            }
        }
    }
    let read = jwk::chains(&set);
    assert_eq!(read, chains.iter().map(|chain| chain.to_vec()).collect::<Vec<_>>());
}

#[test]
fn sets_out_of_bounds_and_keys_without_a_chain_give_nothing() {
    let key = json!({ "x5c": ["AQI="] });
    let count = |set: Value| jwk::chains(&set).len();
    assert_eq!(count(json!({ "keys": [key, {}, { "x5c": [] }, { "x5c": "AQI=" }, { "x5c": [1] }, 5] })), 1);
    assert_eq!(count(json!({ "keys": [{ "x5c": ["AQI"] }] })), 1);
    assert_eq!(count(json!({ "keys": [{ "x5c": ["A-_="] }, { "x5c": vec!["AQI="; 9] }] })), 0);
    assert_eq!(count(json!({ "keys": [{ "x5c": ["A".repeat(100_000)] }] })), 0);
    assert_eq!(count(json!({ "keys": vec![key.clone(); 256] })), 256);
    assert_eq!(count(json!({ "keys": vec![key; 257] })), 0);
    for set in [json!(null), json!([]), json!({ "keys": {} }), json!({})] {
        assert_eq!(count(set), 0);
    }
}

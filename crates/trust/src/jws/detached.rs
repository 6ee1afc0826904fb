//! Signatures that travel beside what they sign (RFC 7515 appendix F): a compact JWS whose payload is left out.
//!
//! The header says what kind of thing was signed (`typ`), so that a signature over one kind is none over another, with
//! which key (`kid`, RFC 7638), and when the signer says that it was (`iat`).

use aws_lc_rs::signature::UnparsedPublicKey;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::json;
use verbond_domain::Timestamp;

use super::{JwsError, MAXIMUM_BYTES, MAXIMUM_HEADER_CHARACTERS, decode, fitting, from_name, name, present};
use crate::{SignError, SignatureAlgorithm, Signer, jwk, public_key::PublicKey};

/// The header of a detached signature that has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetachedHeader {
    /// The algorithm that it was made with.
    pub algorithm: SignatureAlgorithm,
    /// What kind of thing was signed.
    pub typ: String,
    /// Thumbprint (RFC 7638) of the key.
    pub kid: String,
    /// When the signer says that it was signed.
    pub issued_at: Timestamp,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
    iat: i64,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
    #[serde(default, deserialize_with = "present")]
    b64: bool,
}

/// Signs the payload with the key's preferred algorithm. `typ` must need no escape in JSON and no explanation elsewhere.
pub async fn sign_detached(
    signer: &dyn Signer,
    typ: &str,
    payload: &[u8],
    now: Timestamp,
) -> Result<String, SignError> {
    let (algorithm, alg) = signer
        .algorithms()
        .iter()
        .find_map(|algorithm| Some((*algorithm, name(*algorithm)?)))
        .ok_or_else(|| SignError::Failed("it has no algorithm for JWS".to_owned()))?;
    let kid = jwk::thumbprint(signer.public_key())
        .ok_or_else(|| SignError::Failed("it has no JWK thumbprint".to_owned()))?;
    let header = json!({ "alg": alg, "typ": typ, "kid": kid, "iat": now.seconds() }).to_string();
    let header = URL_SAFE_NO_PAD.encode(header);
    let signature = signer.sign(algorithm, signing_input(&header, payload).as_bytes()).await?;
    Ok(format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Verifies a detached signature over this payload with a DER SubjectPublicKeyInfo. Whether the kind and the time are
/// the expected ones is for the caller to say.
///
/// # Errors
/// [`JwsError::Malformed`] or [`JwsError::Header`] for a text that is none, or has members that change what is signed;
/// [`JwsError::Verification`] when key, `kid`, algorithm, payload and signature do not belong together.
pub fn verify_detached(jws: &str, payload: &[u8], public_key: &[u8]) -> Result<DetachedHeader, JwsError> {
    if jws.len() > MAXIMUM_BYTES {
        return Err(JwsError::Malformed("longer than 1 MiB"));
    }
    let parts: Vec<&str> = jws.split('.').collect();
    let [encoded, "", signature] = parts.as_slice() else {
        return Err(JwsError::Malformed("not a header and a signature with nothing in between"));
    };
    if encoded.len() > MAXIMUM_HEADER_CHARACTERS {
        return Err(JwsError::Malformed("the header is too long"));
    }
    let header = decode(encoded)?;
    if header.trim_ascii_start().first() != Some(&b'{') {
        return Err(JwsError::Malformed("the header is not a JSON object"));
    }
    let header: Header = serde_json::from_slice(&header)
        .map_err(|_| JwsError::Header("it lacks alg, typ, kid or iat, or has one of them twice"))?;
    if header.crit || header.b64 {
        return Err(JwsError::Header("it has a crit or b64 member"));
    }
    let algorithm = from_name(&header.alg).ok_or(JwsError::UnknownAlgorithm)?;
    let key = PublicKey::parse(public_key).ok_or(JwsError::Verification)?;
    if jwk::thumbprint(public_key).as_deref() != Some(header.kid.as_str()) {
        return Err(JwsError::Verification);
    }
    let (verification, bytes) = fitting(&key, algorithm).ok_or(JwsError::Verification)?;
    UnparsedPublicKey::new(verification, bytes)
        .verify(signing_input(encoded, payload).as_bytes(), &decode(signature)?)
        .map_err(|_| JwsError::Verification)?;
    Ok(DetachedHeader {
        algorithm,
        typ: header.typ,
        kid: header.kid,
        issued_at: Timestamp::from_seconds(header.iat),
    })
}

/// What is signed: the payload takes its place in the middle, as if it had never been left out.
fn signing_input(header: &str, payload: &[u8]) -> String {
    format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::{
        FileSigner,
        authority::{KeyKind, new_key},
    };

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn key(kind: KeyKind) -> Result<FileSigner, Box<dyn std::error::Error>> {
        Ok(FileSigner::from_pem(new_key(kind)?.as_bytes())?)
    }

    fn signed(signer: &FileSigner, payload: &[u8]) -> Result<String, Box<dyn std::error::Error>> {
        Ok(sign_detached(signer, "agreement", payload, NOW).now_or_never().ok_or("it waited")??)
    }

    #[test]
    fn a_signature_holds_for_its_payload_and_its_key_only() -> Outcome {
        for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Rsa3072] {
            let (signer, other) = (key(kind)?, key(kind)?);
            let jws = signed(&signer, b"text")?;
            let header = verify_detached(&jws, b"text", signer.public_key())?;
            assert_eq!((header.typ.as_str(), header.issued_at), ("agreement", NOW));
            assert_eq!(Some(header.kid), jwk::thumbprint(signer.public_key()));
            assert_eq!(verify_detached(&jws, b"text!", signer.public_key()), Err(JwsError::Verification));
            assert_eq!(verify_detached(&jws, b"text", other.public_key()), Err(JwsError::Verification));
        }
        Ok(())
    }

    #[test]
    fn what_changes_the_meaning_of_a_header_is_refused() -> Outcome {
        let signer = key(KeyKind::P256)?;
        let kid = jwk::thumbprint(signer.public_key()).ok_or("no thumbprint")?;
        let good = format!(r#""alg":"ES256","typ":"t","kid":"{kid}","iat":1"#);
        let made = |header: String| -> Result<String, Box<dyn std::error::Error>> {
            let header = URL_SAFE_NO_PAD.encode(header);
            let input = signing_input(&header, b"text");
            let signature = signer
                .sign(SignatureAlgorithm::Es256, input.as_bytes())
                .now_or_never()
                .ok_or("it waited")??;
            Ok(format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature)))
        };
        let judged = |header: String| -> Result<bool, Box<dyn std::error::Error>> {
            Ok(verify_detached(&made(header)?, b"text", signer.public_key()).is_ok())
        };
        assert!(judged(format!("{{{good}}}"))?);
        for header in [
            format!(r#"{{{good},"crit":["b64"]}}"#),
            format!(r#"{{{good},"crit":null}}"#),
            format!(r#"{{{good},"b64":false}}"#),
            format!(r#"{{{good},"typ":"u"}}"#),
            format!("[{good}]"),
            good.replace("ES256", "none"),
            good.replace("ES256", "ES384"),
            good.replace(&kid, "another"),
            good.replace("\"iat\":1", "\"iat\":1.5"),
        ] {
            let header = if header.starts_with(['{', '[']) { header } else { format!("{{{header}}}") };
            assert!(!judged(header.clone())?, "{header}");
        }
        let jws = signed(&signer, b"text")?;
        for text in [jws.replace("..", "."), jws.replace("..", ".dGV4dA."), format!("{jws}."), String::new()]
        {
            assert!(verify_detached(&text, b"text", signer.public_key()).is_err(), "{text}");
        }
        Ok(())
    }
}

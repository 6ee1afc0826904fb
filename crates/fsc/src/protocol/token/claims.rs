//! The claims of an access token (§4.3.1).

use serde_json::{Map, Value, json};
use verbond_domain::{ExchangeParties, ParticipantId, Scheme, ServiceName, Timestamp};
use verbond_trust::CertificateThumbprint;

use crate::protocol::{
    hash::GrantHash,
    i_json::{self, IJsonError},
};

/// The claims of an access token.
///
/// The text says of `act.sub` both that it is the grant's delegator and that it is who connects; those who run FSC
/// take `sub` for who connects and `act.sub` for the delegator, an empty `act.sub` for none. So does this node. The
/// claim `cdi`, from which Logging 1.1.0 §3.1.1 takes the delegator, does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessTokenClaims {
    /// `gth`
    pub grant_hash: GrantHash,
    /// `gid`
    pub group_id: String,
    /// `sub`: whose outway connects.
    pub consumer: ParticipantId,
    /// `act.sub`: on whose behalf it connects.
    pub consumer_delegator: Option<ParticipantId>,
    /// `iss`: who offers the service.
    pub provider: ParticipantId,
    /// `pdi`: on whose behalf the service is published.
    pub provider_delegator: Option<ParticipantId>,
    /// `svc`
    pub service: ServiceName,
    /// `aud`: the inway's address, scheme and port included.
    pub audience: String,
    /// `exp`; no lifetime is prescribed.
    pub expires_at: Timestamp,
    /// `nbf`
    pub not_before: Timestamp,
    /// `cnf.x5t#S256`: the only certificate with which the token may be used.
    pub certificate_thumbprint: CertificateThumbprint,
    /// `prp`: the grant's properties, if it has them.
    pub properties: Option<Map<String, Value>>,
    /// `add`
    pub additional: Map<String, Value>,
}

/// Why claims cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// Not I-JSON.
    #[error(transparent)]
    Document(#[from] IJsonError),
    /// A claim is missing or of the wrong form.
    #[error("the claim `{0}` is missing or of the wrong form")]
    Claim(&'static str),
}

impl AccessTokenClaims {
    /// The JWT payload.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut claims = json!({
            "gth": self.grant_hash.as_str(),
            "gid": self.group_id,
            "sub": self.consumer.value(),
            "iss": self.provider.value(),
            "svc": self.service.as_str(),
            "aud": self.audience,
            "exp": self.expires_at.seconds(),
            "nbf": self.not_before.seconds(),
            "cnf": { "x5t#S256": self.certificate_thumbprint.to_string() },
            "add": self.additional,
        });
        if let Value::Object(members) = &mut claims {
            if let Some(delegator) = &self.consumer_delegator {
                members.insert("act".to_owned(), json!({ "sub": delegator.value() }));
            }
            if let Some(delegator) = &self.provider_delegator {
                members.insert("pdi".to_owned(), delegator.value().into());
            }
            if let Some(properties) = &self.properties {
                members.insert("prp".to_owned(), Value::Object(properties.clone()));
            }
        }
        claims.to_string().into_bytes()
    }

    /// Reads a JWT payload of at most 1 MiB. Unknown claims are tolerated, and what other managers are known to write:
    /// an empty or null optional claim, an audience in a list of one, times with a fraction, no `nbf`, a thumbprint
    /// under the lower-case name of manager.yaml or in plain base64 as in the examples of the text.
    pub fn parse(payload: &[u8], scheme: Scheme) -> Result<Self, ClaimsError> {
        let claims = i_json::parse(payload)?;
        let text =
            |name: &'static str| claims.get(name).and_then(Value::as_str).ok_or(ClaimsError::Claim(name));
        let peer =
            |value: &str, name| ParticipantId::new(scheme, value).map_err(|_| ClaimsError::Claim(name));
        let optional_peer = |value: Option<&Value>, name| match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(value)) if value.is_empty() => Ok(None),
            Some(Value::String(value)) => peer(value, name).map(Some),
            Some(_) => Err(ClaimsError::Claim(name)),
        };
        let optional_object = |name| match claims.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(members)) => Ok(Some(members.clone())),
            Some(_) => Err(ClaimsError::Claim(name)),
        };
        let audience = match claims.get("aud") {
            Some(Value::String(audience)) => audience.clone(),
            Some(Value::Array(list)) => match list.as_slice() {
                [Value::String(audience)] => audience.clone(),
                _ => return Err(ClaimsError::Claim("aud")),
            },
            _ => return Err(ClaimsError::Claim("aud")),
        };
        let actor = optional_object("act")?;
        Ok(Self {
            grant_hash: text("gth")?.parse().map_err(|_| ClaimsError::Claim("gth"))?,
            group_id: text("gid")?.to_owned(),
            consumer: peer(text("sub")?, "sub")?,
            consumer_delegator: optional_peer(actor.as_ref().and_then(|actor| actor.get("sub")), "act")?,
            provider: peer(text("iss")?, "iss")?,
            provider_delegator: optional_peer(claims.get("pdi"), "pdi")?,
            service: text("svc")?.parse().map_err(|_| ClaimsError::Claim("svc"))?,
            audience,
            expires_at: claims.get("exp").and_then(moment).ok_or(ClaimsError::Claim("exp"))?,
            not_before: match claims.get("nbf") {
                None => Timestamp::from_millis(0),
                Some(value) => moment(value).ok_or(ClaimsError::Claim("nbf"))?,
            },
            certificate_thumbprint: claims
                .get("cnf")
                .and_then(|confirmation| {
                    confirmation.get("x5t#S256").or_else(|| confirmation.get("x5t#s256"))
                })
                .and_then(Value::as_str)
                .and_then(|text| {
                    let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
                    CertificateThumbprint::parse(&text)
                })
                .ok_or(ClaimsError::Claim("cnf"))?,
            properties: optional_object("prp")?,
            additional: optional_object("add")?.unwrap_or_default(),
        })
    }

    /// The two ends of an exchange under this token.
    pub fn parties(&self) -> ExchangeParties {
        ExchangeParties {
            consumer: self.consumer.clone(),
            consumer_delegator: self.consumer_delegator.clone(),
            provider: self.provider.clone(),
            provider_delegator: self.provider_delegator.clone(),
            service: self.service.clone(),
        }
    }
}

/// A NumericDate (RFC 7519 §2), rounded down to whole seconds; within the integers that JSON holds exactly, so that it
/// can be written again.
fn moment(value: &Value) -> Option<Timestamp> {
    let rounded = || value.as_f64().map(|seconds| seconds.floor() as i64);
    let seconds = value.as_i64().or_else(rounded)?;
    (0..=i_json::MAXIMUM_INTEGER).contains(&seconds).then(|| Timestamp::from_seconds(seconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::fixtures::*;

    fn claims() -> Result<AccessTokenClaims, Failure> {
        let content = contract(&[delegated(connection_to_delegated_service())])?;
        let grant = content.grants.first().ok_or("no grant")?;
        Ok(AccessTokenClaims {
            grant_hash: grant.hashes.string.clone(),
            group_id: GROUP.to_owned(),
            consumer: peer(CONSUMER),
            consumer_delegator: Some(peer(DELEGATOR)),
            provider: peer(PROVIDER),
            provider_delegator: Some(peer(SERVICE_DELEGATOR)),
            service: "incomes".parse()?,
            audience: "https://inway.test:443".to_owned(),
            expires_at: Timestamp::from_seconds(NOW + 60),
            not_before: Timestamp::from_seconds(NOW),
            certificate_thumbprint: CertificateThumbprint([0xfb; 32]),
            properties: Some(Map::from_iter([("flow".to_owned(), json!("query"))])),
            additional: Map::new(),
        })
    }

    fn with(change: impl FnOnce(&mut Value)) -> Result<Result<AccessTokenClaims, ClaimsError>, Failure> {
        let mut tree: Value = serde_json::from_slice(&claims()?.to_bytes())?;
        change(&mut tree);
        Ok(AccessTokenClaims::parse(tree.to_string().as_bytes(), Scheme::Oin))
    }

    #[test]
    fn claims_have_the_names_of_the_standard() -> Result<(), Failure> {
        let claims = claims()?;
        let tree: Value = serde_json::from_slice(&claims.to_bytes())?;
        assert_eq!(
            tree,
            json!({
                "gth": claims.grant_hash, "gid": GROUP, "sub": CONSUMER, "iss": PROVIDER, "svc": "incomes",
                "aud": "https://inway.test:443", "exp": NOW + 60, "nbf": NOW,
                "cnf": { "x5t#S256": claims.certificate_thumbprint.to_string() },
                "act": { "sub": DELEGATOR }, "pdi": SERVICE_DELEGATOR, "prp": { "flow": "query" }, "add": {}
            })
        );
        assert_eq!(AccessTokenClaims::parse(&claims.to_bytes(), Scheme::Oin)?, claims);
        assert_eq!(claims.parties().consumer_delegator, Some(peer(DELEGATOR)));
        assert_eq!(claims.parties().provider_delegator, Some(peer(SERVICE_DELEGATOR)));
        Ok(())
    }

    #[test]
    fn what_other_managers_write_is_tolerated() -> Result<(), Failure> {
        for absent in [json!({ "sub": "" }), json!(null), json!({})] {
            assert_eq!(with(|tree| tree["act"] = absent)??.consumer_delegator, None);
        }
        assert_eq!(with(|tree| tree["pdi"] = json!(""))??.provider_delegator, None);
        assert_eq!(with(|tree| tree["prp"] = json!(null))??.properties, None);
        assert_eq!(with(|tree| tree["cdi"] = json!("unknown"))??, claims()?);
        assert_eq!(with(|tree| tree["aud"] = json!(["https://inway.test:443"]))??, claims()?);
        assert_eq!(with(|tree| tree["exp"] = json!(NOW as f64 + 60.5))??, claims()?);
        let optional = |tree: &mut Value| {
            for name in ["act", "pdi", "prp", "add", "nbf"] {
                tree.as_object_mut().and_then(|members| members.remove(name));
            }
        };
        assert_eq!(with(optional)??.not_before, Timestamp::from_seconds(0));
        // Thumbprints as the examples of the text spell them, and under the name of manager.yaml.
        let plain = claims()?.certificate_thumbprint.to_string().replace('-', "+").replace('_', "/");
        assert_eq!(with(|tree| tree["cnf"] = json!({ "x5t#s256": format!("{plain}=") }))??, claims()?);
        Ok(())
    }

    #[test]
    fn a_claim_that_is_missing_or_wrong_is_named() -> Result<(), Failure> {
        for name in ["gth", "gid", "sub", "iss", "svc", "aud", "exp", "cnf"] {
            let missing = with(|tree| drop(tree.as_object_mut().and_then(|members| members.remove(name))))?;
            assert_eq!(missing, Err(ClaimsError::Claim(name)));
        }
        for (name, value) in [
            ("gth", json!("$1$1$x")),
            ("sub", json!("a b")),
            ("act", json!({ "sub": 1 })),
            ("act", json!("x")),
            ("pdi", json!(1)),
            ("svc", json!("a/b")),
            ("aud", json!(["a", "b"])),
            ("exp", json!(-1)),
            ("exp", json!(1.700_033e21)),
            ("exp", json!(9_007_199_254_740_992_i64)),
            ("nbf", json!("0")),
            ("cnf", json!({ "x5t#S256": "short" })),
            ("prp", json!([])),
        ] {
            assert_eq!(with(|tree| tree[name] = value.clone())?, Err(ClaimsError::Claim(name)), "{value}");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let _ = AccessTokenClaims::parse(&bytes, Scheme::Oin);
        }

        #[test]
        fn no_value_of_a_claim_makes_the_reader_panic(name in "gth|gid|sub|iss|svc|aud|exp|nbf|cnf|act|pdi|prp|add", text in ".*", number: f64) {
            let _ = with(|tree| tree[&name] = json!(text));
            let _ = with(|tree| tree[&name] = json!(number));
            let _ = with(|tree| tree[&name] = json!({ "sub": text.clone(), "x5t#S256": text }));
        }
    }
}

//! The token request (RFC 6749 §4.4) and the rules for issuing (Core 2.0.0 §4.4.1.6).

use serde_json::Map;
use url::form_urlencoded;
use verbond_domain::{ParticipantId, Scheme, Timestamp};
use verbond_trust::Certificate;

use super::{AccessTokenClaims, TokenRefusal};
use crate::protocol::{
    grant::{Grant, OutwayIdentification},
    hash::GrantHash,
    state::ContractState,
};

/// Longest form that is read, in bytes.
const MAXIMUM_FORM_BYTES: usize = 8 * 1024;

/// A parsed token request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// `scope`
    pub scope: GrantHash,
    /// `client_id`
    pub client: ParticipantId,
}

impl TokenRequest {
    /// Reads `application/x-www-form-urlencoded`. A parameter without a value counts as missing, unknown ones are
    /// ignored, none may occur twice (RFC 6749 §3.2).
    pub fn parse(form: &[u8], scheme: Scheme) -> Result<Self, TokenRefusal> {
        if form.len() > MAXIMUM_FORM_BYTES {
            return Err(TokenRefusal::TooLong);
        }
        let parameter = |name: &'static str| {
            let mut values = form_urlencoded::parse(form).filter(|(key, _)| key == name);
            match (values.next(), values.next()) {
                (_, Some(_)) => Err(TokenRefusal::Repeated(name)),
                (Some((_, value)), None) if !value.trim().is_empty() => Ok(value.trim().to_owned()),
                _ => Err(TokenRefusal::Missing(name)),
            }
        };
        if parameter("grant_type")? != "client_credentials" {
            return Err(TokenRefusal::GrantType);
        }
        let (scope, client) = (parameter("scope")?, parameter("client_id")?);
        Ok(Self {
            scope: scope.parse().map_err(|_| TokenRefusal::ScopeForm)?,
            client: ParticipantId::new(scheme, &client).map_err(|_| TokenRefusal::Client)?,
        })
    }

    /// Makes the form.
    pub fn to_form(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", self.scope.as_str())
            .append_pair("client_id", self.client.value())
            .finish()
    }
}

/// What a grant is judged against when a token is asked.
#[derive(Clone, Copy, Debug)]
pub struct TokenContext<'a> {
    /// This participant.
    pub own: &'a ParticipantId,
    /// The group.
    pub group_id: &'a str,
    /// The client certificate of the request, to which the token is bound.
    pub certificate: &'a Certificate,
    /// Where the contract stands.
    pub contract_state: ContractState,
    /// End of the contract: no token outlives it.
    pub contract_not_after: Timestamp,
    /// Address of an inway of ours that offers the service, scheme and port included; `None` if none does.
    pub inway_address: Option<&'a str>,
    /// The present.
    pub now: Timestamp,
    /// Lifetime of the token, in seconds.
    pub lifetime_seconds: i64,
}

/// Judges a request and makes the claims. `grant` is the one that the scope names under either reading; `gth` echoes
/// the hash that was asked. When there is none, the refusal is [`TokenRefusal::ScopeUnknown`].
pub fn issue(
    request: &TokenRequest,
    grant: &Grant,
    context: &TokenContext<'_>,
) -> Result<AccessTokenClaims, TokenRefusal> {
    let certificate = context.certificate;
    if request.client != certificate.participant {
        return Err(TokenRefusal::Client);
    }
    let outway = grant.data.outway().ok_or(TokenRefusal::ScopeForm)?;
    if grant.provider() != context.own || grant.hashes.reading_of(&request.scope).is_none() {
        return Err(TokenRefusal::ScopeUnknown);
    }
    if outway.consumer != certificate.participant {
        return Err(TokenRefusal::OtherParticipant);
    }
    let is_outway = match &outway.identification {
        OutwayIdentification::PublicKeyThumbprint(thumbprint) => {
            *thumbprint == certificate.public_key_thumbprint
        }
        OutwayIdentification::DomainName(name) => {
            certificate.dns_names.iter().any(|dns_name| dns_name.eq_ignore_ascii_case(name))
        }
    };
    if !is_outway {
        return Err(TokenRefusal::OtherOutway);
    }
    if context.contract_state != ContractState::Valid {
        return Err(TokenRefusal::NotInForce(context.contract_state));
    }
    let audience = context.inway_address.ok_or(TokenRefusal::ServiceNotOffered)?;
    Ok(AccessTokenClaims {
        grant_hash: request.scope.clone(),
        group_id: context.group_id.to_owned(),
        consumer: outway.consumer.clone(),
        consumer_delegator: grant.data.delegator().cloned(),
        provider: grant.provider().clone(),
        provider_delegator: grant.data.service_delegator().cloned(),
        service: grant.service_name().clone(),
        audience: audience.to_owned(),
        expires_at: context.now.plus_seconds(context.lifetime_seconds).min(context.contract_not_after),
        not_before: context.now,
        certificate_thumbprint: certificate.thumbprint,
        properties: grant.properties.clone(),
        additional: Map::new(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::{content::ContractContent, fixtures::*, token::TokenErrorCode};

    fn read(form: &str) -> Result<TokenRequest, TokenRefusal> {
        TokenRequest::parse(form.as_bytes(), Scheme::Oin)
    }

    struct Case {
        content: ContractContent,
        client: &'static str,
        certificate: Certificate,
        state: ContractState,
        inway: Option<&'static str>,
        own: &'static str,
    }

    impl Case {
        fn new(grant: Value) -> Result<Self, Failure> {
            Ok(Self {
                content: contract(&[grant])?,
                client: CONSUMER,
                certificate: certificate(CONSUMER, &["outway.gemeente.test"]),
                state: ContractState::Valid,
                inway: Some("https://inway.test:443"),
                own: PROVIDER,
            })
        }

        fn ask(&self, scope: GrantHash) -> Result<AccessTokenClaims, TokenRefusal> {
            let grant = self.content.grants.first().ok_or(TokenRefusal::ScopeUnknown)?;
            let request = TokenRequest { scope, client: peer(self.client) };
            issue(
                &request,
                grant,
                &TokenContext {
                    own: &peer(self.own),
                    group_id: GROUP,
                    certificate: &self.certificate,
                    contract_state: self.state,
                    contract_not_after: self.content.not_after,
                    inway_address: self.inway,
                    now: now(),
                    lifetime_seconds: 60,
                },
            )
        }

        fn scope(&self) -> Result<GrantHash, Failure> {
            Ok(self.content.grants.first().ok_or("no grant")?.hashes.string.clone())
        }

        fn issue(&self) -> Result<Result<AccessTokenClaims, TokenRefusal>, Failure> {
            Ok(self.ask(self.scope()?))
        }
    }

    #[test]
    fn the_form_is_read_back_as_written() -> Result<(), Failure> {
        let request = TokenRequest { scope: Case::new(connection())?.scope()?, client: peer(CONSUMER) };
        assert_eq!(read(&request.to_form())?, request);
        let scope = &request.scope;
        // Unencoded dollars, an unknown parameter, a line break pasted after the hash.
        assert_eq!(
            read(&format!("scope={scope}%0A&x=1&grant_type=client_credentials&client_id={CONSUMER}"))?,
            request
        );
        Ok(())
    }

    #[test]
    fn each_fault_of_the_form_has_its_error() -> Result<(), Failure> {
        let scope = Case::new(connection())?.scope()?;
        let (kind, scope) = ("grant_type=client_credentials", format!("scope={scope}"));
        let client = format!("client_id={CONSUMER}");
        for (form, refusal, code) in [
            (format!("{scope}&{client}"), TokenRefusal::Missing("grant_type"), "invalid_request"),
            (format!("{kind}&{client}"), TokenRefusal::Missing("scope"), "invalid_request"),
            (format!("{kind}&{scope}"), TokenRefusal::Missing("client_id"), "invalid_request"),
            (format!("{kind}&{scope}&client_id="), TokenRefusal::Missing("client_id"), "invalid_request"),
            (
                format!("{kind}&{scope}&{client}&{client}"),
                TokenRefusal::Repeated("client_id"),
                "invalid_request",
            ),
            (
                format!("grant_type=password&{scope}&{client}"),
                TokenRefusal::GrantType,
                "unsupported_grant_type",
            ),
            (format!("{kind}&scope=$1$3$x&{client}"), TokenRefusal::ScopeForm, "invalid_scope"),
            (format!("{kind}&{scope}&client_id=a%20b"), TokenRefusal::Client, "invalid_client"),
            ("x".repeat(9000), TokenRefusal::TooLong, "invalid_request"),
        ] {
            assert_eq!(read(&form), Err(refusal), "{form}");
            assert_eq!(refusal.body().get("error"), Some(&json!(code)));
        }
        Ok(())
    }

    #[test]
    fn a_token_is_issued_for_the_hash_that_was_asked() -> Result<(), Failure> {
        let case = Case::new(connection())?;
        let hashes = &case.content.grants.first().ok_or("no grant")?.hashes;
        for scope in [&hashes.string, &hashes.digest] {
            let claims = case.ask(scope.clone())?;
            assert_eq!(&claims.grant_hash, scope);
            assert_eq!((claims.consumer, claims.provider), (peer(CONSUMER), peer(PROVIDER)));
            assert_eq!(
                (claims.consumer_delegator, claims.provider_delegator, claims.properties),
                (None, None, None)
            );
            assert_eq!(claims.expires_at, Timestamp::from_seconds(NOW + 60));
            assert_eq!(claims.certificate_thumbprint, case.certificate.thumbprint);
        }
        Ok(())
    }

    #[test]
    fn delegation_and_properties_go_into_the_token() -> Result<(), Failure> {
        let mut grant = delegated(connection_to_delegated_service());
        grant["properties"] = json!({ "flow": "query" });
        let claims = Case::new(grant)?.issue()??;
        assert_eq!(claims.consumer, peer(CONSUMER));
        assert_eq!(claims.consumer_delegator, Some(peer(DELEGATOR)));
        assert_eq!(claims.provider_delegator, Some(peer(SERVICE_DELEGATOR)));
        assert_eq!(claims.properties, Some(Map::from_iter([("flow".to_owned(), json!("query"))])));
        Ok(())
    }

    #[test]
    fn an_outway_may_be_known_by_a_name_in_its_certificate() -> Result<(), Failure> {
        let mut grant = connection();
        grant["outway"]["identification"] = domain_name("Outway.Gemeente.Test");
        assert!(Case::new(grant.clone())?.issue()?.is_ok());
        grant["outway"]["identification"] = domain_name("gemeente.test");
        assert_eq!(Case::new(grant)?.issue()?, Err(TokenRefusal::OtherOutway));
        Ok(())
    }

    #[test]
    fn no_token_outlives_its_contract() -> Result<(), Failure> {
        let mut case = Case::new(connection())?;
        case.content.not_after = Timestamp::from_seconds(NOW + 5);
        assert_eq!(case.issue()??.expires_at, Timestamp::from_seconds(NOW + 5));
        Ok(())
    }

    #[test]
    fn each_rule_for_issuing_has_its_error() -> Result<(), Failure> {
        let refused = |change: fn(&mut Case)| {
            let mut case = Case::new(connection())?;
            change(&mut case);
            Ok::<_, Failure>(case.issue()?.err().map(|refusal| (refusal, refusal.code().as_str())))
        };
        assert_eq!(refused(|case| case.client = PROVIDER)?, Some((TokenRefusal::Client, "invalid_client")));
        assert_eq!(refused(|case| case.own = STRANGER)?, Some((TokenRefusal::ScopeUnknown, "invalid_scope")));
        assert_eq!(
            refused(|case| case.inway = None)?,
            Some((TokenRefusal::ServiceNotOffered, "invalid_scope"))
        );
        let stranger = |case: &mut Case| {
            case.certificate = certificate(STRANGER, &[]);
            case.client = STRANGER;
        };
        assert_eq!(refused(stranger)?, Some((TokenRefusal::OtherParticipant, "unauthorized_client")));
        let other_key = |case: &mut Case| case.certificate.public_key_thumbprint.0 = [0; 32];
        assert_eq!(refused(other_key)?, Some((TokenRefusal::OtherOutway, "unauthorized_client")));
        for state in [
            ContractState::Proposed,
            ContractState::NotYetValid,
            ContractState::Rejected,
            ContractState::Revoked,
            ContractState::Expired,
        ] {
            let mut case = Case::new(connection())?;
            case.state = state;
            let refusal = case.issue()?.err();
            assert_eq!(refusal, Some(TokenRefusal::NotInForce(state)));
            assert_eq!(refusal.map(TokenRefusal::code), Some(TokenErrorCode::InvalidGrant));
        }
        let publication = Case::new(publication())?;
        assert_eq!(publication.issue()?, Err(TokenRefusal::ScopeForm));
        let (case, other) = (Case::new(connection())?, Case::new(delegated(connection()))?);
        assert_eq!(case.ask(other.scope()?), Err(TokenRefusal::ScopeUnknown));
        Ok(())
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, text in "(grant_type=client_credentials&)?(scope|client_id)=[%$&=+A-Za-z0-9]*") {
            let _ = TokenRequest::parse(&bytes, Scheme::Oin);
            let _ = read(&text);
        }
    }
}

//! What an inway asks of an access token (Core 2.0.0 §4.7.1.2), and what it answers otherwise (§4.7.2.2.1).

use verbond_domain::{ParticipantId, Problem, ServiceName, Timestamp};
use verbond_trust::Certificate;

use super::AccessTokenClaims;
use crate::protocol::error::ErrorCode;

/// Seconds by which the clock of the manager that issued may be ahead of its inway's.
const NOT_BEFORE_LEEWAY_SECONDS: i64 = 5;

/// The token in the value of `Fsc-Authorization`: with the scheme `Bearer` in front, as it is sent in practice, or bare,
/// as the text allows. `None` if there is none.
pub fn access_token(header: &str) -> Option<&str> {
    let header = header.trim();
    let token = match header.split_once([' ', '\t']) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        _ => header,
    };
    (!token.is_empty() && !token.eq_ignore_ascii_case("bearer")).then_some(token)
}

/// What an inway judges a verified token against.
#[derive(Clone, Copy)]
pub struct InwayContext<'a> {
    /// This participant.
    pub own: &'a ParticipantId,
    /// The group.
    pub group_id: &'a str,
    /// This inway's address, as its manager puts it in `aud`.
    pub address: &'a str,
    /// The client certificate of the connection.
    pub certificate: &'a Certificate,
    /// The present.
    pub now: Timestamp,
    /// Whether the inway knows the service.
    pub knows: &'a dyn Fn(&ServiceName) -> bool,
}

/// Why an inway refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.problem().detail.en)]
pub enum InwayRefusal {
    /// No `Fsc-Authorization`, or nothing in it.
    Missing,
    /// Not a JWT with the claims of §4.3.1.
    Malformed,
    /// Not signed with one of our own keys.
    Signature,
    /// `exp` has passed.
    Expired,
    /// `nbf` lies ahead.
    NotYetValid,
    /// `iss` is not this participant.
    Issuer,
    /// Bound to another certificate than the connection's, or for another participant.
    Binding,
    /// For another inway.
    Audience,
    /// Of another group.
    Group,
    /// For a service that is not known here.
    Service,
}

impl InwayRefusal {
    /// The code of the standard.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Missing => ErrorCode::AccessTokenMissing,
            Self::Expired => ErrorCode::AccessTokenExpired,
            Self::Group => ErrorCode::WrongGroupIdInToken,
            Self::Service => ErrorCode::ServiceNotFound,
            Self::Malformed
            | Self::Signature
            | Self::NotYetValid
            | Self::Issuer
            | Self::Binding
            | Self::Audience => ErrorCode::AccessTokenInvalid,
        }
    }

    /// What to tell the outway.
    pub fn problem(self) -> Problem {
        let [nl, en, next_nl, next_en] = match self {
            Self::Missing => [
                "Het verzoek heeft geen toegangstoken in de header Fsc-Authorization.",
                "The request has no access token in the header Fsc-Authorization.",
                "Roep de dienst aan via de eigen outway; die haalt het token op.",
                "Call the service through your own outway; it obtains the token.",
            ],
            Self::Malformed => [
                "Het toegangstoken is geen JWT zoals FSC Core 2.0.0 §4.3 die voorschrijft.",
                "The access token is not a JWT as FSC Core 2.0.0 §4.3 prescribes it.",
                "Vraag een nieuw token bij de manager van de aanbieder.",
                "Ask the provider's manager for a new token.",
            ],
            Self::Signature | Self::Issuer => [
                "Het toegangstoken is niet door deze aanbieder uitgegeven.",
                "The access token was not issued by this provider.",
                "Vraag een nieuw token bij de manager van de aanbieder.",
                "Ask the provider's manager for a new token.",
            ],
            Self::Expired => [
                "Het toegangstoken is verlopen.",
                "The access token has expired.",
                "Vraag een nieuw token bij de manager van de aanbieder.",
                "Ask the provider's manager for a new token.",
            ],
            Self::NotYetValid => [
                "Het toegangstoken is nog niet geldig.",
                "The access token is not valid yet.",
                "Probeer het zo weer; blijft het zo, zet dan de klokken gelijk (NTP).",
                "Try again shortly; if it stays so, set the clocks right (NTP).",
            ],
            Self::Binding => [
                "Het toegangstoken hoort bij een ander certificaat dan dat van deze verbinding.",
                "The access token belongs to another certificate than this connection's.",
                "Vraag het token aan met het certificaat waarmee de outway verbindt.",
                "Ask for the token with the certificate with which the outway connects.",
            ],
            Self::Audience => [
                "Het toegangstoken is voor een andere inway.",
                "The access token is for another inway.",
                "Stuur het verzoek naar het adres in de claim aud.",
                "Send the request to the address in the claim aud.",
            ],
            Self::Group => [
                "Het toegangstoken is van een andere groep.",
                "The access token is another group's.",
                "Gebruik een contract en een token van deze groep.",
                "Use a contract and a token of this group.",
            ],
            Self::Service => [
                "De gegevensdienst in het toegangstoken wordt door deze inway niet aangeboden.",
                "The data service in the access token is not offered by this inway.",
                "Zoek de dienst op in de directory en maak zo nodig een nieuw contract.",
                "Look the service up in the directory and make a new contract if needed.",
            ],
        };
        let code = self.code();
        Problem::new(code.as_str(), code.status(), nl, en).next(next_nl, next_en)
    }
}

/// Judges the claims of a token whose signature has been verified with one of our own keys.
///
/// Issuer, audience and the bearer's identity are more than §4.7.1.2 asks. Whether the contract still runs is not asked
/// here: it is a rule of the group's profile, stricter than the text.
pub fn admit(claims: &AccessTokenClaims, context: &InwayContext<'_>) -> Result<(), InwayRefusal> {
    let certificate = context.certificate;
    if claims.provider != *context.own {
        return Err(InwayRefusal::Issuer);
    }
    if claims.expires_at <= context.now {
        return Err(InwayRefusal::Expired);
    }
    if claims.not_before > context.now.plus_seconds(NOT_BEFORE_LEEWAY_SECONDS) {
        return Err(InwayRefusal::NotYetValid);
    }
    if claims.certificate_thumbprint != certificate.thumbprint || claims.consumer != certificate.participant {
        return Err(InwayRefusal::Binding);
    }
    if claims.group_id != context.group_id {
        return Err(InwayRefusal::Group);
    }
    if claims.audience != context.address {
        return Err(InwayRefusal::Audience);
    }
    if !(context.knows)(&claims.service) {
        return Err(InwayRefusal::Service);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::protocol::fixtures::*;

    const ADDRESS: &str = "https://inway.test:443";

    fn judge(change: impl FnOnce(&mut AccessTokenClaims)) -> Result<Result<(), InwayRefusal>, Failure> {
        let content = contract(&[connection()])?;
        let certificate = certificate(CONSUMER, &[]);
        let mut claims = AccessTokenClaims {
            grant_hash: content.grants.first().ok_or("no grant")?.hashes.string.clone(),
            group_id: GROUP.to_owned(),
            consumer: peer(CONSUMER),
            consumer_delegator: None,
            provider: peer(PROVIDER),
            provider_delegator: None,
            service: "incomes".parse()?,
            audience: ADDRESS.to_owned(),
            expires_at: now().plus_seconds(1),
            not_before: now(),
            certificate_thumbprint: certificate.thumbprint,
            properties: None,
            additional: Map::new(),
        };
        change(&mut claims);
        let context = InwayContext {
            own: &peer(PROVIDER),
            group_id: GROUP,
            address: ADDRESS,
            certificate: &certificate,
            now: now(),
            knows: &|name| name.as_str() == "incomes",
        };
        Ok(admit(&claims, &context))
    }

    #[test]
    fn each_rule_of_the_inway_has_its_code() -> Result<(), Failure> {
        assert_eq!(judge(|_| ())?, Ok(()));
        type Change = fn(&mut AccessTokenClaims);
        let cases: [(Change, InwayRefusal, &str, u16); 9] = [
            (|it| it.expires_at = now(), InwayRefusal::Expired, "ERROR_CODE_ACCESS_TOKEN_EXPIRED", 401),
            (
                |it| it.not_before = now().plus_seconds(6),
                InwayRefusal::NotYetValid,
                "ERROR_CODE_ACCESS_TOKEN_INVALID",
                401,
            ),
            (|it| it.provider = peer(STRANGER), InwayRefusal::Issuer, "ERROR_CODE_ACCESS_TOKEN_INVALID", 401),
            (
                |it| it.certificate_thumbprint.0 = [9; 32],
                InwayRefusal::Binding,
                "ERROR_CODE_ACCESS_TOKEN_INVALID",
                401,
            ),
            (
                |it| it.consumer = peer(STRANGER),
                InwayRefusal::Binding,
                "ERROR_CODE_ACCESS_TOKEN_INVALID",
                401,
            ),
            (
                |it| it.group_id = "other".to_owned(),
                InwayRefusal::Group,
                "ERROR_CODE_WRONG_GROUP_ID_IN_TOKEN",
                403,
            ),
            (|it| it.audience.push('0'), InwayRefusal::Audience, "ERROR_CODE_ACCESS_TOKEN_INVALID", 401),
            (
                |it| it.service = "x".parse().unwrap_or_else(|_| unreachable!()),
                InwayRefusal::Service,
                "ERROR_CODE_SERVICE_NOT_FOUND",
                404,
            ),
            (|it| it.audience.clear(), InwayRefusal::Audience, "ERROR_CODE_ACCESS_TOKEN_INVALID", 401),
        ];
        for (change, refusal, code, status) in cases {
            assert_eq!(judge(change)?, Err(refusal));
            let problem = refusal.problem();
            assert_eq!((problem.code, problem.status), (code, status));
            assert_eq!(refusal.code().challenge(), (status == 401).then_some("Bearer"));
        }
        assert_eq!(InwayRefusal::Missing.code().as_str(), "ERROR_CODE_ACCESS_TOKEN_MISSING");
        assert_eq!(judge(|it| it.not_before = now().plus_seconds(5))?, Ok(()));
        Ok(())
    }

    #[test]
    fn the_token_is_found_with_and_without_its_scheme() {
        for header in ["a.b.c", "Bearer a.b.c", "bearer   a.b.c", " BEARER\ta.b.c "] {
            assert_eq!(access_token(header), Some("a.b.c"), "{header:?}");
        }
        for header in ["", " ", "Bearer", "Bearer ", "bearer"] {
            assert_eq!(access_token(header), None, "{header:?}");
        }
    }
}

//! Why no token is given (RFC 6749 §5.2).
//!
//! The standard does not say which error goes with which rule; the mapping here is ours. All refusals have status 400,
//! the only one in manager.yaml.

use serde_json::{Map, Value};
use verbond_domain::Problem;

use crate::protocol::state::ContractState;

/// The error codes of RFC 6749 §5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenErrorCode {
    /// A parameter is missing, twice there, or garbled.
    InvalidRequest,
    /// `client_id` is not who the certificate says.
    InvalidClient,
    /// The contract is not in force.
    InvalidGrant,
    /// `scope` names no grant that we could serve.
    InvalidScope,
    /// The certificate is not the outway's that the grant names.
    UnauthorizedClient,
    /// `grant_type` is not `client_credentials`.
    UnsupportedGrantType,
}

impl TokenErrorCode {
    /// As on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidScope => "invalid_scope",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
        }
    }
}

/// Why no token is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.problem().detail.en)]
pub enum TokenRefusal {
    /// The form is longer than the bound.
    TooLong,
    /// This parameter is missing or empty.
    Missing(&'static str),
    /// This parameter is there twice.
    Repeated(&'static str),
    /// `grant_type` is another one.
    GrantType,
    /// `scope` is not a grant hash of a connection.
    ScopeForm,
    /// `scope` names no connection grant of ours.
    ScopeUnknown,
    /// `client_id` is not the participant of the certificate.
    Client,
    /// The contract is in this state, not in force.
    NotInForce(ContractState),
    /// No inway of ours offers the service.
    ServiceNotOffered,
    /// The certificate is another participant's than the grant's outway.
    OtherParticipant,
    /// The certificate's key or names are not those that the grant names.
    OtherOutway,
}

impl TokenRefusal {
    /// The code of RFC 6749.
    pub const fn code(self) -> TokenErrorCode {
        match self {
            Self::TooLong | Self::Missing(_) | Self::Repeated(_) => TokenErrorCode::InvalidRequest,
            Self::GrantType => TokenErrorCode::UnsupportedGrantType,
            Self::ScopeForm | Self::ScopeUnknown | Self::ServiceNotOffered => TokenErrorCode::InvalidScope,
            Self::Client => TokenErrorCode::InvalidClient,
            Self::NotInForce(_) => TokenErrorCode::InvalidGrant,
            Self::OtherParticipant | Self::OtherOutway => TokenErrorCode::UnauthorizedClient,
        }
    }

    /// What to tell who asks.
    pub fn problem(self) -> Problem {
        let [nl, en, next_nl, next_en] = self.sentences();
        Problem::new(self.code().as_str(), 400, nl, en).next(next_nl, next_en)
    }

    /// `{error, error_description}` with the members of RFC 9457 in the same object.
    pub fn body(self) -> Map<String, Value> {
        let problem = self.problem();
        let mut members = problem.to_json();
        members.insert("error".to_owned(), self.code().as_str().into());
        members.insert("error_description".to_owned(), problem.detail.en.into());
        members
    }

    /// Dutch and English: what is the matter, and what to do about it. `error_description` is one of them, so they
    /// hold printable ASCII only, without quotes or backslashes (RFC 6749 §5.2).
    fn sentences(self) -> [String; 4] {
        let fixed = |texts: [&str; 4]| texts.map(str::to_owned);
        match self {
            Self::TooLong => fixed([
                "Het verzoek is te lang.",
                "The request is too long.",
                "Stuur alleen grant_type, scope en client_id.",
                "Send grant_type, scope and client_id only.",
            ]),
            Self::Missing(name) => [
                format!("De parameter {name} ontbreekt."),
                format!("The parameter {name} is missing."),
                "Stuur grant_type=client_credentials, scope en client_id als formulier.".to_owned(),
                "Send grant_type=client_credentials, scope and client_id as a form.".to_owned(),
            ],
            Self::Repeated(name) => [
                format!("De parameter {name} staat er meer dan eens."),
                format!("The parameter {name} is there more than once."),
                "Stuur elke parameter een keer.".to_owned(),
                "Send each parameter once.".to_owned(),
            ],
            Self::GrantType => fixed([
                "Alleen grant_type client_credentials wordt ondersteund.",
                "Only the grant_type client_credentials is supported.",
                "Stuur grant_type=client_credentials.",
                "Send grant_type=client_credentials.",
            ]),
            Self::ScopeForm => fixed([
                "De scope is geen granthash van een verbinding.",
                "The scope is not a grant hash of a connection.",
                "Stuur de granthash die met $1$3$ of $1$4$ begint, met 86 tekens daarna.",
                "Send the grant hash that starts with $1$3$ or $1$4$, with 86 characters after that.",
            ]),
            Self::ScopeUnknown => fixed([
                "De scope hoort bij geen contract met deze aanbieder.",
                "The scope belongs to no contract with this provider.",
                "Controleer de granthash en of het contract bij deze aanbieder is aangekomen.",
                "Check the grant hash, and whether the contract has reached this provider.",
            ]),
            Self::Client => fixed([
                "De client_id is niet de deelnemer van het certificaat.",
                "The client_id is not the participant of the certificate.",
                "Stuur als client_id het nummer dat in het eigen certificaat staat.",
                "Send as client_id the number that stands in your own certificate.",
            ]),
            Self::NotInForce(state) => {
                let (nl, en) = match state {
                    ContractState::Proposed => {
                        ("nog niet door iedereen geaccepteerd", "not yet accepted by everyone")
                    }
                    ContractState::NotYetValid => ("nog niet ingegaan", "not in force yet"),
                    ContractState::Rejected => ("afgewezen", "rejected"),
                    ContractState::Revoked => ("ingetrokken", "revoked"),
                    ContractState::Expired | ContractState::Valid => ("verlopen", "expired"),
                };
                [
                    format!("Het contract met deze grant is {nl}."),
                    format!("The contract with this grant is {en}."),
                    "Maak zo nodig een nieuw contract en wacht tot iedereen het heeft geaccepteerd."
                        .to_owned(),
                    "Make a new contract if needed, and wait until everyone has accepted it.".to_owned(),
                ]
            }
            Self::ServiceNotOffered => fixed([
                "De gegevensdienst van deze grant wordt nu niet aangeboden.",
                "The data service of this grant is not offered now.",
                "Vraag de aanbieder of de dienst is verplaatst of gestopt.",
                "Ask the provider whether the service has moved or ended.",
            ]),
            Self::OtherParticipant => fixed([
                "De grant is voor de outway van een andere deelnemer.",
                "The grant is for the outway of another participant.",
                "Vraag het token aan met het certificaat van de deelnemer die in de grant staat.",
                "Ask for the token with the certificate of the participant that the grant names.",
            ]),
            Self::OtherOutway => fixed([
                "De sleutel of de naam in het certificaat is niet die van de outway in de grant.",
                "The key or the name in the certificate is not that of the outway in the grant.",
                "Gebruik het certificaat van die outway; na een nieuwe sleutel is een nieuw contract nodig.",
                "Use the certificate of that outway; after a new key a new contract is needed.",
            ]),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 6749 §5.2: printable ASCII without `"` and `\`.
    #[test]
    fn descriptions_keep_to_the_alphabet_of_the_rfc() {
        let mut refusals = vec![
            TokenRefusal::TooLong,
            TokenRefusal::Missing("scope"),
            TokenRefusal::Repeated("scope"),
            TokenRefusal::GrantType,
            TokenRefusal::ScopeForm,
            TokenRefusal::ScopeUnknown,
            TokenRefusal::Client,
            TokenRefusal::ServiceNotOffered,
            TokenRefusal::OtherParticipant,
            TokenRefusal::OtherOutway,
        ];
        refusals.extend([ContractState::Proposed, ContractState::Revoked].map(TokenRefusal::NotInForce));
        for refusal in refusals {
            let body = refusal.body();
            let description = body.get("error_description").and_then(Value::as_str).unwrap_or("\"");
            assert!(
                description.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\'),
                "{description}"
            );
            assert_eq!(body.get("status"), Some(&json!(400)));
        }
    }
}

//! Who did something that the journal must be able to tell.

use serde::{Deserialize, Serialize};

use crate::{ParticipantId, PersonName};

/// The author of an act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// Whoever reaches the administration socket on the node's own machine.
    Operator,
    /// A person with a credential of their own.
    Person {
        /// The person's name here.
        name: PersonName,
        /// Lower-case hexadecimal SHA-256 of the public key (SubjectPublicKeyInfo) that they acted with.
        thumbprint: String,
    },
    /// The holder of a certificate that no person here is known by.
    Certificate {
        /// The certificate's subject, as an RFC 4514 distinguished name.
        subject: String,
        /// Lower-case hexadecimal SHA-256 of the certificate.
        thumbprint: String,
    },
    /// Another participant, over the group's protocol.
    Participant {
        /// Its identifier, from its certificate.
        id: ParticipantId,
    },
    /// The node itself, following a rule that its configuration states.
    Node {
        /// The rule that it followed.
        rule: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors_of_all_times_are_read() -> Result<(), Box<dyn std::error::Error>> {
        let certificate = Actor::Certificate { subject: "CN=a".to_owned(), thumbprint: "00".to_owned() };
        let person = Actor::Person { name: "s-voorbeeld".parse()?, thumbprint: "00".to_owned() };
        for (text, actor) in [
            (r#"{"kind":"operator"}"#, Actor::Operator),
            (r#"{"kind":"certificate","subject":"CN=a","thumbprint":"00"}"#, certificate),
            (r#"{"kind":"person","name":"s-voorbeeld","thumbprint":"00"}"#, person),
        ] {
            assert_eq!(serde_json::from_str::<Actor>(text)?, actor);
            assert_eq!(serde_json::to_string(&actor)?, text);
        }
        Ok(())
    }
}

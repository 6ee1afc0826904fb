//! Who did something that the journal must be able to tell.

use serde::{Deserialize, Serialize};

use crate::ParticipantId;

/// The author of an act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// Whoever reaches the administration socket on the node's own machine.
    Operator,
    /// The holder of a certificate that the node accepts for administration from afar.
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

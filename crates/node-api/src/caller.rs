//! Who calls, by the certificate at the other end, judged for this very request; and what it sends, bounded.

use std::sync::Arc;

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::request::Parts,
};
use verbond_application::OpContext;
use verbond_domain::{Actor, ParticipantId, Problem};
use verbond_transport::PeerConnection;

use crate::{NodeApi, answer::Refused};

/// Most bytes of a message: an agreement of a mebibyte.
const MAXIMUM_BODY: usize = 1024 * 1024;

/// The calling participant, with the context of a use case of which it is the author.
pub(crate) struct Caller {
    pub(crate) participant: ParticipantId,
    pub(crate) context: OpContext,
}

impl FromRequestParts<Arc<NodeApi>> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<NodeApi>) -> Result<Self, Refused> {
        let connection =
            parts.extensions.get::<PeerConnection>().ok_or_else(|| unproven("no client certificate"))?;
        let certificate = connection.judge().map_err(|refusal| unproven(&refusal.to_string()))?;
        let participant = certificate.participant.clone();
        let actor = Actor::Participant { id: participant.clone() };
        let context = OpContext { actor, ambient: node.ambient.clone(), store: node.store.clone() };
        Ok(Self { participant, context })
    }
}

fn unproven(reason: &str) -> Refused {
    Refused(
        Problem::new(
            "CERTIFICATE_UNUSABLE",
            401,
            "Het certificaat van de aanroeper is niet of niet meer bruikbaar.",
            format!("the caller's certificate cannot be used, or not any more: {reason}"),
        )
        .next(
            "Verbind met een geldig certificaat van een vertrouwde uitgever van de groep.",
            "connect with a valid certificate of an issuer that the group trusts",
        ),
    )
}

/// The hash in the path.
pub(crate) struct PathHash(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathHash {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(path.map(|Path(hash)| hash).unwrap_or_default()))
    }
}

/// A body within the bound.
pub(crate) struct Bounded(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Bounded {
    type Rejection = Refused;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Refused> {
        to_bytes(request.into_body(), MAXIMUM_BODY).await.map(Self).map_err(|_| {
            Refused(
                Problem::new(
                    "BODY_UNREADABLE",
                    413,
                    format!("Het bericht is langer dan {MAXIMUM_BODY} bytes of werd afgebroken."),
                    format!("the message is longer than {MAXIMUM_BODY} bytes, or was broken off"),
                )
                .next("Stuur een korter bericht.", "send a shorter message"),
            )
        })
    }
}

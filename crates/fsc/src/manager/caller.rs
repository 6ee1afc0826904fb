//! Who calls, from where, and what it sends: read from a request, bounded, before a handler runs.

use std::sync::Arc;

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRef, FromRequest, FromRequestParts, RawPathParams, Request},
    http::{Method, request::Parts},
};
use verbond_domain::Problem;
use verbond_transport::PeerConnection;
use verbond_trust::Certificate;

use super::failures::Refused;
use crate::{
    FscNode,
    address::{AddressError, ManagerAddress},
    certificates::Origin,
    protocol::error::ErrorCode,
};

/// The certificate at the other end, judged for this very request, and not of somebody who floods this manager.
pub(super) struct Caller(pub Arc<Certificate>);

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Arc<FscNode>: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let connection =
            parts.extensions.get::<PeerConnection>().ok_or_else(|| unproven("no client certificate"))?;
        let certificate = connection.judge().map_err(|refusal| unproven(&refusal.to_string()))?;
        if parts.method != Method::GET {
            Arc::<FscNode>::from_ref(state).flood_gate.pass(&certificate.participant)?;
        }
        Ok(Self(certificate))
    }
}

fn unproven(reason: &str) -> Refused {
    let code = ErrorCode::PeerCertificateVerificationFailed;
    Refused(
        Problem::new(
            code.as_str(),
            code.status(),
            "Het certificaat van de aanroeper is niet of niet meer bruikbaar.",
            format!("the caller's certificate cannot be used, or not any more: {reason}"),
        )
        .next(
            "Verbind met een geldig certificaat van een vertrouwde uitgever van de groep.",
            "connect with a valid certificate of an issuer that the group trusts",
        ),
    )
}

/// A caller that says where its own manager is, as FSC Core 2.0.0 §4.4.4 demands of each POST and PUT.
pub(super) struct Sender {
    certificate: Arc<Certificate>,
    address: ManagerAddress,
}

impl Sender {
    pub(super) fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub(super) const fn address(&self) -> &ManagerAddress {
        &self.address
    }

    pub(super) fn origin(&self) -> Origin<'_> {
        Origin { presented: &self.certificate, address: &self.address }
    }
}

impl<S> FromRequestParts<S> for Sender
where
    S: Send + Sync,
    Arc<FscNode>: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Caller(certificate) = Caller::from_request_parts(parts, state).await?;
        let node = Arc::<FscNode>::from_ref(state);
        let mut values = parts.headers.get_all("fsc-manager-address").iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Refused(AddressError::Form.problem()));
        };
        let text = value.to_str().map_err(|_| Refused(AddressError::Form.problem()))?;
        let address = ManagerAddress::parse(text.trim(), &node.rules.ports);
        Ok(Self { certificate, address: address.map_err(|error| Refused(error.problem()))? })
    }
}

/// The content hash in the path, percent-decoded (`$` may be written so or as `%24`).
pub(super) struct PathHash(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathHash {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let parameters = RawPathParams::from_request_parts(parts, state).await.ok();
        let hash = parameters.iter().flat_map(RawPathParams::iter).find(|(name, _)| *name == "hash");
        // What cannot be decoded is no hash of any content: the comparison with the body's says so.
        Ok(Self(hash.map(|(_, hash)| hash.to_owned()).unwrap_or_default()))
    }
}

/// A body, at most as long as the node's bound.
pub(super) struct Bounded(pub Bytes);

impl<S> FromRequest<S> for Bounded
where
    S: Send + Sync,
    Arc<FscNode>: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let bound = Arc::<FscNode>::from_ref(state).rules.maximum_body_bytes;
        to_bytes(request.into_body(), bound).await.map(Self).map_err(|_| Refused(too_long(bound)))
    }
}

fn too_long(bound: usize) -> Problem {
    Problem::new(
        "BODY_UNREADABLE",
        413,
        format!("Het bericht is langer dan {bound} bytes of werd afgebroken."),
        format!("the message is longer than {bound} bytes, or was broken off"),
    )
    .next(
        "Stuur een korter bericht; minder of kleinere properties.",
        "send a shorter message; fewer or smaller properties",
    )
}

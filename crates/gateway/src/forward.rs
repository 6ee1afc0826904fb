//! Last layer: forwarding. It asks for the proof that the permit is durable, and only here is a body polled.

use std::sync::Arc;

use http::{Request, Response};
use verbond_application::exchange::Permitted;
use verbond_fail_points::fail_point;
use verbond_transport::{Body, Client, ClientError, Target, Upload};
use verbond_trust::CertificateThumbprint;

use crate::{Failure, guarded, headers, in_flight::Ticket};

/// A request that came to no response.
pub(crate) enum Unanswered {
    /// Our certificate was replaced in the meantime; the request comes back unsent.
    Unsent(Box<Request<Body>>),
    /// Refused or failed.
    Failed(Failure),
}

/// Sends the request on and waits for the head of the response; its body then streams, under watch.
pub(crate) async fn forward(
    client: &Client,
    target: &Target,
    request: Request<Body>,
    shows: Option<CertificateThumbprint>,
    ticket: Arc<Ticket>,
    _permitted: &Permitted,
) -> Result<Response<Body>, Unanswered> {
    fail_point!("forward::call", |_| Err(Unanswered::Failed(Failure::Unreachable)));
    let sent = tokio::select! {
        biased;
        why = ticket.exchange.broken() => return Err(Unanswered::Failed(why)),
        sent = client.send_showing(target, request, shows) => sent,
    };
    fail_point!("forward::head", |_| Err(Unanswered::Failed(Failure::NoAnswer)));
    match sent {
        Ok(mut response) => {
            if let Some(upload) = response.extensions_mut().remove::<Upload>() {
                ticket.exchange.goes_on(upload);
            }
            headers::strip_response(response.headers_mut());
            Ok(response.map(|body| guarded::response(body, ticket)))
        }
        Err((ClientError::CertificateReplaced, Some(request))) => Err(Unanswered::Unsent(Box::new(request))),
        Err((error, _)) => {
            tracing::warn!(%error, "a request could not be forwarded");
            Err(Unanswered::Failed(failure(&error)))
        }
    }
}

const fn failure(error: &ClientError) -> Failure {
    match error {
        ClientError::HeadTimeout { .. } => Failure::NoAnswerInTime,
        ClientError::Broken { .. } | ClientError::TooLong { .. } => Failure::NoAnswer,
        ClientError::Refused { .. } | ClientError::Name { .. } | ClientError::WrongParticipant { .. } => {
            Failure::Untrusted
        }
        _ => Failure::Unreachable,
    }
}

//! `PUT /v1/contracts/{hash}/accept|reject|revoke`.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};

use super::{
    caller::{Bounded, PathHash, Sender},
    failures::Refused,
};
use crate::{FscNode, protocol::signature::SignatureKind};

type Answer = Result<StatusCode, Refused>;

pub(super) async fn accept(
    State(node): State<Arc<FscNode>>,
    sender: Sender,
    PathHash(hash): PathHash,
    Bounded(body): Bounded,
) -> Answer {
    node.receive_signature(sender.origin(), &hash, SignatureKind::Accept, &body).await?;
    Ok(StatusCode::CREATED)
}

pub(super) async fn reject(
    State(node): State<Arc<FscNode>>,
    sender: Sender,
    PathHash(hash): PathHash,
    Bounded(body): Bounded,
) -> Answer {
    node.receive_signature(sender.origin(), &hash, SignatureKind::Reject, &body).await?;
    Ok(StatusCode::CREATED)
}

pub(super) async fn revoke(
    State(node): State<Arc<FscNode>>,
    sender: Sender,
    PathHash(hash): PathHash,
    Bounded(body): Bounded,
) -> Answer {
    node.receive_signature(sender.origin(), &hash, SignatureKind::Revoke, &body).await?;
    Ok(StatusCode::CREATED)
}

//! `GET /v1/peer` and `GET /v1/peers`.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use verbond_application::database_problem;
use verbond_domain::ParticipantId;
use verbond_store::{SortOrder, StoreError, peers::PeerRow};

use super::{
    caller::Caller,
    failures::Refused,
    parameters::{MAXIMUM_LIMIT, Parameters},
};
use crate::{
    FscNode,
    protocol::{
        content::FSC_VERSION,
        wire::{Pagination, Peer, PeerInfo, Peers},
    },
};

/// The extensions, under the versions that manager.yaml's own enumeration has.
const EXTENSIONS: [(&str, &str); 2] =
    [("EXTENSION_DELEGATION", "1.0.0"), ("EXTENSION_TRANSACTION_LOGGING", "1.0.0")];

pub(super) async fn own(State(node): State<Arc<FscNode>>, _caller: Caller) -> Json<PeerInfo> {
    Json(PeerInfo {
        peer_id: node.rules.own.value().to_owned(),
        peer_name: node.identity.current().certificate.organisation.clone(),
        fsc_version: FSC_VERSION.to_owned(),
        enabled_extensions: EXTENSIONS
            .iter()
            .map(|(name, version)| ((*name).to_owned(), (*version).to_owned()))
            .collect::<BTreeMap<_, _>>(),
    })
}

pub(super) async fn list(
    State(node): State<Arc<FscNode>>,
    _caller: Caller,
    parameters: Parameters,
) -> Result<Json<Peers>, Refused> {
    let failed = |error: StoreError| database_problem(&error);
    let asked = parameters.list("peer_id")?;
    let ids: Vec<ParticipantId> = asked.iter().filter_map(|id| node.rules.participant(id)).collect();
    if !asked.is_empty() && ids.is_empty() {
        return Ok(Json(Peers::default()));
    }
    // With ids, paging and the other filters are to be ignored (manager.yaml).
    let page = if ids.is_empty() {
        let (limit, order) = (parameters.limit()?, parameters.order()?);
        node.store.peers(parameters.one("peer_name"), &[], parameters.cursor(), limit, order).await
    } else {
        node.store.peers(None, &ids, None, MAXIMUM_LIMIT, SortOrder::Ascending).await
    };
    let page = page.map_err(failed)?;
    let next = page.next.filter(|_| ids.is_empty()).unwrap_or_default();
    Ok(Json(Peers {
        peers: page.items.iter().map(wire).collect(),
        pagination: Pagination { next_cursor: next },
    }))
}

/// A peer as listed.
pub(super) fn wire(row: &PeerRow) -> Peer {
    Peer {
        id: row.id.value().to_owned(),
        name: row.name.clone(),
        manager_address: row.manager_address.clone(),
    }
}

//! `GET /v1/peer` and `GET /v1/peers`.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{RawQuery, State},
};
use verbond_application::database_problem;
use verbond_store::{Page, SortOrder, peers::PeerRow};

use super::{caller::Caller, failures::Refused};
use crate::{
    FscNode,
    protocol::{
        content::FSC_VERSION,
        query::{MAXIMUM_LIMIT, Paging, PeersQuery},
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
    RawQuery(query): RawQuery,
) -> Result<Json<Peers>, Refused> {
    let query = PeersQuery::parse(query.as_deref().unwrap_or_default(), node.rules.scheme());
    let page = match query.map_err(|refusal| refusal.problem())? {
        PeersQuery::Ids(ids) => {
            let page = node.store.peers(None, &ids, None, MAXIMUM_LIMIT.into(), SortOrder::Ascending).await;
            page.map(|page| Page { next: None, ..page })
        }
        PeersQuery::Page { paging: Paging { cursor, limit, order }, name } => {
            node.store.peers(name.as_deref(), &[], cursor.as_deref(), limit.into(), order).await
        }
    };
    let page = page.map_err(database_problem)?;
    let pagination = Pagination { next_cursor: page.next.unwrap_or_default() };
    Ok(Json(Peers { peers: page.items.iter().map(wire).collect(), pagination }))
}

/// A peer as listed.
pub(super) fn wire(row: &PeerRow) -> Peer {
    Peer {
        id: row.id.value().to_owned(),
        name: row.name.clone(),
        manager_address: row.manager_address.clone(),
    }
}

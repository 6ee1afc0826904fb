//! `GET /v1/services`: what (delegated) publication contracts in force list (FSC Core 2.0.0 §4.4.1.8).

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    extract::{RawQuery, State},
};
use verbond_application::database_problem;
use verbond_domain::{ParticipantId, Timestamp};
use verbond_store::{SortOrder, StoreError};

use super::{caller::Caller, failures::Refused};
use crate::{
    FscNode,
    contracts::StoredContract,
    protocol::{
        grant::{Grant, GrantData, PublishedService},
        query::{Paging, ServicesQuery},
        state::ContractState,
        wire::{ListedDelegator, ListedService, Pagination, Peer, ServiceListing, Services},
    },
};

pub(super) async fn list(
    State(node): State<Arc<FscNode>>,
    _caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Services>, Refused> {
    let query = ServicesQuery::parse(query.as_deref().unwrap_or_default(), node.rules.scheme());
    let query = query.map_err(|refusal| refusal.problem())?;
    let Paging { cursor, limit, order } = query.paging.clone();
    if cursor.as_deref().is_some_and(|cursor| cursor.matches('/').count() != 2) {
        return Err(database_problem(StoreError::BadCursor).into());
    }
    let failed = database_problem;
    let contracts = node.running().await.map_err(failed)?;
    let peers = node.all_peers().await.map_err(failed)?;
    let peers: HashMap<ParticipantId, Peer> =
        peers.iter().map(|row| (row.id.clone(), super::peers::wire(row))).collect();
    let mut listed = published(&contracts, node.ambient.now());
    listed.retain(|(_, listing)| wanted(listing, &query));
    listed.sort_by(|(one, _), (other, _)| one.cmp(other));
    if order == SortOrder::Descending {
        listed.reverse();
    }
    // The key of the last entry shown is the cursor, so that changes in between neither repeat nor skip others.
    let after = cursor.as_deref();
    let seen = |key: &str| {
        after.is_some_and(|after| if order == SortOrder::Descending { key >= after } else { key <= after })
    };
    let mut rest = listed.into_iter().skip_while(|(key, _)| seen(key));
    let page: Vec<_> = rest.by_ref().take(usize::from(limit)).collect();
    let next = if rest.next().is_some() { page.last().map(|(key, _)| key.clone()) } else { None };
    let services = page.into_iter().map(|(_, listing)| listing.wire(&peers)).collect();
    Ok(Json(Services { services, pagination: Pagination { next_cursor: next.unwrap_or_default() } }))
}

/// A service that is listed, before names and addresses are looked up.
struct Listing {
    service: PublishedService,
    delegator: Option<ParticipantId>,
    properties: Option<serde_json::Map<String, serde_json::Value>>,
}

/// The listed services with their keys; a service that several contracts list appears once, as the newest has it.
fn published(contracts: &[StoredContract], now: Timestamp) -> Vec<(String, Listing)> {
    let mut newest: HashMap<String, (Timestamp, Listing)> = HashMap::new();
    for contract in contracts.iter().filter(|contract| contract.state(now) == ContractState::Valid) {
        for grant in &contract.content.grants {
            let Some(listing) = listing(grant) else { continue };
            let delegator = listing.delegator.as_ref().map(ParticipantId::value).unwrap_or_default();
            let key = format!("{}/{}/{delegator}", listing.service.provider.value(), listing.service.name);
            let created = contract.content.created_at;
            if newest.get(&key).is_none_or(|(earlier, _)| *earlier < created) {
                newest.insert(key, (created, listing));
            }
        }
    }
    newest.into_iter().map(|(key, (_, listing))| (key, listing)).collect()
}

fn listing(grant: &Grant) -> Option<Listing> {
    let (service, delegator) = match &grant.data {
        GrantData::ServicePublication { service, .. } => (service, None),
        GrantData::DelegatedServicePublication { service, delegator, .. } => {
            (service, Some(delegator.clone()))
        }
        _ => return None,
    };
    Some(Listing { service: service.clone(), delegator, properties: grant.properties.clone() })
}

/// Several filters are joined by OR (manager.yaml).
fn wanted(listing: &Listing, query: &ServicesQuery) -> bool {
    let peer = query.provider.as_ref().map(|provider| listing.service.provider == *provider);
    let name = query.name.as_deref().map(|part| contains(listing.service.name.as_str(), part));
    match (peer, name) {
        (None, None) => true,
        (peer, name) => peer.unwrap_or(false) || name.unwrap_or(false),
    }
}

fn contains(name: &str, part: &str) -> bool {
    name.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}

impl Listing {
    fn wire(self, peers: &HashMap<ParticipantId, Peer>) -> ServiceListing {
        let found = |id: &ParticipantId| {
            peers.get(id).cloned().unwrap_or_else(|| Peer { id: id.value().to_owned(), ..Peer::default() })
        };
        let (peer, name) = (found(&self.service.provider), self.service.name.as_str().to_owned());
        let (protocol, properties) = (self.service.protocol, self.properties);
        let data = match self.delegator {
            None => ListedService::Service { peer, name, protocol, properties },
            Some(delegator) => {
                let Peer { id, name: peer_name, .. } = found(&delegator);
                let delegator = ListedDelegator { peer_id: id, peer_name };
                ListedService::DelegatedService { delegator, peer, name, protocol, properties }
            }
        };
        ServiceListing { data }
    }
}

//! `POST /v1/contracts` and `GET /v1/contracts`.

use std::{cmp::Reverse, sync::Arc};

use axum::{
    Json,
    extract::{RawQuery, State},
    http::StatusCode,
};
use verbond_application::database_problem;
use verbond_store::{
    SortOrder, StoreError,
    contracts::{ContractFilter, ContractRow},
};

use super::{
    caller::{Bounded, Caller, Sender},
    failures::Refused,
};
use crate::{
    FscNode,
    protocol::{
        i_json,
        query::{ContractsQuery, MAXIMUM_LIMIT, Paging, QueryRefusal},
        wire::{Contracts, Pagination, Signatures, WireContract},
    },
};

/// Contracts that are read at a time.
const PORTION: usize = 4;
/// A page with this many bytes gets no more contracts. With the last portion it stays under the 8 MiB that this
/// program reads of an answer, as long as a message may have 1 MiB.
const ENOUGH_BYTES: usize = 4 * 1024 * 1024;

pub(super) async fn submit(
    State(node): State<Arc<FscNode>>,
    sender: Sender,
    Bounded(body): Bounded,
) -> Result<StatusCode, Refused> {
    node.receive_contract(sender.origin(), &body).await?;
    Ok(StatusCode::CREATED)
}

pub(super) async fn list(
    State(node): State<Arc<FscNode>>,
    Caller(caller): Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Contracts>, Refused> {
    let failed = database_problem;
    let mut filter =
        ContractFilter { participant: Some(caller.participant.clone()), ..ContractFilter::default() };
    match ContractsQuery::parse(query.as_deref().unwrap_or_default()).map_err(|refusal| refusal.problem())? {
        ContractsQuery::GrantHashes(hashes) => {
            let (mut rows, mut bytes) = (Vec::<ContractRow>::new(), 0_usize);
            for portion in hashes.chunks(PORTION) {
                filter.grant_hashes = portion.iter().map(|hash| hash.as_str().to_owned()).collect();
                let page = node.store.contracts(&filter, None, MAXIMUM_LIMIT.into(), SortOrder::Descending);
                for row in page.await.map_err(failed)?.items {
                    if rows.iter().all(|other| other.hash != row.hash) {
                        bytes = bytes.saturating_add(size(&row));
                        rows.push(row);
                    }
                }
                // There are no pages here: who asks for more than fits must ask for less.
                if bytes > ENOUGH_BYTES {
                    return Err(QueryRefusal::TooLong.problem().into());
                }
            }
            rows.sort_by_key(|row| Reverse(row.created_at));
            shown(rows, None)
        }
        ContractsQuery::Page { paging, grant_type } => {
            filter.grant_types = grant_type.iter().map(|grant_type| grant_type.as_str().to_owned()).collect();
            let Paging { cursor, limit, order } = paging;
            let (mut rows, mut next, mut bytes) = (Vec::new(), cursor, 0_usize);
            // In small portions, so that neither the answer nor what is read for it grows with what others store here.
            for portion in portions(limit.into()) {
                let page = node.store.contracts(&filter, next.as_deref(), portion, order).await;
                let page = page.map_err(failed)?;
                bytes = bytes.saturating_add(page.items.iter().map(size).sum());
                rows.extend(page.items);
                next = page.next;
                if next.is_none() || bytes >= ENOUGH_BYTES {
                    break;
                }
            }
            shown(rows, next)
        }
    }
}

/// How many contracts are read at a time, until there are `limit` of them.
fn portions(limit: i64) -> impl Iterator<Item = i64> {
    (0..limit).step_by(PORTION).map(move |done| (limit - done).min(PORTION as i64))
}

fn size(row: &ContractRow) -> usize {
    row.signatures
        .iter()
        .map(|signature| signature.jws.len())
        .sum::<usize>()
        .saturating_add(row.content.len())
}

fn shown(rows: Vec<ContractRow>, next: Option<String>) -> Result<Json<Contracts>, Refused> {
    let contracts: Result<Vec<WireContract>, Refused> = rows.iter().map(wire).collect();
    let pagination = Pagination { next_cursor: next.unwrap_or_default() };
    Ok(Json(Contracts { contracts: contracts?, pagination }))
}

fn wire(row: &ContractRow) -> Result<WireContract, Refused> {
    let damaged =
        |error: i_json::IJsonError| Refused(database_problem(StoreError::Damaged(error.to_string())));
    let content = i_json::parse(row.content.as_bytes()).map_err(damaged)?;
    let mut signatures = Signatures::default();
    for signature in &row.signatures {
        let kind = match signature.kind.as_str() {
            "accept" => &mut signatures.accept,
            "reject" => &mut signatures.reject,
            _ => &mut signatures.revoke,
        };
        kind.insert(signature.peer.value().to_owned(), signature.jws.clone());
    }
    Ok(WireContract { content, signatures })
}

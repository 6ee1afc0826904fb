//! `GET /v1/logs` (FSC Logging 1.1.0 §4): the permits in which the caller takes part.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Map, Value, json};
use verbond_application::database_problem;
use verbond_domain::{Direction, ParticipantId, Timestamp, TransactionId};
use verbond_store::records::{RecordFilter, TransactionRecord};

use super::{
    caller::Caller,
    failures::Refused,
    parameters::{MAXIMUM_LIMIT, Parameters},
};
use crate::FscNode;

pub(super) async fn list(
    State(node): State<Arc<FscNode>>,
    Caller(caller): Caller,
    parameters: Parameters,
) -> Result<Json<Value>, Refused> {
    let asked = parameters.list("transaction_ids")?;
    let mut filter = RecordFilter {
        visible_to: Some(caller.participant.clone()),
        permits_only: true,
        ..RecordFilter::default()
    };
    // With transaction ids, paging and the other filters are to be ignored (logging.yaml).
    let (cursor, limit) = if asked.is_empty() {
        filter.grant_hashes = parameters.list("grant_hash")?.into_iter().map(str::to_owned).collect();
        filter.service_names = parameters.list("service_name")?.into_iter().map(str::to_owned).collect();
        filter.after =
            parameters.seconds("after")?.map(|after| Timestamp::from_seconds(after.saturating_add(1)));
        filter.before = parameters.seconds("before")?.map(Timestamp::from_seconds);
        (parameters.cursor(), parameters.limit()?)
    } else {
        filter.transaction_ids = asked.iter().filter_map(|id| id.parse::<TransactionId>().ok()).collect();
        if filter.transaction_ids.is_empty() {
            return Ok(Json(page(Vec::new(), None)));
        }
        (None, MAXIMUM_LIMIT)
    };
    let found = node.store.transaction_records(&filter, cursor, limit, parameters.order()?).await;
    let found = found.map_err(|error| database_problem(&error))?;
    let next = found.next.filter(|_| asked.is_empty());
    Ok(Json(page(found.items.iter().filter_map(record).collect(), next)))
}

fn page(records: Vec<Value>, next: Option<String>) -> Value {
    json!({ "records": records, "pagination": { "next_cursor": next.unwrap_or_default() } })
}

/// A record as logging.yaml has it; one without the members that FSC demands is another protocol's.
pub(crate) fn record(record: &TransactionRecord) -> Option<Value> {
    let parties = &record.parties;
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("transaction_id", record.transaction_id?.to_string().into());
    put(
        "direction",
        match record.direction {
            Direction::Incoming => "DIRECTION_INCOMING",
            Direction::Outgoing => "DIRECTION_OUTGOING",
        }
        .into(),
    );
    put("grant_hash", record.wire.get("grant_hash")?.clone());
    put(
        "source",
        party(
            "SOURCE_TYPE",
            "SOURCE",
            "outway_peer_id",
            &parties.consumer,
            parties.consumer_delegator.as_ref(),
        ),
    );
    put(
        "destination",
        party(
            "DESTINATION_TYPE",
            "DESTINATION",
            "service_peer_id",
            &parties.provider,
            parties.provider_delegator.as_ref(),
        ),
    );
    put("service_name", parties.service.as_str().into());
    put("created_at", record.at.seconds().into());
    if let Some(additional) = record.wire.get("additional_data").filter(|it| it.is_object()) {
        put("additional_data", additional.clone());
    }
    Some(Value::Object(members))
}

fn party(
    prefix: &str,
    kind: &str,
    member: &str,
    peer: &ParticipantId,
    delegator: Option<&ParticipantId>,
) -> Value {
    match delegator {
        None => json!({ "type": format!("{prefix}_{kind}"), member: peer.value() }),
        Some(delegator) => json!({
            "type": format!("{prefix}_DELEGATED_{kind}"),
            member: peer.value(),
            "delegator_peer_id": delegator.value(),
        }),
    }
}

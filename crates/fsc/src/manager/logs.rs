//! `GET /v1/logs` (FSC Logging 1.1.0 §4): the permits in which the caller takes part.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use serde_json::Value;
use verbond_application::database_problem;
use verbond_store::{
    Page, SortOrder,
    records::{RecordFilter, TransactionRecord},
};

use super::{caller::Caller, failures::Refused};
use crate::{
    FscNode,
    protocol::{
        log_record::{LogRecord, LogRecords},
        query::{LogsQuery, MAXIMUM_LIMIT, Paging},
        wire::Pagination,
    },
};

pub(super) async fn list(
    State(node): State<Arc<FscNode>>,
    Caller(caller): Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<LogRecords>, Refused> {
    let mut filter = RecordFilter {
        visible_to: Some(caller.participant.clone()),
        permits_only: true,
        ..RecordFilter::default()
    };
    let query =
        LogsQuery::parse(query.as_deref().unwrap_or_default()).map_err(|refusal| refusal.problem())?;
    let page = match query {
        LogsQuery::Transactions(transaction_ids) => {
            filter.transaction_ids = transaction_ids;
            let page = node
                .store
                .transaction_records(&filter, None, MAXIMUM_LIMIT.into(), SortOrder::Descending)
                .await;
            page.map(|page| Page { next: None, ..page })
        }
        LogsQuery::Page {
            paging: Paging { cursor, limit, order },
            after,
            before,
            grant_hashes,
            services,
        } => {
            filter.grant_hashes = grant_hashes.iter().map(|hash| hash.as_str().to_owned()).collect();
            filter.service_names = services.iter().map(|name| name.as_str().to_owned()).collect();
            // A record shows its time in whole seconds, so that one of the same second is not after it.
            filter.after = after.map(|after| after.plus_seconds(1));
            filter.before = before;
            node.store.transaction_records(&filter, cursor.as_deref(), limit.into(), order).await
        }
    };
    let page = page.map_err(database_problem)?;
    let records = page.items.iter().filter_map(record).collect();
    Ok(Json(LogRecords { records, pagination: Pagination { next_cursor: page.next.unwrap_or_default() } }))
}

/// A record as the standard has it; one without the members that FSC demands is another protocol's.
fn record(record: &TransactionRecord) -> Option<LogRecord> {
    let transaction_id = record.transaction_id?.to_string();
    let grant_hash = record.wire.get("grant_hash").and_then(Value::as_str)?.to_owned();
    let additional_data = record.wire.get("additional_data").and_then(Value::as_object).cloned();
    let shown = LogRecord::new(transaction_id, record.direction, grant_hash, &record.parties, record.at);
    Some(LogRecord { additional_data, ..shown })
}

//! What has been exchanged and done, and what still has to reach others.
#![expect(unused_qualifications, reason = "the description macro writes paths of its own to the parameters")]

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;
use verbond_application::database_problem;
use verbond_domain::{Direction, ParticipantId, TransactionId};
use verbond_store::{SortOrder, records::RecordFilter};

use super::{
    Shared,
    extract::{Context, Paging, Query, given, parsed},
    failure::{Failure, ProblemDetails},
    views::{JournalLineView, List, OutboxView, RecordView},
};

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct RecordQuery {
    /// Only of this exchange.
    transaction_id: Option<String>,
    /// Only requests that came in, or went out.
    direction: Option<Direction>,
    /// Only of this service.
    service_name: Option<String>,
    /// Ask this participant for its records of exchanges with us, instead of our own.
    peer_id: Option<String>,
}

/// Which lines of the journal.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JournalQuery {
    /// `permit`, `refusal`, `processing`, `completion`, `witness`, `act`.
    kind: Option<String>,
}

/// Exchanges, permitted and refused, the newest first.
#[utoipa::path(get, path = "/v1/records", tag = "records", params(RecordQuery, Paging), responses(
    (status = 200, body = List<RecordView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(
    State(office): State<Shared>,
    Query(query): Query<RecordQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<List<RecordView>>, Failure> {
    let transactions: Option<TransactionId> =
        given(query.transaction_id).map(|id| parsed(&id)).transpose()?;
    let list = match given(query.peer_id) {
        Some(peer) => {
            let ids: Vec<String> = transactions.iter().map(ToString::to_string).collect();
            let records = office.fsc.records_of(&parsed::<ParticipantId>(&peer)?, &ids).await?;
            let scheme = office.fsc.rules().scheme();
            let views = records.iter().filter_map(|record| RecordView::of_peer(record, scheme));
            let wanted =
                |record: &RecordView| query.direction.is_none_or(|wanted| record.direction == wanted);
            List::whole(views.filter(wanted))
        }
        None => {
            let filter = RecordFilter {
                transaction_ids: transactions.into_iter().collect(),
                service_names: given(query.service_name).into_iter().collect(),
                direction: query.direction,
                ..RecordFilter::default()
            };
            let page = office.store.transaction_records(
                &filter,
                paging.cursor(),
                paging.limit(),
                SortOrder::Descending,
            );
            List::page(page.await.map_err(database_problem)?)
        }
    };
    Ok(Json(list))
}

/// The journal as it stands, the newest first.
#[utoipa::path(get, path = "/v1/journal", tag = "records", params(JournalQuery, Paging), responses(
    (status = 200, body = List<JournalLineView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn journal(
    Context(context): Context,
    Query(query): Query<JournalQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<List<JournalLineView>>, Failure> {
    let kind = query.kind.as_deref().filter(|kind| !kind.is_empty());
    let page =
        context.store.journal_lines(kind, paging.cursor(), paging.limit(), SortOrder::Descending).await;
    Ok(Json(List::page(page.map_err(database_problem)?)))
}

/// Messages that still have to reach other participants.
#[utoipa::path(get, path = "/v1/outbox", tag = "records", responses(
    (status = 200, body = List<OutboxView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn outbox(Context(context): Context) -> Result<Json<List<OutboxView>>, Failure> {
    let rows = context.store.outbox().await.map_err(database_problem)?;
    Ok(Json(List::whole(rows)))
}

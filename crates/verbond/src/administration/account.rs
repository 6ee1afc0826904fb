//! The account of exchanges: comparing it with what the other party tells, and whose data was processed for what.
#![expect(unused_qualifications, reason = "the description macro writes paths of its own to the parameters")]

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use verbond_account::{
    Exchange, Period, Person, Reconciliation, about_person, exchanges, processing_records, reconcile,
};
use verbond_agreement::{IdentifierKind, Moment};
use verbond_application::{OpContext, agreements::agreement_asked};
use verbond_domain::{Direction, ParticipantId, Problem};
use verbond_store::{
    exchanges::ExchangeFilter,
    processing::{ProcessingFilter, ProcessingRow},
};

use super::{
    Shared,
    extract::{Body, Context, Named, Paging, Query, given, moment, parsed},
    failure::{Failure, ProblemDetails},
    views::List,
};

/// Which period to compare.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PeriodAsked {
    /// Exchanges begun from this moment on (RFC 3339, whole seconds of UTC),
    after: String,
    /// and before this moment; without it, until now.
    #[serde(default)]
    before: Option<String>,
}

/// Compares what this node has written down of its exchanges with a participant with what that participant tells of them.
#[utoipa::path(post, path = "/v1/reconciliations/{participant}", tag = "account", params(("participant" = String, Path)),
    request_body = PeriodAsked, responses(
    (status = 200, body = Reconciliation),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn compare(
    State(office): State<Shared>,
    Context(context): Context,
    Named(participant): Named<ParticipantId>,
    Body(asked): Body<PeriodAsked>,
) -> Result<Json<Reconciliation>, Failure> {
    let now = context.ambient.now();
    let before = asked.before.as_deref().map(parsed::<Moment>).transpose()?;
    let period = Period {
        from: parsed::<Moment>(&asked.after)?.timestamp(),
        until: before.map_or(now, Moment::timestamp),
    };
    Ok(Json(reconcile(&context, office.counterparts.as_ref(), &participant, period).await?))
}

/// Which processing records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ProcessingQuery {
    /// Only of this exchange.
    transaction_id: Option<String>,
    /// Only of this version of a processing activity: the address at which it is published.
    activity: Option<String>,
    /// Only from this moment on (RFC 3339, whole seconds of UTC).
    after: Option<String>,
    /// Only before this moment.
    before: Option<String>,
}

impl ProcessingQuery {
    fn filter(self) -> Result<ProcessingFilter, Problem> {
        Ok(ProcessingFilter {
            transaction_id: given(self.transaction_id).map(|id| parsed(&id)).transpose()?,
            data_subjects: Vec::new(),
            activity: given(self.activity),
            after: moment(self.after)?,
            before: moment(self.before)?,
        })
    }
}

/// Which exchanges.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ExchangeQuery {
    /// Only this one.
    transaction_id: Option<String>,
    /// Only under this agreement: its identifier, `<identifier>/<version>`, or the hash of a version.
    agreement: Option<String>,
    /// Only for this version of a processing activity: the address at which it is published.
    activity: Option<String>,
    /// Only for this purpose.
    purpose: Option<String>,
    /// Only with this participant.
    counterpart: Option<String>,
    /// Only of a service with this name.
    service: Option<String>,
    /// Only from this moment on (RFC 3339, whole seconds of UTC).
    after: Option<String>,
    /// Only before this moment.
    before: Option<String>,
}

impl ExchangeQuery {
    async fn filter(self, context: &OpContext) -> Result<ExchangeFilter, Problem> {
        let agreement = match given(self.agreement) {
            Some(text) => Some(agreement_asked(context, &text).await?),
            None => None,
        };
        Ok(ExchangeFilter {
            transaction_id: given(self.transaction_id).map(|id| parsed(&id)).transpose()?,
            counterpart: given(self.counterpart).map(|id| parsed(&id)).transpose()?,
            service: given(self.service),
            activity: given(self.activity),
            agreement,
            purpose: given(self.purpose),
            after: moment(self.after)?,
            before: moment(self.before)?,
        })
    }
}

/// Exchanges of this participant, the oldest first: permitted or refused, under which agreement, for what, and what became of
/// them here. A page may hold fewer than asked for while more follow.
#[utoipa::path(get, path = "/v1/exchanges", tag = "account", params(ExchangeQuery, Paging), responses(
    (status = 200, body = List<Exchange>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn exchanged(
    Context(context): Context,
    Query(query): Query<ExchangeQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<List<Exchange>>, Failure> {
    let page = exchanges(&context, &query.filter(&context).await?, paging.cursor(), paging.limit()).await?;
    Ok(Json(List { items: page.items, next: page.next }))
}

/// About whom records are looked for. Asked in the body, so that the number stands in no address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonAsked {
    /// Which kind of number it is.
    identifies: IdentifierKind,
    /// The number.
    identifier: String,
    /// Only from this moment on.
    #[serde(default)]
    after: Option<String>,
    /// Only before this moment.
    #[serde(default)]
    before: Option<String>,
}

/// A processing record, with the exchange that it is of.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProcessingView {
    /// Identifier of the journal's entry.
    pub id: String,
    /// The exchange.
    pub transaction_id: String,
    /// Seen from this node.
    pub direction: Direction,
    /// The party at the other end.
    pub counterpart: String,
    /// The record of Logboek Dataverwerkingen 1.0.0, under its names.
    #[schema(value_type = Object)]
    pub record: Value,
}

impl From<ProcessingRow> for ProcessingView {
    fn from(row: ProcessingRow) -> Self {
        Self {
            id: row.id.to_string(),
            transaction_id: row.transaction_id.to_string(),
            direction: row.direction,
            counterpart: row.counterpart.to_string(),
            record: serde_json::to_value(row.record).unwrap_or_default(),
        }
    }
}

/// Processing records of this participant, the oldest first.
#[utoipa::path(get, path = "/v1/processing-records", tag = "account", params(ProcessingQuery, Paging), responses(
    (status = 200, body = List<ProcessingView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn records(
    Context(context): Context,
    Query(query): Query<ProcessingQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<List<ProcessingView>>, Failure> {
    let page = processing_records(&context, &query.filter()?, paging.cursor(), paging.limit()).await?;
    Ok(Json(List::page(page)))
}

/// Processing records about one person, the oldest first. That somebody was looked for is journalled.
#[utoipa::path(post, path = "/v1/processing-records/search", tag = "account", params(Paging), request_body = PersonAsked,
    responses(
    (status = 200, body = List<ProcessingView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn search(
    State(office): State<Shared>,
    Context(context): Context,
    Query(paging): Query<Paging>,
    Body(asked): Body<PersonAsked>,
) -> Result<Json<List<ProcessingView>>, Failure> {
    let PersonAsked { identifies, identifier, after, before } = asked;
    let filter =
        ProcessingFilter { after: moment(after)?, before: moment(before)?, ..ProcessingFilter::default() };
    let person = Person { identifies, identifier };
    let (cursor, limit) = (paging.cursor(), paging.limit());
    let page = about_person(&context, &office.limits, &person, filter, cursor, limit).await?;
    Ok(Json(List::page(page)))
}

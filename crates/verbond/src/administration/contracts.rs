//! Contracts with other participants.
#![expect(unused_qualifications, reason = "the description macro writes paths of its own to the parameters")]

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use verbond_application::database_problem;
use verbond_domain::{ParticipantId, ServiceName};
use verbond_fsc::{
    ConnectionProposal, Proposed, PublicationProposal, StoredContract, protocol::grant::OutwayIdentification,
};
use verbond_store::{SortOrder, contracts::ContractFilter};
use verbond_trust::PublicKeyThumbprint;

use super::{
    Shared,
    contract_views::ContractView,
    extract::{Body, Context, Named, Paging, Query, given, parsed},
    failure::{Failure, ProblemDetails, unreadable},
    full_page::full_page,
    views::List,
};

/// Contracts that are looked at together for those in a state.
const LOOKED_AT: i64 = 1000;
/// Which contracts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ContractQuery {
    /// Only contracts in this state.
    state: Option<String>,
    /// Only contracts that name this participant.
    peer_id: Option<String>,
    /// Only the contract with a grant of this hash, under either reading.
    grant_hash: Option<String>,
}

/// A contract for the use of a service, as it is to be.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// Who offers the service.
    provider: ParticipantId,
    /// The service.
    service: ServiceName,
    /// For how many days; 365 if absent.
    #[serde(default)]
    days: Option<i64>,
    /// Recognise the outway by this host name of its certificate; absent: by its key.
    #[serde(default)]
    domain_name: Option<String>,
    /// Recognise the outway by this public key (SHA-256, hexadecimal) instead of the one in use.
    #[serde(default)]
    public_key_thumbprint: Option<String>,
    /// Use it on behalf of this participant, who must accept too.
    #[serde(default)]
    delegator: Option<ParticipantId>,
    /// The provider offers it on behalf of this participant, who must accept too.
    #[serde(default)]
    service_delegator: Option<ParticipantId>,
    /// Properties of the grant.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    properties: Option<Map<String, Value>>,
}

/// The publication of a service, as it is to be.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// Which directory; absent: the group's first.
    #[serde(default)]
    directory: Option<String>,
    /// Offer it on behalf of this participant, who must accept too.
    #[serde(default)]
    delegator: Option<ParticipantId>,
    /// For how many days; 365 if absent.
    #[serde(default)]
    days: Option<i64>,
}

/// All contracts, the newest first. A page with few in the state asked for among many others may hold fewer than
/// `limit` and still have a next one.
#[utoipa::path(get, path = "/v1/contracts", tag = "contracts", params(ContractQuery, Paging), responses(
    (status = 200, body = List<ContractView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(
    State(office): State<Shared>,
    Query(query): Query<ContractQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<List<ContractView>>, Failure> {
    let failed = database_problem;
    let filter = ContractFilter {
        participant: given(query.peer_id).map(|id| parsed(&id)).transpose()?,
        grant_types: Vec::new(),
        grant_hashes: given(query.grant_hash).into_iter().collect(),
    };
    let (now, scheme, state) = (office.ambient.now(), office.fsc.rules().scheme(), given(query.state));
    let (office, filter, state_asked) = (&office, &filter, &state);
    let page = move |cursor: Option<String>, limit: i64| async move {
        let page = office
            .store
            .contracts(filter, cursor.as_deref(), limit, SortOrder::Descending)
            .await
            .map_err(failed)?;
        let mut places = Vec::new();
        for (row, place) in page.items.into_iter().zip(1..) {
            let view = ContractView::of(&StoredContract::read(Arc::new(row), scheme).map_err(failed)?, now);
            if state_asked.as_ref().is_none_or(|state| view.state == *state) {
                places.push((place, view));
            }
        }
        Ok::<_, Failure>((places, page.next))
    };

    // The state follows from signatures and time, which the database cannot select by.
    let together = if state.is_some() { LOOKED_AT } else { paging.limit() };
    let (items, next) = full_page(paging.cursor(), paging.limit(), together, page).await?;
    Ok(Json(List { items, next }))
}

/// One contract.
#[utoipa::path(get, path = "/v1/contracts/{hash}", tag = "contracts", params(("hash" = String, Path)), responses(
    (status = 200, body = ContractView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn get(
    State(office): State<Shared>,
    Named(hash): Named<String>,
) -> Result<Json<ContractView>, Failure> {
    Ok(shown(&office, &office.fsc.contract(&hash).await?))
}

/// Proposes a contract for the use of a service; the one that stands already is given back with 200.
#[utoipa::path(post, path = "/v1/contracts", tag = "contracts", request_body = Proposal, responses(
    (status = 201, body = ContractView),
    (status = 200, body = ContractView, description = "this contract stood already"),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn propose(
    State(office): State<Shared>,
    Context(context): Context,
    Body(proposal): Body<Proposal>,
) -> Result<(StatusCode, Json<ContractView>), Failure> {
    let identification = match (proposal.domain_name, proposal.public_key_thumbprint) {
        (None, None) => None,
        (Some(name), None) => Some(OutwayIdentification::DomainName(name.to_ascii_lowercase())),
        (None, Some(thumbprint)) => Some(OutwayIdentification::PublicKeyThumbprint(
            PublicKeyThumbprint::parse(&thumbprint).ok_or_else(|| unreadable("`public_key_thumbprint`"))?,
        )),
        (Some(_), Some(_)) => {
            return Err(unreadable("`domain_name` and `public_key_thumbprint` exclude each other").into());
        }
    };
    let proposal = ConnectionProposal {
        provider: proposal.provider,
        service: proposal.service,
        identification,
        delegator: proposal.delegator,
        service_delegator: proposal.service_delegator,
        days: proposal.days,
        properties: proposal.properties,
    };
    Ok(proposed(&office, &office.fsc.propose_connection(&context.actor, proposal).await?))
}

/// Proposes to a directory that it lists a service of this node.
#[utoipa::path(post, path = "/v1/services/{name}/publications", tag = "contracts",
    params(("name" = ServiceName, Path)), request_body = Publication, responses(
    (status = 201, body = ContractView),
    (status = 200, body = ContractView, description = "this contract stood already"),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn publish(
    State(office): State<Shared>,
    Context(context): Context,
    Named(service): Named<ServiceName>,
    Body(publication): Body<Publication>,
) -> Result<(StatusCode, Json<ContractView>), Failure> {
    let scheme = office.fsc.rules().scheme();
    let directory = publication.directory.as_deref().map(|id| match id.contains(':') {
        true => parsed(id),
        false => parsed(&format!("{}:{id}", scheme.as_str())),
    });
    let directory = directory.transpose()?;
    let Publication { delegator, days, .. } = publication;
    let proposal = PublicationProposal { service, directory, delegator, days, properties: None };
    Ok(proposed(&office, &office.fsc.publish_service(&context.actor, proposal).await?))
}

/// Accepts a contract for this participant.
#[utoipa::path(post, path = "/v1/contracts/{hash}/accept", tag = "contracts", params(("hash" = String, Path)),
    responses(
    (status = 200, body = ContractView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn accept(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
) -> Result<Json<ContractView>, Failure> {
    Ok(shown(&office, &office.fsc.accept(&context.actor, &hash).await?))
}

/// Refuses a contract that others propose.
#[utoipa::path(post, path = "/v1/contracts/{hash}/reject", tag = "contracts", params(("hash" = String, Path)),
    responses(
    (status = 200, body = ContractView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn reject(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
) -> Result<Json<ContractView>, Failure> {
    Ok(shown(&office, &office.fsc.reject(&context.actor, &hash).await?))
}

/// Ends a contract.
#[utoipa::path(post, path = "/v1/contracts/{hash}/revoke", tag = "contracts", params(("hash" = String, Path)),
    responses(
    (status = 200, body = ContractView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn revoke(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
) -> Result<Json<ContractView>, Failure> {
    Ok(shown(&office, &office.fsc.revoke(&context.actor, &hash).await?))
}

fn shown(office: &Shared, contract: &StoredContract) -> Json<ContractView> {
    Json(ContractView::of(contract, office.ambient.now()))
}

fn proposed(office: &Shared, proposed: &Proposed) -> (StatusCode, Json<ContractView>) {
    let status = if proposed.created { StatusCode::CREATED } else { StatusCode::OK };
    (status, shown(office, &proposed.contract))
}

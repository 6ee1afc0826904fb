//! Other participants and the group's directories.
#![expect(unused_qualifications, reason = "the description macro writes paths of its own to the parameters")]

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use verbond_agreement::Prose;
use verbond_application::database_problem;
use verbond_domain::{ParticipantId, Problem};
use verbond_store::SortOrder;

use super::{
    Shared,
    contract_views::ListedServiceView,
    extract::{Body, Context, Named, Paging, Query, given, parsed},
    failure::{Failure, ProblemDetails},
    views::{List, PeerView},
};

/// Which participants.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PeerQuery {
    /// Part of the name.
    name: Option<String>,
}

/// Which services of the directory.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct DirectoryQuery {
    /// Services of this participant.
    peer_id: Option<String>,
    /// Services with this in their name.
    service_name: Option<String>,
}

/// That a participant runs another program.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForeignPeer {
    /// It takes no properties into a contract, so that what it accepts names no agreement.
    #[serde(default)]
    without_properties: bool,
    /// Why.
    reason: Prose,
}

/// A directory that an announcement is on its way to.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnnouncementView {
    /// The directory, or a counterpart when the address has changed.
    pub to: ParticipantId,
}

/// The participants that this node has met, by name.
#[utoipa::path(get, path = "/v1/peers", tag = "peers", params(PeerQuery, Paging), responses(
    (status = 200, body = List<PeerView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(
    Context(context): Context,
    Query(query): Query<PeerQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<List<PeerView>>, Failure> {
    let name = query.name.as_deref().filter(|name| !name.is_empty());
    let page = context.store.peers(name, &[], paging.cursor(), paging.limit(), SortOrder::Ascending).await;
    let page = page.map_err(database_problem)?;
    let spoken = context.store.peer_interfaces().await.map_err(database_problem)?;
    let mut list = List::<PeerView>::page(page);
    list.items = list
        .items
        .into_iter()
        .map(|peer| {
            let known = spoken.get(&peer.id).copied();
            peer.speaking(known)
        })
        .collect();
    Ok(Json(list))
}

/// One participant.
#[utoipa::path(get, path = "/v1/peers/{id}", tag = "peers", params(("id" = ParticipantId, Path)), responses(
    (status = 200, body = PeerView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn get(
    Context(context): Context,
    Named(id): Named<ParticipantId>,
) -> Result<Json<PeerView>, Failure> {
    let found = context.store.peer(&id).await.map_err(database_problem)?;
    let spoken = context.store.peer_interface(&id).await.map_err(database_problem)?;
    let peer = PeerView::from(found.ok_or_else(|| unknown(&id))?);
    Ok(Json(peer.speaking(spoken.map(|row| row.interface))))
}

/// Records that a participant runs another program, also when it has answered as a node of Verbond before. What is agreed
/// with it then comes into force by its accept on the wire. It lasts until the participant answers so again.
#[utoipa::path(post, path = "/v1/peers/{id}/foreign", tag = "peers", params(("id" = ParticipantId, Path)),
    request_body = ForeignPeer, responses((status = 200, body = PeerView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn foreign(
    State(office): State<Shared>,
    Context(context): Context,
    Named(id): Named<ParticipantId>,
    Body(body): Body<ForeignPeer>,
) -> Result<Json<PeerView>, Failure> {
    let found = context.store.peer(&id).await.map_err(database_problem)?;
    let peer = PeerView::from(found.ok_or_else(|| unknown(&id))?);
    let row = office.agreements.declare_foreign(&context, &id, !body.without_properties, body.reason).await?;
    Ok(Json(peer.speaking(Some(row.interface))))
}

/// Tells the group's directories where this node is. The messages go through the outbox.
#[utoipa::path(post, path = "/v1/announcements", tag = "peers", responses(
    (status = 200, body = List<AnnouncementView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn announce(
    State(office): State<Shared>,
    Context(context): Context,
) -> Result<Json<List<AnnouncementView>>, Failure> {
    let to = office.fsc.announce(&context.actor).await?;
    Ok(Json(List::whole(to.into_iter().map(|to| AnnouncementView { to }))))
}

/// Asks the group's directories which services there are. Several parameters are joined by AND.
#[utoipa::path(get, path = "/v1/directory-services", tag = "peers", params(DirectoryQuery), responses(
    (status = 200, body = List<ListedServiceView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn find_services(
    State(office): State<Shared>,
    Query(query): Query<DirectoryQuery>,
) -> Result<Json<List<ListedServiceView>>, Failure> {
    let provider = given(query.peer_id).map(|id| parsed::<ParticipantId>(&id)).transpose()?;
    let found = office.fsc.find_services(provider.as_ref(), given(query.service_name).as_deref()).await?;
    let scheme = office.fsc.rules().scheme();
    Ok(Json(List::whole(found.into_iter().filter_map(|listing| ListedServiceView::read(listing, scheme)))))
}

fn unknown(id: &ParticipantId) -> Problem {
    Problem::new(
        "PEER_UNKNOWN",
        404,
        format!("Dit knooppunt heeft {id} nog niet ontmoet."),
        format!("this node has not met {id}"),
    )
    .next("Bekijk `verbond peer list`.", "see `verbond peer list`")
}

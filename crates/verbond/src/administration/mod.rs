//! The administration API: what the command line, programs and later the console ask of a node.
//!
//! Handlers read the request, call one function of the rooms below, and show the answer. Who may do what stands in
//! [`authorization`]; every change carries its author into the journal.

mod account;
mod agreements;
mod amendments;
mod applications;
mod authorization;
mod backups;
mod contract_views;
mod contracts;
mod decisions;
mod entrances;
mod evidence;
mod extract;
mod failure;
mod full_page;
mod journal;
mod keys;
mod lines;
mod losses;
mod node;
mod peers;
mod persons;
mod readings;
mod records;
mod registers;
mod retention;
mod samples;
mod services;
#[cfg(test)]
mod tests;
mod views;
mod withdrawals;

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use verbond_account::Halves;
use verbond_application::{
    OpContext, agreements::AgreementOffice, checkpoints::Checkpoints, limits::Limits,
    snapshot::SnapshotKeeper,
};
use verbond_domain::{Actor, Ambient, ApplicationName};
use verbond_fsc::FscNode;
use verbond_gateway::SourceSamples;
use verbond_node_api::AccountReader;
use verbond_store::Store;
use verbond_tiles::Publication;

pub use self::{
    authorization::matrix,
    entrances::{for_operator, for_operator_of_part, for_persons, metrics_router},
    extract::Caller,
    failure::{Failure, absent},
    views::{DeclarationView, List},
};
use crate::{
    backup::Backups,
    design_rules,
    node::{Health, Metrics, Reloader},
};

/// Longest that an answer waits until this process's gateways decide on what it confirms.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(1);

/// What the handlers work with.
pub struct Office {
    /// The node's database.
    pub store: Store,
    /// Time and randomness.
    pub ambient: Ambient,
    /// The FSC face.
    pub fsc: Arc<FscNode>,
    /// Where agreements are kept.
    pub agreements: Arc<AgreementOffice>,
    /// Asks sources for samples.
    pub samples: Arc<SourceSamples>,
    /// Keys of pseudonyms, by which people are found.
    pub limits: Arc<Limits>,
    /// The journal's checkpoints.
    pub checkpoints: Arc<Checkpoints>,
    /// Places where the journal's tree is published.
    pub publications: Vec<Arc<Publication>>,
    /// Asks other participants what they have written down of exchanges.
    pub counterparts: Arc<AccountReader>,
    /// Asks other participants for their half of an exchange.
    pub halves: Arc<Halves>,
    /// What this process's gateways decide on.
    pub snapshots: Arc<SnapshotKeeper>,
    /// Reads trust anchors, certificates and revocation lists again.
    pub reloader: Reloader,
    /// Makes backups.
    pub backups: Backups,
    /// Whether the node is well.
    pub health: Arc<Health>,
    /// The node's figures.
    pub metrics: Arc<Metrics>,
    /// Where the outway's Unix sockets are.
    pub sockets: PathBuf,
    /// Addresses that the node listens on, by name.
    pub listening: Value,
    /// Bytes in a body at most.
    pub maximum_body_bytes: usize,
}

/// As handlers get it.
pub type Shared = Arc<Office>;

impl Office {
    fn context(&self, actor: Actor) -> OpContext {
        OpContext { actor, ambient: self.ambient.clone(), store: self.store.clone() }
    }

    fn socket_of(&self, application: &ApplicationName) -> String {
        self.sockets.join(format!("{application}.sock")).display().to_string()
    }
}

/// Verbond administration API
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Verbond administration API",
        version = "1.0.0",
        description = "Administration of one node, over its Unix socket (technical acts) or by persons who are enrolled, \
            over mutual TLS. Names are `snake_case`; moments are RFC 3339 in UTC; errors are problem details (RFC 9457) \
            with a stable `code`, a sentence in Dutch and English, and what to do next. Lists are \
            `{items, next}`: give `next` as `cursor` to go on.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "the node's administration socket or address")),
    tags(
        (name = "node", description = "The node itself"),
        (name = "services", description = "Data services that this node offers"),
        (name = "applications", description = "The organisation's own applications"),
        (name = "peers", description = "Other participants and the group's directories"),
        (name = "contracts", description = "Contracts with other participants"),
        (name = "registers", description = "Legal grounds, processing activities, described services, assessments"),
        (name = "agreements", description = "Agreements with other participants"),
        (name = "account", description = "What became of exchanges, whether the other party says the same, and whose data was processed"),
        (name = "decisions", description = "Decisions on exchanges, and taking them again"),
        (name = "records", description = "What has been exchanged and done"),
        (name = "persons", description = "The people who act for the organisation, each with a key of their own"),
    )
)]
struct Description;

fn described() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(node::live))
        .routes(routes!(node::ready))
        .routes(routes!(node::metrics))
        .routes(routes!(node::openapi))
        .routes(routes!(node::show))
        .routes(routes!(node::reload))
        .routes(routes!(backups::make))
        .routes(routes!(services::list))
        .routes(routes!(services::get, services::put, services::remove))
        .routes(routes!(services::decide))
        .routes(routes!(contracts::publish))
        .routes(routes!(peers::find_services))
        .routes(routes!(peers::list))
        .routes(routes!(peers::get))
        .routes(routes!(peers::announce))
        .routes(routes!(peers::foreign))
        .routes(routes!(contracts::list, contracts::propose))
        .routes(routes!(contracts::get))
        .routes(routes!(contracts::accept))
        .routes(routes!(contracts::reject))
        .routes(routes!(contracts::revoke))
        .routes(routes!(keys::replace))
        .routes(routes!(keys::superseded))
        .routes(routes!(keys::revoke_superseded))
        .routes(routes!(applications::list))
        .routes(routes!(applications::get, applications::put, applications::remove))
        .routes(routes!(applications::bind, applications::unbind))
        .routes(routes!(registers::list))
        .routes(routes!(registers::versions, registers::put))
        .routes(routes!(registers::end))
        .routes(routes!(registers::confirm))
        .routes(routes!(agreements::list, agreements::draft))
        .routes(routes!(agreements::get, agreements::discard))
        .routes(routes!(agreements::document))
        .routes(routes!(agreements::findings))
        .routes(routes!(agreements::text))
        .routes(routes!(samples::sample))
        .routes(routes!(amendments::changes))
        .routes(routes!(amendments::amend))
        .routes(routes!(amendments::amend_from_refusal))
        .routes(routes!(readings::list, readings::read))
        .routes(routes!(agreements::advise))
        .routes(routes!(agreements::offer))
        .routes(routes!(agreements::bind))
        .routes(routes!(agreements::sign))
        .routes(routes!(agreements::refuse))
        .routes(routes!(agreements::withdraw))
        .routes(routes!(agreements::suspend))
        .routes(routes!(agreements::resume))
        .routes(routes!(agreements::revoke))
        .routes(routes!(account::compare))
        .routes(routes!(account::reconciled))
        .routes(routes!(account::exchanged))
        .routes(routes!(account::exchange))
        .routes(routes!(account::records))
        .routes(routes!(account::search))
        .routes(routes!(evidence::get))
        .routes(routes!(journal::head))
        .routes(routes!(journal::witnessed))
        .routes(routes!(decisions::list))
        .routes(routes!(decisions::get))
        .routes(routes!(decisions::replay))
        .routes(routes!(decisions::replays))
        .routes(routes!(withdrawals::preview))
        .routes(routes!(withdrawals::list, withdrawals::withdraw))
        .routes(routes!(withdrawals::tasks))
        .routes(routes!(withdrawals::done))
        .routes(routes!(records::list))
        .routes(routes!(records::journal))
        .routes(routes!(records::outbox))
        .routes(routes!(retention::show))
        .routes(routes!(retention::holds, retention::hold))
        .routes(routes!(retention::release))
        .routes(routes!(losses::list, losses::declare))
        .routes(routes!(persons::list, persons::add))
        .routes(routes!(persons::get))
        .routes(routes!(persons::invite))
        .routes(routes!(persons::put_certificate))
        .routes(routes!(persons::set_roles))
        .routes(routes!(persons::disable))
        .routes(routes!(persons::enrol))
}

/// The OpenAPI description, generated from the handlers.
pub fn openapi() -> Value {
    design_rules::describe(serde_json::to_value(described().into_openapi()).unwrap_or_default())
}

/// The routes. Each request must bring a [`Caller`] as extension.
fn router(office: Shared) -> Router {
    routed(office, described())
}

/// The routes of a process that does not administer the node, only itself: another one does.
fn router_of_part(office: Shared) -> Router {
    let own = OpenApiRouter::new()
        .routes(routes!(node::live))
        .routes(routes!(node::ready))
        .routes(routes!(node::metrics))
        .routes(routes!(node::show))
        .routes(routes!(node::reload));
    routed(office, own)
}

fn routed(office: Shared, described: OpenApiRouter<Shared>) -> Router {
    let limit = DefaultBodyLimit::max(office.maximum_body_bytes);
    let (routes, _) = described.split_for_parts();
    routes
        .route_layer(middleware::from_fn_with_state(Arc::clone(&office), in_force))
        .route_layer(middleware::from_fn(authorization::enforce))
        .fallback(async || Failure(absent()).into_response())
        .method_not_allowed_fallback(async || Failure(failure::not_allowed()).into_response())
        .layer(middleware::from_fn(design_rules::fields))
        .layer(limit)
        .with_state(office)
}

/// Confirms a change when this process's gateways decide on it: the next request is served by what it set.
async fn in_force(State(office): State<Shared>, request: Request, next: Next) -> Response {
    let changes = !request.method().is_safe();
    let response = next.run(request).await;
    if changes && response.status().is_success() {
        let wait = async {
            if let Ok(generation) = office.store.generation().await {
                office.snapshots.caught_up(generation).await;
            }
        };
        // What has been committed stands, and is confirmed, also when it is not in force here yet.
        if tokio::time::timeout(IN_FORCE_WITHIN, wait).await.is_err() {
            tracing::warn!("a change was confirmed before the gateways of this process decide on it");
        }
    }
    response
}

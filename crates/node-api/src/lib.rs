//! What nodes of this program tell each other beside the group's protocol, under `/verbond/v1` on the manager's port:
//! agreements and what parties state about them.
//!
//! A participant that answers 404 here is a foreign one: it takes part over the group's protocol alone.
#![forbid(unsafe_code)]

mod answer;
mod caller;
mod courier;
mod routes;

use std::sync::Arc;

use verbond_application::agreements::AgreementOffice;
use verbond_domain::Ambient;
use verbond_store::Store;
use verbond_transport::Client;

pub use courier::AgreementCourier;

/// What the interface works on. One per process.
pub struct NodeApi {
    /// Where this participant keeps its agreements.
    pub office: Arc<AgreementOffice>,
    /// The node's database.
    pub store: Store,
    /// Time and randomness.
    pub ambient: Ambient,
    /// Dials other participants.
    pub peers: Client,
}

impl NodeApi {
    /// The routes, to be served behind mutual TLS beside the manager's.
    pub fn router(self: &Arc<Self>) -> axum::Router {
        routes::router(Arc::clone(self))
    }

    /// The OpenAPI description, generated from the handlers.
    pub fn openapi() -> serde_json::Value {
        routes::openapi()
    }
}

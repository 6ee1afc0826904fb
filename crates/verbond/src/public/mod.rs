//! The read-only listener for everybody: what stewards have declared about services, here and elsewhere.

mod rate;

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderValue, header::RETRY_AFTER},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use verbond_application::snapshot::SnapshotKeeper;
use verbond_domain::{ParticipantId, Problem, ServiceName};
use verbond_transport::Connection;

use self::rate::Limiter;
use crate::administration::{DeclarationView, Failure, List, absent};

/// What the public handlers work with.
pub struct Counter {
    /// This participant.
    pub own: ParticipantId,
    /// What is known.
    pub snapshots: Arc<SnapshotKeeper>,
    limiter: Limiter,
}

impl Counter {
    /// With a bound on how many requests one network may make in a minute.
    pub fn new(own: ParticipantId, snapshots: Arc<SnapshotKeeper>, requests_per_minute: u32) -> Arc<Self> {
        Arc::new(Self { own, snapshots, limiter: Limiter::new(requests_per_minute) })
    }
}

/// A service with what its steward declared.
#[derive(Debug, Serialize)]
struct OwnService {
    name: ServiceName,
    provider: ParticipantId,
    declaration: PublicDeclaration,
}

/// A foreign service with what this organisation's steward declared.
#[derive(Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct ForeignService {
    reference: String,
    declaration: PublicDeclaration,
}

/// A declaration without the credential with which it was made.
#[derive(Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct PublicDeclaration {
    class: String,
    steward: String,
    reason: String,
    declared_at: String,
}

impl From<DeclarationView> for PublicDeclaration {
    fn from(view: DeclarationView) -> Self {
        let DeclarationView { class, steward, reason, declared_at, .. } = view;
        Self { class: class.as_str().to_owned(), steward, reason, declared_at }
    }
}

/// The routes.
pub fn router(counter: Arc<Counter>) -> Router {
    Router::new()
        .route("/v1/services", get(services))
        .route("/v1/declarations", get(declarations))
        .route("/health/live", get(async || Json(serde_json::json!({ "ok": true }))))
        .fallback(async || Failure(absent()).into_response())
        .layer(middleware::from_fn_with_state(Arc::clone(&counter), limit))
        .with_state(counter)
}

async fn services(State(counter): State<Arc<Counter>>) -> Result<Json<List<OwnService>>, Failure> {
    let snapshot = counter.snapshots.current().map_err(|_| stale())?;
    let mut items: Vec<OwnService> = snapshot
        .services
        .values()
        .map(|row| OwnService {
            name: row.name.clone(),
            provider: counter.own.clone(),
            declaration: DeclarationView::from(row.declaration.clone()).into(),
        })
        .collect();
    items.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(Json(List { items, next: None }))
}

async fn declarations(State(counter): State<Arc<Counter>>) -> Result<Json<List<ForeignService>>, Failure> {
    let snapshot = counter.snapshots.current().map_err(|_| stale())?;
    let bindings = snapshot.applications.values().flat_map(|application| application.bindings.iter());
    let mut items: Vec<ForeignService> = bindings
        .filter_map(|binding| {
            let declaration = binding.declaration.clone()?;
            Some(ForeignService {
                reference: binding.service.to_string(),
                declaration: DeclarationView::from(declaration).into(),
            })
        })
        .collect();
    // Which applications there are, and how many bind the same service, is nobody's business.
    items.sort();
    items.dedup();
    Ok(Json(List { items, next: None }))
}

async fn limit(State(counter): State<Arc<Counter>>, request: Request, next: Next) -> Response {
    let remote = request.extensions().get::<Connection>().and_then(|connection| connection.remote);
    // Without an address, as in a test, everybody shares one.
    let address = remote.map_or(IpAddr::from([0, 0, 0, 0]), |remote| remote.ip());
    if counter.limiter.admits(address) {
        return next.run(request).await;
    }
    let problem = Problem::new(
        "TOO_MANY_REQUESTS",
        429,
        "Uit uw netwerk komen te veel verzoeken.",
        "there are too many requests from your network",
    )
    .next("Probeer het over een minuut opnieuw.", "try again in a minute");
    let mut response = Failure(problem).into_response();
    let wait = HeaderValue::from_static("60");
    response.headers_mut().insert(RETRY_AFTER, wait);
    response
}

fn stale() -> Problem {
    Problem::new(
        "PICTURE_STALE",
        503,
        "Dit knooppunt kan nu niet instaan voor wat het weet.",
        "this node cannot vouch for what it knows now",
    )
    .next("Probeer het zo opnieuw.", "try again shortly")
}

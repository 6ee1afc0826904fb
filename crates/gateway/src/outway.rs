//! The outway: from an application's request to another participant's inway, layer by layer.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode, header::WWW_AUTHENTICATE};
use hyper::body::Incoming;
use verbond_application::{exchange, snapshot::Snapshot};
use verbond_domain::{Direction, Problem, TransactionId};
use verbond_journal::Permit;
use verbond_store::applications::ApplicationRow;
use verbond_transport::{Body, Client, Connection, Handler};

use crate::{
    Credentials, Failure, Gateway, OutboundFace, OutboundRequest, PreparedOutbound, Refusal, RefusalRecord,
    applications::Applications,
    entrance,
    forward::{self, Unanswered},
    guarded, headers,
    in_flight::InFlight,
    record,
    routes::{self, Route},
};

const DIRECTION: Direction = Direction::Outgoing;
/// How often a request is prepared again because our certificate was replaced before it was sent.
const PREPARATIONS: usize = 3;

/// Answers the requests of this organisation's applications to services of other participants.
pub struct Outway {
    gateway: Gateway,
    face: Arc<dyn OutboundFace>,
    peers: Client,
    applications: Applications,
    in_flight: Arc<InFlight>,
}

/// A refusal on its way to the application.
struct Refused {
    problem: Problem,
    transaction_id: Option<TransactionId>,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { problem, transaction_id: None }
    }
}

impl Outway {
    /// An outway that calls other participants with `peers` (from [`Client::peers`]).
    pub fn new(gateway: Gateway, face: Arc<dyn OutboundFace>, peers: Client) -> Arc<Self> {
        let in_flight = gateway.watch(DIRECTION);
        Arc::new(Self { gateway, face, peers, applications: Applications::default(), in_flight })
    }

    /// The handler for a listener on which applications prove who they are in this way.
    pub fn for_applications(self: &Arc<Self>, credentials: Credentials) -> Arc<dyn Handler> {
        Arc::new(Entrance { outway: Arc::clone(self), credentials })
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
        credentials: &Credentials,
    ) -> Response<Body> {
        match self.exchange(request, connection, credentials).await {
            Ok(response) => response,
            Err(refused) => {
                let mut response = self.face.response(&refused.problem, refused.transaction_id.as_ref());
                if response.status() == StatusCode::UNAUTHORIZED {
                    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                }
                response
            }
        }
    }

    async fn exchange(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
        credentials: &Credentials,
    ) -> Result<Response<Body>, Refused> {
        let gateway = &self.gateway;
        let (mut head, body) = request.into_parts();

        // Limits and method: before anything that costs.
        let place = self.in_flight.enter().ok_or_else(|| self.stranger(Failure::Overloaded))?;
        entrance::enter(&mut head).map_err(|failure| self.stranger(failure))?;

        // What is known: everything below decides on this one picture.
        let snapshot = gateway.snapshots.current().map_err(|_| self.stranger(Failure::Stale))?;

        // Who is it. Its credential goes no further.
        let application = self
            .applications
            .identify(credentials, connection, &mut head.headers, &snapshot)
            .ok_or_else(|| self.stranger(Failure::UnknownApplication))?;

        // For what. A service that cannot be named cannot be written down; it is counted.
        let counted = |problem: Problem| {
            record::stranger(gateway, DIRECTION, &problem);
            Refused::from(problem)
        };
        let transaction_id = self.face.transaction_id(&head, gateway.ambient.now()).map_err(counted)?;
        let route = routes::find(&mut head, &application, &snapshot, self.face.as_ref())
            .map_err(|problem| Refused { transaction_id: Some(transaction_id), ..counted(problem) })?;

        // May it: the class that our own steward has declared; agreements will be asked here.
        let ground = match exchange::decide(route.binding.declaration.as_ref()) {
            Ok(ground) => ground,
            Err(problem) => {
                let parties = self.face.parties(&route.binding.service);
                let wire = serde_json::Map::new();
                let known = RefusalRecord { problem, transaction_id: Some(transaction_id), parties, wire };
                return Err(self.refuse(known, &application, transaction_id).await);
            }
        };

        // What the protocol asks: contract and token. The first moment that costs a call, so everything that can refuse
        // without one has been asked.
        let prepared = self.prepare(&head, &application, &route, transaction_id, &snapshot).await?;
        let PreparedOutbound { parties, wire, target, to_provider, standing, shows, reference } = prepared;

        // Watch over it, from before the record on: what is withdrawn meanwhile is not forwarded.
        let ticket = Arc::new(self.in_flight.begin(
            place,
            standing,
            None,
            &snapshot,
            &gateway.snapshots,
            &gateway.ambient,
        ));

        // Write it down: nothing has left, and the body has not been read.
        let name = application.name.as_str().to_owned();
        let permit = Permit {
            transaction_id,
            direction: DIRECTION,
            parties: parties.clone(),
            wire: wire.clone(),
            application: Some(name),
        };
        let permitted = match record::permit(gateway, ground, permit).await {
            Ok(permitted) => permitted,
            Err((failure, mut known)) => {
                known.problem = self.face.problem(failure);
                return Err(self.refuse(*known, &application, transaction_id).await);
            }
        };

        // Forward it: once, whatever comes of it, unless it is certain that not a byte has left.
        head.extensions.clear();
        let reserved = headers::apply(&mut head.headers, to_provider);
        let mut request = Request::from_parts(head, guarded::request(body, &ticket, reserved));
        let (mut target, mut shows, mut reference) = (target, shows, reference);
        let mut preparations = 1;
        loop {
            let watched = Arc::clone(&ticket);
            let sent =
                forward::forward(&self.peers, &target, request, Some(shows), watched, &permitted).await;
            let failure = match sent {
                Ok(response) => {
                    let (mut head, body) = response.into_parts();
                    self.face.answered(&reference, &transaction_id, &mut head);
                    return Ok(Response::from_parts(head, body));
                }
                Err(Unanswered::Unsent(unsent)) if preparations < PREPARATIONS => {
                    // Our certificate was replaced since: the same permit, a token for the new certificate.
                    preparations += 1;
                    let (mut head, body) = unsent.into_parts();
                    let again = self.prepare(&head, &application, &route, transaction_id, &snapshot).await?;
                    // The record names what the exchange rests on, and the other end's record must name the same.
                    if again.parties != parties || again.wire != wire {
                        let problem = self.face.problem(Failure::OtherPermission);
                        let known =
                            RefusalRecord { problem, transaction_id: Some(transaction_id), parties, wire };
                        return Err(self.refuse(known, &application, transaction_id).await);
                    }
                    (target, shows, reference) = (again.target, again.shows, again.reference);
                    headers::apply(&mut head.headers, again.to_provider);
                    request = Request::from_parts(head, body);
                    continue;
                }
                Err(Unanswered::Unsent(_)) => Failure::Unreachable,
                Err(Unanswered::Failed(failure)) => failure,
            };
            let problem = self.face.problem(failure);
            gateway.metrics.refused(DIRECTION, problem.code);
            return Err(Refused { problem, transaction_id: Some(transaction_id) });
        }
    }

    async fn prepare(
        &self,
        head: &http::request::Parts,
        application: &ApplicationRow,
        route: &Route<'_>,
        transaction_id: TransactionId,
        snapshot: &Arc<Snapshot>,
    ) -> Result<PreparedOutbound, Refused> {
        let request = OutboundRequest {
            head,
            application,
            binding: route.binding,
            named: route.named.as_ref(),
            transaction_id,
            snapshot,
            now: self.gateway.ambient.now(),
        };
        match self.face.prepare(request).await {
            Ok(prepared) => Ok(prepared),
            Err(Refusal::Stranger(problem)) => {
                record::stranger(&self.gateway, DIRECTION, &problem);
                Err(Refused { problem, transaction_id: Some(transaction_id) })
            }
            Err(Refusal::Known(known)) => Err(self.refuse(*known, application, transaction_id).await),
        }
    }

    fn stranger(&self, failure: Failure) -> Refused {
        let problem = self.face.problem(failure);
        record::stranger(&self.gateway, DIRECTION, &problem);
        problem.into()
    }

    async fn refuse(
        &self,
        mut known: RefusalRecord,
        application: &ApplicationRow,
        transaction_id: TransactionId,
    ) -> Refused {
        known.transaction_id = Some(transaction_id);
        let problem = record::refusal(&self.gateway, DIRECTION, Some(application.name.as_str()), known).await;
        Refused { problem, transaction_id: Some(transaction_id) }
    }
}

/// A way into the outway.
struct Entrance {
    outway: Arc<Outway>,
    credentials: Credentials,
}

impl Handler for Entrance {
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> BoxFuture<'static, Response<Body>> {
        Box::pin(async move { self.outway.answer(request, &connection, &self.credentials).await })
    }
}

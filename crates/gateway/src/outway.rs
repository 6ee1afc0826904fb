//! The outway: from an application's request to another participant's inway, layer by layer.

use std::sync::Arc;

use bytes::BytesMut;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode, header::WWW_AUTHENTICATE};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use verbond_agreement::plan::Projected;
use verbond_application::{
    exchange::{Permitted, Question},
    processing::Action,
    snapshot::Snapshot,
};
use verbond_domain::{Direction, Problem, TransactionId};
use verbond_fail_points::fail_point;
use verbond_journal::{Bytes32, Permit, WireMembers};
use verbond_policy::DecisionRecord;
use verbond_store::applications::ApplicationRow;
use verbond_transport::{Body, Client, Connection, Handler};

use crate::{
    Credentials, Failure, Gateway, OutboundFace, OutboundRequest, PreparedOutbound, Refusal, RefusalRecord,
    applications::Applications,
    completing, decision_point, entrance,
    forward::{self, Unanswered},
    governed, guarded, handed_in, headers,
    in_flight::{InFlight, Ticket},
    minimise::{self, Beside},
    record,
    routes::{self, Route},
    trace, witnessing,
};

const DIRECTION: Direction = Direction::Outgoing;
/// How often a request is prepared again because our certificate was replaced before it was sent.
const PREPARATIONS: usize = 3;
/// What a completion says of an exchange that the provider's node refused.
const REFUSED_THERE: &str = "REFUSED_BY_PROVIDER";

/// Bytes of a refusal by the provider's node that are read: more than one of this program can have.
const LONGEST_REFUSAL: usize = 16 * 1024;

/// Answers the requests of this organisation's applications to services of other participants.
pub struct Outway {
    gateway: Gateway,
    face: Arc<dyn OutboundFace>,
    peers: Client,
    applications: Applications,
    in_flight: Arc<InFlight>,
}

/// Who asks what, as far as it is known before the protocol is asked.
struct Asking<'a> {
    application: &'a ApplicationRow,
    route: &'a Route<'a>,
    transaction_id: TransactionId,
    decision: Option<&'a Arc<DecisionRecord>>,
    agreement: &'a Option<String>,
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

        fail_point!("outway::taken-in");

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

        // What it has processed itself: taken in here, and no exchange.
        if let Some(transaction) = handed_in::transaction(&head) {
            let taken = handed_in::take_in(gateway, &application, (&head, body), transaction).await;
            return taken.map_err(|problem| {
                record::stranger(gateway, DIRECTION, &problem);
                problem.into()
            });
        }

        // For what. A service that cannot be named cannot be written down; it is counted.
        let counted = |problem: Problem| {
            record::stranger(gateway, DIRECTION, &problem);
            Refused::from(problem)
        };
        let transaction_id = self.face.transaction_id(&head, gateway.ambient.now()).map_err(counted)?;
        let route = routes::find(&mut head, &application, &snapshot, self.face.as_ref())
            .map_err(|problem| Refused { transaction_id: Some(transaction_id), ..counted(problem) })?;

        let asked = self.face.parties(&route.binding.service);
        let refusal = |problem, parties, decision| RefusalRecord {
            problem,
            transaction_id: Some(transaction_id),
            parties,
            wire: WireMembers::default(),
            decision,
        };
        let stated = match governed::stated(&head.headers) {
            Ok(stated) => stated,
            Err(failure) => {
                let known = refusal(self.face.problem(failure), asked, None);
                return Err(self.refuse(known, &application, transaction_id).await);
            }
        };

        // May it: the class that our own steward has declared, and for a governed service the agreement in force.
        let question = Question {
            consumer: &asked.consumer,
            on_behalf_of: asked.consumer_delegator.as_ref(),
            application: Some(&application.name),
            service: route.binding.service.clone(),
            call: governed::call(&head.method, &head.uri),
            stated,
            transaction_id,
            trace: trace::go_on(&mut head.headers, route.binding.records, &gateway.ambient),
            now: gateway.ambient.now(),
            records: route.binding.records,
        };
        let declared = route.binding.declaration.as_ref();
        let permission = match gateway.exchanges.decide(DIRECTION, declared, &snapshot, question).await {
            Ok(permission) => permission,
            Err(denial) => {
                let (problem, decision) = record::denied(*denial);
                let known = refusal(problem, asked, decision);
                return Err(self.refuse(known, &application, transaction_id).await);
            }
        };
        fail_point!("outway::decided");
        let (decision, obligations) = (permission.decision.clone(), permission.obligations.clone());
        let action = permission.action.clone();
        if let Some(obligations) = &obligations {
            let has_body = !body.is_end_stream();
            if has_body && !minimise::takes_body(obligations, &head.headers) {
                let known =
                    refusal(self.face.problem(Failure::BodyNotAgreed), asked, record::decided(&permission));
                return Err(self.refuse(known, &application, transaction_id).await);
            }
            governed::keep_of_request(&mut head.headers, obligations, has_body, &[]);
        }

        // What the protocol asks: contract and token. The first moment that costs a call, so everything that can refuse
        // without one has been asked.
        let agreement = decision.as_deref().and_then(governed::version);
        let asking = Asking {
            application: &application,
            route: &route,
            transaction_id,
            decision: decision.as_ref(),
            agreement: &agreement,
        };
        let prepared = self.prepare(&head, &asking, &snapshot).await?;
        fail_point!("outway::prepared");
        let PreparedOutbound { parties, wire, target, to_provider, standing, shows, reference } = prepared;
        let standing = governed::standing(standing, decision.clone());

        // Watch over it, from before the record on: what is withdrawn meanwhile is not forwarded.
        let ticket = Arc::new(self.in_flight.begin(
            place,
            standing,
            None,
            &snapshot,
            &gateway.snapshots,
            &gateway.ambient,
        ));

        // Asked too, about what is permitted: the organisation's own decision point.
        let about = decision_point::About {
            direction: DIRECTION,
            parties: &parties,
            wire: &wire,
            application: Some(application.name.as_str()),
            head: &head,
            transaction_id,
        };
        let asked =
            decision_point::ask(gateway, permission, &ticket, about, |failure| self.face.problem(failure));
        let permission = match asked.await {
            Ok(permission) => permission,
            Err(denial) => {
                let (problem, decision) = record::denied(*denial);
                let known = RefusalRecord { wire, ..refusal(problem, parties, decision) };
                return Err(self.refuse(known, &application, transaction_id).await);
            }
        };

        fail_point!("outway::asked");

        // Write it down: nothing has left, and the body has not been read.
        let name = application.name.as_str().to_owned();
        let permit = Permit {
            transaction_id,
            direction: DIRECTION,
            parties: parties.clone(),
            wire: wire.clone(),
            application: Some(name),
            decision: record::decided(&permission),
            processing: record::known(permission.action.as_deref()),
            owed: permission.action.as_deref().and_then(Action::owed).cloned(),
        };
        let salt = Bytes32(gateway.ambient.random());
        let mut permitted = match record::permit(gateway, &ticket, salt, permission, permit).await {
            Ok(permitted) => permitted,
            Err((failure, mut known)) => {
                if let Some(failure) = failure {
                    known.problem = self.face.problem(failure);
                }
                return Err(self.refuse(*known, &application, transaction_id).await);
            }
        };

        fail_point!("outway::permitted");

        // Forward it: once, whatever comes of it, unless it is certain that not a byte has left.
        head.extensions.clear();
        governed::ask_provider(&mut head.headers, obligations.as_ref());
        let reserved = headers::apply(&mut head.headers, to_provider);
        completing::tell_salt(&mut head.headers, &salt);
        witnessing::tell(&mut head.headers, &gateway.checkpoints);
        let counterpart = parties.counterpart(DIRECTION).clone();
        let recorder =
            gateway.exchanges.recorder(action.as_ref(), &permitted, DIRECTION, counterpart.clone());
        let body = guarded::request(body, &ticket, reserved);
        let body = match minimise::asked(obligations.as_ref(), &mut head, body, &permitted).await {
            Ok(body) => completing::request(body, &ticket),
            Err(failure) => return Err(self.failed(&ticket, permitted, failure, transaction_id).await),
        };
        let mut request = Request::from_parts(head, body);
        let (mut target, mut shows, mut reference) = (target, shows, reference);
        let mut preparations = 1;
        loop {
            let watched = Arc::clone(&ticket);
            let sent =
                forward::forward(&self.peers, &target, request, Some(shows), watched, &permitted).await;
            let failure = match sent {
                Ok(response) => {
                    let (mut head, body) = response.into_parts();
                    self.face.answered(&reference, &head);
                    witnessing::told(&mut head.headers, &counterpart, &gateway.witnesses);
                    // The provider's own refusals are no documents of the source.
                    let is_refusal = self.face.is_refusal(&head);
                    let response = Response::from_parts(head, body);
                    fail_point!("outway::head");
                    if is_refusal {
                        // Before it is read: a refusal that breaks off is no answer that did.
                        completing::failed(&ticket, REFUSED_THERE);
                        let mut response = match &obligations {
                            Some(_) => self.retold(response).await,
                            None => response,
                        };
                        self.face.name(&transaction_id, response.headers_mut());
                        permitted.unanswered().await;
                        return Ok(response);
                    }
                    let response = completing::response(response, &ticket);
                    // The provider has minimised; what it disclosed beyond that goes no further here.
                    let (absences, recorder) = (&gateway.absences, recorder.clone());
                    let beside = Beside { ticket: &ticket, absences, recorder };
                    match minimise::under(obligations.as_ref(), Projected::Answer, response, beside).await {
                        Ok(mut response) => {
                            fail_point!("outway::answered");
                            self.face.name(&transaction_id, response.headers_mut());
                            permitted.answered();
                            return Ok(response);
                        }
                        Err(failure) => failure,
                    }
                }
                Err(Unanswered::Unsent(unsent)) if preparations < PREPARATIONS => {
                    // Our certificate was replaced since: the same permit, a token for the new certificate.
                    preparations += 1;
                    let (mut head, body) = unsent.into_parts();
                    // The permit holds the decision already.
                    let again = Asking { decision: None, ..asking };
                    let again = self.prepare(&head, &again, &snapshot).await?;
                    // The record names what the exchange rests on, and the other end's record must name the same.
                    if again.parties != parties || again.wire != wire {
                        let problem = self.face.problem(Failure::OtherPermission);
                        let known = RefusalRecord { wire, ..refusal(problem, parties, None) };
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
            return Err(self.failed(&ticket, permitted, failure, transaction_id).await);
        }
    }

    /// A refusal by the provider's gateway, as it may go on. What is longer than a refusal is, or breaks off, says nothing.
    async fn retold(&self, response: Response<Body>) -> Response<Body> {
        let (head, mut body) = response.into_parts();
        let mut said = BytesMut::new();
        while let Some(Ok(frame)) = body.frame().await {
            said.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
            if said.len() > LONGEST_REFUSAL {
                said.clear();
                break;
            }
        }
        self.face.retold(&head, &said)
    }

    /// What was permitted came to nothing.
    async fn failed(
        &self,
        ticket: &Ticket,
        permitted: Permitted,
        failure: Failure,
        transaction_id: TransactionId,
    ) -> Refused {
        record::ended_without(permitted, failure).await;
        let problem = self.face.problem(failure);
        completing::failed(ticket, problem.code);
        self.gateway.metrics.refused(DIRECTION, problem.code);
        Refused { problem, transaction_id: Some(transaction_id) }
    }

    async fn prepare(
        &self,
        head: &http::request::Parts,
        asking: &Asking<'_>,
        snapshot: &Arc<Snapshot>,
    ) -> Result<PreparedOutbound, Refused> {
        let Asking { application, route, transaction_id, decision, agreement } = *asking;
        let request = OutboundRequest {
            head,
            application,
            binding: route.binding,
            named: route.named.as_ref(),
            agreement: agreement.clone(),
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
            Err(Refusal::Known(mut known)) => {
                known.decision = decision.map(|decision| record::written(decision));
                Err(self.refuse(*known, application, transaction_id).await)
            }
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

    fn head_too_large(&self) -> Response<Body> {
        self.outway.face.response(&self.outway.stranger(Failure::HeadTooLarge).problem, None)
    }
}

//! The inway: from a participant's request to the source, layer by layer.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::{Request, Response, Uri};
use http_body::Body as _;
use hyper::body::Incoming;
use verbond_agreement::plan::Projected;
use verbond_application::{exchange::Question, open_traffic::OpenTraffic};
use verbond_domain::{Direction, RecordsBy, ServiceReference, TransactionId};
use verbond_fail_points::fail_point;
use verbond_journal::Permit;
use verbond_transport::{Body, Client, Connection, Handler};

use crate::{
    AdmittedInbound, Failure, Gateway, InboundFace, Refusal, RefusalRecord, completing, decision_point,
    entrance,
    forward::{self, Unanswered},
    governed, guarded, headers,
    in_flight::InFlight,
    minimise::{self, Beside},
    open_traffic, record,
    strangers::Strangers,
    trace,
    upstream::Upstreams,
    witnessing,
};

const DIRECTION: Direction = Direction::Incoming;

/// Answers participants' requests to the services of this node. Serve it on a listener with mutual TLS.
pub struct Inway {
    gateway: Gateway,
    face: Arc<dyn InboundFace>,
    sources: Client,
    upstreams: Upstreams,
    open_traffic: Arc<OpenTraffic>,
    in_flight: Arc<InFlight>,
    strangers: Strangers,
}

/// A refusal on its way to the caller.
struct Refused {
    problem: verbond_domain::Problem,
    transaction_id: Option<TransactionId>,
}

impl Inway {
    /// An inway that calls sources with `sources` (from [`Client::servers`]), and hands over what open ones answer.
    pub fn new(
        gateway: Gateway,
        face: Arc<dyn InboundFace>,
        sources: Client,
        open_traffic: Arc<OpenTraffic>,
    ) -> Arc<Self> {
        let in_flight = gateway.watch(DIRECTION);
        Arc::new(Self {
            gateway,
            face,
            sources,
            upstreams: Upstreams::default(),
            open_traffic,
            in_flight,
            strangers: Strangers::new(),
        })
    }

    async fn answer(&self, request: Request<Incoming>, connection: &Connection) -> Response<Body> {
        match self.exchange(request, connection).await {
            Ok(response) => response,
            Err(refused) => self.face.response(&refused.problem, refused.transaction_id.as_ref()),
        }
    }

    async fn exchange(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> Result<Response<Body>, Refused> {
        let gateway = &self.gateway;
        let (mut head, body) = request.into_parts();

        fail_point!("inway::taken-in");

        // Limits and method: before anything that costs.
        let place = self.in_flight.enter().ok_or_else(|| self.stranger(Failure::Overloaded))?;
        entrance::enter(&mut head).map_err(|failure| self.stranger(failure))?;

        // Who is it: judged for this request, on a standing connection too.
        let peer = connection.peer.as_ref().ok_or_else(|| self.stranger(Failure::Certificate))?;
        let certificate = peer.judge().map_err(|refusal| {
            tracing::debug!(%refusal, "a peer's certificate is refused on a standing connection");
            self.stranger(Failure::Certificate)
        })?;

        // What is known: everything below decides on this one picture.
        let snapshot = gateway.snapshots.current().map_err(|_| self.stranger(Failure::Stale))?;

        // For what: the protocol's own judgement. Only from here on is the caller known, and refusals are written down.
        let admitted = match self.face.admit(&certificate, &head, &snapshot, gateway.ambient.now()) {
            Ok(admitted) => admitted,
            Err(Refusal::Stranger(problem)) => {
                record::stranger(gateway, DIRECTION, &problem);
                self.strangers.refused(&certificate.participant).await;
                return Err(Refused { problem, transaction_id: None });
            }
            Err(Refusal::Known(known)) => return Err(self.refuse(*known).await),
        };
        let AdmittedInbound { transaction_id, parties, service, wire, to_source, standing } = admitted;
        let refusal = |problem, parties, wire, decision| RefusalRecord {
            problem,
            transaction_id: Some(transaction_id),
            parties,
            wire,
            decision,
        };

        // What is between the two nodes goes no further.
        let salt = completing::told_salt(&mut head.headers, &gateway.ambient);
        witnessing::told(&mut head.headers, &certificate.participant, &gateway.witnesses);

        let stated = match governed::stated(&head.headers) {
            Ok(stated) => stated,
            Err(failure) => {
                return Err(self.refuse(refusal(self.face.problem(failure), parties, wire, None)).await);
            }
        };

        // May it: the class of the service, and for a governed one the agreement in force.
        let question = Question {
            consumer: &parties.consumer,
            on_behalf_of: parties.consumer_delegator.as_ref(),
            application: None,
            service: ServiceReference { provider: parties.provider.clone(), name: parties.service.clone() },
            call: governed::call(&head.method, &head.uri),
            stated,
            transaction_id,
            trace: trace::go_on(&mut head.headers, RecordsBy::Outway, &gateway.ambient),
            now: gateway.ambient.now(),
            records: RecordsBy::Outway,
        };
        let declared = Some(&service.declaration);
        let permission = match gateway.exchanges.decide(DIRECTION, declared, &snapshot, question).await {
            Ok(permission) => permission,
            Err(denial) => {
                let (problem, decision) = record::denied(*denial);
                return Err(self.refuse(refusal(problem, parties, wire, decision)).await);
            }
        };
        fail_point!("inway::decided");
        let (decision, obligations) = (permission.decision.clone(), permission.obligations.clone());
        let action = permission.action.clone();
        let standing = match decision {
            Some(_) => governed::standing(standing, decision),
            None => governed::while_open(standing, &service.name),
        };
        if let Some(obligations) = &obligations {
            let has_body = !body.is_end_stream();
            if has_body && !minimise::takes_body(obligations, &head.headers) {
                let problem = self.face.problem(Failure::BodyNotAgreed);
                let decision = record::decided(&permission);
                return Err(self.refuse(refusal(problem, parties, wire, decision)).await);
            }
            governed::keep_of_request(&mut head.headers, obligations, has_body, to_source.keep);
        }

        // What will be asked of the source, so that a path that cannot be forwarded has no permit.
        let Some(upstream) = self.upstreams.of(&service) else {
            let problem = self.face.problem(Failure::Unreachable);
            let decision = record::decided(&permission);
            return Err(self.refuse(refusal(problem, parties, wire, decision)).await);
        };
        match upstream.path(head.uri.path_and_query()) {
            Ok(path) => head.uri = Uri::from(path),
            Err(failure) => {
                let problem = self.face.problem(failure);
                let decision = record::decided(&permission);
                return Err(self.refuse(refusal(problem, parties, wire, decision)).await);
            }
        }
        governed::ask_source(&mut head.headers, obligations.as_ref());
        let reserved = headers::apply(&mut head.headers, to_source);
        head.extensions.clear();

        // Watch over it, from before the record on: what is withdrawn meanwhile is not forwarded.
        let ticket = Arc::new(self.in_flight.begin(
            place,
            standing,
            Some(peer.clone()),
            &snapshot,
            &gateway.snapshots,
            &gateway.ambient,
        ));

        // Asked too, about what is permitted: the organisation's own decision point.
        let about = decision_point::About {
            direction: DIRECTION,
            parties: &parties,
            wire: &wire,
            application: None,
            head: &head,
            transaction_id,
        };
        let asked =
            decision_point::ask(gateway, permission, &ticket, about, |failure| self.face.problem(failure));
        let permission = match asked.await {
            Ok(permission) => permission,
            Err(denial) => {
                let (problem, decision) = record::denied(*denial);
                return Err(self.refuse(refusal(problem, parties, wire, decision)).await);
            }
        };

        fail_point!("inway::asked");

        // Write it down: nothing has left, and the body has not been read.
        let counterpart = parties.counterpart(DIRECTION).clone();
        let permit = Permit {
            transaction_id,
            direction: DIRECTION,
            parties,
            wire,
            application: None,
            decision: record::decided(&permission),
            processing: record::known(permission.action.as_deref()),
            owed: None,
        };
        let mut permitted = match record::permit(gateway, &ticket, salt, permission, permit).await {
            Ok(permitted) => permitted,
            Err((failure, mut known)) => {
                if let Some(failure) = failure {
                    known.problem = self.face.problem(failure);
                }
                return Err(self.refuse(*known).await);
            }
        };

        fail_point!("inway::permitted");
        let recorder = gateway.exchanges.recorder(action.as_ref(), &permitted, DIRECTION, counterpart);

        // Forward it.
        let body = completing::request(guarded::request(body, &ticket, reserved), &ticket);
        let asked = minimise::asked(obligations.as_ref(), &mut head, body, &permitted).await;
        let answered = match asked.map(|body| Request::from_parts(head, body)) {
            Ok(request) => {
                let target = &upstream.target;
                let watched = Arc::clone(&ticket);
                match forward::forward(&self.sources, target, request, None, watched, &permitted).await {
                    Ok(response) => {
                        let response =
                            open_traffic::beside(&self.open_traffic, &gateway.metrics, &service, response);
                        let beside = Beside { ticket: &ticket, absences: &gateway.absences, recorder };
                        minimise::under(obligations.as_ref(), Projected::Source, response, beside).await
                    }
                    Err(Unanswered::Failed(failure)) => Err(failure),
                    Err(Unanswered::Unsent(_)) => Err(Failure::Unreachable),
                }
            }
            Err(failure) => Err(failure),
        };
        fail_point!("inway::answered");
        match answered {
            Ok(response) => {
                permitted.answered();
                let mut response = completing::response(response, &ticket);
                witnessing::tell(response.headers_mut(), &gateway.checkpoints);
                Ok(response)
            }
            Err(failure) => {
                record::ended_without(permitted, failure).await;
                let problem = self.face.problem(failure);
                completing::failed(&ticket, problem.code);
                gateway.metrics.refused(DIRECTION, problem.code);
                Err(Refused { problem, transaction_id: Some(transaction_id) })
            }
        }
    }

    fn stranger(&self, failure: Failure) -> Refused {
        let problem = self.face.problem(failure);
        record::stranger(&self.gateway, DIRECTION, &problem);
        Refused { problem, transaction_id: None }
    }

    async fn refuse(&self, known: RefusalRecord) -> Refused {
        let transaction_id = known.transaction_id;
        let problem = record::refusal(&self.gateway, DIRECTION, None, known).await;
        Refused { problem, transaction_id }
    }
}

impl Handler for Inway {
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> BoxFuture<'static, Response<Body>> {
        Box::pin(async move { self.answer(request, &connection).await })
    }

    fn head_too_large(&self) -> Response<Body> {
        self.face.response(&self.stranger(Failure::HeadTooLarge).problem, None)
    }
}

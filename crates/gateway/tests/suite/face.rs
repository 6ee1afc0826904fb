//! A protocol of the tests' own: headers `x-token`, `x-service`, `x-transaction`.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, request, response};
use verbond_application::snapshot::Snapshot;
use verbond_domain::{
    ExchangeParties, ParticipantId, Problem, ServiceName, ServiceReference, Timestamp, TransactionId,
};
use verbond_gateway::{
    AdmittedInbound, Failure, HeaderChanges, InboundFace, NamedRoute, OutboundFace, OutboundRequest,
    PreparedOutbound, Refusal, Standing,
};
use verbond_transport::{Body, Target, full};
use verbond_trust::{Certificate, CertificateThumbprint, IdentityHandle};

use crate::world::ambient;

pub static TOKEN: HeaderName = HeaderName::from_static("x-token");
pub static SERVICE: HeaderName = HeaderName::from_static("x-service");
pub static TRANSACTION: HeaderName = HeaderName::from_static("x-transaction");
pub static PEER: HeaderName = HeaderName::from_static("x-peer");
pub static ROUTE: HeaderName = HeaderName::from_static("x-route");
static FORGEABLE: [HeaderName; 1] = [HeaderName::from_static("x-peer")];

/// Holds as long as the service is known: taking it out of the snapshot stands for a revocation.
struct WhileKnown(ServiceName);

impl Standing for WhileKnown {
    fn holds(&self, snapshot: &Snapshot, _now: Timestamp) -> bool {
        snapshot.services.contains_key(&self.0)
    }
}

fn text<'a>(head: &'a request::Parts, name: &HeaderName) -> Option<&'a str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}

fn told(problem: &Problem, transaction_id: Option<&TransactionId>) -> Response<Body> {
    let mut response = Response::new(full(serde_json::Value::Object(problem.to_json()).to_string()));
    *response.status_mut() =
        StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(id) = transaction_id.and_then(|id| HeaderValue::from_str(&id.to_string()).ok()) {
        response.headers_mut().insert(TRANSACTION.clone(), id);
    }
    response
}

fn refused(code: &'static str) -> Refusal {
    Refusal::Stranger(Problem::new(code, 401, "nee", "no"))
}

pub struct Inbound {
    pub provider: ParticipantId,
}

impl InboundFace for Inbound {
    fn admit(
        &self,
        peer: &Certificate,
        head: &request::Parts,
        snapshot: &Arc<Snapshot>,
        _now: Timestamp,
    ) -> Result<AdmittedInbound, Refusal> {
        if text(head, &TOKEN) != Some("good") {
            return Err(refused("TOKEN"));
        }
        let id = text(head, &TRANSACTION).and_then(|id| id.parse().ok()).ok_or_else(|| refused("ID"))?;
        let name: ServiceName =
            text(head, &SERVICE).and_then(|name| name.parse().ok()).ok_or_else(|| refused("SERVICE"))?;
        let service = snapshot.services.get(&name).cloned().ok_or_else(|| refused("SERVICE"))?;
        let parties = ExchangeParties {
            consumer: peer.participant.clone(),
            consumer_delegator: None,
            provider: self.provider.clone(),
            provider_delegator: None,
            service: name.clone(),
        };
        let peer = HeaderValue::from_str(peer.participant.value()).map_err(|_| refused("PEER"))?;
        Ok(AdmittedInbound {
            transaction_id: id,
            parties,
            service,
            wire: Arc::default(),
            to_source: HeaderChanges { remove: &FORGEABLE, keep: &[], set: vec![(PEER.clone(), peer)] },
            standing: Arc::new(WhileKnown(name)),
        })
    }

    fn problem(&self, failure: Failure) -> Problem {
        failure.problem()
    }

    fn response(&self, problem: &Problem, transaction_id: Option<&TransactionId>) -> Response<Body> {
        told(problem, transaction_id)
    }
}

pub struct Outbound {
    pub consumer: ParticipantId,
    pub identity: Arc<IdentityHandle>,
    pub target: Arc<Target>,
    /// One that is not ours.
    pub target_certificate: CertificateThumbprint,
    pub prepared: AtomicUsize,
    /// The first preparation rests on a certificate that has been replaced.
    pub replaced: AtomicBool,
    /// Each preparation finds another grant.
    pub regrants: AtomicBool,
}

#[async_trait]
impl OutboundFace for Outbound {
    fn transaction_id(&self, head: &request::Parts, _now: Timestamp) -> Result<TransactionId, Problem> {
        let brought = text(head, &TRANSACTION).and_then(|id| id.parse().ok());
        Ok(brought.unwrap_or_else(|| TransactionId::from_uuid(ambient().uuid_v7())))
    }

    fn named_route(
        &self,
        head: &request::Parts,
        _snapshot: &Snapshot,
    ) -> Option<Result<NamedRoute, Problem>> {
        let name = text(head, &ROUTE)?.to_owned();
        let service = name.parse().map_err(|_| Failure::UnknownRoute.problem());
        Some(service.map(|service| NamedRoute {
            service: ServiceReference { provider: self.parties_provider(), name: service },
            name,
        }))
    }

    fn parties(&self, service: &ServiceReference) -> ExchangeParties {
        ExchangeParties {
            consumer: self.consumer.clone(),
            consumer_delegator: None,
            provider: service.provider.clone(),
            provider_delegator: None,
            service: service.name.clone(),
        }
    }

    async fn prepare(&self, request: OutboundRequest<'_>) -> Result<PreparedOutbound, Refusal> {
        let count = self.prepared.fetch_add(1, Ordering::SeqCst);
        let mut wire = serde_json::Map::new();
        if self.regrants.load(Ordering::SeqCst) {
            wire.insert("grant".to_owned(), count.into());
        }
        let shows = if self.replaced.swap(false, Ordering::SeqCst) {
            self.target_certificate
        } else {
            self.identity.current().certificate.thumbprint
        };
        let name = request.binding.service.name.clone();
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| refused("VALUE"));
        Ok(PreparedOutbound {
            parties: self.parties(&request.binding.service),
            wire: Arc::new(wire),
            target: Arc::clone(&self.target),
            to_provider: HeaderChanges {
                remove: &[],
                keep: &[],
                set: vec![
                    (TOKEN.clone(), HeaderValue::from_static("good")),
                    (SERVICE.clone(), value(name.as_str())?),
                    (TRANSACTION.clone(), value(&request.transaction_id.to_string())?),
                ],
            },
            standing: Arc::new(WhileKnown(name)),
            shows,
            reference: "".into(),
        })
    }

    fn is_refusal(&self, head: &response::Parts) -> bool {
        head.headers.contains_key("x-refused")
    }

    fn answered(&self, _reference: &str, _head: &response::Parts) {}

    fn name(&self, transaction_id: &TransactionId, fields: &mut HeaderMap) {
        if let Ok(id) = HeaderValue::from_str(&transaction_id.to_string()) {
            fields.insert(TRANSACTION.clone(), id);
        }
    }

    fn retold(&self, head: &response::Parts, _said: &[u8]) -> Response<Body> {
        let mut response = Response::new(verbond_transport::empty());
        *response.status_mut() = head.status;
        response
    }

    fn problem(&self, failure: Failure) -> Problem {
        failure.problem()
    }

    fn response(&self, problem: &Problem, transaction_id: Option<&TransactionId>) -> Response<Body> {
        told(problem, transaction_id)
    }
}

impl Outbound {
    fn parties_provider(&self) -> ParticipantId {
        crate::world::participant(crate::world::PROVIDER).unwrap_or_else(|_| self.consumer.clone())
    }
}

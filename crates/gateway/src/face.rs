//! What a protocol face plugs into the gateways.
//!
//! Per request the gateway asks in this order. Inway: [`InboundFace::admit`]; then it decides on the service's
//! class, writes the permit, applies [`AdmittedInbound::to_source`] and forwards. Outway:
//! [`OutboundFace::transaction_id`], [`OutboundFace::named_route`]; then it finds the application's binding and decides
//! on its class; [`OutboundFace::prepare`]; then it writes the permit, applies [`PreparedOutbound::to_provider`],
//! forwards, shows the answer's head to [`OutboundFace::answered`], has a refusal under an agreement told anew by
//! [`OutboundFace::retold`], and has what goes to the application named by [`OutboundFace::name`].

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Response, request, response};
use verbond_application::snapshot::Snapshot;
use verbond_domain::{ExchangeParties, Problem, ServiceReference, Timestamp, TransactionId};
use verbond_journal::{RecordedDecision, WireMembers};
use verbond_store::{
    applications::{ApplicationRow, BindingRow},
    services::ServiceRow,
};
use verbond_transport::{Body, Target};
use verbond_trust::{Certificate, CertificateThumbprint};

use crate::Failure;

/// What an exchange rests on (FSC: one grant of one contract). Asked again whenever the snapshot changes and at least
/// every second while the exchange is in flight; when it no longer holds, the exchange is broken off.
///
/// Make one per grant and snapshot and share it; the gateway clones the `Arc` only.
pub trait Standing: Send + Sync {
    /// Whether the exchange is still permitted by what is known now.
    fn holds(&self, snapshot: &Snapshot, now: Timestamp) -> bool;
}

/// Header fields to take off and to put on before a request is forwarded.
#[derive(Clone, Debug, Default)]
pub struct HeaderChanges {
    /// Taken off first, all values, in every spelling that a reader of variables takes for it (`_` for `-`).
    pub remove: &'static [HeaderName],
    /// Left as the caller sent it, but in its own spelling only.
    pub keep: &'static [HeaderName],
    /// Put on then; a field of the same name is replaced.
    pub set: Vec<(HeaderName, HeaderValue)>,
}

/// A refusal by the face.
#[derive(Debug)]
pub enum Refusal {
    /// Before the caller has proved all that the protocol asks (no token, wrong token): counted, never written down, so
    /// that strangers cannot fill the disk.
    Stranger(Problem),
    /// After it: written to the journal.
    Known(Box<RefusalRecord>),
}

/// What to write down of a refusal.
#[derive(Debug)]
pub struct RefusalRecord {
    /// What the caller is told.
    pub problem: Problem,
    /// The exchange's id, if it is known by then.
    pub transaction_id: Option<TransactionId>,
    /// Who and which service.
    pub parties: ExchangeParties,
    /// The protocol's own members.
    pub wire: WireMembers,
    /// The decision, as a record of the Authorization Decision Log, where one was taken.
    pub decision: Option<RecordedDecision>,
}

/// A request that the protocol permits, at the provider's side.
pub struct AdmittedInbound {
    /// The exchange's id, from the request.
    pub transaction_id: TransactionId,
    /// Who and for whom, and which service.
    pub parties: ExchangeParties,
    /// The service, from the snapshot: its class is decided on and its upstream called.
    pub service: Arc<ServiceRow>,
    /// The protocol's own members, for the record.
    pub wire: WireMembers,
    /// What the source gets to see differently.
    pub to_source: HeaderChanges,
    /// What it rests on.
    pub standing: Arc<dyn Standing>,
}

/// The provider's side of a protocol.
pub trait InboundFace: Send + Sync + 'static {
    /// Judges one request. `peer` has been judged for this very request. Fields that concern one connection only
    /// (RFC 9110 §7.6.1) have been taken off the head. Must not block: caches live in the face.
    fn admit(
        &self,
        peer: &Certificate,
        head: &request::Parts,
        snapshot: &Arc<Snapshot>,
        now: Timestamp,
    ) -> Result<AdmittedInbound, Refusal>;

    /// The gateway's own failure in the protocol's codes; [`Failure::problem`] gives the neutral words.
    fn problem(&self, failure: Failure) -> Problem;

    /// The response that tells a refusal in the protocol's form.
    fn response(&self, problem: &Problem, transaction_id: Option<&TransactionId>) -> Response<Body>;
}

/// A route that the request itself names in the protocol's terms (FSC: a grant hash).
#[derive(Clone, Debug)]
pub struct NamedRoute {
    /// The service that it leads to.
    pub service: ServiceReference,
    /// The protocol's name of the route, handed back to [`OutboundFace::prepare`].
    pub name: String,
}

/// What the gateway knows of a request when it asks the face to prepare it.
pub struct OutboundRequest<'a> {
    /// The request's head. The application's credentials, and fields that concern one connection only (RFC 9110 §7.6.1),
    /// have been taken off.
    pub head: &'a request::Parts,
    /// Who asks.
    pub application: &'a ApplicationRow,
    /// For which service, by which of the application's bindings.
    pub binding: &'a BindingRow,
    /// The route that the request named, if it named one.
    pub named: Option<&'a NamedRoute>,
    /// Hash of the version of an agreement that permits it, where one does.
    pub agreement: Option<String>,
    /// The exchange's id.
    pub transaction_id: TransactionId,
    /// The picture to decide on.
    pub snapshot: &'a Arc<Snapshot>,
    /// The present moment.
    pub now: Timestamp,
}

/// A request that the protocol permits, at the consumer's side, ready to be recorded and forwarded.
pub struct PreparedOutbound {
    /// Who and for whom, and which service.
    pub parties: ExchangeParties,
    /// The protocol's own members, for the record.
    pub wire: WireMembers,
    /// The provider's gateway: its participant, address and HTTP version.
    pub target: Arc<Target>,
    /// What the provider's gateway gets to see differently (token, transaction id).
    pub to_provider: HeaderChanges,
    /// The certificate of ours that the token is bound to (FSC: `cnf.x5t#S256`). The request goes only over a connection
    /// on which that certificate was shown; if there is none because the certificate has just been replaced, the
    /// gateway calls [`OutboundFace::prepare`] once more, and the face must then obtain a token anew.
    pub shows: CertificateThumbprint,
    /// Handed back to [`OutboundFace::answered`] (FSC: the grant hash under which the token is cached).
    pub reference: Arc<str>,
    /// What it rests on.
    pub standing: Arc<dyn Standing>,
}

/// The consumer's side of a protocol.
#[async_trait]
pub trait OutboundFace: Send + Sync + 'static {
    /// The application's own transaction id if the request brings a usable one, else a new one; a problem if it brings
    /// one that must be refused.
    fn transaction_id(&self, head: &request::Parts, now: Timestamp) -> Result<TransactionId, Problem>;

    /// The route that the request names in the protocol's terms. `None`: it names none.
    fn named_route(&self, head: &request::Parts, snapshot: &Snapshot) -> Option<Result<NamedRoute, Problem>>;

    /// This participant and the one that offers the service: what a refusal before [`OutboundFace::prepare`] is
    /// recorded with.
    fn parties(&self, service: &ServiceReference) -> ExchangeParties;

    /// Finds what permits the request and obtains what must go along (FSC: contract, grant, token). May call the
    /// provider's manager; bounded by the face's own timeouts.
    async fn prepare(&self, request: OutboundRequest<'_>) -> Result<PreparedOutbound, Refusal>;

    /// Sees the head of the provider's answer before it goes to the application: forgets a cached token that the provider
    /// refused. `reference` is the one of [`PreparedOutbound`].
    fn answered(&self, reference: &str, head: &response::Parts);

    /// Puts the exchange's own transaction id on what goes to the application.
    fn name(&self, transaction_id: &TransactionId, fields: &mut HeaderMap);

    /// A refusal by the provider's gateway, under an agreement: its code and its words, bounded, and nothing else that it
    /// may hold; whoever runs the provider's gateway could otherwise pass anything in the place of an answer. `said` is its
    /// body, as far as it was read.
    fn retold(&self, head: &response::Parts, said: &[u8]) -> Response<Body>;

    /// Whether the answer is a refusal by the provider's gateway, in the protocol's form: no answer of the source.
    fn is_refusal(&self, head: &response::Parts) -> bool;

    /// The gateway's own failure in the protocol's codes; [`Failure::problem`] gives the neutral words.
    fn problem(&self, failure: Failure) -> Problem;

    /// The response that tells a refusal in the protocol's form.
    fn response(&self, problem: &Problem, transaction_id: Option<&TransactionId>) -> Response<Body>;
}

//! The provider's side at the inway: is this request permitted by FSC, and what is written down of it
//! (FSC Core 2.0.0 §4.7.1, Logging 1.1.0 §3.4).

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderMap, HeaderName, HeaderValue, Response, request};
use verbond_application::snapshot::Snapshot;
use verbond_domain::{ExchangeParties, Problem, ServiceName, Timestamp, TransactionId};
use verbond_gateway::{
    AdmittedInbound, Failure, HeaderChanges, InboundFace, Refusal, RefusalRecord, Standing,
};
use verbond_transport::Body;
use verbond_trust::{Certificate, jws::Jws};

use crate::{
    FscNode,
    answer::{refusal, under},
    index::Connection,
    protocol::{
        error::{ErrorCode, ErrorDomain},
        log_record,
        state::ContractState,
        token::{self, AccessTokenClaims, InwayContext, InwayRefusal},
    },
    transaction::{self, Brought, TRANSACTION_ID},
    verified_tokens::{VerifiedToken, VerifiedTokens},
};

/// Carries the access token, to the source as well.
pub(crate) const AUTHORIZATION: HeaderName = HeaderName::from_static("fsc-authorization");
/// Tells the source who calls; no caller can set it.
const REQUEST_PEER_ID: HeaderName = HeaderName::from_static("fsc-request-peer-id");

/// Taken off every request to a source.
static REMOVED: [HeaderName; 2] = [REQUEST_PEER_ID, TRANSACTION_ID];
/// The token goes on to the source (FSC Core 2.0.0 §4.7.2).
static KEPT: [HeaderName; 1] = [AUTHORIZATION];

/// FSC at the inway.
pub struct FscInbound {
    node: Arc<FscNode>,
    verified: VerifiedTokens,
}

impl FscInbound {
    pub(crate) fn new(node: Arc<FscNode>) -> Self {
        Self { node, verified: VerifiedTokens::default() }
    }

    /// The request's token, its signature verified once.
    fn token(&self, headers: &HeaderMap, now: Timestamp) -> Result<Arc<VerifiedToken>, InwayRefusal> {
        let mut values = headers.get_all(&AUTHORIZATION).iter();
        let value = values.next().ok_or(InwayRefusal::Missing)?;
        if values.next().is_some() {
            return Err(InwayRefusal::Malformed);
        }
        let text = value.to_str().map_err(|_| InwayRefusal::Malformed)?;
        let token = token::access_token(text).ok_or(InwayRefusal::Missing)?;
        let digest: [u8; 32] =
            digest(&SHA256, token.as_bytes()).as_ref().try_into().map_err(|_| InwayRefusal::Malformed)?;
        // Read first: what is verified below counts for the lists of this moment.
        let generation = self.node.trust.generation();
        if let Some(verified) = self.verified.find(&digest, generation) {
            return Ok(verified);
        }
        let jws = Jws::parse(token).map_err(|_| InwayRefusal::Malformed)?;
        let thumbprint = jws.certificate_thumbprint().ok_or(InwayRefusal::Malformed)?;
        let own = self.node.identity.find(&thumbprint, now).ok_or(InwayRefusal::Signature)?;
        jws.verify(&own.public_key).map_err(|_| InwayRefusal::Signature)?;
        let claims = AccessTokenClaims::parse(jws.payload(), self.node.rules.scheme());
        let claims = claims.map_err(|_| InwayRefusal::Malformed)?;
        let wire = log_record::members(&self.node.rules.group_id, Some(&claims.grant_hash));
        let verified = Arc::new(VerifiedToken { claims, wire });
        self.verified.keep(digest, Arc::clone(&verified), generation);
        Ok(verified)
    }

    /// The grant that the token rests on, as it stands in the contract now.
    fn connection(
        &self,
        claims: &AccessTokenClaims,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Arc<Connection>, Problem> {
        let index = self.node.index.index(snapshot);
        let connection = index.by_hash(&claims.grant_hash).ok_or_else(|| contract_ended(None))?;
        let parties = &connection.parties;
        let same = parties.provider == claims.provider
            && parties.consumer == claims.consumer
            && parties.service == claims.service;
        let state = connection.state(now);
        if !same || state != ContractState::Valid {
            return Err(contract_ended(Some(state)));
        }
        if !self.node.is_reconciled(connection, &claims.consumer) {
            return Err(not_compared());
        }
        Ok(Arc::clone(connection))
    }

    fn transaction_id(&self, headers: &HeaderMap, now: Timestamp) -> Result<TransactionId, Problem> {
        match transaction::brought(headers, &self.node.rules, now) {
            Brought::Usable(id) => Ok(id),
            Brought::Nothing => Err(transaction::missing()),
            Brought::Unusable(error) => Err(transaction::unusable(error)),
        }
    }
}

impl InboundFace for FscInbound {
    fn admit(
        &self,
        peer: &Certificate,
        head: &request::Parts,
        snapshot: &Arc<Snapshot>,
        now: Timestamp,
    ) -> Result<AdmittedInbound, Refusal> {
        let rules = &self.node.rules;
        let token = self.token(&head.headers, now).map_err(|refused| Refusal::Stranger(refused.problem()))?;
        let VerifiedToken { claims, wire } = &*token;
        let known = |problem: Problem, transaction_id: Option<TransactionId>, parties: ExchangeParties| {
            let record =
                RefusalRecord { problem, transaction_id, parties, wire: Arc::clone(wire), decision: None };
            Refusal::Known(Box::new(record))
        };
        let context = InwayContext {
            own: &rules.own,
            group_id: &rules.group_id,
            address: rules.inway_address.as_deref().unwrap_or_default(),
            certificate: peer,
            now,
            knows: &|name: &ServiceName| snapshot.services.contains_key(name),
        };
        token::admit(claims, &context).map_err(|refused| match refused {
            InwayRefusal::Service => known(refused.problem(), None, claims.parties()),
            _ => Refusal::Stranger(refused.problem()),
        })?;
        let service = snapshot.services.get(&claims.service).cloned();
        let service =
            service.ok_or_else(|| known(InwayRefusal::Service.problem(), None, claims.parties()))?;
        let transaction_id = self.transaction_id(&head.headers, now);
        let seen = transaction_id.as_ref().ok().copied();
        // Who acts for whom is read from the contract that we hold, not from the token; a group that does without the
        // contract per request has the token only.
        let (parties, standing): (ExchangeParties, Arc<dyn Standing>) = if rules.contract_per_request {
            let connection = self.connection(claims, snapshot, now);
            let connection = connection.map_err(|problem| known(problem, seen, claims.parties()))?;
            (connection.parties.clone(), connection)
        } else {
            (claims.parties(), Arc::new(TokenAlone))
        };
        let transaction_id = transaction_id.map_err(|problem| known(problem, None, parties.clone()))?;
        let set = [
            transaction::value(&transaction_id).map(|value| (TRANSACTION_ID, value)),
            HeaderValue::from_str(parties.consumer.value()).ok().map(|value| (REQUEST_PEER_ID, value)),
        ];
        let to_source =
            HeaderChanges { remove: &REMOVED, keep: &KEPT, set: set.into_iter().flatten().collect() };
        Ok(AdmittedInbound { transaction_id, parties, service, wire: Arc::clone(wire), to_source, standing })
    }

    fn problem(&self, failure: Failure) -> Problem {
        let problem = failure.problem();
        match failure {
            Failure::RecordUnavailable => under(ErrorCode::TransactionLogWriteError, problem),
            Failure::DuplicateTransaction => under(ErrorCode::InvalidLogRecordId, problem),
            Failure::Unreachable | Failure::Untrusted => under(ErrorCode::ServiceUnreachable, problem),
            Failure::Certificate => under(ErrorCode::PeerCertificateVerificationFailed, problem),
            _ => problem,
        }
    }

    fn response(&self, problem: &Problem, transaction_id: Option<&TransactionId>) -> Response<Body> {
        with_transaction_id(refusal(ErrorDomain::Inway, problem), transaction_id)
    }
}

/// Under a group's rule that an unexpired token suffices (FSC Core 2.0.0 §4.7.1.2).
struct TokenAlone;

impl Standing for TokenAlone {
    fn holds(&self, _snapshot: &Snapshot, _now: Timestamp) -> bool {
        true
    }
}

/// Adds the transaction id to a response.
pub(crate) fn with_transaction_id(
    mut response: Response<Body>,
    id: Option<&TransactionId>,
) -> Response<Body> {
    if let Some(value) = id.and_then(transaction::value) {
        response.headers_mut().insert(TRANSACTION_ID, value);
    }
    response
}

fn contract_ended(state: Option<ContractState>) -> Problem {
    let code = ErrorCode::AccessTokenInvalid;
    let state = state.map_or("unknown", ContractState::as_str);
    Problem::new(
        code.as_str(),
        code.status(),
        format!("Het contract achter dit toegangstoken is niet van kracht (staat: {state})."),
        format!("the contract behind this access token is not in force (state: {state})"),
    )
    .next(
        "Sluit een nieuw contract met de aanbieder; het token heeft zijn waarde verloren.",
        "conclude a new contract with the provider; the token has lost its worth",
    )
}

fn not_compared() -> Problem {
    Problem::new(
        "CONTRACTS_NOT_COMPARED",
        503,
        "De contracten zijn na een herstart nog niet vergeleken met die van de afnemer.",
        "after a restart the contracts have not been compared with the consumer's yet",
    )
    .next(
        "Probeer het zo opnieuw; de manager van de afnemer moet bereikbaar zijn.",
        "try again shortly; the consumer's manager must be reachable",
    )
}

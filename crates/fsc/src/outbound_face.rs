//! The consumer's side at the outway: which contract permits the request, and the token that goes along
//! (FSC Core 2.0.0 §4.6.1, Logging 1.1.0 §3.4).

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, Response, request, response};
use verbond_application::snapshot::Snapshot;
use verbond_domain::{ExchangeParties, Problem, ServiceReference, Timestamp, TransactionId};
use verbond_gateway::{
    Failure, HeaderChanges, NamedRoute, OutboundFace, OutboundRequest, PreparedOutbound, Refusal,
    RefusalRecord,
};
use verbond_transport::Body;
use verbond_trust::Certificate;

use crate::{
    FscNode,
    answer::{refusal, under},
    contracts::names,
    inbound_face::{AUTHORIZATION, with_transaction_id},
    index::Connection,
    protocol::{
        error::{ERROR_CODE_HEADER, ErrorCode, ErrorDomain},
        grant::{Outway, OutwayIdentification},
        hash::GrantHash,
        log_record,
        state::ContractState,
    },
    retold,
    transaction::{self, Brought, TRANSACTION_ID},
};

/// Names the grant to use; understood so that applications of another outway need no change.
const GRANT_HASH: HeaderName = HeaderName::from_static("fsc-grant-hash");

/// Taken off every request to a provider.
static REMOVED: [HeaderName; 3] = [GRANT_HASH, AUTHORIZATION, TRANSACTION_ID];

/// FSC at the outway.
pub struct FscOutbound {
    node: Arc<FscNode>,
}

impl FscOutbound {
    pub(crate) const fn new(node: Arc<FscNode>) -> Self {
        Self { node }
    }

    /// The connection to use: the one named, else of those in force the one that runs longest. One on behalf of
    /// another participant is taken only when there is no own one and no doubt for whom it is.
    fn connection(&self, request: &OutboundRequest<'_>) -> Result<Arc<Connection>, Problem> {
        let index = self.node.index.index(request.snapshot);
        let service = &request.binding.service;
        let candidates: Vec<Arc<Connection>> = match request.named {
            Some(named) => {
                let hash: Option<GrantHash> = named.name.parse().ok();
                hash.and_then(|hash| index.by_hash(&hash).cloned()).into_iter().collect()
            }
            None => index.to_service(&service.provider, &service.name).to_vec(),
        };
        let ours = |connection: &&Arc<Connection>| connection.outway.consumer == self.node.rules.own;
        let ours: Vec<&Arc<Connection>> = candidates.iter().filter(ours).collect();
        let own = self.node.identity.current();
        let usable = |connection: &&&Arc<Connection>| {
            connection.state(request.now) == ContractState::Valid
                && fits(&connection.outway, &own.certificate)
        };
        // The contract that followed from the version in force; the one of the version before stands beside it.
        let follows = |connection: &Arc<Connection>| {
            let version = request.agreement.as_deref();
            version.is_some_and(|hash| connection.grant().is_some_and(|grant| names(grant, hash)))
        };
        let key = |connection: &Arc<Connection>| {
            (
                connection.parties.consumer_delegator.is_none(),
                follows(connection),
                connection.not_after(),
                connection.contract_hash().to_owned(),
            )
        };
        let usable: Vec<&Arc<Connection>> = ours.iter().filter(usable).copied().collect();
        let Some(chosen) = usable.iter().max_by_key(|connection| key(connection)) else {
            let states: Vec<ContractState> =
                ours.iter().map(|connection| connection.state(request.now)).collect();
            return Err(no_contract(service, &states));
        };
        let delegator = &chosen.parties.consumer_delegator;
        if delegator.is_some() && usable.iter().any(|other| other.parties.consumer_delegator != *delegator) {
            return Err(ambiguous(service));
        }
        Ok(Arc::clone(chosen))
    }

    async fn prepared(
        &self,
        request: &OutboundRequest<'_>,
    ) -> Result<PreparedOutbound, (Problem, Option<Arc<Connection>>)> {
        let connection = self.connection(request).map_err(|problem| (problem, None))?;
        let failed = |problem: Problem| (problem, Some(Arc::clone(&connection)));
        let provider = &connection.parties.provider;
        if !self.node.is_reconciled(&connection, provider) {
            return Err(failed(not_compared()));
        }
        let token = self.node.access_token(&connection).await.map_err(failed)?;
        let set = [
            Some((AUTHORIZATION, token.authorization.clone())),
            transaction::value(&request.transaction_id).map(|value| (TRANSACTION_ID, value)),
        ];
        Ok(PreparedOutbound {
            parties: connection.parties.clone(),
            wire: Arc::clone(&token.wire),
            target: Arc::clone(&token.target),
            to_provider: HeaderChanges {
                remove: &REMOVED,
                keep: &[],
                set: set.into_iter().flatten().collect(),
            },
            shows: token.shows,
            reference: Arc::clone(&token.reference),
            standing: connection,
        })
    }
}

#[async_trait]
impl OutboundFace for FscOutbound {
    fn transaction_id(&self, head: &request::Parts, now: Timestamp) -> Result<TransactionId, Problem> {
        use verbond_domain::TransactionIdError::Skew;
        match transaction::brought(&head.headers, &self.node.rules, now) {
            Brought::Usable(id) => Ok(id),
            Brought::Unusable(Skew) => Err(transaction::unusable(Skew)),
            // What is no id of ours is left aside: the outway must make one (Logging 1.1.0 §3.4.1.1).
            Brought::Nothing | Brought::Unusable(_) => {
                Ok(TransactionId::from_uuid(self.node.ambient.uuid_v7()))
            }
        }
    }

    fn named_route(&self, head: &request::Parts, snapshot: &Snapshot) -> Option<Result<NamedRoute, Problem>> {
        let value = head.headers.get(&GRANT_HASH)?;
        let hash: Option<GrantHash> = value.to_str().ok().and_then(|text| text.trim().parse().ok());
        let index = self.node.index.index(snapshot);
        let connection = hash.as_ref().and_then(|hash| index.by_hash(hash));
        let connection = connection.filter(|connection| connection.outway.consumer == self.node.rules.own);
        Some(match (connection, hash) {
            (Some(connection), Some(hash)) => Ok(NamedRoute {
                service: ServiceReference {
                    provider: connection.parties.provider.clone(),
                    name: connection.parties.service.clone(),
                },
                name: hash.as_str().to_owned(),
            }),
            _ => Err(unknown_grant()),
        })
    }

    fn parties(&self, service: &ServiceReference) -> ExchangeParties {
        ExchangeParties {
            consumer: self.node.rules.own.clone(),
            consumer_delegator: None,
            provider: service.provider.clone(),
            provider_delegator: None,
            service: service.name.clone(),
        }
    }

    async fn prepare(&self, request: OutboundRequest<'_>) -> Result<PreparedOutbound, Refusal> {
        self.prepared(&request).await.map_err(|(problem, connection)| {
            let parties = connection.as_ref().map(|connection| connection.parties.clone());
            let grant = connection.as_ref().and_then(|connection| connection.grant());
            Refusal::Known(Box::new(RefusalRecord {
                problem,
                transaction_id: Some(request.transaction_id),
                parties: parties.unwrap_or_else(|| self.parties(&request.binding.service)),
                wire: log_record::members(&self.node.rules.group_id, grant.map(|grant| &grant.hashes.string)),
                decision: None,
            }))
        })
    }

    fn answered(&self, reference: &str, head: &response::Parts) {
        let code = head
            .headers
            .get(ERROR_CODE_HEADER)
            .and_then(|value| value.to_str().ok())
            .and_then(ErrorCode::parse);
        if let Some(ErrorCode::AccessTokenInvalid | ErrorCode::AccessTokenExpired) = code {
            self.node.tokens.forget(reference);
        }
    }

    fn name(&self, transaction_id: &TransactionId, fields: &mut HeaderMap) {
        if let Some(value) = transaction::value(transaction_id) {
            fields.insert(TRANSACTION_ID, value);
        }
    }

    fn retold(&self, head: &response::Parts, said: &[u8]) -> Response<Body> {
        retold::refusal(head, said)
    }

    fn is_refusal(&self, head: &response::Parts) -> bool {
        !head.status.is_success() && head.headers.contains_key(ERROR_CODE_HEADER)
    }

    fn problem(&self, failure: Failure) -> Problem {
        let problem = failure.problem();
        match failure {
            Failure::ConnectMethod => under(ErrorCode::MethodUnsupported, problem),
            Failure::RecordUnavailable => under(ErrorCode::TransactionLogWriteError, problem),
            Failure::DuplicateTransaction => under(ErrorCode::InvalidLogRecordId, problem),
            _ => problem,
        }
    }

    fn response(&self, problem: &Problem, transaction_id: Option<&TransactionId>) -> Response<Body> {
        with_transaction_id(refusal(ErrorDomain::Outway, problem), transaction_id)
    }
}

/// Whether the grant names the outway that has this certificate.
fn fits(outway: &Outway, own: &Certificate) -> bool {
    match &outway.identification {
        OutwayIdentification::PublicKeyThumbprint(thumbprint) => *thumbprint == own.public_key_thumbprint,
        OutwayIdentification::DomainName(name) => {
            own.dns_names.iter().any(|held| held.eq_ignore_ascii_case(name))
        }
    }
}

/// Why no contract permits the request, from the states of those that there are.
fn no_contract(service: &ServiceReference, states: &[ContractState]) -> Problem {
    let has = |state: ContractState| states.contains(&state);
    let (nl, en, next_nl, next_en) = if has(ContractState::Valid) {
        (
            "het contract noemt een andere sleutel of naam dan die van deze outway",
            "the contract names another key or name than this outway's",
            "Sluit een contract voor de huidige sleutel: `verbond contract propose`.",
            "conclude a contract for the present key: `verbond contract propose`",
        )
    } else if has(ContractState::NotYetValid) {
        (
            "het contract is nog niet ingegaan",
            "the contract is not in force yet",
            "Wacht tot het ingaat.",
            "wait until it is",
        )
    } else if has(ContractState::Proposed) {
        (
            "het contract is nog niet door iedereen geaccepteerd",
            "the contract has not been accepted by everyone yet",
            "Wacht op de andere partij of vraag haar te besluiten; zie `verbond contract list`.",
            "wait for the other party or ask it to decide; see `verbond contract list`",
        )
    } else if states.is_empty() {
        (
            "er is geen contract voor deze dienst",
            "there is no contract for this service",
            "Stel er een voor: `verbond contract propose`.",
            "propose one: `verbond contract propose`",
        )
    } else {
        (
            "het contract is geweigerd, ingetrokken of verlopen",
            "the contract has been rejected or revoked, or has expired",
            "Stel een nieuw contract voor: `verbond contract propose`.",
            "propose a new contract: `verbond contract propose`",
        )
    };
    Problem::new(
        "CONTRACT_MISSING",
        403,
        format!("Geen toegang tot {service}: {nl}."),
        format!("no access to {service}: {en}"),
    )
    .next(next_nl, next_en)
}

fn ambiguous(service: &ServiceReference) -> Problem {
    Problem::new(
        "DELEGATOR_AMBIGUOUS",
        409,
        format!("Er zijn contracten voor {service} namens verschillende deelnemers."),
        format!("there are contracts for {service} on behalf of several participants"),
    )
    .next(
        "Noem het contract met de header Fsc-Grant-Hash.",
        "name the contract with the header Fsc-Grant-Hash",
    )
}

fn unknown_grant() -> Problem {
    Problem::new(
        "UNKNOWN_GRANT_HASH_IN_HEADER",
        400,
        "De header Fsc-Grant-Hash noemt geen lopende verbinding van deze deelnemer.",
        "the header Fsc-Grant-Hash names no running connection of this participant",
    )
    .next(
        "Gebruik de naam van de dienst in het pad (`/<naam>/…`); dan is geen hash nodig.",
        "use the name of the service in the path (`/<name>/…`); then no hash is needed",
    )
}

fn not_compared() -> Problem {
    Problem::new(
        "CONTRACTS_NOT_COMPARED",
        503,
        "De contracten zijn na een herstart nog niet vergeleken met die van de aanbieder.",
        "after a restart the contracts have not been compared with the provider's yet",
    )
    .next(
        "Probeer het zo opnieuw; de manager van de aanbieder moet bereikbaar zijn.",
        "try again shortly; the provider's manager must be reachable",
    )
}

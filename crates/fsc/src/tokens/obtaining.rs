//! A token for our own outway, from the provider's manager.

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use verbond_application::database_problem;
use verbond_domain::{ParticipantId, Problem, ServiceReference, Timestamp};
use verbond_fail_points::fail_point;
use verbond_transport::{Protocol, Target};
use verbond_trust::{Certificate, jws::Jws};

use super::{AccessToken, TokenKey};
use crate::{
    FscNode,
    address::ManagerAddress,
    client::{CallError, Counterpart},
    index::Connection,
    protocol::{
        grant::ServiceProtocol,
        hash::HashReading,
        log_record,
        token::{AccessTokenClaims, TokenRequest},
        wire::ListedService,
    },
};

/// A fetched token is renewed when this part of its life is left.
const RENEWED_AT: i64 = 5;
/// Time in which a token must still reach the inway and be judged there, in seconds.
const ON_THE_WAY: i64 = 3;
/// How long a request waits to learn which HTTP version the service speaks.
const PROTOCOL_TIMEOUT: Duration = Duration::from_secs(2);

impl FscNode {
    /// A token for this connection: the one at hand, or a new one. Those who need the same one wait for one fetch.
    pub(crate) async fn access_token(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
    ) -> Result<Arc<AccessToken>, Problem> {
        let certificate = self.identity.current().certificate.clone();
        let grant = connection.grant().ok_or_else(unusable_token)?;
        let key = TokenKey { grant: grant.hashes.string.clone(), certificate: certificate.thumbprint };
        let slot = self.tokens.slot(&key);
        let now = self.ambient.now();
        if let Some(ready) = slot.ready(now) {
            if slot.is_due(now)
                && let Ok(fetching) = Arc::clone(&slot.fetching).try_lock_owned()
            {
                let (node, connection, slot) = (Arc::clone(self), Arc::clone(connection), Arc::clone(&slot));
                tokio::spawn(async move {
                    slot.keep(&node.fetch_token(&connection, &certificate).await);
                    drop(fetching);
                });
            }
            return ready;
        }
        let _fetching = slot.fetching.lock().await;
        if let Some(ready) = slot.ready(self.ambient.now()) {
            return ready;
        }
        let outcome = self.fetch_token(connection, &certificate).await;
        slot.keep(&outcome);
        outcome
    }

    async fn fetch_token(
        &self,
        connection: &Connection,
        own: &Certificate,
    ) -> Result<Arc<AccessToken>, Problem> {
        fail_point!("token::fetch", |_| Err(unusable_token()));
        let provider = &connection.parties.provider;
        let manager = self.counterpart(provider).await?;
        let (response, protocol) =
            tokio::join!(self.ask_for_token(&manager, connection), self.protocol_of(connection),);
        let token = response?;
        fail_point!("token::fetched", |_| Err(unusable_token()));
        let claims = self.checked_claims(&token, connection, own)?;
        // HTTP/1.1 until a directory says otherwise: every inway speaks it.
        let protocol = protocol.unwrap_or(Protocol::Http1);
        let address =
            ManagerAddress::parse(&claims.audience, &self.rules.ports).map_err(|_| unusable_token())?;
        let target =
            Target::peer(provider.clone(), address.as_str(), protocol).map_err(|_| unusable_token())?;
        let mut authorization =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| unusable_token())?;
        authorization.set_sensitive(true);
        let now = self.ambient.now();
        let (refresh_at, stale_at) = lifetime(now, &claims);
        let reference = format!("{} {}", claims.grant_hash, now.millis()).into();
        Ok(Arc::new(AccessToken {
            authorization,
            shows: claims.certificate_thumbprint,
            reference,
            wire: log_record::members(&self.rules.group_id, Some(&claims.grant_hash)),
            target: Arc::new(target),
            refresh_at,
            stale_at,
        }))
    }

    /// Asks with the reading of the grant hash that the provider is known to use, else the string reading; if the
    /// provider refuses, once with the other one. What worked is kept.
    async fn ask_for_token(&self, manager: &Counterpart, connection: &Connection) -> Result<String, Problem> {
        let grant = connection.grant().ok_or_else(unusable_token)?;
        let peer = self.peer_row(&manager.id).await.map_err(database_problem)?;
        let known = peer.and_then(|peer| peer.hash_reading);
        let first =
            if known.as_deref() == Some("digest") { HashReading::Digest } else { HashReading::String };
        let second = if first == HashReading::String { HashReading::Digest } else { HashReading::String };
        let request = |reading: HashReading| TokenRequest {
            scope: grant.hashes.under(reading).clone(),
            client: self.rules.own.clone(),
        };
        let refused = match self.client.token(manager, &request(first)).await {
            Ok(response) => {
                self.learn_reading(&manager.id, first).await;
                return Ok(response.access_token);
            }
            Err(error @ CallError::Refused { .. }) if error.is_permanent() => error,
            Err(error) => return Err(error.problem(&manager.id)),
        };
        match self.client.token(manager, &request(second)).await {
            Ok(response) => {
                self.learn_reading(&manager.id, second).await;
                Ok(response.access_token)
            }
            // What it says to the reading that it is likelier to use is what the reader needs.
            Err(_) => Err(refused.problem(&manager.id)),
        }
    }

    /// Keeps which reading of the grant hash a participant uses, if that is news.
    pub(crate) async fn learn_reading(&self, id: &ParticipantId, reading: HashReading) {
        let learn = async {
            let known = self.peer_row(id).await?;
            if known.is_none_or(|peer| peer.hash_reading.as_deref() == Some(reading.as_str())) {
                return Ok(());
            }
            let mut transaction = self.store.begin().await?;
            transaction.set_hash_reading(id, reading.as_str()).await?;
            transaction.commit().await
        };
        let outcome: Result<(), verbond_store::StoreError> = learn.await;
        if let Err(error) = outcome {
            tracing::warn!(%id, %error, "a participant's reading of the grant hash cannot be kept");
        }
    }

    /// The claims, if they are for this connection and this certificate. The signature is the inway's to verify: the
    /// token came over mutual TLS from the provider itself.
    fn checked_claims(
        &self,
        token: &str,
        connection: &Connection,
        own: &Certificate,
    ) -> Result<AccessTokenClaims, Problem> {
        let jws = Jws::parse(token).map_err(|_| unusable_token())?;
        let claims =
            AccessTokenClaims::parse(jws.payload(), self.rules.scheme()).map_err(|_| unusable_token())?;
        // The text can be read as having the delegator in `sub` too: see `AccessTokenClaims`.
        let ends = &connection.parties;
        let subject =
            claims.consumer == ends.consumer || Some(&claims.consumer) == ends.consumer_delegator.as_ref();
        let for_us = subject
            && claims.group_id == self.rules.group_id
            && claims.provider == connection.parties.provider
            && claims.service == connection.parties.service
            && claims.certificate_thumbprint == own.thumbprint
            && connection.grant().is_some_and(|grant| grant.hashes.reading_of(&claims.grant_hash).is_some());
        if for_us { Ok(claims) } else { Err(unusable_token()) }
    }

    /// The HTTP version that the provider has published the service with.
    async fn protocol_of(&self, connection: &Connection) -> Option<Protocol> {
        let parties = &connection.parties;
        let service = ServiceReference { provider: parties.provider.clone(), name: parties.service.clone() };
        if let Some(protocol) = self.tokens.protocol(&service) {
            return protocol;
        }
        let protocol =
            tokio::time::timeout(PROTOCOL_TIMEOUT, self.published_protocol(&service)).await.ok().flatten();
        self.tokens.keep_protocol(service, protocol);
        protocol
    }

    async fn published_protocol(&self, service: &ServiceReference) -> Option<Protocol> {
        let (provider, name) = (&service.provider, service.name.as_str());
        for directory in self.directories() {
            // One filter only: directories join several by OR.
            let Ok(services) = self.client.services(&directory, Some(provider), None).await else { continue };
            for listing in services {
                let (peer, listed, protocol) = match listing.data {
                    ListedService::Service { peer, name, protocol, .. }
                    | ListedService::DelegatedService { peer, name, protocol, .. } => (peer, name, protocol),
                };
                if peer.id == provider.value() && listed == name {
                    return Some(match protocol {
                        ServiceProtocol::Http1 => Protocol::Http1,
                        ServiceProtocol::Http2 => Protocol::Http2,
                    });
                }
            }
        }
        None
    }
}

/// When to renew a token and when to stop using it. The provider's clock may be off, so its life counts from now and
/// its end is heeded as well: the earlier of both.
fn lifetime(now: Timestamp, claims: &AccessTokenClaims) -> (Timestamp, Timestamp) {
    let life = claims.expires_at.millis_since(claims.not_before).max(0);
    let end = claims.expires_at.min(Timestamp::from_millis(now.millis().saturating_add(life)));
    let stale_at = end.plus_seconds(-ON_THE_WAY);
    let refresh_at = Timestamp::from_millis(end.millis().saturating_sub(life / RENEWED_AT)).min(stale_at);
    (refresh_at, stale_at)
}

fn unusable_token() -> Problem {
    Problem::new(
        "TOKEN_UNUSABLE",
        502,
        "De manager van de aanbieder gaf een toegangstoken dat niet bij dit contract en dit certificaat past.",
        "the provider's manager gave an access token that does not fit this contract and this certificate",
    )
    .next("Meld dit aan de aanbieder.", "tell the provider")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(not_before: i64, expires_at: i64) -> Result<AccessTokenClaims, Box<dyn std::error::Error>> {
        let hash: crate::protocol::hash::GrantHash = format!("$1$3${}", "A".repeat(86)).parse()?;
        let peer = |value| ParticipantId::new(verbond_domain::Scheme::Oin, value);
        Ok(AccessTokenClaims {
            grant_hash: hash,
            group_id: "g".to_owned(),
            consumer: peer("00000099000000000001")?,
            consumer_delegator: None,
            provider: peer("00000099000000000002")?,
            provider_delegator: None,
            service: "service".parse()?,
            audience: "https://a.example:443".to_owned(),
            expires_at: Timestamp::from_seconds(expires_at),
            not_before: Timestamp::from_seconds(not_before),
            certificate_thumbprint: verbond_trust::CertificateThumbprint([0; 32]),
            properties: None,
            additional: serde_json::Map::new(),
        })
    }

    #[test]
    fn a_token_is_renewed_before_it_ends_whatever_the_providers_clock()
    -> Result<(), Box<dyn std::error::Error>> {
        let now = Timestamp::from_seconds(1000);
        assert_eq!(
            lifetime(now, &claims(1000, 1060)?),
            (Timestamp::from_seconds(1048), Timestamp::from_seconds(1057))
        );
        assert_eq!(
            lifetime(now, &claims(2000, 2060)?),
            (Timestamp::from_seconds(1048), Timestamp::from_seconds(1057))
        );
        // A clock that lags: the token counts as stale at once, and serves the request that fetched it.
        assert!(lifetime(now, &claims(500, 560)?).1 < now);
        Ok(())
    }
}

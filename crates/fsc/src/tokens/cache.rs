//! Tokens that have been obtained, until shortly before they end.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderValue;
use tokio::time::Instant;
use verbond_domain::{Problem, ServiceReference, Timestamp};
use verbond_journal::WireMembers;
use verbond_transport::{Protocol, Target};
use verbond_trust::CertificateThumbprint;

use crate::protocol::hash::GrantHash;

/// How long the failure to obtain a token is remembered, so that requests that wait for the same one do not all try.
const FAILURE_STANDS: Duration = Duration::from_secs(1);

/// How long the directories' answer about a service's HTTP version is used.
const PROTOCOL_STANDS: Duration = Duration::from_secs(600);

/// Tokens of one grant are forgotten no more often than this: a source can answer with the inway's error codes, which
/// pass unaltered (Core 2.0.0 §4.6.1), and must not thereby have every request fetch a token.
const FORGOTTEN_EVERY: Duration = Duration::from_secs(10);

/// What a token is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenKey {
    /// The grant, by its hash under the string reading.
    pub grant: GrantHash,
    /// The own certificate that it is bound to.
    pub certificate: CertificateThumbprint,
}

/// A token that has been obtained.
#[derive(Debug)]
pub(crate) struct AccessToken {
    /// `Bearer …`, marked sensitive.
    pub authorization: HeaderValue,
    /// What stands in the records of its exchanges: the grant hash as the provider put it in `gth`, so that both records hold the
    /// same one.
    pub wire: WireMembers,
    /// The certificate of ours that it is bound to.
    pub shows: CertificateThumbprint,
    /// The grant hash and the moment of fetching, to tell this token from the one after it.
    pub reference: Arc<str>,
    /// The inway that it is for.
    pub target: Arc<Target>,
    /// From when a new one is fetched beside the requests that still use this one.
    pub refresh_at: Timestamp,
    /// From when it is not used any more.
    pub stale_at: Timestamp,
}

#[derive(Default)]
pub(crate) struct Slot {
    state: Mutex<SlotState>,
    /// Held by the one who fetches.
    pub fetching: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct SlotState {
    token: Option<Arc<AccessToken>>,
    failure: Option<(Instant, Problem)>,
    forgotten: Option<Instant>,
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token that may be used now, or the failure that has just happened.
    pub fn ready(&self, now: Timestamp) -> Option<Result<Arc<AccessToken>, Problem>> {
        let state = self.state();
        if let Some(token) = state.token.as_ref().filter(|token| now < token.stale_at) {
            return Some(Ok(Arc::clone(token)));
        }
        let (at, problem) = state.failure.as_ref()?;
        (at.elapsed() < FAILURE_STANDS).then(|| Err(problem.clone()))
    }

    /// Whether the token at hand is to be renewed now; not right after an attempt that failed.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let state = self.state();
        let failed = state.failure.as_ref().is_some_and(|(at, _)| at.elapsed() < FAILURE_STANDS);
        !failed && state.token.as_ref().is_some_and(|token| now >= token.refresh_at)
    }

    /// Keeps what an attempt brought. A failure leaves a token that is still good in place.
    pub fn keep(&self, outcome: &Result<Arc<AccessToken>, Problem>) {
        let mut state = self.state();
        match outcome {
            Ok(token) => {
                state.token = Some(Arc::clone(token));
                state.failure = None;
            }
            Err(problem) => state.failure = Some((Instant::now(), problem.clone())),
        }
    }
}

/// All tokens, one slot per grant and own certificate; and the HTTP versions of the services that they are for.
#[derive(Default)]
pub(crate) struct TokenCache {
    slots: Mutex<HashMap<TokenKey, Arc<Slot>>>,
    protocols: Mutex<HashMap<ServiceReference, (Instant, Option<Protocol>)>>,
}

impl TokenCache {
    /// The slot of this key. Slots of other certificates of ours are dropped: their tokens cannot be used any more.
    pub fn slot(&self, key: &TokenKey) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(key) {
            return Arc::clone(slot);
        }
        slots.retain(|other, _| other.certificate == key.certificate);
        Arc::clone(slots.entry(key.clone()).or_default())
    }

    /// What the directories said of the service's HTTP version, if that is not long ago.
    pub fn protocol(&self, service: &ServiceReference) -> Option<Option<Protocol>> {
        let protocols = self.protocols.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked, protocol) = protocols.get(service)?;
        (asked.elapsed() < PROTOCOL_STANDS).then_some(*protocol)
    }

    /// Keeps what the directories said.
    pub fn keep_protocol(&self, service: ServiceReference, protocol: Option<Protocol>) {
        let mut protocols = self.protocols.lock().unwrap_or_else(PoisonError::into_inner);
        protocols.insert(service, (Instant::now(), protocol));
    }

    /// Forgets this token, wherever it is kept: the provider, or whoever answers in its name, refused it. Not again so
    /// soon after the one before it.
    pub fn forget(&self, reference: &str) {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in slots.values() {
            let mut state = slot.state();
            let is_it = state.token.as_ref().is_some_and(|token| *token.reference == *reference);
            if is_it && state.forgotten.is_none_or(|at| at.elapsed() >= FORGOTTEN_EVERY) {
                state.token = None;
                state.forgotten = Some(Instant::now());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use verbond_domain::{ParticipantId, Scheme};

    use super::*;

    fn token(reference: &str, key: &TokenKey) -> Result<Arc<AccessToken>, Box<dyn std::error::Error>> {
        let peer = ParticipantId::new(Scheme::Oin, "00000001000000000001")?;
        Ok(Arc::new(AccessToken {
            authorization: HeaderValue::from_static("Bearer a"),
            wire: WireMembers::default(),
            shows: key.certificate,
            reference: reference.into(),
            target: Arc::new(Target::peer(peer, "https://provider.test", Protocol::Http2)?),
            refresh_at: Timestamp::from_millis(10),
            stale_at: Timestamp::from_millis(10),
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_imitates_refusals_costs_one_token_in_ten_seconds()
    -> Result<(), Box<dyn std::error::Error>> {
        let cache = TokenCache::default();
        let grant = format!("$1$3${}", "A".repeat(86)).parse()?;
        let key = TokenKey { grant, certificate: CertificateThumbprint([0; 32]) };
        let slot = cache.slot(&key);
        let has = || slot.ready(Timestamp::from_millis(0)).is_some();
        slot.keep(&Ok(token("1", &key)?));
        cache.forget("1");
        assert!(!has());
        slot.keep(&Ok(token("2", &key)?));
        cache.forget("2");
        assert!(has());
        tokio::time::advance(FORGOTTEN_EVERY).await;
        cache.forget("2");
        assert!(!has());
        Ok(())
    }
}

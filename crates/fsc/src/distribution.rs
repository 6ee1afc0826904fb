//! The outbox: what must reach other participants is delivered, however long that takes.
//!
//! Digikoppeling REST-API 4.0.1 §3.4.3.6 asks for exponential backoff: 1, 2, 4, 16 … at most 300 seconds.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::task::JoinSet;
use verbond_domain::Timestamp;
use verbond_fail_points::fail_point;
use verbond_store::{StoreError, outbox::OutboxRow};

use crate::{
    FscNode,
    client::{CallError, cleaned},
    contracts::kind_of,
    protocol::hash::ContentHash,
};

/// Longest time between two attempts, in seconds.
const LONGEST_PAUSE: i64 = 300;
/// Time for one delivery, finding the address included.
const TIMEOUT: Duration = Duration::from_secs(12);
/// How long a message is kept from other processes while one delivers it, in seconds. Longer than a delivery can take;
/// not much longer, since what was in flight when a process was killed waits for it.
const LEASE: i64 = 15;
/// Messages in delivery at the same time.
const AT_ONCE: usize = 32;
/// How often the outbox is looked at without a notification.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(30);

/// Seconds until the next attempt after `attempts` failed ones.
pub(crate) fn pause(attempts: i64) -> i64 {
    match attempts {
        ..=1 => 1,
        2 => 2,
        3 => 4,
        4 => 16,
        5 => 64,
        6 => 256,
        _ => LONGEST_PAUSE,
    }
}

impl FscNode {
    /// Delivers, until it is aborted; a message in flight then is delivered again after its lease.
    pub(crate) async fn keep_delivering(self: Arc<Self>) {
        let mut deliveries = JoinSet::new();
        loop {
            fail_point!("task::outbox");
            while deliveries.try_join_next().is_some() {}
            match self.start_deliveries(&mut deliveries).await {
                Ok(wait) => {
                    tokio::select! {
                        () = self.store.wait_for_outbox(wait) => {}
                        // The next message for a peer is free when the one before it has arrived.
                        Some(_) = deliveries.join_next(), if !deliveries.is_empty() => {}
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the outbox cannot be read");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Starts what is due and says how long to wait for more.
    async fn start_deliveries(
        self: &Arc<Self>,
        deliveries: &mut JoinSet<()>,
    ) -> Result<Duration, StoreError> {
        let now = self.ambient.now();
        let room = i64::try_from(AT_ONCE.saturating_sub(deliveries.len())).unwrap_or(0);
        if room > 0 {
            for message in self.store.lease_outbox(now, now.plus_seconds(LEASE), room).await? {
                deliveries.spawn(Arc::clone(self).deliver(message));
            }
        }
        let next = self.store.outbox_next().await?;
        let millis = next.map_or(i64::MAX, |next| next.millis_since(self.ambient.now())).max(20);
        Ok(LOOK_AT_LEAST_EVERY.min(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))))
    }

    async fn deliver(self: Arc<Self>, message: OutboxRow) {
        let sent = tokio::time::timeout(TIMEOUT, self.send(&message)).await;
        let outcome = sent.unwrap_or_else(|_| Err("the peer did not answer in time".to_owned()));
        let kept = match &outcome {
            Ok(()) => self.store.outbox_delivered(message.id).await,
            Err(reason) => self.store.outbox_failed(message.id, self.next_attempt(&message), reason).await,
        };
        if let Err(error) = kept {
            tracing::error!(%error, "the outcome of a delivery cannot be kept; it will be tried again");
            return;
        }
        match outcome {
            Ok(()) => {
                tracing::info!(peer = %message.peer, kind = message.kind, subject = message.subject, "delivered");
                self.reconciliation.heard_of(&message.peer);
                // It was away: it may have signed, or missed, more than what waited here.
                if message.attempts > 0 {
                    self.reconciliation.ask(&message.peer);
                }
            }
            Err(reason) => {
                tracing::warn!(peer = %message.peer, kind = message.kind, subject = message.subject,
                attempts = message.attempts.saturating_add(1), reason, "not delivered; it will be tried again")
            }
        }
    }

    /// With up to a tenth on top, so that those who wait for the same peer do not come at once.
    fn next_attempt(&self, message: &OutboxRow) -> Timestamp {
        let millis = pause(message.attempts.saturating_add(1)).saturating_mul(1000);
        let [random] = self.ambient.random::<1>();
        let jitter = millis / 10 * i64::from(random) / 255;
        Timestamp::from_millis(self.ambient.now().millis().saturating_add(millis).saturating_add(jitter))
    }

    /// Sends one message. The reason of a failure starts with `refused` when the peer itself said no: the operator sees
    /// that, and it is tried again at the longest pause, since only a change at either side can mend it.
    async fn send(&self, message: &OutboxRow) -> Result<(), String> {
        let to = self.counterpart(&message.peer).await.map_err(|problem| problem.detail.en)?;
        let kind = message.kind.split('.').next().unwrap_or_default();
        if let Some(courier) = self.couriers.iter().find(|courier| courier.carries() == kind) {
            return courier.carry(to.address.as_str(), message).await.map_err(|undelivered| {
                let reason = cleaned(&undelivered.reason);
                if undelivered.is_refused { format!("refused: {reason}") } else { reason }
            });
        }
        let body = Bytes::from(message.payload.clone());
        let sent = match message.kind.split_once('.') {
            None if message.kind == "announce" => self.client.announce(&to).await,
            Some(("contract", "submit")) => self.client.submit(&to, body).await,
            Some(("contract", kind)) => {
                let kind = kind_of(kind).ok_or_else(|| format!("unknown message {}", message.kind))?;
                let hash: ContentHash = message.subject.parse().map_err(|_| "damaged subject".to_owned())?;
                self.client.sign(&to, &hash, kind, body).await
            }
            _ => return Err(format!("unknown message {}", cleaned(&message.kind))),
        };
        sent.map_err(|error| match &error {
            CallError::Refused { .. } if error.is_permanent() => format!("refused: {error}"),
            _ => error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_as_the_profile_says_and_end_at_five_minutes() {
        let pauses: Vec<i64> = (1..=9).map(pause).collect();
        assert_eq!(pauses, [1, 2, 4, 16, 64, 256, 300, 300, 300]);
    }
}

//! The certificate at the other end of a standing connection, judged as often as it must be.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use rustls_pki_types::CertificateDer;
use tokio::time::Instant;
use verbond_domain::{Ambient, Timestamp};
use verbond_trust::{Certificate, CertificateRefusal, TrustStore, Usage};

/// How long a refusal is kept, and the longest time between two looks at the clock.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// A connection with mutual TLS, as a request extension. Cheap to clone.
#[derive(Clone)]
pub struct PeerConnection(Arc<Inner>);

struct Inner {
    chain: Vec<CertificateDer<'static>>,
    usage: Usage,
    trust: Arc<TrustStore>,
    ambient: Ambient,
    latest: ArcSwap<Judgement>,
}

struct Judgement {
    generation: u64,
    made: Instant,
    /// The last moment at which the same judgement would be made; for a refusal, how long it is kept goes by `made`.
    until: Timestamp,
    outcome: Result<Arc<Certificate>, CertificateRefusal>,
}

impl Inner {
    fn judge(&self) -> Arc<Judgement> {
        // Read first: lists that change while the chain is judged make the judgement old at once.
        let generation = self.trust.generation();
        Arc::new(judgement(&self.trust, &self.chain, self.usage, &self.ambient, generation))
    }
}

fn judgement(
    trust: &TrustStore,
    chain: &[CertificateDer<'static>],
    usage: Usage,
    ambient: &Ambient,
    generation: u64,
) -> Judgement {
    let (outcome, until) = match trust.judge_until(chain, usage, ambient.now()) {
        Ok(judgement) => (Ok(Arc::new(judgement.certificate)), judgement.until),
        Err(refusal) => (Err(refusal), Timestamp::from_millis(i64::MAX)),
    };
    Judgement { generation, made: Instant::now(), until, outcome }
}

impl PeerConnection {
    /// A connection whose other end has shown this chain, leaf first.
    pub(crate) fn new(
        chain: Vec<CertificateDer<'static>>,
        usage: Usage,
        trust: Arc<TrustStore>,
        ambient: Ambient,
    ) -> Self {
        let generation = trust.generation();
        let latest = ArcSwap::from_pointee(judgement(&trust, &chain, usage, &ambient, generation));
        Self(Arc::new(Inner { chain, usage, trust, ambient, latest }))
    }

    /// The certificate at the other end if it is good now. The judgement is made again when the lists of revoked
    /// certificates change, and when the time comes at which it no longer stands.
    pub fn judge(&self) -> Result<Arc<Certificate>, CertificateRefusal> {
        let latest = self.0.latest.load();
        if latest.generation == self.0.trust.generation() {
            match &latest.outcome {
                Ok(certificate) if self.0.ambient.now() <= latest.until => {
                    return Ok(Arc::clone(certificate));
                }
                Err(refusal) if latest.made.elapsed() < LOOK_AGAIN => return Err(refusal.clone()),
                _ => {}
            }
        }
        drop(latest);
        let judgement = self.0.judge();
        let outcome = judgement.outcome.clone();
        self.0.latest.store(judgement);
        outcome
    }

    /// Returns when the certificate is no longer good. A certificate that names nobody never was: its requests are
    /// refused one by one, so that the other side learns why.
    pub(crate) async fn refused(&self) -> CertificateRefusal {
        let mut changes = self.0.trust.changes();
        loop {
            match self.judge() {
                Ok(_) => {}
                Err(CertificateRefusal::Identity(_)) => std::future::pending().await,
                Err(refusal) => return refusal,
            }
            let left = self.0.latest.load().until.millis_since(self.0.ambient.now()).saturating_add(1);
            let wait = LOOK_AGAIN.min(Duration::from_millis(u64::try_from(left).unwrap_or(1)));
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { tokio::time::sleep(wait).await },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

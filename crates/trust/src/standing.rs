//! Which of a node's own chains still vouch for what it has signed.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls_pki_types::CertificateDer;
use verbond_domain::Timestamp;

use crate::{Certificate, CertificateRefusal, TrustStore, Usage};

/// Seconds after which chains that were refused are looked at again while the CRLs stay the same: a clock that was
/// wrong may be right by then.
const LOOK_AGAIN_SECONDS: i64 = 30;

/// A chain with its parsed leaf.
#[derive(Clone)]
pub(crate) struct Presented {
    pub(crate) chain: Arc<Vec<CertificateDer<'static>>>,
    pub(crate) certificate: Certificate,
}

/// Judges a node's own chains as another participant would, and keeps the outcome for as long as it stands.
pub(crate) struct OwnJudge {
    trust: Arc<TrustStore>,
    latest: ArcSwapOption<Standing>,
}

/// The chains that were found good.
struct Standing {
    /// What was judged; compared by address.
    chains: Arc<Vec<Presented>>,
    generation: u64,
    /// The first and the last moment at which the outcome stands.
    from: Timestamp,
    until: Timestamp,
    good: Arc<Vec<Presented>>,
}

impl OwnJudge {
    pub(crate) fn new(trust: Arc<TrustStore>) -> Self {
        Self { trust, latest: ArcSwapOption::empty() }
    }

    /// Those of `chains`, the present one first, that are good now. The present one is left out only when it is known
    /// to be revoked: while its CRL is out of reach, the node goes on with what it has.
    pub(crate) fn good(&self, chains: &Arc<Vec<Presented>>, now: Timestamp) -> Arc<Vec<Presented>> {
        // Read first: lists that change while chains are judged make the outcome old at once.
        let generation = self.trust.generation();
        let latest = self.latest.load();
        if let Some(latest) = latest.as_ref()
            && Arc::ptr_eq(&latest.chains, chains)
            && latest.generation == generation
            && (latest.from..=latest.until).contains(&now)
        {
            return Arc::clone(&latest.good);
        }
        let standing = self.judge(chains, generation, now);
        let good = Arc::clone(&standing.good);
        let left_out = chains.len().saturating_sub(good.len());
        let before = latest.as_ref().map_or(0, |latest| latest.chains.len() - latest.good.len());
        if left_out != before {
            tracing::warn!(left_out, "certificates of this node no longer vouch for what it has signed");
        }
        self.latest.store(Some(Arc::new(standing)));
        good
    }

    fn judge(&self, chains: &Arc<Vec<Presented>>, generation: u64, now: Timestamp) -> Standing {
        let mut until = Timestamp::from_millis(i64::MAX);
        let mut good = Vec::with_capacity(chains.len());
        for (place, presented) in chains.iter().enumerate() {
            match self.trust.judge_until(&presented.chain, Usage::Signature, now) {
                Ok(judgement) => {
                    until = until.min(judgement.until);
                    good.push(presented.clone());
                }
                Err(refusal) => {
                    until = until.min(now.plus_seconds(LOOK_AGAIN_SECONDS));
                    if place == 0 && refusal != CertificateRefusal::Revoked {
                        good.push(presented.clone());
                    }
                }
            }
        }
        Standing { chains: Arc::clone(chains), generation, from: now, until, good: Arc::new(good) }
    }
}

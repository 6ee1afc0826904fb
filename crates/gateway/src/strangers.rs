//! Refusals of callers who have not proved all that the protocol asks: counted, and slowed down when there are many.
//!
//! Their requests cost a judgement each and leave no record; who sends many of them waits a second for each answer, so
//! that guessing is slow. Nobody else waits with them: who sends good requests is never slowed down.

use std::{num::NonZeroU32, time::Duration};

use governor::{Quota, RateLimiter, clock::DefaultClock, state::keyed::HashMapStateStore};
use tokio::sync::Semaphore;
use verbond_domain::ParticipantId;

/// Refusals of one participant per second that are answered at once.
const AT_ONCE: NonZeroU32 = match NonZeroU32::new(50) {
    Some(number) => number,
    None => NonZeroU32::MIN,
};
const WAIT: Duration = Duration::from_secs(1);
/// Answers that wait at the same time; beyond that, waiting would cost more than it spares.
const WAITING: usize = 1024;
/// Participants remembered before those who have been quiet are forgotten.
const REMEMBERED: usize = 1024;

pub(crate) struct Strangers {
    refusals: RateLimiter<ParticipantId, HashMapStateStore<ParticipantId>, DefaultClock>,
    waiting: Semaphore,
}

impl Strangers {
    pub(crate) fn new() -> Self {
        Self {
            refusals: RateLimiter::hashmap(Quota::per_second(AT_ONCE)),
            waiting: Semaphore::const_new(WAITING),
        }
    }

    /// Returns when a refusal of this participant may be answered.
    pub(crate) async fn refused(&self, participant: &ParticipantId) {
        if self.refusals.check_key(participant).is_ok() {
            return;
        }
        if self.refusals.len() > REMEMBERED {
            self.refusals.retain_recent();
        }
        if let Ok(_place) = self.waiting.try_acquire() {
            tokio::time::sleep(WAIT).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;
    use verbond_domain::Scheme;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_is_refused_often_waits_and_others_do_not() -> Result<(), verbond_domain::ParticipantIdError>
    {
        let (often, seldom) = (ParticipantId::new(Scheme::Oin, "1")?, ParticipantId::new(Scheme::Oin, "2")?);
        let strangers = Strangers::new();
        let begun = Instant::now();
        for _ in 0..AT_ONCE.get() {
            strangers.refused(&often).await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        strangers.refused(&often).await;
        assert!(begun.elapsed() >= WAIT);
        let then = Instant::now();
        strangers.refused(&seldom).await;
        assert_eq!(then.elapsed(), Duration::ZERO);
        Ok(())
    }
}

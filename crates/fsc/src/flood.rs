//! What one participant may ask of the manager: any holder of a certificate of the group may call it, as fast and as
//! often as it likes.

use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use verbond_domain::{ParticipantId, Problem};

/// Participants that are told apart; those that have been quiet are forgotten first.
const MAXIMUM_PARTICIPANTS: usize = 10_000;

/// Bounds on what one participant may ask of the manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodLimits {
    /// Messages (POST and PUT, tokens included) per second, in the long run.
    pub messages_per_second: NonZeroU32,
    /// Messages that may come at once.
    pub burst: NonZeroU32,
    /// Contracts that it has signed and this participant has not, as far as they run or came in the last 30 days.
    pub undecided_contracts: u32,
}

impl Default for FloodLimits {
    fn default() -> Self {
        let number = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self { messages_per_second: number(50), burst: number(200), undecided_contracts: 1000 }
    }
}

/// Counts the messages of each participant.
pub(crate) struct FloodGate {
    limiter: DefaultKeyedRateLimiter<ParticipantId>,
}

impl FloodGate {
    pub(crate) fn new(limits: FloodLimits) -> Self {
        let quota = Quota::per_second(limits.messages_per_second).allow_burst(limits.burst);
        Self { limiter: RateLimiter::keyed(quota) }
    }

    /// Lets a message of this participant in, or says why not.
    pub(crate) fn pass(&self, id: &ParticipantId) -> Result<(), Problem> {
        if self.limiter.len() >= MAXIMUM_PARTICIPANTS {
            self.limiter.retain_recent();
            if self.limiter.len() >= MAXIMUM_PARTICIPANTS {
                return Err(too_many_messages());
            }
        }
        self.limiter.check_key(id).map_err(|_| too_many_messages())
    }
}

const TOO_MANY_MESSAGES: &str = "TOO_MANY_MESSAGES";
const TOO_MANY_UNDECIDED: &str = "TOO_MANY_UNDECIDED_CONTRACTS";

fn too_many_messages() -> Problem {
    Problem::new(
        TOO_MANY_MESSAGES,
        429,
        "Deze deelnemer stuurt meer berichten dan deze manager van een deelnemer aanneemt.",
        "this participant sends more messages than this manager takes of one participant",
    )
    .next("Stuur minder berichten, en dit zo opnieuw.", "send fewer messages, and this one again shortly")
    .retry_after(1)
}

pub(crate) fn too_many_undecided(bound: u32) -> Problem {
    Problem::new(
        TOO_MANY_UNDECIDED,
        429,
        format!("Er wachten hier al {bound} contracten van deze deelnemer op een besluit."),
        format!("{bound} contracts of this participant wait for a decision here already"),
    )
    .next(
        "Wacht tot over de eerdere is besloten, of vraag de andere partij dat te doen.",
        "wait until the earlier ones have been decided, or ask the other party to do so",
    )
    .retry_after(300)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::fixtures::{CONSUMER, PROVIDER, peer};

    #[test]
    fn one_participant_that_floods_does_not_shut_out_another() {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let limits =
            FloodLimits { messages_per_second: number(1), burst: number(3), ..FloodLimits::default() };
        let gate = FloodGate::new(limits);
        let passed = (0..10).filter(|_| gate.pass(&peer(CONSUMER)).is_ok()).count();
        assert_eq!(passed, 3);
        assert!(gate.pass(&peer(PROVIDER)).is_ok());
    }
}

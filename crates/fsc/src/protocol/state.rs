//! The life of a contract (FSC Core 2.0.0 §3.2.1) as a state machine that knows neither clock nor order of arrival.
//!
//! Signatures reach each party in another order, so that a state may depend only on *which* signatures there are: a
//! revocation outweighs a rejection, which outweighs everything else; both are final. Figure 3 calls a proposal whose end
//! has passed rejected; here it is expired, since nobody rejected it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use verbond_domain::{ParticipantId, Timestamp};

use super::{content::ContractContent, signature::SignatureKind};

/// Where a contract stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContractState {
    /// Someone has yet to accept.
    Proposed,
    /// All have accepted; `not_before` lies ahead.
    NotYetValid,
    /// In force.
    Valid,
    /// Someone has rejected it.
    Rejected,
    /// Someone has revoked it.
    Revoked,
    /// `not_after` has passed.
    Expired,
}

impl ContractState {
    /// One lower-case word (`not_yet_valid` with underscores).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::NotYetValid => "not_yet_valid",
            Self::Valid => "valid",
            Self::Rejected => "rejected",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }

    /// Whether nothing can bring the contract into force any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Rejected | Self::Revoked | Self::Expired)
    }
}

/// Who said what when; signatures that have been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Who.
    pub signer: ParticipantId,
    /// What.
    pub kind: SignatureKind,
    /// When, by the signer's clock.
    pub signed_at: Timestamp,
}

impl Signed {
    /// Whether this signature takes the place of `other`: the same peer says the same, not earlier.
    ///
    /// A peer whose certificate was renewed signs again (§4.2.7), and the later accept is the one to keep.
    pub fn replaces(&self, other: &Self) -> bool {
        self.signer == other.signer && self.kind == other.kind && self.signed_at >= other.signed_at
    }
}

/// A step that the contract's state does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransition {
    /// The signer is in none of the grants (§4.2.3).
    #[error("{0} is not on the contract")]
    NotOnContract(ParticipantId),
    /// An act of our own that the state has overtaken.
    #[error("a contract that is {} cannot be given the signature {}", state.as_str(), kind.as_str())]
    Overtaken {
        /// Where the contract stands.
        state: ContractState,
        /// What was to be said.
        kind: SignatureKind,
    },
}

/// What does not change in a contract's life and decides about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    signatories: BTreeSet<ParticipantId>,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// A contract's life up to now. Time is no transition: [`Lifecycle::state`] looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// Some have yet to accept.
    Proposed {
        /// The contract's terms.
        terms: Terms,
        /// Who has yet to accept; never empty.
        waiting: BTreeSet<ParticipantId>,
    },
    /// All have accepted.
    Accepted {
        /// The contract's terms.
        terms: Terms,
    },
    /// Someone has rejected it, nobody revoked it.
    Rejected {
        /// The contract's terms.
        terms: Terms,
    },
    /// Someone has revoked it.
    Revoked {
        /// The contract's terms.
        terms: Terms,
    },
}

impl Lifecycle {
    /// A contract without signatures.
    pub fn new(content: &ContractContent) -> Self {
        let signatories: BTreeSet<_> = content.signatories().into_iter().collect();
        let waiting = signatories.clone();
        let terms = Terms { signatories, not_before: content.not_before, not_after: content.not_after };
        Self::Proposed { terms, waiting }
    }

    const fn terms(&self) -> &Terms {
        match self {
            Self::Proposed { terms, .. }
            | Self::Accepted { terms }
            | Self::Rejected { terms }
            | Self::Revoked { terms } => terms,
        }
    }

    /// Takes in a verified signature, whenever it was made and in whatever order it arrives.
    pub fn receive(self, signer: &ParticipantId, kind: SignatureKind) -> Result<Self, InvalidTransition> {
        if !self.terms().signatories.contains(signer) {
            return Err(InvalidTransition::NotOnContract(signer.clone()));
        }
        Ok(match (self, kind) {
            (revoked @ Self::Revoked { .. }, _) => revoked,
            (
                Self::Proposed { terms, .. } | Self::Accepted { terms } | Self::Rejected { terms },
                SignatureKind::Revoke,
            ) => Self::Revoked { terms },
            (rejected @ Self::Rejected { .. }, _) => rejected,
            (Self::Proposed { terms, .. } | Self::Accepted { terms }, SignatureKind::Reject) => {
                Self::Rejected { terms }
            }
            (accepted @ Self::Accepted { .. }, SignatureKind::Accept) => accepted,
            (Self::Proposed { terms, mut waiting }, SignatureKind::Accept) => {
                waiting.remove(signer);
                if waiting.is_empty() { Self::Accepted { terms } } else { Self::Proposed { terms, waiting } }
            }
        })
    }

    /// A signature that we are about to make: refuses what would have no effect or mislead the others.
    ///
    /// Accept while proposed, and again while it runs (renewal); reject while proposed; revoke until it ends, a
    /// proposal included (§3.2.1 sets no bound to revoking).
    pub fn act(
        self,
        own: &ParticipantId,
        kind: SignatureKind,
        now: Timestamp,
    ) -> Result<Self, InvalidTransition> {
        let state = self.state(now);
        let allowed = match kind {
            SignatureKind::Accept | SignatureKind::Revoke => !state.is_final(),
            SignatureKind::Reject => state == ContractState::Proposed,
        };
        if !allowed {
            return Err(InvalidTransition::Overtaken { state, kind });
        }
        self.receive(own, kind)
    }

    /// Where the contract stands at `now`.
    pub fn state(&self, now: Timestamp) -> ContractState {
        match self {
            Self::Revoked { .. } => ContractState::Revoked,
            Self::Rejected { .. } => ContractState::Rejected,
            Self::Proposed { terms, .. } | Self::Accepted { terms } if terms.not_after <= now => {
                ContractState::Expired
            }
            Self::Proposed { .. } => ContractState::Proposed,
            Self::Accepted { terms } if now < terms.not_before => ContractState::NotYetValid,
            Self::Accepted { .. } => ContractState::Valid,
        }
    }

    /// Who has yet to accept; empty unless proposed.
    pub fn waiting(&self) -> impl Iterator<Item = &ParticipantId> {
        match self {
            Self::Proposed { waiting, .. } => Some(waiting),
            _ => None,
        }
        .into_iter()
        .flatten()
    }
}

/// The life of the contract with these signatures; those of strangers, which §4.2.3 tells not to accept, do not count.
pub fn lifecycle(content: &ContractContent, signatures: &[Signed]) -> Lifecycle {
    signatures.iter().fold(Lifecycle::new(content), |life, signed| {
        let before = life.clone();
        life.receive(&signed.signer, signed.kind).unwrap_or(before)
    })
}

/// The state that these signatures give at `now`.
pub fn state_of(content: &ContractContent, signatures: &[Signed], now: Timestamp) -> ContractState {
    lifecycle(content, signatures).state(now)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::fixtures::*;

    const ALL: [&str; 4] = [CONSUMER, PROVIDER, DELEGATOR, SERVICE_DELEGATOR];

    fn content() -> ContractContent {
        contract(&[delegated(connection_to_delegated_service())])
            .unwrap_or_else(|error| unreachable!("{error}"))
    }

    fn accepts(signers: &[&str]) -> Vec<Signed> {
        signers.iter().map(|signer| signed(signer, SignatureKind::Accept)).collect()
    }

    #[test]
    fn a_contract_is_valid_when_everyone_on_it_has_accepted() {
        let content = content();
        assert_eq!(state_of(&content, &[], now()), ContractState::Proposed);
        assert_eq!(state_of(&content, &accepts(&ALL[..3]), now()), ContractState::Proposed);
        assert_eq!(state_of(&content, &accepts(&ALL), now()), ContractState::Valid);
        let life = lifecycle(&content, &accepts(&ALL[..3]));
        assert_eq!(life.waiting().collect::<Vec<_>>(), [&peer(SERVICE_DELEGATOR)]);
    }

    #[test]
    fn validity_starts_at_not_before_and_ends_at_not_after() {
        let (content, all) = (content(), accepts(&ALL));
        let at = |seconds| state_of(&content, &all, Timestamp::from_seconds(seconds));
        assert_eq!(at(START - 1), ContractState::NotYetValid);
        assert_eq!(at(START), ContractState::Valid);
        assert_eq!(at(END - 1), ContractState::Valid);
        assert_eq!(at(END), ContractState::Expired);
        assert_eq!(state_of(&content, &[], Timestamp::from_seconds(END)), ContractState::Expired);
    }

    #[test]
    fn signatures_of_strangers_do_not_count() {
        let content = content();
        let mut signatures = accepts(&ALL);
        signatures.push(signed(STRANGER, SignatureKind::Revoke));
        assert_eq!(state_of(&content, &signatures, now()), ContractState::Valid);
        assert_eq!(
            Lifecycle::new(&content).receive(&peer(STRANGER), SignatureKind::Accept),
            Err(InvalidTransition::NotOnContract(peer(STRANGER)))
        );
    }

    #[test]
    fn what_the_state_has_overtaken_is_not_signed_by_us() {
        use ContractState::{Expired, Proposed, Rejected, Revoked, Valid};
        use SignatureKind::{Accept, Reject, Revoke};
        let content = content();
        let with = |kind| {
            let mut signatures = accepts(&ALL);
            signatures.push(signed(CONSUMER, kind));
            signatures
        };
        let end = Timestamp::from_seconds(END);
        for (signatures, at, state, allowed) in [
            (vec![], now(), Proposed, [true, true, true]),
            (accepts(&ALL), now(), Valid, [true, false, true]),
            (with(Reject), now(), Rejected, [false, false, false]),
            (with(Revoke), now(), Revoked, [false, false, false]),
            (accepts(&ALL), end, Expired, [false, false, false]),
        ] {
            for (kind, allowed) in [Accept, Reject, Revoke].into_iter().zip(allowed) {
                let life = lifecycle(&content, &signatures);
                assert_eq!(life.state(at), state);
                let result = life.act(&peer(PROVIDER), kind, at);
                assert_eq!(result.is_ok(), allowed, "{state:?} {kind:?}");
                if !allowed {
                    assert_eq!(result, Err(InvalidTransition::Overtaken { state, kind }));
                }
            }
        }
    }

    #[test]
    fn a_later_accept_of_the_same_peer_takes_the_place_of_the_earlier() {
        let first = signed(CONSUMER, SignatureKind::Accept);
        let later = Signed { signed_at: Timestamp::from_seconds(NOW), ..first.clone() };
        assert!(later.replaces(&first) && !first.replaces(&later));
        assert!(first.replaces(&first));
        assert!(!later.replaces(&signed(PROVIDER, SignatureKind::Accept)));
        assert!(!later.replaces(&signed(CONSUMER, SignatureKind::Revoke)));
    }

    fn signatures() -> impl Strategy<Value = Vec<Signed>> {
        let signer = prop::sample::select(vec![CONSUMER, PROVIDER, DELEGATOR, SERVICE_DELEGATOR, STRANGER]);
        let kind =
            prop::sample::select(vec![SignatureKind::Accept; 8]).prop_union(prop::sample::select(vec![
                SignatureKind::Accept,
                SignatureKind::Reject,
                SignatureKind::Revoke,
            ]));
        prop::collection::vec((signer, kind).prop_map(|(signer, kind)| signed(signer, kind)), 0..14)
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_does_not_matter(
            (signatures, shuffled) in signatures().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
            at in START - 10..END + 10,
        ) {
            let at = Timestamp::from_seconds(at);
            let content = content();
            prop_assert_eq!(lifecycle(&content, &signatures), lifecycle(&content, &shuffled));
            prop_assert_eq!(state_of(&content, &signatures, at), state_of(&content, &shuffled, at));
        }

        #[test]
        fn what_is_over_never_becomes_valid_again(before in signatures(), after in signatures(), at in START..END) {
            let at = Timestamp::from_seconds(at);
            let content = content();
            let early = state_of(&content, &before, at);
            let all = [before, after].concat();
            let late = state_of(&content, &all, at);
            if early == ContractState::Revoked {
                prop_assert_eq!(late, ContractState::Revoked);
            }
            if early == ContractState::Rejected {
                prop_assert!(late.is_final());
            }
        }

        #[test]
        fn a_signature_given_twice_counts_once(signatures in signatures()) {
            let content = content();
            let twice = [signatures.clone(), signatures.clone()].concat();
            prop_assert_eq!(lifecycle(&content, &twice), lifecycle(&content, &signatures));
        }

        #[test]
        fn valid_means_that_all_accepted_and_nobody_ended_it(signatures in signatures()) {
            let content = content();
            let valid = state_of(&content, &signatures, now()) == ContractState::Valid;
            let on_it: Vec<_> = signatures.iter().filter(|signed| content.names(&signed.signer)).collect();
            let all = ALL.iter().all(|one| {
                on_it.iter().any(|signed| signed.signer == peer(one) && signed.kind == SignatureKind::Accept)
            });
            let ended = on_it.iter().any(|signed| signed.kind != SignatureKind::Accept);
            prop_assert_eq!(valid, all && !ended);
        }
    }
}

//! The last question that policies permitted, so that the same one in the same second is not evaluated again.
//!
//! What is compared is everything that the evaluation takes; it is a pure function, so the same question has the same
//! answer. Time is in it in seconds. Only permits are kept: a refusal names its reasons, and is rarer.

use std::collections::BTreeSet;

use arc_swap::ArcSwapOption;
use verbond_agreement::{AssuranceLevel, EntryName, Stage};
use verbond_domain::ParticipantId;

use crate::{Context, Facts, Leases};

/// A question as policies see it.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    receiver: usize,
    second: i64,
    stage: Stage,
    leases: Leases,
    operation: Option<EntryName>,
    purpose: EntryName,
    activity: Option<EntryName>,
    algorithm: Option<EntryName>,
    on_behalf_of: Option<ParticipantId>,
    assurance: Option<AssuranceLevel>,
    human_stated: bool,
    elements: BTreeSet<String>,
}

impl Asked {
    fn is(&self, receiver: usize, facts: &Facts, context: &Context) -> bool {
        self.second == context.now.seconds()
            && self.receiver == receiver
            && self.stage == facts.stage
            && self.leases == facts.leases
            && self.operation == facts.operation
            && self.purpose == context.purpose
            && self.activity == context.activity
            && self.algorithm == context.algorithm
            && self.on_behalf_of == context.on_behalf_of
            && self.assurance == context.claims.assurance
            && self.human_stated == context.claims.human.is_some()
            && self.elements == facts.elements
    }
}

/// What one clause's policies permitted last. Neither reading nor writing it waits for anybody.
#[derive(Default)]
pub(crate) struct Memory(ArcSwapOption<Asked>);

impl Memory {
    pub(crate) fn holds(&self, receiver: usize, facts: &Facts, context: &Context) -> bool {
        self.0.load().as_ref().is_some_and(|last| last.is(receiver, facts, context))
    }

    pub(crate) fn keep(&self, receiver: usize, facts: &Facts, context: &Context) {
        let asked = Asked {
            receiver,
            second: context.now.seconds(),
            stage: facts.stage,
            leases: facts.leases,
            operation: facts.operation.clone(),
            purpose: context.purpose.clone(),
            activity: context.activity.clone(),
            algorithm: context.algorithm.clone(),
            on_behalf_of: context.on_behalf_of.clone(),
            assurance: context.claims.assurance,
            human_stated: context.claims.human.is_some(),
            elements: facts.elements.clone(),
        };
        self.0.store(Some(asked.into()));
    }
}

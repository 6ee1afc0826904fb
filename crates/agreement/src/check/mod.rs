//! What is missing in an agreement before it may be offered. Pure: what was read elsewhere is handed in.
//!
//! Each family of rules has its module; each thing that can be found stands in the [`catalogue`]. Nothing here judges
//! that an agreement is lawful: it finds what the law asks to be *said* and is not, and what contradicts itself.

mod activities;
mod algorithms;
mod ambiguity;
mod catalogue;
mod collaboration;
mod context;
mod derived;
mod effects;
mod elements;
mod entry;
mod finding;
mod grounds;
mod linkage;
mod names;
mod narrowing;
mod numbers;
mod parties;
mod reference;
mod terms;
mod view;

pub use catalogue::Code;
pub use context::{
    ActivityReading, AdviceReading, AlgorithmReading, AssessmentReading, CheckContext, Credential, Drafter,
    OwnPublication,
};
pub use entry::Entry;
pub use finding::{Finding, Severity};
pub use reference::check_findings;

use crate::Agreement;
use finding::Findings;

/// A family of rules.
type Rules = fn(&Agreement, &CheckContext, &mut Findings);

const FAMILIES: [Rules; 14] = [
    grounds::rules,
    activities::rules,
    terms::rules,
    ambiguity::rules,
    elements::rules,
    names::rules,
    derived::rules,
    narrowing::rules,
    numbers::rules,
    algorithms::rules,
    parties::rules,
    effects::rules,
    collaboration::rules,
    linkage::rules,
];

/// Everything that is missing or asks for attention: first what refuses, then what warns.
pub fn check(agreement: &Agreement, context: &CheckContext) -> Vec<Finding> {
    let mut findings = Findings::default();
    for family in FAMILIES {
        family(agreement, context, &mut findings);
    }
    let mut findings = findings.0;
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// Whether an agreement with these findings may be offered.
pub fn may_be_offered(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity == Severity::Warns)
}

//! From an agreement to decisions.
//!
//! A version of an agreement is compiled into a small set of Cedar policies, held to one schema and denying by default
//! ([`CompiledAgreement`], [`policy_text`]). A request is first matched against the operations of a clause, so that only
//! facts remain and nothing that names a person; then the policies decide, and those that decided say why
//! ([`PolicySnapshot::decide`]). A decision is written down so that it can be taken again ([`DecisionRecord`],
//! [`replay`]).
//!
//! No input or output, no clock, no randomness. The only room that knows Cedar.
#![forbid(unsafe_code)]

mod claims;
mod compile;
mod decision;
mod decision_point;
mod evaluate;
mod matching;
mod memory;
mod reason;
mod record;
mod replay;
mod rules;
mod snapshot;
mod text;

pub use claims::{Claims, HumanReference, NoReference};
pub use compile::{COMPILER, CompileError, CompiledAgreement, SCHEMA, policy_text};
pub use decision::{
    Basis, Candidate, Context, Decision, DecisionRequest, Facts, Leases, Obligations, OperationPlace,
    Outcome, Subject,
};
pub use decision_point::{
    LONGEST_ANSWER, PointAnswer, PointOutcome, PointQuestion, PointReason, UnreadableAnswer,
};
pub use matching::{Call, NamedPerson, ParameterFact, ParameterFacts, ParameterRefusal, fits};
pub use reason::{Reason, ReasonCode};
pub use record::{
    ActionProperties, AgreementSource, Attributes, Body, DecisionRecord, EventName, Identified, Information,
    Policies, PolicySource, RecordStatus, RecordedAction, RecordedContext, RecordedRequest, RecordedResponse,
    ResourceProperties, ResponseContext, SharedBody, SpanId, SubjectProperties, Trace, TraceId,
};
pub use replay::{Incompatibility, Replay, replay, replay_compiled, without_place};
pub use snapshot::{Failed, PolicySnapshot};

//! The agreement (*gegevensafspraak*) and the registers that it rests on, as documents.
//!
//! An [`Agreement`] names who may ask what of whom, on which ground, for which purpose, and what is delivered; the
//! registers hold the legal grounds, processing activities, described services, assessments and algorithms to which it
//! refers. Everything here is plain data, parsed once and bounded, and pure functions on it: no input or output, no
//! clock, no protocol. What is signed is the canonical form of the document ([`Agreement::canonical`]).
//!
//! Nothing here judges that something is lawful: it holds *who* judged so, and what follows from that judgement.
#![forbid(unsafe_code)]

mod activity;
mod advice;
mod assessment;
pub mod check;
mod clause;
mod derived;
mod described_service;
mod diff;
mod document;
mod ground;
mod life_cycle;
mod obligation;
mod open_class;
mod party;
mod path;
pub mod plan;
pub mod preview;
mod public_lists;
mod published;
mod register;
mod schema;
mod statement;
pub mod text;
mod withdrawal;
mod words;

pub use activity::{
    ActivityReference, ActivityRole, Contact, DataSubjectCategory, NamedActivity, ProcessingActivity,
    PublishedActivity, Recipient, Transfer,
};
pub use advice::{Advice, AdviceAct, AdviceGiven, AdviceOutcome};
pub use assessment::{
    AlgorithmReference, AlgorithmUse, Assessment, AssessmentKind, AssessmentOutcome, AssessmentReference,
};
pub use clause::{
    AssuranceLevel, Clause, Conditions, DeliveredElement, HumanStep, Limit, LinkageNote, Operation, Period,
    Receiver, RequestBody, TimeWindow, UnknownLevel, WeekDay, WholeDocument,
};
pub use derived::{Band, Comparison, Constant, Decimal, DecimalError, Derivation, Operator};
pub use described_service::{
    AllowedValues, Category, DescribedOperation, DescribedService, Element, IdentifierKind, Method,
    Parameter, ParameterPlace, PersonLocation, PersonPlace, Sensitivity, SourceType,
};
pub use diff::{Change, ChangeKind, diff};
pub use document::{
    Agreement, AgreementId, AgreementKind, Connection, DocumentError, DocumentHash, FORMAT, MAXIMUM_BYTES,
    Signatory, SignedElsewhere, StatutoryCollaboration, Term, Version,
};
pub use ground::{
    Article, ArticleError, CriminalDataBasis, GroundReference, LawIdentifier, LawfulnessLimb, LegalGround,
    NationalNumberGround, SpecialCategoryException, SpecialCategoryLetter,
};
pub use life_cycle::{InvalidTransition, LifeCycle, PartySignature, SignatureMark, Stage};
pub use obligation::{Obligation, obligations, task_id};
pub use open_class::{WireForm, signs_in_description, signs_in_sample, signs_in_traffic};
pub use party::{
    Compatibility, EffectOnPeople, Informing, Jurisdiction, Party, PartyRole, PlaceOfProcessing, Publicity,
    Regime, Retention, RetentionPeriod, SecrecyLifted, Side, TransferInstrument,
};
pub use path::{PathTemplate, PathTemplateError, Segment, encoded};
pub use public_lists::{
    DifferenceKind, ListCount, ListDifference, ListsCompared, Meeting, NotGathered, Shown, compare_lists,
};
pub use published::{PublishedAgreement, PublishedCategory, PublishedClause, PublishedParty, Withheld};
pub use register::{EntryName, RegisterContent, RegisterKind, Versioned};
pub use schema::{json_schema, json_schema_of};
pub use statement::{OnTheWire, SignedBy, Statement, StatementStep, WireEvidence};
pub use withdrawal::{Basis, RestingClause};
pub use words::{ClauseName, Day, EncodedText, Line, Moment, Prose, TwoLanguages, WordsError};

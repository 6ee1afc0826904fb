//! Decisions that were taken: shown, and taken again from what was written down of them.

use std::{collections::HashMap, sync::Arc};

use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;
use utoipa::ToSchema;
use uuid::Uuid;
use verbond_agreement::Agreement;
use verbond_domain::{Problem, Timestamp, TransactionId};
use verbond_policy::{
    CompiledAgreement, DecisionRecord, Incompatibility, PointAnswer, Reason, ReasonCode, RecordStatus,
    Replay, replay_compiled,
};
use verbond_store::{Page, decisions::DecisionRow, exchanges::ExchangeFilter};

use crate::{
    OpContext,
    agreements::{
        AgreementVersion,
        history::{AgreementHistory, Stood},
    },
    database_problem,
};

/// Decisions that are held at once.
const PAGE: i64 = 200;
/// Agreements that are kept compiled for the next decisions.
const MOST_COMPILED: usize = 256;
/// For how long a picture of the agreements may be decided on without having been confirmed: what was offered so long before a decision
/// stood in the picture on which it was taken.
const PICTURE_SECONDS: i64 = 30;

/// What came of taking a decision again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplayOutcome {
    /// The same outcome, reasons and obligations.
    Same,
    /// Another one: the record, the agreement or the program is not what it was.
    Differs,
    /// It cannot be taken again; `why` says why not.
    NotPossible,
}

/// A decision taken again.
#[derive(Clone, Debug)]
pub struct ReplayedDecision {
    /// The journal entry.
    pub id: Uuid,
    /// When it was written.
    pub at: Timestamp,
    /// The exchange.
    pub transaction_id: Option<TransactionId>,
    /// What came of it.
    pub outcome: ReplayOutcome,
    /// Whether it was permitted then, as the record says.
    pub permitted_then: Option<bool>,
    /// Whether it is permitted now; `None` when it cannot be taken again.
    pub permitted_now: Option<bool>,
    /// Codes of the reasons now, where they are others.
    pub reasons_now: Vec<Reason>,
    /// Why it cannot be taken again, what else is the matter, or what was taken from the record instead of being asked
    /// again.
    pub why: Option<String>,
}

/// Permits and refusals with their decisions, the oldest first.
///
/// # Errors
/// A problem with the database or the cursor.
pub async fn list(
    context: &OpContext,
    filter: &ExchangeFilter,
    cursor: Option<&str>,
    limit: i64,
) -> Result<Page<DecisionRow>, Problem> {
    let page = context.store.decisions(filter, cursor, limit).await;
    let mut page = page.map_err(database_problem)?;
    page.items.retain(|row| row.decision.is_some());
    Ok(page)
}

/// The decision in one entry.
///
/// # Errors
/// `DECISION_UNKNOWN`; a problem with the database.
pub async fn get(context: &OpContext, entry: &Uuid) -> Result<DecisionRow, Problem> {
    let row = context.store.decision(entry).await.map_err(database_problem)?;
    row.filter(|row| row.decision.is_some()).ok_or_else(unknown)
}

/// Takes all decisions again that a filter lets through, the oldest first, each with the version of the agreement that it names and with
/// nothing that is known now. They are sent as they come, a page at a time: what is held does not grow with their number. Ends early when nobody takes
/// them any more.
///
/// # Errors
/// A problem with the database.
pub async fn replay_all(
    context: &OpContext,
    filter: &ExchangeFilter,
    taken: &mpsc::Sender<Vec<ReplayedDecision>>,
) -> Result<(), Problem> {
    let mut replaying = Replaying::default();
    let mut cursor = None;
    loop {
        let page = list(context, filter, cursor.as_deref(), PAGE).await?;
        let replayed = replaying.page(context, page.items).await?;
        cursor = page.next;
        if taken.send(replayed).await.is_err() || cursor.is_none() {
            return Ok(());
        }
    }
}

/// Takes one decision again, as [`replay_all`] does.
///
/// # Errors
/// A problem with the database.
pub async fn replay(context: &OpContext, row: DecisionRow) -> Result<Vec<ReplayedDecision>, Problem> {
    Replaying::default().page(context, vec![row]).await
}

/// What was made for one decision and serves the next as well.
#[derive(Default)]
struct Replaying {
    compiled: HashMap<String, Compiled>,
    history: Option<AgreementHistory>,
}

impl Replaying {
    async fn page(
        &mut self,
        context: &OpContext,
        rows: Vec<DecisionRow>,
    ) -> Result<Vec<ReplayedDecision>, Problem> {
        if self.compiled.len() > MOST_COMPILED {
            self.compiled.clear();
        }
        let mut documents = Vec::new();
        for row in &rows {
            let Some(hash) = row.decision.as_ref().and_then(agreement_hash) else { continue };
            let known = documents.iter().any(|(known, _)| known == hash);
            if !known && !self.compiled.contains_key(hash) {
                let version = context.store.agreement(hash).await.map_err(database_problem)?;
                let version = version.map(AgreementVersion::read).transpose().map_err(database_problem)?;
                documents.push((hash.to_owned(), version.map(|version| version.document)));
            }
        }
        let rests_on_none =
            |row: &DecisionRow| row.decision.as_ref().is_some_and(|it| agreement_hash(it).is_none());
        if self.history.is_none() && rows.iter().any(rests_on_none) {
            self.history = Some(AgreementHistory::read(&context.store).await.map_err(database_problem)?);
        }
        let Self { mut compiled, history } = std::mem::take(self);
        let replayed = tokio::task::spawn_blocking(move || {
            compiled.extend(documents.into_iter().map(compile));
            let replayed = rows.iter().map(|row| taken_again(row, &compiled, history.as_ref())).collect();
            (replayed, Self { compiled, history })
        });
        let (replayed, kept) = replayed.await.map_err(|error| failed(&error.to_string()))?;
        *self = kept;
        Ok(replayed)
    }
}

fn compile((hash, document): (String, Option<Arc<Agreement>>)) -> (String, Compiled) {
    let compiled = match document {
        Some(document) => CompiledAgreement::compile(document).map_err(|error| error.to_string()),
        None => Err("the node does not hold the agreement that the record names".to_owned()),
    };
    (hash, compiled.map(Arc::new))
}

fn failed(why: &str) -> Problem {
    tracing::error!(why, "decisions could not be taken again");
    Problem::new(
        "DECISION_FAILED",
        500,
        "De besluiten konden niet opnieuw worden genomen.",
        "the decisions could not be taken again",
    )
    .next("Meld dit bij de beheerder van het knooppunt.", "report this to the operator of the node")
}

type Compiled = Result<Arc<CompiledAgreement>, String>;

/// Hash of the version on which a decision rests, in a record of it.
pub fn agreement_hash(decision: &Value) -> Option<&str> {
    decision.pointer("/attributes/adl.core.policies/agreement/hash")?.as_str()
}

fn taken_again(
    row: &DecisionRow,
    agreements: &HashMap<String, Compiled>,
    history: Option<&AgreementHistory>,
) -> ReplayedDecision {
    let record = row.decision.as_ref();
    let then = record.and_then(|record| record.pointer("/body/adl.core.response/decision")?.as_bool());
    let replayed = |outcome, permitted_now, reasons_now, why| ReplayedDecision {
        id: row.id,
        at: row.at,
        transaction_id: row.transaction_id,
        outcome,
        permitted_then: then,
        permitted_now,
        reasons_now,
        why,
    };
    let not_possible = |why: String| replayed(ReplayOutcome::NotPossible, None, Vec::new(), Some(why));
    let Some(value) = record else { return not_possible("no decision was taken".to_owned()) };
    let record: DecisionRecord = match serde_json::from_value(value.clone()) {
        Ok(record) => record,
        Err(error) => return not_possible(format!("the record cannot be read: {error}")),
    };
    let compiled = match agreement_hash(value).and_then(|hash| agreements.get(hash)) {
        Some(Ok(compiled)) => compiled,
        Some(Err(why)) => return not_possible(why.clone()),
        None => {
            let (outcome, why) = without_agreement(row.is_permit, &record, history);
            return replayed(outcome, None, Vec::new(), why);
        }
    };
    match replay_compiled(&record, compiled) {
        Ok(Replay::Same) if row.is_permit && then != Some(true) => {
            let why = "the entry is a permit, and its decision a deny";
            replayed(ReplayOutcome::Differs, then, Vec::new(), Some(why.to_owned()))
        }
        Ok(Replay::Same) => {
            let heard = &record.body.information;
            let heard = heard.as_ref().map(|heard| from_the_record(&heard.decision_point));
            replayed(ReplayOutcome::Same, then, Vec::new(), heard)
        }
        Ok(Replay::Differs { permitted, reasons }) => {
            replayed(ReplayOutcome::Differs, Some(permitted), reasons, None)
        }
        Err(why) => not_possible(why.to_string()),
    }
}

/// Takes a decision again that found no agreement: by the versions that stood here then, as the acts in the journal say. What of the
/// request such a decision looked at is who asked, for which service, and whether an agreement was named.
fn without_agreement(
    is_permit: bool,
    record: &DecisionRecord,
    history: Option<&AgreementHistory>,
) -> (ReplayOutcome, Option<String>) {
    let (Some(history), RecordStatus::Ok) = (history, record.status) else {
        return (ReplayOutcome::NotPossible, Some(Incompatibility::Failed.to_string()));
    };
    let response = &record.body.response;
    let [Reason { code: ReasonCode::AgreementMissing, .. }] = response.context.reasons.as_slice() else {
        let why = "the record names no agreement, and is no refusal for that";
        return (ReplayOutcome::Differs, Some(why.to_owned()));
    };
    if is_permit || response.decision {
        return (ReplayOutcome::Differs, Some("it was permitted, and no agreement was found".to_owned()));
    }
    let request = &record.body.request;
    let (subject, resource) = (&request.subject.properties, &request.resource.properties);
    let at = record.timestamp;
    let stood = history.at(at, request.context.agreement, &subject.participant, &resource.service);
    let settled = at.plus_seconds(-PICTURE_SECONDS);
    let certain =
        |stood: &&&Stood| stood.document.is_some() && stood.offered.is_some_and(|moment| moment <= settled);
    let named = |stood: &Stood| format!("{}/{} ({})", stood.agreement, stood.version, stood.hash);
    if let Some(stood) = stood.iter().find(certain) {
        let why = format!(
            "the journal says that {} stood here then, which names this participant and service",
            named(stood)
        );
        return (ReplayOutcome::Differs, Some(why));
    }
    let why = stood.first().map(|stood| match stood.document {
        Some(_) => format!(
            "the journal says that {} stood here then, but had not been offered thirty seconds before: whether what was decided on held it already is not written down",
            named(stood)
        ),
        None => format!(
            "the journal says that {} stood here then, and the node does not hold its text any more: whether it names this participant and service cannot be told",
            named(stood)
        ),
    });
    (if why.is_some() { ReplayOutcome::NotPossible } else { ReplayOutcome::Same }, why)
}

/// The organisation's own decision point is not asked again: it may have changed its mind, and what counts is what it said.
fn from_the_record(answer: &PointAnswer) -> String {
    let (authority, outcome) = (&answer.authority, answer.outcome.as_str());
    format!("the answer of the decision point at {authority} ({outcome}) is taken from the record")
}

fn unknown() -> Problem {
    Problem::new(
        "DECISION_UNKNOWN",
        404,
        "Dit besluit staat hier niet, of de bewaartermijn ervan is voorbij.",
        "this decision does not stand here, or the time for which it is kept is over",
    )
    .next(
        "Bekijk `verbond decision list`, of noem het transactienummer.",
        "see `verbond decision list`, or name the transaction id",
    )
}

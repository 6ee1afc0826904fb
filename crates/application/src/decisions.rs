//! Decisions that were taken: shown, and taken again from what was written down of them.

use std::{collections::HashMap, sync::Arc};

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use verbond_domain::{Problem, TransactionId};
use verbond_policy::{
    CompiledAgreement, DecisionRecord, Incompatibility, PointAnswer, Reason, Replay, replay_compiled,
};
use verbond_store::{
    Page,
    decisions::{DecisionFilter, DecisionRow},
};

use crate::{OpContext, agreements::AgreementVersion, database_problem};

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
    filter: &DecisionFilter,
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

/// Takes decisions again, each with the version of the agreement that it names and with nothing that is known now.
///
/// # Errors
/// A problem with the database.
pub async fn replay(context: &OpContext, rows: Vec<DecisionRow>) -> Result<Vec<ReplayedDecision>, Problem> {
    let mut agreements = HashMap::new();
    for row in &rows {
        let Some(hash) = row.decision.as_ref().and_then(agreement_hash) else { continue };
        if !agreements.contains_key(hash) {
            let version = context.store.agreement(hash).await.map_err(database_problem)?;
            let version = version.map(AgreementVersion::read).transpose();
            let version = version.map_err(database_problem)?;
            agreements.insert(hash.to_owned(), version.map(|version| version.document));
        }
    }
    let replayed = tokio::task::spawn_blocking(move || {
        let compile = |(hash, document): (String, Option<_>)| {
            let compiled = match document {
                Some(document) => CompiledAgreement::compile(document).map_err(|error| error.to_string()),
                None => Err("the node does not hold the agreement that the record names".to_owned()),
            };
            (hash, compiled.map(Arc::new))
        };
        let agreements: HashMap<String, Compiled> = agreements.into_iter().map(compile).collect();
        rows.iter().map(|row| taken_again(row, &agreements)).collect()
    });
    replayed.await.map_err(|error| {
        tracing::error!(%error, "decisions could not be taken again");
        Problem::new(
            "DECISION_FAILED",
            500,
            "De besluiten konden niet opnieuw worden genomen.",
            "the decisions could not be taken again",
        )
        .next("Meld dit bij de beheerder van het knooppunt.", "report this to the operator of the node")
    })
}

type Compiled = Result<Arc<CompiledAgreement>, String>;

/// Hash of the version on which a decision rests, in a record of it.
pub fn agreement_hash(decision: &Value) -> Option<&str> {
    decision.pointer("/attributes/adl.core.policies/agreement/hash")?.as_str()
}

fn taken_again(row: &DecisionRow, agreements: &HashMap<String, Compiled>) -> ReplayedDecision {
    let record = row.decision.as_ref();
    let then = record.and_then(|record| record.pointer("/body/adl.core.response/decision")?.as_bool());
    let replayed = |outcome, permitted_now, reasons_now, why| ReplayedDecision {
        id: row.id,
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
        None => return not_possible(Incompatibility::NoAgreement.to_string()),
    };
    match replay_compiled(&record, compiled) {
        Ok(Replay::Same) if row.is_permit && then != Some(true) => {
            let why = "the entry is a permit, and its decision a deny";
            replayed(ReplayOutcome::Differs, then, Vec::new(), Some(why.to_owned()))
        }
        Ok(Replay::Same) => {
            let heard = record.body.information.map(|heard| from_the_record(&heard.decision_point));
            replayed(ReplayOutcome::Same, then, Vec::new(), heard)
        }
        Ok(Replay::Differs { permitted, reasons }) => {
            replayed(ReplayOutcome::Differs, Some(permitted), reasons, None)
        }
        Err(why) => not_possible(why.to_string()),
    }
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

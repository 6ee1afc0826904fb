//! One exchange on one page: what this participant wrote down of it, and when asked, what the other party tells.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use verbond_application::{OpContext, database_problem};
use verbond_domain::{ParticipantId, Problem, Timestamp, TransactionId};
use verbond_journal::{Entry, RecordedDecision};
use verbond_store::{
    StoreError,
    exchanges::{Answered, ExchangeFilter, ExchangeRow},
    processing::{ProcessingFilter, ProcessingRow},
};

use crate::{
    Exchange, Finding, OtherHalf,
    compare::compare,
    evidence::unknown_exchange,
    exchanges::exchange,
    handover::Handovers,
    told::{ToldExchange, told_of},
};

/// Most lines under one transaction.
const MOST: i64 = 10;
/// Most processing records that are shown.
const MOST_RECORDS: i64 = 1000;

/// One exchange, whole.
#[derive(Debug, Serialize, ToSchema)]
pub struct OneExchange {
    /// As this participant wrote it down.
    #[serde(flatten)]
    pub own: Exchange,
    /// The decision: a record of the Authorization Decision Log 1.0.0.
    #[schema(value_type = Option<Object>)]
    pub decision_record: Option<Value>,
    /// Processing records: of Logboek Dataverwerkingen 1.0.0, people by pseudonym. At most a thousand.
    #[schema(value_type = Vec<Object>)]
    pub records: Vec<Value>,
    /// Whether there are more records.
    pub more_records: bool,
    /// What the other party tells; absent where it was not asked.
    pub other: Option<Other>,
}

/// What the other party tells of an exchange.
#[derive(Debug, Serialize, ToSchema)]
pub struct Other {
    /// Whom this is about.
    #[schema(value_type = String)]
    pub participant: ParticipantId,
    /// When it was asked, in milliseconds since 1970.
    pub asked_at_millis: i64,
    /// Code of why there is nothing.
    pub not_given: Option<String>,
    /// What it tells, seen from there; verified, and without what is its own.
    pub told: Option<Exchange>,
    /// What both do not tell alike.
    pub findings: Vec<Finding>,
}

/// What was written down of one transaction: one exchange, or one in each direction. `others`: what came of asking the other parties.
///
/// # Errors
/// `EXCHANGE_UNKNOWN`; a problem with the database.
pub async fn one_exchange(
    context: &OpContext,
    transaction: TransactionId,
    others: &[OtherHalf],
) -> Result<Vec<OneExchange>, Problem> {
    let filter = ExchangeFilter { transaction_id: Some(transaction), ..ExchangeFilter::default() };
    let page = context.store.exchanges(&filter, None, MOST).await.map_err(database_problem)?;
    if page.items.is_empty() {
        return Err(unknown_exchange());
    }
    let filter = ProcessingFilter { transaction_id: Some(transaction), ..ProcessingFilter::default() };
    let records = context.store.processing_records(&filter, None, MOST_RECORDS).await;
    let records = records.map_err(database_problem)?;
    let mut handovers = Handovers::of(&context.store);
    let mut exchanges = Vec::new();
    for row in page.items {
        let mut one = whole(&row, &records.items, records.next.is_some());
        if let Some(other) = others.iter().find(|other| other.participant == one.own.counterpart) {
            let ours = told_of(row.answered, row.at);
            one.other = Some(told(other, ours.as_ref(), &mut handovers).await.map_err(database_problem)?);
        }
        exchanges.push(one);
    }
    Ok(exchanges)
}

fn whole(row: &ExchangeRow, records: &[ProcessingRow], more: bool) -> OneExchange {
    let decision_record = match &row.answered {
        Answered::Permitted(permit, _) => permit.decision.clone(),
        Answered::Refused(refusal) => refusal.decision.clone(),
    };
    let decision_record = decision_record.map(RecordedDecision::into_value);
    let own = exchange(row.answered.clone(), row.at);
    let is_its =
        |record: &&ProcessingRow| record.direction == own.direction && record.counterpart == own.counterpart;
    let shown = records.iter().filter(is_its).map(|row| serde_json::to_value(&row.record));
    let records = shown.map(Result::unwrap_or_default).collect();
    OneExchange { own, decision_record, records, more_records: more, other: None }
}

async fn told(
    other: &OtherHalf,
    ours: Option<&ToldExchange>,
    handovers: &mut Handovers<'_>,
) -> Result<Other, StoreError> {
    let theirs = other.outcome.as_ref().ok().and_then(|half| answered(&half.entries));
    let mut findings = Vec::new();
    if let Some((at, answered)) = &theirs {
        let theirs = told_of(answered.clone(), *at);
        let handover = handovers.between(ours, theirs.as_ref()).await?;
        findings = compare(ours, theirs.as_ref(), handover);
    }
    Ok(Other {
        participant: other.participant.clone(),
        asked_at_millis: other.at_millis,
        not_given: other.not_given().map(|not| not.code),
        told: theirs.map(|(at, answered)| exchange(answered, at)),
        findings,
    })
}

/// What a half says: the permit if there is one, with the completion.
fn answered(entries: &[(Timestamp, Entry)]) -> Option<(Timestamp, Answered)> {
    let completion = entries.iter().find_map(|(_, entry)| match entry {
        Entry::Completion(completion) => Some(completion.clone()),
        _ => None,
    });
    let permit = entries.iter().find_map(|(at, entry)| match entry {
        Entry::Permit(permit) => {
            Some((*at, Answered::Permitted(Box::new(permit.clone()), completion.clone())))
        }
        _ => None,
    });
    let refusal = || {
        entries.iter().find_map(|(at, entry)| match entry {
            Entry::Refusal(refusal) => Some((*at, Answered::Refused(refusal.clone()))),
            _ => None,
        })
    };
    permit.or_else(refusal)
}

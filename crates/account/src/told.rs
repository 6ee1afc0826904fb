//! What a party tells its counterpart of the exchanges between them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use verbond_application::decisions::agreement_hash;
use verbond_domain::{Direction, ParticipantId, Timestamp, TransactionId};
use verbond_journal::{Completion, RecordedDecision};
use verbond_store::{
    Page, Store, StoreError,
    exchanges::{Answered, ExchangeRow},
};

/// Most exchanges on one page.
pub(crate) const PAGE: i64 = 500;

/// Whether an exchange was permitted, and what became of it, as one party tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum ToldAnswer {
    /// It was permitted.
    Permitted {
        /// What became of it; absent when that has not been written down.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        completion: Option<Box<Completion>>,
    },
    /// It was refused.
    Refused {
        /// Stable code of the refusal.
        code: String,
    },
}

/// One exchange, as one party tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToldExchange {
    /// The identifier that both sides share.
    #[schema(value_type = String)]
    pub transaction_id: TransactionId,
    /// Seen from whoever tells it.
    #[schema(value_type = String)]
    pub direction: Direction,
    /// Name of the data service.
    pub service: String,
    /// Hash of the grant under which it was made, where the protocol has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_hash: Option<String>,
    /// Hash of the version of the agreement that permitted it; absent for an open service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// When it was permitted or refused, in milliseconds since 1970.
    pub at_millis: i64,
    /// Permitted or refused.
    #[serde(flatten)]
    pub answer: ToldAnswer,
}

/// A page of exchanges, in the order of their transaction ids.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ToldPage {
    /// The exchanges.
    pub items: Vec<ToldExchange>,
    /// Where the next page begins; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Exchanges of a period between us and one counterpart.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// The party at the other end.
    pub counterpart: &'a ParticipantId,
    /// Transaction ids made from here on,
    pub from: Timestamp,
    /// and before this moment.
    pub until: Timestamp,
}

/// What this node tells itself: one page.
///
/// # Errors
/// As [`Store::exchanges_with`].
pub async fn told(store: &Store, asked: &Told<'_>, cursor: Option<&str>) -> Result<ToldPage, StoreError> {
    let Told { counterpart, from, until } = *asked;
    let Page { items, next } = store.exchanges_with(counterpart, from, until, cursor, PAGE).await?;
    Ok(ToldPage {
        items: items.into_iter().filter_map(|row: ExchangeRow| told_of(row.answered, row.at)).collect(),
        next,
    })
}

/// What this node tells its counterpart: one page. How many people a provider recognised in its answers is not told: the consumer
/// may have asked for something that does not say so. A consumer recognises nobody but whom its provider named.
///
/// # Errors
/// As [`Store::exchanges_with`].
pub async fn told_to_counterpart(
    store: &Store,
    asked: &Told<'_>,
    cursor: Option<&str>,
) -> Result<ToldPage, StoreError> {
    let mut page = told(store, asked, cursor).await?;
    for line in page.items.iter_mut().filter(|line| line.direction == Direction::Incoming) {
        if let ToldAnswer::Permitted { completion: Some(completion) } = &mut line.answer {
            completion.people = None;
        }
    }
    Ok(page)
}

/// A refusal without a transaction id is of no exchange that two parties could compare.
pub(crate) fn told_of(answered: Answered, at: Timestamp) -> Option<ToldExchange> {
    let (transaction_id, direction, parties, wire, decision, answer) = match answered {
        Answered::Permitted(permit, completion) => (
            permit.transaction_id,
            permit.direction,
            permit.parties,
            permit.wire,
            permit.decision.map(RecordedDecision::into_value),
            ToldAnswer::Permitted { completion: completion.map(Box::new) },
        ),
        Answered::Refused(refusal) => (
            refusal.transaction_id?,
            refusal.direction,
            refusal.parties,
            refusal.wire,
            refusal.decision.map(RecordedDecision::into_value),
            ToldAnswer::Refused { code: refusal.code },
        ),
    };
    Some(ToldExchange {
        transaction_id,
        direction,
        service: parties.service.as_str().to_owned(),
        grant_hash: wire.get("grant_hash").and_then(Value::as_str).map(str::to_owned),
        agreement: decision.as_ref().and_then(agreement_hash).map(str::to_owned),
        at_millis: at.millis(),
        answer,
    })
}

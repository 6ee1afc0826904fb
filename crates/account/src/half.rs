//! What this participant hands to the other party of an exchange: its half, without what that party may not have.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use utoipa::ToSchema;
use verbond_agreement::Agreement;
use verbond_application::{OpContext, database_problem, signing_problem};
use verbond_domain::{Direction, ParticipantId, Problem, TransactionId};
use verbond_journal::{Bytes32, Entry};
use verbond_store::{agreements::AgreementRow, exchanges::Answered, tree::TreeEntry};
use verbond_trust::{IdentityHandle, jws};

use crate::{
    evidence::{Lines, newest_checkpoint, payload},
    reconcile::Period,
};

/// Name and version of the statement about a withheld entry (docs/formats/evidence.md).
const FORMAT: &str = "verbond-told/1";
/// Pieces that may wait to be gathered.
const ROOM: usize = 4;
/// Most exchanges on a page of halves: some hundreds of kilobytes.
const PAGE: i64 = 100;
/// Of a permit or refusal, beside the decision: what both parties know of any exchange between them. An application's name and
/// whose data was processed is one's own.
const OF_EXCHANGES: [&str; 11] = [
    "kind",
    "transaction_id",
    "direction",
    "consumer",
    "consumer_delegator",
    "provider",
    "provider_delegator",
    "service",
    "wire",
    "code",
    "decision",
];

/// Our half of one exchange, for the participant at its other end. That it was handed over is an act, durable before a byte of it
/// leaves.
///
/// # Errors
/// `EXCHANGE_UNKNOWN`, also for an exchange with somebody else; `NO_CHECKPOINT_YET`; `SIGNING_FAILED`; a problem with the database.
pub async fn half_for(
    context: &OpContext,
    own: &ParticipantId,
    identity: &IdentityHandle,
    receiver: &ParticipantId,
    transaction: TransactionId,
) -> Result<Vec<u8>, Problem> {
    let (pieces, taken) = mpsc::channel(ROOM);
    let made = async move {
        let newest = newest_checkpoint(context).await?;
        let mut lines = Lines::new(&pieces, Some(Telling { own, identity, receiver }));
        lines.exchange(context, own, &newest, transaction).await?;
        lines.agreements(context, &newest).await?;
        lines.end().await
    };
    let half = gathered(made, taken).await?;
    let detail = json!({ "to": receiver });
    context.record_alone("account.hand_over", &transaction.to_string(), detail).await?;
    Ok(half)
}

/// Our halves of the exchanges of a period with the participant at the other end: one page. That they were handed over is an act,
/// durable before a byte of them leaves.
///
/// # Errors
/// As [`half_for`], but that there may be none.
pub async fn halves_for(
    context: &OpContext,
    own: &ParticipantId,
    identity: &IdentityHandle,
    receiver: &ParticipantId,
    period: Period,
    cursor: Option<&str>,
) -> Result<HalvesPage, Problem> {
    let Period { from, until } = period;
    let page = context.store.exchanges_with(receiver, from, until, cursor, PAGE).await;
    let page = page.map_err(database_problem)?;
    let transactions = page.items.into_iter().filter_map(|row| match row.answered {
        Answered::Permitted(permit, _) => Some(permit.transaction_id),
        Answered::Refused(refusal) => refusal.transaction_id,
    });
    let transactions: BTreeSet<TransactionId> = transactions.collect();
    let many = transactions.len();
    let (pieces, taken) = mpsc::channel(ROOM);
    let made = async move {
        let newest = newest_checkpoint(context).await?;
        let mut lines = Lines::new(&pieces, Some(Telling { own, identity, receiver }));
        lines.exchanges(context, own, &newest, period, transactions).await?;
        lines.agreements(context, &newest).await?;
        lines.end().await
    };
    let half = gathered(made, taken).await?;
    let detail = json!({ "to": receiver, "from": from.millis(), "until": until.millis(), "exchanges": many });
    context.record_alone("account.hand_over", "period", detail).await?;
    let section = String::from_utf8(half).unwrap_or_default();
    Ok(HalvesPage { section, next: page.next })
}

/// The halves of a page of exchanges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HalvesPage {
    /// One section of evidence, as text (docs/formats/evidence.md).
    pub section: String,
    /// Where the next page begins; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The pieces of a section, put together when all are there.
async fn gathered(
    made: impl Future<Output = Result<(), Problem>>,
    mut taken: mpsc::Receiver<Result<Vec<u8>, Problem>>,
) -> Result<Vec<u8>, Problem> {
    let gathered = async {
        let mut half = Vec::new();
        while let Some(piece) = taken.recv().await {
            half.extend(piece?);
        }
        Ok(half)
    };
    let (made, half): (Result<(), Problem>, Result<Vec<u8>, Problem>) = tokio::join!(made, gathered);
    made?;
    half
}

/// Telling the other party.
pub(crate) struct Telling<'a> {
    own: &'a ParticipantId,
    identity: &'a IdentityHandle,
    /// Whom.
    pub(crate) receiver: &'a ParticipantId,
}

/// Members stand in the order of their names, so that this is the canonical form (RFC 8785).
#[derive(Serialize)]
struct Statement<'a> {
    at: i64,
    commitment: Bytes32,
    entry: String,
    #[serde(rename = "for")]
    receiver: &'a ParticipantId,
    format: &'static str,
    participant: &'a ParticipantId,
    told: String,
}

impl Telling<'_> {
    /// Whether an entry is of an exchange with the receiver, and one that it may know of. What was refused to an own application
    /// never reached it; whose data was processed, and how many people an answer was about, is nobody else's.
    pub(crate) fn concerns(&self, entry: &TreeEntry) -> bool {
        let with = match payload(entry) {
            Some(Entry::Permit(permit)) => permit.parties.counterpart(permit.direction).clone(),
            Some(Entry::Refusal(refusal)) if refusal.direction == Direction::Incoming => {
                refusal.parties.counterpart(refusal.direction).clone()
            }
            Some(Entry::Completion(completion)) => completion.counterpart,
            _ => return false,
        };
        with == *self.receiver
    }

    /// What may be told of an entry that may not be given whole.
    pub(crate) fn in_part(&self, entry: &TreeEntry) -> Option<Value> {
        let (_, payload) = entry.content.as_ref()?;
        let whole: Map<String, Value> = serde_json::from_slice(payload).ok()?;
        let told = match entry.kind.as_str() {
            "permit" | "refusal" => of_exchange(&whole),
            "completion" => of_completion(&whole),
            _ => return None,
        };
        (told != whole).then_some(Value::Object(told))
    }

    /// What is told of an entry, signed.
    pub(crate) async fn line(
        &self,
        context: &OpContext,
        entry: &TreeEntry,
        told: Value,
    ) -> Result<Value, Problem> {
        let statement = Statement {
            at: context.ambient.now().millis(),
            commitment: Bytes32(entry.commitment),
            entry: entry.id.to_string(),
            receiver: self.receiver,
            format: FORMAT,
            participant: self.own,
            told: told.to_string(),
        };
        let statement = serde_json::to_vec(&statement).map_err(|_| signing_problem())?;
        let identity = self.identity.current();
        let statement = jws::sign(&identity, &statement).await.map_err(|error| {
            tracing::error!(%error, "what is told of an entry cannot be signed");
            signing_problem()
        })?;
        let chain: Vec<String> = identity.chain.iter().map(|der| URL_SAFE_NO_PAD.encode(der)).collect();
        Ok(json!({ "type": "told", "index": entry.index, "statement": statement, "chain": chain }))
    }

    /// Whether the receiver has signed this version, or is to.
    pub(crate) fn is_party_to(&self, row: &AgreementRow) -> bool {
        let document = Agreement::parse(row.document.as_bytes());
        document.is_ok_and(|document| document.party(self.receiver).is_some())
    }
}

fn of_exchange(whole: &Map<String, Value>) -> Map<String, Value> {
    let mut told = only(whole, &OF_EXCHANGES);
    if let Some(decision) = told.get_mut("decision") {
        *decision = of_decision(decision);
    }
    told
}

/// Of a decision: by which it is known, when, on which version it rests, and what came of it. Not what the own policy was told.
fn of_decision(decision: &Value) -> Value {
    let at = |place: &str| decision.pointer(place).cloned();
    let mut told = Map::new();
    for member in ["trace_id", "span_id", "timestamp"] {
        told.extend(decision.get(member).map(|value| (member.to_owned(), value.clone())));
    }
    let mut attributes = Map::new();
    if let Some(agreement) = at("/attributes/adl.core.policies/agreement") {
        attributes.insert("adl.core.policies".to_owned(), json!({ "agreement": agreement }));
    }
    attributes
        .extend(at("/attributes/adl.fsc.transaction_id").map(|id| ("adl.fsc.transaction_id".to_owned(), id)));
    told.insert("attributes".to_owned(), Value::Object(attributes));
    let mut action = Map::new();
    action.extend(at("/body/adl.core.request/action/name").map(|name| ("name".to_owned(), name)));
    let clause = at("/body/adl.core.request/action/properties/clause");
    action.extend(clause.map(|clause| ("properties".to_owned(), json!({ "clause": clause }))));
    let outcome = at("/body/adl.core.response/decision");
    let body =
        json!({ "adl.core.request": { "action": action }, "adl.core.response": { "decision": outcome } });
    told.insert("body".to_owned(), body);
    Value::Object(told)
}

/// How many people a provider recognised in its answers may be something that nobody agreed to tell.
fn of_completion(whole: &Map<String, Value>) -> Map<String, Value> {
    let mut told = whole.clone();
    if whole.get("direction").and_then(Value::as_str) != Some("outgoing") {
        told.remove("people");
    }
    told
}

fn only(whole: &Map<String, Value>, members: &[&str]) -> Map<String, Value> {
    let known = |(name, _): &(&String, &Value)| members.contains(&name.as_str());
    whole.iter().filter(known).map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn of_a_permit_neither_application_nor_people_nor_what_policy_was_told_is_told() {
        let whole = members(json!({
            "kind": "permit", "transaction_id": "t", "direction": "outgoing", "consumer": "a", "provider": "b",
            "service": "s", "wire": {}, "application": "desk", "processing": [{ "name": "n" }],
            "decision": {
                "trace_id": "1", "span_id": "2", "timestamp": 3,
                "attributes": { "adl.core.policies": { "agreement": { "id": "i" }, "hash": "h" }, "other": 1 },
                "body": {
                    "adl.core.request": { "action": { "name": "read", "properties": { "clause": "c", "q": 1 } }, "context": {} },
                    "adl.core.response": { "decision": true, "context": {} },
                },
            },
        }));
        let told = members(json!({
            "kind": "permit", "transaction_id": "t", "direction": "outgoing", "consumer": "a", "provider": "b",
            "service": "s", "wire": {},
            "decision": {
                "trace_id": "1", "span_id": "2", "timestamp": 3,
                "attributes": { "adl.core.policies": { "agreement": { "id": "i" } } },
                "body": {
                    "adl.core.request": { "action": { "name": "read", "properties": { "clause": "c" } } },
                    "adl.core.response": { "decision": true },
                },
            },
        }));
        assert_eq!(of_exchange(&whole), told);
    }

    #[test]
    fn how_many_people_an_answer_was_about_the_consumer_tells_and_the_provider_does_not() {
        for (direction, is_told) in [("outgoing", true), ("incoming", false)] {
            let whole = members(json!({ "kind": "completion", "direction": direction, "people": 3 }));
            assert_eq!(of_completion(&whole).contains_key("people"), is_told, "{direction}");
        }
    }
}

//! Exchanges of this participant: permitted or refused, under which agreement, for what, and what became of them here.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use verbond_application::{OpContext, database_problem};
use verbond_domain::{Direction, ExchangeParties, ParticipantId, Problem, Timestamp, TransactionId};
use verbond_journal::{Completion, EntryId, RecordedDecision};
use verbond_store::{
    Page,
    exchanges::{Answered, ExchangeFilter, ExchangeRow},
};

/// The version of an agreement on which a decision rested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UnderAgreement {
    /// Its identifier.
    pub id: String,
    /// Its version.
    pub version: u64,
    /// Hash of that version.
    pub hash: String,
}

/// How it stands with the processing records that an application owes of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordsStanding {
    /// All have been handed in.
    Written,
    /// One has not come yet, and may still come in time.
    Owed,
    /// One has not come in time.
    RecordMissing,
}

/// One exchange, as this participant wrote it down.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Exchange {
    /// The identifier that both sides share; a refusal may have none.
    #[schema(value_type = Option<String>)]
    pub transaction_id: Option<TransactionId>,
    /// Seen from here.
    #[schema(value_type = String)]
    pub direction: Direction,
    /// The party at the other end.
    #[schema(value_type = String)]
    pub counterpart: ParticipantId,
    /// Name of the data service.
    pub service: String,
    /// The own application that asked, at the consumer.
    pub application: Option<String>,
    /// When it was permitted or refused, in milliseconds since 1970.
    pub at_millis: i64,
    /// Whether it was permitted.
    pub permitted: bool,
    /// Code of the refusal.
    pub code: Option<String>,
    /// What policy decided; absent where it was not asked. A refusal may be for another reason.
    pub decision: Option<bool>,
    /// On which agreement that rests.
    pub agreement: Option<UnderAgreement>,
    /// For which purpose.
    pub purpose: Option<String>,
    /// For which activity of this participant: the address at which that is published.
    pub activity: Option<String>,
    /// How it stands with the processing records that the application writes itself; absent where it does not.
    pub records: Option<RecordsStanding>,
    /// What became of it here; absent where nothing of that was written down.
    #[schema(value_type = Option<Object>)]
    pub completion: Option<Completion>,
}

/// A page of exchanges, the oldest first. A page may hold fewer than there are, or none, while more follow.
///
/// # Errors
/// A problem with the database or the cursor.
pub async fn exchanges(
    context: &OpContext,
    filter: &ExchangeFilter,
    cursor: Option<&str>,
    limit: i64,
) -> Result<Page<Exchange>, Problem> {
    let page = context.store.exchanges(filter, cursor, limit).await;
    let Page { items, next } = page.map_err(database_problem)?;
    let permits: Vec<EntryId> = items.iter().filter_map(owed).map(|(permit, _)| permit).collect();
    let owing = context.store.owing(&permits).await.map_err(database_problem)?;
    let now = context.ambient.now();
    let items = items.into_iter().map(|row| {
        let records = owed(&row).map(|(permit, due)| match () {
            () if !owing.contains(&permit) => RecordsStanding::Written,
            () if due < now => RecordsStanding::RecordMissing,
            () => RecordsStanding::Owed,
        });
        Exchange { records, ..exchange(row.answered, row.at) }
    });
    Ok(Page { items: items.collect(), next })
}

/// The permit that leaves records to its application, and until when.
fn owed(row: &ExchangeRow) -> Option<(EntryId, Timestamp)> {
    match &row.answered {
        Answered::Permitted(permit, _) => Some((row.entry, permit.owed.as_ref()?.due)),
        Answered::Refused(_) => None,
    }
}

/// As it is listed.
pub(crate) fn exchange(answered: Answered, at: Timestamp) -> Exchange {
    let at_millis = at.millis();
    let made = |transaction_id, direction, parties: ExchangeParties, application, decision: Option<Value>| {
        let text = |place: &str| Some(decision.as_ref()?.pointer(place)?.as_str()?.to_owned());
        Exchange {
            transaction_id,
            direction,
            counterpart: parties.counterpart(direction).clone(),
            service: parties.service.as_str().to_owned(),
            application,
            at_millis,
            permitted: false,
            code: None,
            decision: decision
                .as_ref()
                .and_then(|it| it.pointer("/body/adl.core.response/decision")?.as_bool()),
            agreement: decision.as_ref().and_then(under),
            purpose: text("/body/adl.core.request/context/purpose"),
            activity: None,
            records: None,
            completion: None,
        }
    };
    match answered {
        Answered::Permitted(permit, completion) => {
            let written = permit.processing.first().map(|record| record.attributes.activity.clone());
            let activity = written.or(permit.owed.map(|owed| owed.activity));
            let exchange = made(
                Some(permit.transaction_id),
                permit.direction,
                permit.parties,
                permit.application,
                permit.decision.map(RecordedDecision::into_value),
            );
            let activity = activity.as_deref().map(str::to_owned);
            Exchange { permitted: true, activity, completion, ..exchange }
        }
        Answered::Refused(refusal) => {
            let exchange = made(
                refusal.transaction_id,
                refusal.direction,
                refusal.parties,
                refusal.application,
                refusal.decision.map(RecordedDecision::into_value),
            );
            Exchange { code: Some(refusal.code), ..exchange }
        }
    }
}

fn under(decision: &Value) -> Option<UnderAgreement> {
    let agreement = decision.pointer("/attributes/adl.core.policies/agreement")?;
    Some(UnderAgreement {
        id: agreement.get("id")?.as_str()?.to_owned(),
        version: agreement.get("version")?.as_u64()?,
        hash: agreement.get("hash")?.as_str()?.to_owned(),
    })
}

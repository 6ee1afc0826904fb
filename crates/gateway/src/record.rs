//! Writing decisions down: the permit before anything moves, the refusal of whoever is known.
//!
//! The permit stands last before forwarding: everything that can refuse has been asked by then, so that a permit without
//! an exchange is rare; and what forwards takes the proof of it as an argument.

use std::{sync::Arc, time::Instant};

use verbond_application::{
    exchange::{Denial, NotPermitted, Permission, Permitted},
    processing::Action,
};
use verbond_domain::{Direction, Problem};
use verbond_fail_points::fail_point;
use verbond_journal::{
    AppendError, Bytes32, Permit, ProcessingRecord, RecordedDecision, RefusedExchange, RestsOn,
};
use verbond_policy::DecisionRecord;

use crate::{Failure, Gateway, RefusalRecord, completing::Account, in_flight::Ticket, to_its_end::ToItsEnd};

/// Why there is no permit: the gateway's own failure, to be put in the protocol's words, unless the record says it all.
type NoPermit = (Option<Failure>, Box<RefusalRecord>);

/// Makes the permit durable, and begins to count what crosses. A caller that hangs up meanwhile leaves no permit without a completion.
pub(crate) async fn permit(
    gateway: &Gateway,
    ticket: &Arc<Ticket>,
    salt: Bytes32,
    permission: Permission,
    permit: Permit,
) -> Result<Permitted, NoPermit> {
    let direction = permit.direction;
    let counterpart = permit.parties.counterpart(direction).clone();
    let named = permission.action.as_deref().and_then(Action::named);
    let begun = Instant::now();
    fail_point!("record::permit");
    let (exchanges, ticket) = (Arc::clone(&gateway.exchanges), Arc::clone(ticket));
    let permitted = ToItsEnd::of(async move {
        let permitted = exchanges.permit(permission, permit).await?;
        ticket.exchange.permitted(Account::new(&permitted, direction, counterpart, salt, named));
        Ok::<_, Box<NotPermitted>>(permitted)
    });
    let not_permitted = match permitted.await {
        Ok(permitted) => {
            gateway.metrics.permitted(direction, begun.elapsed());
            return Ok(permitted);
        }
        Err(not_permitted) => *not_permitted,
    };
    let (failure, problem, permit) = match not_permitted {
        NotPermitted::Denied(denial, permit) => {
            let (problem, decision) = denied(*denial);
            (None, problem, Permit { decision, ..permit })
        }
        NotPermitted::NotWritten(error, permit) => {
            let failure = match error {
                AppendError::Duplicate => Failure::DuplicateTransaction,
                AppendError::TooManyOwed => Failure::RecordsOwed,
                AppendError::Unavailable(_) | AppendError::LimitReached => {
                    tracing::error!(%error, "a permit cannot be written: the exchange is refused");
                    Failure::RecordUnavailable
                }
            };
            (Some(failure), failure.problem(), permit)
        }
    };
    let record = RefusalRecord {
        problem,
        transaction_id: Some(permit.transaction_id),
        parties: permit.parties,
        wire: permit.wire,
        decision: permit.decision,
    };
    Err((failure, Box::new(record)))
}

/// An exchange that was permitted came to no answer. That a source knows nothing, or does not want to say it, is an answer;
/// that it fails is none.
pub(crate) async fn ended_without(mut permitted: Permitted, failure: Failure) {
    fail_point!("record::ended-without");
    if matches!(failure, Failure::SourceRefused(status, _) if !status.is_server_error()) {
        permitted.answered();
    }
    permitted.unanswered().await;
}

/// The records of processing that stand in a permit.
pub(crate) fn known(action: Option<&Action>) -> Vec<Arc<ProcessingRecord>> {
    action.map(Action::known).unwrap_or_default()
}

/// The decision on which a permission rests, as it stands in an entry; `None` for an open service.
pub(crate) fn decided(permission: &Permission) -> Option<RecordedDecision> {
    permission.decision.as_deref().map(written)
}

/// What the caller is told of a denial, and its decision as it stands in an entry.
pub(crate) fn denied(Denial { problem, decision }: Denial) -> (Problem, Option<RecordedDecision>) {
    (problem, decision.as_ref().map(written))
}

/// A decision as it stands in an entry.
pub(crate) fn written(decision: &DecisionRecord) -> RecordedDecision {
    RecordedDecision::of(decision, rests_on(decision))
}

/// What exchanges are found by, of the record of a decision.
fn rests_on(decision: &DecisionRecord) -> RestsOn {
    let agreement = decision.attributes.policies.as_ref().map(|policies| &policies.agreement);
    RestsOn {
        agreement: agreement.map(|agreement| (agreement.id.0, agreement.version.into())),
        purpose: Some((&decision.body.request.context.purpose).into()),
    }
}

/// Counts a refusal of somebody who has not proved who it is. Nothing is written, so that strangers cannot fill the disk.
pub(crate) fn stranger(gateway: &Gateway, direction: Direction, problem: &Problem) {
    gateway.metrics.refused(direction, problem.code);
    tracing::debug!(code = problem.code, direction = direction.as_str(), "refused");
}

/// Counts a refusal and writes it to the journal. That it cannot be written changes nothing for the caller: it is refused
/// either way.
pub(crate) async fn refusal(
    gateway: &Gateway,
    direction: Direction,
    application: Option<&str>,
    record: RefusalRecord,
) -> Problem {
    let RefusalRecord { problem, transaction_id, parties, wire, decision } = record;
    gateway.metrics.refused(direction, problem.code);
    let entry = RefusedExchange {
        transaction_id,
        direction,
        parties,
        wire,
        code: problem.code.to_owned(),
        application: application.map(str::to_owned),
        decision,
    };
    fail_point!("record::refusal");
    if let Err(error) = gateway.exchanges.refuse(entry).await {
        tracing::error!(%error, code = problem.code, "a refusal cannot be written");
    }
    fail_point!("record::refused");
    problem
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A record of a permit, as JSON.
    fn recorded() -> serde_json::Value {
        let hash = format!("sha256:{}", "0a".repeat(32));
        json!({
            "trace_id": "abababababababababababababababab", "span_id": "0101010101010101",
            "event_name": "adl.access_evaluation", "timestamp": 1_796_731_200_000_i64, "status": "Ok",
            "attributes": {"adl.core.policies": {
                "agreement": {"id": "01932f5e-7c00-7000-8000-000000000001", "version": 3, "hash": hash},
                "policy": {"hash": hash, "compiler": 2}
            }},
            "body": {
                "adl.core.request": {
                    "subject": {"type": "participant", "id": "oin:00000099000000020000", "properties": {"participant": "oin:00000099000000020000"}},
                    "action": {"name": "income-of-person", "properties": {"parameters": {}}},
                    "resource": {"type": "service", "id": "oin:00000099000000030000/incomes", "properties": {"service": {"provider": "oin:00000099000000030000", "name": "incomes"}}},
                    "context": {"purpose": "supplement-outreach", "volume_held": true, "person_held": true}
                },
                "adl.core.response": {"decision": true, "context": {}}
            }
        })
    }

    /// What is handed over with a record is what whoever reads the record finds in it.
    #[test]
    fn a_record_rests_on_what_is_read_in_it() -> Result<(), serde_json::Error> {
        let mut record = recorded();
        for under_an_agreement in [true, false] {
            if !under_an_agreement && let Some(attributes) = record.get_mut("attributes") {
                *attributes = json!({});
            }
            let decided: DecisionRecord = serde_json::from_value(record.clone())?;
            let read = RecordedDecision::from(record.clone()).rests_on();
            assert_eq!(read.as_ref().is_some_and(|read| read.agreement.is_some()), under_an_agreement);
            assert_eq!(Some(rests_on(&decided)), read);
        }
        Ok(())
    }

    /// Whether others share its question and answer or not.
    #[test]
    fn a_record_stands_in_its_entry_as_it_is() -> Result<(), Box<dyn std::error::Error>> {
        let alone: DecisionRecord = serde_json::from_value(recorded())?;
        let shared = alone.clone();
        let of = |decision: DecisionRecord| -> Result<serde_json::Value, Box<dyn std::error::Error>> {
            let permit = Permit {
                transaction_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse()?,
                direction: Direction::Outgoing,
                parties: verbond_domain::ExchangeParties {
                    consumer: "oin:00000099000000020000".parse()?,
                    consumer_delegator: None,
                    provider: "oin:00000099000000030000".parse()?,
                    provider_delegator: None,
                    service: "incomes".parse()?,
                },
                wire: Arc::default(),
                application: None,
                decision: Some(written(&decision)),
                processing: Vec::new(),
                owed: None,
            };
            let entry = serde_json::to_vec(&verbond_journal::Entry::Permit(permit))?;
            Ok(serde_json::from_slice::<serde_json::Value>(&entry)?["decision"].clone())
        };
        assert_eq!(of(shared)?, recorded());
        assert_eq!(of(alone)?, recorded());
        Ok(())
    }
}

//! Writing decisions down: the permit before anything moves, the refusal of whoever is known.
//!
//! The permit stands last before forwarding: everything that can refuse has been asked by then, so that a permit without
//! an exchange is rare; and what forwards takes the proof of it as an argument.

use std::time::Instant;

use verbond_application::exchange::{Ground, Permitted};
use verbond_domain::{Direction, Problem};
use verbond_journal::{AppendError, Permit, RefusedExchange};
use verbond_policy::DecisionRecord;

use crate::{Failure, Gateway, RefusalRecord};

/// Makes the permit durable.
pub(crate) async fn permit(
    gateway: &Gateway,
    ground: Ground,
    permit: Permit,
) -> Result<Permitted, (Failure, Box<RefusalRecord>)> {
    let direction = permit.direction;
    let begun = Instant::now();
    match gateway.exchanges.permit(ground, permit).await {
        Ok(permitted) => {
            gateway.metrics.permitted(direction, begun.elapsed());
            Ok(permitted)
        }
        Err(failed) => {
            let (error, permit) = *failed;
            let failure = match error {
                AppendError::Duplicate => Failure::DuplicateTransaction,
                AppendError::Unavailable(reason) => {
                    tracing::error!(reason, "a permit cannot be written: the exchange is refused");
                    Failure::RecordUnavailable
                }
            };
            let record = RefusalRecord {
                problem: failure.problem(),
                transaction_id: Some(permit.transaction_id),
                parties: permit.parties,
                wire: permit.wire,
                decision: permit.decision,
            };
            Err((failure, Box::new(record)))
        }
    }
}

/// A decision as it stands in an entry.
pub(crate) fn written(decision: &DecisionRecord) -> Option<serde_json::Value> {
    // A record is made of texts and numbers; that it cannot be written does not come up.
    serde_json::to_value(decision).ok()
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
    if let Err(error) = gateway.exchanges.refuse(entry).await {
        tracing::error!(%error, code = problem.code, "a refusal cannot be written");
    }
    problem
}

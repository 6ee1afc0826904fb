//! Comparing accounts by itself, with everybody with whom there were exchanges.

use std::collections::BTreeMap;

use verbond_application::{OpContext, database_problem};
use verbond_domain::{ParticipantId, Problem, Timestamp};
use verbond_store::counterparts::{ReconciledRow, ReconciliationRow};

use crate::reconcile::{Counterpart, Occasion, Period, reconcile};

/// Most seconds that an exchange is left before it is compared, so that what still moves raises nothing.
const LATE: i64 = 600;
/// Least: as long as an exchange may be going on for whoever asks.
const SETTLED: i64 = 5;
/// Longest period that is compared at once, in seconds: a little less than a year.
const LONGEST: i64 = 360 * 86_400;
/// For how long comparisons are listed, in seconds.
const KEPT: i64 = 400 * 86_400;

/// Compares with everybody with whom there were exchanges since it was last done, if that is `every` seconds ago. With whom it
/// failed is tried again the next time, over the whole period since. Gives with how many it was done.
///
/// # Errors
/// A problem with the own database; what is wrong with a counterpart is kept as the outcome.
pub async fn reconcile_when_due(
    context: &OpContext,
    counterparts: &dyn Counterpart,
    every: i64,
) -> Result<usize, Problem> {
    let now = context.ambient.now();
    let before = context.store.reconciled().await.map_err(database_problem)?;
    if before.iter().any(|row| row.at > now.plus_seconds(-every)) {
        return Ok(0);
    }
    let until = now.plus_seconds(-(every / 10).clamp(SETTLED, LATE));
    let due = due(context, before, until, every).await?;
    for (participant, from) in &due {
        let period = Period { from: (*from).max(until.plus_seconds(-LONGEST)), until };
        let came = reconcile(context, counterparts, participant, period, Occasion::ByItself).await;
        match came {
            Ok(came) if came.disagrees => {
                tracing::warn!(%participant, counts = ?came.counts, "a counterpart's account says something else than ours");
            }
            Ok(_) => {}
            // The own database says nothing of the counterpart.
            Err(problem) if problem.status == 503 => return Err(problem),
            Err(problem) => {
                tracing::warn!(%participant, reason = %problem, "an account cannot be compared yet");
                failed(context, participant, period, problem.code).await?;
            }
        }
    }
    Ok(due.len())
}

/// With whom, and from when on.
async fn due(
    context: &OpContext,
    before: Vec<ReconciledRow>,
    until: Timestamp,
    every: i64,
) -> Result<BTreeMap<ParticipantId, Timestamp>, Problem> {
    let first = until.plus_seconds(-2 * every);
    let of_traffic = context.store.counterparts_between(first, until).await.map_err(database_problem)?;
    let again = before.iter().filter(|row| row.failed).map(|row| row.participant.clone());
    let all = of_traffic.into_iter().chain(again);
    let since = |participant: &ParticipantId| {
        before.iter().find(|row| row.participant == *participant).map(|row| row.until)
    };
    let due = all.map(|participant| {
        let from = since(&participant).unwrap_or(first);
        (participant, from)
    });
    Ok(due.filter(|(_, from)| *from < until).collect())
}

async fn failed(
    context: &OpContext,
    participant: &ParticipantId,
    period: Period,
    code: &'static str,
) -> Result<(), Problem> {
    let now = context.ambient.now();
    let row = ReconciliationRow {
        participant: participant.clone(),
        at: now,
        by_itself: true,
        from: period.from,
        until: period.until,
        compared: 0,
        same: 0,
        counts: "{}".to_owned(),
        disagrees: false,
        failure: Some(code.to_owned()),
    };
    let mut transaction = context.store.begin().await.map_err(database_problem)?;
    transaction.put_reconciliation(&row).await.map_err(database_problem)?;
    transaction.drop_reconciliations(now.plus_seconds(-KEPT)).await.map_err(database_problem)?;
    transaction.commit().await.map_err(database_problem)
}

//! Comparing a period with what the counterpart tells of it, page by page.

use std::collections::{BTreeMap, VecDeque};

use async_trait::async_trait;
use serde::Serialize;
use utoipa::ToSchema;
use verbond_agreement::Moment;
use verbond_application::{
    OpContext,
    counterparts::{self, CounterpartCause},
    database_problem,
};
use verbond_domain::{Direction, ParticipantId, Problem, Timestamp, TransactionId};
use verbond_store::{counterparts::ReconciliationRow, owed::OwedRow};

use crate::{
    HalvesPage,
    compare::{Finding, FindingKind, compare, decisive},
    handover::Handovers,
    told::{Told, ToldExchange, ToldPage, told},
};

/// Most findings that are listed; beyond that they are counted.
const LISTED: usize = 1000;
/// Longest period, in seconds: a leap year.
const LONGEST: i64 = 366 * 86_400;
/// Most lines of one party that wait for a line of a later transaction.
const MOST_WAITING: usize = 10_000;
/// What began less than so many milliseconds ago may still be going on.
const SETTLED_MILLIS: i64 = 5_000;

/// From when until when, by the times in transaction ids.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    /// From here on,
    pub from: Timestamp,
    /// and before this moment.
    pub until: Timestamp,
}

/// Who has accounts compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Somebody, who sees what comes of it.
    Asked,
    /// The node by itself: what disagrees becomes a task.
    ByItself,
}

/// Asks the other party for its account.
#[async_trait]
pub trait Counterpart: Send + Sync {
    /// One page of what `participant` tells of its exchanges with us, as it sees them.
    ///
    /// # Errors
    /// `COUNTERPART_UNREACHABLE`, `COUNTERPART_KEEPS_NO_ACCOUNT`, `COUNTERPART_UNREADABLE`.
    async fn page(
        &self,
        participant: &ParticipantId,
        period: Period,
        cursor: Option<&str>,
    ) -> Result<ToldPage, Problem>;

    /// The half of one exchange with us that `participant` hands over (docs/formats/evidence.md), as it comes: nothing in it has
    /// been judged.
    ///
    /// # Errors
    /// As [`Counterpart::page`]; `COUNTERPART_KNOWS_NOT`.
    async fn half(&self, participant: &ParticipantId, transaction: TransactionId)
    -> Result<Vec<u8>, Problem>;

    /// A page of the halves of a period, as [`Counterpart::half`].
    ///
    /// # Errors
    /// As [`Counterpart::page`].
    async fn halves(
        &self,
        participant: &ParticipantId,
        period: Period,
        cursor: Option<&str>,
    ) -> Result<HalvesPage, Problem>;
}

/// What came of comparing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Reconciliation {
    /// The counterpart.
    #[schema(value_type = String)]
    pub participant: ParticipantId,
    /// From when, in milliseconds since 1970.
    pub from_millis: i64,
    /// Until when; earlier than asked where what is younger may still be going on.
    pub until_millis: i64,
    /// Transactions of which both parties told the same.
    pub same: u64,
    /// Transactions that were compared.
    pub compared: u64,
    /// How many findings there are of each kind.
    pub counts: BTreeMap<FindingKind, u64>,
    /// Whether the two accounts disagree anywhere. What is only not known is no disagreement.
    pub disagrees: bool,
    /// Findings, at most a thousand.
    pub findings: Vec<Finding>,
}

impl Reconciliation {
    fn take(&mut self, findings: Vec<Finding>) {
        self.compared = self.compared.saturating_add(1);
        if findings.is_empty() {
            self.same = self.same.saturating_add(1);
        }
        self.find(findings);
    }

    fn find(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            self.disagrees |= finding.kind.disagrees();
            let count = self.counts.entry(finding.kind).or_default();
            *count = count.saturating_add(1);
            if self.findings.len() < LISTED {
                self.findings.push(finding);
            }
        }
    }
}

/// Compares our account of a period with the counterpart's; keeps and journals what came of it.
///
/// # Errors
/// `PERIOD_UNUSABLE`; what [`Counterpart::page`] says; a problem with the database.
pub async fn reconcile(
    context: &OpContext,
    counterpart: &dyn Counterpart,
    participant: &ParticipantId,
    period: Period,
    occasion: Occasion,
) -> Result<Reconciliation, Problem> {
    let settled = Timestamp::from_millis(context.ambient.now().millis().saturating_sub(SETTLED_MILLIS));
    let period = Period { until: period.until.min(settled), ..period };
    let length = period.until.millis().saturating_sub(period.from.millis());
    if length <= 0 || length > LONGEST.saturating_mul(1000) {
        return Err(unusable_period());
    }
    let mut came = Reconciliation {
        participant: participant.clone(),
        from_millis: period.from.millis(),
        until_millis: period.until.millis(),
        same: 0,
        compared: 0,
        counts: BTreeMap::new(),
        disagrees: false,
        findings: Vec::new(),
    };
    let mut ours = Lines::default();
    let mut theirs = Lines::default();
    let mut handovers = Handovers::of(&context.store);
    loop {
        while ours.wants_more() {
            let asked = Told { counterpart: participant, from: period.from, until: period.until };
            let page = told(&context.store, &asked, ours.cursor.as_deref()).await;
            ours.add(page.map_err(database_problem)?)?;
        }
        while theirs.wants_more() {
            theirs.add(counterpart.page(participant, period, theirs.cursor.as_deref()).await?)?;
        }
        let Some(next) = ours.first().into_iter().chain(theirs.first()).min() else { break };
        let (ours, theirs) = (ours.take(next), theirs.take(next));
        let (ours, theirs) = (decisive(&ours), decisive(&theirs));
        let handover = handovers.between(ours, theirs).await.map_err(database_problem)?;
        came.take(compare(ours, theirs, handover));
    }
    came.find(missing_records(context, participant, period).await?);
    write_down(context, &came, occasion).await?;
    Ok(came)
}

/// Exchanges with the counterpart of which an application of ours has not handed in its processing records in time.
async fn missing_records(
    context: &OpContext,
    participant: &ParticipantId,
    Period { from, until }: Period,
) -> Result<Vec<Finding>, Problem> {
    let now = context.ambient.now();
    let overdue = context.store.overdue_records_with(participant, (from, until), now).await;
    let overdue = overdue.map_err(database_problem)?.into_iter();
    Ok(overdue
        .map(|OwedRow { transaction_id, service, .. }| Finding {
            transaction_id,
            direction: Direction::Outgoing,
            service,
            kind: FindingKind::RecordMissing,
            members: Vec::new(),
        })
        .collect())
}

/// Lines of one party, as they come in.
#[derive(Default)]
struct Lines {
    waiting: VecDeque<ToldExchange>,
    cursor: Option<String>,
    begun: bool,
    last: Option<TransactionId>,
}

impl Lines {
    /// A transaction is complete when a line of a later one has come, or no more come.
    fn wants_more(&self) -> bool {
        let is_complete = match (self.waiting.front(), self.waiting.back()) {
            (Some(first), Some(last)) => first.transaction_id != last.transaction_id,
            _ => false,
        };
        !is_complete && (!self.begun || self.cursor.is_some())
    }

    fn first(&self) -> Option<TransactionId> {
        self.waiting.front().map(|line| line.transaction_id)
    }

    fn add(&mut self, page: ToldPage) -> Result<(), Problem> {
        // Whoever says that there is more and tells nothing would be asked without end.
        if page.items.is_empty() && page.next.is_some() {
            return Err(unreadable());
        }
        if self.waiting.len() > MOST_WAITING {
            return Err(unreadable());
        }
        for line in page.items {
            if self.last.is_some_and(|last| last > line.transaction_id) {
                return Err(unreadable());
            }
            self.last = Some(line.transaction_id);
            self.waiting.push_back(line);
        }
        self.begun = true;
        self.cursor = page.next;
        Ok(())
    }

    /// The lines of one transaction, if these are the next.
    fn take(&mut self, transaction: TransactionId) -> Vec<ToldExchange> {
        let mut taken = Vec::new();
        while self.first() == Some(transaction) {
            taken.extend(self.waiting.pop_front());
        }
        taken
    }
}

async fn write_down(context: &OpContext, came: &Reconciliation, occasion: Occasion) -> Result<(), Problem> {
    let failed = database_problem;
    let detail = serde_json::json!({
        "from_millis": came.from_millis,
        "until_millis": came.until_millis,
        "compared": came.compared,
        "same": came.same,
        "counts": came.counts,
    });
    let mut transaction = context.store.begin().await.map_err(failed)?;
    transaction.put_reconciliation(&kept(context, came, occasion)).await.map_err(failed)?;
    context.record(&mut transaction, "account.reconcile", &came.participant.to_string(), detail).await?;
    if occasion == Occasion::ByItself && came.disagrees {
        let subject = period_in_words(came);
        let cause = CounterpartCause::Disagreement;
        counterparts::raise(context, &mut transaction, cause, &came.participant, &subject).await?;
    }
    transaction.commit().await.map_err(failed)
}

/// The period in whole seconds, with which it can be asked for again.
fn period_in_words(came: &Reconciliation) -> String {
    let moment = |millis: i64| {
        let moment = Moment::of(Timestamp::from_millis(millis));
        moment.map(|moment| moment.to_string()).unwrap_or_default()
    };
    format!("--after {} --before {}", moment(came.from_millis), moment(came.until_millis.saturating_add(999)))
}

fn kept(context: &OpContext, came: &Reconciliation, occasion: Occasion) -> ReconciliationRow {
    ReconciliationRow {
        participant: came.participant.clone(),
        at: context.ambient.now(),
        by_itself: occasion == Occasion::ByItself,
        from: Timestamp::from_millis(came.from_millis),
        until: Timestamp::from_millis(came.until_millis),
        compared: came.compared,
        same: came.same,
        counts: serde_json::to_string(&came.counts).unwrap_or_default(),
        disagrees: came.disagrees,
        failure: None,
    }
}

fn unusable_period() -> Problem {
    Problem::new(
        "PERIOD_UNUSABLE",
        422,
        "De periode is leeg, ligt in de toekomst of is langer dan een jaar.",
        "the period is empty, lies in the future or is longer than a year",
    )
    .next(
        "Noem een periode tot uiterlijk een paar seconden geleden.",
        "name a period that ended at least a few seconds ago",
    )
}

fn unreadable() -> Problem {
    Problem::new(
        "COUNTERPART_UNREADABLE",
        502,
        "Wat de andere deelnemer vertelt, staat niet op volgorde of houdt niet op.",
        "what the other participant tells is not in order, or does not end",
    )
    .next("Neem contact op met de beheerder daar.", "contact the operator there")
}

//! What stands open about a counterpart: its account says something else than ours, or its journal tells two histories. Tasks for
//! people; a second history can also stop exchanges until somebody has said what came of it.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use verbond_agreement::{Day, Prose, task_id};
use verbond_domain::{Actor, Bilingual, ParticipantId, Problem, Timestamp};
use verbond_store::{Transaction, counterparts::CounterpartTaskRow, withdrawals::TaskDoneRow};

use crate::{OpContext, context::database_problem};

/// Days that people have for a task.
const DAYS: i64 = 7;

/// What raised a task about a counterpart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CounterpartCause {
    /// Two checkpoints of its journal contradict each other.
    Contradiction,
    /// Its account of a period says something else than ours.
    Disagreement,
}

impl CounterpartCause {
    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Contradiction => "contradiction",
            Self::Disagreement => "disagreement",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Contradiction, Self::Disagreement].into_iter().find(|cause| cause.as_str() == text)
    }

    fn what(self, counterpart: &ParticipantId, subject: &str) -> Bilingual {
        match self {
            Self::Contradiction => Bilingual::new(
                format!(
                    "{counterpart} toont twee geschiedenissen van zijn journaal {subject}. Vraag wat er gebeurde (een teruggezette \
                     back-up die niet is gemeld, of erger), bewaar het bewijs (`verbond account evidence`), en rond de taak pas af \
                     als het antwoord voldoet: daarna wordt aangenomen wat het dan toont."
                ),
                format!(
                    "{counterpart} shows two histories of its journal {subject}. Ask what happened (a restored backup that was not \
                     declared, or worse), keep the evidence (`verbond account evidence`), and do this task only when the answer \
                     will do: from then on what it shows is taken for its history"
                ),
            ),
            Self::Disagreement => Bilingual::new(
                format!(
                    "{counterpart} vertelt van uitwisselingen iets anders dan dit knooppunt ({subject}). Bekijk welke met \
                     `verbond account reconcile` over die periode, en zoek met de beheerder daar uit waarom."
                ),
                format!(
                    "{counterpart} tells something else of exchanges than this node ({subject}). See which with \
                     `verbond account reconcile` over that period, and find out why with the operator there"
                ),
            ),
        }
    }
}

/// A task about a counterpart.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CounterpartTask {
    /// By which it is known.
    pub id: String,
    /// What raised it.
    pub cause: CounterpartCause,
    /// Whom it is about.
    #[schema(value_type = String)]
    pub counterpart: ParticipantId,
    /// Which journal, or which period.
    pub subject: String,
    /// What is to be done.
    pub what: Bilingual,
    /// The last day for it.
    pub due: Day,
    /// Always false: the day is certain.
    pub at_the_earliest: bool,
    /// What was done, once it has been.
    pub note: Option<String>,
    /// When, in milliseconds since 1970.
    pub done_at_millis: Option<i64>,
    /// By whom.
    pub done_by: Option<Actor>,
}

impl CounterpartTask {
    fn read(row: CounterpartTaskRow, done: Option<&TaskDoneRow>) -> Option<Self> {
        let cause = CounterpartCause::parse(&row.cause)?;
        Some(Self {
            what: cause.what(&row.counterpart, &row.subject),
            due: Day::of(row.at.plus_seconds(DAYS * 86_400)),
            at_the_earliest: false,
            note: done.map(|done| done.note.clone()),
            done_at_millis: done.map(|done| done.at.millis()),
            done_by: done.and_then(|done| serde_json::from_str(&done.author).ok()),
            id: row.task,
            cause,
            counterpart: row.counterpart,
            subject: row.subject,
        })
    }

    /// Whether nobody has done it.
    pub const fn is_open(&self) -> bool {
        self.done_at_millis.is_none()
    }
}

/// Raises a task, unless one about the same is open.
///
/// # Errors
/// A problem with the database.
pub async fn raise(
    context: &OpContext,
    transaction: &mut Transaction,
    cause: CounterpartCause,
    counterpart: &ParticipantId,
    subject: &str,
) -> Result<(), Problem> {
    let at: Timestamp = context.ambient.now();
    let row = CounterpartTaskRow {
        task: task_id(&format!("{} {counterpart} {subject} {}", cause.as_str(), at.millis())),
        cause: cause.as_str().to_owned(),
        counterpart: counterpart.clone(),
        subject: subject.to_owned(),
        at,
    };
    if transaction.put_counterpart_task(&row).await.map_err(database_problem)? {
        let detail = json!({ "cause": row.cause, "counterpart": row.counterpart, "subject": row.subject });
        context.record(transaction, "task.raise", &row.task, detail).await?;
    }
    Ok(())
}

/// All tasks about counterparts, the oldest first, done or not.
///
/// # Errors
/// A problem with the database.
pub async fn tasks(context: &OpContext) -> Result<Vec<CounterpartTask>, Problem> {
    let rows = context.store.counterpart_tasks().await.map_err(database_problem)?;
    let done = context.store.tasks_done().await.map_err(database_problem)?;
    let read = |row: CounterpartTaskRow| {
        let done = done.iter().find(|done| done.task == row.task);
        CounterpartTask::read(row, done)
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Writes that a task about a counterpart has been done; `None` if there is no such task open. After a second history, what the
/// counterpart shows next is taken for its history.
///
/// # Errors
/// A problem with the database.
pub async fn done(context: &OpContext, task: &str, note: &Prose) -> Result<Option<CounterpartTask>, Problem> {
    let failed = database_problem;
    let open = tasks(context).await?.into_iter().find(|one| one.id == task && one.is_open());
    let Some(mut open) = open else { return Ok(None) };
    let row = TaskDoneRow {
        task: task.to_owned(),
        note: note.to_string(),
        author: serde_json::to_string(&context.actor).unwrap_or_default(),
        at: context.ambient.now(),
    };
    let mut transaction = context.store.begin().await.map_err(failed)?;
    if !transaction.put_task_done(&row).await.map_err(failed)? {
        return Ok(None);
    }
    if open.cause == CounterpartCause::Contradiction {
        transaction.forget_witnessed(&open.subject).await.map_err(failed)?;
    }
    let detail = json!({ "cause": open.cause, "counterpart": open.counterpart, "subject": open.subject, "note": row.note });
    context.record(&mut transaction, "task.done", task, detail).await?;
    transaction.commit().await.map_err(failed)?;
    open.done_by = Some(context.actor.clone());
    (open.note, open.done_at_millis) = (Some(row.note), Some(row.at.millis()));
    Ok(Some(open))
}

/// That a participant's journal tells two histories, and that the organisation has chosen to exchange nothing then.
pub(crate) fn contradicted() -> Problem {
    Problem::new(
        "COUNTERPART_CONTRADICTS",
        403,
        "De andere deelnemer toonde twee geschiedenissen van zijn journaal; deze organisatie wisselt daarom niets met hem uit.",
        "the other participant showed two histories of its journal, so that this organisation exchanges nothing with it",
    )
    .next(
        "Een beheerder van gegevens (steward) zoekt uit wat er gebeurde en rondt de taak af: `verbond task list`.",
        "a steward finds out what happened and does the task: `verbond task list`",
    )
}

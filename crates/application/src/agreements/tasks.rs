//! Tasks: what remains to be done of agreements that have ended, and what something raised. The former follow from the documents,
//! so that none is lost; only that somebody has done one is written down.

use std::collections::HashMap;

use serde_json::json;
use verbond_agreement::{
    Category, ClauseName, Day, Line, Obligation, Prose, Stage, StatementStep, TwoLanguages, obligations,
};
use verbond_domain::{Actor, Bilingual, Problem, ServiceReference, Timestamp};
use verbond_store::withdrawals::TaskDoneRow;

use super::{AgreementOffice, AgreementVersion, Raised, refusals, with_successors};
use crate::{OpContext, context::database_problem};

/// That a task has been done.
#[derive(Clone, Debug)]
pub struct TaskDone {
    /// What was done.
    pub note: String,
    /// By whom.
    pub author: Actor,
    /// When.
    pub at: Timestamp,
}

/// Something to do: what remains of an agreement that has ended, or what something raised.
#[derive(Clone, Debug)]
pub struct Task {
    /// By which it is known; the same at every reading.
    pub id: String,
    /// From which clause, where it is from one.
    pub clause: Option<ClauseName>,
    /// Of which service, where it is of one.
    pub service: Option<ServiceReference>,
    /// The category of data, where it is about one.
    pub category: Option<Category>,
    /// What is to be done.
    pub what: Bilingual,
    /// The last day for it.
    pub due: Day,
    /// The day is the earliest: it is counted from something that this node does not know.
    pub at_the_earliest: bool,
    /// Category of the selection list from which the period comes.
    pub selection_list: Option<Line>,
    /// What suspends destruction.
    pub legal_hold: Option<Prose>,
    /// Hash of the version from which it follows.
    pub agreement: String,
    /// What that agreement is about.
    pub title: TwoLanguages,
    /// When it ended, if that is why.
    pub ended_at: Option<Timestamp>,
    /// That it has been done.
    pub done: Option<TaskDone>,
}

impl Task {
    fn of_ended(version: &AgreementVersion, obligation: Obligation, ended_at: Timestamp) -> Self {
        Self {
            id: obligation.id,
            clause: Some(obligation.clause),
            service: Some(obligation.service),
            category: Some(obligation.category),
            what: obligation.what,
            due: obligation.due,
            at_the_earliest: obligation.at_the_earliest,
            selection_list: obligation.selection_list,
            legal_hold: obligation.legal_hold,
            agreement: version.hash.clone(),
            title: version.document.title.clone(),
            ended_at: Some(ended_at),
            done: None,
        }
    }

    fn of_raised(version: &AgreementVersion, raised: Raised) -> Self {
        let clause =
            version.document.clauses.iter().find(|clause| Some(&clause.name) == raised.clause.as_ref());
        Self {
            service: clause.map(|clause| clause.service.clone()),
            category: None,
            what: raised.what(),
            due: raised.due(),
            at_the_earliest: false,
            selection_list: None,
            legal_hold: None,
            agreement: raised.agreement,
            title: version.document.title.clone(),
            ended_at: None,
            done: None,
            id: raised.id,
            clause: raised.clause,
        }
    }
}

impl AgreementOffice {
    /// All tasks, those with the earliest day first. Under an agreement that goes on in a later version duties go on too.
    pub async fn tasks(&self, context: &OpContext) -> Result<Vec<Task>, Problem> {
        let now = context.ambient.now();
        let rows = context.store.signed_agreements().await.map_err(database_problem)?;
        let versions = rows.into_iter().map(AgreementVersion::read).collect::<Result<_, _>>();
        let versions = with_successors(versions.map_err(database_problem)?);
        let mut tasks = Vec::new();
        for version in versions.iter().filter(|version| version.successor.is_none()) {
            let Some(ended_at) = ended(version, now) else { continue };
            let found = obligations(&version.document, &self.own, ended_at);
            let found = found.map_err(|error| refusals::document(&error))?;
            tasks.extend(found.into_iter().map(|one| Task::of_ended(version, one, ended_at)));
        }
        let raised = context.store.raised_tasks().await.map_err(database_problem)?;
        for raised in raised.into_iter().filter_map(Raised::read) {
            let of = match versions.iter().find(|version| version.hash == raised.agreement) {
                Some(version) => version.clone(),
                // An offer that was refused has ended without a signature of all.
                None => self.get(context, &raised.agreement).await?,
            };
            tasks.push(Task::of_raised(&of, raised));
        }
        let done = context.store.tasks_done().await.map_err(database_problem)?;
        let mut done: HashMap<String, TaskDoneRow> =
            done.into_iter().map(|row| (row.task.clone(), row)).collect();
        for task in &mut tasks {
            task.done = done.remove(&task.id).and_then(|row| {
                let author = serde_json::from_str(&row.author).ok()?;
                Some(TaskDone { note: row.note, author, at: row.at })
            });
        }
        tasks.sort_by(|one, other| (one.due, &one.id).cmp(&(other.due, &other.id)));
        Ok(tasks)
    }

    /// Writes that a task has been done, with what was done.
    pub async fn task_done(&self, context: &OpContext, task: &str, note: Prose) -> Result<Task, Problem> {
        let note = note.to_string();
        let is_it = |one: &Task| one.id == task;
        let open = self.tasks(context).await?.into_iter().find(|one| is_it(one) && one.done.is_none());
        let mut open = open.ok_or_else(refusals::unknown_task)?;
        let row = TaskDoneRow {
            task: task.to_owned(),
            note: note.clone(),
            author: serde_json::to_string(&context.actor).unwrap_or_default(),
            at: context.ambient.now(),
        };
        let mut transaction = context.store.begin().await.map_err(database_problem)?;
        if !transaction.put_task_done(&row).await.map_err(database_problem)? {
            return Err(refusals::unknown_task());
        }
        let detail = json!({ "agreement": open.agreement, "clause": open.clause, "note": note });
        context.record(&mut transaction, "task.done", task, detail).await?;
        transaction.commit().await.map_err(database_problem)?;
        open.done = Some(TaskDone { note, author: context.actor.clone(), at: row.at });
        Ok(open)
    }
}

/// When a version that all had signed ended, if it has.
fn ended(version: &AgreementVersion, now: Timestamp) -> Option<Timestamp> {
    let signed = version.life.awaited().next().is_none();
    match version.stage(now) {
        Stage::Expired if signed => Some(version.document.term.until.timestamp()),
        Stage::Revoked => {
            let revoked = version.statements.iter().map(|(statement, _)| statement);
            let mut revoked = revoked.filter(|one| {
                matches!(one.step, StatementStep::Revoked { .. } | StatementStep::RevokedOnTheWire(_))
            });
            revoked.next().map(|statement| statement.at.timestamp())
        }
        _ => None,
    }
}

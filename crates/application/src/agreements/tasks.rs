//! Tasks: what remains to be done of agreements that have ended. They follow from the documents, so that none is lost; only
//! that somebody has done one is written down.

use std::collections::HashMap;

use serde_json::json;
use verbond_agreement::{Obligation, Prose, Stage, StatementStep, TwoLanguages, obligations};
use verbond_domain::{Actor, Problem, Timestamp};
use verbond_store::withdrawals::TaskDoneRow;

use super::{AgreementOffice, AgreementVersion, refusals, with_successors};
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

/// Something to do.
#[derive(Clone, Debug)]
pub struct Task {
    /// The duty, with its clause and its day.
    pub obligation: Obligation,
    /// Hash of the version from which it follows.
    pub agreement: String,
    /// What that agreement is about.
    pub title: TwoLanguages,
    /// When it ended.
    pub ended_at: Timestamp,
    /// That it has been done.
    pub done: Option<TaskDone>,
}

impl AgreementOffice {
    /// All tasks, those with the earliest day first. Under an agreement that goes on in a later version duties go on too.
    pub async fn tasks(&self, context: &OpContext) -> Result<Vec<Task>, Problem> {
        let now = context.ambient.now();
        let rows = context.store.signed_agreements().await.map_err(database_problem)?;
        let versions = rows.into_iter().map(AgreementVersion::read).collect::<Result<_, _>>();
        let versions = with_successors(versions.map_err(database_problem)?);
        let done = context.store.tasks_done().await.map_err(database_problem)?;
        let mut done: HashMap<String, TaskDoneRow> =
            done.into_iter().map(|row| (row.task.clone(), row)).collect();
        let mut tasks = Vec::new();
        for version in versions.iter().filter(|version| version.successor.is_none()) {
            let Some(ended_at) = ended(version, now) else { continue };
            let found = obligations(&version.document, &self.own, ended_at);
            for obligation in found.map_err(|error| refusals::document(&error))? {
                let done = done.remove(&obligation.id).and_then(|row| {
                    let author = serde_json::from_str(&row.author).ok()?;
                    Some(TaskDone { note: row.note, author, at: row.at })
                });
                let (agreement, title) = (version.hash.clone(), version.document.title.clone());
                tasks.push(Task { obligation, agreement, title, ended_at, done });
            }
        }
        tasks.sort_by(|one, other| {
            (one.obligation.due, &one.obligation.id).cmp(&(other.obligation.due, &other.obligation.id))
        });
        Ok(tasks)
    }

    /// Writes that a task has been done, with what was done.
    pub async fn task_done(&self, context: &OpContext, task: &str, note: Prose) -> Result<Task, Problem> {
        let note = note.to_string();
        let is_it = |one: &Task| one.obligation.id == task;
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
        let detail = json!({ "agreement": open.agreement, "clause": open.obligation.clause, "note": note });
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

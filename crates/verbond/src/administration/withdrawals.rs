//! Withdrawing what agreements rest on, and the tasks that remain.

use std::collections::HashMap;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use verbond_agreement::{
    Basis, Category, ClauseName, Day, EntryName, LawIdentifier, Line, Prose, RegisterKind, RestingClause,
    Stage, TwoLanguages,
};
use verbond_application::{
    OpContext,
    agreements::{BasisAsked, Resting, Task, Withdrawal},
    class_questions::{self, ClassTask},
    counterparts::{self, CounterpartTask},
};
use verbond_domain::{Actor, Bilingual, ServiceReference};

use super::{
    Office, Shared,
    extract::{Body, Context, Named, Query},
    failure::{Failure, ProblemDetails},
    views::List,
};
use crate::ambient::rfc_3339;

/// What is to be withdrawn.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "of", rename_all = "snake_case", deny_unknown_fields)]
pub enum BasisToWithdraw {
    /// An entry of the register of grounds.
    Ground {
        /// The entry.
        name: EntryName,
        /// One version; without it all that there are now.
        version: Option<u32>,
    },
    /// An entry of the register of assessments.
    Assessment {
        /// The entry.
        name: EntryName,
        /// One version; without it all that there are now.
        version: Option<u32>,
    },
    /// A provision of law, wherever this organisation's grounds cite it.
    Article {
        /// BWB id, CELEX number or jci reference.
        law: LawIdentifier,
        /// The article as grounds name it; without it the whole law.
        article: Option<Line>,
        /// As it read on this day; without it however it read.
        version: Option<Day>,
    },
}

impl From<BasisToWithdraw> for BasisAsked {
    fn from(basis: BasisToWithdraw) -> Self {
        match basis {
            BasisToWithdraw::Ground { name, version } => {
                Self::Entry { register: RegisterKind::Ground, name, version }
            }
            BasisToWithdraw::Assessment { name, version } => {
                Self::Entry { register: RegisterKind::Assessment, name, version }
            }
            BasisToWithdraw::Article { law, article, version } => Self::Article { law, article, version },
        }
    }
}

/// What is to be withdrawn, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawalRequest {
    /// What.
    pub basis: BasisToWithdraw,
    /// Why; told to the other parties.
    pub reason: Prose,
}

/// A version of an agreement that rests on it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RestingView {
    /// Hash of the version.
    pub agreement: String,
    /// The same in all versions.
    pub id: String,
    /// Which version.
    pub version: u32,
    /// What it is about.
    pub title: TwoLanguages,
    /// How far it is.
    pub stage: Stage,
    /// Its clauses that rest on it, with their services.
    pub clauses: Vec<RestingClause>,
    /// Its clauses that do not, and stop with the others.
    pub other_clauses: Vec<String>,
    /// Hashes of the wire contracts that followed from it.
    pub contracts: Vec<String>,
    /// What becomes of it: `not_offered`, `taken_back`, `refused`, `revoked`.
    pub then: &'static str,
}

/// What rests on something.
#[derive(Debug, Serialize, ToSchema)]
pub struct WithdrawalView {
    /// What is withdrawn, exactly.
    pub basis: Basis,
    /// What rests on it.
    pub resting: Vec<RestingView>,
}

/// Something that was withdrawn.
#[derive(Debug, Serialize, ToSchema)]
pub struct WithdrawnView {
    /// What.
    pub basis: Basis,
    /// Why.
    pub reason: String,
    /// Who did.
    pub author: Actor,
    /// When.
    pub at: String,
}

impl From<Withdrawal> for WithdrawnView {
    fn from(Withdrawal { basis, reason, author, at }: Withdrawal) -> Self {
        Self { basis, reason, author, at: rfc_3339(at) }
    }
}

impl Office {
    async fn shown(
        &self,
        context: &OpContext,
        basis: Basis,
        resting: Vec<Resting>,
    ) -> Result<WithdrawalView, Failure> {
        let mut contracts: HashMap<String, Vec<String>> = HashMap::new();
        for following in self.fsc.following_contracts().await? {
            contracts.entry(following.agreement).or_default().push(following.contract);
        }
        let now = context.ambient.now();
        let resting = resting.into_iter().map(|Resting { version, clauses, then }| {
            let rests = |name: &str| clauses.iter().any(|resting| resting.clause.as_str() == name);
            let names = version.document.clauses.iter().map(|clause| clause.name.to_string());
            RestingView {
                contracts: contracts.remove(&version.hash).unwrap_or_default(),
                id: version.document.id.to_string(),
                version: version.document.version,
                title: version.document.title.clone(),
                stage: version.stage(now),
                other_clauses: names.filter(|name| !rests(name)).collect(),
                agreement: version.hash,
                clauses,
                then: then.as_str(),
            }
        });
        Ok(WithdrawalView { basis, resting: resting.collect() })
    }
}

/// What rests on a ground, an assessment or a provision of law, and what would become of it. Changes nothing.
#[utoipa::path(post, path = "/v1/withdrawals/preview", tag = "registers", request_body = BasisToWithdraw,
    responses((status = 200, body = WithdrawalView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn preview(
    State(office): State<Shared>,
    Context(context): Context,
    Body(asked): Body<BasisToWithdraw>,
) -> Result<Json<WithdrawalView>, Failure> {
    let basis = office.agreements.basis(&context, asked.into()).await?;
    let resting = office.agreements.resting(&context, &basis).await?;
    Ok(Json(office.shown(&context, basis, resting).await?))
}

/// Withdraws a ground, an assessment or a provision of law, and stops all that rests on it.
#[utoipa::path(post, path = "/v1/withdrawals", tag = "registers", request_body = WithdrawalRequest,
    responses((status = 200, body = WithdrawalView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn withdraw(
    State(office): State<Shared>,
    Context(context): Context,
    Body(WithdrawalRequest { basis, reason }): Body<WithdrawalRequest>,
) -> Result<Json<WithdrawalView>, Failure> {
    let basis = office.agreements.basis(&context, basis.into()).await?;
    let stopped = office.agreements.withdraw_basis(&context, &basis, reason).await?;
    Ok(Json(office.shown(&context, basis, stopped).await?))
}

/// All that this organisation has withdrawn, the oldest first.
#[utoipa::path(get, path = "/v1/withdrawals", tag = "registers",
    responses((status = 200, body = List<WithdrawnView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(
    State(office): State<Shared>,
    Context(context): Context,
) -> Result<Json<List<WithdrawnView>>, Failure> {
    Ok(Json(List::whole(office.agreements.withdrawals(&context).await?)))
}

/// Which tasks.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TaskQuery {
    /// Those that have been done too.
    pub all: Option<bool>,
}

/// Something to do.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskView {
    /// By which it is known; the same at every reading.
    pub id: String,
    /// From which clause, where it is from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clause: Option<ClauseName>,
    /// Of which service, where it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceReference>,
    /// The category of data, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// What is to be done.
    pub what: Bilingual,
    /// The last day for it.
    pub due: Day,
    /// The day is the earliest: it is counted from something that this node does not know.
    pub at_the_earliest: bool,
    /// Category of the selection list from which the period comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection_list: Option<Line>,
    /// What suspends destruction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_hold: Option<Prose>,
    /// Hash of the version from which it follows.
    pub agreement: String,
    /// What that agreement is about.
    pub title: TwoLanguages,
    /// When it ended, if that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// When it was done.
    pub done_at: Option<String>,
    /// By whom.
    pub done_by: Option<Actor>,
    /// What was done.
    pub note: Option<String>,
}

impl From<Task> for TaskView {
    fn from(task: Task) -> Self {
        let done = task.done;
        Self {
            id: task.id,
            clause: task.clause,
            service: task.service,
            category: task.category,
            what: task.what,
            due: task.due,
            at_the_earliest: task.at_the_earliest,
            selection_list: task.selection_list,
            legal_hold: task.legal_hold,
            agreement: task.agreement,
            title: task.title,
            ended_at: task.ended_at.map(rfc_3339),
            done_at: done.as_ref().map(|done| rfc_3339(done.at)),
            done_by: done.as_ref().map(|done| done.author.clone()),
            note: done.map(|done| done.note),
        }
    }
}

/// What was done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskNote {
    /// What was done; without names of data subjects.
    pub note: Prose,
}

/// Something to do, of either kind.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum TaskEntry {
    /// Of an agreement that has ended.
    Duty(Box<TaskView>),
    /// Whether a service is open.
    Class(ClassTask),
    /// About another participant: its account, or its journal.
    Counterpart(Box<CounterpartTask>),
}

/// What remains to be done: first whether services are open whose traffic speaks of people, then about other participants whose
/// account or journal says two things, then of agreements that have ended, those with the earliest day first.
#[utoipa::path(get, path = "/v1/tasks", tag = "agreements", params(TaskQuery),
    responses((status = 200, body = List<TaskEntry>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn tasks(
    State(office): State<Shared>,
    Context(context): Context,
    Query(TaskQuery { all }): Query<TaskQuery>,
) -> Result<Json<List<TaskEntry>>, Failure> {
    let classes = class_questions::tasks(&context).await?.into_iter().map(TaskEntry::Class);
    let about =
        counterparts::tasks(&context).await?.into_iter().filter(|task| all == Some(true) || task.is_open());
    let about = about.map(|task| TaskEntry::Counterpart(Box::new(task)));
    let tasks = office.agreements.tasks(&context).await?;
    let wanted = |task: &Task| all == Some(true) || task.done.is_none();
    let duties = tasks.into_iter().filter(wanted).map(|task| TaskEntry::Duty(Box::new(task.into())));
    Ok(Json(List::whole(classes.chain(about).chain(duties))))
}

/// Writes down that a task has been done.
#[utoipa::path(post, path = "/v1/tasks/{task}/done", tag = "agreements", params(("task" = String, Path)),
    request_body = TaskNote, responses((status = 200, body = TaskEntry),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn done(
    State(office): State<Shared>,
    Context(context): Context,
    Named(task): Named<String>,
    Body(TaskNote { note }): Body<TaskNote>,
) -> Result<Json<TaskEntry>, Failure> {
    if let Some(task) = counterparts::done(&context, &task, &note).await? {
        return Ok(Json(TaskEntry::Counterpart(Box::new(task))));
    }
    let done = office.agreements.task_done(&context, &task, note).await?;
    Ok(Json(TaskEntry::Duty(Box::new(done.into()))))
}

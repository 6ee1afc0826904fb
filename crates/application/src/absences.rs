//! Agreed elements that never come: counted beside the stream, in memory; written from time to time; a task for people once
//! one came in none of a thousand whole responses in a row.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;
use verbond_agreement::ClauseName;
use verbond_domain::Problem;
use verbond_policy::{Obligations, OperationPlace};
use verbond_store::withdrawals::AbsenceRow;

use crate::{OpContext, agreements::Raised, context::database_problem};

/// So many whole responses in a row without an element raise a task.
pub const ENOUGH: u32 = 1_000;
/// What was counted is written this often, so that a process that dies takes little with it.
const WRITTEN_EVERY: Duration = Duration::from_secs(30);

/// What has been counted since it was last written.
#[derive(Default)]
pub struct Absences {
    counted: Mutex<HashMap<OperationPlace, Operation>>,
    enough: Notify,
}

struct Operation {
    clause: ClauseName,
    name: String,
    elements: Vec<Element>,
}

struct Element {
    path: String,
    /// Responses in a row without it.
    absent: u32,
    /// Whether it came before these.
    came: bool,
}

impl Absences {
    /// Counts a whole response: of each agreed element whether it came, in the order of `paths`. To be asked only of
    /// responses that held a record; what is empty lacks nothing.
    pub fn saw(
        &self,
        obligations: &Obligations,
        paths: impl FnOnce() -> Vec<String>,
        came: impl Iterator<Item = bool>,
    ) {
        let (Some(place), Some(clause), Some(operation)) =
            (obligations.place(), obligations.clause_name(), obligations.operation())
        else {
            return;
        };
        let mut enough = false;
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let operation = counted.entry(place).or_insert_with(|| Operation {
            clause: clause.clone(),
            name: operation.name.to_string(),
            elements: paths().into_iter().map(|path| Element { path, absent: 0, came: false }).collect(),
        });
        // The elements of an operation stand in one order, whoever projects them.
        for (element, came) in operation.elements.iter_mut().zip(came) {
            element.came |= came;
            element.absent = if came { 0 } else { element.absent.saturating_add(1) };
            enough |= element.absent == ENOUGH;
        }
        drop(counted);
        if enough {
            self.enough.notify_one();
        }
    }

    /// Waits until there may be something to write.
    pub async fn wait(&self) {
        let _ = tokio::time::timeout(WRITTEN_EVERY, self.enough.notified()).await;
    }

    /// Writes what has been counted, and raises a task for each element that came in none of [`ENOUGH`] responses.
    ///
    /// # Errors
    /// When the database fails; what was counted since the last time is lost then, which raises a task later.
    pub async fn write(&self, context: &OpContext) -> Result<(), Problem> {
        let counted = std::mem::take(&mut *self.counted.lock().unwrap_or_else(PoisonError::into_inner));
        if counted.is_empty() {
            return Ok(());
        }
        let now = context.ambient.now();
        let mut transaction = context.store.begin().await.map_err(database_problem)?;
        for (place, operation) in counted {
            let agreement = place.hash.to_string();
            for element in operation.elements {
                let row = AbsenceRow {
                    agreement: agreement.clone(),
                    clause: operation.clause.to_string(),
                    operation: operation.name.clone(),
                    element: element.path,
                    responses: element.absent.into(),
                    begins: element.came,
                };
                let absent = transaction.add_absence(&row).await.map_err(database_problem)?;
                if absent >= i64::from(ENOUGH) {
                    let subject = format!("{} {}", row.operation, row.element);
                    let clause = operation.clause.clone();
                    Raised::absent_element(&agreement, clause, subject, now)
                        .write(context, &mut transaction)
                        .await?;
                }
            }
        }
        transaction.commit().await.map_err(database_problem)
    }
}

//! Who asks, and with what.

use serde_json::Value;
use verbond_domain::{Actor, Ambient, Problem};
use verbond_journal::{Act, Entry};
use verbond_store::{Store, StoreError, Transaction};

/// Handed to every use case first: the author of whatever follows, the time and randomness, and the database.
#[derive(Clone)]
pub struct OpContext {
    /// Who asks; becomes the author of the act.
    pub actor: Actor,
    /// Time and randomness.
    pub ambient: Ambient,
    /// The node's database.
    pub store: Store,
}

impl OpContext {
    /// Writes the act that explains a change into the transaction that makes the change.
    pub async fn record(
        &self,
        transaction: &mut Transaction,
        action: &str,
        subject: &str,
        detail: Value,
    ) -> Result<(), Problem> {
        let act = Act {
            author: self.actor.clone(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail,
        };
        transaction.append(&Entry::Act(act), &self.ambient).await.map_err(database_problem)
    }

    /// Writes an act that changes nothing but is to be known; durable when it returns.
    ///
    /// # Errors
    /// A problem with the database.
    pub async fn record_alone(&self, action: &str, subject: &str, detail: Value) -> Result<(), Problem> {
        let mut transaction = self.store.begin().await.map_err(database_problem)?;
        self.record(&mut transaction, action, subject, detail).await?;
        transaction.commit().await.map_err(database_problem)
    }
}

/// A text that a person must have given: trimmed, not empty, bounded, on one line.
pub(crate) fn stated(member: &str, text: &str, longest: usize) -> Result<String, Problem> {
    let text = text.trim();
    if !text.is_empty() && text.chars().count() <= longest && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(Problem::new(
        "STATEMENT_MISSING",
        400,
        format!("`{member}` moet 1 tot {longest} tekens hebben, op één regel."),
        format!("`{member}` must have 1 to {longest} characters, on one line"),
    )
    .next(
        "Noem wie voor de klasse instaat en waarom; beide zijn zichtbaar voor anderen.",
        "say who answers for the class, and why; both are visible to others",
    ))
}

/// What the reader may know of a database that gave no answer; the cause of a failure goes to the log, once. A cursor or
/// a filter that cannot be used is the asker's own.
pub fn database_problem(error: StoreError) -> Problem {
    match error {
        StoreError::BadCursor => return unusable("cursor"),
        StoreError::TooMany(_) => return unusable("filter"),
        _ => {}
    }
    tracing::error!(%error, "the database failed");
    Problem::new(
        "DATABASE_UNAVAILABLE",
        503,
        "De database van dit knooppunt antwoordt nu niet zoals het moet; er is niets gewijzigd.",
        "this node's database does not answer as it should; nothing has been changed",
    )
    .next(
        "Probeer het zo opnieuw; blijft het, kijk dan met `verbond doctor` en in het logboek van het knooppunt.",
        "try again shortly; if it stays, look with `verbond doctor` and in the node's log",
    )
}

/// This node cannot sign; the cause goes to the log.
pub fn signing_problem() -> Problem {
    Problem::new(
        "SIGNING_FAILED",
        503,
        "De sleutel van dit knooppunt kan nu niet worden gebruikt.",
        "this node's key cannot be used now",
    )
    .next("Kijk met `verbond doctor`.", "see `verbond doctor`")
}

fn unusable(parameter: &str) -> Problem {
    Problem::new(
        "PARAMETER_INVALID",
        400,
        format!("De parameter {parameter} kan niet worden gebruikt."),
        format!("the parameter {parameter} cannot be used"),
    )
    .next(
        "Neem de cursor over uit het vorige antwoord, zonder hem te veranderen, en vraag hoogstens duizend waarden tegelijk.",
        "take the cursor unchanged from the answer before, and ask for at most a thousand values at once",
    )
}

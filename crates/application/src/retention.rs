//! For how long exchanges are kept, and what is kept longer: legal holds, and the account of what has been destroyed.

use serde_json::json;
use verbond_agreement::EntryName;
use verbond_domain::{Problem, Timestamp};
use verbond_store::{holds::HoldRow, retention::RetentionReport};

use crate::{
    OpContext,
    context::{database_problem, stated},
};

/// A hold as somebody asks for it.
#[derive(Clone, Debug)]
pub struct HoldAsked {
    /// By what it will be released.
    pub name: EntryName,
    /// It is on what was written at or after this moment,
    pub from: Timestamp,
    /// and before this one; `None`: whatever is still to come.
    pub until: Option<Timestamp>,
    /// Why; no personal data, since it stays in the journal.
    pub reason: String,
}

/// What is kept, why, and what has been destroyed.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Rule and numbers.
    pub report: RetentionReport,
    /// The holds that stand.
    pub holds: Vec<HoldRow>,
}

/// Sets a hold: from now on nothing that it is on is destroyed.
///
/// # Errors
/// A period that ends before it begins, no reason, a name that is in use, a failing database.
pub async fn hold(context: &OpContext, asked: HoldAsked) -> Result<HoldRow, Problem> {
    let hold = HoldRow {
        name: asked.name.to_string(),
        from: asked.from,
        until: asked.until,
        reason: stated("reason", &asked.reason, 2000)?,
        set_at: context.ambient.now(),
    };
    if hold.until.is_some_and(|until| until <= hold.from) {
        return Err(empty_period());
    }
    let mut transaction = context.store.begin().await.map_err(database_problem)?;
    if !transaction.set_hold(&hold).await.map_err(database_problem)? {
        return Err(name_in_use(&hold.name));
    }
    let detail = json!({ "from": hold.from, "until": hold.until, "reason": hold.reason });
    context.record(&mut transaction, "journal.hold", &hold.name, detail).await?;
    transaction.commit().await.map_err(database_problem)?;
    Ok(hold)
}

/// Releases a hold: what it kept and is over is destroyed within the hour.
///
/// # Errors
/// No such hold, a failing database.
pub async fn release(context: &OpContext, name: &EntryName) -> Result<(), Problem> {
    let mut transaction = context.store.begin().await.map_err(database_problem)?;
    if !transaction.release_hold(name.as_str()).await.map_err(database_problem)? {
        return Err(unknown(name));
    }
    context.record(&mut transaction, "journal.release", name.as_str(), json!({})).await?;
    transaction.commit().await.map_err(database_problem)
}

/// The holds that stand, by name.
///
/// # Errors
/// A failing database.
pub async fn holds(context: &OpContext) -> Result<Vec<HoldRow>, Problem> {
    context.store.holds().await.map_err(database_problem)
}

/// What is kept, why, and what has been destroyed.
///
/// # Errors
/// A failing database.
pub async fn kept(context: &OpContext) -> Result<Kept, Problem> {
    let report = context.store.retention_report(context.ambient.now()).await.map_err(database_problem)?;
    Ok(Kept { report, holds: holds(context).await? })
}

fn empty_period() -> Problem {
    Problem::new(
        "HOLD_EMPTY",
        400,
        "De bewaarplicht houdt op voordat zij begint.",
        "the hold ends before it begins",
    )
    .next(
        "Geef met `--until` een later moment dan met `--from`, of laat het weg.",
        "give a later moment with `--until` than with `--from`, or leave it out",
    )
}

fn name_in_use(name: &str) -> Problem {
    Problem::new(
        "HOLD_EXISTS",
        409,
        format!("Er staat al een bewaarplicht met de naam {name}."),
        format!("a hold with the name {name} stands already"),
    )
    .next(
        "Kies een andere naam; twee mogen over hetzelfde gaan. `verbond journal holds` toont ze.",
        "choose another name; two may be on the same entries. `verbond journal holds` shows them",
    )
}

fn unknown(name: &EntryName) -> Problem {
    Problem::new(
        "HOLD_UNKNOWN",
        404,
        format!("Er staat geen bewaarplicht met de naam {name}."),
        format!("no hold with the name {name} stands"),
    )
    .next("Kijk met `verbond journal holds`.", "see `verbond journal holds`")
}

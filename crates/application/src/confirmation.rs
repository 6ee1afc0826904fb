//! That somebody else stands behind an entry of a register: an assessment that nobody but its maker knows assesses nothing.

use serde_json::json;
use verbond_agreement::{EntryName, RegisterKind};
use verbond_domain::{Actor, Problem};
use verbond_store::readings::ConfirmationRow;

use crate::{OpContext, context::database_problem, registers};

/// Confirms the newest version of an entry, with the caller's own credential. Once more changes nothing.
///
/// # Errors
/// When there is no such running entry, or the caller is no person or has written it down.
pub async fn confirm(context: &OpContext, register: RegisterKind, name: &EntryName) -> Result<(), Problem> {
    let failed = database_problem;
    let newest = registers::versions(context, register, name).await?.into_iter().next();
    let entry = newest.filter(|entry| entry.ended_at.is_none());
    let entry = entry.ok_or_else(|| registers::unknown(register, name))?;
    let Actor::Person { thumbprint, .. } = &context.actor else { return Err(by_somebody_else()) };
    if matches!(&entry.author, Actor::Person { thumbprint: wrote, .. } if wrote == thumbprint) {
        return Err(by_somebody_else());
    }
    let row = ConfirmationRow {
        name: name.to_string(),
        version: entry.version.into(),
        thumbprint: thumbprint.clone(),
        author: serde_json::to_string(&context.actor).unwrap_or_default(),
        confirmed_at: context.ambient.now(),
    };
    let mut transaction = context.store.begin().await.map_err(failed)?;
    if transaction.confirm_register_entry(register.as_str(), &row).await.map_err(failed)? {
        let detail = json!({ "version": entry.version, "hash": entry.hash });
        let action = format!("register.{}.confirm", register.as_str());
        context.record(&mut transaction, &action, name.as_str(), detail).await?;
    }
    transaction.commit().await.map_err(failed)
}

fn by_somebody_else() -> Problem {
    Problem::new(
        "CONFIRMED_BY_ITSELF",
        403,
        "Een vermelding wordt bevestigd door iemand met een eigen sleutel die haar niet zelf heeft opgeschreven.",
        "an entry is confirmed by somebody with a key of their own who has not written it down",
    )
    .next("Laat een ander haar bevestigen.", "have somebody else confirm it")
}

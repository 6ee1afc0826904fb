//! Keys of the journal that were lost: what nobody can read any more is declared, so that verifiers do not take it for tampering.

use serde_json::json;
use verbond_domain::{Actor, Problem, Timestamp};
use verbond_journal::{Act, Entry, KeyCertificate};
use verbond_store::{Transaction, losses::LostKey};

use crate::{
    OpContext,
    context::{database_problem, stated},
};

/// The action of the act that declares a loss.
const DECLARED: &str = "journal.loss";
/// Acts that are read at once.
const PAGE: i64 = 1000;

/// What nobody can read any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The key and what it sealed.
    pub key: LostKey,
    /// When that was declared, if it was.
    pub declared_at: Option<Timestamp>,
}

/// What is lost, declared or not.
///
/// # Errors
/// A failing database.
pub async fn losses(context: &OpContext) -> Result<Vec<Loss>, Problem> {
    let lost = context.store.lost_keys().await.map_err(database_problem)?;
    let declared = if lost.is_empty() { Vec::new() } else { declared(context).await? };
    let known = |key: &LostKey| {
        let known = declared.iter().find(|(_, declared)| declared.covers(key));
        known.map(|(at, _)| *at)
    };
    Ok(lost.into_iter().map(|key| Loss { declared_at: known(&key), key }).collect())
}

/// Declares whatever is lost and has not been declared. Where acts are lost, what verifiers must know of them is said again first:
/// whose keys signed, for how long exchanges are kept, which holds stand.
///
/// # Errors
/// Nothing is lost that was not declared, no reason, a failing database.
pub async fn declare(context: &OpContext, reason: &str) -> Result<Vec<Loss>, Problem> {
    let reason = stated("reason", reason, 2000)?;
    let mut lost = losses(context).await?;
    lost.retain(|loss| loss.declared_at.is_none());
    if lost.is_empty() {
        return Err(nothing_lost());
    }
    let mut transaction = context.store.begin().await.map_err(database_problem)?;
    if lost.iter().any(|loss| loss.key.is_of_acts()) {
        say_again(context, &mut transaction).await?;
    }
    let now = context.ambient.now();
    for loss in &mut lost {
        let LostKey { class, month, first_index, last_index, entries } = &loss.key;
        let detail = json!({
            "class": class, "month": month, "first_index": first_index, "last_index": last_index,
            "entries": entries, "reason": reason,
        });
        context.record(&mut transaction, DECLARED, &format!("{class}-{month}"), detail).await?;
        loss.declared_at = Some(now);
    }
    transaction.commit().await.map_err(database_problem)?;
    Ok(lost)
}

/// Writes down once more what lost acts said and a verifier needs.
async fn say_again(context: &OpContext, transaction: &mut Transaction) -> Result<(), Problem> {
    let context = OpContext { actor: Actor::Node { rule: "loss".to_owned() }, ..context.clone() };
    for key in context.store.journal_keys().await.map_err(database_problem)? {
        let Ok(KeyCertificate { statement, chain }) = serde_json::from_str(&key.certificate) else {
            continue;
        };
        let origin = key.verifier_key.split('+').next().unwrap_or_default().to_owned();
        let detail = json!({
            "origin": origin, "verifier_key": key.verifier_key, "statement": statement, "chain": chain,
        });
        context.record(transaction, "journal.key", &origin, detail).await?;
    }
    let (keep_days, holds) = transaction.rule_and_holds().await.map_err(database_problem)?;
    if let Some(days) = keep_days {
        context.record(transaction, "journal.retention", "exchanges", json!({ "keep_days": days })).await?;
    }
    for hold in holds {
        let detail = json!({ "from": hold.from, "until": hold.until, "reason": hold.reason });
        context.record(transaction, "journal.hold", &hold.name, detail).await?;
    }
    Ok(())
}

/// What an act declared.
#[derive(serde::Deserialize)]
struct Declared {
    class: String,
    month: i64,
    first_index: u64,
    last_index: u64,
}

impl Declared {
    fn covers(&self, key: &LostKey) -> bool {
        self.class == key.class
            && self.month == key.month
            && self.first_index <= key.first_index
            && self.last_index >= key.last_index
    }
}

/// Losses that acts declare which can still be read: one that is lost itself declares nothing.
async fn declared(context: &OpContext) -> Result<Vec<(Timestamp, Declared)>, Problem> {
    let (mut found, mut from) = (Vec::new(), 0);
    loop {
        let page = context.store.tree_entries_of("act", from, PAGE).await.map_err(database_problem)?;
        let Some(last) = page.last() else { return Ok(found) };
        from = last.index.saturating_add(1);
        for entry in &page {
            let Some((_, payload)) = &entry.content else { continue };
            if let Ok(Entry::Act(Act { action, detail, .. })) = serde_json::from_slice(payload)
                && action == DECLARED
            {
                found.extend(serde_json::from_value(detail).ok().map(|declared| (entry.at, declared)));
            }
        }
    }
}

fn nothing_lost() -> Problem {
    Problem::new(
        "NOTHING_LOST",
        409,
        "Er is niets verloren dat niet al gemeld is.",
        "nothing is lost that has not been declared",
    )
    .next(
        "Kijk met `verbond journal losses`. Wat door de bewaartermijn is vernietigd hoeft niet gemeld te worden.",
        "see `verbond journal losses`. What retention destroyed need not be declared",
    )
}

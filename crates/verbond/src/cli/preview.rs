//! `verbond agreement preview`: what of a sample would leave, and what would not. Everything happens on the reader's own
//! machine; the sample goes nowhere.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use verbond_agreement::{
    Agreement, Clause, ClauseName, EntryName, Operation,
    plan::{self, Projected},
};
use verbond_projection::{Projection, Projector};

use super::{register::read_text, show};
use crate::printer::Printer;

/// What is looked at.
#[derive(Debug, Args)]
pub struct Preview {
    /// The version's hash, or enough of the beginning of it.
    pub hash: String,
    /// What the source answers; `-` for standard input. It stays on this machine.
    sample: PathBuf,
    /// Under one clause only.
    #[arg(long, value_name = "NAME")]
    clause: Option<ClauseName>,
    /// One operation only.
    #[arg(long, value_name = "NAME")]
    operation: Option<EntryName>,
}

impl Preview {
    /// Prints what the sample becomes under each operation that was asked for.
    pub fn print(&self, agreement: &Agreement, printer: Printer) -> anyhow::Result<()> {
        let sample = read_text(&self.sample)?;
        let clauses = agreement.clauses.iter();
        let clauses = clauses.filter(|clause| self.clause.as_ref().is_none_or(|name| *name == clause.name));
        let pairs =
            clauses.flat_map(|clause| clause.operations.iter().map(move |operation| (clause, operation)));
        let pairs = pairs.filter(|(_, one)| self.operation.as_ref().is_none_or(|name| *name == one.name));
        let shown: Vec<Value> =
            pairs.map(|(clause, operation)| shown(clause, operation, sample.as_bytes())).collect();
        anyhow::ensure!(!shown.is_empty(), "the agreement has no such clause and operation");
        if printer.is_json() {
            printer.json(&json!({ "operations": shown }));
            return Ok(());
        }
        for one in &shown {
            let name = |member| show::cell(one.get(member));
            printer.line(&format!("{} / {}", name("clause"), name("operation")));
            if let Some(problem) = one.get("problem") {
                printer.line(&format!("  {}", show::cell(Some(problem))));
                continue;
            }
            let delivered = one.get("delivered").unwrap_or(&Value::Null);
            printer.line(&serde_json::to_string_pretty(delivered)?);
            for (member, nl, en) in [
                ("struck_out", "blijft weg", "struck out"),
                ("untold", "kan niet worden gezegd", "cannot be told"),
                ("absent", "staat niet in het voorbeeld", "not in the sample"),
            ] {
                let paths = one.get(member).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                if !paths.is_empty() {
                    let paths = show::cell(one.get(member));
                    printer.say(&format!("{nl}: {paths}"), &format!("{en}: {paths}"));
                }
            }
        }
        Ok(())
    }
}

fn shown(clause: &Clause, operation: &Operation, sample: &[u8]) -> Value {
    let projected = match operation.whole_document {
        Some(_) => Ok(json!({ "delivered": String::from_utf8_lossy(sample), "whole_document": true })),
        None => projected(operation, sample),
    };
    let mut shown = projected.unwrap_or_else(|error| json!({ "problem": format!("{error:#}") }));
    if let Some(members) = shown.as_object_mut() {
        members.insert("clause".to_owned(), json!(clause.name));
        members.insert("operation".to_owned(), json!(operation.name));
    }
    shown
}

fn projected(operation: &Operation, sample: &[u8]) -> anyhow::Result<Value> {
    let (bytes, projector) = run(plan::projection(operation, &BTreeSet::new(), Projected::Source)?, sample)?;
    // What the receiver's own node lets through of that: the same, or something is wrong here.
    let (arrives, _) = run(plan::projection(operation, &BTreeSet::new(), Projected::Answer)?, &bytes)?;
    anyhow::ensure!(arrives == bytes, "the receiver's node would let through something else than leaves");
    let lines = |bytes: &[u8]| -> Vec<Value> {
        serde_json::Deserializer::from_slice(bytes).into_iter().map_while(Result::ok).collect()
    };
    let (before, after) = (lines(sample), lines(&bytes));
    let (left, stood) = (places(&after), places(&before));
    let delivered = match <[Value; 1]>::try_from(after) {
        Ok([one]) => one,
        Err(many) => Value::Array(many),
    };
    let summary = projector.summary();
    let counted = summary.elements.iter().zip(&operation.delivered);
    let (mut untold, mut absent) = (Vec::new(), Vec::new());
    for (count, element) in counted.filter(|(count, _)| count.delivered == 0) {
        if count.untold + count.dropped > 0 { &mut untold } else { &mut absent }.push(element.path.as_str());
    }
    let struck: Vec<&String> = stood.difference(&left).collect();
    Ok(json!({ "delivered": delivered, "struck_out": struck, "untold": untold, "absent": absent }))
}

fn run(projection: Projection, document: &[u8]) -> anyhow::Result<(Vec<u8>, Projector)> {
    let mut projector = Projector::new(Arc::new(projection));
    projector.feed(document).and_then(|()| projector.finish()).context("the sample cannot be projected")?;
    let bytes = projector.take().into_bytes();
    Ok((bytes, projector))
}

/// Where scalars stand, the items of a list taken together.
fn places(documents: &[Value]) -> BTreeSet<String> {
    fn walk(value: &Value, place: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| walk(value, &format!("{place}.{name}"), found));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, &format!("{place}[*]"), found)),
            // An item that is not delivered leaves `null`.
            Value::Null => {}
            _ => drop(found.insert(place.to_owned())),
        }
    }
    let mut found = BTreeSet::new();
    documents.iter().for_each(|document| walk(document, "$", &mut found));
    found
}

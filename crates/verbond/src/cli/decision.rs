//! `verbond decision …`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Client, show};
use crate::{client::segment, printer::Printer};

/// Decisions on exchanges, as they were written down.
#[derive(Debug, Subcommand)]
pub enum Decision {
    /// Decisions in a period, the oldest first.
    List {
        #[command(flatten)]
        period: Period,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// What was decided on an exchange, on which facts, and why.
    Show {
        /// The exchange, or the journal's entry.
        id: Uuid,
    },
    /// Take decisions again, with the version of the agreement of then, and say whether they come out the same.
    #[command(after_help = "Ends with status 1 when one differs. Example, a whole month:\n  \
        verbond decision replay --after 2026-11-01T00:00:00Z --before 2026-12-01T00:00:00Z")]
    Replay {
        /// The exchange, or the journal's entry; without it, all of the period.
        #[arg(conflicts_with_all = ["after", "before"])]
        id: Option<Uuid>,
        #[command(flatten)]
        period: Period,
        /// At most so many.
        #[arg(long, default_value_t = 100_000)]
        limit: usize,
    },
}

/// From when until when.
#[derive(Debug, Args)]
pub struct Period {
    /// From this moment on, such as 2026-11-01T00:00:00Z.
    #[arg(long, value_name = "MOMENT")]
    after: Option<String>,
    /// Before this moment.
    #[arg(long, value_name = "MOMENT")]
    before: Option<String>,
}

impl Period {
    /// As the interface takes them; what is not given is empty.
    pub fn parameters(self) -> [(&'static str, String); 2] {
        [("after", self.after.unwrap_or_default()), ("before", self.before.unwrap_or_default())]
    }
}

impl Decision {
    /// Does it.
    pub async fn run(self, client: &Client, printer: Printer) -> anyhow::Result<ExitCode> {
        match self {
            Self::List { period, limit } => {
                let answer = client.list("/v1/decisions", &period.parameters(), limit).await?;
                let columns = [
                    ("AT", "/at"),
                    ("TRANSACTION", "/transaction_id"),
                    ("DIRECTION", "/direction"),
                    ("PERMITTED", "/permitted"),
                    ("OPERATION", "/decision/body/adl.core.request/action/name"),
                    ("REASON", "/decision/body/adl.core.response/context/reasons/0/code"),
                ];
                show::list(printer, &answer, &columns, ("Nog geen besluiten.", "no decisions yet"));
                Ok(ExitCode::SUCCESS)
            }
            Self::Show { id } => {
                let answer = of(id, "/v1/decisions", "", client).await?;
                match printer.is_json() {
                    true => printer.json(&answer),
                    false => items(&answer).iter().for_each(|item| show::one(printer, item)),
                }
                Ok(ExitCode::SUCCESS)
            }
            Self::Replay { id, period, limit } => {
                let answer = match id {
                    Some(id) => of(id, "/v1/decision-replays", "/replay", client).await?,
                    None => client.list("/v1/decision-replays", &period.parameters(), limit).await?,
                };
                Ok(replayed(&answer, printer))
            }
        }
    }
}

/// What there is of an exchange; if there is no such exchange, of the journal's entry.
async fn of(id: Uuid, all: &str, rest: &str, client: &Client) -> anyhow::Result<Value> {
    let id = id.to_string();
    let of_exchange = client.list(all, &[("transactionId", id.clone())], 1000).await?;
    if !items(&of_exchange).is_empty() {
        return Ok(of_exchange);
    }
    let one = client.get(&format!("/v1/decisions/{}{rest}", segment(&id))).await?;
    Ok(if rest.is_empty() { json!({ "items": [one], "next": null }) } else { one })
}

fn items(answer: &Value) -> &[Value] {
    answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Shows what came of it; in a table only what is not the same.
fn replayed(answer: &Value, printer: Printer) -> ExitCode {
    let count = |outcome: &str| {
        items(answer)
            .iter()
            .filter(|item| item.get("outcome").and_then(Value::as_str) == Some(outcome))
            .count()
    };
    let (same, differs, not_possible) = (count("same"), count("differs"), count("not_possible"));
    if printer.is_json() {
        printer.json(&json!({
            "same": same, "differs": differs, "not_possible": not_possible,
            "items": items(answer), "next": answer.get("next"),
        }));
    } else {
        let others = items(answer).iter().filter(|item| item.get("outcome") != Some(&json!("same")));
        let others = json!({ "items": others.collect::<Vec<_>>() });
        let columns = [
            ("DECISION", "/id"),
            ("TRANSACTION", "/transaction_id"),
            ("OUTCOME", "/outcome"),
            ("THEN", "/permitted_then"),
            ("NOW", "/permitted_now"),
            ("WHY", "/why"),
        ];
        show::list(printer, &others, &columns, ("Alles komt hetzelfde uit.", "all come out the same"));
        let recorded = |item: &&Value| {
            item.get("outcome") == Some(&json!("same")) && item.get("why") != Some(&Value::Null)
        };
        let heard = items(answer).iter().filter(recorded).count();
        if heard > 0 {
            printer.say(
                &format!("bij {heard} is het antwoord van het eigen beslispunt uit het dossier genomen, en niet opnieuw gevraagd"),
                &format!("in {heard} the answer of the own decision point was taken from the record, not asked again"),
            );
        }
        printer.say(
            &format!("{same} hetzelfde, {differs} anders, {not_possible} niet opnieuw te nemen"),
            &format!("{same} the same, {differs} differ, {not_possible} cannot be taken again"),
        );
    }
    if differs > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

//! `verbond decision …`

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Client, show};
use crate::{client::segment, printer::Printer};

/// Where a node takes decisions again, line by line.
const REPLAYS: &str = "/v1/decision-replays";

/// Decisions on exchanges, as they were written down.
#[derive(Debug, Subcommand)]
pub enum Decision {
    /// Decisions in a period, the oldest first.
    List {
        #[command(flatten)]
        which: Which,
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
    /// Take decisions again, with the versions of agreements of then, and say whether they come out the same.
    ///
    /// They are taken again as they are read, however many there are: what does not come out the same is shown at once. A decision that
    /// found no agreement is held to the agreements that stood here then, as the acts in the journal say.
    #[command(
        after_help = "With --json one line for each decision, and one that counts them at the end; for one exchange one document.\n\
        Ends with status 1 when one differs. Examples, a whole month, and all that rests on one version of an agreement:\n  \
        verbond decision replay --after 2026-11-01T00:00:00Z --before 2026-12-01T00:00:00Z\n  \
        verbond decision replay --agreement 01932f5e-7c00-7000-8000-000000000001/2"
    )]
    Replay {
        /// The exchange, or the journal's entry; without it, all of the period.
        #[arg(conflicts_with_all = ["after", "before", "agreement", "service", "counterpart"])]
        id: Option<Uuid>,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        period: Period,
    },
}

/// About what.
#[derive(Debug, Args)]
pub struct Which {
    /// Only what rests on this agreement: its identifier, identifier/version, or the hash of a version.
    #[arg(long, value_name = "AGREEMENT")]
    agreement: Option<String>,
    /// Only about a service with this name.
    #[arg(long)]
    service: Option<String>,
    /// Only about exchanges with this participant.
    #[arg(long = "peer", visible_alias = "counterpart", value_name = "PARTICIPANT")]
    counterpart: Option<String>,
}

impl Which {
    /// As the interface takes them; what is not given is empty.
    fn parameters(self, period: Period) -> Vec<(&'static str, String)> {
        let [after, before] = period.parameters();
        vec![
            ("agreement", self.agreement.unwrap_or_default()),
            ("service", self.service.unwrap_or_default()),
            ("counterpart", self.counterpart.unwrap_or_default()),
            after,
            before,
        ]
    }
}

/// From when until when.
#[derive(Debug, Args)]
pub struct Period {
    /// From this moment on, such as 2026-11-01T00:00:00Z.
    #[arg(long, visible_alias = "from", value_name = "MOMENT")]
    after: Option<String>,
    /// Before this moment.
    #[arg(long, visible_alias = "to", value_name = "MOMENT")]
    before: Option<String>,
}

impl Period {
    /// Whether it is bounded on either side.
    pub const fn is_given(&self) -> bool {
        self.after.is_some() || self.before.is_some()
    }

    /// As the interface takes them; what is not given is empty.
    pub fn parameters(self) -> [(&'static str, String); 2] {
        [("after", self.after.unwrap_or_default()), ("before", self.before.unwrap_or_default())]
    }
}

impl Decision {
    /// Does it.
    pub async fn run(self, client: &Client, printer: Printer) -> anyhow::Result<ExitCode> {
        match self {
            Self::List { which, period, limit } => {
                let answer = client.list("/v1/decisions", &which.parameters(period), limit).await?;
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
                let of_exchange = client.list("/v1/decisions", &of_exchange(id), 1000).await?;
                let shown = match items(&of_exchange).is_empty() {
                    true => {
                        let one = client.get(&format!("/v1/decisions/{}", segment(&id.to_string()))).await?;
                        json!({ "items": [one], "next": null })
                    }
                    false => of_exchange,
                };
                match printer.is_json() {
                    true => printer.json(&shown),
                    false => items(&shown).iter().for_each(|item| show::one(printer, item)),
                }
                Ok(ExitCode::SUCCESS)
            }
            Self::Replay { id: Some(id), .. } => replay_one(id, client, printer).await,
            Self::Replay { id: None, which, period } => {
                replay_all(&which.parameters(period), client, printer).await
            }
        }
    }
}

fn of_exchange(id: Uuid) -> [(&'static str, String); 1] {
    [("transactionId", id.to_string())]
}

fn items(answer: &Value) -> &[Value] {
    answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The decisions on an exchange; if there is no such exchange, that of the journal's entry.
async fn replay_one(id: Uuid, client: &Client, printer: Printer) -> anyhow::Result<ExitCode> {
    let mut replayed = Vec::new();
    let mut counted = Counted::default();
    let mut keep = |line: &str| {
        let line: Value = serde_json::from_str(line)?;
        if counted.take(&line) {
            replayed.push(line);
        }
        Ok(())
    };
    client.lines(REPLAYS, &of_exchange(id), &mut keep).await?;
    if replayed.is_empty() {
        let one = client.get(&format!("/v1/decisions/{}/replay", segment(&id.to_string()))).await?;
        replayed = items(&one).to_vec();
        counted = Counted::default();
        for line in &replayed {
            counted.take(line);
        }
    }
    if printer.is_json() {
        let Counted { same, differs, not_possible, .. } = counted;
        printer.json(&json!({
            "same": same, "differs": differs, "not_possible": not_possible, "items": replayed, "next": null,
        }));
    } else {
        replayed.iter().for_each(|line| told(line, printer));
        counted.told(printer);
    }
    Ok(counted.status())
}

/// Shows what comes, as it comes: nothing is kept of it but how many there were.
async fn replay_all(
    parameters: &[(&'static str, String)],
    client: &Client,
    printer: Printer,
) -> anyhow::Result<ExitCode> {
    let mut counted = Counted::default();
    let mut said = Instant::now();
    let each = |text: &str| {
        let line: Value = serde_json::from_str(text)?;
        let is_one = counted.take(&line);
        if printer.is_json() {
            printer.line(text);
        } else if is_one {
            told(&line, printer);
        }
        if said.elapsed() >= Duration::from_secs(1) {
            said = Instant::now();
            let at = line.get("at").and_then(Value::as_str).unwrap_or_default();
            printer.progress(&format!("{} decisions, up to {at}", counted.all()));
        }
        Ok(())
    };
    let came = client.lines(REPLAYS, parameters, each).await;
    printer.progress("");
    came?;
    anyhow::ensure!(counted.is_whole, "the node's answer broke off after {} decisions", counted.all());
    if !printer.is_json() {
        counted.told(printer);
    }
    Ok(counted.status())
}

/// How many came out how.
#[derive(Default)]
struct Counted {
    same: u64,
    differs: u64,
    not_possible: u64,
    /// Of the same, those in which something was taken from the record.
    heard: u64,
    /// The line that ends the answer has come, and counts as many.
    is_whole: bool,
}

impl Counted {
    /// Counts a line. False when it is the one that counts the others.
    fn take(&mut self, line: &Value) -> bool {
        let counted = match line.get("outcome").and_then(Value::as_str) {
            Some("same") => &mut self.same,
            Some("differs") => &mut self.differs,
            Some(_) => &mut self.not_possible,
            None => {
                let number = |name: &str| line.get(name).and_then(Value::as_u64);
                let (same, differs) = (number("same"), number("differs"));
                self.is_whole = (same, differs, number("not_possible"))
                    == (Some(self.same), Some(self.differs), Some(self.not_possible));
                return false;
            }
        };
        *counted = counted.saturating_add(1);
        let is_heard = line.get("outcome") == Some(&json!("same")) && line.get("why") != Some(&Value::Null);
        self.heard = self.heard.saturating_add(u64::from(is_heard));
        true
    }

    const fn all(&self) -> u64 {
        self.same.saturating_add(self.differs).saturating_add(self.not_possible)
    }

    fn told(&self, printer: Printer) {
        let Self { same, differs, not_possible, heard, .. } = self;
        if *heard > 0 {
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

    const fn status(&self) -> ExitCode {
        if self.differs > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// Shows a decision that does not come out the same.
fn told(line: &Value, printer: Printer) {
    if line.get("outcome") == Some(&json!("same")) {
        return;
    }
    let text = |name: &str| match line.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "-".to_owned(),
        Some(other) => other.to_string(),
    };
    let (id, transaction) = (text("id"), text("transaction_id"));
    let (then, now) = (text("permitted_then"), text("permitted_now"));
    let (at, outcome, why) = (text("at"), text("outcome"), text("why"));
    printer.progress("");
    printer.say(
        &format!("{at}  {outcome}  besluit {id}, uitwisseling {transaction}: toegestaan toen {then}, nu {now}; {why}"),
        &format!("{at}  {outcome}  decision {id}, exchange {transaction}: permitted then {then}, now {now}; {why}"),
    );
}

//! `verbond agreement preview`: what of an answer would leave, and what would not. A sample from a file is looked at on the
//! reader's own machine and goes nowhere; a live one is looked at in the provider's node; without either it is made up.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use verbond_agreement::{
    Agreement, Clause, ClauseName, DescribedService, Element, EntryName, Operation,
    preview::{Preview as Shown, made_up, preview},
};
use verbond_domain::Problem;

use super::{
    register::{read_json, read_text},
    show,
};
use crate::{client::Client, printer::Printer};

/// What is looked at.
#[derive(Debug, Args)]
pub struct Preview {
    /// The version's hash, or enough of the beginning of it.
    pub hash: String,
    /// What the source answers; `-` for standard input. It stays on this machine. Without it, an answer is made up.
    #[arg(conflicts_with = "live")]
    sample: Option<PathBuf>,
    /// Ask the source for a real answer. For the steward of the provider alone; the provider's node records that it is
    /// asked, shows what would leave of the answer, and keeps nothing.
    #[arg(long)]
    live: bool,
    /// Values of the operation's parameters for a live answer, as a JSON object; `-` for standard input. Not on the command
    /// line, where others may see them.
    #[arg(long, value_name = "FILE", requires = "live")]
    parameters: Option<PathBuf>,
    /// Under one clause only.
    #[arg(long, value_name = "NAME")]
    clause: Option<ClauseName>,
    /// One operation only.
    #[arg(long, value_name = "NAME")]
    operation: Option<EntryName>,
}

impl Preview {
    /// Prints what becomes of an answer under each operation that was asked for. `at`: the version at the node.
    pub async fn print(&self, at: &str, client: &Client, printer: Printer) -> anyhow::Result<()> {
        let document = client.get(&format!("{at}/document")).await?;
        let agreement = Agreement::parse(&serde_json::to_vec(&document)?)?;
        let pairs = self.chosen(&agreement);
        anyhow::ensure!(!pairs.is_empty(), "the agreement has no such clause and operation");
        let shown: Vec<Value> = match (&self.sample, self.live) {
            (_, true) => vec![self.live(&pairs, at, client).await?],
            (Some(file), false) => {
                let sample = read_text(file)?;
                pairs.iter().map(|pair| shown(pair, preview(pair.1, sample.as_bytes()))).collect()
            }
            (None, false) => {
                let described = described(client).await?;
                pairs.iter().map(|pair| imagined(pair, &described)).collect()
            }
        };
        if printer.is_json() {
            printer.json(&json!({ "operations": shown, "made_up": self.sample.is_none() && !self.live }));
            return Ok(());
        }
        if self.sample.is_none() && !self.live {
            printer.say("Verzonnen waarden, over niemand:", "made-up values, about nobody:");
        }
        shown.iter().try_for_each(|one| tell(one, printer))
    }

    fn chosen<'agreement>(
        &self,
        agreement: &'agreement Agreement,
    ) -> Vec<(&'agreement Clause, &'agreement Operation)> {
        let clauses = agreement.clauses.iter();
        let clauses = clauses.filter(|clause| self.clause.as_ref().is_none_or(|name| *name == clause.name));
        let pairs =
            clauses.flat_map(|clause| clause.operations.iter().map(move |operation| (clause, operation)));
        pairs.filter(|(_, one)| self.operation.as_ref().is_none_or(|name| *name == one.name)).collect()
    }

    async fn live(
        &self,
        pairs: &[(&Clause, &Operation)],
        at: &str,
        client: &Client,
    ) -> anyhow::Result<Value> {
        let [pair] = pairs else { return Err(several().into()) };
        let parameters = self.parameters.as_deref().map(read_json).transpose()?.unwrap_or(json!({}));
        let asked = json!({ "clause": pair.0.name, "operation": pair.1.name, "parameters": parameters });
        let answer = client.post(&format!("{at}/samples"), &asked).await?;
        Ok(named(pair, answer))
    }
}

/// What the node itself describes of the services that it provides.
struct Described {
    provider: String,
    services: Vec<DescribedService>,
}

async fn described(client: &Client) -> anyhow::Result<Described> {
    let node = client.get("/v1/node").await?;
    let provider = node.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let entries = client.get("/v1/registers/service").await?;
    let entries = entries.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let running = entries.into_iter().filter(|entry| entry.get("ended_at").is_none_or(Value::is_null));
    let services =
        running.filter_map(|mut entry| serde_json::from_value(entry.get_mut("content")?.take()).ok());
    Ok(Described { provider, services: services.collect() })
}

fn imagined(pair: &(&Clause, &Operation), described: &Described) -> Value {
    let (clause, operation) = pair;
    let ours = described.provider == clause.service.provider.to_string();
    let services = described.services.iter().filter(|one| ours && one.service == clause.service.name);
    let same = services
        .flat_map(|service| &service.operations)
        .filter(|one| one.method == operation.method && one.path == operation.path);
    let elements: Vec<&Element> = same.flat_map(|one| &one.elements).collect();
    shown(pair, preview(operation, made_up(operation, elements).to_string().as_bytes()))
}

fn shown<E: std::fmt::Display>(pair: &(&Clause, &Operation), outcome: Result<Shown, E>) -> Value {
    let value = match outcome {
        Ok(shown) => serde_json::to_value(shown).unwrap_or_default(),
        Err(error) => json!({ "problem": error.to_string() }),
    };
    named(pair, value)
}

fn named((clause, operation): &(&Clause, &Operation), mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.insert("clause".to_owned(), json!(clause.name));
        members.insert("operation".to_owned(), json!(operation.name));
    }
    value
}

fn tell(one: &Value, printer: Printer) -> anyhow::Result<()> {
    let name = |member| show::cell(one.get(member));
    printer.line(&format!("{} / {}", name("clause"), name("operation")));
    if let Some(problem) = one.get("problem") {
        printer.line(&format!("  {}", show::cell(Some(problem))));
        return Ok(());
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
    Ok(())
}

fn several() -> Problem {
    Problem::new(
        "SAMPLE_OF_SEVERAL",
        400,
        "Een echt antwoord wordt voor één operatie tegelijk opgevraagd.",
        "a real answer is asked for one operation at a time",
    )
    .next("Noem `--clause` en `--operation`.", "name `--clause` and `--operation`")
}

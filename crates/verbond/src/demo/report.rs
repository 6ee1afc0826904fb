//! What the demonstration shows: each step as it ends, a closing table, or one JSON object.

use std::time::Instant;

use comfy_table::{Table, presets};
use serde::Serialize;

use crate::printer::Printer;

/// One step with its outcome.
#[derive(Debug, Serialize)]
pub struct Step {
    /// Short stable name.
    pub name: &'static str,
    /// Whether it showed what it should.
    pub ok: bool,
    /// What was seen.
    pub detail: String,
    /// How long it took, in milliseconds.
    pub ms: u128,
}

/// Both parties' record of one exchange, found under the same transaction id.
#[derive(Debug, Serialize)]
pub struct RecordPair {
    /// The shared id.
    pub transaction_id: String,
    /// The consumer's record, as its node lists it.
    pub consumer: serde_json::Value,
    /// The provider's record, as its node lists it.
    pub provider: serde_json::Value,
}

/// What the agreement on answers came to.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Anchor {
    /// How many people were asked about.
    pub asked: usize,
    /// How many of them may be entitled.
    pub found: usize,
    /// How many incomes reached whoever asked, counted by a tap that knows nothing of the node.
    pub incomes_moved: usize,
}

/// What became of verifying the evidence.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Verify {
    /// Whether the evidence of both parties was found clean.
    pub clean: bool,
    /// Whether a record that was changed in a copy was named.
    pub tampered_found: bool,
}

/// The outcome of the whole run; its JSON form is what `--json` prints.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Whether every step showed what it should.
    pub ok: bool,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// Both sides of the exchanges looked up at the end.
    pub records: Vec<RecordPair>,
    /// What the agreement on answers came to; `null` when it was not reached.
    pub anchor: Option<Anchor>,
    /// What became of verifying the evidence; `null` when it was not reached.
    pub verify: Option<Verify>,
}

/// Runs steps one by one and keeps what they show.
pub struct Reporter {
    printer: Printer,
    report: Report,
}

impl Reporter {
    /// Starts a report; progress goes to the printer's error stream.
    pub fn new(printer: Printer) -> Self {
        Self { printer, report: Report::default() }
    }

    /// Runs one step. A step that fails is kept as failed and ends the run.
    pub async fn step(
        &mut self,
        name: &'static str,
        work: impl Future<Output = anyhow::Result<String>>,
    ) -> anyhow::Result<()> {
        self.printer.progress(&format!("… {name}"));
        let started = Instant::now();
        let outcome = work.await;
        let ms = started.elapsed().as_millis();
        let (ok, detail) = match &outcome {
            Ok(detail) => (true, detail.clone()),
            Err(error) => (false, format!("{error:#}")),
        };
        let mark = if ok { "✔" } else { "✘" };
        self.printer.progress("");
        self.printer.aside(&format!("{mark} {name} ({ms} ms): {detail}"));
        self.report.steps.push(Step { name, ok, detail, ms });
        outcome.map(drop)
    }

    /// Adds both sides of an exchange.
    pub fn record_pair(&mut self, pair: RecordPair) {
        self.report.records.push(pair);
    }

    /// Adds what the agreement on answers came to.
    pub fn anchor(&mut self, anchor: Anchor) {
        self.report.anchor = Some(anchor);
    }

    /// Adds what became of verifying the evidence.
    pub fn verify(&mut self, verify: Verify) {
        self.report.verify = Some(verify);
    }

    /// Closes the report: prints the table or the JSON object, and says whether all went well.
    pub fn finish(mut self, completed: bool, json: bool) -> bool {
        self.report.ok = completed && self.report.steps.iter().all(|step| step.ok);
        if json {
            self.printer.json(&serde_json::to_value(&self.report).unwrap_or_default());
            return self.report.ok;
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["", "step", "what was seen", "ms"]);
        for step in &self.report.steps {
            table.add_row([
                if step.ok { "✔" } else { "✘" },
                step.name,
                &wrapped(&step.detail, 84),
                &step.ms.to_string(),
            ]);
        }
        self.printer.line(&table.to_string());
        self.print_records();
        if let Some(anchor) = self.report.anchor {
            let mut table = Table::new();
            table.load_style(presets::UTF8_FULL_CONDENSED).set_header([
                "people asked about",
                "found, who may be entitled",
                "incomes moved",
            ]);
            table.add_row([anchor.asked, anchor.found, anchor.incomes_moved]);
            self.printer.line(&table.to_string());
        }
        self.printer.line(if self.report.ok {
            "Every step showed what it should."
        } else {
            "Not every step showed what it should."
        });
        self.report.ok
    }

    fn print_records(&self) {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header([
            "transaction id",
            "consumer's record",
            "provider's record",
        ]);
        for pair in &self.report.records {
            table.add_row([pair.transaction_id.clone(), side(&pair.consumer), side(&pair.provider)]);
        }
        if !self.report.records.is_empty() {
            self.printer.line(&table.to_string());
        }
    }
}

/// The members of a record that a reader compares.
fn side(record: &serde_json::Value) -> String {
    ["direction", "consumer", "provider", "service", "at"]
        .iter()
        .filter_map(|name| record.get(name).map(|value| format!("{name}: {}", plain(value))))
        .collect::<Vec<_>>()
        .join("\n")
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Breaks a text into lines of at most `width` characters at spaces.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(last) = lines.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines.join("\n")
}

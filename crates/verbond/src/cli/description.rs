//! `verbond description …`: services as described, and drafts of descriptions made from what there is already. Making one
//! happens on the reader's own machine: the document or sample goes nowhere.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use verbond_agreement::RegisterKind;
use verbond_description::{Imported, MAXIMUM_BYTES, SampledOperation, from_openapi, from_sample};
use verbond_domain::ServiceName;

use super::register::Register;
use crate::{client::Client, printer::Printer};

/// The register of described services.
#[derive(Debug, Subcommand)]
pub enum DescriptionVerb {
    #[command(flatten)]
    Entry(Register),
    /// Make a draft of a description, for a person to complete: what an element means, its category and its sensitivity
    /// are decided by nobody else, and `put` refuses a description in which something says `TO BE DECIDED`.
    #[command(subcommand)]
    Import(Import),
}

/// From what a draft is made.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// From an OpenAPI document, 3.0 or 3.1, JSON or YAML. References within it are followed; nothing is fetched.
    #[command(
        after_help = "Example:\n  verbond description import openapi trees.yaml --service trees \\\n    \
        --operation \"GET /trees/{id}\" > trees.json\n  \
        verbond description put trees trees.json"
    )]
    Openapi {
        /// The document; `-` for standard input.
        file: PathBuf,
        /// Only this operation, by its operationId or as `GET /trees/{id}`; may be given several times.
        #[arg(long = "operation", value_name = "OPERATION")]
        operations: Vec<String>,
        #[command(flatten)]
        target: Target,
    },
    /// From a sample of an answer. Paths, types and counts are kept, never a value.
    #[command(after_help = "Example:\n  curl -s http://127.0.0.1:8080/trees/7 | \\\n    \
        verbond description import sample - --service trees --operation \"GET /trees/{id}\" > trees.json")]
    Sample {
        /// An answer as JSON, or JSON line by line; `-` for standard input.
        file: PathBuf,
        /// What was asked: a method and a path template.
        #[arg(long, value_name = "OPERATION")]
        operation: SampledOperation,
        #[command(flatten)]
        target: Target,
    },
}

/// What is described, and where the draft goes.
#[derive(Debug, Args)]
pub struct Target {
    /// The service's name at this node.
    #[arg(long, value_name = "NAME")]
    service: ServiceName,
    /// Write the draft here instead of to standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl DescriptionVerb {
    /// Does it. What is made here needs no node.
    pub async fn run(
        self,
        client: impl FnOnce() -> anyhow::Result<Client>,
        printer: Printer,
    ) -> anyhow::Result<()> {
        match self {
            Self::Entry(verb) => verb.run(RegisterKind::Service, &client()?, printer).await,
            Self::Import(import) => import.run(printer),
        }
    }
}

impl Import {
    fn run(self, printer: Printer) -> anyhow::Result<()> {
        let (imported, target) = match self {
            Self::Openapi { file, operations, target } => {
                (from_openapi(&read(&file)?, &target.service, &operations)?, target)
            }
            Self::Sample { file, operation, target } => {
                (from_sample(&read(&file)?, &target.service, &operation)?, target)
            }
        };
        let draft = imported.to_json()?;
        match &target.output {
            Some(file) => std::fs::write(file, draft + "\n")
                .with_context(|| format!("cannot write {}", file.display()))?,
            None => printer.line(&draft),
        }
        tell(&imported, printer);
        Ok(())
    }
}

/// Beside the draft: counts, what was left out, what was guessed.
fn tell(imported: &Imported, printer: Printer) {
    for remark in &imported.remarks {
        printer.aside(&format!("- {}", printer.language().choose(&remark.sentence())));
    }
    let operations = imported.draft.operations.len();
    let elements = imported.elements();
    let records = imported.records.map(|records| records.to_string());
    let (nl, en) = match &records {
        Some(records) => (format!(", {records} records"), format!(", {records} records")),
        None => Default::default(),
    };
    let counted = verbond_domain::Bilingual::new(
        format!("{operations} operaties, {elements} elementen{nl}. Vul in wat er met `TO BE DECIDED` staat."),
        format!("{operations} operations, {elements} elements{en}; fill in what says `TO BE DECIDED`"),
    );
    printer.aside(printer.language().choose(&counted));
}

/// A file, or standard input for `-`, and no more of it than is looked at.
fn read(file: &Path) -> anyhow::Result<String> {
    let most = MAXIMUM_BYTES as u64 + 1;
    let mut text = String::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin().lock().take(most).read_to_string(&mut text),
        false => std::fs::File::open(file).and_then(|file| file.take(most).read_to_string(&mut text)),
    };
    read.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text)
}

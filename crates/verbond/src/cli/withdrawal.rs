//! `verbond ground|assessment withdraw …`: registers on which agreements rest, with the verb that takes that away.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use verbond_agreement::{Day, EntryName, LawIdentifier, Line, RegisterKind};
use verbond_domain::Problem;

use super::{register::Register, show};
use crate::{client::Client, printer::Printer};

/// The register of grounds.
#[derive(Debug, Subcommand)]
pub enum GroundVerb {
    #[command(flatten)]
    Entry(Register),
    /// Withdraw a ground, or a provision of law wherever grounds cite it: all agreements that rest on it stop, for all
    /// parties. First it is listed what does.
    #[command(after_help = "Examples:\n  verbond ground withdraw outreach --dry-run\n  \
        verbond ground withdraw --law BWBR0013060 --article 54 --law-version 2026-01-01 --reason \"repealed\" --yes")]
    Withdraw {
        /// The entry.
        #[arg(required_unless_present = "law", conflicts_with = "law")]
        name: Option<EntryName>,
        /// One version of the entry; otherwise all that there are now.
        #[arg(long, value_name = "NUMBER", requires = "name")]
        entry_version: Option<u32>,
        /// A law instead of an entry: BWB id, CELEX number or jci reference.
        #[arg(long, value_name = "ID")]
        law: Option<LawIdentifier>,
        /// The article, as grounds name it; otherwise the whole law.
        #[arg(long, value_name = "ARTICLE", requires = "law")]
        article: Option<Line>,
        /// The law as it read on this day; otherwise however it read.
        #[arg(long, value_name = "DAY", requires = "law")]
        law_version: Option<Day>,
        #[command(flatten)]
        how: How,
    },
}

/// The register of assessments.
#[derive(Debug, Subcommand)]
pub enum AssessmentVerb {
    #[command(flatten)]
    Entry(Register),
    /// Withdraw an assessment: all agreements that rest on it stop, for all parties. First it is listed what does.
    #[command(
        after_help = "Example:\n  verbond assessment withdraw dpia-outreach --reason \"the facts were others\" --yes"
    )]
    Withdraw {
        /// The entry.
        name: EntryName,
        /// One version of the entry; otherwise all that there are now.
        #[arg(long, value_name = "NUMBER")]
        entry_version: Option<u32>,
        #[command(flatten)]
        how: How,
    },
}

/// How it is withdrawn.
#[derive(Debug, Args)]
pub struct How {
    /// Why; told to the other parties.
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    reason: Option<String>,
    /// Only say what rests on it.
    #[arg(long)]
    dry_run: bool,
    /// Having seen what rests on it: stop it.
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

impl GroundVerb {
    /// Does it.
    pub async fn run(self, client: &Client, printer: Printer) -> anyhow::Result<()> {
        match self {
            Self::Entry(verb) => verb.run(RegisterKind::Ground, client, printer).await,
            Self::Withdraw { name, entry_version, law, article, law_version, how } => {
                let basis = match law {
                    Some(law) => {
                        json!({ "of": "article", "law": law, "article": article, "version": law_version })
                    }
                    None => json!({ "of": "ground", "name": name, "version": entry_version }),
                };
                how.withdraw(basis, client, printer).await
            }
        }
    }
}

impl AssessmentVerb {
    /// Does it.
    pub async fn run(self, client: &Client, printer: Printer) -> anyhow::Result<()> {
        match self {
            Self::Entry(verb) => verb.run(RegisterKind::Assessment, client, printer).await,
            Self::Withdraw { name, entry_version, how } => {
                let basis = json!({ "of": "assessment", "name": name, "version": entry_version });
                how.withdraw(basis, client, printer).await
            }
        }
    }
}

impl How {
    async fn withdraw(self, basis: Value, client: &Client, printer: Printer) -> anyhow::Result<()> {
        let Some(reason) = self.reason.filter(|_| self.yes) else {
            shown(printer, &client.post("/v1/withdrawals/preview", &basis).await?);
            return if self.dry_run { Ok(()) } else { Err(unconfirmed().into()) };
        };
        let body = json!({ "basis": basis, "reason": reason });
        shown(printer, &client.post("/v1/withdrawals", &body).await?);
        Ok(())
    }
}

fn shown(printer: Printer, answer: &Value) {
    if printer.is_json() {
        return printer.json(answer);
    }
    let items = json!({ "items": answer.get("resting") });
    let columns = [
        ("AGREEMENT", "/agreement"),
        ("VERSION", "/version"),
        ("STAGE", "/stage"),
        ("CLAUSES", "/clauses"),
        ("STOPS WITH THEM", "/other_clauses"),
        ("CONTRACTS", "/contracts"),
        ("THEN", "/then"),
        ("TITLE", "/title/en"),
    ];
    show::list(printer, &items, &columns, ("Er rust niets op.", "nothing rests on it"));
}

fn unconfirmed() -> Problem {
    Problem::new(
        "NOT_CONFIRMED",
        409,
        "Er is niets ingetrokken: hierboven staat wat er dan stopt.",
        "nothing has been withdrawn: above stands what would stop",
    )
    .next("Geef hetzelfde nog eens met --yes.", "give the same once more with --yes")
}

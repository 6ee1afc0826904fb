//! `verbond ground|activity|description|assessment|algorithm …`: the registers, one set of verbs for all.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::{Value, json};
use verbond_agreement::{EntryName, RegisterKind};

use super::{service::done, show};
use crate::{client::Client, printer::Printer};

/// Entries of a register.
#[derive(Debug, Subcommand)]
pub enum Register {
    /// Write an entry, or its next version, from a JSON file.
    Put {
        /// Its name: lower-case letters, digits and `-`.
        name: EntryName,
        /// What it says; `-` for standard input.
        file: PathBuf,
    },
    /// The newest version of each entry.
    List,
    /// All versions of an entry.
    Show {
        /// Its name.
        name: EntryName,
    },
    /// Write what an entry says, as JSON, to standard output: what `put` reads.
    Export {
        /// Its name.
        name: EntryName,
    },
    /// Stand behind an entry that somebody else has written down, with your own key: an assessment needs this when who
    /// wrote it also drafts what rests on it.
    Confirm {
        /// Its name.
        name: EntryName,
    },
    /// End an entry: nothing new may rest on it.
    End {
        /// Its name.
        name: EntryName,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

impl Register {
    /// Does it.
    pub async fn run(self, register: RegisterKind, client: &Client, printer: Printer) -> anyhow::Result<()> {
        let base = format!("/v1/registers/{}", register.as_str());
        match self {
            Self::Put { name, file } => {
                let answer = client.put(&format!("{base}/{name}"), &read_json(&file)?).await?;
                if printer.is_json() {
                    printer.json(&answer);
                } else {
                    let version = answer.get("version").and_then(Value::as_u64).unwrap_or_default();
                    printer.say(
                        &format!("`{name}` staat er als versie {version}"),
                        &format!("`{name}` stands as version {version}"),
                    );
                }
            }
            Self::List => {
                let answer = client.get(&base).await?;
                let columns = [
                    ("NAME", "/name"),
                    ("VERSION", "/version"),
                    ("TITLE", "/content/title"),
                    ("ENDED", "/ended_at"),
                    ("HASH", "/hash"),
                ];
                let empty = ("Het register is leeg.", "the register is empty");
                show::list(printer, &answer, &columns, empty);
            }
            Self::Show { name } => show::one(printer, &client.get(&format!("{base}/{name}")).await?),
            Self::Export { name } => {
                let answer = client.get(&format!("{base}/{name}")).await?;
                let newest = answer.pointer("/items/0/content").cloned().unwrap_or_default();
                printer.json(&newest);
            }
            Self::Confirm { name } => {
                client.post(&format!("{base}/{name}/confirmation"), &json!({})).await?;
                done(printer, &format!("`{name}` is bevestigd"), &format!("`{name}` is confirmed"));
            }
            Self::End { name, reason } => {
                client.post(&format!("{base}/{name}/end"), &json!({ "reason": reason })).await?;
                done(printer, &format!("`{name}` is beëindigd"), &format!("`{name}` has ended"));
            }
        }
        Ok(())
    }
}

/// A JSON file, or standard input for `-`.
pub fn read_json(file: &std::path::Path) -> anyhow::Result<Value> {
    serde_json::from_str(&read_text(file)?).with_context(|| format!("{} is not JSON", file.display()))
}

/// The text in a file, or on standard input where the file is `-`.
pub fn read_text(file: &std::path::Path) -> anyhow::Result<String> {
    let text = match file.as_os_str() == "-" {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(file),
    };
    text.with_context(|| format!("cannot read {}", file.display()))
}

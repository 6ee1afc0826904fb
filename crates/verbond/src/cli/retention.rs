//! `verbond journal retention`, `holds`, `hold`, `release`, `losses`, `declare-loss`

use clap::Subcommand;
use serde_json::json;

use super::{Client, service::done, show};
use crate::{client::segment, printer::Printer};

/// For how long the journal keeps exchanges, and legal holds.
#[derive(Debug, Subcommand)]
pub enum Retention {
    /// What is kept, why, and what has been destroyed.
    ///
    /// What was written of an exchange is destroyed when the days are over that the group's profile keeps it; that something
    /// stood there can still be proved. Acts are kept.
    #[command(name = "retention")]
    Report,
    /// The legal holds that stand.
    Holds,
    /// Set a legal hold: nothing that was written in the period is destroyed while it stands.
    #[command(
        after_help = "Whoever answers for the source sets it; it stays in the journal with its author. Example:\n  \
        verbond journal hold inquiry-2026-4 --from 2026-01-01T00:00:00Z --until 2026-04-01T00:00:00Z \\\n    \
        --reason \"inquiry of the supervisor, letter 2026-4\""
    )]
    Hold {
        /// By what it will be released.
        name: String,
        /// On what was written at or after this moment, such as 2026-01-01T00:00:00Z.
        #[arg(long, value_name = "MOMENT")]
        from: String,
        /// And before this moment; without it, on whatever is still to come.
        #[arg(long, value_name = "MOMENT")]
        until: Option<String>,
        /// Why; without personal data.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Release a legal hold: what it kept and is over is destroyed within the hour.
    Release {
        /// The hold.
        name: String,
    },
    /// What nobody can read any more because its key is gone, and whether that was declared.
    Losses,
    /// Declare that keys were lost, and with them what entries said.
    ///
    /// After a restore without keys verifiers find entries that are gone and no act that says why. This says that their keys were lost:
    /// verifiers report a declared loss, with its date, how many entries of which months, and how many before their time was over. It hides
    /// nothing: what was under a legal hold stays a finding, and so does anything that the lost key would still open.
    #[command(
        after_help = "Whoever answers for the source declares it; it stays in the journal with its author. Example:\n  \
        verbond journal losses\n  \
        verbond journal declare-loss --reason \"the safe with the keys burned on 3 May; restored without them\""
    )]
    DeclareLoss {
        /// Why; without personal data.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Columns of a table of holds.
const HOLDS: [(&str, &str); 5] =
    [("HOLD", "/name"), ("FROM", "/from"), ("UNTIL", "/until"), ("SET", "/set_at"), ("REASON", "/reason")];

/// Columns of a table of losses.
const LOSSES: [(&str, &str); 6] = [
    ("CLASS", "/class"),
    ("MONTH", "/month"),
    ("FIRST", "/first_index"),
    ("LAST", "/last_index"),
    ("ENTRIES", "/entries"),
    ("DECLARED", "/declared_at"),
];

impl Retention {
    /// Does it.
    pub async fn run(self, client: &Client, printer: Printer) -> anyhow::Result<()> {
        match self {
            Self::Report => show::one(printer, &client.get("/v1/retention").await?),
            Self::Holds => {
                let answer = client.get("/v1/holds").await?;
                show::list(printer, &answer, &HOLDS, ("Er staat geen bewaarplicht.", "no hold stands"));
            }
            Self::Hold { name, from, until, reason } => {
                let asked = json!({ "name": name, "from": from, "until": until, "reason": reason });
                let answer = client.post("/v1/holds", &asked).await?;
                match printer.is_json() {
                    true => printer.json(&answer),
                    false => done(printer, "de bewaarplicht staat", "the hold stands"),
                }
            }
            Self::Release { name } => {
                client.post(&format!("/v1/holds/{}/release", segment(&name)), &json!({})).await?;
                done(printer, "de bewaarplicht is opgeheven", "the hold has been released");
            }
            Self::Losses => {
                let answer = client.get("/v1/losses").await?;
                show::list(printer, &answer, &LOSSES, ("Er is niets verloren.", "nothing is lost"));
            }
            Self::DeclareLoss { reason } => {
                let answer = client.post("/v1/losses", &json!({ "reason": reason })).await?;
                show::list(printer, &answer, &LOSSES, ("Er is niets gemeld.", "nothing was declared"));
            }
        }
        Ok(())
    }
}

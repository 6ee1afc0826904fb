//! `verbond task …`

use clap::Subcommand;
use serde_json::json;

use super::{service::done, show};
use crate::{
    client::{Client, segment},
    printer::Printer,
};

/// What remains to be done: of agreements that have ended, of services whose traffic speaks of people, and about participants whose
/// account or journal says two things.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// The tasks, those with the earliest day first, each with the clause that it comes from.
    List {
        /// Those that have been done too.
        #[arg(long)]
        all: bool,
    },
    /// Write down that a task has been done.
    Done {
        /// Its identifier.
        task: String,
        /// What was done; without names of data subjects.
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
}

impl Task {
    /// Does it.
    pub async fn run(self, client: &Client, printer: Printer) -> anyhow::Result<()> {
        match self {
            Self::List { all } => {
                let answer = client.get(&format!("/v1/tasks?all={all}")).await?;
                let columns = [
                    ("TASK", "/id"),
                    ("DUE", "/due"),
                    ("EARLIEST", "/at_the_earliest"),
                    ("CLAUSE", "/clause"),
                    ("ABOUT", "/counterpart"),
                    ("WHAT", "/what/en"),
                    ("DONE", "/done_at"),
                    ("AGREEMENT", "/title/en"),
                ];
                show::list(printer, &answer, &columns, ("Niets te doen.", "nothing to do"));
            }
            Self::Done { task, note } => {
                let path = format!("/v1/tasks/{}/done", segment(&task));
                let answer = client.post(&path, &json!({ "note": note })).await?;
                match printer.is_json() {
                    true => printer.json(&answer),
                    false => done(printer, "de taak is gedaan", "the task is done"),
                }
            }
        }
        Ok(())
    }
}

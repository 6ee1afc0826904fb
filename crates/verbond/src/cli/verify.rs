//! Evidence, verified by the program that was made for it.

use std::process::ExitCode;

use clap::Args;
use verbond_verify::command::Options;

use crate::printer::Printer;

/// The options of `verbond-verify`.
#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    options: Options,
}

impl Verify {
    /// Verifies, and ends with the outcome's exit status. Needs no node.
    pub fn run(&self, printer: Printer) -> anyhow::Result<ExitCode> {
        let printed = self.options.run(printer.is_json())?;
        printer.line(printed.output.trim_end_matches('\n'));
        Ok(ExitCode::from(printed.outcome.exit_status()))
    }
}

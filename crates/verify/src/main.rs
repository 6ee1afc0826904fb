//! `verbond-verify`: verifies evidence of journals offline, without anything of the program that wrote it.
#![forbid(unsafe_code)]

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use verbond_verify::command::Options;

/// Verify what participants hand over of their journals: that no record was changed, left out or dated back, and on which
/// agreements exchanges rested. Needs no network.
#[derive(Debug, Parser)]
#[command(name = "verbond-verify", version, max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    options: Options,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let Arguments { options, json } = Arguments::parse();
    let printed = options.run(json)?;
    match io::stdout().write_all(printed.output.as_bytes()) {
        // Whoever reads may stop reading; the outcome is the same.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::from(printed.outcome.exit_status())),
    }
}

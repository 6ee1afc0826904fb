//! Verbond: one program with which an organisation exchanges data with others, and can account for every exchange.
//!
//! This crate is command line, configuration and wiring; what a node does is in the rooms below it.
#![forbid(unsafe_code)]

mod administration;
mod ambient;
mod backup;
mod cli;
mod client;
mod configuration;
mod credential;
mod demo;
mod design_rules;
mod doctor;
mod init;
mod node;
mod printer;
mod public;
mod refusals;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    cli::Arguments,
    printer::{Language, Printer},
};

/// Requests are freed on other threads than they were allocated on; and of each size a thread gets first what it gave back last, which is
/// still in the cache of its processor.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    verbond_fail_points::begin();
    let arguments = Arguments::parse();
    let printer = Printer::new(arguments.json, Language::from_environment());
    match try_main(arguments, printer) {
        Ok(code) => code,
        Err(error) => {
            printer.error(&error);
            ExitCode::FAILURE
        }
    }
}

/// The program's story: one cryptography provider for everything, then a runtime, then the verb.
fn try_main(arguments: Arguments, printer: Printer) -> anyhow::Result<ExitCode> {
    // Whoever comes second finds the provider in place, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();

    let mut runtime = if arguments.is_server() {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = runtime.enable_all().build()?;
    let outcome = runtime.block_on(arguments.run(printer));

    // A blocking read that nobody waits for must not hold up the end.
    runtime.shutdown_background();
    outcome
}

//! What the node says on standard error.

use std::panic::{self, PanicHookInfo};

use tracing_subscriber::{EnvFilter, fmt, prelude::*};
use verbond_domain::Problem;

use crate::configuration::{Log, LogFormat};

/// Starts logging as the configuration says.
pub fn start(log: &Log) -> Result<(), Problem> {
    let filter = EnvFilter::try_new(&log.level).map_err(|error| {
        Problem::new(
            "CONFIGURATION_INVALID",
            400,
            format!("`log.level`: {error}"),
            format!("`log.level`: {error}"),
        )
        .next("Schrijf bijvoorbeeld `info`.", "write for example `info`")
    })?;
    let registry = tracing_subscriber::registry().with(filter);
    let writer = std::io::stderr;
    // A second start in one process, as in tests, keeps the first one's.
    let _ = match log.format {
        LogFormat::Text => registry.with(fmt::layer().with_writer(writer).with_ansi(false)).try_init(),
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(writer)).try_init(),
    };
    panic::set_hook(Box::new(tell_panic));
    Ok(())
}

/// Tells a panic by its place only: its words may hold what the program was working on.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(%place, "a fault of the program");
}

//! `verbond demo`: a directory and three organisations exchange, are refused, renew, revoke, fall over and come back; and
//! one of them finds people by answers instead of data.
//!
//! Every organisation is a process of its own with a data directory, database and key of its own, and is driven
//! only by the verbs of this program, as a person would drive it.

mod accounting;
mod anchor;
mod calls;
mod ending;
mod invitation;
mod organisation;
mod outsider;
mod people;
mod report;
mod sources;
mod steps;
mod tap;

use std::{path::PathBuf, process::ExitCode};

use crate::printer::Printer;
use ending::{Interruption, Root};
use organisation::{Description, Organisation};
use report::Reporter;

/// What the demonstration is asked to do.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Leave everything running afterwards and print what to try next; Ctrl-C ends it
    #[arg(long)]
    pub keep: bool,
    /// Use this directory instead of a temporary one; it must not exist yet, and stays unless Ctrl-C ends it all
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// First port to try; sixteen consecutive free ports are looked for from there
    #[arg(long, value_name = "PORT", default_value_t = 17_400)]
    pub port_base: u16,
}

/// Ports set aside for each organisation.
const PORTS: u16 = 8;

const DIRECTORY: Description = Description {
    short: "directory",
    name: "Gids van de Voorbeeldgroep",
    id: "00000099000000001000",
    host: "gids.voorbeeld.test",
};
const MUNICIPALITY: Description = Description {
    short: "municipality",
    name: "Gemeente Zonderwijk",
    id: "00000099000000002000",
    host: "zonderwijk.voorbeeld.test",
};
const PENSION_OFFICE: Description = Description {
    short: "pension-office",
    name: "Pensioenkantoor Lageland",
    id: "00000099000000003000",
    host: "pensioen.voorbeeld.test",
};
const INCOME_REGISTER: Description = Description {
    short: "income-register",
    name: "Inkomensregister Lageland",
    id: "00000099000000004000",
    host: "inkomen.voorbeeld.test",
};

/// The organisations, their sources, and where it all lies.
struct Scene {
    directory: Organisation,
    municipality: Organisation,
    pension_office: Organisation,
    income_register: Organisation,
    authority: PathBuf,
    incomes: sources::Source,
    pensions: sources::Source,
    arrangements: sources::Source,
    yearly_incomes: sources::Source,
    people: PathBuf,
}

/// Runs the demonstration; the exit status tells whether every step showed what it should.
pub async fn run(options: &Options, printer: Printer) -> anyhow::Result<ExitCode> {
    // Before anything is made, so that nothing is left behind whenever the end comes.
    let mut interruption = Interruption::listen()?;
    let root = Root::make(options)?;
    let mut scene = Scene::new(options, root.path()).await?;
    let mut reporter = Reporter::new(printer);
    let completed = tokio::select! {
        outcome = steps::all(&mut scene, &mut reporter) => Some(outcome.is_ok()),
        () = interruption.comes() => None,
    };
    // Ctrl-C at a terminal reaches the verb that is running too: a step that fails may have failed of that.
    let mut interrupted = match completed {
        None => true,
        Some(true) => false,
        Some(false) => interruption.has_come().await,
    };
    let ok = reporter.finish(completed == Some(true), printer.is_json());
    if options.keep && ok {
        // With `--json` the result is one object.
        let invitation = scene.what_to_try();
        if printer.is_json() {
            printer.aside(&invitation)
        } else {
            printer.line(&invitation)
        }
        interruption.comes().await;
        interrupted = true;
    }
    scene.stop().await;
    root.leave(interrupted, printer).await;
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Scene {
    async fn new(options: &Options, root: &std::path::Path) -> anyhow::Result<Self> {
        let base = organisation::free_ports(options.port_base, 4 * PORTS)?;
        let at = |description, index: u16| Organisation::new(description, root, base + PORTS * index);
        Ok(Self {
            directory: at(DIRECTORY, 0)?,
            municipality: at(MUNICIPALITY, 1)?,
            pension_office: at(PENSION_OFFICE, 2)?,
            income_register: at(INCOME_REGISTER, 3)?,
            authority: root.join("certificate-authority"),
            incomes: sources::serve(sources::incomes()).await?,
            pensions: sources::serve(sources::pensions()).await?,
            arrangements: sources::serve(sources::arrangements()).await?,
            yearly_incomes: sources::serve(sources::yearly_incomes()).await?,
            people: root.join("people"),
        })
    }

    fn organisations(&mut self) -> [&mut Organisation; 4] {
        [&mut self.directory, &mut self.municipality, &mut self.pension_office, &mut self.income_register]
    }

    async fn stop(&mut self) {
        futures_util::future::join_all(self.organisations().map(Organisation::stop)).await;
    }
}

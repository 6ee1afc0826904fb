//! `verbond demo`: a directory and three organisations exchange, are refused, renew, revoke, fall over and come back.
//!
//! Every organisation is a process of its own with a data directory, database and key of its own, and is driven
//! only by the verbs of this program, as a person would drive it.

mod calls;
mod organisation;
mod outsider;
mod report;
mod sources;
mod steps;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;

use crate::printer::Printer;
use organisation::{Description, Organisation};
use report::Reporter;

/// What the demonstration is asked to do.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Leave everything running afterwards and print what to try next; Ctrl-C ends it
    #[arg(long)]
    pub keep: bool,
    /// Use this directory instead of a temporary one; it must not exist yet
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
}

/// Runs the demonstration; the exit status tells whether every step showed what it should.
pub async fn run(options: &Options, printer: Printer) -> anyhow::Result<ExitCode> {
    let (root, temporary) = root_directory(options)?;
    let mut reporter = Reporter::new(printer);
    let mut scene = Scene::new(options, &root).await?;
    let completed = tokio::select! {
        outcome = steps::all(&mut scene, &mut reporter) => outcome.is_ok(),
        _ = tokio::signal::ctrl_c() => false,
    };
    let ok = reporter.finish(completed, printer.is_json());
    if options.keep && ok {
        printer.line(&scene.what_to_try());
        tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")?;
    }
    scene.stop().await;
    if temporary {
        std::fs::remove_dir_all(&root).ok();
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn root_directory(options: &Options) -> anyhow::Result<(PathBuf, bool)> {
    match &options.directory {
        Some(directory) => {
            std::fs::create_dir(directory).with_context(|| {
                format!("cannot make {}: choose a directory that does not exist", directory.display())
            })?;
            Ok((std::path::absolute(directory)?, false))
        }
        None => {
            let root = std::env::temp_dir().join(format!("verbond-demo-{}", std::process::id()));
            std::fs::create_dir(&root).with_context(|| format!("cannot make {}", root.display()))?;
            Ok((root, true))
        }
    }
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
        })
    }

    fn organisations(&mut self) -> [&mut Organisation; 4] {
        [&mut self.directory, &mut self.municipality, &mut self.pension_office, &mut self.income_register]
    }

    async fn stop(&mut self) {
        futures_util::future::join_all(self.organisations().map(Organisation::stop)).await;
    }

    /// Lines that work as they stand while `--keep` holds the scene.
    fn what_to_try(&self) -> String {
        let (consumer, provider) = (&self.municipality, &self.income_register);
        let token = consumer.data.join("demo-application.token");
        format!(
            "All four nodes are still running. Try, in another terminal:\n\
             \n  curl -H \"Authorization: Bearer $(cat {token})\" http://{outway}/pensions/pensions/P-0001\n\
             \n  {contracts}\n  {records}\n  {doctor}\n\
             \nCtrl-C ends them.",
            token = token.display(),
            outway = consumer.outway(),
            contracts = consumer.command_line(&["contract", "list"]),
            records = provider.command_line(&["record", "list"]),
            doctor = provider.command_line(&["doctor"]),
        )
    }
}

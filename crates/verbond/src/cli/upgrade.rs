//! `verbond upgrade`

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use serde_json::json;
use verbond_domain::Problem;
use verbond_store::{DatabaseUrl, Store};

use super::{
    Client,
    backup::{as_json, tell},
};
use crate::{
    backup::{self, Backups, MadeBackup},
    configuration::Settings,
    node::Offline,
    printer::Printer,
};

/// Bring the database to this version of the program, after a look and a backup. The node must not run.
///
/// `verbond serve` does so too when it finds an older database, without a backup. An older program refuses the database afterwards: the
/// way back is the backup and the program that was there before.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  verbond --data ./node upgrade && verbond --data ./node serve")]
pub struct Upgrade {
    /// Make no backup first.
    #[arg(long)]
    no_backup: bool,
    /// Only say what would be done.
    #[arg(long)]
    check: bool,
}

impl Upgrade {
    /// Does it.
    pub async fn run(self, data: &Path, printer: Printer) -> anyhow::Result<()> {
        let settings = Settings::load(&std::path::absolute(data)?)?;
        not_running(&settings, printer).await?;
        let node = Offline::open_as_it_is(data).await?;
        // Refuses one that a later version has changed, or that was left half migrated.
        let pending = node.context.store.pending_migrations().await;
        let pending = pending.map_err(|error| crate::node::unusable_database(&error))?;
        let (from, to) = (node.context.store.schema().await?, Store::NEWEST_SCHEMA);
        let has_work = !pending.is_empty();
        let steps: Vec<String> = pending.iter().map(|(number, name)| format!("{number} {name}")).collect();
        if has_work {
            space(&settings, !self.no_backup)?;
        }
        let mut made = None;
        if has_work && !self.check {
            if !self.no_backup {
                made = Some(backed_up(&node).await?);
            }
            node.close().await;
            // What it opens it migrates.
            Offline::open(data).await?.close().await;
        } else {
            node.close().await;
        }
        if printer.is_json() {
            let done = has_work && !self.check;
            let report = json!({ "from": from, "to": to, "migrations": steps, "done": done, "backup": as_json(made.as_ref()) });
            printer.json(&report);
            return Ok(());
        }
        if let Some(made) = &made {
            tell(made, printer);
        }
        let steps = steps.join(", ");
        match (has_work, self.check) {
            (false, _) => printer.say(
                &format!("De database is van deze versie (schema {to}); er is niets te doen."),
                &format!("the database is of this version (schema {to}); there is nothing to do"),
            ),
            (true, true) => printer.say(
                &format!("Van schema {from} naar {to}: {steps}. Er is niets gewijzigd."),
                &format!("from schema {from} to {to}: {steps}. Nothing has been changed"),
            ),
            (true, false) => printer.say(
                &format!("Van schema {from} naar {to}: {steps}. Start met `verbond serve`."),
                &format!("from schema {from} to {to}: {steps}. Start with `verbond serve`"),
            ),
        }
        Ok(())
    }
}

/// A process that runs would go on with what it has read of the old tables.
async fn not_running(settings: &Settings, printer: Printer) -> Result<(), Problem> {
    match Client::at(settings.administration_socket(), printer).get("/v1/node").await {
        Err(_) => Ok(()),
        Ok(_) => Err(Problem::new("NODE_RUNS", 409, "Het knooppunt draait.", "the node runs").next(
            "Stop al zijn processen, voer `verbond upgrade` uit met het nieuwe programma, en start ze daarmee.",
            "stop all its processes, run `verbond upgrade` with the new program, and start them with it",
        )),
    }
}

async fn backed_up(node: &Offline) -> anyhow::Result<MadeBackup> {
    let backups = Backups::new(Arc::clone(&node.settings), node.own.clone(), Arc::clone(&node.checkpoints));
    Ok(backups.make(&node.context, false).await?)
}

/// Refuses when the disk may get full on the way: a copy of the database and the archive with it, and what a migration writes anew.
fn space(settings: &Settings, with_backup: bool) -> anyhow::Result<()> {
    let DatabaseUrl::Sqlite(file) = settings.database()? else { return Ok(()) };
    let bytes = fs::metadata(&file).map_or(0, |metadata| metadata.len());
    enough(&file, bytes)?;
    if with_backup {
        let (directory, _) = backup::directories(settings);
        enough(&directory, bytes.saturating_mul(2))?;
    }
    Ok(())
}

fn enough(path: &Path, needed: u64) -> anyhow::Result<()> {
    let there =
        path.ancestors().find(|path| path.exists()).map_or_else(|| PathBuf::from("."), Path::to_owned);
    let system = rustix::fs::statvfs(&there)?;
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    if free >= needed {
        return Ok(());
    }
    let (place, mebibytes) = (there.display(), needed / (1024 * 1024));
    let problem = Problem::new(
        "DISK_SPACE",
        507,
        format!("In {place} is te weinig plaats: er is {mebibytes} MiB nodig. Er is niets gewijzigd."),
        format!("there is too little space in {place}: {mebibytes} MiB are needed. Nothing has been changed"),
    );
    Err(problem
        .next(
            "Maak plaats, of wijs `backup.directory` naar een andere schijf.",
            "make space, or point `backup.directory` to another disk",
        )
        .into())
}

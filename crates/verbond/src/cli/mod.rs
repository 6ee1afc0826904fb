//! The command line: one file per family of verbs, all speaking to the node through its administration API.

mod account;
mod advice;
mod agreement;
mod application;
mod backup;
mod certificate;
mod contract;
mod contract_sheet;
mod decision;
mod description;
mod evidence;
mod journal;
mod key;
mod lists;
mod peer;
mod person;
mod preview;
mod record;
mod register;
mod retention;
mod service;
mod show;
mod system;
mod task;
mod upgrade;
mod verify;
mod withdrawal;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use verbond_agreement::RegisterKind;

use crate::{
    client::{Afar, Client},
    demo, doctor, init,
    printer::Printer,
    serve,
};

/// Exchange data with other organisations over FSC, with a record of every exchange on both sides.
#[derive(Debug, Parser)]
#[command(
    name = "verbond",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "A first node in a throw-away group:\n  \
        verbond --data a init --test-group ca --id 00000099000000010000 --name \"Gemeente Voorbeeld\" --host a.test\n  \
        verbond --data a serve\n\nEverything at once, with four organisations:\n  verbond demo"
)]
pub struct Arguments {
    /// The node's data directory.
    #[arg(
        short,
        long,
        value_name = "DIR",
        env = "VERBOND_DATA",
        hide_env_values = true,
        default_value = "verbond-data",
        global = true
    )]
    pub data: PathBuf,

    /// Print results as JSON.
    #[arg(long, global = true)]
    pub json: bool,

    #[command(flatten)]
    afar: Afar,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a node: its directory, key, and certificate or certificate request.
    Init(init::Init),
    /// Run the node.
    Serve(serve::Serve),
    /// Find out what is wrong, and how to mend it.
    Doctor(doctor::Doctor),
    /// Data services that this node offers, and those that others offer.
    #[command(subcommand)]
    Service(service::Service),
    /// The organisation's own applications, and what each may use.
    #[command(subcommand)]
    Application(application::Application),
    /// Contracts with other participants.
    #[command(subcommand)]
    Contract(contract::Contract),
    /// Agreements with other participants: who may ask what of whom, on which ground, for which purpose.
    #[command(subcommand)]
    Agreement(agreement::Agreement),
    /// Legal grounds: on which provision somebody judged that data may be provided or received.
    #[command(subcommand)]
    Ground(withdrawal::GroundVerb),
    /// Processing activities (GDPR art. 30).
    #[command(subcommand)]
    Activity(register::Register),
    /// Data services as described: operations, elements, and where a person stands in them.
    #[command(subcommand)]
    Description(description::DescriptionVerb),
    /// Assessments: DPIA, IAMA, AI-Act.
    #[command(subcommand)]
    Assessment(withdrawal::AssessmentVerb),
    /// Algorithms, as references to the register in which they are published.
    #[command(subcommand)]
    Algorithm(register::Register),
    /// What remains to be done of agreements that have ended.
    #[command(subcommand)]
    Task(task::Task),
    /// Other participants.
    #[command(subcommand)]
    Peer(peer::Peer),
    /// The people who act for the organisation, each with a key of their own.
    #[command(subcommand)]
    Person(person::Person),
    /// What has been exchanged and what has been done.
    #[command(subcommand)]
    Record(record::Record),
    /// Decisions on exchanges, as they were written down.
    #[command(subcommand)]
    Decision(decision::Decision),
    /// What became of exchanges, and whether the other party says the same.
    #[command(subcommand)]
    Account(account::Account),
    /// The journal as something that others can check; what it keeps and what it has destroyed.
    #[command(subcommand)]
    Journal(journal::Journal),
    /// Make a backup of the node: data and keys in two files.
    Backup(backup::Backup),
    /// Put a backup back.
    Restore(backup::Restore),
    /// Bring the database to this version of the program, after a backup.
    Upgrade(upgrade::Upgrade),
    /// Verify evidence offline: what participants hand over of their journals. The program `verbond-verify` does the same.
    Verify(verify::Verify),
    /// Messages that still have to reach other participants.
    Outbox(system::Outbox),
    /// The node's certificate.
    #[command(subcommand)]
    Certificate(certificate::Certificate),
    /// The node's key.
    #[command(subcommand)]
    Key(key::Key),
    /// Read trust anchors, certificates and revocation lists again.
    Reload(system::Reload),
    /// Show it all: a directory and three organisations on this machine, in about half a minute.
    Demo(demo::Options),
    /// What a refusal means, by its code.
    Explain(system::Explain),
    /// Print a generated schema.
    Schema(system::Schema),
}

impl Arguments {
    /// Whether the verb runs for long and for many at once.
    pub const fn is_server(&self) -> bool {
        matches!(self.verb, Verb::Serve(_) | Verb::Demo(_))
    }

    /// Does what was asked.
    pub async fn run(self, printer: Printer) -> anyhow::Result<ExitCode> {
        let Self { data, afar, verb, .. } = self;
        let client = || Client::new(&data, &afar, printer);
        match verb {
            Verb::Init(init) => init.run(&data, printer)?,
            Verb::Serve(serve) => serve.run(&data, printer).await?,
            Verb::Doctor(doctor) => return doctor.run(&data, printer).await,
            Verb::Service(service) => service.run(&client()?, printer).await?,
            Verb::Application(application) => application.run(&client()?, printer).await?,
            Verb::Contract(contract) => contract.run(&client()?, printer).await?,
            Verb::Agreement(agreement::Agreement::Example(example)) => example.print(printer)?,
            Verb::Agreement(agreement::Agreement::Lists(lists)) => return lists.run(printer).await,
            Verb::Agreement(agreement) => agreement.run(&client()?, &afar, printer).await?,
            Verb::Ground(verb) => verb.run(&client()?, printer).await?,
            Verb::Activity(verb) => verb.run(RegisterKind::Activity, &client()?, printer).await?,
            Verb::Description(verb) => verb.run(client, printer).await?,
            Verb::Assessment(verb) => verb.run(&client()?, printer).await?,
            Verb::Algorithm(verb) => verb.run(RegisterKind::Algorithm, &client()?, printer).await?,
            Verb::Task(task) => task.run(&client()?, printer).await?,
            Verb::Peer(peer) => peer.run(&client()?, printer).await?,
            Verb::Person(person) => person.run(&data, &afar, printer).await?,
            Verb::Record(record) => record.run(&client()?, printer).await?,
            Verb::Account(account) => return account.run(&client()?, printer).await,
            Verb::Decision(decision) => return decision.run(&client()?, printer).await,
            Verb::Journal(journal) => journal.run(&data, client, printer).await?,
            Verb::Backup(backup) => backup.run(&data, printer).await?,
            Verb::Restore(restore) => restore.run(&data, printer).await?,
            Verb::Upgrade(upgrade) => upgrade.run(&data, printer).await?,
            Verb::Verify(verify) => return verify.run(printer),
            Verb::Outbox(outbox) => outbox.run(&client()?, printer).await?,
            Verb::Certificate(certificate) => certificate.run(&data, &client()?, printer).await?,
            Verb::Key(key) => key.run(&data, &client()?, printer).await?,
            Verb::Reload(reload) => reload.run(&client()?, printer).await?,
            Verb::Demo(options) => return demo::run(&options, printer).await,
            Verb::Explain(explain) => explain.run(printer)?,
            Verb::Schema(schema) => schema.run(printer),
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verify_cli() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}

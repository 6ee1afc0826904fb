//! `verbond backup`, `verbond restore`

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Client, show};
use crate::{
    ambient,
    backup::{self, Backups, Keys, MadeBackup, Moved, Report},
    configuration::Settings,
    node::Offline,
    printer::{Complaint, Printer},
};

/// Make a backup of the node: its data in one file, its keys in another. The node may run.
///
/// Without the keys nothing that was written down of exchanges can be read in the data, so keep the two files apart. The file with the
/// keys expires (`backup.key_days`, 30 days by default): it is not restored any more, and the next backup removes it from its directory.
/// By then what the journal has destroyed is gone from backups too. The file with the data can be kept for as long as you like.
///
/// The node's own private keys (`key.pem`, `journal-key.pem`) are in neither, unless you ask for them: keep those where you keep keys.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  verbond backup\n  verbond backup --to /backup/verbond --keys-to /safe/verbond\n  \
        verbond backup list\n  verbond backup prune --keys-to /safe/verbond\n\nPut back with `verbond restore`."
)]
pub struct Backup {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    places: Places,
    /// Put the node's own private keys in the file with the keys too.
    #[arg(long)]
    with_private_keys: bool,
}

/// Where backups are kept.
#[derive(Clone, Debug, Args)]
struct Places {
    /// Where the file with the data goes. [default: `backup.directory` of verbond.toml]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Where the file with the keys goes. [default: `backup.keys_directory`]
    #[arg(long, value_name = "DIR")]
    keys_to: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The backups that are kept, and when their keys expire.
    List(Places),
    /// Remove files with keys whose time is over.
    Prune(Places),
}

const COLUMNS: [(&str, &str); 5] = [
    ("MADE", "/made_at"),
    ("HOLDS", "/holds"),
    ("ENTRIES", "/entries"),
    ("EXPIRES", "/expires_at"),
    ("FILE", "/file"),
];

impl Backup {
    /// Does it.
    pub async fn run(self, data: &Path, printer: Printer) -> anyhow::Result<()> {
        match self.verb {
            None => make(data, self.places, self.with_private_keys, printer).await,
            Some(Verb::List(places)) => list(data, &places, printer),
            Some(Verb::Prune(places)) => prune(data, &places, printer),
        }
    }
}

async fn make(data: &Path, places: Places, private_keys: bool, printer: Printer) -> anyhow::Result<()> {
    let settings = Settings::read(&std::path::absolute(data)?)?;
    let client = Client::at(settings.administration_socket(), printer);
    let asked = client.post_and_wait("/v1/backups", &json!({ "private_keys": private_keys })).await;
    let mut made: MadeBackup = match asked {
        Ok(answer) => serde_json::from_value(answer)?,
        Err(error) if is_silent(&error) => made_offline(data, private_keys).await?,
        Err(error) => return Err(error),
    };
    made.move_to(&Moved { data: places.to, keys: places.keys_to })?;
    if printer.is_json() {
        printer.json(&serde_json::to_value(&made)?);
    } else {
        tell(&made, printer);
    }
    Ok(())
}

fn is_silent(error: &anyhow::Error) -> bool {
    let of_problem = error.downcast_ref::<verbond_domain::Problem>().map(|problem| problem.code);
    let of_node = error.downcast_ref::<Complaint>().map(|complaint| complaint.code.as_str());
    of_problem.or(of_node) == Some("NODE_SILENT")
}

/// Of a node that does not run.
async fn made_offline(data: &Path, private_keys: bool) -> anyhow::Result<MadeBackup> {
    let node = Offline::open(data).await?;
    let backups = Backups::new(Arc::clone(&node.settings), node.own.clone(), Arc::clone(&node.checkpoints));
    let made = backups.make(&node.context, private_keys).await;
    node.close().await;
    Ok(made?)
}

/// What was made, and what to do with it.
pub fn tell(made: &MadeBackup, printer: Printer) {
    let (data, keys, expire) = (made.data.display(), made.keys.display(), &made.keys_expire_at);
    printer.say(
        &format!("Gegevens: {data}\nSleutels: {keys}\n  verlopen op {expire}; bewaar ze apart van de gegevens, en vernietig dan elk exemplaar."),
        &format!("data: {data}\nkeys: {keys}\n  expire on {expire}; keep them apart from the data, and destroy every copy by then"),
    );
    if !made.private_keys {
        printer.say(
            "Niet erin: de eigen sleutels van het knooppunt (key.pem, journal-key.pem). Bewaar die waar u sleutels bewaart.",
            "not in it: the node's own keys (key.pem, journal-key.pem). Keep those where you keep keys",
        );
    }
    for expired in &made.expired {
        let file = expired.display();
        printer.say(&format!("Verlopen en weggehaald: {file}"), &format!("expired, and removed: {file}"));
    }
    for left_out in &made.left_out {
        let file = left_out.display();
        printer.say(&format!("Niet erin: {file}"), &format!("not in it: {file}"));
    }
}

/// The directories that are meant.
fn directories(data: &Path, places: &Places) -> anyhow::Result<[PathBuf; 2]> {
    if let (Some(to), Some(keys_to)) = (&places.to, &places.keys_to) {
        return Ok([to.clone(), keys_to.clone()]);
    }
    let (of_data, of_keys) = backup::directories(&Settings::read(&std::path::absolute(data)?)?);
    Ok([places.to.clone().unwrap_or(of_data), places.keys_to.clone().unwrap_or(of_keys)])
}

fn list(data: &Path, places: &Places, printer: Printer) -> anyhow::Result<()> {
    let now = ambient::system().now();
    let [of_data, of_keys] = directories(data, places)?;
    let mut kept = backup::find(&of_data, now)?;
    if of_keys != of_data {
        kept.extend(backup::find(&of_keys, now)?);
    }
    let answer = json!({ "items": kept });
    show::list(printer, &answer, &COLUMNS, ("Er zijn geen back-ups.", "there are no backups"));
    Ok(())
}

fn prune(data: &Path, places: &Places, printer: Printer) -> anyhow::Result<()> {
    let now = ambient::system().now();
    let [of_data, of_keys] = directories(data, places)?;
    let mut removed = backup::prune(&of_keys, now)?;
    if of_data != of_keys {
        removed.extend(backup::prune(&of_data, now)?);
    }
    let answer = json!({ "items": removed });
    show::list(printer, &answer, &COLUMNS, ("Er was niets verlopen.", "nothing had expired"));
    Ok(())
}

/// Put a backup back: in an empty directory (`--data`), and an empty database.
///
/// What was written since the backup is gone, and nobody can tell the loss from tampering unless you say so: the node does not start
/// until `verbond journal continue` has asked the counterparts for the newest checkpoint and named the gap.
#[derive(Debug, Args)]
#[command(
    after_help = "A verbond.toml, certificates and key.pem that stand in the directory already are used, and others of the backup not: so\n\
        a node comes back on another machine or in another database.\n\nExample:\n  \
        verbond --data ./node restore backup.data.tar --keys backup.keys.tar\n  cp safe/key.pem ./node/key.pem\n  \
        verbond --data ./node journal continue --reason \"disk failed on 3 May; restored from the backup of 2 May\"\n  \
        verbond --data ./node serve"
)]
pub struct Restore {
    /// The file with the data.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The file with the keys: of the same backup, or of a later one.
    #[arg(long, value_name = "FILE", required_unless_present = "without_keys")]
    keys: Option<PathBuf>,
    /// Without keys: what was written down stays provable by its commitments, and cannot be read any more, nor can people be found in it.
    #[arg(long, conflicts_with = "keys")]
    without_keys: bool,
}

impl Restore {
    /// Does it.
    pub async fn run(self, data: &Path, printer: Printer) -> anyhow::Result<()> {
        let keys = self.keys.map_or(Keys::None, Keys::File);
        let report = backup::restore(&self.file, &keys, data, &ambient::system()).await?;
        match printer.is_json() {
            true => printer.json(&serde_json::to_value(&report)?),
            false => tell_restored(&report, printer),
        }
        Ok(())
    }
}

fn tell_restored(report: &Report, printer: Printer) {
    let Report { participant, made_at, directory, entries, .. } = report;
    let place = directory.display();
    printer.say(
        &format!("Teruggezet in {place}: het knooppunt van {participant}, zoals het was op {made_at}, met {entries} journaalregels."),
        &format!("restored in {place}: the node of {participant} as it was on {made_at}, with {entries} entries of the journal"),
    );
    if !report.keys {
        printer.say(
            "Zonder sleutels: wat tot dan toe is opgeschreven, is te bewijzen maar niet te lezen. Laat een bronbeheerder dat melden zodra het knooppunt draait (`verbond journal declare-loss`); tot dan zien verificateurs vernietiging zonder regel.",
            "without keys: what was written down until then can be proved, and not be read. Have a steward declare that once the node runs (`verbond journal declare-loss`); until then verifiers find destruction without a rule",
        );
    }
    for missing in &report.missing {
        let file = missing.display();
        printer.say(&format!("Zet nog neer: {file}"), &format!("put in place: {file}"));
    }
    printer.say(
        &format!(
            "Wat nu:\n  1. Verklaar wat er sindsdien weg is: `verbond --data {place} journal continue --reason \"…\"`. Tot dan start het knooppunt niet.\n  \
             2. Start met `verbond --data {place} serve`.\n  \
             3. Wat na {made_at} is gewijzigd, is teruggedraaid: loop personen, toepassingen, diensten en intrekkingen na \
             (`person list`, `application list`, `service list`, `agreement list`)."
        ),
        &format!(
            "what now:\n  1. declare what is gone since: `verbond --data {place} journal continue --reason \"…\"`. Until then the node does not start\n  \
             2. start with `verbond --data {place} serve`\n  \
             3. what was changed after {made_at} is undone: look through persons, applications, services and withdrawals \
             (`person list`, `application list`, `service list`, `agreement list`)"
        ),
    );
}

/// As JSON, for those who wrap it.
pub fn as_json(made: Option<&MadeBackup>) -> Value {
    made.map_or(Value::Null, |made| serde_json::to_value(made).unwrap_or_default())
}

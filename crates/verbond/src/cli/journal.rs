//! `verbond journal …`

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Subcommand;
use serde::Serialize;
use serde_json::json;
use verbond_account::no_checkpoint_yet;
use verbond_application::checkpoints::Checkpoints;
use verbond_domain::{ParticipantId, Problem};

use super::{Client, retention::Retention, show};
use crate::{
    doctor,
    node::{Offline, destroy_due, journal_files},
    printer::Printer,
};

/// The journal as something that others can check; what it keeps and what it has destroyed.
#[derive(Debug, Subcommand)]
pub enum Journal {
    /// How far the journal has come: its size, epoch, newest checkpoint and keys; and where its tree is published, how far that has
    /// come and what is in the way.
    Show,
    /// The newest checkpoint, as the signed note that others keep (C2SP tlog-checkpoint).
    ///
    /// Whoever keeps it can find out later whether anything before it was changed: `verbond verify --checkpoint FILE`.
    #[command(after_help = "Example:\n  verbond journal checkpoint > checkpoint-of-today")]
    Checkpoint,
    /// The newest checkpoint that was seen of each counterpart's journal.
    Witnessed,
    /// Go on after entries were lost, with a new epoch that names the gap. The node must not run.
    ///
    /// A database that was restored from a backup is shorter than checkpoints that were signed before; such a node does not start,
    /// since nobody could tell the loss from tampering. This says that it was a loss, and how much is gone: verifiers report a declared
    /// gap. How much is gone is told by the newest checkpoint that this node kept or a counterpart holds: they are asked. What is gone
    /// cannot be brought back afterwards; what came back and should have been destroyed meanwhile is destroyed.
    #[command(
        after_help = "Example:\n  verbond journal continue --reason \"disk failed on 3 May; restored from the backup of 2 May\""
    )]
    Continue {
        /// Why, for everybody who will read the journal.
        #[arg(long)]
        reason: String,
        /// The newest checkpoint that is known, if another has it: without it, the one that this node kept in `journal-head`.
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// Go on although a counterpart that has seen checkpoints of this journal does not answer.
        #[arg(long)]
        without_silent: bool,
    },
    #[command(flatten)]
    Retention(Retention),
}

/// Columns of a table of checkpoints.
const WITNESSED: [(&str, &str); 5] = [
    ("COUNTERPART", "/counterpart"),
    ("ORIGIN", "/origin"),
    ("ENTRIES", "/size"),
    ("SEEN", "/seen_at"),
    ("SECOND HISTORY", "/contradiction"),
];

impl Journal {
    /// Does it; only what asks a running node makes a client.
    pub async fn run(
        self,
        data: &Path,
        client: impl FnOnce() -> anyhow::Result<Client>,
        printer: Printer,
    ) -> anyhow::Result<()> {
        match self {
            Self::Show => show::one(printer, &client()?.get("/v1/journal/head").await?),
            Self::Checkpoint => {
                let head = client()?.get("/v1/journal/head").await?;
                let note = head.pointer("/checkpoint/note").and_then(serde_json::Value::as_str);
                let note = note.ok_or_else(no_checkpoint_yet)?;
                match printer.is_json() {
                    true => printer.json(&json!({ "note": note })),
                    false => printer.line(note.trim_end()),
                }
            }
            Self::Witnessed => {
                let answer = client()?.get("/v1/journal/witnessed").await?;
                show::list(printer, &answer, &WITNESSED, ("Nog niets gezien.", "nothing seen yet"));
            }
            Self::Retention(verb) => verb.run(&client()?, printer).await?,
            Self::Continue { reason, checkpoint, without_silent } => {
                let gone_on = go_on(data, &reason, checkpoint.as_deref(), without_silent).await?;
                match printer.is_json() {
                    true => printer.json(&serde_json::to_value(&gone_on)?),
                    false => gone_on.tell(printer),
                }
            }
        }
        Ok(())
    }
}

/// Opens the next epoch in the database of a node that does not run, and destroys what is over before anything is served.
async fn go_on(
    data: &Path,
    reason: &str,
    checkpoint: Option<&Path>,
    without_silent: bool,
) -> anyhow::Result<GoneOn> {
    let node = Offline::open(data).await?;
    let gone_on = node_goes_on(&node, reason, checkpoint, without_silent).await;
    node.close().await;
    gone_on
}

async fn node_goes_on(
    node: &Offline,
    reason: &str,
    checkpoint: Option<&Path>,
    without_silent: bool,
) -> anyhow::Result<GoneOn> {
    let Offline { settings, context, .. } = node;
    let kept = match checkpoint {
        Some(file) => Some(journal_files::checkpoint(file)?),
        None => journal_files::kept_head(&settings.directory)?,
    };
    // With lists of revoked certificates: without them nobody's word about this journal could be judged.
    let credentials = doctor::usable_credentials(settings).await?;
    let signer = journal_files::key(&settings.directory, &context.ambient)?;
    let (identity, trust) = (Arc::clone(&credentials.identity), Arc::clone(&credentials.trust));
    let checkpoints = Checkpoints::new(node.own.clone(), identity, trust, Some(signer));
    let told = doctor::held_by_counterparts(settings, credentials, &context.store).await?;
    if let (Some((silent, reason)), false) = (told.silent_witnesses.first(), without_silent) {
        return Err(silent_counterpart(silent, reason).into());
    }
    let now = context.ambient.now();
    let last_known = checkpoints.newest_known(kept, &told.held, now).ok_or_else(no_head)?;
    let continued = checkpoints.continue_after(context, &last_known, reason).await?;

    // A backup brings back what has been destroyed since it was made.
    let (store, ambient) = (&context.store, &context.ambient);
    store.keep_exchanges_for(settings.profile.retention_days, ambient).await?;
    let before = store.retention_report(now).await?.destroyed;
    let (_, keys) = destroy_due(store, ambient, settings.configuration.backup.key_days).await?;
    let destroyed = store.retention_report(ambient.now()).await?.destroyed.saturating_sub(before);
    Ok(GoneOn {
        epoch: continued.epoch,
        entries: continued.size,
        last_known: continued.last_known,
        asked: told.asked,
        silent: told.silent,
        destroyed,
        month_keys_destroyed: keys,
    })
}

/// How the journal goes on.
#[derive(Debug, Serialize)]
struct GoneOn {
    /// The epoch that was opened.
    epoch: u32,
    /// How many entries there are.
    entries: u64,
    /// How many there are known to have been.
    last_known: u64,
    /// Participants that told what they hold of the journal.
    asked: Vec<ParticipantId>,
    /// Participants that did not.
    silent: Vec<ParticipantId>,
    /// Entries that had been destroyed, or would have been by now, and have been destroyed once more.
    destroyed: u64,
    /// Keys of months that went with them.
    month_keys_destroyed: usize,
}

impl GoneOn {
    fn tell(&self, printer: Printer) {
        let Self { epoch, entries, last_known, destroyed, .. } = self;
        let gone = last_known.saturating_sub(*entries);
        printer.say(
            &format!("Het journaal gaat verder in tijdperk {epoch}, met {entries} regels; er zijn er {gone} weg, voor zover bekend."),
            &format!("the journal goes on in epoch {epoch}, with {entries} entries; {gone} are gone, as far as is known"),
        );
        if *destroyed > 0 {
            printer.say(
                &format!("{destroyed} regels waarvan de bewaartijd voorbij is, zijn (opnieuw) vernietigd."),
                &format!("{destroyed} entries whose time is over have been destroyed (once more)"),
            );
        }
        for silent in &self.silent {
            printer.say(
                &format!("Niet gevraagd, want geen antwoord: {silent}"),
                &format!("not asked, since there was no answer: {silent}"),
            );
        }
        printer.say("Start het knooppunt met `verbond serve`.", "start the node with `verbond serve`");
    }
}

fn silent_counterpart(silent: &ParticipantId, reason: &str) -> Problem {
    Problem::new(
        "COUNTERPART_SILENT",
        503,
        format!("{silent} kan niet worden gevraagd ({reason}), en kan een nieuwer controlepunt van dit journaal hebben dan hier bekend is."),
        format!("{silent} cannot be asked ({reason}), and may hold a newer checkpoint of this journal than is known here"),
    )
    .next(
        "Ligt het aan dit knooppunt, dan zegt `verbond doctor` waaraan. Anders: wacht tot die bereikbaar is. Wat daar bekend is en niet wordt genoemd, wijst een verificateur later aan als verzwegen. Met --without-silent gaat het toch verder.",
        "if it is due to this node, `verbond doctor` says to what. Otherwise wait until it can be reached. What is known there and not named, a verifier will later find to have been kept silent. With --without-silent it goes on all the same",
    )
}

fn no_head() -> Problem {
    Problem::new(
        "NO_CHECKPOINT_KEPT",
        404,
        "Dit knooppunt heeft geen `journal-head`: zijn nieuwste controlepunt is hier niet bekend.",
        "this node has no `journal-head`: its newest checkpoint is not known here",
    )
    .next(
        "Vraag het nieuwste controlepunt aan een andere deelnemer (`verbond journal witnessed --json`) en geef het met --checkpoint.",
        "ask another participant for the newest checkpoint (`verbond journal witnessed --json`) and give it with --checkpoint",
    )
}

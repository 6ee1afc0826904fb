//! `verbond journal …`

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Subcommand;
use serde_json::json;
use verbond_account::no_checkpoint_yet;
use verbond_application::{OpContext, checkpoints::Checkpoints};
use verbond_domain::{Actor, Problem};
use verbond_store::{DatabaseUrl, Store};
use verbond_trust::IdentityHandle;

use super::{Client, retention::Retention, show};
use crate::{
    ambient,
    configuration::Settings,
    node::{identity, journal_files, wrapping_key},
    printer::Printer,
    serve::DirectoryLock,
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
    /// gap. What is gone cannot be brought back afterwards.
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
            Self::Continue { reason, checkpoint } => {
                let epoch = go_on(data, &reason, checkpoint.as_deref()).await?;
                match printer.is_json() {
                    true => printer.json(&json!({ "epoch": epoch })),
                    false => printer.say(
                        &format!("Het journaal gaat verder in tijdperk {epoch}. Start het knooppunt met `verbond serve`."),
                        &format!("the journal goes on in epoch {epoch}; start the node with `verbond serve`"),
                    ),
                }
            }
        }
        Ok(())
    }
}

/// Opens the next epoch in the database of a node that does not run.
async fn go_on(data: &Path, reason: &str, checkpoint: Option<&Path>) -> anyhow::Result<u32> {
    let settings = Arc::new(Settings::load(&std::path::absolute(data)?)?);
    let ambient = ambient::system();
    let last_known = match checkpoint {
        Some(file) => journal_files::checkpoint(file)?,
        None => journal_files::kept_head(&settings.directory)?.ok_or_else(no_head)?,
    };
    let database = settings.database()?;
    let _lock = match database {
        DatabaseUrl::Sqlite(_) => Some(DirectoryLock::take(&settings.directory)?),
        DatabaseUrl::Postgres(_) => None,
    };
    let trust = identity::trust(&settings)?;
    let present = identity::load(&settings)?;
    let own = present.certificate.participant.clone();
    let identity = IdentityHandle::new(present, identity::earlier(&settings));
    let signer = journal_files::key(&settings.directory, &ambient)?;
    let key = wrapping_key::of(&settings.directory, &ambient);
    let store = Store::open(&database, key, &ambient).await?;
    store.claim(&own).await?;
    let checkpoints = Checkpoints::new(own, identity, trust, Some(signer));
    let context = OpContext { actor: Actor::Operator, ambient, store };
    let epoch = checkpoints.continue_after(&context, &last_known, reason).await;
    context.store.close().await;
    Ok(epoch?)
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

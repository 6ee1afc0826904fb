//! `verbond serve`: a node from its configuration to its last request.

mod listeners;
mod lock;
mod logging;
pub mod open_files;
#[cfg(test)]
pub mod testing;

use std::{path::Path, sync::Arc, time::Duration};

use clap::Args;
use serde_json::{Value, json};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};
use verbond_application::{OpContext, checkpoints::Lost};
use verbond_domain::{Actor, problems_described_at};
use verbond_store::DatabaseUrl;

use self::listeners::Listeners;
pub use self::lock::{DirectoryLock, is_held};
use crate::{
    backup,
    configuration::Settings,
    node::{Node, Role, Roles, journal_files},
    printer::Printer,
};

/// Run the node.
#[derive(Debug, Args)]
#[command(
    after_help = "Prints one line on standard output when every port is open; logs go to standard error.\n\
    SIGTERM and SIGINT let running exchanges finish, SIGHUP reads trust anchors, certificates and revocation lists again.\n\n\
    Example, data plane and management apart, on one PostgreSQL:\n  \
    verbond --data a serve --roles manager\n  verbond --data a serve --roles inway,outway"
)]
pub struct Serve {
    /// Only these parts; the others run in other processes on the same PostgreSQL.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "ROLES")]
    roles: Vec<Role>,

    /// Stop when standard input ends: a node started by another program then does not outlive it.
    #[arg(long, hide = true)]
    end_with_input: bool,
}

impl Serve {
    /// Runs the node until it is told to stop.
    pub async fn run(self, data: &Path, printer: Printer) -> anyhow::Result<()> {
        // Everything that can be refused is refused before a port opens.
        let settings = Arc::new(Settings::load(&std::path::absolute(data)?)?);
        backup::unfinished(&settings.directory)?;
        logging::start(&settings.configuration.log)?;
        if let Some(address) = settings.configuration.public.as_ref().and_then(|one| one.address.as_deref()) {
            problems_described_at(address);
        }
        let database = settings.database()?;
        let roles = Roles::choose(&self.roles, &settings.configuration, &database)?;
        open_files::raise();
        let _lock = match database {
            DatabaseUrl::Sqlite(_) => Some(DirectoryLock::take(&settings.directory)?),
            DatabaseUrl::Postgres(_) => None,
        };
        // Signals count from here: whoever started us may already want us to stop.
        let mut signals = Signals::listen(self.end_with_input)?;

        let node = Node::assemble(&settings, &database, roles).await?;
        let listeners = Listeners::open(&settings, roles).await?;
        let listening = listeners.addresses();
        let serving = listeners.serve(&settings, &node, listening.clone())?;
        announce(&listening, printer);

        let lost = signals.wait(&node).await;
        let deadline = Duration::from_secs(settings.configuration.limits.drain_seconds.into());
        tracing::info!(deadline_seconds = deadline.as_secs(), "stopping; running exchanges may finish");
        tokio::select! {
            () = serving.drain(deadline) => {}
            // Whoever asks twice does not want to wait.
            () = signals.stop() => tracing::warn!("stopping at once"),
        }
        node.close().await;
        match lost {
            // Kept, so that the next start refuses by itself.
            Some(lost) => {
                journal_files::keep_head(&settings.directory, &lost.note).await?;
                Err(lost.problem.into())
            }
            None => Ok(()),
        }
    }
}

fn announce(listening: &Value, printer: Printer) {
    tracing::info!(%listening, "ready");
    if !printer.is_json() {
        return printer.line("ready");
    }
    let mut ready = json!({ "ready": true });
    if let (Some(ready), Value::Object(listening)) = (ready.as_object_mut(), listening.clone()) {
        ready.extend(listening);
    }
    printer.line(&ready.to_string());
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    input: watch::Receiver<bool>,
}

impl Signals {
    fn listen(end_with_input: bool) -> std::io::Result<Self> {
        Ok(Self {
            input: end_of_input(end_with_input),
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Returns when the node is to stop, with what it has lost if that is why; reloads meanwhile.
    async fn wait(&mut self, node: &Node) -> Option<Lost> {
        let mut lost = node.checkpoints.lost();
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return None,
                _ = self.interrupt.recv() => return None,
                Ok(_) = self.input.wait_for(|ended| *ended) => return None,
                Ok(lost) = lost.wait_for(Option::is_some) => return lost.clone(),
                _ = self.hangup.recv() => reload(node).await,
            }
        }
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Becomes true when standard input ends, if that is to be watched.
fn end_of_input(watched: bool) -> watch::Receiver<bool> {
    let (ended, input) = watch::channel(false);
    if watched {
        std::thread::spawn(move || {
            std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()).ok();
            ended.send_replace(true);
        });
    }
    input
}

async fn reload(node: &Node) {
    let context =
        OpContext { actor: Actor::Operator, ambient: node.ambient.clone(), store: node.store.clone() };
    match node.reloader().reload(&context).await {
        Ok(reloaded) => tracing::info!(?reloaded, "read again"),
        Err(problem) => tracing::error!(%problem, "the files cannot be used; what was in use stays in use"),
    }
}

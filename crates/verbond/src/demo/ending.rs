//! The end of a demonstration, whenever it comes: no process and no directory is left behind.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Options;
use crate::printer::Printer;

/// How often, and how long apart, a directory is removed in which a verb that was cut off may still be writing. It is gone
/// when it has not come back for some of these times: on a machine under load the verb may be slow to end.
const REMOVALS: u32 = 250;
const BETWEEN_REMOVALS: Duration = Duration::from_millis(20);
/// How far apart two processes may see one Ctrl-C.
const SAME_MOMENT: Duration = Duration::from_millis(500);
const STAYS_AWAY: u32 = 5;

/// Ctrl-C, or the SIGTERM of whoever started us.
pub struct Interruption {
    interrupt: Signal,
    terminate: Signal,
}

impl Interruption {
    /// From here on the signals are ours.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Returns when one comes.
    pub async fn comes(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Whether one has come, or comes in the same moment.
    pub async fn has_come(&mut self) -> bool {
        tokio::time::timeout(SAME_MOMENT, self.comes()).await.is_ok()
    }
}

/// The directory in which everything lies.
pub struct Root {
    path: PathBuf,
    temporary: bool,
}

impl Root {
    /// Makes the directory that was asked for, or a temporary one.
    pub fn make(options: &Options) -> anyhow::Result<Self> {
        let temporary = options.directory.is_none();
        let path = match &options.directory {
            Some(directory) => std::path::absolute(directory)?,
            None => std::env::temp_dir().join(format!("verbond-demo-{}", std::process::id())),
        };
        std::fs::create_dir(&path).with_context(|| {
            format!("cannot make {}: choose a directory that does not exist", path.display())
        })?;
        Ok(Self { path, temporary })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it, unless somebody asked for it and the demonstration ended by itself.
    pub async fn leave(mut self, interrupted: bool, printer: Printer) {
        if !self.temporary && !interrupted {
            printer.aside(&format!("everything is left in {}", self.path.display()));
            self.path.clear();
            return;
        }
        let mut away = 0;
        for _ in 0..REMOVALS {
            std::fs::remove_dir_all(&self.path).ok();
            tokio::time::sleep(BETWEEN_REMOVALS).await;
            away = if self.path.exists() { 0 } else { away + 1 };
            if away == STAYS_AWAY {
                return;
            }
        }
    }
}

impl Drop for Root {
    /// For the ways out on which nothing has been started yet.
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            std::fs::remove_dir_all(&self.path).ok();
        }
    }
}

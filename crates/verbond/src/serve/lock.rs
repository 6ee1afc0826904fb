//! One process holds a data directory with an embedded database.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
};

use anyhow::Context;
use verbond_domain::Problem;

/// The lock; given back when it is dropped, or when the process ends in whatever way.
#[derive(Debug)]
pub struct DirectoryLock(#[expect(dead_code, reason = "held for its lock")] File);

impl DirectoryLock {
    /// Takes the lock, or says that another process has it.
    pub fn take(directory: &Path) -> anyhow::Result<Self> {
        let path = directory.join("verbond.lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(taken(directory).into()),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }
}

/// Whether a process holds the directory.
pub fn is_held(directory: &Path) -> bool {
    File::open(directory.join("verbond.lock"))
        .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

fn taken(directory: &Path) -> Problem {
    let directory = directory.display();
    Problem::new(
        "DIRECTORY_IN_USE",
        409,
        format!("Er draait al een knooppunt in {directory}."),
        format!("a node runs in {directory} already"),
    )
    .next(
        "Eén proces houdt een gegevensmap; stop het andere, of gebruik PostgreSQL voor meer processen.",
        "one process holds a data directory; stop the other, or use PostgreSQL for several processes",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_told_that_the_directory_is_in_use() -> anyhow::Result<()> {
        let directory = tempfile::tempdir()?;
        let first = DirectoryLock::take(directory.path())?;
        let second = DirectoryLock::take(directory.path()).err();
        assert!(second.is_some_and(|error| error.to_string().contains("DIRECTORY_IN_USE")));
        drop(first);
        DirectoryLock::take(directory.path())?;
        Ok(())
    }
}

//! Files of a data directory, written so that a crash leaves either the old one or the new one.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use anyhow::Context;
use verbond_domain::Ambient;

/// Makes a directory, for its owner only; one that is there is left as it is.
pub fn make_directory(path: &Path) -> anyhow::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("cannot make the directory {}", path.display()))
}

/// Writes a new file that anybody may read; one that is there is not touched.
pub fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    new_file(path, text, 0o644)
}

/// Writes a new file that only its owner may read; one that is there is not touched.
pub fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    new_file(path, text, 0o600)
}

/// Makes a file that only its owner may read, unless it is there. It appears as a whole, and another process may be doing the same;
/// when it returns, the file survives a power cut.
pub fn make_secret(path: &Path, text: &str, ambient: &Ambient) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = path.with_file_name(format!("{name}.{}", ambient.uuid_v7()));
    write_secret(&beside, text)?;
    let linked = match fs::hard_link(&beside, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked.with_context(|| format!("cannot make {}", path.display())),
    };
    let _ = fs::remove_file(&beside);
    linked.and_then(|()| sync_directory_of(path))
}

/// Puts a file in the place of another in one step.
pub fn replace(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside);
    new_file(&beside, text, mode)?;
    fs::rename(&beside, path).with_context(|| format!("cannot replace {}", path.display()))?;
    sync_directory_of(path)
}

fn sync_directory_of(path: &Path) -> anyhow::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::File::open(directory).and_then(|directory| directory.sync_all()).context("cannot sync the directory")
}

fn new_file(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}

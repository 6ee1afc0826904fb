//! The authority's files: replaced whole, keys readable by the owner only, one process at a time.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::AuthorityError;

/// `revoked.json`: what has to be remembered from one list to the next.
#[derive(Serialize, Deserialize)]
pub(super) struct Ledger {
    /// Number of the lists last written (RFC 5280 §5.2.3: must rise).
    pub(super) number: u64,
    /// For how long they were written.
    pub(super) valid_seconds: i64,
    /// Distribution point of the leaves.
    pub(super) crl_url: Option<String>,
    /// By the intermediate.
    pub(super) revoked: Vec<Revoked>,
    pub(super) revoked_by_root: Vec<Revoked>,
}

/// A line of a list.
#[derive(Serialize, Deserialize)]
pub(super) struct Revoked {
    /// The certificate's number, as its DER octets.
    pub(super) serial_number: Vec<u8>,
    /// When, in seconds since the Unix epoch.
    pub(super) time: i64,
}

impl Ledger {
    pub(super) fn new(crl_url: Option<&str>, valid_seconds: i64) -> Self {
        Self {
            number: 0,
            valid_seconds,
            crl_url: crl_url.map(str::to_owned),
            revoked: Vec::new(),
            revoked_by_root: Vec::new(),
        }
    }

    pub(super) fn read(directory: &Path) -> Result<Self, AuthorityError> {
        serde_json::from_str(&read(directory, "revoked.json")?).map_err(AuthorityError::of)
    }

    pub(super) fn write(&self, directory: &Path) -> Result<(), AuthorityError> {
        let text = serde_json::to_string_pretty(self).map_err(AuthorityError::of)?;
        write(directory, "revoked.json", &text)
    }
}

/// Holds the directory until it is dropped.
pub(super) fn lock(directory: &Path) -> Result<File, AuthorityError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(directory.join(".lock"))
        .map_err(AuthorityError::of)?;
    file.lock().map_err(AuthorityError::of)?;
    Ok(file)
}

pub(super) fn read(directory: &Path, name: &str) -> Result<String, AuthorityError> {
    std::fs::read_to_string(directory.join(name)).map_err(|error| AuthorityError(format!("{name}: {error}")))
}

pub(super) fn write(directory: &Path, name: &str, text: &str) -> Result<(), AuthorityError> {
    replace(directory, name, text, 0o644).map_err(|error| AuthorityError(format!("{name}: {error}")))
}

pub(super) fn write_secret(directory: &Path, name: &str, text: &str) -> Result<(), AuthorityError> {
    replace(directory, name, text, 0o600).map_err(|error| AuthorityError(format!("{name}: {error}")))
}

/// Readers see the old or the new file, never a part of one.
fn replace(directory: &Path, name: &str, text: &str, mode: u32) -> std::io::Result<()> {
    let path = directory.join(name);
    let new = path.with_extension("new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(new, path)
}

//! How servers of the organisation itself are reached.

use std::path::PathBuf;

/// How a server is reached, from its part of the configuration.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// `https://host:port/path`; `http://` on this machine.
    pub address: &'a str,
    /// Authorities that its certificate must lead to; `None`: those of the system.
    pub anchors: Option<&'a [PathBuf]>,
    /// A certificate chain by which it knows this node; with `key`.
    pub certificate: Option<&'a PathBuf>,
    /// The private key of `certificate`.
    pub key: Option<&'a PathBuf>,
    /// A file with a bearer token by which it knows this node.
    pub token_file: Option<&'a PathBuf>,
}

impl Access<'_> {
    /// Files that nobody else may read.
    pub fn secrets(&self) -> impl Iterator<Item = &PathBuf> {
        [self.key, self.token_file].into_iter().flatten()
    }

    /// All files that are read at start.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.secrets().chain(self.certificate).chain(self.anchors.into_iter().flatten())
    }
}

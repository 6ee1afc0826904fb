//! People of the demonstration's organisations: each with a key of their own, outside the node's data directory.

use std::{
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::Value;

use super::organisation::Organisation;

/// Everybody's passphrase: these keys live as long as the demonstration.
const PASSPHRASE: &str = "vier willekeurige woorden samen\n";

/// Somebody who acts for an organisation.
pub struct Person<'a> {
    organisation: &'a Organisation,
    folder: PathBuf,
}

impl<'a> Person<'a> {
    /// Makes a key on the person's own machine, and has the operator invite them into a role.
    pub async fn enrol(organisation: &'a Organisation, people: &Path, role: &str) -> anyhow::Result<Self> {
        let folder = people.join(format!("{}-{role}", organisation.description.short));
        std::fs::create_dir_all(&folder)?;
        std::fs::File::options()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(folder.join("passphrase"))?
            .write_all(PASSPHRASE.as_bytes())?;
        let person = Self { organisation, folder };
        let (key, passphrase) = (person.path("key"), person.path("passphrase"));
        organisation.run(&["--passphrase-file", &passphrase, "person", "key", "--out", &key]).await?;
        let name = format!("{role} of {}", organisation.description.name);
        let invited =
            organisation.run(&["person", "add", role, "--display-name", &name, "--role", role]).await?;
        let code = invited.get("code").and_then(Value::as_str).context("no code was given")?.to_owned();
        person.run(&["person", "enrol", "--code", &code]).await?;
        Ok(person)
    }

    /// Runs a verb as this person, from their own machine.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let arguments = self.afar(arguments);
        self.organisation.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    /// As [`Person::run`], for a verb that ends with another status when its report says that something was found.
    pub async fn report(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let arguments = self.afar(arguments);
        self.organisation.report(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    fn afar(&self, arguments: &[&str]) -> Vec<String> {
        let anchors = self.organisation.data.join("trust-anchors.pem").display().to_string();
        let options = [
            ("--node", format!("https://localhost:{}", self.organisation.base_port + 4)),
            ("--node-anchors", anchors),
            ("--passphrase-file", self.path("passphrase")),
            ("--client-certificate", self.path("key/certificate.pem")),
            ("--client-key", self.path("key/key.pem")),
        ];
        let options = options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
        options.chain(arguments.iter().map(|argument| (*argument).to_owned())).collect()
    }

    /// A file of theirs.
    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

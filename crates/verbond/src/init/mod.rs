//! `verbond init`: a data directory with configuration, key, and certificate or certificate request.

mod files;
mod template;

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use serde_json::json;
use verbond_domain::{ParticipantId, Problem, Scheme};
use verbond_trust::authority::{KeyKind, LeafRequest, TestAuthority, certificate_request, new_key};

use crate::{
    ambient,
    configuration::{self, Directory},
    node::{pseudonyms, wrapping_key},
    printer::Printer,
};

/// Seconds that a certificate of a test group is valid.
pub const TEST_CERTIFICATE_SECONDS: i64 = 90 * 86_400;
/// Seconds that the revocation lists of a test group are valid.
const TEST_LIST_SECONDS: i64 = 366 * 86_400;

/// Make a node: its directory, key, and certificate or certificate request.
#[derive(Debug, Args)]
#[command(
    after_help = "In a throw-away group, whose authority is made in the directory `ca` when it is not there:\n  \
    verbond --data a init --test-group ca --id 00000099000000010000 --name \"Gemeente Voorbeeld\" --host a.test\n\n\
    In a real group; the request goes to your certificate authority:\n  \
    verbond --data a init --id 00000001001234567000 --name \"Gemeente Voorbeeld\" --host fsc.voorbeeld.nl"
)]
pub struct Init {
    /// Join the throw-away group of this test authority; it is made when it is not there.
    #[arg(long, value_name = "DIR")]
    test_group: Option<PathBuf>,
    /// The organisation's identifier; `oin:` may be left out.
    #[arg(long)]
    id: String,
    /// The organisation's name.
    #[arg(long)]
    name: String,
    /// Host name by which others reach the node; may be given more than once, the first is used in addresses.
    #[arg(long, required = true)]
    host: Vec<String>,
    /// The outway gets this port; inway, manager, public listener and administration the four after it.
    #[arg(long, value_name = "PORT", default_value_t = 7440)]
    base_port: u16,
    /// The group's rules: a shipped profile or the path of your own. [default: test in a test group, else digikoppeling]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// This node is a directory of the group.
    #[arg(long)]
    directory_role: bool,
    /// A directory of the group, and the address of its manager.
    #[arg(long, value_name = "ID=URL", value_parser = parse_directory)]
    directory: Vec<(String, String)>,
    /// IP address of a host name that the name service does not know (in a test group your own, the directory's and
    /// all below `.test` are 127.0.0.1 already).
    #[arg(long, value_name = "HOST=IP", value_parser = parse_host)]
    resolve: Vec<(String, IpAddr)>,
    /// Kind of key.
    #[arg(long, value_enum, default_value = "p256")]
    key: KeyChoice,
}

/// Kind of key.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum KeyChoice {
    /// Elliptic curve NIST P-256.
    P256,
    /// Elliptic curve NIST P-384.
    P384,
    /// RSA of 3072 bits.
    Rsa,
}

impl From<KeyChoice> for KeyKind {
    fn from(choice: KeyChoice) -> Self {
        match choice {
            KeyChoice::P256 => Self::P256,
            KeyChoice::P384 => Self::P384,
            KeyChoice::Rsa => Self::Rsa3072,
        }
    }
}

fn parse_directory(text: &str) -> Result<(String, String), String> {
    let (id, address) =
        text.split_once('=').ok_or("write ID=URL, such as 00000099000000010000=https://dir.test:7442")?;
    Ok((id.to_owned(), address.to_owned()))
}

fn parse_host(text: &str) -> Result<(String, IpAddr), String> {
    let (host, address) = text.split_once('=').ok_or("write HOST=IP, such as b.test=127.0.0.1")?;
    Ok((host.to_owned(), address.parse().map_err(|error| format!("{address}: {error}"))?))
}

/// Reads an identifier; a bare one is an OIN, the scheme of both shipped profiles.
fn participant(text: &str) -> Result<ParticipantId, Problem> {
    let unusable = |error: verbond_domain::ParticipantIdError| {
        Problem::new(
            "PARTICIPANT_ID_UNUSABLE",
            400,
            format!("`{text}`: {error}"),
            format!("`{text}`: {error}"),
        )
    };
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) if !text.contains(':') => ParticipantId::new(Scheme::Oin, text).map_err(unusable),
        Err(error) => Err(unusable(error)),
    }
}

impl Init {
    /// Makes the node.
    pub fn run(self, data: &Path, printer: Printer) -> anyhow::Result<()> {
        let id = participant(&self.id)?;
        let file = data.join(configuration::FILE);
        if file.exists() {
            return Err(exists(&file).into());
        }
        make_directory(data)?;
        let leaf = LeafRequest {
            participant_id: id.value().to_owned(),
            organisation: self.name.clone(),
            dns_names: self.host.clone(),
            not_before: -300,
            not_after: TEST_CERTIFICATE_SECONDS,
        };
        let key = new_key(self.key.into())?;
        let request = certificate_request(&key, &leaf)?;
        write_secret(&data.join("key.pem"), &key)?;
        pseudonyms::make(data, &ambient::system())?;
        wrapping_key::make(data, &ambient::system())?;
        let text = template::configuration(&self.plan()?);
        match &self.test_group {
            Some(directory) => join_test_group(directory, data, &request, &leaf)?,
            None => write(&data.join("certificate-request.pem"), &request)?,
        }
        // Last, so that a directory with a configuration is a whole one.
        write(&file, &text)?;
        if self.test_group.is_some() {
            configuration::Settings::load(data)?;
        }
        self.report(&id, data, printer);
        Ok(())
    }

    fn plan(&self) -> anyhow::Result<template::Plan> {
        let port = |step: u16| self.base_port.checked_add(step).context("the ports run past 65535");
        let directories = self
            .directory
            .iter()
            .map(|(id, address)| Ok(Directory { id: participant(id)?, manager_address: address.clone() }));
        let directories = directories.collect::<Result<Vec<_>, Problem>>()?;
        let mut hosts = self.resolve.clone();
        if self.test_group.is_some() {
            let others = directories.iter().filter_map(|directory| {
                url::Url::parse(&directory.manager_address).ok()?.host_str().map(str::to_owned)
            });
            let loopback = IpAddr::from([127, 0, 0, 1]);
            // RFC 6761 §6.2 keeps `test` free, so that every name in it may be this machine.
            hosts.push(("*.test".to_owned(), loopback));
            for host in self.host.iter().cloned().chain(others) {
                let known = host == "localhost"
                    || host.ends_with(".test")
                    || hosts.iter().any(|(name, _)| *name == host)
                    || host.parse::<IpAddr>().is_ok();
                if !known {
                    hosts.push((host, loopback));
                }
            }
        }
        let profile = self
            .profile
            .clone()
            .unwrap_or_else(|| if self.test_group.is_some() { "test" } else { "digikoppeling" }.to_owned());
        let authority = self.test_group.as_deref().map(std::path::absolute).transpose()?;
        Ok(template::Plan {
            profile,
            authority,
            host: self.host.first().cloned().unwrap_or_default(),
            outway: port(0)?,
            inway: port(1)?,
            manager: port(2)?,
            public: port(3)?,
            administration: port(4)?,
            directories,
            directory_role: self.directory_role,
            hosts,
        })
    }

    fn report(&self, id: &ParticipantId, data: &Path, printer: Printer) {
        let place = data.display();
        if printer.is_json() {
            return printer.json(&json!({
                "id": id,
                "directory": data,
                "configuration": data.join(configuration::FILE),
                "certificate": self.test_group.is_some().then(|| data.join("certificate.pem")),
                "certificate_request": self.test_group.is_none().then(|| data.join("certificate-request.pem")),
            }));
        }
        printer.say(
            &format!("Knooppunt van {id} gemaakt in {place}."),
            &format!("made the node of {id} in {place}"),
        );
        if self.test_group.is_some() {
            printer.say(
                &format!("Start het met `verbond --data {place} serve`."),
                &format!("start it with `verbond --data {place} serve`"),
            );
            return self.report_persons(data, printer);
        }
        printer.say(
            &format!(
                "Wat nu:\n  1. Stuur {place}/certificate-request.pem naar uw certificaatautoriteit.\n  \
                 2. Vul onder [group] in {place}/verbond.toml de groep in: id, trust_anchors, directories.\n  \
                 3. Zet het antwoord neer met `verbond --data {place} certificate install BESTAND`.\n  \
                 4. Laat `verbond --data {place} doctor` kijken, en start met `verbond --data {place} serve`."
            ),
            &format!(
                "what now:\n  1. send {place}/certificate-request.pem to your certificate authority\n  \
                 2. fill in the group under [group] in {place}/verbond.toml: id, trust_anchors, directories\n  \
                 3. put its answer in place with `verbond --data {place} certificate install FILE`\n  \
                 4. let `verbond --data {place} doctor` look, and start with `verbond --data {place} serve`"
            ),
        );
        self.report_persons(data, printer);
    }

    /// How the first people get keys of their own.
    fn report_persons(&self, data: &Path, printer: Printer) {
        let place = data.display();
        let host = self.host.first().map(String::as_str).unwrap_or_default();
        let address = format!("https://{host}:{}", self.base_port.saturating_add(4));
        printer.say(
            &format!(
                "De socket van het knooppunt is er voor technische handelingen. Meld, als het draait, de eerste bronhouder \
                 en tekenbevoegde aan:\n  \
                 verbond --data {place} person add s-voorbeeld --display-name \"S. Voorbeeld\" --role steward\n  \
                 verbond --data {place} person add t-voorbeeld --display-name \"T. Voorbeeld\" --role signatory\n\
                 Ieder maakt op de eigen machine een sleutel, en gebruikt de code die hierboven verschijnt:\n  \
                 verbond person key --out sleutel\n  \
                 verbond --node {address} --node-anchors ANKERS --client-certificate sleutel/certificate.pem \
                 --client-key sleutel/key.pem person enrol --code CODE"
            ),
            &format!(
                "the node's socket is for technical acts. When it runs, add the first steward and signatory:\n  \
                 verbond --data {place} person add s-voorbeeld --display-name \"S. Voorbeeld\" --role steward\n  \
                 verbond --data {place} person add t-voorbeeld --display-name \"T. Voorbeeld\" --role signatory\n\
                 each makes a key on their own machine, and uses the code that this prints:\n  \
                 verbond person key --out my-key\n  \
                 verbond --node {address} --node-anchors ANCHORS --client-certificate my-key/certificate.pem \
                 --client-key my-key/key.pem person enrol --code CODE"
            ),
        );
    }
}

fn join_test_group(authority: &Path, data: &Path, request: &str, leaf: &LeafRequest) -> anyhow::Result<()> {
    let authority = TestAuthority::open_or_create(authority, None, &ambient::system())?;
    write(&data.join("certificate.pem"), &authority.issue(request, leaf)?)?;
    write(&data.join("trust-anchors.pem"), &authority.root_pem()?)?;
    authority.write_revocation_lists(TEST_LIST_SECONDS)?;
    Ok(())
}

fn exists(file: &Path) -> Problem {
    let file = file.display();
    Problem::new(
        "NODE_EXISTS",
        409,
        format!("Er staat al een knooppunt: {file}"),
        format!("there is a node already: {file}"),
    )
    .next(
        "Noem met `--data` een andere map; er is niets gewijzigd.",
        "name another directory with `--data`; nothing has been changed",
    )
}

pub use files::{make_directory, make_secret, replace, write, write_secret};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_identifier_is_an_oin() {
        assert_eq!(
            participant("00000099000000010000").ok().map(|id| id.to_string()).as_deref(),
            Some("oin:00000099000000010000")
        );
        assert_eq!(participant("eori:NL1").ok().map(|id| id.to_string()).as_deref(), Some("eori:NL1"));
        assert!(participant("bsn:1").is_err());
    }
}

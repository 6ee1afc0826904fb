//! `verbond certificate …`

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use clap::{Args, Subcommand};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};
use verbond_domain::Problem;
use verbond_trust::{
    FileSigner, Identity,
    authority::{LeafRequest, TestAuthority, certificate_request},
    read_chain,
};

use super::{Client, show};
use crate::{
    ambient,
    configuration::Settings,
    init::{TEST_CERTIFICATE_SECONDS, replace},
    node::identity,
    printer::Printer,
};

/// The node's certificate.
#[derive(Debug, Subcommand)]
pub enum Certificate {
    /// Show the certificate in use.
    Show,
    /// Ask for a new certificate with the same key.
    #[command(
        after_help = "Example; in a test group it is issued and in use at once, in a real group a request is made for\n\
        your certificate authority:\n  verbond certificate renew"
    )]
    Renew {
        /// The test authority that issues it; found by itself when its revocation lists are configured.
        #[arg(long, value_name = "DIR")]
        test_group: Option<PathBuf>,
    },
    /// Put a new certificate in use, after judging it as others will.
    #[command(after_help = "Example; no connection is dropped, and running contracts are signed again:\n  \
        verbond certificate install from-my-authority.pem")]
    Install(Install),
}

/// The new certificate.
#[derive(Debug, Args)]
pub struct Install {
    /// The chain, PEM, leaf first.
    #[arg(value_name = "FILE")]
    chain: PathBuf,
}

impl Certificate {
    /// Does it.
    pub async fn run(self, data: &Path, client: &Client, printer: Printer) -> anyhow::Result<()> {
        match self {
            Self::Show => {
                let node = client.get("/v1/node").await?;
                show::one(printer, node.get("certificate").unwrap_or(&Value::Null));
                Ok(())
            }
            Self::Renew { test_group } => {
                let settings = Settings::load(data)?;
                let files = &settings.configuration.identity;
                let key = read(&settings.path(&files.key))?;
                let (request, leaf) = request(&settings, &key)?;
                match test_group.or_else(|| test_authority(&settings)) {
                    Some(directory) => {
                        let chain = issue(&directory, &request, &leaf)?;
                        install(&settings, &chain, None, client, printer).await
                    }
                    None => announce_request(&settings, &request, "certificate install", printer),
                }
            }
            Self::Install(Install { chain }) => {
                let settings = Settings::load(data)?;
                install(&settings, &read(&chain)?, None, client, printer).await
            }
        }
    }
}

/// A request that says what the present certificate says.
pub fn request(settings: &Settings, key: &str) -> anyhow::Result<(String, LeafRequest)> {
    identity::finish_switch(settings)?;
    let present = identity::load(settings)?.certificate;
    let leaf = LeafRequest {
        participant_id: present.participant.value().to_owned(),
        organisation: present.organisation.clone(),
        dns_names: present.dns_names.clone(),
        not_before: -300,
        not_after: TEST_CERTIFICATE_SECONDS,
    };
    Ok((certificate_request(key, &leaf)?, leaf))
}

/// The test authority whose revocation lists the configuration names, with its key beside them.
pub fn test_authority(settings: &Settings) -> Option<PathBuf> {
    let directories = settings.profile.revocation.lists.iter().filter_map(|list| Path::new(list).parent());
    let mut authorities = directories.filter(|directory| directory.join("intermediate-key.pem").is_file());
    authorities.next().map(Path::to_path_buf)
}

/// Has the test authority in this directory issue a certificate.
pub fn issue(directory: &Path, request: &str, leaf: &LeafRequest) -> anyhow::Result<String> {
    if !directory.join("root.pem").exists() {
        anyhow::bail!("{} is not the directory of a test authority", directory.display());
    }
    Ok(TestAuthority::open_or_create(directory, None, &ambient::system())?.issue(request, leaf)?)
}

/// Writes the request down and says what to do with it.
pub fn announce_request(
    settings: &Settings,
    request: &str,
    then: &str,
    printer: Printer,
) -> anyhow::Result<()> {
    let path = settings.directory.join("certificate-request.pem");
    replace(&path, request, 0o644)?;
    if printer.is_json() {
        printer.json(&json!({ "certificate_request": path }));
        return Ok(());
    }
    let path = path.display();
    printer.say(
        &format!("Stuur {path} naar uw certificaatautoriteit, en dan: `verbond {then} BESTAND`"),
        &format!("send {path} to your certificate authority, and then: `verbond {then} FILE`"),
    );
    Ok(())
}

/// Judges the new certificate, puts the old one aside, the new one in place, and tells a running node.
pub async fn install(
    settings: &Settings,
    chain: &str,
    key: Option<&str>,
    client: &Client,
    printer: Printer,
) -> anyhow::Result<()> {
    let files = &settings.configuration.identity;
    let (certificate_path, key_path) = (settings.path(&files.certificate), settings.path(&files.key));
    let key_text = match key {
        Some(key) => key.to_owned(),
        None => read(&key_path)?,
    };
    judge(settings, chain, &key_text)?;
    if certificate_path.exists() {
        put_aside(settings, &certificate_path)?;
    }
    if let Some(key) = key {
        // From the next line on until the certificate is in its place, a start finishes what this begins.
        replace(&identity::pending_certificate(settings), chain, 0o644)?;
        put_key(settings, key)?;
        identity::take_place(&identity::pending_certificate(settings), &certificate_path)?;
    } else {
        replace(&certificate_path, chain, 0o644)?;
    }
    match client.post("/v1/reload", &json!({})).await {
        Ok(answer) => {
            identity::forget_previous_key(settings);
            show::one(printer, &answer);
        }
        Err(error) if is_silent(&error) => printer.say(
            "Het certificaat staat klaar; het knooppunt draait niet en neemt het bij de start in gebruik.",
            "the certificate is in place; the node does not run and will use it when it starts",
        ),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Puts the new key in its place, and keeps the old one until the new one is in use.
fn put_key(settings: &Settings, key: &str) -> anyhow::Result<()> {
    let path = settings.path(&settings.configuration.identity.key);
    if let Ok(old) = std::fs::read_to_string(&path)
        && old != key
    {
        replace(&identity::previous_key(settings), &old, 0o600)?;
    }
    replace(&path, key, 0o600)
}

fn judge(settings: &Settings, chain: &str, key: &str) -> anyhow::Result<()> {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|_| anyhow::anyhow!("the new certificate is not PEM"))?;
    let signer = Arc::new(FileSigner::from_pem(key.as_bytes())?);
    let new = Identity::new(chain, signer, &settings.profile.identity_rules())?;
    identity::fit(&new, &*identity::trust(settings)?, &ambient::system())
        .map_err(|refusal| identity::not_fit(&refusal))?;
    Ok(())
}

fn put_aside(settings: &Settings, certificate: &Path) -> anyhow::Result<()> {
    let chain = read_chain(certificate)?;
    let leaf = chain.first().context("the present certificate is empty")?;
    let name = verbond_trust::CertificateThumbprint::of(leaf);
    let directory = settings.directory.join(identity::EARLIER);
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    replace(&directory.join(format!("{name}.pem")), &read(certificate)?, 0o644)
}

fn is_silent(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Problem>().is_some_and(|problem| problem.code == "NODE_SILENT")
}

/// Reads a text file, and names it when that fails.
pub fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use verbond_trust::authority::{KeyKind, new_key};

    use super::*;
    use crate::{cli::Arguments, printer::Language};

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[tokio::test]
    async fn a_switch_of_key_and_certificate_that_breaks_off_anywhere_leaves_a_node_that_starts() -> Outcome {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        let (node, authority) = (path("node").display().to_string(), path("ca").display().to_string());
        let id = "00000099000000010000";
        let arguments = ["--test-group", &authority, "--id", id, "--name", "Gemeente", "--host", "a.test"];
        let arguments = ["verbond", "--data", &node, "init"].into_iter().chain(arguments);
        Arguments::try_parse_from(arguments)?.run(Printer::new(true, Language::English)).await?;
        let settings = Settings::load(&path("node"))?;
        let old = identity::load(&settings)?.certificate.public_key_thumbprint;
        let in_use = || {
            identity::finish_switch(&settings)?;
            identity::load(&settings).map(|identity| identity.certificate.public_key_thumbprint)
        };

        let key = new_key(KeyKind::P256)?;
        let (request, leaf) = request(&settings, &key)?;
        let chain = issue(&path("ca"), &request, &leaf)?;
        replace(&identity::pending_certificate(&settings), &chain, 0o644)?;
        assert_eq!(in_use()?, old, "the old pair stands until the key is replaced");
        put_key(&settings, &key)?;
        assert!(identity::load(&settings).is_err(), "the pair in place does not match now");
        assert!(
            identity::previous_key(&settings).exists(),
            "the old key is gone before the new one is in use"
        );
        assert_ne!(in_use()?, old);
        assert!(!identity::finish_switch(&settings)?, "finished twice");
        identity::forget_previous_key(&settings);
        assert!(!identity::previous_key(&settings).exists());
        Ok(())
    }
}

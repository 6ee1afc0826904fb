//! `verbond key …`

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};
use verbond_domain::Problem;
use verbond_trust::{
    FileSigner, PublicKeyThumbprint, Signer,
    authority::{KeyKind, new_key},
};

use super::{
    Client,
    certificate::{announce_request, install, issue, read, request, test_authority},
};
use crate::{client::segment, configuration::Settings, init::write_secret, printer::Printer};

const DAY_SECONDS: i64 = 86_400;

/// The node's key.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Replace the key. Contracts that name the old key get replacements, accepted before anything is switched.
    #[command(
        after_help = "Can be run again until everybody has accepted; the new key waits in key-next.pem.\n\n\
        In a test group, at once:\n  verbond key roll\n\n\
        In a real group, twice: first a new key and a request, then with the authority's answer:\n  \
        verbond key roll\n  verbond key roll --certificate from-my-authority.pem"
    )]
    Roll {
        /// The test authority that issues the certificate; found by itself when its revocation lists are configured.
        #[arg(long, value_name = "DIR", conflicts_with = "certificate")]
        test_group: Option<PathBuf>,
        /// The authority's answer to the request of an earlier `key roll`.
        #[arg(long, value_name = "FILE")]
        certificate: Option<PathBuf>,
        /// Seconds to wait for others to accept the replacements.
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        wait: u64,
        /// Switch although replacements have not been accepted: what rests on them stops working.
        #[arg(long)]
        now: bool,
    },
}

impl Key {
    /// Does it.
    pub async fn run(self, data: &Path, client: &Client, printer: Printer) -> anyhow::Result<()> {
        let Self::Roll { test_group, certificate, wait, now } = self;
        let settings = Settings::load(data)?;
        let next = settings.directory.join("key-next.pem");
        if !next.exists() {
            if certificate.is_some() {
                return Err(no_next_key().into());
            }
            write_secret(&next, &new_key(KeyKind::P256)?)?;
        }
        let key = read(&next)?;

        // First what others must agree to, while the old key still does its work.
        let replacements = propose(&key, client).await?;
        let waiting = accepted(&replacements, Duration::from_secs(wait), client, printer).await?;
        if !waiting.is_empty() && !now {
            return Err(not_accepted(&waiting).into());
        }

        // Then the certificate, and the switch.
        let chain = match (certificate, test_group.or_else(|| test_authority(&settings))) {
            (Some(chain), _) => read(&chain)?,
            (None, Some(authority)) => {
                let (request, leaf) = request(&settings, &key)?;
                issue(&authority, &request, &leaf)?
            }
            (None, None) => {
                let (request, _) = request(&settings, &key)?;
                return announce_request(&settings, &request, "key roll --certificate", printer);
            }
        };
        install(&settings, &chain, Some(&key), client, printer).await?;
        std::fs::remove_file(&next).with_context(|| format!("cannot remove {}", next.display()))?;
        if !replacements.is_empty() && !printer.is_json() {
            printer.say(
                "De contracten op de oude sleutel lopen nog; trek ze in als niets ze meer gebruikt (`verbond contract list`).",
                "contracts on the old key still run; revoke them when nothing uses them any more (`verbond contract list`)",
            );
        }
        Ok(())
    }
}

/// Proposes a replacement for every running contract in which this node's outway is known by the key in use.
async fn propose(key: &str, client: &Client) -> anyhow::Result<Vec<String>> {
    let new = PublicKeyThumbprint::of(FileSigner::from_pem(key.as_bytes())?.public_key()).to_string();
    let node = client.get("/v1/node").await?;
    let text =
        |value: &Value, at: &str| value.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (own, old) = (text(&node, "/id"), text(&node, "/certificate/public_key_thumbprint"));
    let contracts = client.list("/v1/contracts", &[("state", "valid".to_owned())], usize::MAX).await?;
    let mut replacements = Vec::new();
    for contract in contracts.get("items").and_then(Value::as_array).into_iter().flatten() {
        for grant in contract.get("grants").and_then(Value::as_array).into_iter().flatten() {
            let ours = text(grant, "/grant_type") == "GRANT_TYPE_SERVICE_CONNECTION"
                && text(grant, "/counterpart") == own
                && text(grant, "/outway_identification/public_key_thumbprint") == old;
            if !ours {
                continue;
            }
            let proposal = json!({
                "provider": grant.get("provider"),
                "service": grant.get("service"),
                "properties": grant.get("properties"),
                "days": remaining_days(contract),
                "public_key_thumbprint": new,
            });
            let proposed = client.post("/v1/contracts", &proposal).await?;
            replacements.push(text(&proposed, "/hash"));
        }
    }
    Ok(replacements)
}

/// Days until the contract ends, rounded up.
fn remaining_days(contract: &Value) -> i64 {
    let seconds = contract.get("remaining_seconds").and_then(Value::as_i64).unwrap_or_default();
    seconds.div_euclid(DAY_SECONDS).saturating_add(1)
}

/// Waits until the contracts are in force; returns those that are not.
async fn accepted(
    hashes: &[String],
    wait: Duration,
    client: &Client,
    printer: Printer,
) -> anyhow::Result<Vec<String>> {
    let mut waiting = hashes.to_vec();
    for second in 0..=wait.as_secs() {
        let mut still = Vec::new();
        for hash in waiting {
            let contract = client.get(&format!("/v1/contracts/{}", segment(&hash))).await?;
            if contract.get("state").and_then(Value::as_str) != Some("valid") {
                still.push(hash);
            }
        }
        waiting = still;
        if waiting.is_empty() || second == wait.as_secs() {
            break;
        }
        printer.progress(&format!("waiting until others accept {} contract(s) ({second} s)", waiting.len()));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    printer.progress("");
    Ok(waiting)
}

fn not_accepted(waiting: &[String]) -> Problem {
    let (count, hashes) = (waiting.len(), waiting.join(" "));
    Problem::new(
        "REPLACEMENTS_NOT_ACCEPTED",
        409,
        format!("{count} vervangende contracten zijn nog niet geaccepteerd; de oude sleutel blijft in gebruik: {hashes}"),
        format!("{count} replacement contracts have not been accepted yet; the old key stays in use: {hashes}"),
    )
    .next(
        "Doe `verbond key roll` nog eens als de anderen hebben geaccepteerd, of met `--now` om niet te wachten.",
        "run `verbond key roll` again when the others have accepted, or with `--now` not to wait",
    )
}

fn no_next_key() -> Problem {
    Problem::new(
        "NO_NEXT_KEY",
        400,
        "Er is geen nieuwe sleutel waar dit certificaat bij kan horen.",
        "there is no new key to which this certificate could belong",
    )
    .next(
        "Begin met `verbond key roll` zonder `--certificate`.",
        "begin with `verbond key roll` without `--certificate`",
    )
}

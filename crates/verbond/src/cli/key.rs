//! `verbond key …`

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use verbond_domain::Problem;
use verbond_trust::{
    FileSigner, PublicKeyThumbprint, Signer,
    authority::{KeyKind, new_key},
};

use super::{
    Client,
    certificate::{announce_request, install, issue, read, request, test_authority},
    contract, show,
};
use crate::{
    ambient, client::segment, configuration::Settings, init::write_secret, node::pseudonyms, printer::Printer,
};

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
    Roll(Roll),
    /// Add a key for the pseudonyms by which questions about a person are counted. Periods that have begun keep theirs.
    #[command(
        after_help = "Counts in periods that begin an hour from now or later. Where processes of the node run on several \
        machines, copy pseudonym-keys.json to all of them at once: until then those without it count nothing, and refuse."
    )]
    Pseudonyms,
    /// Show the contracts on former keys that nothing needs any more, and revoke them.
    #[command(
        after_help = "Only contracts whose every grant stands in another contract in force under the key in use.\n\
        Example, after `key roll`, when every process of the node uses the new key:\n  \
        verbond key retire\n  verbond key retire --revoke"
    )]
    Retire {
        /// Revoke them; exchanges that still run under them are broken off.
        #[arg(long)]
        revoke: bool,
    },
}

/// How the key is replaced.
#[derive(Debug, Args)]
pub struct Roll {
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
}

impl Key {
    /// Does it.
    pub async fn run(self, data: &Path, client: &Client, printer: Printer) -> anyhow::Result<()> {
        match self {
            Self::Roll(roll) => roll.run(data, client, printer).await,
            Self::Pseudonyms => {
                let ambient = ambient::system();
                let from = ambient.now().plus_seconds(pseudonyms::NOTICE_SECONDS);
                pseudonyms::add(&Settings::load(data)?.directory, from, &ambient)?;
                let from = ambient::rfc_3339(from);
                printer.say(
                    &format!("Er is een sleutel bij; perioden die vanaf {from} beginnen gebruiken die."),
                    &format!("a key has been added; periods that begin from {from} on use it"),
                );
                Ok(())
            }
            Self::Retire { revoke } => retire(revoke, client, printer).await,
        }
    }
}

impl Roll {
    async fn run(self, data: &Path, client: &Client, printer: Printer) -> anyhow::Result<()> {
        let Self { test_group, certificate, wait, now } = self;
        let settings = Settings::load(data)?;
        let next = settings.directory.join("key-next.pem");
        if !next.exists() {
            if certificate.is_some() {
                return Err(no_next_key().into());
            }
            write_secret(&next, &new_key(KeyKind::P256)?)?;
        }
        let key = read(&next)?;
        let new = PublicKeyThumbprint::of(FileSigner::from_pem(key.as_bytes())?.public_key()).to_string();

        // First what others must agree to, while the old key still does its work.
        let replacements = propose(&new, client).await?;
        let authority = test_group.or_else(|| test_authority(&settings));
        if certificate.is_none() && authority.is_none() {
            let (request, _) = request(&settings, &key)?;
            announce_request(&settings, &request, "key roll --certificate", printer)?;
            tell_waiting(&replacements, printer);
            return Ok(());
        }
        let mut waiting = accepted(&replacements, Duration::from_secs(wait), client, printer).await?;
        if waiting.is_empty() {
            // Contracts that came into force meanwhile need a replacement as well.
            waiting = propose(&new, client).await?.into_iter().filter(Replacement::waits).collect();
        }
        if !waiting.is_empty() && !now {
            return Err(not_accepted(&waiting).into());
        }

        // Then the certificate, and the switch.
        let chain = match (certificate, authority) {
            (Some(chain), _) => read(&chain)?,
            (None, Some(authority)) => {
                let (request, leaf) = request(&settings, &key)?;
                issue(&authority, &request, &leaf)?
            }
            (None, None) => return Err(no_next_key().into()),
        };
        install(&settings, &chain, Some(&key), client, printer).await?;
        std::fs::remove_file(&next).with_context(|| format!("cannot remove {}", next.display()))?;
        if !replacements.is_empty() && !printer.is_json() {
            printer.say(
                "De contracten op de oude sleutel lopen nog; `verbond key retire` toont welke niets meer nodig heeft.",
                "contracts on the old key still run; `verbond key retire` shows which of them nothing needs any more",
            );
        }
        Ok(())
    }
}

/// A contract for the new key.
struct Replacement {
    hash: String,
    state: String,
}

impl Replacement {
    fn read(contract: &Value) -> Self {
        let text = |name| contract.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { hash: text("hash"), state: text("state") }
    }

    fn waits(&self) -> bool {
        self.state != "valid"
    }

    /// Whether somebody has refused or ended it, so that waiting does not help.
    fn is_refused(&self) -> bool {
        matches!(self.state.as_str(), "rejected" | "revoked" | "expired")
    }
}

/// Has the node propose a replacement for every running contract in which its outway is known by the key in use.
async fn propose(new: &str, client: &Client) -> anyhow::Result<Vec<Replacement>> {
    let answer = client.post("/v1/key-replacements", &json!({ "public_key_thumbprint": new })).await?;
    let items = answer.get("items").and_then(Value::as_array).into_iter().flatten();
    Ok(items.filter_map(|item| item.get("contract")).map(Replacement::read).collect())
}

/// Waits until the contracts are in force; returns those that are not.
async fn accepted(
    replacements: &[Replacement],
    wait: Duration,
    client: &Client,
    printer: Printer,
) -> anyhow::Result<Vec<Replacement>> {
    let hashes = |of: &[Replacement]| of.iter().map(|it| it.hash.clone()).collect::<Vec<_>>();
    let mut waiting = hashes(replacements);
    for second in 0..=wait.as_secs() {
        let mut still = Vec::new();
        for hash in waiting {
            let contract = client.get(&format!("/v1/contracts/{}", segment(&hash))).await?;
            still.extend(Some(Replacement::read(&contract)).filter(Replacement::waits));
        }
        if second == wait.as_secs() || still.iter().all(Replacement::is_refused) {
            printer.progress("");
            return Ok(still);
        }
        waiting = hashes(&still);
        printer.progress(&format!("waiting until others accept {} contract(s) ({second} s)", waiting.len()));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(Vec::new())
}

fn tell_waiting(replacements: &[Replacement], printer: Printer) {
    let count = replacements.iter().filter(|it| it.waits()).count();
    if count > 0 && !printer.is_json() {
        printer.say(
            &format!("{count} vervangende contracten wachten op anderen (`verbond contract list --state proposed`)."),
            &format!("{count} replacement contracts wait for others (`verbond contract list --state proposed`)"),
        );
    }
}

/// Shows, or revokes, the contracts on former keys whose replacements are in force.
async fn retire(revoke: bool, client: &Client, printer: Printer) -> anyhow::Result<()> {
    let mut answer = match revoke {
        true => client.post("/v1/superseded-contracts/revocations", &json!({})).await?,
        false => client.get("/v1/superseded-contracts").await?,
    };
    for item in answer.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
        let hashes = item.get("replaced_by").and_then(Value::as_array).into_iter().flatten();
        let short: Vec<String> = hashes.filter_map(Value::as_str).map(contract::short).collect();
        let own = item.pointer("/contract/hash").and_then(Value::as_str).map(contract::short);
        if let (Some(item), false) = (item.as_object_mut(), printer.is_json()) {
            item.insert("replaced_by".to_owned(), short.into());
            item.insert("short".to_owned(), own.into());
        }
    }
    let columns = [
        ("CONTRACT", "/short"),
        ("STATE", "/contract/state"),
        ("SERVICE", "/contract/grants/0/reference"),
        ("REPLACED BY", "/replaced_by"),
    ];
    let none = (
        "Er loopt geen contract op een vroegere sleutel waarvan de vervanging geldt.",
        "no contract runs on a former key whose replacement is in force",
    );
    let found = answer.get("items").and_then(Value::as_array).is_some_and(|items| !items.is_empty());
    show::list(printer, &answer, &columns, none);
    if found && !revoke && !printer.is_json() {
        printer.say(
            "Trek ze in met `verbond key retire --revoke`; uitwisselingen die er nog onder lopen, breken af.",
            "revoke them with `verbond key retire --revoke`; exchanges that still run under them are broken off",
        );
    }
    Ok(())
}

fn not_accepted(waiting: &[Replacement]) -> Problem {
    let count = waiting.len();
    let hashes = waiting.iter().map(|it| format!("{} ({})", it.hash, it.state)).collect::<Vec<_>>().join(" ");
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

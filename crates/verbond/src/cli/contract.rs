//! `verbond contract …`

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};
use verbond_domain::Problem;

use super::{
    contract_sheet,
    peer::{optional_participant, participant, service_reference},
    show,
};
use crate::client::{Client, segment};
use crate::printer::Printer;

/// Contracts with other participants.
#[derive(Debug, Subcommand)]
pub enum Contract {
    /// All contracts, the newest first.
    #[command(after_help = "Example, what waits for a signature:\n  verbond contract list --state proposed")]
    List {
        /// Only contracts in this state.
        #[arg(long, value_enum)]
        state: Option<State>,
        /// Only contracts that name this participant.
        #[arg(long, value_name = "PEER")]
        peer: Option<String>,
        /// Only the contract with a grant of this hash, as tokens and records name it.
        #[arg(long, value_name = "HASH")]
        grant: Option<String>,
    },
    /// One contract: grants, signatures, what the acceptance policy said of it.
    Show {
        /// Its hash, or enough of the beginning of it; `$1$1$` may be left out.
        #[arg(allow_hyphen_values = true)]
        hash: String,
    },
    /// Propose a contract for the use of a service; if one stands, that is the answer.
    #[command(after_help = "Examples:\n  \
        verbond contract propose 00000099000000020000/trees --days 90\n  \
        verbond contract propose 00000099000000020000/trees --on-behalf-of 00000099000000030000")]
    Propose(Propose),
    /// Sign a contract.
    Accept(Signed),
    /// Refuse a contract that has been proposed.
    Reject(Signed),
    /// End a contract.
    Revoke(Signed),
}

/// Which service, and how this node's outway is recognised.
#[derive(Debug, Args)]
pub struct Propose {
    /// The service: `PEER/SERVICE`, as `verbond service find` shows it.
    #[arg(value_name = "PEER/SERVICE")]
    service: String,
    /// For how long.
    #[arg(long, default_value_t = 365)]
    days: u32,
    /// Recognise the outway by this host name of its certificate instead of by its key.
    #[arg(long, value_name = "NAME")]
    domain_name: Option<String>,
    /// Use it on behalf of this participant, who must accept too.
    #[arg(long, value_name = "ID")]
    on_behalf_of: Option<String>,
    /// The provider offers it on behalf of this participant, as `verbond service find` says, who must accept too.
    #[arg(long, value_name = "ID")]
    offered_for: Option<String>,
    /// A property of the grant; may be given more than once.
    #[arg(long = "property", value_name = "NAME=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,
}

fn property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Which contract.
#[derive(Debug, Args)]
pub struct Signed {
    /// Its hash, or enough of the beginning of it; `$1$1$` may be left out.
    #[arg(allow_hyphen_values = true)]
    hash: String,
}

/// Where a contract stands.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum State {
    /// Someone has yet to accept.
    Proposed,
    /// All have accepted; it begins later.
    NotYetValid,
    /// In force.
    Valid,
    /// Someone has refused.
    Rejected,
    /// Someone has ended it.
    Revoked,
    /// It has ended.
    Expired,
}

impl Contract {
    /// Does it.
    pub async fn run(self, client: &Client, printer: Printer) -> anyhow::Result<()> {
        match self {
            Self::List { state, peer, grant } => {
                let state = state.and_then(|state| state.to_possible_value());
                let state = state.map(|state| state.get_name().to_owned()).unwrap_or_default();
                let peer = match peer {
                    Some(peer) => participant(&peer, client).await?.to_string(),
                    None => String::new(),
                };
                let asked = [("state", state), ("peerId", peer), ("grantHash", grant.unwrap_or_default())];
                let mut answer = client.list("/v1/contracts", &asked, usize::MAX).await?;
                if !printer.is_json() {
                    shorten(&mut answer);
                }
                let columns = [
                    ("CONTRACT", "/short"),
                    ("STATE", "/state"),
                    ("KIND", "/kind"),
                    ("SERVICE", "/grants/0/reference"),
                    ("CONSUMER OR DIRECTORY", "/grants/0/counterpart"),
                    ("UNTIL", "/not_after"),
                    ("WAITS FOR", "/waits_for"),
                ];
                show::list(printer, &answer, &columns, ("Geen contracten.", "no contracts"));
            }
            Self::Show { hash } => {
                let hash = whole(&hash, client).await?;
                contract_sheet::print(
                    printer,
                    &client.get(&format!("/v1/contracts/{}", segment(&hash))).await?,
                );
            }
            Self::Propose(propose) => {
                let service = service_reference(&propose.service, client).await?;
                let properties: Map<String, Value> =
                    propose.properties.into_iter().map(|(name, value)| (name, value.into())).collect();
                let proposal = json!({
                    "provider": service.provider,
                    "service": service.name,
                    "days": propose.days,
                    "domain_name": propose.domain_name,
                    "delegator": optional_participant(propose.on_behalf_of.as_deref(), client).await?,
                    "service_delegator": optional_participant(propose.offered_for.as_deref(), client).await?,
                    "properties": (!properties.is_empty()).then_some(properties),
                });
                contract_sheet::print(printer, &client.post("/v1/contracts", &proposal).await?);
            }
            Self::Accept(signed) => sign(&signed, "accept", client, printer).await?,
            Self::Reject(signed) => sign(&signed, "reject", client, printer).await?,
            Self::Revoke(signed) => sign(&signed, "revoke", client, printer).await?,
        }
        Ok(())
    }
}

async fn sign(signed: &Signed, verb: &str, client: &Client, printer: Printer) -> anyhow::Result<()> {
    let hash = whole(&signed.hash, client).await?;
    let answer = client.post(&format!("/v1/contracts/{}/{verb}", segment(&hash)), &json!({})).await?;
    contract_sheet::print(printer, &answer);
    Ok(())
}

/// The beginning of a hash that people can read, write, and paste in a shell (no `$`).
fn shorten(answer: &mut Value) {
    for item in answer.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
        let short = item.get("hash").and_then(Value::as_str).map(short).unwrap_or_default();
        let kind = item.pointer("/grants/0/grant_type").and_then(Value::as_str);
        let kind = kind.map(|kind| kind.trim_start_matches("GRANT_TYPE_").replace('_', " ").to_lowercase());
        if let Some(item) = item.as_object_mut() {
            item.insert("short".to_owned(), short.into());
            if let Some(kind) = kind {
                item.insert("kind".to_owned(), kind.into());
            }
        }
    }
}

/// Enough of a hash to know it by.
pub fn short(hash: &str) -> String {
    digest_of(hash).chars().take(12).collect()
}

/// The digest without its hyphens in front: one hash in 64 begins with a hyphen, which a command line
/// would read as an option.
fn digest_of(hash: &str) -> &str {
    hash.rsplit('$').next().unwrap_or(hash).trim_start_matches('-')
}

/// The whole hash of the one contract that begins so.
async fn whole(beginning: &str, client: &Client) -> anyhow::Result<String> {
    // A shell has eaten the dollar signs of an unquoted hash, or left them in: the digest decides.
    let wanted = digest_of(beginning.trim());
    if wanted.len() >= 80 && beginning.trim().starts_with("$1$") {
        return Ok(beginning.trim().to_owned());
    }
    let answer = client.list("/v1/contracts", &[], usize::MAX).await?;
    let items = answer.get("items").and_then(Value::as_array).into_iter().flatten();
    let hashes = items.filter_map(|item| item.get("hash").and_then(Value::as_str));
    let mut found = hashes.filter(|hash| !wanted.is_empty() && digest_of(hash).starts_with(wanted));
    match (found.next(), found.next()) {
        (Some(hash), None) => Ok(hash.to_owned()),
        (None, _) => Err(Problem::new(
            "CONTRACT_UNKNOWN",
            404,
            format!("Geen contract begint met `{wanted}`."),
            format!("no contract begins with `{wanted}`"),
        )
        .next("Bekijk `verbond contract list`.", "see `verbond contract list`")
        .into()),
        (Some(_), Some(_)) => Err(Problem::new(
            "CONTRACT_AMBIGUOUS",
            400,
            format!("Meer dan één contract begint met `{wanted}`."),
            format!("more than one contract begins with `{wanted}`"),
        )
        .next("Schrijf meer tekens.", "write more characters")
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn the_short_form_is_the_beginning_of_the_digest() {
        let mut answer = json!({ "items": [{ "hash": "$1$1$abcdefghijklmnop" }] });
        shorten(&mut answer);
        assert_eq!(answer.pointer("/items/0/short"), Some(&Value::from("abcdefghijkl")));
    }

    #[test]
    fn a_hash_that_begins_with_a_hyphen_can_be_typed() {
        assert_eq!(short("$1$1$--mcdefghijklmnop"), "mcdefghijklm");
        for typed in ["-mcdef", "$1$1$-mcdef", "mcdef"] {
            let asked = Typed::try_parse_from(["contract", "revoke", typed]);
            let Ok(Typed { contract: Contract::Revoke(signed) }) = asked else { panic!("{asked:?}") };
            assert_eq!(digest_of(&signed.hash), "mcdef");
        }
    }

    #[derive(Debug, clap::Parser)]
    struct Typed {
        #[command(subcommand)]
        contract: Contract,
    }
}

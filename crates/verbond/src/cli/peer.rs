//! `verbond peer …`, and how other verbs read the name of a participant.

use clap::Subcommand;
use serde_json::{Value, json};
use verbond_domain::{ParticipantId, ServiceReference};

use super::show;
use crate::client::{Client, segment};
use crate::printer::Printer;

/// Other participants.
#[derive(Debug, Subcommand)]
pub enum Peer {
    /// The participants that this node has met.
    List {
        /// Part of the name.
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
    },
    /// One participant.
    #[command(after_help = "Example:\n  verbond peer show 00000099000000020000")]
    Show {
        /// Its identifier; the scheme may be left out.
        id: String,
    },
    /// Record that a participant runs another program than Verbond, also when it has answered as a node of Verbond before. A
    /// steward does. What is agreed with it then comes into force when it accepts the contract on the wire.
    #[command(
        after_help = "Example:\n  verbond peer foreign 00000099000000020000 --reason \"moved to another product, ticket 4711\" \\\n    \
        --client-certificate s-voorbeeld/certificate.pem --client-key s-voorbeeld/key.pem \\\n    \
        --node https://localhost:7447 --node-anchors node/trust-anchors.pem"
    )]
    Foreign {
        /// Its identifier; the scheme may be left out.
        id: String,
        /// It takes no properties into a contract, so that what it accepts names no agreement: then a document that it signed
        /// elsewhere must stand in the agreement, and `verbond agreement bind` names the contract.
        #[arg(long)]
        without_properties: bool,
        /// Why; stands in the journal.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Tell the group's directories where this node is.
    Announce,
}

impl Peer {
    /// Does it.
    pub async fn run(self, client: &Client, printer: Printer) -> anyhow::Result<()> {
        match self {
            Self::List { name } => {
                let answer =
                    client.list("/v1/peers", &[("name", name.unwrap_or_default())], usize::MAX).await?;
                let columns = [
                    ("ID", "/id"),
                    ("NAME", "/name"),
                    ("MANAGER", "/manager_address"),
                    ("SEEN", "/seen_at"),
                    ("GRANT HASHES", "/hash_reading"),
                    ("INTERFACE", "/interface"),
                ];
                show::list(
                    printer,
                    &answer,
                    &columns,
                    (
                        "Nog niemand ontmoet. Meld u met `verbond peer announce`.",
                        "nobody met yet; announce yourself with `verbond peer announce`",
                    ),
                );
            }
            Self::Show { id } => {
                let id = participant(&id, client).await?;
                show::one(printer, &client.get(&format!("/v1/peers/{}", segment(&id.to_string()))).await?);
            }
            Self::Foreign { id, without_properties, reason } => {
                let id = participant(&id, client).await?;
                let path = format!("/v1/peers/{}/foreign", segment(&id.to_string()));
                show::one(
                    printer,
                    &client
                        .post(&path, &json!({ "without_properties": without_properties, "reason": reason }))
                        .await?,
                );
            }
            Self::Announce => {
                let answer = client.post("/v1/announcements", &json!({})).await?;
                let columns = [("ON ITS WAY TO", "/to")];
                show::list(
                    printer,
                    &answer,
                    &columns,
                    (
                        "Er is niemand aan wie het nog moet worden gezegd.",
                        "there is nobody who still has to be told",
                    ),
                );
            }
        }
        Ok(())
    }
}

/// Reads `oin:0000…` or the bare value; a bare one gets the scheme of the node's own identifier.
pub async fn participant(text: &str, client: &Client) -> anyhow::Result<ParticipantId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let node = client.get("/v1/node").await?;
    let own: ParticipantId = serde_json::from_value(node.get("id").cloned().unwrap_or(Value::Null))?;
    Ok(ParticipantId::new(own.scheme(), text)?)
}

/// The same of a participant that need not be named.
pub async fn optional_participant(
    text: Option<&str>,
    client: &Client,
) -> anyhow::Result<Option<ParticipantId>> {
    match text {
        Some(text) => participant(text, client).await.map(Some),
        None => Ok(None),
    }
}

/// Reads `PEER/SERVICE`.
pub async fn service_reference(text: &str, client: &Client) -> anyhow::Result<ServiceReference> {
    let Some((provider, name)) = text.rsplit_once('/') else {
        anyhow::bail!("`{text}` is not PEER/SERVICE, such as 00000099000000020000/trees");
    };
    Ok(ServiceReference { provider: participant(provider, client).await?, name: name.parse()? })
}

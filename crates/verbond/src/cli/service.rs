//! `verbond service …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use verbond_domain::ServiceName;

use super::{contract_sheet, peer::optional_participant, register::read_json, show};
use crate::client::{Client, segment};
use crate::printer::Printer;

/// Data services.
#[derive(Debug, Subcommand)]
pub enum Service {
    /// Offer a service, or change it.
    #[command(after_help = "Example, for a source that anybody may read:\n  \
        verbond service add trees --upstream http://127.0.0.1:8080/api --class open \\\n    \
        --steward \"J. de Vries\" --reason \"public register of trees, no personal data\"")]
    Add(Add),
    /// The services that this node offers.
    List,
    /// One service.
    Show {
        /// Its name.
        name: ServiceName,
    },
    /// Decide whether a service is open whose answers were seen to speak of people, as another than who declared it open. Until
    /// then, and when it is not, it answers under agreements only.
    #[command(after_help = "Example:\n  verbond task list\n  \
        verbond service decide trees --class open --steward \"A. Voorbeeld\" --reason \"birthday of a tree\"")]
    Decide {
        /// Its name.
        name: ServiceName,
        #[command(flatten)]
        declaration: Declaration,
    },
    /// No longer offer a service.
    Remove {
        /// Its name.
        name: ServiceName,
    },
    /// Have the group's directory list a service, so that others can find it.
    #[command(after_help = "Example:\n  verbond service publish trees --days 365")]
    Publish {
        /// Its name.
        name: ServiceName,
        /// The directory; needed only if the group has several.
        #[arg(long, value_name = "ID")]
        directory: Option<String>,
        /// Offer it on behalf of this participant, who must accept too.
        #[arg(long, value_name = "ID")]
        on_behalf_of: Option<String>,
        /// For how long.
        #[arg(long, default_value_t = 365)]
        days: u32,
    },
    /// Ask the group's directory which services there are.
    #[command(after_help = "Example:\n  verbond service find --name income")]
    Find {
        /// Part of the service's name.
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// Only services of this participant.
        #[arg(long, value_name = "ID")]
        peer: Option<String>,
    },
}

/// What is asked of a service.
#[derive(Debug, Args)]
pub struct Add {
    /// Name under which others will know it: letters, digits, `-`, `.`, `_`.
    name: ServiceName,
    /// Base URL of the source behind it.
    #[arg(long, value_name = "URL")]
    upstream: String,
    #[command(flatten)]
    declaration: Declaration,
    /// Protocol between the other's outway and this node's inway.
    #[arg(long, value_enum, default_value = "http1")]
    protocol: Protocol,
    /// An answer of the source, as JSON: a service whose sample is about people is not taken as open. Kept nowhere.
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
}

/// A class with who answers for it.
#[derive(Debug, Args)]
pub struct Declaration {
    /// `open`: holds no personal or confidential data. `governed`: answers only under an agreement.
    #[arg(long, value_enum)]
    pub class: Class,
    /// Name of the steward who answers for the class; visible to others.
    #[arg(long, value_name = "NAME")]
    pub steward: String,
    /// Why; visible to others.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// Whether a service answers without an agreement.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Class {
    /// Holds no personal or confidential data.
    Open,
    /// Answers only under an agreement.
    Governed,
}

impl Class {
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Governed => "governed",
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Protocol {
    Http1,
    Http2,
}

impl Service {
    /// Does it.
    pub async fn run(self, client: &Client, printer: Printer) -> anyhow::Result<()> {
        match self {
            Self::Add(add) => {
                let protocol = match add.protocol {
                    Protocol::Http1 => "http1",
                    Protocol::Http2 => "http2",
                };
                let sample = add.sample.as_deref().map(read_json).transpose()?;
                let draft = json!({
                    "sample": sample,
                    "upstream": add.upstream,
                    "protocol": protocol,
                    "class": add.declaration.class.as_str(),
                    "steward": add.declaration.steward,
                    "reason": add.declaration.reason,
                });
                let answer = client.put(&format!("/v1/services/{}", add.name), &draft).await?;
                if printer.is_json() {
                    printer.json(&answer);
                    return Ok(());
                }
                printer.say(
                    &format!("Dienst `{}` staat klaar.", add.name),
                    &format!("service `{}` is in place", add.name),
                );
                match add.declaration.class {
                    Class::Open => printer.say(
                        &format!("Laat anderen haar vinden met `verbond service publish {}`.", add.name),
                        &format!("let others find it with `verbond service publish {}`", add.name),
                    ),
                    Class::Governed => printer.say(
                        "Zij weigert alles tot er een gegevensafspraak van kracht is.",
                        "it refuses everything until an agreement is in force",
                    ),
                }
            }
            Self::List => {
                let answer = client.list("/v1/services", &[], usize::MAX).await?;
                let columns = [
                    ("NAME", "/name"),
                    ("CLASS", "/declaration/class"),
                    ("STEWARD", "/declaration/steward"),
                    ("PROTOCOL", "/protocol"),
                    ("UPSTREAM", "/upstream"),
                ];
                show::list(
                    printer,
                    &answer,
                    &columns,
                    (
                        "Nog geen diensten. Voeg er een toe met `verbond service add --help`.",
                        "no services yet; add one, see `verbond service add --help`",
                    ),
                );
            }
            Self::Show { name } => show::one(printer, &client.get(&format!("/v1/services/{name}")).await?),
            Self::Decide { name, declaration } => {
                let class = declaration.class.as_str();
                let body =
                    json!({ "class": class, "steward": declaration.steward, "reason": declaration.reason });
                let answer = client.post(&format!("/v1/services/{name}/class-decision"), &body).await?;
                match printer.is_json() {
                    true => printer.json(&answer),
                    false => done(
                        printer,
                        &format!("`{name}` is `{class}`; dat is besloten"),
                        &format!("`{name}` is `{class}`; that is decided"),
                    ),
                }
            }
            Self::Remove { name } => {
                client.delete(&format!("/v1/services/{name}")).await?;
                done(printer, &format!("dienst `{name}` verwijderd"), &format!("service `{name}` removed"));
            }
            Self::Publish { name, directory, on_behalf_of, days } => {
                let path = format!("/v1/services/{}/publications", segment(name.as_str()));
                let delegator = optional_participant(on_behalf_of.as_deref(), client).await?;
                let publication = json!({ "directory": directory, "delegator": delegator, "days": days });
                contract_sheet::print(printer, &client.post(&path, &publication).await?);
            }
            Self::Find { name, peer } => {
                let parameters =
                    [("serviceName", name.unwrap_or_default()), ("peerId", peer.unwrap_or_default())];
                let answer = client.find("/v1/directory-services", &parameters).await?;
                let columns = [
                    ("SERVICE", "/reference"),
                    ("PROVIDER", "/provider_name"),
                    ("PROTOCOL", "/protocol"),
                    ("DELEGATOR", "/delegator"),
                ];
                show::list(
                    printer,
                    &answer,
                    &columns,
                    (
                        "De directory noemt geen dienst die daarbij past.",
                        "the directory lists no such service",
                    ),
                );
            }
        }
        Ok(())
    }
}

/// Says that it is done, or answers an empty object when JSON was asked.
pub fn done(printer: Printer, nl: &str, en: &str) {
    if printer.is_json() {
        printer.json(&json!({}));
    } else {
        printer.say(nl, en);
    }
}

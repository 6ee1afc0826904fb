//! `verbond application …`

use std::path::PathBuf;

use anyhow::Context;
use aws_lc_rs::digest::{SHA256, digest};
use clap::{Args, Subcommand, ValueEnum};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};
use verbond_domain::{Alias, ApplicationName};

use super::{
    Client,
    peer::service_reference,
    service::{Class, done},
    show,
};
use crate::printer::Printer;

/// The organisation's own applications.
#[derive(Debug, Subcommand)]
pub enum Application {
    /// Make an application known to the outway, or give it a new credential.
    #[command(after_help = "Examples:\n  verbond application add case-system --token\n  \
        verbond application add nightly-job --socket\n  \
        verbond application add portal --certificate portal.pem")]
    Add {
        /// Its name.
        name: ApplicationName,
        #[command(flatten)]
        credential: Credential,
    },
    /// All applications with what each may use.
    List,
    /// One application: its credential, what it may use, and who declared what about it.
    Show {
        /// Its name.
        name: ApplicationName,
    },
    /// Remove an application.
    Remove {
        /// Its name.
        name: ApplicationName,
    },
    /// Let an application use a service, under a name of your choice.
    #[command(after_help = "Example; the application then calls http://127.0.0.1:PORT/trees/…:\n  \
        verbond application allow case-system 00000099000000020000/trees --alias trees \\\n    \
        --class open --steward \"J. de Vries\" --reason \"public register, no personal data\"\n\
        One that writes its processing records itself:\n  \
        verbond application allow case-system 00000099000000020000/incomes --records application")]
    Allow(Allow),
    /// End an application's use of a service.
    Deny {
        /// The application.
        name: ApplicationName,
        /// The name of the service with this application.
        alias: Alias,
    },
}

/// How the application proves who it is.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Credential {
    /// By a Unix socket of its own, which the outway opens in its sockets directory.
    #[arg(long)]
    socket: bool,
    /// By a bearer token, printed once.
    #[arg(long)]
    token: bool,
    /// By this client certificate (PEM).
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
}

/// Which service, under which name, of which class.
#[derive(Debug, Args)]
pub struct Allow {
    /// The application.
    name: ApplicationName,
    /// The service: `PEER/SERVICE`, as `verbond service find` shows it.
    #[arg(value_name = "PEER/SERVICE")]
    service: String,
    /// Name of the service with this application; by default the service's own.
    #[arg(long)]
    alias: Option<Alias>,
    /// The class that your own steward declares; without one the service is governed.
    #[arg(long, value_enum, requires_all = ["steward", "reason"])]
    class: Option<Class>,
    /// Name of your steward who answers for the class.
    #[arg(long, value_name = "NAME", requires = "class")]
    steward: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT", requires = "class")]
    reason: Option<String>,
    /// Who writes the processing records of what is asked: the outway, or the application, which then hands them in at the outway
    /// (docs/logbook.md).
    #[arg(long, value_enum, default_value_t = Records::Outway)]
    records: Records,
}

/// Who writes processing records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Records {
    /// The outway, before it hands the answer on.
    Outway,
    /// The application.
    Application,
}

impl Records {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Outway => "outway",
            Self::Application => "application",
        }
    }
}

impl Application {
    /// Does it.
    pub async fn run(self, client: &Client, printer: Printer) -> anyhow::Result<()> {
        match self {
            Self::Add { name, credential } => add(&name, &credential, client, printer).await?,
            Self::List => list(client, printer).await?,
            Self::Show { name } => {
                let application = client.get(&format!("/v1/applications/{name}")).await?;
                let answer = match printer.is_json() {
                    true => {
                        printer.json(&application);
                        return Ok(());
                    }
                    false => json!({ "items": application.get("bindings") }),
                };
                let rows = [("application", "/name"), ("credential", "/credential/kind")]
                    .map(|(name, at)| vec![name.to_owned(), show::cell(application.pointer(at))]);
                printer.table(&["APPLICATION", ""], rows.to_vec());
                let columns = [
                    ("ALIAS", "/alias"),
                    ("SERVICE", "/reference"),
                    ("CLASS", "/declaration/class"),
                    ("RECORDS", "/records"),
                    ("STEWARD", "/declaration/steward"),
                    ("REASON", "/declaration/reason"),
                ];
                let none = ("Zij mag nog niets gebruiken.", "it may use nothing yet");
                show::list(printer, &answer, &columns, none);
            }
            Self::Remove { name } => {
                client.delete(&format!("/v1/applications/{name}")).await?;
                done(
                    printer,
                    &format!("applicatie `{name}` verwijderd"),
                    &format!("application `{name}` removed"),
                );
            }
            Self::Allow(allow) => permit(allow, client, printer).await?,
            Self::Deny { name, alias } => {
                client.delete(&format!("/v1/applications/{name}/bindings/{alias}")).await?;
                done(
                    printer,
                    &format!("`{name}` mag `{alias}` niet meer gebruiken"),
                    &format!("`{name}` may no longer use `{alias}`"),
                );
            }
        }
        Ok(())
    }
}

async fn add(
    name: &ApplicationName,
    credential: &Credential,
    client: &Client,
    printer: Printer,
) -> anyhow::Result<()> {
    let draft = match &credential.certificate {
        Some(path) => {
            let certificate = CertificateDer::from_pem_file(path)
                .with_context(|| format!("cannot read a certificate from {}", path.display()))?;
            let thumbprint: String =
                digest(&SHA256, &certificate).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "kind": "certificate", "thumbprint": thumbprint })
        }
        None if credential.token => json!({ "kind": "token" }),
        None => json!({ "kind": "socket" }),
    };
    let answer = client.put(&format!("/v1/applications/{name}"), &json!({ "credential": draft })).await?;
    if printer.is_json() {
        printer.json(&answer);
        return Ok(());
    }
    printer.say(&format!("Applicatie `{name}` staat klaar."), &format!("application `{name}` is in place"));
    if let Some(token) = answer.get("token").and_then(Value::as_str) {
        printer.say("Haar token, dat nergens anders bewaard is:", "its token, which is kept nowhere else:");
        printer.line(&format!("  {token}"));
    }
    if let Some(socket) = answer.get("socket").and_then(Value::as_str) {
        printer.say(&format!("Haar socket: {socket}"), &format!("its socket: {socket}"));
    }
    printer.say(
        &format!("Zeg wat zij mag gebruiken: `verbond application allow {name} PEER/SERVICE`"),
        &format!("say what it may use: `verbond application allow {name} PEER/SERVICE`"),
    );
    Ok(())
}

async fn list(client: &Client, printer: Printer) -> anyhow::Result<()> {
    let answer = client.list("/v1/applications", &[], usize::MAX).await?;
    if printer.is_json() {
        printer.json(&answer);
        return Ok(());
    }
    let mut rows = Vec::new();
    for application in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
        let who =
            [show::cell(application.pointer("/name")), show::cell(application.pointer("/credential/kind"))];
        let bindings =
            application.get("bindings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if bindings.is_empty() {
            let [name, kind] = who.clone();
            rows.push(vec![name, kind, "-".to_owned(), "-".to_owned(), "-".to_owned()]);
        }
        for binding in bindings {
            let [name, kind] = who.clone();
            let class = binding
                .pointer("/declaration/class")
                .map_or_else(|| "governed (undeclared)".to_owned(), |class| show::cell(Some(class)));
            rows.push(vec![
                name,
                kind,
                show::cell(binding.pointer("/alias")),
                show::cell(binding.pointer("/reference")),
                class,
            ]);
        }
    }
    if rows.is_empty() {
        printer.say(
            "Nog geen applicaties. Zie `verbond application add --help`.",
            "no applications yet; see `verbond application add --help`",
        );
    } else {
        printer.table(&["APPLICATION", "CREDENTIAL", "ALIAS", "SERVICE", "CLASS"], rows);
    }
    Ok(())
}

async fn permit(allow: Allow, client: &Client, printer: Printer) -> anyhow::Result<()> {
    let service = service_reference(&allow.service, client).await?;
    let alias = match allow.alias {
        Some(alias) => alias,
        None => service.name.as_str().parse()?,
    };
    let declaration = allow
        .class
        .map(|class| json!({ "class": class.as_str(), "steward": allow.steward, "reason": allow.reason }));
    let path = format!("/v1/applications/{}/bindings/{alias}", allow.name);
    let draft = json!({ "service": service, "declaration": declaration, "records": allow.records.as_str() });
    let answer = client.put(&path, &draft).await?;
    if printer.is_json() {
        printer.json(&answer);
        return Ok(());
    }
    printer.say(
        &format!("`{}` bereikt {service} als /{alias}/…", allow.name),
        &format!("`{}` reaches {service} as /{alias}/…", allow.name),
    );
    if allow.class.is_none() {
        printer.say(
            "Niemand heeft de dienst als open verklaard: zonder gegevensafspraak wordt alles geweigerd.",
            "nobody has declared the service open: without an agreement everything is refused",
        );
    }
    if allow.records == Records::Application {
        printer.say(
            "De applicatie legt haar verwerkingen zelf vast: op `/~records/<transactienummer>` van de outway.",
            "the application writes its processing records itself: at `/~records/<transaction id>` of the outway",
        );
    }
    Ok(())
}

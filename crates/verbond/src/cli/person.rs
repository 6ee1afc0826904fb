//! `verbond person …`

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use verbond_domain::{PersonName, PersonRole, Problem};
use verbond_trust::personal::{PersonalCertificate, new_credential};

use super::{Client, service::done, show};
use crate::{
    ambient,
    client::{Afar, segment},
    credential::{self, PersonKey},
    init,
    printer::Printer,
};

const DAY_SECONDS: i64 = 86_400;
/// What `person sign` signs: nothing that means something elsewhere.
const SIGNED_FILE: &str = "verbond-file";
/// Longest file that is signed.
const LONGEST_FILE: u64 = 64 * 1024 * 1024;

/// The people who act for the organisation, each with a key of their own.
#[derive(Debug, Subcommand)]
pub enum Person {
    /// Add a person; prints the code with which they enrol their key, once.
    #[command(
        after_help = "Roles: operator, steward, drafter, data-protection-officer (or fg), signatory, auditor.\n\
        Nobody is drafter and signatory at once; the data protection officer has no other role than auditor.\n\n\
        Example:\n  verbond person add s-voorbeeld --display-name \"S. Voorbeeld\" --role steward"
    )]
    Add(Add),
    /// Make a new code for a person: the code was lost or has expired, or they have a new key.
    Invite {
        /// The person.
        name: PersonName,
        /// Hours that the code holds.
        #[arg(long, default_value_t = 24)]
        hours: u32,
    },
    /// Make a key under a passphrase, with its certificate, on your own machine.
    #[command(after_help = "The passphrase is asked for, or read from `--passphrase-file`.\n\n\
        Example:\n  verbond person key --out my-key --name s-voorbeeld")]
    Key {
        /// Directory for key.pem and certificate.pem; never a node's data directory.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Your name at the node, to tell certificates apart.
        #[arg(long, default_value = "person")]
        name: PersonName,
        /// Days that the certificate is valid, and with it the key.
        #[arg(long, default_value_t = 365)]
        days: u16,
    },
    /// Enrol your key with a code; or, as operator, the certificate that a person has handed over.
    #[command(after_help = "With a code, from your own machine:\n  \
        verbond --node https://fsc.voorbeeld.nl:7444 --node-anchors anchors.pem \\\n    \
        --client-certificate my-key/certificate.pem --client-key my-key/key.pem person enrol --code vbe_…\n\n\
        As operator:\n  verbond person enrol s-voorbeeld --certificate certificate.pem")]
    Enrol(Enrol),
    /// The people who are known here.
    List,
    /// One person.
    Show {
        /// The person.
        name: PersonName,
    },
    /// Give a person other roles.
    Roles {
        /// The person.
        name: PersonName,
        /// All roles that they have from now on; may be given more than once.
        #[arg(long = "role", value_name = "ROLE", required = true, value_delimiter = ',')]
        roles: Vec<PersonRole>,
    },
    /// End what a person may do, at once.
    Disable {
        /// The person.
        name: PersonName,
    },
    /// Sign a file with your key; prints a detached JWS (RFC 7515 appendix F).
    #[command(after_help = "Example:\n  verbond person sign --key my-key/key.pem letter.pdf")]
    Sign {
        /// The file.
        file: PathBuf,
        /// Your key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
}

/// Who is to be added.
#[derive(Debug, Args)]
pub struct Add {
    /// Short stable name, such as `s-voorbeeld`.
    name: PersonName,
    /// As people call them.
    #[arg(long, value_name = "NAME")]
    display_name: String,
    /// What they act as; may be given more than once.
    #[arg(long = "role", value_name = "ROLE", required = true, value_delimiter = ',')]
    roles: Vec<PersonRole>,
    /// Hours that the code holds.
    #[arg(long, default_value_t = 24)]
    hours: u32,
}

/// Whose key, and by what.
#[derive(Debug, Args)]
pub struct Enrol {
    /// The person whose certificate was handed over.
    #[arg(requires = "certificate", required_unless_present = "code", conflicts_with = "code")]
    name: Option<PersonName>,
    /// The certificate that the person handed over (PEM).
    #[arg(long, value_name = "FILE", requires = "name")]
    certificate: Option<PathBuf>,
    /// The code that the operator gave you.
    #[arg(long)]
    code: Option<String>,
}

impl Person {
    /// Does it.
    pub async fn run(self, data: &Path, afar: &Afar, printer: Printer) -> anyhow::Result<()> {
        let client = || Client::new(data, afar, printer);
        let at = |name: &PersonName| format!("/v1/persons/{}", segment(name.as_str()));
        match self {
            Self::Add(Add { name, display_name, roles, hours }) => {
                let draft = json!({
                    "name": name, "display_name": display_name, "roles": roles, "hours": hours,
                });
                invited(&client()?.post("/v1/persons", &draft).await?, printer);
            }
            Self::Invite { name, hours } => {
                let answer =
                    client()?.post(&format!("{}/invitation", at(&name)), &json!({ "hours": hours })).await?;
                invited(&answer, printer);
            }
            Self::Key { out, name, days } => key(&out, &name, days, data, afar, printer)?,
            Self::Enrol(enrol) => {
                let answer = match (enrol.code, enrol.name, enrol.certificate) {
                    (Some(code), ..) if afar.node.is_some() => {
                        client()?.post("/v1/enrolments", &json!({ "code": code })).await?
                    }
                    (None, Some(name), Some(file)) => {
                        let certificate = std::fs::read_to_string(&file)
                            .with_context(|| format!("cannot read {}", file.display()))?;
                        let body = json!({ "certificate": certificate });
                        client()?.put(&format!("{}/certificate", at(&name)), &body).await?
                    }
                    _ => return Err(not_from_afar().into()),
                };
                shown(answer, printer);
            }
            Self::List => {
                let columns = [
                    ("NAME", "/name"),
                    ("DISPLAY NAME", "/display_name"),
                    ("ROLES", "/roles"),
                    ("STATE", "/state"),
                    ("KEY ENDS", "/key_ends_at"),
                ];
                let empty = (
                    "Nog geen personen. Voeg er een toe met `verbond person add --help`.",
                    "no persons yet; add one, see `verbond person add --help`",
                );
                show::list(printer, &client()?.list("/v1/persons", &[], usize::MAX).await?, &columns, empty);
            }
            Self::Show { name } => shown(client()?.get(&at(&name)).await?, printer),
            Self::Roles { name, roles } => {
                let answer =
                    client()?.put(&format!("{}/roles", at(&name)), &json!({ "roles": roles })).await?;
                shown(answer, printer);
            }
            Self::Disable { name } => {
                client()?.post(&format!("{}/disable", at(&name)), &json!({})).await?;
                done(
                    printer,
                    &format!("`{name}` mag niets meer"),
                    &format!("`{name}` may do nothing any more"),
                );
            }
            Self::Sign { file, key } => sign(&file, &key, afar, printer)?,
        }
        Ok(())
    }
}

/// One person; people do not read certificates, which take many lines.
fn shown(mut answer: Value, printer: Printer) {
    if let (false, Some(members)) = (printer.is_json(), answer.as_object_mut()) {
        members.remove("certificate");
    }
    show::one(printer, &answer);
}

fn invited(answer: &Value, printer: Printer) {
    if printer.is_json() {
        return printer.json(answer);
    }
    let text = |name: &str| show::cell(answer.get(name));
    let (name, until) = (text("name"), text("code_ends_at"));
    printer.say(
        &format!(
            "`{name}` is uitgenodigd. De code, die nergens anders bewaard is en tot {until} één keer werkt:"
        ),
        &format!(
            "`{name}` has been invited. The code, which is kept nowhere else and works once until {until}:"
        ),
    );
    printer.line(&format!("  {}", text("code")));
    printer.say(
        "Geef de code in persoon of over een ander kanaal. Op de eigen machine: `verbond person key --out MAP`, dan \
         `verbond --node … person enrol --code CODE`.",
        "hand the code over in person or by another channel. On their own machine: `verbond person key --out DIR`, then \
         `verbond --node … person enrol --code CODE`",
    );
}

fn key(
    out: &Path,
    name: &PersonName,
    days: u16,
    data: &Path,
    afar: &Afar,
    printer: Printer,
) -> anyhow::Result<()> {
    credential::refuse_data_directory(out, data)?;
    let (key, certificate) = (out.join("key.pem"), out.join("certificate.pem"));
    if key.exists() || certificate.exists() {
        return Err(key_exists(out).into());
    }
    let passphrase = credential::new_passphrase(afar.passphrase_file.as_deref())?;
    let seconds = i64::from(days.max(1)) * DAY_SECONDS;
    let made = new_credential(name.as_str(), seconds, &passphrase, &ambient::system())?;
    init::make_directory(out)?;
    init::write_secret(&key, &made.key_pem)?;
    init::write(&certificate, &made.certificate_pem)?;
    let thumbprint = PersonalCertificate::from_pem(&made.certificate_pem)?.key.to_string();
    if printer.is_json() {
        printer.json(&json!({ "key": key, "certificate": certificate, "key_thumbprint": thumbprint }));
        return Ok(());
    }
    printer.say(
        &format!("Sleutel en certificaat staan in {}. Vingerafdruk van de sleutel:", out.display()),
        &format!("key and certificate are in {}. Thumbprint of the key:", out.display()),
    );
    printer.line(&format!("  {thumbprint}"));
    printer.say(
        "Meld haar aan met `verbond --node … person enrol --code CODE`, of geef de beheerder certificate.pem.",
        "enrol it with `verbond --node … person enrol --code CODE`, or hand certificate.pem to the operator",
    );
    Ok(())
}

fn sign(file: &Path, key: &Path, afar: &Afar, printer: Printer) -> anyhow::Result<()> {
    let length = std::fs::metadata(file).with_context(|| format!("cannot look at {}", file.display()))?.len();
    anyhow::ensure!(length <= LONGEST_FILE, "{} is longer than 64 MiB", file.display());
    let payload = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let key = PersonKey::open(key, afar.passphrase_file.as_deref())?;
    let jws = credential::sign_detached(&key, SIGNED_FILE, &payload, ambient::system().now())?;
    match printer.is_json() {
        true => printer.json(&json!({ "jws": jws })),
        false => printer.line(&jws),
    }
    Ok(())
}

fn key_exists(out: &Path) -> Problem {
    let out = out.display();
    Problem::new(
        "KEY_EXISTS",
        409,
        format!("In {out} staat al een sleutel of certificaat."),
        format!("there is a key or certificate in {out} already"),
    )
    .next("Noem een andere map.", "name another directory")
}

fn not_from_afar() -> Problem {
    Problem::new(
        "ENROL_FROM_AFAR",
        400,
        "Een code gebruikt u over mutual TLS, zodat u toont dat u de sleutel heeft.",
        "a code is used over mutual TLS, so that you show that you have the key",
    )
    .next(
        "Voeg toe: `--node https://HOST:POORT --node-anchors BESTAND --client-certificate BESTAND --client-key BESTAND`.",
        "add `--node https://HOST:PORT --node-anchors FILE --client-certificate FILE --client-key FILE`",
    )
}

//! `verbond account …`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use verbond_domain::Problem;

use super::{Client, decision::Period, evidence, show};
use crate::{
    client::{segment, with_query},
    credential,
    printer::Printer,
};

/// What became of exchanges, and whether the other party says the same.
#[derive(Debug, Subcommand)]
pub enum Account {
    /// Compare the exchanges of a period with what the other party has written down of them.
    ///
    /// Both parties write down what crossed between them: how far an exchange came, its status, how many bytes, a digest of them,
    /// and which agreed elements. Named is what one party holds and the other does not, and what they do not tell alike. An
    /// exchange whose end was never written down (the power was cut) reads as unknown, which is no disagreement.
    #[command(after_help = "Ends with status 1 when the accounts disagree. Example, a whole month:\n  \
        verbond account reconcile oin:00000099000000020000 --after 2026-11-01T00:00:00Z --before 2026-12-01T00:00:00Z")]
    Reconcile {
        /// The other party.
        participant: String,
        /// Exchanges begun from this moment on, such as 2026-11-01T00:00:00Z.
        #[arg(long, value_name = "MOMENT")]
        after: String,
        /// Exchanges begun before this moment; without it, until now.
        #[arg(long, value_name = "MOMENT")]
        before: Option<String>,
    },
    /// What came of comparing, the newest first: what somebody asked for, and what the node does by itself (`[account]` in verbond.toml).
    #[command(after_help = "Where accounts disagree there is a task: `verbond task list`. Example:\n  \
        verbond account reconciliations --participant oin:00000099000000020000")]
    Reconciliations {
        /// Only with this participant.
        #[arg(long, value_name = "PARTICIPANT")]
        participant: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// One exchange on one page: permit or refusal, decision, agreement, processing and completion.
    #[command(
        after_help = "Asked as a person, with a key of your own (see `verbond person --help`). Example:\n  \
        verbond account exchange 0199… --with-counterpart"
    )]
    Exchange {
        /// The transaction.
        transaction: String,
        /// Beside it what the other party tells, asked for over the network and verified.
        #[arg(long)]
        with_counterpart: bool,
    },
    /// Exchanges of this organisation: permitted or refused, under which agreement, for what, and what became of them here.
    ///
    /// An exchange whose end was not written down has no completion: it was permitted, and whether it was delivered is not known.
    #[command(after_help = "Example, what was exchanged under one version of an agreement:\n  \
        verbond account exchanges --agreement 01932f5e-7c00-7000-8000-000000000001/2 --after 2026-11-01T00:00:00Z")]
    Exchanges {
        /// Only this one.
        #[arg(long, value_name = "ID")]
        transaction: Option<String>,
        /// Only under this agreement: its identifier, identifier/version, or the hash of a version.
        #[arg(long, value_name = "AGREEMENT")]
        agreement: Option<String>,
        /// Only for this version of an activity: the address at which it is published.
        #[arg(long, value_name = "URL")]
        activity: Option<String>,
        /// Only for this purpose.
        #[arg(long)]
        purpose: Option<String>,
        /// Only with this participant.
        #[arg(long, visible_alias = "peer", value_name = "PARTICIPANT")]
        counterpart: Option<String>,
        /// Only of a service with this name.
        #[arg(long)]
        service: Option<String>,
        #[command(flatten)]
        period: Period,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Processing records of this organisation: what was processed for which activity, and about whom, by pseudonym.
    ///
    /// They are those of Logboek Dataverwerkingen 1.0.0. An exchange about one person has one; about more, one of its own and one
    /// for each.
    #[command(after_help = "Example, one exchange:\n  verbond account records --transaction 0199…")]
    Records {
        /// Only of this exchange.
        #[arg(long, value_name = "ID")]
        transaction: Option<String>,
        /// Only of this version of an activity: the address at which it is published.
        #[arg(long, value_name = "URL")]
        activity: Option<String>,
        #[command(flatten)]
        period: Period,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// The journal, or one exchange, in a file that anybody can check without this program.
    ///
    /// `verbond verify` and `verbond-verify` check it; its form is published (docs/formats/evidence.md). The files of both parties can be
    /// checked together, or put one after the other in one file. It holds what was written down, by pseudonym: hand it to whoever may
    /// see that.
    #[command(
        after_help = "Asked as a person, with a key of your own: `--node`, `--client-certificate` and `--client-key` (see \
        `verbond person --help`).\nExamples, the whole journal, one exchange, and a month from both sides:\n  \
        verbond account evidence --out journal.jsonl\n  \
        verbond account evidence --transaction 0199… --with-counterpart --out exchange.jsonl\n  \
        verbond account evidence --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z \\\n    \
        --with-counterpart oin:00000099000000010000 --out november.jsonl"
    )]
    Evidence {
        /// Where it goes; an existing file stays as it is.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Only of this exchange, each entry with its proof.
        #[arg(long, value_name = "ID")]
        transaction: Option<String>,
        /// With it the half of the other party, asked for over the network and verified. When it is not to be had, the file says why.
        /// Of a period: with the halves of all exchanges with this participant.
        #[arg(long, value_name = "PARTICIPANT", num_args = 0..=1, default_missing_value = "")]
        with_counterpart: Option<String>,
        #[command(flatten)]
        period: Period,
    },
    /// Processing records about one person. The number is asked for, and stands in no log; that you looked is journalled.
    #[command(
        after_help = "Asked as a person, with a key of your own (see `verbond person --help`). Example:\n  \
        verbond account person --identifies national-number"
    )]
    Person {
        /// Which kind of number it is.
        #[arg(long, value_enum, default_value_t = Identifies::NationalNumber)]
        identifies: Identifies,
        /// A file with the number in its first line, that nobody else can read; without it, it is asked for.
        #[arg(long, value_name = "FILE")]
        number_file: Option<PathBuf>,
        #[command(flatten)]
        period: Period,
    },
}

/// By what somebody is known.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Identifies {
    /// A citizen service number, or another national number.
    NationalNumber,
    /// A number that one organisation gives.
    OrganisationNumber,
    /// A pseudonym bound to one party.
    Pseudonym,
}

impl Identifies {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NationalNumber => "national_number",
            Self::OrganisationNumber => "organisation_number",
            Self::Pseudonym => "pseudonym",
        }
    }
}

/// Columns of a table of exchanges.
const EXCHANGES: [(&str, &str); 10] = [
    ("TRANSACTION", "/transaction_id"),
    ("DIRECTION", "/direction"),
    ("COUNTERPART", "/counterpart"),
    ("SERVICE", "/service"),
    ("PERMITTED", "/permitted"),
    ("CODE", "/code"),
    ("AGREEMENT", "/agreement/id"),
    ("VERSION", "/agreement/version"),
    ("DELIVERY", "/completion/delivery"),
    ("RECORDS", "/records"),
];
/// Columns of a table of comparisons.
const RECONCILIATIONS: [(&str, &str); 8] = [
    ("PARTICIPANT", "/participant"),
    ("AT", "/at"),
    ("BY ITSELF", "/by_itself"),
    ("UNTIL", "/until"),
    ("COMPARED", "/compared"),
    ("SAME", "/same"),
    ("DISAGREES", "/disagrees"),
    ("FAILURE", "/failure"),
];
/// Columns of a table of processing records.
const RECORDS: [(&str, &str); 5] = [
    ("TRANSACTION", "/transaction_id"),
    ("NAME", "/record/name"),
    ("COUNTERPART", "/counterpart"),
    ("DATA SUBJECT", "/record/attributes/dpl.core.data_subject_id"),
    ("ACTIVITY", "/record/attributes/dpl.core.processing_activity_id"),
];

impl Account {
    /// Does it.
    pub async fn run(self, client: &Client, printer: Printer) -> anyhow::Result<ExitCode> {
        let none = ("Geen verwerkingen.", "no processing");
        match self {
            Self::Reconcile { participant, after, before } => {
                let path = format!("/v1/reconciliations/{}", segment(&participant));
                let period = json!({ "after": after, "before": before });
                let came = client.post_and_wait(&path, &period).await?;
                Ok(reconciled(&came, printer))
            }
            Self::Evidence { out, transaction, with_counterpart, period } => {
                let mut parameters = vec![("transactionId", transaction.unwrap_or_default())];
                let is_of_exchange = parameters.iter().any(|(_, transaction)| !transaction.is_empty());
                match with_counterpart.as_deref() {
                    None => {}
                    Some("") if is_of_exchange => parameters.push(("withCounterpart", "true".to_owned())),
                    Some(participant) if !participant.is_empty() && !is_of_exchange && period.is_given() => {
                        parameters.push(("counterpart", participant.to_owned()));
                    }
                    Some(_) => anyhow::bail!(
                        "`--with-counterpart` goes with `--transaction`; or, with the participant behind it, with a period: \
                        `--with-counterpart oin:… --from … --to …`"
                    ),
                }
                parameters.extend(period.parameters());
                let bytes = kept(client, &parameters, &out).await?;
                evidence::written(&out, bytes, with_counterpart.is_some(), printer).await
            }
            Self::Reconciliations { participant, limit } => {
                let parameters =
                    [("participant", participant.unwrap_or_default()), ("limit", limit.to_string())];
                let answer = client.get(&with_query("/v1/reconciliations", &parameters)).await?;
                show::list(
                    printer,
                    &answer,
                    &RECONCILIATIONS,
                    ("Nog niets vergeleken.", "nothing compared yet"),
                );
                Ok(ExitCode::SUCCESS)
            }
            Self::Exchange { transaction, with_counterpart } => {
                let parameters = [("withCounterpart", with_counterpart.to_string())];
                let path = format!("/v1/exchanges/{}", segment(&transaction));
                evidence::exchange(&client.get(&with_query(&path, &parameters)).await?, printer);
                Ok(ExitCode::SUCCESS)
            }
            Self::Exchanges {
                transaction,
                agreement,
                activity,
                purpose,
                counterpart,
                service,
                period,
                limit,
            } => {
                let mut parameters = vec![
                    ("transactionId", transaction.unwrap_or_default()),
                    ("agreement", agreement.unwrap_or_default()),
                    ("activity", activity.unwrap_or_default()),
                    ("purpose", purpose.unwrap_or_default()),
                    ("counterpart", counterpart.unwrap_or_default()),
                    ("service", service.unwrap_or_default()),
                ];
                parameters.extend(period.parameters());
                let answer = client.list("/v1/exchanges", &parameters, limit).await?;
                show::list(printer, &answer, &EXCHANGES, ("Geen uitwisselingen.", "no exchanges"));
                Ok(ExitCode::SUCCESS)
            }
            Self::Records { transaction, activity, period, limit } => {
                let mut parameters = vec![
                    ("transactionId", transaction.unwrap_or_default()),
                    ("activity", activity.unwrap_or_default()),
                ];
                parameters.extend(period.parameters());
                let answer = client.list("/v1/processing-records", &parameters, limit).await?;
                show::list(printer, &answer, &RECORDS, none);
                Ok(ExitCode::SUCCESS)
            }
            Self::Person { identifies, number_file, period } => {
                let asked = credential::secret_line("Number: ", number_file.as_deref());
                let identifier = match number_file {
                    Some(_) => asked?,
                    None => asked.map_err(|_| number_missing())?,
                };
                let [(_, after), (_, before)] = period.parameters();
                let asked = json!({
                    "identifies": identifies.as_str(), "identifier": identifier, "after": after, "before": before,
                });
                let answer = client.search("/v1/processing-records/search", &asked).await?;
                show::list(printer, &answer, &RECORDS, none);
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

fn reconciled(came: &Value, printer: Printer) -> ExitCode {
    let disagrees = came.get("disagrees").and_then(Value::as_bool).unwrap_or(true);
    if printer.is_json() {
        printer.json(came);
    } else {
        let findings = json!({ "items": came.get("findings") });
        let columns = [
            ("TRANSACTION", "/transaction_id"),
            ("DIRECTION", "/direction"),
            ("SERVICE", "/service"),
            ("FINDING", "/kind"),
            ("DIFFERS", "/members"),
        ];
        show::list(
            printer,
            &findings,
            &columns,
            ("Beide partijen vertellen hetzelfde.", "both parties tell the same"),
        );
        let number = |name: &str| came.get(name).and_then(Value::as_u64).unwrap_or_default();
        let (compared, same) = (number("compared"), number("same"));
        printer.say(
            &format!("{compared} uitwisselingen vergeleken, {same} hetzelfde"),
            &format!("{compared} exchanges compared, {same} the same"),
        );
    }
    if disagrees { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Writes evidence to a new file that others cannot read. What broke off does not stay.
async fn kept(client: &Client, parameters: &[(&str, String)], out: &Path) -> anyhow::Result<u64> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let file = options.open(out).await.with_context(|| format!("cannot make {}", out.display()))?;
    let mut file = tokio::io::BufWriter::new(file);
    let written = client.download("/v1/evidence", parameters, &mut file).await;
    if written.is_err() {
        let _ = tokio::fs::remove_file(out).await;
    }
    written
}

fn number_missing() -> Problem {
    Problem::new(
        "NUMBER_MISSING",
        400,
        "Er is geen terminal om het nummer te vragen.",
        "there is no terminal to ask for the number",
    )
    .next(
        "Geef een bestand waarvan de eerste regel het nummer is, en dat niemand anders kan lezen: `--number-file BESTAND`.",
        "give a file whose first line is the number, and that nobody else can read: `--number-file FILE`",
    )
}

//! `verbond account …`

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Client, show};
use crate::{client::segment, printer::Printer};

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
}

impl Account {
    /// Does it.
    pub async fn run(self, client: &Client, printer: Printer) -> anyhow::Result<ExitCode> {
        let Self::Reconcile { participant, after, before } = self;
        let path = format!("/v1/reconciliations/{}", segment(&participant));
        let came = client.post(&path, &json!({ "after": after, "before": before })).await?;
        Ok(reconciled(&came, printer))
    }
}

/// Kinds of findings that are no disagreement: it is only not known what became of the exchange.
const NOT_KNOWN: [&str; 2] = ["unknown_here", "unknown_there"];

fn reconciled(came: &Value, printer: Printer) -> ExitCode {
    let counts = came.get("counts").and_then(Value::as_object);
    let disagrees =
        counts.is_some_and(|counts| counts.keys().any(|kind| !NOT_KNOWN.contains(&kind.as_str())));
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

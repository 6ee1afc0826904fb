//! `verbond record …`

use clap::{Subcommand, ValueEnum};

use super::{Client, peer::participant, show};
use crate::printer::Printer;

/// What has been exchanged and what has been done.
#[derive(Debug, Subcommand)]
pub enum Record {
    /// Exchanges, permitted and refused, the newest first.
    #[command(after_help = "Example, both sides of one exchange:\n  \
        verbond record list --transaction 0199…\n  \
        verbond record list --transaction 0199… --peer-record 00000099000000020000")]
    List {
        /// Only this exchange.
        #[arg(long, value_name = "ID")]
        transaction: Option<String>,
        /// Only requests that came in, or went out.
        #[arg(long, value_enum)]
        direction: Option<Direction>,
        /// Only this service.
        #[arg(long, value_name = "NAME")]
        service: Option<String>,
        /// Ask this participant for its records of exchanges with us.
        #[arg(long, value_name = "PEER")]
        peer_record: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// The journal as it stands: every permit, refusal, processing, completion, witness and act, the newest first.
    #[command(after_help = "Example, who changed what:\n  verbond record journal --kind act")]
    Journal {
        /// Only entries of this kind.
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

/// Seen from this node.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Direction {
    /// The request came in.
    Incoming,
    /// The request went out.
    Outgoing,
}

/// Kind of entry.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Kind {
    /// A permitted exchange.
    Permit,
    /// A refused exchange.
    Refusal,
    /// Data of somebody whom an answer named was processed.
    Processing,
    /// What became of a permitted exchange.
    Completion,
    /// What was seen of a counterpart's journal.
    Witness,
    /// Something that somebody did.
    Act,
}

fn word<T: ValueEnum>(value: Option<T>) -> String {
    value
        .and_then(|value| value.to_possible_value())
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

impl Record {
    /// Does it.
    pub async fn run(self, client: &Client, printer: Printer) -> anyhow::Result<()> {
        match self {
            Self::List { transaction, direction, service, peer_record, limit } => {
                let mut parameters = vec![
                    ("transactionId", transaction.unwrap_or_default()),
                    ("direction", word(direction)),
                    ("serviceName", service.unwrap_or_default()),
                ];
                if let Some(peer) = peer_record {
                    parameters.push(("peerId", participant(&peer, client).await?.to_string()));
                }
                let answer = client.list("/v1/records", &parameters, limit).await?;
                let columns = [
                    ("AT", "/at"),
                    ("TRANSACTION", "/transaction_id"),
                    ("DIRECTION", "/direction"),
                    ("CONSUMER", "/consumer"),
                    ("PROVIDER", "/provider"),
                    ("SERVICE", "/service"),
                    ("APPLICATION", "/application"),
                    ("REFUSED", "/refusal"),
                ];
                show::list(printer, &answer, &columns, ("Nog niets uitgewisseld.", "nothing exchanged yet"));
            }
            Self::Journal { kind, limit } => {
                let answer = client.list("/v1/journal", &[("kind", word(kind))], limit).await?;
                let columns = [
                    ("AT", "/at"),
                    ("KIND", "/kind"),
                    ("AUTHOR", "/payload/author/kind"),
                    ("ACTION", "/payload/action"),
                    ("SUBJECT", "/payload/subject"),
                    ("TRANSACTION", "/payload/transaction_id"),
                ];
                show::list(printer, &answer, &columns, ("Het journaal is leeg.", "the journal is empty"));
            }
        }
        Ok(())
    }
}

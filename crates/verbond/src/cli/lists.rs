//! The public lists of several participants, gathered by anybody and laid side by side.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, str::FromStr, time::Duration};

use anyhow::bail;
use axum::http::{Method, Request, header};
use bytes::Bytes;
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};
use verbond_agreement::{DifferenceKind, ListDifference, ListsCompared, Shown, compare_lists};
use verbond_domain::ParticipantId;
use verbond_transport::{Client, ClientLimits, Hosts, Protocol, Target};

use crate::{client::segment, node::sources, printer::Printer};

/// Agreements of one page, and pages of one list at most: a hundred thousand in all.
const PAGE: usize = 200;
const MOST_PAGES: usize = 500;
/// Bytes of one page at most.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Time for one page.
const WITHIN: Duration = Duration::from_secs(30);
/// Ends with this when lists differ, and with this when one could not be gathered; the former goes first.
const DIFFER: u8 = 1;
const INCOMPLETE: u8 = 3;

/// Whose lists.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  verbond agreement lists oin:00000099000000010000=https://a.example \\\n    \
    oin:00000099000000020000=https://b.example oin:00000099000000030000=https://c.example\n\n\
    Ends with 0 when all lists were gathered and say the same, 1 when they differ, 3 when one could not be gathered. What was \
    signed, held up or ended just now may be on its way still: ask again after a minute."
)]
pub struct Lists {
    /// A participant and the address of its public listener (`public.address`).
    #[arg(required = true, value_name = "PARTICIPANT=ADDRESS", num_args = 1..)]
    of: Vec<Of>,
    /// Certificates of authorities (PEM) for `https`; otherwise the system's.
    #[arg(long, value_name = "FILE")]
    anchors: Option<PathBuf>,
}

#[derive(Clone, Debug)]
struct Of {
    participant: ParticipantId,
    address: String,
}

impl FromStr for Of {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (participant, address) = text
            .split_once('=')
            .ok_or("not PARTICIPANT=ADDRESS: oin:00000099000000010000=https://a.example")?;
        let participant = participant.parse().map_err(|error| format!("{error}"))?;
        Target::server(address, Protocol::Http1).map_err(|error| error.to_string())?;
        Ok(Self { participant, address: address.trim_end_matches('/').to_owned() })
    }
}

/// A page of a list.
#[derive(Deserialize)]
struct Page {
    items: Vec<Value>,
    #[serde(default)]
    next: Option<String>,
}

impl Lists {
    /// Gathers and compares.
    pub async fn run(self, printer: Printer) -> anyhow::Result<ExitCode> {
        let anchors = sources::read(self.anchors.map(|file| vec![file])).map_err(anyhow::Error::msg)?;
        let client = Client::servers(&anchors, Hosts::default(), ClientLimits::servers())?;
        let (mut lists, mut failures) = (BTreeMap::new(), BTreeMap::new());
        for Of { participant, address } in self.of {
            if lists.contains_key(&participant) || failures.contains_key(&participant) {
                bail!("{participant} is named twice");
            }
            printer.progress(&format!("reading the list of {participant} at {address}"));
            match gather(&client, &address).await {
                Ok(list) => drop(lists.insert(participant, list)),
                Err(reason) => drop(failures.insert(participant, reason)),
            }
        }
        printer.progress("");
        let compared = compare_lists(&lists);
        match printer.is_json() {
            true => printer.json(&json!({ "compared": compared, "failures": told(&failures) })),
            false => show(printer, &compared, &failures),
        }
        Ok(match (compared.differences.is_empty(), failures.is_empty()) {
            (false, _) => ExitCode::from(DIFFER),
            (true, false) => ExitCode::from(INCOMPLETE),
            (true, true) => ExitCode::SUCCESS,
        })
    }
}

/// A list that ends early would look as if what it leaves out were not shown: it is whole, or a failure.
async fn gather(client: &Client, address: &str) -> Result<Vec<Shown>, String> {
    let mut list = Vec::new();
    let mut cursor = None;
    for _ in 0..MOST_PAGES {
        let page = page(client, address, cursor.as_deref()).await?;
        if page.items.len() > PAGE {
            return Err(format!("it shows {} agreements where {PAGE} were asked for", page.items.len()));
        }
        for item in page.items {
            let place = list.len() + 1;
            list.push(
                Shown::read(item)
                    .map_err(|error| format!("agreement {place} of it cannot be read: {error}"))?,
            );
        }
        match page.next {
            Some(next) if Some(&next) == cursor.as_ref() => return Err("its pages do not end".to_owned()),
            Some(next) => cursor = Some(next),
            None => return Ok(list),
        }
    }
    Err(format!("it has more than {} agreements", PAGE * MOST_PAGES))
}

async fn page(client: &Client, address: &str, cursor: Option<&str>) -> Result<Page, String> {
    let after = cursor.map(|cursor| format!("&cursor={}", segment(cursor))).unwrap_or_default();
    let url = format!("{address}/v1/agreements?limit={PAGE}{after}");
    let target = Target::server(&url, Protocol::Http1).map_err(|error| error.to_string())?;
    let request = Request::builder()
        .method(Method::GET)
        .uri(&url)
        .header(header::ACCEPT, "application/json")
        .header(header::ACCEPT_ENCODING, "identity")
        .body(Bytes::new())
        .map_err(|error| error.to_string())?;
    let answer =
        client.call(&target, request, MOST_BYTES, WITHIN).await.map_err(|error| error.to_string())?;
    if !answer.status().is_success() {
        return Err(format!("it answered {}", answer.status().as_u16()));
    }
    serde_json::from_slice(answer.body())
        .map_err(|error| format!("what it answered is no page of a list: {error}"))
}

fn told(failures: &BTreeMap<ParticipantId, String>) -> Vec<Value> {
    let failures = failures.iter();
    failures.map(|(participant, reason)| json!({ "participant": participant, "reason": reason })).collect()
}

fn show(printer: Printer, compared: &ListsCompared, failures: &BTreeMap<ParticipantId, String>) {
    let lists = compared.lists.iter().map(|one| {
        let counts = [one.shown, one.in_force, one.withheld].map(|count| count.to_string());
        [vec![one.participant.to_string()], counts.to_vec(), vec!["gathered".to_owned()]].concat()
    });
    let failed = failures.iter().map(|(participant, reason)| {
        let blank = || "-".to_owned();
        vec![participant.to_string(), blank(), blank(), blank(), format!("not gathered: {reason}")]
    });
    let not_named = compared.not_gathered.iter().filter(|one| !failures.contains_key(&one.participant));
    let not_named = not_named.map(|one| {
        let blank = || "-".to_owned();
        let named = format!("not asked for; named in {} ({})", one.named_in, one.name);
        vec![one.participant.to_string(), blank(), blank(), blank(), named]
    });
    let header = ["LIST OF", "SHOWN", "IN FORCE", "WITHHELD", "HOW"];
    printer.table(&header, lists.chain(failed).chain(not_named).collect());
    printer.line("");
    if compared.differences.is_empty() {
        printer.say("De lijsten verschillen nergens.", "the lists differ in nothing");
    } else {
        let rows = compared.differences.iter().map(|one| {
            vec![
                one.agreement.to_string(),
                one.version.to_string(),
                one.shown_by.to_string(),
                one.other.to_string(),
                sentence(one),
            ]
        });
        printer.table(&["AGREEMENT", "VERSION", "SHOWN BY", "OTHER", "WHAT"], rows.collect());
    }
    if compared.meetings.is_empty() {
        return;
    }
    printer.line("");
    let rows = compared.meetings.iter().map(|one| {
        let joined =
            |words: &std::collections::BTreeSet<String>| Vec::from_iter(words.iter().cloned()).join(", ");
        let agreements: Vec<String> = one.agreements.iter().map(ToString::to_string).collect();
        vec![one.receiver.to_string(), joined(&one.services), joined(&one.purposes), agreements.join(", ")]
    });
    printer.table(&["MEET AT", "SERVICES", "PURPOSES", "AGREEMENTS"], rows.collect());
}

fn sentence(one: &ListDifference) -> String {
    match (one.kind, &one.member) {
        (DifferenceKind::NotShown, _) => "a party whose list does not show it".to_owned(),
        (DifferenceKind::NoParty, _) => "shown by one that is no party to it".to_owned(),
        (DifferenceKind::Twice, _) => "shown twice in one list".to_owned(),
        (DifferenceKind::Hash, _) => "two documents (hashes) under one version".to_owned(),
        (DifferenceKind::Told, member) => {
            format!("`{}` is told differently", member.as_deref().unwrap_or("something"))
        }
    }
}

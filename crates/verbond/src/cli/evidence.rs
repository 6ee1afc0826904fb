//! Evidence that has been written to a file, and one exchange on one page.

use std::{path::Path, process::ExitCode};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::show::cell;
use crate::printer::{Language, Printer};

/// Which halves of others a file of evidence has, and which it has not.
#[derive(Debug, Default)]
struct Halves {
    given: Vec<Value>,
    not_given: Vec<(String, String)>,
}

impl Halves {
    /// Line by line: evidence of a period may be long, and a page of halves is a section.
    async fn in_file(path: &Path) -> anyhow::Result<Self> {
        let mut halves = Self::default();
        let mut lines = BufReader::new(tokio::fs::File::open(path).await?).lines();
        while let Some(line) = lines.next_line().await? {
            // Nothing else of a line is looked at, and most are long.
            if !line.contains("\"for\"") && !line.contains("not_given") {
                continue;
            }
            let line: Value = serde_json::from_str(&line)?;
            let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            match line.get("type").and_then(Value::as_str) {
                Some("evidence") if line.get("for").is_some() => {
                    let participant = text("participant").into();
                    if !halves.given.contains(&participant) {
                        halves.given.push(participant);
                    }
                }
                Some("not_given") => halves.not_given.push((text("participant"), text("code"))),
                _ => {}
            }
        }
        Ok(halves)
    }
}

/// Says what was written, and which halves are not in it.
pub async fn written(
    out: &Path,
    bytes: u64,
    with_counterpart: bool,
    printer: Printer,
) -> anyhow::Result<ExitCode> {
    let halves = match with_counterpart {
        true => Halves::in_file(out).await?,
        false => Halves::default(),
    };
    if printer.is_json() {
        let not_given = halves
            .not_given
            .iter()
            .map(|(participant, code)| json!({ "participant": participant, "code": code }));
        let not_given: Vec<Value> = not_given.collect();
        printer.json(&json!({ "file": out, "bytes": bytes, "halves": halves.given, "not_given": not_given }));
        return Ok(ExitCode::SUCCESS);
    }
    printer.say(
        &format!("{} geschreven ({bytes} bytes). Controleer het met `verbond verify {0}`.", out.display()),
        &format!("{} written ({bytes} bytes); check it with `verbond verify {0}`", out.display()),
    );
    for participant in halves.given.iter().filter_map(Value::as_str) {
        printer.say(
            &format!("De helft van {participant} is gevraagd, gecontroleerd en toegevoegd."),
            &format!("the half of {participant} was asked for, verified and added"),
        );
    }
    for (participant, code) in halves.not_given {
        printer.say(
            &format!("De helft van {participant} is er niet bij ({code}); het bestand zegt dat ook."),
            &format!("the half of {participant} is not in it ({code}); the file says so too"),
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// What is shown of an exchange: in Dutch, in English, where it stands here, and where in what the other party tells.
const LINES: [(&str, &str, &str, &str); 18] = [
    ("uitwisseling", "exchange", "/transaction_id", "/other/told/transaction_id"),
    ("richting", "direction", "/direction", "/other/told/direction"),
    ("andere partij", "other party", "/counterpart", "/other/told/counterpart"),
    ("gegevensdienst", "service", "/service", "/other/told/service"),
    ("toegestaan", "permitted", "/permitted", "/other/told/permitted"),
    ("code van weigering", "code of refusal", "/code", "/other/told/code"),
    ("besluit", "decision", "/decision", "/other/told/decision"),
    ("gegevensafspraak", "agreement", "/agreement/id", "/other/told/agreement/id"),
    ("versie", "version", "/agreement/version", "/other/told/agreement/version"),
    ("doel", "purpose", "/purpose", ""),
    ("verwerkingsactiviteit", "processing activity", "/activity", ""),
    ("toepassing", "application", "/application", ""),
    ("aflevering", "delivery", "/completion/delivery", "/other/told/completion/delivery"),
    ("status", "status", "/completion/status", "/other/told/completion/status"),
    (
        "bytes van het antwoord",
        "bytes of the answer",
        "/completion/response/bytes",
        "/other/told/completion/response/bytes",
    ),
    (
        "digest van het antwoord",
        "digest of the answer",
        "/completion/response/digest",
        "/other/told/completion/response/digest",
    ),
    ("betrokkenen", "people", "/completion/people", "/other/told/completion/people"),
    ("niet verkregen", "not given", "", "/other/not_given"),
];

/// One exchange on one page, here and there.
pub fn exchange(answer: &Value, printer: Printer) {
    if printer.is_json() {
        return printer.json(answer);
    }
    for item in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
        let text = |at: &str| if at.is_empty() { "-".to_owned() } else { cell(item.pointer(at)) };
        let asked = item.get("other").is_some_and(Value::is_object);
        let chosen = |nl: &'static str, en: &'static str| match printer.language() {
            Language::Dutch => nl,
            Language::English => en,
        };
        let mut rows = Vec::new();
        for (nl, en, here, there) in LINES {
            let (here, there) = (text(here), text(there));
            if here != "-" || there != "-" {
                rows.push(vec![chosen(nl, en).to_owned(), here, there]);
            }
        }
        let header = [chosen("WAT", "WHAT"), chosen("HIER", "HERE"), chosen("DAAR", "THERE")];
        let shown = if asked { 3 } else { 2 };
        rows.iter_mut().for_each(|row| row.truncate(shown));
        printer.table(header.get(..shown).unwrap_or_default(), rows);
        let records = item.get("records").and_then(Value::as_array).map_or(0, Vec::len);
        printer.say(
            &format!("{records} verwerkingen vastgelegd (`verbond account records`)"),
            &format!("{records} processing records (`verbond account records`)"),
        );
        for finding in item.pointer("/other/findings").and_then(Value::as_array).into_iter().flatten() {
            let (kind, members) = (cell(finding.get("kind")), cell(finding.get("members")));
            printer.say(
                &format!("Beide partijen vertellen het niet hetzelfde: {kind} {members}"),
                &format!("both parties do not tell it alike: {kind} {members}"),
            );
        }
    }
}

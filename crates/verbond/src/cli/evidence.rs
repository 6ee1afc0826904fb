//! What is said of evidence that has been written to a file.

use std::{path::Path, process::ExitCode};

use serde_json::{Value, json};

use crate::printer::Printer;

/// Which halves of others a file of evidence has, and which it has not.
#[derive(Debug, Default)]
struct Halves {
    given: Vec<Value>,
    not_given: Vec<(String, String)>,
}

impl Halves {
    /// Evidence of one exchange is short.
    async fn in_file(path: &Path) -> anyhow::Result<Self> {
        let mut halves = Self::default();
        for line in tokio::fs::read_to_string(path).await?.lines() {
            let line: Value = serde_json::from_str(line)?;
            let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            match line.get("type").and_then(Value::as_str) {
                Some("evidence") if line.get("for").is_some() => halves.given.push(text("participant").into()),
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
        printer.json(
            &json!({ "file": out, "bytes": bytes, "halves": halves.given, "not_given": not_given }),
        );
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

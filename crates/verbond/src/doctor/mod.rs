//! `verbond doctor`: what is wrong, and how to mend it.

mod certificates;
mod database;
mod files;
mod network;
mod running;

pub use self::{certificates::usable as usable_credentials, network::held_by_counterparts};

use std::{path::Path, process::ExitCode};

use clap::Args;
use serde_json::json;
use verbond_domain::{Bilingual, Problem};

use crate::{
    client::Client,
    configuration::{FILE, Settings},
    printer::Printer,
};

/// Find out what is wrong, and how to mend it.
#[derive(Debug, Args)]
#[command(
    after_help = "Looks at the configuration, certificate and key, trust anchors, revocation lists, the clock, files and\n\
    their permissions, ports, the database, and whether directories, known participants, the organisation's own\n\
    decision point and logbook, and where the journal's tree is published can be reached.\n\
    Works whether the node runs or not. Exit status 1: something is broken; warnings alone: 0.\n\n\
    Example:\n  verbond --data a doctor"
)]
pub struct Doctor {
    /// Do not dial directories and other participants.
    #[arg(long)]
    offline: bool,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Well.
    Ok,
    /// It works, but not for long or not as it should.
    Warn,
    /// It does not work.
    Fail,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    check: String,
    status: Status,
    detail: Bilingual,
    mend: Bilingual,
}

impl Finding {
    /// All is well.
    pub fn ok(check: &str, nl: impl Into<String>, en: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, nl, en)
    }

    /// It works, but.
    pub fn warn(check: &str, nl: impl Into<String>, en: impl Into<String>) -> Self {
        Self::new(check, Status::Warn, nl, en)
    }

    /// It does not work.
    pub fn fail(check: &str, nl: impl Into<String>, en: impl Into<String>) -> Self {
        Self::new(check, Status::Fail, nl, en)
    }

    fn new(check: &str, status: Status, nl: impl Into<String>, en: impl Into<String>) -> Self {
        let check = check.to_owned();
        Self { check, status, detail: Bilingual::new(nl, en), mend: Bilingual::new("", "") }
    }

    /// How to mend it.
    pub fn mend(mut self, nl: impl Into<String>, en: impl Into<String>) -> Self {
        self.mend = Bilingual::new(nl, en);
        self
    }

    /// A problem that the node itself would meet.
    pub fn problem(check: &str, problem: Problem) -> Self {
        Self { check: check.to_owned(), status: Status::Fail, detail: problem.detail, mend: problem.next }
    }
}

impl Doctor {
    /// Looks at everything and tells.
    pub async fn run(self, data: &Path, printer: Printer) -> anyhow::Result<ExitCode> {
        let findings = self.look(data, printer).await;
        let worst = findings.iter().map(|finding| finding.status).max().unwrap_or(Status::Ok);
        if printer.is_json() {
            let lines = findings.iter().map(|finding| {
                json!({
                    "check": finding.check,
                    "status": finding.status.as_str(),
                    "detail": finding.detail.en,
                    "detail_nl": finding.detail.nl,
                    "mend": finding.mend.en,
                    "mend_nl": finding.mend.nl,
                })
            });
            printer.json(&json!({ "ok": worst != Status::Fail, "checks": lines.collect::<Vec<_>>() }));
        } else {
            for finding in &findings {
                let detail = printer.language().choose(&finding.detail);
                printer.line(&format!("{:4}  {:14}  {detail}", finding.status.as_str(), finding.check));
                let mend = printer.language().choose(&finding.mend);
                if !mend.is_empty() {
                    printer.line(&format!("{:22}-> {mend}", ""));
                }
            }
        }
        Ok(if worst == Status::Fail { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    async fn look(&self, data: &Path, printer: Printer) -> Vec<Finding> {
        let settings = match Settings::read(data) {
            Ok(settings) => settings,
            Err(problem) => return vec![Finding::problem("configuration", problem)],
        };
        let mut findings = vec![match settings.validate() {
            Ok(()) => {
                Finding::ok("configuration", format!("{FILE} is in orde"), format!("{FILE} is in order"))
            }
            Err(problem) => Finding::problem("configuration", problem),
        }];
        findings.extend(files::look(&settings));
        let (credentials, more) = certificates::look(&settings, self.offline).await;
        findings.extend(more);

        findings.extend(database::copies(&settings).await);
        let client = Client::at(settings.administration_socket(), printer);
        let node = client.get("/v1/node").await.ok();
        findings.extend(match &node {
            Some(node) => running::look(node, &client).await,
            None => network::idle(&settings).await,
        });
        if let (Some(credentials), false) = (credentials, self.offline) {
            let known = match &node {
                Some(_) => running::peers(&client).await,
                None => Vec::new(),
            };
            let own = credentials.identity.current().certificate.participant.clone();
            findings.extend(network::reach(&settings, credentials, known).await);
            findings.extend(network::decision_point(&settings, &own).await);
            findings.extend(network::logbook(&settings, &own).await);
            findings.extend(network::tiles(&settings).await);
        }
        findings
    }
}

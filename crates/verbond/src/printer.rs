//! The only place that writes to standard output and standard error.

use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table};
use serde_json::Value;
use verbond_domain::{Bilingual, Problem};

/// In which language problems are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Dutch.
    Dutch,
    /// English.
    English,
}

impl Language {
    /// The language that the environment asks for, by the usual order of its variables.
    pub fn from_environment() -> Self {
        let chosen = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(|value| !value.is_empty());
        if chosen.is_some_and(|value| value.starts_with("nl")) { Self::Dutch } else { Self::English }
    }

    /// The sentence in this language.
    pub fn choose(self, sentence: &Bilingual) -> &str {
        match self {
            Self::Dutch => &sentence.nl,
            Self::English => &sentence.en,
        }
    }
}

/// A problem as the command line tells it: from this program, or read from a node's answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {}", detail.en)]
pub struct Complaint {
    /// Stable code.
    pub code: String,
    /// What is the matter.
    pub detail: Bilingual,
    /// What to do about it.
    pub next: Bilingual,
}

impl From<Problem> for Complaint {
    fn from(problem: Problem) -> Self {
        Self { code: problem.code.to_owned(), detail: problem.detail, next: problem.next }
    }
}

impl Complaint {
    /// Reads RFC 9457 problem details, with or without our own members.
    pub fn from_json(body: &Value) -> Option<Self> {
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let both = |en: &str, nl: &str| {
            let english = text(en).unwrap_or_default();
            Bilingual::new(text(nl).unwrap_or(english), english)
        };
        let code = text("code").or_else(|| text("title"))?;
        Some(Self {
            code: code.to_owned(),
            detail: both("detail", "detail_nl"),
            next: both("next", "next_nl"),
        })
    }
}

/// Writes results to standard output, everything else to standard error.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    json: bool,
    language: Language,
}

impl Printer {
    /// `json`: results are JSON, not text.
    pub const fn new(json: bool, language: Language) -> Self {
        Self { json, language }
    }

    /// Whether results are to be JSON.
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// The language of sentences.
    pub const fn language(&self) -> Language {
        self.language
    }

    /// One sentence in the reader's language.
    pub fn say(&self, nl: &str, en: &str) {
        self.line(match self.language {
            Language::Dutch => nl,
            Language::English => en,
        });
    }

    /// A line of the result.
    #[expect(clippy::unused_self, reason = "output goes through a printer that somebody was given")]
    pub fn line(&self, text: &str) {
        // A reader that has gone away (`| head`) is no failure of ours.
        let _ = writeln!(std::io::stdout().lock(), "{text}");
        let _ = std::io::stdout().lock().flush();
    }

    /// A line beside the result: progress, advice.
    #[expect(clippy::unused_self, reason = "output goes through a printer that somebody was given")]
    pub fn aside(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// A line that says what is being waited for, shown to people only and overwritten by the next.
    #[expect(clippy::unused_self, reason = "output goes through a printer that somebody was given")]
    pub fn progress(&self, text: &str) {
        let mut error = std::io::stderr().lock();
        if error.is_terminal() {
            let _ = write!(error, "\r\x1b[K{text}");
            let _ = error.flush();
        }
    }

    /// A JSON value as the result.
    pub fn json(&self, value: &Value) {
        self.line(&serde_json::to_string_pretty(value).unwrap_or_default());
    }

    /// Rows under a header, sized to the terminal.
    pub fn table(&self, header: &[&str], rows: Vec<Vec<String>>) {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(header.iter().copied());
        table.add_rows(rows);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        self.line(table.trim_fmt().trim_end());
    }

    /// An error with its code, its sentence, and what to do about it.
    pub fn error(&self, error: &anyhow::Error) {
        let Some(complaint) = complaint(error) else {
            let causes = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
            return self.aside(&format!("error: {causes}"));
        };
        self.aside(&format!("error[{}]: {}", complaint.code, self.language.choose(&complaint.detail)));
        let next = self.language.choose(&complaint.next);
        if !next.is_empty() {
            self.aside(&format!("hint: {next}"));
        }
    }
}

fn complaint(error: &anyhow::Error) -> Option<Complaint> {
    if let Some(complaint) = error.downcast_ref::<Complaint>() {
        return Some(complaint.clone());
    }
    error.downcast_ref::<Problem>().cloned().map(Complaint::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_the_same_after_its_way_over_the_wire() {
        let problem = Problem::new("CODE", 404, "nee", "no").next("doe", "do");
        let read = Complaint::from_json(&Value::Object(problem.to_json()));
        let Some(read) = read else { return assert_eq!("unreadable", "") };
        assert_eq!((read.code.as_str(), read.detail, read.next), ("CODE", problem.detail, problem.next));
    }
}

//! The command line, for `verbond-verify` and for `verbond verify`.

use std::{
    fs::File,
    io::{self, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};

use crate::{Anchors, Input, Language, Outcome, Progress, Report, Room, Unreadable, verify};

/// How long nothing is said of progress.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longest file of trust anchors or of revoked certificates, in bytes.
const LONGEST_FILE: u64 = 64 * 1024 * 1024;

/// What is to be verified, and against what.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "A journal, against the authorities of the coalition and a checkpoint that was kept last year:\n  \
    --anchors authorities.pem --checkpoint kept-last-year.txt journal.jsonl\n\n\
    With what the issuers say by now of the certificates that signed then:\n  \
    --anchors authorities.pem --crl issuer.crl journal.jsonl\n\n\
    Both parties of an exchange, compared with each other:\n  \
    --anchors authorities.pem municipality.jsonl agency.jsonl\n\n\
    Exit status: 0 nothing was found, 1 something is not as it must be, 2 the evidence cannot be read,\n\
    3 nothing but that content is lost, as was declared.\n\
    What is judged, rule by rule: docs/formats/verification.md"
)]
pub struct Options {
    /// Trust anchors: certificates of the coalition's authorities, in PEM. Without them it is not judged whose the
    /// certificates are.
    #[arg(long, value_name = "FILE")]
    anchors: Vec<PathBuf>,

    /// Lists of revoked certificates beside those in the evidence, in PEM or DER: what issuers say by now of the certificates that
    /// signed then.
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,

    /// A checkpoint that was kept of before: a signed note, or the evidence of an earlier day.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,

    /// How much of what is compared over whole journals lies in memory, in MiB. What is more lies in files without a name, in the
    /// folder that TMPDIR names, else in /var/tmp: some 250 bytes for each entry.
    #[arg(long, value_name = "MIB", default_value_t = Room::MEBIBYTES)]
    memory: usize,

    /// Language of the sentences; by default that of the environment.
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    language: Option<LanguageName>,

    /// Evidence: what participants hand over of their journals, one or several. `-`: standard input.
    #[arg(required = true, value_name = "EVIDENCE")]
    evidence: Vec<PathBuf>,
}

/// A language by its ISO 639-1 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LanguageName {
    /// Dutch
    Nl,
    /// English
    En,
}

/// What is printed, and the outcome.
#[derive(Debug)]
pub struct Printed {
    /// For standard output.
    pub output: String,
    /// In one word.
    pub outcome: Outcome,
}

impl Options {
    /// Verifies, and says what is to be printed. Progress is told on standard error when somebody sees it and it takes long.
    ///
    /// # Errors
    /// When the report cannot be written as JSON, which does not come up.
    pub fn run(&self, json: bool) -> Result<Printed, serde_json::Error> {
        let language = self.language();
        let report = self.verify(language).unwrap_or_else(Report::unreadable);
        let output = match json {
            true => format!("{}\n", report.to_json(language)?),
            false => report.to_text(language),
        };
        Ok(Printed { output, outcome: report.outcome() })
    }

    fn verify(&self, language: Language) -> Result<Report, Unreadable> {
        let read = |paths: &[PathBuf]| paths.iter().map(|path| bytes(path)).collect::<Result<Vec<_>, _>>();
        let anchors = Anchors::from_pem(&read(&self.anchors)?)?.with_lists(&read(&self.crl)?)?;
        let evidence = self.evidence.iter().map(|path| open(path)).collect::<Result<_, _>>()?;
        let earlier = self.checkpoint.iter().map(|path| open(path)).collect::<Result<_, _>>()?;
        let mut bar = Bar::new(language);
        let room = Room { bytes: self.memory.saturating_mul(1 << 20), ..Room::default() };
        let report = verify(evidence, anchors, earlier, &room, &mut |progress| bar.tell(progress));
        bar.clear();
        Ok(report)
    }

    fn language(&self) -> Language {
        match self.language {
            Some(LanguageName::Nl) => Language::Nl,
            Some(LanguageName::En) => Language::En,
            None => Language::from_environment(),
        }
    }
}

impl Language {
    /// The language that the environment asks for, by the usual order of its variables.
    fn from_environment() -> Self {
        let variables = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter();
        let mut set = variables.filter_map(|name| std::env::var(name).ok()).filter(|value| !value.is_empty());
        if set.next().is_some_and(|value| value.starts_with("nl")) { Self::Nl } else { Self::En }
    }
}

fn failed(path: &Path, error: io::Error) -> Unreadable {
    Unreadable::File { name: path.display().to_string(), error }
}

fn open(path: &Path) -> Result<Input, Unreadable> {
    let name = path.display().to_string();
    if path.as_os_str() == "-" {
        return Ok(Input { name, content: Box::new(io::stdin()) });
    }
    let file = File::open(path).map_err(|error| failed(path, error))?;
    Ok(Input { name, content: Box::new(file) })
}

fn bytes(path: &Path) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| failed(path, error))?;
    file.take(LONGEST_FILE).read_to_end(&mut bytes).map_err(|error| failed(path, error))?;
    Ok(bytes)
}

/// One line on standard error, written over again.
struct Bar {
    since: Instant,
    told: Option<Instant>,
    is_seen: bool,
    language: Language,
}

impl Bar {
    fn new(language: Language) -> Self {
        Self { since: Instant::now(), told: None, is_seen: io::stderr().is_terminal(), language }
    }

    fn tell(&mut self, Progress { bytes, lines }: Progress) {
        let last = self.told.unwrap_or(self.since);
        if !self.is_seen || last.elapsed() < PATIENCE {
            return;
        }
        self.told = Some(Instant::now());
        let words = match self.language {
            Language::Nl => "regels gelezen",
            Language::En => "lines read",
        };
        // Nobody misses a line that cannot be written.
        let _ = write!(io::stderr(), "\r{lines} {words}, {} MiB", bytes >> 20);
    }

    fn clear(&self) {
        if self.told.is_some() {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

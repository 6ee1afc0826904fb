//! The outcome, for people and for programs.

use std::fmt::{self, Write};

use serde::Serialize;

use crate::{
    Unreadable,
    exchanges::BothSides,
    finding::{Finding, Loss, Note, Words},
    kept::Counts,
};

/// In which language sentences are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Dutch.
    Nl,
    /// English.
    #[default]
    En,
}

impl Language {
    fn of(self, words: &Words) -> &str {
        match self {
            Self::Nl => &words.nl,
            Self::En => &words.en,
        }
    }

    const fn choose(self, nl: &'static str, en: &'static str) -> &'static str {
        match self {
            Self::Nl => nl,
            Self::En => en,
        }
    }
}

/// What became of the verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Nothing is wrong in what could be judged; notes say what could not.
    Clean,
    /// Nothing is wrong but that content is lost, as was declared.
    Losses,
    /// Something is not as it must be.
    Alarms,
    /// The evidence cannot be read at all.
    Unreadable,
}

impl Outcome {
    /// Exit status of a program that ends with it.
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Alarms => 1,
            Self::Unreadable => 2,
            Self::Losses => 3,
        }
    }
}

/// What was seen of one participant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whose evidence.
    pub participant: String,
    /// How many of what.
    pub counts: Counts,
}

/// What verification found.
#[derive(Debug)]
pub struct Report {
    /// Why nothing could be read, if nothing could.
    pub unreadable: Option<Unreadable>,
    /// Whose evidence was read.
    pub participants: Vec<Seen>,
    /// Exchanges of which both halves are there.
    pub exchanges: BothSides,
    /// What is not as it must be.
    pub alarms: Vec<Finding>,
    /// How many alarms are not listed, since there are so many of their code.
    pub alarms_left_out: u64,
    /// What is lost, by the acts that declare it.
    pub losses: Vec<Loss>,
    /// What was declared or could not be judged.
    pub notes: Vec<Note>,
}

#[derive(Serialize)]
struct ReportText<'a> {
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    participants: Vec<SeenText<'a>>,
    exchanges: ExchangesText,
    alarms: Vec<AlarmText<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    alarms_left_out: u64,
    losses: Vec<LossText<'a>>,
    notes: Vec<NoteText<'a>>,
}

#[derive(Serialize)]
struct LossText<'a> {
    code: &'static str,
    participant: &'a str,
    index: u64,
    at: i64,
    class: &'static str,
    month: i64,
    first_index: u64,
    last_index: u64,
    count: u64,
    early: u64,
    message: &'a str,
}

impl<'a> LossText<'a> {
    fn of(loss: &'a Loss, language: Language) -> Self {
        let Loss { participant, index, at, class, month, first_index, last_index, count, early, words } =
            loss;
        Self {
            code: Loss::CODE,
            participant,
            index: *index,
            at: *at,
            class: class.as_str(),
            month: *month,
            first_index: *first_index,
            last_index: *last_index,
            count: *count,
            early: *early,
            message: language.of(words),
        }
    }
}

#[derive(Serialize)]
struct SeenText<'a> {
    participant: &'a str,
    entries: u64,
    checkpoints: u64,
    permits: u64,
    refusals: u64,
    completions: u64,
    processing: u64,
    witnessed: u64,
    destroyed: u64,
}

#[derive(Serialize)]
struct ExchangesText {
    both_sides: u64,
    agree: u64,
}

#[derive(Serialize)]
struct AlarmText<'a> {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    participant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    message: &'a str,
}

#[derive(Serialize)]
struct NoteText<'a> {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    participant: Option<&'a str>,
    #[serde(skip_serializing_if = "is_zero")]
    count: u64,
    message: &'a str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Report {
    /// That nothing could be read.
    pub const fn unreadable(why: Unreadable) -> Self {
        Self {
            unreadable: Some(why),
            participants: Vec::new(),
            exchanges: BothSides { both_sides: 0, agree: 0 },
            alarms: Vec::new(),
            alarms_left_out: 0,
            losses: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// In one word.
    pub const fn outcome(&self) -> Outcome {
        if self.unreadable.is_some() {
            Outcome::Unreadable
        } else if !self.alarms.is_empty() {
            Outcome::Alarms
        } else if !self.losses.is_empty() {
            Outcome::Losses
        } else {
            Outcome::Clean
        }
    }

    /// As JSON, in the form of docs/formats/verification.md.
    ///
    /// # Errors
    /// When it cannot be written, which texts and numbers do not bring about.
    pub fn to_json(&self, language: Language) -> Result<String, serde_json::Error> {
        let participants = self.participants.iter().map(|seen| {
            let Counts {
                entries,
                checkpoints,
                permits,
                refusals,
                completions,
                processing,
                witnessed,
                destroyed,
                ..
            } = seen.counts;
            SeenText {
                participant: &seen.participant,
                entries,
                checkpoints,
                permits,
                refusals,
                completions,
                processing,
                witnessed,
                destroyed,
            }
        });
        let alarms = self.alarms.iter().map(|alarm| AlarmText {
            code: alarm.code.as_str(),
            participant: alarm.participant.as_deref(),
            index: alarm.index,
            transaction_id: alarm.transaction_id.map(|id| id.to_string()),
            line: alarm.line,
            message: language.of(&alarm.words),
        });
        let notes = self.notes.iter().map(|note| NoteText {
            code: note.code.as_str(),
            participant: note.participant.as_deref(),
            count: note.count,
            message: language.of(&note.words),
        });
        serde_json::to_string(&ReportText {
            outcome: self.outcome(),
            message: self.unreadable.as_ref().map(|why| language.of(&why.words()).to_owned()),
            participants: participants.collect(),
            exchanges: ExchangesText { both_sides: self.exchanges.both_sides, agree: self.exchanges.agree },
            alarms: alarms.collect(),
            alarms_left_out: self.alarms_left_out,
            losses: self.losses.iter().map(|loss| LossText::of(loss, language)).collect(),
            notes: notes.collect(),
        })
    }

    /// For people.
    pub fn to_text(&self, language: Language) -> String {
        let mut text = String::new();
        // A text grows without fault.
        let _ = self.write(&mut text, language);
        text
    }

    fn write(&self, text: &mut String, language: Language) -> fmt::Result {
        if let Some(why) = &self.unreadable {
            return writeln!(text, "{}", language.of(&why.words()));
        }
        match self.outcome() {
            Outcome::Alarms => {
                let count = self.alarms.len() as u64;
                let count = count.saturating_add(self.alarms_left_out);
                writeln!(
                    text,
                    "{}: {count}",
                    language.choose("NIET IN ORDE. Bevindingen", "NOT IN ORDER. Findings")
                )?;
            }
            Outcome::Losses => writeln!(
                text,
                "{}",
                language.choose(
                    "VERLIES GEMELD: sleutels zijn verloren, en met hen wat regels zeiden. Verder is niets gevonden.",
                    "LOSS DECLARED: keys were lost, and with them what entries said. Nothing else was found."
                )
            )?,
            _ => writeln!(
                text,
                "{}",
                language.choose(
                    "In orde: in wat beoordeeld kon worden is niets gevonden.",
                    "In order: nothing was found in what could be judged."
                )
            )?,
        }
        writeln!(text)?;
        for Seen { participant, counts } in &self.participants {
            writeln!(text, "{participant}")?;
            for (name, count) in [
                (language.choose("regels", "entries"), counts.entries),
                (language.choose("controlepunten", "checkpoints"), counts.checkpoints),
                (language.choose("toestemmingen", "permits"), counts.permits),
                (language.choose("weigeringen", "refusals"), counts.refusals),
                (language.choose("afrondingen", "completions"), counts.completions),
                (language.choose("verwerkingen apart", "processing records apart"), counts.processing),
                (language.choose("controlepunten van anderen", "checkpoints of others"), counts.witnessed),
                (language.choose("vernietigd", "destroyed"), counts.destroyed),
            ] {
                writeln!(text, "  {name:<28}{count:>12}")?;
            }
        }
        writeln!(
            text,
            "{}: {}, {}: {}",
            language.choose("uitwisselingen met beide kanten", "exchanges with both sides"),
            self.exchanges.both_sides,
            language.choose("gelijk verteld", "told alike"),
            self.exchanges.agree
        )?;
        self.write_alarms(text, language)?;
        if !self.losses.is_empty() {
            writeln!(text, "\n{}", language.choose("Gemeld verlies", "Declared losses"))?;
        }
        for loss in &self.losses {
            let Loss { participant, index, words, .. } = loss;
            writeln!(text, "  {} {participant} #{index}\n      {}", Loss::CODE, language.of(words))?;
        }
        if !self.notes.is_empty() {
            writeln!(text, "\n{}", language.choose("Opmerkingen", "Notes"))?;
        }
        for note in &self.notes {
            let whose = note.participant.as_deref().unwrap_or_default();
            writeln!(text, "  {} {whose} {}", note.code.as_str(), language.of(&note.words))?;
        }
        writeln!(
            text,
            "\n{}",
            language.choose(
                "Dit zegt niet dat een uitwisseling rechtmatig was, wel waarop zij rustte en of het verslag heel is.",
                "This does not say that an exchange was lawful; it says what it rested on and whether the account is whole."
            )
        )
    }

    fn write_alarms(&self, text: &mut String, language: Language) -> fmt::Result {
        if self.alarms.is_empty() {
            return Ok(());
        }
        writeln!(text, "\n{}", language.choose("Bevindingen", "Findings"))?;
        for alarm in &self.alarms {
            write!(text, "  {}", alarm.code.as_str())?;
            if let Some(participant) = &alarm.participant {
                write!(text, " {participant}")?;
            }
            if let Some(index) = alarm.index {
                write!(text, " #{index}")?;
            }
            if let Some(transaction) = alarm.transaction_id {
                write!(text, " {transaction}")?;
            }
            if let Some(line) = alarm.line {
                write!(text, " {} {line}", language.choose("regel", "line"))?;
            }
            writeln!(text, "\n      {}", language.of(&alarm.words))?;
        }
        if self.alarms_left_out > 0 {
            let rest = language.choose("en nog", "and more");
            writeln!(text, "  … {rest}: {}", self.alarms_left_out)?;
        }
        Ok(())
    }
}

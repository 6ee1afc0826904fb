//! Verifies evidence of journals offline: what participants hand over so that others can check, without their programs, that no
//! record was changed, left out or dated back, and on which agreements exchanges rested.
//!
//! Its rules stand in `docs/formats/verification.md`. It shares no code with the node whose evidence it verifies.

mod act;
mod advice;
mod agreement;
mod aside;
mod certificate;
pub mod command;
mod compared;
mod destruction;
mod element;
mod exchanges;
mod finding;
mod grounds;
mod kept;
mod life;
mod line;
mod loss;
pub mod merkle;
pub mod note;
mod open;
mod payload;
mod people;
mod reader;
mod records;
mod report;
mod revocation;
mod section;
mod signature;
mod spans;
mod statements;
mod told;
mod tree;
mod wire;

use std::{
    collections::HashSet,
    io::{self, Cursor, Read},
};

pub use self::{
    aside::Room,
    certificate::Anchors,
    exchanges::BothSides,
    finding::{Alarm, Finding, Loss, Note, NoteCode, Words},
    kept::Counts,
    loss::Class,
    report::{Language, Outcome, Report, Seen},
};
use self::{
    compared::{Compared, Destroyed, Leaf, of},
    finding::{Findings, at_line, words},
    merkle::hash_of,
    note::Checkpoint,
    reader::Item,
    revocation::Bringer,
    section::Section,
    tree::{A_FILE, Held, HeldByOthers, Keys},
};

/// Longest file that is looked at as a signed note, in bytes.
const LONGEST_NOTE: u64 = 8 * 1024;

/// Why there is nothing to verify.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// A file cannot be read.
    #[error("{name}: {error}")]
    File {
        /// Its name.
        name: String,
        /// Why.
        error: io::Error,
    },
    /// A file is no evidence.
    #[error("{0}: its first line is not that of evidence")]
    NoEvidence(String),
    /// A file given as earlier checkpoint is neither a signed note nor evidence.
    #[error("{0}: neither a checkpoint nor evidence")]
    NoCheckpoint(String),
    /// A file of revoked certificates cannot be read.
    #[error(
        "the lists of revoked certificates cannot be read: lists as in RFC 5280 are needed, in DER or PEM"
    )]
    RevocationLists,
    /// Files for what does not lie in memory cannot be made, written or read.
    #[error("nothing can be put aside in {folder}: {error}")]
    Aside {
        /// The folder of these files.
        folder: String,
        /// Why.
        error: io::Error,
    },
    /// The trust anchors cannot be read.
    #[error("the trust anchors cannot be read: certificates of authorities in PEM are needed")]
    Anchors,
}

impl Unreadable {
    /// A sentence for people.
    pub fn words(&self) -> Words {
        let nl = match self {
            Self::File { name, error } => format!("{name}: {error}"),
            Self::Aside { folder, error } => format!("in {folder} kan niets opzij worden gelegd: {error}"),
            Self::NoEvidence(name) => format!("{name}: de eerste regel is niet die van bewijs"),
            Self::NoCheckpoint(name) => format!("{name}: geen controlepunt en geen bewijs"),
            Self::RevocationLists => {
                "de lijsten met ingetrokken certificaten zijn niet leesbaar: er zijn lijsten volgens RFC 5280 nodig, in DER of PEM"
                    .to_owned()
            }
            Self::Anchors => {
                "de vertrouwensankers zijn niet leesbaar: er zijn certificaten van autoriteiten in PEM nodig"
                    .to_owned()
            }
        };
        words(nl, self.to_string())
    }
}

/// A file to be read once, from its beginning.
pub struct Input {
    /// What it is called in messages.
    pub name: String,
    /// Its content.
    pub content: Box<dyn Read + Send>,
}

/// How far the reading is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of all files until now.
    pub bytes: u64,
    /// Lines of all files until now.
    pub lines: u64,
}

/// Verifies evidence against trust anchors and checkpoints that were kept of before, with so much room for what is compared over whole
/// journals. `sink` hears how far it is.
pub fn verify(
    evidence: Vec<Input>,
    mut anchors: Anchors,
    earlier: Vec<Input>,
    room: &Room,
    sink: &mut dyn FnMut(Progress),
) -> Report {
    match judge(evidence, &mut anchors, earlier, room, sink) {
        Ok(report) => report,
        Err(why) => Report::unreadable(why),
    }
}

fn judge(
    evidence: Vec<Input>,
    anchors: &mut Anchors,
    earlier: Vec<Input>,
    room: &Room,
    sink: &mut dyn FnMut(Progress),
) -> Result<Report, Unreadable> {
    let mut compared = Compared::new(room);
    let mut reading = Reading { compared: &mut compared, progress: Progress::default(), sink };
    let mut findings = Findings::default();
    let mut sections = Vec::new();
    for input in evidence {
        reading.sections(input, &mut sections, &mut findings)?;
    }
    let mut earlier = reading.earlier(earlier, room)?;
    let all = anchors.lists.get_mut();
    for section in &mut sections {
        for (line, list) in std::mem::take(&mut section.lists) {
            all.put(list, Bringer::Section(section.participant().to_owned(), line));
        }
    }
    for section in &mut earlier.sections {
        std::mem::take(&mut section.lists).into_iter().for_each(|(_, list)| all.put(list, Bringer::Earlier));
    }

    statements::shown(&mut sections);
    let mut keys = Keys::default();
    for section in &sections {
        keys.learn(section, anchors, &mut findings);
        keys.certified_by(section);
    }
    let others = held(&sections, earlier, &mut keys, anchors, &mut findings);
    each_section(&sections, &mut compared, &keys, &others, anchors, &mut findings);
    grounds::judge(&sections, &mut compared, &mut findings);
    told::compare(&sections, &mut compared, &mut findings);
    let both = exchanges::judge(&sections, &mut compared, &mut findings);
    if let Some(error) = compared.fault.borrow_mut().take() {
        return Err(Unreadable::Aside { folder: room.folder.display().to_string(), error });
    }
    anchors.lists.get_mut().judge(&mut findings);
    findings.note_unknown_revocations();
    if anchors.is_empty() {
        let [nl, en] = NoteCode::NoAnchors.meaning();
        findings.note(NoteCode::NoAnchors, None, 1, words(nl, en));
    }
    Ok(Report {
        unreadable: None,
        participants: seen(&sections),
        exchanges: both,
        alarms: findings.alarms,
        alarms_left_out: findings.left_out,
        losses: findings.losses,
        notes: findings.notes,
    })
}

/// Judges what concerns one section, in the order in which they stand.
fn each_section(
    sections: &[Section],
    compared: &mut Compared,
    keys: &Keys,
    others: &HeldByOthers,
    anchors: &mut Anchors,
    findings: &mut Findings,
) {
    let (mut leaves, mut destroyed) = (compared.leaves.sorted(), compared.destroyed.sorted());
    for (place, section) in sections.iter().enumerate() {
        let leaves = of(&mut leaves, section.place).map(Leaf::unpack).filter(|leaf| leaf.is_in_tree != 0);
        tree::judge(place, section, leaves.map(|leaf| hash_of(leaf.hash())), keys, others, findings);
        let destroyed = of(&mut destroyed, section.place).map(Destroyed::unpack);
        destruction::judge(section, destroyed, findings);
        statements::judge(section, anchors, findings);
        told::judge(section, anchors, findings);
        withheld(section, findings);
    }
}

/// What was kept of before: sections of evidence, and single checkpoints.
struct Earlier {
    sections: Vec<Section>,
    checkpoints: Vec<Checkpoint>,
}

/// Gathers the checkpoints that did not come from the journal that they are of.
fn held(
    sections: &[Section],
    earlier: Earlier,
    keys: &mut Keys,
    anchors: &mut Anchors,
    findings: &mut Findings,
) -> HeldByOthers {
    // What is wrong with a file of before is no finding about the evidence.
    let mut aside = Findings::default();
    for section in &earlier.sections {
        keys.learn(section, anchors, &mut aside);
    }
    let concerns: HashSet<&str> = sections.iter().map(Section::participant).collect();
    let mut others = HeldByOthers::default();
    for (place, section) in sections.iter().enumerate() {
        others.learn(place, section, keys, &concerns, findings);
    }
    for section in &earlier.sections {
        others.learn(A_FILE, section, keys, &concerns, &mut aside);
    }
    for checkpoint in earlier.checkpoints {
        if !concerns.contains(checkpoint.origin.participant.as_str()) {
            continue;
        }
        if !tree::signed_by_any(&checkpoint, keys) {
            let whose = checkpoint.origin.participant.as_str();
            let sentence = words(
                "Het eerdere controlepunt is niet ondertekend met een sleutel van dit journaal.",
                "the earlier checkpoint is not signed by a key of this journal",
            );
            findings.alarm(Alarm::CheckpointSignature, Some(whose), at_line(1), sentence);
            continue;
        }
        let Checkpoint { origin, size, root, .. } = checkpoint;
        others.put(A_FILE, Held { origin, size, root, at: None });
    }
    others
}

fn withheld(section: &Section, findings: &mut Findings) {
    let count = section.counts.withheld;
    let sentence = words(
        format!("De inhoud van {count} regels buiten de periode is niet gegeven."),
        format!("the content of {count} entries outside the period is not given"),
    );
    findings.note(NoteCode::Withheld, Some(section.participant()), count, sentence);
}

/// What was seen, by participant, in the order of the evidence.
fn seen(sections: &[Section]) -> Vec<Seen> {
    let mut all: Vec<Seen> = Vec::new();
    for section in sections {
        let known = all.iter_mut().find(|seen| seen.participant == section.participant());
        match known {
            Some(seen) => seen.counts = seen.counts.plus(&section.counts),
            None => all.push(Seen { participant: section.participant().to_owned(), counts: section.counts }),
        }
    }
    all
}

/// Reads files, and says how far it is.
struct Reading<'a> {
    compared: &'a mut Compared,
    progress: Progress,
    sink: &'a mut dyn FnMut(Progress),
}

impl Reading<'_> {
    /// Reads a file of evidence to its end.
    fn sections(
        &mut self,
        input: Input,
        sections: &mut Vec<Section>,
        findings: &mut Findings,
    ) -> Result<(), Unreadable> {
        let Input { name, content } = input;
        let before = sections.len();
        let start = self.progress;
        let (mut line, mut is_evidence) = (0_u64, true);
        let read = reader::read(content, |item, bytes| {
            kept::add(&mut line);
            let lines = start.lines.saturating_add(line);
            self.progress = Progress { bytes: start.bytes.saturating_add(bytes), lines };
            if lines.trailing_zeros() >= 12 {
                (self.sink)(self.progress);
            }
            if line == 1 {
                is_evidence = matches!(item, Item::Evidence(_));
            }
            if is_evidence {
                self.item(item, line, before, sections, findings);
            }
        });
        read.map_err(|error| Unreadable::File { name: name.clone(), error })?;
        match sections.get_mut(before..).and_then(<[Section]>::last_mut) {
            Some(last) if is_evidence => last.close(self.compared, findings),
            _ => return Err(Unreadable::NoEvidence(name)),
        }
        Ok(())
    }

    fn item(
        &mut self,
        item: Item,
        line: u64,
        before: usize,
        sections: &mut Vec<Section>,
        findings: &mut Findings,
    ) {
        let last = sections.get_mut(before..).and_then(<[Section]>::last_mut);
        match (item, last) {
            (Item::Evidence(header), last) => {
                if let Some(last) = last {
                    last.close(self.compared, findings);
                }
                sections.push(Section::begin(header, line, sections.len(), self.compared));
            }
            (item, Some(last)) if !last.is_closed => last.take(item, line, self.compared, findings),
            (_, last) => {
                let whose = last.map(|last| last.participant().to_owned());
                let sentence = words("De regel hoort bij geen deel.", "the line belongs to no section");
                findings.alarm(Alarm::Form, whose.as_deref(), at_line(line), sentence);
            }
        }
    }

    /// Reads what was kept of before: notes as they are, evidence for the checkpoints in it.
    fn earlier(&mut self, inputs: Vec<Input>, room: &Room) -> Result<Earlier, Unreadable> {
        let mut earlier = Earlier { sections: Vec::new(), checkpoints: Vec::new() };
        for Input { name, mut content } in inputs {
            let mut beginning = Vec::new();
            let read = content.by_ref().take(LONGEST_NOTE).read_to_end(&mut beginning);
            read.map_err(|error| Unreadable::File { name: name.clone(), error })?;
            if beginning.first() == Some(&b'{') {
                let content = Box::new(Cursor::new(beginning).chain(content));
                // Of an earlier file only what it says of checkpoints and keys counts: what it says of exchanges is forgotten.
                let (mut aside, mut forgotten) = (Findings::default(), Compared::new(room));
                let mut reading =
                    Reading { compared: &mut forgotten, progress: self.progress, sink: &mut *self.sink };
                reading.sections(Input { name, content }, &mut earlier.sections, &mut aside)?;
                self.progress = reading.progress;
            } else {
                let note = std::str::from_utf8(&beginning).ok().and_then(Checkpoint::parse);
                earlier.checkpoints.push(note.ok_or(Unreadable::NoCheckpoint(name))?);
            }
        }
        Ok(earlier)
    }
}

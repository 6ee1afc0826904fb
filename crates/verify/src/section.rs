//! One section as it is read: what each line says by itself is judged here, and what the rules need later is kept.

mod acts;
mod exchanges;

use std::collections::HashMap;

use crate::{
    agreement::AgreementVersion,
    certificate::MOST_CERTIFICATES,
    compared::{Compared, Destroyed, Fact, HiddenRecord, Role},
    finding::{Alarm, Findings, Place, at_index, at_line, words},
    kept::{Continuation, Counts, Keeping, KeyWord, OwnCheckpoint, Pool, WitnessRecord, add},
    line::{Header, Id, Kind, Scope},
    loss::Present,
    merkle::{Hash, includes},
    note::{Checkpoint, VerifierKey},
    open::Declarations,
    payload::{Body, Entry, OperationName, VersionName, Witness},
    people::People,
    reader::Item,
    revocation::{List, MOST_BYTES, MOST_LISTS},
    spans::Spans,
    told::Half,
};

/// How far an entry's time may be before that of an earlier one, in milliseconds.
const BACK: i64 = 10 * 60 * 1000;

/// A run of leaves that differ.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u64,
    length: u64,
}

/// A section, as far as it has been read.
#[derive(Debug)]
pub(crate) struct Section {
    /// Its place among those of all files.
    pub(crate) place: u32,
    pub(crate) header: Header,
    pub(crate) number: u32,
    pub(crate) first_line: u64,
    pub(crate) lines: u64,
    pub(crate) is_closed: bool,
    pub(crate) checkpoints: Vec<OwnCheckpoint>,
    pub(crate) first_missing: Option<u64>,
    expected: u64,
    pub(crate) first_at: Option<i64>,
    latest: i64,
    /// The times of the last entry and of the one before it.
    last_times: (i64, i64),
    differing: Option<Run>,
    /// Of scope `exchange`: leaf and whether its proof has come.
    proven: HashMap<u64, (Hash, bool)>,
    pub(crate) proofs: HashMap<(u64, u64), Vec<Hash>>,
    pub(crate) counts: Counts,
    pub(crate) certified: Vec<(u64, VerifierKey)>,
    pub(crate) own_words: Vec<KeyWord>,
    pub(crate) witness_words: Vec<KeyWord>,
    pub(crate) witnessed: Vec<WitnessRecord>,
    pub(crate) continuations: Vec<Continuation>,
    pub(crate) keeping: Keeping,
    /// Destroyed acts: index and time.
    pub(crate) destroyed_acts: Vec<(u64, i64)>,
    pub(crate) present: Present,
    pub(crate) declarations: Declarations,
    pub(crate) people: People,
    /// When acts took statements about agreements in, by the hash of each.
    pub(crate) taken_in: HashMap<Hash, i64>,
    /// The same, by the hash of the version that they are about, in the order of the acts.
    pub(crate) stated: HashMap<String, Vec<Hash>>,
    has_unknown_acts: bool,
    /// When there are permits of which no more is known than that they are there.
    pub(crate) hidden_permits: Spans,
    pub(crate) versions: Vec<AgreementVersion>,
    pub(crate) named: Vec<VersionName>,
    pub(crate) operations: Pool<OperationName>,
    pub(crate) element_lists: Pool<Vec<Box<str>>>,
    pub(crate) certificates: Vec<Vec<u8>>,
    /// Lists of revoked certificates, by line.
    pub(crate) lists: Vec<(u64, List)>,
    pub(crate) half: Half,
}

impl Section {
    pub(crate) fn begin(header: Header, line: u64, place: usize, compared: &mut Compared) -> Self {
        Self {
            place: u32::try_from(place).unwrap_or(u32::MAX),
            number: compared.names.number(&header.participant),
            header,
            first_line: line,
            lines: 1,
            is_closed: false,
            checkpoints: Vec::new(),
            first_missing: None,
            expected: 0,
            first_at: None,
            latest: i64::MIN,
            last_times: (i64::MIN, i64::MIN),
            differing: None,
            proven: HashMap::new(),
            proofs: HashMap::new(),
            counts: Counts::default(),
            certified: Vec::new(),
            own_words: Vec::new(),
            witness_words: Vec::new(),
            witnessed: Vec::new(),
            continuations: Vec::new(),
            keeping: Keeping::default(),
            destroyed_acts: Vec::new(),
            present: Present::default(),
            declarations: Declarations::default(),
            people: People::default(),
            taken_in: HashMap::new(),
            stated: HashMap::new(),
            has_unknown_acts: false,
            hidden_permits: Spans::default(),
            versions: Vec::new(),
            named: Vec::new(),
            operations: Pool::default(),
            element_lists: Pool::default(),
            certificates: Vec::new(),
            lists: Vec::new(),
            half: Half::default(),
        }
    }

    pub(crate) fn participant(&self) -> &str {
        &self.header.participant
    }

    pub(crate) fn is_journal(&self) -> bool {
        self.header.scope == Scope::Journal
    }

    /// Whether the acts that decide on services and people are there and known, so that what none of them says was not so: all of a
    /// journal, and those that evidence of an exchange must hold. A half has none.
    pub(crate) fn knows_acts(&self) -> bool {
        let has_them = match self.header.scope {
            Scope::Journal => self.first_missing.is_none(),
            Scope::Exchange => self.header.receiver.is_none(),
        };
        has_them && !self.has_unknown_acts
    }

    pub(crate) fn alarm(&self, findings: &mut Findings, code: Alarm, place: Place, nl: &str, en: &str) {
        findings.alarm(code, Some(self.participant()), place, words(nl, en));
    }

    pub(crate) fn form(&self, findings: &mut Findings, line: u64, nl: &str, en: &str) {
        self.alarm(findings, Alarm::Form, at_line(line), nl, en);
    }

    /// Takes in a line after the first.
    pub(crate) fn take(&mut self, item: Item, line: u64, compared: &mut Compared, findings: &mut Findings) {
        add(&mut self.lines);
        match item {
            Item::Entry(entry) => self.entry(entry, line, compared, findings),
            Item::Checkpoint { checkpoint, at } => self.checkpoint(checkpoint, at, line, findings),
            Item::Inclusion { index, hashes } => self.inclusion(index, &hashes, line, findings),
            Item::Consistency { from, to, hashes } if !self.is_journal() => {
                self.proofs.insert((from, to), hashes);
            }
            Item::Agreement(mut version) => {
                version.line = line;
                self.versions.push(*version);
            }
            Item::Certificate(der) if self.certificates.len() < MOST_CERTIFICATES => {
                self.certificates.push(der);
            }
            Item::Certificate(_) => {}
            Item::RevocationList(list) => self.revocation_list(list, line, findings),
            Item::Told { index, told } if self.header.receiver.is_some() => {
                self.told(index, told.map(|told| *told), line, compared, findings);
            }
            Item::NotGiven if !self.is_journal() || self.header.period.is_some() => {
                add(&mut self.half.not_given);
            }
            Item::End { lines } => self.end(lines, line, findings),
            Item::Consistency { .. } | Item::Told { .. } | Item::NotGiven | Item::Bad | Item::Evidence(_) => {
                self.form(findings, line, "De regel is niet leesbaar.", "the line cannot be read");
            }
        }
    }

    fn revocation_list(&mut self, list: Option<Box<List>>, line: u64, findings: &mut Findings) {
        let Some(list) = list else {
            let (nl, en) = (
                "De lijst met ingetrokken certificaten is niet leesbaar.",
                "the list of revoked certificates cannot be read",
            );
            return self.alarm(findings, Alarm::RevocationList, at_line(line), nl, en);
        };
        let held: usize = self.lists.iter().map(|(_, list)| list.bytes()).sum();
        if self.lists.len() < MOST_LISTS && held.saturating_add(list.bytes()) <= MOST_BYTES {
            self.lists.push((line, *list));
        }
    }

    fn checkpoint(&mut self, checkpoint: Option<Checkpoint>, at: i64, line: u64, findings: &mut Findings) {
        add(&mut self.counts.checkpoints);
        match checkpoint.filter(|one| one.origin.participant == self.participant()) {
            Some(checkpoint) => self.checkpoints.push(OwnCheckpoint { checkpoint, at, line }),
            None => {
                let (nl, en) = (
                    "Het controlepunt is niet leesbaar, of van een ander.",
                    "the checkpoint cannot be read, or is another's",
                );
                self.form(findings, line, nl, en);
            }
        }
    }

    fn inclusion(&mut self, index: u64, hashes: &[Hash], line: u64, findings: &mut Findings) {
        let root = self.checkpoints.last().map(|last| last.checkpoint.root);
        let size = self.header.size;
        let found = match (self.proven.get_mut(&index), root) {
            (Some((leaf, has_proof)), Some(root)) if !*has_proof => {
                *has_proof = true;
                Some(includes(leaf, index, size, hashes, &root))
            }
            _ => None,
        };
        match found {
            None => self.form(
                findings,
                line,
                "Het bewijs hoort bij geen regel of geen controlepunt.",
                "the proof belongs to no entry or no checkpoint",
            ),
            Some(false) => self.alarm(
                findings,
                Alarm::RootDiffers,
                at_index(index),
                "Het bewijs leidt niet van de regel naar het controlepunt.",
                "the proof does not lead from the entry to the checkpoint",
            ),
            Some(true) => {}
        }
    }

    fn end(&mut self, lines: u64, line: u64, findings: &mut Findings) {
        self.is_closed = true;
        if lines != self.lines {
            let (nl, en) = (
                format!("Het deel heeft {} regels en zegt {lines}.", self.lines),
                format!("the section has {} lines and says {lines}", self.lines),
            );
            self.form(findings, line, &nl, &en);
        }
    }

    /// What can be said of the lines when no more come.
    pub(crate) fn close(&mut self, compared: &mut Compared, findings: &mut Findings) {
        self.end_run(findings);
        let first = self.first_line;
        if !self.is_closed {
            let line = first.saturating_add(self.lines).saturating_sub(1);
            self.form(findings, line, "Het deel is afgebroken.", "the section has been cut off");
        }
        if self.checkpoints.last().map(|last| last.checkpoint.size) != Some(self.header.size) {
            let (nl, en) = (
                "Het deel heeft geen controlepunt van zijn omvang.",
                "the section has no checkpoint of its size at the end of its checkpoints",
            );
            self.form(findings, first, nl, en);
        }
        if self.is_journal() && self.expected < self.header.size {
            self.missing(self.expected, self.header.size, findings);
        }
        let mut unproven: Vec<u64> =
            self.proven.iter().filter(|(_, (_, proven))| !proven).map(|(index, _)| *index).collect();
        unproven.sort_unstable();
        for index in unproven {
            let (nl, en) = ("De regel heeft geen bewijs.", "the entry has no proof");
            self.alarm(findings, Alarm::Form, at_index(index), nl, en);
        }
        self.proven = HashMap::new();
        self.close_half(compared, findings);
    }

    fn missing(&mut self, from: u64, to: u64, findings: &mut Findings) {
        let many = to.saturating_sub(from);
        let nl = format!("Er ontbreken {many} regels vanaf {from}.");
        let en = format!("{many} entries are missing from {from} on");
        self.alarm(findings, Alarm::EntryMissing, at_index(from), &nl, &en);
        self.first_missing = self.first_missing.or(Some(from));
    }

    /// Whether the entry stands where it should; else it is not judged further.
    fn in_place(&mut self, entry: &Entry, line: u64, findings: &mut Findings) -> bool {
        let index = entry.index;
        if index >= self.header.size {
            let place = Place { index: Some(index), transaction: None, line: Some(line) };
            let (nl, en) = (
                "De regel valt buiten het laatste controlepunt.",
                "the entry is not below the last checkpoint",
            );
            self.alarm(findings, Alarm::Form, place, nl, en);
            return false;
        }
        if !self.is_journal() {
            let is_new = self.proven.insert(index, (entry.leaf, false)).is_none();
            if !is_new {
                self.form(findings, line, "De regel staat er twee keer.", "the entry stands twice");
            }
            return is_new;
        }
        if index < self.expected {
            let (nl, en) = (
                "De regel staat er twee keer, of niet op zijn plaats.",
                "the entry stands twice, or not in its place",
            );
            self.alarm(findings, Alarm::EntryMissing, at_index(index), nl, en);
            self.first_missing = self.first_missing.map(|first| first.min(index)).or(Some(index));
            return false;
        }
        if index > self.expected {
            self.missing(self.expected, index, findings);
        }
        self.expected = index.saturating_add(1);
        true
    }

    fn entry(&mut self, entry: Entry, line: u64, compared: &mut Compared, findings: &mut Findings) {
        if !self.in_place(&entry, line, findings) {
            return;
        }
        add(&mut self.counts.entries);
        let Entry { index, id, at, kind, body, .. } = entry;
        match kind {
            Kind::Permit => add(&mut self.counts.permits),
            Kind::Refusal => add(&mut self.counts.refusals),
            Kind::Processing => add(&mut self.counts.processing),
            Kind::Completion => add(&mut self.counts.completions),
            Kind::Witness => add(&mut self.counts.witnessed),
            Kind::Act => {}
        }
        if entry.is_changed {
            let (nl, en) = (
                "Wat de regel zegt is niet waaraan hij gebonden is.",
                "what the entry says is not what it is committed to",
            );
            self.alarm(findings, Alarm::EntryChanged, at_index(index), nl, en);
        }
        if entry.is_unreadable {
            let place = Place { index: Some(index), transaction: None, line: Some(line) };
            let (nl, en) =
                ("De inhoud van de regel is niet leesbaar.", "what the entry holds cannot be read");
            self.alarm(findings, Alarm::Form, place, nl, en);
        }
        self.leaf_of(index, entry.leaf_differs, findings);
        self.time_of(index, at, findings);
        let leaf = entry.leaf;
        let is_in_tree = self.is_journal() && self.first_missing.is_none();
        self.may_be_told(index, (id, at, kind), leaf, &body);
        let says = self.keep(index, id, at, kind, body, compared, findings);
        if is_in_tree || says != 0 {
            compared.leaf(self.place, index, &leaf, is_in_tree, says);
        }
    }

    fn leaf_of(&mut self, index: u64, differs: bool, findings: &mut Findings) {
        match (&mut self.differing, differs) {
            (Some(run), true) if run.first.saturating_add(run.length) == index => add(&mut run.length),
            (_, true) => {
                self.end_run(findings);
                self.differing = Some(Run { first: index, length: 1 });
            }
            (Some(_), false) => self.end_run(findings),
            (None, false) => {}
        }
    }

    fn end_run(&mut self, findings: &mut Findings) {
        let Some(Run { first, length }) = self.differing.take() else { return };
        let nl = format!("{length} regels vanaf {first} zijn niet die van de boom.");
        let en = format!("{length} entries from {first} on are not those that the tree holds");
        self.alarm(findings, Alarm::LeafDiffers, at_index(first), &nl, &en);
    }

    fn time_of(&mut self, index: u64, at: i64, findings: &mut Findings) {
        self.first_at = self.first_at.or(Some(at));
        if self.is_journal() && at < self.latest.saturating_sub(BACK) {
            let (nl, en) = (
                "De regel is meer dan tien minuten ouder dan een eerdere.",
                "the entry's time is more than ten minutes before that of an earlier one",
            );
            self.alarm(findings, Alarm::BackDated, at_index(index), nl, en);
        }
        self.latest = self.latest.max(at);
        self.last_times = (at, self.last_times.0);
    }

    /// Keeps what an entry says: what of it is told alike whoever is told, or 0 where it is neither permit nor completion.
    #[expect(clippy::too_many_arguments, reason = "the parts of one entry")]
    pub(crate) fn keep(
        &mut self,
        index: u64,
        id: Id,
        at: i64,
        kind: Kind,
        body: Body,
        compared: &mut Compared,
        findings: &mut Findings,
    ) -> u128 {
        let is_hidden = matches!(body, Body::Withheld(_) | Body::Destroyed | Body::Unknown);
        match kind {
            Kind::Permit if is_hidden && !self.half.untold.get(&index).is_some_and(Option::is_some) => {
                self.hide_permit(index, id, at, compared);
            }
            Kind::Processing if is_hidden => {
                compared.hidden_records.put(HiddenRecord { section: self.place, at }.pack());
            }
            _ => {}
        }
        if !matches!(body, Body::Destroyed | Body::Unknown) {
            self.present.note(kind, at, index);
        }
        if kind == Kind::Act && !matches!(body, Body::Act(_)) {
            self.has_unknown_acts = true;
        }
        match body {
            Body::Permit(permit) => return self.permit(index, id, at, *permit, compared),
            Body::Completion(completion) => return self.completion(index, at, completion, compared),
            Body::Refusal(decision) => self.refusal(index, decision, compared),
            Body::Processing(processing) => self.processing(index, processing, compared),
            Body::Witness(witness) => self.witness(index, at, *witness, findings),
            Body::Act(act) => self.act(index, at, act.subject, act.action, &mut compared.names, findings),
            // What is told of it comes in a line of its own.
            Body::Withheld(_) if self.half.untold.contains_key(&index) => {}
            Body::Withheld(_) => self.withheld(index, at, kind, findings),
            Body::Destroyed => self.destroyed(index, at, kind, compared),
            Body::Unknown => {}
        }
        0
    }

    /// Notes a permit of which no more is known than that it is there.
    pub(crate) fn hide_permit(&mut self, index: u64, id: Id, at: i64, compared: &mut Compared) {
        self.hidden_permits.put(at);
        compared.facts.put(Fact::new(self.place, id.0, Role::HiddenPermit, index).pack());
    }

    fn destroyed(&mut self, index: u64, at: i64, kind: Kind, compared: &mut Compared) {
        add(&mut self.counts.destroyed);
        compared.destroyed.put(Destroyed { section: self.place, index, at, kind: kind as u8 }.pack());
        if kind == Kind::Act {
            self.destroyed_acts.push((index, at));
        }
    }

    fn version_number(&mut self, name: VersionName) -> Option<u32> {
        // The last ones named are the likely ones; a journal names few.
        let place = self.named.iter().rposition(|known| *known == name).unwrap_or_else(|| {
            self.named.push(name);
            self.named.len().saturating_sub(1)
        });
        u32::try_from(place).ok()
    }

    fn withheld(&mut self, index: u64, at: i64, kind: Kind, findings: &mut Findings) {
        let period = self.header.period.filter(|_| self.is_journal());
        let outside = period.is_some_and(|period| at < period.from || at >= period.until);
        if !outside || matches!(kind, Kind::Act | Kind::Witness) {
            let (nl, en) = (
                "De inhoud is niet gegeven, en zou dat wel moeten zijn.",
                "what the entry holds is not given, and should be",
            );
            return self.alarm(findings, Alarm::Form, at_index(index), nl, en);
        }
        add(&mut self.counts.withheld);
    }

    fn witness(&mut self, index: u64, at: i64, witness: Witness, findings: &mut Findings) {
        let Witness { counterpart, checkpoint, key, key_text, is_signed, statement } = witness;
        if !is_signed {
            let (nl, en) = (
                "Het controlepunt is niet ondertekend met de sleutel die erbij staat.",
                "the checkpoint is not signed by the key that stands with it",
            );
            self.alarm(findings, Alarm::CheckpointSignature, at_index(index), nl, en);
            return;
        }
        if let Some(signed) = statement {
            self.witness_words.push(KeyWord {
                index,
                participant: counterpart,
                origin: checkpoint.origin.text(),
                key: key.clone(),
                key_text,
                signed,
            });
        }
        let Checkpoint { origin, size, root, .. } = checkpoint;
        self.witnessed.push(WitnessRecord { index, at, origin, size, root, key });
    }
}

//! Whether a section's entries lead to its checkpoints, and to those that others held.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    certificate::{Anchors, Signed},
    finding::{Alarm, Findings, NoteCode, at_index, at_line, words},
    kept::{Continuation, KeyWord},
    loss,
    merkle::{Hash, continues, roots},
    note::{Checkpoint, Origin, VerifierKey},
    section::Section,
    signature,
};

/// How long before the last checkpoint somebody else must have seen one for it to be missed here, in milliseconds.
const MARGIN: i64 = 60 * 1000;

/// Keys of journals, by what is known of them.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// The journal certifies them, or their participant has stated them.
    vouched: HashSet<VerifierKey>,
    /// A statement about them was found fault with, so that no more needs to be said.
    disputed: HashSet<VerifierKey>,
}

impl Keys {
    /// Takes in the keys that a journal which is judged certifies: what is wrong about that is found by itself.
    pub(crate) fn certified_by(&mut self, section: &Section) {
        self.vouched.extend(section.certified.iter().map(|(_, key)| key.clone()));
    }

    /// Takes in what participants state of keys in a section, of their own and of those of counterparts.
    pub(crate) fn learn(&mut self, section: &Section, anchors: &mut Anchors, findings: &mut Findings) {
        for word in section.own_words.iter().chain(&section.witness_words) {
            match judge_word(word, section, anchors, findings) {
                true => self.vouched.insert(word.key.clone()),
                false => self.disputed.insert(word.key.clone()),
            };
        }
    }
}

#[derive(serde::Deserialize)]
struct KeyStatement {
    at: i64,
    format: String,
    origin: String,
    participant: String,
    verifier_key: String,
}

/// Whether a participant's word about a key holds; says so if it does not.
fn judge_word(word: &KeyWord, section: &Section, anchors: &mut Anchors, findings: &mut Findings) -> bool {
    let read = || {
        let payload = signature::payload(&word.signed.statement)?;
        let statement: KeyStatement = serde_json::from_slice(&payload).ok()?;
        let chain = word.signed.certificates()?;
        let says = statement.format == "verbond-journal-key/1"
            && statement.origin == word.origin
            && statement.participant == word.participant
            && statement.verifier_key == word.key_text
            && word.key.name == word.origin;
        (says && signature::is_by_certificate(&word.signed.statement, chain.first()?))
            .then_some((chain, statement.at))
    };
    let Some((chain, at)) = read() else {
        let (nl, en) = (
            "De verklaring over de journaalsleutel deugt niet.",
            "the statement about the journal key does not hold",
        );
        section.alarm(findings, Alarm::JournalKey, at_index(word.index), nl, en);
        return false;
    };
    let bad = [
        "Het certificaat onder de journaalsleutel is niet van deze deelnemer, of leidt niet naar een anker.",
        "the certificate behind the journal key is not this participant's, or leads to no anchor",
    ];
    let signed = Signed { chain: &chain, whose: &word.participant, at, shown: at };
    anchors.vouch(&signed, section, at_index(word.index), bad, findings)
}

/// A checkpoint that came from elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) origin: Origin,
    pub(crate) size: u64,
    pub(crate) root: Hash,
    /// When it was seen; `None`: whoever verifies says that it is of before.
    pub(crate) at: Option<i64>,
}

/// What all sections and files say of journals, by whose journal it is.
#[derive(Debug, Default)]
pub(crate) struct HeldByOthers {
    by_participant: HashMap<String, Vec<(usize, Held)>>,
}

/// Stands for a file of whoever verifies, where the place of a section is asked for.
pub(crate) const A_FILE: usize = usize::MAX;

impl HeldByOthers {
    pub(crate) fn put(&mut self, holder: usize, held: Held) {
        self.by_participant.entry(held.origin.participant.clone()).or_default().push((holder, held));
    }

    /// Takes in what a section holds: the checkpoints of its own journal, and those of others that it witnessed, unless the
    /// key is not known to be theirs.
    pub(crate) fn learn(
        &mut self,
        holder: usize,
        section: &Section,
        keys: &Keys,
        concerns: &HashSet<&str>,
        findings: &mut Findings,
    ) {
        let own = section.checkpoints.iter().filter(|own| signed_by_any(&own.checkpoint, keys));
        for own in own {
            let Checkpoint { origin, size, root, .. } = &own.checkpoint;
            let at = (holder != A_FILE).then_some(own.at);
            self.put(holder, Held { origin: origin.clone(), size: *size, root: *root, at });
        }
        for seen in &section.witnessed {
            if !concerns.contains(seen.origin.participant.as_str()) {
                continue;
            }
            if keys.vouched.contains(&seen.key) {
                let at = (holder != A_FILE).then_some(seen.at);
                let (origin, size, root) = (seen.origin.clone(), seen.size, seen.root);
                self.put(holder, Held { origin, size, root, at });
            } else if !keys.disputed.contains(&seen.key) {
                let (nl, en) = (
                    "Niets zegt dat de sleutel onder het controlepunt van die deelnemer is.",
                    "nothing says that the key under the checkpoint is that participant's",
                );
                section.alarm(findings, Alarm::CheckpointSignature, at_index(seen.index), nl, en);
            }
        }
    }
}

/// Whether a checkpoint is signed by a key that is known to be its journal's.
pub(crate) fn signed_by_any(checkpoint: &Checkpoint, keys: &Keys) -> bool {
    let name = checkpoint.origin.text();
    keys.vouched.iter().any(|key| key.name == name && checkpoint.is_signed_by(key))
}

/// How far a checkpoint of an epoch can be compared with a journal.
enum Reach {
    Comparable,
    Gap,
    /// More than was there when the evidence was made, as far as it says.
    Beyond,
    /// More than was declared when the epoch ended.
    Undeclared,
}

fn reach(section: &Section, origin: &Origin, size: u64) -> Reach {
    // What was handed over before an epoch began knows nothing of it, and had perhaps more entries then.
    if last_epoch(section).is_some_and(|last| origin.epoch > last) {
        return Reach::Beyond;
    }
    let ended = section.continuations.iter().find(|one| one.previous == *origin);
    match ended {
        Some(end) if size > end.size && size <= end.last_known.size => Reach::Gap,
        Some(end) if size > end.size => Reach::Undeclared,
        None if size > section.header.size => Reach::Beyond,
        _ => Reach::Comparable,
    }
}

/// The last epoch that a section opens.
fn last_epoch(section: &Section) -> Option<u32> {
    let signed = section.checkpoints.iter().map(|own| own.checkpoint.origin.epoch);
    let opened = section.continuations.iter().map(|one| one.previous.epoch.saturating_add(1));
    signed.chain(opened).max()
}

/// Judges the tree of a section: its own checkpoints and their signatures, and those that others held.
pub(crate) fn judge(
    place: usize,
    section: &Section,
    leaves: impl Iterator<Item = Hash>,
    keys: &Keys,
    others: &HeldByOthers,
    findings: &mut Findings,
) {
    signatures(section, findings);
    for gap in &section.continuations {
        declared(gap, section, keys, findings);
    }
    let held = others.by_participant.get(section.participant()).map(Vec::as_slice).unwrap_or_default();
    let held: Vec<&Held> = held.iter().filter(|(holder, _)| *holder != place).map(|(_, held)| held).collect();
    let known = known_roots(section, leaves, &held);
    truncated(section, &held, findings);
    match section.is_journal() {
        true => own_roots(section, &known, findings),
        false => proofs(section, findings),
    }
    two_histories(section, &held, &known, findings);
}

fn signatures(section: &Section, findings: &mut Findings) {
    let (mut told, lost) = (HashSet::new(), loss::first_lost_act(section));
    for own in &section.checkpoints {
        let name = own.checkpoint.origin.text();
        let mut of_origin = section.certified.iter().filter(|(_, key)| key.name == name).peekable();
        if of_origin.peek().is_none() {
            if told.insert(name) {
                let (nl, en) = (
                    "Het journaal legt de sleutel van dit controlepunt niet vast.",
                    "the journal does not certify the key of this checkpoint",
                );
                section.alarm(findings, Alarm::JournalKey, at_line(own.line), nl, en);
            }
            continue;
        }
        let size = own.checkpoint.size;
        let is_signed = match lost {
            // What certified its key may be lost, and was said again after it.
            Some(first) if first < size => of_origin.any(|(_, key)| own.checkpoint.is_signed_by(key)),
            _ => {
                let before = of_origin.filter(|(index, _)| *index < size).max_by_key(|(index, _)| *index);
                before.is_some_and(|(_, key)| own.checkpoint.is_signed_by(key))
            }
        };
        if !is_signed {
            let (nl, en) = (
                "Het controlepunt is niet ondertekend met de sleutel die het journaal dan heeft.",
                "the checkpoint is not signed by the key that the journal has at its size",
            );
            section.alarm(findings, Alarm::CheckpointSignature, at_line(own.line), nl, en);
        }
    }
}

fn declared(gap: &Continuation, section: &Section, keys: &Keys, findings: &mut Findings) {
    if !signed_by_any(&gap.last_known, keys) {
        let (nl, en) = (
            "Het laatst bekende controlepunt is niet ondertekend met een sleutel van dit journaal.",
            "the last known checkpoint is not signed by a key of this journal",
        );
        section.alarm(findings, Alarm::CheckpointSignature, at_index(gap.index), nl, en);
    }
    let gone = gap.last_known.size.saturating_sub(gap.size);
    let sentence = words(
        format!(
            "Bij het vorige tijdvak hoorden {} regels; {} bleven er over.",
            gap.last_known.size, gap.size
        ),
        format!("the epoch before had {} entries, of which {} remained", gap.last_known.size, gap.size),
    );
    findings.note(NoteCode::DeclaredGap, Some(section.participant()), gone, sentence);
}

/// Roots over as many entries as any checkpoint has, as far as the section's leaves say.
fn known_roots(section: &Section, leaves: impl Iterator<Item = Hash>, held: &[&Held]) -> BTreeMap<u64, Hash> {
    if !section.is_journal() {
        return BTreeMap::new();
    }
    let own = section.checkpoints.iter().map(|own| own.checkpoint.size);
    let mut sizes: Vec<u64> = own.chain(held.iter().map(|held| held.size)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let known = roots(leaves, &sizes);
    sizes.into_iter().zip(known).filter_map(|(size, root)| Some((size, root?))).collect()
}

fn truncated(section: &Section, held: &[&Held], findings: &mut Findings) {
    let last_at = section.checkpoints.last().map(|last| last.at);
    let timely =
        |at: Option<i64>| at.is_none_or(|at| last_at.is_some_and(|last| at <= last.saturating_sub(MARGIN)));
    let own = section.checkpoints.iter().map(|own| (&own.checkpoint.origin, own.checkpoint.size, None));
    let all = own.chain(held.iter().map(|held| (&held.origin, held.size, held.at)));
    let mut largest: BTreeMap<&Origin, u64> = BTreeMap::new();
    // Of an epoch that has ended nothing was signed any more: when somebody saw it is no excuse.
    for (origin, size, _) in all.filter(|(origin, size, at)| match reach(section, origin, *size) {
        Reach::Undeclared => true,
        Reach::Beyond => timely(*at),
        Reach::Comparable | Reach::Gap => false,
    }) {
        let known = largest.entry(origin).or_default();
        *known = size.max(*known);
    }
    for (origin, size) in largest {
        let (have, whose) = (section.header.size, origin.text());
        let (nl, en) = match size > have {
            true => (
                format!("Een controlepunt van {whose} gaat over {size} regels; er zijn er {have}."),
                format!("a checkpoint of {whose} is over {size} entries; there are {have}"),
            ),
            false => (
                format!(
                    "Een controlepunt van {whose} gaat over {size} regels, die hier niet in dat tijdvak staan."
                ),
                format!(
                    "a checkpoint of {whose} is over {size} entries, which do not stand here in that epoch"
                ),
            ),
        };
        section.alarm(findings, Alarm::Truncated, at_index(size), &nl, &en);
    }
}

fn own_roots(section: &Section, known: &BTreeMap<u64, Hash>, findings: &mut Findings) {
    let mut own: Vec<_> = section.checkpoints.iter().collect();
    own.sort_by_key(|own| own.checkpoint.size);
    let mut right = 0;
    for own in own {
        let Checkpoint { origin, size, root, .. } = &own.checkpoint;
        let comparable = matches!(reach(section, origin, *size), Reach::Comparable);
        let Some(computed) = known.get(size).filter(|_| comparable) else { continue };
        if computed == root {
            right = *size;
            continue;
        }
        let nl =
            format!("De regels leiden niet tot het controlepunt over {size} regels; tot {right} klopte het.");
        let en = format!("the entries do not lead to the checkpoint over {size}; up to {right} they did");
        let place = crate::finding::Place { line: Some(own.line), ..at_index(right) };
        return section.alarm(findings, Alarm::RootDiffers, place, &nl, &en);
    }
}

fn proofs(section: &Section, findings: &mut Findings) {
    let Some((last, earlier)) = section.checkpoints.split_last() else { return };
    let (to, new_root) = (last.checkpoint.size, last.checkpoint.root);
    for own in earlier {
        let Checkpoint { origin, size, root, .. } = &own.checkpoint;
        if !matches!(reach(section, origin, *size), Reach::Comparable) {
            continue;
        }
        match section.proofs.get(&(*size, to)) {
            None => {
                let (nl, en) = (
                    "Er is geen bewijs dat het laatste controlepunt op dit volgt.",
                    "there is no proof that the last checkpoint continues this one",
                );
                section.alarm(findings, Alarm::Form, at_line(own.line), nl, en);
            }
            Some(proof) if continues(*size, to, proof, root, &new_root) => {}
            Some(_) => {
                let (nl, en) = (
                    "Het laatste controlepunt volgt niet op dit.",
                    "the last checkpoint does not continue this one",
                );
                section.alarm(findings, Alarm::RootDiffers, at_index(*size), nl, en);
            }
        }
    }
}

fn two_histories(section: &Section, held: &[&Held], known: &BTreeMap<u64, Hash>, findings: &mut Findings) {
    let own: HashMap<(&Origin, u64), &Hash> = section
        .checkpoints
        .iter()
        .map(|own| ((&own.checkpoint.origin, own.checkpoint.size), &own.checkpoint.root))
        .collect();
    let mut smallest: BTreeMap<&Origin, u64> = BTreeMap::new();
    for held in held {
        let of_same_size = own.get(&(&held.origin, held.size)).is_some_and(|root| **root != held.root);
        let comparable = matches!(reach(section, &held.origin, held.size), Reach::Comparable);
        let of_entries = comparable && known.get(&held.size).is_some_and(|root| *root != held.root);
        if of_same_size || of_entries {
            let first = smallest.entry(&held.origin).or_insert(held.size);
            *first = held.size.min(*first);
        }
    }
    for (origin, size) in smallest {
        let nl = format!(
            "Een ander hield een controlepunt van {} over {size} regels van een andere geschiedenis.",
            origin.text()
        );
        let en = format!(
            "somebody else held a checkpoint of {} over {size} entries that is of another history",
            origin.text()
        );
        section.alarm(findings, Alarm::TwoHistories, at_index(size), &nl, &en);
    }
}

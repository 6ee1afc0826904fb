//! What a participant told the other party of entries whose payload it did not give: signed by its certificate, and compared with
//! the payload where somebody has that.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use crate::{
    certificate::{self, Anchors},
    compared::{Compared, Fact, Leaf, NONE, Side},
    finding::{Alarm, Findings, NoteCode, Place, at_index, words},
    kept::Pool,
    line::{Bytes32, Id, Kind, Signed},
    merkle::{Hash, halves, sha256},
    payload::{Body, VersionName, read},
    section::Section,
    signature,
};

/// Name and version of the statement.
const FORMAT: &str = "verbond-told/1";

/// A withheld entry of which nothing has been told yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Untold {
    pub(crate) id: Id,
    pub(crate) at: i64,
    pub(crate) kind: Kind,
    pub(crate) commitment: Hash,
    leaf: Hash,
}

/// What was told of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ToldEntry {
    /// Place of who signed it in the chains of the half, and when.
    chain: u32,
    at: i64,
    transaction: Option<Id>,
    leaf: Hash,
    says: u128,
}

/// What of a section belongs to a half that was handed to the other party.
#[derive(Debug, Default)]
pub(crate) struct Half {
    /// Withheld entries of which nothing has been told yet; `None` for one that was found fault with.
    pub(crate) untold: HashMap<u64, Option<Untold>>,
    /// Entries that are known by what was told of them only, by index.
    pub(crate) told: HashMap<u64, ToldEntry>,
    chains: Pool<Vec<Vec<u8>>>,
    /// Lines that say that a half could not be had.
    pub(crate) not_given: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    at: i64,
    commitment: Bytes32,
    entry: Id,
    #[serde(rename = "for")]
    receiver: String,
    format: String,
    participant: String,
    told: String,
}

/// What is told, by whoever holds the certificate at the head of the chain.
#[derive(Debug)]
pub(crate) struct Told {
    entry: Id,
    commitment: Hash,
    participant: String,
    receiver: String,
    at: i64,
    kind: Kind,
    body: Body,
    chain: Vec<Vec<u8>>,
}

impl Told {
    /// Reads a statement and verifies its signature; nothing when either fails.
    pub(crate) fn judge(signed: &Signed) -> Option<Self> {
        #[derive(Deserialize)]
        struct Kinded {
            kind: Kind,
        }
        let payload = signature::payload(&signed.statement)?;
        (payload.first() == Some(&b'{')).then_some(())?;
        let statement: Statement = serde_json::from_slice(&payload).ok()?;
        let chain = signed.certificates()?;
        let is_good =
            statement.format == FORMAT && signature::is_by_certificate(&signed.statement, chain.first()?);
        is_good.then_some(())?;
        let Kinded { kind } = serde_json::from_str(&statement.told).ok()?;
        let body = read(kind, &statement.told)?;
        let Statement { at, commitment, entry, receiver, participant, .. } = statement;
        Some(Self { entry, commitment: commitment.0, participant, receiver, at, kind, body, chain })
    }

    fn is_of(&self, untold: &Untold, section: &Section) -> bool {
        self.entry == untold.id
            && self.commitment == untold.commitment
            && self.kind == untold.kind
            && self.participant == section.participant()
            && Some(&self.receiver) == section.header.receiver.as_ref()
    }
}

impl Section {
    pub(crate) fn close_half(&mut self, compared: &mut Compared, findings: &mut Findings) {
        self.end_untold(compared, findings);
        let sentence = words(
            "De helft van de andere partij was niet te krijgen; het bewijs zegt waarom.",
            "the other party's half could not be had; the evidence says why",
        );
        findings.note(NoteCode::NotGiven, Some(self.participant()), self.half.not_given, sentence);
    }

    /// Notes an entry whose payload is not known and of which a half may tell.
    pub(crate) fn may_be_told(
        &mut self,
        index: u64,
        (id, at, kind): (Id, i64, Kind),
        leaf: Hash,
        body: &Body,
    ) {
        let is_of_half = self.header.receiver.is_some();
        if is_of_half && matches!(kind, Kind::Permit | Kind::Refusal | Kind::Completion) {
            let untold = match body {
                Body::Withheld(commitment) => Some(Untold { id, at, kind, commitment: *commitment, leaf }),
                Body::Unknown => None,
                _ => return,
            };
            self.half.untold.insert(index, untold);
        }
    }

    /// Takes in what is told of a withheld entry, as if it were its payload.
    pub(crate) fn told(
        &mut self,
        index: u64,
        told: Option<Told>,
        line: u64,
        compared: &mut Compared,
        findings: &mut Findings,
    ) {
        let Some(untold) = self.half.untold.remove(&index) else {
            let (nl, en) = (
                "Er is geen achtergehouden regel waarover dit verteld is.",
                "there is no withheld entry of which this is told",
            );
            return self.form(findings, line, nl, en);
        };
        // One that was found fault with is not judged further.
        let Some(untold) = untold else { return };
        let Some(told) = told.filter(|told| told.is_of(&untold, self)) else {
            let (nl, en) = (
                "Wat over de regel verteld is, is niet door deze deelnemer over deze regel aan deze partij verteld.",
                "what is told of the entry was not told by this participant, of this entry, to this party",
            );
            self.alarm(findings, Alarm::Told, at_index(index), nl, en);
            return self.hide(index, &untold, compared);
        };
        let Told { at, body, chain, .. } = told;
        let transaction = body.transaction();
        let chain = self.half.chains.place(chain);
        let told = ToldEntry { chain, at, transaction, leaf: untold.leaf, says: 0 };
        self.half.told.insert(index, told);
        let says = self.keep(index, untold.id, untold.at, untold.kind, body, compared, findings);
        self.half.told.insert(index, ToldEntry { says, ..told });
    }

    /// Finds fault with entries that were withheld and not told.
    fn end_untold(&mut self, compared: &mut Compared, findings: &mut Findings) {
        let mut left: Vec<(u64, Untold)> = std::mem::take(&mut self.half.untold)
            .into_iter()
            .filter_map(|(index, untold)| Some((index, untold?)))
            .collect();
        left.sort_unstable_by_key(|(index, _)| *index);
        for (index, untold) in left {
            let (nl, en) = (
                "De inhoud is niet gegeven, en er is niets over verteld.",
                "what the entry holds is not given, and nothing is told of it",
            );
            self.alarm(findings, Alarm::Form, at_index(index), nl, en);
            self.hide(index, &untold, compared);
        }
    }

    fn hide(&mut self, index: u64, untold: &Untold, compared: &mut Compared) {
        if untold.kind == Kind::Permit {
            self.hide_permit(index, untold.id, untold.at, compared);
        }
    }
}

/// Judges whose certificates signed what a section tells.
pub(crate) fn judge(section: &Section, anchors: &mut Anchors, findings: &mut Findings) {
    let Half { told, chains, .. } = &section.half;
    let mut told: Vec<_> = told.iter().collect();
    told.sort_unstable_by_key(|(index, _)| **index);
    for (index, ToldEntry { chain, at, .. }) in told {
        let Some(chain) = chains.get(*chain) else { continue };
        let bad = [
            "Het certificaat onder wat over de regel verteld is deugt niet.",
            "the certificate behind what is told of the entry is not good",
        ];
        let signed = certificate::Signed { chain, whose: section.participant(), at: *at, shown: *at };
        anchors.vouch(&signed, section, at_index(*index), bad, findings);
    }
}

/// Compares what participants told with what they give elsewhere of the same entries: those of the same leaf, since of what an entry
/// is called by whoever hands it over nothing but the leaf is in the tree.
pub(crate) fn compare(sections: &[Section], compared: &mut Compared, findings: &mut Findings) {
    let told = sections.iter().flat_map(|section| section.half.told.iter().map(move |told| (section, told)));
    let mut by_leaf: HashMap<_, Vec<(&Section, u64, &ToldEntry)>> = HashMap::new();
    for (section, (index, told)) in told {
        by_leaf.entry((section.number, halves(&told.leaf))).or_default().push((section, *index, told));
    }
    if by_leaf.is_empty() {
        return;
    }
    let mut found = HashSet::new();
    for given in compared.leaves.sorted().map(Leaf::unpack).filter(|given| given.says != 0) {
        let whose = usize::try_from(given.section).ok().and_then(|place| sections.get(place));
        let told = whose.and_then(|whose| by_leaf.get(&(whose.number, given.hash())));
        for (section, index, told) in told.into_iter().flatten() {
            if told.says == given.says || !found.insert((section.place, *index)) {
                continue;
            }
            let (nl, en) = (
                "Aan de andere partij is iets anders verteld dan in het journaal staat.",
                "the other party was told something else than stands in the journal",
            );
            let place = Place { transaction: told.transaction, ..at_index(*index) };
            section.alarm(findings, Alarm::ToldDiffers, place, nl, en);
        }
    }
}

/// Of a permit what is told alike whoever is told, in the room of a number that is not 0.
pub(crate) fn permitted(permit: &Fact, version: Option<&VersionName>) -> u128 {
    let Fact { what, direction, counterpart, moment, decided, .. } = permit;
    let (id, number, hash) = version.map_or(("", 0, ""), |name| (&name.id, name.version, &name.hash));
    number_of(&[
        b"permit",
        &what.to_be_bytes(),
        &[*direction, *decided, u8::from(version.is_some())],
        &counterpart.to_be_bytes(),
        &moment.to_be_bytes(),
        &number.to_be_bytes(),
        &id.len().to_be_bytes(),
        id.as_bytes(),
        hash.as_bytes(),
    ])
}

/// The same of a completion.
pub(crate) fn completed(completion: &Fact, side: &Side) -> u128 {
    let Fact { permit, what, direction, counterpart, list, .. } = completion;
    number_of(&[
        b"completion",
        &permit.to_be_bytes(),
        &what.to_be_bytes(),
        &[*direction, side.delivery, u8::from(*list != NONE)],
        &counterpart.to_be_bytes(),
        &side.status.to_be_bytes(),
        &side.content.to_be_bytes(),
        &side.crossed.to_be_bytes(),
    ])
}

fn number_of(parts: &[&[u8]]) -> u128 {
    let [high, _] = halves(&sha256(parts));
    high.max(1)
}

//! What a participant told the other party of entries whose payload it did not give: signed by its certificate, and compared with
//! the payload where somebody has that.

use std::collections::HashMap;

use serde::Deserialize;

use crate::{
    certificate::{self, Anchors},
    finding::{Alarm, Findings, NoteCode, Place, at_index, words},
    kept::{CompletionRecord, Names, PermitRecord},
    line::{Bytes32, Id, Kind, Signed},
    merkle::Hash,
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
}

/// What of a section belongs to a half that was handed to the other party.
#[derive(Debug, Default)]
pub(crate) struct Half {
    /// Withheld entries of which nothing has been told yet; `None` for one that was found fault with.
    pub(crate) untold: HashMap<u64, Option<Untold>>,
    /// Entries that are known by what was told of them only, with who signed that.
    pub(crate) told: HashMap<u64, (Vec<Vec<u8>>, i64)>,
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
    pub(crate) fn close_half(&mut self, findings: &mut Findings) {
        self.end_untold(findings);
        let sentence = words(
            "De helft van de andere partij was niet te krijgen; het bewijs zegt waarom.",
            "the other party's half could not be had; the evidence says why",
        );
        findings.note(NoteCode::NotGiven, Some(self.participant()), self.half.not_given, sentence);
    }

    /// Notes an entry whose payload is not known and of which a half may tell.
    pub(crate) fn may_be_told(&mut self, index: u64, (id, at, kind): (Id, i64, Kind), body: &Body) {
        let is_of_half = self.header.receiver.is_some();
        if is_of_half && matches!(kind, Kind::Permit | Kind::Refusal | Kind::Completion) {
            let untold = match body {
                Body::Withheld(commitment) => Some(Untold { id, at, kind, commitment: *commitment }),
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
        names: &mut Names,
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
            return self.hide(&untold);
        };
        let Told { at, body, chain, .. } = told;
        self.half.told.insert(index, (chain, at));
        self.keep(index, untold.id, untold.at, untold.kind, body, names, findings);
    }

    /// Finds fault with entries that were withheld and not told.
    fn end_untold(&mut self, findings: &mut Findings) {
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
            self.hide(&untold);
        }
    }

    fn hide(&mut self, untold: &Untold) {
        if untold.kind == Kind::Permit {
            self.hidden_permits.push((untold.id, untold.at));
        }
    }
}

/// Judges whose certificates signed what a section tells.
pub(crate) fn judge(section: &Section, anchors: &mut Anchors, findings: &mut Findings) {
    let mut told: Vec<_> = section.half.told.iter().collect();
    told.sort_unstable_by_key(|(index, _)| **index);
    for (index, (chain, at)) in told {
        let bad = [
            "Het certificaat onder wat over de regel verteld is deugt niet.",
            "the certificate behind what is told of the entry is not good",
        ];
        let signed = certificate::Signed { chain, whose: section.participant(), at: *at, shown: *at };
        anchors.vouch(&signed, section, at_index(*index), bad, findings);
    }
}

/// Compares what participants told with what they give elsewhere of the same entries.
pub(crate) fn compare(sections: &[Section], findings: &mut Findings) {
    for section in sections.iter().filter(|section| !section.half.told.is_empty()) {
        let others = sections.iter().filter(|other| other.number == section.number);
        let (mut permits, mut completions) = (HashMap::new(), HashMap::new());
        for other in others {
            let given = |index: &u64| !other.half.told.contains_key(index);
            let known = other.permits.iter().filter(|permit| given(&permit.index));
            permits.extend(known.map(|permit| (permit.id, permitted(other, permit))));
            let known = other.completions.iter().filter(|completion| given(&completion.index));
            completions.extend(known.map(|completion| (completion.id, completed(completion))));
        }
        let told = |index: &u64| section.half.told.contains_key(index);
        let differ = |findings: &mut Findings, index, transaction| {
            let (nl, en) = (
                "Aan de andere partij is iets anders verteld dan in het journaal staat.",
                "the other party was told something else than stands in the journal",
            );
            let place = Place { transaction: Some(transaction), ..at_index(index) };
            section.alarm(findings, Alarm::ToldDiffers, place, nl, en);
        };
        for permit in section.permits.iter().filter(|permit| told(&permit.index)) {
            if permits.get(&permit.id).is_some_and(|given| *given != permitted(section, permit)) {
                differ(findings, permit.index, permit.transaction);
            }
        }
        for completion in section.completions.iter().filter(|completion| told(&completion.index)) {
            if completions.get(&completion.id).is_some_and(|given| *given != completed(completion)) {
                differ(findings, completion.index, completion.transaction);
            }
        }
    }
}

/// Of a permit what is told alike whoever is told.
fn permitted<'a>(section: &'a Section, permit: &PermitRecord) -> impl PartialEq + use<'a> {
    let version = permit.version.and_then(|number| section.named.get(usize::try_from(number).ok()?));
    let version: Option<&VersionName> = version;
    (permit.transaction, permit.direction, permit.counterpart, permit.moment, permit.decided, version)
}

/// Of a completion what is told alike whoever is told.
fn completed(completion: &CompletionRecord) -> impl PartialEq + use<> {
    let CompletionRecord { permit, transaction, direction, counterpart, .. } = *completion;
    let CompletionRecord { delivery, status, content, elements, .. } = *completion;
    (permit, transaction, direction, counterpart, delivery, status, content, elements.is_some())
}

//! Agreements as far as a verifier needs them: the document, what parties stated, and when a version was in force.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    advice::{self, Advice, AdviceText},
    element::steps,
    line::{AgreementLine, Signed},
    merkle::{Hash, sha256},
    payload::{OperationName, VersionName},
    signature::{self, Over},
};

/// How far clocks of parties differ and how long a statement takes to arrive, in milliseconds.
const TOLERANCE: i64 = 5 * 60 * 1000;
/// Most parties of a version, and most statements about it, that are judged.
const MOST_PARTIES: usize = 200;
const MOST_STATEMENTS: usize = 10_000;

/// A moment in whole seconds of UTC, in milliseconds.
fn moment(text: &str) -> Option<i64> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    (at.nanosecond() == 0 && text.ends_with('Z')).then_some(())?;
    at.unix_timestamp().checked_mul(1000)
}

#[derive(Deserialize)]
struct DocumentText {
    format: String,
    id: String,
    version: u64,
    parties: Vec<PartyText>,
    term: TermText,
    signatories: Vec<SignatoryText>,
    #[serde(default)]
    clauses: Vec<ClauseText>,
    #[serde(default)]
    advice: Vec<AdviceText>,
}

#[derive(Deserialize)]
struct ClauseText {
    name: String,
    #[serde(default)]
    operations: Vec<OperationText>,
}

#[derive(Deserialize)]
struct OperationText {
    name: String,
    #[serde(default)]
    delivered: Vec<ElementText>,
}

#[derive(Deserialize)]
struct ElementText {
    path: String,
}

#[derive(Deserialize)]
struct PartyText {
    participant: String,
}

#[derive(Deserialize)]
struct TermText {
    from: String,
    until: String,
}

#[derive(Deserialize)]
struct SignatoryText {
    participant: String,
    name: String,
    mandate: String,
}

#[derive(Deserialize)]
struct StatementText {
    format: String,
    agreement: String,
    version: u64,
    hash: String,
    participant: String,
    at: String,
    step: StepText,
}

#[derive(Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum StepText {
    Offered,
    Signed { name: String, mandate: String, key: String, signature: String },
    Refused,
    Withdrawn,
    Suspended,
    Resumed,
    Revoked,
    ContractBound,
    AcceptedOnTheWire { party: String },
    RefusedOnTheWire { party: String },
    RevokedOnTheWire { party: String },
}

/// A step in the life of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Offered,
    Signed,
    Refused,
    Withdrawn,
    Suspended,
    Resumed,
    Revoked,
    ContractBound,
    AcceptedOnTheWire(String),
    RefusedOnTheWire(String),
    RevokedOnTheWire(String),
}

impl Step {
    /// Whether it stops something, so that it counts later than it says and not earlier.
    const fn stops(&self) -> bool {
        matches!(
            self,
            Self::Refused
                | Self::Withdrawn
                | Self::Suspended
                | Self::Revoked
                | Self::RefusedOnTheWire(_)
                | Self::RevokedOnTheWire(_)
        )
    }

    /// Whether somebody is bound by it, or bound again.
    const fn binds(&self) -> bool {
        matches!(self, Self::Offered | Self::Signed | Self::Resumed | Self::AcceptedOnTheWire(_))
    }
}

/// A statement that holds.
#[derive(Clone, Debug)]
struct Stated {
    party: String,
    /// When it provably existed: what it says itself, or when the first journal took it in if that is later.
    moment: i64,
    step: Step,
}

impl Stated {
    const fn counts_from(&self) -> i64 {
        match self.step.stops() {
            true => self.moment.saturating_add(TOLERANCE),
            false => self.moment.saturating_sub(TOLERANCE),
        }
    }
}

/// By which certificate a statement was signed, to be judged when the section has been read.
#[derive(Debug)]
pub(crate) struct Signer {
    /// SHA-256 of the statement as it was signed.
    pub(crate) statement: Hash,
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) participant: String,
    /// When it was made, by its own word.
    pub(crate) at: i64,
    /// When it provably existed; never before `at`.
    pub(crate) moment: i64,
    /// Somebody is bound by it.
    pub(crate) binds: bool,
    /// SHA-256 of the signatory's own key, where it is a signature.
    pub(crate) key: Option<Hash>,
}

/// A version with what was stated about it.
#[derive(Debug)]
pub(crate) struct AgreementVersion {
    pub(crate) name: VersionName,
    /// Line in the file; whoever counts lines says so.
    pub(crate) line: u64,
    /// The bytes are those of the hash, and say what the line says.
    pub(crate) is_sound: bool,
    /// How many statements do not hold.
    pub(crate) bad_statements: usize,
    pub(crate) signers: Vec<Signer>,
    pub(crate) advice: Vec<Advice>,
    parties: BTreeSet<String>,
    from: i64,
    until: i64,
    statements: Vec<Stated>,
    /// By clause and operation: the elements that are delivered, as [`steps`] writes them.
    delivered: HashMap<OperationName, HashSet<String>>,
}

impl AgreementVersion {
    /// Reads and judges a version by itself; certificates are only set aside.
    pub(crate) fn judge(text: AgreementLine) -> Self {
        let AgreementLine { id, version, hash, document, statements } = text;
        let name = VersionName { id, version, hash };
        let mut judged = Self {
            name,
            line: 0,
            is_sound: false,
            bad_statements: 0,
            signers: Vec::new(),
            advice: Vec::new(),
            parties: BTreeSet::new(),
            from: 0,
            until: 0,
            statements: Vec::new(),
            delivered: HashMap::new(),
        };
        let Some((text, from, until)) = sound(&judged.name, &document) else { return judged };
        let signatories = text.signatories;
        judged.parties = text.parties.into_iter().map(|party| party.participant).collect();
        judged.delivered = delivered(text.clauses);
        judged.advice = advice::judge(text.advice, &document);
        (judged.is_sound, judged.from, judged.until) = (true, from, until);
        for statement in statements.iter().take(MOST_STATEMENTS) {
            match judged.holds(statement, &signatories, document.as_bytes()) {
                Some((stated, signer)) => {
                    judged.statements.push(stated);
                    judged.signers.push(signer);
                }
                None => judged.bad_statements = judged.bad_statements.saturating_add(1),
            }
        }
        judged.bad_statements =
            judged.bad_statements.saturating_add(statements.len().saturating_sub(MOST_STATEMENTS));
        judged
    }

    fn holds(
        &self,
        signed: &Signed,
        signatories: &[SignatoryText],
        document: &[u8],
    ) -> Option<(Stated, Signer)> {
        let payload = signature::payload(&signed.statement)?;
        let text: StatementText = serde_json::from_slice(&payload).ok()?;
        let chain = signed.certificates()?;
        let by_certificate = signature::is_by_certificate(&signed.statement, chain.first()?);
        let VersionName { id, version, hash } = &self.name;
        let about = text.format == "verbond-statement/1"
            && text.agreement == *id
            && text.version == *version
            && text.hash == *hash
            && self.parties.contains(&text.participant);
        (by_certificate && about).then_some(())?;
        let at = moment(&text.at)?;
        let mut own_key = None;
        let step = match text.step {
            StepText::Offered => Step::Offered,
            StepText::Signed { name, mandate, key, signature } => {
                let named = signatories.iter().any(|one| {
                    one.participant == text.participant && one.name == name && one.mandate == mandate
                });
                let own = signature::by_person(&signature, document, &key, Over::Agreement)?;
                own_key = Some(own.key);
                (named && own.is_about(at.div_euclid(1000))).then_some(Step::Signed)?
            }
            StepText::Refused => Step::Refused,
            StepText::Withdrawn => Step::Withdrawn,
            StepText::Suspended => Step::Suspended,
            StepText::Resumed => Step::Resumed,
            StepText::Revoked => Step::Revoked,
            StepText::ContractBound => Step::ContractBound,
            StepText::AcceptedOnTheWire { party } => Step::AcceptedOnTheWire(party),
            StepText::RefusedOnTheWire { party } => Step::RefusedOnTheWire(party),
            StepText::RevokedOnTheWire { party } => Step::RevokedOnTheWire(party),
        };
        let signer = Signer {
            statement: sha256(&[signed.statement.as_bytes()]),
            chain,
            participant: text.participant.clone(),
            at,
            moment: at,
            binds: step.binds(),
            key: own_key,
        };
        Some((Stated { party: text.participant, moment: at, step }, signer))
    }

    /// Says when journals took its statements in, each by its hash.
    pub(crate) fn shown(&mut self, taken_in: &HashMap<Hash, i64>) {
        for (stated, signer) in self.statements.iter_mut().zip(&mut self.signers) {
            if let Some(first) = taken_in.get(&signer.statement) {
                signer.moment = signer.at.max(*first);
                stated.moment = signer.moment;
            }
        }
    }

    pub(crate) fn is_signed_by_somebody(&self) -> bool {
        self.statements.iter().any(|stated| stated.step == Step::Signed)
    }

    /// From when on it takes the place of versions with a lower number.
    fn takes_over(&self) -> Option<i64> {
        let mut life = Life::new(&self.parties);
        self.statements.iter().for_each(|stated| life.take(stated));
        let ended_early = self.statements.iter().any(|stated| {
            matches!(stated.step, Step::Revoked | Step::RevokedOnTheWire(_)) && stated.moment < self.from
        });
        (self.is_sound && life.all_bound() && !ended_early).then_some(self.from)
    }

    fn in_force(&self, at: i64, replaced_from: Option<i64>) -> bool {
        if at < self.from || at >= self.until || replaced_from.is_some_and(|moment| at >= moment) {
            return false;
        }
        let mut life = Life::new(&self.parties);
        let counting = self.statements.iter().filter(|stated| stated.counts_from() <= at);
        counting.for_each(|stated| life.take(stated));
        life.stage == Stage::Signed
    }

    /// Whether all these elements are delivered by an operation.
    pub(crate) fn delivers(&self, operation: &OperationName, paths: &[Box<str>]) -> bool {
        let agreed = self.delivered.get(operation);
        paths.iter().all(|path| agreed.is_some_and(|agreed| agreed.contains(&steps(path))))
    }

    /// When it was in force, as moments from which on it was, or was no longer; `versions`: those of the section.
    pub(crate) fn timeline(&self, versions: &[Self]) -> Vec<(i64, bool)> {
        let later = versions
            .iter()
            .filter(|other| other.name.id == self.name.id && other.name.version > self.name.version);
        let replaced_from =
            later.filter_map(Self::takes_over).min().map(|moment| moment.saturating_add(TOLERANCE));
        let mut moments: Vec<i64> = self.statements.iter().map(Stated::counts_from).collect();
        moments.extend([self.from, self.until]);
        moments.extend(replaced_from);
        moments.sort_unstable();
        moments.dedup();
        moments.into_iter().map(|moment| (moment, self.in_force(moment, replaced_from))).collect()
    }
}

/// Whether a timeline says that the version was in force.
pub(crate) fn was_in_force(timeline: &[(i64, bool)], at: i64) -> bool {
    let before = timeline.partition_point(|(moment, _)| *moment <= at);
    before.checked_sub(1).and_then(|last| timeline.get(last)).is_some_and(|(_, in_force)| *in_force)
}

/// SHA-256 of these parts one after another, as documents are named by it.
pub(crate) fn hash_of(parts: &[&[u8]]) -> String {
    sha256(parts).iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn sound(name: &VersionName, document: &str) -> Option<(DocumentText, i64, i64)> {
    (name.hash == hash_of(&[document.as_bytes()])).then_some(())?;
    let text: DocumentText = serde_json::from_str(document).ok()?;
    let same = text.format == "verbond-agreement/1" && text.id == name.id && text.version == name.version;
    let counted = (2..=MOST_PARTIES).contains(&text.parties.len());
    (same && counted).then_some(())?;
    let (from, until) = (moment(&text.term.from)?, moment(&text.term.until)?);
    Some((text, from, until))
}

fn delivered(clauses: Vec<ClauseText>) -> HashMap<OperationName, HashSet<String>> {
    let mut delivered: HashMap<OperationName, HashSet<String>> = HashMap::new();
    for clause in clauses {
        for operation in clause.operations {
            let name = (clause.name.as_str().into(), operation.name.into());
            let paths = operation.delivered.iter().map(|element| steps(&element.path));
            delivered.entry(name).or_default().extend(paths);
        }
    }
    delivered
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Draft,
    Offered,
    Signed,
    Suspended,
    Ended,
}

/// The life of one version so far. A step that may not follow changes nothing.
struct Life<'a> {
    parties: &'a BTreeSet<String>,
    bound: BTreeSet<&'a str>,
    on_the_wire: BTreeSet<&'a str>,
    held_by: BTreeSet<&'a str>,
    stage: Stage,
}

impl<'a> Life<'a> {
    const fn new(parties: &'a BTreeSet<String>) -> Self {
        Self {
            parties,
            bound: BTreeSet::new(),
            on_the_wire: BTreeSet::new(),
            held_by: BTreeSet::new(),
            stage: Stage::Draft,
        }
    }

    fn all_bound(&self) -> bool {
        self.bound.len() == self.parties.len()
    }

    /// Whether this party, and no other, is not bound yet.
    fn only_awaits(&self, party: &str) -> bool {
        let mut awaited = self.parties.iter().filter(|one| !self.bound.contains(one.as_str()));
        awaited.next().is_some_and(|one| one == party) && awaited.next().is_none()
    }

    fn bind(&mut self, party: &'a str) {
        self.bound.insert(party);
        if self.all_bound() {
            self.stage = Stage::Signed;
        }
    }

    fn take(&mut self, stated: &'a Stated) {
        let party = stated.party.as_str();
        match (&stated.step, self.stage) {
            (Step::Offered, Stage::Draft) => self.stage = Stage::Offered,
            (Step::Signed, Stage::Offered) => self.bind(party),
            (Step::AcceptedOnTheWire(foreign), Stage::Offered)
                if foreign != party && self.only_awaits(foreign) =>
            {
                self.on_the_wire.insert(foreign);
                self.bind(foreign);
            }
            (Step::RefusedOnTheWire(foreign), Stage::Offered)
                if foreign != party && self.only_awaits(foreign) =>
            {
                self.stage = Stage::Ended;
            }
            (Step::Refused, Stage::Offered)
            | (Step::Withdrawn, Stage::Draft | Stage::Offered)
            | (Step::Revoked, Stage::Signed | Stage::Suspended) => self.stage = Stage::Ended,
            (Step::RevokedOnTheWire(foreign), Stage::Signed | Stage::Suspended)
                if foreign != party && self.on_the_wire.contains(foreign.as_str()) =>
            {
                self.stage = Stage::Ended;
            }
            (Step::Suspended, Stage::Signed | Stage::Suspended) => {
                self.held_by.insert(party);
                self.stage = Stage::Suspended;
            }
            (Step::Resumed, Stage::Suspended) => {
                self.held_by.remove(party);
                self.stage = if self.held_by.is_empty() { Stage::Signed } else { Stage::Suspended };
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;
    const DAY: i64 = 24 * 60 * MINUTE;

    fn version(statements: &[(&str, i64, Step)]) -> AgreementVersion {
        let stated = |(party, at, step): &(&str, i64, Step)| Stated {
            party: (*party).to_owned(),
            moment: *at,
            step: step.clone(),
        };
        AgreementVersion {
            name: VersionName { id: "a".to_owned(), version: 1, hash: String::new() },
            line: 1,
            is_sound: true,
            bad_statements: 0,
            signers: Vec::new(),
            advice: Vec::new(),
            parties: ["a", "b"].map(str::to_owned).into(),
            from: 10 * DAY,
            until: 20 * DAY,
            statements: statements.iter().map(stated).collect(),
            delivered: HashMap::new(),
        }
    }

    fn signed() -> Vec<(&'static str, i64, Step)> {
        vec![("a", DAY, Step::Offered), ("a", DAY, Step::Signed), ("b", 2 * DAY, Step::Signed)]
    }

    fn in_force(version: &AgreementVersion, at: i64) -> bool {
        was_in_force(&version.timeline(&[]), at)
    }

    #[test]
    fn in_force_is_what_all_signed_within_its_term() {
        let all = version(&signed());
        for (at, expected) in
            [(10 * DAY - 1, false), (10 * DAY, true), (20 * DAY - 1, true), (20 * DAY, false)]
        {
            assert_eq!(in_force(&all, at), expected, "{at}");
        }
        assert!(!in_force(&version(signed().get(..2).unwrap_or_default()), 15 * DAY));
    }

    #[test]
    fn what_stops_counts_five_minutes_later_and_what_lets_go_five_minutes_before() {
        let mut statements = signed();
        statements.push(("b", 12 * DAY, Step::Suspended));
        statements.push(("a", 13 * DAY, Step::Resumed));
        statements.push(("b", 14 * DAY, Step::Resumed));
        statements.push(("a", 15 * DAY, Step::Revoked));
        let version = version(&statements);
        for (at, expected) in [
            (12 * DAY + 5 * MINUTE - 1, true),
            (12 * DAY + 5 * MINUTE, false),
            (13 * DAY + DAY / 2, false),
            (14 * DAY - 5 * MINUTE, true),
            (15 * DAY + 5 * MINUTE, false),
        ] {
            assert_eq!(in_force(&version, at), expected, "{at}");
        }
    }

    #[test]
    fn on_the_wire_comes_last_and_is_seen_by_another() {
        let wire = || Step::AcceptedOnTheWire("b".to_owned());
        let offered = ("a", DAY, Step::Offered);
        let sign = ("a", DAY, Step::Signed);
        let good = [offered.clone(), sign.clone(), ("a", DAY, wire())];
        assert!(in_force(&version(&good), 11 * DAY));
        assert!(!in_force(&version(&[offered.clone(), ("a", DAY, wire()), sign.clone()]), 11 * DAY));
        assert!(!in_force(&version(&[offered, sign, ("b", DAY, wire())]), 11 * DAY));
        let ended = [good.as_slice(), &[("a", 11 * DAY, Step::RevokedOnTheWire("b".to_owned()))]].concat();
        assert!(!in_force(&version(&ended), 12 * DAY));
    }

    #[test]
    fn a_later_version_that_all_signed_takes_over_also_when_it_was_ended_since() {
        let first = version(&signed());
        let mut second = version(&signed());
        (second.name.version, second.from) = (2, 12 * DAY);
        let force =
            |second: &AgreementVersion, at| was_in_force(&first.timeline(std::slice::from_ref(second)), at);
        assert!(force(&second, 12 * DAY + 5 * MINUTE - 1) && !force(&second, 12 * DAY + 5 * MINUTE));
        let revoke = |at| Stated { party: "a".to_owned(), moment: at, step: Step::Revoked };
        second.statements.push(revoke(13 * DAY));
        assert!(!force(&second, 14 * DAY));
        second.statements.pop();
        second.statements.push(revoke(11 * DAY));
        assert!(force(&second, 14 * DAY));
    }
}

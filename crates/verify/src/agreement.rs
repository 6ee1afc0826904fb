//! Agreements as far as a verifier needs them: the document, what parties stated, and when a version was in force.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    advice::{self, Advice, AdviceText},
    element::steps,
    life::{Life, Stage, Stated, Step, TOLERANCE},
    line::{AgreementLine, Signed},
    merkle::{Hash, sha256},
    payload::{OperationName, VersionName},
    signature::{self, Over},
    wire::{self, About, Connection, SeenText},
};

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
    service: Option<ServiceText>,
    #[serde(default)]
    receivers: Vec<PartyText>,
    #[serde(default)]
    operations: Vec<OperationText>,
}

#[derive(Deserialize)]
struct ServiceText {
    provider: String,
    name: String,
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
    ContractBound { party: String, contract: String },
    AcceptedOnTheWire(SeenText),
    RefusedOnTheWire(SeenText),
    RevokedOnTheWire(SeenText),
}

/// By which certificate a statement was signed, to be judged when the section has been read.
#[derive(Debug)]
pub(crate) struct Signer {
    /// SHA-256 of the statement as it was signed, or of the one that shows what was.
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

impl Signer {
    fn first_shown(&mut self, taken_in: &HashMap<Hash, i64>) {
        if let Some(first) = taken_in.get(&self.statement) {
            self.moment = self.at.max(*first);
        }
    }
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
    /// One for each statement that holds, in their order.
    pub(crate) signers: Vec<Signer>,
    /// Foreign participants that signed what statements show of them.
    pub(crate) foreign: Vec<Signer>,
    pub(crate) advice: Vec<Advice>,
    parties: BTreeSet<String>,
    connections: BTreeSet<Connection>,
    /// By whom, for which foreign participant, and which contract was said to count.
    contracts: Vec<(String, String, String)>,
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
            foreign: Vec::new(),
            advice: Vec::new(),
            parties: BTreeSet::new(),
            connections: BTreeSet::new(),
            contracts: Vec::new(),
            from: 0,
            until: 0,
            statements: Vec::new(),
            delivered: HashMap::new(),
        };
        let Some((text, from, until)) = sound(&judged.name, &document) else { return judged };
        let signatories = text.signatories;
        judged.parties = text.parties.into_iter().map(|party| party.participant).collect();
        judged.connections = connections(&text.clauses);
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
        &mut self,
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
        let statement = sha256(&[signed.statement.as_bytes()]);
        let (mut own_key, mut shown) = (None, Vec::new());
        let about = About {
            version: &self.name,
            connections: &self.connections,
            by: &text.participant,
            at,
            bound: &self.contracts,
            parties: self.parties.len(),
        };
        let mut shows = |seen: SeenText, accepted| {
            let signers = wire::judge(&seen, accepted, &about)?;
            shown.extend(signers.into_iter().map(|(chain, at)| Signer {
                statement,
                chain,
                participant: seen.party.clone(),
                at,
                moment: at,
                binds: accepted,
                key: None,
            }));
            Some(seen.party)
        };
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
            StepText::ContractBound { party, contract } => {
                self.contracts.push((text.participant.clone(), party, contract));
                Step::ContractBound
            }
            StepText::AcceptedOnTheWire(seen) => Step::AcceptedOnTheWire(shows(seen, true)?),
            StepText::RefusedOnTheWire(seen) => Step::RefusedOnTheWire(shows(seen, false)?),
            StepText::RevokedOnTheWire(seen) => Step::RevokedOnTheWire(shows(seen, false)?),
        };
        let signer = Signer {
            statement,
            chain,
            participant: text.participant.clone(),
            at,
            moment: at,
            binds: step.binds(),
            key: own_key,
        };
        self.foreign.extend(shown);
        Some((Stated { party: text.participant, moment: at, step }, signer))
    }

    /// Says when journals took its statements in, each by its hash.
    pub(crate) fn shown(&mut self, taken_in: &HashMap<Hash, i64>) {
        for (stated, signer) in self.statements.iter_mut().zip(&mut self.signers) {
            signer.first_shown(taken_in);
            stated.moment = signer.moment;
        }
        self.foreign.iter_mut().for_each(|signer| signer.first_shown(taken_in));
    }

    pub(crate) fn is_signed_by_somebody(&self) -> bool {
        self.statements.iter().any(|stated| stated.step == Step::Signed)
    }

    /// From when on it takes the place of versions with a lower number.
    pub(crate) fn takes_over(&self) -> Option<i64> {
        let mut life = Life::new(&self.parties, &self.connections);
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
        let mut life = Life::new(&self.parties, &self.connections);
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

fn connections(clauses: &[ClauseText]) -> BTreeSet<Connection> {
    let of_clauses = clauses.iter().filter_map(|clause| Some((clause.service.as_ref()?, &clause.receivers)));
    let all = of_clauses.flat_map(|(service, receivers)| {
        receivers
            .iter()
            .map(|receiver| (service.provider.clone(), service.name.clone(), receiver.participant.clone()))
    });
    all.collect()
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
            foreign: Vec::new(),
            advice: Vec::new(),
            parties: ["a", "b"].map(str::to_owned).into(),
            connections: [("b".to_owned(), "incomes".to_owned(), "a".to_owned())].into(),
            contracts: Vec::new(),
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
        let mut among = version(&good);
        among.parties.insert("c".to_owned());
        among.connections.insert(("c".to_owned(), "benefits".to_owned(), "b".to_owned()));
        among.statements.push(Stated { party: "c".to_owned(), moment: DAY, step: Step::Signed });
        assert!(!in_force(&among, 11 * DAY), "of two who exchange with it one has seen");
        among.statements.push(Stated { party: "c".to_owned(), moment: DAY, step: wire() });
        assert!(in_force(&among, 11 * DAY));
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

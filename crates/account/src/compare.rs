//! Comparing what two parties tell of one exchange. Pure.

use serde::Serialize;
use utoipa::ToSchema;
use verbond_domain::{Direction, Timestamp, TransactionId};
use verbond_journal::{Completion, Delivery};

use crate::told::{ToldAnswer, ToldExchange};

/// What two parties do not tell alike, or do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// We hold a permit of something that was delivered; the counterpart holds nothing of it.
    MissingThere,
    /// The counterpart holds a permit of something that was delivered; we hold nothing of it.
    MissingHere,
    /// One says that it was delivered, the other that it was refused.
    Contradicts,
    /// Both have completed it, and the completions differ.
    Differs,
    /// One permitted it under a version of the agreement and the other under the version that took its place, both about the
    /// moment at which it did: it was under way then, or the clocks of the two differ.
    AtHandover,
    /// The consumer says that less arrived than the provider handed on. Whoever hands bytes to a connection does not learn whether they
    /// arrive, so that both may be right.
    ArrivedLess,
    /// An application of ours owes a processing record of it, and has not handed it in in time.
    RecordMissing,
    /// We have permitted it, and have written nothing of what became of it.
    UnknownHere,
    /// The counterpart has permitted it, and has written nothing of what became of it.
    UnknownThere,
}

impl FindingKind {
    /// Whether the accounts disagree; else it is only known that something is not known.
    pub const fn disagrees(self) -> bool {
        !matches!(
            self,
            Self::AtHandover
                | Self::ArrivedLess
                | Self::RecordMissing
                | Self::UnknownHere
                | Self::UnknownThere
        )
    }
}

/// One exchange about which the two accounts are not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Finding {
    /// The exchange.
    #[schema(value_type = String)]
    pub transaction_id: TransactionId,
    /// Seen from here.
    #[schema(value_type = String)]
    pub direction: Direction,
    /// The service that it was about.
    pub service: String,
    /// What is the matter.
    pub kind: FindingKind,
    /// Which members differ: `response.digest`, `elements`, ...
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<&'static str>,
}

/// What one party tells of one transaction: the permit, if there is one among its lines.
pub(crate) fn decisive(lines: &[ToldExchange]) -> Option<&ToldExchange> {
    let permit = lines.iter().find(|line| matches!(line.answer, ToldAnswer::Permitted { .. }));
    permit.or_else(|| lines.first())
}

/// How far from the moment at which a version takes over, in milliseconds, an exchange that was under way then, or of a party
/// whose clock differs, can have been permitted.
const ABOUT_HANDOVER: u64 = 60 * 1000;

/// Compares what we tell of one exchange with what the counterpart tells of it. `handover`: the moment at which the version
/// that one of them names took the place of the version that the other one names, if it did.
pub(crate) fn compare(
    ours: Option<&ToldExchange>,
    theirs: Option<&ToldExchange>,
    handover: Option<Timestamp>,
) -> Vec<Finding> {
    let Some(line) = ours.or(theirs) else { return Vec::new() };
    let direction = match ours {
        Some(ours) => ours.direction,
        None => opposite(line.direction),
    };
    let finding = |kind, members| Finding {
        transaction_id: line.transaction_id,
        direction,
        service: line.service.clone(),
        kind,
        members,
    };
    let (here, there) = (standing(ours), standing(theirs));
    let mut findings = Vec::new();
    if here == Standing::Unknown {
        findings.push(finding(FindingKind::UnknownHere, Vec::new()));
    }
    if there == Standing::Unknown {
        findings.push(finding(FindingKind::UnknownThere, Vec::new()));
    }
    match (here, there) {
        (Standing::Delivered, Standing::Absent) => {
            findings.push(finding(FindingKind::MissingThere, Vec::new()));
        }
        (Standing::Absent, Standing::Delivered) => {
            findings.push(finding(FindingKind::MissingHere, Vec::new()));
        }
        (Standing::Delivered, Standing::Refused) | (Standing::Refused, Standing::Delivered) => {
            findings.push(finding(FindingKind::Contradicts, Vec::new()));
        }
        _ => {}
    }
    if let (Some(ours), Some(theirs)) = (ours, theirs) {
        if arrived_less(ours, theirs) {
            findings.push(finding(FindingKind::ArrivedLess, Vec::new()));
        }
        let about = |line: &ToldExchange| {
            handover.is_some_and(|at| line.at_millis.abs_diff(at.millis()) <= ABOUT_HANDOVER)
        };
        let at_handover = about(ours) && about(theirs);
        let (follow, differ): (Vec<_>, Vec<_>) = differing(ours, theirs)
            .into_iter()
            .partition(|member| at_handover && BY_VERSION.contains(member));
        for (kind, members) in [(FindingKind::AtHandover, follow), (FindingKind::Differs, differ)] {
            if !members.is_empty() {
                findings.push(finding(kind, members));
            }
        }
    }
    findings
}

/// What differs where each side went by a version of its own: the version, and what that one names among what crossed.
const BY_VERSION: [&str; 2] = ["agreement", "elements"];

/// How one party's account of an exchange stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It holds nothing.
    Absent,
    /// It refused.
    Refused,
    /// It permitted, and nothing was delivered.
    Nothing,
    /// It permitted, and something was delivered.
    Delivered,
    /// It permitted, and does not tell what became of it.
    Unknown,
}

fn standing(told: Option<&ToldExchange>) -> Standing {
    match told.map(|told| &told.answer) {
        None => Standing::Absent,
        Some(ToldAnswer::Refused { .. }) => Standing::Refused,
        Some(ToldAnswer::Permitted { completion: None }) => Standing::Unknown,
        Some(ToldAnswer::Permitted { completion: Some(completion) }) => match completion.delivery {
            Delivery::Nothing => Standing::Nothing,
            Delivery::Whole | Delivery::BrokenOff => Standing::Delivered,
        },
    }
}

/// Which members differ of two accounts of an exchange that both have permitted. Where it came to nothing at one side, the
/// other side's content is of a refusal and not compared.
fn differing(ours: &ToldExchange, theirs: &ToldExchange) -> Vec<&'static str> {
    let (ToldAnswer::Permitted { completion: here }, ToldAnswer::Permitted { completion: there }) =
        (&ours.answer, &theirs.answer)
    else {
        return Vec::new();
    };
    let mut members = Vec::new();
    let mut unless = |same: bool, member| {
        if !same {
            members.push(member);
        }
    };
    unless(ours.direction != theirs.direction, "direction");
    unless(ours.service == theirs.service, "service");
    unless(ours.grant_hash == theirs.grant_hash, "grant_hash");
    unless(ours.agreement == theirs.agreement, "agreement");
    if let (Some(here), Some(there)) = (here, there)
        && !arrived_less(ours, theirs)
    {
        completions(here, there, &mut unless);
    }
    members
}

/// Whether both have completed it, and the consumer with less than the provider.
fn arrived_less(ours: &ToldExchange, theirs: &ToldExchange) -> bool {
    let (ToldAnswer::Permitted { completion: Some(here) }, ToldAnswer::Permitted { completion: Some(there) }) =
        (&ours.answer, &theirs.answer)
    else {
        return false;
    };
    let (consumer, provider) = match ours.direction {
        Direction::Outgoing => (here, there),
        Direction::Incoming => (there, here),
    };
    extent(consumer.delivery) < extent(provider.delivery)
}

const fn extent(delivery: Delivery) -> u8 {
    match delivery {
        Delivery::Nothing => 0,
        Delivery::BrokenOff => 1,
        Delivery::Whole => 2,
    }
}

fn completions(here: &Completion, there: &Completion, unless: &mut impl FnMut(bool, &'static str)) {
    unless(here.delivery == there.delivery, "delivery");
    if here.delivery == Delivery::Nothing || there.delivery == Delivery::Nothing {
        return;
    }
    unless(here.status == there.status, "status");
    // Of what was broken off, each side saw as much as reached it.
    if here.delivery == Delivery::BrokenOff || there.delivery == Delivery::BrokenOff {
        return;
    }
    unless(here.elements == there.elements, "elements");
    unless(people_agree(here, there), "people");
    unless(here.request.bytes == there.request.bytes, "request.bytes");
    unless(here.response.bytes == there.response.bytes, "response.bytes");
    // Digests under different salts say nothing of each other; that the salts differ is told once.
    unless(here.salt == there.salt, "salt");
    if here.salt == there.salt {
        unless(here.request.digest == there.request.digest, "request.digest");
        unless(here.response.digest == there.response.digest, "response.digest");
    }
}

/// A provider recognises everybody whom its consumer recognises, and may recognise more: the consumer looks only where numbers are
/// delivered. Whoever looked for nobody, or does not tell, says nothing that could disagree.
fn people_agree(here: &Completion, there: &Completion) -> bool {
    let (provider, consumer) = match here.direction {
        Direction::Incoming => (here, there),
        Direction::Outgoing => (there, here),
    };
    provider.people.zip(consumer.people).is_none_or(|(recorded, recognised)| recognised <= recorded)
}

/// The direction of the same exchange at the other end.
pub(crate) const fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Incoming => Direction::Outgoing,
        Direction::Outgoing => Direction::Incoming,
    }
}

#[cfg(test)]
mod tests {
    use verbond_journal::{Bytes32, Counting, CrossedElement};

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn completion(content: &[u8]) -> Result<Completion, Box<dyn std::error::Error>> {
        let salt = Bytes32([7; 32]);
        let nothing = Counting::new(&salt);
        let mut counting = nothing.clone();
        counting.add(content);
        Ok(Completion {
            transaction_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse()?,
            direction: Direction::Outgoing,
            counterpart: "oin:00000099000000010000".parse()?,
            permit: serde_json::from_str("\"01890a5d-ac96-774b-bcce-b302099a8058\"")?,
            delivery: Delivery::Whole,
            status: Some(200),
            code: None,
            request: nothing.crossed(),
            response: counting.crossed(),
            elements: vec![CrossedElement { path: "/year".into(), count: 1 }],
            people: None,
            salt,
        })
    }

    fn told(direction: Direction, answer: ToldAnswer) -> Result<ToldExchange, Box<dyn std::error::Error>> {
        Ok(ToldExchange {
            transaction_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse()?,
            direction,
            service: "incomes".to_owned(),
            grant_hash: None,
            agreement: Some("hash".to_owned()),
            at_millis: 0,
            answer,
        })
    }

    fn permitted(completion: Completion) -> ToldAnswer {
        ToldAnswer::Permitted { completion: Some(completion.into()) }
    }

    /// Kinds and members that are found.
    fn found(
        ours: Option<&ToldExchange>,
        theirs: Option<&ToldExchange>,
    ) -> Vec<(FindingKind, Vec<&'static str>)> {
        compare(ours, theirs, None).into_iter().map(|finding| (finding.kind, finding.members)).collect()
    }

    #[test]
    fn what_both_tell_alike_is_no_finding() -> Outcome {
        let ours = told(Direction::Outgoing, permitted(completion(b"answer")?))?;
        let theirs = told(Direction::Incoming, permitted(completion(b"answer")?))?;
        assert_eq!(found(Some(&ours), Some(&theirs)), []);
        // Refused at the source's side: our permit came to nothing.
        let nothing = Completion { delivery: Delivery::Nothing, ..completion(b"")? };
        let ours = told(Direction::Outgoing, permitted(nothing))?;
        let refused =
            told(Direction::Incoming, ToldAnswer::Refused { code: "AGREEMENT_MISSING".to_owned() })?;
        assert_eq!(found(Some(&ours), Some(&refused)), []);
        assert_eq!(found(Some(&ours), None), []);
        Ok(())
    }

    #[test]
    fn a_missing_half_is_named_at_the_side_where_it_is_missing() -> Outcome {
        let ours = told(Direction::Outgoing, permitted(completion(b"answer")?))?;
        let theirs = told(Direction::Incoming, permitted(completion(b"answer")?))?;
        assert_eq!(found(Some(&ours), None), [(FindingKind::MissingThere, vec![])]);
        assert_eq!(found(None, Some(&theirs)), [(FindingKind::MissingHere, vec![])]);
        assert_eq!(
            compare(None, Some(&theirs), None).first().map(|it| it.direction),
            Some(Direction::Outgoing)
        );
        let refused = told(Direction::Incoming, ToldAnswer::Refused { code: "X".to_owned() })?;
        assert_eq!(found(Some(&ours), Some(&refused)), [(FindingKind::Contradicts, vec![])]);
        Ok(())
    }

    #[test]
    fn a_permit_without_completion_reads_unknown_and_is_no_disagreement() -> Outcome {
        let ours = told(Direction::Outgoing, ToldAnswer::Permitted { completion: None })?;
        let theirs = told(Direction::Incoming, permitted(completion(b"answer")?))?;
        assert_eq!(found(Some(&ours), Some(&theirs)), [(FindingKind::UnknownHere, vec![])]);
        assert_eq!(found(Some(&ours), None), [(FindingKind::UnknownHere, vec![])]);
        assert!(!FindingKind::UnknownHere.disagrees());
        Ok(())
    }

    #[test]
    fn a_consumer_recognises_nobody_whom_its_provider_did_not() -> Outcome {
        let recognised =
            |people| Ok::<_, Box<dyn std::error::Error>>(Completion { people, ..completion(b"answer")? });
        for (provider, consumer, agree) in [
            (Some(3), Some(3), true),
            (Some(3), Some(1), true),
            (Some(3), Some(4), false),
            (Some(0), Some(1), false),
            (Some(3), None, true),
            (None, Some(1), true),
        ] {
            let incoming = Completion { direction: Direction::Incoming, ..recognised(provider)? };
            let here = told(Direction::Incoming, permitted(incoming))?;
            let there = told(Direction::Outgoing, permitted(recognised(consumer)?))?;
            let expected = if agree { vec![] } else { vec![(FindingKind::Differs, vec!["people"])] };
            assert_eq!(found(Some(&here), Some(&there)), expected, "{provider:?} {consumer:?}");
            assert_eq!(found(Some(&there), Some(&here)), expected, "{provider:?} {consumer:?}");
        }
        Ok(())
    }

    #[test]
    fn each_member_that_differs_is_named() -> Outcome {
        let ours = told(Direction::Outgoing, permitted(completion(b"answer")?))?;
        let same = completion(b"answer")?;
        let cases: [(Completion, Vec<&'static str>); 6] = [
            (completion(b"anSwer")?, vec!["response.digest"]),
            (completion(b"answers")?, vec!["response.bytes", "response.digest"]),
            (Completion { status: Some(404), ..same.clone() }, vec!["status"]),
            (Completion { elements: Vec::new(), ..same.clone() }, vec!["elements"]),
            (Completion { delivery: Delivery::BrokenOff, ..same.clone() }, vec!["delivery"]),
            (Completion { salt: Bytes32([8; 32]), ..same.clone() }, vec!["salt"]),
        ];
        for (theirs, members) in cases {
            let theirs = told(Direction::Incoming, permitted(theirs))?;
            assert_eq!(found(Some(&ours), Some(&theirs)), [(FindingKind::Differs, members)]);
        }
        // Less than was handed on may have arrived: no disagreement, and nothing else of the two is compared.
        for less in [Delivery::BrokenOff, Delivery::Nothing] {
            let consumer = Completion { delivery: less, ..completion(b"ans")? };
            let consumer = told(Direction::Outgoing, permitted(consumer))?;
            let provider = told(Direction::Incoming, permitted(same.clone()))?;
            assert_eq!(found(Some(&consumer), Some(&provider)), [(FindingKind::ArrivedLess, vec![])]);
            assert_eq!(found(Some(&provider), Some(&consumer)), [(FindingKind::ArrivedLess, vec![])]);
        }
        for (theirs, member) in [
            (ToldExchange { agreement: None, ..ours.clone() }, "agreement"),
            (ToldExchange { service: "other".to_owned(), ..ours.clone() }, "service"),
            (ToldExchange { grant_hash: Some("other".to_owned()), ..ours.clone() }, "grant_hash"),
        ] {
            let theirs = ToldExchange { direction: Direction::Incoming, ..theirs };
            assert_eq!(found(Some(&ours), Some(&theirs)), [(FindingKind::Differs, vec![member])]);
        }
        Ok(())
    }

    #[test]
    fn about_a_handover_each_side_may_go_by_its_own_version() -> Outcome {
        let at = |seconds: i64| Some(Timestamp::from_millis(seconds * 1000));
        let ours = told(Direction::Outgoing, permitted(completion(b"answer")?))?;
        let fewer = Completion { elements: Vec::new(), ..completion(b"answer")? };
        let later = |completion| {
            let line = told(Direction::Incoming, permitted(completion))?;
            let line = ToldExchange { agreement: Some("later".to_owned()), at_millis: 1, ..line };
            Ok::<_, Box<dyn std::error::Error>>(line)
        };
        let theirs = later(fewer)?;
        let both = || vec!["agreement", "elements"];
        let kinds = |theirs: &ToldExchange, handover| -> Vec<_> {
            let findings = compare(Some(&ours), Some(theirs), handover).into_iter();
            findings.map(|finding| (finding.kind, finding.members)).collect()
        };
        assert!(!FindingKind::AtHandover.disagrees());
        assert_eq!(kinds(&theirs, at(60)), [(FindingKind::AtHandover, both())]);
        assert_eq!(kinds(&theirs, at(-59)), [(FindingKind::AtHandover, both())]);
        // No version took over from the other, or at another time.
        for handover in [None, at(61), at(-60)] {
            assert_eq!(kinds(&theirs, handover), [(FindingKind::Differs, both())], "{handover:?}");
        }
        // What does not follow from the version disagrees as ever.
        let changed = later(completion(b"anSwer")?)?;
        assert_eq!(
            kinds(&changed, at(0)),
            [(FindingKind::AtHandover, vec!["agreement"]), (FindingKind::Differs, vec!["response.digest"])]
        );
        Ok(())
    }
}

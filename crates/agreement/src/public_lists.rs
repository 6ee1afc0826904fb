//! What the public lists of several parties say when they are laid side by side: what one shows and another does not, what they tell
//! differently, what is withheld, and where agreements meet at one participant.
//!
//! Others' lists are read as they are: what this version does not know in them is compared all the same, and never refused.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use verbond_domain::{ParticipantId, ServiceReference};

use crate::AgreementId;

/// An agreement as a party shows it at `/v1/agreements`.
#[derive(Clone, Debug, Deserialize)]
pub struct Shown {
    /// The same in all versions.
    pub id: AgreementId,
    /// Which version.
    pub version: u32,
    /// Hash over the canonical form of the whole.
    pub hash: String,
    parties: Vec<ShownParty>,
    #[serde(default)]
    in_force: bool,
    #[serde(default)]
    clauses: Vec<ShownClause>,
    #[serde(default)]
    withheld: Option<Value>,
    /// All of it, as it was shown.
    #[serde(skip)]
    members: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
struct ShownParty {
    participant: ParticipantId,
    #[serde(default)]
    name: String,
}

#[derive(Clone, Debug, Deserialize)]
struct ShownClause {
    service: ServiceReference,
    receivers: Vec<ParticipantId>,
    purpose: String,
}

impl Shown {
    /// Reads one.
    ///
    /// # Errors
    /// When a member that every list has is missing or of another form.
    pub fn read(item: Value) -> Result<Self, serde_json::Error> {
        let members = item.as_object().into_iter().flatten();
        let members = members.map(|(name, value)| (name.clone(), value.clone())).collect();
        let shown: Self = serde_json::from_value(item)?;
        Ok(Self { members, ..shown })
    }

    fn names(&self, participant: &ParticipantId) -> bool {
        self.parties.iter().any(|party| party.participant == *participant)
    }
}

/// What is the matter between lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// A party does not show what another shows it to be a party to.
    NotShown,
    /// A list shows what its owner is no party to.
    NoParty,
    /// A list shows one version twice.
    Twice,
    /// Lists show different documents under one version.
    Hash,
    /// Lists tell something else of the same version: the member is named.
    Told,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListDifference {
    /// What is the matter.
    pub kind: DifferenceKind,
    /// The agreement.
    pub agreement: AgreementId,
    /// Its version.
    pub version: u32,
    /// Whose list shows it.
    pub shown_by: ParticipantId,
    /// Whose list does not, or tells it differently.
    pub other: ParticipantId,
    /// What is told differently: `parties`, `until`, `clauses`, `withheld`, ….
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
}

/// How one party's list was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListCount {
    /// Whose.
    pub participant: ParticipantId,
    /// Versions in it.
    pub shown: usize,
    /// Of these in force.
    pub in_force: usize,
    /// Of these with something withheld.
    pub withheld: usize,
}

/// Services of several parties from which one participant receives under agreements in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Meeting {
    /// Who receives.
    pub receiver: ParticipantId,
    /// From which services.
    pub services: BTreeSet<String>,
    /// For which purposes.
    pub purposes: BTreeSet<String>,
    /// Under which agreements.
    pub agreements: BTreeSet<AgreementId>,
}

/// A participant that is named in lists and whose own was not there to compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotGathered {
    /// Who.
    pub participant: ParticipantId,
    /// Its name, as others show it.
    pub name: String,
    /// In how many versions it is named.
    pub named_in: usize,
}

/// What lists say side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListsCompared {
    /// Each list.
    pub lists: Vec<ListCount>,
    /// What does not agree.
    pub differences: Vec<ListDifference>,
    /// Where agreements, or sources under one, meet at one participant.
    pub meetings: Vec<Meeting>,
    /// Whose lists are missing.
    pub not_gathered: Vec<NotGathered>,
}

/// Compares the lists of participants.
pub fn compare_lists(lists: &BTreeMap<ParticipantId, Vec<Shown>>) -> ListsCompared {
    let mut compared = ListsCompared::default();
    let mut versions: BTreeMap<(AgreementId, u32), BTreeMap<&ParticipantId, &Shown>> = BTreeMap::new();
    for (owner, shown) in lists {
        compared.lists.push(ListCount {
            participant: owner.clone(),
            shown: shown.len(),
            in_force: shown.iter().filter(|one| one.in_force).count(),
            withheld: shown.iter().filter(|one| one.withheld.is_some()).count(),
        });
        for one in shown {
            let known = versions.entry((one.id, one.version)).or_default();
            if !one.names(owner) {
                compared.differences.push(difference(DifferenceKind::NoParty, one, owner, owner));
            }
            if known.insert(owner, one).is_some() {
                compared.differences.push(difference(DifferenceKind::Twice, one, owner, owner));
            }
        }
    }
    for shown in versions.values() {
        compared.differences.extend(between(shown, lists));
    }
    compared.differences.sort_by_key(|one| (one.agreement, one.version, one.kind));
    compared.meetings = meetings(versions.values().flat_map(|shown| shown.values().copied()));
    compared.not_gathered = not_gathered(&versions, lists);
    compared
}

/// One version in the lists that show it, and those that should.
fn between(
    shown: &BTreeMap<&ParticipantId, &Shown>,
    lists: &BTreeMap<ParticipantId, Vec<Shown>>,
) -> Vec<ListDifference> {
    let mut differences = Vec::new();
    let mut absent = BTreeSet::new();
    for (owner, one) in shown {
        for party in one.parties.iter().map(|party| &party.participant) {
            if lists.contains_key(party) && !shown.contains_key(party) && absent.insert(party) {
                differences.push(difference(DifferenceKind::NotShown, one, owner, party));
            }
        }
    }
    let mut shown = shown.iter();
    let Some((first, one)) = shown.next() else { return differences };
    for (other, theirs) in shown {
        if one.hash != theirs.hash {
            differences.push(difference(DifferenceKind::Hash, one, first, other));
            continue;
        }
        let names: BTreeSet<&String> = one.members.keys().chain(theirs.members.keys()).collect();
        for name in names.into_iter().filter(|name| one.members.get(*name) != theirs.members.get(*name)) {
            let told = difference(DifferenceKind::Told, one, first, other);
            differences.push(ListDifference { member: Some(name.clone()), ..told });
        }
    }
    differences
}

fn difference(
    kind: DifferenceKind,
    one: &Shown,
    shown_by: &ParticipantId,
    other: &ParticipantId,
) -> ListDifference {
    ListDifference {
        kind,
        agreement: one.id,
        version: one.version,
        shown_by: shown_by.clone(),
        other: other.clone(),
        member: None,
    }
}

/// Who receives from two services or more under what is in force, whichever list shows it.
fn meetings<'lists>(shown: impl Iterator<Item = &'lists Shown>) -> Vec<Meeting> {
    let mut by_receiver: BTreeMap<&ParticipantId, Meeting> = BTreeMap::new();
    for one in shown.filter(|one| one.in_force) {
        for clause in &one.clauses {
            for receiver in &clause.receivers {
                let meeting = by_receiver.entry(receiver).or_insert_with(|| Meeting {
                    receiver: receiver.clone(),
                    services: BTreeSet::new(),
                    purposes: BTreeSet::new(),
                    agreements: BTreeSet::new(),
                });
                meeting.services.insert(format!("{}/{}", clause.service.provider, clause.service.name));
                meeting.purposes.insert(clause.purpose.clone());
                meeting.agreements.insert(one.id);
            }
        }
    }
    by_receiver.into_values().filter(|meeting| meeting.services.len() > 1).collect()
}

fn not_gathered(
    versions: &BTreeMap<(AgreementId, u32), BTreeMap<&ParticipantId, &Shown>>,
    lists: &BTreeMap<ParticipantId, Vec<Shown>>,
) -> Vec<NotGathered> {
    let mut missing: BTreeMap<&ParticipantId, NotGathered> = BTreeMap::new();
    for shown in versions.values() {
        let mut named: BTreeMap<&ParticipantId, &str> = BTreeMap::new();
        for party in shown.values().flat_map(|one| &one.parties) {
            if !lists.contains_key(&party.participant) {
                named.insert(&party.participant, &party.name);
            }
        }
        for (participant, name) in named {
            let known = missing.entry(participant).or_insert_with(|| NotGathered {
                participant: participant.clone(),
                name: name.to_owned(),
                named_in: 0,
            });
            known.named_in += 1;
        }
    }
    missing.into_values().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    const ONE: &str = "oin:00000099000000010000";
    const TWO: &str = "oin:00000099000000020000";
    const THREE: &str = "oin:00000099000000030000";

    /// An agreement under which the first party receives from services of the others.
    fn item(number: u8, parties: &[&str]) -> Value {
        let providers = parties.iter().skip(1).map(|provider| {
            json!({ "service": { "provider": provider, "name": "incomes" }, "receivers": [parties.first()], "purpose": "outreach" })
        });
        json!({
            "id": format!("01932f5e-7c00-7000-8000-0000000000{number:02}"), "version": 1, "hash": format!("hash-{number}"),
            "parties": parties.iter().map(|one| json!({ "participant": one, "name": "Example" })).collect::<Vec<_>>(),
            "until": "2028-12-01T00:00:00Z", "stage": "signed", "in_force": true, "clauses": providers.collect::<Vec<_>>(),
        })
    }

    fn compared(lists: Vec<(&str, Vec<Value>)>) -> Result<ListsCompared, Box<dyn std::error::Error>> {
        let mut read = BTreeMap::new();
        for (owner, items) in lists {
            let items = items.into_iter().map(Shown::read).collect::<Result<Vec<_>, _>>()?;
            read.insert(owner.parse()?, items);
        }
        Ok(compare_lists(&read))
    }

    fn kinds(compared: &ListsCompared) -> Vec<(DifferenceKind, Option<&str>)> {
        compared.differences.iter().map(|one| (one.kind, one.member.as_deref())).collect()
    }

    #[test]
    fn lists_that_say_the_same_differ_in_nothing_and_meetings_are_named() -> Outcome {
        let (first, second) = (item(1, &[ONE, TWO]), item(2, &[ONE, THREE]));
        let lists = vec![
            (ONE, vec![first.clone(), second.clone()]),
            (TWO, vec![first.clone()]),
            (THREE, vec![second]),
        ];
        let found = compared(lists)?;
        assert_eq!((kinds(&found), found.not_gathered.len()), (vec![], 0));
        let [meeting] = found.meetings.as_slice() else { return Err("one meeting".into()) };
        assert_eq!((meeting.receiver.to_string(), meeting.services.len()), (ONE.to_owned(), 2));
        assert_eq!(meeting.agreements.len(), 2);
        assert!(compared(vec![(ONE, vec![first.clone()]), (TWO, vec![first])])?.meetings.is_empty());
        Ok(())
    }

    #[test]
    fn what_a_party_leaves_out_or_tells_differently_is_named() -> Outcome {
        let shown = item(1, &[ONE, TWO]);
        let left_out = compared(vec![(ONE, vec![shown.clone()]), (TWO, vec![])])?;
        assert_eq!(kinds(&left_out), [(DifferenceKind::NotShown, None)]);
        assert_eq!(left_out.differences.first().map(|one| one.other.to_string()), Some(TWO.to_owned()));
        for (member, value, kind) in [
            ("hash", json!("another"), (DifferenceKind::Hash, None)),
            ("until", json!("2029-12-01T00:00:00Z"), (DifferenceKind::Told, Some("until"))),
            ("withheld", json!({ "what": "all" }), (DifferenceKind::Told, Some("withheld"))),
            ("of-a-later-version", json!(1), (DifferenceKind::Told, Some("of-a-later-version"))),
        ] {
            let mut other = shown.clone();
            other.as_object_mut().ok_or("object")?.insert(member.to_owned(), value);
            let found = compared(vec![(ONE, vec![shown.clone()]), (TWO, vec![other])])?;
            assert_eq!(kinds(&found), [kind], "{member}");
        }
        let stranger = compared(vec![(THREE, vec![shown.clone(), shown.clone()])])?;
        let no_party = (DifferenceKind::NoParty, None);
        assert_eq!(kinds(&stranger), [no_party, no_party, (DifferenceKind::Twice, None)]);
        let missing = compared(vec![(ONE, vec![shown])])?;
        assert_eq!(
            missing.not_gathered.iter().map(|one| one.participant.to_string()).collect::<Vec<_>>(),
            [TWO]
        );
        Ok(())
    }
}

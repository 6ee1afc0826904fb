//! What changed between two versions of an agreement, clause by clause, in words of both languages.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use verbond_domain::Bilingual;

use crate::{Agreement, ClauseName, DocumentError, text::visible};

/// What happened to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It stands in the new version only.
    Added,
    /// It stood in the old version only.
    Removed,
    /// It says something else.
    Changed,
}

/// One difference between two versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// In which clause; none: in the agreement as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clause: Option<ClauseName>,
    /// Where: members by name, items by what they are known by, such as `clauses[incomes].term`.
    pub place: String,
    /// The difference as a sentence.
    pub sentence: Bilingual,
    /// What stood there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What stands there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// By which member the items of a list are known, so that an order that changed is no change, and one that was taken
/// out does not make all after it look changed.
const KNOWN_BY: [(&str, &str); 13] = [
    ("parties", "/participant"),
    ("clauses", "/name"),
    ("receivers", "/participant"),
    ("operations", "/name"),
    ("parameters", "/name"),
    ("delivered", "/path"),
    ("elements", "/path"),
    ("bands", "/name"),
    ("retention", "/category"),
    ("assessments", "/entry/name"),
    ("algorithms", "/name"),
    ("advice", "/participant"),
    ("signatories", "/participant"),
];

/// What parts are called. A part that is not in the list is called by its name in the document.
const CALLED: [(&str, &str, &str); 67] = [
    ("act", "de handtekening van de FG", "the officer's signature"),
    ("activity", "de verwerkingsactiviteit", "the processing activity"),
    ("advice", "het advies", "the advice"),
    ("algorithm", "het gebruik van algoritmes", "the use of algorithms"),
    ("algorithms", "het algoritme", "the algorithm"),
    ("assessments", "de toets", "the assessment"),
    ("assurance", "het betrouwbaarheidsniveau", "the level of assurance"),
    ("bands", "de band", "the band"),
    ("below", "de bovengrens", "the upper bound"),
    ("clauses", "de bepaling", "the clause"),
    ("coalition", "de coalitie", "the coalition"),
    ("comparison", "de vergelijking", "the comparison"),
    ("compatibility", "de verenigbaarheid van het doel", "the compatibility of the purpose"),
    ("conditions", "de voorwaarden", "the conditions"),
    ("constant", "de waarde waarmee wordt vergeleken", "the value that is compared with"),
    ("contact", "de contactpersoon", "the contact"),
    ("content_type", "het soort antwoord", "the type of the answer"),
    ("criminal_data", "de basis voor strafrechtelijke gegevens", "the basis for data on offences"),
    ("delivered", "het gegeven", "the element"),
    ("derived", "de afleiding", "the derivation"),
    ("elements", "het gegeven", "the element"),
    ("effect", "de gevolgen voor mensen", "the effect on people"),
    ("ground", "de grondslag", "the ground"),
    ("hash", "de hash", "the hash"),
    ("human_in_the_loop", "de menselijke stap", "the human step"),
    ("identifies", "het nummer waarmee een persoon wordt genoemd", "the number that names a person"),
    ("informing", "hoe mensen het horen", "how people are told"),
    ("kind", "het soort afspraak", "the kind of agreement"),
    ("limb", "de grond van AVG art. 6", "the limb of GDPR art. 6"),
    ("linkage", "de combinatie met andere bepalingen", "the combination with other clauses"),
    ("matching", "wat meetelt", "what is counted"),
    ("meaning", "de betekenis", "the meaning"),
    ("method", "de methode", "the method"),
    ("name", "de naam", "the name"),
    ("national_number", "de grond voor het nationale nummer", "the ground for the national number"),
    ("operations", "de bewerking", "the operation"),
    ("operator", "de manier van vergelijken", "the way of comparing"),
    ("outcome", "de uitkomst", "the outcome"),
    ("parameters", "de parameter", "the parameter"),
    ("parties", "de partij", "the party"),
    ("path", "het pad", "the path"),
    ("people", "waar de persoon staat", "where the person stands"),
    ("per_person", "de grens per persoon", "the limit per person"),
    ("places", "de plaats van verwerking", "the place of processing"),
    ("provider", "de verstrekker", "the provider"),
    ("provisions", "de wetsartikelen", "the provisions of law"),
    ("publicity", "wat openbaar is", "what is public"),
    ("purpose", "het doel", "the purpose"),
    ("purpose_text", "de omschrijving van het doel", "the description of the purpose"),
    ("purposes", "de doelen", "the purposes"),
    ("receivers", "de ontvanger", "the receiver"),
    ("replaces", "de versie die wordt vervangen", "the version that is replaced"),
    ("request", "de inhoud van het verzoek", "the body of the request"),
    ("retention", "de bewaartermijn van", "the retention of"),
    ("role", "de rol", "the role"),
    ("secrecy", "de opheffing van geheimhouding", "the lifting of secrecy"),
    ("sensitivity", "de gevoeligheid", "the sensitivity"),
    ("signatories", "de ondertekenaar", "the signatory"),
    ("signed_elsewhere", "het elders getekende document", "the document signed elsewhere"),
    (
        "special_categories",
        "de uitzondering voor bijzondere gegevens",
        "the exception for special categories",
    ),
    ("term", "de looptijd", "the term"),
    ("time", "het tijdvak", "the time window"),
    ("title", "de titel", "the title"),
    ("undertaking", "de belofte", "the undertaking"),
    ("until", "het einde", "the end"),
    ("values", "de toegestane waarden", "the allowed values"),
    ("volume", "de grens in totaal", "the limit in all"),
];

/// A step from the whole to a part.
#[derive(Clone)]
struct Step {
    member: String,
    item: Option<String>,
}

/// What changed from one version to another. Empty exactly when both say the same.
///
/// # Errors
/// When a document cannot be written, which no agreement that was parsed brings about.
pub fn diff(before: &Agreement, after: &Agreement) -> Result<Vec<Change>, DocumentError> {
    let value =
        |agreement| serde_json::to_value(agreement).map_err(|error| DocumentError::Form(error.to_string()));
    let mut changes = Vec::new();
    compare(&value(before)?, &value(after)?, &mut Vec::new(), &mut changes);
    Ok(changes)
}

fn compare(before: &Value, after: &Value, steps: &mut Vec<Step>, changes: &mut Vec<Change>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(old), Value::Object(new)) if same_variant(before, after) => {
            let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
            for name in names {
                steps.push(Step { member: name.clone(), item: None });
                part(old.get(name), new.get(name), steps, changes);
                steps.pop();
            }
        }
        (Value::Array(old), Value::Array(new)) => items(before, after, old, new, steps, changes),
        _ => changes.push(change(steps, Some(before), Some(after))),
    }
}

fn part(before: Option<&Value>, after: Option<&Value>, steps: &mut Vec<Step>, changes: &mut Vec<Change>) {
    match (before, after) {
        (Some(before), Some(after)) => compare(before, after, steps, changes),
        (None, None) => {}
        _ => changes.push(change(steps, before, after)),
    }
}

/// Whether two objects are of the same kind: another kind is said as a whole, not member by member.
fn same_variant(before: &Value, after: &Value) -> bool {
    let tags = ["allow", "keep", "use", "by", "effect", "instrument", "publish", "place", "role"];
    tags.iter().all(|tag| match (before.get(tag), after.get(tag)) {
        (Some(Value::String(before)), Some(Value::String(after))) => before == after,
        _ => true,
    })
}

fn items(
    before: &Value,
    after: &Value,
    old: &[Value],
    new: &[Value],
    steps: &mut Vec<Step>,
    changes: &mut Vec<Change>,
) {
    let member = steps.last().map(|step| step.member.clone()).unwrap_or_default();
    let known_by = KNOWN_BY.iter().find(|(name, _)| *name == member).map(|(_, pointer)| *pointer);
    let keys = |items: &[Value]| -> Option<Vec<String>> {
        let keys: Option<Vec<_>> = items
            .iter()
            .map(|item| item.pointer(known_by?).and_then(Value::as_str).map(str::to_owned))
            .collect();
        let keys = keys?;
        (keys.iter().collect::<BTreeSet<_>>().len() == keys.len()).then_some(keys)
    };
    let (Some(old_keys), Some(new_keys)) = (keys(old), keys(new)) else {
        changes.push(change(steps, Some(before), Some(after)));
        return;
    };
    let find = |keys: &[String], key: &String| keys.iter().position(|one| one == key);
    for key in old_keys.iter().chain(new_keys.iter().filter(|key| !old_keys.contains(key))) {
        if let Some(last) = steps.last_mut() {
            last.item = Some(key.clone());
        }
        let old = find(&old_keys, key).and_then(|number| old.get(number));
        let new = find(&new_keys, key).and_then(|number| new.get(number));
        part(old, new, steps, changes);
    }
    if let Some(last) = steps.last_mut() {
        last.item = None;
    }
    // The order of what stands in both is a difference of its own, whatever else there is.
    let shared = |keys: &[String], others: &[String]| -> Vec<String> {
        keys.iter().filter(|key| others.contains(key)).cloned().collect()
    };
    if shared(&old_keys, &new_keys) != shared(&new_keys, &old_keys) {
        changes.push(change(steps, Some(before), Some(after)));
    }
}

fn change(steps: &[Step], before: Option<&Value>, after: Option<&Value>) -> Change {
    let kind = match (before, after) {
        (None, _) => ChangeKind::Added,
        (_, None) => ChangeKind::Removed,
        _ => ChangeKind::Changed,
    };
    let place: Vec<_> = steps
        .iter()
        .map(|step| match &step.item {
            Some(item) => format!("{}[{item}]", step.member),
            None => step.member.clone(),
        })
        .collect();
    let clause = steps.iter().find(|step| step.member == "clauses").and_then(|step| step.item.as_ref());
    Change {
        kind,
        clause: clause.and_then(|name| name.parse().ok()),
        place: place.join("."),
        sentence: sentence(kind, steps, before, after),
        before: before.cloned(),
        after: after.cloned(),
    }
}

/// "In the clause incomes, the operation income-of-person: the element $.year is removed."
fn sentence(kind: ChangeKind, steps: &[Step], before: Option<&Value>, after: Option<&Value>) -> Bilingual {
    let mut nl: Vec<String> = Vec::new();
    let mut en: Vec<String> = Vec::new();
    for step in steps {
        let called = CALLED.iter().find(|(name, ..)| *name == step.member);
        let (dutch, english) =
            called.map_or((step.member.as_str(), step.member.as_str()), |(_, nl, en)| (nl, en));
        let item = step.item.as_ref().map(|item| format!(" {}", visible(item))).unwrap_or_default();
        // What is known by its item only, such as the ground within a reference to it, says the same twice.
        let both = (format!("{dutch}{item}"), format!("{english}{item}"));
        if nl.last() != Some(&both.0) && step.member != "side" && step.member != "entry" {
            nl.push(both.0);
            en.push(both.1);
        }
    }
    let frame = |mut parts: Vec<String>, within: &str| -> String {
        let last = parts.pop().unwrap_or_default();
        let mut text = match parts.is_empty() {
            true => last,
            false => format!("{within} {}: {last}", parts.join(", ")),
        };
        if let Some(first) = text.get(..1).map(str::to_uppercase) {
            text.replace_range(..1, &first);
        }
        text
    };
    let (nl, en) = (frame(nl, "in"), frame(en, "in"));
    let short = |value: Option<&Value>| match value {
        // A text with these quotes could pose as another sentence; it stands beside it, as the value itself.
        Some(Value::String(text)) if text.chars().count() <= 80 && !text.contains(['“', '”']) => {
            Some(format!("“{}”", visible(text)))
        }
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::Bool(true)) => Some("true".to_owned()),
        Some(Value::Bool(false)) => Some("false".to_owned()),
        _ => None,
    };
    match (kind, short(before), short(after)) {
        (ChangeKind::Added, ..) => Bilingual::new(format!("{nl} is toegevoegd."), format!("{en} is added.")),
        (ChangeKind::Removed, ..) => {
            Bilingual::new(format!("{nl} is geschrapt."), format!("{en} is removed."))
        }
        (ChangeKind::Changed, Some(before), Some(after)) => Bilingual::new(
            format!("{nl} was {before} en wordt {after}."),
            format!("{en} was {before} and becomes {after}."),
        ),
        (ChangeKind::Changed, ..) => {
            Bilingual::new(format!("{nl} is gewijzigd."), format!("{en} is changed."))
        }
    }
}

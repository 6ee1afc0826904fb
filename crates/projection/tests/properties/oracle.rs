//! The same by another method: a document is the list of all values in it, each with where it stands; an agreement
//! says of each value, looked at on its own, whether it may leave.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use verbond_projection::{
    Comparison, Constant, Derivation, Element, ElementPath, ElementType, Operator, Rule, ScalarType, Step,
};

#[derive(Clone, Debug)]
pub struct Agreement {
    pub elements: Vec<Element>,
    pub record: ElementPath,
    /// Seen from a record.
    pub subjects: Vec<ElementPath>,
}

/// One step down to a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Down {
    Member(String),
    Item(usize),
}

/// A value and where it stands. Containers have their own entry, without what is in them.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    place: Vec<Down>,
    /// A scalar, `[]` or `{}`.
    value: Value,
}

pub struct Expected {
    pub entries: Vec<Entry>,
    pub records: Vec<Vec<Entry>>,
    pub subjects: Vec<Vec<(usize, String)>>,
    /// Per agreed element.
    pub delivered: Vec<u64>,
    pub unrecognisable_subject: bool,
}

pub fn expect(agreement: &Agreement, source: &[Entry]) -> Expected {
    let leaves = |entry: &Entry| {
        agreement.elements.iter().any(|element| allows(element.path.steps(), &element.element_type, entry))
    };
    let mut entries = Vec::new();
    for entry in source {
        let above = entry.place.split_last();
        let array_leaves = above.is_none_or(|(last, above)| {
            matches!(last, Down::Item(_))
                && entries.iter().any(|entry: &Entry| entry.place == above && entry.value.is_array())
        });
        if leaves(entry) {
            entries.push(entry.clone());
        } else if array_leaves {
            entries.push(Entry { place: entry.place.clone(), value: Value::Null });
        }
    }
    let told: Vec<u64> =
        agreement.elements.iter().map(|element| tell(element, source, &mut entries)).collect();
    let record_steps = agreement.record.steps();
    let roots: Vec<&Entry> = entries
        .iter()
        .filter(|entry| entry.place.len() == record_steps.len() && within(record_steps, &entry.place))
        .collect();
    let mut expected = Expected {
        records: roots.iter().map(|root| inside(&entries, &root.place)).collect(),
        subjects: Vec::new(),
        delivered: Vec::new(),
        unrecognisable_subject: false,
        entries: entries.clone(),
    };
    for root in roots {
        let mut subjects = Vec::new();
        for entry in inside(source, &root.place) {
            let here = |(_, subject): &(usize, &[Step])| {
                subject.len() == entry.place.len() && within(subject, &entry.place)
            };
            let mut given = agreement.subjects.iter().map(|subject| subject.steps()).enumerate();
            let Some((index, _)) = given.find(here) else { continue };
            match &entry.value {
                Value::String(text) => subjects.push((index, text.clone())),
                Value::Number(number) if !number.is_f64() => subjects.push((index, number.to_string())),
                Value::Null => {}
                container if container.is_array() || container.is_object() => {
                    let place = [root.place.as_slice(), &entry.place].concat();
                    expected.unrecognisable_subject |= !leads_on(agreement, &place, container.is_array());
                }
                _ => expected.unrecognisable_subject = true,
            }
        }
        expected.subjects.push(subjects);
    }
    for (element, told) in agreement.elements.iter().zip(told) {
        let steps = element.path.steps();
        let delivered = source
            .iter()
            .filter(|entry| entry.place.len() == steps.len() && allows(steps, &element.element_type, entry));
        expected.delivered.push(delivered.count() as u64 + told);
    }
    expected
}

/// Puts the answers of a derived element at the end of the objects in which they stand; says how many.
fn tell(element: &Element, source: &[Entry], entries: &mut Vec<Entry>) -> u64 {
    let ElementType::Derived(derivation) = &element.element_type else { return 0 };
    let from = derivation.from.steps();
    let Some((Step::Member(name), parent)) = element.path.steps().split_last() else {
        // The answer is the document.
        if source.first().is_none_or(|root| !root.value.is_array()) {
            return 0;
        }
        let answer = answer(derivation, from, 0, source);
        let told = u64::from(answer.is_some());
        entries[0].value = answer.unwrap_or(Value::Null);
        return told;
    };
    let objects = entries.iter().filter(|entry| {
        entry.place.len() == parent.len() && within(parent, &entry.place) && entry.value.is_object()
    });
    let objects: Vec<Vec<Down>> = objects.map(|entry| entry.place.clone()).collect();
    let mut told = 0;
    for object in objects {
        let Some(value) = answer(derivation, &from[parent.len()..], 1, &inside(source, &object)) else {
            continue;
        };
        let Some(last) = entries.iter().rposition(|entry| entry.place.starts_with(&object)) else { continue };
        let place = [object.as_slice(), &[Down::Member(name.to_string())]].concat();
        entries.insert(last + 1, Entry { place, value });
        told += 1;
    }
    told
}

/// What is told of what stands at `steps` in one object, of which the first `way` places are not looked at.
fn answer(derivation: &Derivation, steps: &[Step], way: usize, object: &[Entry]) -> Option<Value> {
    let at = |depth: usize| {
        let here = move |entry: &&Entry| entry.place.len() == depth && within(&steps[..depth], &entry.place);
        object.iter().filter(here).map(|entry| &entry.value)
    };
    for (depth, step) in steps.iter().enumerate().skip(way) {
        let leads_on = |value: &Value| match step {
            Step::Items => value.is_array() || value.is_null(),
            Step::Member(_) => value.is_object() || value.is_null(),
        };
        if !at(depth).all(leads_on) {
            return None;
        }
    }
    let values: Vec<&Value> = at(steps.len()).filter(|value| !value.is_null()).collect();
    let held = |comparison: &Comparison| -> Option<Vec<bool>> {
        values.iter().map(|value| holds(comparison, value)).collect()
    };
    let list = steps.iter().position(|step| *step == Step::Items);
    match &derivation.rule {
        Rule::Exists => Some(Value::from(!values.is_empty())),
        Rule::Compare(comparison) => held(comparison)?.first().map(|held| Value::from(*held)),
        Rule::Band(bands) => {
            let number = values.first()?.as_number()?.as_f64()?;
            let in_it =
                |below: &verbond_projection::Decimal| number_of(below).is_some_and(|below| number < below);
            let band = bands.iter().find(|band| band.below.as_ref().is_none_or(in_it))?;
            Some(Value::from(&*band.name))
        }
        Rule::Count(comparison) => {
            let list = list?;
            at(list).find(|value| value.is_array())?;
            let counted = match comparison {
                None => values.len(),
                Some(_) if values.len() != at(list + 1).count() => return None,
                Some(comparison) => held(comparison)?.into_iter().filter(|held| *held).count(),
            };
            Some(Value::from(counted))
        }
    }
}

/// Constants of the tests, by what they are: `Decimal` does not show its digits.
fn number_of(constant: &verbond_projection::Decimal) -> Option<f64> {
    let same = |text: &&&str| text.parse().as_ref() == Ok(constant);
    NUMBERS.iter().find(same)?.parse().ok()
}

/// Numbers against which is held.
pub const NUMBERS: [&str; 6] = ["-25", "-7.0", "0", "1.5", "2000", "123456"];
/// Days that are one; others in the tests are none.
pub const DAYS: [&str; 3] = ["1956-02-29", "1959-12-31", "1960-01-01"];

fn holds(comparison: &Comparison, value: &Value) -> Option<bool> {
    let order = match (&comparison.constant, value) {
        (Constant::Number(constant), Value::Number(number)) => {
            number.as_f64()?.partial_cmp(&number_of(constant)?)?
        }
        (Constant::Text(constant), Value::String(text)) => text.as_str().cmp(constant),
        (Constant::Day(constant), Value::String(day)) => {
            let number = |day: &str| DAYS.iter().position(|one| *one == day);
            number(day)?.cmp(&number(constant)?)
        }
        _ => return None,
    };
    Some(match comparison.operator {
        Operator::Below => order.is_lt(),
        Operator::AtMost => order.is_le(),
        Operator::Equal => order.is_eq(),
        Operator::NotEqual => order.is_ne(),
        Operator::AtLeast => order.is_ge(),
        Operator::Above => order.is_gt(),
    })
}

/// The agreement as whoever receives the answers reads it.
pub fn as_received(agreement: &Agreement) -> Agreement {
    let mut received = agreement.clone();
    for element in &mut received.elements {
        let ElementType::Derived(derivation) = &element.element_type else { continue };
        let scalar = |scalar| ElementType::Scalar { scalar, nullable: false };
        element.element_type = match &derivation.rule {
            Rule::Exists | Rule::Compare(_) => scalar(ScalarType::Boolean),
            Rule::Count(_) => scalar(ScalarType::Integer),
            Rule::Band(bands) => ElementType::Word(bands.iter().map(|band| band.name.clone()).collect()),
        };
    }
    received
}

/// Whether this element lets this value leave: it is the element, in its subtree, or a container on the way to it.
fn allows(steps: &[Step], element_type: &ElementType, entry: &Entry) -> bool {
    let depth = entry.place.len();
    if depth < steps.len() {
        let next = &steps[depth];
        let fits = matches!(
            (next, &entry.value),
            (Step::Items, Value::Array(_)) | (Step::Member(_), Value::Object(_))
        );
        return fits && within(steps, &entry.place);
    }
    if !within(steps, &entry.place) {
        return false;
    }
    match element_type {
        ElementType::Subtree => true,
        ElementType::Derived(_) => false,
        ElementType::Word(words) => {
            depth == steps.len() && words.iter().any(|word| entry.value.as_str() == Some(&**word))
        }
        ElementType::Scalar { scalar, nullable } => {
            depth == steps.len()
                && match (&entry.value, scalar) {
                    (Value::Null, _) => *nullable,
                    (Value::String(_), ScalarType::String) | (Value::Bool(_), ScalarType::Boolean) => true,
                    (Value::Number(_), ScalarType::Number) => true,
                    (Value::Number(number), ScalarType::Integer) => !number.is_f64(),
                    _ => false,
                }
        }
    }
}

/// Whether path and place agree as far as the shorter goes.
fn within(steps: &[Step], place: &[Down]) -> bool {
    steps.iter().zip(place).all(|pair| match pair {
        (Step::Items, Down::Item(_)) => true,
        (Step::Member(name), Down::Member(member)) => **name == **member,
        _ => false,
    })
}

/// Whether any path of the agreement goes further down from this container.
fn leads_on(agreement: &Agreement, place: &[Down], array: bool) -> bool {
    let record = agreement.record.steps();
    let subjects = agreement.subjects.iter().map(|subject| [record, subject.steps()].concat());
    let elements = agreement.elements.iter().map(|element| element.path.steps().to_vec());
    let sources = agreement.elements.iter().filter_map(|element| match &element.element_type {
        ElementType::Derived(derivation) => Some(derivation.from.steps().to_vec()),
        _ => None,
    });
    elements.chain(sources).chain(subjects).chain([record.to_vec()]).any(|steps| {
        within(&steps, place) && steps.get(place.len()).is_some_and(|next| (*next == Step::Items) == array)
    })
}

/// What stands in `root`, seen from there.
fn inside(entries: &[Entry], root: &[Down]) -> Vec<Entry> {
    let inner = |entry: &Entry| {
        let place = entry.place.strip_prefix(root)?.to_vec();
        Some(Entry { place, value: entry.value.clone() })
    };
    entries.iter().filter_map(inner).collect()
}

/// All values of a document, in its order; none if `serde_json` cannot read it.
pub fn parse(document: &[u8]) -> Option<Vec<Entry>> {
    serde_json::from_slice::<Entries>(document).ok().map(|entries| entries.0)
}

struct Entries(Vec<Entry>);

impl Entries {
    fn container(value: Value, inner: Vec<(Down, Self)>) -> Self {
        let mut entries = vec![Entry { place: Vec::new(), value }];
        for (step, inner) in inner {
            entries.extend(inner.0.into_iter().map(|entry| {
                let place = std::iter::once(step.clone()).chain(entry.place).collect();
                Entry { place, value: entry.value }
            }));
        }
        Self(entries)
    }

    fn scalar(value: Value) -> Self {
        Self::container(value, Vec::new())
    }
}

/// Not by way of `Value`, which forgets the order of members.
impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Entries;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Entries, E> {
                Ok(Entries::scalar(Value::Null))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Entries, E> {
                Ok(Entries::scalar(value.into()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Entries, E> {
                Ok(Entries::scalar(value.into()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Entries, E> {
                Ok(Entries::scalar(value.into()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Entries, E> {
                Ok(Entries::scalar(value.into()))
            }
            fn visit_str<E>(self, value: &str) -> Result<Entries, E> {
                Ok(Entries::scalar(value.into()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Entries, A::Error> {
                let mut inner = Vec::new();
                while let Some(item) = items.next_element()? {
                    inner.push((Down::Item(inner.len()), item));
                }
                Ok(Entries::container(Value::Array(Vec::new()), inner))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Entries, A::Error> {
                let mut inner = Vec::new();
                while let Some((name, value)) = members.next_entry()? {
                    inner.push((Down::Member(name), value));
                }
                Ok(Entries::container(Value::Object(serde_json::Map::new()), inner))
            }
        }
        deserializer.deserialize_any(All)
    }
}

/// Whether every number came through `serde_json` as it was written, as far as the oracle looks: integers of any size
/// and `-0` it reads as fractions.
pub fn is_exact(entries: &[Entry]) -> bool {
    entries.iter().all(|entry| match &entry.value {
        Value::Number(number) if number.is_f64() => {
            number.as_f64().is_some_and(|value| value != 0.0 && value.abs() < 9e18)
        }
        _ => true,
    })
}

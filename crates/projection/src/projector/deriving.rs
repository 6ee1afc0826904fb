//! Derived elements: what is seen on the way to their sources, and the answer at the end.

use super::{Place, Projector};
use crate::{
    Constant, Projection, Rule, ScalarType,
    derivation::{JUDGED_BYTES, Value, band},
    projection::{Derived, Node, Role},
};

/// What has been seen of a derived element's source in the object in which its answer will stand. Objects of one place
/// do not stand in each other, so that one is enough.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Values at the source, `null` aside.
    values: u64,
    /// Those of them that are so, or the band of the last.
    found: u64,
    items: u64,
    lists: u64,
    /// Something stands there that cannot be told about.
    unclear: bool,
}

/// An answer.
enum Answer<'a> {
    Truth(bool),
    Word(&'a str),
    Number(u64),
}

impl Seen {
    fn answer<'a>(&self, rule: &'a Rule) -> Option<Answer<'a>> {
        let one = self.values == 1;
        match rule {
            _ if self.unclear => None,
            Rule::Exists => Some(Answer::Truth(self.values > 0)),
            Rule::Compare(_) => one.then_some(Answer::Truth(self.found == 1)),
            Rule::Band(bands) => {
                let band = usize::try_from(self.found).ok().and_then(|number| bands.get(number));
                band.filter(|_| one).map(|band| Answer::Word(&band.name))
            }
            Rule::Count(_) if self.lists == 0 => None,
            Rule::Count(None) => Some(Answer::Number(self.values)),
            // An item without the value is not one of which the value is not so.
            Rule::Count(Some(_)) => (self.values == self.items).then_some(Answer::Number(self.found)),
        }
    }
}

/// A scalar that is judged, as the source writes it.
#[derive(Debug, Default)]
pub(super) struct Judged {
    bytes: Vec<u8>,
    too_long: bool,
}

impl Judged {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.too_long = false;
    }

    pub(super) fn keep(&mut self, bytes: &[u8]) {
        match self.bytes.len() + bytes.len() > JUDGED_BYTES {
            true => self.too_long = true,
            false => self.bytes.extend_from_slice(bytes),
        }
    }
}

/// Whether a rule is about a value rather than about there being one, and of a scalar of which type.
fn judges(rule: &Rule) -> Option<ScalarType> {
    match rule {
        Rule::Exists | Rule::Count(None) => None,
        Rule::Band(_) => Some(ScalarType::Number),
        Rule::Compare(comparison) | Rule::Count(Some(comparison)) => Some(match comparison.constant {
            Constant::Number(_) => ScalarType::Number,
            Constant::Text(_) | Constant::Day(_) => ScalarType::String,
        }),
    }
}

impl Projector {
    /// A container begins at a place that is looked at.
    pub(super) fn see_container(&mut self, projection: &Projection, node: &Node, array: bool) {
        for watch in &node.watches {
            let (Some(derived), Some(seen)) =
                (projection.derived().get(watch.derived), self.seen.get_mut(watch.derived))
            else {
                continue;
            };
            match watch.role {
                Role::Object if !array => *seen = Seen::default(),
                Role::Document if array => *seen = Seen::default(),
                Role::Object | Role::Document => {}
                Role::Way(list) if list != array => seen.unclear = true,
                Role::Way(true) => seen.lists += 1,
                Role::Way(false) => {}
                Role::Item => seen.items += 1,
                Role::Source if judges(&derived.derivation.rule).is_some() => seen.unclear = true,
                Role::Source => seen.values += 1,
            }
        }
    }

    /// A scalar begins at a place that is looked at; `scalar` is none for `null`. Says whether it is judged.
    pub(super) fn see_scalar(
        &mut self,
        projection: &Projection,
        node: &Node,
        scalar: Option<ScalarType>,
    ) -> bool {
        let mut judged = false;
        for watch in &node.watches {
            let (Some(derived), Some(seen)) =
                (projection.derived().get(watch.derived), self.seen.get_mut(watch.derived))
            else {
                continue;
            };
            match watch.role {
                Role::Object | Role::Document => {}
                Role::Item => seen.items += 1,
                // Nothing stands there.
                Role::Way(_) | Role::Source if scalar.is_none() => {}
                Role::Way(_) => seen.unclear = true,
                Role::Source => match judges(&derived.derivation.rule) {
                    None => seen.values += 1,
                    judged_type if judged_type == scalar => judged = true,
                    Some(_) => seen.unclear = true,
                },
            }
        }
        judged
    }

    /// The scalar that was kept aside is complete.
    pub(super) fn judge(&mut self, projection: &Projection, node: &Node, number: bool) {
        let unescaped: Option<String> =
            if number { None } else { serde_json::from_slice(&self.judged.bytes).ok() };
        let value = match (number, &unescaped) {
            (true, _) => Some(Value::Number(&self.judged.bytes)),
            (false, Some(text)) => Some(Value::Text(text)),
            (false, None) => None,
        };
        let value = value.filter(|_| !self.judged.too_long);
        for watch in node.watches.iter().filter(|watch| watch.role == Role::Source) {
            let (Some(derived), Some(seen)) =
                (projection.derived().get(watch.derived), self.seen.get_mut(watch.derived))
            else {
                continue;
            };
            let found = match &derived.derivation.rule {
                Rule::Exists | Rule::Count(None) => continue,
                Rule::Compare(comparison) | Rule::Count(Some(comparison)) => {
                    value.and_then(|value| comparison.holds(value)).map(u64::from)
                }
                Rule::Band(bands) => {
                    value.and_then(|value| band(bands, value)).and_then(|band| u64::try_from(band).ok())
                }
            };
            match found {
                Some(found) => {
                    seen.values += 1;
                    seen.found += found;
                }
                None => seen.unclear = true,
            }
        }
    }

    /// Writes the answers that stand in the object that ends.
    pub(super) fn tell(&mut self, projection: &Projection, node: &Node) {
        for watch in node.watches.iter().filter(|watch| watch.role == Role::Object) {
            let Some(derived) = projection.derived().get(watch.derived) else { continue };
            match self.seen.get(watch.derived).copied().and_then(|seen| seen.answer(&derived.derivation.rule))
            {
                Some(answer) => {
                    self.comma();
                    self.output.put(&projection.node(derived.node).label);
                    self.write(derived, &answer);
                }
                None => self.output.untold(derived.element),
            }
        }
    }

    /// Writes the answer that takes the place of the document.
    pub(super) fn tell_document(&mut self, projection: &Projection, node: &Node) {
        for watch in node.watches.iter().filter(|watch| watch.role == Role::Document) {
            let Some(derived) = projection.derived().get(watch.derived) else { continue };
            match self.seen.get(watch.derived).copied().and_then(|seen| seen.answer(&derived.derivation.rule))
            {
                Some(answer) => self.write(derived, &answer),
                None => {
                    self.output.untold(derived.element);
                    self.output.put(b"null");
                }
            }
        }
    }

    fn write(&mut self, derived: &Derived, answer: &Answer<'_>) {
        match answer {
            Answer::Truth(true) => self.output.put(b"true"),
            Answer::Truth(false) => self.output.put(b"false"),
            Answer::Word(word) => self.output.put(serde_json::Value::from(*word).to_string().as_bytes()),
            Answer::Number(number) => self.output.put(number.to_string().as_bytes()),
        }
        self.output.delivered(derived.element);
    }

    /// Whether a place, walked as a part of a subtree, is looked at: never, a derived element and its source stand in none.
    pub(super) fn looks_at(place: Place, node: &Node) -> bool {
        !place.whole && !node.watches.is_empty()
    }
}

//! What stands where in a document, without a value: the common ground of schemas and samples.

use std::collections::BTreeMap;

use verbond_agreement::{Line, SourceType};
use verbond_projection::{ElementPath, Step};

use crate::{
    Decision, DraftElement,
    remark::{RemarkKind, Remarks},
};

/// Members that stand beside the records of a page: an object of one of these names is no data.
const ENVELOPE: &[&str] =
    &["_links", "crs", "links", "meta", "metadata", "page", "pagination", "paging", "query", "self"];

/// What was found at one place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) text: bool,
    pub(crate) integer: bool,
    pub(crate) number: bool,
    pub(crate) boolean: bool,
    pub(crate) null: bool,
    /// Stands as a whole: it cannot be taken apart.
    pub(crate) whole: bool,
    /// No elements can be named in it.
    pub(crate) opaque: bool,
    pub(crate) members: Option<BTreeMap<String, Shape>>,
    pub(crate) items: Option<Box<Shape>>,
}

impl Shape {
    /// What cannot be taken apart.
    pub(crate) fn whole() -> Self {
        Self { whole: true, ..Self::default() }
    }

    /// What stands here, or there.
    pub(crate) fn merge(&mut self, other: Self) {
        let Self { text, integer, number, boolean, null, whole, opaque, members, items } = other;
        self.text |= text;
        self.integer |= integer;
        self.number |= number;
        self.boolean |= boolean;
        self.null |= null;
        self.whole |= whole;
        self.opaque |= opaque;
        if let Some(members) = members {
            let own = self.members.get_or_insert_default();
            for (name, shape) in members {
                own.entry(name).or_default().merge(shape);
            }
        }
        if let Some(items) = items {
            self.items.get_or_insert_default().merge(*items);
        }
    }

    fn is_scalar(&self) -> bool {
        self.text || self.integer || self.number || self.boolean
    }

    /// Nothing was said.
    pub(crate) fn is_nothing(&self) -> bool {
        !self.is_scalar() && !self.is_container() && !self.whole && !self.null
    }

    fn is_container(&self) -> bool {
        self.members.is_some() || self.items.is_some()
    }

    /// Nothing but objects.
    fn is_object(&self) -> bool {
        self.members.is_some() && self.items.is_none() && !self.is_scalar() && !self.whole
    }

    /// What one scalar is; `None`: of several kinds, or of none that was seen.
    fn scalar(&self) -> Option<SourceType> {
        match (self.text, self.integer, self.number, self.boolean) {
            (true, false, false, false) => Some(SourceType::String),
            (false, true, false, false) => Some(SourceType::Integer),
            (false, _, true, false) => Some(SourceType::Number),
            (false, false, false, true) => Some(SourceType::Boolean),
            _ => None,
        }
    }

    /// The elements of a document of this shape.
    pub(crate) fn elements(&self, operation: &str, remarks: &mut Remarks) -> Vec<DraftElement> {
        let mut found = Vec::new();
        if !self.opaque {
            self.collect(&ElementPath::root(), operation, remarks, &mut found);
        }
        found
    }

    fn collect(
        &self,
        path: &ElementPath,
        operation: &str,
        remarks: &mut Remarks,
        found: &mut Vec<DraftElement>,
    ) {
        let place = || format!("{operation} {path}");
        let empty = self.members.as_ref().is_some_and(BTreeMap::is_empty) && self.items.is_none();
        if self.whole {
            return element(path, Decision::Known(SourceType::Subtree), self.null, found);
        }
        if self.is_container() && !self.is_scalar() && !empty {
            if self.members.is_some() && self.items.is_some() {
                remarks.add(RemarkKind::SeveralKinds, place());
                return element(path, Decision::Undecided, self.null, found);
            }
            let members = self
                .members
                .iter()
                .flatten()
                .map(|(name, shape)| (Step::Member(name.as_str().into()), shape));
            let items = self.items.iter().map(|shape| (Step::Items, &**shape));
            for (step, shape) in members.chain(items) {
                match path.down(step).filter(|path| path.to_string().parse::<Line>().is_ok()) {
                    Some(path) => shape.collect(&path, operation, remarks, found),
                    None => remarks.add(RemarkKind::TooDeep, place()),
                }
            }
            return;
        }
        let kind = if self.is_container() { None } else { self.scalar() };
        if kind.is_none() {
            let said = if self.is_scalar() { RemarkKind::SeveralKinds } else { RemarkKind::Untyped };
            remarks.add(said, place());
        }
        element(path, kind.into(), self.null, found);
    }

    /// Where one record stands, as far as the form tells: the items of the only list of objects, unless other objects
    /// stand beside it.
    pub(crate) fn record(&self) -> ElementPath {
        let mut path = ElementPath::root();
        let mut here = self;
        loop {
            if let Some(items) = &here.items {
                return if items.is_object() {
                    path.down(Step::Items).unwrap_or(path)
                } else {
                    ElementPath::root()
                };
            }
            let Some(members) = &here.members else { return ElementPath::root() };
            let holds = |shape: &Shape| shape.items.as_ref().is_some_and(|items| items.is_object());
            let mut candidates = members.iter().filter(|(name, shape)| {
                (holds(shape) || shape.members.is_some()) && !ENVELOPE.contains(&name.as_str())
            });
            let (Some((name, shape)), None) = (candidates.next(), candidates.next()) else {
                return ElementPath::root();
            };
            // Beside an object of its own, scalars are data; beside a list, they are about the page.
            let wraps = members.iter().all(|(other, _)| other == name || ENVELOPE.contains(&other.as_str()));
            if !holds(shape) && !wraps {
                return ElementPath::root();
            }
            let Some(next) = path.down(Step::Member(name.as_str().into())) else {
                return ElementPath::root();
            };
            (path, here) = (next, shape);
        }
    }
}

fn element(path: &ElementPath, kind: Decision<SourceType>, nullable: bool, found: &mut Vec<DraftElement>) {
    // Its length has been looked at on the way down.
    let Ok(path) = path.to_string().parse() else { return };
    found.push(DraftElement {
        path,
        kind,
        nullable,
        category: Decision::Undecided,
        sensitivity: Decision::Undecided,
        meaning: Decision::Undecided,
    });
}

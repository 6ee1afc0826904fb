//! What may leave, compiled once.

use std::sync::Arc;

use crate::{Derivation, ElementPath, Rule, Step};

/// The most elements, and the most subjects, of one projection.
pub const MAX_ELEMENTS: usize = 4096;

/// The kind of scalar that an agreement allows at an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScalarType {
    /// Text.
    String,
    /// A number written without fraction and exponent, of any size. `1.0` is not one: the agreement promises a form.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
}

/// What an agreement allows at an element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// One scalar.
    Scalar {
        /// Of this type.
        scalar: ScalarType,
        /// Or `null`.
        nullable: bool,
    },
    /// Whatever stands there, with all that is in it.
    Subtree,
    /// One of these words, as text that is written without escapes.
    Word(Arc<[Box<str>]>),
    /// Not what stands there, but what is told about another value.
    Derived(Arc<Derivation>),
}

/// What stands at a place, as far as it must be known while it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar { scalar: ScalarType, nullable: bool },
    Subtree,
    Word,
    Derived,
}

impl From<&ElementType> for Kind {
    fn from(element_type: &ElementType) -> Self {
        match *element_type {
            ElementType::Scalar { scalar, nullable } => Self::Scalar { scalar, nullable },
            ElementType::Subtree => Self::Subtree,
            ElementType::Word(_) => Self::Word,
            ElementType::Derived(_) => Self::Derived,
        }
    }
}

/// What a place is to a derived element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The answer comes at the end of the object here.
    Object,
    /// The answer takes the place of the list here, which is the document.
    Document,
    /// On the way to the source; `true`: a list.
    Way(bool),
    /// The items of the list that is counted.
    Item,
    /// The source.
    Source,
}

/// That a derived element, by its number among them, looks at a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    pub(crate) derived: usize,
    pub(crate) role: Role,
}

/// A derived element, with its place among all elements.
#[derive(Clone, Debug)]
pub(crate) struct Derived {
    pub(crate) element: usize,
    pub(crate) node: NodeId,
    pub(crate) derivation: Arc<Derivation>,
}

/// An agreed element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Element {
    /// Where it stands.
    pub path: ElementPath,
    /// What may stand there.
    pub element_type: ElementType,
}

/// What one document may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of one projected record with its subjects' identifiers, and of one scalar outside records.
    pub record_bytes: usize,
    /// Containers that stand open at once.
    pub depth: usize,
    /// Bytes of a data subject's identifier as the source wrote it, quotes included.
    pub subject_bytes: usize,
    /// Bytes of the names of the objects that stand open at once. Names in what is skipped do not count.
    pub names_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { record_bytes: 1 << 20, depth: 128, subject_bytes: 1024, names_bytes: 1 << 20 }
    }
}

/// How documents follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Form {
    /// One document (`application/json`, and types that are JSON, such as GeoJSON).
    #[default]
    Document,
    /// One document per line (`application/x-ndjson`); empty lines vanish. Paths begin at the line's document.
    Lines,
}

/// Why elements, record and subjects do not make a projection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// Nothing is agreed.
    #[error("no element is agreed, so there is nothing to deliver")]
    NoElements,
    /// More than can be held.
    #[error("at most {MAX_ELEMENTS} elements and as many subjects can be agreed")]
    TooMany,
    /// The same element is agreed twice.
    #[error("{0} is agreed twice")]
    Duplicate(ElementPath),
    /// The same place of a subject is given twice.
    #[error("{0} is given twice as the place of a data subject's identifier")]
    DuplicateSubject(ElementPath),
    /// An element stands within one that is delivered whole.
    #[error("{inner} stands within the subtree {subtree}; agree on one of the two")]
    WithinSubtree {
        /// The element within.
        inner: ElementPath,
        /// The element delivered whole.
        subtree: ElementPath,
    },
    /// What an element is derived from is delivered as well, so that the answer hides nothing.
    #[error("{path} is derived from {from}, which is delivered as well; agree on one of the two")]
    SourceDelivered {
        /// The derived element.
        path: ElementPath,
        /// Its source.
        from: ElementPath,
    },
    /// A derived element cannot be told like this.
    #[error("{path} cannot be derived: {problem}")]
    Derivation {
        /// The derived element.
        path: ElementPath,
        /// What is the matter with it.
        problem: &'static str,
    },
    /// Nothing of a record is agreed.
    #[error(
        "no element is agreed within the record {0}; let the record be `$` if only the rest of the document is"
    )]
    EmptyRecord(ElementPath),
}

/// What may leave of a document: agreed elements, where one record stands, and where it names its data subjects.
///
/// Compiled once per agreement version and shared; one [`Projector`](crate::Projector) per response uses it.
#[derive(Debug)]
pub struct Projection {
    elements: Vec<Element>,
    /// Their paths in canonical form.
    written: Vec<Arc<str>>,
    derived: Vec<Derived>,
    bounds: Bounds,
    form: Form,
    nodes: Vec<Node>,
    nowhere: Node,
}

/// Index of a [`Node`].
pub(crate) type NodeId = usize;
/// The node of whatever leads nowhere.
pub(crate) const NOWHERE: NodeId = 0;
/// The node of the document.
pub(crate) const ROOT: NodeId = 1;

/// What lies one step further down along one kind of step.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Axis {
    /// There is something to look for, if only a subject.
    pub(crate) walked: bool,
    /// There is something to deliver.
    pub(crate) delivers: bool,
}

/// A place in documents that paths lead to or through.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Sorted as [`Node::find`] compares them.
    members: Vec<(Box<str>, NodeId)>,
    pub(crate) items: NodeId,
    /// The member's name as it is delivered, with quotes and colon.
    pub(crate) label: Box<[u8]>,
    pub(crate) element: Option<(usize, Kind)>,
    /// An element stands here or further down.
    pub(crate) delivers: bool,
    pub(crate) record: bool,
    pub(crate) subject: Option<usize>,
    /// Which derived elements look at this place, and as what.
    pub(crate) watches: Vec<Watch>,
    pub(crate) member_axis: Axis,
    pub(crate) item_axis: Axis,
}

impl Node {
    /// Where a name stands among the members, or would stand. By length first: most names differ in it.
    fn find(&self, name: &[u8]) -> Result<usize, usize> {
        self.members.binary_search_by(|(known, _)| {
            known.len().cmp(&name.len()).then_with(|| known.as_bytes().cmp(name))
        })
    }

    pub(crate) fn axis(&self, array: bool) -> Axis {
        if array { self.item_axis } else { self.member_axis }
    }

    pub(crate) fn subtree(&self) -> bool {
        matches!(self.element, Some((_, Kind::Subtree)))
    }

    /// Whether an answer takes the place of the list here.
    pub(crate) fn is_answered(&self) -> bool {
        self.watches.iter().any(|watch| watch.role == Role::Document)
    }
}

impl Projection {
    /// Compiles a projection of documents of one [`Form`].
    ///
    /// `record` says where one record stands: `$` the whole document, `$[*]`, `$.items[*]`. Each of `subjects` says
    /// where, seen from a record as its `$`, the identifier of a data subject stands; it need not be agreed to be
    /// delivered.
    pub fn new(
        elements: Vec<Element>,
        record: &ElementPath,
        subjects: &[ElementPath],
        form: Form,
        bounds: Bounds,
    ) -> Result<Self, ProjectionError> {
        if elements.is_empty() {
            return Err(ProjectionError::NoElements);
        }
        if elements.len() > MAX_ELEMENTS || subjects.len() > MAX_ELEMENTS {
            return Err(ProjectionError::TooMany);
        }
        let nodes = vec![Node::default(), Node::default()];
        let nowhere = Node::default();
        let written = elements.iter().map(|element| element.path.to_string().into()).collect();
        let mut projection = Self { elements, written, derived: Vec::new(), bounds, form, nodes, nowhere };
        projection.place_elements()?;
        projection.place_derived()?;
        let record_node = projection.path(ROOT, record);
        if matches!(projection.node(record_node).element, Some((_, Kind::Derived))) && record_node != ROOT {
            let problem = "a record holds answers and is none itself";
            return Err(ProjectionError::Derivation { path: record.clone(), problem });
        }
        let inside_subtree = projection.elements.iter().any(|element| {
            element.element_type == ElementType::Subtree && record.steps().starts_with(element.path.steps())
        });
        if let Some(node) = projection.nodes.get_mut(record_node) {
            if !node.delivers && !inside_subtree {
                return Err(ProjectionError::EmptyRecord(record.clone()));
            }
            node.record = true;
        }
        for (index, subject) in subjects.iter().enumerate() {
            let node = projection.path(record_node, subject);
            if matches!(projection.node(node).element, Some((_, Kind::Derived))) {
                let problem = "a data subject is named where the answer stands";
                return Err(ProjectionError::Derivation { path: subject.clone(), problem });
            }
            if let Some(node) = projection.nodes.get_mut(node)
                && node.subject.replace(index).is_some()
            {
                return Err(ProjectionError::DuplicateSubject(subject.clone()));
            }
        }
        projection.look_ahead();
        Ok(projection)
    }

    /// The agreed elements, in the order in which they were given.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// Their paths in canonical form, in the same order.
    pub(crate) fn written(&self) -> &[Arc<str>] {
        &self.written
    }

    /// What one document may cost.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// How documents follow each other.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The derived elements.
    pub(crate) fn derived(&self) -> &[Derived] {
        &self.derived
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id).unwrap_or(&self.nowhere)
    }

    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn member(&self, id: NodeId, name: &[u8]) -> NodeId {
        let node = self.node(id);
        let found = node.find(name).ok().and_then(|found| node.members.get(found));
        found.map_or(NOWHERE, |&(_, child)| child)
    }

    /// The nodes one step further down.
    pub(crate) fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let node = self.node(id);
        let items = (node.items != NOWHERE).then_some(node.items);
        node.members.iter().map(|&(_, child)| child).chain(items)
    }

    fn place_elements(&mut self) -> Result<(), ProjectionError> {
        for index in 0..self.elements.len() {
            let Some(Element { path, element_type }) = self.elements.get(index).cloned() else { continue };
            let id = self.path(ROOT, &path);
            let Some(node) = self.nodes.get_mut(id) else { continue };
            if node.element.replace((index, Kind::from(&element_type))).is_some() {
                return Err(ProjectionError::Duplicate(path));
            }
        }
        for element in self.elements.clone() {
            let mut id = ROOT;
            for step in element.path.steps() {
                if let Some((subtree, Kind::Subtree)) = self.node(id).element {
                    let subtree =
                        self.elements.get(subtree).map_or_else(ElementPath::root, |e| e.path.clone());
                    return Err(ProjectionError::WithinSubtree { inner: element.path, subtree });
                }
                if let Some(node) = self.nodes.get_mut(id) {
                    node.delivers = true;
                }
                id = self.child(id, step);
            }
            if let Some(node) = self.nodes.get_mut(id) {
                node.delivers = true;
            }
        }
        Ok(())
    }

    /// Has the places on the way to the sources of derived elements watched.
    fn place_derived(&mut self) -> Result<(), ProjectionError> {
        for (element, Element { path, element_type }) in self.elements.clone().into_iter().enumerate() {
            let ElementType::Derived(derivation) = element_type else { continue };
            if let Some(problem) = self.underivable(&path, &derivation) {
                return Err(ProjectionError::Derivation { path, problem });
            }
            let from = derivation.from.steps();
            let delivered = |other: &Element| {
                !matches!(other.element_type, ElementType::Derived(_)) && from.starts_with(other.path.steps())
            };
            if self.elements.iter().any(delivered) {
                return Err(ProjectionError::SourceDelivered { path, from: derivation.from.clone() });
            }
            let node = self.path(ROOT, &path);
            let derived = self.derived.len();
            let (parent, role) = match path.steps().split_last() {
                Some((_, parent)) => (parent.len(), Role::Object),
                None => (0, Role::Document),
            };
            let mut id = ROOT;
            for (place, step) in from.iter().enumerate() {
                if place == parent {
                    self.watch(id, derived, role);
                }
                if place > parent || role == Role::Document {
                    self.watch(id, derived, Role::Way(*step == Step::Items));
                }
                id = self.child(id, step);
                if *step == Step::Items && place >= parent {
                    self.watch(id, derived, Role::Item);
                }
            }
            self.watch(id, derived, Role::Source);
            self.derived.push(Derived { element, node, derivation });
        }
        Ok(())
    }

    fn watch(&mut self, id: NodeId, derived: usize, role: Role) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.watches.push(Watch { derived, role });
        }
    }

    /// Why an element cannot be derived like this, if so.
    fn underivable(&self, path: &ElementPath, derivation: &Derivation) -> Option<&'static str> {
        let (steps, from) = (path.steps(), derivation.from.steps());
        let within =
            |other: &Element| other.path.steps().len() > steps.len() && other.path.steps().starts_with(steps);
        if self.elements.iter().any(within) {
            return Some("another element stands within it");
        }
        let parent = match steps.split_last() {
            Some((Step::Items, _)) => {
                return Some("an answer is a member of an object, not an item of a list");
            }
            Some((Step::Member(_), parent)) => parent,
            None if from.first() != Some(&Step::Items) => {
                return Some("only a count of the document's own items takes the place of the document");
            }
            None => &[],
        };
        let below = match from.strip_prefix(parent) {
            Some(below) if !below.is_empty() => below,
            _ => return Some("its source stands within the object in which the answer stands"),
        };
        let lists = below.iter().filter(|step| **step == Step::Items).count();
        match (&derivation.rule, lists) {
            (Rule::Count(_), 1) | (Rule::Exists | Rule::Compare(_) | Rule::Band(_), 0) => {
                derivation.rule.fault()
            }
            (Rule::Count(_), _) => Some("what is counted stands in one list, `[*]`"),
            _ => Some("a list stands between the answer and its source: there may be many; count them"),
        }
    }

    fn path(&mut self, from: NodeId, path: &ElementPath) -> NodeId {
        path.steps().iter().fold(from, |id, step| self.child(id, step))
    }

    /// The node one step down, made when it is not there.
    fn child(&mut self, id: NodeId, step: &Step) -> NodeId {
        let new = self.nodes.len();
        let Some(node) = self.nodes.get_mut(id) else { return NOWHERE };
        let label = match step {
            Step::Items if node.items != NOWHERE => return node.items,
            Step::Items => {
                node.items = new;
                Box::default()
            }
            Step::Member(name) => match node.find(name.as_bytes()) {
                Ok(found) => return node.members.get(found).map_or(NOWHERE, |&(_, child)| child),
                Err(place) => {
                    node.members.insert(place, (name.clone(), new));
                    format!("{}:", serde_json::Value::from(&**name)).into_bytes().into()
                }
            },
        };
        self.nodes.push(Node { label, ..Node::default() });
        new
    }

    fn look_ahead(&mut self) {
        for id in ROOT..self.nodes.len() {
            let node = self.node(id);
            let members = Axis {
                walked: !node.members.is_empty(),
                delivers: node.members.iter().any(|&(_, child)| self.node(child).delivers),
            };
            let items = Axis { walked: node.items != NOWHERE, delivers: self.node(node.items).delivers };
            if let Some(node) = self.nodes.get_mut(id) {
                (node.member_axis, node.item_axis) = (members, items);
            }
        }
    }
}

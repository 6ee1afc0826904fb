//! What may leave, compiled once.

use crate::{ElementPath, Step};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Sorted by name.
    members: Vec<(Box<str>, NodeId)>,
    pub(crate) items: NodeId,
    /// The member's name as it is delivered, with quotes and colon.
    pub(crate) label: Box<[u8]>,
    pub(crate) element: Option<(usize, ElementType)>,
    /// An element stands here or further down.
    pub(crate) delivers: bool,
    pub(crate) record: bool,
    pub(crate) subject: Option<usize>,
    pub(crate) member_axis: Axis,
    pub(crate) item_axis: Axis,
}

impl Node {
    pub(crate) fn axis(&self, array: bool) -> Axis {
        if array { self.item_axis } else { self.member_axis }
    }

    pub(crate) fn subtree(&self) -> bool {
        matches!(self.element, Some((_, ElementType::Subtree)))
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
        let mut projection = Self { elements, bounds, form, nodes, nowhere: Node::default() };
        projection.place_elements()?;
        let record_node = projection.path(ROOT, record);
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

    /// What one document may cost.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// How documents follow each other.
    pub fn form(&self) -> Form {
        self.form
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id).unwrap_or(&self.nowhere)
    }

    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn member(&self, id: NodeId, name: &[u8]) -> NodeId {
        let members = &self.node(id).members;
        match members.binary_search_by(|(known, _)| known.as_bytes().cmp(name)) {
            Ok(found) => members.get(found).map_or(NOWHERE, |&(_, child)| child),
            Err(_) => NOWHERE,
        }
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
            if node.element.replace((index, element_type)).is_some() {
                return Err(ProjectionError::Duplicate(path));
            }
        }
        for element in self.elements.clone() {
            let mut id = ROOT;
            for step in element.path.steps() {
                if let Some((subtree, ElementType::Subtree)) = self.node(id).element {
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
            Step::Member(name) => match node.members.binary_search_by(|(known, _)| known.cmp(name)) {
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

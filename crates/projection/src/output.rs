//! What is held back, and what is ready to leave.

use std::{mem, sync::Arc};

use crate::{
    ElementCount, FaultKind, Pieces, Projection, SubjectValue, Summary,
    pieces::Span,
    projection::{NodeId, ROOT},
};

/// Bytes for which there is room at once: a small answer.
const USUAL: usize = 256;

/// The record that is being held.
#[derive(Clone, Copy, Debug)]
struct OpenRecord {
    start: usize,
    subjects: usize,
    /// Where in the source it begins.
    offset: u64,
    subject_bytes: usize,
}

/// The scalar that is being held until it is known whether it is what was agreed.
#[derive(Clone, Copy, Debug)]
struct OpenScalar {
    /// Where comma and name before it begin.
    mark: usize,
    /// Where it begins itself.
    start: usize,
    offset: u64,
}

/// Projected bytes, cut into framing and records, with the counts of what is in them.
#[derive(Debug)]
pub(crate) struct Output {
    projection: Arc<Projection>,
    bytes: Vec<u8>,
    records: Vec<Span>,
    subjects: Vec<SubjectValue>,
    record: Option<OpenRecord>,
    scalar: Option<OpenScalar>,
    /// Elements delivered in the open record: they count when it is complete.
    in_record: Vec<usize>,
    elements: Vec<ElementCount>,
    /// Per node without an element of its own: how often something else stood where its container should be.
    misplaced: Vec<u64>,
    pub(crate) not_agreed: u64,
    complete_records: u64,
    taken: u64,
}

impl Output {
    pub(crate) fn new(projection: Arc<Projection>) -> Self {
        Self {
            bytes: Vec::with_capacity(USUAL),
            records: Vec::new(),
            subjects: Vec::new(),
            record: None,
            scalar: None,
            in_record: Vec::new(),
            elements: vec![ElementCount::default(); projection.elements().len()],
            misplaced: vec![0; projection.nodes()],
            not_agreed: 0,
            complete_records: 0,
            taken: 0,
            projection,
        }
    }

    pub(crate) fn in_record(&self) -> bool {
        self.record.is_some()
    }

    pub(crate) fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How much is held that must stay within the bound, and where in the source that begins.
    pub(crate) fn held(&self) -> (usize, u64) {
        match (self.record, self.scalar) {
            (Some(record), _) => (self.bytes.len() - record.start + record.subject_bytes, record.offset),
            (None, Some(scalar)) => (self.bytes.len() - scalar.start, scalar.offset),
            (None, None) => (0, 0),
        }
    }

    pub(crate) fn begin_record(&mut self, offset: u64) {
        let (start, subjects) = (self.bytes.len(), self.subjects.len());
        self.record = Some(OpenRecord { start, subjects, offset, subject_bytes: 0 });
    }

    pub(crate) fn end_record(&mut self) {
        if let Some(record) = self.record.take() {
            let span = Span { start: record.start, end: self.bytes.len(), subjects_end: self.subjects.len() };
            self.records.push(span);
            self.complete_records += 1;
            for index in self.in_record.drain(..) {
                if let Some(count) = self.elements.get_mut(index) {
                    count.delivered += 1;
                }
            }
        }
    }

    pub(crate) fn begin_scalar(&mut self, mark: usize, offset: u64) {
        self.scalar = Some(OpenScalar { mark, start: self.bytes.len(), offset });
    }

    /// The scalar that is being held, as far as it has come.
    pub(crate) fn scalar(&self) -> &[u8] {
        self.scalar.and_then(|scalar| self.bytes.get(scalar.start..)).unwrap_or_default()
    }

    pub(crate) fn end_scalar(&mut self) {
        self.scalar = None;
    }

    /// The scalar is not of the agreed type after all. An item leaves `null`, a member nothing.
    pub(crate) fn retract_scalar(&mut self, stands: bool) {
        if let Some(scalar) = self.scalar.take() {
            self.bytes.truncate(if stands { scalar.start } else { scalar.mark });
            if stands {
                self.put(b"null");
            }
        }
    }

    /// Forgets the record that was begun for a member that is not delivered.
    pub(crate) fn abandon_record(&mut self) {
        if let Some(record) = self.record.take() {
            self.subjects.truncate(record.subjects);
            self.in_record.clear();
        }
    }

    pub(crate) fn subject(&mut self, subject: usize, raw: &[u8]) -> Result<(), FaultKind> {
        let integer = raw.first() != Some(&b'"');
        let identifier = if integer {
            String::from_utf8(raw.to_vec()).map_err(|_| FaultKind::Encoding)?
        } else {
            serde_json::from_slice(raw).map_err(|_| FaultKind::Escape)?
        };
        if let Some(record) = &mut self.record {
            record.subject_bytes += identifier.len() + size_of::<SubjectValue>();
        }
        self.subjects.push(SubjectValue { subject, identifier, integer });
        Ok(())
    }

    pub(crate) fn delivered(&mut self, element: usize) {
        if self.record.is_some() {
            self.in_record.push(element);
        } else if let Some(count) = self.elements.get_mut(element) {
            count.delivered += 1;
        }
    }

    /// A derived element cannot be told.
    pub(crate) fn untold(&mut self, element: usize) {
        if let Some(count) = self.elements.get_mut(element) {
            count.untold += 1;
        }
    }

    /// Something of another type stands at `node`.
    pub(crate) fn dropped(&mut self, node: NodeId) {
        match self.projection.node(node).element {
            Some((element, _)) => {
                if let Some(count) = self.elements.get_mut(element) {
                    count.dropped += 1;
                }
            }
            None => {
                if let Some(count) = self.misplaced.get_mut(node) {
                    *count += 1;
                }
            }
        }
    }

    /// Where in `bytes` begins what must not leave yet.
    fn held_from(&self) -> usize {
        let record = self.record.map_or(self.bytes.len(), |record| record.start);
        self.scalar.map_or(record, |scalar| record.min(scalar.mark))
    }

    /// What is ready to leave.
    pub(crate) fn take(&mut self) -> Pieces {
        let from = self.held_from();
        let held = self.bytes.split_off(from);
        let bytes = mem::replace(&mut self.bytes, held);
        self.taken += bytes.len() as u64;
        let subjects = match &mut self.record {
            Some(record) => {
                let held = self.subjects.split_off(record.subjects);
                record.start -= from;
                record.subjects = 0;
                mem::replace(&mut self.subjects, held)
            }
            None => mem::take(&mut self.subjects),
        };
        if let Some(scalar) = &mut self.scalar {
            scalar.mark -= from;
            scalar.start -= from;
        }
        Pieces { bytes, records: mem::take(&mut self.records), subjects }
    }

    /// Throws away what is held: the document is refused.
    pub(crate) fn refuse(&mut self) {
        self.bytes.truncate(self.held_from());
        self.abandon_record();
        self.scalar = None;
    }

    /// How often each element has been delivered, and could not be told.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (u64, u64)> {
        self.elements.iter().map(|count| (count.delivered, count.untold))
    }

    pub(crate) fn complete_records(&self) -> u64 {
        self.complete_records
    }

    pub(crate) fn summary(&self, bytes_in: u64) -> Summary {
        let mut elements = self.elements.clone();
        // What stood in the place of a container stands in the place of all that is agreed within.
        let mut open = vec![(ROOT, 0)];
        while let Some((id, above)) = open.pop() {
            let misplaced = above + self.misplaced.get(id).copied().unwrap_or_default();
            if let Some(count) =
                self.projection.node(id).element.and_then(|(index, _)| elements.get_mut(index))
            {
                count.dropped += above;
            }
            open.extend(self.projection.children(id).map(|child| (child, misplaced)));
        }
        Summary {
            elements,
            not_agreed: self.not_agreed,
            records: self.complete_records,
            bytes_in,
            bytes_out: self.taken + self.held_from() as u64,
        }
    }
}

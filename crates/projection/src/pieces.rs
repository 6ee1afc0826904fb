//! What comes out of a projector.

use std::fmt;

/// The identifier of a data subject as a record gives it.
///
/// Direct identifiers go into a pseudonym and nowhere else: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SubjectValue {
    /// Which of the projection's subjects it is, by its index.
    pub subject: usize,
    /// The text without escapes, or the integer as it was written.
    pub identifier: String,
    /// Whether the source wrote an integer: `012` and `12` differ as texts, and a source that writes numbers has lost
    /// leading zeros.
    pub integer: bool,
}

impl fmt::Debug for SubjectValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectValue").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// A run of projected bytes. All pieces, one after the other, are the projected document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// What surrounds records: brackets, commas, agreed elements outside records. Never empty.
    Framing(&'a [u8]),
    /// One record, complete.
    Record(Record<'a>),
}

/// A projected record and the people it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// A JSON value.
    pub bytes: &'a [u8],
    /// In the order of the document. Empty when the record names nobody: what that means is the caller's to decide.
    pub subjects: &'a [SubjectValue],
}

/// Where a record ends, and its subjects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) subjects_end: usize,
}

/// What has become ready since the last time.
#[derive(Debug, Default)]
pub struct Pieces {
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: Vec<Span>,
    pub(crate) subjects: Vec<SubjectValue>,
}

impl Pieces {
    /// The pieces in order.
    pub fn iter(&self) -> impl Iterator<Item = Piece<'_>> {
        let (mut at, mut record, mut subject) = (0, 0, 0);
        std::iter::from_fn(move || match self.records.get(record) {
            Some(span) if span.start == at => {
                let bytes = self.bytes.get(span.start..span.end).unwrap_or_default();
                let subjects = self.subjects.get(subject..span.subjects_end).unwrap_or_default();
                (at, record, subject) = (span.end, record + 1, span.subjects_end);
                Some(Piece::Record(Record { bytes, subjects }))
            }
            next => {
                let end = next.map_or(self.bytes.len(), |span| span.start);
                let bytes = self.bytes.get(at..end).unwrap_or_default();
                at = end;
                (!bytes.is_empty()).then_some(Piece::Framing(bytes))
            }
        })
    }

    /// The identifiers of all records in it, in order.
    pub fn subjects(&self) -> &[SubjectValue] {
        &self.subjects
    }

    /// How many records are in it.
    pub fn records(&self) -> usize {
        self.records.len()
    }

    /// The bytes of all pieces.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of all pieces, without copying.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Whether nothing has become ready.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

//! One document, projected as it arrives.

use std::{borrow::Cow, sync::Arc};

use crate::{
    Element, Fault, FaultKind, Form, Pieces, Projection, Summary,
    names::{Names, Refused},
    output::Output,
    projection::{NOWHERE, NodeId, ROOT},
    scan::{LiteralScanner, NumberScanner, Scan, TextScanner, plain_member, plain_scalar},
};

mod deriving;
mod values;

use deriving::{Judged, Seen};

/// What may come next.
#[derive(Clone, Copy, Debug)]
enum State {
    /// A document, or in lines an empty line.
    Start,
    Value,
    ItemOrEnd,
    NameOrEnd,
    Name,
    NameText,
    Colon,
    /// Comma or end, after a member or item.
    After,
    Text,
    Number,
    Literal,
    /// Nothing, or in lines the end of the line.
    Done,
}

/// Where a value stands: what the paths say about it.
#[derive(Clone, Copy, Debug)]
struct Place {
    node: NodeId,
    /// It stands in a subtree that is delivered whole.
    whole: bool,
}

impl Place {
    const DOCUMENT: Self = Self { node: ROOT, whole: false };

    fn is_skipped(self) -> bool {
        self.node == NOWHERE && !self.whole
    }
}

/// An open container.
#[derive(Clone, Copy, Debug)]
struct Frame {
    place: Place,
    array: bool,
    /// It is delivered.
    shown: bool,
    /// Nothing in it has been delivered yet.
    empty: bool,
    /// It is a record.
    record: bool,
}

/// What is kept of the scalar that is being read.
#[derive(Clone, Copy, Debug, Default)]
struct Scalar {
    node: NodeId,
    /// It goes to the output.
    shown: bool,
    number: bool,
    /// It is dropped if it turns out not to be an integer.
    integer: bool,
    /// It is dropped if it turns out not to be one of the agreed words.
    word: bool,
    /// Something is told about it.
    judged: bool,
    /// It keeps its place when it is dropped: it is an item, or the document.
    stands: bool,
    /// It goes to the subjects.
    subject: Option<usize>,
    /// It is a record.
    record: bool,
    /// Its container was empty before it.
    first: bool,
    offset: u64,
}

/// Bytes of a name for which there is room at once.
const USUAL_NAME: usize = 64;

/// Projects one document (or one stream of lines).
///
/// Bytes go in by [`feed`](Self::feed), however they are cut; [`take`](Self::take) gives what is ready to leave. Fed in
/// chunks and taken from after each, it holds no more than a chunk, a record and the bounds.
#[derive(Debug)]
pub struct Projector {
    projection: Arc<Projection>,
    state: State,
    stack: Vec<Frame>,
    place: Place,
    names: Names,
    /// The name that is being read, without quotes and as the source writes it.
    name: Vec<u8>,
    name_offset: u64,
    text: TextScanner,
    number: NumberScanner,
    literal: LiteralScanner,
    scalar: Scalar,
    /// The subject's identifier that is being read, as the source writes it.
    subject: Vec<u8>,
    /// Per derived element.
    seen: Vec<Seen>,
    judged: Judged,
    output: Output,
    /// Where in the source the bytes begin that are being read.
    base: u64,
    /// The beginning of a character of which the rest is in the next chunk.
    partial: Vec<u8>,
    fault: Option<Fault>,
}

impl Projector {
    /// A projector of one response.
    pub fn new(projection: Arc<Projection>) -> Self {
        Self {
            state: State::Start,
            stack: Vec::new(),
            place: Place::DOCUMENT,
            names: Names::new(&projection),
            name: Vec::with_capacity(USUAL_NAME),
            name_offset: 0,
            text: TextScanner::new(),
            number: NumberScanner::new(),
            literal: LiteralScanner::new(b""),
            scalar: Scalar::default(),
            subject: Vec::new(),
            seen: vec![Seen::default(); projection.derived().len()],
            judged: Judged::default(),
            output: Output::new(Arc::clone(&projection)),
            base: 0,
            partial: Vec::new(),
            fault: None,
            projection,
        }
    }

    /// Reads on. After a fault every call gives that fault.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.unless_refused(|this| this.feed_characters(bytes))
    }

    /// Says that nothing follows. What is ready can still be taken.
    pub fn finish(&mut self) -> Result<(), Fault> {
        self.unless_refused(|this| {
            if !this.partial.is_empty() {
                return Err(this.fault_at(0, FaultKind::Encoding));
            }
            if matches!(this.state, State::Number) && this.number.is_complete() && this.stack.is_empty() {
                this.end_scalar()?;
            }
            match (this.state, this.projection.form()) {
                (State::Done, Form::Lines) => this.end_line(),
                (State::Done, Form::Document) | (State::Start, Form::Lines) => {}
                _ => return Err(this.fault_at(0, FaultKind::Truncated)),
            }
            Ok(())
        })
    }

    /// What has become ready since the last call.
    pub fn take(&mut self) -> Pieces {
        self.output.take()
    }

    /// The agreed elements, in the order of the summary's counts.
    pub fn elements(&self) -> &[Element] {
        self.projection.elements()
    }

    /// The agreed elements that have been delivered so far, by their paths, with how often.
    pub fn delivered(&self) -> impl Iterator<Item = (&Arc<str>, u64)> {
        let times = self.counts().map(|(delivered, _)| delivered);
        self.projection.written().iter().zip(times).filter(|&(_, count)| count > 0)
    }

    /// How often each agreed element has been delivered, and has been an answer that could not be told, in the order of
    /// [`elements`](Self::elements).
    pub fn counts(&self) -> impl Iterator<Item = (u64, u64)> {
        self.output.counts()
    }

    /// How many records are complete.
    pub fn records(&self) -> u64 {
        self.output.complete_records()
    }

    /// What has been done so far.
    pub fn summary(&self) -> Summary {
        let fed = self.base + self.partial.len() as u64;
        self.output.summary(self.fault.map_or(fed, |fault| fault.offset))
    }

    fn unless_refused(&mut self, act: impl FnOnce(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        act(self).inspect_err(|&fault| {
            self.fault = Some(fault);
            self.output.refuse();
        })
    }

    /// Hands on whole characters only, so that a fault's place does not depend on how the bytes were cut.
    fn feed_characters(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !self.partial.is_empty() {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            self.partial.push(byte);
            match std::str::from_utf8(&self.partial) {
                Ok(_) => {
                    let character = std::mem::take(&mut self.partial);
                    self.run(&character)?;
                }
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(self.fault_at(0, FaultKind::Encoding)),
            }
        }
        let error = match std::str::from_utf8(bytes) {
            Ok(_) => return self.run(bytes),
            Err(error) => error,
        };
        let (valid, rest) = bytes.split_at_checked(error.valid_up_to()).unwrap_or_default();
        self.run(valid)?;
        if error.error_len().is_some() {
            return Err(self.fault_at(0, FaultKind::Encoding));
        }
        self.partial.extend_from_slice(rest);
        Ok(())
    }

    fn fault_at(&self, at: usize, kind: FaultKind) -> Fault {
        Fault { offset: self.base + at as u64, kind }
    }

    fn unexpected<T>(&self, at: usize) -> Result<T, Fault> {
        Err(self.fault_at(at, FaultKind::Unexpected))
    }

    fn run(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let projection = Arc::clone(&self.projection);
        let mut at = 0;
        while at < bytes.len() {
            at = match self.state {
                State::Text => self.text(bytes, at)?,
                State::Number => self.number(bytes, at)?,
                State::Literal => self.literal(bytes, at)?,
                State::NameText => self.name_text(bytes, at)?,
                state => {
                    let at = skip_space(bytes, at, projection.form());
                    let Some(&byte) = bytes.get(at) else { break };
                    self.structure(&projection, state, byte, bytes, at)?
                }
            };
        }
        self.base += bytes.len() as u64;
        Ok(())
    }

    fn text(&mut self, bytes: &[u8], at: usize) -> Result<usize, Fault> {
        let (end, scan) = self.text.scan(bytes, at);
        self.after_scan(bytes, at, end, scan, State::Text)
    }

    fn number(&mut self, bytes: &[u8], at: usize) -> Result<usize, Fault> {
        let (end, scan) = self.number.scan(bytes, at);
        self.after_scan(bytes, at, end, scan, State::Number)
    }

    fn literal(&mut self, bytes: &[u8], at: usize) -> Result<usize, Fault> {
        let (end, scan) = self.literal.scan(bytes, at);
        self.after_scan(bytes, at, end, scan, State::Literal)
    }

    #[inline]
    fn after_scan(
        &mut self,
        bytes: &[u8],
        at: usize,
        end: usize,
        scan: Scan,
        more: State,
    ) -> Result<usize, Fault> {
        let kept = self.scalar.shown || self.scalar.judged || self.scalar.subject.is_some();
        if kept {
            self.keep(bytes.get(at..end).unwrap_or_default())?;
        }
        match scan {
            Scan::More => self.state = more,
            Scan::Complete if kept || self.scalar.record => self.end_scalar()?,
            Scan::Complete => self.end_value(),
            Scan::Fault(kind) => return Err(self.fault_at(end, kind)),
        }
        Ok(end)
    }

    /// Takes a byte that is neither white space nor within a token; returns the position of the next.
    fn structure(
        &mut self,
        projection: &Projection,
        state: State,
        byte: u8,
        bytes: &[u8],
        at: usize,
    ) -> Result<usize, Fault> {
        match (state, byte) {
            (State::Name | State::NameOrEnd, b'"') => return self.begin_name(projection, bytes, at),
            (State::Colon, b':') => self.state = State::Value,
            (State::Start, b'\n') => {}
            (State::Start, 0xef) if self.base == 0 && bytes.starts_with("\u{feff}".as_bytes()) => {
                return Err(self.fault_at(0, FaultKind::ByteOrderMark));
            }
            (State::Start | State::Value, _) => return self.begin_value(projection, byte, bytes, at),
            (State::ItemOrEnd | State::After, b']') => self.end_container(true, at)?,
            (State::ItemOrEnd, _) => return self.begin_value(projection, byte, bytes, at),
            (State::NameOrEnd | State::After, b'}') => self.end_container(false, at)?,
            (State::After, b',') => {
                self.state = if self.next_item(projection) { State::Value } else { State::Name };
                // Most documents have no white space here.
                match (self.state, bytes.get(at + 1)) {
                    (State::Name, Some(b'"')) => return self.begin_name(projection, bytes, at + 1),
                    (State::Value, Some(&byte)) if byte > b' ' => {
                        return self.begin_value(projection, byte, bytes, at + 1);
                    }
                    _ => {}
                }
            }
            (State::Done, b'\n') => self.end_line(),
            (State::Done, _) => return Err(self.fault_at(at, FaultKind::Trailing)),
            _ => return self.unexpected(at),
        }
        Ok(at + 1)
    }

    fn end_line(&mut self) {
        self.output.push(b'\n');
        self.state = State::Start;
        self.place = Place::DOCUMENT;
    }

    /// When the innermost container is an array: turns to its next item.
    fn next_item(&mut self, projection: &Projection) -> bool {
        let Some(frame) = self.stack.last().filter(|frame| frame.array) else { return false };
        let place = frame.place;
        self.place = Place { node: projection.node(place.node).items, whole: place.whole };
        true
    }

    fn begin_name(&mut self, projection: &Projection, bytes: &[u8], at: usize) -> Result<usize, Fault> {
        let Some(frame) = self.stack.last().copied() else { return self.unexpected(at) };
        if frame.place.is_skipped() {
            return self.begin_skipped_name(projection, frame, bytes, at);
        }
        let (mut at, mut passed) = (at, 0);
        if !frame.place.whole {
            (at, passed) = self.names.pass(bytes, at);
        }
        if frame.shown {
            self.output.not_agreed += passed;
        }
        self.name_offset = self.base + at as u64;
        self.name.clear();
        if let Some((length, met)) = self.names.recognise(bytes.get(at..).unwrap_or_default()) {
            let name = bytes.get(at + 1..at + length - 1).unwrap_or_default();
            self.end_name(projection, frame, met, name)?;
            return self.after_name(projection, bytes, at + length);
        }
        self.text = TextScanner::new();
        self.name_text(bytes, at + 1)
    }

    fn begin_skipped_name(
        &mut self,
        projection: &Projection,
        frame: Frame,
        bytes: &[u8],
        mut at: usize,
    ) -> Result<usize, Fault> {
        while let Some(end) = plain_scalar(b'"', bytes, at) {
            let Some(next) = plain_member(bytes, end) else {
                self.place = frame.place;
                self.state = State::Colon;
                return self.after_name(projection, bytes, end);
            };
            at = next;
        }
        self.text = TextScanner::new();
        self.name_text(bytes, at + 1)
    }

    /// Takes colon and value at once where nothing stands between them: most documents are written so.
    fn after_name(&mut self, projection: &Projection, bytes: &[u8], at: usize) -> Result<usize, Fault> {
        match bytes.get(at..) {
            Some([b':', byte, ..]) if *byte > b' ' => self.begin_value(projection, *byte, bytes, at + 1),
            _ => Ok(at),
        }
    }

    fn name_text(&mut self, bytes: &[u8], at: usize) -> Result<usize, Fault> {
        let Some(frame) = self.stack.last().copied() else { return self.unexpected(at) };
        let (end, scan) = self.text.scan(bytes, at);
        let held = bytes.get(at..end).unwrap_or_default();
        if !frame.place.is_skipped() {
            if self.name.len() + held.len() > self.names.bound() {
                return Err(Fault { offset: self.name_offset, kind: FaultKind::NamesTooLarge });
            }
            self.name.extend_from_slice(held);
        }
        match scan {
            Scan::More => self.state = State::NameText,
            Scan::Fault(kind) => return Err(self.fault_at(end, kind)),
            Scan::Complete if frame.place.is_skipped() => {
                self.place = frame.place;
                self.state = State::Colon;
            }
            Scan::Complete => {
                let mut raw = std::mem::take(&mut self.name);
                raw.pop();
                let name = if self.text.escaped() {
                    let quoted = [b"\"", raw.as_slice(), b"\""].concat();
                    let name: String =
                        serde_json::from_slice(&quoted).map_err(|_| self.fault_at(end, FaultKind::Escape))?;
                    Cow::Owned(name.into_bytes())
                } else {
                    Cow::Borrowed(raw.as_slice())
                };
                let projection = Arc::clone(&self.projection);
                let met = self.names.take(&projection, &name);
                self.end_name(&projection, frame, met, &raw)?;
                self.name = raw;
            }
        }
        Ok(end)
    }

    /// `raw` is the name as the source writes it, without quotes.
    fn end_name(
        &mut self,
        projection: &Projection,
        frame: Frame,
        met: Result<NodeId, Refused>,
        raw: &[u8],
    ) -> Result<(), Fault> {
        let node = met.map_err(|refused| Fault {
            offset: self.name_offset,
            kind: match refused {
                Refused::Duplicate => FaultKind::DuplicateName,
                Refused::TooLarge => FaultKind::NamesTooLarge,
            },
        })?;
        if frame.place.whole {
            self.comma();
            self.output.push(b'"');
            self.output.put(raw);
            self.output.put(b"\":");
            self.check_room()?;
        } else if frame.shown && !projection.node(node).delivers {
            self.output.not_agreed += 1;
        }
        self.place = Place { node, whole: frame.place.whole };
        self.state = State::Colon;
        Ok(())
    }
}

/// The position of the next byte that is not white space. In lines a line feed is none: it ends a document.
#[inline]
fn skip_space(bytes: &[u8], at: usize, form: Form) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let space = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r') || (byte == b'\n' && form != Form::Lines);
    at + rest.iter().position(|&byte| !space(byte)).unwrap_or(rest.len())
}

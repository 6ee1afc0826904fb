//! Values: what of them goes to the output, and what to the subjects.

use std::sync::Arc;

use super::{Frame, Place, Projector, Scalar, State};
use crate::{
    ElementType, Fault, FaultKind, Projection, ScalarType,
    projection::{Kind, NOWHERE},
    scan::{LiteralScanner, NumberScanner, TextScanner, plain_scalar},
};

/// The place in the output that a value would take.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Its container is delivered, or it is the document.
    shown: bool,
    /// Something must stand there: it is an item, or the document.
    stands: bool,
    /// Nothing precedes it.
    first: bool,
}

/// Whether a scalar is of the agreed type, as far as its first byte says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agreed {
    Yes,
    No,
    IfInteger,
    IfWord,
}

impl Agreed {
    /// `found` is none for `null`.
    fn judge(agreed: Kind, found: Option<ScalarType>) -> Self {
        let yes = match (agreed, found) {
            (Kind::Subtree, _) => true,
            (Kind::Scalar { nullable, .. }, None) => nullable,
            (Kind::Scalar { scalar: ScalarType::Integer, .. }, Some(ScalarType::Number)) => {
                return Self::IfInteger;
            }
            (Kind::Scalar { scalar, .. }, Some(found)) => scalar == found,
            (Kind::Word, Some(ScalarType::String)) => return Self::IfWord,
            (Kind::Word | Kind::Derived, _) => false,
        };
        if yes { Self::Yes } else { Self::No }
    }
}

impl Projector {
    pub(super) fn begin_value(
        &mut self,
        projection: &Projection,
        byte: u8,
        bytes: &[u8],
        at: usize,
    ) -> Result<usize, Fault> {
        if self.place.is_skipped()
            && let Some(end) = plain_scalar(byte, bytes, at)
        {
            self.end_value();
            return Ok(end);
        }
        match byte {
            b'{' | b'[' => {
                self.begin_container(projection, byte == b'[', at)?;
                Ok(at + 1)
            }
            b'"' => {
                self.begin_scalar(projection, Some(ScalarType::String), at)?;
                self.keep(b"\"")?;
                self.text = TextScanner::new();
                self.text(bytes, at + 1)
            }
            b'-' | b'0'..=b'9' => {
                self.begin_scalar(projection, Some(ScalarType::Number), at)?;
                self.number = NumberScanner::new();
                self.number(bytes, at)
            }
            b't' | b'f' => {
                self.begin_scalar(projection, Some(ScalarType::Boolean), at)?;
                self.literal = LiteralScanner::new(if byte == b't' { b"true" } else { b"false" });
                self.literal(bytes, at)
            }
            b'n' => {
                self.begin_scalar(projection, None, at)?;
                self.literal = LiteralScanner::new(b"null");
                self.literal(bytes, at)
            }
            _ => self.unexpected(at),
        }
    }

    pub(super) fn begin_container(
        &mut self,
        projection: &Projection,
        array: bool,
        at: usize,
    ) -> Result<(), Fault> {
        if self.stack.len() >= self.projection.bounds().depth {
            return Err(self.fault_at(at, FaultKind::TooDeep));
        }
        let place = self.place;
        let frame = if place.is_skipped() {
            Frame { place, array, shown: false, empty: true, record: false }
        } else {
            self.walk_into(projection, place, array, at)?
        };
        self.stack.push(frame);
        self.state = if self.next_item(projection) { State::ItemOrEnd } else { State::NameOrEnd };
        Ok(())
    }

    /// Begins a container that paths lead to or through, or that stands in a subtree.
    fn walk_into(
        &mut self,
        projection: &Projection,
        place: Place,
        array: bool,
        at: usize,
    ) -> Result<Frame, Fault> {
        let node = projection.node(place.node);
        let axis = node.axis(array);
        let whole = place.whole || node.subtree();
        let shown = whole || axis.delivers;
        let slot = self.slot();
        let mut record = false;
        if Self::looks_at(place, node) {
            self.see_container(projection, node, array);
        }
        if shown {
            record = self.open_slot(place, at);
            self.output.push(if array { b'[' } else { b'{' });
            if let Some((element, Kind::Subtree)) = node.element {
                self.output.delivered(element);
            }
        } else if slot.shown {
            let answered = array && node.is_answered();
            if node.delivers && !answered {
                self.drop_at(projection, place);
            }
            if slot.stands {
                record = self.open_slot(place, at);
                // In the place of a list that is answered comes the answer, at its end.
                if !answered {
                    self.output.put(b"null");
                }
            }
        }
        self.check_room()?;
        if node.subject.is_some() && !axis.walked && self.output.in_record() {
            return Err(self.fault_at(at, FaultKind::SubjectType));
        }
        let node = if axis.walked || whole { place.node } else { NOWHERE };
        let frame = Frame { place: Place { node, whole }, array, shown, empty: true, record };
        if !array && !frame.place.is_skipped() {
            self.names.enter(node);
        }
        Ok(frame)
    }

    pub(super) fn end_container(&mut self, array: bool, at: usize) -> Result<(), Fault> {
        let Some(frame) = self.stack.pop_if(|frame| frame.array == array) else { return self.unexpected(at) };
        if !array && !frame.place.is_skipped() {
            self.names.leave();
        }
        if frame.shown {
            if !array {
                self.tell_object(frame);
            }
            self.output.push(if array { b']' } else { b'}' });
            self.check_room()?;
        } else if array && self.stack.is_empty() {
            let projection = Arc::clone(&self.projection);
            self.tell_document(&projection, projection.node(frame.place.node));
        }
        if frame.record {
            self.output.end_record();
        }
        self.end_value();
        Ok(())
    }

    fn tell_object(&mut self, frame: Frame) {
        let projection = &self.projection;
        if Self::looks_at(frame.place, projection.node(frame.place.node)) {
            let projection = Arc::clone(projection);
            // The frame is off the stack; commas are counted on it.
            self.stack.push(frame);
            self.tell(&projection, projection.node(frame.place.node));
            self.stack.pop();
        }
    }

    /// Something of another type stands where an element is agreed. What merely has the name of an answer is not agreed.
    fn drop_at(&mut self, projection: &Projection, place: Place) {
        match projection.node(place.node).element {
            Some((_, Kind::Derived)) => self.output.not_agreed += 1,
            _ => self.output.dropped(place.node),
        }
    }

    pub(super) fn end_value(&mut self) {
        self.state = if self.stack.is_empty() { State::Done } else { State::After };
    }

    fn begin_scalar(
        &mut self,
        projection: &Projection,
        scalar: Option<ScalarType>,
        at: usize,
    ) -> Result<(), Fault> {
        let place = self.place;
        if place.is_skipped() {
            (self.scalar.shown, self.scalar.subject, self.scalar.record) = (false, None, false);
            self.scalar.judged = false;
            return Ok(());
        }
        let node = projection.node(place.node);
        let slot = self.slot();
        let agreed = match node.element {
            _ if place.whole => Agreed::Yes,
            Some((_, agreed)) => Agreed::judge(agreed, scalar),
            None => Agreed::No,
        };
        let shown = agreed != Agreed::No;
        let mut record = false;
        if shown {
            let mark = self.output.len();
            record = self.open_slot(place, at);
            self.output.begin_scalar(mark, self.base + at as u64);
        } else if slot.shown {
            match scalar {
                None if node.element.is_none() && node.delivers => self.output.not_agreed += 1,
                _ if node.delivers => self.drop_at(projection, place),
                _ => {}
            }
            if slot.stands {
                record = self.open_slot(place, at);
                self.output.put(b"null");
            }
        }
        self.check_room()?;
        let judged = Self::looks_at(place, node) && self.see_scalar(projection, node, scalar);
        self.scalar = Scalar {
            node: place.node,
            shown,
            number: scalar == Some(ScalarType::Number),
            integer: agreed == Agreed::IfInteger,
            word: agreed == Agreed::IfWord,
            judged,
            stands: slot.stands,
            subject: node.subject.filter(|_| scalar.is_some() && self.output.in_record()),
            record,
            first: slot.first,
            offset: self.base + at as u64,
        };
        self.subject.clear();
        self.judged.clear();
        if self.scalar.subject.is_some() && scalar == Some(ScalarType::Boolean) {
            return Err(self.fault_at(at, FaultKind::SubjectType));
        }
        Ok(())
    }

    /// Keeps bytes of a scalar where they are wanted, within the bounds. Of two bounds that are exceeded the one
    /// counts that was exceeded first.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let (shown, subject, length) = (self.scalar.shown, self.scalar.subject.is_some(), bytes.len());
        if self.scalar.judged {
            self.judged.keep(bytes);
        }
        if !shown && !subject {
            return Ok(());
        }
        let bounds = self.projection.bounds();
        let (held, offset) = self.output.held();
        let room = bounds.record_bytes.saturating_sub(held);
        let subject_room = bounds.subject_bytes.saturating_sub(self.subject.len());
        let too_large = shown && length > room;
        if subject && length > subject_room && !(too_large && room < subject_room) {
            return Err(Fault { offset: self.scalar.offset, kind: FaultKind::SubjectTooLong });
        }
        if too_large {
            return Err(Fault { offset, kind: FaultKind::RecordTooLarge });
        }
        if shown {
            self.output.put(bytes);
        }
        if subject {
            self.subject.extend_from_slice(bytes);
        }
        Ok(())
    }

    pub(super) fn check_room(&self) -> Result<(), Fault> {
        let (held, offset) = self.output.held();
        if held > self.projection.bounds().record_bytes {
            return Err(Fault { offset, kind: FaultKind::RecordTooLarge });
        }
        Ok(())
    }

    pub(super) fn end_scalar(&mut self) -> Result<(), Fault> {
        let scalar = self.scalar;
        let integer = !scalar.number || self.number.is_integer();
        if scalar.judged {
            let projection = Arc::clone(&self.projection);
            self.judge(&projection, projection.node(scalar.node), scalar.number);
        }
        let other = (scalar.integer && !integer) || (scalar.word && !self.is_agreed_word(scalar));
        if scalar.shown && other {
            self.output.dropped(scalar.node);
            self.output.retract_scalar(scalar.stands);
            if !scalar.stands {
                if scalar.record {
                    self.output.abandon_record();
                }
                if let Some(frame) = self.stack.last_mut() {
                    frame.empty = scalar.first;
                }
            }
        } else if scalar.shown {
            self.output.end_scalar();
            if let Some((element, _)) = self.projection.node(scalar.node).element {
                self.output.delivered(element);
            }
        }
        // A record that is not delivered after all is about nobody.
        if let Some(subject) = scalar.subject.filter(|_| self.output.in_record()) {
            let offset = scalar.offset;
            if !integer {
                return Err(Fault { offset, kind: FaultKind::SubjectType });
            }
            self.output.subject(subject, &self.subject).map_err(|kind| Fault { offset, kind })?;
            self.check_room()?;
        }
        if scalar.record {
            self.output.end_record();
        }
        self.end_value();
        Ok(())
    }

    fn is_agreed_word(&self, scalar: Scalar) -> bool {
        let element = self.projection.node(scalar.node).element;
        let element = element.and_then(|(index, _)| self.projection.elements().get(index));
        let Some(ElementType::Word(words)) = element.map(|element| &element.element_type) else {
            return false;
        };
        let text = self.output.scalar();
        let text = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
        words.iter().any(|word| Some(word.as_bytes()) == text)
    }

    /// What the container says about the value that begins.
    fn slot(&self) -> Slot {
        self.stack.last().map_or(Slot { shown: true, stands: true, first: true }, |frame| Slot {
            shown: frame.shown,
            stands: frame.shown && frame.array,
            first: frame.empty,
        })
    }

    /// Writes what precedes a value that goes to the output; says whether the value is a record.
    fn open_slot(&mut self, place: Place, at: usize) -> bool {
        let named = self.stack.last().is_some_and(|frame| !frame.array);
        // In a subtree the name is written already, as the source writes it.
        if !(named && place.whole) {
            self.comma();
            if named {
                self.output.put(&self.projection.node(place.node).label);
            }
        }
        let record = self.projection.node(place.node).record;
        if record {
            self.output.begin_record(self.base + at as u64);
        }
        record
    }

    pub(super) fn comma(&mut self) {
        if let Some(frame) = self.stack.last_mut() {
            if !frame.empty {
                self.output.push(b',');
            }
            frame.empty = false;
        }
    }
}

//! Names of the members of open objects: which place a name leads to, and whether it is there twice.

use std::collections::HashSet;

use crate::{
    projection::{NOWHERE, NodeId, Projection},
    scan::plain_member,
};

/// Names that are remembered per place; as many as a set of bits holds.
const REMEMBERED_PER_PLACE: usize = 128;
/// The longest name that is remembered.
const REMEMBERED_NAME_BYTES: usize = 128;
/// Bytes of remembered names over all places, each with its share of bookkeeping.
const REMEMBERED_BYTES: usize = 256 * 1024;
/// Names for which there is room at once when a place has its first.
const USUAL: usize = 24;
/// Bytes of text for which there is room then.
const USUAL_TEXT: usize = 512;
/// Beyond so many names that are not remembered, an object's names are looked up by hash.
const FEW: usize = 64;
/// What a held name costs beside its text.
const OVERHEAD: usize = 32;

/// A name that was seen before at a place. Records of one list nearly always have the same names, in the same order:
/// one comparison then says where a name leads and, with a bit per object, that it is not there twice. From a place's
/// second object on: most documents of a few names have no other.
#[derive(Debug)]
struct Remembered {
    /// Where in the text of all remembered names it begins, as JSON writes it without escapes, quotes included.
    start: usize,
    length: usize,
    /// Its first eight bytes, or fewer, and which bits they are: nearly all other names differ in them.
    head: u64,
    mask: u64,
    /// Its last eight bytes, if it has as many: with the first they are all of a name of up to sixteen.
    tail: u64,
    child: NodeId,
}

impl Remembered {
    /// Of a name whose text is put behind that of the others.
    fn new(name: &[u8], child: NodeId, texts: &mut Vec<u8>) -> Self {
        let start = texts.len();
        texts.push(b'"');
        texts.extend_from_slice(name);
        texts.push(b'"');
        let quoted = texts.get(start..).unwrap_or_default();
        let byte = |place| quoted.get(place).copied();
        let head = u64::from_le_bytes(std::array::from_fn(|place| byte(place).unwrap_or_default()));
        let mask = u64::from_le_bytes(std::array::from_fn(|place| byte(place).map_or(0, |_| u8::MAX)));
        let tail = quoted.last_chunk().map_or(0, |tail| u64::from_le_bytes(*tail));
        Self { start, length: quoted.len(), head, mask, tail, child }
    }

    fn quoted<'a>(&self, texts: &'a [u8]) -> &'a [u8] {
        texts.get(self.start..self.start + self.length).unwrap_or_default()
    }

    #[inline]
    fn begins(&self, head: u64, bytes: &[u8], texts: &[u8]) -> bool {
        if head & self.mask != self.head {
            return false;
        }
        let length = self.length;
        match bytes.get(..length).and_then(|bytes| bytes.last_chunk()) {
            Some(tail) if length <= 16 => u64::from_le_bytes(*tail) == self.tail,
            Some(_) => bytes.starts_with(self.quoted(texts)),
            None => length < 8,
        }
    }

    /// Whether it is this name, without its quotes, of which the tail is this, if it is long enough to have one.
    fn is(&self, name: &[u8], tail: Option<u64>, texts: &[u8]) -> bool {
        self.length == name.len() + 2
            && tail.is_none_or(|tail| tail == self.tail)
            && self.quoted(texts).get(1..=name.len()) == Some(name)
    }

    /// The last eight bytes of a name in quotes.
    fn tail_of(name: &[u8]) -> Option<u64> {
        let [a, b, c, d, e, f, g] = *name.last_chunk()?;
        Some(u64::from_le_bytes([a, b, c, d, e, f, g, b'"']))
    }
}

/// The names of one open object.
#[derive(Debug, Default)]
struct Open {
    place: NodeId,
    /// Nothing was open at its place before.
    first: bool,
    /// Which remembered names it has.
    seen: u128,
    /// The remembered name that is expected next.
    next: usize,
    /// Its other names begin here in `others`.
    others: usize,
    text: usize,
    many: Option<HashSet<Box<[u8]>>>,
    many_bytes: usize,
}

/// A name is there twice, or names take too much room.
pub(crate) enum Refused {
    Duplicate,
    TooLarge,
}

/// A name that is not remembered.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// Where it ends in the text of all of them.
    end: usize,
    mark: u64,
}

/// The last bytes of a name: nearly all other names differ in them.
fn mark(name: &[u8]) -> u64 {
    match name.last_chunk() {
        Some(tail) => u64::from_le_bytes(*tail),
        None => name.iter().fold(1, |mark, &byte| mark << 8 | u64::from(byte)),
    }
}

/// Names of all open objects that are not skipped.
#[derive(Debug)]
pub(crate) struct Names {
    bound: usize,
    /// Of each place, once an object has been open there.
    remembered: Vec<Option<Vec<Remembered>>>,
    /// The remembered names behind each other.
    texts: Vec<u8>,
    remembered_bytes: usize,
    open: Vec<Open>,
    others: Vec<Held>,
    text: Vec<u8>,
    many_bytes: usize,
}

impl Names {
    pub(crate) fn new(projection: &Projection) -> Self {
        let mut remembered = Vec::new();
        remembered.resize_with(projection.nodes(), || None);
        Self {
            bound: projection.bounds().names_bytes,
            remembered,
            texts: Vec::new(),
            remembered_bytes: 0,
            open: Vec::new(),
            others: Vec::new(),
            text: Vec::new(),
            many_bytes: 0,
        }
    }

    pub(crate) fn bound(&self) -> usize {
        self.bound
    }

    pub(crate) fn enter(&mut self, place: NodeId) {
        let (others, text) = (self.others.len(), self.text.len());
        let first = match self.remembered.get_mut(place) {
            Some(unmet @ None) => {
                *unmet = Some(Vec::new());
                true
            }
            _ => false,
        };
        if self.others.capacity() == 0 {
            self.others.reserve(USUAL);
            self.text.reserve(USUAL_TEXT);
        }
        self.open.push(Open { place, first, others, text, ..Open::default() });
    }

    pub(crate) fn leave(&mut self) {
        if let Some(open) = self.open.pop() {
            self.others.truncate(open.others);
            self.text.truncate(open.text);
            self.many_bytes -= open.many_bytes;
        }
    }

    /// When `bytes` begin with a remembered name in quotes: its length, and where it leads.
    #[inline]
    pub(crate) fn recognise(&mut self, bytes: &[u8]) -> Option<(usize, Result<NodeId, Refused>)> {
        let open = self.open.last_mut().filter(|open| !open.first)?;
        let remembered = self.remembered.get(open.place)?.as_deref()?;
        let (place, name) = locate(remembered, &self.texts, open.next, bytes)?;
        Some((name.length, open.meet(place, name.child)))
    }

    /// Passes over members from `at` on, where a name begins, as long as their names are remembered and lead nowhere,
    /// they hold plain scalars, and another name follows; returns where that one begins, and how many were passed.
    #[inline]
    pub(crate) fn pass(&mut self, bytes: &[u8], mut at: usize) -> (usize, u64) {
        let mut passed = 0;
        let Some(open) = self.open.last_mut().filter(|open| !open.first) else { return (at, 0) };
        let remembered = self.remembered.get(open.place).and_then(Option::as_deref).unwrap_or_default();
        while let Some((place, name)) =
            locate(remembered, &self.texts, open.next, bytes.get(at..).unwrap_or_default())
            && name.child == NOWHERE
            && let Some(next) = plain_member(bytes, at + name.length)
            && open.meet(place, NOWHERE).is_ok()
        {
            (at, passed) = (next, passed + 1);
        }
        (at, passed)
    }

    /// Takes an unescaped name; says where it leads.
    pub(crate) fn take(&mut self, projection: &Projection, name: &[u8]) -> Result<NodeId, Refused> {
        let Some(open) = self.open.last_mut() else { return Ok(NOWHERE) };
        let Some(Some(remembered)) = self.remembered.get_mut(open.place) else { return Ok(NOWHERE) };
        let tail = Remembered::tail_of(name);
        let known = remembered.iter().position(|known| known.is(name, tail, &self.texts));
        if let Some(place) = known {
            return open.meet(place, remembered.get(place).map_or(NOWHERE, |known| known.child));
        }
        let child = projection.member(open.place, name);
        let cost = name.len() + OVERHEAD;
        // A place that leads nowhere is that of all objects further down in subtrees: they have nothing in common.
        let worth = open.place != NOWHERE
            && !open.first
            && name.len() <= REMEMBERED_NAME_BYTES
            && name.iter().all(|&byte| byte >= b' ' && byte != b'"' && byte != b'\\');
        if worth
            && remembered.len() < REMEMBERED_PER_PLACE
            && self.remembered_bytes + cost <= REMEMBERED_BYTES
        {
            self.remembered_bytes += cost;
            if remembered.is_empty() {
                remembered.reserve(USUAL);
                self.texts.reserve(USUAL_TEXT);
            }
            remembered.push(Remembered::new(name, child, &mut self.texts));
            return open.meet(remembered.len() - 1, child);
        }
        let held = self.text.len() + self.others.len() * OVERHEAD + self.many_bytes;
        if held + cost > self.bound {
            return Err(Refused::TooLarge);
        }
        self.hold(name)?;
        Ok(child)
    }

    /// Holds a name that is not remembered.
    fn hold(&mut self, name: &[u8]) -> Result<(), Refused> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        let others = self.others.get(open.others..).unwrap_or_default();
        let start = |place: usize| match place.checked_sub(1).and_then(|before| others.get(before)) {
            Some(before) => before.end,
            None => open.text,
        };
        let text = |(place, held): (usize, &Held)| self.text.get(start(place)..held.end).unwrap_or_default();
        if open.many.is_none() && others.len() < FEW {
            let mark = mark(name);
            let alike = others.iter().enumerate().filter(|(_, held)| held.mark == mark);
            if alike.map(text).any(|known| known == name) {
                return Err(Refused::Duplicate);
            }
            self.text.extend_from_slice(name);
            self.others.push(Held { end: self.text.len(), mark });
            return Ok(());
        }
        let many = match &mut open.many {
            Some(many) => many,
            few @ None => few.insert(others.iter().enumerate().map(|one| text(one).into()).collect()),
        };
        if !many.insert(name.into()) {
            return Err(Refused::Duplicate);
        }
        open.many_bytes += name.len() + OVERHEAD;
        self.many_bytes += name.len() + OVERHEAD;
        Ok(())
    }
}

impl Open {
    #[inline]
    fn meet(&mut self, place: usize, child: NodeId) -> Result<NodeId, Refused> {
        let bit = 1u128 << place;
        if self.seen & bit != 0 {
            return Err(Refused::Duplicate);
        }
        self.seen |= bit;
        self.next = place + 1;
        Ok(child)
    }
}

/// The remembered name with which `bytes` begin.
#[inline]
fn locate<'a>(
    remembered: &'a [Remembered],
    texts: &[u8],
    next: usize,
    bytes: &[u8],
) -> Option<(usize, &'a Remembered)> {
    let head = u64::from_le_bytes(*bytes.first_chunk()?);
    if let Some(name) = remembered.get(next)
        && name.begins(head, bytes, texts)
    {
        return Some((next, name));
    }
    // Names that are absent here are passed over; one in another order is found from the beginning.
    let ahead = remembered.iter().enumerate().skip(next + 1);
    ahead.chain(remembered.iter().enumerate().take(next)).find(|(_, name)| name.begins(head, bytes, texts))
}

//! Strings, numbers and literals, scanned in chunks: each scanner can stop after any byte and go on with the next.

use crate::FaultKind;

/// What became of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scan {
    /// The chunk ended first.
    More,
    /// The token is complete.
    Complete,
    /// The byte at the returned position cannot stand there.
    Fault(FaultKind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TextStep {
    Plain,
    Escape,
    Hexadecimal { digits: u8, value: u16, low: bool },
    LowBackslash,
    LowLetter,
}

/// What follows the opening quote of a string, up to and with the closing one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextScanner {
    step: TextStep,
    escaped: bool,
}

impl TextScanner {
    pub(crate) const fn new() -> Self {
        Self { step: TextStep::Plain, escaped: false }
    }

    /// Whether an escape has been seen.
    pub(crate) fn escaped(self) -> bool {
        self.escaped
    }

    /// Scans on from `at`; returns the position after the last byte that belongs to the string.
    pub(crate) fn scan(&mut self, bytes: &[u8], mut at: usize) -> (usize, Scan) {
        loop {
            if self.step == TextStep::Plain {
                at += plain_length(bytes.get(at..).unwrap_or_default());
            }
            let Some(&byte) = bytes.get(at) else { return (at, Scan::More) };
            if self.step == TextStep::Plain && byte == b'"' {
                return (at + 1, Scan::Complete);
            }
            let short =
                matches!(bytes.get(at + 1), Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'));
            if self.step == TextStep::Plain && byte == b'\\' && short {
                self.escaped = true;
                at += 2;
                continue;
            }
            match self.step.after(byte) {
                Ok(step) => self.step = step,
                Err(kind) => return (at, Scan::Fault(kind)),
            }
            self.escaped = true;
            at += 1;
        }
    }
}

impl TextStep {
    /// The step after a byte that is neither plain nor the closing quote.
    fn after(self, byte: u8) -> Result<Self, FaultKind> {
        Ok(match self {
            Self::Plain if byte == b'\\' => Self::Escape,
            Self::Plain => return Err(FaultKind::Control),
            Self::Escape => match byte {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Self::Plain,
                b'u' => Self::Hexadecimal { digits: 0, value: 0, low: false },
                _ => return Err(FaultKind::Escape),
            },
            Self::Hexadecimal { digits, value, low } => {
                let digit = char::from(byte).to_digit(16).ok_or(FaultKind::Escape)?;
                let value = (value << 4) | u16::try_from(digit).map_err(|_| FaultKind::Escape)?;
                match (digits, value, low) {
                    (0..3, ..) => Self::Hexadecimal { digits: digits + 1, value, low },
                    (_, 0xd800..0xdc00, false) => Self::LowBackslash,
                    (_, 0xdc00..0xe000, true) => Self::Plain,
                    (_, 0xdc00..0xe000, false) | (_, _, true) => return Err(FaultKind::LoneSurrogate),
                    _ => Self::Plain,
                }
            }
            Self::LowBackslash if byte == b'\\' => Self::LowLetter,
            Self::LowLetter if byte == b'u' => Self::Hexadecimal { digits: 0, value: 0, low: true },
            Self::LowBackslash | Self::LowLetter => return Err(FaultKind::LoneSurrogate),
        })
    }
}

/// How many bytes at the beginning are neither quote, backslash nor control character.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    match bytes.split_at_checked(LONG) {
        None => short_plain_length(bytes),
        Some((near, far)) => match short_plain_length(near) {
            LONG => LONG + long_plain_length(far),
            length => length,
        },
    }
}

/// From here on two vectorised passes are faster than one that sees all special bytes.
const LONG: usize = 128;

fn long_plain_length(bytes: &[u8]) -> usize {
    let length = memchr::memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
    let plain = bytes.get(..length).unwrap_or_default();
    let control = |&byte: &u8| byte < b' ';
    // Not `any`: without a way out in the middle it is vectorised.
    if plain.iter().fold(false, |found, byte| found | control(byte)) {
        return plain.iter().position(control).unwrap_or(length);
    }
    length
}

#[inline]
fn short_plain_length(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    // Eight at a time: the highest bit of a byte is set where it is special. Borrows reach only bytes after a special one.
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        const ONES: u64 = u64::MAX / 0xff;
        const HIGHS: u64 = ONES << 7;
        let word = u64::from_le_bytes(*word);
        let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        let special = (below(word, b' ') | quote | backslash) & HIGHS;
        if special != 0 {
            return bytes.len() - rest.len() + special.trailing_zeros() as usize / 8;
        }
        rest = after;
    }
    let special = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < b' ';
    bytes.len() - rest.len() + rest.iter().position(special).unwrap_or(rest.len())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NumberStep {
    Start,
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

/// A number, from its first byte on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NumberScanner {
    step: NumberStep,
    integer: bool,
}

impl NumberScanner {
    pub(crate) const fn new() -> Self {
        Self { step: NumberStep::Start, integer: true }
    }

    /// Whether it is written without fraction and exponent.
    pub(crate) fn is_integer(self) -> bool {
        self.integer
    }

    /// Whether what was scanned is a number if nothing follows.
    pub(crate) fn is_complete(self) -> bool {
        use NumberStep::*;
        matches!(self.step, Zero | Integer | Fraction | ExponentDigits)
    }

    /// Scans on from `at`; returns the position after the last byte that belongs to the number.
    #[inline]
    pub(crate) fn scan(&mut self, bytes: &[u8], mut at: usize) -> (usize, Scan) {
        use NumberStep::*;
        while let Some(&byte) = bytes.get(at) {
            if byte.is_ascii_digit() && matches!(self.step, Integer | Fraction | ExponentDigits) {
                at += 1;
                continue;
            }
            self.step = match (self.step, byte) {
                (Start, b'-') => Minus,
                (Start | Minus, b'0') => Zero,
                (Start | Minus, b'1'..=b'9') => Integer,
                (Zero | Integer, b'.') => Point,
                (Point, b'0'..=b'9') => Fraction,
                (Zero | Integer | Fraction, b'e' | b'E') => Exponent,
                (Exponent, b'+' | b'-') => ExponentSign,
                (Exponent | ExponentSign, b'0'..=b'9') => ExponentDigits,
                _ if self.is_complete() => return (at, Scan::Complete),
                _ => return (at, Scan::Fault(FaultKind::Unexpected)),
            };
            if matches!(self.step, Point | Exponent) {
                self.integer = false;
            }
            at += 1;
        }
        (at, Scan::More)
    }
}

/// `true`, `false` or `null`: what is left of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiteralScanner {
    left: &'static [u8],
}

impl LiteralScanner {
    pub(crate) const fn new(literal: &'static [u8]) -> Self {
        Self { left: literal }
    }

    /// Scans on from `at`; returns the position after the last byte that belongs to the literal.
    pub(crate) fn scan(&mut self, bytes: &[u8], mut at: usize) -> (usize, Scan) {
        while let Some((expected, left)) = self.left.split_first() {
            match bytes.get(at) {
                None => return (at, Scan::More),
                Some(byte) if byte == expected => self.left = left,
                Some(_) => return (at, Scan::Fault(FaultKind::Unexpected)),
            }
            at += 1;
        }
        (at, Scan::Complete)
    }
}

/// Where the next name begins after a colon at `at`, a plain scalar and a comma, if nothing else stands between them.
#[inline]
pub(crate) fn plain_member(bytes: &[u8], at: usize) -> Option<usize> {
    let (b':', &first) = (bytes.get(at)?, bytes.get(at + 1)?) else { return None };
    let end = plain_scalar(first, bytes, at + 1)?;
    bytes.get(end..)?.starts_with(b",\"").then_some(end + 1)
}

/// Where the scalar that begins at `at` ends, if that can be told at once: it is complete in this chunk and, when it is
/// a string, without escapes. What this does not see, the scanners judge.
#[inline]
pub(crate) fn plain_scalar(first: u8, bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let literal = |literal: &'static [u8]| rest.starts_with(literal).then_some(at + literal.len());
    match first {
        b'"' => {
            let end = at + 1 + plain_length(rest.get(1..)?);
            (bytes.get(end) == Some(&b'"')).then_some(end + 1)
        }
        b't' => literal(b"true"),
        b'f' => literal(b"false"),
        b'n' => literal(b"null"),
        b'-' | b'0'..=b'9' => match NumberScanner::new().scan(bytes, at) {
            (end, Scan::Complete) => Some(end),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_plain_text_ends_at_its_first_control_character_however_many_there_are() {
        for count in 0..4 {
            let mut text = vec![b'a'; LONG * 2];
            text.iter_mut().skip(LONG).take(count).for_each(|byte| *byte = 1);
            assert_eq!(long_plain_length(&text), if count == 0 { LONG * 2 } else { LONG }, "{count}");
        }
    }
}

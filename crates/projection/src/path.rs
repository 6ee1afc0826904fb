//! Where an element stands: a small part of JSONPath.

use std::{fmt, str::FromStr};

/// The longest path that is read, in bytes.
pub const MAX_PATH_BYTES: usize = 1024;
/// The most steps that a path may have.
pub const MAX_PATH_STEPS: usize = 32;

/// One step down from a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The member of an object with this name.
    Member(Box<str>),
    /// Every item of an array. Unlike RFC 9535's `[*]` it never means the members of an object: an agreement that
    /// does not name a member does not deliver it.
    Items,
}

/// A path as RFC 9535 writes it, restricted to `$`, `.name`, `['name']`, `["name"]` and `[*]`.
///
/// Two spellings of one path are equal; [`Display`](fmt::Display) writes the one canonical spelling, `.name` where
/// that can be and `['name']` otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElementPath(Box<[Step]>);

/// Why a text is not a path, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset} of the path: {kind}")]
pub struct PathError {
    /// Byte offset in the text.
    pub offset: usize,
    /// What is wrong there.
    pub kind: PathErrorKind,
}

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathErrorKind {
    /// It is too long to be read at all.
    #[error("a path has at most {MAX_PATH_BYTES} bytes")]
    TooLong,
    /// It goes down further than is allowed.
    #[error("a path has at most {MAX_PATH_STEPS} steps")]
    TooManySteps,
    /// It does not begin at the document.
    #[error("a path begins with `$`")]
    NoRoot,
    /// `..`.
    #[error("`..` would deliver what nobody named; write the whole path")]
    Descendants,
    /// `.*`.
    #[error("`.*` would deliver members that nobody named; name each, or agree on a subtree")]
    AllMembers,
    /// `[0]`, `[1:2]`, `[?…]`, `[a,b]`.
    #[error(
        "between brackets stands `*` or one name in quotes; indices, slices, filters and lists are not agreed on"
    )]
    Selector,
    /// White space between steps.
    #[error("white space is written only within a name in quotes")]
    WhiteSpace,
    /// A name after a dot that is empty or begins with a character that such a name cannot have.
    #[error("after the dot stands a name that begins with a letter or `_`; write other names as `['name']`")]
    Name,
    /// Neither `.` nor `[`.
    #[error("a step begins with `.` or `[`")]
    Step,
    /// No closing quote or bracket.
    #[error("the quote or bracket is not closed")]
    Open,
    /// A control character within quotes.
    #[error("a control character is written as an escape")]
    Control,
    /// An escape that RFC 9535 does not know, or half a surrogate pair.
    #[error("this escape is not one of RFC 9535, or half a surrogate pair")]
    Escape,
}

impl ElementPath {
    /// The whole document: `$`.
    pub fn root() -> Self {
        Self(Box::default())
    }

    /// The path one step further down; `None` where it would have more steps or bytes than a path may have.
    #[must_use]
    pub fn down(&self, step: Step) -> Option<Self> {
        let longer = Self(self.0.iter().cloned().chain([step]).collect());
        (longer.0.len() <= MAX_PATH_STEPS && longer.to_string().len() <= MAX_PATH_BYTES).then_some(longer)
    }

    /// The same place seen from another one as its `$`; `None`: it does not stand within that.
    pub fn within(&self, outer: &Self) -> Option<Self> {
        self.0.strip_prefix(&*outer.0).map(|steps| Self(steps.into()))
    }

    /// The steps from the document down.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl FromStr for ElementPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.len() > MAX_PATH_BYTES {
            return Err(PathError { offset: MAX_PATH_BYTES, kind: PathErrorKind::TooLong });
        }
        let mut reader = Reader { text, at: 0 };
        if !reader.take('$') {
            return Err(reader.error(PathErrorKind::NoRoot));
        }
        let mut steps = Vec::new();
        while reader.peek().is_some() {
            if steps.len() == MAX_PATH_STEPS {
                return Err(reader.error(PathErrorKind::TooManySteps));
            }
            steps.push(reader.step()?);
        }
        Ok(Self(steps.into()))
    }
}

impl fmt::Display for ElementPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.0 {
            match step {
                Step::Items => f.write_str("[*]")?,
                Step::Member(name) if is_short(name) => {
                    f.write_str(".")?;
                    f.write_str(name)?;
                }
                Step::Member(name) => {
                    f.write_str("['")?;
                    name.chars().try_for_each(|character| write_quoted(f, character))?;
                    f.write_str("']")?;
                }
            }
        }
        Ok(())
    }
}

fn starts_name(character: char) -> bool {
    character.is_ascii_alphabetic() || character == '_' || !character.is_ascii()
}

fn continues_name(character: char) -> bool {
    starts_name(character) || character.is_ascii_digit()
}

fn is_short(name: &str) -> bool {
    name.starts_with(starts_name) && name.chars().all(continues_name)
}

/// As in RFC 9535's normalized paths.
fn write_quoted(f: &mut fmt::Formatter<'_>, character: char) -> fmt::Result {
    match character {
        '\u{8}' => f.write_str("\\b"),
        '\t' => f.write_str("\\t"),
        '\n' => f.write_str("\\n"),
        '\u{c}' => f.write_str("\\f"),
        '\r' => f.write_str("\\r"),
        '\'' => f.write_str("\\'"),
        '\\' => f.write_str("\\\\"),
        control if control < ' ' => write!(f, "\\u{:04x}", u32::from(control)),
        other => write!(f, "{other}"),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn error(&self, kind: PathErrorKind) -> PathError {
        PathError { offset: self.at, kind }
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }

    fn take(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.at += expected.len_utf8();
        }
        found
    }

    fn step(&mut self) -> Result<Step, PathError> {
        match self.peek() {
            Some('.') => {
                self.at += 1;
                self.short_name()
            }
            Some('[') => {
                self.at += 1;
                let step = self.bracketed()?;
                match self.peek() {
                    Some(']') => self.at += 1,
                    None => return Err(self.error(PathErrorKind::Open)),
                    Some(' ' | '\t' | '\n' | '\r') => return Err(self.error(PathErrorKind::WhiteSpace)),
                    Some(_) => return Err(self.error(PathErrorKind::Selector)),
                }
                Ok(step)
            }
            Some(' ' | '\t' | '\n' | '\r') => Err(self.error(PathErrorKind::WhiteSpace)),
            _ => Err(self.error(PathErrorKind::Step)),
        }
    }

    fn short_name(&mut self) -> Result<Step, PathError> {
        match self.peek() {
            Some('.') => return Err(self.error(PathErrorKind::Descendants)),
            Some('*') => return Err(self.error(PathErrorKind::AllMembers)),
            Some(first) if starts_name(first) => {}
            _ => return Err(self.error(PathErrorKind::Name)),
        }
        let rest = self.rest();
        let length = rest.find(|character| !continues_name(character)).unwrap_or(rest.len());
        let name = rest.get(..length).unwrap_or_default().into();
        self.at += length;
        Ok(Step::Member(name))
    }

    fn bracketed(&mut self) -> Result<Step, PathError> {
        match self.peek() {
            Some('*') => {
                self.at += 1;
                Ok(Step::Items)
            }
            Some(quote @ ('\'' | '"')) => {
                self.at += 1;
                self.quoted(quote)
            }
            Some(' ' | '\t' | '\n' | '\r') => Err(self.error(PathErrorKind::WhiteSpace)),
            None => Err(self.error(PathErrorKind::Open)),
            Some(_) => Err(self.error(PathErrorKind::Selector)),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Step, PathError> {
        let mut name = String::new();
        loop {
            let here = self.at;
            let fails = |kind| Err(PathError { offset: here, kind });
            match self.next() {
                None => return fails(PathErrorKind::Open),
                Some(character) if character == quote => return Ok(Step::Member(name.into())),
                Some(control) if control < ' ' => return fails(PathErrorKind::Control),
                Some('\\') => match self.escape(quote) {
                    Some(character) => name.push(character),
                    None => return fails(PathErrorKind::Escape),
                },
                Some(character) => name.push(character),
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self, quote: char) -> Option<char> {
        Some(match self.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            escaped @ ('/' | '\\') => escaped,
            escaped if escaped == quote => escaped,
            'u' => {
                let first = self.hexadecimal()?;
                if !(0xd800..0xdc00).contains(&first) {
                    return char::from_u32(first);
                }
                if !(self.take('\\') && self.take('u')) {
                    return None;
                }
                let second = self.hexadecimal()?;
                if !(0xdc00..0xe000).contains(&second) {
                    return None;
                }
                return char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00));
            }
            _ => return None,
        })
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |value, _| Some(value * 16 + self.next()?.to_digit(16)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        text.parse::<ElementPath>().unwrap().to_string()
    }

    fn error(text: &str) -> (usize, PathErrorKind) {
        let error = text.parse::<ElementPath>().unwrap_err();
        (error.offset, error.kind)
    }

    #[test]
    fn one_path_has_one_spelling() {
        for (text, expected) in [
            ("$", "$"),
            ("$.a_1", "$.a_1"),
            ("$['a']", "$.a"),
            ("$[\"a\"][*]", "$.a[*]"),
            ("$.naïef", "$.naïef"),
            ("$['1a']", "$['1a']"),
            ("$['']", "$['']"),
            ("$['a.b c']", "$['a.b c']"),
            ("$['it\\'s']", "$['it\\'s']"),
            ("$[\"it's \\\"so\\\"\"]", "$['it\\'s \"so\"']"),
            ("$['\\u0061\\/\\\\\\b\\f\\n\\r\\t\\u0001']", "$['a/\\\\\\b\\f\\n\\r\\t\\u0001']"),
            ("$['\\uD83D\\ude00']", "$.😀"),
        ] {
            assert_eq!(canonical(text), expected);
            assert_eq!(canonical(expected), expected);
        }
    }

    #[test]
    fn one_step_down_is_what_would_be_read() {
        let mut path = ElementPath::root();
        for step in [Step::Member("a b".into()), Step::Items, Step::Member("it's".into())] {
            path = path.down(step).unwrap();
            assert_eq!(path.to_string().parse(), Ok(path.clone()));
        }
        assert_eq!(path.to_string(), "$['a b'][*]['it\\'s']");
        assert_eq!(path.down(Step::Member("a".repeat(MAX_PATH_BYTES).into())), None);
        let deepest = (0..MAX_PATH_STEPS).try_fold(ElementPath::root(), |path, _| path.down(Step::Items));
        assert_eq!(deepest.unwrap().down(Step::Items), None);
    }

    #[test]
    fn what_is_no_path_is_said_with_its_place() {
        use PathErrorKind::*;
        for (text, expected) in [
            ("", (0, NoRoot)),
            ("a", (0, NoRoot)),
            ("$a", (1, Step)),
            ("$..a", (2, Descendants)),
            ("$.*", (2, AllMembers)),
            ("$.", (2, Name)),
            ("$.1", (2, Name)),
            ("$. a", (2, Name)),
            ("$ .a", (1, WhiteSpace)),
            ("$[ *]", (2, WhiteSpace)),
            ("$[* ]", (3, WhiteSpace)),
            ("$.a-b", (3, Step)),
            ("$[0]", (2, Selector)),
            ("$[?@.a]", (2, Selector)),
            ("$['a','b']", (5, Selector)),
            ("$[", (2, Open)),
            ("$['a", (4, Open)),
            ("$['a'", (5, Open)),
            ("$['\t']", (3, Control)),
            ("$['\\\"']", (3, Escape)),
            ("$[\"\\'\"]", (3, Escape)),
            ("$['\\u12']", (3, Escape)),
            ("$['\\x']", (3, Escape)),
            ("$['a\\ud800']", (4, Escape)),
            ("$['\\ude00']", (3, Escape)),
            ("$['\\ud800\\u0061']", (3, Escape)),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
        assert_eq!(error(&format!("$.{}", "a".repeat(MAX_PATH_BYTES - 1))), (MAX_PATH_BYTES, TooLong));
        assert!(format!("$.{}", "a".repeat(MAX_PATH_BYTES - 2)).parse::<ElementPath>().is_ok());
        assert_eq!(error(&format!("${}", "[*]".repeat(MAX_PATH_STEPS + 1))), (97, TooManySteps));
    }
}

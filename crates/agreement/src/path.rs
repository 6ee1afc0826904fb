//! Path templates: which paths an operation has, and what stands in them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// Most segments of a template.
const MAXIMUM_SEGMENTS: usize = 32;
/// Most bytes of a template.
const MAXIMUM_BYTES: usize = 1024;

/// Why a text is not a path template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathTemplateError {
    /// Does not begin with `/`, is too long, or has too many segments.
    #[error("a path template begins with `/` and has at most 32 segments and 1024 bytes")]
    Form,
    /// A literal segment that a request could spell in another way, or an empty, `.` or `..` one.
    #[error("a literal segment holds letters, digits and `-._~` only, and is not empty, `.` or `..`")]
    Literal,
    /// A parameter without a name, with a name of other characters, or a name that comes twice.
    #[error(
        "a parameter is a whole segment `{{name}}`; its name holds letters, digits, `-` and `_` and comes once"
    )]
    Parameter,
}

/// One segment of a template.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// Stands as it is.
    Literal(String),
    /// Holds a parameter's value.
    Parameter(String),
}

/// The paths of an operation: `/incomes/{person}/years/{year}`. Only canonical paths match: no percent-encoding of what
/// needs none, no empty, `.` or `..` segment, so that each request has one reading.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PathTemplate {
    text: String,
    segments: Vec<Segment>,
}

impl PathTemplate {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The segments in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The names of its parameters, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Parameter(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// The path with values in the place of its parameters, in its one spelling; `None` where one has no value.
    pub fn filled<'value>(&self, value: impl Fn(&str) -> Option<&'value str>) -> Option<String> {
        let mut path = String::new();
        for segment in &self.segments {
            path.push('/');
            match segment {
                Segment::Literal(text) => path.push_str(text),
                Segment::Parameter(name) => path.push_str(&encoded(value(name)?)),
            }
        }
        Some(path)
    }

    /// The values of the parameters, in the order of [`PathTemplate::parameters`], if a path is one of the template's.
    /// Values come as they stand in the path, percent-encoding included.
    pub fn matches<'path>(&self, path: &'path str) -> Option<Vec<&'path str>> {
        let mut parts = path.strip_prefix('/')?.split('/');
        let mut values = Vec::new();
        for segment in &self.segments {
            let part = parts.next()?;
            match segment {
                Segment::Literal(text) if text == part => {}
                Segment::Parameter(_) if is_canonical(part) => values.push(part),
                Segment::Literal(_) | Segment::Parameter(_) => return None,
            }
        }
        parts.next().is_none().then_some(values)
    }
}

/// A value as a segment or in a query holds it: what is not unreserved (RFC 3986, section 2.3) is percent-encoded.
pub fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// A segment with one spelling only: unreserved characters plain, others of RFC 3986's `pchar` plain or as `%XX` in
/// capitals, never a slash, backslash, dot segment or control character in disguise.
fn is_canonical(part: &str) -> bool {
    if part.is_empty() || part == "." || part == ".." {
        return false;
    }
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let (Some(high), Some(low)) = (bytes.next(), bytes.next()) else { return false };
                let digit = |byte: u8| match byte {
                    b'0'..=b'9' => Some(byte - b'0'),
                    b'A'..=b'F' => Some(byte - b'A' + 10),
                    _ => None,
                };
                let (Some(high), Some(low)) = (digit(high), digit(low)) else { return false };
                let decoded = high * 16 + low;
                let plain = decoded.is_ascii_alphanumeric() || b"-._~".contains(&decoded);
                if plain || decoded.is_ascii_control() || b"/\\%".contains(&decoded) {
                    return false;
                }
            }
            byte if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) => {}
            _ => return false,
        }
    }
    true
}

impl FromStr for PathTemplate {
    type Err = PathTemplateError;

    fn from_str(text: &str) -> Result<Self, PathTemplateError> {
        let rest = text.strip_prefix('/').ok_or(PathTemplateError::Form)?;
        if text.len() > MAXIMUM_BYTES || rest.split('/').count() > MAXIMUM_SEGMENTS {
            return Err(PathTemplateError::Form);
        }
        let mut segments: Vec<Segment> = Vec::new();
        for part in rest.split('/') {
            let segment = match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(name) => {
                    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
                    let segment = Segment::Parameter(name.to_owned());
                    if name.is_empty() || !name.bytes().all(alphabet) || segments.contains(&segment) {
                        return Err(PathTemplateError::Parameter);
                    }
                    segment
                }
                None if part.contains(['{', '}']) => return Err(PathTemplateError::Parameter),
                None => {
                    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
                    // The root alone has an empty segment.
                    let root = part.is_empty() && rest.is_empty();
                    if !root && (part.is_empty() || part == "." || part == ".." || !part.bytes().all(plain)) {
                        return Err(PathTemplateError::Literal);
                    }
                    Segment::Literal(part.to_owned())
                }
            };
            segments.push(segment);
        }
        Ok(Self { text: text.to_owned(), segments })
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for PathTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Serialize for PathTemplate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for PathTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl utoipa::PartialSchema for PathTemplate {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^/"))
            .examples(["/incomes/{person}"])
            .into()
    }
}

impl utoipa::ToSchema for PathTemplate {}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> Result<PathTemplate, PathTemplateError> {
        text.parse()
    }

    #[test]
    fn a_template_matches_its_paths_and_no_others() -> Result<(), PathTemplateError> {
        let incomes = template("/incomes/{person}/years/{year}")?;
        assert_eq!(incomes.matches("/incomes/P-0042/years/2026"), Some(vec!["P-0042", "2026"]));
        assert_eq!(incomes.parameters().collect::<Vec<_>>(), ["person", "year"]);
        for path in [
            "/incomes/P-0042/years",
            "/incomes/P-0042/years/2026/",
            "/incomes//years/2026",
            "incomes/a/years/b",
            "/incomes/P-0042/years/2026/x",
            "/incomes/../years/2026",
            "/incomes/./years/2026",
            "/Incomes/a/years/b",
            "/incomes/%2e%2e/years/2026",
            "/incomes/%2E%2E/years/2026",
            "/incomes/a%2Fb/years/2026",
            "/incomes/a%5Cb/years/2026",
            "/incomes/%41/years/2026",
            "/incomes/a%2/years/2026",
            "/incomes/a%00/years/2026",
            "/incomes/a%c3%a9/years/2026",
            "/incomes/a\\b/years/2026",
            "/income%73/a/years/b",
        ] {
            assert_eq!(incomes.matches(path), None, "{path}");
        }
        assert_eq!(incomes.matches("/incomes/a%C3%A9/years/2026"), Some(vec!["a%C3%A9", "2026"]));
        assert_eq!(template("/")?.matches("/"), Some(Vec::new()));
        assert_eq!(template("/")?.matches("//"), None);
        Ok(())
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for (text, error) in [
            ("incomes", PathTemplateError::Form),
            ("/a//b", PathTemplateError::Literal),
            ("/a/", PathTemplateError::Literal),
            ("/a/../b", PathTemplateError::Literal),
            ("/a%20b", PathTemplateError::Literal),
            ("/a/{}", PathTemplateError::Parameter),
            ("/a/{b}c", PathTemplateError::Parameter),
            ("/a/{b}/{b}", PathTemplateError::Parameter),
            ("/a/{b c}", PathTemplateError::Parameter),
        ] {
            assert_eq!(template(text), Err(error), "{text}");
        }
    }
}

//! A document as a tree, from JSON or YAML, within bounds.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};
use verbond_domain::Problem;

use crate::{
    MAXIMUM_BYTES,
    draft::{too_large, unreadable},
};

/// Most values in a document, those that aliases repeat included.
const MAXIMUM_NODES: usize = 2_000_000;
/// Deepest nesting; as deep as `serde_json` goes.
const DEEPEST: usize = 127;

/// Reads a document that is JSON or YAML.
pub(crate) fn read(text: &str) -> Result<Value, Problem> {
    if text.len() > MAXIMUM_BYTES {
        return Err(too_large());
    }
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with(['{', '[']) {
        return serde_json::from_str(text).map_err(|error| not("JSON", &error.to_string()));
    }
    yaml(text)
}

fn not(form: &str, error: &str) -> Problem {
    unreadable(&format!("geen {form} ({error})."), &format!("not {form} ({error})"))
}

/// A container that is being read, with its anchor (0: none).
enum Reading {
    List(Vec<Value>, usize),
    Members(Map<String, Value>, Option<String>, usize),
}

/// By a stack of its own: nesting is the writer's.
fn yaml(text: &str) -> Result<Value, Problem> {
    let mut stack: Vec<Reading> = Vec::new();
    let mut anchors: HashMap<usize, (Value, usize)> = HashMap::new();
    let mut nodes = 0;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| not("YAML", &error.to_string()))?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                nodes += 1;
                let is_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
                (if is_text { Value::String(text.into_owned()) } else { plain(&text) }, anchor)
            }
            Event::Alias(anchor) => {
                let (value, size) = anchors.get(&anchor).ok_or_else(|| not("YAML", "an alias of nothing"))?;
                nodes += size;
                // Before it is repeated: a few lines can say billions.
                if nodes > MAXIMUM_NODES {
                    return Err(too_large());
                }
                (value.clone(), 0)
            }
            Event::SequenceStart(anchor, _) => {
                stack.push(Reading::List(Vec::new(), anchor));
                continue;
            }
            Event::MappingStart(anchor, _) => {
                stack.push(Reading::Members(Map::new(), None, anchor));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match stack.pop() {
                Some(Reading::List(items, anchor)) => (Value::Array(items), anchor),
                Some(Reading::Members(members, _, anchor)) => (Value::Object(members), anchor),
                None => return Err(not("YAML", "an end without a beginning")),
            },
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => continue,
        };
        if nodes > MAXIMUM_NODES || stack.len() > DEEPEST {
            return Err(too_large());
        }
        if anchor != 0 {
            let size = size(&value, 0).ok_or_else(too_large)?;
            anchors.insert(anchor, (value.clone(), size));
        }
        match stack.last_mut() {
            // The first document is the one that counts.
            None => return Ok(value),
            Some(Reading::List(items, _)) => items.push(value),
            Some(Reading::Members(members, name, _)) => match name.take() {
                Some(name) => drop(members.insert(name, value)),
                None => {
                    *name = Some(match value {
                        Value::String(text) => text,
                        Value::Number(number) => number.to_string(),
                        Value::Bool(value) => value.to_string(),
                        _ => return Err(not("YAML", "a name that is no text")),
                    });
                }
            },
        }
        nodes += 1;
    }
    Err(not("YAML", "empty"))
}

/// How many values stand in a value; `None` where aliases have made it deeper than may be.
fn size(value: &Value, depth: usize) -> Option<usize> {
    if depth > DEEPEST {
        return None;
    }
    let sum = |total: usize, one| Some(total.saturating_add(size(one, depth + 1)?));
    match value {
        Value::Array(items) => items.iter().try_fold(1, sum),
        Value::Object(members) => members.values().try_fold(1, sum),
        _ => Some(1),
    }
}

/// A plain scalar by the core schema of YAML 1.2, section 10.3.2, as far as OpenAPI documents use it.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => {
            let numeric = text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
            let number = numeric.then(|| {
                let whole = text.parse::<i64>().ok().map(Number::from);
                whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
            });
            number.flatten().map_or_else(|| Value::String(text.to_owned()), Value::Number)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_and_json_are_the_same_tree() -> Result<(), Problem> {
        let yaml = "a: &x {b: [1, 2.5, 'no', null]}\nc: *x\n200: |\n  text\nversion: 1.0.0\nd: !!str 12\n";
        let json = r#"{"a":{"b":[1,2.5,"no",null]},"c":{"b":[1,2.5,"no",null]},"200":"text\n","version":"1.0.0","d":"12"}"#;
        assert_eq!(read(yaml)?, read(json)?);
        Ok(())
    }

    #[test]
    fn what_grows_without_end_is_refused() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            laughs.push_str(&format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(", ")));
        }
        let mut deeper = "a0: &a0 [x]\n".to_owned();
        for level in 1..300 {
            deeper.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
        }
        for text in [laughs, deeper, "[".repeat(100_000), "- ".repeat(1000), "a".repeat(MAXIMUM_BYTES + 1)] {
            let code = read(&text).map(|_| ()).map_err(|problem| problem.code);
            assert!(code.is_err(), "{}", &text.get(..40).unwrap_or_default());
        }
        assert_eq!(read("a: *b"), read("a: *b"));
        assert_eq!(read("").map_err(|problem| problem.code), Err("DESCRIPTION_UNREADABLE"));
        assert_eq!(read("a: {[x]: 1}").map_err(|problem| problem.code), Err("DESCRIPTION_UNREADABLE"));
        assert_eq!(read("plain").ok(), Some(json!("plain")));
    }
}

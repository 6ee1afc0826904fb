//! Paths to elements (docs/formats/agreement.md, *Elements*): two spellings of one are the same.

/// A path, written so that two spellings of one are the same; what is no path stays as it is.
pub(crate) fn steps(path: &str) -> String {
    read_steps(path).and_then(|steps| serde_json::to_string(&steps).ok()).unwrap_or_else(|| path.to_owned())
}

/// Names of members; `None`: every item of an array.
fn read_steps(path: &str) -> Option<Vec<Option<String>>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("[*]") {
            steps.push(None);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, after) = after.split_at_checked(end)?;
            (!name.is_empty()).then_some(())?;
            steps.push(Some(name.to_owned()));
            rest = after;
        } else {
            let (name, after) = quoted(rest.strip_prefix('[')?)?;
            steps.push(Some(name));
            rest = after.strip_prefix(']')?;
        }
    }
    Some(steps)
}

/// A name in quotes of either kind, and what comes after it: as JSON, but that `\'` may stand in it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let (mut json, mut is_escaped) = (String::from('"'), false);
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => {
                is_escaped = false;
                if character != '\'' {
                    json.push('\\');
                }
                json.push(character);
            }
            '\\' => is_escaped = true,
            _ if character == quote => {
                json.push('"');
                return Some((serde_json::from_str(&json).ok()?, text.get(at.checked_add(1)?..)?));
            }
            '"' => json.push_str("\\\""),
            _ => json.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_a_path_are_one() {
        for (one, other) in [
            ("$.year", "$['year']"),
            ("$.year", "$[\"year\"]"),
            ("$.a[*].b", "$['a'][*]['b']"),
            ("$['it\\'s']", "$[\"it's\"]"),
            ("$['say \"no\"']", "$[\"say \\\"no\\\"\"]"),
            ("$['\\u0041']", "$.A"),
        ] {
            assert_eq!(steps(one), steps(other), "{one}");
        }
        assert_ne!(steps("$['*']"), steps("$[*]"));
        for wrong in ["", "year", "$.", "$[0]", "$['a", "$['a'", "$x"] {
            assert_eq!(steps(wrong), wrong);
        }
    }
}

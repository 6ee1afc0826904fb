//! JSON answers as rows for people.

use serde_json::Value;

use crate::printer::Printer;

/// A column: its header, and where its cell stands in an item (RFC 6901 pointer).
pub type Column = (&'static str, &'static str);

/// A list as a table, or as JSON when that was asked.
pub fn list(printer: Printer, answer: &Value, columns: &[Column], empty: (&str, &str)) {
    if printer.is_json() {
        return printer.json(answer);
    }
    let items = answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() {
        return printer.say(empty.0, empty.1);
    }
    let header: Vec<&str> = columns.iter().map(|(header, _)| *header).collect();
    let rows =
        items.iter().map(|item| columns.iter().map(|(_, at)| cell(item.pointer(at))).collect()).collect();
    printer.table(&header, rows);
    // Whoever counts must not take a page for the whole.
    if answer.get("next").is_some_and(|next| !next.is_null()) {
        printer.say(
            "Er zijn er meer dan deze: verhoog `--limit` (hoogstens 1000), of vraag minder met de andere opties.",
            "there are more than these: raise `--limit` (1000 at most), or ask for less with the other options",
        );
    }
}

/// The members of one thing, one per line, or as JSON when that was asked.
pub fn one(printer: Printer, answer: &Value) {
    if printer.is_json() {
        return printer.json(answer);
    }
    let mut members = Vec::new();
    flatten("", answer, &mut members);
    let width = members.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, value) in members {
        match value {
            Value::Array(items) if items.iter().any(Value::is_object) => {
                printer.line(&format!("{name}:"));
                for item in items {
                    printer.line(&format!("  - {}", summary(item)));
                }
            }
            _ => printer.line(&format!("{name:width$}  {}", cell(Some(value)))),
        }
    }
}

/// The members of an object, those of objects within it under both names.
fn flatten<'a>(within: &str, value: &'a Value, into: &mut Vec<(String, &'a Value)>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let name = if within.is_empty() { name.clone() } else { format!("{within}.{name}") };
        match value {
            Value::Object(members) if !members.is_empty() => flatten(&name, value, into),
            _ => into.push((cell(Some(&name.into())), value)),
        }
    }
}

fn summary(item: &Value) -> String {
    let Some(members) = item.as_object() else { return cell(Some(item)) };
    let told = members.iter().filter(|(_, value)| !value.is_null());
    told.map(|(name, value)| format!("{name}: {}", cell(Some(value)))).collect::<Vec<_>>().join(", ")
}

/// One value on one line. Control characters of others do not reach the terminal.
pub fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(Value::Array(items)) => items.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join(", "),
        Some(object @ Value::Object(_)) => summary(object),
        Some(number @ Value::Number(_)) => number.to_string(),
    };
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_within_has_a_line_of_its_own() {
        let answer = serde_json::json!({ "a": { "b": { "c\n": 1 } }, "d": {}, "e": [1, 2] });
        let mut members = Vec::new();
        flatten("", &answer, &mut members);
        let told: Vec<_> = members.iter().map(|(name, value)| (name.as_str(), cell(Some(value)))).collect();
        assert_eq!(told, [("a.b.c\u{fffd}", "1".to_owned()), ("d", String::new()), ("e", "1, 2".to_owned())]);
    }

    #[test]
    fn what_a_peer_calls_itself_cannot_move_the_cursor() {
        assert_eq!(cell(Some(&"Gemeente\x1b[2J\nX".into())), "Gemeente\u{fffd}[2J\u{fffd}X");
    }
}

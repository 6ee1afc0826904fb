//! A request as it comes in, matched against the operations of a clause and turned into facts.
//!
//! What is not canonical does not match: each request has one reading. A value becomes a fact only where the agreement
//! bounds it to a list, a range of numbers or a day and it names no person; everything else is `present` or refused.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use verbond_agreement::{
    AllowedValues, Clause, IdentifierKind, Operation, Parameter, ParameterPlace, PersonPlace, Segment,
};

use crate::{Reason, ReasonCode, text::readable};

/// The request line, as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Call<'call> {
    /// Method.
    pub method: &'call str,
    /// Path, percent-encoding included.
    pub path: &'call str,
    /// Query without its question mark, percent-encoding included.
    pub query: Option<&'call str>,
}

/// What is known of a parameter of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterFact {
    /// Its value, which the agreement bounds and which names nobody.
    Value(String),
    /// It stands there, with a value that is agreed and is not written down.
    Present,
    /// It is refused; its value is not written down.
    Refused(ParameterRefusal),
}

/// Why a parameter is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterRefusal {
    /// The operation does not have it.
    Unknown,
    /// It stands there more than once.
    Repeated,
    /// It can be read in more than one way, or not at all.
    NotCanonical,
    /// Its value is not one of those agreed.
    Value,
}

/// Facts about the parameters of a request, by name.
pub type ParameterFacts = BTreeMap<String, ParameterFact>;

/// An operation whose method and path a request has, and its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) operation: usize,
    pub(crate) parameters: ParameterFacts,
    pub(crate) refused: bool,
}

/// The operation of a clause that a request is: of the most specific ones that have its method and path, one whose parameters
/// are all agreed, if there is. A source takes the most specific one too (OpenAPI 3.1, Path Templating): what that refuses
/// no other operation permits, since the source would do that one under the name of this.
pub(crate) fn find(clause: &Clause, call: Call<'_>) -> Option<Match> {
    let mut best: Option<(Specificity<'_>, Match)> = None;
    for (number, operation) in clause.operations.iter().enumerate() {
        if operation.method.as_str() != call.method {
            continue;
        }
        let Some(values) = operation.path.matches(call.path) else { continue };
        let parameters = facts(operation, &values, call.query);
        let refused = !judge(operation, &parameters).is_empty();
        let found = Match { operation: number, parameters, refused };
        let specificity = Specificity(operation.path.segments());
        let better = match &best {
            Some((other, best)) => (&specificity, found.refused) < (other, best.refused),
            None => true,
        };
        if better {
            best = Some((specificity, found));
        }
    }
    best.map(|(_, found)| found)
}

/// Whether an operation permits a call by its method, path and parameters; conditions are not looked at.
pub fn fits(operation: &Operation, call: Call<'_>) -> bool {
    let Some(values) = operation.path.matches(call.path) else { return false };
    operation.method.as_str() == call.method
        && judge(operation, &facts(operation, &values, call.query)).is_empty()
}

/// A person whom a request names. Shows nothing of it: the number is not to be written down.
#[derive(Clone, PartialEq, Eq)]
pub struct NamedPerson<'call> {
    /// By which kind of number.
    pub kind: IdentifierKind,
    /// The number, in its one spelling.
    pub number: Cow<'call, str>,
}

impl std::fmt::Debug for NamedPerson<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "NamedPerson({:?})", self.kind)
    }
}

/// The people whom a request names in the parameters that an operation says they are named in. Nobody, if one of these
/// parameters is not there or cannot be read: then it is not known how many there are.
pub(crate) fn people<'call>(operation: &Operation, call: Call<'call>) -> Vec<NamedPerson<'call>> {
    let located = operation.people.iter().filter_map(|person| match &person.at {
        PersonPlace::Parameter { name } => Some((name, person.identifies)),
        PersonPlace::Response { .. } => None,
    });
    let identifying = operation.parameters.iter();
    let identifying = identifying.filter_map(|one| Some((&one.name, one.identifies?)));
    let mut names: Vec<(&str, IdentifierKind)> =
        located.chain(identifying).map(|(name, kind)| (name.as_str(), kind)).collect();
    if names.is_empty() {
        return Vec::new();
    }
    names.sort_by_key(|(name, _)| *name);
    names.dedup_by_key(|(name, _)| *name);
    let in_path = operation.path.matches(call.path).unwrap_or_default();
    let named = names.into_iter().filter_map(|(name, kind)| {
        let agreed = parameter(operation, name)?;
        let value = match agreed.place {
            ParameterPlace::Path => operation
                .path
                .parameters()
                .zip(&in_path)
                .find(|(one, _)| *one == name)
                .map(|(_, value)| *value),
            ParameterPlace::Query => call
                .query
                .into_iter()
                .flat_map(|query| query.split('&'))
                .filter_map(|pair| pair.split_once('='))
                .find(|(one, _)| decoded(one).is_some_and(|one| one == name))
                .map(|(_, value)| value),
        };
        // What is not required and not there names nobody.
        (value.is_some() || agreed.required).then_some((kind, value))
    });
    let named = named.map(|(kind, value)| Some(NamedPerson { kind, number: decoded(value?)? }));
    named.collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// Orders paths: a literal segment comes before a parameter.
#[derive(PartialEq, Eq)]
struct Specificity<'path>(&'path [Segment]);

impl Ord for Specificity<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let open = |segment: &Segment| matches!(segment, Segment::Parameter(_));
        self.0.iter().map(open).cmp(other.0.iter().map(open))
    }
}

impl PartialOrd for Specificity<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// What is the matter with the parameters, if anything. Facts from a record are judged in the same way.
pub(crate) fn judge(operation: &Operation, facts: &ParameterFacts) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (name, fact) in facts {
        let agreed = match fact {
            ParameterFact::Refused(_) => false,
            ParameterFact::Present => parameter(operation, name).is_some(),
            ParameterFact::Value(value) => {
                parameter(operation, name).is_some_and(|parameter| parameter.values.permits(value))
            }
        };
        if !agreed {
            reasons.push(Reason::of_parameter(ReasonCode::ParameterNotAgreed, name));
        }
    }
    for parameter in operation.parameters.iter().filter(|parameter| parameter.required) {
        if !facts.contains_key(parameter.name.as_str()) {
            reasons.push(Reason::of_parameter(ReasonCode::ParameterMissing, parameter.name.as_str()));
        }
    }
    reasons
}

fn parameter<'agreed>(operation: &'agreed Operation, name: &str) -> Option<&'agreed Parameter> {
    operation.parameters.iter().find(|parameter| parameter.name.as_str() == name)
}

fn facts(operation: &Operation, in_path: &[&str], query: Option<&str>) -> ParameterFacts {
    let mut facts = ParameterFacts::new();
    for (name, value) in operation.path.parameters().zip(in_path) {
        facts.insert(name.to_owned(), fact(parameter(operation, name), decoded(value)));
    }
    for pair in query.into_iter().flat_map(|query| query.split('&')) {
        let split = pair.split_once('=').and_then(|(name, value)| Some((decoded(name)?, value)));
        let Some((name, value)) = split else {
            facts.insert(
                readable(pair.split('=').next().unwrap_or("")).to_owned(),
                ParameterFact::Refused(ParameterRefusal::NotCanonical),
            );
            continue;
        };
        let agreed = parameter(operation, &name).filter(|parameter| parameter.place == ParameterPlace::Query);
        // The name of an agreed parameter stands in the agreement; any other the requester made up.
        let shown = if agreed.is_some() { &*name } else { readable(&name) };
        let fact = match facts.contains_key(shown) {
            true => ParameterFact::Refused(ParameterRefusal::Repeated),
            false => fact(agreed, decoded(value)),
        };
        facts.insert(shown.to_owned(), fact);
    }
    facts
}

fn fact(parameter: Option<&Parameter>, value: Option<Cow<'_, str>>) -> ParameterFact {
    let Some(parameter) = parameter else { return ParameterFact::Refused(ParameterRefusal::Unknown) };
    let Some(value) = value else { return ParameterFact::Refused(ParameterRefusal::NotCanonical) };
    if !parameter.values.permits(&value) {
        return ParameterFact::Refused(ParameterRefusal::Value);
    }
    let bounded = matches!(
        parameter.values,
        AllowedValues::OneOf { .. } | AllowedValues::Integer { .. } | AllowedValues::Day
    );
    match bounded && parameter.identifies.is_none() {
        true => ParameterFact::Value(value.into_owned()),
        false => ParameterFact::Present,
    }
}

/// A part of a path or query in its one spelling, decoded: unreserved characters plain, others as `%XX` in capitals or
/// plain where RFC 3986 lets them stand, `+` and `;` never plain since readers differ on them, no control characters.
fn decoded(part: &str) -> Option<Cow<'_, str>> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if part.bytes().all(plain) {
        return Some(Cow::Borrowed(part));
    }
    let mut text = Vec::with_capacity(part.len());
    let mut bytes = part.bytes();
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let byte = digit(bytes.next()?)? * 16 + digit(bytes.next()?)?;
                if plain(byte) {
                    return None;
                }
                text.push(byte);
            }
            byte if plain(byte) || b"!$'()*,:@/?".contains(&byte) => text.push(byte),
            _ => return None,
        }
    }
    let text = String::from_utf8(text).ok()?;
    (!text.chars().any(char::is_control)).then_some(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_spelling() {
        for (part, value) in [
            ("a-b_c.d~e", Some("a-b_c.d~e")),
            ("a%20b", Some("a b")),
            ("%C3%A9", Some("\u{e9}")),
            ("", Some("")),
        ] {
            assert_eq!(decoded(part).as_deref(), value, "{part}");
        }
        for part in [
            "a+b", "a;b", "%41", "%2e", "%2E", "%0A", "%C2%80", "%FF", "%", "%4", "%c3%a9", "a b", "a=b",
            "\u{e9}",
        ] {
            assert_eq!(decoded(part), None, "{part}");
        }
    }

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    const PARAMETERS: &str = r#"[
        {"name": "year", "place": "path", "required": true, "values": {"allow": "integer", "minimum": 2024, "maximum": 2026}},
        {"name": "person", "place": "path", "required": true, "values": {"allow": "integer", "minimum": 1, "maximum": 999999999},
         "identifies": "national_number"},
        {"name": "kind", "place": "query", "values": {"allow": "one_of", "values": ["gross", "net"]}},
        {"name": "note", "place": "query", "values": {"allow": "text", "longest": 20}}
    ]"#;

    /// The example's operation, with two parameters in its path of which the second is a person.
    fn operation() -> Result<Operation, Box<dyn std::error::Error>> {
        let mut document: serde_json::Value =
            serde_json::from_str(include_str!("../../agreement/tests/pensioners.json"))?;
        let operation = document.pointer_mut("/clauses/0/operations/0").ok_or("an operation")?;
        let members = operation.as_object_mut().ok_or("an object")?;
        members.insert("path".to_owned(), "/incomes/{year}/{person}".into());
        members.insert("parameters".to_owned(), serde_json::from_str(PARAMETERS)?);
        let agreement = verbond_agreement::Agreement::parse(&serde_json::to_vec(&document)?)?;
        let clause = agreement.clauses.first().ok_or("a clause")?;
        Ok(clause.operations.first().ok_or("an operation")?.clone())
    }

    fn call<'call>(method: &'call str, path: &'call str, query: Option<&'call str>) -> Call<'call> {
        Call { method, path, query }
    }

    #[test]
    fn a_call_fits_by_method_path_and_parameters_together() -> Outcome {
        let operation = operation()?;
        for (expected, method, path, query) in [
            (true, "GET", "/incomes/2025/123456782", None),
            (true, "GET", "/incomes/2025/123456782", Some("kind=net")),
            (false, "POST", "/incomes/2025/123456782", None),
            (false, "GET", "/incomes/2025", None),
            (false, "GET", "/incomes/2027/123456782", None),
            (false, "GET", "/incomes/2025/123456782", Some("kind=other")),
            (false, "GET", "/incomes/2025/123456782", Some("limit=5")),
        ] {
            assert_eq!(fits(&operation, call(method, path, query)), expected, "{method} {path} {query:?}");
        }
        Ok(())
    }

    /// What the operation with the longer name of a path refuses is not another one's, under which its name would be a person.
    #[test]
    fn what_one_operation_refuses_no_less_specific_one_permits() -> Outcome {
        let mut document: serde_json::Value =
            serde_json::from_str(include_str!("../../agreement/tests/pensioners.json"))?;
        let operations = document.pointer_mut("/clauses/0/operations").and_then(|one| one.as_array_mut());
        let operations = operations.ok_or("operations")?;
        let mut export = operations.first().cloned().ok_or("an operation")?;
        let members = export.as_object_mut().ok_or("an object")?;
        for (name, value) in [("name", "export".into()), ("path", "/incomes/export".into())] {
            members.insert(name.to_owned(), value);
        }
        for name in ["parameters", "people"] {
            members.insert(name.to_owned(), serde_json::json!([]));
        }
        let page = serde_json::json!({"name": "page", "place": "query", "values": {"allow": "day"}});
        let parameters = operations.first_mut().and_then(|one| one.pointer_mut("/parameters"));
        parameters.and_then(|one| one.as_array_mut()).ok_or("parameters")?.push(page);
        operations.push(export);
        let agreement = verbond_agreement::Agreement::parse(&serde_json::to_vec(&document)?)?;
        let clause = agreement.clauses.first().ok_or("a clause")?;
        for (path, query, operation, refused) in [
            ("/incomes/P-0042", Some("page=2026-01-01"), 0, false),
            ("/incomes/export", None, 1, false),
            ("/incomes/export", Some("page=2026-01-01"), 1, true),
        ] {
            let found = find(clause, call("GET", path, query)).ok_or("a match")?;
            assert_eq!((found.operation, found.refused), (operation, refused), "{path} {query:?}");
        }
        Ok(())
    }

    #[test]
    fn the_person_is_who_stands_in_the_parameter_of_that_name_and_is_never_shown() -> Outcome {
        let operation = operation()?;
        let named = people(&operation, call("GET", "/incomes/2025/123456782", None));
        let [person] = named.as_slice() else { return Err("one person".into()) };
        assert_eq!((person.kind, &*person.number), (IdentifierKind::NationalNumber, "123456782"));
        assert_eq!(format!("{person:?}"), "NamedPerson(NationalNumber)");
        Ok(())
    }

    #[test]
    fn a_value_is_written_down_only_where_it_is_one_of_few_and_names_nobody() -> Outcome {
        let operation = operation()?;
        let facts = facts(&operation, &["2025", "123456782"], Some("kind=net&note=free"));
        let said = |name: &str| facts.get(name).ok_or("a fact");
        assert_eq!(said("year")?, &ParameterFact::Value("2025".to_owned()));
        assert_eq!(said("kind")?, &ParameterFact::Value("net".to_owned()));
        assert_eq!(said("person")?, &ParameterFact::Present);
        assert_eq!(said("note")?, &ParameterFact::Present);
        Ok(())
    }
}

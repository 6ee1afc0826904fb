//! What speaks against a service's being open: elements that its own description calls personal or confidential, and
//! names and schemas by which personal data goes in many a source. Never values: one in eleven numbers of nine digits
//! passes the test of a citizen service number, those of organisations among them.

use serde_json::Value;

use crate::{DescribedService, Sensitivity};

/// Names of elements, parameters and categories, as letters and digits only. Names that are as common for things as for
/// people (`name`, `address`, `email`, `income`) are left out: a list that cries wolf is switched off in the mind.
const NAMES: &[&str] = &[
    "aanummer",
    "achternaam",
    "administratienummer",
    "anummer",
    "birthdate",
    "birthday",
    "birthname",
    "bloedgroep",
    "bsn",
    "burgerlijkestaat",
    "burgerservicenr",
    "burgerservicenummer",
    "citizenservicenumber",
    "criminalrecord",
    "dateofbirth",
    "dateofdeath",
    "datumoverlijden",
    "diagnose",
    "diagnosis",
    "ethnicity",
    "etniciteit",
    "familyname",
    "firstname",
    "geboortedatum",
    "geboorteland",
    "geboortenaam",
    "geboorteplaats",
    "geloofsovertuiging",
    "geslachtsaanduiding",
    "geslachtsnaam",
    "givenname",
    "givennames",
    "identiteitskaartnummer",
    "lastname",
    "maritalstatus",
    "medicatie",
    "medication",
    "nationaliteit",
    "nationality",
    "overlijdensdatum",
    "paspoortnummer",
    "passportnumber",
    "patient",
    "patientid",
    "patientnumber",
    "placeofbirth",
    "rijbewijsnummer",
    "seksuelegerichtheid",
    "sexualorientation",
    "socialsecuritynumber",
    "sofinummer",
    "strafblad",
    "surname",
    "voorletters",
    "voornaam",
    "voornamen",
    "vreemdelingennummer",
];

/// Those among them by which a national number goes.
const NATIONAL_NUMBERS: &[&str] = &[
    "bsn",
    "burgerservicenr",
    "burgerservicenummer",
    "citizenservicenumber",
    "socialsecuritynumber",
    "sofinummer",
];

/// Types in schemas, the last word of their addresses, likewise.
const TYPES: &[&str] =
    &["ingeschrevenpersoon", "naturalperson", "natuurlijkpersoon", "patient", "person", "persoon"];

/// Members of a document that name what it is.
const TYPE_MEMBERS: &[&str] = &["@type", "type", "resourceType", "$schema", "rdf:type"];

/// Deepest that a sample is looked into.
const DEEPEST: usize = 64;

/// What in a description says that the service is about people, or confidential: paths and names, at most ten.
pub fn signs_in_description(service: &DescribedService) -> Vec<String> {
    let mut found = Vec::new();
    for operation in &service.operations {
        for element in &operation.elements {
            let named = names_people(element.path.as_str()) || is_name(element.category.as_str());
            if element.sensitivity != Sensitivity::NotPersonal || element.identifies.is_some() || named {
                found.push(element.path.to_string());
            }
        }
        let parameters = operation.parameters.iter();
        let parameters = parameters.filter(|one| one.identifies.is_some() || is_name(one.name.as_str()));
        found.extend(parameters.map(|one| one.name.to_string()));
        if !operation.people.is_empty() {
            found.push(operation.name.to_string());
        }
    }
    found.sort();
    found.dedup();
    found.truncate(10);
    found
}

/// What in a sample of an answer says that the service is about people: words of the shipped lists only, since what
/// stands in a sample may name somebody.
pub fn signs_in_sample(sample: &Value) -> Vec<&'static str> {
    let mut found = Vec::new();
    look(sample, DEEPEST, &mut found);
    found.sort_unstable();
    found.dedup();
    found
}

/// How a document that went over the line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireForm {
    /// JSON, or JSON line by line.
    Json,
    /// Values between separators; the first line holds their names.
    Separated,
    /// XML, or HTML.
    Markup,
}

impl WireForm {
    /// By a content type; `None` for what is not looked at.
    pub fn of(content_type: &str) -> Option<Self> {
        let bare = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let (kind, subtype) = bare.split_once('/')?;
        match subtype {
            "csv" | "tab-separated-values" => Some(Self::Separated),
            _ if subtype.contains("json") => Some(Self::Json),
            _ if subtype.ends_with("xml") || subtype == "html" => Some(Self::Markup),
            // What is not said to be anything else may be any of them: as JSON it is read leniently.
            "plain" | "octet-stream" if matches!(kind, "text" | "application") => Some(Self::Json),
            _ => None,
        }
    }
}

/// What in the beginning of a document says that it is about people: words of the shipped lists only. Names and types
/// count, values do not; the document may break off anywhere.
pub fn signs_in_traffic(form: WireForm, head: &[u8]) -> Vec<&'static str> {
    let mut found = match form {
        WireForm::Json => names_of_json(head),
        WireForm::Separated => {
            let line = head.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
            let cells = line.split(|byte| matches!(byte, b',' | b';' | b'\t' | b'|'));
            cells.filter_map(|cell| listed(NAMES, std::str::from_utf8(cell).ok()?)).collect()
        }
        WireForm::Markup => names_of_markup(head),
    };
    found.sort_unstable();
    found.dedup();
    found
}

/// Names of members, and types where a member names what the document is.
fn names_of_json(head: &[u8]) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut names_type = false;
    let mut at = 0;
    while let Some(begin) = head.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'"')) {
        let start = at + begin;
        // `{`, `}` or `,` between this text and the name before it: it belongs to another.
        let between = head.get(at..start).unwrap_or_default();
        names_type &= !between.iter().any(|byte| matches!(byte, b'{' | b'}' | b']'));
        let Some(length) = text_length(head.get(start..).unwrap_or_default()) else { break };
        let end = start + length;
        let text = head.get(start..end).and_then(|token| serde_json::from_slice::<String>(token).ok());
        let after = head.get(end..).unwrap_or_default();
        let is_name = after.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
        if let Some(text) = text {
            if is_name {
                found.extend(listed(NAMES, &text));
                names_type = TYPE_MEMBERS.contains(&text.as_str());
            } else if names_type {
                found.extend(is_type(&text));
            }
        }
        at = end;
    }
    found
}

/// Bytes of a text in JSON, quotes included; `None` where it does not end.
fn text_length(token: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (place, byte) in token.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(place + 1),
            _ => {}
        }
    }
    None
}

/// Names of elements and attributes; an element of one of the listed types speaks too.
fn names_of_markup(head: &[u8]) -> Vec<&'static str> {
    let mut found = Vec::new();
    for tag in head.split(|byte| *byte == b'<').skip(1) {
        let tag = tag.split(|byte| *byte == b'>').next().unwrap_or_default();
        let Ok(tag) = std::str::from_utf8(tag) else { continue };
        let mut words = tag.trim_start_matches('/').split_ascii_whitespace();
        let local = |name: &str| name.rsplit(':').next().unwrap_or_default().trim_end_matches('/').to_owned();
        let name = local(words.next().unwrap_or_default());
        found.extend(listed(NAMES, &name));
        found.extend(listed(TYPES, &name));
        let attributes = words.filter_map(|word| word.split_once('=')).map(|(name, _)| local(name));
        found.extend(attributes.filter_map(|name| listed(NAMES, &name)));
    }
    found
}

fn look(value: &Value, depth: usize, found: &mut Vec<&'static str>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                found.extend(listed(NAMES, name));
                if TYPE_MEMBERS.contains(&name.as_str()) {
                    let types = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                    found.extend(types.iter().filter_map(Value::as_str).filter_map(is_type));
                }
                look(value, depth, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| look(item, depth, found)),
        _ => {}
    }
}

/// Whether a path (its last name), a parameter or a category goes by a name of the shipped list.
pub(crate) fn names_people(place: &str) -> bool {
    last_name(place).is_some_and(is_name)
}

/// Whether a path (its last name) or a parameter goes by the name of a national number.
pub(crate) fn names_the_national_number(place: &str) -> bool {
    last_name(place).is_some_and(|name| listed(NATIONAL_NUMBERS, name).is_some())
}

fn last_name(place: &str) -> Option<&str> {
    place.rsplit(['.', '\'', '"']).find(|part| !part.trim_matches(['[', ']', '*']).is_empty())
}

fn is_name(name: &str) -> bool {
    listed(NAMES, name).is_some()
}

fn is_type(address: &str) -> Option<&'static str> {
    listed(TYPES, address.rsplit(['/', '#', ':']).next()?)
}

fn listed(list: &'static [&'static str], name: &str) -> Option<&'static str> {
    let plain: String =
        name.chars().filter(|one| one.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    list.iter().find(|known| **known == plain).copied()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn described(element: Value, more: Value) -> Result<DescribedService, serde_json::Error> {
        let mut operation = json!({
            "name": "read", "method": "GET", "path": "/trees", "content_type": "application/json", "record": "$",
            "elements": [element],
        });
        if let (Some(operation), Value::Object(more)) = (operation.as_object_mut(), more) {
            operation.extend(more);
        }
        serde_json::from_value(json!({
            "service": "trees", "title": "Trees", "description": "Trees.", "operations": [operation],
        }))
    }

    fn element(path: &str, category: &str, sensitivity: &str) -> Value {
        json!({ "path": path, "type": "string", "category": category, "sensitivity": sensitivity, "meaning": "It." })
    }

    #[test]
    fn in_traffic_names_speak_and_values_do_not_wherever_it_breaks_off() {
        use WireForm::{Json, Markup, Separated};
        for (form, text, expected) in [
            (Json, r#"{"items":[{"BSN" : "1"},{"x":1}"#, vec!["bsn"]),
            (Json, r#"{"a":"bsn","b":"\"bsn\":1","rsin":"999990019"}"#, vec![]),
            (Json, r#"{"a":1}{"geboorte_datum":null"#, vec!["geboortedatum"]),
            (Json, r#"{"\u0062sn":1}"#, vec!["bsn"]),
            (Json, r#"{"@type":["https://schema.org/Thing","https://schema.org/Person"]}"#, vec!["person"]),
            (Json, r#"{"@type":"Thing","name":"Person"}"#, vec![]),
            (Json, r#"{"type":{"name":"Person"}}"#, vec![]),
            (Json, r#"{"bs"#, vec![]),
            (Json, r#"{"bsn"#, vec![]),
            (Json, "\"\\", vec![]),
            (Separated, "id;Voornamen;\"BSN\"\n1;bsn;2", vec!["bsn", "voornamen"]),
            (Separated, "id;name\nbsn;1", vec![]),
            (
                Markup,
                "<a:root xmlns:a='x'><a:Persoon><burgerservicenummer>9</burgerservicenummer>",
                vec!["burgerservicenummer", "persoon"],
            ),
            (Markup, "<tree bsn='1' name='surname'>surname</tree>", vec!["bsn"]),
            (Markup, "<surname", vec!["surname"]),
        ] {
            assert_eq!(signs_in_traffic(form, text.as_bytes()), expected, "{text}");
        }
        for (content_type, expected) in [
            ("application/geo+json; charset=utf-8", Some(Json)),
            ("application/x-ndjson", Some(Json)),
            ("Text/CSV", Some(Separated)),
            ("application/soap+xml", Some(Markup)),
            ("image/png", None),
            ("image/svg+xml", Some(Markup)),
            ("", None),
        ] {
            assert_eq!(WireForm::of(content_type), expected, "{content_type}");
        }
    }

    #[test]
    fn what_a_description_calls_personal_or_names_so_is_found() -> Outcome {
        let signs = |element, more| described(element, more).map(|one| signs_in_description(&one));
        assert!(signs(element("$.height", "trees", "not_personal"), json!({}))?.is_empty());
        assert!(signs(element("$.owner.name", "trees", "not_personal"), json!({}))?.is_empty());
        for (path, category, sensitivity) in [
            ("$.height", "trees", "personal"),
            ("$.height", "trees", "sensitive"),
            ("$.height", "trees", "special_category"),
            ("$.height", "trees", "criminal"),
            ("$.height", "trees", "confidential"),
            ("$.owner.geboorteDatum", "trees", "not_personal"),
            ("$.owners[*].given_names[*]", "trees", "not_personal"),
            ("$.height", "diagnosis", "not_personal"),
        ] {
            assert_eq!(
                signs(element(path, category, sensitivity), json!({}))?,
                [path],
                "{category} {sensitivity}"
            );
        }
        let asked =
            json!({ "parameters": [{ "name": "bsn", "place": "query", "values": { "allow": "day" } }] });
        assert_eq!(signs(element("$.height", "trees", "not_personal"), asked)?, ["bsn"]);
        Ok(())
    }

    #[test]
    fn a_sample_is_known_by_names_and_types_and_not_by_digits() {
        assert!(
            signs_in_sample(&json!({ "rsin": "999990019", "number": 999_990_019, "name": "Oak" })).is_empty()
        );
        assert_eq!(signs_in_sample(&json!({ "items": [{ "BSN": null }] })), ["bsn"]);
        assert_eq!(signs_in_sample(&json!([{ "date-of-birth": "1950-01-01" }])), ["dateofbirth"]);
        for kind in ["https://schema.org/Person", "Person", "foaf:Person"] {
            assert_eq!(signs_in_sample(&json!({ "@type": ["Thing", kind] })), ["person"], "{kind}");
        }
        assert_eq!(signs_in_sample(&json!({ "resourceType": "Patient" })), ["patient"]);
        assert!(signs_in_sample(&json!({ "note": "Person" })).is_empty());
    }

    #[test]
    fn the_lists_hold_what_can_match() {
        for word in NAMES.iter().chain(TYPES) {
            assert!(word.chars().all(|one| one.is_ascii_lowercase()), "{word}");
        }
        assert!(NATIONAL_NUMBERS.iter().all(|word| NAMES.contains(word)));
    }
}

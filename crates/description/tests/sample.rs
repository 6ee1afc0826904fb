//! Drafts from samples: nothing of a value stays.
#![expect(clippy::unwrap_used, reason = "what must hold is asserted")]

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use verbond_description::{Imported, from_sample, undecided};

fn import(sample: &str) -> Result<Imported, verbond_domain::Problem> {
    from_sample(sample, &"trees".parse().unwrap(), &"GET /trees/{id}".parse().unwrap())
}

fn paths(imported: &Imported) -> Vec<String> {
    imported.draft.operations.iter().flat_map(|one| &one.elements).map(|one| one.path.to_string()).collect()
}

#[test]
fn paths_types_and_counts_are_kept() {
    let sample = r#"{"total":2,"_links":{"self":"/x"},"items":[
        {"id":"T-1","height":12,"felled":null,"where":{"lat":1.5}},
        {"id":"T-2","height":3.5,"felled":true,"marks":[],"odd":[1,"a"]}]}"#;
    let imported = import(sample).unwrap();
    let draft: Value = serde_json::from_str(&imported.to_json().unwrap()).unwrap();
    let operation = draft.pointer("/operations/0").unwrap();
    assert_eq!(operation.get("name"), Some(&json!("get-trees-id")));
    assert_eq!(operation.get("record"), Some(&json!("$.items[*]")));
    assert_eq!(imported.records, Some(2));
    let undecided = "TO BE DECIDED";
    let types: Vec<(&str, &str)> = operation
        .get("elements")
        .and_then(Value::as_array)
        .unwrap()
        .iter()
        .map(|one| {
            (
                one.get("path").and_then(Value::as_str).unwrap(),
                one.get("type").and_then(Value::as_str).unwrap(),
            )
        })
        .collect();
    assert_eq!(
        types,
        [
            ("$._links.self", "string"),
            ("$.items[*].felled", "boolean"),
            ("$.items[*].height", "number"),
            ("$.items[*].id", "string"),
            ("$.items[*].marks[*]", undecided),
            ("$.items[*].odd[*]", undecided),
            ("$.items[*].where.lat", "number"),
            ("$.total", "integer"),
        ]
    );
    assert_eq!(operation.pointer("/elements/1/nullable"), Some(&json!(true)));
    assert_eq!(operation.pointer("/parameters/0/values"), Some(&json!(undecided)));
}

#[test]
fn records_stand_where_a_list_of_objects_does() {
    for (sample, record, records) in [
        (r#"[{"a":1},{"a":2},{"a":3}]"#, "$[*]", 3),
        (r#"{"a":1}"#, "$", 1),
        (r#"[1,2]"#, "$", 1),
        (r#"{"_embedded":{"trees":[{"a":1}]},"page":{"n":1}}"#, "$._embedded.trees[*]", 1),
        (r#"{"income":{"amount":1},"payments":[{"a":1},{"a":2}]}"#, "$", 1),
        ("{\"a\":1}\n{\"a\":2}\n", "$", 2),
    ] {
        let imported = import(sample).unwrap();
        let operation = imported.draft.operations.first().unwrap();
        assert_eq!((operation.record.as_str(), imported.records), (record, Some(records)), "{sample}");
    }
}

#[test]
fn names_that_may_be_data_do_not_stay() {
    for name in [
        "999990019",
        "P-0042",
        "2026-01-01",
        "jan@example.test",
        "Jan de Vries",
        "https://a.test/x",
        "01932f5e-7c00-7000-8000-000000000001",
        "",
        "12",
    ] {
        let sample = json!({ "people": { name: { "age": 1 }, "other": { "age": 2 } } }).to_string();
        let imported = import(&sample).unwrap();
        assert_eq!(paths(&imported), ["$.people"], "{name}");
        assert!(name.is_empty() || !imported.to_json().unwrap().contains(name), "{name}");
        let told: Vec<String> = imported.remarks.iter().map(|one| one.sentence().en).collect();
        assert!(told.iter().any(|one| one.contains("look like data")), "{told:?}");
        assert!(name.is_empty() || !told.iter().any(|one| one.contains(name)), "{told:?}");
    }
}

#[test]
fn what_is_no_sample_is_refused_without_repeating_it() {
    for sample in ["", "{\"secret-999990019\":", "<xml/>", "[1,"] {
        let problem = import(sample).unwrap_err();
        assert_eq!(problem.code, "DESCRIPTION_UNREADABLE", "{sample}");
        assert!(!problem.detail.en.contains("999990019"));
    }
    assert!(import(&"[".repeat(10_000)).is_err());
}

#[test]
fn a_draft_is_refused_until_people_have_decided() {
    let imported = import(r#"{"height":1}"#).unwrap();
    let text = imported.to_json().unwrap();
    let problem = undecided(text.as_bytes()).unwrap_err();
    assert_eq!(problem.code, "DESCRIPTION_UNDECIDED");
    for part in ["7 fields", "/operations/0/elements/0/category ($.height)", "/operations/0/people"] {
        assert!(problem.detail.en.contains(part), "{part}: {}", problem.detail.en);
    }
    let decided = text.replace("TO BE DECIDED", "x");
    assert_eq!(undecided(decided.as_bytes()), Ok(()));
}

/// Names such as sources have, and values that no name holds: none of them may be found again.
fn documents() -> impl Strategy<Value = Value> {
    let name =
        proptest::sample::select(vec!["id", "name", "height", "where", "items", "odd-name", "a_b", "Größe"]);
    let scalar = prop_oneof![
        Just(Value::Null),
        (100_000_000_u64..u64::MAX).prop_map(Value::from),
        (1.0e6..1.0e9).prop_map(|number: f64| Value::from(number + 0.123)),
        "[A-Z]{2}#[0-9]{6}".prop_map(Value::from),
        "20[0-9]{2}-1[0-2]-2[0-8]".prop_map(Value::from),
    ];
    let member = prop_oneof![9 => name.prop_map(str::to_owned), 1 => "[0-9]{9}".prop_map(|number| number)];
    scalar.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            proptest::collection::vec((member.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn values(document: &Value, found: &mut Vec<String>) {
    match document {
        Value::Array(items) => items.iter().for_each(|item| values(item, found)),
        Value::Object(members) => {
            for (name, value) in members {
                if name.bytes().all(|byte| byte.is_ascii_digit()) {
                    found.push(name.clone());
                }
                values(value, found);
            }
        }
        Value::String(text) => found.push(text.clone()),
        Value::Number(number) => found.push(number.to_string()),
        Value::Bool(_) | Value::Null => {}
    }
}

proptest! {
    #[test]
    fn no_value_of_a_sample_occurs_in_what_is_made_of_it(document in documents()) {
        let mut values_in = Vec::new();
        values(&document, &mut values_in);
        let imported = import(&document.to_string()).unwrap();
        let mut made = imported.to_json().unwrap();
        for remark in &imported.remarks {
            let sentence = remark.sentence();
            made.push_str(&sentence.nl);
            made.push_str(&sentence.en);
        }
        for value in values_in {
            prop_assert!(!made.contains(&value), "{value} stands in {made}");
        }
    }
}

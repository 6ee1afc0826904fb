//! Drafts from OpenAPI documents.
#![expect(clippy::unwrap_used, reason = "what must hold is asserted")]

use serde_json::{Value, json};
use verbond_description::{Imported, from_openapi};

const TREES: &str = include_str!("documents/trees.yaml");

fn import(text: &str, only: &[&str]) -> Result<Imported, verbond_domain::Problem> {
    let only: Vec<String> = only.iter().map(|one| (*one).to_owned()).collect();
    from_openapi(text, &"trees".parse().unwrap(), &only)
}

fn draft(imported: &Imported) -> Value {
    serde_json::from_str(&imported.to_json().unwrap()).unwrap()
}

fn elements(operation: &Value) -> Vec<(String, String)> {
    let text =
        |one: &Value, member: &str| one.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let elements = operation.get("elements").and_then(Value::as_array).into_iter().flatten();
    elements.map(|one| (text(one, "path"), text(one, "type"))).collect()
}

fn code(text: &str) -> &'static str {
    import(text, &[]).map_or_else(|problem| problem.code, |_| "imported")
}

#[test]
fn what_a_document_says_stands_in_the_draft_and_the_rest_is_for_people() {
    let imported = import(TREES, &[]).unwrap();
    let draft = draft(&imported);
    let operation = |name: &str| {
        let operations = draft.get("operations").and_then(Value::as_array).into_iter().flatten();
        operations.into_iter().find(|one| one.get("name") == Some(&json!(name))).unwrap().clone()
    };
    assert_eq!(draft.get("title"), Some(&json!("Register of trees")));
    let list = operation("list-trees");
    assert_eq!(list.get("record"), Some(&json!("$.items[*]")));
    assert_eq!(list.get("content_type"), Some(&json!("application/json")));
    assert_eq!(list.get("people"), Some(&json!("TO BE DECIDED")));
    let undecided = "TO BE DECIDED";
    let expected = [
        ("$._links.next", "string"),
        ("$.items[*].code", undecided),
        ("$.items[*].height", "number"),
        ("$.items[*].id", "string"),
        ("$.items[*].labels", "subtree"),
        ("$.items[*]['odd-name']", "integer"),
        ("$.items[*].parent", "subtree"),
        ("$.items[*].planted", "string"),
        ("$.items[*].state.cause", "string"),
        ("$.items[*].state.healthy", "boolean"),
        ("$.items[*].where[*]", "number"),
        ("$.total", "integer"),
    ];
    assert_eq!(elements(&list), expected.map(|(path, kind)| (path.to_owned(), kind.to_owned())));
    for element in list.get("elements").and_then(Value::as_array).unwrap() {
        for member in ["category", "sensitivity", "meaning"] {
            assert_eq!(element.get(member), Some(&json!(undecided)), "{element}");
        }
    }
    assert_eq!(
        list.get("parameters"),
        Some(&json!([
            { "name": "planted", "place": "query", "values": { "allow": "day" } },
            { "name": "species", "place": "query", "values": { "allow": "one_of", "values": ["oak", "lime"] } },
            { "name": "q", "place": "query", "values": undecided },
            { "name": "page", "place": "query", "values": { "allow": "integer", "minimum": 1, "maximum": 1000 } },
        ]))
    );
    // What only the source writes is no part of what it is sent, and the other way round.
    let plan = operation("plan-tree");
    let sent = elements(plan.get("request").unwrap());
    assert!(sent.iter().any(|(path, _)| path == "$.key") && !sent.iter().any(|(path, _)| path == "$.id"));
    let answered = elements(&plan);
    assert!(
        answered.iter().any(|(path, _)| path == "$.id") && !answered.iter().any(|(path, _)| path == "$.key")
    );
    // Not JSON: an operation without elements, whose parameter is in its path all the same.
    let picture = operation("get-trees-id-picture");
    assert!(elements(&picture).is_empty());
    assert_eq!(
        picture.get("parameters"),
        Some(&json!([{ "name": "id", "place": "path", "required": true, "values": undecided }]))
    );
    let remarks: Vec<String> = imported.remarks.iter().map(|one| one.sentence().en).collect();
    for part in [
        "list-trees $.items[*].parent: the schema holds itself",
        "list-trees $.items[*].labels: names of members are not fixed",
        "list-trees $.items[*].code: values of several kinds",
        "list-trees X-Trace: a parameter in a header",
        "OPTIONS /trees: a description does not have this method",
        "GET /trees/{id}.json: this path does not fit",
        "DELETE /trees/{id}: no answer is described",
        "get-trees-id-picture: not JSON",
    ] {
        assert!(remarks.iter().any(|one| one.starts_with(part)), "{part}: {remarks:#?}");
    }
    // Examples are values.
    assert!(!imported.to_json().unwrap().contains("1999-12-31"));
}

#[test]
fn json_is_read_as_yaml_is_and_operations_are_chosen() {
    let text = r##"{"openapi":"3.0.3","info":{"title":"A","version":"1"},"paths":{
        "/a":{"get":{"responses":{"200":{"description":"","content":{"application/hal+json":{"schema":
            {"type":"array","items":{"type":"object","properties":{"x":{"type":"string","nullable":true}}}}}}}}}},
        "/b":{"get":{"operationId":"b","responses":{"200":{"$ref":"#/components/responses/B"}}}}},
        "components":{"responses":{"B":{"description":"","content":{"application/json":{"schema":{"$ref":"#/paths/~1a/get/responses/200/content/application~1hal%2Bjson/schema"}}}}}}}"##;
    let both = draft(&import(text, &[]).unwrap());
    for pointer in ["/operations/0", "/operations/1"] {
        let one = both.pointer(pointer).unwrap();
        assert_eq!(elements(one), [("$[*].x".to_owned(), "string".to_owned())]);
        assert_eq!(one.pointer("/elements/0/nullable"), Some(&json!(true)));
        assert_eq!(one.get("record"), Some(&json!("$[*]")));
    }
    for (only, name) in [("b", "b"), ("GET /a", "get-a"), ("get-a", "get-a")] {
        let chosen = draft(&import(text, &[only]).unwrap());
        assert_eq!(chosen.pointer("/operations/0/name"), Some(&json!(name)));
        assert_eq!(chosen.pointer("/operations/1"), None);
    }
    assert_eq!(import(text, &["b", "c"]).unwrap_err().code, "DESCRIPTION_OPERATION_UNKNOWN");
}

fn with_schema(schema: &str, schemas: &str) -> String {
    format!(
        r#"{{"openapi":"3.1.0","info":{{"title":"A","version":"1"}},"paths":{{"/a":{{"get":{{"responses":{{"200":
        {{"description":"","content":{{"application/json":{{"schema":{schema}}}}}}}}}}}}}}},"components":{{"schemas":{{{schemas}}}}}}}"#
    )
}

#[test]
fn nothing_outside_the_document_is_read_and_nothing_goes_on_without_end() {
    for reference in ["https://a.test/x.json", "./x.yaml#/A", "//a.test/x", "#anchor", "file:///etc/passwd"] {
        let text = with_schema(&format!(r#"{{"$ref":"{reference}"}}"#), "");
        assert_eq!(code(&text), "DESCRIPTION_REFERENCE_REMOTE", "{reference}");
    }
    assert_eq!(code(&with_schema(r##"{"$ref":"#/nothing"}"##, "")), "DESCRIPTION_UNREADABLE");
    // Round and round, in one step and in two.
    let circle = r##""A":{"$ref":"#/components/schemas/B"},"B":{"$ref":"#/components/schemas/A"},"S":{"$ref":"#/components/schemas/S"}"##;
    for name in ["A", "S"] {
        let text = with_schema(&format!(r##"{{"$ref":"#/components/schemas/{name}"}}"##), circle);
        let imported = import(&text, &[]).unwrap();
        assert_eq!(
            elements(draft(&imported).pointer("/operations/0").unwrap()),
            [("$".to_owned(), "subtree".to_owned())]
        );
    }
    // Each refers ten times to the next: 10^20 schemas.
    let mut schemas = vec![r#""S20":{"type":"string"}"#.to_owned()];
    for level in 0..20 {
        let next = format!(r##"{{"$ref":"#/components/schemas/S{}"}}"##, level + 1);
        let members: Vec<String> = (0..10).map(|one| format!(r#""m{one}":{next}"#)).collect();
        schemas.push(format!(r#""S{level}":{{"properties":{{{}}}}}"#, members.join(",")));
    }
    let text = with_schema(r##"{"$ref":"#/components/schemas/S0"}"##, &schemas.join(","));
    assert_eq!(code(&text), "DESCRIPTION_TOO_LARGE");
    // Deeper than a path: the deepest part stands as a whole, or not at all; it ends.
    let deep = format!("{}{{}}{}", r#"{"properties":{"a":"#.repeat(40), "}}".repeat(40));
    assert_eq!(code(&with_schema(&deep, "")), "imported");
    for (text, expected) in [
        ("swagger: '2.0'", "DESCRIPTION_UNREADABLE"),
        ("openapi: 3.2.0", "DESCRIPTION_UNREADABLE"),
        ("openapi: 3.1.0\npaths: {}", "DESCRIPTION_UNREADABLE"),
        ("{", "DESCRIPTION_UNREADABLE"),
        ("a: [", "DESCRIPTION_UNREADABLE"),
    ] {
        assert_eq!(code(text), expected, "{text}");
    }
}

#[test]
fn the_kinds_of_a_discriminator_are_what_may_come() {
    let schemas = r##""Place":{"type":"object","discriminator":{"propertyName":"kind","mapping":{"a":"#/components/schemas/Address","p":"Point"}},
        "properties":{"kind":{"type":"string"}}},
        "Address":{"allOf":[{"$ref":"#/components/schemas/Place"},{"properties":{"street":{"type":"string"}}}]},
        "Point":{"allOf":[{"$ref":"#/components/schemas/Place"},{"properties":{"x":{"type":"number"}}}]}"##;
    for (name, expected) in
        [("Place", vec!["$.kind", "$.street", "$.x"]), ("Address", vec!["$.kind", "$.street"])]
    {
        let text = with_schema(&format!(r##"{{"$ref":"#/components/schemas/{name}"}}"##), schemas);
        let draft = draft(&import(&text, &[]).unwrap());
        let found = elements(draft.pointer("/operations/0").unwrap());
        assert_eq!(found.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn names_are_the_registers_and_come_once() {
    let path = |path: &str, operation: &str| {
        let answer = r#""responses":{"200":{"description":"","content":{"application/json":{"schema":{"type":"string"}}}}}"#;
        format!(r#""{path}":{{"get":{{"operationId":"{operation}",{answer}}}}}"#)
    };
    let long = "x".repeat(200);
    let paths = [
        path("/a", "Get.Tree"),
        path("/b", "getTree"),
        path("/c", "get_tree"),
        path("/d", "1é"),
        path("/e", &long),
        path("/f", &long),
    ];
    let text = format!(r#"{{"openapi":"3.0.0","paths":{{{}}}}}"#, paths.join(","));
    let imported = import(&text, &[]).unwrap();
    let names: Vec<&str> = imported.draft.operations.iter().map(|one| one.name.as_str()).collect();
    let (cut, second) = ("x".repeat(80), format!("{}-2", "x".repeat(78)));
    assert_eq!(names, ["get-tree", "get-tree-2", "get-tree-3", "operation-1", cut.as_str(), second.as_str()]);
}

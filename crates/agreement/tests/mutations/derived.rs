//! Answers instead of data.

use serde_json::{Value, json};
use verbond_agreement::check::{CheckContext, Code};

use crate::{
    Change::{Remove, Set},
    Mutation, document_only, known_only,
    support::{document, parsed},
};

const EXAMPLE: &str = "answers";

/// Another operation of the clause, with what it delivers.
fn another(changes: &[(&str, Value)]) -> Value {
    let mut operation = json!({
        "name": "another", "method": "GET", "path": "/others/{person}",
        "parameters": [{
            "name": "person", "place": "path", "required": true,
            "values": {"allow": "identifier", "longest": 20}, "identifies": "pseudonym",
        }],
        "content_type": "application/json", "record": "$", "delivered": [],
        "people": [{"at": {"place": "parameter", "name": "person"}, "identifies": "pseudonym"}],
    });
    for (name, value) in changes {
        operation[name] = value.clone();
    }
    operation
}

fn element(path: &str, derived: Option<Value>) -> Value {
    let mut element = json!({
        "path": path, "type": "number", "category": "income", "sensitivity": "sensitive", "meaning": "Made for a test",
    });
    if let Some(derived) = derived {
        element["derived"] = derived;
        element["type"] = json!("boolean");
    }
    element
}

/// The value of a person's number, held against a constant.
fn of_the_number() -> Value {
    json!({"by": "compare", "from": "$.person", "comparison": {"operator": "equal", "constant": {"text": "1"}}})
}

/// An answer that says why it is needed beside the others.
fn said(mut element: Value) -> Value {
    element["why_all"] = json!("Each of the benefits has a limit of its own");
    element
}

/// Another agreement between the parties, under which only this is told about the income.
pub fn others_tell(context: &mut CheckContext, limit: &str) {
    let comparison = json!({"operator": "below", "constant": {"number": limit}});
    others_compare(context, "$.income.amount", &comparison);
}

/// Another agreement between the parties, under which only this is told about a value.
pub fn others_compare(context: &mut CheckContext, from: &str, comparison: &Value) {
    let mut other = document(EXAMPLE).expect("the example");
    other["id"] = json!("01932f5e-7c00-7000-8000-00000000ffff");
    let rule = json!({"by": "compare", "from": from, "comparison": comparison});
    let operations = other["clauses"][0]["operations"].as_array_mut().expect("operations");
    operations.truncate(1);
    let (beside, _) = from.rsplit_once('.').expect("a member");
    operations[0]["delivered"] = json!([element(&format!("{beside}.told"), Some(rule))]);
    context.others.push(parsed(&other).expect("an agreement"));
}

pub fn all() -> Vec<Mutation> {
    let operations = "/clauses/0/operations/-";
    let delivered = "/clauses/0/operations/0/delivered/-";
    let delivers = |path| Set(operations, another(&[("delivered", json!([element(path, None)]))]));
    let forget = |mutation: Mutation| mutation.knowing(|context| context.services.clear());
    let below = |limit: &str| {
        let comparison = json!({"operator": "below", "constant": {"number": limit}});
        json!({"by": "compare", "from": "$.income.amount", "comparison": comparison})
    };
    let mut all_of_a_body = said(element("$", None));
    all_of_a_body["type"] = json!("subtree");
    vec![
        document_only(Code::PersonLimitUnsaid, EXAMPLE, vec![Remove("/clauses/0/conditions/per_person")]),
        // The income itself, under another path, and all of a document.
        forget(document_only(
            Code::PersonLimitUnsaid,
            EXAMPLE,
            vec![Remove("/clauses/0/conditions/per_person")],
        )),
        forget(document_only(
            Code::DerivedFromIdentifier,
            EXAMPLE,
            vec![
                Set(delivered, element("$.known", Some(of_the_number()))),
                Set(
                    "/clauses/0/operations/0/people/-",
                    json!({
                        "at": {"place": "response", "path": "$.person"}, "identifies": "organisation_number",
                    }),
                ),
            ],
        )),
        document_only(
            Code::DerivedFromIdentifier,
            EXAMPLE,
            vec![Set(delivered, element("$.known", Some(of_the_number())))],
        ),
        document_only(
            Code::DerivedNarrows,
            EXAMPLE,
            vec![
                Set(delivered, element("$.income.below_twenty", Some(below("20000")))),
                Set(delivered, element("$.income.below_thirty", Some(below("25000")))),
                Set(delivered, element("$.income.below_forty", Some(below("40000")))),
            ],
        ),
        document_only(
            Code::DerivedManyStated,
            EXAMPLE,
            vec![
                Set(delivered, said(element("$.income.below_twenty", Some(below("20000"))))),
                Set(delivered, element("$.income.below_thirty", Some(below("25000")))),
                Set(delivered, element("$.income.below_forty", Some(below("40000")))),
            ],
        ),
        // Under another clause, and under another agreement; what one clause says already adds nothing.
        known_only(Code::DerivedNarrowsTogether, EXAMPLE, |context| others_tell(context, "16000")),
        // About the second of two values.
        known_only(Code::DerivedNarrowsTogether, EXAMPLE, |context| {
            let comparison = json!({"operator": "at_most", "constant": {"day": "2025-12-31"}});
            others_compare(context, "$.pension.began", &comparison);
        }),
        document_only(
            Code::DerivedNarrowsStated,
            EXAMPLE,
            vec![Set(
                "/clauses/0/operations/0/delivered/1/why_all",
                json!("The two laws have limits of their own"),
            )],
        )
        .knowing(|context| others_tell(context, "16000")),
        // A number is told about where the source has a text.
        document_only(
            Code::ElementNotDescribed,
            EXAMPLE,
            vec![Set(
                "/clauses/0/operations/0/delivered/1/derived",
                json!({"by": "exists", "from": "$.income.unknown"}),
            )],
        ),
        document_only(
            Code::ElementNotDescribed,
            EXAMPLE,
            vec![Set("/clauses/0/operations/0/delivered/1/sensitivity", json!("personal"))],
        ),
        // What is said in a request's body is described and classified like what is answered.
        document_only(
            Code::ElementNotDescribed,
            EXAMPLE,
            vec![Set("/clauses/0/operations/1/request/elements/0/type", json!("number"))],
        ),
        known_only(Code::ElementNotDescribed, EXAMPLE, |context| {
            for (_, service) in &mut context.services {
                let request = service.operations[1].request.as_mut().expect("the example has one");
                request.elements.truncate(1);
            }
        }),
        forget(document_only(
            Code::SubtreeUnreasoned,
            EXAMPLE,
            vec![Set("/clauses/0/operations/1/request/elements/0/type", json!("subtree"))],
        )),
        known_only(Code::ElementNotDescribed, EXAMPLE, |context| {
            for (_, service) in &mut context.services {
                service.operations[0].elements[5].kind = verbond_agreement::SourceType::Number;
            }
        }),
        forget(document_only(
            Code::SubtreeOfAll,
            EXAMPLE,
            vec![Set("/clauses/0/operations/1/request/elements", json!([all_of_a_body]))],
        )),
        forget(document_only(
            Code::DerivedSourceDelivered,
            EXAMPLE,
            vec![
                Set("/clauses/0/operations/0/delivered", json!([element("$.below", Some(below("1")))])),
                delivers("$.items[*].amount"),
            ],
        )),
    ]
}

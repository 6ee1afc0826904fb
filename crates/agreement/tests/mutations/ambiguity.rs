//! What could be read in two ways.

use serde_json::{Value, json};
use verbond_agreement::check::Code;

use crate::{Change::Set, Mutation, document_only, known_only};

/// The path of the first element that is delivered.
const PATH: &str = "/clauses/0/operations/0/delivered/0/path";

/// An operation of pensioners' incomes beside the first, for the same request or another.
fn beside(path: &str, sensitivity: &str) -> Value {
    json!({
        "name": "beside", "method": "GET", "path": path,
        "parameters": [
            {"name": "who", "place": "path", "required": true, "values": {"allow": "identifier", "longest": 20}, "identifies": "pseudonym"}
        ],
        "content_type": "application/json", "record": "$",
        "delivered": [
            {"path": "$.year", "type": "integer", "category": "income", "sensitivity": sensitivity, "meaning": "The year"}
        ],
        "people": [{"at": {"place": "parameter", "name": "who"}, "identifies": "pseudonym"}],
    })
}

/// A parameter of the first operation that is agreed by a list.
fn listed(value: &str) -> Value {
    json!({"name": "part", "place": "query", "values": {"allow": "one_of", "values": ["gross", value]}})
}

pub fn all() -> Vec<Mutation> {
    let mut all = spellings();
    all.extend(operations());
    all.extend(ends());
    all
}

fn spellings() -> Vec<Mutation> {
    let spelled = |path: &str| {
        document_only(Code::PathSpelledOtherwise, "pensioners", vec![Set(PATH, json!(path))])
            .knowing(|context| context.services.clear())
    };
    let odd = |path: &str| {
        document_only(Code::NameNotPlain, "pensioners", vec![Set(PATH, json!(path))])
            .knowing(|context| context.services.clear())
    };
    vec![
        spelled("$['year']"),
        spelled(r#"$["year"]"#),
        // A citizen service number by an escape: no list of names knows it like this.
        spelled(r"$['b\u0073n']"),
        document_only(
            Code::PathSpelledOtherwise,
            "answers",
            vec![Set("/clauses/0/operations/0/delivered/1/derived/from", json!("$['income'].amount"))],
        )
        .knowing(|context| context.services.clear()),
        // The same by a Cyrillic letter, by one that cannot be seen, and an accent apart from its letter.
        odd("$.b\u{455}n"),
        odd("$.ye\u{200b}ar"),
        odd("$.ge\u{308}nd"),
        document_only(
            Code::LanguagesDiffer,
            "pensioners",
            vec![
                Set("/why/nl", json!("Wie minder dan 15.480,50 euro heeft, krijgt een brief in 2027.")),
                Set("/why/en", json!("Whoever has less than 15,480.50 euro gets a letter in 2028.")),
            ],
        ),
        document_only(
            Code::LanguagesDiffer,
            "pensioners",
            vec![Set("/clauses/0/purpose_text/en", json!("Sending a letter, and 100 visits."))],
        ),
    ]
}

fn operations() -> Vec<Mutation> {
    let more = |path: &str, sensitivity: &str| Set("/clauses/0/operations/-", beside(path, sensitivity));
    vec![
        // Another name for the same request, in which the same is harmless.
        document_only(Code::ElementSaidTwoWays, "pensioners", vec![more("/incomes/{who}", "sensitive")])
            .knowing(|context| context.services.clear()),
        // What the source describes beside it, and nobody agreed on.
        known_only(Code::OperationCoversAnother, "pensioners", |context| {
            let described = json!({
                "service": "incomes", "title": "Incomes", "description": "Of people.",
                "operations": [
                    {"name": "income-of-person", "method": "GET", "path": "/incomes/{person}", "parameters": [],
                     "content_type": "application/json", "record": "$", "people": [], "elements": [
                        {"path": "$.year", "type": "integer", "category": "income", "sensitivity": "personal", "meaning": "The year"},
                        {"path": "$.income.below_minimum", "type": "boolean", "category": "income", "sensitivity": "sensitive",
                         "meaning": "Whether"}
                     ]},
                    {"name": "all", "method": "GET", "path": "/incomes/everybody", "parameters": [],
                     "content_type": "application/json", "record": "$", "people": [], "elements": []},
                    {"name": "more", "method": "POST", "path": "/incomes/everybody", "parameters": [],
                     "content_type": "application/json", "record": "$", "people": [], "elements": []},
                ],
            });
            let provider = "oin:00000099000000030000".parse().expect("an identifier");
            context.services = vec![(provider, serde_json::from_value(described).expect("a description"))];
        }),
        document_only(
            Code::ValueOfMany,
            "pensioners",
            vec![Set("/clauses/0/operations/0/parameters/-", listed("*"))],
        ),
        document_only(
            Code::ValueOfMany,
            "pensioners",
            vec![Set("/clauses/0/operations/0/parameters/-", listed("gross,net"))],
        ),
    ]
}

/// Of what lasts for good.
fn ends() -> Vec<Mutation> {
    vec![
        document_only(
            Code::TermWithoutEnd,
            "freight",
            vec![Set("/term/until", json!("9999-12-31T23:59:59Z"))],
        ),
        document_only(
            Code::GroundWithoutEnd,
            "pensioners",
            vec![
                Set("/term/until", json!("2033-12-01T00:00:00Z")),
                Set("/clauses/0/receivers/0/side/ground/ground/valid_until", json!("2034-01-01")),
            ],
        ),
    ]
}

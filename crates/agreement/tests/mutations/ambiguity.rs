//! What could be read in two ways.

use serde_json::{Value, json};
use verbond_agreement::check::{CheckContext, Code};

use super::order::Clean;
use crate::{
    Change::{self, Set},
    Known, Mutation, document_only, known_only,
    support::document,
};

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
            context.services.clear();
            describes(context, &[("GET", "/incomes/everybody"), ("POST", "/incomes/everybody")]);
        }),
        // What another clause agrees on of the same service.
        document_only(
            Code::OperationCoversAnother,
            "pensioners",
            vec![Set("/clauses/-", another_clause("/incomes/everybody"))],
        )
        .knowing(|context| context.services.clear()),
        otherwise("type", json!("string")),
        otherwise("identifies", json!("pseudonym")),
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

/// The same request again, with its element said otherwise.
fn otherwise(member: &str, said: Value) -> Mutation {
    let mut operation = beside("/incomes/{who}", "personal");
    operation["delivered"][0][member] = said;
    let changes = vec![Set("/clauses/0/operations/-", operation)];
    document_only(Code::ElementSaidTwoWays, "pensioners", changes).knowing(|context| context.services.clear())
}

/// The first clause again under another name, about one operation of the same service.
fn another_clause(path: &str) -> Value {
    let mut clause = document("pensioners").expect("an example")["clauses"][0].clone();
    clause["name"] = json!("another");
    let mut operation = beside(path, "personal");
    operation["parameters"][0]["place"] = json!("query");
    clause["operations"] = json!([operation]);
    clause
}

/// The provider describes these operations beside that of the example.
fn describes(context: &mut CheckContext, more: &[(&str, &str)]) {
    describes_as(context, "oin:00000099000000030000", "incomes", more);
}

fn describes_as(context: &mut CheckContext, provider: &str, service: &str, more: &[(&str, &str)]) {
    let mut operations = vec![json!({
        "name": "income-of-person", "method": "GET", "path": "/incomes/{person}", "parameters": [],
        "content_type": "application/json", "record": "$", "people": [], "elements": [
            {"path": "$.year", "type": "integer", "category": "income", "sensitivity": "personal", "meaning": "The year"},
            {"path": "$.income.below_minimum", "type": "boolean", "category": "income", "sensitivity": "sensitive", "meaning": "Whether"}
        ],
    })];
    operations.extend(more.iter().enumerate().map(|(number, (method, path))| {
        json!({
            "name": format!("more-{number}"), "method": method, "path": path, "parameters": [],
            "content_type": "application/json", "record": "$", "people": [], "elements": [],
        })
    }));
    let described = json!({"service": service, "title": "Incomes", "description": "Of people.", "operations": operations});
    let provider = provider.parse().expect("an identifier");
    context.services.push((provider, serde_json::from_value(described).expect("a description")));
}

/// What can be read in one way only, however near it comes.
pub fn neighbours() -> Vec<Clean> {
    let known = |known: Known| Clean { example: "pensioners", changes: Vec::new(), known };
    let changed = |changes: Vec<Change>| Clean {
        example: "pensioners",
        changes,
        known: |context| context.services.clear(),
    };
    let more = |operation: Value| changed(vec![Set("/clauses/0/operations/-", operation)]);
    let texts = |nl: &str, en: &str| changed(vec![Set("/why/nl", json!(nl)), Set("/why/en", json!(en))]);
    let mut posted = beside("/incomes/{who}", "sensitive");
    posted["method"] = json!("POST");
    let mut everybody = beside("/incomes/everybody", "personal");
    everybody["parameters"][0]["place"] = json!("query");
    vec![
        // Another method, a longer path, another place, another service, another provider.
        known(|context| {
            context.services.clear();
            describes(
                context,
                &[
                    ("POST", "/incomes/everybody"),
                    ("GET", "/incomes/everybody/more"),
                    ("GET", "/others/everybody"),
                ],
            );
        }),
        known(|context| {
            context.services.clear();
            describes(context, &[]);
            describes_as(context, "oin:00000099000000030000", "benefits", &[("GET", "/incomes/everybody")]);
            describes_as(context, "oin:00000099000000050000", "incomes", &[("GET", "/incomes/everybody")]);
        }),
        // The same said again, and something else of another request.
        more(beside("/incomes/{who}", "personal")),
        more(beside("/benefits/{who}", "sensitive")),
        more(beside("/incomes/{who}/more", "sensitive")),
        more(posted),
        // What the clause has agreed on beside it.
        more(everybody),
        texts(
            "Wie minder dan 15.480,50 euro heeft, krijgt een brief in 2027.",
            "In 2027 whoever has less than 15,480.50 euro gets a letter.",
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

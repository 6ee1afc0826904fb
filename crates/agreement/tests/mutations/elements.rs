//! Elements, operations and numbers.

use serde_json::{Value, json};
use verbond_agreement::check::Code;

use crate::{
    Change::{Remove, Set},
    Mutation, document_only, known_only,
};

/// What the first operation delivers.
const DELIVERED: &str = "/clauses/0/operations/0/delivered";

/// All that the source says of somebody, with words that say why.
fn of_all() -> Value {
    let mut element = subtree(Some("All of it is needed to be sure"));
    element["path"] = json!("$");
    element
}

fn subtree(why: Option<&str>) -> Value {
    let mut element = json!({
        "path": "$.income", "type": "subtree", "category": "income", "sensitivity": "personal",
        "meaning": "All on the income",
    });
    if let Some(why) = why {
        element["why_all"] = json!(why);
    }
    element
}

pub fn all() -> Vec<Mutation> {
    let mut all = elements();
    all.extend(documents());
    all.extend(numbers());
    all
}

fn elements() -> Vec<Mutation> {
    vec![
        document_only(
            Code::ElementMisclassified,
            "early-detection",
            vec![Set("/clauses/0/operations/0/delivered/0/sensitivity", json!("not_personal"))],
        )
        .knowing(|context| context.services.clear()),
        // Under the names of people, said to be about nobody.
        document_only(
            Code::NamedAsPersonal,
            "open-addresses",
            vec![Set("/clauses/0/operations/0/delivered/0/path", json!("$.features[*].geboorteDatum"))],
        )
        .knowing(|context| context.services.clear()),
        document_only(
            Code::NumberNotMarked,
            "pensioners",
            vec![Set("/clauses/0/operations/0/delivered/0/path", json!("$.burgerservicenummer"))],
        )
        .knowing(|context| context.services.clear()),
        document_only(
            Code::PeopleListed,
            "pensioners",
            vec![Set(
                "/clauses/0/operations/0/parameters/0/values",
                json!({ "allow": "one_of", "values": ["P-0042"] }),
            )],
        ),
        // Sought by a parameter that is not marked as naming anybody.
        document_only(
            Code::PeopleListed,
            "answers",
            vec![
                Set(
                    "/clauses/0/operations/0/parameters/0/values",
                    json!({ "allow": "one_of", "values": ["P-0042"] }),
                ),
                Remove("/clauses/0/operations/0/parameters/0/identifies"),
            ],
        )
        .knowing(|context| context.services.clear()),
        known_only(Code::OperationNotDescribed, "early-detection", |context| {
            context.services.iter_mut().for_each(|(_, service)| service.operations.clear());
        }),
        document_only(
            Code::OperationNotDescribed,
            "early-detection",
            vec![Set("/clauses/0/operations/0/path", json!("/customers"))],
        ),
        // What the source calls a special category is offered as if it were nobody's.
        document_only(
            Code::ElementNotDescribed,
            "early-detection",
            vec![Set(
                "/clauses/0/operations/0/delivered/-",
                json!({
                    "path": "$.items[*].health", "type": "string", "category": "health",
                    "sensitivity": "not_personal", "meaning": "A remark",
                }),
            )],
        ),
        document_only(
            Code::ElementNotDescribed,
            "early-detection",
            vec![Set("/clauses/0/operations/0/delivered/1/path", json!("$.items[*].unknown"))],
        ),
        document_only(
            Code::ElementNotDescribed,
            "early-detection",
            vec![Set("/clauses/0/operations/0/delivered/1/type", json!("number"))],
        ),
        document_only(
            Code::ElementNotDescribed,
            "early-detection",
            vec![Remove("/clauses/0/operations/0/delivered/0/identifies")],
        ),
        document_only(Code::SubtreeUnreasoned, "pensioners", vec![Set(DELIVERED, json!([subtree(None)]))]),
        document_only(
            Code::SubtreePersonal,
            "pensioners",
            vec![Set(DELIVERED, json!([subtree(Some("Its parts differ per year"))]))],
        ),
        document_only(Code::SubtreeOfAll, "pensioners", vec![Set(DELIVERED, json!([of_all()]))]),
        document_only(
            Code::OperationNotProjectable,
            "pensioners",
            vec![Set("/clauses/0/operations/0/delivered/0/path", json!("$.@id"))],
        )
        .knowing(|context| context.services.clear()),
        document_only(
            Code::OperationNotProjectable,
            "pensioners",
            vec![Set("/clauses/0/operations/0/content_type", json!("text/csv"))],
        ),
        document_only(
            Code::OperationNotProjectable,
            "pensioners",
            vec![Set("/clauses/0/operations/0/content_type", json!("application/json-seq"))],
        ),
        document_only(
            Code::PersonUnsaid,
            "pensioners",
            vec![Set("/clauses/0/operations/0/people", json!([]))],
        ),
        document_only(
            Code::PersonPlaceUnknown,
            "assistance",
            vec![Set("/clauses/0/operations/0/people/0/at/name", json!("somebody"))],
        ),
        document_only(
            Code::PersonOutsideRecord,
            "early-detection",
            vec![Set("/clauses/0/operations/0/people/0/at/path", json!("$.elsewhere[*].customer"))],
        ),
        document_only(
            Code::PersonLimitWithoutPerson,
            "collaboration",
            vec![Set("/clauses/0/operations/0/people", json!([]))],
        ),
        document_only(
            Code::FreeTextParameter,
            "freight",
            vec![Set(
                "/clauses/0/operations/0/parameters/0/values",
                json!({ "allow": "text", "longest": 35 }),
            )],
        ),
    ]
}

fn documents() -> Vec<Mutation> {
    let content_type = "/clauses/0/operations/0/content_type";
    let mut all: Vec<_> = [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/geo+json",
        "application/x-ndjson",
        "application/json-seq",
    ]
    .into_iter()
    .map(|kind| {
        document_only(Code::WholeDocumentProjectable, "assistance", vec![Set(content_type, json!(kind))])
    })
    .collect();
    all.push(document_only(
        Code::WholeDocumentPeople,
        "assistance",
        vec![Set(
            "/clauses/0/operations/0/people/-",
            json!({ "at": { "place": "response", "path": "$.partner.number" }, "identifies": "pseudonym" }),
        )],
    ));
    all.push(document_only(
        Code::WholeDocumentAndElements,
        "assistance",
        vec![Set(
            "/clauses/0/operations/0/delivered/-",
            json!({
                "path": "$.total", "type": "number", "category": "assets", "sensitivity": "sensitive",
                "meaning": "The total",
            }),
        )],
    ));
    all.push(document_only(
        Code::WholeDocumentAndElements,
        "open-addresses",
        vec![Set(
            "/clauses/0/operations/1/delivered/-",
            json!({
                "path": "$.total", "type": "number", "category": "building",
                "sensitivity": "not_personal", "meaning": "The total",
            }),
        )],
    ));
    all
}

fn numbers() -> Vec<Mutation> {
    let (provider, receiver) = (
        "/clauses/0/provider/ground/ground/national_number",
        "/clauses/0/receivers/0/side/ground/ground/national_number",
    );
    let wabb = json!({
        "provision": { "law": "BWBR0022428", "name": "Wabb", "article": "10", "version": "2026-01-01" },
    });
    vec![
        document_only(Code::NationalNumberWithoutGround, "pensioners", vec![Remove(provider)]),
        document_only(Code::NationalNumberWithoutGround, "pensioners", vec![Remove(receiver)]),
        // As an element only.
        document_only(
            Code::NationalNumberWithoutGround,
            "early-detection",
            vec![
                Set("/clauses/0/operations/0/delivered/1/identifies", json!("national_number")),
                Set(provider, wabb.clone()),
            ],
        ),
        // As the key by which a person is found only.
        document_only(
            Code::NationalNumberWithoutGround,
            "assistance",
            vec![
                Set("/clauses/0/operations/0/people/0/identifies", json!("national_number")),
                Set(receiver, wabb),
            ],
        ),
        document_only(
            Code::IdentifierInRequest,
            "assistance",
            vec![Set("/clauses/0/operations/0/parameters/0/identifies", json!("organisation_number"))],
        ),
    ]
}

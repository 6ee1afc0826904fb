//! Algorithms and assessments.

use serde_json::json;
use verbond_agreement::{
    DocumentHash,
    check::{AlgorithmReading, CheckContext, Code, Credential},
};

use crate::{
    Change::{Remove, Set},
    Mutation, document_only, known_only,
};

const EXAMPLE: &str = "early-detection";

pub fn all() -> Vec<Mutation> {
    let mut all = algorithms();
    all.extend(assessments());
    all.extend(authors());
    all
}

/// An algorithm as an agreement lists it.
pub fn listed(party: &str, name: &str) -> serde_json::Value {
    json!({
        "party": party, "name": name, "url": "https://algoritmes.test/selection", "register_id": "99000009",
        "version": "1", "title": "Selects",
    })
}

/// Its entry is found in the register.
pub fn register(context: &mut CheckContext) {
    let line = |text: &str| text.parse().expect("a line");
    context.algorithms.push(AlgorithmReading {
        url: line("https://algoritmes.test/selection"),
        register_id: line("99000009"),
        version: line("1"),
    });
}

fn algorithms() -> Vec<Mutation> {
    let conditions = "/clauses/0/conditions/algorithm";
    vec![
        document_only(
            Code::AlgorithmNotListed,
            EXAMPLE,
            vec![Set("/clauses/0/conditions/algorithm/names/-", json!("another"))],
        ),
        document_only(
            Code::AlgorithmsUnnamed,
            EXAMPLE,
            vec![Set("/clauses/0/conditions/algorithm/names", json!([]))],
        ),
        known_only(Code::AlgorithmNotInRegister, EXAMPLE, |context| context.algorithms.clear()),
        document_only(
            Code::AlgorithmNotInRegister,
            EXAMPLE,
            vec![Set("/algorithms/0/version", json!("2.2"))],
        ),
        document_only(
            Code::AlgorithmNotInRegister,
            EXAMPLE,
            vec![Set("/algorithms/0/register_id", json!("99000002"))],
        ),
        document_only(
            Code::AlgorithmNotInRegister,
            EXAMPLE,
            vec![Set("/algorithms/0/url", json!("https://algoritmes.test/another"))],
        ),
        // The list and the assessments give it away; then the assessments alone; then the register alone.
        document_only(Code::AlgorithmLeftOut, EXAMPLE, vec![Set(conditions, json!({ "use": "none" }))]),
        document_only(
            Code::AlgorithmLeftOut,
            EXAMPLE,
            vec![Set(conditions, json!({ "use": "none" })), Set("/algorithms", json!([]))],
        ),
        document_only(
            Code::AlgorithmLeftOut,
            EXAMPLE,
            vec![
                Set(conditions, json!({ "use": "none" })),
                Set("/algorithms", json!([])),
                Set("/assessments", json!([])),
            ],
        ),
        // The list alone gives it away.
        document_only(
            Code::AlgorithmLeftOut,
            "pensioners",
            vec![Set("/algorithms/-", listed("oin:00000099000000020000", "selection"))],
        )
        .knowing(register),
        document_only(Code::AssessmentMissing, EXAMPLE, vec![Set("/assessments", json!([]))]),
        // Another party's assessment, whatever it says to be of.
        document_only(
            Code::AssessmentAdvisable,
            "collaboration",
            vec![
                Set("/assessments/0/party", json!("oin:00000099000000030000")),
                Set("/assessments/0/assessment/activities", json!(["share-support", "case-meeting"])),
                Remove("/clauses/1"),
                Remove("/clauses/0/linkage"),
            ],
        )
        .knowing(|context| context.assessments.clear()),
        // Assessed for the activity, and not for the algorithm.
        document_only(
            Code::AssessmentMissing,
            "collaboration",
            vec![
                Set("/clauses/0/conditions/algorithm", json!({ "use": "these", "names": ["selection"] })),
                Set("/algorithms/-", listed("oin:00000099000000010000", "selection")),
            ],
        )
        .knowing(register),
        document_only(
            Code::AssessmentAdvisable,
            "collaboration",
            vec![
                Set("/assessments", json!([])),
                // The other clause on grave data goes, so that one finding is left.
                Remove("/clauses/1"),
                Remove("/clauses/0/linkage"),
            ],
        ),
    ]
}

fn assessments() -> Vec<Mutation> {
    let empty = DocumentHash::of(&[]).to_string();
    let mut all = vec![
        document_only(
            Code::AssessmentEmpty,
            EXAMPLE,
            vec![
                Set("/assessments/0/assessment/activities", json!([])),
                Set("/assessments/0/assessment/algorithms", json!([])),
            ],
        ),
        document_only(
            Code::AssessmentEmpty,
            EXAMPLE,
            vec![Set("/assessments/0/assessment/summary", json!("All is well."))],
        ),
        document_only(
            Code::AssessmentEmpty,
            EXAMPLE,
            vec![Set("/assessments/0/assessment/document", json!(empty))],
        ),
        document_only(
            Code::AssessmentEmpty,
            EXAMPLE,
            vec![Set("/assessments/0/assessment/document", json!(format!("sha256:{}", "0".repeat(64))))],
        ),
        document_only(
            Code::AssessmentOfSomethingElse,
            EXAMPLE,
            vec![
                Set("/assessments/0/assessment/activities", json!(["parking"])),
                Set("/assessments/0/assessment/algorithms", json!(["parking-fines"])),
            ],
        ),
        document_only(
            Code::AssessmentExpired,
            EXAMPLE,
            vec![Set("/assessments/0/assessment/valid_until", json!("2026-10-31"))],
        ),
        document_only(
            Code::TermBeyondAssessment,
            EXAMPLE,
            vec![Set("/assessments/0/assessment/valid_until", json!("2028-11-29"))],
        ),
        document_only(
            Code::AssessmentUnfinished,
            EXAMPLE,
            vec![Set("/assessments/0/assessment/made_on", json!("2026-11-02"))],
        ),
        document_only(
            Code::AssessmentNegative,
            EXAMPLE,
            vec![Set("/assessments/0/assessment/outcome", json!("negative"))],
        ),
    ];
    for mutation in &mut all {
        // What the register says changes along: it is the assessment itself that is at fault.
        mutation.known =
            |context| context.assessments.retain(|one| one.entry.name.as_str().ends_with("iama"));
    }
    all.push(document_only(
        Code::AssessmentDiffers,
        EXAMPLE,
        vec![Set("/assessments/0/assessment/title", json!("Another title"))],
    ));
    all
}

fn authors() -> Vec<Mutation> {
    vec![
        known_only(Code::AssessmentByProposer, EXAMPLE, |context| {
            context.assessments[0].recorded_by = Some(Credential("the drafter".to_owned()));
        }),
        // Confirmed by the same person under the same credential.
        known_only(Code::AssessmentByProposer, EXAMPLE, |context| {
            context.assessments[0].recorded_by = Some(Credential("the drafter".to_owned()));
            context.assessments[0].confirmed_by = Some(Credential("the drafter".to_owned()));
        }),
        document_only(
            Code::AssessmentByProposer,
            EXAMPLE,
            vec![Set("/assessments/0/assessment/made_by", json!("OPSTELLER "))],
        )
        .knowing(|context| context.assessments.clear()),
    ]
}

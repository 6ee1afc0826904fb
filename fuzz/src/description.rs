//! Drafts of descriptions from what somebody hands over: each reader returns on any input, and what it makes is refused by
//! the register for what is undecided and for nothing that it made up.

use verbond_description::{SampledOperation, from_openapi, from_sample, undecided};

/// An OpenAPI document and a sample at once.
pub fn description(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let service = "trees".parse().expect("a name");
    let operation: SampledOperation = "GET /trees/{id}".parse().expect("an operation");
    let made = [from_openapi(text, &service, &[]), from_sample(text, &service, &operation)];
    for imported in made.into_iter().flatten() {
        if let Ok(draft) = imported.to_json() {
            let refused = undecided(draft.as_bytes()).expect_err("people and meanings are to be decided");
            assert_eq!(refused.code, "DESCRIPTION_UNDECIDED");
        }
    }
}

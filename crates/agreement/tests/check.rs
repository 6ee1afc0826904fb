//! `check`: the examples are clean, and each thing that can be missing is found, alone, when it is taken away.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "mutations of examples that are known")]

use std::collections::BTreeSet;

use serde_json::Value;
use verbond_agreement::check::{CheckContext, Code, Severity, check, check_findings, may_be_offered};

mod mutations {
    pub mod algorithms;
    pub mod ambiguity;
    pub mod derived;
    pub mod elements;
    pub mod grounds;
    pub mod order;
    pub mod parties;
}
mod support;

use support::{EXAMPLES, Outcome, context, document, file, parsed, remove, set};

/// A change to a document.
pub enum Change {
    /// Put there.
    Set(&'static str, Value),
    /// Take away.
    Remove(&'static str),
}

impl Change {
    fn make(&self, document: &mut Value) -> Outcome {
        match self {
            Self::Set(pointer, value) => set(document, pointer, value.clone()),
            Self::Remove(pointer) => remove(document, pointer),
        }
    }
}

/// A change to what is known.
pub type Known = fn(&mut CheckContext);

/// What makes exactly this code appear in an example.
pub struct Mutation {
    /// The code.
    pub code: Code,
    /// The example.
    pub example: &'static str,
    /// Changes to it.
    pub changes: Vec<Change>,
    /// Changes to what is known.
    pub known: Known,
}

impl Mutation {
    /// With other things known, too.
    pub fn knowing(mut self, known: Known) -> Self {
        self.known = known;
        self
    }
}

/// A mutation of the document only.
pub fn document_only(code: Code, example: &'static str, changes: Vec<Change>) -> Mutation {
    Mutation { code, example, changes, known: |_| {} }
}

/// A mutation of what is known only.
pub fn known_only(code: Code, example: &'static str, known: Known) -> Mutation {
    Mutation { code, example, changes: Vec::new(), known }
}

fn mutations() -> Vec<Mutation> {
    let families = [
        mutations::grounds::all(),
        mutations::elements::all(),
        mutations::derived::all(),
        mutations::algorithms::all(),
        mutations::ambiguity::all(),
        mutations::parties::all(),
    ];
    families.into_iter().flatten().collect()
}

#[test]
fn the_examples_are_clean() -> Outcome {
    for example in EXAMPLES {
        let findings = check(&parsed(&document(example)?)?, &context(example)?);
        let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
        // The income register's own path holds the number; that is worth a look each time.
        let expected = if example == "pensioners" { vec![Code::IdentifierInRequest] } else { vec![] };
        assert_eq!(codes, expected, "{example}: {findings:#?}");
        assert!(may_be_offered(&findings));
    }
    Ok(())
}

#[test]
fn each_thing_that_is_missing_is_found_alone() -> Outcome {
    let mut wrong = Vec::new();
    for (number, mutation) in mutations().iter().enumerate() {
        let mut document = document(mutation.example)?;
        let mut context = context(mutation.example)?;
        let before = check(&parsed(&document)?, &context);
        for change in &mutation.changes {
            change.make(&mut document)?;
        }
        (mutation.known)(&mut context);
        let agreement =
            parsed(&document).map_err(|error| format!("{number} {:?}: {error}", mutation.code))?;
        let after = check(&agreement, &context);
        let more: Vec<_> = after.iter().filter(|finding| !before.contains(finding)).collect();
        let codes: Vec<_> = more.iter().map(|finding| finding.code).collect();
        let lost = before.iter().any(|finding| !after.contains(finding));
        if codes != [mutation.code] || lost {
            wrong.push(format!("{number} {:?} in {}: {codes:?}", mutation.code, mutation.example));
            continue;
        }
        for finding in more {
            assert_eq!(may_be_offered(&after), finding.severity == Severity::Warns, "{:?}", finding.code);
            let whole = serde_json::to_value(&agreement)?;
            // Where something is missing altogether, the pointer says where it belongs.
            let place = finding.pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
            assert!(whole.pointer(place).is_some(), "{:?}: {}", finding.code, finding.pointer);
            for text in [&finding.sentence.nl, &finding.sentence.en, &finding.mend.nl, &finding.mend.en] {
                assert!(
                    !text.contains(['{', '}']) || text.contains("/{person}"),
                    "{:?}: {text}",
                    finding.code
                );
                assert!(!text.contains("  ") && !text.contains("``"), "{:?}: {text}", finding.code);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

fn codes(document: &Value) -> Result<BTreeSet<Code>, Box<dyn std::error::Error>> {
    let mut context = context("assistance")?;
    context.services.clear();
    Ok(check(&parsed(document)?, &context).iter().map(|finding| finding.code).collect())
}

#[test]
fn a_clause_is_about_people_by_a_number_alone_whatever_its_sensitivity() -> Outcome {
    let mut document = document("open-addresses")?;
    assert!(!codes(&document)?.contains(&Code::GroundMissing));
    set(&mut document, "/clauses/0/operations/0/delivered/0/identifies", "national_number".into())?;
    assert!(codes(&document)?.contains(&Code::GroundMissing));
    Ok(())
}

#[test]
fn names_of_people_say_nothing_new_of_what_is_about_people() -> Outcome {
    let mut document = document("assistance")?;
    let operation = "/clauses/0/operations/0";
    let parameter =
        serde_json::json!({ "name": "geboortedatum", "place": "query", "values": { "allow": "day" } });
    set(&mut document, &format!("{operation}/parameters/-"), parameter)?;
    set(&mut document, &format!("{operation}/whole_document/categories/0"), "geboortedatum".into())?;
    assert!(!codes(&document)?.contains(&Code::NamedAsPersonal));
    set(&mut document, &format!("{operation}/whole_document/sensitivity"), "not_personal".into())?;
    assert!(codes(&document)?.contains(&Code::NamedAsPersonal));
    Ok(())
}

#[test]
fn every_code_has_its_mutation() {
    let tried: BTreeSet<_> = mutations().iter().map(|mutation| mutation.code).collect();
    let missing: Vec<_> = Code::ALL.iter().filter(|code| !tried.contains(code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.entry().code).collect();
    assert_eq!(names.len(), Code::ALL.len());
}

#[test]
fn the_list_of_findings_is_up_to_date() -> Outcome {
    let path = file("../../../docs/reference/check-findings.md");
    let written = std::fs::read_to_string(path)?;
    assert!(written.trim_end() == check_findings().trim_end(), "run scripts/generate");
    Ok(())
}

/// What must not be found: a rule that fires too often teaches people to look away.
#[test]
fn what_is_in_order_is_left_alone() -> Outcome {
    for (number, clean) in mutations::order::all().into_iter().enumerate() {
        let mut document = document(clean.example)?;
        let mut context = context(clean.example)?;
        let before = check(&parsed(&document)?, &context);
        for change in &clean.changes {
            change.make(&mut document)?;
        }
        (clean.known)(&mut context);
        assert_eq!(check(&parsed(&document)?, &context), before, "{number} {}", clean.example);
    }
    Ok(())
}

//! Answers instead of data: only where they hide what they are told from.

use super::{
    CheckContext, Code,
    finding::{Findings, Words},
    narrowing::says_why,
    view::{ClauseView, clauses},
};
use crate::{Agreement, Derivation, Element, IdentifierKind, Operation, PersonPlace};

/// So many constants for one source in a clause, and the answers together come near to the value.
const MANY_CONSTANTS: usize = 5;

pub(super) fn rules(agreement: &Agreement, context: &CheckContext, findings: &mut Findings) {
    for view in clauses(agreement).filter(|view| view.clause.derives()) {
        let name = Some(&view.clause.name);
        if view.clause.conditions.per_person.is_none() {
            let at = format!("{}/conditions/per_person", view.pointer());
            findings.add(Code::PersonLimitUnsaid, name, at, []);
        }
        for (operation, at) in view.operations() {
            for (number, element) in operation.delivered.iter().enumerate() {
                let Some(derivation) = &element.derived else { continue };
                let filling = || [path(element), ("source", format!("`{}`", derivation.from()).into())];
                let at = format!("{at}/delivered/{number}");
                if delivered_elsewhere(&view, operation, element, derivation) {
                    findings.add(Code::DerivedSourceDelivered, name, &*at, filling());
                }
                if derivation.judges_value() && identifies(&view, operation, derivation, context) {
                    findings.add(Code::DerivedFromIdentifier, name, &*at, filling());
                }
                if constants(operation, derivation) > MANY_CONSTANTS
                    && is_first(operation, number, derivation)
                {
                    let about = |one: &&Element| {
                        one.derived.as_ref().is_some_and(|other| other.from() == derivation.from())
                    };
                    let stated = operation.delivered.iter().filter(about).any(says_why);
                    let code = if stated { Code::DerivedManyStated } else { Code::DerivedNarrows };
                    findings.add(code, name, at, filling());
                }
            }
        }
    }
}

fn path(element: &Element) -> (&'static str, Words) {
    ("elements", format!("`{}`", element.path).into())
}

/// The last name on a path: what a source calls the value, wherever it stands.
pub(super) fn called(path: &str) -> &str {
    path.rsplit(['.', '[']).find(|part| *part != "*]").unwrap_or(path)
}

/// Whether another operation of the clause gives the value that is told about here. Within one operation the document is
/// refused as such.
fn delivered_elsewhere(
    view: &ClauseView<'_>,
    operation: &Operation,
    element: &Element,
    derivation: &Derivation,
) -> bool {
    let others = view.clause.operations.iter().filter(|other| other.name != operation.name);
    others.clone().any(|other| {
        other.whole_document.as_ref().is_some_and(|whole| whole.categories.contains(&element.category))
    }) || others.flat_map(|other| &other.delivered).any(|other| {
        other.derived.is_none()
            && other.category == element.category
            && called(other.path.as_str()) == called(derivation.from().as_str())
    })
}

/// Whether the source is a number by which a person is known: to hold it against constants is to give it away in parts.
fn identifies(
    view: &ClauseView<'_>,
    operation: &Operation,
    derivation: &Derivation,
    context: &CheckContext,
) -> bool {
    let from = derivation.from();
    let person = |kind: IdentifierKind| kind != IdentifierKind::Pseudonym;
    let people = operation.people.iter().filter(|one| person(one.identifies));
    let mut named = people.filter_map(|one| match &one.at {
        PersonPlace::Response { path } => Some(path),
        PersonPlace::Parameter { .. } => None,
    });
    let service = &view.clause.service;
    let described = context
        .services
        .iter()
        .filter(|(provider, described)| *provider == service.provider && described.service == service.name)
        .flat_map(|(_, described)| &described.operations)
        .filter(|one| one.name == operation.name)
        .flat_map(|one| &one.elements);
    named.any(|path| path == from)
        || described.clone().any(|one| one.path == *from && one.identifies.is_some_and(person))
}

/// Against how many constants one source is held in an operation.
fn constants(operation: &Operation, derivation: &Derivation) -> usize {
    let same = operation.delivered.iter().filter_map(|one| one.derived.as_ref());
    same.filter(|one| one.from() == derivation.from()).map(Derivation::constants).sum()
}

fn is_first(operation: &Operation, number: usize, derivation: &Derivation) -> bool {
    let mut before = operation.delivered.iter().take(number).filter_map(|one| one.derived.as_ref());
    !before.any(|one| one.from() == derivation.from())
}

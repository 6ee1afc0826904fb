//! Names that say that data is about people, whatever the agreement calls it: without this rule an agreement whose elements
//! are all said not to be personal would need no ground, no activity and nobody's advice.

use super::{
    CheckContext, Code,
    finding::Findings,
    view::{ClauseView, clauses},
};
use crate::{
    Agreement, AllowedValues, Element, IdentifierKind, PersonPlace,
    open_class::{names_people, names_the_national_number},
};

pub(super) fn rules(agreement: &Agreement, _context: &CheckContext, findings: &mut Findings) {
    for view in clauses(agreement) {
        for (operation, at) in view.operations() {
            for (number, element) in operation.delivered.iter().enumerate() {
                element_named(&view, element, &format!("{at}/delivered/{number}"), findings);
            }
            for (number, element) in operation.asked().enumerate() {
                element_named(&view, element, &format!("{at}/request/elements/{number}"), findings);
            }
            for (number, parameter) in operation.parameters.iter().enumerate() {
                let name = parameter.name.as_str();
                let at = format!("{at}/parameters/{number}");
                number_named(&view, name, parameter.identifies, &at, findings);
                let sought = operation.people.iter().filter_map(|person| match &person.at {
                    PersonPlace::Parameter { name } if *name == parameter.name => Some(person.identifies),
                    _ => None,
                });
                // Numbers of organisations are no people's.
                let of_people = sought
                    .chain(parameter.identifies)
                    .any(|kind| matches!(kind, IdentifierKind::NationalNumber | IdentifierKind::Pseudonym));
                if of_people && matches!(parameter.values, AllowedValues::OneOf { .. }) {
                    add(&view, Code::PeopleListed, name, &at, findings);
                }
                if names_people(name) && !view.is_personal() {
                    add(&view, Code::NamedAsPersonal, name, &at, findings);
                }
            }
            let whole = operation.whole_document.iter().filter(|one| !one.sensitivity.is_personal());
            for category in whole.flat_map(|one| &one.categories).filter(|one| names_people(one.as_str())) {
                add(
                    &view,
                    Code::NamedAsPersonal,
                    category.as_str(),
                    &format!("{at}/whole_document"),
                    findings,
                );
            }
        }
    }
}

fn element_named(view: &ClauseView<'_>, element: &Element, at: &str, findings: &mut Findings) {
    let path = element.path.as_str();
    // What is told of a value is as much about people as the value.
    let source = element.derived.as_ref().map_or(path, |derivation| derivation.from().as_str());
    let named = [path, source, element.category.as_str()].into_iter().any(names_people);
    // Marked as a number of somebody and not as personal has a finding of its own.
    if named && element.identifies.is_none() && !element.sensitivity.is_personal() {
        add(view, Code::NamedAsPersonal, path, at, findings);
    }
    if element.derived.is_none() {
        number_named(view, path, element.identifies, at, findings);
    }
}

/// A national number that is not marked as one is counted for nobody, and nobody asks for the article that lets it be used.
fn number_named(
    view: &ClauseView<'_>,
    name: &str,
    identifies: Option<IdentifierKind>,
    at: &str,
    findings: &mut Findings,
) {
    if identifies != Some(IdentifierKind::NationalNumber) && names_the_national_number(name) {
        add(view, Code::NumberNotMarked, name, at, findings);
    }
}

fn add(view: &ClauseView<'_>, code: Code, name: &str, at: &str, findings: &mut Findings) {
    let filling = [("elements", format!("`{name}`").into())];
    findings.add(code, Some(&view.clause.name), at, filling);
}

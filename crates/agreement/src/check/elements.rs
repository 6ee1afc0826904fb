//! Elements and operations: said as the source says them, and no more than named.

use std::collections::BTreeSet;

use super::{
    CheckContext, Code,
    finding::{Findings, Words},
    view::{ClauseView, clauses},
};
use crate::{
    Agreement, AllowedValues, DescribedService, Element, Line, Operation, PersonPlace, SourceType,
    plan::{self, PlanError, Projected},
};

pub(super) fn rules(agreement: &Agreement, context: &CheckContext, findings: &mut Findings) {
    for view in clauses(agreement) {
        let service = &view.clause.service;
        let described = context
            .services
            .iter()
            .find(|(provider, described)| *provider == service.provider && described.service == service.name);
        for (operation, at) in view.operations() {
            whole(&view, operation, &at, findings);
            projectable(&view, operation, &at, findings);
            people(&view, operation, &at, findings);
            for (number, element) in operation.delivered.iter().enumerate() {
                single(
                    &view,
                    element,
                    Some(&operation.record),
                    &format!("{at}/delivered/{number}"),
                    findings,
                );
            }
            for (number, element) in operation.asked().enumerate() {
                single(&view, element, None, &format!("{at}/request/elements/{number}"), findings);
            }
            for (number, parameter) in operation.parameters.iter().enumerate() {
                if matches!(parameter.values, AllowedValues::Text { .. }) {
                    let filling = [("parameter", parameter.name.clone().into()), operation_name(operation)];
                    let at = format!("{at}/parameters/{number}/values");
                    findings.add(Code::FreeTextParameter, Some(&view.clause.name), at, filling);
                }
            }
            if let Some((_, described)) = described {
                as_described(&view, operation, described, &at, findings);
            }
        }
    }
}

fn operation_name(operation: &Operation) -> (&'static str, Words) {
    ("operation", format!("`{}`", operation.name).into())
}

/// Whether records of this type can be delivered element by element.
fn can_be_projected(content_type: &str) -> bool {
    let essence = plan::essence(content_type);
    let (_, subtype) = essence.split_once('/').unwrap_or_default();
    subtype.ends_with("json") || matches!(subtype, "jsonl" | "x-jsonlines")
}

/// Whether it is JSON of some form, so that it is not to go out whole. A sequence (RFC 7464) is, and cannot be read yet.
fn is_json(content_type: &str) -> bool {
    can_be_projected(content_type) || plan::essence(content_type) == "application/json-seq"
}

/// *Whole document* is for what cannot be taken apart, never a net.
fn whole(view: &ClauseView<'_>, operation: &Operation, at: &str, findings: &mut Findings) {
    if operation.whole_document.is_none() {
        return;
    }
    let (at, name) = (format!("{at}/whole_document"), Some(&view.clause.name));
    if is_json(operation.content_type.as_str()) {
        let content_type = ("content_type", operation.content_type.clone().into());
        findings.add(Code::WholeDocumentProjectable, name, &*at, [operation_name(operation), content_type]);
    }
    if !operation.delivered.is_empty() {
        findings.add(Code::WholeDocumentAndElements, name, &*at, [operation_name(operation)]);
    }
    if operation.people.iter().any(|person| matches!(person.at, PersonPlace::Response { .. })) {
        findings.add(Code::WholeDocumentPeople, name, at, [operation_name(operation)]);
    }
}

/// Whether what is agreed can be delivered at all: what is signed and can never work is found by nobody until it is used.
fn projectable(view: &ClauseView<'_>, operation: &Operation, at: &str, findings: &mut Findings) {
    if operation.delivered.is_empty() || operation.whole_document.is_some() {
        return;
    }
    let problem = match can_be_projected(operation.content_type.as_str()) {
        false => Some(format!("`{}`", operation.content_type)),
        true => [Projected::Source, Projected::Answer]
            .into_iter()
            .find_map(|projected| plan::projection(operation, &BTreeSet::new(), projected).err())
            // That a person stands outside the record has a finding of its own.
            .filter(|error| !matches!(error, PlanError::Person(..)))
            .map(|error| error.to_string()),
    };
    if let Some(problem) = problem {
        let filling = [operation_name(operation), ("problem", problem.into())];
        findings.add(Code::OperationNotProjectable, Some(&view.clause.name), at, filling);
    }
}

/// Whether it is known whom a record is about.
fn people(view: &ClauseView<'_>, operation: &Operation, at: &str, findings: &mut Findings) {
    let name = Some(&view.clause.name);
    let personal = operation.exchanged().any(|one| one.sensitivity.is_personal())
        || operation.whole_document.as_ref().is_some_and(|one| one.sensitivity.is_personal());
    if operation.people.is_empty() {
        let code = match view.clause.person_limit() {
            Some(_) => Code::PersonLimitWithoutPerson,
            None if personal => Code::PersonUnsaid,
            None => return,
        };
        findings.add(code, name, format!("{at}/people"), [operation_name(operation)]);
    }
    for (number, person) in operation.people.iter().enumerate() {
        let at = format!("{at}/people/{number}");
        match &person.at {
            PersonPlace::Parameter { name: parameter }
                if !operation.parameters.iter().any(|one| one.name == *parameter) =>
            {
                let filling = [operation_name(operation), ("parameter", parameter.clone().into())];
                findings.add(Code::PersonPlaceUnknown, name, at, filling);
            }
            PersonPlace::Response { path } if !plan::stands_within(path, &operation.record) => {
                let filling = [
                    operation_name(operation),
                    ("path", path.clone().into()),
                    ("record", operation.record.clone().into()),
                ];
                findings.add(Code::PersonOutsideRecord, name, at, filling);
            }
            _ => {}
        }
    }
}

/// One element by itself; one that is the record, or the document, is a whole document by another name.
fn single(
    view: &ClauseView<'_>,
    element: &Element,
    record: Option<&Line>,
    at: &str,
    findings: &mut Findings,
) {
    let personal = element.sensitivity.is_personal();
    let is_all = element.path.as_str() == "$" || record == Some(&element.path);
    let code = match (element.kind, &element.why_all) {
        _ if element.identifies.is_some() && !personal => Code::ElementMisclassified,
        (SourceType::Subtree, _) if personal && is_all => Code::SubtreeOfAll,
        (SourceType::Subtree, None) if personal => Code::SubtreeUnreasoned,
        (SourceType::Subtree, Some(_)) if personal => Code::SubtreePersonal,
        _ => return,
    };
    let filling = [("elements", format!("`{}`", element.path).into())];
    findings.add(code, Some(&view.clause.name), at, filling);
}

/// Whether the source describes what is agreed: what it calls sensitive is not made harmless by agreement.
fn as_described(
    view: &ClauseView<'_>,
    operation: &Operation,
    described: &DescribedService,
    at: &str,
    findings: &mut Findings,
) {
    let (clause, service) = (Some(&view.clause.name), ("service", described.service.clone().into()));
    let same = described.operations.iter().find(|one| {
        one.name == operation.name && one.method == operation.method && one.path == operation.path
    });
    let Some(same) = same else {
        findings.add(Code::OperationNotDescribed, clause, at, [operation_name(operation), service]);
        return;
    };
    let delivered = operation.delivered.iter().map(|element| (element, &*same.elements));
    let asked = same.request.as_ref().map_or(&[][..], |request| &request.elements);
    let places = delivered.enumerate().map(|(number, one)| (format!("{at}/delivered/{number}"), one));
    let requested = operation.asked().map(|element| (element, asked)).enumerate();
    let requested = requested.map(|(number, one)| (format!("{at}/request/elements/{number}"), one));
    for (at, (element, known)) in places.chain(requested) {
        let agrees = known.iter().any(|one| {
            // What is told about data is as sensitive as the data: the source's description says how much.
            let as_said = match &element.derived {
                Some(derivation) => one.path == *derivation.from() && derivation.fits(one.kind),
                None => one.path == element.path && one.kind == element.kind,
            };
            as_said
                && one.sensitivity <= element.sensitivity
                && one.category == element.category
                && (one.identifies.is_none()
                    || one.identifies == element.identifies
                    || element.derived.is_some())
        });
        if !agrees {
            let filling = [("elements", format!("`{}`", element.path).into()), service.clone()];
            findings.add(Code::ElementNotDescribed, clause, at, filling);
        }
    }
}

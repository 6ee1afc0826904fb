//! What could be read in two ways, so that people sign something else than machines enforce: one element said in two ways or
//! spelled in two, a path that comprises another operation's, a value that stands for many, names that do not look like what
//! they are, and two languages that tell different things.

use std::collections::BTreeSet;

use verbond_projection::{ElementPath, Step};

use super::{
    CheckContext, Code,
    finding::Findings,
    view::{ClauseView, clauses},
};
use crate::{
    Agreement, AllowedValues, Element, Line, Method, Operation, Parameter, PathTemplate, PersonPlace,
    Segment, TwoLanguages, plan, text::visible,
};

/// What sources take for a list, a range, a pattern or everything.
const OF_MANY: [char; 14] = ['*', '%', ',', ';', '|', '?', '[', '(', '{', '^', '$', '\\', '<', '>'];

pub(super) fn rules(agreement: &Agreement, context: &CheckContext, findings: &mut Findings) {
    for view in clauses(agreement) {
        for (operation, at) in view.operations() {
            names(&view, operation, &at, findings);
            covers(&view, operation, &at, context, findings);
            for (number, parameter) in operation.parameters.iter().enumerate() {
                let at = format!("{at}/parameters/{number}");
                plain(&view, parameter.name.as_str(), parameter.name.as_str(), &at, findings);
                stands_for_many(&view, parameter, &format!("{at}/values"), findings);
            }
        }
    }
    said_once(agreement, findings);
    languages(agreement, findings);
}

/// Paths as they are spelled. By one that is spelled otherwise than others spell it nothing is recognised: not a name of
/// something of people, not the value from which another answer is told.
fn names(view: &ClauseView<'_>, operation: &Operation, at: &str, findings: &mut Findings) {
    let delivered = operation.delivered.iter().enumerate().map(|one| ("delivered", one));
    let elements = delivered.chain(operation.asked().enumerate().map(|one| ("request/elements", one)));
    let mut paths: Vec<(&Line, String)> = vec![(&operation.record, format!("{at}/record"))];
    for (list, (number, element)) in elements {
        paths.push((&element.path, format!("{at}/{list}/{number}")));
        let source = element.derived.iter().map(|one| one.from());
        paths.extend(source.map(|from| (from, format!("{at}/{list}/{number}/derived"))));
    }
    for (number, person) in operation.people.iter().enumerate() {
        if let PersonPlace::Response { path } = &person.at {
            paths.push((path, format!("{at}/people/{number}")));
        }
    }
    for (path, at) in paths {
        // What is no path has a finding of its own.
        let Ok(parsed) = plan::path(path) else { continue };
        let spelled = parsed.to_string();
        if spelled != path.as_str() {
            let filling =
                [("elements", format!("`{path}`").into()), ("spelled", format!("`{spelled}`").into())];
            findings.add(Code::PathSpelledOtherwise, Some(&view.clause.name), &*at, filling);
        }
        let members: String = parsed.steps().iter().filter_map(member).collect();
        plain(view, &members, &spelled, &at, findings);
    }
}

fn member(step: &Step) -> Option<&str> {
    match step {
        Step::Member(name) => Some(name),
        Step::Items => None,
    }
}

/// Whether a name holds what is printed in ASCII and letters of the Latin script only, each in one piece.
fn plain(view: &ClauseView<'_>, name: &str, shown: &str, at: &str, findings: &mut Findings) {
    let is_plain = |one: char| matches!(one, ' '..='~' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}');
    let other: BTreeSet<char> = name.chars().filter(|one| !is_plain(*one)).collect();
    if !other.is_empty() {
        let characters: Vec<_> =
            other.iter().take(5).map(|one| format!("U+{:04X}", u32::from(*one))).collect();
        let filling = [
            ("elements", format!("`{}`", visible(shown)).into()),
            ("characters", characters.join(", ").into()),
        ];
        findings.add(Code::NameNotPlain, Some(&view.clause.name), at, filling);
    }
}

fn stands_for_many(view: &ClauseView<'_>, parameter: &Parameter, at: &str, findings: &mut Findings) {
    let AllowedValues::OneOf { values } = &parameter.values else { return };
    if let Some(value) = values.iter().find(|one| one.as_str().contains(OF_MANY)) {
        let filling = [
            ("value", format!("`{}`", visible(value.as_str())).into()),
            ("parameter", format!("`{}`", parameter.name).into()),
        ];
        findings.add(Code::ValueOfMany, Some(&view.clause.name), at, filling);
    }
}

/// Whether a request for what stands elsewhere would pass for one under this operation: a source does the operation whose path
/// says most (OpenAPI 3.1, Path Templating), whatever was agreed.
fn covers(
    view: &ClauseView<'_>,
    operation: &Operation,
    at: &str,
    context: &CheckContext,
    findings: &mut Findings,
) {
    let service = &view.clause.service;
    let agreed = clauses(view.agreement).filter(|other| other.clause.service == *service);
    let agreed = agreed.flat_map(|other| &other.clause.operations);
    let agreed = agreed.map(|one| (one.method, &one.path));
    let described = context.services.iter();
    let described =
        described.filter(|(provider, one)| *provider == service.provider && one.service == service.name);
    let described = described.flat_map(|(_, one)| &one.operations).map(|one| (one.method, &one.path));
    let mut others: Vec<(Method, &PathTemplate)> = Vec::new();
    for (method, path) in agreed.chain(described) {
        let here = view.clause.operations.iter().any(|one| one.method == method && one.path == *path);
        if !here && !others.contains(&(method, path)) && method == operation.method {
            others.push((method, path));
        }
    }
    for (method, other) in others {
        if comprises(operation, other) {
            let filling = [
                ("operation", format!("`{}`", operation.name).into()),
                ("other", format!("`{} {other}`", method.as_str()).into()),
            ];
            findings.add(Code::OperationCoversAnother, Some(&view.clause.name), at, filling);
        }
    }
}

/// Whether paths of another operation, which says more of them, are paths of this one too, with values that are agreed.
fn comprises(operation: &Operation, other: &PathTemplate) -> bool {
    let (ours, theirs) = (operation.path.segments(), other.segments());
    let permitted = |name: &str, value: &str| {
        let parameter = operation.parameters.iter().find(|one| one.name.as_str() == name);
        parameter.is_some_and(|one| one.values.permits(value))
    };
    let mut says_more = false;
    let meet = ours.iter().zip(theirs).all(|(ours, theirs)| match (ours, theirs) {
        (Segment::Literal(one), Segment::Literal(other)) => one == other,
        (Segment::Parameter(name), Segment::Literal(value)) => {
            says_more = true;
            permitted(name, value)
        }
        // From here on ours says more, unless theirs did before.
        (Segment::Literal(_), Segment::Parameter(_)) => says_more,
        (Segment::Parameter(_), Segment::Parameter(_)) => true,
    });
    ours.len() == theirs.len() && meet && says_more
}

/// One element of one request, wherever in the agreement it stands.
fn said_once(agreement: &Agreement, findings: &mut Findings) {
    type Said<'a> = (ClauseView<'a>, &'a Operation, &'a Element, ElementPath, String);
    let mut said: Vec<Said<'_>> = Vec::new();
    for view in clauses(agreement) {
        for (operation, at) in view.operations() {
            let plain = operation.delivered.iter().enumerate().filter(|(_, one)| one.derived.is_none());
            for (number, element) in plain {
                let Ok(path) = plan::path(&element.path) else { continue };
                let at = format!("{at}/delivered/{number}");
                let other = said.iter().find(|(other, theirs, one, known, _)| {
                    other.clause.service == view.clause.service
                        && same_request(theirs, operation)
                        && *known == path
                        && !says_the_same(one, element)
                });
                if let Some((other, theirs, ..)) = other {
                    let filling = [
                        ("elements", format!("`{}`", element.path).into()),
                        ("other", format!("`{}` (`{}`)", other.clause.name, theirs.name).into()),
                    ];
                    findings.add(Code::ElementSaidTwoWays, Some(&view.clause.name), &*at, filling);
                }
                said.push((view, operation, element, path, at));
            }
        }
    }
}

/// Whether two operations ask the source the same: parameters in the path count by where they stand.
fn same_request(one: &Operation, other: &Operation) -> bool {
    let segment = |(one, other): (&Segment, &Segment)| match (one, other) {
        (Segment::Literal(one), Segment::Literal(other)) => one == other,
        (Segment::Parameter(_), Segment::Parameter(_)) => true,
        _ => false,
    };
    let (ours, theirs) = (one.path.segments(), other.path.segments());
    one.method == other.method && ours.len() == theirs.len() && ours.iter().zip(theirs).all(segment)
}

fn says_the_same(one: &Element, other: &Element) -> bool {
    one.kind == other.kind
        && one.category == other.category
        && one.sensitivity == other.sensitivity
        && one.identifies == other.identifies
}

/// Numbers are what two languages have in common.
fn languages(agreement: &Agreement, findings: &mut Findings) {
    let mut told: Vec<(&TwoLanguages, Option<ClauseView<'_>>, String)> =
        vec![(&agreement.title, None, "/title".to_owned()), (&agreement.why, None, "/why".to_owned())];
    for view in clauses(agreement) {
        told.push((&view.clause.purpose_text, Some(view), format!("{}/purpose_text", view.pointer())));
        for side in view.sides() {
            let at = format!("{}/undertaking", side.pointer);
            told.extend(side.side.undertaking.iter().map(|one| (one, Some(view), at.clone())));
        }
    }
    for (text, view, at) in told {
        let (dutch, english) = (numbers(text.nl.as_str()), numbers(text.en.as_str()));
        let differ: Vec<_> = dutch.symmetric_difference(&english).take(5).map(String::as_str).collect();
        if !differ.is_empty() {
            let clause = view.map(|view| &view.clause.name);
            findings.add(Code::LanguagesDiffer, clause, at, [("numbers", differ.join(", ").into())]);
        }
    }
}

/// The numbers in a text, without what separates thousands and decimals: `15.480,50` and `15,480.50` are the same.
fn numbers(text: &str) -> BTreeSet<String> {
    let separates = |one: char| matches!(one, '.' | ',');
    let pieces = text.split(|one: char| !one.is_ascii_digit() && !separates(one));
    let digits = pieces.map(|piece| piece.chars().filter(char::is_ascii_digit).collect::<String>());
    digits.filter(|digits| !digits.is_empty()).collect()
}

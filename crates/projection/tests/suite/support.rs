//! Projections of a test, in few words.

use std::sync::Arc;

use verbond_projection::{
    Bounds, Comparison, Constant, Derivation, Element, ElementType, Fault, FaultKind, Form, Operator,
    Projection, ProjectionError, Projector, Rule, ScalarType,
};

pub const BOUNDS: Bounds = Bounds { record_bytes: 160, depth: 5, subject_bytes: 12, names_bytes: 200 };

/// Whether the number at `from` is below the constant; `count` counts how many are, `exists` whether there is one.
pub fn derived(path: &str, rule: &str, from: &str) -> Element {
    let below = |number: &str| Comparison {
        operator: Operator::Below,
        constant: Constant::Number(number.parse().unwrap()),
    };
    let rule = match rule.split_once(' ') {
        None if rule == "exists" => Rule::Exists,
        None => Rule::Count(None),
        Some(("count", number)) => Rule::Count(Some(below(number))),
        Some((_, number)) => Rule::Compare(below(number)),
    };
    let element_type = ElementType::Derived(Derivation { from: from.parse().unwrap(), rule }.into());
    Element { path: path.parse().unwrap(), element_type }
}

/// `path: type` with `?` for nullable.
pub fn element(text: &str) -> Element {
    let (path, kind) = text.split_once(": ").unwrap();
    let nullable = kind.ends_with('?');
    let scalar = match kind.trim_end_matches('?') {
        "string" => ScalarType::String,
        "integer" => ScalarType::Integer,
        "number" => ScalarType::Number,
        "boolean" => ScalarType::Boolean,
        _ => return Element { path: path.parse().unwrap(), element_type: ElementType::Subtree },
    };
    Element { path: path.parse().unwrap(), element_type: ElementType::Scalar { scalar, nullable } }
}

pub fn compile(
    elements: &[&str],
    record: &str,
    subjects: &[&str],
    form: Form,
) -> Result<Projection, ProjectionError> {
    compile_within(BOUNDS, elements, record, subjects, form)
}

pub fn compile_within(
    bounds: Bounds,
    elements: &[&str],
    record: &str,
    subjects: &[&str],
    form: Form,
) -> Result<Projection, ProjectionError> {
    let elements = elements.iter().map(|text| element(text)).collect();
    let subjects: Vec<_> = subjects.iter().map(|path| path.parse().unwrap()).collect();
    Projection::new(elements, &record.parse().unwrap(), &subjects, form, bounds)
}

pub fn projector(elements: &[&str], record: &str, subjects: &[&str], form: Form) -> Projector {
    Projector::new(Arc::new(compile(elements, record, subjects, form).unwrap()))
}

pub fn run(projector: &mut Projector, document: &[u8]) -> (String, Option<(u64, FaultKind)>) {
    let fault = projector.feed(document).and_then(|()| projector.finish()).err();
    let bytes = String::from_utf8(projector.take().into_bytes()).unwrap();
    (bytes, fault.map(|Fault { offset, kind }| (offset, kind)))
}

pub fn project(elements: &[&str], document: &str) -> String {
    let (bytes, fault) = run(&mut projector(elements, "$", &[], Form::Document), document.as_bytes());
    assert_eq!(fault, None, "{document}");
    bytes
}

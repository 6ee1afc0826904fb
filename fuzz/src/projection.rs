//! The projection of what a source answers: on any bytes it returns, and what comes out is what another method finds.
//!
//! The fuzz target calls it, and a test of the projection crate replays the corpus through it.

use std::sync::Arc;

use verbond_projection::{
    Band, Bounds, Comparison, Constant, Derivation, Element, ElementType, Form, Operator, Projection,
    Projector, Rule, ScalarType,
};

#[path = "../../crates/projection/tests/properties/oracle.rs"]
#[allow(dead_code, clippy::allow_attributes, reason = "the property test uses it all")]
mod oracle;

use oracle::Agreement;

/// Elements, record, subjects.
type Row = (&'static [(&'static str, &'static str)], &'static str, &'static [&'static str]);

const AGREEMENTS: [Row; 8] = [
    (&[("$[*].a", "string"), ("$[*].b.c", "number"), ("$[*].d[*]", "boolean")], "$[*]", &["$.id"]),
    (&[("$.rows[*].a", "string"), ("$.total", "number")], "$.rows[*]", &["$.id", "$.b[*].id"]),
    (&[("$.rows[*]", "subtree"), ("$.s", "subtree")], "$.rows[*].a", &["$"]),
    (&[("$", "string"), ("$.a", "number"), ("$[*]", "number")], "$", &["$.id"]),
    (&[("$[*][*]['a b\\n']", "string"), ("$[*].é", "string")], "$[*]", &[]),
    // Derived: what, from where. The oracle reads numbers as fractions, of which it knows the sign.
    (
        &[("$.x", "exists $.a.b"), ("$.n", "below $.c"), ("$.w", "band $.d"), ("$.t", "text $.e.f")],
        "$",
        &["$.c"],
    ),
    (
        &[("$[*].many", "count $[*].a[*].b"), ("$[*].few", "few $[*].a[*].c"), ("$[*].s", "string")],
        "$[*]",
        &["$.id"],
    ),
    (&[("$", "few $[*].a")], "$", &[]),
];

/// The first byte chooses the agreement, the second the length of the chunks, the rest is the document.
pub fn projection(input: &[u8]) {
    let [choice, length, document @ ..] = input else { return };
    let agreement = agreement(AGREEMENTS[usize::from(*choice) % AGREEMENTS.len()]);
    let (elements, record) = (agreement.elements.clone(), &agreement.record);
    let projection =
        Projection::new(elements, record, &agreement.subjects, Form::Document, Bounds::default());
    let projection = Arc::new(projection.expect("these agreements hold"));
    let (whole, fault) = project(&projection, document, document.len());
    assert_eq!(project(&projection, document, usize::from(*length)), (whole.clone(), fault));
    if fault {
        return;
    }
    let delivered = oracle::parse(&whole);
    let Some(source) = oracle::parse(document).filter(|source| oracle::is_exact(source)) else { return };
    let expected = oracle::expect(&agreement, &source);
    assert!(!expected.unrecognisable_subject, "a subject that cannot be recognised refuses the document");
    assert_eq!(delivered, Some(expected.entries));
}

fn project(projection: &Arc<Projection>, document: &[u8], length: usize) -> (Vec<u8>, bool) {
    let mut projector = Projector::new(Arc::clone(projection));
    let mut bytes = Vec::new();
    let fed = document.chunks(length.max(1)).try_for_each(|chunk| {
        let fed = projector.feed(chunk);
        bytes.extend(projector.take().into_bytes());
        fed
    });
    let fault = fed.and_then(|()| projector.finish()).is_err();
    bytes.extend(projector.take().into_bytes());
    (bytes, fault)
}

fn derivation(text: &str) -> ElementType {
    let (rule, from) = text.split_once(' ').expect("a rule and a path");
    let zero = "0".parse().expect("a number");
    let below = Comparison { operator: Operator::Below, constant: Constant::Number(zero) };
    let rule = match rule {
        "exists" => Rule::Exists,
        "count" => Rule::Count(None),
        "few" => Rule::Count(Some(below)),
        "below" => Rule::Compare(below),
        "text" => {
            Rule::Compare(Comparison { operator: Operator::Equal, constant: Constant::Text("é\n".into()) })
        }
        _ => {
            let Constant::Number(zero) = below.constant else { unreachable!("a number") };
            let low = Band { name: "low".into(), below: Some(zero) };
            Rule::Band(vec![low, Band { name: "high".into(), below: None }])
        }
    };
    ElementType::Derived(Derivation { from: from.parse().expect("a path"), rule }.into())
}

fn agreement((elements, record, subjects): Row) -> Agreement {
    let element = |&(path, kind): &(&str, &str)| {
        let scalar = |scalar| ElementType::Scalar { scalar, nullable: false };
        let element_type = match kind {
            "string" => scalar(ScalarType::String),
            "number" => scalar(ScalarType::Number),
            "boolean" => scalar(ScalarType::Boolean),
            "subtree" => ElementType::Subtree,
            derived => derivation(derived),
        };
        Element { path: path.parse().expect("a path"), element_type }
    };
    Agreement {
        elements: elements.iter().map(element).collect(),
        record: record.parse().expect("a path"),
        subjects: subjects.iter().map(|path| path.parse().expect("a path")).collect(),
    }
}

//! Agreements × documents: what comes out is what was agreed and exists, however the bytes arrive.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what must hold is asserted")]

#[expect(dead_code, reason = "the fuzz target uses it all")]
mod oracle;
mod strategies;

use std::sync::Arc;

use oracle::{Agreement, Expected};
use proptest::{prelude::*, test_runner::TestCaseResult};
use strategies::{Spelling, agreement, tree};
use verbond_projection::{
    Bounds, Fault, FaultKind, Form, Piece, Projection, Projector, SubjectValue, Summary,
};

#[derive(Debug, PartialEq)]
struct Outcome {
    fault: Option<Fault>,
    bytes: Vec<u8>,
    records: Vec<(Vec<u8>, Vec<SubjectValue>)>,
    summary: Summary,
}

/// Feeds in chunks of these lengths, over and over.
fn project(projection: &Arc<Projection>, document: &[u8], lengths: &[usize]) -> Outcome {
    let mut projector = Projector::new(Arc::clone(projection));
    let (mut bytes, mut records, mut fault) = (Vec::new(), Vec::new(), None);
    let mut take = |projector: &mut Projector| {
        let pieces = projector.take();
        for piece in pieces.iter() {
            match piece {
                Piece::Framing(framing) => bytes.extend_from_slice(framing),
                Piece::Record(record) => {
                    bytes.extend_from_slice(record.bytes);
                    records.push((record.bytes.to_vec(), record.subjects.to_vec()));
                }
            }
        }
    };
    let mut rest = document;
    for &length in lengths.iter().cycle() {
        let (chunk, after) = rest.split_at(length.min(rest.len()));
        fault = projector.feed(chunk).err();
        take(&mut projector);
        rest = after;
        if fault.is_some() || rest.is_empty() {
            break;
        }
    }
    if fault.is_none() {
        fault = projector.finish().err();
    }
    take(&mut projector);
    Outcome { fault, bytes, records, summary: told_alike(&projector) }
}

/// The summary, which says the same as what is told of it by the part while a document goes through.
fn told_alike(projector: &Projector) -> Summary {
    let summary = projector.summary();
    let counts: Vec<_> = summary.elements.iter().map(|count| (count.delivered, count.untold)).collect();
    assert_eq!(projector.counts().collect::<Vec<_>>(), counts);
    assert_eq!(projector.records(), summary.records);
    let named = projector.elements().iter().map(|element| element.path.to_string()).zip(counts);
    let delivered = named.map(|(path, (delivered, _))| (path, delivered)).filter(|&(_, times)| times > 0);
    let told = projector.delivered().map(|(path, times)| (path.to_string(), times));
    assert_eq!(told.collect::<Vec<_>>(), delivered.collect::<Vec<_>>());
    summary
}

fn compiled(agreement: &Agreement, bounds: Bounds) -> Option<Arc<Projection>> {
    let Agreement { elements, record, subjects } = agreement.clone();
    Projection::new(elements, &record, &subjects, Form::Document, bounds).ok().map(Arc::new)
}

const WHOLE: &[usize] = &[usize::MAX];

fn chunks() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![Just(vec![1]), prop::collection::vec(1usize..20, 1..6)]
}

fn agrees(agreement: &Agreement, expected: &Expected, outcome: &Outcome) -> TestCaseResult {
    if expected.unrecognisable_subject {
        prop_assert_eq!(outcome.fault.map(|fault| fault.kind), Some(FaultKind::SubjectType));
        return Ok(());
    }
    prop_assert_eq!(outcome.fault, None);
    let delivered = oracle::parse(&outcome.bytes);
    prop_assert_eq!(
        delivered.as_ref(),
        Some(&expected.entries),
        "{}",
        String::from_utf8_lossy(&outcome.bytes)
    );
    let records: Vec<_> = outcome.records.iter().filter_map(|(bytes, _)| oracle::parse(bytes)).collect();
    prop_assert_eq!(&records, &expected.records);
    let subjects = |subjects: &Vec<SubjectValue>| -> Vec<(usize, String)> {
        subjects.iter().map(|value| (value.subject, value.identifier.clone())).collect()
    };
    let subjects: Vec<_> = outcome.records.iter().map(|(_, values)| subjects(values)).collect();
    prop_assert_eq!(&subjects, &expected.subjects);
    for (count, expected) in outcome.summary.elements.iter().zip(&expected.delivered) {
        prop_assert_eq!(count.delivered, *expected);
    }
    prop_assert_eq!(outcome.summary.records, expected.records.len() as u64);
    prop_assert_eq!(outcome.summary.bytes_out, outcome.bytes.len() as u64);
    // The other side, with the same agreement, changes nothing.
    if let Some(projection) = compiled(&oracle::as_received(agreement), Bounds::default()) {
        let again = project(&projection, &outcome.bytes, WHOLE);
        prop_assert_eq!(again.bytes, outcome.bytes.clone());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn what_is_delivered_is_what_was_agreed_and_exists(
        agreement in agreement(),
        document in tree(),
        spelling in any::<Spelling>(),
        lengths in chunks(),
    ) {
        let Some(projection) = compiled(&agreement, Bounds::default()) else { return Err(TestCaseError::reject("no projection")) };
        let text = spelling.write(&document);
        let outcome = project(&projection, text.as_bytes(), WHOLE);
        let source = oracle::parse(text.as_bytes()).expect("JSON was written");
        agrees(&agreement, &oracle::expect(&agreement, &source), &outcome)?;
        prop_assert_eq!(project(&projection, text.as_bytes(), &lengths), outcome);
    }

    #[test]
    fn a_damaged_document_meets_the_same_fate_however_it_is_cut(
        agreement in agreement(),
        document in tree(),
        spelling in any::<Spelling>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), strategies::damage()), 1..3),
        lengths in chunks(),
        record_bytes in 1usize..64,
        subject_bytes in 1usize..16,
        names_bytes in 1usize..256,
        depth in 1usize..6,
    ) {
        let bounds = Bounds { record_bytes, depth, subject_bytes, names_bytes };
        let mut bytes = spelling.write(&document).into_bytes();
        for (place, damage) in damage {
            damage.apply(&mut bytes, place);
        }
        for bounds in [bounds, Bounds::default()] {
            let Some(projection) = compiled(&agreement, bounds) else { return Err(TestCaseError::reject("no projection")) };
            let outcome = project(&projection, &bytes, WHOLE);
            prop_assert_eq!(&project(&projection, &bytes, &lengths), &outcome);
            let is_json = std::str::from_utf8(&bytes).is_ok() && serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok();
            use FaultKind::*;
            match outcome.fault.map(|fault| fault.kind) {
                None => prop_assert!(is_json),
                Some(Unexpected | Truncated | Trailing | Encoding | ByteOrderMark | Control | Escape) => prop_assert!(!is_json),
                Some(LoneSurrogate | DuplicateName | SubjectType) => {}
                Some(TooDeep | RecordTooLarge | NamesTooLarge | SubjectTooLong) => prop_assert!(bounds != Bounds::default()),
            }
        }
    }
}

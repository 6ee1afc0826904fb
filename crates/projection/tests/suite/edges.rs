//! What stands on a bound, and what comes in pieces.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    sync::Arc,
};

use verbond_projection::{
    Decimal, ElementCount, ElementPath,
    FaultKind::{self, Control, DuplicateName, Encoding, Escape, NamesTooLarge, SubjectTooLong, Unexpected},
    Form, Projection, Projector, SubjectValue,
};

use crate::support::{BOUNDS, derived, element, projector, run};

/// What leaves when what has been fed so far is taken after each chunk.
fn in_chunks(projector: &mut Projector, chunks: &[&str]) -> (Vec<String>, Option<FaultKind>) {
    let mut left = Vec::new();
    for chunk in chunks {
        if let Err(fault) = projector.feed(chunk.as_bytes()) {
            return (left, Some(fault.kind));
        }
        left.push(String::from_utf8(projector.take().into_bytes()).unwrap());
    }
    let fault = projector.finish().err().map(|fault| fault.kind);
    left.push(String::from_utf8(projector.take().into_bytes()).unwrap());
    (left, fault)
}

#[test]
fn of_a_scalar_that_turns_out_to_be_of_another_type_nothing_leaves_however_many_pieces_it_comes_in() {
    let mut projector =
        projector(&["$.total: integer", "$.items[*].name: string"], "$.items[*]", &[], Form::Document);
    let chunks = [r#"{ "total":12345"#, "6789", "6789", r#".5,"items":[{"name":"A"}]}"#];
    let (left, fault) = in_chunks(&mut projector, &chunks);
    assert_eq!(fault, None);
    assert!(left.iter().take(3).all(|piece| !piece.contains(['t', '1', '6'])), "{left:?}");
    assert_eq!(left.concat(), r#"{"items":[{"name":"A"}]}"#);
}

#[test]
fn bytes_that_are_no_characters_are_refused_where_they_come_however_they_were_cut() {
    let mut projector = projector(&["$: subtree"], "$", &[], Form::Document);
    projector.feed(b"[\"\xe2").unwrap();
    let refused = projector.feed(b"\x28").unwrap_err();
    assert_eq!((refused.offset, refused.kind), (2, Encoding));
}

#[test]
fn a_name_that_is_too_long_is_refused_before_its_end() {
    let mut projector = projector(&["$.total: integer"], "$", &[], Form::Document);
    let piece = "a".repeat(BOUNDS.names_bytes / 2 + 7);
    let (left, fault) = in_chunks(&mut projector, &["{\"", &piece, &piece, &piece]);
    assert_eq!((left.len(), fault), (2, Some(NamesTooLarge)));
}

/// Names are remembered as they are read, and not taken for what only looks like one of them.
#[test]
fn a_name_that_was_written_with_an_escape_does_not_excuse_one_that_should_be() {
    for (escaped, bare, kind) in
        [(r#"\""#, "\"", Unexpected), (r"\\", "\\y", Escape), (r"\u0001", "\u{1}", Control)]
    {
        let document = format!("[{{\"x{escaped}\":1}},{{\"x{escaped}\":2}},{{\"x{bare}\":3}}]");
        let mut projector = projector(&["$[*].x: integer", "$[*].y: integer"], "$[*]", &[], Form::Document);
        assert_eq!(
            run(&mut projector, document.as_bytes()).1.map(|(_, kind)| kind),
            Some(kind),
            "{document}"
        );
    }
}

/// What is skipped by a name that is known is judged all the same.
#[test]
fn what_follows_a_name_that_is_skipped_is_still_json() {
    let feed = |document: &str| {
        let mut projector = projector(&["$[*].x: integer"], "$[*]", &[], Form::Document);
        let fault = run(&mut projector, document.as_bytes()).1;
        (fault.map(|(_, kind)| kind), projector.summary().not_agreed)
    };
    assert_eq!(feed(r#"[{"o":1,"p":2,"x":1},{"o":1,"p":2,"x":2}]"#), (None, 4));
    assert_eq!(feed(r#"[{"o":1,"p":2,"x":1},{"o":1","x":2}]"#).0, Some(Unexpected));
    assert_eq!(feed(r#"[{"o":1,"p":2,"x":1},{"o":",","p":",\"","x":2}]"#), (None, 4));
}

/// Of a document that is refused the records that were complete have left; the one it broke off in does not count.
#[test]
fn what_was_held_when_a_document_is_refused_does_not_count() {
    let mut projector = projector(&["$[*].x: integer"], "$[*]", &[], Form::Document);
    let (bytes, fault) = run(&mut projector, br#"[{"x":1},{"x":2,"y":}]"#);
    assert_eq!((bytes.as_str(), fault.map(|(_, kind)| kind)), (r#"[{"x":1},"#, Some(Unexpected)));
    let summary = projector.summary();
    assert_eq!(summary.elements, [ElementCount { delivered: 1, ..ElementCount::default() }]);
    assert_eq!((summary.records, summary.bytes_out), (1, 9));
}

/// Names of an object that is going on count again when one within it has ended, and are none of those within.
#[test]
fn names_are_those_of_their_own_object() {
    let feed = |document: &str| {
        let mut projector = projector(&["$: subtree"], "$", &[], Form::Document);
        run(&mut projector, document.as_bytes()).1.map(|(_, kind)| kind)
    };
    assert_eq!(feed(r#"{"s":{"a":{"":1,"b":2},"c":3}}"#), None);
    assert_eq!(feed(r#"{"s":{"a":{"b":1},"a":2}}"#), Some(DuplicateName));
    assert_eq!(feed(r#"{"s":{"a":{"b":1,"b":2}}}"#), Some(DuplicateName));
}

#[test]
fn who_somebody_is_may_be_as_long_as_agreed_and_not_longer() {
    let feed = |number: &str| {
        let mut projector = projector(&["$[*].x: integer"], "$[*]", &["$.id"], Form::Document);
        let fault = run(&mut projector, format!(r#"[{{"id":{number},"x":1}}]"#).as_bytes()).1;
        fault.map(|(_, kind)| kind)
    };
    assert_eq!(BOUNDS.subject_bytes, 12);
    assert_eq!(feed("123456789012"), None);
    assert_eq!(feed("1234567890123"), Some(SubjectTooLong));
    // With its quotes.
    assert_eq!(feed(r#""1234567890""#), None);
    assert_eq!(feed(r#""12345678901""#), Some(SubjectTooLong));
}

#[test]
fn a_place_is_seen_from_one_round_it_only() {
    let path = |text: &str| text.parse::<ElementPath>().unwrap();
    assert_eq!(path("$.rows[*].id").within(&path("$.rows[*]")), Some(path("$.id")));
    assert_eq!(path("$.rows").within(&path("$.rows[*]")), None);
}

#[test]
fn what_is_taken_says_whether_there_is_anything() {
    let mut projector = projector(&["$.x: integer"], "$", &[], Form::Document);
    assert!(projector.take().is_empty());
    projector.feed(br#"{"x":1}"#).and_then(|()| projector.finish()).unwrap();
    let taken = projector.take();
    assert!(!taken.is_empty() && taken.bytes() == br#"{"x":1}"#);
    let mut rows = self::projector(&["$[*].x: integer"], "$[*]", &[], Form::Document);
    assert_eq!(rows.take().records(), 0);
    rows.feed(br#"[{"x":1},{"x":2},{"x""#).unwrap();
    assert_eq!(rows.take().records(), 2);
}

/// A list where an object leads to what is agreed, and the other way round, is dropped and counted.
#[test]
fn a_container_of_the_other_kind_is_counted_where_it_stands() {
    let dropped = |path: &str, document: &str| {
        let mut projector = projector(&[path], "$", &[], Form::Document);
        assert_eq!(run(&mut projector, document.as_bytes()).1, None, "{document}");
        projector.summary().elements.iter().map(|count| (count.delivered, count.dropped)).collect::<Vec<_>>()
    };
    assert_eq!(dropped("$.income.amount: integer", r#"{"income":[{"amount":1}]}"#), [(0, 1)]);
    assert_eq!(dropped("$.income[*].amount: integer", r#"{"income":{"amount":1}}"#), [(0, 1)]);
    assert_eq!(dropped("$.income.amount: integer", r#"{"income":{"amount":1}}"#), [(1, 0)]);
}

/// The longest number that is judged has 1,024 characters.
#[test]
fn a_number_is_judged_up_to_its_bound_and_not_beyond() {
    let told = |digits: usize| {
        let elements =
            vec![derived("$.income.below", "compare 100", "$.income.amount"), element("$.year: integer")];
        let bounds = verbond_projection::Bounds { record_bytes: 4096, ..BOUNDS };
        let record = "$".parse().unwrap();
        let projection = Projection::new(elements, &record, &[], Form::Document, bounds).unwrap();
        let zeros = "0".repeat(digits - 3);
        let document = format!(r#"{{"income":{{"amount":99.{zeros}}}}}"#);
        let (bytes, fault) = run(&mut Projector::new(Arc::new(projection)), document.as_bytes());
        assert_eq!(fault, None);
        bytes
    };
    assert_eq!(told(1024), r#"{"income":{"below":true}}"#);
    assert!(!told(1025).contains("true"));
}

/// What is counted goes with the elements in the order in which they were agreed, and a list that is answered was not dropped.
#[test]
fn a_list_in_whose_place_its_answer_comes_counts_as_delivered() {
    let agreed = vec![derived("$", "count 2", "$[*].n")];
    let record = "$".parse().unwrap();
    let projection = Projection::new(agreed.clone(), &record, &[], Form::Document, BOUNDS).unwrap();
    let mut projector = Projector::new(Arc::new(projection));
    assert_eq!(run(&mut projector, br#"[{"n":1},{"n":3}]"#), ("1".to_owned(), None));
    assert_eq!(projector.elements(), agreed);
    let counted = ElementCount { delivered: 1, ..ElementCount::default() };
    assert_eq!(projector.summary().elements, [counted]);
}

/// What is written for people who look for faults names which subject it is, and never who.
#[test]
fn who_somebody_is_stands_in_no_debugging_text() {
    let somebody = SubjectValue { subject: 3, identifier: "999990019".to_owned(), integer: true };
    let text = format!("{somebody:?}");
    assert!(text.contains("subject: 3") && !text.contains("999990019"), "{text}");
}

#[test]
fn equal_numbers_have_one_hash() {
    let hash = |text: &str| {
        let mut hasher = DefaultHasher::new();
        text.parse::<Decimal>().unwrap().hash(&mut hasher);
        hasher.finish()
    };
    for (one, other) in [("0", "-0"), ("0", "-0.00"), ("5", "5.0"), ("-5", "-50e-1")] {
        assert_eq!(one.parse::<Decimal>().unwrap(), other.parse().unwrap());
        assert_eq!(hash(one), hash(other), "{one} {other}");
    }
}

//! Each fault with its place, each bound, lines, and what must pass byte for byte.

use std::sync::Arc;

use verbond_projection::{
    Bounds, Element, ElementCount, ElementType, Fault, FaultKind, FaultKind::*, Form, Piece, Pieces,
    Projection, ProjectionError, Projector,
};

use crate::support::{BOUNDS, compile, compile_within, derived, element, project, projector, run};

#[test]
fn each_fault_is_told_with_its_place() {
    let cases: &[(&[u8], u64, FaultKind)] = &[
        (b"", 0, Truncated),
        (b" ", 1, Truncated),
        (b"[{\"a\":1}", 8, Truncated),
        (b"[\"", 2, Truncated),
        (b"-", 1, Truncated),
        (b"1.", 2, Truncated),
        (b"tru", 3, Truncated),
        (b"[1] 2", 4, Trailing),
        (b"{} \0", 3, Trailing),
        (b"\xef\xbb\xbf[]", 0, ByteOrderMark),
        (b" \xef\xbb\xbf[]", 1, Unexpected),
        (b"\xef\xbc\xbb1]", 0, Unexpected),
        (b"\xff\xfe[\0]\0", 0, Encoding),
        (b"[\0", 1, Unexpected),
        (b"[\"\xc3\x28\"]", 2, Encoding),
        (b"[\"\xc3", 2, Encoding),
        (b"[\"\xed\xa0\x80\"]", 2, Encoding),
        (b"[\"a\nb\"]", 3, Control),
        (b"[\"a long text before it\x1f\"]", 23, Control),
        (b"[\"\\x\"]", 3, Escape),
        (b"[\"\\u00g0\"]", 6, Escape),
        (b"[\"\\ude00\"]", 7, LoneSurrogate),
        (b"[\"\\ud83d\"]", 8, LoneSurrogate),
        (b"[\"\\ud83d\\n\"]", 9, LoneSurrogate),
        (b"[\"\\ud83d\\u0061\"]", 13, LoneSurrogate),
        (b"[01]", 2, Unexpected),
        (b"[1.e1]", 3, Unexpected),
        (b"[-]", 2, Unexpected),
        (b"[+1]", 1, Unexpected),
        (b"[1e]", 3, Unexpected),
        (b"[NaN]", 1, Unexpected),
        (b"[nul]", 4, Unexpected),
        (b"[1,]", 3, Unexpected),
        (b"[,1]", 1, Unexpected),
        (b"[1 2]", 3, Unexpected),
        (b"[1}", 2, Unexpected),
        (b"{]", 1, Unexpected),
        (b"{\"a\"}", 4, Unexpected),
        (b"{\"a\":}", 5, Unexpected),
        (b"{\"a\":1,}", 7, Unexpected),
        (b"{\"a\":1 \"b\":2}", 7, Unexpected),
        (b"{a:1}", 1, Unexpected),
        (b"{'a':1}", 1, Unexpected),
        (b"]", 0, Unexpected),
        (b"[/**/]", 1, Unexpected),
        (b"[[[[[[]]]]]]", 5, TooDeep),
        (b"[{\"a\":1,\"a\":1}]", 8, DuplicateName),
        (b"[{\"a\":1,\"\\u0061\":1}]", 8, DuplicateName),
        (b"[{\"\\u0061\":1,\"a\":1}]", 13, DuplicateName),
        (b"[{\"x\":1,\"y\":{},\"x\":[]}]", 15, DuplicateName),
        (b"[{\"s\":{\"x\":1,\"\\u0078\":1}}]", 13, DuplicateName),
        (b"[{\"id\":\"1234567890123\"}]", 7, SubjectTooLong),
        (b"[{\"id\":12345678901234}]", 7, SubjectTooLong),
        (b"[{\"id\":1.0}]", 7, SubjectType),
        (b"[{\"id\":true}]", 7, SubjectType),
        (b"[{\"id\":{}}]", 7, SubjectType),
        (b"[{\"id\":[1]}]", 7, SubjectType),
    ];
    for &(document, offset, kind) in cases {
        let make = || projector(&["$[*].a: integer", "$[*].s: subtree"], "$[*]", &["$.id"], Form::Document);
        let mut whole = make();
        let (bytes, fault) = run(&mut whole, document);
        let shown = String::from_utf8_lossy(document);
        assert_eq!(fault, Some((offset, kind)), "{shown}");
        assert_eq!(whole.feed(b"]"), Err(Fault { offset, kind }), "a fault stays: {shown}");
        let mut cut = make();
        let fault = document.iter().try_for_each(|byte| cut.feed(&[*byte])).and_then(|()| cut.finish());
        assert_eq!(fault, Err(Fault { offset, kind }), "byte by byte: {shown}");
        assert_eq!(String::from_utf8_lossy(cut.take().bytes()), bytes);
    }
}

#[test]
fn records_and_scalars_outside_them_are_bounded() {
    let text = |length: usize| "x".repeat(length);
    let make =
        |record| projector(&["$.rows[*].s: subtree", "$.t: string"], record, &["$.id"], Form::Document);
    // `{"s":""}` takes eight bytes of the bound; what is not delivered takes none.
    let row = |length| format!("{{\"rows\":[{{\"x\":\"{}\"}},{{\"s\":\"{}\"}}]}}", text(999), text(length));
    assert_eq!(run(&mut make("$.rows[*]"), row(152).as_bytes()).1, None);
    assert_eq!(run(&mut make("$.rows[*]"), row(153).as_bytes()).1, Some((1017, RecordTooLarge)));
    let outside = |length| format!("{{\"t\":\"{}\"}}", text(length));
    assert_eq!(run(&mut make("$.rows[*]"), outside(158).as_bytes()).1, None);
    assert_eq!(run(&mut make("$.rows[*]"), outside(159).as_bytes()).1, Some((5, RecordTooLarge)));
    // Identifiers count too.
    let people = format!("{{\"rows\":[{}]}}", ["{\"id\":1}"; 5].join(","));
    let mut many = projector(&["$.rows[*].s: string"], "$", &["$.rows[*].id"], Form::Document);
    assert_eq!(run(&mut many, people.as_bytes()).1, Some((0, RecordTooLarge)));
}

/// Where what is delivered names a person too, the bound counts that was exceeded first.
#[test]
fn of_two_bounds_the_first_counts() {
    let row = |length| format!("[{{\"s\":\"{}\",\"id\":\"1234567890123\"}}]", "x".repeat(length));
    let make = || projector(&["$[*].s: string", "$[*].id: string"], "$[*]", &["$.id"], Form::Document);
    let faults = |length| run(&mut make(), row(length).as_bytes()).1.map(|(_, kind)| kind);
    // From here on there is less room for the record than for the number.
    assert_eq!(faults(135), Some(SubjectTooLong));
    assert_eq!(faults(136), Some(RecordTooLarge));
}

#[test]
fn long_texts_are_judged_to_the_last_byte() {
    for length in (0..40).chain(120..140).chain([1000]) {
        for (special, kind) in [("\u{1}", Control), ("\\x", Escape), ("\\ud800!", LoneSurrogate)] {
            for after in [0, 7, 200] {
                let document = format!("[\"{}{special}{}\"]", "é".repeat(length), "x".repeat(after));
                let mut projector = projector(&["$.a: string"], "$", &[], Form::Document);
                let place = document.find(special).unwrap() + special.len() - 1;
                assert_eq!(run(&mut projector, document.as_bytes()).1, Some((place as u64, kind)));
                let good = document.replace(special, "\\\"");
                assert_eq!(project(&["$[*]: boolean"], &good), "[null]");
            }
        }
    }
}

#[test]
fn duplicates_are_found_among_many_names() {
    let members = |count: usize| -> String { (0..count).map(|n| format!("\"m{n}\":{n},")).collect() };
    let elements = vec![element("$.a: integer"), element("$.s: subtree")];
    let bounds = Bounds { record_bytes: 1 << 20, ..Bounds::default() };
    let projection =
        Arc::new(Projection::new(elements, &"$".parse().unwrap(), &[], Form::Document, bounds).unwrap());
    let elements = vec![element("$[*].a: integer"), element("$[*].s: subtree")];
    let listed =
        Arc::new(Projection::new(elements, &"$[*]".parse().unwrap(), &[], Form::Document, bounds).unwrap());
    for count in [0usize, 10, 30, 63, 64, 65, 127, 128, 129, 200, 1000] {
        for again in [0, count / 2, count.saturating_sub(1)] {
            for (before, after) in [("{", "}"), ("{\"s\":{", "}}")] {
                let unique = format!("{before}{}\"z\":1{after}", members(count));
                assert_eq!(run(&mut Projector::new(Arc::clone(&projection)), unique.as_bytes()).1, None);
                let twice = format!("{before}{}\"m{again}\":1{after}", members(count));
                let fault = run(&mut Projector::new(Arc::clone(&projection)), twice.as_bytes()).1;
                let place = before.len() + members(count).len();
                assert_eq!(fault, (count > 0).then_some((place as u64, DuplicateName)), "{count} {again}");
                // The same further on in a list, where names are known from before.
                for earlier in 1..3 {
                    let list = format!("[{}{twice}]", format!("{unique},").repeat(earlier));
                    let fault = run(&mut Projector::new(Arc::clone(&listed)), list.as_bytes()).1;
                    let place = 1 + earlier * (unique.len() + 1) + place;
                    assert_eq!(
                        fault,
                        (count > 0).then_some((place as u64, DuplicateName)),
                        "{count} {again}"
                    );
                }
            }
        }
    }
}

#[test]
fn names_of_open_objects_are_bounded() {
    let mut projector = projector(&["$.s: subtree"], "$", &[], Form::Document);
    let long = "n".repeat(BOUNDS.names_bytes + 1);
    let document = format!("{{\"s\":{{\"{long}\":1}}}}");
    assert_eq!(run(&mut projector, document.as_bytes()).1, Some((6, NamesTooLarge)));
    let mut many = self::projector(&["$.a: string", "$.s: subtree"], "$.a", &[], Form::Document);
    let members: String = (0..10).map(|n| format!("\"{n}\":0,")).collect();
    let deeper = format!("{{\"s\":[{{{members}\"x\":0}}]}}");
    // Each name costs its bytes and 32 more; six are within 200 bytes: `s`, and five of those within.
    assert_eq!(run(&mut many, deeper.as_bytes()).1, Some((37, NamesTooLarge)));
    // What is skipped holds no names, and what is closed has given them back.
    let skipped = format!("{{\"x\":{{{members}\"x\":0,\"{long}\":1}},\"s\":[{{\"a\":1,\"b\":1}}]}}");
    let mut skipping = self::projector(&["$.a: string", "$.s: subtree"], "$.a", &[], Form::Document);
    assert_eq!(run(&mut skipping, skipped.as_bytes()), ("{\"s\":[{\"a\":1,\"b\":1}]}".to_owned(), None));
}

#[test]
fn names_of_objects_that_are_closed_take_no_room() {
    let bounds = Bounds { names_bytes: 6 * 33 + 35, ..BOUNDS };
    let projector = |bounds| {
        let compiled = compile_within(bounds, &["$.a: string", "$.s: subtree"], "$.a", &[], Form::Document);
        Projector::new(Arc::new(compiled.unwrap()))
    };
    let list = |object: &str, times| format!("{{\"s\":[{}]}}", vec![object; times].join(","));
    // The name of the list and five within of one byte, and one of three, each with 32 more: all of the room, and not a
    // byte more.
    let six = "{\"0\":0,\"1\":0,\"2\":0,\"3\":0,\"4\":0,\"xyz\":0}";
    assert_eq!(run(&mut projector(bounds), list(six, 3).as_bytes()).1, None);
    let less = Bounds { names_bytes: bounds.names_bytes - 1, ..bounds };
    assert_eq!(
        run(&mut projector(less), list(six, 1).as_bytes()).1.map(|(_, kind)| kind),
        Some(NamesTooLarge)
    );
    // So many that they are looked up by hash.
    let members: Vec<String> = (0..40).map(|number| format!("\"a long name {number:02}\":0")).collect();
    let many = format!("{{{}}}", members.join(","));
    let bounds = Bounds { record_bytes: 1 << 20, names_bytes: 40 * (14 + 32) + 40, ..BOUNDS };
    assert_eq!(run(&mut projector(bounds), list(&many, 20).as_bytes()).1, None);
}

#[test]
fn nothing_of_a_refused_record_leaves() {
    let mut projector = projector(&["$[*].a: integer"], "$[*]", &["$.id"], Form::Document);
    projector.feed(b"[{\"id\":1,\"a\":1},{\"id\":2,\"a\":2").unwrap();
    let first = projector.take();
    let people: Vec<&str> = first.subjects().iter().map(|subject| subject.identifier.as_str()).collect();
    assert_eq!((first.bytes(), first.records(), people), (b"[{\"a\":1},".as_slice(), 1, vec!["1"]));
    projector.feed(b",\"b\":").unwrap();
    assert!(projector.take().is_empty());
    assert_eq!(projector.feed(b"}"), Err(Fault { offset: 34, kind: Unexpected }));
    let rest = projector.take();
    assert!(rest.is_empty() && rest.subjects().is_empty());
    let summary = projector.summary();
    assert_eq!((summary.records, summary.bytes_out, summary.bytes_in), (1, 9, 34));
    assert_eq!(summary.elements[0].delivered, 1);
}

#[test]
fn scalars_pass_byte_for_byte() {
    for number in ["0", "-0", "123456789012345678901234567890", "1.50", "-0.0e-0", "1E400"] {
        let document = format!("{{\"n\" : {number} }}");
        assert_eq!(project(&["$.n: number"], &document), format!("{{\"n\":{number}}}"));
        let integer = !number.contains(['.', 'e', 'E']);
        let expected = if integer { format!("{{\"n\":{number}}}") } else { "{}".to_owned() };
        assert_eq!(project(&["$.n: integer"], &document), expected);
    }
    let text = r#"{"\u006e":"caf\u00e9 \/ é \ud83d\ude00"}"#;
    assert_eq!(project(&["$.n: string"], text), r#"{"n":"caf\u00e9 \/ é \ud83d\ude00"}"#);
    assert_eq!(project(&["$: subtree"], " { \"\\u006e\" : [ 1 , { } ] } "), r#"{"\u006e":[1,{}]}"#);
}

#[test]
fn what_is_not_delivered_leaves_its_place() {
    for (elements, document, expected) in [
        (["$[*]: integer"], "[1,\"x\",null,2.0,[3],{\"a\":4},5]", "[1,null,null,null,null,null,5]"),
        (["$[*]: integer?"], "[null,true]", "[null,null]"),
        (["$[*].a: integer"], "[{\"a\":1},{\"b\":1},{\"a\":\"x\"},7,[8]]", "[{\"a\":1},{},{},null,null]"),
        (["$[*][*]: integer"], "[[1],[],2,[true]]", "[[1],[],null,[null]]"),
        (["$.a[*].b: integer"], "{\"a\":[]}", "{\"a\":[]}"),
        (["$.a[*].b: integer"], "{\"a\":null}", "{}"),
        (["$.a[*].b: integer"], "{\"a\":{\"b\":1}}", "{}"),
        (["$.a.b: integer"], "{\"x\":{\"a\":{\"b\":1}}}", "{}"),
        (["$.a.b: integer"], "[{\"a\":{\"b\":1}}]", "null"),
        (["$.a: integer"], "\"text\"", "null"),
        (["$: string"], "\"text\"", "\"text\""),
        (["$: integer"], "1.0", "null"),
        (["$: integer"], "12", "12"),
    ] {
        assert_eq!(project(&elements, document), expected, "{elements:?} {document}");
    }
}

#[test]
fn names_that_differ_in_one_byte_are_told_apart() {
    for name in [
        "a",
        "ab",
        "abcdef",
        "abcdefg",
        "abcdefgh",
        "number_of_14_b",
        "number_of_15_by",
        "a name of more than sixteen",
    ] {
        for place in 0..name.len() {
            let mut other = name.as_bytes().to_vec();
            other[place] = b'Z';
            let other = String::from_utf8(other).unwrap();
            let (agreed, not) = (format!("\"{name}\":1"), format!("\"{other}\":2"));
            // Seen before, in this order and in the other, each alone, and followed by more letters.
            let document = format!(
                "[{{{agreed},{not},\"{name}x\":3}},{{{agreed},{not}}},{{{not},{agreed}}},{{{not},\"{name}x\":3}},{{{agreed}}}]"
            );
            let element = format!("$[*]['{name}']: integer");
            let expected = format!("[{{{agreed}}},{{{agreed}}},{{{agreed}}},{{}},{{{agreed}}}]");
            for cut in 0..document.len() {
                let (before, after) = document.split_at(cut);
                let mut projector = projector(&[&element], "$", &[], Form::Document);
                projector.feed(before.as_bytes()).unwrap();
                assert_eq!(run(&mut projector, after.as_bytes()), (expected.clone(), None));
            }
        }
    }
}

#[test]
fn a_member_that_turns_out_to_be_of_another_type_leaves_nothing_behind() {
    let elements = ["$[*].a: integer", "$[*].b: number"];
    let mut projector = projector(&elements, "$[*]", &[], Form::Document);
    projector.feed(b"[{\"a\":1.5,\"b\":2},{\"b\":2,\"a\":1.5},{\"a\":1e0}]").unwrap();
    projector.finish().unwrap();
    let pieces = projector.take();
    assert_eq!(pieces.bytes(), b"[{\"b\":2},{\"b\":2},{}]");
    assert_eq!(records(&pieces).len(), 3);
    // A record that is such a member is none.
    let mut scalar = self::projector(&["$.a: integer", "$.b: number"], "$.a", &["$"], Form::Document);
    assert_eq!(run(&mut scalar, b"{\"a\":1.5,\"b\":2}"), ("{\"b\":2}".to_owned(), None));
    assert_eq!(scalar.summary().records, 0);
}

#[test]
fn the_summary_counts() {
    let elements = ["$.a.b: integer", "$.a.c: string", "$.d: boolean", "$.e: string?", "$.f[*]: integer"];
    let mut projector = projector(&elements, "$", &[], Form::Document);
    let document = br#"{"a":7,"x":{"y":1},"d":"no","e":null,"f":[1,"x",2]}"#;
    assert_eq!(run(&mut projector, document).0, r#"{"e":null,"f":[1,null,2]}"#);
    let summary = projector.summary();
    let counts: Vec<_> = summary.elements.iter().map(|count| (count.delivered, count.dropped)).collect();
    assert_eq!(counts, [(0, 1), (0, 1), (0, 1), (1, 0), (2, 1)]);
    assert_eq!((summary.not_agreed, summary.records), (1, 1));
    assert_eq!((summary.bytes_in, summary.bytes_out), (document.len() as u64, 25));
    let mut nothing = self::projector(&["$.a.b: integer"], "$", &[], Form::Document);
    assert_eq!(run(&mut nothing, b"{\"a\":null}").0, "{}");
    assert_eq!((nothing.summary().elements[0], nothing.summary().not_agreed), (ElementCount::default(), 1));
    // What stands there is of another type, `null` too; and what nobody has taken yet counts.
    let mut waiting = self::projector(&["$.d: boolean"], "$", &[], Form::Document);
    waiting.feed(b"{\"d\":null,").unwrap();
    assert_eq!((waiting.summary().elements[0].dropped, waiting.summary().not_agreed), (1, 0));
    let mut two = self::projector(&["$[*].a: integer"], "$[*]", &[], Form::Document);
    two.feed(b"[{\"a\":1},").unwrap();
    assert_eq!(two.take().bytes().len() as u64, two.summary().bytes_out);
    two.feed(b"{\"a\":2},").unwrap();
    assert_eq!(two.summary().bytes_out, 16);
}

fn records(pieces: &Pieces) -> Vec<(String, Vec<String>)> {
    let record = |piece| match piece {
        Piece::Framing(_) => None,
        Piece::Record(record) => Some((
            String::from_utf8(record.bytes.to_vec()).unwrap(),
            record
                .subjects
                .iter()
                .map(|subject| format!("{}:{}", subject.subject, subject.identifier))
                .collect(),
        )),
    };
    pieces.iter().filter_map(record).collect()
}

#[test]
fn people_are_found_where_they_are_not_delivered() {
    let subjects = ["$.person.id", "$.children[*].id"];
    let mut projector = projector(&["$.rows[*].a: integer"], "$.rows[*]", &subjects, Form::Document);
    projector
        .feed(br#"{"rows":[{"a":1,"person":{"id":"\u0050-1"},"children":[{"id":12},{"id":null},{}]},{"a":2},null]}"#)
        .unwrap();
    projector.finish().unwrap();
    let pieces = projector.take();
    assert_eq!(pieces.bytes(), br#"{"rows":[{"a":1},{"a":2},null]}"#);
    let found = records(&pieces);
    assert_eq!(found[0], ("{\"a\":1}".to_owned(), vec!["0:P-1".to_owned(), "1:12".to_owned()]));
    assert_eq!(found[1..], [("{\"a\":2}".to_owned(), vec![]), ("null".to_owned(), vec![])]);
    assert!(!format!("{pieces:?}").contains("P-1"), "identifiers are not shown");
}

#[test]
fn people_in_a_subtree_are_found_and_the_subtree_stays_whole() {
    let mut projector = projector(&["$[*]: subtree"], "$[*]", &["$.id"], Form::Document);
    let document = r#"[{"x":1,"id":"P-1"},{"x":1,"id":"P-2"},{"x":1,"id":"P-3"}]"#;
    assert_eq!(run(&mut projector, document.as_bytes()), (document.to_owned(), None));
}

#[test]
fn people_who_stand_deep_in_a_document_are_all_found() {
    let subjects =
        ["$.head.id", "$.file.members[*].id", "$.file.members[*].children[*].id", "$.unsaid[*].id"];
    let document = r#"{"head":{"id":"P-1"},"file":{"x":[1,{"id":"no"}],"members":[{"id":"P-2","children":[{"id":"P-3"},{"id":4}]},{"id":"P-5"}]},"unsaid":[{"id":"P-6"}]}"#;
    for cut in [1, 7, document.len()] {
        let bounds = Bounds { record_bytes: 400, depth: 8, names_bytes: 400, ..BOUNDS };
        let compiled = compile_within(bounds, &["$.file: subtree"], "$", &subjects, Form::Document);
        let mut projector = Projector::new(Arc::new(compiled.unwrap()));
        for chunk in document.as_bytes().chunks(cut) {
            projector.feed(chunk).unwrap();
        }
        projector.finish().unwrap();
        let pieces = projector.take();
        let (text, mut found) = records(&pieces)[0].clone();
        assert!(text.contains(r#""children":[{"id":"P-3"},{"id":4}]"#) && !text.contains("P-1"), "{text}");
        found.sort();
        assert_eq!(found, ["0:P-1", "1:P-2", "1:P-5", "2:4", "2:P-3", "3:P-6"], "{cut}");
    }
}

#[test]
fn lines_are_documents_each() {
    let make = || projector(&["$.a: integer"], "$", &["$.id"], Form::Lines);
    let mut lines = make();
    lines.feed(b"\n{\"a\":1,\"id\":1,\"b\":2}\r\n\n [1]\n{\"a\": 2}").unwrap();
    lines.finish().unwrap();
    let pieces = lines.take();
    assert_eq!(pieces.bytes(), b"{\"a\":1}\nnull\n{\"a\":2}\n");
    assert_eq!(records(&pieces)[0], ("{\"a\":1}".to_owned(), vec!["0:1".to_owned()]));
    assert_eq!(lines.summary().records, 3);
    assert_eq!(run(&mut make(), b""), (String::new(), None));
    assert_eq!(run(&mut make(), b"{\"a\":\n1}").1, Some((5, Unexpected)));
    assert_eq!(run(&mut make(), b"{} {}\n").1, Some((3, Trailing)));
    assert_eq!(run(&mut make(), b"{}\n{").1, Some((4, Truncated)));
    assert_eq!(run(&mut make(), b"7\n8").0, "null\nnull\n");
}

#[test]
fn what_contradicts_itself_is_no_projection() {
    let error = |elements: &[&str], record: &str| compile(elements, record, &[], Form::Document).unwrap_err();
    assert_eq!(error(&[], "$"), ProjectionError::NoElements);
    assert_eq!(
        error(&["$.a: string", "$['a']: integer"], "$"),
        ProjectionError::Duplicate("$.a".parse().unwrap())
    );
    for elements in [["$.a: subtree", "$.a[*].b: string"], ["$.a[*].b: string", "$.a: subtree"]] {
        let (inner, subtree) = ("$.a[*].b".parse().unwrap(), "$.a".parse().unwrap());
        assert_eq!(error(&elements, "$"), ProjectionError::WithinSubtree { inner, subtree });
    }
    assert_eq!(
        error(&["$.total: integer"], "$.rows[*]"),
        ProjectionError::EmptyRecord("$.rows[*]".parse().unwrap())
    );
    assert!(compile(&["$.all: subtree"], "$.all.rows[*]", &[], Form::Document).is_ok());
    let twice = compile(&["$.a: string"], "$", &["$.id", "$['id']"], Form::Document).unwrap_err();
    assert_eq!(twice, ProjectionError::DuplicateSubject("$.id".parse().unwrap()));
    let many: Vec<String> = (0..4097).map(|n| format!("$.m{n}: string")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(error(&many, "$"), ProjectionError::TooMany);
}

/// What is told, and how often it could not be.
fn told(elements: Vec<Element>, document: &str) -> (String, Vec<u64>) {
    let projection = Projection::new(elements, &"$".parse().unwrap(), &[], Form::Document, Bounds::default());
    let mut projector = Projector::new(Arc::new(projection.unwrap()));
    let (bytes, fault) = run(&mut projector, document.as_bytes());
    assert_eq!(fault, None, "{document}");
    (bytes, projector.summary().elements.iter().map(|count| count.untold).collect())
}

#[test]
fn what_cannot_be_told_is_absent_and_counted_and_never_a_no() {
    let low = || vec![derived("$.low", "below 15000", "$.income.amount"), element("$.year: integer")];
    for (income, expected, untold) in [
        ("{\"amount\":14999.99}", "{\"year\":1,\"low\":true}", 0),
        ("{\"amount\":15000.000}", "{\"year\":1,\"low\":false}", 0),
        ("{\"amount\":1.4999999999999999999999e4}", "{\"year\":1,\"low\":true}", 0),
        ("{\"amount\":\"14999\"}", "{\"year\":1}", 1),
        ("{\"amount\":null}", "{\"year\":1}", 1),
        ("{\"amount\":[1]}", "{\"year\":1}", 1),
        ("{\"amount\":{}}", "{\"year\":1}", 1),
        ("{\"amount\":true}", "{\"year\":1}", 1),
        ("{\"amount\":1e9999999999999999}", "{\"year\":1}", 1),
        ("{}", "{\"year\":1}", 1),
        ("null", "{\"year\":1}", 1),
        ("7", "{\"year\":1}", 1),
    ] {
        let document = format!("{{\"low\":\"its own\",\"income\":{income},\"year\":1}}");
        assert_eq!(told(low(), &document), (expected.to_owned(), vec![untold, 0]), "{income}");
    }
    let digits = format!("{{\"income\":{{\"amount\":0.{}}}}}", "0".repeat(2000));
    assert_eq!(told(low(), &digits), ("{}".to_owned(), vec![1, 0]));
    // Nothing there is an answer to whether something is there; something else on the way is none.
    let there = || vec![derived("$.there", "exists", "$.income.amount")];
    for (document, expected) in [
        ("{\"income\":{\"amount\":[]}}", "{\"there\":true}"),
        ("{\"income\":{\"amount\":null}}", "{\"there\":false}"),
        ("{\"income\":null}", "{\"there\":false}"),
        ("{}", "{\"there\":false}"),
        ("{\"income\":[]}", "{}"),
        ("{\"income\":\"none\"}", "{}"),
    ] {
        assert_eq!(told(there(), document).0, expected, "{document}");
    }
    // A list is counted when it is one, and compared when every item has the value.
    let few = || vec![derived("$.all", "count", "$.d[*]"), derived("$.few", "count 100", "$.d[*].amount")];
    for (document, expected) in [
        ("{\"d\":[{\"amount\":1},{\"amount\":100},{\"amount\":-5}]}", "{\"all\":3,\"few\":2}"),
        ("{\"d\":[]}", "{\"all\":0,\"few\":0}"),
        ("{\"d\":[{\"amount\":1},{}]}", "{\"all\":2}"),
        ("{\"d\":[{\"amount\":1},{\"amount\":\"1\"}]}", "{\"all\":2}"),
        ("{\"d\":[{\"amount\":1},7]}", "{\"all\":2}"),
        ("{\"d\":null}", "{}"),
        ("{\"d\":{}}", "{}"),
        ("{}", "{}"),
    ] {
        assert_eq!(told(few(), document).0, expected, "{document}");
    }
    // Each record by itself, and the items of the document.
    let each = vec![derived("$[*].low", "below 2", "$[*].n")];
    assert_eq!(told(each, "[{\"n\":1},{\"n\":3},{},5]").0, "[{\"low\":true},{\"low\":false},{},null]");
    let items = || vec![derived("$", "count 2", "$[*].n")];
    assert_eq!(told(items(), "[{\"n\":1},{\"n\":3}]"), ("1".to_owned(), vec![0]));
    assert_eq!(told(items(), "[{\"n\":1},{}]"), ("null".to_owned(), vec![1]));
    assert_eq!(told(items(), "{\"n\":1}").0, "null");
    // An answer in the place of what it is told from.
    let place = vec![derived("$.d", "count", "$.d[*]"), derived("$.n", "below 2", "$.n")];
    assert_eq!(told(place, "{\"n\":1,\"d\":[1,2]}").0, "{\"d\":2,\"n\":true}");
}

#[test]
fn a_word_is_one_of_those_agreed() {
    let words = ["low", "high"].map(Box::from);
    let element =
        || Element { path: "$.band".parse().unwrap(), element_type: ElementType::Word(words.clone().into()) };
    for (value, passes) in [
        ("\"low\"", true),
        ("\"high\"", true),
        ("\"14250\"", false),
        ("\"l\\u006fw\"", false),
        ("\"\"", false),
        ("1", false),
        ("null", false),
    ] {
        let expected = if passes { format!("{{\"band\":{value}}}") } else { "{}".to_owned() };
        assert_eq!(told(vec![element()], &format!("{{\"band\":{value},\"x\":1}}")).0, expected, "{value}");
    }
}

#[test]
fn answers_that_hide_nothing_or_cannot_be_told_are_no_projection() {
    let made = |elements: Vec<Element>, record: &str| {
        Projection::new(elements, &record.parse().unwrap(), &[], Form::Document, BOUNDS).map(drop)
    };
    for delivered in ["$.income.amount: number", "$.income: subtree", "$: subtree"] {
        let error =
            made(vec![derived("$.low", "below 1", "$.income.amount"), element(delivered)], "$").unwrap_err();
        let found =
            matches!(error, ProjectionError::SourceDelivered { .. } | ProjectionError::WithinSubtree { .. });
        assert!(found, "{delivered}: {error}");
    }
    for (path, rule, from) in [
        ("$.low", "below 1", "$.d[*].amount"),
        ("$.low", "below 1", "$"),
        ("$.a.low", "below 1", "$.b.amount"),
        ("$.d[*].low", "below 1", "$.income.amount"),
        ("$.d[*]", "below 1", "$.d[*].amount"),
        ("$.many", "count", "$.d"),
        ("$.many", "count", "$.d[*].e[*]"),
        ("$", "below 1", "$.amount"),
        ("$", "count", "$.d[*]"),
    ] {
        let error = made(vec![derived(path, rule, from)], "$").unwrap_err();
        assert!(matches!(error, ProjectionError::Derivation { .. }), "{path} {rule} {from}: {error}");
    }
    for (rule, from, says) in [
        ("count", "$.d", "counted"),
        ("count", "$.d[*].e[*]", "counted"),
        ("below 1", "$.d[*].amount", "count them"),
    ] {
        let error = made(vec![derived("$.many", rule, from)], "$").unwrap_err().to_string();
        assert!(error.contains(says), "{rule} {from}: {error}");
    }
    let within = vec![derived("$.a", "below 1", "$.n"), element("$.a.b: string")];
    assert!(matches!(made(within, "$"), Err(ProjectionError::Derivation { .. })));
    let record = vec![derived("$.a", "below 1", "$.n")];
    assert!(matches!(made(record, "$.a"), Err(ProjectionError::Derivation { .. })));
}

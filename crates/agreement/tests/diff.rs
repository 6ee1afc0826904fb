//! What changed between two versions.

use serde_json::{Value, json};
use verbond_agreement::{ChangeKind, diff};

#[expect(dead_code, reason = "shared with the other tests")]
mod support;

use support::{EXAMPLES, Outcome, document, parsed, remove, set};

#[test]
fn each_change_is_said_in_its_clause() -> Outcome {
    let before = document("pensioners")?;
    let element = json!({
        "path": "$.income.amount", "type": "number", "category": "income", "sensitivity": "sensitive",
        "meaning": "The income",
    });
    let cases: [(&str, Option<Value>, ChangeKind, &str, &str); 7] = [
        (
            "/clauses/0/operations/0/delivered/-",
            Some(element),
            ChangeKind::Added,
            "In the clause incomes, the operation income-of-person: the element $.income.amount is added.",
            "In de bepaling incomes, de bewerking income-of-person: het gegeven $.income.amount is toegevoegd.",
        ),
        (
            "/clauses/0/operations/0/delivered/0",
            None,
            ChangeKind::Removed,
            "In the clause incomes, the operation income-of-person: the element $.year is removed.",
            "In de bepaling incomes, de bewerking income-of-person: het gegeven $.year is geschrapt.",
        ),
        (
            "/clauses/0/operations/0/method",
            Some(json!("HEAD")),
            ChangeKind::Changed,
            "In the clause incomes, the operation income-of-person: the method was “GET” and becomes “HEAD”.",
            "In de bepaling incomes, de bewerking income-of-person: de methode was “GET” en wordt “HEAD”.",
        ),
        (
            "/term/until",
            Some(json!("2029-12-01T00:00:00Z")),
            ChangeKind::Changed,
            "In the term: the end was “2028-12-01T00:00:00Z” and becomes “2029-12-01T00:00:00Z”.",
            "In de looptijd: het einde was “2028-12-01T00:00:00Z” en wordt “2029-12-01T00:00:00Z”.",
        ),
        (
            "/clauses/0/provider/ground",
            None,
            ChangeKind::Removed,
            "In the clause incomes, the provider: the ground is removed.",
            "In de bepaling incomes, de verstrekker: de grondslag is geschrapt.",
        ),
        (
            "/clauses/0/conditions/volume/most",
            Some(json!(200_000)),
            ChangeKind::Changed,
            "In the clause incomes, the conditions, the limit in all: most was 100000 and becomes 200000.",
            "In de bepaling incomes, de voorwaarden, de grens in totaal: most was 100000 en wordt 200000.",
        ),
        (
            "/signatories/1",
            None,
            ChangeKind::Removed,
            "The signatory oin:00000099000000030000 is removed.",
            "De ondertekenaar oin:00000099000000030000 is geschrapt.",
        ),
    ];
    for (pointer, value, kind, en, nl) in cases {
        let mut after = before.clone();
        match value {
            Some(value) => set(&mut after, pointer, value)?,
            None => remove(&mut after, pointer)?,
        }
        let changes = diff(&parsed(&before)?, &parsed(&after)?)?;
        let [change] = &changes[..] else { return Err(format!("{pointer}: {changes:#?}").into()) };
        assert_eq!((change.kind, change.sentence.en.as_str(), change.sentence.nl.as_str()), (kind, en, nl));
        let expected = pointer.starts_with("/clauses").then_some("incomes");
        assert_eq!(change.clause.as_ref().map(|clause| clause.as_str()), expected);
    }
    Ok(())
}

#[test]
fn nothing_changes_unsaid() -> Outcome {
    for example in EXAMPLES {
        let whole = document(example)?;
        let before = parsed(&whole)?;
        assert_eq!(diff(&before, &before)?, Vec::new());
        for other in EXAMPLES.iter().filter(|other| **other != example) {
            assert!(!diff(&before, &parsed(&document(other)?)?)?.is_empty());
        }
        // Each single text, one after the other.
        let mut places = Vec::new();
        texts(&whole, "", &mut places);
        let mut tried = 0;
        for place in places {
            let mut after = whole.clone();
            let text = whole.pointer(&place).and_then(Value::as_str).unwrap_or("");
            set(&mut after, &place, json!(format!("{text}x")))?;
            if let Ok(after) = parsed(&after) {
                assert!(!diff(&before, &after)?.is_empty(), "{example}{place}");
                tried += 1;
            }
        }
        assert!(tried > 20, "{example}: {tried}");
    }
    // The order alone: the document is another one.
    let mut after = document("pensioners")?;
    after["parties"].as_array_mut().ok_or("parties")?.reverse();
    let changes = diff(&parsed(&document("pensioners")?)?, &parsed(&after)?)?;
    assert_eq!(changes.iter().map(|change| change.place.as_str()).collect::<Vec<_>>(), ["parties"]);
    Ok(())
}

fn texts(value: &Value, place: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| texts(value, &format!("{place}/{name}"), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(number, value)| texts(value, &format!("{place}/{number}"), found));
        }
        Value::String(_) => found.push(place.to_owned()),
        _ => {}
    }
}

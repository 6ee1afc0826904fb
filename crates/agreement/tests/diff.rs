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
    // And together with something else.
    after["title"]["nl"] = json!("Anders");
    let changes = diff(&parsed(&document("pensioners")?)?, &parsed(&after)?)?;
    assert_eq!(
        changes.iter().map(|change| change.place.as_str()).collect::<Vec<_>>(),
        ["parties", "title.nl"]
    );
    Ok(())
}

/// What a party writes shows in a sentence as what it is.
#[test]
fn no_sentence_is_made_to_say_something_else() -> Outcome {
    let before = document("pensioners")?;
    for (text, shown) in [
        ("Directeur \u{202e}00001", "becomes “Directeur (U+202E)00001”."),
        ("Directeur” and becomes “Directeur", "the name is changed."),
        ("Directeur\u{2028}Fine.", "becomes “Directeur(U+2028)Fine.”."),
    ] {
        let mut after = before.clone();
        set(&mut after, "/signatories/0/name", json!(text))?;
        let changes = diff(&parsed(&before)?, &parsed(&after)?)?;
        let [change] = &changes[..] else { return Err(format!("{changes:#?}").into()) };
        assert!(change.sentence.en.ends_with(shown), "{}", change.sentence.en);
        assert_eq!(change.after, Some(json!(text)));
    }
    Ok(())
}

/// Numbers that look drawn and are the same each time (Knuth's constants).
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

/// The pointers of all values of a document, the whole one left out.
fn places(value: &Value, place: &str, found: &mut Vec<String>) {
    let mut below = |name: String, value: &Value| {
        let place = format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
        places(value, &place, found);
        found.push(place);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| below(name.clone(), value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(number, value)| below(number.to_string(), value));
        }
        _ => {}
    }
}

/// Something else in the place of a value: another value of its kind, an item less, more or elsewhere, or nothing at all.
fn otherwise(value: &Value, drawn: &mut Drawn) -> Option<Value> {
    match value {
        Value::Bool(one) => Some(json!(!one)),
        Value::Number(number) => Some(json!(number.as_i64().unwrap_or_default() + 1)),
        Value::String(text) => Some(match drawn.below(4) {
            0 => json!(format!("{text}x")),
            1 => json!(text.replace("202", "203")),
            2 => json!(text.chars().rev().collect::<String>()),
            _ => json!(format!("{text} ")),
        }),
        Value::Array(items) => {
            let mut items = items.clone();
            match (items.len(), drawn.below(3)) {
                (0, _) => return None,
                (1, _) | (_, 0) => drop(items.remove(drawn.below(items.len()))),
                (_, 1) => items.reverse(),
                (count, _) => items.swap(drawn.below(count), 0),
            }
            Some(Value::Array(items))
        }
        _ => None,
    }
}

/// The members that a pointer leads by, or a difference's place, without items.
fn members(place: &str) -> Vec<String> {
    let mut text = String::new();
    let mut depth = 0;
    for one in place.chars() {
        match one {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ if depth == 0 => text.push(if one == '/' { '.' } else { one }),
            _ => {}
        }
    }
    let parts = text.split('.').filter(|part| !part.is_empty() && part.parse::<usize>().is_err());
    parts.map(str::to_owned).collect()
}

/// Whatever is changed, and however much at once: it is said, at its place or at what it stands in, with what stood there and
/// what stands there now. So nobody swaps one thing while the difference shows another.
#[test]
fn each_of_several_changes_is_said_at_its_place() -> Outcome {
    let mut drawn = Drawn(2026);
    let mut tried = 0;
    for example in EXAMPLES {
        let whole = document(example)?;
        let before = parsed(&whole)?;
        // As the program writes it: what may be left out stands there, too.
        let whole = serde_json::to_value(&before)?;
        let mut all = Vec::new();
        places(&whole, "", &mut all);
        for _ in 0..100 {
            let mut changed = whole.clone();
            let mut touched = Vec::new();
            for _ in 0..=drawn.below(3) {
                let place = all.get(drawn.below(all.len())).ok_or("a place")?;
                let Some(value) = changed.pointer(place) else { continue };
                let Some(other) = otherwise(value, &mut drawn).filter(|other| other != value) else {
                    continue;
                };
                let was = value.clone();
                set(&mut changed, place, other)?;
                match parsed(&changed) {
                    Ok(_) => touched.push(place.clone()),
                    Err(_) => set(&mut changed, place, was)?,
                }
            }
            let after = parsed(&changed)?;
            let said = diff(&before, &after)?;
            let changed = serde_json::to_value(&after)?;
            assert_eq!(said.is_empty(), before.hash()? == after.hash()?, "{example} {touched:?}");
            for place in touched.iter().filter(|place| whole.pointer(place) != changed.pointer(place)) {
                let at = members(place);
                let is_said = said.iter().any(|change| {
                    let told = members(&change.place);
                    at.starts_with(&told) || told.starts_with(&at)
                });
                assert!(is_said, "{example}{place} is not among {said:#?}");
                tried += 1;
            }
            for change in &said {
                assert!(change.before != change.after, "{change:#?}");
                assert!(!change.sentence.nl.is_empty() && !change.sentence.en.is_empty());
            }
            let made = applied(&whole, &said)?;
            assert!(sorted(&changed) == sorted(&made), "{example} {touched:?}: {said:#?}");
        }
    }
    assert!(tried > 400, "{tried}");
    Ok(())
}

/// A document without the order of its lists: where an item that is added stands is not told.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(sorted).collect();
            items.sort_by_key(ToString::to_string);
            Value::Array(items)
        }
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), sorted(value))).collect())
        }
        _ => value.clone(),
    }
}

/// The old document with the differences put into it.
fn applied(before: &Value, said: &[verbond_agreement::Change]) -> Result<Value, Box<dyn std::error::Error>> {
    let mut made = before.clone();
    for change in said {
        apply(&mut made, &change.place, change)?;
    }
    Ok(made)
}

fn apply(within: &mut Value, place: &str, change: &verbond_agreement::Change) -> Outcome {
    // `clauses[incomes].term`: a member, an item by what it is known by, and the rest.
    let end = place.find(['.', '[']).unwrap_or(place.len());
    let (member, rest) = place.split_at_checked(end).ok_or("a member")?;
    let members = within.as_object_mut().ok_or("an object")?;
    if rest.is_empty() {
        match &change.after {
            Some(after) => drop(members.insert(member.to_owned(), after.clone())),
            None => drop(members.remove(member)),
        }
        return Ok(());
    }
    let below = members.get_mut(member).ok_or_else(|| member.to_owned())?;
    let Some(rest) = rest.strip_prefix('[') else {
        return apply(below, rest.trim_start_matches('.'), change);
    };
    let items = below.as_array_mut().ok_or("a list")?;
    // Where a name ends, since it may hold brackets itself: at the longest one that an item is known by.
    let known = |item: &Value| {
        ["/participant", "/name", "/path", "/category", "/entry/name"]
            .iter()
            .filter_map(|pointer| Some(item.pointer(pointer)?.as_str()?.to_owned()))
            .find(|name| rest.starts_with(&format!("{name}]")))
    };
    let found = items.iter().position(|item| known(item).is_some());
    let Some(number) = found else {
        items.push(change.after.clone().ok_or("an item that is added")?);
        return Ok(());
    };
    let item = items.get_mut(number).ok_or("an item")?;
    let name = known(item).ok_or("a name")?;
    let rest = rest.get(name.len() + 1..).ok_or("the rest")?.trim_start_matches('.');
    match (rest.is_empty(), &change.after) {
        (true, None) => drop(items.remove(number)),
        (true, Some(after)) => *item = after.clone(),
        (false, _) => return apply(item, rest, change),
    }
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

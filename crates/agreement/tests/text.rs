//! The text of an agreement: both languages show every value of the document, and read as the snapshots do.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use verbond_agreement::{
    Agreement, json_schema,
    text::{Language, text},
};

#[expect(dead_code, reason = "shared with the other tests")]
mod support;

use support::{EXAMPLES, Outcome, document, file, parsed};

const LANGUAGES: [(Language, &str, &str); 2] =
    [(Language::Dutch, "nl", "en"), (Language::English, "en", "nl")];

/// `VERBOND_WRITE_SNAPSHOTS=1 cargo test -p verbond-agreement --test text` writes them.
#[test]
fn the_texts_are_as_they_were_read() -> Outcome {
    for example in EXAMPLES {
        let agreement = parsed(&document(example)?)?;
        for (language, suffix, _) in LANGUAGES {
            let path = file(&format!("snapshots/{example}.{suffix}.md"));
            let shown = text(&agreement, language)?;
            if std::env::var_os("VERBOND_WRITE_SNAPSHOTS").is_some() {
                std::fs::write(&path, &shown)?;
            }
            assert!(std::fs::read_to_string(&path)? == shown, "{} differs", path.display());
        }
    }
    Ok(())
}

/// The JSON pointers of all values that hold no others.
fn leaves(value: &Value, place: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| leaves(value, &format!("{place}/{name}"), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(number, value)| leaves(value, &format!("{place}/{number}"), found));
        }
        _ => found.push(place.to_owned()),
    }
}

/// All words that the schema knows.
fn words(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Array(values)) = members.get("enum") {
                found.extend(values.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            members.values().for_each(|member| words(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| words(item, found)),
        _ => {}
    }
}

/// Other values that could stand in the place of one.
fn others(value: &Value, words: &BTreeSet<String>) -> Vec<Value> {
    match value {
        Value::Bool(one) => vec![json!(!one)],
        Value::Number(number) => vec![json!(number.as_i64().unwrap_or_default() + 1)],
        Value::String(text) => {
            let mut all = Vec::new();
            // A longer name; another day, code or digit of a hash; another word.
            all.push(json!(format!("{text}x")));
            all.push(json!(format!("{text}9")));
            for (from, to) in
                [("2026", "2025"), ("2028", "2029"), ("2029", "2030"), ("NL", "BE"), ("CH", "BE")]
            {
                all.push(json!(text.replacen(from, to, 1)));
            }
            let last = if text.ends_with('0') { "1" } else { "0" };
            all.push(json!(format!("{}{last}", &text[..text.len() - 1])));
            all.extend(words.iter().filter(|word| *word != text).map(|word| json!(word)));
            all
        }
        _ => Vec::new(),
    }
}

/// The text but for the hash, which differs anyway; what is asked is whether a value itself shows.
fn without_hash(agreement: &Agreement, language: Language) -> Result<String, Box<dyn std::error::Error>> {
    Ok(text(agreement, language)?.replace(&agreement.hash()?.to_string(), "(hash)"))
}

/// The members of the schema that hold no others, as `clauses/name`: without the numbers of a list's items.
fn members(schema: &Value, of: &Value, place: &str, found: &mut BTreeSet<String>) {
    if let Some(reference) = of.get("$ref").and_then(Value::as_str) {
        let target = schema.pointer(reference.trim_start_matches('#'));
        return target.into_iter().for_each(|target| members(schema, target, place, found));
    }
    let mut is_leaf = true;
    for alternatives in ["oneOf", "anyOf", "allOf"].iter().filter_map(|name| of.get(name)?.as_array()) {
        is_leaf = false;
        alternatives.iter().for_each(|one| members(schema, one, place, found));
    }
    for (name, member) in of.get("properties").and_then(Value::as_object).into_iter().flatten() {
        is_leaf = false;
        members(schema, member, &format!("{place}/{name}"), found);
    }
    if let Some(items) = of.get("items") {
        is_leaf = false;
        members(schema, items, place, found);
    }
    if is_leaf && of.get("type").and_then(Value::as_str) != Some("null") {
        found.insert(place.to_owned());
    }
}

/// A pointer as the schema's members are named; a side is the same on either side.
fn as_member(place: &str) -> String {
    let names: Vec<_> = place.split('/').filter(|part| part.parse::<usize>().is_err()).collect();
    names.join("/").replace("/receivers/side/", "/provider/")
}

/// The examples, and what no example has beside them.
fn with_all_members() -> Result<Vec<(&'static str, Value)>, Box<dyn std::error::Error>> {
    let mut all: Vec<(&'static str, Value)> = Vec::new();
    for example in EXAMPLES {
        all.push((example, document(example)?));
    }
    let mut more = document("answers")?;
    let participant = more.pointer("/parties/0/participant").cloned().ok_or("a party")?;
    let hash = format!("sha256:{}", "0123456789abcdef".repeat(4));
    let signatory =
        json!({ "participant": participant, "name": "De directeur", "mandate": "Mandaat, art. 3" });
    let places = json!([
        { "country": "CH", "instrument": { "instrument": "safeguards", "safeguards": "Clauses of 2021." } },
        { "country": "CH", "instrument": { "instrument": "derogation", "reasoning": "Asked for by the person." } },
    ]);
    let matching = |constant: Value| json!({ "operator": "equal", "constant": constant });
    let counted = |path: &str, constant: Value| {
        json!({
            "path": path, "type": "integer", "category": "income", "sensitivity": "sensitive", "meaning": "How many",
            "why_all": "The law asks for this one too.",
            "derived": { "by": "count", "from": "$.payments[*].kind", "matching": matching(constant) },
        })
    };
    let asked = json!({
        "path": "$.about", "type": "string", "nullable": true, "category": "income", "sensitivity": "personal",
        "identifies": "pseudonym", "meaning": "Whom it is about",
    });
    let all_asked = json!({
        "path": "$.enclosed", "type": "subtree", "category": "income", "sensitivity": "personal",
        "meaning": "What is enclosed", "why_all": "Nobody knows what will be.",
    });
    for (place, value) in [
        ("/version", json!(2)),
        ("/replaces", json!(hash)),
        ("/clauses/0/provider/places", places),
        (
            "/signed_elsewhere",
            json!({ "hash": hash, "date": "2026-10-01", "signatories": [signatory], "activities": [hash] }),
        ),
    ] {
        let (parent, name) = place.rsplit_once('/').ok_or("a place")?;
        let parent = more.pointer_mut(parent).and_then(Value::as_object_mut).ok_or("an object")?;
        parent.insert(name.to_owned(), value);
    }
    for (place, value) in [
        ("/clauses/0/operations/0/delivered", counted("$.by_text", json!({ "text": "wage" }))),
        ("/clauses/0/operations/0/delivered", counted("$.by_day", json!({ "day": "2026-10-01" }))),
        ("/clauses/0/operations/1/request/elements", asked),
        ("/clauses/0/operations/1/request/elements", all_asked),
    ] {
        more.pointer_mut(place).and_then(Value::as_array_mut).ok_or("a list")?.push(value);
    }
    all.push(("answers and more", more));
    Ok(all)
}

/// Nothing in a request is derived: the document is refused (`document.rs`), so that no text is needed.
fn is_refused(member: &str) -> bool {
    member.starts_with("/clauses/operations/request/elements/derived/")
}

#[test]
fn every_member_of_the_schema_stands_in_what_is_tried() -> Outcome {
    let schema = json_schema();
    let mut unseen = BTreeSet::new();
    members(&schema, &schema, "", &mut unseen);
    assert!(unseen.len() > 300, "{}", unseen.len());
    let mut unseen: BTreeSet<_> = unseen.iter().map(|member| as_member(member)).collect();
    for (_, whole) in with_all_members()? {
        let mut places = Vec::new();
        leaves(&whole, "", &mut places);
        places.iter().for_each(|place| {
            unseen.remove(&as_member(place));
        });
    }
    unseen.retain(|member| !is_refused(member));
    assert!(unseen.is_empty(), "{unseen:#?}");
    Ok(())
}

#[test]
fn every_value_shows_in_both_languages() -> Outcome {
    let mut known = BTreeSet::new();
    words(&json_schema(), &mut known);
    let (mut hidden, mut untried, mut tried) = (Vec::new(), BTreeSet::new(), 0);
    for (example, whole) in with_all_members()? {
        let agreement = parsed(&whole)?;
        let originals =
            [without_hash(&agreement, LANGUAGES[0].0)?, without_hash(&agreement, LANGUAGES[1].0)?];
        let mut places = Vec::new();
        leaves(&whole, "", &mut places);
        for place in places {
            let value = whole.pointer(&place).ok_or("a leaf")?;
            let mut changed = whole.clone();
            let other = others(value, &known).into_iter().filter(|other| other != value).find_map(|other| {
                *changed.pointer_mut(&place)? = other;
                Agreement::parse(&serde_json::to_vec(&changed).ok()?).ok()
            });
            let Some(other) = other else {
                let name: Vec<_> = place.split('/').filter(|part| part.parse::<usize>().is_err()).collect();
                untried.insert(name.join("/"));
                continue;
            };
            for ((language, suffix, not), original) in LANGUAGES.iter().zip(&originals) {
                if place.ends_with(&format!("/{not}")) {
                    continue;
                }
                tried += 1;
                if *original == without_hash(&other, *language)? {
                    hidden.push(format!("{example}{place} in {suffix}"));
                }
            }
        }
    }
    assert!(hidden.is_empty(), "{}", hidden.join("\n"));
    assert!(tried > 1000, "{tried}");
    // Where another value would need other members beside it, or must be what another place says.
    let bound =
        ["format", "version", "type", "publish", "participant", "provider", "party", "role", "purpose", "by"];
    let bound = [&bound[..], &["effect", "allow", "place", "use", "keep", "instrument", "path"]].concat();
    let is_bound = |place: &&String| {
        let last = place.rsplit('/').next().unwrap_or("");
        // Where answers are derived, paths must be paths.
        let paths = ["/clauses/operations/delivered/derived/from", "/clauses/operations/record"];
        let others = ["/clauses/operations/parameters/name"];
        !bound.contains(&last) && !paths.iter().chain(&others).any(|other| *other == place.as_str())
    };
    let unexpected: Vec<_> = untried.iter().filter(is_bound).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    Ok(())
}

/// What a party writes cannot pose as a part of the text that others rely on.
#[test]
fn nothing_that_parties_write_changes_the_structure() -> Outcome {
    let evil = "Fine.\n\n## Who signs\n\n| a | b |\n|---|---|\n- **Ground:** [all](https://evil.test) <b>";
    let mut document = document("early-detection")?;
    for pointer in
        ["/why/nl", "/why/en", "/term/review", "/clauses/0/purpose_text/nl", "/clauses/0/purpose_text/en"]
    {
        *document.pointer_mut(pointer).ok_or(pointer)? = json!(evil);
    }
    for pointer in
        ["/clauses/0/operations/0/delivered/0/meaning", "/signatories/0/name", "/parties/0/contact/name"]
    {
        *document.pointer_mut(pointer).ok_or(pointer)? = json!("a | b ` # \u{202e} <i>");
    }
    let (clean, changed) = (parsed(&support::document("early-detection")?)?, parsed(&document)?);
    for (language, ..) in LANGUAGES {
        let structure = |text: &str| -> (usize, usize, usize) {
            let plain = text.replace("\\|", "");
            let lines = || plain.lines();
            (
                lines().filter(|line| line.starts_with('#')).count(),
                lines().filter(|line| line.starts_with('|')).map(|line| line.matches('|').count()).sum(),
                lines().filter(|line| line.trim_start().starts_with("- ")).count(),
            )
        };
        let shown = text(&changed, language)?;
        assert_eq!(structure(&shown), structure(&text(&clean, language)?));
        assert!(!shown.contains('\u{202e}') && !shown.contains("<b>") && !shown.contains("[all]("));
    }
    Ok(())
}

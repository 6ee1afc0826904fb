//! The document: read as written, refused when it contradicts itself, one canonical form.

use std::error::Error;

use serde_json::{Value, json};
use verbond_agreement::{Agreement, DocumentError, DocumentHash};

const PENSIONERS: &str = include_str!("pensioners.json");

type Outcome = Result<(), Box<dyn Error>>;

/// The example with the value at a JSON pointer replaced.
fn changed(pointer: &str, value: Value) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut document: Value = serde_json::from_str(PENSIONERS)?;
    *document.pointer_mut(pointer).ok_or(pointer)? = value;
    Ok(serde_json::to_vec(&document)?)
}

#[test]
fn an_agreement_is_read_back_as_it_was_written() -> Outcome {
    let agreement = Agreement::parse(PENSIONERS.as_bytes())?;
    let written: Value = serde_json::to_value(&agreement)?;
    assert_eq!(written, serde_json::from_str::<Value>(PENSIONERS)?);
    Ok(())
}

#[test]
fn what_is_signed_has_one_form() -> Outcome {
    let agreement = Agreement::parse(PENSIONERS.as_bytes())?;
    let canonical = agreement.canonical()?;
    assert_eq!(Agreement::parse_canonical(&canonical)?, agreement);
    assert_eq!(agreement.hash()?, DocumentHash::of(&canonical));
    assert_eq!(Agreement::parse_canonical(PENSIONERS.as_bytes()), Err(DocumentError::NotCanonical));
    assert_eq!(agreement.hash()?.to_string().parse::<DocumentHash>()?, agreement.hash()?);
    Ok(())
}

#[test]
fn what_the_format_does_not_have_is_refused() -> Outcome {
    let mut document: Value = serde_json::from_str(PENSIONERS)?;
    for pointer in
        ["", "/clauses/0", "/clauses/0/conditions", "/clauses/0/operations/0", "/term", "/publicity"]
    {
        let mut with_more = document.clone();
        let place = with_more.pointer_mut(pointer).and_then(Value::as_object_mut).ok_or(pointer)?;
        place.insert("and_more".to_owned(), json!(true));
        let refused = Agreement::parse(&serde_json::to_vec(&with_more)?);
        assert!(matches!(refused, Err(DocumentError::Form(_))), "{pointer}: {refused:?}");
    }
    document["format"] = json!("verbond-agreement/2");
    let refused = Agreement::parse(&serde_json::to_vec(&document)?);
    assert_eq!(refused, Err(DocumentError::Format("verbond-agreement/2".to_owned())));
    Ok(())
}

#[test]
fn an_agreement_that_contradicts_itself_is_refused() -> Outcome {
    let stranger = json!("oin:00000099000000090000");
    let provider = json!("oin:00000099000000030000");
    for (pointer, value) in [
        ("/clauses/0/service/provider", stranger.clone()),
        ("/clauses/0/receivers/0/participant", stranger.clone()),
        ("/clauses/0/receivers/0/participant", provider.clone()),
        ("/signatories/0/participant", stranger.clone()),
        ("/signatories/0/participant", provider.clone()),
        ("/advice/0/participant", stranger),
        ("/parties/0/participant", provider),
        ("/clauses/0/operations/0/parameters", json!([])),
        ("/clauses/0/operations/0/path", json!("/incomes")),
        ("/version", json!(2)),
        ("/version", json!(0)),
    ] {
        let refused = Agreement::parse(&changed(pointer, value.clone())?);
        assert!(matches!(refused, Err(DocumentError::Reference { .. })), "{pointer} {value}: {refused:?}");
    }
    for pointer in ["/clauses", "/parties", "/clauses/0/receivers", "/clauses/0/operations"] {
        let refused = Agreement::parse(&changed(pointer, json!([]))?);
        assert!(matches!(refused, Err(DocumentError::Count { .. })), "{pointer}: {refused:?}");
    }
    assert_eq!(Agreement::parse(&vec![b' '; 1024 * 1024 + 1]), Err(DocumentError::TooLong));
    Ok(())
}

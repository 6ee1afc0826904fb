//! One contract, laid out for people: what it is, what it grants, who said what.

use serde_json::Value;

use super::show::cell;
use crate::printer::Printer;

/// A table of the sheet: its header and rows.
type Section = (&'static [&'static str], Vec<Vec<String>>);

/// Prints the contract, or its JSON when that was asked.
pub fn print(printer: Printer, contract: &Value) {
    if printer.is_json() {
        return printer.json(contract);
    }
    let sections = std::iter::once(head(contract)).chain(grants(contract)).chain([signatures(contract)]);
    for (number, (header, rows)) in sections.enumerate() {
        if number > 0 {
            printer.line("");
        }
        printer.table(header, rows);
    }
}

fn at(value: &Value, pointer: &str) -> String {
    cell(value.pointer(pointer))
}

fn row(name: &str, text: String) -> Vec<String> {
    vec![name.to_owned(), text]
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn head(contract: &Value) -> Section {
    let mut rows = vec![
        row("state", at(contract, "/state")),
        row("in force", format!("{} to {}", at(contract, "/not_before"), at(contract, "/not_after"))),
        row("made", at(contract, "/created_at")),
        row("known here since", at(contract, "/stored_at")),
    ];
    // Empty for contracts of our own making.
    let verdict = at(contract, "/verdict");
    if !verdict.is_empty() && verdict != "-" {
        rows.push(row("acceptance policy", verdict));
    }
    rows.extend(items(contract, "verdict_reasons").map(|reason| row("", at(reason, "/en"))));
    let mut table = vec![row("hash", at(contract, "/hash"))];
    table.append(&mut rows);
    (&["CONTRACT", ""], table)
}

fn grants(contract: &Value) -> impl Iterator<Item = Section> {
    items(contract, "grants").map(|grant| {
        let kind = at(grant, "/grant_type").trim_start_matches("GRANT_TYPE_").replace('_', " ");
        let mut rows = vec![row("kind", kind.to_lowercase()), row("service", at(grant, "/reference"))];
        rows.extend(
            items(grant, "parties").map(|party| row(&at(party, "/role").replace('_', " "), at(party, "/id"))),
        );
        let known_by = [
            ("outway by key", "/outway_identification/public_key_thumbprint"),
            ("outway by name", "/outway_identification/domain_name"),
        ];
        rows.extend(
            known_by
                .iter()
                .filter(|(_, pointer)| grant.pointer(pointer).is_some())
                .map(|(name, pointer)| row(name, at(grant, pointer))),
        );
        let properties = grant.get("properties").and_then(Value::as_object).into_iter().flatten();
        rows.extend(properties.map(|(name, value)| {
            row(&format!("property {}", cell(Some(&name.as_str().into()))), cell(Some(value)))
        }));
        rows.push(row("hash", at(grant, "/hash")));
        (&["GRANT", ""] as &[_], rows)
    })
}

fn signatures(contract: &Value) -> Section {
    let mut rows: Vec<_> = items(contract, "signatures")
        .map(|signature| {
            ["/participant", "/kind", "/signed_at"].map(|pointer| at(signature, pointer)).to_vec()
        })
        .collect();
    rows.extend(
        items(contract, "waits_for")
            .map(|who| vec![cell(Some(who)), "has not accepted".to_owned(), "-".to_owned()]),
    );
    (&["PARTICIPANT", "SIGNATURE", "AT"], rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_fact_has_a_line_of_its_own_and_a_peers_words_do_not_reach_the_terminal_raw() {
        let contract = json!({
            "hash": "$1$1$abc", "state": "proposed", "not_before": "2026-01-01T00:00:00Z",
            "not_after": "2027-01-01T00:00:00Z", "created_at": "a", "stored_at": "b", "verdict": "leave",
            "verdict_reasons": [{ "code": "X", "nl": "nee", "en": "a second grant" }],
            "grants": [{
                "grant_type": "GRANT_TYPE_SERVICE_CONNECTION", "reference": "oin:1/trees", "hash": "$1$4$def",
                "parties": [{ "role": "outway", "id": "oin:2" }, { "role": "service_provider", "id": "oin:1" }],
                "outway_identification": { "type": "public_key_thumbprint", "public_key_thumbprint": "00ff" },
                "properties": { "note\u{1b}[2J": "x\ny" }
            }],
            "signatures": [{ "participant": "oin:2", "kind": "accept", "signed_at": "c" }],
            "waits_for": ["oin:1"]
        });
        let (_, head) = head(&contract);
        assert!(head.contains(&vec!["acceptance policy".to_owned(), "leave".to_owned()]));
        assert!(head.contains(&vec![String::new(), "a second grant".to_owned()]));
        let Some((_, grant)) = grants(&contract).next() else { return assert_eq!("no grant", "") };
        let told: Vec<_> = grant.iter().map(|row| row.join(": ")).collect();
        assert_eq!(
            told,
            [
                "kind: service connection",
                "service: oin:1/trees",
                "outway: oin:2",
                "service provider: oin:1",
                "outway by key: 00ff",
                "property note\u{fffd}[2J: x\u{fffd}y",
                "hash: $1$4$def"
            ]
        );
        let (_, signatures) = signatures(&contract);
        assert_eq!(signatures.last().map(|row| row.join(" ")), Some("oin:1 has not accepted -".to_owned()));
    }
}

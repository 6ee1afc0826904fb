//! Wire contracts as evidence that a foreign participant bound itself or said no (docs/formats/agreement.md, *A contract as evidence*).

use std::collections::{BTreeSet, HashMap};

use aws_lc_rs::digest::{SHA3_512, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

use crate::{line::certificates, payload::VersionName, signature};

/// How far the foreign participant's clock may be ahead of the statement, in milliseconds.
const AHEAD: i64 = 5 * 60 * 1000;

/// What is stated of a foreign participant.
#[derive(Deserialize)]
pub(crate) struct SeenText {
    pub(crate) party: String,
    #[serde(default)]
    contracts: Vec<String>,
    #[serde(default)]
    evidence: Vec<EvidenceText>,
}

#[derive(Deserialize)]
struct EvidenceText {
    content: String,
    signature: String,
    chain: Vec<String>,
}

#[derive(Deserialize)]
struct ContentText {
    validity: ValidityText,
    grants: Vec<GrantText>,
}

#[derive(Deserialize)]
struct ValidityText {
    not_after: i64,
}

#[derive(Deserialize)]
struct GrantText {
    data: DataText,
}

#[derive(Deserialize)]
struct DataText {
    #[serde(rename = "type")]
    kind: String,
    service: ServiceText,
    outway: OutwayText,
    #[serde(default)]
    properties: HashMap<String, Value>,
}

#[derive(Deserialize)]
struct ServiceText {
    peer_id: String,
    name: String,
}

#[derive(Deserialize)]
struct OutwayText {
    peer_id: String,
}

#[derive(Deserialize)]
struct SaidText {
    contract_content_hash: String,
    #[serde(rename = "type")]
    kind: String,
    signed_at: i64,
}

/// Provider, service and receiver.
pub(crate) type Connection = (String, String, String);

/// By which certificates of the foreign participant contracts were signed, and when (milliseconds).
pub(crate) type Signers = Vec<(Vec<Vec<u8>>, i64)>;

/// About what, by whom and when something is stated.
pub(crate) struct About<'a> {
    pub(crate) version: &'a VersionName,
    pub(crate) connections: &'a BTreeSet<Connection>,
    pub(crate) by: &'a str,
    pub(crate) at: i64,
    /// Contracts that the stating party said before to count for that foreign participant.
    pub(crate) bound: &'a [(String, String, String)],
    /// How many parties the version has.
    pub(crate) parties: usize,
}

/// Whether the evidence shows what is stated, by which certificates; `accepted`: that it accepted, else that it said no.
pub(crate) fn judge(seen: &SeenText, accepted: bool, about: &About<'_>) -> Option<Signers> {
    if seen.evidence.is_empty() {
        // What was stated of an accept before evidence travelled was stated of two parties.
        return (!accepted || about.parties == 2).then(Vec::new);
    }
    (seen.evidence.len() == seen.contracts.len()).then_some(())?;
    let between = |(provider, _, receiver): &&Connection| {
        (provider == about.by && *receiver == seen.party) || (*provider == seen.party && receiver == about.by)
    };
    let between: Vec<&Connection> = about.connections.iter().filter(between).collect();
    let (mut shown, mut signers) = (BTreeSet::new(), Vec::new());
    for (hash, evidence) in seen.contracts.iter().zip(&seen.evidence) {
        let content = digest(&SHA3_512, evidence.content.as_bytes());
        (*hash == format!("$1$1${}", URL_SAFE_NO_PAD.encode(content))).then_some(())?;
        let content: ContentText = serde_json::from_str(&evidence.content).ok()?;
        let [GrantText { data }] = content.grants.as_slice() else { return None };
        follows(data, hash, &seen.party, about).then_some(())?;
        shown.insert(*between.iter().find(|connection| is_connection(data, connection))?);
        (!accepted || content.validity.not_after.checked_mul(1000)? > about.at).then_some(())?;
        signers.push(signed(evidence, hash, accepted, about.at)?);
    }
    (!accepted || shown.len() == between.len()).then_some(signers)
}

fn is_connection(data: &DataText, (provider, service, receiver): &Connection) -> bool {
    let connects = matches!(
        data.kind.as_str(),
        "GRANT_TYPE_SERVICE_CONNECTION" | "GRANT_TYPE_DELEGATED_SERVICE_CONNECTION"
    );
    // The protocol names a participant by the value alone; the scheme is the group's.
    let is =
        |participant: &str, peer: &str| participant.split_once(':').is_some_and(|(_, value)| value == peer);
    connects
        && is(provider, &data.service.peer_id)
        && *service == data.service.name
        && is(receiver, &data.outway.peer_id)
}

/// Whether a contract says that it follows from the version; what names none does by an act of who shows it.
fn follows(data: &DataText, contract: &str, foreign: &str, about: &About<'_>) -> bool {
    let member = |name: &str| data.properties.get("verbond.agreement").and_then(|named| named.get(name));
    let VersionName { id, version, hash } = about.version;
    match member("hash").and_then(Value::as_str) {
        Some(named) => {
            named == hash
                && member("id").and_then(Value::as_str) == Some(id)
                && member("version").and_then(Value::as_u64) == Some(*version)
        }
        None => {
            about.bound.iter().any(|(by, party, one)| by == about.by && party == foreign && one == contract)
        }
    }
}

fn signed(evidence: &EvidenceText, hash: &str, accepted: bool, at: i64) -> Option<(Vec<Vec<u8>>, i64)> {
    let chain = certificates(&evidence.chain)?;
    signature::is_by_certificate(&evidence.signature, chain.first()?).then_some(())?;
    let said: SaidText = serde_json::from_slice(&signature::payload(&evidence.signature)?).ok()?;
    let kinds: &[&str] = if accepted { &["accept"] } else { &["reject", "revoke"] };
    let signed_at = said.signed_at.checked_mul(1000)?;
    let says = said.contract_content_hash == hash && kinds.contains(&said.kind.as_str());
    (says && signed_at <= at.saturating_add(AHEAD)).then_some((chain, signed_at))
}

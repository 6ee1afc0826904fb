//! Contracts, participants and certificates for the tests of this module.

use serde_json::{Value, json};
use verbond_domain::{ParticipantId, Scheme, Timestamp};
use verbond_trust::{Certificate, CertificateThumbprint, PublicKeyThumbprint};

use super::{content::ContractContent, refusal::ContractRefusal, signature::SignatureKind, state::Signed};

pub type Failure = Box<dyn std::error::Error>;

pub const GROUP: &str = "verbond-test";
pub const PROVIDER: &str = "00000099000000000001";
pub const CONSUMER: &str = "0000009958MINBZK0002";
pub const DIRECTORY: &str = "00000099000000000003";
pub const DELEGATOR: &str = "00000099000000000004";
pub const SERVICE_DELEGATOR: &str = "00000099000000000005";
pub const STRANGER: &str = "00000099000000000006";
/// Seconds: start and end of the contracts here, and a moment between.
pub const START: i64 = 1_700_000_000;
pub const NOW: i64 = 1_700_000_100;
pub const END: i64 = 1_700_086_400;

pub fn peer(value: &str) -> ParticipantId {
    ParticipantId::new(Scheme::Oin, value).unwrap_or_else(|error| unreachable!("{value}: {error}"))
}

pub const fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

/// A certificate that says this much; its bytes are not a certificate.
pub fn certificate(participant: &str, dns_names: &[&str]) -> Certificate {
    Certificate {
        thumbprint: CertificateThumbprint([1; 32]),
        public_key_thumbprint: PublicKeyThumbprint([0xab; 32]),
        public_key: Vec::new(),
        participant: peer(participant),
        organisation: "Gemeente".to_owned(),
        subject: String::new(),
        dns_names: dns_names.iter().map(|&name| name.to_owned()).collect(),
        not_before: Timestamp::from_seconds(START),
        not_after: Timestamp::from_seconds(END),
        crl_urls: Vec::new(),
        der: participant.as_bytes().to_vec().into(),
    }
}

pub fn thumbprint() -> Value {
    json!({
        "type": "OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT",
        "public_key_thumbprint": "ab".repeat(32),
    })
}

pub fn domain_name(name: &str) -> Value {
    json!({ "type": "OUTWAY_IDENTIFICATION_TYPE_DOMAIN_NAME", "domain_name": name })
}

pub fn connection() -> Value {
    json!({
        "type": "GRANT_TYPE_SERVICE_CONNECTION",
        "outway": { "peer_id": CONSUMER, "identification": thumbprint() },
        "service": { "type": "SERVICE_TYPE_SERVICE", "peer_id": PROVIDER, "name": "incomes" },
    })
}

pub fn connection_to_delegated_service() -> Value {
    let mut grant = connection();
    grant["service"]["type"] = "SERVICE_TYPE_DELEGATED_SERVICE".into();
    grant["service"]["delegator"] = json!({ "peer_id": SERVICE_DELEGATOR });
    grant
}

pub fn delegated(mut grant: Value) -> Value {
    grant["type"] = grant["type"].as_str().unwrap_or_default().replace("TYPE_", "TYPE_DELEGATED_").into();
    grant["delegator"] = json!({ "peer_id": DELEGATOR });
    grant
}

pub fn publication() -> Value {
    json!({
        "type": "GRANT_TYPE_SERVICE_PUBLICATION",
        "directory": { "peer_id": DIRECTORY },
        "service": { "peer_id": PROVIDER, "name": "incomes", "protocol": "PROTOCOL_TCP_HTTP_1.1" },
    })
}

pub fn tree(grants: &[Value]) -> Value {
    json!({
        "fsc_version": "2.0.0",
        "iv": "06338364-8305-7b74-8000-de4963503139",
        "group_id": GROUP,
        "validity": { "not_before": START, "not_after": END },
        "grants": grants.iter().map(|data| json!({ "data": data })).collect::<Vec<_>>(),
        "hash_algorithm": "HASH_ALGORITHM_SHA3_512",
        "created_at": START,
    })
}

pub fn contract(grants: &[Value]) -> Result<ContractContent, ContractRefusal> {
    ContractContent::from_tree(tree(grants), Scheme::Oin)
}

pub fn signed(signer: &str, kind: SignatureKind) -> Signed {
    Signed { signer: peer(signer), kind, signed_at: Timestamp::from_seconds(START) }
}

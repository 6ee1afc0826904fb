//! Messages of the manager's interface that are neither content nor token: requests and listings.
//!
//! What is sent keeps to manager.yaml of Core 2.0.0 and logging.yaml of Logging 1.1.0; what is read is tolerant:
//! unknown members are ignored, and members that foreign managers leave out, or write as `null`, get the empty value.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    grant::ServiceProtocol,
    i_json::{self, IJsonError},
    refusal::ContractRefusal,
};

/// Body of `POST /contracts` and of `PUT /contracts/{hash}/accept|reject|revoke`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignatureRequest {
    /// The content, as received.
    pub content: Value,
    /// A compact JWS.
    pub signature: String,
}

impl SignatureRequest {
    /// Reads a body of at most [`i_json::MAXIMUM_BYTES`]; the caller bounds it tighter as it likes.
    ///
    /// Version 1 of FSC named the member `contract_content`: such a message is told which version is spoken here.
    pub fn parse(body: &[u8]) -> Result<Self, ContractRefusal> {
        let Value::Object(mut members) = i_json::parse(body)? else {
            return Err(ContractRefusal::Member(String::new()));
        };
        let Some(content) = members.remove("content") else {
            return Err(match members.contains_key("contract_content") {
                true => ContractRefusal::FscVersion,
                false => ContractRefusal::Member("/content".to_owned()),
            });
        };
        let Some(Value::String(signature)) = members.remove("signature") else {
            return Err(ContractRefusal::Member("/signature".to_owned()));
        };
        Ok(Self { content, signature })
    }
}

/// What is absent or `null` is empty.
fn or_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// A map of texts; what is no text in it is left out.
fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let all: BTreeMap<String, Value> = or_empty(from)?;
    let text = |value: Value| value.as_str().map(str::to_owned);
    Ok(all.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect())
}

/// A list; what cannot be read in it is left out.
fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    let all: Vec<Value> = or_empty(from)?;
    Ok(all.into_iter().filter_map(|line| serde_json::from_value(line).ok()).collect())
}

/// Signatures per kind: peer id (value only) to compact JWS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signatures {
    /// Accept signatures.
    #[serde(default, deserialize_with = "texts")]
    pub accept: BTreeMap<String, String>,
    /// Reject signatures.
    #[serde(default, deserialize_with = "texts")]
    pub reject: BTreeMap<String, String>,
    /// Revoke signatures.
    #[serde(default, deserialize_with = "texts")]
    pub revoke: BTreeMap<String, String>,
}

impl Contracts {
    /// Reads an answer, its contents by the rules under which they are hashed: I-JSON.
    pub fn parse(body: &[u8], maximum_bytes: usize) -> Result<Self, IJsonError> {
        let tree = i_json::parse_bounded(body, maximum_bytes)?;
        serde_json::from_value(tree).map_err(|_| IJsonError::Malformed(0, 0))
    }
}

/// A contract as `GET /contracts` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireContract {
    /// The content tree.
    #[serde(default)]
    pub content: Value,
    /// Its signatures.
    #[serde(default, deserialize_with = "or_empty")]
    pub signatures: Signatures,
}

/// Where a listing goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pagination {
    /// Empty at the end. (Some managers never leave it empty: stop at an empty page.)
    #[serde(default, deserialize_with = "or_empty")]
    pub next_cursor: String,
}

/// Answer of `GET /contracts`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contracts {
    /// The page.
    #[serde(default, deserialize_with = "or_empty")]
    pub contracts: Vec<WireContract>,
    /// Where it goes on.
    #[serde(default, deserialize_with = "or_empty")]
    pub pagination: Pagination,
}

/// A peer as listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Value of its identifier.
    pub id: String,
    /// Its name.
    #[serde(default, deserialize_with = "or_empty")]
    pub name: String,
    /// `https://host:port` of its manager.
    #[serde(default, deserialize_with = "or_empty")]
    pub manager_address: String,
}

/// Answer of `GET /peers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peers {
    /// The page.
    #[serde(default, deserialize_with = "or_empty")]
    pub peers: Vec<Peer>,
    /// Where it goes on.
    #[serde(default, deserialize_with = "or_empty")]
    pub pagination: Pagination,
}

/// On whose behalf a listed service is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedDelegator {
    /// Value of its identifier.
    pub peer_id: String,
    /// Its name.
    #[serde(default, deserialize_with = "or_empty")]
    pub peer_name: String,
}

/// A service as listed; the delegated form has a delegator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ListedService {
    /// Offered by the peer for itself.
    #[serde(rename = "SERVICE_TYPE_SERVICE")]
    Service {
        /// Who offers it.
        peer: Peer,
        /// Its name.
        name: String,
        /// How it is reached.
        protocol: ServiceProtocol,
        /// Of the publication grant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        properties: Option<Map<String, Value>>,
    },
    /// Offered by the peer on behalf of a delegator.
    #[serde(rename = "SERVICE_TYPE_DELEGATED_SERVICE")]
    DelegatedService {
        /// On whose behalf.
        delegator: ListedDelegator,
        /// Who offers it.
        peer: Peer,
        /// Its name.
        name: String,
        /// How it is reached.
        protocol: ServiceProtocol,
        /// Of the publication grant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        properties: Option<Map<String, Value>>,
    },
}

impl ListedService {
    /// `SERVICE_TYPE_…`
    pub const fn service_type(&self) -> &'static str {
        match self {
            Self::Service { .. } => "SERVICE_TYPE_SERVICE",
            Self::DelegatedService { .. } => "SERVICE_TYPE_DELEGATED_SERVICE",
        }
    }
}

/// A line of `GET /services`.
///
/// manager.yaml requires a member `type` beside `data`, where it does not define one, and uses the one inside `data` to
/// tell the forms apart: both are written, either is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "WrittenListing")]
pub struct ServiceListing {
    /// The service.
    pub data: ListedService,
}

#[derive(Serialize)]
struct WrittenListing {
    r#type: &'static str,
    data: ListedService,
}

impl From<ServiceListing> for WrittenListing {
    fn from(listing: ServiceListing) -> Self {
        Self { r#type: listing.data.service_type(), data: listing.data }
    }
}

impl TryFrom<Value> for ServiceListing {
    type Error = serde_json::Error;

    fn try_from(mut line: Value) -> Result<Self, Self::Error> {
        let outer = line.get("type").cloned();
        let mut data = line.get_mut("data").map(Value::take).unwrap_or_default();
        if let (Some(members), Some(outer)) = (data.as_object_mut(), outer) {
            members.entry("type").or_insert(outer);
        }
        Ok(Self { data: serde_json::from_value(data)? })
    }
}

/// Answer of `GET /services`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Services {
    /// The page. Lines of a form that a later version may have are left out.
    #[serde(default, deserialize_with = "readable")]
    pub services: Vec<ServiceListing>,
    /// Where it goes on.
    #[serde(default, deserialize_with = "or_empty")]
    pub pagination: Pagination,
}

/// Answer of `GET /peer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerInfo {
    /// Value of the identifier.
    pub peer_id: String,
    /// The name.
    #[serde(default, deserialize_with = "or_empty")]
    pub peer_name: String,
    /// The version of FSC.
    #[serde(default, deserialize_with = "or_empty")]
    pub fsc_version: String,
    /// Names and versions of extensions.
    #[serde(default, deserialize_with = "texts")]
    pub enabled_extensions: BTreeMap<String, String>,
}

/// Answer of `POST /token`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenResponse {
    /// The JWT.
    pub access_token: String,
    /// `bearer`
    #[serde(default, deserialize_with = "or_empty")]
    pub token_type: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::protocol::fixtures::*;

    #[test]
    fn a_request_keeps_its_content_as_received() -> Result<(), Failure> {
        let body = json!({ "content": tree(&[connection()]), "signature": "a.b.c", "more": 1 });
        let request = SignatureRequest::parse(body.to_string().as_bytes())?;
        assert_eq!((request.content, request.signature.as_str()), (tree(&[connection()]), "a.b.c"));
        Ok(())
    }

    #[test]
    fn a_request_that_is_not_one_is_told_what_it_lacks() {
        let refused = |body: Value| SignatureRequest::parse(body.to_string().as_bytes()).err();
        let lacks = |pointer: &str| Some(ContractRefusal::Member(pointer.to_owned()));
        assert_eq!(refused(json!({ "signature": "a" })), lacks("/content"));
        assert_eq!(refused(json!({ "content": {} })), lacks("/signature"));
        assert_eq!(refused(json!({ "content": {}, "signature": 1 })), lacks("/signature"));
        assert_eq!(refused(json!([])), lacks(""));
        // Version 1 of FSC.
        assert_eq!(
            refused(json!({ "contract_content": {}, "signature": "a" })),
            Some(ContractRefusal::FscVersion)
        );
        let twice = br#"{"content":{"a":1,"a":2},"signature":"a"}"#;
        assert_eq!(
            SignatureRequest::parse(twice),
            Err(ContractRefusal::Document(IJsonError::DuplicateMember))
        );
    }

    #[test]
    fn listings_are_written_as_the_schema_says() -> Result<(), Failure> {
        let contracts = Contracts {
            contracts: vec![WireContract { content: json!({}), signatures: Signatures::default() }],
            pagination: Pagination::default(),
        };
        assert_eq!(
            serde_json::to_value(&contracts)?,
            json!({
                "contracts": [{ "content": {}, "signatures": { "accept": {}, "reject": {}, "revoke": {} } }],
                "pagination": { "next_cursor": "" },
            })
        );
        let peer = Peer {
            id: PROVIDER.to_owned(),
            name: "A".to_owned(),
            manager_address: "https://a:443".to_owned(),
        };
        let data = ListedService::DelegatedService {
            delegator: ListedDelegator { peer_id: DELEGATOR.to_owned(), peer_name: "B".to_owned() },
            peer,
            name: "incomes".to_owned(),
            protocol: ServiceProtocol::Http2,
            properties: None,
        };
        assert_eq!(
            serde_json::to_value(ServiceListing { data })?,
            json!({
                "type": "SERVICE_TYPE_DELEGATED_SERVICE",
                "data": {
                    "type": "SERVICE_TYPE_DELEGATED_SERVICE",
                    "delegator": { "peer_id": DELEGATOR, "peer_name": "B" },
                    "peer": { "id": PROVIDER, "name": "A", "manager_address": "https://a:443" },
                    "name": "incomes",
                    "protocol": "PROTOCOL_TCP_HTTP_2",
                },
            })
        );
        Ok(())
    }

    #[test]
    fn the_type_of_a_listed_service_is_read_in_either_place() -> Result<(), Failure> {
        let data =
            json!({ "peer": { "id": PROVIDER }, "name": "incomes", "protocol": "PROTOCOL_TCP_HTTP_1.1" });
        let mut inside = data.clone();
        inside["type"] = "SERVICE_TYPE_SERVICE".into();
        let read = |line: Value| serde_json::from_value::<ServiceListing>(line);
        let listing = read(json!({ "data": inside }))?;
        assert_eq!(read(json!({ "type": "SERVICE_TYPE_SERVICE", "data": data.clone() }))?, listing);
        assert!(read(json!({ "data": data })).is_err());
        assert!(read(json!(1)).is_err());
        Ok(())
    }

    #[test]
    fn what_foreign_managers_leave_out_is_tolerated() -> Result<(), Failure> {
        let contracts = Contracts::parse(
            br#"{"contracts":[{"content":{"iv":1},"signatures":{"accept":{"1":"a.b.c"}}}]}"#,
            1000,
        )?;
        assert_eq!(contracts.pagination.next_cursor, "");
        assert_eq!(contracts.contracts.len(), 1);
        assert_eq!(Contracts::parse(b"{}", 1000)?, Contracts::default());
        assert!(Contracts::parse(b"{}", 1).is_err());
        let info: PeerInfo = serde_json::from_str(r#"{"peer_id":"1"}"#)?;
        assert_eq!(info.peer_id, "1");
        Ok(())
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_readers_panic(bytes: Vec<u8>) {
            let _ = SignatureRequest::parse(&bytes);
            let _ = Contracts::parse(&bytes, 1000);
            let _ = serde_json::from_slice::<Services>(&bytes);
        }
    }
}

//! A contract's content (FSC Core 2.0.0 §4.2, manager.yaml `contractContent`): typed, with the tree as received beside it.

use serde_json::{Map, Value};
use uuid::Uuid;
use verbond_domain::{ParticipantId, Scheme, ServiceName, Timestamp};
use verbond_trust::PublicKeyThumbprint;

use super::grant::{
    ConnectedService, Grant, GrantData, GrantType, Outway, OutwayIdentification, PublishedService,
    ServiceProtocol,
};
use super::{
    hash::{ContentHash, GrantHashes},
    i_json,
    refusal::ContractRefusal,
};

/// The version of FSC that this node speaks.
pub const FSC_VERSION: &str = "2.0.0";
/// The one hash algorithm of FSC Core 2.0.0.
pub const HASH_ALGORITHM: &str = "HASH_ALGORITHM_SHA3_512";

/// A contract's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractContent {
    /// The tree as received; nothing added.
    pub tree: Value,
    /// Hash of the tree.
    pub hash: ContentHash,
    /// Unique per receiving peer; a UUID of any version.
    pub iv: Uuid,
    /// The group.
    pub group_id: String,
    /// Not valid before this moment.
    pub not_before: Timestamp,
    /// Not valid at or after this moment.
    pub not_after: Timestamp,
    /// By its author's clock.
    pub created_at: Timestamp,
    /// In the order received.
    pub grants: Vec<Grant>,
    /// JSON pointers (RFC 6901) of members that FSC Core 2.0.0 does not have. Text of a peer.
    pub unknown_members: Vec<String>,
}

impl ContractContent {
    /// Reads a tree that [`i_json::parse`] let through. Peer ids get the group's `scheme`.
    pub fn from_tree(tree: Value, scheme: Scheme) -> Result<Self, ContractRefusal> {
        let mut unknown_members = Vec::new();
        let content = Object::root(&tree)?;
        // Version and algorithm first: what they say decides how the rest is to be read.
        if content.get("fsc_version").and_then(Value::as_str) != Some(FSC_VERSION) {
            return Err(ContractRefusal::FscVersion);
        }
        if content.text("hash_algorithm")? != HASH_ALGORITHM {
            return Err(ContractRefusal::HashAlgorithm);
        }
        content.note_unknown(
            &["fsc_version", "iv", "group_id", "validity", "grants", "hash_algorithm", "created_at"],
            &mut unknown_members,
        );
        let iv = content.text("iv")?;
        let iv = Some(iv)
            .filter(|text| text.len() == 36)
            .and_then(|text| Uuid::try_parse(text).ok())
            .ok_or_else(|| content.refuse("iv"))?;
        let group_id = content.text("group_id")?.to_owned();
        let validity = content.object("validity")?;
        validity.note_unknown(&["not_before", "not_after"], &mut unknown_members);
        let (not_before, not_after) = (validity.time("not_before")?, validity.time("not_after")?);
        let created_at = content.time("created_at")?;

        let hash = ContentHash::of(&tree).map_err(|_| ContractRefusal::Member(String::new()))?;
        let list = content.get("grants").and_then(Value::as_array).ok_or_else(|| content.refuse("grants"))?;
        let grants = list
            .iter()
            .enumerate()
            .map(|(index, item)| {
                let item = Object::of(item, format!("/grants/{index}"))?;
                item.note_unknown(&["data"], &mut unknown_members);
                grant(&item.object("data")?, &hash, scheme, &mut unknown_members)
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { hash, iv, group_id, not_before, not_after, created_at, grants, unknown_members, tree })
    }

    /// Reads bytes that hold the content alone, as the store keeps it.
    pub fn parse(bytes: &[u8], scheme: Scheme) -> Result<Self, ContractRefusal> {
        Self::from_tree(i_json::parse(bytes)?, scheme)
    }

    /// Canonical JSON of the tree: its hash is the hash of these bytes.
    pub fn canonical(&self) -> String {
        // A tree that has been hashed has a canonical form.
        i_json::canonicalise(&self.tree).unwrap_or_default()
    }

    /// Everyone on the contract, without repetition, in the order of the grants. All of them must accept before the
    /// contract is valid, and only they may sign it.
    pub fn signatories(&self) -> Vec<ParticipantId> {
        let mut peers: Vec<ParticipantId> = Vec::new();
        for (_, peer) in self.grants.iter().flat_map(|grant| grant.data.parties()) {
            if !peers.contains(peer) {
                peers.push(peer.clone());
            }
        }
        peers
    }

    /// Whether the participant is on the contract in any part.
    pub fn names(&self, participant: &ParticipantId) -> bool {
        self.grants.iter().flat_map(|grant| grant.data.parties()).any(|(_, peer)| peer == participant)
    }
}

fn grant(
    data: &Object<'_>,
    content: &ContentHash,
    scheme: Scheme,
    unknown: &mut Vec<String>,
) -> Result<Grant, ContractRefusal> {
    let grant_type = GrantType::parse(data.text("type")?).ok_or_else(|| data.refuse("type"))?;
    let mut known = vec!["type", "service", "properties"];
    known.push(if grant_type.is_publication() { "directory" } else { "outway" });
    if grant_type.is_delegated() {
        known.push("delegator");
    }
    data.note_unknown(&known, unknown);
    let service = data.object("service")?;
    let meaning = match grant_type {
        GrantType::ServicePublication => GrantData::ServicePublication {
            directory: data.peer("directory", scheme, unknown)?,
            service: published_service(&service, scheme, unknown)?,
        },
        GrantType::DelegatedServicePublication => GrantData::DelegatedServicePublication {
            directory: data.peer("directory", scheme, unknown)?,
            service: published_service(&service, scheme, unknown)?,
            delegator: data.peer("delegator", scheme, unknown)?,
        },
        GrantType::ServiceConnection => GrantData::ServiceConnection {
            outway: outway(&data.object("outway")?, scheme, unknown)?,
            service: connected_service(&service, scheme, unknown)?,
        },
        GrantType::DelegatedServiceConnection => GrantData::DelegatedServiceConnection {
            outway: outway(&data.object("outway")?, scheme, unknown)?,
            service: connected_service(&service, scheme, unknown)?,
            delegator: data.peer("delegator", scheme, unknown)?,
        },
    };
    let properties = match data.get("properties") {
        None => None,
        Some(Value::Object(properties)) => Some(properties.clone()),
        Some(_) => return Err(data.refuse("properties")),
    };
    let tree = Value::Object(data.members.clone());
    let hashes = GrantHashes::of(content, &tree, grant_type).map_err(|_| data.refuse(""))?;
    Ok(Grant { data: meaning, properties, tree, hashes })
}

fn published_service(
    service: &Object<'_>,
    scheme: Scheme,
    unknown: &mut Vec<String>,
) -> Result<PublishedService, ContractRefusal> {
    service.note_unknown(&["peer_id", "name", "protocol"], unknown);
    Ok(PublishedService {
        provider: service.peer_id(scheme)?,
        name: service.service_name()?,
        protocol: ServiceProtocol::parse(service.text("protocol")?)
            .ok_or_else(|| service.refuse("protocol"))?,
    })
}

fn connected_service(
    service: &Object<'_>,
    scheme: Scheme,
    unknown: &mut Vec<String>,
) -> Result<ConnectedService, ContractRefusal> {
    // A `delegator` beside SERVICE_TYPE_SERVICE means nothing: it is listed as unknown, and bars automatic acceptance.
    let (known, delegator): (&[&str], _) = match service.text("type")? {
        "SERVICE_TYPE_SERVICE" => (&["type", "peer_id", "name"], None),
        "SERVICE_TYPE_DELEGATED_SERVICE" => {
            (&["type", "peer_id", "name", "delegator"], Some(service.peer("delegator", scheme, unknown)?))
        }
        _ => return Err(service.refuse("type")),
    };
    service.note_unknown(known, unknown);
    Ok(ConnectedService { provider: service.peer_id(scheme)?, name: service.service_name()?, delegator })
}

fn outway(outway: &Object<'_>, scheme: Scheme, unknown: &mut Vec<String>) -> Result<Outway, ContractRefusal> {
    outway.note_unknown(&["peer_id", "identification"], unknown);
    let by = outway.object("identification")?;
    let (member, identification) = match by.text("type")? {
        "OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT" => {
            let thumbprint = PublicKeyThumbprint::parse(by.text("public_key_thumbprint")?)
                .ok_or_else(|| by.refuse("public_key_thumbprint"))?;
            ("public_key_thumbprint", OutwayIdentification::PublicKeyThumbprint(thumbprint))
        }
        "OUTWAY_IDENTIFICATION_TYPE_DOMAIN_NAME" => {
            let name = by.text("domain_name")?;
            if !is_domain_name(name) {
                return Err(by.refuse("domain_name"));
            }
            ("domain_name", OutwayIdentification::DomainName(name.to_ascii_lowercase()))
        }
        _ => return Err(by.refuse("type")),
    };
    by.note_unknown(&["type", member], unknown);
    Ok(Outway { consumer: outway.peer_id(scheme)?, identification })
}

/// Whether the text is a domain name (RFC 1035 §2.3.1, with the digits in front that RFC 1123 §2.1 allows).
pub fn is_domain_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (1..=255).contains(&text.len()) && text.split('.').all(label)
}

/// An object of the tree and where it stands in it.
struct Object<'a> {
    members: &'a Map<String, Value>,
    path: String,
}

impl<'a> Object<'a> {
    fn root(tree: &'a Value) -> Result<Self, ContractRefusal> {
        Self::of(tree, String::new())
    }

    fn of(value: &'a Value, path: String) -> Result<Self, ContractRefusal> {
        match value.as_object() {
            Some(members) => Ok(Self { members, path }),
            None => Err(ContractRefusal::Member(path)),
        }
    }

    fn refuse(&self, name: &str) -> ContractRefusal {
        ContractRefusal::Member(format!("{}/{name}", self.path))
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name)
    }

    fn object(&self, name: &str) -> Result<Self, ContractRefusal> {
        let value = self.get(name).ok_or_else(|| self.refuse(name))?;
        Self::of(value, format!("{}/{name}", self.path))
    }

    fn text(&self, name: &str) -> Result<&'a str, ContractRefusal> {
        self.get(name).and_then(Value::as_str).ok_or_else(|| self.refuse(name))
    }

    fn time(&self, name: &str) -> Result<Timestamp, ContractRefusal> {
        let seconds = self.get(name).and_then(Value::as_i64).filter(|seconds| *seconds >= 0);
        seconds.map(Timestamp::from_seconds).ok_or_else(|| self.refuse(name))
    }

    fn peer_id(&self, scheme: Scheme) -> Result<ParticipantId, ContractRefusal> {
        ParticipantId::new(scheme, self.text("peer_id")?).map_err(|_| self.refuse("peer_id"))
    }

    /// The peer of an object that holds a `peer_id` only.
    fn peer(
        &self,
        name: &str,
        scheme: Scheme,
        unknown: &mut Vec<String>,
    ) -> Result<ParticipantId, ContractRefusal> {
        let object = self.object(name)?;
        object.note_unknown(&["peer_id"], unknown);
        object.peer_id(scheme)
    }

    fn service_name(&self) -> Result<ServiceName, ContractRefusal> {
        self.text("name")?.parse().map_err(|_| self.refuse("name"))
    }

    fn note_unknown(&self, known: &[&str], unknown: &mut Vec<String>) {
        let names = self.members.keys().filter(|name| !known.contains(&name.as_str()));
        unknown.extend(
            names.map(|name| format!("{}/{}", self.path, name.replace('~', "~0").replace('/', "~1"))),
        );
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::protocol::fixtures::*;

    fn refused(change: impl FnOnce(&mut Value)) -> Option<ContractRefusal> {
        let mut tree = tree(&[connection()]);
        change(&mut tree);
        ContractContent::from_tree(tree, Scheme::Oin).err()
    }

    fn set(pointer: &str, value: Value) -> Option<ContractRefusal> {
        refused(|tree| {
            if let Some(place) = tree.pointer_mut(pointer) {
                *place = value;
            }
        })
    }

    #[test]
    fn all_four_grants_are_read_with_their_signatories() -> Result<(), Failure> {
        for (grant, grant_type, signatories) in [
            (publication(), GrantType::ServicePublication, vec![DIRECTORY, PROVIDER]),
            (connection(), GrantType::ServiceConnection, vec![CONSUMER, PROVIDER]),
            (
                connection_to_delegated_service(),
                GrantType::ServiceConnection,
                vec![CONSUMER, PROVIDER, SERVICE_DELEGATOR],
            ),
            (
                delegated(connection()),
                GrantType::DelegatedServiceConnection,
                vec![CONSUMER, PROVIDER, DELEGATOR],
            ),
            (
                delegated(connection_to_delegated_service()),
                GrantType::DelegatedServiceConnection,
                vec![CONSUMER, PROVIDER, DELEGATOR, SERVICE_DELEGATOR],
            ),
            (
                delegated(publication()),
                GrantType::DelegatedServicePublication,
                vec![DIRECTORY, PROVIDER, DELEGATOR],
            ),
        ] {
            let content = contract(std::slice::from_ref(&grant))?;
            let [read] = content.grants.as_slice() else { return Err("one grant".into()) };
            assert_eq!(read.grant_type(), grant_type);
            assert_eq!(content.signatories(), signatories.into_iter().map(peer).collect::<Vec<_>>());
            assert_eq!(read.tree, grant);
            assert_eq!(read.hashes.string.grant_type(), grant_type);
            assert!(content.unknown_members.is_empty(), "{:?}", content.unknown_members);
            assert_eq!(ContractContent::parse(content.canonical().as_bytes(), Scheme::Oin)?, content);
        }
        Ok(())
    }

    #[test]
    fn whoever_occurs_twice_signs_once() -> Result<(), Failure> {
        let content = contract(&[connection(), delegated(connection())])?;
        assert_eq!(content.signatories(), [CONSUMER, PROVIDER, DELEGATOR].map(peer));
        Ok(())
    }

    #[test]
    fn nothing_is_added_to_the_tree_that_is_hashed() -> Result<(), Failure> {
        let content = contract(&[connection()])?;
        assert_eq!(content.tree, tree(&[connection()]));
        let mut with_properties = connection();
        with_properties["properties"] = json!({});
        let other = contract(&[with_properties])?;
        assert_ne!(content.hash, other.hash);
        assert_eq!(other.grants.first().and_then(|grant| grant.properties.clone()), Some(Map::new()));
        Ok(())
    }

    #[test]
    fn another_version_or_hash_algorithm_has_its_own_refusal() {
        assert_eq!(set("/fsc_version", json!("1.0.0")), Some(ContractRefusal::FscVersion));
        assert_eq!(
            refused(|tree| drop(tree.as_object_mut().and_then(|all| all.remove("fsc_version")))),
            Some(ContractRefusal::FscVersion)
        );
        assert_eq!(
            set("/hash_algorithm", json!("HASH_ALGORITHM_SHA3_256")),
            Some(ContractRefusal::HashAlgorithm)
        );
    }

    #[test]
    fn a_member_of_the_wrong_form_is_named() {
        for (pointer, value) in [
            ("/iv", json!("063383648305 7b748000de4963503139")),
            ("/iv", json!("urn:uuid:06338364-8305-7b74-8000-de4963503139")),
            ("/group_id", json!(1)),
            ("/validity", json!([])),
            ("/validity/not_before", json!("1")),
            ("/validity/not_after", json!(-1)),
            ("/created_at", json!(1.5)),
            ("/grants", json!({})),
            ("/grants/0", json!(1)),
            ("/grants/0/data/type", json!("GRANT_TYPE_UNKNOWN")),
            ("/grants/0/data/outway/peer_id", json!("a b")),
            ("/grants/0/data/outway/identification/type", json!("")),
            ("/grants/0/data/outway/identification/public_key_thumbprint", json!("abcd")),
            ("/grants/0/data/service/name", json!("a/b")),
            ("/grants/0/data/service/type", json!("SERVICE_TYPE")),
        ] {
            assert_eq!(
                set(pointer, value.clone()),
                Some(ContractRefusal::Member(pointer.to_owned())),
                "{value}"
            );
        }
        let properties = refused(|tree| tree["grants"][0]["data"]["properties"] = json!([]));
        assert_eq!(properties, Some(ContractRefusal::Member("/grants/0/data/properties".to_owned())));
        // The example of the text lacks it; without it a reader cannot tell the two forms apart.
        let untyped = refused(|tree| {
            drop(tree["grants"][0]["data"]["service"].as_object_mut().map(|it| it.remove("type")))
        });
        assert_eq!(untyped, Some(ContractRefusal::Member("/grants/0/data/service/type".to_owned())));
    }

    #[test]
    fn unknown_members_are_tolerated_and_listed() -> Result<(), Failure> {
        let mut tree = tree(&[connection()]);
        tree["x/y~"] = json!(1);
        tree["grants"][0]["extra"] = json!(1);
        tree["grants"][0]["data"]["service"]["delegator"] = json!({ "peer_id": DELEGATOR });
        tree["grants"][0]["data"]["properties"] = json!({ "free": { "to": "choose" } });
        let content = ContractContent::from_tree(tree, Scheme::Oin)?;
        let mut unknown = content.unknown_members.clone();
        unknown.sort();
        assert_eq!(unknown, ["/grants/0/data/service/delegator", "/grants/0/extra", "/x~1y~0"]);
        assert_eq!(content.signatories().len(), 2);
        Ok(())
    }

    #[test]
    fn thumbprints_are_compared_without_regard_to_case_and_names_as_dns_does() -> Result<(), Failure> {
        let mut upper = connection();
        upper["outway"]["identification"]["public_key_thumbprint"] = "AB".repeat(32).into();
        let (upper, lower) = (contract(&[upper])?, contract(&[connection()])?);
        assert_eq!(
            upper.grants.first().map(|grant| &grant.data),
            lower.grants.first().map(|grant| &grant.data)
        );
        assert_ne!(upper.hash, lower.hash);
        let mut named = connection();
        named["outway"]["identification"] = domain_name("Outway.Gemeente.test");
        let named = contract(&[named])?;
        assert_eq!(
            named
                .grants
                .first()
                .and_then(|grant| grant.data.outway())
                .map(|outway| outway.identification.clone()),
            Some(OutwayIdentification::DomainName("outway.gemeente.test".to_owned()))
        );
        let mut wrong = connection();
        wrong["outway"]["identification"] = domain_name("a_b.test");
        let pointer = "/grants/0/data/outway/identification/domain_name";
        assert_eq!(contract(&[wrong]), Err(ContractRefusal::Member(pointer.to_owned())));
        for name in
            ["", ".", "a..b", "-a.b", "a-.b", "a_b.c", "*.a.b", "a b", &"a".repeat(64), &"a.".repeat(128)]
        {
            assert!(!is_domain_name(name), "{name}");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let _ = ContractContent::parse(&bytes, Scheme::Oin);
        }

        /// Any one member of a good contract replaced by anything.
        #[test]
        fn no_member_makes_the_reader_panic(place in 0_usize..40, value in ".*", number: i64, kind in 0_usize..2) {
            let mut tree = tree(&[delegated(connection_to_delegated_service()), publication()]);
            let mut pointers = Vec::new();
            collect(&tree, String::new(), &mut pointers);
            let pointer = pointers.get(place % pointers.len()).cloned().unwrap_or_default();
            let values = [json!(value), json!(number), json!(null), json!([value]), json!({ value: number })];
            if let (Some(place), Some(value)) = (tree.pointer_mut(&pointer), values.get((number.unsigned_abs() as usize + kind) % 5)) {
                *place = value.clone();
            }
            let _ = ContractContent::from_tree(tree, Scheme::Oin);
        }
    }

    fn collect(value: &Value, pointer: String, pointers: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                members
                    .iter()
                    .for_each(|(name, value)| collect(value, format!("{pointer}/{name}"), pointers));
            }
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(index, value)| collect(value, format!("{pointer}/{index}"), pointers));
            }
            _ => {}
        }
        pointers.push(pointer);
    }
}

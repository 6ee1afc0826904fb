//! New contracts: only what FSC Core 2.0.0 and its manager.yaml have, in the form that both prescribe.

use serde_json::{Map, Value, json};
use uuid::Uuid;
use verbond_domain::{ParticipantId, Timestamp};

use super::{
    content::{ContractContent, FSC_VERSION, HASH_ALGORITHM},
    grant::{ConnectedService, GrantData, Outway, OutwayIdentification, PublishedService},
    refusal::ContractRefusal,
};

/// Seconds by which `created_at` is set back, so that a peer whose clock lags does not find it in the future.
pub const CREATION_MARGIN_SECONDS: i64 = 60;

/// What every new contract states, whatever it grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractFrame {
    /// A new UUID.
    pub iv: Uuid,
    /// The group.
    pub group_id: String,
    /// Not valid before.
    pub not_before: Timestamp,
    /// Not valid at or after.
    pub not_after: Timestamp,
    /// The present; `created_at` is [`CREATION_MARGIN_SECONDS`] earlier.
    pub now: Timestamp,
}

/// Makes the content of a contract with these grants; `properties` of `None` leaves the member out.
///
/// Refuses no grants, the same grant twice (both would have the same hash), and names shorter than manager.yaml allows.
/// The rest is [`super::validation::validate`]'s.
pub fn build(
    frame: &ContractFrame,
    grants: &[(GrantData, Option<Map<String, Value>>)],
) -> Result<ContractContent, ContractRefusal> {
    let (first, _) = grants.first().ok_or(ContractRefusal::NoGrants)?;
    let scheme = first.provider().scheme();
    let trees: Vec<Value> =
        grants.iter().map(|(data, properties)| json!({ "data": tree(data, properties.as_ref()) })).collect();
    for (index, (data, _)) in grants.iter().enumerate() {
        let refuse = |member: &str| ContractRefusal::Member(format!("/grants/{index}/data{member}"));
        if data.service_name().as_str().len() < 3 {
            return Err(refuse("/service/name"));
        }
        if data.parties().any(|(_, peer)| peer.value().len() < 3 || peer.scheme() != scheme) {
            return Err(refuse(""));
        }
        if trees.iter().take(index).any(|earlier| Some(earlier) == trees.get(index)) {
            return Err(ContractRefusal::DuplicateGrant);
        }
    }
    let content = json!({
        "fsc_version": FSC_VERSION,
        "iv": frame.iv.hyphenated().to_string(),
        "group_id": frame.group_id,
        "validity": { "not_before": frame.not_before.seconds(), "not_after": frame.not_after.seconds() },
        "grants": trees,
        "hash_algorithm": HASH_ALGORITHM,
        "created_at": frame.now.plus_seconds(-CREATION_MARGIN_SECONDS).seconds(),
    });
    ContractContent::from_tree(content, scheme)
}

fn tree(data: &GrantData, properties: Option<&Map<String, Value>>) -> Value {
    let mut members = Map::new();
    members.insert("type".to_owned(), data.grant_type().as_str().into());
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    match data {
        GrantData::ServicePublication { directory, service }
        | GrantData::DelegatedServicePublication { directory, service, .. } => {
            put("directory", peer(directory));
            put("service", published(service));
        }
        GrantData::ServiceConnection { outway, service }
        | GrantData::DelegatedServiceConnection { outway, service, .. } => {
            put("outway", connecting(outway));
            put("service", connected(service));
        }
    }
    if let Some(delegator) = data.delegator() {
        put("delegator", peer(delegator));
    }
    if let Some(properties) = properties {
        put("properties", Value::Object(properties.clone()));
    }
    Value::Object(members)
}

fn peer(id: &ParticipantId) -> Value {
    json!({ "peer_id": id.value() })
}

fn published(service: &PublishedService) -> Value {
    json!({
        "peer_id": service.provider.value(),
        "name": service.name.as_str(),
        "protocol": service.protocol.as_str(),
    })
}

fn connected(service: &ConnectedService) -> Value {
    let (id, name) = (service.provider.value(), service.name.as_str());
    match &service.delegator {
        None => json!({ "type": "SERVICE_TYPE_SERVICE", "peer_id": id, "name": name }),
        Some(delegator) => json!({
            "type": "SERVICE_TYPE_DELEGATED_SERVICE", "peer_id": id, "name": name, "delegator": peer(delegator),
        }),
    }
}

fn connecting(outway: &Outway) -> Value {
    let identification = match &outway.identification {
        OutwayIdentification::PublicKeyThumbprint(thumbprint) => json!({
            "type": "OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT",
            "public_key_thumbprint": thumbprint.to_string(),
        }),
        OutwayIdentification::DomainName(name) => json!({
            "type": "OUTWAY_IDENTIFICATION_TYPE_DOMAIN_NAME",
            "domain_name": name,
        }),
    };
    json!({ "peer_id": outway.consumer.value(), "identification": identification })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::fixtures::*;

    fn frame() -> ContractFrame {
        ContractFrame {
            iv: Uuid::from_u128(0x0633_8364_8305_7b74_8000_de49_6350_3139),
            group_id: GROUP.to_owned(),
            not_before: Timestamp::from_seconds(START),
            not_after: Timestamp::from_seconds(END),
            now: Timestamp::from_seconds(START + CREATION_MARGIN_SECONDS),
        }
    }

    #[test]
    fn a_contract_that_we_make_is_what_its_reader_reads() -> Result<(), Failure> {
        for grant in [
            publication(),
            connection(),
            connection_to_delegated_service(),
            delegated(connection()),
            delegated(connection_to_delegated_service()),
            delegated(publication()),
        ] {
            let read = contract(&[grant])?;
            let grants: Vec<_> = read.grants.iter().map(|grant| (grant.data.clone(), None)).collect();
            assert_eq!(build(&frame(), &grants)?, read);
        }
        Ok(())
    }

    #[test]
    fn properties_are_kept_and_absent_ones_left_out() -> Result<(), Failure> {
        let data =
            contract(&[connection()])?.grants.first().map(|grant| grant.data.clone()).ok_or("no grant")?;
        let properties: Map<String, Value> = Map::from_iter([("flow".to_owned(), json!("query"))]);
        let with = build(&frame(), &[(data.clone(), Some(properties.clone()))])?;
        assert_eq!(with.grants.first().and_then(|grant| grant.properties.clone()), Some(properties));
        let without = build(&frame(), &[(data, None)])?;
        assert_eq!(without.tree.pointer("/grants/0/data/properties"), None);
        Ok(())
    }

    #[test]
    fn the_same_grant_twice_or_none_is_refused() -> Result<(), Failure> {
        let data =
            contract(&[connection()])?.grants.first().map(|grant| grant.data.clone()).ok_or("no grant")?;
        let twice = [(data.clone(), None), (data, None)];
        assert_eq!(build(&frame(), &twice), Err(ContractRefusal::DuplicateGrant));
        assert_eq!(build(&frame(), &[]), Err(ContractRefusal::NoGrants));
        Ok(())
    }

    #[test]
    fn names_that_the_schema_does_not_allow_are_not_sent() -> Result<(), Failure> {
        let mut short = connection();
        short["service"]["name"] = "ab".into();
        let data = contract(&[short])?.grants.first().map(|grant| grant.data.clone()).ok_or("no grant")?;
        assert_eq!(
            build(&frame(), &[(data, None)]),
            Err(ContractRefusal::Member("/grants/0/data/service/name".to_owned()))
        );
        let mut short = connection();
        short["outway"]["peer_id"] = "ab".into();
        let data = contract(&[short])?.grants.first().map(|grant| grant.data.clone()).ok_or("no grant")?;
        assert_eq!(
            build(&frame(), &[(data, None)]),
            Err(ContractRefusal::Member("/grants/0/data".to_owned()))
        );
        Ok(())
    }

    #[test]
    fn all_participants_are_of_one_scheme() -> Result<(), Failure> {
        let mut data =
            contract(&[publication()])?.grants.first().map(|grant| grant.data.clone()).ok_or("no grant")?;
        if let GrantData::ServicePublication { directory, .. } = &mut data {
            *directory = ParticipantId::new(verbond_domain::Scheme::Kvk, directory.value())?;
        }
        assert_eq!(
            build(&frame(), &[(data, None)]),
            Err(ContractRefusal::Member("/grants/0/data".to_owned()))
        );
        Ok(())
    }
}

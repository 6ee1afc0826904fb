//! Proposing, accepting, rejecting, revoking; publication; renewal.

use std::time::Duration;

use verbond_domain::{Actor, ServiceName};
use verbond_fsc::{
    ConnectionProposal, Counterpart, ManagerAddress, PublicationProposal,
    protocol::{state::ContractState, wire::ListedService},
};
use verbond_trust::authority::KeyKind;

use crate::{
    TestResult,
    organisation::{Error, Group, Organisation, everyone_accepted},
};

pub fn connection(provider: &Organisation, service: &str) -> Result<ConnectionProposal, Error> {
    Ok(ConnectionProposal {
        provider: provider.id.clone(),
        service: service.parse::<ServiceName>()?,
        identification: None,
        delegator: None,
        service_delegator: None,
        days: None,
        properties: None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_published_found_proposed_and_accepted() -> TestResult {
    let (group, directory) = Group::with_directory().await?;
    let mut plan = group.plan("provider", 2);
    plan.acceptance = everyone_accepted();
    plan.services = vec!["register"];
    plan.key = KeyKind::Rsa3072;
    let provider = plan.start().await?;
    let consumer = group.plan("consumer", 3).start().await?;

    let service: ServiceName = "register".parse()?;
    let publication =
        PublicationProposal { service, directory: None, delegator: None, days: Some(30), properties: None };
    let published = provider.node().publish_service(&Actor::Operator, publication).await?;
    let hash = published.contract.content.hash.as_str().to_owned();
    provider.until(&hash, ContractState::Valid).await?;
    directory.until(&hash, ContractState::Valid).await?;

    let at =
        Counterpart { id: directory.id.clone(), address: ManagerAddress::parse(&directory.address, &[])? };
    let found = consumer.node().client().services(&at, Some(&provider.id), Some("REGIS")).await?;
    let [listing] = found.as_slice() else { return Err(format!("{found:?}").into()) };
    let ListedService::Service { peer, name, .. } = &listing.data else { return Err("delegated".into()) };
    assert_eq!((peer.id.as_str(), name.as_str()), (provider.id.value(), "register"));
    assert_eq!(peer.manager_address, provider.address);

    // The consumer has never met the provider: the directory tells where its manager is.
    let proposed =
        consumer.node().propose_connection(&Actor::Operator, connection(&provider, "register")?).await?;
    assert!(proposed.created);
    let hash = proposed.contract.content.hash.as_str().to_owned();
    provider.until(&hash, ContractState::Valid).await?;
    consumer.until(&hash, ContractState::Valid).await?;

    let again =
        consumer.node().propose_connection(&Actor::Operator, connection(&provider, "register")?).await?;
    assert!(!again.created);
    assert_eq!(again.contract.content.hash.as_str(), hash);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_policy_leaves_a_person_decides() -> TestResult {
    let (group, _directory) = Group::with_directory().await?;
    let mut plan = group.plan("provider", 2);
    plan.services = vec!["one", "two"];
    let provider = plan.start().await?;
    let consumer = group.plan("consumer", 3).start().await?;

    let proposals = ["one", "two"].map(|service| connection(&provider, service));
    let mut hashes = Vec::new();
    for proposal in proposals {
        // The provider may not have announced itself to the directory yet.
        let proposed = retry(&consumer, proposal?).await?;
        provider.until(&proposed, ContractState::Proposed).await?;
        hashes.push(proposed);
    }
    let [one, two] = hashes.as_slice() else { return Err("two were proposed".into()) };
    assert_eq!(provider.node().contract(one).await?.row.verdict, "leave");
    provider.node().accept(&Actor::Operator, one).await?;
    provider.node().reject(&Actor::Operator, two).await?;
    consumer.until(one, ContractState::Valid).await?;
    consumer.until(two, ContractState::Rejected).await?;
    let refused = provider.node().accept(&Actor::Operator, two).await.err().ok_or("accepted after reject")?;
    assert_eq!(refused.status, 409);

    consumer.node().revoke(&Actor::Operator, one).await?;
    provider.until(one, ContractState::Revoked).await?;
    Ok(())
}

/// Proposes as soon as the directory knows the provider.
pub async fn retry(consumer: &Organisation, proposal: ConnectionProposal) -> Result<String, Error> {
    for _ in 0..100 {
        match consumer.node().propose_connection(&Actor::Operator, proposal.clone()).await {
            Ok(proposed) => return Ok(proposed.contract.content.hash.as_str().to_owned()),
            Err(problem) if problem.code == "PEER_UNKNOWN" => {
                tokio::time::sleep(Duration::from_millis(50)).await
            }
            Err(problem) => return Err(problem.into()),
        }
    }
    Err("the directory never learned of the provider".into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_renewal_the_accept_is_signed_again_and_replaces_the_first() -> TestResult {
    let (group, _directory) = Group::with_directory().await?;
    let mut plan = group.plan("provider", 2);
    plan.acceptance = everyone_accepted();
    plan.services = vec!["register"];
    let provider = plan.start().await?;
    let consumer = group.plan("consumer", 3).start().await?;
    let hash = retry(&consumer, connection(&provider, "register")?).await?;
    consumer.until(&hash, ContractState::Valid).await?;
    let before = provider.node().contract(&hash).await?;
    let accept_of = |contract: &verbond_fsc::StoredContract| {
        contract.row.signatures.iter().find(|it| it.peer == consumer.id).map(|it| it.jws.clone())
    };
    consumer.renew(&group, "consumer", 3)?;
    for _ in 0..100 {
        let now = provider.node().contract(&hash).await?;
        if accept_of(&now) != accept_of(&before) {
            assert_eq!(now.row.signatures.len(), before.row.signatures.len());
            provider.until(&hash, ContractState::Valid).await?;
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("the provider still holds the first accept".into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_a_new_key_is_used_replacements_are_in_force() -> TestResult {
    let (group, _directory) = Group::with_directory().await?;
    let mut plan = group.plan("provider", 2);
    plan.acceptance = everyone_accepted();
    plan.services = vec!["one", "two"];
    let provider = plan.start().await?;
    let consumer = group.plan("consumer", 3).start().await?;
    for service in ["one", "two"] {
        let hash = retry(&consumer, connection(&provider, service)?).await?;
        consumer.until(&hash, ContractState::Valid).await?;
    }
    let key = group.certificate("consumer", 3, &verbond_trust::authority::new_key(KeyKind::P384)?)?;
    let new_key = key.certificate.public_key_thumbprint;
    let proposed = consumer.node().propose_replacements(&Actor::Operator, new_key).await?;
    assert_eq!(proposed.len(), 2);
    for replacement in &proposed {
        let proposed = &replacement.proposed;
        assert!(proposed.created);
        consumer.until(proposed.contract.content.hash.as_str(), ContractState::Valid).await?;
        // The present key is still in use.
        assert!(consumer.node().superseded().await?.is_empty());
    }
    let again = consumer.node().propose_replacements(&Actor::Operator, new_key).await?;
    assert!(again.len() == 2 && again.iter().all(|replacement| !replacement.proposed.created));
    Ok(())
}

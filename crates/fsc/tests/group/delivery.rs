//! The outbox and reconciliation: nothing is lost while somebody is away.

use std::time::Duration;

use verbond_domain::Actor;
use verbond_fsc::protocol::state::ContractState;

use crate::{
    TestResult,
    contracts::{connection, retry},
    organisation::{Group, everyone_accepted},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_participant_that_was_down_catches_up() -> TestResult {
    let (group, _directory) = Group::with_directory().await?;
    let mut plan = group.plan("provider", 2);
    plan.acceptance = everyone_accepted();
    plan.services = vec!["one", "two"];
    let mut provider = plan.start().await?;
    let mut consumer = group.plan("consumer", 3).start().await?;
    let first = retry(&consumer, connection(&provider, "one")?).await?;
    consumer.until(&first, ContractState::Valid).await?;

    provider.stop().await;
    let second = retry(&consumer, connection(&provider, "two")?).await?;
    consumer.node().revoke(&Actor::Operator, &first).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(consumer.store().outbox().await?.len(), 2);
    // The consumer restarts as well: what waits is in its database.
    consumer.stop().await;
    consumer.start_again().await?;
    provider.start_again().await?;
    provider.until(&first, ContractState::Revoked).await?;
    provider.until(&second, ContractState::Valid).await?;
    consumer.until(&second, ContractState::Valid).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_database_comes_back_from_the_counterparts() -> TestResult {
    let (group, _directory) = Group::with_directory().await?;
    let mut plan = group.plan("provider", 2);
    plan.acceptance = everyone_accepted();
    plan.services = vec!["register"];
    let provider = plan.start().await?;
    let mut consumer = group.plan("consumer", 3).start().await?;
    let hash = retry(&consumer, connection(&provider, "register")?).await?;
    consumer.until(&hash, ContractState::Valid).await?;

    consumer.stop().await;
    consumer.lose_database()?;
    consumer.start_again().await?;
    assert!(consumer.node().contract(&hash).await.is_err());
    assert_eq!(consumer.node().reconcile_with(&provider.id).await?, 2);
    let contract = consumer.until(&hash, ContractState::Valid).await?;
    assert_eq!(contract.row.signatures.len(), 2);
    assert_eq!(consumer.node().reconcile_with(&provider.id).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_refused_stays_visible_and_holds_back_no_other() -> TestResult {
    let (group, _directory) = Group::with_directory().await?;
    let mut plan = group.plan("provider", 2);
    plan.acceptance = everyone_accepted();
    plan.services = vec!["register"];
    let provider = plan.start().await?;
    let consumer = group.plan("consumer", 3).start().await?;
    // The provider does not offer this one, and says so.
    let refused = retry(&consumer, connection(&provider, "unknown")?).await?;
    for _ in 0..100 {
        if consumer.store().outbox().await?.iter().any(|message| message.last_error.starts_with("refused:")) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let waiting = consumer.store().outbox().await?;
    let message = waiting.iter().find(|message| message.subject == refused).ok_or("not visible")?;
    assert!(message.last_error.starts_with("refused:"), "{}", message.last_error);
    let accepted = retry(&consumer, connection(&provider, "register")?).await?;
    consumer.until(&accepted, ContractState::Valid).await?;
    Ok(())
}

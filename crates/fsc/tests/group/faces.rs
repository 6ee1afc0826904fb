//! What inway and outway ask of the face, and `GET /logs`.

use std::sync::Arc;

use http::{HeaderValue, Method, Request, request::Parts};
use serde_json::{Value, json};
use verbond_application::snapshot::{Snapshot, SnapshotKeeper};
use verbond_domain::{Actor, Direction, ServiceReference, TransactionId};
use verbond_fsc::protocol::state::ContractState;
use verbond_gateway::{
    AdmittedInbound, InboundFace, OutboundFace, OutboundRequest, PreparedOutbound, Refusal,
};
use verbond_journal::{Entry, Permit};
use verbond_store::applications::{ApplicationRow, BindingRow, Credential};
use verbond_supervision::Supervisor;

use crate::{
    TestResult,
    contracts::{connection, retry},
    organisation::{Error, Group, Organisation, ambient, everyone_accepted},
};

async fn snapshot(of: &Organisation) -> Result<Arc<Snapshot>, Error> {
    let (keeper, task) = SnapshotKeeper::start(of.store().clone(), ambient(), &Supervisor::default()).await?;
    let snapshot = keeper.current()?;
    task.abort();
    Ok(snapshot)
}

fn head(headers: &[(&'static str, HeaderValue)]) -> Parts {
    let mut head = Request::new(()).into_parts().0;
    for (name, value) in headers {
        head.headers.append(*name, value.clone());
    }
    head
}

fn application(provider: &Organisation) -> Result<ApplicationRow, Error> {
    let service = ServiceReference { provider: provider.id.clone(), name: "register".parse()? };
    let binding = BindingRow { alias: "register".parse()?, service, declaration: None };
    Ok(ApplicationRow { name: "desk".parse()?, credential: Credential::Socket, bindings: vec![binding] })
}

async fn prepare(
    consumer: &Organisation,
    provider: &Organisation,
) -> Result<Result<PreparedOutbound, Refusal>, Error> {
    let (application, snapshot, head) = (application(provider)?, snapshot(consumer).await?, head(&[]));
    let face = consumer.node().outbound();
    let request = OutboundRequest {
        head: &head,
        application: &application,
        binding: application.bindings.first().ok_or("no binding")?,
        named: None,
        agreement: None,
        transaction_id: TransactionId::from_uuid(ambient().uuid_v7()),
        snapshot: &snapshot,
        now: ambient().now(),
    };
    Ok(face.prepare(request).await)
}

fn sent(prepared: &PreparedOutbound) -> Vec<(&'static str, HeaderValue)> {
    let value = |name: &str| {
        prepared.to_provider.set.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone())
    };
    ["fsc-authorization", "fsc-transaction-id"]
        .into_iter()
        .filter_map(|name| Some((name, value(name)?)))
        .collect()
}

fn code(refused: &Refusal) -> (bool, &'static str) {
    match refused {
        Refusal::Stranger(problem) => (false, problem.code),
        Refusal::Known(record) => (true, record.problem.code),
    }
}

async fn admit(
    provider: &Organisation,
    caller: &Organisation,
    headers: &[(&'static str, HeaderValue)],
) -> Result<Result<AdmittedInbound, Refusal>, Error> {
    let snapshot = snapshot(provider).await?;
    let peer = caller.identity.current().certificate.clone();
    Ok(provider.node().inbound().admit(&peer, &head(headers), &snapshot, ambient().now()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outway_is_admitted_by_an_inway_until_the_contract_is_revoked() -> TestResult {
    let (group, _directory) = Group::with_directory().await?;
    let mut plan = group.plan("provider", 2);
    plan.acceptance = everyone_accepted();
    plan.services = vec!["register"];
    let provider = plan.start().await?;
    let consumer = group.plan("consumer", 3).start().await?;
    let outsider = group.plan("outsider", 4).start().await?;

    let none = prepare(&consumer, &provider).await?.err().ok_or("prepared without a contract")?;
    assert_eq!(code(&none), (true, "CONTRACT_MISSING"));
    let hash = retry(&consumer, connection(&provider, "register")?).await?;
    consumer.until(&hash, ContractState::Valid).await?;
    let prepared = prepare(&consumer, &provider).await?.map_err(|refused| format!("{refused:?}"))?;
    assert_eq!((prepared.target.host(), prepared.target.port()), ("provider.test", 9999));
    let headers = sent(&prepared);
    let admitted = admit(&provider, &consumer, &headers).await?.map_err(|refused| format!("{refused:?}"))?;
    assert_eq!(admitted.parties, prepared.parties);
    assert_eq!(admitted.wire, prepared.wire);
    let peer = admitted.to_source.set.iter().find(|(name, _)| name == "fsc-request-peer-id");
    assert_eq!(peer.map(|(_, value)| value.as_bytes()), Some(consumer.id.value().as_bytes()));

    let [token, transaction] = headers.as_slice() else { return Err("two headers".into()) };
    let bare = ("fsc-authorization", HeaderValue::from_bytes(&token.1.as_bytes()[7..])?);
    assert!(admit(&provider, &consumer, &[bare, transaction.clone()]).await?.is_ok());
    let mut forged = token.1.as_bytes().to_vec();
    let last = forged.len() - 10;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    let forged = ("fsc-authorization", HeaderValue::from_bytes(&forged)?);
    let four = ("fsc-transaction-id", HeaderValue::from_static("f47ac10b-58cc-4372-a567-0e02b2c3d479"));
    let old = ("fsc-transaction-id", HeaderValue::from_static("01890a5d-ac96-774b-bcce-b302099a8057"));
    let cases = [
        (&consumer, vec![transaction.clone()], (false, "ERROR_CODE_ACCESS_TOKEN_MISSING")),
        (&consumer, vec![forged, transaction.clone()], (false, "ERROR_CODE_ACCESS_TOKEN_INVALID")),
        (&outsider, vec![token.clone(), transaction.clone()], (false, "ERROR_CODE_ACCESS_TOKEN_INVALID")),
        (&consumer, vec![token.clone()], (true, "MISSING_LOG_RECORD_ID")),
        (&consumer, vec![token.clone(), four], (true, "INVALID_LOG_RECORD_ID")),
        (&consumer, vec![token.clone(), old], (true, "INVALID_LOG_RECORD_ID")),
    ];
    for (caller, headers, expected) in cases {
        let refused = admit(&provider, caller, &headers).await?.err().ok_or("admitted")?;
        assert_eq!(code(&refused), expected);
    }

    let before = snapshot(&provider).await?;
    assert!(admitted.standing.holds(&before, ambient().now()));
    consumer.node().revoke(&Actor::Operator, &hash).await?;
    provider.until(&hash, ContractState::Revoked).await?;
    let refused = admit(&provider, &consumer, &headers).await?.err().ok_or("admitted after revocation")?;
    assert_eq!(code(&refused), (true, "ERROR_CODE_ACCESS_TOKEN_INVALID"));
    let after = snapshot(&provider).await?;
    assert!(!admitted.standing.holds(&after, ambient().now()));
    let refused = prepare(&consumer, &provider).await?.err().ok_or("prepared after revocation")?;
    assert_eq!(code(&refused), (true, "CONTRACT_MISSING"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reading_of_the_grant_hash_that_a_provider_uses_is_used_towards_it() -> TestResult {
    let (group, _directory) = Group::with_directory().await?;
    let mut plan = group.plan("provider", 2);
    plan.acceptance = everyone_accepted();
    plan.services = vec!["register"];
    let provider = plan.start().await?;
    let consumer = group.plan("consumer", 3).start().await?;
    let hash = retry(&consumer, connection(&provider, "register")?).await?;
    let contract = consumer.until(&hash, ContractState::Valid).await?;
    let mut transaction = consumer.store().begin().await?;
    transaction.set_hash_reading(&provider.id, "digest").await?;
    transaction.commit().await?;
    let prepared = prepare(&consumer, &provider).await?.map_err(|refused| format!("{refused:?}"))?;
    let hashes = &contract.content.grants.first().ok_or("no grant")?.hashes;
    assert_eq!(prepared.wire.get("grant_hash"), Some(&json!(hashes.digest.as_str())));
    assert!(admit(&provider, &consumer, &sent(&prepared)).await?.is_ok());
    // The provider has seen which reading the consumer uses.
    let peer = provider.store().peer(&consumer.id).await?.ok_or("unknown peer")?;
    assert_eq!(peer.hash_reading.as_deref(), Some("digest"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_records_are_shown_to_those_who_take_part() -> TestResult {
    let (group, _directory) = Group::with_directory().await?;
    let mut plan = group.plan("provider", 2);
    plan.acceptance = everyone_accepted();
    plan.services = vec!["register"];
    let provider = plan.start().await?;
    let consumer = group.plan("consumer", 3).start().await?;
    let outsider = group.plan("outsider", 4).start().await?;
    let hash = retry(&consumer, connection(&provider, "register")?).await?;
    consumer.until(&hash, ContractState::Valid).await?;
    let prepared = prepare(&consumer, &provider).await?.map_err(|refused| format!("{refused:?}"))?;
    let admitted =
        admit(&provider, &consumer, &sent(&prepared)).await?.map_err(|refused| format!("{refused:?}"))?;
    let permit = Permit {
        transaction_id: admitted.transaction_id,
        direction: Direction::Incoming,
        parties: admitted.parties.clone(),
        wire: admitted.wire.clone(),
        application: None,
        decision: None,
        processing: Vec::new(),
    };
    let mut transaction = provider.store().begin().await?;
    transaction.append(&Entry::Permit(permit), &ambient()).await?;
    transaction.commit().await?;
    while provider.store().integrate(100).await? > 0 {}
    let id = admitted.transaction_id;
    for path in [
        "/v1/logs".to_owned(),
        format!("/v1/logs?transaction_ids={id}"),
        "/v1/logs?service_name=register".to_owned(),
    ] {
        let answer = consumer.send(&provider, Method::GET, &path, &[], "").await?;
        let page: Value = serde_json::from_slice(answer.body())?;
        let created = page.pointer("/records/0/created_at").cloned().unwrap_or_default();
        let expected = json!({
            "transaction_id": id.to_string(),
            "direction": "DIRECTION_INCOMING",
            "grant_hash": admitted.wire.get("grant_hash"),
            "source": { "type": "SOURCE_TYPE_SOURCE", "outway_peer_id": consumer.id.value() },
            "destination": { "type": "DESTINATION_TYPE_DESTINATION", "service_peer_id": provider.id.value() },
            "service_name": "register",
            "created_at": created,
        });
        assert_eq!(page, json!({ "records": [expected], "pagination": { "next_cursor": "" } }), "{path}");
        let answer = outsider.send(&provider, Method::GET, &path, &[], "").await?;
        let page: Value = serde_json::from_slice(answer.body())?;
        assert_eq!(page.get("records"), Some(&json!([])), "{path}");
    }
    Ok(())
}

//! The manager's port, byte for byte: codes, headers, refusals, tolerance.

use bytes::Bytes;
use http::{Method, Response};
use serde_json::{Value, json};
use uuid::Uuid;
use verbond_fsc::FloodLimits;
use verbond_fsc::protocol::{
    builder::{ContractFrame, build},
    content::ContractContent,
    grant::{ConnectedService, GrantData, Outway, OutwayIdentification},
    signature::{SignatureKind, SignaturePayload},
    state::ContractState,
};
use verbond_trust::jws;

use crate::{
    TestResult,
    organisation::{Error, Group, Organisation, ambient},
};

/// A contract between two, as the first would propose it.
fn content(consumer: &Organisation, provider: &Organisation, iv: Uuid) -> Result<ContractContent, Error> {
    let now = ambient().now();
    let frame = ContractFrame {
        iv,
        group_id: "verbond-test".to_owned(),
        not_before: now.plus_seconds(-60),
        not_after: now.plus_seconds(86_400),
        now,
    };
    let key = consumer.identity.current().certificate.public_key_thumbprint;
    let grant = GrantData::ServiceConnection {
        outway: Outway {
            consumer: consumer.id.clone(),
            identification: OutwayIdentification::PublicKeyThumbprint(key),
        },
        service: ConnectedService {
            provider: provider.id.clone(),
            name: "register".parse()?,
            delegator: None,
        },
    };
    Ok(build(&frame, &[(grant, None)])?)
}

async fn signed(by: &Organisation, content: &ContractContent, kind: SignatureKind) -> Result<String, Error> {
    let payload = SignaturePayload { content_hash: content.hash.clone(), kind, signed_at: ambient().now() };
    Ok(jws::sign(&by.identity.current(), &payload.to_bytes()).await?)
}

fn body(content: &Value, signature: &str) -> String {
    json!({ "content": content, "signature": signature }).to_string()
}

fn code(response: &Response<Bytes>) -> Result<(u16, String), Error> {
    let object: Value = serde_json::from_slice(response.body())?;
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let header = response.headers().get("fsc-error-code").ok_or("no Fsc-Error-Code")?.to_str()?;
    assert_eq!(header, text("code"));
    assert_eq!(text("domain"), "ERROR_DOMAIN_MANAGER");
    assert!(
        !text("message").is_empty() && !text("detail_nl").is_empty() && !text("next").is_empty(),
        "{object}"
    );
    assert_eq!(
        response.headers().get("content-type").map(|it| it.as_bytes()),
        Some(&b"application/json"[..])
    );
    assert_eq!(response.headers().get("cache-control").map(|it| it.as_bytes()), Some(&b"no-store"[..]));
    Ok((response.status().as_u16(), header.to_owned()))
}

async fn parties(group: &Group) -> Result<(Organisation, Organisation), Error> {
    let mut plan = group.plan("provider", 2);
    plan.services = vec!["register"];
    plan.tasks = false;
    let provider = plan.start().await?;
    let mut plan = group.plan("consumer", 3);
    plan.tasks = false;
    Ok((plan.start().await?, provider))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contract_is_stored_once_and_its_iv_stands_for_it_alone() -> TestResult {
    let group = Group::new()?;
    let (consumer, provider) = parties(&group).await?;
    let iv = ambient().uuid_v7();
    let first = content(&consumer, &provider, iv)?;
    let signature = signed(&consumer, &first, SignatureKind::Accept).await?;
    let message = body(&first.tree, &signature);
    for _ in 0..2 {
        let answer = consumer.write(&provider, Method::POST, "/v1/contracts", message.clone()).await?;
        assert_eq!(answer.status(), 201, "{:?}", answer.body());
        assert!(answer.body().is_empty());
    }
    let mut tree = first.tree.clone();
    *tree.pointer_mut("/validity/not_after").ok_or("no validity")? =
        (ambient().now().seconds() + 90_000).into();
    let second = ContractContent::from_tree(tree, consumer.id.scheme())?;
    let signature = signed(&consumer, &second, SignatureKind::Accept).await?;
    let answer =
        consumer.write(&provider, Method::POST, "/v1/contracts", body(&second.tree, &signature)).await?;
    assert_eq!(code(&answer)?.0, 422);
    assert!(provider.node().contract(second.hash.as_str()).await.is_err());

    let answer = consumer.send(&provider, Method::GET, "/v1/contracts?limit=1", &[], "").await?;
    let listed: Value = serde_json::from_slice(answer.body())?;
    assert_eq!(listed.pointer("/contracts/0/content"), Some(&first.tree));
    let path = format!("/contracts/0/signatures/accept/{}", consumer.id.value());
    assert!(listed.pointer(&path).is_some(), "{listed}");
    assert!(listed.pointer("/contracts/0/signatures/revoke").is_some());
    assert_eq!(listed.pointer("/pagination/next_cursor"), Some(&Value::from("")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_has_the_code_of_the_standard() -> TestResult {
    let group = Group::new()?;
    let (consumer, provider) = parties(&group).await?;
    let mut plan = group.plan("outsider", 4);
    plan.tasks = false;
    let outsider = plan.start().await?;
    let fresh = content(&consumer, &provider, ambient().uuid_v7())?;
    let accept = signed(&consumer, &fresh, SignatureKind::Accept).await?;
    let revoke = signed(&consumer, &fresh, SignatureKind::Revoke).await?;
    let other = content(&consumer, &provider, ambient().uuid_v7())?;
    let of_other = signed(&consumer, &other, SignatureKind::Accept).await?;
    let forged = signed(&provider, &fresh, SignatureKind::Accept).await?;
    let alien = signed(&outsider, &fresh, SignatureKind::Accept).await?;
    let mut group_id = fresh.tree.clone();
    *group_id.pointer_mut("/group_id").ok_or("no group")? = "another".into();
    let mut version = fresh.tree.clone();
    *version.pointer_mut("/fsc_version").ok_or("no version")? = "1.0.0".into();
    let mut algorithm = fresh.tree.clone();
    *algorithm.pointer_mut("/hash_algorithm").ok_or("no algorithm")? = "HASH_ALGORITHM_MD5".into();
    let cases = [
        (&consumer, group_id, accept.as_str(), "ERROR_CODE_INCORRECT_GROUP_ID"),
        (&consumer, version, &accept, "ERROR_CODE_UNKNOWN_FSC_VERSION"),
        (&consumer, algorithm, &accept, "ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH"),
        (&outsider, fresh.tree.clone(), &alien, "ERROR_CODE_SUBMITTING_PEER_NOT_PART_OF_CONTRACT"),
        (&consumer, fresh.tree.clone(), &of_other, "ERROR_CODE_SIGNATURE_CONTRACT_CONTENT_HASH_MISMATCH"),
        (&consumer, fresh.tree.clone(), &revoke, "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED"),
        (&consumer, fresh.tree.clone(), &forged, "ERROR_CODE_PEER_ID_SIGNATURE_MISMATCH"),
        (&consumer, fresh.tree.clone(), "a.b.c", "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED"),
        (
            &consumer,
            fresh.tree.clone(),
            "eyJhbGciOiJQUzI1NiJ9.e30.AA",
            "ERROR_CODE_UNKNOWN_ALGORITHM_SIGNATURE",
        ),
    ];
    for (sender, tree, signature, expected) in cases {
        let answer = sender.write(&provider, Method::POST, "/v1/contracts", body(&tree, signature)).await?;
        assert_eq!(code(&answer)?, (422, expected.to_owned()));
    }
    assert!(provider.node().contract(fresh.hash.as_str()).await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_stores_a_contract_that_never_arrived_and_the_path_may_be_encoded() -> TestResult {
    let group = Group::new()?;
    let (consumer, provider) = parties(&group).await?;
    let fresh = content(&consumer, &provider, ambient().uuid_v7())?;
    let hash = fresh.hash.as_str();
    let accept = body(&fresh.tree, &signed(&consumer, &fresh, SignatureKind::Accept).await?);
    let path = format!("/v1/contracts/{}/accept", hash.replace('$', "%24"));
    assert_eq!(consumer.write(&provider, Method::PUT, &path, accept.clone()).await?.status(), 201);
    provider.until(hash, ContractState::Proposed).await?;
    let path = format!("/v1/contracts/{hash}/revoke");
    let answer = consumer.write(&provider, Method::PUT, &path, accept.clone()).await?;
    assert_eq!(code(&answer)?.1, "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED");
    let revoke = body(&fresh.tree, &signed(&consumer, &fresh, SignatureKind::Revoke).await?);
    assert_eq!(consumer.write(&provider, Method::PUT, &path, revoke).await?.status(), 201);
    provider.until(hash, ContractState::Revoked).await?;

    for (path, expected) in [
        (
            format!("/v1/contracts/{}/accept", content(&consumer, &provider, ambient().uuid_v7())?.hash),
            "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH",
        ),
        (
            format!("/v1/contracts/{}/accept", hash.replacen("$1$1$", "$9$1$", 1)),
            "ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH",
        ),
        ("/v1/contracts/%ff/accept".to_owned(), "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH"),
    ] {
        let answer = consumer.write(&provider, Method::PUT, &path, accept.clone()).await?;
        assert_eq!(code(&answer)?, (422, expected.to_owned()), "{path}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_else_is_answered_in_the_same_form() -> TestResult {
    let group = Group::new()?;
    let (consumer, provider) = parties(&group).await?;
    for (method, path, status) in [
        (Method::GET, "/", 404),
        (Method::GET, "/v1/nothing", 404),
        (Method::DELETE, "/v1/contracts", 405),
        (Method::GET, "/v1/contracts?limit=0", 400),
        (Method::GET, "/v1/peers?sort_order=UP", 400),
        (Method::GET, "/v1/logs?after=-1", 400),
        (Method::PUT, "/v1/announce", 400),
        (Method::POST, "/v1/contracts", 400),
    ] {
        let answer = consumer.send(&provider, method.clone(), path, &[], "").await?;
        assert_eq!(code(&answer)?.0, status, "{method} {path}");
    }
    for address in ["https://consumer.test", "http://consumer.test:443", "consumer.test:443", ""] {
        let headers = [("fsc-manager-address", address)];
        let answer = consumer.send(&provider, Method::PUT, "/v1/announce", &headers, "").await?;
        assert_eq!(code(&answer)?, (400, "MANAGER_ADDRESS_INVALID".to_owned()), "{address}");
    }
    // Just above the bound: of a much longer one the answer can be lost to the reset that follows.
    let long = "x".repeat(1024 * 1024 + 4096);
    let answer = consumer.write(&provider, Method::POST, "/v1/contracts", long).await?;
    assert_eq!(code(&answer)?, (413, "BODY_UNREADABLE".to_owned()));

    assert_eq!(consumer.write(&provider, Method::PUT, "/v1/announce", "").await?.status(), 200);
    let path = format!("/v1/peers?peer_id={},{}", consumer.id.value(), "00000099000000099999");
    let answer = consumer.send(&provider, Method::GET, &path, &[], "").await?;
    let peers: Value = serde_json::from_slice(answer.body())?;
    assert_eq!(
        peers.get("peers"),
        Some(
            &json!([{ "id": consumer.id.value(), "name": "Organisatie consumer", "manager_address": consumer.address }])
        )
    );
    let answer = consumer.send(&provider, Method::GET, "/v1/peer", &[], "").await?;
    let own: Value = serde_json::from_slice(answer.body())?;
    assert_eq!(own.get("fsc_version"), Some(&json!("2.0.0")));
    let answer = consumer.send(&provider, Method::GET, "/v1/.well-known/jwks.json", &[], "").await?;
    let keys: Value = serde_json::from_slice(answer.body())?;
    assert_eq!(keys.pointer("/keys/0/x5c").and_then(Value::as_array).map(Vec::len), Some(2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_given_for_a_valid_contract_only_and_the_reason_is_told() -> TestResult {
    let group = Group::new()?;
    let (consumer, provider) = parties(&group).await?;
    let fresh = content(&consumer, &provider, ambient().uuid_v7())?;
    let message = body(&fresh.tree, &signed(&consumer, &fresh, SignatureKind::Accept).await?);
    assert_eq!(consumer.write(&provider, Method::POST, "/v1/contracts", message).await?.status(), 201);
    let hashes = &fresh.grants.first().ok_or("no grant")?.hashes;
    let ask = async |scope: &str, client: &str, kind: &str| -> Result<(u16, Value), Error> {
        let form = format!("grant_type={kind}&scope={}&client_id={client}", scope.replace('$', "%24"));
        let answer = consumer.send(&provider, Method::POST, "/v1/token", &[], form).await?;
        assert_eq!(answer.headers().get("cache-control").map(|it| it.as_bytes()), Some(&b"no-store"[..]));
        Ok((answer.status().as_u16(), serde_json::from_slice(answer.body())?))
    };
    let error = |(status, body): (u16, Value)| {
        (status, body.get("error").and_then(Value::as_str).unwrap_or_default().to_owned())
    };
    let (own, kind) = (consumer.id.value(), "client_credentials");
    assert_eq!(error(ask(hashes.string.as_str(), own, kind).await?), (400, "invalid_grant".to_owned()));
    provider.node().accept(&verbond_domain::Actor::Operator, fresh.hash.as_str()).await?;
    for hash in [&hashes.string, &hashes.digest] {
        let (status, answer) = ask(hash.as_str(), own, kind).await?;
        assert_eq!((status, answer.get("token_type")), (200, Some(&json!("bearer"))), "{answer}");
        let token = answer.get("access_token").and_then(Value::as_str).ok_or("no token")?;
        let claims: Value = serde_json::from_slice(jws::Jws::parse(token)?.payload())?;
        assert_eq!(claims.get("gth"), Some(&json!(hash.as_str())));
        assert_eq!(claims.get("aud"), Some(&json!("https://provider.test:9999")));
        let life = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or_default();
        assert_eq!(life("exp") - life("nbf"), 60);
    }
    assert_eq!(error(ask("$1$3$x", own, kind).await?), (400, "invalid_scope".to_owned()));
    assert_eq!(
        error(ask(hashes.string.as_str(), provider.id.value(), kind).await?),
        (400, "invalid_client".to_owned())
    );
    assert_eq!(error(ask(hashes.string.as_str(), "", kind).await?), (400, "invalid_request".to_owned()));
    assert_eq!(
        error(ask(hashes.string.as_str(), own, "password").await?),
        (400, "unsupported_grant_type".to_owned())
    );
    let unknown = format!("$1$3${}", "A".repeat(86));
    assert_eq!(error(ask(&unknown, own, kind).await?), (400, "invalid_scope".to_owned()));
    provider.node().revoke(&verbond_domain::Actor::Operator, fresh.hash.as_str()).await?;
    assert_eq!(error(ask(hashes.string.as_str(), own, kind).await?), (400, "invalid_grant".to_owned()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_participant_that_floods_is_told_to_wait_and_a_repetition_is_not_written_down() -> TestResult {
    let group = Group::new()?;
    let mut plan = group.plan("provider", 2);
    plan.services = vec!["register"];
    plan.tasks = false;
    let number = |number| std::num::NonZeroU32::new(number).ok_or("zero");
    plan.flood = FloodLimits { messages_per_second: number(1)?, burst: number(12)?, undecided_contracts: 2 };
    let provider = plan.start().await?;
    let mut plan = group.plan("consumer", 3);
    plan.tasks = false;
    let consumer = plan.start().await?;
    let submit = async || -> Result<(String, Response<Bytes>), Error> {
        let fresh = content(&consumer, &provider, ambient().uuid_v7())?;
        let message = body(&fresh.tree, &signed(&consumer, &fresh, SignatureKind::Accept).await?);
        let answer = consumer.write(&provider, Method::POST, "/v1/contracts", message.clone()).await?;
        Ok((message, answer))
    };
    let (first, answer) = submit().await?;
    assert_eq!(answer.status(), 201);
    let lines = async || -> Result<usize, Error> {
        let order = verbond_store::SortOrder::Ascending;
        Ok(provider.store().journal_lines(None, None, 1000, order).await?.items.len())
    };
    let before = lines().await?;
    for _ in 0..3 {
        let answer = consumer.write(&provider, Method::POST, "/v1/contracts", first.clone()).await?;
        assert_eq!(answer.status(), 201);
    }
    assert_eq!(lines().await?, before);
    assert_eq!(submit().await?.1.status(), 201);
    let (_, full) = submit().await?;
    assert_eq!(code(&full)?, (429, "TOO_MANY_UNDECIDED_CONTRACTS".to_owned()));
    assert_eq!(full.headers().get("retry-after").map(|it| it.as_bytes()), Some(&b"300"[..]));

    let mut refused = None;
    for _ in 0..30 {
        let answer = consumer.write(&provider, Method::PUT, "/v1/announce", "").await?;
        if answer.status() != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.ok_or("all were taken")?;
    assert_eq!(code(&refused)?, (429, "TOO_MANY_MESSAGES".to_owned()));
    assert!(refused.headers().contains_key("retry-after"));
    // Reading is not bounded so.
    assert_eq!(consumer.send(&provider, Method::GET, "/v1/peer", &[], "").await?.status(), 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegator_that_accepts_later_is_not_taken_for_the_submitter() -> TestResult {
    let group = Group::new()?;
    let (consumer, provider) = parties(&group).await?;
    let mut plan = group.plan("delegator", 5);
    plan.tasks = false;
    let delegator = plan.start().await?;
    let plain = content(&consumer, &provider, ambient().uuid_v7())?;
    let grant = plain.grants.first().ok_or("no grant")?;
    let GrantData::ServiceConnection { outway, service } = grant.data.clone() else {
        return Err("another grant".into());
    };
    let now = ambient().now();
    let frame = ContractFrame {
        iv: ambient().uuid_v7(),
        group_id: "verbond-test".to_owned(),
        not_before: now.plus_seconds(-60),
        not_after: now.plus_seconds(86_400),
        now,
    };
    let data = GrantData::DelegatedServiceConnection { outway, service, delegator: delegator.id.clone() };
    let content = build(&frame, &[(data, None)])?;
    let hash = content.hash.as_str();
    for (by, method, path) in [
        (&consumer, Method::POST, "/v1/contracts".to_owned()),
        (&delegator, Method::PUT, format!("/v1/contracts/{hash}/accept")),
    ] {
        let message = body(&content.tree, &signed(by, &content, SignatureKind::Accept).await?);
        assert_eq!(by.write(&provider, method, &path, message).await?.status(), 201);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let contract = provider.node().contract(hash).await?;
    assert_eq!(contract.row.signatures.len(), 2);
    let reasons = &contract.row.verdict_reasons;
    assert!(reasons.contains("DELEGATED_GRANT") && !reasons.contains("OTHER_SUBMITTER"), "{reasons}");
    Ok(())
}

//! A participant that does not play fair: it holds a real certificate and key, but not this program's manners.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use verbond_domain::{ParticipantId, Scheme};
use verbond_fsc::protocol::{
    builder::{ContractFrame, build},
    grant::{ConnectedService, GrantData, Outway, OutwayIdentification},
    signature::{SignatureKind, SignaturePayload},
};
use verbond_transport::{Client, ClientLimits, Hosts, PeerTls, Protocol, Target};
use verbond_trust::{
    Identity, IdentityHandle, IdentityRules, ParticipantAttribute, RevocationRules, TrustStore, jws,
    read_chain, tls,
};

use super::organisation::Organisation;
use crate::ambient;

/// Submits a contract with a second grant hidden behind an ordinary one, signed with the insider's key, straight to the
/// target's manager. Returns the contract's hash.
pub async fn submit_smuggled_contract(
    insider: &Organisation,
    target: &Organisation,
) -> anyhow::Result<String> {
    let ambient = ambient::system();
    let rules = IdentityRules { scheme: Scheme::Oin, participant_id: ParticipantAttribute::SerialNumber };
    let identity =
        Identity::load(&insider.data.join("certificate.pem"), &insider.data.join("key.pem"), &rules)?;
    let consumer = identity.certificate.participant.clone();
    let thumbprint = identity.certificate.public_key_thumbprint;
    let provider = ParticipantId::new(Scheme::Oin, target.description.id)?;

    let grant = |identification| {
        let outway = Outway { consumer: consumer.clone(), identification };
        let service = ConnectedService { provider: provider.clone(), name: name(), delegator: None };
        (GrantData::ServiceConnection { outway, service }, None)
    };
    let now = ambient.now();
    let content = build(
        &ContractFrame {
            iv: ambient.uuid_v7(),
            group_id: "verbond-test".to_owned(),
            not_before: now.plus_seconds(-60),
            not_after: now.plus_seconds(86_400),
            now,
        },
        &[
            grant(OutwayIdentification::PublicKeyThumbprint(thumbprint)),
            grant(OutwayIdentification::DomainName("somebody-else.voorbeeld.test".to_owned())),
        ],
    )?;
    let payload =
        SignaturePayload { content_hash: content.hash.clone(), kind: SignatureKind::Accept, signed_at: now };
    let signature = jws::sign(&identity, &payload.to_bytes()).await?;
    let body = serde_json::to_vec(&json!({ "content": content.tree, "signature": signature }))?;

    let request = http::Request::post("/v1/contracts")
        .header("content-type", "application/json")
        .header("fsc-manager-address", insider.manager_address())
        .body(Bytes::from(body))?;
    let answer = dialler(insider, target, identity, rules)?
        .call(
            &Target::peer(provider, &target.manager_address(), Protocol::Http1)?,
            request,
            65_536,
            Duration::from_secs(5),
        )
        .await?;
    // A refusal at the door is as good an answer as a rejection on file.
    tracing::debug!(status = %answer.status(), "the smuggled contract was answered");
    Ok(content.hash.as_str().to_owned())
}

fn name() -> verbond_domain::ServiceName {
    #[expect(clippy::expect_used, reason = "a constant that the type's own rule allows")]
    "incomes".parse().expect("a service name")
}

fn dialler(
    insider: &Organisation,
    target: &Organisation,
    identity: Identity,
    rules: IdentityRules,
) -> anyhow::Result<Client> {
    let anchors = read_chain(&insider.data.join("trust-anchors.pem"))?;
    let trust = TrustStore::new(&anchors, rules, RevocationRules { check: false, grace_seconds: 0 })?;
    let identity = IdentityHandle::new(identity, Vec::new());
    let ambient = ambient::system();
    let tls_rules = tls::TlsRules { minimum_version: "1.3".to_owned(), cipher_suites: Vec::new() };
    let configuration =
        |http2| tls::client_config(identity.clone(), trust.clone(), &tls_rules, ambient.clone(), http2);
    let tls = PeerTls {
        http1: configuration(false)?,
        http2: configuration(true)?,
        identity: identity.clone(),
        trust: trust.clone(),
        ambient: ambient.clone(),
    };
    let hosts = Hosts::new([(target.description.host.to_owned(), [127, 0, 0, 1].into())]);
    Ok(Client::peers(tls, hosts, ClientLimits::default()))
}

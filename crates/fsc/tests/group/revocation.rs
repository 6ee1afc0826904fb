//! Lists of revoked certificates: from files and over HTTP, cached, handed to the trust store.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::Response;
use verbond_fsc::{RevocationRefresh, RevocationSources};
use verbond_transport::{
    Client, ClientLimits, Hosts, Listener, ListenerLimits, Routes, Security, full, handler_fn,
};
use verbond_trust::{
    CertificateRefusal, IdentityHandle, RevocationRules, TrustStore, Usage, authority::TestAuthority,
};

use crate::{
    TestResult,
    organisation::{Error, Group, RULES, ambient},
};

fn checking(group: &Group) -> Result<Arc<TrustStore>, Error> {
    let anchors = verbond_trust::read_chain(&group.authority().directory().join("root.pem"))?;
    Ok(TrustStore::new(&anchors, RULES, RevocationRules { check: true, grace_seconds: 3600 })?)
}

fn list(authority: &TestAuthority, name: &str) -> String {
    authority.directory().join(name).to_string_lossy().into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_certificate_is_refused_once_its_list_is_fetched_and_after_a_start_without_the_server()
-> TestResult {
    let group = Group::new()?;
    let authority = group.authority();
    authority.write_revocation_lists(3600)?;
    let key = verbond_trust::authority::new_key(verbond_trust::authority::KeyKind::P256)?;
    let identity = IdentityHandle::new(group.certificate("consumer", 3, &key)?, Vec::new());
    let current = identity.current();
    let chain = current.chain.as_slice();

    let issued = authority.directory().join("crl.pem");
    let handler = handler_fn(move |_request, _connection| {
        let list = std::fs::read(&issued).unwrap_or_default();
        async move { Response::new(full(Bytes::from(list))) }
    });
    let listener = Listener::tcp(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let port = listener.local_address().ok_or("no port")?.port();
    let serving = listener.serve(Security::None, Routes::all(handler), ListenerLimits::default());

    let cache = tempfile::tempdir()?;
    let sources = RevocationSources {
        lists: vec![list(authority, "crl-root.pem"), format!("http://lists.test:{port}/crl.pem")],
        refresh_seconds: 3600,
        cache: cache.path().join("lists"),
    };
    let hosts = Hosts::new([("lists.test".to_owned(), [127, 0, 0, 1].into())]);
    let refresh = |trust: &Arc<TrustStore>| -> Result<Arc<RevocationRefresh>, Error> {
        let servers = Client::servers(&[], hosts.clone(), ClientLimits::servers())?;
        let (sources, identity) = (sources.clone(), Arc::clone(&identity));
        Ok(RevocationRefresh::new(sources, servers, identity, Arc::clone(trust), ambient()))
    };
    let trust = checking(&group)?;
    let first = refresh(&trust)?;
    first.load().await;
    let judged = trust.judge(chain, Usage::Client, ambient().now());
    assert_eq!(judged.err(), Some(CertificateRefusal::RevocationUnknown));
    assert!(first.refresh().await.is_empty());
    assert!(trust.judge(chain, Usage::Client, ambient().now()).is_ok());
    assert!(first.oldest().is_some());

    // The list of the leaves' issuer says who is revoked; a list's time has whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    authority.revoke(&group.pem(chain)?)?;
    assert!(first.refresh().await.is_empty());
    let judged = trust.judge(chain, Usage::Client, ambient().now());
    assert_eq!(judged.err(), Some(CertificateRefusal::Revoked));

    drop(serving);
    let after_start = checking(&group)?;
    let second = refresh(&after_start)?;
    second.load().await;
    let judged = after_start.judge(chain, Usage::Client, ambient().now());
    assert_eq!(judged.err(), Some(CertificateRefusal::Revoked));
    assert_eq!(second.refresh().await.len(), 1);
    Ok(())
}

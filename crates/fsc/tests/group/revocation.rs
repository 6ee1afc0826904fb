//! Lists of revoked certificates: from files and over HTTP, cached, handed to the trust store.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Response;
use verbond_domain::{Ambient, Clock, Timestamp};
use verbond_fsc::{RevocationRefresh, RevocationSources};
use verbond_supervision::Supervisor;
use verbond_transport::{
    Client, ClientLimits, Hosts, Listener, ListenerLimits, Routes, Security, Serving, full, handler_fn,
};
use verbond_trust::{
    CertificateRefusal, IdentityHandle, RevocationRules, SystemEntropy, TrustStore, Usage,
    authority::TestAuthority,
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
    tokio::time::sleep(Duration::from_millis(1100)).await;
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

/// Serves the files of a directory over plain HTTP, until it is dropped.
async fn serve(directory: &Path) -> Result<(Serving, u16), Error> {
    let directory = directory.to_owned();
    let handler = handler_fn(move |request, _connection| {
        let file = directory.join(request.uri().path().trim_start_matches('/'));
        let list = std::fs::read(file).unwrap_or_default();
        async move { Response::new(full(Bytes::from(list))) }
    });
    let listener = Listener::tcp(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let port = listener.local_address().ok_or("no port")?.port();
    Ok((listener.serve(Security::None, Routes::all(handler), ListenerLimits::default()), port))
}

fn refreshing(
    lists: Vec<String>,
    cache: &Path,
    identity: &Arc<IdentityHandle>,
    trust: &Arc<TrustStore>,
) -> Result<Arc<RevocationRefresh>, Error> {
    let hosts = Hosts::new([("lists.test".to_owned(), [127, 0, 0, 1].into())]);
    let servers = Client::servers(&[], hosts, ClientLimits::servers())?;
    let sources = RevocationSources { lists, refresh_seconds: 3600, cache: cache.to_owned() };
    Ok(RevocationRefresh::new(sources, servers, Arc::clone(identity), Arc::clone(trust), ambient()))
}

fn identity(group: &Group) -> Result<Arc<IdentityHandle>, Error> {
    let key = verbond_trust::authority::new_key(verbond_trust::authority::KeyKind::P256)?;
    Ok(IdentityHandle::new(group.certificate("consumer", 3, &key)?, Vec::new()))
}

struct Later(i64);

impl Clock for Later {
    fn now(&self) -> Timestamp {
        ambient().now().plus_seconds(self.0)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_list_and_one_from_the_future_are_not_kept() -> TestResult {
    let group = Group::new()?;
    let identity = identity(&group)?;
    let current = identity.current();
    let served = tempfile::tempdir()?;
    let (_serving, port) = serve(served.path()).await?;
    let trust = checking(&group)?;
    let cache = tempfile::tempdir()?;
    let lists =
        vec![list(group.authority(), "crl-root.pem"), format!("http://lists.test:{port}/intermediate.crl")];
    let lists = refreshing(lists, cache.path(), &identity, &trust)?;
    let put = |from: &TestAuthority| {
        std::fs::copy(from.directory().join("crl.pem"), served.path().join("intermediate.crl"))
    };
    put(group.authority())?;
    assert_eq!(lists.refresh().await, []);
    let good = |at: &Arc<TrustStore>| at.judge(&current.chain, Usage::Client, ambient().now()).is_ok();
    assert!(good(&trust));

    // Another authority with the same names: newer, and from a far future.
    let elsewhere = tempfile::tempdir()?;
    let far = Ambient::new(Arc::new(Later(70 * 365 * 86_400)), Arc::new(SystemEntropy));
    for (clock, reason) in [(ambient(), "has signed it"), (far, "in the future")] {
        let forger = TestAuthority::open_or_create(elsewhere.path(), None, &clock)?;
        tokio::time::sleep(Duration::from_millis(1100)).await;
        forger.write_revocation_lists(86_400)?;
        put(&forger)?;
        let failures = lists.refresh().await;
        assert!(matches!(failures.as_slice(), [(_, why)] if why.contains(reason)), "{failures:?}");
        assert!(good(&trust));
    }
    // The true issuer, whose clock runs ahead.
    let ahead = Ambient::new(Arc::new(Later(600)), Arc::new(SystemEntropy));
    let ahead = TestAuthority::open_or_create(group.authority().directory(), None, &ahead)?;
    ahead.write_revocation_lists(86_400)?;
    put(&ahead)?;
    // Its other list is a file, which is judged by its time as well.
    assert_eq!(lists.refresh().await.len(), 2);

    // What the issuer says now is taken at once, and nothing of before stands in the cache in its place.
    group.authority().revoke(&group.pem(&current.chain)?)?;
    put(group.authority())?;
    assert_eq!(lists.refresh().await, []);
    assert!(!good(&trust));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_of_issuers_that_others_chains_show_are_fetched_and_remembered() -> TestResult {
    let group = Group::new()?;
    let identity = identity(&group)?;
    // Another issuer of the group, which no configuration names a list of; its root's list is at hand.
    let home = tempfile::tempdir()?;
    let (serving, port) = serve(home.path()).await?;
    let url = format!("http://lists.test:{port}/crl.pem");
    let other = TestAuthority::open_or_create(home.path(), Some(&url), &ambient())?;
    let other = Group::of(other);
    let key = verbond_trust::authority::new_key(verbond_trust::authority::KeyKind::P256)?;
    let peer = other.certificate("provider", 2, &key)?;
    let trust = || -> Result<Arc<TrustStore>, Error> {
        let mut anchors = Vec::new();
        for authority in [group.authority(), other.authority()] {
            anchors.extend(verbond_trust::read_chain(&authority.directory().join("root.pem"))?);
        }
        Ok(TrustStore::new(&anchors, RULES, RevocationRules { check: true, grace_seconds: 0 })?)
    };
    let configured: Vec<String> = [(&group, "crl-root.pem"), (&group, "crl.pem"), (&other, "crl-root.pem")]
        .map(|(group, name)| list(group.authority(), name))
        .into();
    let cache = tempfile::tempdir()?;
    let first = trust()?;
    let lists = refreshing(configured.clone(), cache.path(), &identity, &first)?;
    lists.load().await;
    let task = lists.start(&Supervisor::default());
    let judged = |trust: &TrustStore| trust.judge(&peer.chain, Usage::Client, ambient().now()).err();
    assert_eq!(judged(&first), Some(CertificateRefusal::RevocationUnknown));
    for _ in 0..400 {
        if judged(&first).is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(judged(&first), None);
    task.abort();

    // A chain that leads to no anchor teaches nothing.
    let stranger = Group::new()?;
    let before = first.list_sources();
    first.see(&stranger.certificate("provider", 2, &key)?.chain, ambient().now());
    assert_eq!((first.list_sources(), before), (vec![url.clone()], vec![url]));

    // After a start the peer's first call is answered, although the list's server is down.
    drop(serving);
    let second = trust()?;
    refreshing(configured, cache.path(), &identity, &second)?.load().await;
    assert_eq!(judged(&second), None);
    Ok(())
}

//! Standing connections, when the certificate at one end is no longer good.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::{sync::mpsc, time::timeout};
use verbond_transport::{
    Body, BoxError, Connection, Handler, Listener, ListenerLimits, Protocol, Routes, Security, empty,
    handler_fn,
};
use verbond_trust::tls::{PinnedKeys, Pins, personal_server_config, private_server_config};

use crate::world::{CONSUMER, Outcome, PROVIDER, Party, World, ambient, port, provider_at, tls_rules};

/// For clients whose certificates come from the world's authority, whoever they are.
fn for_own_clients(world: &World, party: &Party) -> Result<Security, Box<dyn std::error::Error>> {
    let anchor = CertificateDer::from_pem_slice(world.authority.root_pem()?.as_bytes())?;
    let identity = Arc::clone(&party.identity);
    let config = private_server_config(identity, &[anchor], &tls_rules(), ambient(), true)?;
    Ok(Security::Private { config, ambient: ambient(), pinned: None })
}

/// Never ends by itself.
fn endless() -> Body {
    let ticks = futures_util::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"tick"))), ()))
    });
    BodyExt::boxed_unsync(StreamBody::new(ticks))
}

fn streaming() -> Arc<dyn Handler> {
    handler_fn(|_, _| async { Response::new(endless()) })
}

/// Reads to the end, and says whether it was an end or a break.
async fn read(mut body: Body) -> Result<usize, BoxError> {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(length)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_broken_off_when_the_clients_certificate_ends() -> Outcome {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let world = World::new()?;
        let provider = world.party(PROVIDER, "provider.test")?;
        let serving = provider.serve(streaming()).await?;
        let consumer = world.party_until(CONSUMER, "consumer.test", 3)?;
        let client = consumer.client()?;
        let target = provider_at(port(&serving), protocol)?;
        let begun = Instant::now();
        let response = client.send(&target, Request::get("/").body(empty())?).await?;
        let ended = timeout(Duration::from_secs(10), read(response.into_body())).await?;
        assert!(ended.is_err(), "a broken stream must not look complete");
        assert!(begun.elapsed() > Duration::from_secs(1), "broken too early");
        assert!(begun.elapsed() < Duration::from_secs(7), "broken too late: {:?}", begun.elapsed());
    }
    Ok(())
}

/// The certificate of an application or an administrator.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_of_our_own_client_ends_with_its_certificate() -> Outcome {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let world = World::new()?;
        let provider = world.party(PROVIDER, "provider.test")?;
        let security = for_own_clients(&world, &provider)?;
        let listener = Listener::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let handler = handler_fn(|_, connection: Arc<Connection>| async move {
            assert!(connection.client_certificate.is_some());
            Response::new(endless())
        });
        let serving = listener.serve(security, Routes::all(handler), ListenerLimits::default());
        let client = world.party_until(CONSUMER, "consumer.test", 3)?.client()?;
        let target = provider_at(port(&serving), protocol)?;
        let begun = Instant::now();
        let response = client.send(&target, Request::get("/").body(empty())?).await?;
        let ended = timeout(Duration::from_secs(12), read(response.into_body())).await?;
        assert!(ended.is_err(), "a broken stream must not look complete");
        assert!(begun.elapsed() > Duration::from_secs(1), "broken too early");
        assert!(begun.elapsed() < Duration::from_secs(9), "broken too late: {:?}", begun.elapsed());
        assert!(client.send(&target, Request::get("/").body(empty())?).await.is_err(), "it is let in again");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ends_when_its_key_is_taken_from_the_pins() -> Outcome {
    let world = World::new()?;
    let provider = world.party(PROVIDER, "provider.test")?;
    let consumer = world.party(CONSUMER, "consumer.test")?;
    let pinned = Arc::new(PinnedKeys::default());
    let key = consumer.identity.current().certificate.public_key_thumbprint;
    let until = ambient().now().plus_seconds(3600);
    pinned.replace(Pins { keys: [(key, until)].into(), strangers_until: None });
    let identity = Arc::clone(&provider.identity);
    let config = personal_server_config(identity, &[], Arc::clone(&pinned), &tls_rules(), ambient())?;
    let security = Security::Private { config, ambient: ambient(), pinned: Some(Arc::clone(&pinned)) };
    let listener = Listener::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let serving = listener.serve(security, Routes::all(streaming()), ListenerLimits::default());

    let client = consumer.client()?;
    let target = provider_at(port(&serving), Protocol::Http1)?;
    let response = client.send(&target, Request::get("/").body(empty())?).await?;
    let reader = tokio::spawn(read(response.into_body()));
    // Another person comes and goes meanwhile, which is no matter of this connection.
    pinned.replace(Pins { keys: [(key, until)].into(), strangers_until: Some(until) });
    tokio::time::sleep(Duration::from_millis(3000)).await;
    assert!(!reader.is_finished());

    pinned.replace(Pins { keys: [].into(), strangers_until: None });
    let begun = Instant::now();
    assert!(timeout(Duration::from_secs(6), reader).await??.is_err());
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert!(client.send(&target, Request::get("/").body(empty())?).await.is_err(), "it is let in again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_broken_off_when_the_clients_certificate_is_revoked() -> Outcome {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let world = World::new()?;
        let provider = world.party(PROVIDER, "provider.test")?;
        let serving = provider.serve(streaming()).await?;
        let consumer = world.party(CONSUMER, "consumer.test")?;
        let client = consumer.client()?;
        let target = provider_at(port(&serving), protocol)?;
        let response = client.send(&target, Request::get("/").body(empty())?).await?;
        let reader = tokio::spawn(read(response.into_body()));
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!reader.is_finished());

        world.authority.revoke(&consumer.certificate_pem)?;
        world.load_lists(&provider.trust)?;
        let begun = Instant::now();
        assert!(timeout(Duration::from_secs(5), reader).await??.is_err());
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        assert!(
            client.send(&target, Request::get("/").body(empty())?).await.is_err(),
            "a new connection is refused"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooled_connection_to_a_revoked_server_is_broken_and_not_used_again() -> Outcome {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let world = World::new()?;
        let provider = world.party(PROVIDER, "provider.test")?;
        let serving = provider.serve(streaming()).await?;
        let consumer = world.party(CONSUMER, "consumer.test")?;
        let client = consumer.client()?;
        let target = provider_at(port(&serving), protocol)?;
        let response = client.send(&target, Request::get("/").body(empty())?).await?;
        let reader = tokio::spawn(read(response.into_body()));
        tokio::time::sleep(Duration::from_millis(100)).await;

        world.authority.revoke(&provider.certificate_pem)?;
        world.load_lists(&consumer.trust)?;
        assert!(timeout(Duration::from_secs(2), reader).await??.is_err());
        assert!(client.send(&target, Request::get("/").body(empty())?).await.is_err());
    }
    Ok(())
}

/// Half an upload must never look like a whole one to whoever reads it, however its connection ends.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_broken_off_never_looks_complete() -> Outcome {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for by_revocation in [true, false] {
            let world = World::new()?;
            let provider = world.party(PROVIDER, "provider.test")?;
            let (tell, mut told) = mpsc::unbounded_channel();
            let handler = handler_fn(move |request: Request<hyper::body::Incoming>, _| {
                let tell = tell.clone();
                async move {
                    // In a task of its own, as when the body is passed on over another connection.
                    let reading = tokio::spawn(async move {
                        let mut data = request.into_body().into_data_stream();
                        let mut outcome = Ok(());
                        while let Some(part) = data.next().await {
                            let _ = tell.send(None);
                            if let Err(error) = part {
                                outcome = Err(error);
                                break;
                            }
                        }
                        let _ = tell.send(Some(outcome.is_ok()));
                    });
                    let _ = reading.await;
                    Response::new(empty())
                }
            });
            let serving = provider.serve(handler).await?;
            let consumer = world.party(CONSUMER, "consumer.test")?;
            let client = consumer.client()?;
            let target = provider_at(port(&serving), protocol)?;
            let upload = Request::post("/").body(endless())?;
            let sending = tokio::spawn(async move { client.send(&target, upload).await.map(|_| ()) });
            assert_eq!(told.recv().await, Some(None), "the upload has begun");
            if by_revocation {
                world.authority.revoke(&consumer.certificate_pem)?;
                world.load_lists(&provider.trust)?;
            } else {
                drop(serving);
            }
            let complete = timeout(Duration::from_secs(6), async {
                loop {
                    match told.recv().await {
                        Some(None) => {}
                        Some(Some(complete)) => return complete,
                        None => return true,
                    }
                }
            });
            assert!(!complete.await?, "{protocol:?}, by revocation: {by_revocation}");
            assert!(sending.await?.is_err());
        }
    }
    Ok(())
}

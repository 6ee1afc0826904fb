//! Who is at the other end, and what is said when it is somebody else.

use http::{Request, Response};
use verbond_transport::{Body, ClientError, Protocol, Target, empty, full, handler_fn};
use verbond_trust::CertificateRefusal;

use crate::world::{CONSUMER, Outcome, PROVIDER, World, participant, port, provider_at};

fn hello() -> std::sync::Arc<dyn verbond_transport::Handler> {
    handler_fn(|_request, connection| async move {
        let who = connection.peer.as_ref().and_then(|peer| peer.judge().ok());
        Response::new(full(who.map_or_else(String::new, |who| who.participant.to_string())))
    })
}

fn get(path: &str) -> Result<Request<Body>, http::Error> {
    Request::get(path).body(empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ends_know_each_other_over_both_versions_of_http() -> Outcome {
    let world = World::new()?;
    let provider = world.party(PROVIDER, "provider.test")?;
    let serving = provider.serve(hello()).await?;
    let client = world.party(CONSUMER, "consumer.test")?.client()?;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let target = provider_at(port(&serving), protocol)?;
        let request = Request::get("/").body(bytes::Bytes::new())?;
        let answer = client.call(&target, request, 1024, std::time::Duration::from_secs(5)).await?;
        assert_eq!(answer.body(), format!("oin:{CONSUMER}").as_str());
        let version =
            if protocol == Protocol::Http2 { http::Version::HTTP_2 } else { http::Version::HTTP_11 };
        assert_eq!(answer.version(), version);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_participant_than_expected_is_named() -> Outcome {
    let world = World::new()?;
    let provider = world.party("00000099000000030000", "provider.test")?;
    let serving = provider.serve(hello()).await?;
    let client = world.party(CONSUMER, "consumer.test")?.client()?;
    let failed = client.send(&provider_at(port(&serving), Protocol::Http1)?, get("/")?).await;
    let Err(ClientError::WrongParticipant { expected, found, .. }) = failed else {
        panic!("the wrong participant was taken: {:?}", failed.map(|_| ()));
    };
    assert_eq!((expected, found), (participant(PROVIDER)?, participant("00000099000000030000")?));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_without_the_host_name_is_named() -> Outcome {
    let world = World::new()?;
    let provider = world.party(PROVIDER, "provider.test")?;
    let serving = provider.serve(hello()).await?;
    let client = world.party(CONSUMER, "consumer.test")?.client()?;
    let address = format!("https://other.test:{}", port(&serving));
    let target = Target::peer(participant(PROVIDER)?, &address, Protocol::Http1)?;
    let failed = client.send(&target, get("/")?).await.map(|_| ());
    assert!(matches!(failed, Err(ClientError::Name { .. })), "{failed:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_group_is_refused_on_both_sides() -> Outcome {
    let (ours, theirs) = (World::new()?, World::new()?);
    let provider = theirs.party(PROVIDER, "provider.test")?;
    let serving = provider.serve(hello()).await?;
    let consumer = ours.party(CONSUMER, "consumer.test")?;
    let target = provider_at(port(&serving), Protocol::Http1)?;
    let failed = consumer.client()?.send(&target, get("/")?).await.map(|_| ());
    let expected = CertificateRefusal::UnknownIssuer;
    assert!(
        matches!(&failed, Err(ClientError::Refused { refusal, .. }) if *refusal == expected),
        "{failed:?}"
    );

    // One that trusts them, but is not trusted by them.
    let mixed =
        crate::world::Party { trust: provider.trust.clone(), ..ours.party(CONSUMER, "consumer.test")? };
    // Many times, since the alert comes before the request at times, and after it at others.
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let target = provider_at(port(&serving), protocol)?;
        for _ in 0..40 {
            let failed = mixed.client()?.send(&target, get("/")?).await.map(|_| ());
            let Err(ClientError::Alert { alert, .. }) = &failed else {
                panic!("no alert over {protocol:?}: {failed:?}")
            };
            assert_eq!(alert, "UnknownCA");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_and_no_such_name_are_told_apart() -> Outcome {
    let world = World::new()?;
    let client = world.party(CONSUMER, "consumer.test")?.client()?;
    let closed = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let failed = client.send(&provider_at(closed, Protocol::Http1)?, get("/")?).await.map(|_| ());
    assert!(matches!(failed, Err(ClientError::Connect { .. })), "{failed:?}");
    let target = Target::peer(participant(PROVIDER)?, "https://no-such-name.invalid:1", Protocol::Http1)?;
    let failed = client.send(&target, get("/")?).await.map(|_| ());
    assert!(matches!(failed, Err(ClientError::Resolve { .. })), "{failed:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_at_once_and_never_mixed_with_the_earlier_one() -> Outcome {
    let world = World::new()?;
    let provider = world.party(PROVIDER, "provider.test")?;
    let shown =
        handler_fn(|_request, connection: std::sync::Arc<verbond_transport::Connection>| async move {
            let who = connection.peer.as_ref().and_then(|peer| peer.judge().ok());
            Response::new(full(who.map_or_else(String::new, |who| who.thumbprint.to_string())))
        });
    let serving = provider.serve(shown).await?;
    let consumer = world.party(CONSUMER, "consumer.test")?;
    let client = consumer.client()?;
    let target = provider_at(port(&serving), Protocol::Http1)?;
    let ask = || async {
        let request = Request::get("/").body(bytes::Bytes::new())?;
        let answer = client.call(&target, request, 1024, std::time::Duration::from_secs(5)).await?;
        Ok::<_, Box<dyn std::error::Error>>(String::from_utf8(answer.into_body().to_vec())?)
    };
    let earlier = consumer.identity.current().certificate.thumbprint;
    assert_eq!(ask().await?, earlier.to_string());
    world.renew(&consumer, CONSUMER, "consumer.test")?;
    let later = consumer.identity.current().certificate.thumbprint;
    assert_eq!(ask().await?, later.to_string());
    assert_ne!(earlier, later);

    // What is bound to the earlier one still goes over the connection that has shown it, while that is free.
    let response =
        client.send_showing(&target, get("/")?, Some(earlier)).await.map_err(|(error, _)| error)?;
    let held = response.into_body();
    let refused = client.send_showing(&target, get("/")?, Some(earlier)).await;
    let Err((ClientError::CertificateReplaced, Some(_))) = refused else {
        panic!("sent with the other certificate")
    };
    drop(held);
    Ok(())
}

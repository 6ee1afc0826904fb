//! Who may use the outway, and how it names what it wants.

use std::{
    sync::{PoisonError, atomic::Ordering},
    time::Duration,
};

use http::{Request, StatusCode};
use tokio::sync::watch;
use verbond_gateway::keep_sockets;
use verbond_transport::{ListenerLimits, Protocol, empty};

use crate::{
    face::{ROUTE, TRANSACTION},
    scene::{Scene, code, over_socket, whole},
    world::{CONSUMER, Outcome},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_named_by_path_by_field_or_by_the_protocol() -> Outcome {
    let scene = Scene::new(Protocol::Http1).await?;
    let request = Request::get("/a?b").header("verbond-service", "open").body(empty())?;
    assert_eq!(whole(scene.ask(request).await?).await?.1, "/a?b");
    let request = Request::get("/a?b").header(&ROUTE, "open").body(empty())?;
    assert_eq!(whole(scene.ask(request).await?).await?.1, "/a?b");
    for request in [
        Request::get("/unknown/a"),
        Request::get("/"),
        Request::get("/open/a").header("verbond-service", "unknown"),
        Request::get("/open/a").header(&ROUTE, "elsewhere"),
    ] {
        let (head, body) = whole(scene.ask(request.body(empty())?).await?).await?;
        assert_eq!((head.status.as_u16(), code(&body)?.as_str()), (404, "UNKNOWN_ROUTE"));
        assert!(String::from_utf8_lossy(&body).contains("Known are: open, below"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_come_and_go_with_their_applications() -> Outcome {
    let scene = Scene::new(Protocol::Http1).await?;
    let directory = tempfile::tempdir()?;
    let (stop, stopped) = watch::channel(false);
    let keeping = tokio::spawn(keep_sockets(
        scene.outway_gateway.clone(),
        directory.path().to_owned(),
        ListenerLimits::default(),
        scene.consumer_state.subscribe(),
        stopped,
        Duration::from_secs(1),
    ));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let socket = directory.path().join("batch.sock");
    let answer = over_socket(&socket, "GET /open/a HTTP/1.1\r\nhost: a\r\nverbond-authorization: Bearer needless\r\nconnection: close\r\n\r\n").await?;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("/a"), "{answer}");
    assert_eq!(scene.consumer_journal.entries("permit")[0]["application"], "batch");

    let mut snapshot = (*scene.consumer_state.current()?).clone();
    snapshot.applications.remove(&"batch".parse()?);
    scene.consumer_state.publish(snapshot);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!socket.exists());
    let heads = std::mem::take(&mut *scene.source.heads.lock().unwrap_or_else(PoisonError::into_inner));
    assert!(!heads[0].headers.contains_key("verbond-authorization"));

    // Gone and back while the one before still finishes.
    let with = scene.provider_state.current()?.applications.clone();
    let mut snapshot = (*scene.consumer_state.current()?).clone();
    let without = std::mem::replace(&mut snapshot.applications, with);
    scene.consumer_state.publish(snapshot.clone());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let busy = tokio::net::UnixStream::connect(&socket).await?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let with = std::mem::replace(&mut snapshot.applications, without);
    scene.consumer_state.publish(snapshot.clone());
    tokio::time::sleep(Duration::from_millis(200)).await;
    snapshot.applications = with;
    scene.consumer_state.publish(snapshot);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(tokio::net::UnixStream::connect(&socket).await.is_ok());
    drop(busy);
    stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(3), keeping).await??;
    assert!(!directory.path().join("idle.sock").exists());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_is_what_is_sent_when_the_certificate_is_replaced_in_between() -> Outcome {
    let scene = Scene::new(Protocol::Http1).await?;
    scene.outbound.replaced.store(true, Ordering::SeqCst);
    assert_eq!(scene.get("/open/x").await?.0.status, StatusCode::OK);
    assert_eq!(scene.outbound.prepared.load(Ordering::SeqCst), 2);

    scene.outbound.replaced.store(true, Ordering::SeqCst);
    scene.outbound.regrants.store(true, Ordering::SeqCst);
    let (head, body) = scene.get("/open/x").await?;
    assert_eq!((head.status.as_u16(), code(&body)?.as_str()), (503, "PERMISSION_REPLACED"));
    assert_eq!(scene.source.requests.load(Ordering::SeqCst), 1);
    let (permits, refusals) =
        (scene.consumer_journal.entries("permit"), scene.consumer_journal.entries("refusal"));
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals[0]["transaction_id"], permits[1]["transaction_id"]);
    let told = head.headers.get(&TRANSACTION).ok_or("no id")?.to_str()?;
    assert_eq!(permits[1]["transaction_id"], told);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_replaced_under_load_costs_no_call() -> Outcome {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let scene = Scene::new(protocol).await?;
        for round in 0..5 {
            let calls = futures_util::future::join_all((0..8).map(|_| scene.get("/open/download/200000")));
            let renewal = async {
                tokio::time::sleep(Duration::from_millis(3 * round)).await;
                scene.world.renew(&scene.consumer, CONSUMER, "consumer.test")
            };
            let (answers, renewed) = futures_util::future::join(calls, renewal).await;
            renewed?;
            for answer in answers {
                let (head, body) = answer?;
                assert_eq!((head.status, body.len()), (StatusCode::OK, 200_000));
            }
        }
        assert_eq!(scene.source.requests.load(Ordering::SeqCst), 40);
    }
    Ok(())
}

//! Record before deliver.

use std::{sync::atomic::Ordering, time::Duration};

use http::{Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use verbond_transport::{Protocol, empty};

use crate::{
    face::TRANSACTION,
    journal::Mode,
    scene::{Scene, code, whole},
    world::{Outcome, ambient, port},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_stands_in_both_journals_under_one_transaction_id() -> Outcome {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let scene = Scene::new(protocol).await?;
        let (head, body) = scene.get("/open/a/b?c=d").await?;
        assert_eq!((head.status, &body[..]), (StatusCode::OK, b"/a/b?c=d".as_slice()));
        let id = head.headers.get(&TRANSACTION).ok_or("no id")?.to_str()?;
        let (ours, theirs) =
            (scene.consumer_journal.entries("permit"), scene.provider_journal.entries("permit"));
        assert_eq!((ours.len(), theirs.len()), (1, 1));
        assert_eq!((&ours[0]["transaction_id"], &theirs[0]["transaction_id"]), (&id.into(), &id.into()));
        assert_eq!(
            (&ours[0]["direction"], &theirs[0]["direction"]),
            (&"outgoing".into(), &"incoming".into())
        );
        assert_eq!(ours[0]["application"], "desk");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_record_nothing_reaches_the_source() -> Outcome {
    let scene = Scene::new(Protocol::Http1).await?;
    scene.provider_journal.mode.send_replace(Mode::Fails);
    let (head, body) = scene.get("/open/x").await?;
    assert_eq!((head.status.as_u16(), code(&body)?.as_str()), (500, "RECORD_UNAVAILABLE"));
    assert_eq!(scene.source.requests.load(Ordering::SeqCst), 0);

    scene.provider_journal.mode.send_replace(Mode::Writes);
    scene.consumer_journal.mode.send_replace(Mode::Fails);
    let before = scene.provider_journal.entries("permit").len();
    let (head, body) = scene.get("/open/x").await?;
    assert_eq!((head.status.as_u16(), code(&body)?.as_str()), (500, "RECORD_UNAVAILABLE"));
    assert_eq!(scene.provider_journal.entries("permit").len(), before, "the inway was not asked");
    assert_eq!(scene.source.requests.load(Ordering::SeqCst), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_record_is_not_durable_the_source_is_not_called_and_the_body_not_read() -> Outcome {
    let scene = Scene::new(Protocol::Http1).await?;
    scene.consumer_journal.mode.send_replace(Mode::Holds);
    let mut application = tokio::net::TcpStream::connect(("127.0.0.1", port(&scene.outway))).await?;
    let head = "POST /open/upload HTTP/1.1\r\nhost: a\r\nauthorization: Bearer secret\r\nexpect: 100-continue\r\n\
                content-length: 4\r\nconnection: close\r\n\r\n";
    application.write_all(head.as_bytes()).await?;
    let mut answer = vec![0; 25];
    let early = tokio::time::timeout(Duration::from_millis(500), application.read(&mut answer)).await;
    assert!(early.is_err(), "the body was asked for before the record");
    assert_eq!(scene.source.requests.load(Ordering::SeqCst), 0);

    // Held at the other end as well, once ours is written.
    scene.provider_journal.mode.send_replace(Mode::Holds);
    scene.consumer_journal.mode.send_replace(Mode::Writes);
    application.read_exact(&mut answer).await?;
    assert_eq!(answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    application.write_all(b"body").await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(scene.source.requests.load(Ordering::SeqCst), 0, "the source was called before the record");

    scene.provider_journal.mode.send_replace(Mode::Writes);
    let mut rest = String::new();
    application.read_to_string(&mut rest).await?;
    assert!(rest.starts_with("HTTP/1.1 200") && rest.ends_with('4'), "{rest}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withdrawn_while_its_record_is_written_is_not_forwarded() -> Outcome {
    let scene = Scene::new(Protocol::Http1).await?;
    scene.provider_journal.mode.send_replace(Mode::Holds);
    let revoke = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Scene::revoke(&scene.provider_state, "open")?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        scene.provider_journal.mode.send_replace(Mode::Writes);
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    let (answer, revoked) = futures_util::future::join(scene.get("/open/x"), revoke).await;
    revoked?;
    let (head, body) = answer?;
    assert_eq!((head.status.as_u16(), code(&body)?.as_str()), (403, "NO_LONGER_PERMITTED"));
    assert_eq!(scene.source.requests.load(Ordering::SeqCst), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_id_is_used_once() -> Outcome {
    let scene = Scene::new(Protocol::Http1).await?;
    let id = ambient().uuid_v7().to_string();
    let request = || Request::get("/open/x").header(&TRANSACTION, &id).body(empty());
    assert_eq!(scene.ask(request()?).await?.status(), StatusCode::OK);
    let (head, body) = whole(scene.ask(request()?).await?).await?;
    assert_eq!((head.status.as_u16(), code(&body)?.as_str()), (400, "DUPLICATE_TRANSACTION"));
    assert_eq!(scene.source.requests.load(Ordering::SeqCst), 1);
    assert_eq!(scene.provider_journal.entries("permit").len(), 1, "the inway was not asked again");
    assert_eq!(scene.consumer_journal.entries("refusal").len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_governed_service_refuses_everything_and_says_so_in_the_journal() -> Outcome {
    let scene = Scene::new(Protocol::Http1).await?;
    // Undeclared at the consumer: refused before anybody is called.
    let (head, body) = scene.get("/undeclared/x").await?;
    assert_eq!((head.status.as_u16(), code(&body)?.as_str()), (403, "AGREEMENT_MISSING"));
    assert_eq!(scene.outbound.prepared.load(Ordering::SeqCst), 0);
    assert_eq!(scene.consumer_journal.entries("refusal")[0]["code"], "AGREEMENT_MISSING");
    // Declared open by the consumer, governed at the provider: the provider's word counts there.
    let (head, body) = scene.get("/theirs/x").await?;
    assert_eq!((head.status.as_u16(), code(&body)?.as_str()), (403, "AGREEMENT_MISSING"));
    assert_eq!(scene.provider_journal.entries("refusal")[0]["code"], "AGREEMENT_MISSING");
    assert!(scene.provider_journal.entries("permit").is_empty());
    assert_eq!(scene.source.requests.load(Ordering::SeqCst), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_not_written_down() -> Outcome {
    let scene = Scene::new(Protocol::Http1).await?;
    let target = crate::world::provider_at(port(&scene.inway), Protocol::Http1)?;
    let request = Request::get("/x").header("x-token", "wrong").body(empty())?;
    let response = scene.consumer.client()?.send(&target, request).await?;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let request = Request::get("/open/x").header("authorization", "Bearer wrong").body(empty())?;
    let response = scene.ask(request).await?;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(response.headers().contains_key("www-authenticate"));
    assert!(scene.provider_journal.entries("refusal").is_empty());
    assert!(scene.consumer_journal.entries("refusal").is_empty());
    Ok(())
}

#[tokio::test]
async fn a_picture_that_is_not_confirmed_is_not_decided_on() -> Outcome {
    let scene = Scene::new(Protocol::Http1).await?;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();
    let (head, body) = scene.get("/open/x").await?;
    assert_eq!((head.status.as_u16(), code(&body)?.as_str()), (503, "STATE_UNCONFIRMED"));
    assert_eq!(scene.source.requests.load(Ordering::SeqCst), 0);
    Ok(())
}

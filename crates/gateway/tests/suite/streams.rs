//! Bodies stream, in bounded memory, and are broken off when they must be.

use std::{
    sync::{PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::timeout;
use verbond_transport::{Body, BoxError, Protocol, empty};

use crate::{
    scene::{CHUNK, Scene, whole},
    world::Outcome,
};

const HUNDRED: u64 = 100 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_source_sends_no_faster_than_the_application_reads() -> Outcome {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let scene = Scene::new(protocol).await?;
        let request = Request::get(format!("/open/download/{HUNDRED}")).body(empty())?;
        let mut body = scene.ask(request).await?.into_body();
        tokio::time::sleep(Duration::from_millis(800)).await;
        let held = scene.source.sent.load(Ordering::SeqCst);
        assert!(held < HUNDRED / 4, "{held} bytes are somewhere in between");
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame.map_err(|error| error.to_string())?.data_ref().map_or(0, Bytes::len) as u64;
        }
        assert_eq!(length, HUNDRED);
    }
    Ok(())
}

fn upload(length: u64, pause: Duration) -> Body {
    let chunk = Bytes::from(vec![b'y'; CHUNK]);
    let chunks = futures_util::stream::unfold(length, move |left| {
        let chunk = chunk.clone();
        async move {
            if left == 0 {
                return None;
            }
            tokio::time::sleep(pause).await;
            let size = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK);
            Some((Ok::<_, BoxError>(Frame::data(chunk.slice(..size))), left - size as u64))
        }
    });
    BodyExt::boxed_unsync(StreamBody::new(chunks))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_arrives_whole() -> Outcome {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let scene = Scene::new(protocol).await?;
        let length = 10 * 1024 * 1024 + 7;
        let request = Request::post("/open/upload").body(upload(length, Duration::ZERO))?;
        let (_, answer) = whole(scene.ask(request).await?).await?;
        assert_eq!(answer, length.to_string().as_str());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_is_broken_off_within_a_second_of_the_revocation_at_either_end() -> Outcome {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for at_provider in [true, false] {
            let scene = Scene::new(protocol).await?;
            let request = Request::get("/open/endless").body(empty())?;
            let mut body = scene.ask(request).await?.into_body();
            for _ in 0..10 {
                body.frame().await.ok_or("ended")?.map_err(|error| error.to_string())?;
            }
            Scene::revoke(if at_provider { &scene.provider_state } else { &scene.consumer_state }, "open")?;
            let begun = Instant::now();
            let broken = timeout(Duration::from_secs(3), async {
                while let Some(frame) = body.frame().await {
                    if frame.is_err() {
                        return true;
                    }
                }
                false
            });
            assert!(broken.await?, "a broken stream must not look complete");
            assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
            // The source is let go of too.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let sent = scene.source.sent.load(Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert_eq!(scene.source.sent.load(Ordering::SeqCst), sent, "the source still sends");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_broken_off_by_a_revocation_and_never_looks_complete() -> Outcome {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for at_provider in [true, false] {
            let scene = Scene::new(protocol).await?;
            let request = Request::post("/open/upload").body(upload(u64::MAX, Duration::from_millis(20)))?;
            let answer = async {
                let outcome = scene.ask(request).await;
                outcome.map(|response| response.status().as_u16()).unwrap_or(0)
            };
            let revoke = async {
                tokio::time::sleep(Duration::from_millis(400)).await;
                Scene::revoke(if at_provider { &scene.provider_state } else { &scene.consumer_state }, "open")
            };
            let (status, revoked) =
                timeout(Duration::from_secs(5), futures_util::future::join(answer, revoke)).await?;
            revoked?;
            assert!([0, 403, 502].contains(&status), "{status}");
            tokio::time::sleep(Duration::from_millis(200)).await;
            let uploads = scene.source.uploads.lock().unwrap_or_else(PoisonError::into_inner).clone();
            assert_eq!(scene.source.requests.load(Ordering::SeqCst), 1);
            assert!(
                uploads.iter().all(|(_, complete)| !complete),
                "{protocol:?}, at provider: {at_provider}, {status}: {uploads:?}"
            );
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_stays_under_watch_when_the_answer_has_ended_before_it() -> Outcome {
    for at_provider in [true, false] {
        let scene = Scene::new(Protocol::Http1).await?;
        let request = Request::post("/open/early").body(upload(u64::MAX, Duration::from_millis(20)))?;
        let (_, answer) = timeout(Duration::from_secs(5), whole(scene.ask(request).await?)).await??;
        assert_eq!(answer, "early");
        let ended = || scene.source.uploads.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(ended(), [], "the upload goes on");
        Scene::revoke(if at_provider { &scene.provider_state } else { &scene.consumer_state }, "open")?;
        tokio::time::sleep(Duration::from_millis(1000)).await;
        assert!(matches!(ended()[..], [(1.., false)]), "at provider: {at_provider}: {:?}", ended());
    }
    Ok(())
}

/// Answers `length` bytes of ten and reads nothing after the head. Returns when its connection has ended.
async fn deaf_source(listener: tokio::net::TcpListener, length: usize) -> std::io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (mut stream, _) = listener.accept().await?;
    let mut head = [0; 64];
    stream.read_exact(&mut head).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n").await?;
    stream.write_all(&b"xxxxxxxxxx"[..length]).await?;
    // With its window full it does not hear of the end: only what it sends then tells.
    while stream.write_all(b" ").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_the_source_does_not_take_is_broken_off_all_the_same() -> Outcome {
    // The answer has ended, or is under way.
    for length in [10, 5] {
        let scene = Scene::new(Protocol::Http1).await?;
        let listener = tokio::net::TcpListener::bind(crate::scene::loopback()).await?;
        Scene::move_source(&scene.provider_state, "open", &format!("http://{}", listener.local_addr()?))?;
        let source = tokio::spawn(deaf_source(listener, length));
        let request = Request::post("/open/x").body(upload(u64::MAX, Duration::ZERO))?;
        let _response = scene.ask(request).await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        Scene::revoke(&scene.provider_state, "open")?;
        let ended = timeout(Duration::from_secs(3), source).await;
        ended.map_err(|_| format!("still connected after {length} bytes"))???;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_revoked_before_an_answer_is_told_so_while_it_still_sends() -> Outcome {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for (at_provider, path) in [(true, "upload"), (false, "upload"), (true, "never"), (false, "never")] {
            let scene = Scene::new(protocol).await?;
            let stream =
                tokio::net::TcpStream::connect(("127.0.0.1", crate::world::port(&scene.outway))).await?;
            let (mut reading, mut writing) = stream.into_split();
            let head = format!(
                "POST /open/{path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer secret\r\ncontent-length: 99999999\r\n\r\n"
            );
            writing.write_all(head.as_bytes()).await?;
            let sending = tokio::spawn(async move {
                while writing.write_all(&[b'x'; 1000]).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            });
            tokio::time::sleep(Duration::from_millis(300)).await;
            Scene::revoke(if at_provider { &scene.provider_state } else { &scene.consumer_state }, "open")?;
            let mut answer = Vec::new();
            // Who goes on sending after the answer may be cut off, but not before it has the whole answer.
            let _ = timeout(Duration::from_secs(5), reading.read_to_end(&mut answer)).await?;
            sending.abort();
            let answer = String::from_utf8_lossy(&answer).into_owned();
            let told = answer.starts_with("HTTP/1.1 403 ") && answer.contains("NO_LONGER_PERMITTED");
            // What the provider's refusal becomes when the connection to it breaks first.
            let failed = at_provider && answer.starts_with("HTTP/1.1 502 ") && answer.contains("NO_ANSWER");
            assert!(told || failed, "{protocol:?}, at provider: {at_provider}, {path}: {answer:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_is_broken_off_when_the_consumers_certificate_is_revoked() -> Outcome {
    let scene = Scene::new(Protocol::Http2).await?;
    let mut body = scene.ask(Request::get("/open/endless").body(empty())?).await?.into_body();
    body.frame().await.ok_or("ended")?.map_err(|error| error.to_string())?;
    scene.world.authority.revoke(&scene.consumer.certificate_pem)?;
    scene.world.load_lists(&scene.provider.trust)?;
    let broken = timeout(Duration::from_secs(4), async {
        while let Some(frame) = body.frame().await {
            if frame.is_err() {
                return true;
            }
        }
        false
    });
    assert!(broken.await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_takes_the_whole_way_down() -> Outcome {
    let scene = Scene::new(Protocol::Http1).await?;
    let mut body = scene.ask(Request::get("/open/endless").body(empty())?).await?.into_body();
    body.frame().await.ok_or("ended")?.map_err(|error| error.to_string())?;
    drop(body);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let sent = scene.source.sent.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(scene.source.sent.load(Ordering::SeqCst), sent);
    Ok(())
}

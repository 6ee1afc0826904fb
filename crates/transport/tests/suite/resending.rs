//! A request is sent once, except where the other end says that it has not acted on it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use verbond_transport::{Client, ClientError, ClientLimits, Hosts, Protocol, Target, empty, full};

use crate::world::Outcome;

fn client() -> Result<Client, ClientError> {
    Client::servers(&[], Hosts::default(), ClientLimits::servers())
}

/// Counts the requests that it is sent, and lets go of the connection after each without an answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_an_answer_is_not_sent_again() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let target = Target::server(&format!("http://{}", listener.local_addr()?), Protocol::Http1)?;
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            if stream.read(&mut buffer).await.is_ok_and(|length| length > 0) {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    for body in [empty(), full("half")] {
        let failed = client()?.send(&target, Request::post("/").body(body)?).await.map(|_| ());
        let Err(error @ ClientError::Broken { .. }) = failed else { panic!("{failed:?}") };
        assert!(error.may_have_been_sent());
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(seen.load(Ordering::SeqCst), 2, "each of the two requests once");
    Ok(())
}

/// Answers one request per connection and closes it, while the client believes that it may keep it.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_closed_while_it_lay_idle_is_replaced() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let target = Target::server(&format!("http://{}", listener.local_addr()?), Protocol::Http1)?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        }
    });
    let client = client()?;
    for _ in 0..50 {
        let request = Request::post("/").body(Bytes::from_static(b"x"))?;
        let answer = client.call(&target, request, 1024, Duration::from_secs(5)).await?;
        assert_eq!(answer.body(), "ok");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// An HTTP/2 server that refuses the first stream of every connection, or goes away before it, and answers the rest.
async fn refusing(goes_away: bool) -> Result<(Target, Arc<AtomicUsize>), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let target = Target::server(&format!("http://{}", listener.local_addr()?), Protocol::Http2)?;
    let answered = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&answered);
    tokio::spawn(async move {
        let mut connections = 0;
        while let Ok((stream, _)) = listener.accept().await {
            connections += 1;
            let first_connection = connections == 1;
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                let mut first = first_connection;
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    if first && goes_away {
                        // As a server that shuts down: this stream is above the last one that it will act on.
                        respond.send_reset(h2::Reason::REFUSED_STREAM);
                        connection.graceful_shutdown();
                    } else if first {
                        respond.send_reset(h2::Reason::REFUSED_STREAM);
                    } else {
                        counted.fetch_add(1, Ordering::SeqCst);
                        let _ = respond.send_response(Response::new(()), true);
                    }
                    first = false;
                }
            });
        }
    });
    Ok((target, answered))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_stream_is_sent_again() -> Outcome {
    for goes_away in [false, true] {
        let (target, answered) = refusing(goes_away).await?;
        let response = client()?.send(&target, Request::get("/a").body(empty())?).await?;
        assert_eq!((response.status(), answered.load(Ordering::SeqCst)), (http::StatusCode::OK, 1));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_stream_of_whose_body_something_was_taken_is_not_sent_again() -> Outcome {
    let (target, answered) = refusing(false).await?;
    let failed = client()?.send(&target, Request::post("/a").body(full("body"))?).await.map(|_| ());
    assert!(matches!(failed, Err(ClientError::Broken { .. })), "{failed:?}");
    assert_eq!(answered.load(Ordering::SeqCst), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_reset_for_another_reason_is_not_sent_again() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let target = Target::server(&format!("http://{}", listener.local_addr()?), Protocol::Http2)?;
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    counted.fetch_add(1, Ordering::SeqCst);
                    respond.send_reset(h2::Reason::INTERNAL_ERROR);
                }
            });
        }
    });
    let failed = client()?.send(&target, Request::get("/a").body(empty())?).await.map(|_| ());
    assert!(matches!(failed, Err(ClientError::Broken { .. })), "{failed:?}");
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    Ok(())
}

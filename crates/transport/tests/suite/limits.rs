//! Bounds of a listener, and its end.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use verbond_transport::{
    Client, ClientLimits, Hosts, Listener, ListenerLimits, Protocol, Routes, Security, Target, full,
    handler_fn,
};

use crate::world::{CONSUMER, Outcome, PROVIDER, World, port, provider_at};

async fn plain(limits: ListenerLimits) -> Result<verbond_transport::Serving, Box<dyn std::error::Error>> {
    let listener = Listener::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let handler = handler_fn(|request: Request<hyper::body::Incoming>, _| async move {
        if request.uri().path() == "/long" {
            return Response::new(full(vec![b'x'; 64 * 1024 * 1024]));
        }
        if request.uri().path() == "/slow" {
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
        Response::new(full("done"))
    });
    Ok(listener.serve(Security::None, Routes::all(handler), limits))
}

async fn converse(port: u16, text: &str) -> Result<String, Box<dyn std::error::Error>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(text.as_bytes()).await?;
    let mut answer = Vec::new();
    timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_long_is_refused() -> Outcome {
    let serving = plain(ListenerLimits { maximum_header_bytes: 8192, ..ListenerLimits::default() }).await?;
    let long = "x".repeat(9000);
    let answer = converse(port(&serving), &format!("GET / HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n")).await?;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("HEAD_TOO_LARGE"), "{answer}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_or_half_a_head_is_let_go() -> Outcome {
    let limits = ListenerLimits { header_timeout: Duration::from_millis(300), ..ListenerLimits::default() };
    let serving = plain(limits).await?;
    for text in ["", "P", "PRI * HT", "GET / HTTP/1.1\r\nhost:"] {
        let begun = Instant::now();
        // An error is as good an end as a closed connection.
        let _ = converse(port(&serving), text).await;
        assert!(begun.elapsed() < Duration::from_secs(4), "{text:?} held its connection");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_never_ends_is_let_go() -> Outcome {
    let world = World::new()?;
    let provider = world.party(PROVIDER, "provider.test")?;
    let limits =
        ListenerLimits { handshake_timeout: Duration::from_millis(300), ..ListenerLimits::default() };
    let handler = handler_fn(|_, _| async { Response::new(full("")) });
    let serving = provider.serve_within(Routes::all(handler), limits).await?;
    let begun = Instant::now();
    let _ = converse(port(&serving), "\u{16}\u{3}\u{1}").await;
    assert!(begun.elapsed() < Duration::from_secs(3));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_and_does_not_read_is_let_go_and_who_reads_slowly_is_not() -> Outcome {
    let limits = ListenerLimits { stall_timeout: Duration::from_millis(300), ..ListenerLimits::default() };
    let serving = plain(limits).await?;
    let mut stream = TcpStream::connect(("127.0.0.1", port(&serving))).await?;
    stream.write_all(b"GET /long HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    let mut buffer = vec![0; 1024 * 1024];
    let mut read = 0;
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        read += stream.read_exact(&mut buffer).await?;
    }
    tokio::time::sleep(Duration::from_millis(1200)).await;
    while let Ok(length @ 1..) =
        timeout(Duration::from_secs(2), stream.read(&mut buffer)).await?.or(Ok::<_, ()>(0))
    {
        read += length;
    }
    assert!(read > 12 * 1024 * 1024, "let go while it read: {read}");
    assert!(read < 48 * 1024 * 1024, "never let go: {read}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_connections_than_the_limit_are_served_at_once() -> Outcome {
    let serving = plain(ListenerLimits { connections: 1, ..ListenerLimits::default() }).await?;
    let first = TcpStream::connect(("127.0.0.1", port(&serving))).await?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let asked = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let waiting = tokio::spawn({
        let port = port(&serving);
        async move { converse(port, asked).await.map_err(|error| error.to_string()) }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    drop(first);
    assert!(waiting.await??.contains("done"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_answers_pings_after_a_request_is_let_go_and_who_waits_for_an_answer_is_not() -> Outcome {
    let limits = ListenerLimits { header_timeout: Duration::from_millis(300), ..ListenerLimits::default() };
    let serving = plain(limits).await?;
    let stream = TcpStream::connect(("127.0.0.1", port(&serving))).await?;
    let (mut sender, connection) = h2::client::handshake(stream).await?;
    let ended = tokio::spawn(connection);
    let begun = Instant::now();
    let (answer, _) = sender.send_request(Request::get("http://a/slow").body(())?, true)?;
    assert_eq!(answer.await?.status(), StatusCode::OK);
    assert!(begun.elapsed() >= Duration::from_millis(700));
    // The handle is kept, so that nothing on this side ends the connection.
    let _ = timeout(Duration::from_secs(6), ended).await?;
    drop(sender);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_holds_its_share_of_the_connections_and_no_more() -> Outcome {
    let world = World::new()?;
    let (provider, consumer) =
        (world.party(PROVIDER, "provider.test")?, world.party(CONSUMER, "consumer.test")?);
    let handler = handler_fn(|_, _| async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        Response::new(full("done"))
    });
    let limits = ListenerLimits { connections: 8, ..ListenerLimits::default() };
    let serving = provider.serve_within(Routes::all(handler), limits).await?;
    let target = provider_at(port(&serving), Protocol::Http1)?;
    let (greedy, other) = (consumer.client()?, provider.client()?);
    let ask = |client: Client| {
        let target = target.clone();
        async move {
            let request = Request::get("/").body(Bytes::new())?;
            let answer = client.call(&target, request, 100, Duration::from_secs(5)).await;
            Ok::<_, http::Error>(answer.is_ok())
        }
    };
    let three = futures_util::future::join_all((0..3).map(|_| ask(greedy.clone())));
    let later = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        ask(other).await
    };
    let (three, later) = futures_util::future::join(three, later).await;
    let answered = three.into_iter().filter(|answer| matches!(answer, Ok(true))).count();
    assert_eq!(answered, 2);
    assert!(later?, "another participant is not kept out");
    assert!(ask(greedy).await?, "the share is given back");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_can_be_read_by_who_still_sends_its_body() -> Outcome {
    let serving = plain(ListenerLimits::default()).await?;
    for _ in 0..20 {
        let mut stream = TcpStream::connect(("127.0.0.1", port(&serving))).await?;
        stream.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2097152\r\n\r\n").await?;
        for _ in 0..32 {
            stream.write_all(&[b'x'; 32 * 1024]).await?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut answer = Vec::new();
        timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await??;
        assert!(answer.ends_with(b"done"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_another_has_taken_over_is_left_alone() -> Outcome {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.sock");
    let open = async || -> Result<_, Box<dyn std::error::Error>> {
        let handler = handler_fn(|_, _| async { Response::new(full("")) });
        let listener = Listener::unix(&path, 0o600).await?;
        Ok(listener.serve(Security::None, Routes::all(handler), ListenerLimits::default()))
    };
    let serving = open().await?;
    std::fs::remove_file(&path)?;
    let _other = std::os::unix::net::UnixListener::bind(&path)?;
    drop(serving);
    assert!(path.exists());
    std::fs::remove_file(&path)?;

    // A successor comes while the one before still finishes.
    let serving = open().await?;
    let busy = tokio::net::UnixStream::connect(&path).await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let leaving = tokio::spawn(serving.drain(Duration::from_secs(1)));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let _successor = open().await?;
    leaving.await?;
    drop(busy);
    assert!(path.exists());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_finishes_what_is_in_flight_and_takes_nothing_new() -> Outcome {
    let serving = plain(ListenerLimits::default()).await?;
    let port = port(&serving);
    let in_flight = tokio::spawn(async move {
        converse(port, "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await.map_err(|error| error.to_string())
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    serving.drain(Duration::from_secs(5)).await;
    assert!(in_flight.await??.contains("done"));
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_ends_at_its_deadline() -> Outcome {
    let serving = plain(ListenerLimits::default()).await?;
    let port = port(&serving);
    tokio::spawn(async move {
        let _ = converse(port, "POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n").await;
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    serving.drain(Duration::from_millis(200)).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_one_after_another_share_a_connection() -> Outcome {
    let world = World::new()?;
    let provider = world.party(PROVIDER, "provider.test")?;
    let connections = Arc::new(std::sync::Mutex::new(std::collections::HashSet::new()));
    let seen = Arc::clone(&connections);
    let handler = handler_fn(move |_, connection: Arc<verbond_transport::Connection>| {
        seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(connection.remote);
        async { Response::new(full("ok")) }
    });
    let serving = provider.serve(handler).await?;
    let client = world.party(CONSUMER, "consumer.test")?.client()?;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let target = provider_at(port(&serving), protocol)?;
        for _ in 0..20 {
            let request = Request::get("/").body(Bytes::new())?;
            let answer = client.call(&target, request, 100, Duration::from_secs(5)).await?;
            assert_eq!(answer.status(), StatusCode::OK);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let connections = connections.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len();
    assert!(connections <= 4, "{connections} connections for two pools");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_given_up_ends_a_request_that_nobody_takes() -> Outcome {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = format!("http://{}", listener.local_addr()?);
    let (given_up, mut told) = tokio::sync::watch::channel(false);
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        stream.read_exact(&mut [0; 64]).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nx").await?;
        let _ = told.wait_for(|given_up| *given_up).await;
        // With its window full it does not hear of the end: only what it sends then tells.
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok::<_, std::io::Error>(())
    });
    let client = Client::servers(&[], Hosts::default(), ClientLimits::servers())?;
    let target = Target::server(&address, Protocol::Http1)?;
    let parts = futures_util::stream::repeat_with(|| {
        Ok::<_, verbond_transport::BoxError>(http_body::Frame::data(Bytes::from_static(&[b'y'; 65536])))
    });
    let body = http_body_util::BodyExt::boxed_unsync(http_body_util::StreamBody::new(parts));
    let answer = client.send(&target, Request::post("/").body(body)?).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(answer);
    given_up.send_replace(true);
    timeout(Duration::from_secs(3), server).await???;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_to_a_call_is_not_read_to_its_end() -> Outcome {
    let serving = plain(ListenerLimits::default()).await?;
    let client = Client::servers(&[], Hosts::default(), ClientLimits::servers())?;
    let target = Target::server(&format!("http://127.0.0.1:{}", port(&serving)), Protocol::Http1)?;
    let failed = client.call(&target, Request::get("/").body(Bytes::new())?, 3, Duration::from_secs(5)).await;
    assert!(matches!(failed, Err(verbond_transport::ClientError::TooLong { .. })));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_has_its_permissions_and_replaces_a_dead_one() -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.sock");
    drop(std::os::unix::net::UnixListener::bind(&path)?);
    let listener = Listener::unix(&path, 0o600).await?;
    assert_eq!(std::fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
    let handler = handler_fn(|_, _| async { Response::new(full("here")) });
    let serving = listener.serve(Security::None, Routes::all(handler), ListenerLimits::default());
    assert!(Listener::unix(&path, 0o600).await.is_err(), "one that is alive is left alone");
    let mut stream = tokio::net::UnixStream::connect(&path).await?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert!(answer.ends_with("here"));
    drop(serving);
    assert!(!path.exists());
    Ok(())
}

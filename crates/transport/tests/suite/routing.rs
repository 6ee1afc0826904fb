//! Two services on one port.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use verbond_transport::{ListenerLimits, Protocol, Routes, Target, full, handler_fn};

use crate::world::{CONSUMER, Outcome, PROVIDER, World, participant, port};

#[tokio::test(flavor = "multi_thread")]
async fn two_services_share_a_port_by_host_name() -> Outcome {
    let world = World::new()?;
    let provider = world.party(PROVIDER, "provider.test")?;
    let answering = |text: &'static str| handler_fn(move |_, _| async move { Response::new(full(text)) });
    let routes = Routes::default()
        .name("provider.test", answering("manager"))
        .name("inway.provider.test", answering("inway"));
    let serving = provider.serve_within(routes, ListenerLimits::default()).await?;
    let client = world.party(CONSUMER, "consumer.test")?.client()?;
    let time = std::time::Duration::from_secs(5);
    for (host, expected) in [("provider.test", "manager"), ("inway.provider.test", "inway")] {
        let address = format!("https://{host}:{}", port(&serving));
        let target = Target::peer(participant(PROVIDER)?, &address, Protocol::Http2)?;
        let answer = client.call(&target, Request::get("/").body(Bytes::new())?, 1024, time).await?;
        assert_eq!((answer.status(), &answer.body()[..]), (StatusCode::OK, expected.as_bytes()));
    }
    Ok(())
}

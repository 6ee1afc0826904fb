//! Application, outway, inway and source, each on a socket of its own.

use std::{
    collections::HashMap,
    error::Error,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use verbond_application::{
    checkpoints::Checkpoints,
    completions::Completions,
    exchange::Exchanges,
    handed_in::{OwedRules, OwedStore},
    limits::{Limits, Volumes},
    open_traffic::OpenTraffic,
    snapshot::{Snapshot, SnapshotKeeper},
    witnesses::Witnesses,
};
use verbond_domain::{
    Actor, ClassDeclaration, RecordsBy, ServiceClass, ServiceReference, Timestamp, TransactionId,
};
use verbond_gateway::{Credentials, Gateway, GatewayLimits, Inway, Metrics, Outway};
use verbond_journal::{EntryId, OwedPermit, Permit, Place};
use verbond_store::{
    StoreError,
    applications::{ApplicationRow, BindingRow, Credential},
    services::ServiceRow,
};
use verbond_supervision::Supervisor;
use verbond_transport::{
    Body, BoxError, Client, ClientLimits, Handler, Hosts, Listener, ListenerLimits, Protocol, Routes,
    Security, Serving, Target, full, handler_fn,
};

use crate::{
    face::{Inbound, Outbound},
    journal::Memory,
    world::{CONSUMER, PROVIDER, Party, World, participant, port, provider_at},
};

pub const CHUNK: usize = 64 * 1024;

/// What the source has seen and done.
#[derive(Default)]
pub struct Source {
    pub requests: AtomicUsize,
    pub sent: AtomicU64,
    pub heads: Mutex<Vec<http::request::Parts>>,
    /// Ends of request bodies: whole or not.
    pub uploads: Mutex<Vec<(u64, bool)>>,
}

pub struct Scene {
    pub world: World,
    pub consumer: Party,
    pub provider: Party,
    pub source: Arc<Source>,
    pub inway: Serving,
    pub outway: Serving,
    pub outway_gateway: Arc<Outway>,
    pub outbound: Arc<Outbound>,
    pub provider_journal: Arc<Memory>,
    pub consumer_journal: Arc<Memory>,
    pub provider_state: Arc<SnapshotKeeper>,
    pub consumer_state: Arc<SnapshotKeeper>,
    _source: Serving,
}

fn declaration(class: ServiceClass) -> ClassDeclaration {
    ClassDeclaration {
        class,
        steward: "A. Steward".to_owned(),
        reason: "synthetic".to_owned(),
        declared_at: Timestamp::from_millis(0),
        declared_by: Actor::Operator,
    }
}

fn snapshot(upstream: &str) -> Result<Snapshot, Box<dyn Error>> {
    let mut services = HashMap::new();
    for (name, class, path) in [
        ("open", ServiceClass::Open, ""),
        ("below", ServiceClass::Open, "/base/"),
        ("governed", ServiceClass::Governed, ""),
    ] {
        let row = ServiceRow {
            name: name.parse()?,
            upstream: format!("{upstream}{path}"),
            protocol: "http1".to_owned(),
            declaration: declaration(class),
        };
        services.insert(row.name.clone(), Arc::new(row));
    }
    let binding = |alias: &str, service: &str, class| -> Result<BindingRow, Box<dyn Error>> {
        let service = ServiceReference { provider: participant(PROVIDER)?, name: service.parse()? };
        Ok(BindingRow { alias: alias.parse()?, service, declaration: class, records: RecordsBy::Outway })
    };
    let bindings = vec![
        binding("open", "open", Some(declaration(ServiceClass::Open)))?,
        binding("below", "below", Some(declaration(ServiceClass::Open)))?,
        binding("theirs", "governed", Some(declaration(ServiceClass::Open)))?,
        binding("undeclared", "open", None)?,
    ];
    let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"secret");
    let sha256 = sha256.as_ref().try_into()?;
    let mut applications = HashMap::new();
    for (name, credential) in
        [("desk", Credential::Token { sha256 }), ("batch", Credential::Socket), ("idle", Credential::Socket)]
    {
        let bindings = if name == "idle" { Vec::new() } else { bindings.clone() };
        let row = ApplicationRow { name: name.parse()?, credential, bindings };
        applications.insert(row.name.clone(), Arc::new(row));
    }
    Ok(Snapshot { services, applications, ..Snapshot::empty(1) })
}

/// No volume: nothing here is under an agreement.
struct Nothing;

#[async_trait::async_trait]
impl Volumes for Nothing {
    async fn lease(&self, _: &str, _: Timestamp, _: u32, _: u32) -> Result<u32, StoreError> {
        Ok(0)
    }

    async fn give_back(&self, _: EntryId, _: &[Place]) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait::async_trait]
impl OwedStore for Nothing {
    async fn outgoing_permit(&self, _: TransactionId) -> Result<Option<(EntryId, Permit)>, StoreError> {
        Ok(None)
    }

    async fn owe(&self, _: EntryId, _: &OwedPermit, _: &[String], _: &[Place]) -> Result<bool, StoreError> {
        Ok(true)
    }
}

/// Of a journal without a key: nothing is shown.
fn checkpoints(party: &Party) -> Result<Arc<Checkpoints>, Box<dyn Error>> {
    let own = party.identity.current().certificate.participant.clone();
    Ok(Arc::new(Checkpoints::new(own, Arc::clone(&party.identity), Arc::clone(&party.trust), None)))
}

fn gateway(
    state: &Arc<SnapshotKeeper>,
    journal: verbond_journal::Journal,
    checkpoints: &Arc<Checkpoints>,
) -> Gateway {
    Gateway {
        absences: Arc::default(),
        completions: Completions::start(journal.clone()),
        checkpoints: Arc::clone(checkpoints),
        witnesses: Witnesses::new().0,
        exchanges: Arc::new(Exchanges::new(
            journal,
            Limits::new(Arc::new(Nothing)),
            (Arc::new(Nothing), OwedRules { within_seconds: 60, most: 1 }),
            crate::world::ambient(),
        )),
        snapshots: Arc::clone(state),
        ambient: crate::world::ambient(),
        metrics: Metrics::new(&mut prometheus_client::registry::Registry::default()),
        limits: GatewayLimits::default(),
        decision_point: None,
        supervisor: Supervisor::default(),
    }
}

impl Scene {
    pub async fn new(protocol: Protocol) -> Result<Self, Box<dyn Error>> {
        let world = World::new()?;
        let (consumer, provider) =
            (world.party(CONSUMER, "consumer.test")?, world.party(PROVIDER, "provider.test")?);
        let source = Arc::new(Source::default());
        let listener = Listener::tcp(loopback()).await?;
        let upstream = format!("http://{}", listener.local_address().ok_or("no port")?);
        let serving = listener.serve(Security::None, Routes::all(behave(&source)), ListenerLimits::default());

        let provider_state = SnapshotKeeper::fixed(snapshot(&upstream)?);
        let consumer_state = SnapshotKeeper::fixed(snapshot(&upstream)?);
        let (provider_journal, journal) = Memory::start();
        let sources = Client::servers(&[], Hosts::default(), ClientLimits::servers())?;
        let face = Arc::new(Inbound { provider: participant(PROVIDER)? });
        // Nobody looks at what is handed over.
        let (open_traffic, _) = OpenTraffic::new(crate::world::ambient());
        let inway = Inway::new(
            gateway(&provider_state, journal, &checkpoints(&provider)?),
            face,
            sources,
            open_traffic,
        );
        let inway = provider.serve(inway).await?;

        let (consumer_journal, journal) = Memory::start();
        let outbound = Arc::new(Outbound {
            consumer: participant(CONSUMER)?,
            identity: Arc::clone(&consumer.identity),
            target: Arc::new(provider_at(port(&inway), protocol)?),
            target_certificate: provider.identity.current().certificate.thumbprint,
            prepared: AtomicUsize::new(0),
            replaced: AtomicBool::new(false),
            regrants: AtomicBool::new(false),
        });
        let face: Arc<dyn verbond_gateway::OutboundFace> = Arc::<Outbound>::clone(&outbound);
        let outway_gateway = Outway::new(
            gateway(&consumer_state, journal, &checkpoints(&consumer)?),
            face,
            consumer.client()?,
        );
        let listener = Listener::tcp(loopback()).await?;
        let routes = Routes::all(outway_gateway.for_applications(Credentials::Token));
        let outway = listener.serve(Security::None, routes, ListenerLimits::default());
        Ok(Self {
            world,
            consumer,
            provider,
            source,
            inway,
            outway,
            outway_gateway,
            outbound,
            provider_journal,
            consumer_journal,
            provider_state,
            consumer_state,
            _source: serving,
        })
    }

    /// Sends a request to the outway, as the application with the token.
    pub async fn ask(&self, mut request: Request<Body>) -> Result<Response<Body>, Box<dyn Error>> {
        if !request.headers().contains_key("authorization") {
            request.headers_mut().insert("authorization", "Bearer secret".parse()?);
        }
        let target = Target::server(&format!("http://127.0.0.1:{}", port(&self.outway)), Protocol::Http1)?;
        let client = Client::servers(&[], Hosts::default(), ClientLimits::servers())?;
        Ok(client.send(&target, request).await?)
    }

    pub async fn get(&self, path: &str) -> Result<(http::response::Parts, Bytes), Box<dyn Error>> {
        let response = self.ask(Request::get(path).body(verbond_transport::empty())?).await?;
        whole(response).await
    }

    /// Takes the service out of a picture: to the face's standing that is a revocation.
    pub fn revoke(state: &SnapshotKeeper, service: &str) -> Result<(), Box<dyn Error>> {
        let mut snapshot = (*state.current()?).clone();
        snapshot.services.remove(&service.parse()?);
        snapshot.generation += 1;
        state.publish(snapshot);
        Ok(())
    }

    /// Puts the service in front of another source.
    pub fn move_source(state: &SnapshotKeeper, service: &str, upstream: &str) -> Result<(), Box<dyn Error>> {
        let mut snapshot = (*state.current()?).clone();
        let row = snapshot.services.get_mut(&service.parse()?).ok_or("no such service")?;
        *row = Arc::new(ServiceRow { upstream: upstream.to_owned(), ..(**row).clone() });
        snapshot.generation += 1;
        state.publish(snapshot);
        Ok(())
    }
}

pub async fn whole(response: Response<Body>) -> Result<(http::response::Parts, Bytes), Box<dyn Error>> {
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    Ok((head, bytes))
}

pub fn code(body: &Bytes) -> Result<String, Box<dyn Error>> {
    let problem: serde_json::Value = serde_json::from_slice(body)?;
    Ok(problem["code"].as_str().unwrap_or_default().to_owned())
}

pub fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

pub async fn over_socket(path: &Path, request: &str) -> Result<String, Box<dyn Error>> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::UnixStream::connect(path).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_string(&mut answer)).await??;
    Ok(answer)
}

/// The source: `/download/<bytes>`, `/endless`, `/upload`, `/early` (answers at once and goes on reading), `/never`,
/// `/trailers`; anything else says what it was asked.
fn behave(source: &Arc<Source>) -> Arc<dyn Handler> {
    let source = Arc::clone(source);
    handler_fn(move |request: Request<Incoming>, _| {
        let source = Arc::clone(&source);
        async move {
            source.requests.fetch_add(1, Ordering::SeqCst);
            let (head, body) = request.into_parts();
            let path = head.uri.path().to_owned();
            let asked = head.uri.to_string();
            source.heads.lock().unwrap_or_else(PoisonError::into_inner).push(head);
            if let Some(length) = path.strip_prefix("/download/").and_then(|length| length.parse().ok()) {
                return Response::new(download(source, length));
            }
            match path.as_str() {
                "/endless" => Response::new(download(source, u64::MAX)),
                "/upload" => {
                    let (length, complete) = read(body).await;
                    source.uploads.lock().unwrap_or_else(PoisonError::into_inner).push((length, complete));
                    Response::new(full(length.to_string()))
                }
                "/early" => {
                    tokio::spawn(async move {
                        let end = read(body).await;
                        source.uploads.lock().unwrap_or_else(PoisonError::into_inner).push(end);
                    });
                    Response::new(full("early"))
                }
                "/never" => std::future::pending().await,
                "/trailers" => {
                    let mut trailers = http::HeaderMap::new();
                    trailers.insert("x-sum", http::HeaderValue::from_static("42"));
                    let frames: [Result<_, BoxError>; 2] =
                        [Ok(Frame::data(Bytes::from_static(b"data"))), Ok(Frame::trailers(trailers))];
                    let body = StreamBody::new(futures_util::stream::iter(frames));
                    let mut response = Response::new(BodyExt::boxed_unsync(body));
                    response.headers_mut().insert("trailer", http::HeaderValue::from_static("x-sum"));
                    response
                }
                _ => Response::new(full(asked)),
            }
        }
    })
}

async fn read(mut body: Incoming) -> (u64, bool) {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => length += frame.data_ref().map_or(0, Bytes::len) as u64,
            Err(_) => return (length, false),
        }
    }
    (length, true)
}

fn download(source: Arc<Source>, length: u64) -> Body {
    let chunk = Bytes::from(vec![b'x'; CHUNK]);
    let chunks = futures_util::stream::unfold(length, move |left| {
        let (source, chunk) = (Arc::clone(&source), chunk.clone());
        async move {
            if left == 0 {
                return None;
            }
            // Lets other tasks in, as a real source would.
            tokio::task::yield_now().await;
            let size = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK);
            source.sent.fetch_add(size as u64, Ordering::SeqCst);
            Some((Ok::<_, BoxError>(Frame::data(chunk.slice(..size))), left - size as u64))
        }
    });
    BodyExt::boxed_unsync(StreamBody::new(chunks))
}

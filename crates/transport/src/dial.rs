//! Dialling: name, TCP, TLS, who is there, HTTP.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use verbond_trust::{CertificateThumbprint, Usage};

use crate::{
    ClientError, ClientLimits, Hosts, PeerConnection, PeerTls, Protocol, Target,
    alerted::{Alert, Alerted},
    breakable::{Breakable, Breaker},
    client_error,
    retry::Outgoing,
    target::Proof,
};

/// What is needed to dial.
pub(crate) struct Dialler {
    pub(crate) hosts: Hosts,
    pub(crate) limits: ClientLimits,
    pub(crate) tls: DiallerTls,
}

pub(crate) enum DiallerTls {
    Peers(PeerTls),
    Servers { http1: Arc<rustls::ClientConfig>, http2: Arc<rustls::ClientConfig> },
}

/// What is known of an open connection.
pub(crate) struct About {
    /// The participant at the other end, judged as long as the connection stands.
    pub(crate) peer: Option<PeerConnection>,
    /// The certificate that we have shown.
    pub(crate) shown: Option<CertificateThumbprint>,
    alert: Alert,
    /// Whether anything has been answered on it: then an alert is no refusal of the handshake.
    answered: AtomicBool,
    /// Whether the connection has ended.
    ended: watch::Sender<bool>,
    breaker: Breaker,
}

impl About {
    fn new(
        peer: Option<PeerConnection>,
        shown: Option<CertificateThumbprint>,
        alert: Alert,
        breaker: Breaker,
    ) -> Arc<Self> {
        Arc::new(Self {
            peer,
            shown,
            alert,
            answered: AtomicBool::new(false),
            ended: watch::Sender::new(false),
            breaker,
        })
    }

    /// What breaks the connection off.
    pub(crate) fn breaker(&self) -> Breaker {
        self.breaker.clone()
    }

    /// A request on the connection has been answered.
    pub(crate) fn answered(&self) {
        if !self.answered.load(Ordering::Relaxed) {
            self.answered.store(true, Ordering::Relaxed);
        }
    }

    /// Returns when the connection has ended.
    pub(crate) async fn ended(&self) {
        // The sender is part of this.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// The alert with which the other end refused a connection on which a request has failed.
    pub(crate) async fn alert(&self, target: &Target) -> Option<ClientError> {
        if self.answered.load(Ordering::Relaxed) {
            return None;
        }
        if self.alert.get().is_none() {
            let _ = timeout(END_KNOWN_WITHIN, self.ended()).await;
        }
        self.alert.get().map(|alert| client_error::of_alert(target, *alert))
    }
}

/// The task of a connection that can no longer be sent on ends in the same moment; this is only a bound, and gives a busy
/// machine the time to run that task.
const END_KNOWN_WITHIN: Duration = Duration::from_secs(1);

/// An open connection, at the speed of its HTTP version.
pub(crate) enum Sender {
    Http1(hyper::client::conn::http1::SendRequest<Outgoing>),
    Http2(hyper::client::conn::http2::SendRequest<Outgoing>),
}

impl Dialler {
    /// The certificate that we would show now.
    pub(crate) fn shows(&self) -> Option<CertificateThumbprint> {
        match &self.tls {
            DiallerTls::Peers(tls) => Some(tls.identity.current().certificate.thumbprint),
            DiallerTls::Servers { .. } => None,
        }
    }

    /// Opens a connection within the connect timeout.
    pub(crate) async fn dial(&self, target: &Target) -> Result<(Sender, Arc<About>), ClientError> {
        match timeout(self.limits.connect_timeout, self.connect(target)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ClientError::ConnectTimeout { authority: target.authority() }),
        }
    }

    async fn connect(&self, target: &Target) -> Result<(Sender, Arc<About>), ClientError> {
        let stream = self.tcp(target).await?;
        let breaker = Breaker::default();
        let stream = Breakable::new(stream, breaker.clone());
        let config = match (&self.tls, &target.proof, target.protocol) {
            (DiallerTls::Servers { .. }, Proof::None, protocol) => {
                let about = About::new(None, None, Alert::default(), breaker);
                return self.http(target, stream, protocol, about).await;
            }
            (DiallerTls::Peers(tls), Proof::Participant(_), Protocol::Http1) => &tls.http1,
            (DiallerTls::Peers(tls), Proof::Participant(_), Protocol::Http2) => &tls.http2,
            (DiallerTls::Servers { http1, .. }, Proof::Tls, Protocol::Http1) => http1,
            (DiallerTls::Servers { http2, .. }, Proof::Tls, Protocol::Http2) => http2,
            (DiallerTls::Peers(_), _, _) | (DiallerTls::Servers { .. }, Proof::Participant(_), _) => {
                return Err(ClientError::Setup(format!(
                    "{} is of another kind than this client",
                    target.authority()
                )));
            }
        };
        let shown = self.shows();
        let name = ServerName::try_from(bare(&target.host).to_owned()).map_err(|_| ClientError::Tls {
            authority: target.authority(),
            reason: "the host is neither a DNS name nor an address".to_owned(),
        })?;
        let stream = tokio_rustls::TlsConnector::from(Arc::clone(config))
            .connect(name, stream)
            .await
            .map_err(|error| client_error::of_handshake(target, &error))?;
        if shown != self.shows() {
            return Err(ClientError::CertificateReplaced);
        }
        let alert = Alert::default();
        let (_, tls) = stream.get_ref();
        let protocol = if tls.alpn_protocol() == Some(b"h2") { Protocol::Http2 } else { Protocol::Http1 };
        let peer = match (&self.tls, &target.proof) {
            (DiallerTls::Peers(peers), Proof::Participant(expected)) => {
                let chain =
                    tls.peer_certificates().unwrap_or_default().iter().map(|der| der.clone().into_owned());
                let trust = Arc::clone(&peers.trust);
                let peer = PeerConnection::new(chain.collect(), Usage::Server, trust, peers.ambient.clone());
                let certificate = peer
                    .judge()
                    .map_err(|refusal| ClientError::Refused { authority: target.authority(), refusal })?;
                if certificate.participant != *expected {
                    return Err(ClientError::WrongParticipant {
                        authority: target.authority(),
                        expected: expected.clone(),
                        found: certificate.participant.clone(),
                    });
                }
                Some(peer)
            }
            _ => None,
        };
        self.http(
            target,
            Alerted::new(stream, Arc::clone(&alert)),
            protocol,
            About::new(peer, shown, alert, breaker),
        )
        .await
    }

    async fn tcp(&self, target: &Target) -> Result<TcpStream, ClientError> {
        let addresses = self.hosts.resolve(&target.host, target.port).await.map_err(|error| {
            ClientError::Resolve { host: target.host.to_string(), reason: error.to_string() }
        })?;
        let mut reason = "the name has no address".to_owned();
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => reason = error.to_string(),
            }
        }
        Err(ClientError::Connect { authority: target.authority(), reason })
    }

    async fn http<T>(
        &self,
        target: &Target,
        stream: T,
        protocol: Protocol,
        about: Arc<About>,
    ) -> Result<(Sender, Arc<About>), ClientError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let failed = |error: hyper::Error| client_error::of_exchange(target, &error);
        let io = TokioIo::new(stream);
        let sender = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = hyper::client::conn::http1::Builder::new()
                    .max_buf_size(128 * 1024)
                    .max_header_size(self.limits.maximum_header_bytes)
                    .handshake(io)
                    .await
                    .map_err(failed)?;
                drive(connection, &about);
                Sender::Http1(sender)
            }
            Protocol::Http2 => {
                let header_bytes = u32::try_from(self.limits.maximum_header_bytes).unwrap_or(u32::MAX);
                let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .keep_alive_interval(self.limits.idle_timeout)
                    .keep_alive_timeout(self.limits.idle_timeout)
                    .max_header_list_size(header_bytes)
                    .initial_stream_window_size(512 * 1024)
                    .initial_connection_window_size(4 * 1024 * 1024)
                    .max_frame_size(64 * 1024)
                    .max_send_buf_size(256 * 1024)
                    .handshake(io)
                    .await
                    .map_err(failed)?;
                drive(connection, &about);
                Sender::Http2(sender)
            }
        };
        Ok((sender, about))
    }
}

/// Drives the connection until it ends, and breaks it off when the certificate at its other end is no longer good.
fn drive<C>(connection: C, about: &Arc<About>)
where
    C: Future<Output = hyper::Result<()>> + Send + 'static,
{
    let breaker = about.breaker();
    let supervision = about.peer.clone().map(|peer| {
        let breaker = about.breaker();
        tokio::spawn(async move {
            let refusal = peer.refused().await;
            tracing::debug!(%refusal, "a peer's certificate is no longer good: the connection to it is broken off");
            breaker.break_off();
        })
    });
    let about = Arc::clone(about);
    tokio::spawn(async move {
        // Dropped before it is said to have ended: nothing can be handed to it from then on.
        let ended = {
            let mut connection = pin!(connection);
            std::future::poll_fn(|context| {
                breaker.driven_by(context);
                connection.as_mut().poll(context)
            })
            .await
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended with an error");
        }
        about.ended.send_replace(true);
        if let Some(supervision) = supervision {
            supervision.abort();
        }
    });
}

/// An address literal without the brackets that a URL puts round it.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

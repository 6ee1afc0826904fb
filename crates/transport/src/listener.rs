//! Listening: opening a port, accepting within bounds, and draining.

use std::{
    io,
    net::SocketAddr,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpListener, UnixListener},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::{JoinHandle, JoinSet},
};
use verbond_domain::Ambient;
use verbond_trust::{TrustStore, tls::PinnedKeys};

use crate::{
    Connection, Routes,
    serve::{Drain, Server},
};

/// Bounds of a listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerLimits {
    /// Connections at the same time; more wait in the kernel's queue. One participant, certificate or address beyond
    /// the loopback interface holds at most a quarter of them.
    pub connections: usize,
    /// Time for the TLS handshake.
    pub handshake_timeout: Duration,
    /// Time for the head of a request; also the time that a connection may lie without an open request.
    pub header_timeout: Duration,
    /// How long the other end may take nothing of an answer that waits for it, before the connection is broken off.
    pub stall_timeout: Duration,
    /// Bytes in the head of a request; at least 8192.
    pub maximum_header_bytes: usize,
    /// HTTP/2 requests in flight on one connection.
    pub streams: u32,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(120),
            maximum_header_bytes: 32 * 1024,
            streams: 256,
        }
    }
}

impl ListenerLimits {
    pub(crate) fn head_bytes(&self) -> usize {
        self.maximum_header_bytes.max(8192)
    }
}

/// How connections are secured.
#[derive(Clone)]
pub enum Security {
    /// Not at all: plain HTTP, for the loopback interface and Unix sockets.
    None,
    /// TLS without client certificates.
    Tls(Arc<rustls::ServerConfig>),
    /// Mutual TLS with clients of the organisation's own; requests carry the certificate in
    /// [`Connection::client_certificate`]. A connection ends when the client's chain does, and after ten minutes at the
    /// latest, so that chains are judged again.
    Private {
        /// From `verbond_trust::tls::private_server_config` or `personal_server_config`.
        config: Arc<rustls::ServerConfig>,
        /// The clock to judge by.
        ambient: Ambient,
        /// The pins of that configuration, if it has any: a connection also ends when its key is taken from them.
        pinned: Option<Arc<PinnedKeys>>,
    },
    /// Mutual TLS among participants; the client's certificate is judged per request, and as long as the connection
    /// stands.
    Mutual {
        /// From `verbond_trust::tls::server_config`.
        config: Arc<rustls::ServerConfig>,
        /// Who judges.
        trust: Arc<TrustStore>,
        /// The clock to judge by.
        ambient: Ambient,
    },
}

/// Why a port cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct ListenerError {
    /// Where.
    pub address: String,
    /// Why.
    #[source]
    pub source: io::Error,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket, and which one it is: another may stand in its place by now.
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn read(path: &Path) -> io::Result<Self> {
        let about = std::fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), device: about.dev(), inode: about.ino() })
    }

    /// Takes the file away, if it is still this one.
    fn remove(self) {
        let now = Self::read(&self.path);
        if now.is_ok_and(|now| (now.device, now.inode) == (self.device, self.inode)) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// An open port that does not accept yet.
pub struct Listener {
    socket: Socket,
    address: Option<SocketAddr>,
}

impl Listener {
    /// Opens a TCP port.
    pub async fn tcp(address: SocketAddr) -> Result<Self, ListenerError> {
        let failed = |source| ListenerError { address: address.to_string(), source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = Some(socket.local_addr().map_err(failed)?);
        Ok(Self { socket: Socket::Tcp(socket), address })
    }

    /// Opens a Unix socket with these permission bits; a socket file that nobody listens on is replaced.
    pub async fn unix(path: &Path, mode: u32) -> Result<Self, ListenerError> {
        let failed = |source| ListenerError { address: path.display().to_string(), source };
        if tokio::net::UnixStream::connect(path).await.is_ok() {
            return Err(failed(io::Error::from(io::ErrorKind::AddrInUse)));
        }
        // Bound under a name that nobody knows and moved when its permissions are right: nobody can connect before.
        let mut hidden = path.as_os_str().to_owned();
        hidden.push(".new");
        let hidden = PathBuf::from(hidden);
        let _ = std::fs::remove_file(&hidden);
        let socket = UnixListener::bind(&hidden).map_err(failed)?;
        std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(mode)).map_err(failed)?;
        let file = SocketFile::read(&hidden).map_err(failed)?;
        std::fs::rename(&hidden, path).map_err(failed)?;
        let file = SocketFile { path: path.to_owned(), ..file };
        Ok(Self { socket: Socket::Unix(socket, file), address: None })
    }

    /// Where it listens (the port, when port 0 was asked); `None` for a Unix socket.
    pub const fn local_address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Starts accepting.
    pub fn serve(self, security: Security, routes: Routes, limits: ListenerLimits) -> Serving {
        let drain = watch::Sender::new(Drain::Serve);
        let server = Arc::new(Server::new(security, routes, limits));
        let (port, socket_file) = match self.socket {
            Socket::Tcp(listener) => (Port::Tcp(listener), None),
            Socket::Unix(listener, file) => (Port::Unix(listener), Some(file)),
        };
        let task = tokio::spawn(accept(port, server, limits.connections, drain.subscribe()));
        Serving { address: self.address, socket_file, drain, task }
    }
}

enum Port {
    Tcp(TcpListener),
    Unix(UnixListener),
}

async fn accept(port: Port, server: Arc<Server>, connections: usize, mut drain: watch::Receiver<Drain>) {
    let slots = Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS)));
    let mut running = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = drain.wait_for(|drain| *drain != Drain::Serve) => break,
            Some(_) = running.join_next(), if !running.is_empty() => continue,
            accepted = accept_one(&port, &slots) => accepted,
        };
        match accepted {
            Ok((slot, Accepted::Tcp(stream, remote))) => {
                let connection = Connection { remote: Some(remote), ..Connection::default() };
                let _ = stream.set_nodelay(true);
                let work = Arc::clone(&server).connection(stream, connection, drain.clone());
                running.spawn(async move {
                    work.await;
                    drop(slot);
                });
            }
            Ok((slot, Accepted::Unix(stream))) => {
                let work = Arc::clone(&server).connection(stream, Connection::default(), drain.clone());
                running.spawn(async move {
                    work.await;
                    drop(slot);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: a pause lets connections end.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(port);
    while running.join_next().await.is_some() {}
}

enum Accepted {
    Tcp(tokio::net::TcpStream, SocketAddr),
    Unix(tokio::net::UnixStream),
}

async fn accept_one(port: &Port, slots: &Arc<Semaphore>) -> io::Result<(OwnedSemaphorePermit, Accepted)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    match port {
        Port::Tcp(listener) => {
            listener.accept().await.map(|(stream, remote)| (slot, Accepted::Tcp(stream, remote)))
        }
        Port::Unix(listener) => listener.accept().await.map(|(stream, _)| (slot, Accepted::Unix(stream))),
    }
}

/// A listener at work. Dropping it closes the port and breaks its connections off.
pub struct Serving {
    address: Option<SocketAddr>,
    socket_file: Option<SocketFile>,
    drain: watch::Sender<Drain>,
    task: JoinHandle<()>,
}

impl Serving {
    /// Where it listens; `None` for a Unix socket.
    pub const fn local_address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Stops accepting, asks every connection to finish, and breaks off what is left at the deadline.
    pub async fn drain(mut self, deadline: Duration) {
        // At once, so that the name is free for a successor while this one finishes.
        if let Some(file) = self.socket_file.take() {
            file.remove();
        }
        self.drain.send_replace(Drain::Finish);
        if tokio::time::timeout(deadline, &mut self.task).await.is_err() {
            self.drain.send_replace(Drain::Break);
            let _ = tokio::time::timeout(Duration::from_secs(1), &mut self.task).await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.drain.send_replace(Drain::Break);
        if let Some(file) = self.socket_file.take() {
            file.remove();
        }
    }
}

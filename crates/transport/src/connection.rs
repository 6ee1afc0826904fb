//! What is known of the connection that a request came on.

use std::net::SocketAddr;

use rustls_pki_types::CertificateDer;

use crate::PeerConnection;

/// The connection that a request came on, as a request extension for tower services and an argument for handlers.
#[derive(Clone, Default)]
pub struct Connection {
    /// The participant at the other end, on connections among participants.
    pub peer: Option<PeerConnection>,
    /// The certificate at the other end, on listeners that take certificates of applications or persons: let in at the
    /// handshake by the listener's own anchors or pins.
    pub client_certificate: Option<CertificateDer<'static>>,
    /// Address of the other end; `None` on a Unix socket.
    pub remote: Option<SocketAddr>,
}

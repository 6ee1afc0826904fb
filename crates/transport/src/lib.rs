//! Sockets, TLS connections and HTTP between machines: listening, dialling, pooling, and the standing judgement of
//! the certificate at the other end.
//!
//! Nothing here knows a protocol above HTTP. A connection among participants carries a [`PeerConnection`]: whoever
//! handles a request on it asks [`PeerConnection::judge`], and gets a judgement that is never older than the lists
//! of revoked certificates in use. A connection is never ended by dropping it in mid-body, because HTTP/1.1 bodies would
//! then look complete to whoever reads them: it is broken beneath, so that both ends see an error (`breakable`).
#![forbid(unsafe_code)]

mod activity;
mod alerted;
mod body;
mod breakable;
mod client;
mod client_error;
mod connection;
mod dial;
mod handler;
mod head;
mod hosts;
mod listener;
mod peer;
mod pool;
mod problem;
mod retry;
mod serve;
mod shares;
mod target;

pub use body::{Body, BoxError, empty, full};
pub use client::{Client, ClientLimits, PeerTls};
pub use client_error::ClientError;
pub use connection::Connection;
pub use handler::{Handler, Routes, handler_fn, refusing_large_heads, tower_handler};
pub use head::head_too_large;
pub use hosts::Hosts;
pub use listener::{Listener, ListenerError, ListenerLimits, Security, Serving};
pub use peer::PeerConnection;
pub use problem::problem_details;
pub use retry::Upload;
pub use target::{Protocol, Target, TargetError};

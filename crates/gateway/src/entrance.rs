//! First layer: what can be refused without asking who it is. It comes first because it costs the least.

use http::{Method, header::UPGRADE, request};

use crate::{Failure, headers};

/// Refuses what is no request for a service, and takes off what concerns the caller's connection only. Everything after
/// this layer judges the head that is forwarded, not one from which something is taken later.
pub(crate) fn enter(head: &mut request::Parts) -> Result<(), Failure> {
    if head.method == Method::CONNECT {
        return Err(Failure::ConnectMethod);
    }
    // A client that offers HTTP/2 over plain TCP in passing may be left on HTTP/1.1 (RFC 9110 §7.8).
    if head.headers.get(UPGRADE).is_some_and(|protocol| !protocol.as_bytes().eq_ignore_ascii_case(b"h2c")) {
        return Err(Failure::Upgrade);
    }
    headers::strip_request(&mut head.headers);
    Ok(())
}

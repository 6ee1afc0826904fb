//! Where a service's source is, read once per version of the service.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::{BufMut, BytesMut};
use http::uri::PathAndQuery;
use verbond_domain::ServiceName;
use verbond_store::services::ServiceRow;
use verbond_transport::{Protocol, Target};

use crate::Failure;

/// A source: its server, and the path below which the service lies.
pub(crate) struct Upstream {
    pub(crate) target: Target,
    /// Without a slash at its end; empty if the service is the whole server.
    base: String,
}

impl Upstream {
    pub(crate) fn read(service: &ServiceRow) -> Option<Self> {
        let url = url::Url::parse(&service.upstream).ok()?;
        // Over plain TCP there is no way to agree on HTTP/2, and most servers do not expect it there.
        let protocol = match (service.protocol.as_str(), url.scheme()) {
            ("http2", "https") => Protocol::Http2,
            _ => Protocol::Http1,
        };
        let target = Target::server(&service.upstream, protocol).ok()?;
        Some(Self { target, base: url.path().trim_end_matches('/').to_owned() })
    }

    /// The path at the source: the base, then what was asked, byte for byte.
    pub(crate) fn path(&self, asked: Option<&PathAndQuery>) -> Result<PathAndQuery, Failure> {
        let asked = asked.cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        if self.base.is_empty() {
            return Ok(asked);
        }
        // `OPTIONS *` means the whole server, which a base is not.
        if asked.path() == "*" || leads_upwards(asked.path()) {
            return Err(Failure::Path);
        }
        let mut joined = BytesMut::with_capacity(self.base.len() + asked.as_str().len());
        joined.put(self.base.as_bytes());
        joined.put(asked.as_str().as_bytes());
        PathAndQuery::from_maybe_shared(joined.freeze()).map_err(|_| Failure::Path)
    }
}

/// Whether a path has a `..` segment in any spelling that a source might understand: forwarded as it is, it would lead
/// out of the base.
fn leads_upwards(path: &str) -> bool {
    if !path.contains("..") && !path.contains("%2") {
        return false;
    }
    let plain = path
        .replace("%2e", ".")
        .replace("%2E", ".")
        .replace("%2f", "/")
        .replace("%2F", "/")
        .replace("%5c", "/")
        .replace("%5C", "/")
        .replace('\\', "/");
    plain.split('/').any(|segment| segment == ".." || segment.starts_with("..;"))
}

/// The sources of all services that have been asked for.
#[derive(Default)]
pub(crate) struct Upstreams(RwLock<HashMap<ServiceName, Known>>);

/// The version of the service that the source was read from, and the source.
type Known = (Arc<ServiceRow>, Arc<Upstream>);

impl Upstreams {
    /// The source of this version of the service; `None` if its address cannot be used.
    pub(crate) fn of(&self, service: &Arc<ServiceRow>) -> Option<Arc<Upstream>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((row, upstream)) = known.get(&service.name)
            && (Arc::ptr_eq(row, service) || row == service)
        {
            return Some(Arc::clone(upstream));
        }
        drop(known);
        let upstream = Arc::new(Upstream::read(service)?);
        let entry = (Arc::clone(service), Arc::clone(&upstream));
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(service.name.clone(), entry);
        Some(upstream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(base: &str, asked: &str) -> Result<String, Failure> {
        let target = Target::server("http://localhost", Protocol::Http1).map_err(|_| Failure::Path)?;
        let upstream = Upstream { target, base: base.to_owned() };
        let asked = asked.parse::<PathAndQuery>().map_err(|_| Failure::Path)?;
        upstream.path(Some(&asked)).map(|path| path.as_str().to_owned())
    }

    #[test]
    fn path_and_query_arrive_byte_for_byte() {
        for asked in ["/", "/a%20b/c;d=1?x=%2F..&y=a+b", "/a//b/", "/a/../b?q"] {
            assert_eq!(at("", asked), Ok(asked.to_owned()));
        }
        assert_eq!(at("/v1", "/a%20b?x=.."), Ok("/v1/a%20b?x=..".to_owned()));
        assert_eq!(at("/v1", "/a..b/...?x"), Ok("/v1/a..b/...?x".to_owned()));
    }

    #[test]
    fn a_path_does_not_lead_out_of_the_base() {
        for asked in ["*", "/../x", "/a/..", "/%2e%2E/x", "/a%2f..%2Fx", "/..%5cx", "/..;/x"] {
            assert_eq!(at("/v1", asked), Err(Failure::Path), "{asked}");
        }
    }
}

//! Servers of the organisation itself that the node calls: its decision point, its logbook.

use std::time::Duration;

use http::{HeaderValue, uri::PathAndQuery};
use url::Url;
use verbond_transport::{Client, ClientLimits, Hosts, Protocol, Target};
use verbond_trust::tls::ClientCredential;

use super::sources;
use crate::configuration::{Access, Settings};

/// A server with everything needed to call it. The client dials it, and nothing else.
pub struct OwnServer {
    /// Calls it.
    pub client: Client,
    /// Where it is.
    pub target: Target,
    /// What is asked for there.
    pub path: PathAndQuery,
    /// The value of `Authorization`, if it knows this node by a token.
    pub bearer: Option<HeaderValue>,
}

impl OwnServer {
    /// Reads the files. `default_path` is asked for where the address names none.
    ///
    /// # Errors
    /// Which member of the configuration cannot be used, and why.
    pub fn of(
        settings: &Settings,
        access: Access<'_>,
        default_path: &'static str,
        limits: ClientLimits,
    ) -> Result<Self, (&'static str, String)> {
        let paths = access.anchors.map(|anchors| anchors.iter().map(|path| settings.path(path)).collect());
        let anchors = sources::read(paths).map_err(|reason| ("anchors", reason))?;
        let credential = match access.certificate.zip(access.key) {
            Some((certificate, key)) => {
                let loaded = ClientCredential::load(&settings.path(certificate), &settings.path(key));
                Some(loaded.map_err(|error| ("certificate", error.to_string()))?)
            }
            None => None,
        };
        let bearer = match access.token_file {
            Some(file) => {
                let path = settings.path(file);
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| ("token_file", format!("{}: {error}", path.display())))?;
                Some(bearer(text.trim()).ok_or_else(|| ("token_file", "no token on one line".to_owned()))?)
            }
            None => None,
        };
        let connecting = Duration::from_millis(settings.configuration.limits.connect_timeout_ms.into());
        let limits = ClientLimits { connect_timeout: limits.head_timeout.min(connecting), ..limits };
        let hosts = Hosts::new(settings.configuration.hosts.clone());
        let client = Client::servers_showing(credential.as_ref(), &anchors, hosts, limits)
            .map_err(|error| ("anchors", error.to_string()))?;
        let target = Target::server(access.address, Protocol::Http1)
            .map_err(|error| ("address", error.to_string()))?;
        let path = path(access.address, default_path)
            .ok_or_else(|| ("address", "the path cannot be used".to_owned()))?;
        Ok(Self { client, target, path, bearer })
    }
}

fn path(address: &str, default: &'static str) -> Option<PathAndQuery> {
    let url = Url::parse(address).ok()?;
    match url.path() {
        "" | "/" => Some(PathAndQuery::from_static(default)),
        path => path.parse().ok(),
    }
}

/// The value of `Authorization` (RFC 6750 §2.1), which logs do not show.
fn bearer(token: &str) -> Option<HeaderValue> {
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok().filter(|_| is_token)?;
    value.set_sensitive(true);
    Some(value)
}
